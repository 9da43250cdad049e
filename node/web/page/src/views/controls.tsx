import { useMemo, useState } from "preact/hooks";
import { api } from "../node/api";
import { putRoom } from "../node/world";
import type { RoomView } from "../node/types";
import { complain, useAction, useRoom } from "../parts/action";
import { MicrophoneChoice, SpeakerChoice } from "../parts/devices";
import { Dialog } from "../parts/dialog";
import { Icon, type IconName } from "../parts/icon";
import { Meter } from "../parts/meter";
import { useKeys } from "../parts/shortcuts";
import { leave } from "../rooms";
import { go } from "../route";
import { output, setVolume } from "../sound/output";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { t, wholePercent } from "../words";
import { ManageDialog } from "./manage";

/** What one does oneself in a room: speak, ask to speak, go. */
export function Controls({ room, onSound }: { room: RoomView; onSound: () => void }) {
  const [ending, setEnding] = useState(false);
  const [managing, setManaging] = useState(false);
  const [busy, run] = useAction();
  const { me } = room;
  const goAway = () =>
    run(async () => {
      go({ view: "home" });
      await leave(room);
    });
  return (
    <nav class="controls" aria-label={t.room.controls} data-test="controls">
      {me.seated ? <MuteButton room={room} /> : <WayToStage room={room} />}
      <Control icon="sliders" text={t.room.sound} test="sound-settings" onClick={onSound} />
      {me.leads && <Control icon="settings" text={t.manage.open} test="manage" onClick={() => setManaging(true)} />}
      {me.leading ? (
        <Control icon="stop" text={t.room.end} test="end" look="danger" onClick={() => setEnding(true)} />
      ) : (
        <Control icon="leave" text={t.room.leave} test="leave" look="danger" turns busy={busy} onClick={() => void goAway()} />
      )}
      {managing && <ManageDialog room={room} onEnd={() => setEnding(true)} onClose={() => setManaging(false)} />}
      {ending && <EndDialog room={room} onClose={() => setEnding(false)} />}
    </nav>
  );
}

/** A hand, where one has to be asked on stage; the stage itself, where one need not. */
function WayToStage({ room }: { room: RoomView }) {
  const [busy, act] = useRoom(room.id);
  const { me } = room;
  const come = () => void act("accept");
  const hand = () => void act(me.hand ? "lower_hand" : "raise_hand");
  const free = room.stage_only || me.leads;
  const closed = room.hands_closed && !me.hand;
  const off = busy || room.phase !== "live" || (!free && closed);
  useKeys({ h: () => !off && !free && hand() }); // one key does not open a microphone
  if (free) {
    return <Control icon="mic" text={t.room.comeOnStage} test="come-on-stage" look="primary" busy={off} onClick={come} />;
  }
  return (
    <Control
      icon="hand"
      text={me.hand ? t.room.lower : closed ? t.room.handsClosed : t.room.raise}
      test={me.hand ? "lower-hand" : "raise-hand"}
      look={me.hand ? "on" : closed ? undefined : "primary"}
      pressed={me.hand}
      busy={off}
      onClick={hand}
    />
  );
}

function MuteButton({ room }: { room: RoomView }) {
  const mutedHere = useStore(sound.state, (s) => s.mutedHere);
  const talking = useStore(sound.state, (s) => s.talkingMuted);
  const [busy, run] = useAction();
  const taken = useStore(sound.state, (s) => s.taken);
  const broken = useStore(sound.mic.state, (s) => s.phase === "problem") || taken;
  const muted = room.me.muted || mutedHere;
  const holder = room.stage?.find((seat) => seat.stick);
  const waits = room.stick_out && holder?.person !== room.me.person; // closed, and not muted
  const turn = () => (muted ? void run(() => sound.unmute()) : void sound.mute().catch(complain));
  useKeys({ m: turn });
  return (
    <div class="mute">
      {(muted || waits) && talking && (
        <p class="bubble" role="status" data-test="talking-muted">
          {!waits ? t.room.talkingMuted : holder ? t.stick.talking(holder.name) : t.stick.talkingNobody}
        </p>
      )}
      <Control
        icon={muted || broken ? "micOff" : "mic"}
        text={muted ? t.room.unmute : t.room.mute}
        test={muted ? "unmute-me" : "mute-me"}
        look={muted ? "on" : broken || waits ? undefined : "primary"}
        busy={busy && muted}
        onClick={turn}
      />
    </div>
  );
}

interface ControlProperties {
  icon: IconName;
  text: string;
  test: string;
  look?: "primary" | "on" | "danger" | undefined;
  pressed?: boolean;
  busy?: boolean;
  turns?: boolean;
  onClick: () => void;
}

function Control({ icon, text, test, look, pressed, busy, turns, onClick }: ControlProperties) {
  return (
    <button
      type="button"
      class={`control ${look ?? ""}`}
      data-test={test}
      aria-pressed={pressed}
      aria-disabled={busy}
      onClick={() => !busy && onClick()}
    >
      <Icon name={icon} turns={turns ?? false} />
      <span>{text}</span>
    </button>
  );
}

function EndDialog({ room, onClose }: { room: RoomView; onClose: () => void }) {
  const [busy, run] = useAction();
  const end = () => run(async () => putRoom(await api.act(room.id, "end")));
  const to = room.successor;
  const handOver = () =>
    run(async () => {
      putRoom(await api.act(room.id, "hand_over"));
      go({ view: "home" });
      await leave(room);
    });
  return (
    <Dialog title={to ? t.coHosts.handOverTitle : t.leave.endTitle} test="end-dialog" onClose={onClose}>
      <p>{to ? t.coHosts.handOverText(to.name) : t.leave.endText}</p>
      {to && (
        <div class="row end">
          <button type="button" class="button primary" data-test="hand-over" aria-disabled={busy} onClick={() => void handOver()}>
            {t.coHosts.handOver(to.name)}
          </button>
        </div>
      )}
      <div class="row end">
        <button type="button" class="button" onClick={onClose}>
          {t.leave.stay}
        </button>
        <button type="button" class="button danger" data-test="end-confirm" aria-disabled={busy} onClick={() => void end()}>
          {t.leave.end}
        </button>
      </div>
    </Dialog>
  );
}

/** Devices, levels, volume. */
export function SoundDialog({ room, onClose }: { room: RoomView; onClose: () => void }) {
  const volume = useStore(output, (o) => o.volume);
  const micOn = useStore(sound.mic.state, (s) => s.phase === "on");
  const watch = useMemo(() => (report: (peak: number) => void) => sound.mic.watchLevel(report), []);
  return (
    <Dialog title={t.sound.title} test="sound-dialog" onClose={onClose}>
      <div class="labelled">
        <label for="room-volume">{t.sound.volume}</label>
        <div class="row">
          <Icon name="speaker" />
          <input
            id="room-volume"
            class="slider"
            type="range"
            min={0}
            max={1}
            step={0.05}
            value={volume}
            aria-valuetext={wholePercent(volume)}
            data-test="room-volume"
            onInput={(event) => setVolume(event.currentTarget.valueAsNumber)}
          />
          <output for="room-volume" class="amount">
            {wholePercent(volume)}
          </output>
        </div>
      </div>
      <SpeakerChoice />
      {room.me.seated && !room.demo && (
        <>
          <MicrophoneChoice />
          {micOn ? <Meter watch={watch} /> : <p class="hint">{t.sound.askFirst}</p>}
        </>
      )}
    </Dialog>
  );
}
