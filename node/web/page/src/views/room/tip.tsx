// Tips in a room: the form to give one, and the banner of those that were given.
import { useEffect, useId, useState } from "preact/hooks";
import { api, Refusal } from "../../node/api";
import { newNonce } from "../../node/nonce";
import { onTip } from "../../node/tips";
import type { Entry, Named, Pending, TipEvent, TipWays } from "../../node/types";
import { notify } from "../../node/world";
import { useAction } from "../../parts/action";
import { CautionMark, cautionText } from "../../parts/caution";
import { Icon } from "../../parts/icon";
import { Switch } from "../../parts/switch";
import { t } from "../../words";
import { money, typedSum } from "../../words/money";
import { Hand } from "../pay/hand";
import { Fact, FeeFacts } from "../pay/terms";
import { useMeans, type Way, wayName, Ways, waysOf } from "../pay/ways";
import { ForkNote } from "../verified";

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
  const sum = typedSum(amount);
  const taken = useTaken(who.person, sum?.split(" ")[1] ?? "");
  const ready = sum !== null && taken !== null && means !== null;
  const ways = ready ? waysOf(taken.rails ?? [], means) : [];
  const way = ways.find((one) => chosen && wayName(one) === wayName(chosen)) ?? ways[0];
  const give = async (event: Event) => {
    event.preventDefault();
    if (!sum || !way) return;
    const given = await run(async () => {
      const wish = { to: who.person, amount: sum, note: note.trim(), ...hidden, rail: way.rail, by_hand: way.byHand, nonce };
      const tipped = await api.tip(wish).catch((error: unknown) => {
        // What was begun goes on by itself.
        if (error instanceof Refusal && error.code === "payment_pending") return null;
        throw error;
      });
      if (tipped?.pending) return pay(tipped.pending);
      notify("info", !tipped ? t.tip.onItsWay : tipped.owed ? t.tip.given(who.name, money(sum)) : t.tip.paid(who.name, money(sum)));
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
      <div class="stack" aria-live="polite" data-test="tip-ways">
        {sum && !ready && (
          <p class="waiting" aria-busy="true">
            {t.tip.asking(who.name)}
          </p>
        )}
        {!sum && amount.trim() !== "" && <p class="hint">{t.tip.need}</p>}
        {sum && ready && way && (
          <>
            {taken.fork && <ForkNote fork={taken.fork} />}
            {taken.rails?.length === 0 && (
              <p class="hint" data-test="tip-none">
                {t.tip.takesNone(who.name, sum.split(" ")[1] ?? "")}
              </p>
            )}
            <Ways ways={ways} chosen={way} sum={sum} purse={means.purse} onChoose={choose} />
            <dl class="fact-list terms" data-test="tip-terms">
              <Fact name={t.tip.sum}>{money(sum)}</Fact>
              <FeeFacts way={way} sum={sum} purse={means.purse} payee={who.name} />
            </dl>
            <p class="hint">{way.rail === "iou" ? t.tip.owe(who.name) : t.pay.will[wayName(way)]}</p>
          </>
        )}
      </div>
      <div class="row end">
        <button type="button" class="button" onClick={onClose}>
          {t.app.cancel}
        </button>
        <button class={taken?.fork ? "button plain" : "button primary"} data-test="tip-give" aria-disabled={busy || !way}>
          {taken?.fork ? t.tip.giveForked : way?.byHand ? t.pay.next : t.tip.give}
        </button>
      </div>
    </form>
  );
}

/** By which ways somebody takes such money, and whether they are proven to keep two books; null until they have said. */
function useTaken(person: string, unit: string): TipWays | null {
  const [known, put] = useState<Record<string, TipWays>>({}); // by unit
  useEffect(() => {
    if (!unit || known[unit]) return;
    let gone = false;
    api.tipWays(person, `1 ${unit}`).then(
      (ways) => gone || put((before) => ({ ...before, [unit]: ways })),
      // Whether they can be reached the tip itself says; by word it may be given.
      () => gone || put((before) => ({ ...before, [unit]: { rails: ["iou"] } })),
    );
    return () => {
      gone = true;
    };
  }, [person, unit]);
  return known[unit] ?? null;
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
            {tip.caution && <CautionMark text={cautionText(tip.caution)} />}
            {(tip.pledge ? t.tip.pledge : tip.charity ? t.tip.charity : t.tip.banner)(tip.from?.name ?? "", tip.to.name, money(tip.amount))}
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
