import { useState } from "preact/hooks";
import { api } from "../node/api";
import { admitRoom, world } from "../node/world";
import { isOver, runsRoom, type RoomView } from "../node/types";
import { complain, useAction } from "../parts/action";
import { Dialog } from "../parts/dialog";
import { go } from "../route";
import { enter as entering, leave } from "../rooms";
import { sound } from "../sound/room";
import { t } from "../words";

type Where = { room: string } | { link: string };

/** A way into a room: the one that is known to be meant, if any, and what takes one there. */
interface Way {
  room?: string;
  open: () => Promise<RoomView>;
}

/** The room that one would leave: where the sound is on, or one that one hosts. */
function otherRoom(way: Way): RoomView | undefined {
  const { joined } = world.get();
  const lives = (room: RoomView | undefined) => room && !room.demo && !isOver(room.phase) && room.id !== way.room;
  const heard = joined[sound.state.get().room];
  return lives(heard) ? heard : Object.values(joined).find((room) => lives(room) && runsRoom(room.me));
}

/** Goes into a room. One is in one room at a time; whoever hosts another is asked first. `question` belongs in the view. */
function useEnter(text: string, yes: string) {
  const [busy, run] = useAction();
  const [asked, setAsked] = useState<Way | null>(null);

  const turn = async (way: Way) => {
    const before = otherRoom(way);
    const room = await way.open();
    go({ view: "room", id: room.id });
    admitRoom(room);
    if (isOver(room.phase)) return; // it refused, and says why: one stays where one is
    sound.enter(room.id);
    if (!before || before.id === room.id) return;
    if (runsRoom(before.me)) await api.act(before.id, "end").catch(complain);
    await leave(before).catch(complain);
  };
  const enter = async (way: Way): Promise<boolean> => {
    const before = otherRoom(way);
    if (before && runsRoom(before.me)) {
      setAsked(way);
      return false;
    }
    return run(() => entering(() => turn(way)));
  };
  const question = asked && (
    <Dialog
      title={t.leave.switchTitle(otherRoom(asked)?.title ?? "")}
      test="switch-dialog"
      onClose={() => setAsked(null)}
    >
      <p>{text}</p>
      <div class="row end">
        <button type="button" class="button" onClick={() => setAsked(null)}>
          {t.leave.stay}
        </button>
        <button
          type="button"
          class="button danger"
          data-test="switch-confirm"
          onClick={() => {
            setAsked(null);
            void run(() => entering(() => turn(asked)));
          }}
        >
          {yes}
        </button>
      </div>
    </Dialog>
  );
  return { enter, busy, question };
}

/** Joins a room of the list, or one that a link leads to. */
export function useJoin() {
  const { enter, busy, question } = useEnter(t.leave.switchText, t.leave.switch);
  const join = (where: Where) =>
    enter({
      ...("room" in where ? where : {}),
      open: async () => {
        const here = "room" in where ? world.get().joined[where.room] : undefined;
        return here && !isOver(here.phase) ? here : api.join(where);
      },
    });
  return { join, busy, question };
}

/** Opens a room of one's own. */
export function useStart() {
  const { enter, busy, question } = useEnter(t.leave.switchTextStart, t.leave.switchStart);
  const start = (charter: Parameters<typeof api.start>[0]) => enter({ open: () => api.start(charter) });
  return { start, busy, question };
}
