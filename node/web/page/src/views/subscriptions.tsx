import { useState } from "preact/hooks";
import { trade, type Subscription, type Subscriptions } from "../node/trade";
import { notify } from "../node/world";
import { useAction } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { dateAndTime, t } from "../words";
import { money } from "../words/money";
import { useSubscribe } from "./subscribe";

/** Whom this person subscribes to: how long, and what one can do about it. */
export function MySubscriptions({ list, onChange }: { list: readonly Subscription[]; onChange: (all: Subscriptions | null) => void }) {
  if (list.length === 0) return null;
  return (
    <section class="sheet part" aria-labelledby="subscriptions" data-test="subscriptions">
      <h2 id="subscriptions">{t.subscriptions.title}</h2>
      <ul class="rows">
        {list.map((one) => (
          <Row key={one.offer} one={one} onChange={onChange} />
        ))}
      </ul>
    </section>
  );
}

function standing(one: Subscription, now: number): string {
  if (one.ended) return one.through > now ? t.subscriptions.ended(dateAndTime(one.through)) : t.subscriptions.over;
  if (one.through > now) return t.subscriptions.through(dateAndTime(one.through));
  return one.until > now ? t.subscriptions.grace(dateAndTime(one.until)) : t.subscriptions.over;
}

function Row({ one, onChange }: { one: Subscription; onChange: (all: Subscriptions | null) => void }) {
  const name = one.name || t.subscribe.somebody(one.creator.slice(0, 6));
  const [asking, setAsking] = useState(false);
  const [busy, run] = useAction();
  const renew = useSubscribe(
    { to: one.creator, person: one.creator, name },
    { label: t.subscriptions.renewLabel(name), test: "renew", onDone: () => onChange(null) },
  );
  const cancel = () =>
    run(async () => {
      onChange(await trade.end(one.offer));
      notify("info", t.subscriptions.cancelled(name));
    });
  return (
    <li class="line-row" data-test="subscription" data-ended={one.ended}>
      <Avatar person={one.creator} name={name} />
      <span class="line-what">
        <strong>
          <bdi>{name}</bdi>
        </strong>
        <span class="hint">
          {money(one.price)} · {standing(one, Date.now())}
        </span>
      </span>
      {asking ? (
        <span class="stack tight" role="group" aria-label={t.subscriptions.cancelLabel(name)}>
          <span>{t.subscriptions.ask(name, dateAndTime(one.through))}</span>
          <span class="row">
            <button type="button" class="button" autoFocus onClick={() => setAsking(false)}>
              {t.subscriptions.keep}
            </button>
            <button type="button" class="button danger" data-test="cancel-subscription-yes" aria-disabled={busy} onClick={() => void cancel()}>
              {t.subscriptions.yes}
            </button>
          </span>
        </span>
      ) : (
        <span class="row">
          {renew.button}
          {!one.ended && one.through > Date.now() && (
            <button type="button" class="button plain" aria-label={t.subscriptions.cancelLabel(name)} data-test="cancel-subscription" onClick={() => setAsking(true)}>
              {t.subscriptions.cancel}
            </button>
          )}
        </span>
      )}
      {renew.dialog}
    </li>
  );
}
