import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api, Refusal } from "../node/api";
import { world } from "../node/world";
import { isOver, type Preview } from "../node/types";
import { Avatar } from "../parts/avatar";
import { CautionMark, cautionText } from "../parts/caution";
import { useNow } from "../parts/clock";
import { useHeading } from "../parts/heading";
import { Icon, Sign } from "../parts/icon";
import { RoomTags } from "../parts/roomtags";
import { go } from "../route";
import { useStore } from "../store";
import { dateAndTime, howLong, languageName, number, t } from "../words";
import { money } from "../words/money";
import { useBuy } from "./buy";
import { useJoin } from "./join";
import { useSubscribe } from "./subscribe";
import { Top } from "./top";

const every = 15_000; // ms; people come and go while one reads

/** What a share link leads to: a look at the room. One is in it only after saying so. */
export function LinkPage({ link }: { link: string }) {
  const { room, problem, asking, ask } = usePreview(link);
  useHeading(room?.id ?? problem);
  return (
    <div class="page slim">
      <Top back="#/" />
      <main data-test="preview" data-state={room ? "shown" : problem ? "failed" : "asking"}>
        {room ? (
          <Look room={room} link={link} asking={asking} onAgain={ask} />
        ) : problem ? (
          <Failed problem={problem} asking={asking} onAgain={ask} />
        ) : (
          <p class="waiting" role="status" aria-busy="true">
            {t.link.asking}
          </p>
        )}
      </main>
    </div>
  );
}

/** Asks again now and then while someone looks; what was shown stays if the host does not answer once. */
function usePreview(link: string) {
  const [room, setRoom] = useState<Preview | null>(null);
  const [problem, setProblem] = useState<Refusal | null>(null);
  const [asking, setAsking] = useState(true);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    setAsking(true);
    api
      .preview(link)
      .then(
        (room) => {
          if (gone) return;
          setRoom(room);
          setProblem(null);
        },
        (error) => {
          if (gone) return;
          setProblem(error instanceof Refusal ? error : new Refusal(0, "unknown", t.error.unknown));
          if (error instanceof Refusal && kind(error) === "ended") setRoom(null);
        },
      )
      .finally(() => !gone && setAsking(false));
    return () => {
      gone = true;
    };
  }, [link, turn]);
  const ask = () => setTurn((n) => n + 1);
  const shown = room !== null;
  useEffect(() => {
    if (!shown) return;
    const timer = setInterval(() => document.visibilityState === "visible" && ask(), every);
    return () => clearInterval(timer);
  }, [shown]);
  return { room, problem, asking, ask };
}

interface LookProperties {
  room: Preview;
  link: string;
  asking: boolean;
  onAgain: () => void;
}

function Look({ room, link, asking, onAgain }: LookProperties) {
  const joined = useStore(world, (w) => (w.joined[room.id] ? !isOver(w.joined[room.id]!.phase) : false));
  const { join, busy, question } = useJoin();
  const buy = useBuy({ ...room, link }, true);
  const own = useStore(world, (w) => w.status?.person === room.host.person);
  const subscribe = useSubscribe({ to: link, person: room.host.person, name: room.host.name }, { large: true, onDone: () => enter() });
  const enter = () => void join({ room: room.id, link });
  return (
    <article class="sheet preview" data-test="preview-room" data-room={room.id}>
      <div class="tags">
        <RoomTags room={{ ...room, joined }} opens={room.waiting ? room.starts : 0} />
      </div>
      <h1 tabIndex={-1} dir="auto">
        {room.title}
      </h1>
      <p class="host">
        <Avatar person={room.host.person} name={room.host.name} />
        <span>
          {own ? t.home.mine : t.home.hostedBy} {!own && <bdi>{room.host.name}</bdi>}
          {!own && <CautionMark text={cautionText(room.caution)} />}
        </span>
      </p>
      <FactList room={room} />
      {joined ? (
        <Way text={t.link.toRoomText}>
          <button type="button" class="button primary large" data-test="preview-return" onClick={() => go({ view: "room", id: room.id })}>
            <Icon name="leave" turns />
            <span>{t.link.toRoom}</span>
          </button>
        </Way>
      ) : room.locked ? (
        <Way text={t.link.locked}>
          <button type="button" class="button primary large" data-test="preview-again" aria-disabled={asking} onClick={onAgain}>
            {t.link.again}
          </button>
          <button type="button" class="button large" data-test="preview-listen" aria-disabled={busy} onClick={enter}>
            {busy ? t.home.joining : t.link.lockedTry}
          </button>
        </Way>
      ) : room.access === "ticket" && !room.invited ? (
        <Way text={t.buy.how(room.host.name)}>
          {buy.button}
        </Way>
      ) : room.access === "subscribers" && !room.invited && !own ? (
        <Way text={t.link.unsubscribed(room.host.name)}>
          {subscribe.button}
          <button type="button" class="button large" data-test="preview-listen" aria-disabled={busy} onClick={enter}>
            {busy ? t.home.joining : t.buy.guest}
          </button>
        </Way>
      ) : (
        <Way text={room.access === "invite" && !room.invited ? t.link.uninvited : room.waiting ? t.link.waitText : room.stage_only ? t.link.comeInText : t.link.listenText}>
          <button type="button" class="button primary large" data-test="preview-listen" aria-disabled={busy} onClick={enter}>
            <Icon name={room.waiting ? "clock" : room.stage_only ? "round" : "play"} turns />
            <span>{busy ? t.home.joining : room.waiting ? t.link.wait : room.stage_only ? t.link.comeIn : t.link.listen}</span>
          </button>
        </Way>
      )}
      {question}
      {buy.dialog}
      {subscribe.dialog}
    </article>
  );
}

/** The buttons, and what they do. */
function Way({ text, children }: { text: string; children: ComponentChildren }) {
  return (
    <div class="preview-way">
      <div class="row">{children}</div>
      <p class="hint" data-test="preview-hint">
        {text}
      </p>
    </div>
  );
}

function FactList({ room }: { room: Preview }) {
  const language = languageName(room.language);
  return (
    <dl class="fact-list" data-test="preview-facts">
      {room.waiting && <Starts starts={room.starts} />}
      {room.stage_only ? (
        <Fact name={t.link.inside}>{t.link.people(room.listeners + room.speakers)}</Fact>
      ) : (
        <>
          <Fact name={room.waiting ? t.link.waiting : t.link.listeners}>{number(room.listeners)}</Fact>
          <Fact name={t.link.speakers}>{number(room.speakers)}</Fact>
        </>
      )}
      {language && <Fact name={t.link.language}>{language}</Fact>}
      <Fact name={t.link.mode}>{room.mode === "concert" ? t.link.concert : t.link.talk}</Fact>
      <Fact name={t.link.captions}>{room.captions || t.link.noCaptions}</Fact>
      <Fact name={t.link.price}>{room.price ? money(room.price) : room.access === "ticket" ? t.link.unknown : t.link.free}</Fact>
      <Fact name={t.link.access}>{t.link[room.access]}</Fact>
      <Fact name={t.link.recording}>{room.record_asks ? t.link.recordAsks : t.link.recordFree}</Fact>
    </dl>
  );
}

function Starts({ starts }: { starts: number }) {
  const left = starts - useNow(1000);
  return (
    <Fact name={t.link.starts}>
      {dateAndTime(starts)} <span class="quiet">({left > 0 ? t.time.in(howLong(left)) : t.time.soon})</span>
    </Fact>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

type Kind = keyof typeof t.link.failed;

function kind({ status, code }: Refusal): Kind {
  if (code === "bad_link") return "damaged";
  if (code === "ended" || code === "no_room" || code === "own_room") return "ended";
  if (status === 0 || status === 503 || status === 504) return "offline";
  return "other";
}

function Failed({ problem, asking, onAgain }: { problem: Refusal; asking: boolean; onAgain: () => void }) {
  const what = kind(problem);
  const text = { offline: t.link.offlineText, damaged: t.link.damagedText, ended: t.link.endedText, other: problem.message }[what];
  // Only what may be otherwise in a moment is worth another try.
  const again = what === "offline" || what === "other";
  return (
    <section class="alone inner" role="alert" data-test="preview-failed" data-kind={what}>
      <Sign />
      <h1 tabIndex={-1}>{t.link.failed[what]}</h1>
      <p class="lead">{problem.status === 0 ? problem.message : text}</p>
      <div class="row center apart">
        {again && (
          <button type="button" class="button primary large" data-test="preview-retry" aria-disabled={asking} onClick={onAgain}>
            {asking ? t.link.askingShort : t.app.tryAgain}
          </button>
        )}
        <a class={again ? "button large" : "button primary large"} href="#/" data-test="back-to-rooms">
          {t.over.back}
        </a>
      </div>
    </section>
  );
}
