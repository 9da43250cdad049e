import { useEffect, useState } from "preact/hooks";
import { world } from "../node/world";
import { isOver, runsRoom, type Named, type RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { useNow } from "../parts/clock";
import { MicProblem } from "../parts/micproblem";
import { Icon } from "../parts/icon";
import { useWide } from "../parts/queries";
import { KeysButton, useKeys } from "../parts/shortcuts";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { duration, t } from "../words";
import { Controls, SoundDialog } from "./controls";
import { Hands } from "./hands";
import { Head } from "./head";
import { Invite } from "./invite";
import { Listening } from "./listening";
import { useLineMenu } from "./line";
import { Gone, Over } from "./over";
import { usePerson } from "./person";
import { Reactions } from "./reactions";
import { Panel, SidePanel, Tabs, type Tab } from "./side";
import { Speaking } from "./speaking";
import { Stage } from "./stage";
import { Stick } from "./stick";
import { TipBanner } from "./room/tip";
import { Top } from "./top";
import { Waiting } from "./waiting";

const patience = 2500; // ms in which the node names the rooms that this person is in

/** The room one is in, from the way there to its end. */
export function RoomPage({ id }: { id: string }) {
  const room = useStore(world, (w) => w.joined[id]);
  const connected = useStore(world, (w) => w.stream === "open");
  const [late, setLate] = useState(false);
  const there = room !== undefined;
  useEffect(() => {
    if (there && !isOver(room.phase)) sound.enter(id);
  }, [id, there]);
  useEffect(() => {
    if (there || !connected) return;
    const timer = setTimeout(() => setLate(true), patience);
    return () => clearTimeout(timer);
  }, [there, connected]);
  useTitle(room);
  if (!room) return late ? <Gone /> : <p class="waiting" aria-busy="true">{t.room.connecting}</p>;
  if (isOver(room.phase)) return <Over room={room} />;
  return <Inside room={room} />;
}

const beside: readonly Tab[] = ["chat", "people"];
const all: readonly Tab[] = ["stage", "chat", "people"];

function Inside({ room }: { room: RoomView }) {
  const [settings, setSettings] = useState(false);
  const [view, setView] = useState<Tab>("stage"); // where there is place for one
  const [side, setSide] = useState<"chat" | "people">("chat"); // where there is place beside the stage
  const [dialog, open] = usePerson(room);
  const [menu, openLine] = useLineMenu(room);
  const wide = useWide();
  const there = room.phase !== "connecting";
  const tab = wide ? side : view;
  const setTab = (next: Tab) => {
    if (!wide) setView(next);
    if (next !== "stage") setSide(next);
  };
  const write = () => {
    setTab("chat");
    requestAnimationFrame(() => document.querySelector<HTMLElement>('[data-test="chat-input"]')?.focus());
  };
  useKeys({ c: write });
  return (
    <div class="page in-room" data-test="room" data-phase={room.phase} data-role={room.me.role} data-tab={wide ? undefined : tab}>
      <Top back="#/">
        <KeysButton />
      </Top>
      <main class={wide && there ? "with-side" : ""}>
        <div class="middle">
          <Head room={room} />
          {room.phase === "reconnecting" && (
            <div class="banner" data-test="room-reconnecting">
              <Icon name="wave" />
              <p>
                <span role="status">{t.room.reconnecting}</span> <Held until={room.held_until ?? 0} />
              </p>
            </div>
          )}
          {there && room.leader && <Kept room={room} leader={room.leader} />}
          {!there && (
            <p class="waiting" aria-busy="true" data-test="room-connecting">
              {t.room.connecting}
            </p>
          )}
          {there && <TipBanner room={room.id} />}
          {there && <Urgent room={room} stick={!wide && tab !== "stage"} onSound={() => setSettings(true)} />}
          {there && !wide && <Tabs room={room} tabs={all} tab={tab} onTab={setTab} />}
          {there && (wide || tab === "stage") && <Center room={room} wide={wide} onOpen={open} />}
          {there && !wide && tab !== "stage" && <SidePanel room={room} tab={tab} onOpen={open} onLine={openLine} />}
        </div>
        {there && wide && tab !== "stage" && (
          <div class="side">
            <Hands room={room} onOpen={open} />
            <div class="side-tabs">
              <Tabs room={room} tabs={beside} tab={tab} onTab={setTab} />
              <SidePanel room={room} tab={tab} onOpen={open} onLine={openLine} />
            </div>
          </div>
        )}
      </main>
      <Controls room={room} onSound={() => setSettings(true)} />
      {settings && <SoundDialog room={room} onClose={() => setSettings(false)} />}
      {dialog}
      {menu}
    </div>
  );
}

/** Who leads the room while its host does not. */
function Kept({ room, leader }: { room: RoomView; leader: Named }) {
  const [busy, act] = useRoom(room.id);
  const host = room.host.name;
  const text = room.me.leading ? t.coHosts.youKeep(host) : runsRoom(room.me) ? t.coHosts.keepsMine(leader.name) : t.coHosts.keeps(leader.name, host);
  return (
    <div class="banner" data-test="kept-going" data-leader={leader.person}>
      <Icon name="crown" />
      <p role="status">{text}</p>
      {runsRoom(room.me) && (
        <button type="button" class="button" data-test="take-back" aria-disabled={busy} onClick={() => void act("take_back")}>
          {t.coHosts.takeBack}
        </button>
      )}
    </div>
  );
}

/** What one should know or answer, whatever one looks at. `stick` is whether one's own turn belongs to it. */
function Urgent({ room, stick, onSound }: { room: RoomView; stick: boolean; onSound: () => void }) {
  const { me } = room;
  const mine = stick && room.stage?.some((seat) => seat.stick && seat.person === me.person);
  return (
    <>
      <Listening room={room} />
      {me.seated && !room.demo && <Speaking room={room} />}
      {me.seated && !room.demo && <MicProblem mic={sound.mic} onChoose={onSound} />}
      {me.invited && !me.seated && <Invitation room={room} />}
      {mine && <Stick room={room} />}
    </>
  );
}

function Center({ room, wide, onOpen }: { room: RoomView; wide: boolean; onOpen: (who: Named) => void }) {
  const { me } = room;
  // Who can let people speak meets those who wait first; on a phone they would be below the stage.
  const urgent = me.leads && (room.hands?.length ?? 0) > 0;
  return (
    <Panel tab="stage" alone={wide}>
      {room.waiting && <Waiting room={room} />}
      {!wide && urgent && <Hands room={room} onOpen={onOpen} />}
      {me.hand && !me.seated && (
        <p class="banner good" data-test="hand-is-up" data-place={me.hand_place}>
          <Icon name="hand" />
          {me.hand_place > 0 ? t.room.handPlace(me.hand_place) : t.room.handIsUp}
        </p>
      )}
      {me.leads && !me.seated && <p class="hint">{t.room.coHostText}</p>}
      <Stick room={room} />
      <div class="stage-block">
        <Stage room={room} onOpen={onOpen} />
        <Reactions room={room} />
      </div>
      {!wide && !urgent && <Hands room={room} onOpen={onOpen} />}
      {room.link && !room.demo && <Invite room={room} />}
    </Panel>
  );
}

/** How long one's place is kept. Only for the eye: a voice that counts seconds would say nothing else. */
function Held({ until }: { until: number }) {
  const left = until - useNow(until > 0 ? 1000 : 0);
  if (until === 0 || left <= 0) return null;
  return <span data-test="held">{t.room.held(duration(left))}</span>;
}

/** The host asks one on stage. */
function Invitation({ room }: { room: RoomView }) {
  const [busy, act] = useRoom(room.id);
  const answer = (action: "accept" | "decline") => void act(action);
  return (
    <section class="banner good" role="alert" data-test="invitation">
      <Icon name="mic" />
      <p>{t.room.invited}</p>
      <span class="row">
        <button type="button" class="button" data-test="decline" aria-disabled={busy} onClick={() => answer("decline")}>
          {t.room.decline}
        </button>
        <button type="button" class="button primary" data-test="accept" aria-disabled={busy} onClick={() => answer("accept")}>
          {t.room.accept}
        </button>
      </span>
    </section>
  );
}

function useTitle(room: RoomView | undefined): void {
  const title = room?.title;
  const hands = room?.me.leads ? (room.hands?.length ?? 0) : 0;
  useEffect(() => {
    document.title = title ? `${hands > 0 ? `(${hands}) ` : ""}${title} · ${t.app.name}` : t.app.name;
    return () => {
      document.title = t.app.name;
    };
  }, [title, hands]);
}
