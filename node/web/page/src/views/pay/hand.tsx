// What this person pays themselves: an invoice for a wallet on another machine, or the page of a card. Closing it loses nothing: the
// node asks the seller until it has heard, and the wallet shows it again.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../../node/api";
import type { Pending } from "../../node/types";
import { useNow } from "../../parts/clock";
import { CopyField } from "../../parts/copy";
import { Dialog } from "../../parts/dialog";
import { Icon } from "../../parts/icon";
import { howLong, t } from "../../words";
import { money } from "../../words/money";

const every = 1500; // ms

interface Properties {
  pending: Pending;
  onEnded: () => void; // it came, or it did not: what there is now, the node knows
}

export function Hand({ pending, onEnded }: Properties) {
  const now = useNow(1000);
  useEnd(pending.order, onEnded);
  const card = pending.rail === "stripe";
  const left = pending.expires - now;
  return (
    <div class="stack hand-pay" data-test="hand-pay" data-rail={pending.rail}>
      <p class="hand-sum">{money(pending.sum)}</p>
      {card ? (
        <a class="button primary large" href={pending.request} target="_blank" rel="noopener noreferrer" data-test="pay-page">
          <Icon name="receipt" />
          <span>{t.pay.openPage}</span>
        </a>
      ) : (
        <>
          <Code order={pending.order} />
          <a class="button primary" href={`lightning:${pending.request}`} data-test="pay-open">
            <Icon name="wallet" />
            <span>{t.pay.openWallet}</span>
          </a>
          <CopyField label={t.pay.invoice} text={pending.request} action={t.pay.copy} test="pay-invoice" />
        </>
      )}
      <p class="waiting" aria-busy="true" data-test="pay-waiting">
        {t.pay.waiting(pending.seller.name || t.wallet.theSeller)}
      </p>
      <p class="hint" data-test="pay-expiry">
        {left > 0 ? t.pay.expires(howLong(left)) : t.pay.expired} {card ? t.pay.cardSafe : t.pay.closeSafe}
      </p>
    </div>
  );
}

/** Tells when an order is not open any more. */
function useEnd(order: string, onEnded: () => void): void {
  const ended = useRef(onEnded);
  ended.current = onEnded;
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const ask = async () => {
      // A node that does not answer says nothing of the payment.
      const list = await api.pending().catch(() => null);
      if (gone) return;
      if (list && !list.some((one) => one.order === order)) ended.current();
      else timer = window.setTimeout(() => void ask(), every);
    };
    timer = window.setTimeout(() => void ask(), every);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [order]);
}

/** The code that a wallet on a phone scans. An image cannot carry the key, so it is fetched. */
function Code({ order }: { order: string }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    let made = "";
    let gone = false;
    api.pendingQR(order).then(
      (image) => {
        if (!gone) setAddress((made = URL.createObjectURL(image)));
      },
      () => {}, // the text can be copied
    );
    return () => {
      gone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [order]);
  if (!address) return <span class="hand-code" aria-hidden="true" />;
  return <img class="hand-code" src={address} alt={t.pay.code} width={264} height={264} data-test="pay-code" />;
}

/** Shows again what is still to be paid. */
export function HandAgain({ pending }: { pending: Pending }) {
  const [open, setOpen] = useState(false);
  const title = pending.rail === "stripe" ? t.pay.againCard : t.pay.again;
  return (
    <>
      <button type="button" class="button" aria-haspopup="dialog" data-test="pay-again" onClick={() => setOpen(true)}>
        {title}
      </button>
      {open && (
        <Dialog title={pending.rail === "stripe" ? t.pay.page : t.pay.invoice} test="pay-dialog" onClose={() => setOpen(false)}>
          <Hand pending={pending} onEnded={() => setOpen(false)} />
        </Dialog>
      )}
    </>
  );
}
