import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Refusal } from "../node/api";
import { trade, type Subscription, type Tier } from "../node/trade";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { Option } from "../parts/option";
import { dateAndTime, t } from "../words";
import { money } from "../words/money";

/** Whom to subscribe to, and how the node finds them: a person's ID, or a room of theirs by ID or link. */
export interface Creator {
  to: string;
  person: string;
  name: string;
}

/** How long a period is, in words. */
export const periodWords = (seconds: number): string => t.subscribe.period(seconds / 86_400);

/** Where it is. */
type Stand =
  | { at: "asking" }
  | { at: "tiers"; tiers: readonly Tier[]; now: readonly Subscription[]; note?: string }
  | { at: "done"; through: number }
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
  const [busy, setBusy] = useState(false);
  const gone = useRef(false);
  const put = (next: Stand) => void (gone.current || setStand(next));
  const ask = async (note?: string) => {
    put({ at: "asking" });
    try {
      const [tiers, all] = await Promise.all([trade.tiers(to), trade.subscriptions()]);
      const now = (all.mine ?? []).filter((one) => one.creator === person && !one.ended && one.until > Date.now());
      put({ at: "tiers", tiers, now, ...(note && { note }) });
      choose((before) => (tiers.some((one) => one.id === before) ? before : ((tiers.find((one) => now.some((s) => s.offer === one.id)) ?? tiers[0])?.id ?? "")));
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

  const subscribe = async (tier: Tier) => {
    if (busy) return;
    setBusy(true);
    try {
      const { through } = await trade.subscribe(to, tier.name, tier.price);
      put({ at: "done", through });
    } catch (error) {
      if (error instanceof Refusal && error.code === "offer_changed") await ask(t.subscribe.changed);
      else put({ at: "no", text: refused(error, name) });
    } finally {
      if (!gone.current) setBusy(false);
    }
  };

  const tier = stand.at === "tiers" ? stand.tiers.find((one) => one.id === chosen) : undefined;
  const has = stand.at === "tiers" ? stand.now.find((one) => one.offer === chosen) : undefined;
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
          <Terms tier={tier} />
          {has && <p data-test="subscribed">{t.subscribe.has(dateAndTime(has.through))}</p>}
          <p class="buy-word" data-test="subscribe-word">
            {t.buy.willOwe(money(tier.price), name)} <span class="hint">{t.buy.willOweText} {t.subscribe.device}</span>
          </p>
          <button type="button" class="button primary large" data-test="subscribe-confirm" aria-disabled={busy} onClick={() => void subscribe(tier)}>
            <Icon name="coHost" />
            <span>{busy ? t.subscribe.busy : has ? t.subscribe.renew(periodWords(tier.period)) : t.subscribe.confirm(money(tier.price))}</span>
          </button>
        </>
      )}
      {stand.at === "done" && (
        <>
          <h3 data-test="subscribe-done">{t.subscribe.done(name)}</h3>
          <p>{t.subscribe.doneText(dateAndTime(stand.through))}</p>
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

function Terms({ tier }: { tier: Tier }) {
  return (
    <dl class="fact-list terms" data-test="subscribe-terms">
      <Fact name={t.subscribe.price}>
        <strong>{tier.name}:</strong> {t.subscribe.every(money(tier.price), periodWords(tier.period))}
      </Fact>
      <Fact name={t.buy.fees}>{t.buy.noFees}</Fact>
      <Fact name={t.subscribe.renewal}>{t.subscribe.noRenewal}</Fact>
      <Fact name={t.subscribe.grace}>{t.subscribe.graceText}</Fact>
      <Fact name={t.subscribe.cancel}>{t.subscribe.cancelText}</Fact>
      <Fact name={t.buy.way}>{t.pay.terms.iou}</Fact>
    </dl>
  );
}

const Fact = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

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
