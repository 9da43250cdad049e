import { useEffect } from "preact/hooks";
import { isOver, type RoomView } from "../node/types";
import { world } from "../node/world";
import { Sign } from "../parts/icon";
import { leave } from "../rooms";
import { go } from "../route";
import { sound } from "../sound/room";
import { t } from "../words";
import { Top } from "./top";

/** A room that ended, put one out, or could not be reached. */
export function Over({ room }: { room: RoomView }) {
  useEffect(() => {
    if (sound.state.get().room === room.id) sound.exit();
    return () => {
      // Whoever looks away from it has read it. It may be alive again, entered anew by another program.
      const now = world.get().joined[room.id];
      if (now && isOver(now.phase)) leave(now).catch(() => {}); // it comes again with the next full state
    };
  }, [room.id]);
  const phase = room.phase === "removed" ? "removed" : room.phase === "failed" ? "failed" : "ended";
  const text = { ended: t.over.endedText, removed: t.over.removedText, failed: t.over.failedText }[phase];
  return (
    <div class="page">
      <Top />
      <main class="alone inner" data-test="room-over" data-phase={room.phase}>
        <Sign />
        <p class="overline" dir="auto">
          {room.title}
        </p>
        <h1 tabIndex={-1}>{t.over[phase]}</h1>
        <p class="lead" data-test="reason">
          {room.reason || text}
        </p>
        <button type="button" class="button primary large" data-test="back-to-rooms" onClick={() => go({ view: "home" })}>
          {t.over.back}
        </button>
      </main>
    </div>
  );
}

/** An address of a room that this person is not in. */
export function Gone() {
  return (
    <div class="page">
      <Top />
      <main class="alone inner" data-test="room-gone">
        <Sign />
        <h1 tabIndex={-1}>{t.over.gone}</h1>
        <p class="lead">{t.over.goneText}</p>
        <a class="button primary large" href="#/" data-test="back-to-rooms">
          {t.over.back}
        </a>
      </main>
    </div>
  );
}
