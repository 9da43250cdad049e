import { useState } from "preact/hooks";
import { api } from "../node/api";
import { admitRoom, world } from "../node/world";
import { isOver, runsRoom, type RoomView } from "../node/types";
import { complain, useAction } from "../parts/action";
import { Dialog } from "../parts/dialog";
import { go } from "../route";
import { leave } from "../rooms";
import { sound } from "../sound/room";
import { t } from "../words";

type Where = { room: string } | { link: string };

/** The room whose sound is on, if it is another than the one meant. */
function otherRoom(where: Where): RoomView | undefined {
  const room = world.get().joined[sound.state.get().room];
  if (!room || isOver(room.phase) || ("room" in where && where.room === room.id)) return undefined;
  return room;
}

/** Joins a room. One is in one room at a time; whoever hosts another is asked first. `question` belongs in the view. */
export function useJoin() {
  const [busy, run] = useAction();
  const [asked, setAsked] = useState<Where | null>(null);

  const enter = async (where: Where) => {
    const before = otherRoom(where);
    const here = "room" in where ? world.get().joined[where.room] : undefined;
    const room = here && !isOver(here.phase) ? here : await api.join(where);
    admitRoom(room);
    sound.enter(room.id);
    go({ view: "room", id: room.id });
    if (!before || before.id === room.id) return;
    if (runsRoom(before.me)) await api.act(before.id, "end").catch(complain);
    await leave(before).catch(complain);
  };
  const join = async (where: Where): Promise<boolean> => {
    const before = otherRoom(where);
    if (before && runsRoom(before.me)) {
      setAsked(where);
      return false;
    }
    return run(() => enter(where));
  };
  const question = asked && (
    <Dialog
      title={t.leave.switchTitle(otherRoom(asked)?.title ?? "")}
      test="switch-dialog"
      onClose={() => setAsked(null)}
    >
      <p>{t.leave.switchText}</p>
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
            void run(() => enter(asked));
          }}
        >
          {t.leave.switch}
        </button>
      </div>
    </Dialog>
  );
  return { join, busy, question };
}
