import { useEffect, useRef, useState } from "preact/hooks";
import { api, Refusal } from "../node/api";
import { newNonce } from "../node/nonce";
import { trade, type Subscription, type Tier } from "../node/trade";
import type { Pending, Purse } from "../node/types";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { Option } from "../parts/option";
import { dateAndTime, t } from "../words";
import { money, parseMoney, sum } from "../words/money";
import { Hand } from "./pay/hand";
import { Fact, FeeFacts } from "./pay/terms";
import { iou, loadMeans, type Means, type Way, wayName, Ways, waysOf } from "./pay/ways";
import { splitWords } from "./sharing";
import { ForkNote } from "./verified";

/** Whom to subscribe to, and how the node finds them: a person's ID, or a room of theirs by ID or link. */
export interface Creator {
  to: string;
  person: string;
  name: string;
}

/** How long a period is, in words. */
export const periodWords = (seconds: number): string => t.subscribe.period(seconds / 86_400);

/** What somebody has paid for a period, as far as it can be divided. */
export function onePeriod({ price, periods }: Subscription): string {
  const paid = parseMoney(price);
  return !paid || periods < 2 ? money(price) : sum(paid.value / periods, paid.unit, paid.digits);
}

/** Where it is. */
type Stand =
  | { at: "asking" }
  | { at: "tiers"; tiers: readonly Tier[]; now: readonly Subscription[]; means: Means; pending?: Pending; note?: string }
  | { at: "hand"; pending: Pending; through: number } // this person pays it now; so far it was paid before
  | { at: "pending"; pending: Pending }
  | { at: "done"; through: number; owed: boolean }
  | { at: "no"; text: string };

/** The button that shows what somebody offers, and the dialog, to be drawn where it stays. */
export function useSubscribe(creator: Creator, more: { large?: boolean; line?: boolean; onDone?: () => void; label?: string; test?: string } = {}) {
  const [open, setOpen] = useState(false);
  const button = (
    <button
      type="button"
      class={more.line ? "quality audience-line" : more.large ? "button primary large" : "button"}
      aria-haspopup="dialog"
      aria-label={more.label}
      data-test={more.test ?? "subscribe"}
      onClick={() => setOpen(true)}
    >
      <Icon name="coHost" />
      <span>{more.test === "renew" ? t.subscriptions.renew : t.subscribe.menu}</span>
    </button>
  );
  const done = more.onDone;
  const dialog = open && (
    <Dialog title={t.subscribe.to(creator.name)} test="subscribe-dialog" onClose={() => setOpen(false)}>
      <Subscribe
        creator={creator}
        {...(done && {
          onDone: () => {
            setOpen(false);
            done();
          },
        })}
      />
    </Dialog>
  );
  return { button, dialog };
}

/** What somebody offers, the terms of it, and the click that subscribes. `onDone`: there is something to go on to. */
export function Subscribe({ creator, onDone }: { creator: Creator; onDone?: () => void }) {
  const { to, person, name } = creator;
  const [stand, setStand] = useState<Stand>({ at: "asking" });
  const [chosen, choose] = useState("");
  const [wanted, want] = useState<Way>(iou);
  const [busy, setBusy] = useState(false);
  const gone = useRef(false);
  const nonce = useRef("");
  const put = (next: Stand) => void (gone.current || setStand(next));
  const ask = async (note?: string) => {
    put({ at: "asking" });
    try {
      const [tiers, all, open, means] = await Promise.all([trade.tiers(to), trade.subscriptions(), api.pending(), loadMeans()]);
      const now = (all.mine ?? []).filter((one) => one.creator === person && !one.ended && one.until > Date.now());
      const pending = open.find((one) => one.purpose === "subscription" && one.seller.person === person);
      const first = tiers.find((one) => now.some((s) => s.first === one.first)) ?? tiers[0];
      nonce.current = newNonce();
      put({ at: "tiers", tiers, now, means, ...(pending && { pending }), ...(note && { note }) });
      choose((before) => (tiers.some((one) => one.id === before) ? before : (first?.id ?? "")));
      want((before) => (before === iou ? (waysOf(first?.rails ?? [], means)[0] ?? iou) : before));
    } catch (error) {
      put({ at: "no", text: refused(error, name) });
    }
  };
  useEffect(() => {
    gone.current = false;
    void ask();
    return () => {
      gone.current = true;
    };
  }, [to]);

  const subscribe = async (tier: Tier, way: Way) => {
    if (busy) return;
    setBusy(true);
    const since = Date.now();
    try {
      const { through, owed, pending } = await trade.subscribe({ to, tier: tier.name, price: tier.price, rail: way.rail, by_hand: way.byHand, nonce: nonce.current, offer: tier.id });
      put(pending ? { at: "hand", pending, through } : { at: "done", through, owed });
    } catch (error) {
      // What was begun goes on by itself: only the node's list says whether anything was.
      const open = await api.pending().catch(() => []);
      const mine = open.find((one) => one.purpose === "subscription" && one.seller.person === person && one.since >= since - clockSlack);
      if (mine) put({ at: "pending", pending: mine });
      else if (error instanceof Refusal && error.code === "offer_changed") await ask(t.subscribe.changed);
      else put({ at: "no", text: refused(error, name) });
    } finally {
      if (!gone.current) setBusy(false);
    }
  };

  /** What was paid by hand has come to an end: it is longer than before, or nothing was taken. */
  const ended = async (before: number) => {
    const all = await trade.subscriptions().catch(() => null);
    const through = Math.max(0, ...(all?.mine ?? []).filter((one) => one.creator === person && !one.ended).map((one) => one.through));
    put(through > before ? { at: "done", through, owed: false } : { at: "no", text: t.pay.overText(name) });
  };

  const tier = stand.at === "tiers" ? stand.tiers.find((one) => one.id === chosen) : undefined;
  const has = stand.at === "tiers" ? stand.now.find((one) => one.first === tier?.first) : undefined;
  const purse = stand.at === "tiers" ? stand.means.purse : null;
  const ways = tier && stand.at === "tiers" ? waysOf(tier.rails ?? [], stand.means) : [];
  const way = ways.find((one) => wayName(one) === wayName(wanted)) ?? ways[0] ?? iou;
  return (
    <div aria-live="polite" class="stack" data-test="subscribing" data-at={stand.at}>
      {stand.at === "asking" && (
        <p class="waiting" aria-busy="true">
          {t.subscribe.asking(name)}
        </p>
      )}
      {stand.at === "tiers" && stand.tiers.length === 0 && <p data-test="no-tiers">{t.subscribe.none(name)}</p>}
      {stand.at === "tiers" && stand.note && (
        <p class="banner" role="alert">
          {stand.note}
        </p>
      )}
      {stand.at === "tiers" && stand.pending && (
        <p class="banner" role="alert" data-test="subscribe-another">
          {t.subscribe.another(name)}
        </p>
      )}
      {stand.at === "tiers" && stand.tiers.length > 1 && (
        <fieldset>
          <legend>{t.subscribe.choose}</legend>
          <div class="options">
            {stand.tiers.map((one) => (
              <Option
                key={one.id}
                name="tier"
                test="tier"
                icon="coHost"
                title={one.name}
                text={t.subscribe.every(money(one.price), periodWords(one.period))}
                checked={one.id === chosen}
                onChoose={() => choose(one.id)}
              />
            ))}
          </div>
        </fieldset>
      )}
      {tier && (
        <>
          {tier.fork && <ForkNote fork={tier.fork} />}
          <Terms tier={tier} name={name} way={way} purse={purse} />
          {has && <p data-test="subscribed">{t.subscribe.has(dateAndTime(has.through))}</p>}
          {has && has.offer !== tier.id && (
            <p class="banner" role="alert" data-test="terms-changed">
              {t.subscribe.changedTerms(name, onePeriod(has), money(tier.price), dateAndTime(has.through))}
            </p>
          )}
          <Ways ways={ways} chosen={way} sum={tier.price} purse={purse} onChoose={want} />
          <p class="buy-word" data-test="subscribe-word">
            {way.rail === "iou" ? t.buy.willOwe(money(tier.price), name) : t.pay.will[wayName(way)]}{" "}
            <span class="hint">
              {way.rail === "iou" && t.buy.willOweText} {t.subscribe.device}
            </span>
          </p>
          <button
            type="button"
            class={tier.fork ? "button plain" : "button primary large"}
            data-test="subscribe-confirm"
            aria-disabled={busy}
            onClick={() => void subscribe(tier, way)}
          >
            <Icon name="coHost" />
            <span>
              {busy
                ? t.subscribe.busy
                : tier.fork
                  ? t.subscribe.forked
                  : way.byHand
                    ? t.pay.next
                    : has
                      ? t.subscribe.renew(periodWords(tier.period))
                      : t.subscribe.confirm(money(tier.price))}
            </span>
          </button>
        </>
      )}
      {stand.at === "hand" && <Hand pending={stand.pending} onEnded={() => void ended(stand.through)} />}
      {stand.at === "pending" && (
        <>
          <h3>{t.buy.pendingTitle}</h3>
          <p data-test="subscribe-pending">{t.wallet.why(stand.pending.why, name, dateAndTime(stand.pending.expires), "subscription")}</p>
          <a class="button primary" href="#/wallet">
            <Icon name="wallet" />
            <span>{t.buy.toWallet}</span>
          </a>
        </>
      )}
      {stand.at === "done" && (
        <>
          <h3 data-test="subscribe-done">{t.subscribe.done(name)}</h3>
          <p>{stand.owed ? t.subscribe.doneOwed(dateAndTime(stand.through), name) : t.subscribe.doneText(dateAndTime(stand.through))}</p>
          {onDone && (
            <button type="button" class="button primary large" data-test="subscribe-go-in" onClick={onDone}>
              <Icon name="play" turns />
              <span>{t.subscribe.goIn}</span>
            </button>
          )}
        </>
      )}
      {stand.at === "no" && (
        <>
          <p data-test="subscribe-no">{stand.text}</p>
          <button type="button" class="button" data-test="subscribe-again" onClick={() => void ask()}>
            {t.subscribe.again}
          </button>
        </>
      )}
    </div>
  );
}

const clockSlack = 2000; // ms; the node's entries are in order even where the clock steps

function Terms({ tier, name, way, purse }: { tier: Tier; name: string; way: Way; purse: Purse | null }) {
  return (
    <dl class="fact-list terms" data-test="subscribe-terms">
      <Fact name={t.subscribe.price}>
        <strong>{tier.name}:</strong> {t.subscribe.every(money(tier.price), periodWords(tier.period))}
      </Fact>
      {tier.perks && (
        <Fact name={t.subscribe.perks}>
          <bdi>{tier.perks}</bdi>
        </Fact>
      )}
      <FeeFacts way={way} sum={tier.price} purse={purse} payee={name} />
      <Fact name={t.buy.tax}>{tier.tax ? <bdi>{tier.tax}</bdi> : t.subscribe.noTax(name)}</Fact>
      {(tier.shares ?? []).length > 0 && <Fact name={t.buy.goesTo}>{splitWords(tier.shares ?? [], name)}</Fact>}
      <Fact name={t.subscribe.renewal}>{t.subscribe.noRenewal}</Fact>
      <Fact name={t.subscribe.grace}>{t.subscribe.graceText}</Fact>
      <Fact name={t.subscribe.cancel}>{t.subscribe.cancelText}</Fact>
      <Fact name={t.buy.way}>{t.pay.terms[wayName(way)] ?? way.rail}</Fact>
    </dl>
  );
}

function refused(error: unknown, name: string): string {
  if (!(error instanceof Refusal)) return t.error.unknown;
  switch (error.code) {
    case "no_credit":
      return t.subscribe.noCredit(name);
    case "unreachable":
    case "seller_busy":
    case "seller_unwell":
      return t.subscribe.away(name);
    case "not_on_sale":
      return t.subscribe.none(name);
  }
  return error.message;
}
