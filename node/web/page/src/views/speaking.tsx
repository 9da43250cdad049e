import type { RoomView } from "../node/types";
import { Icon } from "../parts/icon";
import { withoutPath } from "../sound/line";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { t } from "../words";

/** Whether this person is heard from here, and what to do when not. Nothing while all is well. */
export function Speaking({ room }: { room: RoomView }) {
  const { taken, play, publish, publishReason } = useStore(sound.state, (s) => s);
  if (taken) {
    return (
      <div class="banner" role="status" data-test="speak-taken" data-now={room.me.publishing}>
        <Icon name="mic" />
        <p>
          <strong>{room.me.publishing ? t.speak.taken : t.speak.wasTaken}</strong> {t.speak.off}
        </p>
        <button type="button" class="button" data-test="speak-here" onClick={() => sound.speakHere()}>
          {t.speak.here}
        </button>
      </div>
    );
  }
  // What keeps sound from coming keeps it from going, and is said once.
  if (publish === "no_path" && play !== "no_path") return <Trouble test="speak-no-path" text={withoutPath} />;
  if (publish === "refused" && room.phase === "live") return <Trouble test="speak-refused" text={publishReason} />;
  if (publish === "retrying" && play !== "retrying") {
    return (
      <p class="banner" role="status" data-test="speak-retrying">
        {t.speak.retrying}
      </p>
    );
  }
  return null;
}

function Trouble({ test, text }: { test: string; text: string }) {
  return (
    <section class="trouble" role="alert" data-test={test}>
      <Icon name="micOff" />
      <div>
        <h2>{t.speak.unheard}</h2>
        <p>{text}</p>
        <button type="button" class="button" data-test="speak-retry" onClick={() => sound.retry()}>
          {t.app.tryAgain}
        </button>
      </div>
    </section>
  );
}
