import { useId, useRef, useState } from "preact/hooks";
import { runsRoom, type Named, type RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { Choice } from "../parts/choice";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { Switch } from "../parts/switch";
import { t } from "../words";
import { CoHosts } from "./cohosts";
import { Keepers } from "./keepers";

/** What those who lead decide about the whole room, and about people who are not in it. */
export function ManageDialog({ room, onEnd, onClose }: { room: RoomView; onEnd: () => void; onClose: () => void }) {
  const [busy, act] = useRoom(room.id);
  const others = (room.stage ?? []).filter((seat) => seat.role === "speaker" && seat.person !== room.me.person);
  const removed = room.removed ?? [];
  return (
    <Dialog title={t.manage.title} test="manage-dialog" onClose={onClose}>
      <section class="stack manage">
        <h3>{t.manage.onStage}</h3>
        <div class="menu">
          {!room.stage_only && (
            <Switch
              icon="hand"
              test={room.hands_closed ? "open-hands" : "close-hands"}
              text={t.manage.hands}
              hint={t.manage.handsHint}
              on={!room.hands_closed}
              busy={busy}
              onClick={() => void act(room.hands_closed ? "open_hands" : "close_hands")}
            />
          )}
          <Switch
            icon="round"
            test="stage-only-switch"
            text={t.manage.stageOnly}
            hint={t.manage.stageOnlyHint}
            on={room.stage_only}
            busy={busy}
            onClick={() => void act(room.stage_only ? "stage_open" : "stage_only")}
          />
          <Switch
            icon="stick"
            test="stick-switch"
            text={t.manage.stick}
            hint={t.manage.stickHint}
            on={room.stick_out}
            busy={busy}
            onClick={() => void act(room.stick_out ? "stick_in" : "stick_out")}
          />
          {others.some((seat) => !seat.muted) && (
            <Choice icon="micOff" test="mute-all" text={t.manage.muteAll} hint={t.manage.muteAllHint} busy={busy} onClick={() => void act("mute_all")} />
          )}
        </div>
      </section>
      <section class="stack manage">
        <h3>{t.manage.chat}</h3>
        <div class="menu">
          <Switch
            icon="talk"
            test="chat-switch"
            text={t.manage.chatOpen}
            hint={t.manage.chatOpenHint}
            on={!room.chat_closed}
            busy={busy}
            onClick={() => void act(room.chat_closed ? "open_chat" : "close_chat")}
          />
          <Slow room={room} />
        </div>
      </section>
      <section class="stack manage">
        <h3>{t.manage.room}</h3>
        <div class="menu">
          <Switch
            icon={room.locked ? "locked" : "unlocked"}
            test={room.locked ? "unlock" : "lock"}
            text={t.manage.lock}
            hint={t.manage.lockHint}
            on={room.locked}
            busy={busy}
            onClick={() => void act(room.locked ? "unlock" : "lock")}
          />
          <Switch
            icon="record"
            test="record-switch"
            text={t.manage.recording}
            hint={room.record_asks ? t.manage.recordingAsksHint : t.manage.recordingHint}
            on={room.recording}
            busy={busy}
            onClick={() => void act(room.recording ? "record_off" : "record_on")}
          />
          {!runsRoom(room.me) && (
            <Choice icon="stop" test="end" text={t.leave.endForAll} hint={t.leave.endForAllHint} busy={busy} danger onClick={onEnd} />
          )}
        </div>
      </section>
      {(runsRoom(room.me) || (room.co_hosts?.length ?? 0) > 0) && <CoHosts room={room} />}
      {room.access === "invite" && <Keepers room={room} />}
      {room.access !== "open" && <GuestList room={room} />}
      {removed.length > 0 && (
        <section class="stack" data-test="removed">
          <h3>{t.manage.removed}</h3>
          <ul class="hands">
            {removed.map((one) => (
              <Removed key={one.person} room={room.id} one={one} />
            ))}
          </ul>
        </section>
      )}
    </Dialog>
  );
}

const slowChoices = [0, 5, 10, 30, 60]; // seconds

function Slow({ room }: { room: RoomView }) {
  const id = useId();
  const [, act] = useRoom(room.id);
  const [asked, setAsked] = useState<number | null>(null); // until the node has done it
  const choices = slowChoices.includes(room.slow) ? slowChoices : [...slowChoices, room.slow].sort((a, b) => a - b);
  const wanted = useRef<number | null>(null);
  // Whoever goes through the choices with the arrow keys chooses each on the way: the last one counts.
  const choose = async (seconds: number) => {
    setAsked(seconds);
    const busy = wanted.current !== null;
    wanted.current = seconds;
    if (busy) return;
    for (let sent = -1; sent !== wanted.current; ) {
      sent = wanted.current!;
      await act("slow", { seconds: sent });
    }
    wanted.current = null;
    setAsked(null);
  };
  return (
    <div class="menu-item still">
      <Icon name="slow" />
      <label class="menu-text" for={id}>
        {t.manage.slow}
        <span class="hint">{t.manage.slowHint}</span>
      </label>
      <select
        id={id}
        class="field short"
        value={asked ?? room.slow}
        data-test="slow-select"
        onChange={(event) => void choose(Number(event.currentTarget.value))}
      >
        {choices.map((seconds) => (
          <option key={seconds} value={seconds}>
            {seconds === 0 ? t.manage.slowOff : t.manage.slowSeconds(seconds)}
          </option>
        ))}
      </select>
    </div>
  );
}

/** Who comes in without the link. */
function GuestList({ room }: { room: RoomView }) {
  const id = useId();
  const [busy, act] = useRoom(room.id);
  const [person, setPerson] = useState("");
  const admit = async (event: Event) => {
    event.preventDefault();
    if (person.trim() && (await act("admit", { person: person.trim() }))) setPerson("");
  };
  return (
    <section class="stack" data-test="guest-list">
      <h3>{t.manage.guests}</h3>
      <p class="hint">{t.manage.guestsHint}</p>
      {(room.listed?.length ?? 0) > 0 && (
        <ul class="hands">
          {room.listed!.map((one) => (
            <li key={one.person} class="hand" data-person={one.person}>
              <Avatar person={one.person} name={one.name} />
              <span class="hand-name">
                <bdi>{one.name}</bdi>
              </span>
              <button
                type="button"
                class="button"
                data-test="strike"
                aria-label={t.manage.strikeLabel(one.name)}
                aria-disabled={busy}
                onClick={() => void act("strike", { person: one.person })}
              >
                {t.manage.strike}
              </button>
            </li>
          ))}
        </ul>
      )}
      <form class="row" noValidate onSubmit={(event) => void admit(event)}>
        <label class="unseen" for={id}>
          {t.manage.admitLabel}
        </label>
        <input
          id={id}
          class="field code"
          dir="ltr"
          autoComplete="off"
          spellcheck={false}
          placeholder={t.manage.admitLabel}
          value={person}
          data-test="admit-person"
          onInput={(event) => setPerson(event.currentTarget.value)}
        />
        <button class="button" data-test="admit" aria-disabled={busy}>
          {t.manage.admit}
        </button>
      </form>
    </section>
  );
}

function Removed({ room, one }: { room: string; one: Named }) {
  const [busy, act] = useRoom(room);
  return (
    <li class="hand" data-person={one.person}>
      <Avatar person={one.person} name={one.name} />
      <span class="hand-name">
        <bdi>{one.name}</bdi>
      </span>
      <button
        type="button"
        class="button"
        data-test="readmit"
        aria-label={t.manage.readmitLabel(one.name)}
        aria-disabled={busy}
        onClick={() => void act("readmit", { person: one.person })}
      >
        {t.manage.readmit}
      </button>
    </li>
  );
}
