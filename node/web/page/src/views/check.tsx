import { useEffect, useMemo } from "preact/hooks";
import { isOver, type RoomView } from "../node/types";
import { world } from "../node/world";
import { MicrophoneChoice, SpeakerChoice } from "../parts/devices";
import { Icon } from "../parts/icon";
import { Meter } from "../parts/meter";
import { MicProblem } from "../parts/micproblem";
import { go, path } from "../route";
import { Check, type CheckState } from "../sound/check";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { seconds, t } from "../words";
import { Top } from "./top";

const length = 5000; // ms that the node records

export function CheckPage() {
  return (
    <div class="page slim">
      <Top back="#/" />
      <main>
        <h1 tabIndex={-1}>{t.check.title}</h1>
        <div class="sheet">
          <SoundCheck onFinish={() => go({ view: "home" })} />
        </div>
      </main>
    </div>
  );
}

/** Record five seconds, hear them as others would. Not on stage: it would go on air. */
export function SoundCheck({ onFinish }: { onFinish: () => void }) {
  const heard = useStore(sound.state, (s) => s.room);
  const room = useStore(world, (w) => w.joined[heard]);
  if (room && !room.demo && !isOver(room.phase) && room.me.seated) return <NotOnStage room={room} />;
  return <Recorder onFinish={onFinish} />;
}

function NotOnStage({ room }: { room: RoomView }) {
  return (
    <section class="trouble" role="alert" data-test="check-on-stage">
      <Icon name="mic" />
      <div>
        <h2 dir="auto">{t.check.onStage(room.title)}</h2>
        <p>{t.check.onStageText}</p>
        <a class="button" href={path({ view: "room", id: room.id })} data-test="check-return">
          {t.room.back}
        </a>
      </div>
    </section>
  );
}

function Recorder({ onFinish }: { onFinish: () => void }) {
  const check = useMemo(() => new Check(), []);
  const watch = useMemo(() => (report: (peak: number) => void) => check.mic.watchLevel(report), [check]);
  const state = useStore(check.state, (s) => s);
  const micOn = useStore(check.mic.state, (s) => s.phase === "on");
  useEffect(() => {
    check.mic.want("talk");
    return () => check.end();
  }, [check]);
  const busy = state.phase === "starting" || state.phase === "recording" || state.phase === "playing";
  return (
    <div class="check" data-test="check" data-phase={state.phase}>
      <p class="hint">{t.check.text}</p>
      <Dial state={state} />
      <p class="check-line" role="status" data-test="check-line">
        {line(state)}
      </p>
      <div class="row center">
        {state.blocked && (
          <button type="button" class="button primary large" data-test="check-play" onClick={() => void check.play()}>
            <Icon name="speaker" />
            <span>{t.check.tap}</span>
          </button>
        )}
        {state.phase === "done" && (
          <button type="button" class="button primary large" data-test="check-finish" onClick={onFinish}>
            {t.check.finish}
          </button>
        )}
        {!busy && (
          <button
            type="button"
            class={state.phase === "done" ? "button large" : "button primary large"}
            aria-disabled={!micOn}
            data-test="check-record"
            onClick={() => micOn && void check.record()}
          >
            <Icon name="mic" />
            <span>{state.phase === "idle" ? t.check.record : t.check.again}</span>
          </button>
        )}
        {state.phase === "done" && (
          <button type="button" class="button large" data-test="check-replay" onClick={() => void check.replay()}>
            <Icon name="play" turns />
            <span>{t.check.replay}</span>
          </button>
        )}
      </div>
      <MicProblem mic={check.mic} />
      <div class="devices">
        <MicrophoneChoice />
        {micOn && <Meter watch={watch} />}
        <SpeakerChoice />
      </div>
    </div>
  );
}

/** A ring that fills while the five seconds run. */
function Dial({ state }: { state: CheckState }) {
  const recording = state.phase === "recording";
  const share = recording ? 1 - state.left / length : state.phase === "playing" || state.phase === "done" ? 1 : 0;
  return (
    <div class="dial" data-phase={state.phase} style={{ "--share": share.toFixed(3) }} aria-hidden="true">
      <svg viewBox="0 0 100 100">
        <circle class="dial-way" cx="50" cy="50" r="44" />
        <circle class="dial-done" cx="50" cy="50" r="44" pathLength={1} />
      </svg>
      <span class="dial-face">
        {recording ? <b>{seconds(state.left)}</b> : <Icon name={state.phase === "playing" ? "ear" : state.phase === "done" ? "check" : "mic"} />}
      </span>
    </div>
  );
}

// The seconds are left out of it: a screen reader would read every one of them into the recording.
function line(state: CheckState): string {
  switch (state.phase) {
    case "idle":
      return "";
    case "starting":
      return t.check.starting;
    case "recording":
      return t.check.recording;
    case "playing":
      return t.check.playing;
    case "done":
      return `${verdict(state.level)} ${t.check.done}`;
    case "failed":
      return `${t.check.failed}. ${state.reason}`;
  }
}

/** What a peak means, in dBFS. */
function verdict(peak: number | null): string {
  if (peak === null) return "";
  if (peak > -1) return t.check.loud;
  if (peak > -32) return t.check.fine;
  if (peak > -60) return t.check.quiet;
  return t.check.nothing;
}
