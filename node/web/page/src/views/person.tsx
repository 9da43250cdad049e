import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useId, useRef, useState } from "preact/hooks";
import { api } from "../node/api";
import { putRoom } from "../node/world";
import { runsRoom, type Action, type Details, type Face, type Named, type RoomView, type Seat } from "../node/types";
import { complain, useAction, useRoom } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { cautionIn, CautionNote } from "../parts/caution";
import { Choice } from "../parts/choice";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { mark, people } from "../people";
import { tellRemoved } from "../rooms";
import { useStore } from "../store";
import { t, wholePercent } from "../words";
import { CoHosts } from "./cohosts";
import { TipForm } from "./room/tip";
import { Subscribe } from "./subscribe";

/** The dialog of whoever was chosen last, to be drawn, and what chooses somebody. Without a room there is none. */
export function usePerson(room: RoomView | undefined): [dialog: ComponentChildren, open: (who: Named) => void] {
  const [who, setWho] = useState<Named | null>(null);
  const open = useCallback(({ person, name, warning = "" }: Named) => setWho({ person, name, warning }), []);
  const dialog = room && who && <PersonDialog key={who.person} room={room} who={who} onClose={() => setWho(null)} />;
  return [dialog, open];
}

interface Properties {
  room: RoomView;
  who: Named;
  onClose: () => void;
}

/** What one can do about a person in a room: hear them louder, or not at all; whoever leads the room, more. */
function PersonDialog({ room, who, onClose }: Properties) {
  const [asking, setAsking] = useState(false);
  const [tipping, setTipping] = useState(false);
  const [subscribing, setSubscribing] = useState(false);
  const [busy, act] = useRoom(room.id);
  const { person, name } = who;
  const seat = room.stage?.find((one) => one.person === person);
  const hand = room.hands?.find((one) => one.person === person);
  const coHost = (room.co_hosts ?? []).some((one) => one.person === person);
  const keeper = (room.keepers ?? []).some((one) => one.person === person);
  const host = room.host.person === person;
  const me = person === room.me.person;
  const there = useThere(room, who, seat !== undefined || hand !== undefined || me);
  const hosts = runsRoom(room.me);
  const leads = room.me.leads && !me;
  const above = host || (coHost && !hosts); // who leads has no power over those
  const one = async (action: Action, details: Details = {}) => {
    if (await act(action, { person, ...details })) onClose();
  };
  const remove = async () => {
    if (!(await act("remove", { person }))) return;
    onClose();
    tellRemoved(room.id, who);
  };
  return (
    <Dialog
      title={
        <span class="person">
          <Avatar person={person} name={name} />
          <span>
            <bdi>{name}</bdi>
            <span class="hint">
              {host ? t.room.host : coHost ? t.room.coHost : seat ? t.room.speaker : there === null && !hand ? "" : t.room.listener}
              {keeper && ` · ${t.keepers.is}`}
              {hand && ` · ${t.present.handUp}`}
            </span>
          </span>
        </span>
      }
      test="person-dialog"
      onClose={onClose}
    >
      {!me && <CautionNote text={who.warning || cautionIn(room, person)} person={person} />}
      {/* The program is mixed at the host; only who is on stage gets the voices apart. */}
      {!me && seat && room.me.seated && <Volume room={room} seat={seat} />}
      {!seat && !hand && there === null && <p class="hint">{t.person.gone(name)}</p>}
      {tipping ? (
        <TipForm who={who} onClose={onClose} />
      ) : subscribing ? (
        <Subscribe creator={{ to: person, person, name }} />
      ) : asking ? (
        <div class="stack">
          <p>{t.person.removeAsk(name)}</p>
          <div class="row end">
            <button type="button" class="button" autoFocus onClick={() => setAsking(false)}>
              {t.app.cancel}
            </button>
            <button type="button" class="button danger" data-test="remove-confirm" aria-disabled={busy} onClick={() => void remove()}>
              {t.person.removeYes}
            </button>
          </div>
        </div>
      ) : (
        <div class="menu">
          {!me && !room.demo && (host || seat) && (
            <Choice icon="gift" test="tip-person" text={t.tip.menu} hint={t.tip.menuHint} busy={busy} onClick={() => setTipping(true)} />
          )}
          {!me && !room.demo && (host || seat) && (
            <Choice icon="coHost" test="subscribe-person" text={t.subscribe.menu} hint={t.subscribe.menuHint} busy={busy} onClick={() => setSubscribing(true)} />
          )}
          {me && seat?.stick && (
            <Choice icon="stick" test="lay-stick-here" text={t.person.layStick} hint={t.person.layStickHint} busy={busy} onClick={() => void one("lay_stick")} />
          )}
          {me && seat && !host && (
            <Choice icon="people" test="step-down" text={t.person.stepDown} busy={busy} onClick={() => void one("return")} />
          )}
          {leads && hand && (
            <>
              <Choice icon="mic" test="grant-person" text={t.person.letSpeak} hint={t.person.letSpeakHint} busy={busy} onClick={() => void one("grant")} />
              <Choice icon="hand" test="lower-person" text={t.person.lowerHand} busy={busy} onClick={() => void one("lower_hand")} />
            </>
          )}
          {leads && !seat && !hand && there && !coHost && (
            there.invited ? (
              <Choice icon="close" test="uninvite-person" text={t.person.uninvite} busy={busy} onClick={() => void one("decline")} />
            ) : (
              <Choice icon="mic" test="invite-person" text={t.person.invite} hint={t.person.inviteHint} busy={busy} onClick={() => void one("invite")} />
            )
          )}
          {room.me.leads && seat && room.stick_out && !seat.stick && (
            <Choice icon="stick" test="pass-stick" text={t.person.passStick} hint={t.person.passStickHint} busy={busy} onClick={() => void one("pass_stick")} />
          )}
          {leads && seat && !seat.muted && (
            <Choice icon="micOff" test="mute-person" text={t.person.mute} hint={t.person.muteHint} busy={busy} onClick={() => void one("mute")} />
          )}
          {leads && seat && !above && (
            <Choice icon="people" test="return-person" text={t.person.toAudience} busy={busy} onClick={() => void one("return")} />
          )}
          {hosts && !me && !coHost && (seat || hand || there) && (
            <Choice icon="crown" test="cohost-person" text={t.person.makeCoHost} hint={t.person.makeCoHostHint} busy={busy} onClick={() => void act("cohost", { person })} />
          )}
          {hosts && !me && room.access === "invite" && (keeper || seat || hand || there) && (
            <Choice
              icon="door"
              test={keeper ? "unkeeper-person" : "keeper-person"}
              text={keeper ? t.keepers.takeAway : t.keepers.make}
              {...(keeper ? {} : { hint: t.keepers.makeHint })}
              busy={busy}
              onClick={() => void one(keeper ? "unkeeper" : "keeper")}
            />
          )}
          {!me && !room.demo && <ForMe who={who} onClose={onClose} />}
          {leads && !above && (
            <Choice icon="leave" test="remove-person" text={t.person.remove} busy={busy} danger onClick={() => setAsking(true)} />
          )}
        </div>
      )}
      {hosts && coHost && !asking && <CoHosts room={room} />}
      <p class="hint id" dir="ltr">
        {t.person.id} {person.slice(0, 6)}
      </p>
    </Dialog>
  );
}

/** Muting and blocking somebody for oneself alone. */
function ForMe({ who, onClose }: { who: Named; onClose: () => void }) {
  const [busy, run] = useAction();
  const list = useStore(people, (p) => p.list);
  const known = list?.find((one) => one.person === who.person);
  const { muted, blocked } = known ?? { muted: false, blocked: false };
  const set = async (marks: { muted: boolean; blocked: boolean }) => {
    if (await run(() => mark(who, marks))) onClose();
  };
  return (
    <>
      <Choice
        icon={muted ? "speaker" : "silent"}
        test={muted ? "unmute-for-me" : "mute-for-me"}
        text={muted ? t.person.unmuteForMe : t.person.muteForMe}
        {...(muted ? {} : { hint: t.person.muteForMeHint })}
        busy={busy}
        onClick={() => void set({ muted: !muted, blocked })}
      />
      <Choice
        icon="block"
        test={blocked ? "unblock" : "block"}
        text={blocked ? t.person.unblock : t.person.block}
        {...(blocked ? {} : { hint: t.person.blockHint })}
        busy={busy}
        onClick={() => void set({ muted, blocked: !blocked })}
      />
    </>
  );
}

/** Somebody who is not to be seen in the room's view: undefined while that is asked, null if they are not there. */
function useThere(room: RoomView, { person, name }: Named, seen: boolean): Face | null | undefined {
  const [there, setThere] = useState<Face | null | undefined>(undefined);
  useEffect(() => {
    if (seen) return;
    let over = false;
    api.inRoom(room.id, name, "").then(
      (found) => {
        if (!over) setThere(found.people?.find((one) => one.person === person) ?? (found.next ? undefined : null));
      },
      () => {}, // the node says more when something is done
    );
    return () => {
      over = true;
    };
  }, [room.id, person, seen]);
  return there;
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
