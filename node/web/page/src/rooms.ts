// Coming out of rooms.
import { api, Refusal } from "./node/api";
import { dropRoom, notify, onRoomChange } from "./node/world";
import { isOver, type RoomView } from "./node/types";
import { parseRoute } from "./route";
import { sound } from "./sound/room";
import { t } from "./words";

/** Leaves a room, or puts away one that is over. */
export async function leave(room: RoomView): Promise<void> {
  if (sound.state.get().room === room.id) sound.exit();
  try {
    await api.act(room.id, "leave");
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404) throw error; // 404: out of it already
  }
  dropRoom(room.id);
}

let entering = 0;

/** Goes into a room with `way`. Until that is done no room is put away: one that refuses is over before it is shown. */
export async function enter(way: () => Promise<void>): Promise<void> {
  entering++;
  try {
    await way();
  } finally {
    entering--;
  }
}

/** Puts away rooms that end while nobody looks at them; the view of a room shows its end itself. */
export function tidyRooms(): void {
  onRoomChange((before, after) => {
    if (!isOver(after.phase) || entering > 0) return;
    const route = parseRoute(location.hash);
    if (route.view === "demo" || (route.view === "room" && route.id === after.id)) return;
    if (before && !isOver(before.phase) && !after.demo) notify("info", t.over.endedElsewhere(after.title));
    leave(after).catch(() => {}); // it comes again with the next full state
  });
}
