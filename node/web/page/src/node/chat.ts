// The chat of each room this person is in: its lines in order, and how far they were read.
import { Store } from "../store";
import { api } from "./api";
import type { ChatEvent, ChatLine, RoomView } from "./types";
import { onRoomChange, world } from "./world";

export interface Chat {
  lines: readonly ChatLine[]; // by seq; a line that did not change stays the same object
  read: number; // seq of the last line that was on the screen
  spoke: number; // performance.now() of one's own last line, -Infinity before
}

const most = 500; // lines kept of a room; the node keeps fewer
const empty: Chat = { lines: [], read: 0, spoke: -Infinity };

/** By room. */
export const chats = new Store<Readonly<Record<string, Chat>>>({});

export const chatOf = (all: Readonly<Record<string, Chat>>, room: string): Chat => all[room] ?? empty;

/** What one was writing, by room: it outlives the field, which goes when one looks elsewhere. */
export const drafts = new Map<string, string>();

const loaded = new Set<string>();
let tellLine: (room: string, line: ChatLine) => void = () => {};

/** Tells of each line that was written by somebody while this person was in the room. */
export function onNewLine(tell: (room: string, line: ChatLine) => void): void {
  tellLine = tell;
}

/** Fetches what was written before the page knew the room, and after every time it lost it. */
export function followChats(): void {
  onRoomChange((before, room) => {
    if (room.phase !== "live") return;
    if (before?.phase !== "live") loaded.delete(room.id);
    if (!loaded.has(room.id)) void load(room);
  });
  world.subscribe(() => {
    for (const id of Object.keys(chats.get())) {
      if (!world.get().joined[id]) forget(id);
    }
  });
}

/** What was said meanwhile may have been missed: every chat is fetched with the next state of its room. */
export function missedLines(): void {
  loaded.clear();
}

async function load(room: RoomView): Promise<void> {
  loaded.add(room.id);
  try {
    take(room.id, await api.chat(room.id));
  } catch {
    loaded.delete(room.id); // tried again with the next change of the room
  }
}

export function takeLines(event: ChatEvent): void {
  take(event.room, event.lines ?? []);
}

function take(room: string, lines: readonly ChatLine[]): void {
  const known = chats.get()[room];
  const before = known ?? empty;
  const last = before.lines.at(-1)?.seq ?? 0;
  const merged = merge(before.lines, lines);
  const me = world.get().joined[room]?.me.person;
  const mine = merged.findLast((line) => line.person === me);
  const age = mine ? Math.max(0, Date.now() - mine.time) : Infinity;
  chats.set({
    [room]: {
      lines: merged,
      // What was written before one came is not unread.
      read: known ? before.read : (merged.at(-1)?.seq ?? 0),
      spoke: mine && mine.seq > last ? performance.now() - (known ? 0 : age) : before.spoke,
    },
  });
  if (!known) return;
  for (const line of merged) {
    if (line.seq > last && line.person !== me && !line.erased) tellLine(room, line);
  }
}

/** Both in order, each seq once. What was erased stays so, whatever comes late. */
function merge(old: readonly ChatLine[], news: readonly ChatLine[]): readonly ChatLine[] {
  if (news.length === 0) return old;
  const all = new Map(old.map((line) => [line.seq, line]));
  for (const line of news) {
    const before = all.get(line.seq);
    // A room that a crash took back a little may use a number again.
    const another = before && (before.time !== line.time || before.person !== line.person);
    if (!before || another || (line.erased && !before.erased)) all.set(line.seq, line);
  }
  return [...all.values()].sort((a, b) => a.seq - b.seq).slice(-most);
}

export function markRead(room: string): void {
  const chat = chats.get()[room];
  const last = chat?.lines.at(-1)?.seq ?? 0;
  if (chat && chat.read < last) chats.set({ [room]: { ...chat, read: last } });
}

/** How many lines of others were not on the screen yet. */
export function unread(chat: Chat, me: string): number {
  let n = 0;
  for (let i = chat.lines.length - 1; i >= 0 && chat.lines[i]!.seq > chat.read; i--) {
    if (chat.lines[i]!.person !== me && !chat.lines[i]!.erased) n++;
  }
  return n;
}

function forget(room: string): void {
  const { [room]: _, ...rest } = chats.get();
  chats.replace(rest);
  loaded.delete(room);
  drafts.delete(room);
}
