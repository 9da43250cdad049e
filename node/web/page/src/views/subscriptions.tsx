import { useEffect, useState } from "preact/hooks";
import { trade, type Subscription, type Subscriptions } from "../node/trade";
import { notify } from "../node/world";
import { useAction } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { Icon } from "../parts/icon";
import { dateAndTime, t } from "../words";
import { money } from "../words/money";
import { periodWords, useSubscribe } from "./subscribe";

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

const lookAgain = 10 * 60_000; // ms

/** On the page that one starts from: what is to be renewed now. Whoever does not want to, lets it run out. */
export function Renewals() {
  const [list, put] = useState<readonly Subscription[]>([]);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    trade.subscriptions().then(
      (all) => gone || put((all.mine ?? []).filter((one) => one.renew && !one.gone)),
      () => {}, // there is nothing to renew while the node does not answer
    );
    const timer = window.setTimeout(() => setTurn(turn + 1), lookAgain);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [turn]);
  return (
    <>
      {list.map((one) => (
        <Due key={one.offer} one={one} onRenewed={() => setTurn(turn + 1)} />
      ))}
    </>
  );
}

function Due({ one, onRenewed }: { one: Subscription; onRenewed: () => void }) {
  const name = one.name || t.subscribe.somebody(one.creator.slice(0, 6));
  const renew = useSubscribe({ to: one.creator, person: one.creator, name }, { label: t.subscriptions.renewLabel(name), test: "renew", onDone: onRenewed });
  return (
    <section class="sheet safe-offer" aria-label={t.subscriptions.dueTitle} data-test="renewal">
      <Icon name="coHost" />
      <div class="stack tight">
        <h2>{t.subscriptions.dueTitle}</h2>
        <p>
          {due(one, name)} {changes(one, name)}
        </p>
      </div>
      <div class="row">{renew.button}</div>
      {renew.dialog}
    </section>
  );
}

function due(one: Subscription, name: string): string {
  if (one.through <= Date.now()) return t.subscriptions.dueGrace(name, dateAndTime(one.until));
  return (one.owed ? t.subscriptions.dueOwed : t.subscriptions.due)(name, dateAndTime(one.through));
}

/** What a renewal would be, where that is not what was paid for. */
const changes = (one: Subscription, name: string): string =>
  one.gone ? t.subscriptions.gone(name) : one.now ? t.subscriptions.next(t.subscribe.every(money(one.now.price), periodWords(one.now.period)), one.now.perks) : "";

function standing(one: Subscription, now: number): string {
  if (one.ended) return one.through > now ? t.subscriptions.ended(dateAndTime(one.through)) : t.subscriptions.over;
  if (one.through > now) return (one.owed ? t.subscriptions.owed : t.subscriptions.through)(dateAndTime(one.through));
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
      <Avatar person={one.creator} name={one.name} />
      <span class="line-what">
        <strong>
          <bdi>{name}</bdi>
        </strong>
        <span class="hint">
          {one.tier && (
            <>
              <bdi>{one.tier}</bdi> ·{" "}
            </>
          )}
          {money(one.price)} · {standing(one, Date.now())}
        </span>
        {one.perks && <bdi class="hint">{one.perks}</bdi>}
        {!one.ended && (one.gone || one.now) && (
          <span class="hint" data-test="next-terms">
            {changes(one, name)}
          </span>
        )}
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
          {!one.gone && renew.button}
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
