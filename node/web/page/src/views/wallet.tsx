import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../node/api";
import type { Balance, Entry, Ledger, Pending, Ticket } from "../node/types";
import { trade, type Lending, type Subscriptions, type Wish } from "../node/trade";
import { complain } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { useNow } from "../parts/clock";
import { Dialog } from "../parts/dialog";
import { Icon, Sign, type IconName } from "../parts/icon";
import { useStore } from "../store";
import { loadTickets, tickets } from "../tickets";
import { dateAndTime, t } from "../words";
import { money, parseMoney, sum } from "../words/money";
import { saveCSV, saveJSON } from "./export";
import { Income } from "./income";
import { SharesPart } from "./shares";
import { useJoin } from "./join";
import { SafeOffer } from "./safe";
import { Selling } from "./sellers";
import { MySubscriptions } from "./subscriptions";
import { Tiers } from "./tiers";
import { HandAgain } from "./pay/hand";
import { ProofButton } from "./pay/proof";
import { Top } from "./top";
import { Verified } from "./verified";
import { stands, Wishes } from "./wishes";

const every = 5000; // ms

interface Books {
  ledger: Ledger | null; // null until the node has said
  entries: readonly Entry[];
  pending: readonly Pending[];
  wishes: readonly Wish[];
  selling: readonly Lending[];
  subscriptions: Subscriptions | null;
  problem: string;
}

/** What the node's books say, asked for again while one looks; all entries only when there are new ones. */
function useBooks(): [books: Books, again: (subscriptions?: Subscriptions | null) => void] {
  const [books, setBooks] = useState<Books>({ ledger: null, entries: [], pending: [], wishes: [], selling: [], subscriptions: null, problem: "" });
  const [turn, setTurn] = useState(0);
  const known = useRef<{ count: number; entries: readonly Entry[] }>({ count: -1, entries: [] });
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const ask = async () => {
      try {
        const [ledger, pending, wishes, sellers, subscriptions, held] = await Promise.all([
          api.ledger(),
          api.pending(),
          trade.wishes(),
          trade.sellers(),
          trade.subscriptions(),
          loadTickets(),
        ]);
        if (ledger.entries !== known.current.count) {
          const entries = ledger.entries > 0 ? await api.entries() : [];
          known.current = { count: ledger.entries, entries };
        }
        for (const wish of wishes) if (!stands(wish, held)) void trade.drop(wish.id).catch(complain);
        const books = { ledger, pending, subscriptions, wishes: wishes.filter((one) => stands(one, held)), selling: sellers.selling ?? [] };
        if (!gone) setBooks({ ...books, entries: known.current.entries, problem: "" });
      } catch (error) {
        const problem = error instanceof Error ? error.message : t.error.unknown;
        if (!gone) setBooks((before) => ({ ...before, problem }));
      }
      if (!gone) timer = window.setTimeout(() => void ask(), every);
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [turn]);
  const again = (subscriptions?: Subscriptions | null) => {
    if (subscriptions) setBooks((before) => ({ ...before, subscriptions }));
    setTurn((n) => n + 1);
  };
  return [books, again];
}

/** What this person has, owes and is owed, and what vouches for it. */
export function WalletPage() {
  const [books, again] = useBooks();
  const { list } = useStore(tickets, (s) => s);
  const { ledger, entries, pending, wishes, selling, subscriptions, problem } = books;
  const names = namesOf(list, pending, subscriptions);
  const empty = ledger !== null && ledger.entries === 0 && wishes.length === 0;
  return (
    <div class="page">
      <Top back="#/" />
      <main class="wallet" data-test="wallet" data-state={ledger ? (empty ? "empty" : "shown") : problem ? "failed" : "asking"}>
        <h1 tabIndex={-1}>{t.wallet.title}</h1>
        {problem && (
          <p class="wrong" role="alert">
            {problem}
          </p>
        )}
        {!ledger && !problem && (
          <p class="waiting" aria-busy="true">
            {t.wallet.asking}
          </p>
        )}
        {ledger && <SafeOffer />}
        {empty && <Empty />}
        {ledger && !empty && (
          <>
            <Wishes list={wishes} onChange={() => again()} />
            {pending.length > 0 && <PendingPart list={pending} />}
            <Tickets list={list} />
            <Balances balances={ledger.balances ?? []} asked={pending.filter((one) => one.why === "by_hand")} names={names} />
            <MySubscriptions list={subscriptions?.mine ?? []} onChange={again} />
            <Selling list={selling} />
            <SharesPart />
            <Income entries={entries} />
            <Receipts entries={entries} names={names} />
            {ledger.entries > 0 && <Export entries={entries} ledger={ledger} />}
          </>
        )}
        {subscriptions && <Tiers all={subscriptions} onChange={again} />}
      </main>
    </div>
  );
}

function Empty() {
  return (
    <section class="alone inner" data-test="wallet-empty">
      <Sign />
      <h2>{t.wallet.emptyTitle}</h2>
      <p class="lead">{t.wallet.emptyText}</p>
      <a class="button primary large" href="#/" data-test="wallet-to-rooms">
        {t.over.back}
      </a>
    </section>
  );
}

function Part({ title, test, children }: { title: string; test: string; children: ComponentChildren }) {
  return (
    <section class="sheet part" aria-labelledby={`wallet-${test}`} data-test={`wallet-${test}`}>
      <h2 id={`wallet-${test}`}>{title}</h2>
      {children}
    </section>
  );
}

type Names = ReadonlyMap<string, string>;

/** Whom this page knows by name. */
function namesOf(list: readonly Ticket[], pending: readonly Pending[], subscriptions: Subscriptions | null): Names {
  const names = new Map<string, string>();
  for (const { host } of list) if (host.name) names.set(host.person, host.name);
  for (const one of subscriptions?.mine ?? []) if (one.name) names.set(one.creator, one.name);
  for (const one of subscriptions?.subscribers ?? []) if (one.name) names.set(one.device, one.name);
  for (const { seller } of pending) if (seller.name) names.set(seller.person, seller.name);
  return names;
}

const nameOf = (names: Names, key: string): string => names.get(key) ?? t.wallet.key(key.slice(0, 6));

function pendingWords({ purpose, count, seller }: Pending): string {
  const who = seller.name || t.wallet.key(seller.person.slice(0, 6));
  return purpose === "tip" || purpose === "charity" ? t.wallet.tipping(who) : purpose === "subscription" ? t.wallet.subscribing(who) : t.wallet.buying(count, who);
}

function PendingPart({ list }: { list: readonly Pending[] }) {
  return (
    <Part title={t.wallet.pending} test="pending">
      <ul class="rows">
        {list.map((one) => (
          <li key={one.order} class="line-row told" data-test="pending" data-why={one.why}>
            <Icon name="clock" />
            <span class="line-what">
              <strong>{pendingWords(one)}</strong>
              <span class="hint">
                {t.wallet.why(one.why, one.seller.name || t.wallet.theSeller, dateAndTime(one.expires), one.purpose)} {t.wallet.since(dateAndTime(one.since))}
              </span>
            </span>
            <span class="line-sum">{money(one.sum)}</span>
            {(one.why === "by_hand" || one.proof) && (
              <span class="row">
                {one.why === "by_hand" && <HandAgain pending={one} />}
                {one.proof && <ProofButton pending={one} />}
              </span>
            )}
          </li>
        ))}
      </ul>
    </Part>
  );
}

function Tickets({ list }: { list: readonly Ticket[] }) {
  return (
    <section class="stack" aria-labelledby="wallet-tickets" data-test="wallet-tickets">
      <h2 id="wallet-tickets">{t.wallet.tickets}</h2>
      {list.length === 0 ? (
        <p class="hint">{t.wallet.noTickets}</p>
      ) : (
        <ul class="cards wide-cards">
          {list.map((ticket) => (
            <TicketCard key={ticket.id} ticket={ticket} />
          ))}
        </ul>
      )}
    </section>
  );
}

function standing(ticket: Ticket, now: number): string {
  if (ticket.void) return t.wallet.notGood;
  return ticket.starts > now ? t.wallet.goodFrom(dateAndTime(ticket.starts)) : t.wallet.goodUntil(dateAndTime(ticket.ends));
}

function TicketCard({ ticket }: { ticket: Ticket }) {
  const { join, busy, question } = useJoin();
  const now = useNow(60_000);
  const title = ticket.title || t.wallet.roomBy(ticket.room.slice(0, 6));
  return (
    <li class="card ticket-card" data-test="ticket-card" data-room={ticket.room}>
      <div class="ticket-head">
        <div class="stack tight">
          <h3 dir="auto">{title}</h3>
          {ticket.host.name && (
            <p class="host">
              <Avatar person={ticket.host.person} name={ticket.host.name} />
              <span>
                {t.home.hostedBy} <bdi>{ticket.host.name}</bdi>
              </span>
            </p>
          )}
          <p class="hint">
            {t.wallet.seat(ticket.serial + 1)} · {standing(ticket, now)}
          </p>
        </div>
        <TicketCode id={ticket.id} title={title} />
      </div>
      <div class="card-foot">
        <Verified id={ticket.id} what={t.wallet.ticketTo(title)} />
        <button
          type="button"
          class="button primary"
          data-test="ticket-go-in"
          aria-disabled={busy || ticket.void}
          onClick={() => !ticket.void && void join(ticket.link ? { room: ticket.room, link: ticket.link } : { room: ticket.room })}
        >
          <Icon name="play" turns />
          <span>{busy ? t.home.joining : t.buy.goIn}</span>
          <span class="unseen">{title}</span>
        </button>
      </div>
      {question}
    </li>
  );
}

/** An image cannot carry the key, so the code is fetched. A click shows it as large as somebody needs to scan it. */
function TicketCode({ id, title }: { id: string; title: string }) {
  const [address, setAddress] = useState("");
  const [large, setLarge] = useState(false);
  useEffect(() => {
    let made = "";
    let gone = false;
    api.ticketQR(id).then(
      (image) => {
        if (!gone) setAddress((made = URL.createObjectURL(image)));
      },
      () => {}, // the ticket is as good without
    );
    return () => {
      gone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [id]);
  if (!address) return <span class="ticket-code" aria-hidden="true" />;
  return (
    <>
      <button type="button" class="ticket-code" aria-haspopup="dialog" aria-label={t.wallet.qr(title)} data-test="ticket-code" onClick={() => setLarge(true)}>
        <img src={address} alt="" width={128} height={128} data-test="ticket-qr" />
      </button>
      {large && (
        <Dialog title={title} test="code-dialog" onClose={() => setLarge(false)}>
          <img class="code-large" src={address} alt={t.wallet.qr(title)} width={432} height={432} />
          <p class="hint">{t.wallet.qrText}</p>
        </Dialog>
      )}
    </>
  );
}

// The accounts of a ledger, as people ask for them.
const shown = ["have", "owed", "owe", "held", "sent"] as const;
type Shown = (typeof shown)[number];
const isShown = (word: string): word is Shown => (shown as readonly string[]).includes(word);

interface Sums {
  total: number;
  digits: number;
  with: readonly Balance[];
}

/**
 * In the books what one is asked to pay by hand is sent from the moment when it is asked for: nobody can know better. It stands under
 * what is on its way, and is no balance before the seller says that it came.
 */
function takeOut(of: ReadonlyMap<string, Map<Shown, Sums>>, asked: readonly Pending[]): void {
  for (const { sum: text, seller } of asked) {
    const m = parseMoney(text);
    const accounts = m && of.get(m.unit);
    const [sent, have] = [accounts?.get("sent"), accounts?.get("have")];
    if (!m || !sent || !have || sent.total < m.value || !sent.with.some((one) => one.with === seller.person)) continue;
    const left = sent.total - m.value;
    accounts!.set("sent", { ...sent, total: left });
    accounts!.set("have", { ...have, total: have.total + m.value });
  }
  for (const accounts of of.values()) for (const [word, { total, digits }] of accounts) if (Number(total.toFixed(digits)) === 0) accounts.delete(word);
}

interface BalancesProperties {
  balances: readonly Balance[];
  asked: readonly Pending[]; // to be paid by hand
  names: Names;
}

/** What is on the accounts: of each currency in all, and with whom. */
function Balances({ balances, asked, names }: BalancesProperties) {
  const units = new Map<string, Map<Shown, Sums>>();
  for (const one of balances) {
    const m = parseMoney(one.money);
    if (!m || m.value === 0 || !isShown(one.class)) continue;
    const of = units.get(m.unit) ?? new Map<Shown, Sums>();
    units.set(m.unit, of);
    const sums = of.get(one.class) ?? { total: 0, digits: m.digits, with: [] };
    of.set(one.class, { total: sums.total + m.value, digits: Math.max(sums.digits, m.digits), with: [...sums.with, one] });
  }
  takeOut(units, asked);
  for (const [unit, of] of units) if (of.size === 0) units.delete(unit);
  return (
    <section class="stack" aria-labelledby="wallet-balances" data-test="wallet-balances">
      <h2 id="wallet-balances">{t.wallet.balances}</h2>
      {units.size === 0 && <p class="hint">{t.wallet.even}</p>}
      <ul class="cards">
        {[...units].sort().map(([unit, of]) => (
          <li key={unit} class="card balance" data-test="balance" data-unit={unit}>
            <h3>{unit}</h3>
            <dl class="fact-list terms">
              {shown.map((word) => {
                const sums = of.get(word);
                if (!sums) return null;
                return (
                  <div key={word} data-test={`balance-${word}`}>
                    <dt>
                      {word === "have" && sums.total < 0 ? t.wallet.spent : t.wallet.classes[word]}
                      <span class="hint">{withWhom(word, sums.with, names)}</span>
                    </dt>
                    <dd class={word === "owe" ? "owed" : undefined}>{sum(word === "have" ? Math.abs(sums.total) : sums.total, unit, sums.digits)}</dd>
                  </div>
                );
              })}
            </dl>
          </li>
        ))}
      </ul>
      {units.size > 0 && <p class="hint">{t.wallet.balancesText}</p>}
    </section>
  );
}

const few = 3; // people who are named

function withWhom(word: Shown, list: readonly Balance[], names: Names): string {
  const people = list.filter((one) => one.with && (word === "owed" || word === "owe" || word === "sent"));
  if (people.length === 0) return "";
  if (word === "owed") return t.wallet.byBuyers(people.length); // keys made for one purchase tell nobody anything
  const named = people.slice(0, few).map((one) => nameOf(names, one.with!));
  return t.wallet.to(named.join(", "), people.length - named.length);
}

const atOnce = 20; // receipts

/** The entries that are a receipt of something, the newest first. */
function Receipts({ entries, names }: { entries: readonly Entry[]; names: Names }) {
  const [most, setMost] = useState(atOnce);
  const list = entries.filter((e) => kindOf(e) in t.wallet.kinds && (e.kind !== "got" || e.purpose !== "ticket" || (e.count ?? 0) > 0)).reverse();
  if (list.length === 0) return null;
  return (
    <Part title={t.wallet.receipts} test="receipts">
      <ul class="rows">
        {list.slice(0, most).map((e) => {
          const words = receiptWords(e, names);
          return (
            <li key={e.id} class="line-row" data-test="receipt" data-kind={e.kind}>
              <Icon name={iconOf(e)} turns={e.kind === "refund" || e.kind === "refunded"} />
              <span class="line-what">
                <strong>{words}</strong>
                <span class="hint">
                  {dateAndTime(e.time)}
                  {e.tax && (
                    <>
                      {" "}
                      · <bdi data-test="receipt-tax">{e.tax}</bdi>
                    </>
                  )}
                </span>
              </span>
              <span class="line-end">
                <span class="line-sum">{e.sum && money(e.sum)}</span>
                <Verified id={e.id} what={words} />
              </span>
            </li>
          );
        })}
      </ul>
      {list.length > most && (
        <button type="button" class="button" data-test="more-receipts" onClick={() => setMost(most + atOnce)}>
          {t.home.showMore(Math.min(atOnce, list.length - most))}
        </button>
      )}
    </Part>
  );
}

function iconOf(e: Entry): IconName {
  if (e.kind === "dispute") return "alert";
  if (e.kind === "refund" || e.kind === "refunded") return "back";
  if (e.kind !== "got") return "receipt";
  return e.purpose === "subscription" ? "coHost" : e.purpose === "tip" || e.purpose === "charity" ? "gift" : "ticket";
}

const kindOf = (e: Entry): string => (e.kind === "dispute" || e.kind === "surplus" ? `${e.kind} ${e.name ?? ""}` : e.kind);

function receiptWords(e: Entry, names: Names): string {
  const who = e.with ? nameOf(names, e.with) : "";
  const words = t.wallet.kinds[kindOf(e)]!(who, t.wallet.what(e.purpose ?? "ticket", e.count ?? 1), e.rail === "iou");
  // It may begin with "key …", which is nobody's name.
  return e.with && !names.has(e.with) ? words[0]!.toLocaleUpperCase(t.lang) + words.slice(1) : words;
}

function Export({ entries, ledger }: { entries: readonly Entry[]; ledger: Ledger }) {
  const save = (how: (entries: readonly Entry[]) => void) => {
    try {
      how(entries);
    } catch (error) {
      complain(error);
    }
  };
  return (
    <Part title={t.wallet.books} test="export">
      <p data-test="wallet-witnessed">{t.wallet.witnessed(ledger.entries, ledger.witnesses)}</p>
      <p class="hint">{t.wallet.exportText}</p>
      <div class="row">
        <button type="button" class="button" data-test="export-csv" onClick={() => save(saveCSV)}>
          <Icon name="save" />
          <span>{t.wallet.csv}</span>
        </button>
        <button type="button" class="button" data-test="export-json" onClick={() => save(saveJSON)}>
          <Icon name="save" />
          <span>{t.wallet.json}</span>
        </button>
      </div>
    </Part>
  );
}
