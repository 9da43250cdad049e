import { useEffect } from "preact/hooks";
import type { RoomView } from "../node/types";
import { complain } from "../parts/action";
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
  }, [room.id]);
  const phase = room.phase === "removed" ? "removed" : room.phase === "failed" ? "failed" : "ended";
  const text = { ended: t.over.endedText, removed: t.over.removedText, failed: t.over.failedText }[phase];
  const back = () => {
    go({ view: "home" });
    leave(room).catch(complain);
  };
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
        <button type="button" class="button primary large" data-test="back-to-rooms" onClick={back}>
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
