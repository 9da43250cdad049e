import { useEffect, useId, useState } from "preact/hooks";
import { trade, type OwnTier, type Subscriber, type Subscriptions } from "../node/trade";
import { notify } from "../node/world";
import { useAction } from "../parts/action";
import { Icon } from "../parts/icon";
import { dateAndTime, t } from "../words";
import { money, typed, unitName, units } from "../words/money";
import { periodWords } from "./subscribe";

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
  if (one.until <= now) return t.tiers.past;
  if (one.ended) return t.tiers.ended(dateAndTime(one.through));
  return one.through > now ? t.tiers.until(dateAndTime(one.through)) : t.tiers.graceUntil(dateAndTime(one.until));
}

function Row({ one, onChange }: { one: OwnTier; onChange: (all: Subscriptions | null) => void }) {
  const [asking, setAsking] = useState(false);
  const [busy, run] = useAction();
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
        <button type="button" class="button plain" aria-label={t.tiers.stopLabel(one.name)} data-test="stop-tier" onClick={() => setAsking(true)}>
          {t.tiers.stop}
        </button>
      )}
    </li>
  );
}

const lengths = [7, 30, 90, 365]; // days

/** What a subscription is called, costs and lasts. It stands inside another form, too, so it is none itself. */
export function TierForm({ onMade, onCancel }: { onMade: () => void; onCancel?: () => void }) {
  const id = useId();
  const [name, setName] = useState("");
  const [price, setPrice] = useState("");
  const [unit, setUnit] = useState("EUR");
  const [days, setDays] = useState(30);
  const [credit, setCredit] = useState<string | null>(null); // null: the price, while nothing else was said
  const [wrong, setWrong] = useState<{ name?: string; price?: string; credit?: string }>({});
  const [busy, run] = useAction();
  const create = () => {
    const sum = typed(price, unit);
    const owed = typed(credit ?? price, unit);
    const found = {
      ...(!name.trim() && { name: t.tiers.needName }),
      ...((sum === null || Number(sum) === 0) && { price: t.tiers.needPrice(unit) }),
      ...(credit !== null && owed === null && { credit: t.start.creditWrong(unit) }),
    };
    setWrong(found);
    const first = Object.keys(found)[0];
    if (first) {
      document.getElementById(`${id}-${first}`)?.focus();
      return;
    }
    void run(async () => {
      if (Number(owed) > 0) await lendAtLeast(Number(owed), `${owed} ${unit}`, unit);
      await trade.offer(name.trim(), `${sum} ${unit}`, days * 86_400);
      notify("info", t.tiers.made(name.trim()));
      onMade();
    });
  };
  const said = (what: "name" | "price" | "credit") =>
    wrong[what] && (
      <p class="wrong" id={`${id}-${what}-wrong`} role="alert" data-test="tier-wrong">
        {wrong[what]}
      </p>
    );
  return (
    <div class="price-part" role="group" aria-label={t.tiers.add} data-test="tier-form">
      <div class="labelled">
        <label for={`${id}-name`}>{t.tiers.name}</label>
        <input
          id={`${id}-name`}
          class="field"
          dir="auto"
          autoComplete="off"
          maxLength={64}
          placeholder={t.tiers.nameHint}
          value={name}
          aria-invalid={wrong.name !== undefined}
          aria-describedby={wrong.name ? `${id}-name-wrong` : undefined}
          data-test="tier-name"
          onInput={(event) => {
            setName(event.currentTarget.value);
            setWrong({});
          }}
        />
        {said("name")}
      </div>
      <div class="price-fields">
        <div class="labelled">
          <label for={`${id}-price`}>{t.tiers.price}</label>
          <span class="price-field">
            <input
              id={`${id}-price`}
              class="field"
              inputMode="decimal"
              autoComplete="off"
              placeholder="3"
              value={price}
              aria-invalid={wrong.price !== undefined}
              aria-describedby={wrong.price ? `${id}-price-wrong` : undefined}
              data-test="tier-price"
              onInput={(event) => {
            setPrice(event.currentTarget.value);
            setWrong({});
          }}
            />
            <select class="field short" aria-label={t.start.currency} value={unit} data-test="tier-unit" onChange={(event) => setUnit(event.currentTarget.value)}>
              {units.map((one) => (
                <option key={one} value={one} title={unitName(one)}>
                  {one}
                </option>
              ))}
            </select>
          </span>
          {said("price")}
        </div>
        <div class="labelled">
          <label for={`${id}-days`}>{t.tiers.length}</label>
          <select id={`${id}-days`} class="field" value={String(days)} data-test="tier-days" onChange={(event) => setDays(Number(event.currentTarget.value))}>
            {lengths.map((n) => (
              <option key={n} value={String(n)}>
                {t.tiers.lengths[n]}
              </option>
            ))}
          </select>
        </div>
      </div>
      <div class="labelled">
        <label for={`${id}-credit`}>{t.tiers.credit}</label>
        <span class="price-field">
          <input
            id={`${id}-credit`}
            class="field"
            inputMode="decimal"
            autoComplete="off"
            value={credit ?? price}
            aria-invalid={wrong.credit !== undefined}
            aria-describedby={`${id}-credit-hint${wrong.credit ? ` ${id}-credit-wrong` : ""}`}
            data-test="tier-credit"
            onInput={(event) => {
            setCredit(event.currentTarget.value);
            setWrong({});
          }}
          />
          <span class="price-unit">{unit}</span>
        </span>
        {said("credit")}
      </div>
      <p class="hint" id={`${id}-credit-hint`}>
        {t.tiers.creditText}
      </p>
      <div class="row end">
        {onCancel && (
          <button type="button" class="button" onClick={onCancel}>
            {t.app.cancel}
          </button>
        )}
        <button type="button" class="button primary" data-test="create-tier" aria-disabled={busy} onClick={create}>
          {t.tiers.create}
        </button>
      </div>
    </div>
  );
}

/** Lets everybody owe so much, unless they may owe more already. */
async function lendAtLeast(sum: number, text: string, unit: string): Promise<void> {
  const credits = await trade.credits();
  const now = credits.find((one) => !one.person && one.money.endsWith(` ${unit}`));
  if (!now || Number(now.money.split(" ")[0]) < sum) await trade.setCredit(text);
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
