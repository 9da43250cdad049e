import { useState } from "preact/hooks";
import { api } from "../node/api";
import { world } from "../node/world";
import { isOver, runsRoom, type Charter } from "../node/types";
import { useAction } from "../parts/action";
import { Dialog } from "../parts/dialog";
import { enter as goInto, otherRoom, type Way } from "../rooms";
import { t } from "../words";

/** Goes into a room. One is in one room at a time; whoever hosts another is asked first. `question` belongs in the view. */
function useEnter(text: string, yes: string) {
  const [busy, run] = useAction();
  const [asked, setAsked] = useState<Way | null>(null);

  const enter = async (way: Way): Promise<boolean> => {
    const before = otherRoom(way);
    if (before && runsRoom(before.me)) {
      setAsked(way);
      return false;
    }
    return run(() => goInto(way));
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
            void run(() => goInto(asked));
          }}
        >
          {yes}
        </button>
      </div>
    </Dialog>
  );
  return { enter, busy, question };
}

/** Joins a room of the list, or the one that a link leads to, whose ID one has seen. */
export function useJoin() {
  const { enter, busy, question } = useEnter(t.leave.switchText, t.leave.switch);
  const join = (where: { room: string; link?: string }) =>
    enter({
      room: where.room,
      open: async () => {
        const here = world.get().joined[where.room];
        if (here && !isOver(here.phase)) return here;
        return api.join(where.link ? { link: where.link } : { room: where.room });
      },
    });
  return { join, busy, question };
}

/** Opens a room of one's own. */
export function useStart() {
  const { enter, busy, question } = useEnter(t.leave.switchTextStart, t.leave.switchStart);
  const start = (charter: Charter) => enter({ open: () => api.start(charter) });
  return { start, busy, question };
}
