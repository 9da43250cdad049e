// The page for somebody with only a browser, at /r/ROOM: what the room is, and its sound after a click.
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Icon, Sign } from "../parts/icon";
import { useStore } from "../store";
import { Listening } from "./listening";
import { t } from "./words";

/** What somebody is called, and why that may deceive. */
interface Name {
  name: string;
  why?: "alike" | "mixed";
  like?: string; // who leads the room, and is somebody else
}

/** As the node describes the room. */
interface Room {
  title: string;
  mode: "talk" | "concert";
  language: string;
  host: Name;
  stage: Name[];
  listeners: number;
  phase: string;
  waiting: boolean;
  starts: number; // unix ms
  recording: boolean;
  locked: boolean;
}

const askEvery = 5000; // ms
const here = location.pathname.replace(/\/$/, "");

/** What is known: nothing yet, the room, that there is none and why, or that nobody answers. */
type Known = { room?: Room; gone?: string; silent?: boolean };

async function ask(): Promise<Known> {
  try {
    const answer = await fetch(`${here}/about`, { cache: "no-store", signal: AbortSignal.timeout(askEvery) });
    const told = await answer.json();
    return answer.ok ? { room: told } : { gone: told.text };
  } catch {
    return { silent: true };
  }
}

let music = false;
const listening = new Listening(`${here}/whep`, () => music);

function Guest() {
  const [known, setKnown] = useState<Known>({});
  const look = async () => {
    const now = await ask();
    if (now.room) {
      music = now.room.mode === "concert";
      document.title = `${now.room.title} - ${t.name}`;
    }
    setKnown((before) => (now.silent ? { ...before, silent: true } : now));
  };
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), askEvery);
    return () => clearInterval(timer);
  }, []);
  const { room, gone, silent } = known;
  const over = gone !== undefined || ["ended", "removed", "failed"].includes(room?.phase ?? "");
  useEffect(() => {
    if (over) listening.stop();
  }, [over]);
  return (
    <>
      <header class="guest-top">
        <span class="wordmark">
          <Sign />
          <span>{t.name}</span>
        </span>
      </header>
      <main class="guest" data-test="guest" data-phase={room?.phase ?? ""}>
        {silent && (
          <p class="guest-note" role="status" data-test="silent">
            {t.unreachable}
          </p>
        )}
        {over ? <Over why={gone} onLook={look} /> : room && <Live room={room} />}
      </main>
    </>
  );
}

function Over({ why, onLook }: { why: string | undefined; onLook: () => void }) {
  return (
    <section class="guest-card" data-test="over">
      <h1>{t.over}</h1>
      <p>{why ?? t.overText}</p>
      <button type="button" class="button" onClick={onLook}>
        {t.lookAgain}
      </button>
    </section>
  );
}

function Live({ room }: { room: Room }) {
  const { is, refused } = useStore(listening.state, (s) => s);
  const [volume, setVolume] = useState(listening.volume);
  const asked = is !== "off" && is !== "blocked";
  return (
    <section class="guest-card">
      <ul class="guest-tags">
        <li>{room.mode === "concert" ? t.concert : t.talk}</li>
        {room.language !== t.unknownLanguage && <li>{t.language(room.language)}</li>}
        {room.recording && <li class="hot">{t.recording}</li>}
      </ul>
      <h1>
        <bdi>{room.title}</bdi>
      </h1>
      <p class="quiet">
        {t.with} <Named who={room.host} strong /> · <span data-test="listeners">{t.listeners(room.listeners)}</span>
      </p>
      <Cautions names={[room.host, ...room.stage.filter((one) => one.name !== room.host.name || one.why === "alike")]} />
      {room.waiting && (
        <p data-test="waiting">
          {t.waiting} {room.starts > 0 && t.startsAt(new Date(room.starts))}
        </p>
      )}
      {room.stage.length > 0 && (
        <>
          <h2>{t.onStage}</h2>
          <ul class="guest-stage">
            {room.stage.map((who, i) => (
              <li key={i}>
                <Named who={who} />
              </li>
            ))}
          </ul>
        </>
      )}
      <div class="guest-play">
        {asked ? (
          <button type="button" class="button large" data-test="stop" onClick={() => listening.stop()}>
            {t.stop}
          </button>
        ) : (
          <button type="button" class="button primary large" data-test="listen" disabled={room.locked} onClick={() => listening.start()}>
            {t.listen}
          </button>
        )}
        <label class="guest-volume">
          <span>{t.volume}</span>
          <input
            type="range"
            min="0"
            max="1"
            step="0.05"
            value={volume}
            onInput={(event) => setVolume((listening.volume = Number(event.currentTarget.value)))}
          />
        </label>
      </div>
      <p role="status" data-test="state" data-state={is}>
        {refused || (room.locked && !asked ? t.locked : t.state[is])}
      </p>
      <p class="quiet small" data-test="honest">
        {t.honest}
      </p>
    </section>
  );
}

/** Why a name may deceive; empty: no reason. */
const caution = ({ why, like }: Name): string => (why === "alike" ? t.like(like ?? "") : why === "mixed" ? t.mixed : "");

function Named({ who, strong }: { who: Name; strong?: boolean }) {
  const text = caution(who);
  return (
    <>
      <bdi class={strong ? "strong" : undefined}>{who.name}</bdi>
      {text && (
        <span class="guest-mark" aria-hidden="true" title={text} data-test="caution">
          <Icon name="alert" />
        </span>
      )}
    </>
  );
}

/** What the marks mean, in words: a finger cannot point at a mark. */
function Cautions({ names }: { names: readonly Name[] }) {
  return (
    <>
      {names.map(
        (who, i) =>
          caution(who) && (
            <p key={i} class="guest-note" role="note" data-test="caution-note">
              <Icon name="alert" /> <bdi class="strong">{who.name}</bdi>: {caution(who)}
            </p>
          ),
      )}
    </>
  );
}

render(<Guest />, document.getElementById("app")!);
