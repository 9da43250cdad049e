import { useEffect, useState } from "preact/hooks";
import { api } from "../node/api";
import { putRoom, world } from "../node/world";
import { isOver, onStage, runsRoom, type RoomView } from "../node/types";
import { useAction } from "../parts/action";
import { MicProblem } from "../parts/micproblem";
import { Icon } from "../parts/icon";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { languageName, t } from "../words";
import { Controls, SoundDialog } from "./controls";
import { Hands } from "./hands";
import { Invite } from "./invite";
import { Listening, QualityLine } from "./listening";
import { Gone, Over } from "./over";
import { Speaking } from "./speaking";
import { Stage } from "./stage";
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

function Inside({ room }: { room: RoomView }) {
  const [settings, setSettings] = useState(false);
  const connecting = room.phase === "connecting";
  // Who can let people speak meets those who wait first; on a phone they would be below the stage.
  const urgent = runsRoom(room.me) && (room.hands?.length ?? 0) > 0;
  return (
    <div class="page in-room" data-test="room" data-phase={room.phase} data-role={room.me.role}>
      <Top back="#/" />
      <main>
        <Head room={room} />
        {room.phase === "reconnecting" && (
          <div class="banner" role="status" data-test="room-reconnecting">
            <Icon name="wave" />
            <p>{t.room.reconnecting}</p>
          </div>
        )}
        {connecting ? (
          <p class="waiting" aria-busy="true" data-test="room-connecting">
            {t.room.connecting}
          </p>
        ) : (
          <div class="two">
            {urgent && <Hands room={room} />}
            <div class="stack wide">
              {room.waiting && <Waiting room={room} />}
              <Listening room={room} />
              {onStage(room.me.role) && !room.demo && <Speaking room={room} />}
              {onStage(room.me.role) && !room.demo && <MicProblem mic={sound.mic} onChoose={() => setSettings(true)} />}
              {room.me.hand && !onStage(room.me.role) && (
                <p class="banner good" data-test="hand-is-up">
                  <Icon name="hand" />
                  {t.room.handIsUp}
                </p>
              )}
              {room.me.invited && <Invitation room={room} />}
              <Stage room={room} />
            </div>
            {!urgent && <Hands room={room} />}
            {room.link && !room.demo && <Invite room={room} />}
          </div>
        )}
      </main>
      <Controls room={room} onSound={() => setSettings(true)} />
      {settings && <SoundDialog room={room} onClose={() => setSettings(false)} />}
    </div>
  );
}

/** The host asks one on stage. */
function Invitation({ room }: { room: RoomView }) {
  const [busy, run] = useAction();
  const answer = (action: "accept" | "decline") => void run(async () => putRoom(await api.act(room.id, action)));
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

function Head({ room }: { room: RoomView }) {
  const language = languageName(room.language);
  return (
    <header class="room-head">
      <div class="tags">
        <span class="tag live">
          <Icon name={room.mode === "concert" ? "music" : "talk"} />
          {t.mode[room.mode]}
        </span>
        {language && <span class="tag">{language}</span>}
        {room.locked && (
          <span class="tag" data-test="locked">
            <Icon name="locked" />
            {t.room.locked}
          </span>
        )}
      </div>
      <h1 tabIndex={-1} dir="auto" data-test="room-title">
        {room.title}
      </h1>
      <p class="room-facts">
        <span data-test="listeners" data-count={room.listeners}>
          <Icon name="people" />
          {t.room.listeners(room.listeners)}
        </span>
        {room.phase === "live" && <QualityLine quality={room.quality} delayed={!onStage(room.me.role)} />}
      </p>
    </header>
  );
}

function useTitle(room: RoomView | undefined): void {
  const title = room?.title;
  const hands = room && onStage(room.me.role) ? (room.hands?.length ?? 0) : 0;
  useEffect(() => {
    document.title = title ? `${hands > 0 ? `(${hands}) ` : ""}${title} · ${t.app.name}` : t.app.name;
    return () => {
      document.title = t.app.name;
    };
  }, [title, hands]);
}
