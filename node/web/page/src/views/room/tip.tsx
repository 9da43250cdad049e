// Tips in a room: the form to give one, and the banner of those that were given.
import { useEffect, useId, useState } from "preact/hooks";
import { api, Refusal } from "../../node/api";
import { onTip } from "../../node/tips";
import type { Entry, Named, Pending, TipEvent } from "../../node/types";
import { notify } from "../../node/world";
import { useAction } from "../../parts/action";
import { Icon } from "../../parts/icon";
import { Switch } from "../../parts/switch";
import { t } from "../../words";
import { money } from "../../words/money";
import { Hand } from "../pay/hand";
import { iou, useMeans, type Way, wayName, Ways, waysOf } from "../pay/ways";

const newNonce = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

const noteMost = 64; // characters, as the ledger has it

/** Gives somebody a tip. Nothing is charged before the last button, and that says what happens. */
export function TipForm({ who, onClose }: { who: Named; onClose: () => void }) {
  const id = useId();
  const [amount, setAmount] = useState("");
  const [note, setNote] = useState("");
  const [hidden, hide] = useState({ hide_name: false, hide_amount: false });
  const [busy, run] = useAction();
  const [paying, pay] = useState<Pending | null>(null);
  const [chosen, choose] = useState<Way | null>(null);
  const means = useMeans();
  // However often the button is clicked, and whatever went wrong in between, it is one tip.
  const [nonce] = useState(newNonce);
  const fine = /\d/.test(amount);
  const ways = /sat$/i.test(amount.trim()) ? waysOf(["lnd", "iou"], means ?? { rails: [], purse: null }) : [iou];
  const way = ways.find((one) => chosen && wayName(one) === wayName(chosen)) ?? ways[0]!;
  const give = async (event: Event) => {
    event.preventDefault();
    if (!fine) return;
    const sum = amount.trim();
    const given = await run(async () => {
      const wish = { to: who.person, amount: sum, note: note.trim(), ...hidden, rail: way.rail, by_hand: way.byHand, nonce };
      const tipped = await api.tip(wish).catch((error: unknown) => {
        // What was begun goes on by itself.
        if (error instanceof Refusal && error.code === "payment_pending") return null;
        throw error;
      });
      if (tipped?.pending) return pay(tipped.pending);
      notify("info", !tipped ? t.tip.onItsWay : tipped.owed ? t.tip.given(who.name, sum) : t.tip.paid(who.name, sum));
      onClose();
    });
    return given;
  };
  const ended = async () => {
    // A tip that came is in the books; one that nobody paid is not.
    const got = await api.entries().catch((): Entry[] => []);
    const came = got.some((e) => e.kind === "got" && e.rail === paying!.rail && e.with === paying!.seller.person && e.time >= paying!.since);
    notify(came ? "info" : "warn", came ? t.tip.paid(who.name, money(paying!.sum)) : t.pay.overText(who.name));
    onClose();
  };
  if (paying) return <Hand pending={paying} onEnded={() => void ended()} />;
  return (
    <form class="stack" data-test="tip-form" onSubmit={give}>
      <div class="labelled">
        <label for={`${id}-amount`}>{t.tip.amount}</label>
        <input
          id={`${id}-amount`}
          class="field"
          dir="ltr"
          inputMode="text"
          autoComplete="off"
          autoFocus
          placeholder={t.tip.example}
          value={amount}
          data-test="tip-amount"
          onInput={(event) => setAmount(event.currentTarget.value)}
        />
      </div>
      <div class="labelled">
        <label for={`${id}-note`}>{t.tip.note}</label>
        <input
          id={`${id}-note`}
          class="field"
          dir="auto"
          autoComplete="off"
          maxLength={noteMost}
          value={note}
          data-test="tip-note"
          onInput={(event) => setNote(event.currentTarget.value)}
        />
      </div>
      <Switch
        icon="people"
        test="tip-hide-name"
        text={t.tip.hideName}
        hint={t.tip.hideNameHint(who.name)}
        on={hidden.hide_name}
        busy={busy}
        onClick={() => hide({ ...hidden, hide_name: !hidden.hide_name })}
      />
      <Switch
        icon="silent"
        test="tip-hide-amount"
        text={t.tip.hideAmount}
        on={hidden.hide_amount}
        busy={busy}
        onClick={() => hide({ ...hidden, hide_amount: !hidden.hide_amount })}
      />
      <Ways ways={ways} chosen={way} sum={amount.trim()} purse={means?.purse ?? null} onChoose={choose} />
      <p class="hint">{way.rail === "iou" ? t.tip.owe(who.name) : t.pay.will[wayName(way)]}</p>
      <div class="row end">
        <button type="button" class="button" onClick={onClose}>
          {t.app.cancel}
        </button>
        <button class="button primary" data-test="tip-give" aria-disabled={busy || !fine}>
          {way.byHand ? t.pay.next : t.tip.give}
        </button>
      </div>
    </form>
  );
}

const shownFor = 12_000; // ms
const most = 3; // at once

/** The tips of the last moments. */
export function TipBanner({ room }: { room: string }) {
  const tips = useTips(room);
  return (
    <div role="status">
      {tips.map((tip) => (
        <div key={tip.id} class="banner good" data-test="tip-banner" data-tip={tip.id}>
          <Icon name="gift" />
          <p>
            {(tip.pledge ? t.tip.pledge : tip.charity ? t.tip.charity : t.tip.banner)(tip.from?.name ?? "", tip.to.name, tip.amount)}
            {tip.note && (
              <>
                {" "}
                <bdi class="hint" data-test="tip-says">{tip.note}</bdi>
              </>
            )}
          </p>
        </div>
      ))}
    </div>
  );
}

function useTips(room: string): TipEvent[] {
  const [tips, show] = useState<TipEvent[]>([]);
  useEffect(() => {
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const stop = onTip((tip) => {
      if (tip.room !== room) return;
      show((before) => [...before.filter((one) => one.id !== tip.id), tip].slice(-most));
      const timer = setTimeout(() => {
        timers.delete(timer);
        show((before) => before.filter((one) => one.id !== tip.id));
      }, shownFor);
      timers.add(timer);
    });
    return () => {
      stop();
      timers.forEach(clearTimeout);
      show([]);
    };
  }, [room]);
  return tips;
}
