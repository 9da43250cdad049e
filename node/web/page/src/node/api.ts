// Calls to the node on this machine. Every one carries the key; no cookie exists that another site could ride on.
import { t } from "../words";
import type {
  Action,
  Bought,
  Charter,
  ChatLine,
  Claim,
  Details,
  Entry,
  Evidence,
  Face,
  Known,
  Ledger,
  Named,
  Pending,
  Preview,
  Purse,
  Rail,
  Remittance,
  RoomView,
  Sales,
  Shares,
  Status,
  Ticket,
  TicketOffer,
  TipWays,
  TipWish,
  Tipped,
  Tree,
} from "./types";

/** Why the node did not do what it was asked. The text is made to be shown. */
export class Refusal extends Error {
  constructor(
    readonly status: number, // 0: the node did not answer at all
    readonly code: string,
    text: string,
  ) {
    super(text);
  }
}

let key = "";

export function useKey(secret: string): void {
  key = secret;
}

export interface Call {
  method?: string;
  json?: unknown;
  sdp?: string;
  headers?: Record<string, string>;
  keepalive?: boolean;
  signal?: AbortSignal;
}

/** Sends a request and returns its answer if the node did what was asked; otherwise throws a Refusal. */
export async function call(path: string, request: Call = {}): Promise<Response> {
  const headers: Record<string, string> = { Authorization: `Bearer ${key}`, ...request.headers };
  let body: string | undefined;
  if (request.json !== undefined) {
    headers["Content-Type"] = "application/json";
    body = JSON.stringify(request.json);
  } else if (request.sdp !== undefined) {
    headers["Content-Type"] = "application/sdp";
    body = request.sdp;
  }
  let answer: Response;
  try {
    answer = await fetch(path, {
      method: request.method ?? (body === undefined ? "GET" : "POST"),
      headers,
      body,
      signal: request.signal ?? null,
      keepalive: request.keepalive ?? false,
      cache: "no-store",
      credentials: "omit",
    });
  } catch (cause) {
    if (request.signal?.aborted) throw cause;
    throw new Refusal(0, "unreachable", t.error.unreachable);
  }
  if (answer.ok) return answer;
  throw await refusal(answer);
}

async function refusal(answer: Response): Promise<Refusal> {
  try {
    const { error } = await answer.json();
    if (typeof error?.text === "string" && error.text) return new Refusal(answer.status, String(error.code), error.text);
  } catch {
    // Not every refusal is JSON: WHIP and WHEP answer in plain text.
  }
  return new Refusal(answer.status, "http", t.error.status(answer.status));
}

export async function json<T>(path: string, request: Call = {}): Promise<T> {
  return (await call(path, request)).json();
}

const room = (id: string) => `/api/v1/rooms/${encodeURIComponent(id)}`;

const check = (id: string) => `/api/v1/check/${encodeURIComponent(id)}`;

/** Where a line of sound begins: over WebRTC (WHIP or WHEP), or over a WebSocket. */
export interface Ends {
  webrtc: string;
  socket: string;
}

const publishing = (where: string): Ends => ({ webrtc: `${where}/whip`, socket: `${where}/socket/publish` });
const playing = (where: string): Ends => ({ webrtc: `${where}/whep`, socket: `${where}/socket/play` });

export const paths = {
  events: "/api/v1/events",
  publish: (id: string) => publishing(room(id)),
  play: (id: string) => playing(room(id)),
  publishCheck: (id: string) => publishing(check(id)),
  playCheck: (id: string) => playing(check(id)),
};

/** One JSON value a line. */
const lines = <T>(text: string): T[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);

type RailList = { rails: Rail[] | null };

type Where = { room: string } | { link: string };

export const api = {
  setName: (name: string) => json<Status>("/api/v1/name", { method: "PUT", json: { name } }),
  volunteer: (on: boolean, kbps: number) => json<Status>("/api/v1/volunteer", { method: "PUT", json: { on, kbps } }),
  start: (charter: Charter) => json<RoomView>("/api/v1/rooms", { json: charter }),
  preview: (link: string) => json<Preview>("/api/v1/preview", { json: { link } }),
  room: (id: string) => json<RoomView>(room(id)),
  join: (where: Where) => json<RoomView>("/api/v1/join", { json: where }),
  act: (id: string, action: Action, more: Details = {}) =>
    json<RoomView>(`${room(id)}/do`, { json: { action, ...more } }),
  chat: async (id: string, after = 0) => (await json<{ lines: ChatLine[] | null }>(`${room(id)}/chat?after=${after}`)).lines ?? [],
  inRoom: (id: string, search = "", after = "") =>
    json<{ people: Face[] | null; next: string }>(`${room(id)}/people?${new URLSearchParams({ search, after })}`),
  tipWays: (to: string, amount: string) => json<TipWays>("/api/v1/tips/ways", { json: { to, amount } }),
  tip: (wish: TipWish) => json<Tipped>("/api/v1/tips", { json: wish }),
  tree: (id: string) => json<Tree>(`${room(id)}/tree`),
  qr: async (id: string): Promise<Blob> => (await call(`${room(id)}/qr.svg`)).blob(),
  tickets: async () => (await json<{ tickets: Ticket[] | null }>("/api/v1/tickets")).tickets ?? [],
  pending: async () => (await json<{ pending: Pending[] | null }>("/api/v1/tickets/pending")).pending ?? [],
  offers: async (where: Where) => (await json<{ offers: TicketOffer[] | null }>("/api/v1/tickets/offers", { json: where })).offers ?? [],
  buy: (where: Where, price: string, rail: string, byHand: boolean) =>
    json<Bought>("/api/v1/tickets", { json: { ...where, price, rail, by_hand: byHand } }),
  pendingQR: async (order: string): Promise<Blob> => (await call(`/api/v1/tickets/pending/${encodeURIComponent(order)}/qr.svg`)).blob(),
  prove: (order: string, preimage: string) => json<Remittance>(`/api/v1/tickets/pending/${encodeURIComponent(order)}/proof`, { json: { preimage } }),
  rails: async () => (await json<RailList>("/api/v1/rails")).rails ?? [],
  purse: (rail: string) => json<Purse>(`/api/v1/rails/${encodeURIComponent(rail)}/purse`),
  setLnd: async (lnd: { rest: string; macaroon: string; cert: string; max_payment?: string; max_day?: string }) =>
    (await json<RailList>("/api/v1/rails/lnd", { method: "PUT", json: lnd })).rails ?? [],
  setLnAddress: async (address: string) => (await json<RailList>("/api/v1/rails/lnaddress", { method: "PUT", json: { address } })).rails ?? [],
  setNWC: async (nwc: { connection: string; max_payment?: string; max_day?: string }) =>
    (await json<RailList>("/api/v1/rails/nwc", { method: "PUT", json: nwc })).rails ?? [],
  setStripe: async (stripe: { key: string; return: string }) =>
    (await json<RailList>("/api/v1/rails/stripe", { method: "PUT", json: stripe })).rails ?? [],
  limitRail: async (rail: string, max_payment: string, max_day: string) =>
    (await json<RailList>(`/api/v1/rails/${encodeURIComponent(rail)}/limits`, { method: "PUT", json: { max_payment, max_day } })).rails ?? [],
  removeRail: async (rail: string) => (await json<RailList>(`/api/v1/rails/${encodeURIComponent(rail)}`, { method: "DELETE" })).rails ?? [],
  ticketQR: async (id: string): Promise<Blob> => (await call(`/api/v1/tickets/${encodeURIComponent(id)}/qr.svg`)).blob(),
  sales: (id: string) => json<Sales>(`${room(id)}/sales`),
  ledger: () => json<Ledger>("/api/v1/ledger"),
  entries: async () => lines<Entry>(await (await call("/api/v1/ledger/entries")).text()),
  shares: () => json<Shares>("/api/v1/ledger/shares"),
  payOut: (rail: "iou" | "hand" | "lightning") => json<{ done: (Named & { problem?: string })[] | null }>("/api/v1/ledger/payout", { json: { rail } }),
  claims: async () => (await json<{ claims: Claim[] | null }>("/api/v1/ledger/claims")).claims ?? [],
  received: (claim: string) => json<Claim>("/api/v1/ledger/received", { json: { claim } }),
  evidence: (id: string) => json<Evidence>(`/api/v1/ledger/evidence/${encodeURIComponent(id)}`),
  addPeer: (addr: string) => json<{ peers: number }>("/api/v1/peers", { json: { addr } }),
  people: async () => (await json<{ people: Known[] | null }>("/api/v1/people")).people ?? [],
  keepPerson: ({ person, ...more }: Known) => call(`/api/v1/people/${encodeURIComponent(person)}`, { method: "PUT", json: more }),
  startCheck: () => json<{ id: string }>("/api/v1/check", { method: "POST", json: {} }),
  endCheck: (id: string) => call(check(id), { method: "DELETE", keepalive: true }),
  startDemo: () => json<{ room: string }>("/api/v1/demo", { method: "POST", json: {} }),
  stopDemo: () => call("/api/v1/demo", { method: "DELETE" }),
};
