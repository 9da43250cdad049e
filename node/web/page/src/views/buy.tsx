import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api, Refusal } from "../node/api";
import type { Caution, Named, Pending, Purse, TicketOffer } from "../node/types";
import { Avatar } from "../parts/avatar";
import { CautionNote, cautionText } from "../parts/caution";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { holds, loadTickets } from "../tickets";
import { dateAndTime, t } from "../words";
import { money } from "../words/money";
import { useJoin } from "./join";
import { ForkNote } from "./verified";
import { WishOffer } from "./wishes";
import { Hand } from "./pay/hand";
import { Fact, FeeFacts } from "./pay/terms";
import { iou, loadMeans, type Means, type Way, wayName, Ways, waysOf } from "./pay/ways";
import { splitWords } from "./sharing";

/** What one needs to know of a room to buy a ticket to it. */
export interface ForSale {
  id: string;
  title: string;
  host: Named;
  price: string; // as announced; empty if it is not known
  link?: string;
  caution?: Caution; // of the host's name
}

/**
 * The way to a ticket: a button, the first of two clicks, which shows the terms and buys nothing; and the dialog, to be drawn
 * wherever the button stood, for that goes as soon as there is a ticket.
 */
export function useBuy(room: ForSale, large?: boolean): { button: ComponentChildren; dialog: ComponentChildren } {
  const [open, setOpen] = useState(false);
  const { join, busy, question } = useJoin();
  const goIn = () => {
    setOpen(false);
    void join(room.link ? { room: room.id, link: room.link } : { room: room.id });
  };
  const button = (
    <button
      type="button"
      class={large ? "button primary large" : "button primary buy"}
      aria-haspopup="dialog"
      aria-disabled={busy}
      data-test="buy-ticket"
      onClick={() => setOpen(true)}
    >
      <Icon name="ticket" />
      <span>{busy ? t.home.joining : room.price ? t.buy.for(money(room.price)) : t.buy.plain}</span>
      {!large && <span class="unseen">{room.title}</span>}
    </button>
  );
  const dialog = (
    <>
      {open && <BuyDialog room={room} onIn={goIn} onClose={() => setOpen(false)} />}
      {question}
    </>
  );
  return { button, dialog };
}

/** Where a purchase is. */
type Stand =
  | { at: "asking" }
  | { at: "terms"; offer: TicketOffer; pending?: Pending; changed?: boolean }
  | { at: "held" } // there is a ticket already
  | { at: "pending"; pending: Pending }
  | { at: "hand"; pending: Pending } // this person pays it now
  | { at: "no"; title: string; text: string; there: boolean }; // whether the host answers

function BuyDialog({ room, onIn, onClose }: { room: ForSale; onIn: () => void; onClose: () => void }) {
  const [stand, setStand] = useState<Stand>({ at: "asking" });
  const [buying, setBuying] = useState(false);
  const [means, setMeans] = useState<Means>({ rails: [], purse: null });
  const [way, choose] = useState<Way>(iou);
  const gone = useRef(false);
  const where = room.link ? { link: room.link } : { room: room.id };
  const put = (next: Stand) => void (gone.current || setStand(next));
  const ask = async (changed?: boolean) => {
    put({ at: "asking" });
    try {
      const [offers, held, pending, mine] = await Promise.all([api.offers(where), loadTickets(), api.pending(), loadMeans()]);
      const offer = offers.find((one) => one.class === 0) ?? offers[0];
      if (holds(held, room.id)) put({ at: "held" });
      else if (!offer) put(refused(new Refusal(409, "not_on_sale", ""), room));
      else if (gone.current) return;
      else {
        setMeans(mine);
        choose(waysOf(offer.rails ?? [], mine)[0]!);
        put({ at: "terms", offer, ...own(pending, offer.payee), ...(changed && { changed }) });
      }
    } catch (error) {
      put(refused(error, room));
    }
  };
  useEffect(() => {
    gone.current = false;
    void ask();
    return () => {
      gone.current = true;
    };
  }, []);

  /** What was paid by hand has come to an end: there is a ticket, or there is none and nothing was taken. */
  const ended = async () => {
    const held = await loadTickets().catch(() => []);
    if (gone.current) return;
    if (holds(held, room.id)) onIn();
    else put({ at: "no", title: t.pay.overTitle, text: t.pay.overText(room.host.name), there: true });
  };

  /** The second click. Whatever the answer is, what it says of money is what the node knows. */
  const buy = async (offer: TicketOffer) => {
    if (buying) return;
    setBuying(true);
    const since = Date.now();
    try {
      const bought = await api.buy(where, offer.price, way.rail, way.byHand);
      if (bought.pending) return put({ at: "hand", pending: bought.pending });
      await loadTickets();
      if (bought.refunded) put({ at: "no", title: t.buy.soldOut, text: t.buy.moneyBack, there: true });
      else if (!gone.current) onIn();
    } catch (error) {
      const code = error instanceof Refusal ? error.code : "";
      // What was begun goes on by itself: only the node's list says whether anything was.
      const pending = await api.pending().catch(() => []);
      const mine = pending.find((one) => one.seller.person === offer.payee && one.since >= since - clockSlack);
      if (mine) put({ at: "pending", pending: mine });
      else if (code === "offer_changed") await ask(true);
      else put(refused(error, room));
    } finally {
      if (!gone.current) setBuying(false);
    }
  };

  return (
    <Dialog title={t.buy.title} test="buy-dialog" onClose={onClose}>
      <p class="buy-room" dir="auto">
        {room.title}
      </p>
      <div aria-live="polite" class="stack" data-test="buy" data-at={stand.at}>
        {stand.at === "asking" && (
          <p class="waiting" aria-busy="true">
            {t.buy.asking(room.host.name)}
          </p>
        )}
        {stand.at === "terms" && (
          <>
            {stand.offer.fork && <ForkNote fork={stand.offer.fork} />}
            {stand.changed && <Note>{t.buy.changed}</Note>}
            {stand.pending && <Note>{t.buy.another(room.host.name)}</Note>}
            {stand.offer.payee === room.host.person && <CautionNote text={cautionText(room.caution)} person={room.host.person} />}
            <Terms offer={stand.offer} seller={room.host} way={way} purse={means.purse} />
            <Ways ways={waysOf(stand.offer.rails ?? [], means)} chosen={way} sum={stand.offer.price} purse={means.purse} onChoose={choose} />
            <div class="dialog-foot">
              <p class="buy-word" data-test="buy-word">
                {way.rail === "iou" ? (
                  <>
                    {t.buy.willOwe(money(stand.offer.price), room.host.name)} <span class="hint">{t.buy.willOweText}</span>
                  </>
                ) : (
                  t.pay.will[wayName(way)]
                )}
              </p>
              <button
                type="button"
                class={stand.offer.fork ? "button plain" : "button primary large"}
                autoFocus={!stand.offer.fork}
                data-test="buy-confirm"
                aria-disabled={buying}
                onClick={() => void buy(stand.offer)}
              >
                <Icon name="ticket" />
                <span>{buying ? t.buy.buying : stand.offer.fork ? t.buy.forked : way.byHand ? t.pay.next : t.buy.confirm}</span>
              </button>
            </div>
          </>
        )}
        {stand.at === "held" && (
          <>
            <p>{t.buy.held}</p>
            <button type="button" class="button primary large" data-test="buy-go-in" onClick={onIn}>
              <Icon name="play" turns />
              <span>{t.buy.goIn}</span>
            </button>
          </>
        )}
        {stand.at === "hand" && <Hand pending={stand.pending} onEnded={() => void ended()} />}
        {stand.at === "pending" && (
          <>
            <h3>{t.buy.pendingTitle}</h3>
            <p data-test="buy-pending">{t.wallet.why(stand.pending.why, room.host.name, dateAndTime(stand.pending.expires), "ticket")}</p>
            <a class="button primary" href="#/wallet" data-test="buy-to-wallet">
              <Icon name="wallet" />
              <span>{t.buy.toWallet}</span>
            </a>
          </>
        )}
        {stand.at === "no" && (
          <>
            <h3 data-test="buy-no">{stand.title}</h3>
            <p>{stand.text}</p>
            {!stand.there && <WishOffer room={room} onBought={onIn} />}
            <button type="button" class={stand.there ? "button primary" : "button"} data-test="buy-again" onClick={() => void ask()}>
              {t.link.again}
            </button>
          </>
        )}
      </div>
      {(stand.at === "terms" || (stand.at === "no" && stand.there)) && (
        <button type="button" class="button plain" data-test="buy-guest" onClick={onIn}>
          {t.buy.guest}
        </button>
      )}
    </Dialog>
  );
}

const clockSlack = 2000; // ms; the node's entries are in order even where the clock steps

/** A payment that was begun to the same person: of this room, perhaps. */
function own(pending: readonly Pending[], payee: string): { pending?: Pending } {
  const found = pending.find((one) => one.seller.person === payee);
  return found ? { pending: found } : {};
}

/** Everything that one agrees to. */
function Terms({ offer, seller, way, purse }: { offer: TicketOffer; seller: Named; way: Way; purse: Purse | null }) {
  const host = offer.payee === offer.host;
  return (
    <dl class="fact-list terms" data-test="buy-terms">
      <Fact name={t.buy.ticket}>{money(offer.price)}</Fact>
      <FeeFacts way={way} sum={offer.price} purse={purse} payee={host ? seller.name : t.wallet.theSeller} />
      <Fact name={t.buy.tax}>{offer.tax ? <bdi>{offer.tax}</bdi> : t.buy.noTax}</Fact>
      <Fact name={t.buy.seller}>
        <Avatar person={offer.payee} name={host ? seller.name : ""} /> <bdi>{host ? seller.name : t.wallet.key(offer.payee.slice(0, 6))}</bdi>
      </Fact>
      {(offer.shares ?? []).length > 0 && (
        <Fact name={t.buy.goesTo}>
          <span data-test="buy-split">{splitWords(offer.shares ?? [], seller.name)}</span>
        </Fact>
      )}
      <Fact name={t.buy.refund}>{offer.refund_to > Date.now() ? t.buy.refundUntil(dateAndTime(offer.refund_to)) : t.buy.refundNot(seller.name)}</Fact>
      <Fact name={t.buy.good}>{t.buy.goodUntil(dateAndTime(offer.ends))}</Fact>
      <Fact name={t.buy.way}>{t.pay.terms[wayName(way)] ?? way.rail}</Fact>
    </dl>
  );
}

const Note = ({ children }: { children: ComponentChildren }) => (
  <p class="banner" role="alert" data-test="buy-note">
    {children}
  </p>
);

/** Why nothing comes of it, and what to do. */
function refused(error: unknown, { host }: ForSale): Stand {
  const no = (title: string, text: string, there = true): Stand => ({ at: "no", title, text, there });
  if (!(error instanceof Refusal)) return no(t.buy.failed, t.error.unknown);
  switch (error.code) {
    case "sold_out":
      return no(t.buy.soldOut, t.buy.soldOutText);
    case "no_credit":
      return no(t.buy.noCredit(host.name), t.buy.noCreditText(host.name));
    case "not_on_sale":
    case "sale_cancelled":
      return no(t.buy.notOnSale, t.buy.notOnSaleText(host.name));
    case "unreachable":
    case "seller_busy":
    case "seller_unwell":
      return no(t.buy.away(host.name), t.buy.awayText, false);
  }
  return no(t.buy.failed, error.message);
}
