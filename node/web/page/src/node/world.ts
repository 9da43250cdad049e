// The world as the node tells it: status, rooms live now, the rooms this person is in.
import { take as takePeople } from "../people";
import { Store } from "../store";
import { missedLines, takeLines } from "./chat";
import { setLevels } from "./levels";
import { takeQuality } from "./quality";
import { takeReactions } from "./reactions";
import { follow, type StreamEvent, type StreamState } from "./stream";
import { takeTip } from "./tips";
import type {
  ChatEvent,
  CheckEvent,
  DemoEvent,
  Known,
  LevelsEvent,
  NoticeEvent,
  QualityEvent,
  ReactionsEvent,
  RoomCard,
  RoomView,
  Status,
  TipEvent,
} from "./types";

export interface Notice extends NoticeEvent {
  id: number;
  undo?: (() => unknown) | undefined; // takes back what the notice tells of
}

export interface World {
  stream: StreamState;
  status: Status | null; // null until the node has said it
  rooms: RoomCard[] | null;
  joined: Readonly<Record<string, RoomView>>;
  demo: DemoEvent[]; // the last word on each step, in the order they began
  check: CheckEvent | null;
  notices: Notice[];
}

export const world = new Store<World>({
  stream: "connecting",
  status: null,
  rooms: null,
  joined: {},
  demo: [],
  check: null,
  notices: [],
});

const roomListeners: ((before: RoomView | undefined, after: RoomView) => void)[] = [];

/** Tells of every change of a room, with what it was before. */
export function onRoomChange(listener: (before: RoomView | undefined, after: RoomView) => void): void {
  roomListeners.push(listener);
}

// Rooms of before a reset that the full state after it has not named yet.
const unconfirmed = new Set<string>();
const confirmWithin = 1500; // ms; the full state follows a reset at once

/** Takes in a room as the node tells it, unless a later view of it is here: an answer and an event may overtake each other. */
export function putRoom(view: RoomView): void {
  if (leftJustNow(view.id)) return;
  const room = view.id === demoRoom ? { ...view, demo: true } : view;
  const before = world.get().joined[room.id];
  if (before && before.order > room.order && !unconfirmed.has(room.id)) return;
  unconfirmed.delete(room.id);
  world.set({ joined: { ...world.get().joined, [room.id]: room } });
  for (const listener of roomListeners) listener(before, room);
}

/** Takes in the node's status, unless a later one is here. */
export function putStatus(status: Status): void {
  const known = world.get().status;
  if (known && known.order > status.order && !awaitsStatus) return;
  awaitsStatus = false;
  world.set({ status });
}

let awaitsStatus = false; // since a reset

/** Takes in a room that was joined or started just now. */
export function admitRoom(room: RoomView): void {
  left.delete(room.id);
  putRoom(room);
}

// Rooms left a moment ago, and when: their last words may still be on their way and are no news any more.
const left = new Map<string, number>();
const lastWords = 3000; // ms

function leftJustNow(id: string): boolean {
  const at = left.get(id);
  if (at === undefined) return false;
  if (performance.now() - at < lastWords) return true;
  left.delete(id);
  return false;
}

export function dropRoom(id: string): void {
  left.set(id, performance.now());
  const { [id]: _, ...joined } = world.get().joined;
  world.set({ joined });
}

const maxNotices = 4;
let noticeCount = 0;

/** Shows a notice. With `undo` it offers for a while to take back what was done, with that function. */
export function notify(level: NoticeEvent["level"], text: string, more: { undo?: () => unknown } = {}): void {
  const notices = world.get().notices.filter((n) => n.text !== text);
  world.set({ notices: [...notices, { level, text, id: ++noticeCount, ...more }].slice(-maxNotices) });
}

export function dismiss(id: number): void {
  world.set({ notices: world.get().notices.filter((n) => n.id !== id) });
}

// The room of "Hear it work": this node joins it like any other, so only who asked for it knows which it is.
let demoRoom = "";

/** Takes the room as the demonstration's from now on; an empty one ends the demonstration. */
export function setDemo(id: string): void {
  if (demoRoom && demoRoom !== id) dropRoom(demoRoom);
  demoRoom = id;
  const room = world.get().joined[id];
  if (room) putRoom(room);
}

export function clearDemoSteps(): void {
  world.set({ demo: [] });
}

/** Starts to follow the node; never ends. */
export function followNode(): void {
  void follow(apply, (stream) => world.set({ stream }));
}

// What the node says of its start, which it does with every status.
const told = new Set<string>();

function apply(event: StreamEvent): void {
  let data: unknown;
  try {
    data = event.data === "" ? null : JSON.parse(event.data);
  } catch {
    return; // not ours; the next full state repairs what it may have meant
  }
  switch (event.name) {
    case "reset":
      // What was missed cannot be replayed, so the full state follows. A room that does not come again is left;
      // the others stay meanwhile, so that their sound goes on.
      for (const id of Object.keys(world.get().joined)) unconfirmed.add(id);
      awaitsStatus = true;
      missedLines();
      setTimeout(() => {
        for (const id of unconfirmed) dropRoom(id);
        unconfirmed.clear();
      }, confirmWithin);
      break;
    case "status":
      putStatus(data as Status);
      for (const text of (data as Status).notices ?? []) {
        if (!told.has(text)) notify("warn", text);
        told.add(text);
      }
      break;
    case "rooms":
      world.set({ rooms: (data as { rooms: RoomCard[] | null }).rooms ?? [] });
      break;
    case "room":
      if (!leftJustNow((data as RoomView).id)) putRoom(data as RoomView);
      break;
    case "left": // by another page, by the shell, or because the demonstration is over
      if (world.get().joined[(data as { id: string }).id]) dropRoom((data as { id: string }).id);
      break;
    case "levels":
      setLevels(data as LevelsEvent);
      break;
    case "chat":
      takeLines(data as ChatEvent);
      break;
    case "reactions":
      takeReactions(data as ReactionsEvent);
      break;
    case "tip":
      takeTip(data as TipEvent);
      break;
    case "quality":
      takeQuality(data as QualityEvent);
      break;
    case "people":
      takePeople((data as { people: Known[] | null }).people ?? []);
      break;
    case "check":
      world.set({ check: data as CheckEvent });
      break;
    case "demo":
      addDemoStep(data as DemoEvent);
      break;
    case "notice":
      notify((data as NoticeEvent).level, (data as NoticeEvent).text);
      break;
  }
}

function addDemoStep(step: DemoEvent): void {
  const steps = world.get().demo;
  const at = steps.findIndex((s) => s.step === step.step);
  world.set({ demo: at < 0 ? [...steps, step] : steps.with(at, step) });
}
