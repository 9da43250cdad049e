// What this page saw of the rooms it was in, for the words at their end. The node keeps none of it.
import { onRoomChange } from "./node/world";
import { isOver, type RoomView } from "./node/types";

export interface Past {
  came: number; // unix ms, when this page first saw the room
  opened: number; // unix ms, when the doors opened; 0: they did not
  most: number; // listeners at once that were seen
  over: number; // unix ms of the end; 0: it was over when this page first saw it, or is not
}

const rooms = new Map<string, Past>();
const kept = 20; // rooms; the oldest is forgotten first

export function watchRooms(): void {
  onRoomChange((before, after) => {
    const past = rooms.get(after.id);
    // A room entered anew after its end, or after being left, is seen from the beginning.
    if (!past || (!before && !isOver(after.phase))) keep(after.id, begin(after));
    else rooms.set(after.id, follow(past, before, after));
  });
}

export const past = (id: string): Past | undefined => rooms.get(id);

function keep(id: string, past: Past): void {
  rooms.delete(id);
  rooms.set(id, past);
  if (rooms.size > kept) rooms.delete(rooms.keys().next().value!);
}

function begin(room: RoomView): Past {
  return { came: Date.now(), opened: opening(undefined, room), most: isOver(room.phase) ? 0 : room.listeners, over: 0 };
}

function follow(past: Past, before: RoomView | undefined, after: RoomView): Past {
  if (isOver(after.phase)) return before && !isOver(before.phase) ? { ...past, over: Date.now() } : past;
  return { ...past, opened: past.opened || opening(before, after), most: Math.max(past.most, after.listeners) };
}

/** When the doors opened; 0 if they have not, or before the room has said when it was made. */
function opening(before: RoomView | undefined, { waiting, created, starts }: RoomView): number {
  if (waiting) return 0;
  if (before?.waiting) return Date.now();
  return Math.min(Date.now(), Math.max(created, starts)); // by the host's clock, which may be fast
}
