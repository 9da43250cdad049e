import { useId, useRef, useState } from "preact/hooks";
import { api } from "../node/api";
import { putRoom } from "../node/world";
import { onStage, runsRoom, type Action, type RoomView, type Seat } from "../node/types";
import { complain, useAction } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { Choice } from "../parts/choice";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { t, wholePercent } from "../words";

interface Properties {
  room: RoomView;
  seat: Seat;
  onClose: () => void;
}

/** What one can do about a person on stage: hear them louder; whoever runs the room, more. */
export function PersonDialog({ room, seat, onClose }: Properties) {
  const [asking, setAsking] = useState(false);
  const [busy, run] = useAction();
  const me = seat.person === room.me.person;
  const rules = runsRoom(room.me) && !me && seat.role !== "host";
  const act = async (action: Action) => {
    if (await run(async () => putRoom(await api.act(room.id, action, { person: seat.person })))) onClose();
  };
  return (
    <Dialog
      title={
        <span class="person">
          <Avatar person={seat.person} name={seat.name} />
          <span>
            <bdi>{seat.name}</bdi>
            <span class="hint">{seat.role === "host" ? t.room.host : t.room.speaker}</span>
          </span>
        </span>
      }
      test="person-dialog"
      onClose={onClose}
    >
      {/* The program is mixed at the host; only who is on stage gets the voices apart. */}
      {!me && onStage(room.me.role) && <Volume room={room} seat={seat} />}
      {me && room.me.role === "speaker" && (
        <Choice icon="people" test="step-down" text={t.person.stepDown} busy={busy} onClick={() => void act("return")} />
      )}
      {rules && !asking && (
        <div class="menu">
          {!seat.muted && (
            <Choice icon="micOff" test="mute-person" text={t.person.mute} hint={t.person.muteHint} busy={busy} onClick={() => void act("mute")} />
          )}
          <Choice icon="people" test="return-person" text={t.person.toAudience} busy={busy} onClick={() => void act("return")} />
          <Choice icon="leave" test="remove-person" text={t.person.remove} busy={busy} danger onClick={() => setAsking(true)} />
        </div>
      )}
      {asking && (
        <div class="stack">
          <p>{t.person.removeAsk(seat.name)}</p>
          <div class="row end">
            <button type="button" class="button" autoFocus onClick={() => setAsking(false)}>
              {t.app.cancel}
            </button>
            <button type="button" class="button danger" data-test="remove-confirm" aria-disabled={busy} onClick={() => void act("remove")}>
              {t.person.removeYes}
            </button>
          </div>
        </div>
      )}
      <p class="hint id" dir="ltr">
        {t.person.id} {seat.person.slice(0, 6)}
      </p>
    </Dialog>
  );
}

const every = 120; // ms between two commands while the slider moves

function Volume({ room, seat }: { room: RoomView; seat: Seat }) {
  const id = useId();
  const [volume, setVolume] = useState(seat.volume);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const send = (value: number) =>
    api.act(room.id, "volume", { person: seat.person, volume: value }).then(putRoom, complain);
  const change = (value: number) => {
    setVolume(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => void send(value), every);
  };
  return (
    <div class="labelled">
      <label for={id}>{t.person.volume}</label>
      <div class="row">
        <Icon name="speaker" />
        <input
          id={id}
          class="slider"
          type="range"
          min={0}
          max={2}
          step={0.05}
          value={volume}
          aria-valuetext={wholePercent(volume)}
          data-test="person-volume"
          onInput={(event) => change(event.currentTarget.valueAsNumber)}
        />
        <output for={id} class="amount">
          {wholePercent(volume)}
        </output>
      </div>
    </div>
  );
}
