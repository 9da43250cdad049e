// Calls to the node about subscriptions, wishes, seats that others sell, and keys that are kept.
import { call, json } from "./api";
import type { Fork, Named, Pending, Split } from "./types";

/** A subscription that somebody offers. */
export interface Tier {
  id: string;
  name: string;
  price: string; // of one period
  period: number; // seconds
  creator: string;
  shares: Split[] | null; // of the price; the rest is the creator's
  rails: string[] | null; // by which it can be paid
  tax: string; // as the creator states it; empty: nothing
  perks: string; // what it brings; likewise
  first: string; // names it, whatever the version
  fork?: Fork;
}

/** What to subscribe to, or to renew, and how it is paid. */
export interface SubscribeWish {
  to: string;
  tier: string; // by name
  price: string; // as it was seen
  rail: string;
  by_hand: boolean;
  nonce: string; // 32 hex digits: the same again is the same purchase
  offer: string; // the version that was seen
}

/** A subscription to offer. */
export interface TierWish {
  name: string;
  price: string;
  period: number;
  tax: string;
  perks: string;
}

export interface OwnTier extends Tier {
  open: number; // subscribers who may come in now
  income: string; // ever
}

/** A subscription of this person. */
export interface Subscription {
  offer: string;
  creator: string;
  name: string; // of the creator; empty if the node does not know
  price: string; // paid last, of so many periods:
  owed: boolean; // by an IOU, which was not settled since
  periods: number;
  period: number; // seconds
  through: number; // unix ms: so far it is paid
  until: number; // so long it opens rooms
  ended: boolean;
  renew: boolean; // now is the time
  first: string; // names the offer, whatever the version
  tier: string; // what it is called; empty if that was not kept
  perks: string; // as it was paid for
  gone: boolean; // it is offered no more, as far as its creator has said
  now?: Tier; // what a renewal costs and brings, if that was changed since
  pending?: Pending; // by hand: what to pay now
}

export interface Subscriber {
  offer: string;
  tier: string;
  device: string;
  name: string; // while they are in a room here; else empty
  through: number;
  until: number;
  ended: boolean;
  disputed?: boolean; // with the bank, which has not decided
}

export interface Subscriptions {
  mine: Subscription[] | null;
  offers: OwnTier[] | null;
  subscribers: Subscriber[] | null;
}

/** What somebody waits to buy. */
export interface Wish {
  id: string;
  room: string;
  count: number;
  price: string; // empty: only told
  rail: string;
  made: number; // unix ms
  expires: number;
  state: "waiting" | "changed" | "paying" | "bought" | "refused";
  asked: string; // when it has changed: the price now
  why: string;
  text: string; // that in words
  title: string;
  host: Named;
  link: string;
}

/** Seats that one device sells for the host of a room. */
export interface Lending {
  id: string;
  room: string;
  seller: string; // the device
  payee: string;
  seats: number;
  expires: number; // unix ms
  sold: number;
  held: number;
  back: boolean;
  price: string;
  title: string;
  host: Named;
  name: string; // of the seller, while they are in the room here
}

export interface Sellers {
  lent: Lending[] | null;
  selling: Lending[] | null;
}

export interface KeysKept {
  due: boolean; // to be offered
  saved: number; // unix ms; 0: never
}

type Where = { room: string } | { link: string };

const person = (key: string) => encodeURIComponent(key);

export const trade = {
  subscriptions: () => json<Subscriptions>("/api/v1/subscriptions"),
  tiers: async (to: string) => (await json<{ tiers: Tier[] | null }>("/api/v1/subscriptions/tiers", { json: { to } })).tiers ?? [],
  subscribe: (wish: SubscribeWish) => json<Subscription>("/api/v1/subscriptions", { json: wish }),
  offer: (tier: TierWish) => json<Tier>("/api/v1/subscriptions/offers", { json: tier }),
  change: (offer: string, to: { price: string; tax: string; perks: string }) =>
    json<Tier>("/api/v1/subscriptions/offers", { method: "PUT", json: { offer, ...to } }),
  end: (offer: string) => json<Subscriptions>("/api/v1/subscriptions/end", { json: { offer } }),
  credits: async () => (await json<{ credits: { person?: string; money: string }[] | null }>("/api/v1/ledger/credit")).credits ?? [],
  setCredit: (money: string) => call("/api/v1/ledger/credit", { method: "PUT", json: { money } }),
  wishes: async () => (await json<{ wishes: Wish[] | null }>("/api/v1/tickets/wishes")).wishes ?? [],
  wish: (where: Where, price: string) => json<Wish>("/api/v1/tickets/wishes", { json: price ? { ...where, price } : where }),
  agree: (id: string, price: string) => json<Wish>(`/api/v1/tickets/wishes/${person(id)}`, { method: "PUT", json: { price } }),
  drop: (id: string) => call(`/api/v1/tickets/wishes/${person(id)}`, { method: "DELETE" }),
  sellers: () => json<Sellers>("/api/v1/tickets/sellers"),
  lend: (room: string, who: string, seats: number, sellerIsPaid: boolean) =>
    json<Lending>("/api/v1/tickets/sellers", { json: { room, who, seats, seller_is_paid: sellerIsPaid } }),
  takeBack: (device: string) => call(`/api/v1/tickets/sellers/${person(device)}`, { method: "DELETE" }),
  keysKept: () => json<KeysKept>("/api/v1/keys"),
  keysLater: () => json<KeysKept>("/api/v1/keys", { method: "PUT", json: { later: true } }),
  exportKeys: async (passphrase: string) => (await call("/api/v1/keys/export", { json: { passphrase } })).blob(),
};
