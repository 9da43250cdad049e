// What the node's loopback API says, as the page reads it.

export type Mode = "talk" | "concert";
export type Role = "host" | "co-host" | "speaker" | "listener"; // a co-host is on stage or not, the others follow from it
export type Phase = "connecting" | "live" | "reconnecting" | "ended" | "removed" | "failed";

export interface Named {
  person: string;
  name: string;
  warning?: string; // of the name, in words; only the page has it
}

/** A warning of a name that may be taken for another. */
export interface Caution {
  person: string;
  why: "alike" | "mixed";
  like?: string; // the name of somebody else whom this person knows
}

export interface Status extends Named {
  order: number; // as a room's
  short: string;
  device: string;
  version: string;
  peers: number;
  nearby: boolean;
  addrs: string[] | null;
  guests?: string;
  notices?: string[]; // what a person should know of the start of the node
  volunteer: Volunteer;
}

/** What a person lends of their upload to the rooms that they hear, and what comes of it now. */
export interface Volunteer {
  on: boolean;
  kbps: number; // at most, once it is on
  feeds: number; // listeners
  rooms: number;
  unreachable: boolean; // others cannot reach this node
  narrow: boolean; // its upload did not take what two listeners need, when it was tried last
}

/** Who may come in: everybody; who has the link or is on the guest list; who holds a ticket or is on it. */
export type Access = "open" | "invite" | "ticket" | "subscribers";

export interface RoomCard {
  id: string;
  title: string;
  mode: Mode;
  language: string;
  host: Named;
  listeners: number;
  speakers: number;
  started: number; // unix ms
  mine: boolean;
  joined: boolean;
  locked: boolean;
  stage_only: boolean; // everybody may come on stage
  starts: number; // unix ms, while the doors are not open yet; else 0
  access: Access;
  price: string; // of a ticket; empty: free, or not known
  caution?: Caution; // of the host's name
}

/** Somebody in this person's own list, which nobody else sees. */
export interface Known extends Named {
  blocked: boolean;
  muted: boolean;
}

/** A room as one sees it before going in. */
export interface Preview {
  id: string;
  title: string;
  host: Named;
  mode: Mode;
  language: string;
  listeners: number;
  speakers: number;
  stage_only: boolean;
  locked: boolean;
  waiting: boolean;
  starts: number; // unix ms, 0 is none
  record_asks: boolean;
  access: Access;
  invited: boolean; // what this node has for it lets one in, as far as it knows
  captions: string; // how there are captions; empty: none
  price: string; // empty: free
  joined: boolean;
  caution?: Caution; // of the host's name
}

/** A ticket that this person has bought. */
export interface Ticket {
  id: string;
  room: string;
  serial: number; // the seat, from 0
  holder: string; // the key that holds it
  seller: string; // the device that signed it
  starts: number; // unix ms
  ends: number;
  void: boolean; // its seller has said that it is not good any more
  title: string; // of the room; empty if it is not known
  host: Named;
  link: string;
}

/** What the host of a room sells: all of it is signed. */
export interface TicketOffer {
  id: string;
  name: string;
  class: number;
  price: string; // of one
  seats: number;
  host: string;
  payee: string; // who is paid
  starts: number; // unix ms, as are the next two
  ends: number;
  refund_to: number; // 0: no money back
  fork?: Fork;
  tax: string; // as the seller states it; empty: nothing
  rails: string[] | null; // by which it can be paid
  shares: Split[] | null; // of the price; the rest is the host's
}

/** Somebody's part of each price. */
export interface Split {
  to: string; // co-host, relays, charity or fund
  key?: string;
  name?: string;
  basis_points: number;
}

/** What others are owed of what is sold here, and what is earned of what others sell. */
export interface Shares {
  owed: OwedShare[] | null;
  earned: EarnedShare[] | null;
  going: GoingShare[] | null;
}

/** A payment that whom it is for has not confirmed. */
export interface GoingShare {
  to: Named;
  money: string;
  away?: boolean; // its wallet is not set up any more
}

export interface OwedShare extends Named {
  waits: { to: string; money: string }[] | null; // for the next payout
  going: string;
  paid: string;
  left: string;
  least: string;
}

export interface EarnedShare {
  from: Named;
  to: string;
  total: string;
  owed: string; // of it, still to come
}

/** Somebody's word that they have paid what they owed. */
export interface Claim {
  claim: string;
  money: string;
  means: string;
}

export interface Bought {
  tickets: string[];
  refunded: boolean; // the seats were gone, and the money went back
  pending?: Pending; // by hand: what to pay now
}

/** The books at a glance. */
export interface Ledger {
  entries: number;
  witnessed: number; // so many of the entries were seen by others, who signed that
  witnesses: number; // so many others
  balances: Balance[] | null;
}

/** What is on an account: above zero is what the class says. */
export interface Balance {
  class: string;
  with?: string; // a person, or a key made for one purchase
  money: string;
}

/** A line of the books. What it does not say is left out. */
export interface Entry {
  number: number;
  id: string;
  time: number; // unix ms
  kind: string;
  name?: string; // of a dispute: how far it is
  purpose?: string;
  with?: string;
  rail?: string;
  sum?: string;
  count?: number;
  tax?: string; // as the seller states it
  gross?: string;
  fee?: string;
  shares?: string;
  net?: string;
  postings?: { account: string; money: string }[];
}

/** Who has signed what of an entry, verified again when it was asked for. */
export interface Evidence {
  entry: string;
  time: number; // unix ms
  log: string;
  height: number; // in the log, from 0
  good: boolean;
  problem?: string;
  kind: string;
  signed: Signed[] | null;
  size: number; // entries that the books had when the witnesses saw them; 0: nobody has
  witnesses: Witness[] | null;
  proven?: Proven; // of what was bought: where it is in the seller’s books
  fork?: Fork; // whoever sold it keeps two different books
}

/** Somebody who has seen how far books go, and none of what is in them. */
export interface Witness {
  device: string;
  person?: string;
  name?: string;
  time: number; // unix ms
}

export interface Proven {
  height: number; // in the seller’s books, from 0
  size: number; // of these, as they were proven
  witnesses: Witness[] | null;
}

/** The proof that somebody has signed two different books. */
export interface Fork {
  person: string;
  device: string;
  how: string;
}

export interface Signed {
  what: string;
  id?: string;
  by: string;
  whose: "you" | "purchase" | "buyer" | "seller" | "person";
}

/** How the tickets of a room of one's own sell. */
export interface Sales {
  offers: OfferSales[] | null;
  wanted: number; // people who waited for tickets while this node could not be reached
  credit: string; // that a buyer may owe
}

export interface OfferSales {
  price: string; // of one
  seats: number; // in all
  sold: number;
  held: number; // for who is buying just now
  left: number;
  refunded: number;
  gross: string; // without what went back
  back: string;
  shares: Share[] | null; // the host's first
  sales: SoldTickets[] | null; // the newest first
}

export interface Share {
  to: string;
  key?: string;
  name?: string;
  basis_points: number;
  money: string;
}

export interface SoldTickets {
  receipt: string;
  buyer: string;
  count: number;
  sum: string;
  rail: string;
  time: number; // unix ms
  refunded?: string;
  dispute?: "opened" | "won" | "lost";
}

/** A purchase that is not ended. */
export interface Pending {
  order: string;
  seller: Named;
  count: number;
  sum: string;
  rail: string;
  since: number; // unix ms
  expires: number; // until when the seats are held
  why: "asked" | "on_its_way" | "too_late" | "unreachable" | "by_hand";
  purpose?: "ticket" | "tip" | "charity" | "subscription";
  request: string; // by hand: what to pay, an invoice or the address of a page
  proof: boolean; // once it is paid, that can be shown to others
}

/** What shows anybody that a payment was made for which there is no receipt. */
export interface Remittance {
  text: string; // all of it, to hand on
  order: string;
  purpose: "ticket" | "tip" | "charity" | "subscription";
  count: number;
  sum: string;
  payee: string;
  device: string; // that asked for it
  time: number; // unix ms: when it asked
  paid_to: string; // the Lightning node that signed the invoice
}

/** A way of paying that is set up. */
export interface Rail {
  name: string;
  address: string;
  receives: boolean;
  pays: boolean;
  max_payment?: string;
  max_day?: string;
  error?: string; // why it is not used
}

/** What this node can pay by a way of paying. */
export interface Purse {
  balance: string; // "" if it could not be asked
  max_payment: string;
  max_day: string;
  spent: string;
  fee_share: number; // beyond its sum others may take so many basis points of a payment,
  fee_least: string; // or this if it is more
}

/** What a room is started with. What may be left out is for few rooms. */
export interface Charter {
  title: string;
  mode: Mode;
  language: string;
  starts?: number; // unix ms; left out: now
  stage_only?: boolean;
  record_asks?: boolean;
  access?: Access; // left out: open
  price?: string; // of a ticket, as are the next two
  seats?: number;
  iou_limit?: string; // that a buyer may owe in all
  tax?: string; // what is stated of it
  shares?: Split[]; // left out: the usual ones
}

export interface Me extends Named {
  role: Role;
  muted: boolean;
  hand: boolean;
  hand_place: number; // 1 is next, 0 without a hand
  invited: boolean; // to come on stage
  seated: boolean; // on stage
  leads: boolean; // host or co-host
  leading: boolean; // the room is led at this node
  may_speak: boolean; // seated, not muted, and nobody else's turn
  publishing: boolean;
  playing: boolean;
}

export interface Seat extends Named {
  role: Role;
  muted: boolean;
  publishing: boolean;
  volume: number; // 1 is as it comes
  stick: boolean; // holds the talking stick
  away: boolean; // the connection is lost, the seat waits
  muted_for_me: boolean; // by this person's own list
}

export interface Hand extends Named {
  since: number; // unix ms
}

export interface Quality {
  state: "good" | "poor" | "silent" | "waiting";
  text: string;
  buffer_ms: number;
  delay_ms: number;
  concealed: number; // share of frames, 0 to 1
  transport: "udp" | "stream" | ""; // "" in a room of one's own, and while there is no connection
  audience?: Audience; // in a room of one's own, once somebody has told
  way?: Hop[]; // in somebody else's: by whom one is fed, the host last
}

/** How the listeners of a room of one's own heard the last minute. */
export interface Audience {
  listeners: number;
  told: number; // of them, those who have said how they hear; the rest is about these
  of: number; // so many of them, 0 to 1,
  heard: number; // heard this share, or more
  delay_ms: number; // half of them are no further behind; 0 if nobody knows
  poor: number; // of them, those who heard less than 98 %
}

/** A node on the way to the host. */
export interface Hop {
  name: string;
  rtt_ms: number; // to it, from the one before; 0 if not known
}

/** The tree that carries a room of one's own. */
export interface Tree {
  nodes: TreeNode[]; // the host's first, and each after who feeds it, the nearest first
  more: number; // relays that are not listed
  total: number; // nodes in all
  audience?: Audience;
  accused?: Accused[]; // the latest first; some may not be in the tree any more
}

/** A relay that listeners left for what it passed on, by evidence that was checked. */
export interface Accused {
  device: string;
  name: string;
  people: number; // who said so
  what: "altered" | "forged";
  out: boolean; // it carries the room no more
}

/** The host's node, or a relay. */
export interface TreeNode {
  up: number; // place in the list of who feeds it; -1 for the host's
  depth: number;
  device: string;
  name: string;
  leaves: number; // nodes that it feeds and that feed nobody
  relays: number; // that it feeds
  listeners: number; // people at and below it
  poor: number; // of those that it feeds itself, who heard less than 98 % of the last minute
  loss: number; // of the frames from who feeds it, 0 to 1
  rtt_ms: number; // to who feeds it; 0 if not known
}

/** The quality as it was in one second. */
export interface QualityEvent extends Quality {
  room: string;
}

/** Something said in the chat. `seq` is its name; it may come again, erased. */
export interface ChatLine extends Named {
  seq: number;
  time: number; // unix ms
  text: string; // empty once erased
  erased: boolean;
}

export interface ChatEvent {
  room: string;
  lines: ChatLine[] | null;
}

export interface ReactionsEvent {
  room: string;
  counts: Record<string, number>; // by emoji, since the last event
}

export interface TipEvent {
  room: string;
  id: string;
  to: Named;
  from?: Named; // left out if it is hidden
  amount: string; // "" if it is hidden
  note: string;
  time: number; // unix ms
  charity?: string; // for which they take it
  pledge: boolean; // that it gets there is their word alone
  caution?: Caution; // of who gave it
}

export interface TipWish {
  to: string; // a person's ID
  amount: string;
  note: string;
  hide_name: boolean;
  hide_amount: boolean;
  rail: string;
  by_hand: boolean;
  nonce: string; // 32 hex digits: the same again is the same tip
}

/** How somebody can be given a tip. */
export interface TipWays {
  rails: string[] | null; // by which they take such money
  fork?: Fork;
}

export interface Tipped {
  owed: boolean;
  pending?: Pending;
}

export interface RoomView {
  id: string;
  order: number; // of two views the later one has the higher
  title: string;
  mode: Mode;
  language: string;
  created: number; // unix ms
  host: Named;
  link: string;
  demo: boolean;
  phase: Phase;
  reason?: string; // when the phase is over
  refused?: string; // why one was not let in, in one word
  held_until?: number; // while reconnecting: how long the room keeps our place, unix ms
  me: Me;
  stage: Seat[] | null;
  hands: Hand[] | null; // in the order of the queue
  co_hosts: Named[] | null; // in the order in which they would take over
  leader?: Named; // who keeps the room going while the host does not
  successor?: Named; // who would, if this node were gone
  accused?: Accused[]; // relays, where one leads the room
  listeners: number;
  quality: Quality | null;
  hands_closed: boolean;
  locked: boolean;
  chat_closed: boolean; // only those who lead write
  slow: number; // seconds between two lines of one person, 0 is none
  stage_only: boolean; // everybody may come on stage, no hands are raised
  recording: boolean; // the host says that the room is recorded
  record_asks: boolean; // salon records only while `recording` is on
  waiting: boolean; // the doors are not open yet
  starts: number; // unix ms of the start that was announced, 0 is none
  stick_out: boolean; // a talking stick is in use: only its holder speaks
  stick_next?: Named; // who has it next, unless it is passed to somebody else
  pinned?: Pinned;
  removed?: Named[]; // told to those who lead
  access: Access;
  listed?: Named[]; // the guest list, told to those who lead
  keepers?: Named[]; // who let newcomers in while nobody leads
  cautions?: Caution[]; // of names in it, and in the chat
}

/** What stays on top of the chat. */
export interface Pinned extends Named {
  seq: number;
  text: string;
}

/** Somebody in the list of everybody in the room. */
export interface Face extends Named {
  role: Role;
  seated: boolean;
  hand: boolean;
  invited: boolean;
  caution?: Caution;
}

export type Action =
  | "raise_hand"
  | "lower_hand"
  | "grant"
  | "invite"
  | "accept"
  | "decline"
  | "return"
  | "mute"
  | "mute_all"
  | "unmute"
  | "remove"
  | "readmit"
  | "close_hands"
  | "open_hands"
  | "lock"
  | "unlock"
  | "end"
  | "leave"
  | "hand_over"
  | "take_back"
  | "volume"
  | "cohost"
  | "uncohost"
  | "place_hand"
  | "stage_only"
  | "stage_open"
  | "stick_out"
  | "stick_in"
  | "pass_stick"
  | "lay_stick"
  | "say"
  | "erase"
  | "close_chat"
  | "open_chat"
  | "slow"
  | "pin"
  | "unpin"
  | "react"
  | "begin"
  | "record_on"
  | "record_off"
  | "admit"
  | "strike"
  | "keeper"
  | "unkeeper"
  | "relink";

/** What some actions need. */
export interface Details {
  person?: string;
  volume?: number;
  place?: number; // from 1
  seconds?: number;
  ref?: number; // of a line of the chat
  text?: string;
  emoji?: string;
}

export interface CheckEvent {
  id: string;
  phase: "recording" | "ready" | "playing" | "done";
  left_ms: number;
  level: number; // dBFS peak
}

export interface DemoEvent {
  step: string; // host, join, hand, granted, guest, measured, over
  text: string;
  done: boolean; // the last one
  failed: boolean;
  heard?: number; // share of the voice that was heard, 0 to 1
  gap_ms?: number; // the longest that was not
}

export interface LevelsEvent {
  room: string;
  levels: Record<string, number>; // -dBov, 127 is silence
}

export interface NoticeEvent {
  level: "info" | "warn";
  text: string;
}

/** The room is one's own. Who may run it besides, `me.leads` says; it ends when `me.leading` leaves it. */
export const runsRoom = (me: Me): boolean => me.role === "host";

export const isOver = (phase: Phase): boolean => phase === "ended" || phase === "removed" || phase === "failed";
