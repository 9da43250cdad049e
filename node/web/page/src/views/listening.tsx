import { Icon } from "../parts/icon";
import type { RoomView } from "../node/types";
import { withoutPath } from "../sound/line";
import { output, play } from "../sound/output";
import { sound } from "../sound/room";
import { claim, tab } from "../sound/tab";
import { useStore } from "../store";
import { t } from "../words";

/** Whether the room is heard here, and what to do when it is not. Nothing while all is well. */
export function Listening({ room }: { room: RoomView }) {
  const play = useStore(sound.state, (s) => s.play);
  const reason = useStore(sound.state, (s) => s.playReason);
  const blocked = useStore(output, (o) => o.blocked);
  const elsewhere = useStore(tab, (o) => o.elsewhere);
  if (elsewhere) return <Elsewhere />;
  if (blocked) return <TapToHear />;
  if (play === "no_path") {
    return (
      <section class="trouble" role="alert" data-test="no-path">
        <Icon name="alert" />
        <div>
          <h2>{t.play.noPathTitle}</h2>
          <p>{withoutPath}</p>
          <button type="button" class="button" data-test="play-retry" onClick={() => sound.retry()}>
            {t.app.tryAgain}
          </button>
        </div>
      </section>
    );
  }
  if (play === "refused" && room.phase === "live") {
    return (
      <section class="trouble" role="alert" data-test="play-refused">
        <Icon name="alert" />
        <div>
          <h2>{t.play.refused}</h2>
          <p>{reason}</p>
          <button type="button" class="button" data-test="play-retry" onClick={() => sound.retry()}>
            {t.app.tryAgain}
          </button>
        </div>
      </section>
    );
  }
  if (play === "retrying") {
    return (
      <p class="banner" role="status" data-test="play-retrying">
        {t.play.retrying}
      </p>
    );
  }
  return null;
}

function TapToHear() {
  return (
    <section class="tap" data-test="tap">
      <button type="button" class="button primary large" data-test="tap-to-hear" onClick={() => void play()}>
        <Icon name="speaker" />
        <span>{t.room.tapToHear}</span>
      </button>
      <p class="hint">{t.room.tapText}</p>
    </section>
  );
}

function Elsewhere() {
  return (
    <div class="banner" role="status" data-test="sound-elsewhere">
      <Icon name="speaker" />
      <p>{t.room.here}</p>
      <button type="button" class="button" data-test="sound-here" onClick={() => void claim(true)}>
        {t.room.useHere}
      </button>
    </div>
  );
}
