import { useEffect, useState } from "preact/hooks";
import { trade, type OwnTier, type Subscriber, type Subscriptions } from "../node/trade";
import { notify } from "../node/world";
import { useAction } from "../parts/action";
import { Icon } from "../parts/icon";
import { dateAndTime, t } from "../words";
import { money } from "../words/money";
import { periodWords } from "./subscribe";
import { ChangeForm, TierForm } from "./tierform";

/** What this person offers to subscribe to, what it brings, and who does. */
export function Tiers({ all, onChange }: { all: Subscriptions; onChange: (all: Subscriptions | null) => void }) {
  const offers = all.offers ?? [];
  const subscribers = all.subscribers ?? [];
  const [adding, setAdding] = useState(false);
  return (
    <section class="sheet part" aria-labelledby="tiers" data-test="tiers">
      <h2 id="tiers">{t.tiers.title}</h2>
      <p class="hint">{offers.length + subscribers.length === 0 ? `${t.tiers.none} ${t.tiers.text}` : t.tiers.text}</p>
      {offers.length > 0 && (
        <ul class="rows">
          {offers.map((one) => (
            <Row key={one.id} one={one} onChange={onChange} />
          ))}
        </ul>
      )}
      {adding ? (
        <TierForm
          onMade={() => {
            setAdding(false);
            onChange(null);
          }}
          onCancel={() => setAdding(false)}
        />
      ) : (
        <div class="row">
          <button type="button" class="button" data-test="add-tier" onClick={() => setAdding(true)}>
            <Icon name="plus" />
            <span>{t.tiers.add}</span>
          </button>
        </div>
      )}
      {subscribers.length > 0 && (
        <section class="stack tight">
          <h3>{t.tiers.who}</h3>
          <ul class="rows" data-test="subscribers">
            {subscribers.map((one) => (
              <li key={one.offer + one.device} class="line-row" data-test="subscriber">
                <span class="line-what">
                  <strong>
                    <bdi>{one.name || t.tiers.key(one.device.slice(0, 6))}</bdi>
                  </strong>
                  <span class="hint">
                    {one.tier} · {standing(one, Date.now())}
                  </span>
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </section>
  );
}

function standing(one: Subscriber, now: number): string {
  if (one.disputed) return one.until > now ? t.tiers.disputedUntil(dateAndTime(one.until)) : t.tiers.disputed;
  if (one.until <= now) return t.tiers.past;
  if (one.ended) return t.tiers.ended(dateAndTime(one.through));
  return one.through > now ? t.tiers.until(dateAndTime(one.through)) : t.tiers.graceUntil(dateAndTime(one.until));
}

function Row({ one, onChange }: { one: OwnTier; onChange: (all: Subscriptions | null) => void }) {
  const [asking, setAsking] = useState(false);
  const [changing, setChanging] = useState(false);
  const [busy, run] = useAction();
  if (changing) {
    return (
      <li data-test="own-tier">
        <ChangeForm
          tier={one}
          onChanged={() => {
            setChanging(false);
            onChange(null);
          }}
          onCancel={() => setChanging(false)}
        />
      </li>
    );
  }
  const stop = () =>
    run(async () => {
      onChange(await trade.end(one.id));
      notify("info", t.tiers.stopped(one.name));
    });
  return (
    <li class="line-row" data-test="own-tier">
      <Icon name="coHost" />
      <span class="line-what">
        <strong>
          <bdi>{one.name}</bdi>
        </strong>
        <span class="hint">
          {t.subscribe.every(money(one.price), periodWords(one.period))} · {t.tiers.line(one.open, one.income && money(one.income))}
        </span>
        {one.perks && <bdi class="hint">{one.perks}</bdi>}
      </span>
      {asking ? (
        <span class="stack tight" role="group" aria-label={t.tiers.stopLabel(one.name)}>
          <span>{t.tiers.stopAsk(one.name)}</span>
          <span class="row">
            <button type="button" class="button" autoFocus onClick={() => setAsking(false)}>
              {t.app.cancel}
            </button>
            <button type="button" class="button danger" data-test="stop-tier-yes" aria-disabled={busy} onClick={() => void stop()}>
              {t.tiers.stopYes}
            </button>
          </span>
        </span>
      ) : (
        <span class="row">
          <button type="button" class="button" aria-label={t.tiers.changeLabel(one.name)} data-test="change-tier" onClick={() => setChanging(true)}>
            {t.tiers.change}
          </button>
          <button type="button" class="button plain" aria-label={t.tiers.stopLabel(one.name)} data-test="stop-tier" onClick={() => setAsking(true)}>
            {t.tiers.stop}
          </button>
        </span>
      )}
    </li>
  );
}

/** What this node knows of subscriptions, and how to ask again. Null until it has said. */
export function useSubscriptions(): [all: Subscriptions | null, put: (all: Subscriptions | null) => void] {
  const [all, setAll] = useState<Subscriptions | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    trade.subscriptions().then(
      (found) => !gone && setAll(found),
      () => {}, // what stands elsewhere on the page says that the node does not answer
    );
    return () => {
      gone = true;
    };
  }, [turn]);
  return [all, (next) => (next ? setAll(next) : setTurn((n) => n + 1))];
}

/** Under the choice of a room for subscribers: to what one subscribes, or the form if there is nothing yet. */
export function TierChoice({ all, onChange }: { all: Subscriptions | null; onChange: (all: Subscriptions | null) => void }) {
  if (!all) return null;
  const offers = all.offers ?? [];
  if (offers.length === 0) {
    return (
      <div class="stack tight" data-test="need-tier">
        <p>{t.tiers.needed}</p>
        <TierForm onMade={() => onChange(null)} />
      </div>
    );
  }
  return (
    <div class="price-part" data-test="has-tiers">
      <p>{t.tiers.for}</p>
      <ul class="rows">
        {offers.map((one) => (
          <li key={one.id} class="line-row">
            <Icon name="coHost" />
            <span class="line-what">
              <strong>
                <bdi>{one.name}</bdi>
              </strong>
              <span class="hint">
                {t.subscribe.every(money(one.price), periodWords(one.period))} · {t.tiers.line(one.open, "")}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
