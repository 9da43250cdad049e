// Going into rooms and coming out of them.
import { api, Refusal } from "./node/api";
import { admitRoom, dropRoom, notify, onRoomChange, putRoom, world } from "./node/world";
import { isOver, runsRoom, type Named, type RoomView } from "./node/types";
import { complain } from "./parts/action";
import { go, parseRoute } from "./route";
import { sound } from "./sound/room";
import { t } from "./words";

/** A way into a room: the one that is known to be meant, if any, and what takes one there. */
export interface Way {
  room?: string;
  open: () => Promise<RoomView>;
}

/** The room that one would leave: where the sound is on, or one that one hosts. */
export function otherRoom(way: Way): RoomView | undefined {
  const { joined } = world.get();
  const lives = (room: RoomView | undefined) => room && !room.demo && !isOver(room.phase) && room.id !== way.room;
  const heard = joined[sound.state.get().room];
  return lives(heard) ? heard : Object.values(joined).find((room) => lives(room) && runsRoom(room.me));
}

let entering = 0;

/**
 * Goes into a room, and out of the one that one is in: a host's ends, so ask before. Until that is done no room is put
 * away: one that refuses is over before it is shown.
 */
export async function enter(way: Way): Promise<void> {
  entering++;
  try {
    const before = otherRoom(way);
    const room = await way.open();
    go({ view: "room", id: room.id });
    admitRoom(room);
    if (isOver(room.phase)) return; // it refused, and says why: one stays where one is
    sound.enter(room.id);
    if (!before || before.id === room.id) return;
    if (before.me.leading) await api.act(before.id, "end").catch(complain);
    await leave(before).catch(complain);
  } finally {
    entering--;
  }
}

/** Leaves a room, or puts away one that is over. A guest who leaves by choice is offered the way back. */
export async function leave(room: RoomView): Promise<void> {
  if (sound.state.get().room === room.id) sound.exit();
  try {
    await api.act(room.id, "leave");
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404) throw error; // 404: out of it already
  }
  dropRoom(room.id);
  if (isOver(room.phase) || room.demo || entering > 0) return;
  // A locked room lets nobody back in who left.
  notify("info", t.leave.left(room.title), room.locked && !room.me.leads ? {} : { undo: () => comeBack(room) });
}

/** Into a room that was just left; unless one hosts another by now, which would end: then it is looked at first. */
async function comeBack({ id, link }: RoomView): Promise<void> {
  const way = { room: id, open: () => api.join(link ? { link } : { room: id }) };
  const other = otherRoom(way);
  if (other && runsRoom(other.me)) go(link ? { view: "link", link } : { view: "home" });
  else await enter(way);
}

/** Tells that somebody was removed from a room, and offers to let them back in. */
export function tellRemoved(room: string, { person, name }: Named): void {
  notify("info", t.leave.removed(name), { undo: async () => putRoom(await api.act(room, "readmit", { person })) });
}

/** Tells who leads a room once when listeners left a relay for what it passed on, and once when it carries the room no more. */
export function tellAccused(): void {
  onRoomChange((before, after) => {
    if (!before) return;
    for (const one of after.accused ?? []) {
      const was = before.accused?.find(({ device }) => device === one.device);
      if (was?.out !== one.out) notify("warn", t.tree.accusedNotice(one.name, t.tree.accused(one.people, one.what, one.out)));
    }
  });
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
