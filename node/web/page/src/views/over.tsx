import { useEffect, useState } from "preact/hooks";
import { isOver, runsRoom, type RoomView } from "../node/types";
import { world } from "../node/world";
import { Avatar } from "../parts/avatar";
import { useHeading } from "../parts/heading";
import { Icon, Sign } from "../parts/icon";
import { past } from "../past";
import { leave } from "../rooms";
import { go } from "../route";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { howLong, number, t } from "../words";
import { useBuy } from "./buy";
import { useJoin } from "./join";
import { SafeOffer } from "./safe";
import { useSubscribe } from "./subscribe";
import { Top } from "./top";

/** A room that ended, put one out, or could not be reached. */
export function Over({ room }: { room: RoomView }) {
  useHeading(room.phase);
  useEffect(() => {
    if (sound.state.get().room === room.id) sound.exit();
    return () => {
      // Whoever looks away from it has read it. It may be alive again, entered anew by another program.
      const now = world.get().joined[room.id];
      if (now && isOver(now.phase)) leave(now).catch(() => {}); // it comes again with the next full state
    };
  }, [room.id]);
  const listed = useStore(world, (w) => w.rooms?.find((one) => one.id === room.id)?.host);
  const host = listed ?? room.host; // who was not let in knows the host from the list alone
  const buy = useBuy({ ...room, host, price: "" }, true);
  const { join, busy, question } = useJoin();
  const subscribe = useSubscribe(
    { to: room.link || room.id, person: host.person, name: host.name },
    { large: true, onDone: () => void join(room.link ? { room: room.id, link: room.link } : { room: room.id }) },
  );
  const asks = room.refused === "ticket_only" ? buy.button : room.refused === "subscribers_only" ? subscribe.button : null;
  const phase = room.phase === "removed" ? "removed" : room.phase === "failed" ? "failed" : "ended";
  const text = { ended: t.over.endedText, removed: t.over.removedText, failed: t.over.failedText }[phase];
  return (
    <div class="page">
      <Top />
      <main class="alone inner over" data-test="room-over" data-phase={room.phase}>
        <Sign />
        <p class="overline" dir="auto">
          {room.title}
        </p>
        <h1 tabIndex={-1}>{titles[room.refused ?? ""] ?? t.over[phase]}</h1>
        <p class="lead" data-test="reason">
          {room.reason || text}
        </p>
        {phase !== "failed" && <Summary room={room} />}
        <div class="row center apart">
          {asks}
          <button type="button" aria-disabled={busy} class={asks ? "button large" : "button primary large"} data-test="back-to-rooms" onClick={() => go({ view: "home" })}>
            {t.over.back}
          </button>
          <a class="button large" href="#/start" data-test="over-start">
            <Icon name="plus" />
            <span>{t.over.start}</span>
          </a>
        </div>
        {buy.dialog}
        {subscribe.dialog}
        {question}
        {runsRoom(room.me) && <SafeOffer />}
        <LiveNow except={room.id} />
      </main>
    </div>
  );
}

/** Why one was not let in, by the node's word for it. */
const titles: Record<string, string> = { invite_only: t.home.byInvitation, ticket_only: t.over.ticketOnly, subscribers_only: t.over.subscribersOnly, ticket_elsewhere: t.over.elsewhere, host_silent: t.over.hostSilent };

/** What the room was, as far as this page saw it; the host is told more. */
function Summary({ room }: { room: RoomView }) {
  // Kept from the first drawing on: going in anew would begin a new past.
  const [seen] = useState(() => past(room.id));
  const hosted = runsRoom(room.me);
  const lasted = seen && seen.over > 0 && seen.opened > 0 ? seen.over - seen.opened : 0;
  const stayed = seen && seen.over > 0 ? seen.over - seen.came : 0;
  return (
    <dl class="numbers" data-test="summary">
      {!hosted && room.host.name && (
        <div>
          <dt>{t.over.host}</dt>
          <dd class="person">
            <Avatar person={room.host.person} name={room.host.name} />
            <bdi>{room.host.name}</bdi>
          </dd>
        </div>
      )}
      {lasted > 0 && (
        <div data-test="lasted">
          <dt>{t.over.lasted}</dt>
          <dd>{howLong(lasted)}</dd>
        </div>
      )}
      {!hosted && stayed >= 60_000 && lasted - stayed > 60_000 && (
        <div data-test="stayed">
          <dt>{t.over.youStayed}</dt>
          <dd>{howLong(stayed)}</dd>
        </div>
      )}
      {hosted && seen && seen.opened > 0 && (
        <div data-test="most">
          <dt>{t.over.most}</dt>
          <dd>{number(seen.most)}</dd>
        </div>
      )}
    </dl>
  );
}

const shown = 3; // rooms; all of them are one click away

/** Where one could go next. */
function LiveNow({ except }: { except: string }) {
  const rooms = useStore(world, (w) => w.rooms);
  const { join, busy, question } = useJoin();
  const live = (rooms ?? []).filter((room) => room.id !== except && room.starts === 0 && !room.locked && room.access === "open" && !room.joined);
  if (live.length === 0) return null;
  return (
    <section class="next" aria-labelledby="live-now" data-test="live-now">
      <h2 id="live-now">{t.over.live}</h2>
      <ul>
        {live.slice(0, shown).map((room) => (
          <li key={room.id}>
            <button type="button" class="next-room" data-test="next-room" aria-disabled={busy} onClick={() => void join({ room: room.id })}>
              <Avatar person={room.host.person} name={room.host.name} />
              <span class="next-text">
                <strong>
                  <bdi>{room.title}</bdi>
                </strong>
                <span class="hint">
                  {t.home.hostedBy} <bdi>{room.host.name}</bdi> · {t.home.listeners(room.listeners)}
                </span>
              </span>
              <Icon name="play" turns />
            </button>
          </li>
        ))}
      </ul>
      {question}
    </section>
  );
}

/** An address of a room that this person is not in. */
export function Gone() {
  return (
    <div class="page">
      <Top />
      <main class="alone inner" data-test="room-gone">
        <Sign />
        <h1 tabIndex={-1}>{t.over.gone}</h1>
        <p class="lead">{t.over.goneText}</p>
        <a class="button primary large" href="#/" data-test="back-to-rooms">
          {t.over.back}
        </a>
      </main>
    </div>
  );
}
