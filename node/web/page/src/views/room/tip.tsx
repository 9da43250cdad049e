// Tips in a room: the form to give one, and the banner of those that were given.
import { useEffect, useId, useState } from "preact/hooks";
import { api } from "../../node/api";
import { onTip } from "../../node/tips";
import type { Named, TipEvent } from "../../node/types";
import { notify } from "../../node/world";
import { useAction } from "../../parts/action";
import { Icon } from "../../parts/icon";
import { Switch } from "../../parts/switch";
import { t } from "../../words";

const noteMost = 64; // characters, as the ledger has it

/** Gives somebody a tip. Nothing is charged before the last button, and that says what happens. */
export function TipForm({ who, onClose }: { who: Named; onClose: () => void }) {
  const id = useId();
  const [amount, setAmount] = useState("");
  const [note, setNote] = useState("");
  const [hidden, hide] = useState({ hide_name: false, hide_amount: false });
  const [busy, run] = useAction();
  const fine = /\d/.test(amount);
  const give = async (event: Event) => {
    event.preventDefault();
    if (!fine) return;
    const given = await run(() => api.tip({ to: who.person, amount: amount.trim(), note: note.trim(), ...hidden }));
    if (!given) return;
    notify("info", t.tip.given(who.name, amount.trim()));
    onClose();
  };
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
      <p class="hint">{t.tip.owe(who.name)}</p>
      <div class="row end">
        <button type="button" class="button" onClick={onClose}>
          {t.app.cancel}
        </button>
        <button class="button primary" data-test="tip-give" aria-disabled={busy || !fine}>
          {t.tip.give}
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
