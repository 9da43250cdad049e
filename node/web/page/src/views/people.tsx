import { useEffect, useId, useRef, useState } from "preact/hooks";
import { api } from "../node/api";
import type { Face, Named, RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { CautionMark, cautionText } from "../parts/caution";
import { Icon } from "../parts/icon";
import { memo } from "../parts/memo";
import { t } from "../words";

/** Everybody in the room, found by name; whoever leads does from here what they may. */
export function People({ room, onOpen }: { room: RoomView; onOpen: (who: Named) => void }) {
  const id = useId();
  const [wanted, setWanted] = useState("");
  const { people, more, asked, problem, showMore } = usePeople(room, useLate(wanted.trim()));
  const all = room.listeners + (room.stage?.length ?? 0);
  return (
    <section class="people" aria-label={t.present.title} data-test="people">
      <div class="people-head">
        <p class="hint" data-test="people-count" data-count={all}>
          {t.present.count(all)}
        </p>
        <label class="unseen" for={id}>
          {t.present.find}
        </label>
        <input
          id={id}
          type="search"
          class="field"
          dir="auto"
          autoComplete="off"
          placeholder={t.present.find}
          value={wanted}
          data-test="find-person"
          onInput={(event) => setWanted(event.currentTarget.value)}
        />
      </div>
      {problem && (
        <p class="wrong" role="alert" data-test="people-problem">
          {problem}
        </p>
      )}
      {asked && !problem && people.length === 0 && (
        <p class="hint" role="status" data-test="nobody">
          {t.present.nobody}
        </p>
      )}
      <ul class="hands">
        {people.map((one) => (
          <Row
            key={one.person}
            room={room.id}
            person={one.person}
            name={one.name}
            caution={cautionText(one.caution)}
            role={one.role}
            me={one.person === room.me.person}
            seated={one.seated}
            hand={placeOf(room, one)}
            invited={one.invited}
            leads={room.me.leads}
            onOpen={onOpen}
          />
        ))}
      </ul>
      {more && (
        <button type="button" class="button" data-test="more-people" onClick={showMore}>
          {t.present.more}
        </button>
      )}
    </section>
  );
}

const placeOf = (room: RoomView, { person }: Face): number => (room.hands ?? []).findIndex((hand) => hand.person === person) + 1;

interface Properties extends Pick<Face, "person" | "name" | "role" | "invited"> {
  caution: string;
  room: string;
  me: boolean;
  seated: boolean;
  hand: number; // place in the queue, 0 is none
  leads: boolean; // this page's person
  onOpen: (who: Named) => void;
}

const Row = memo(function Row({ room, person, name, caution, role, me, seated, hand, invited, leads, onOpen }: Properties) {
  const [busy, act] = useRoom(room);
  const what = role === "host" ? t.room.host : role === "co-host" ? t.room.coHost : seated ? t.room.speaker : t.room.listener;
  const more = hand > 0 ? t.present.handIn(hand) : invited ? t.present.invited : "";
  return (
    <li class="hand" data-test="one" data-person={person} data-role={role}>
      <button type="button" class="one" title={t.present.open(name)} data-test="one-open" onClick={() => onOpen({ person, name, warning: caution })}>
        <Avatar person={person} name={name} />
        <span class="hand-name">
          <span>
            <bdi>{name}</bdi>
            <CautionMark text={caution} />
            {me && <span class="quiet"> ({t.app.you})</span>}
          </span>
          <span class="hint">
            <span class={role === "host" || role === "co-host" ? "leads" : ""}>{what}</span>
            {more && ` · ${more}`}
          </span>
        </span>
        <Icon name="more" turns />
      </button>
      {leads && !me && !seated && role === "listener" && (
        <button
          type="button"
          class="button"
          data-test={hand > 0 ? "grant-listener" : invited ? "uninvite" : "invite-listener"}
          aria-label={hand > 0 ? t.room.grantLabel(name) : invited ? t.present.uninviteLabel(name) : t.present.inviteLabel(name)}
          aria-disabled={busy}
          onClick={() => void act(hand > 0 ? "grant" : invited ? "decline" : "invite", { person })}
        >
          {hand > 0 ? t.room.grant : invited ? t.present.uninvite : t.present.invite}
        </button>
      )}
    </li>
  );
});

const typingPause = 250; // ms

/** A text as it was when its typing paused. */
function useLate(text: string): string {
  const [late, setLate] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setLate(text), typingPause);
    return () => clearTimeout(timer);
  }, [text]);
  return late;
}

const askEvery = 1000; // ms
const askAgain = 1500; // ms after a change: the host makes its list once a second, and what came in may not be in it yet

interface Found {
  people: Face[];
  more: boolean;
  asked: boolean; // the node has answered
  problem: string; // why it did not, the last time
  showMore: () => void;
}

/** Who is there, asked anew whenever the room changed, but not more than once a second; as many pages as are shown. */
function usePeople(room: RoomView, search: string): Found {
  const [found, setFound] = useState<Omit<Found, "showMore">>({ people: [], more: false, asked: false, problem: "" });
  const [pages, setPages] = useState(1);
  const asked = useRef({ at: -Infinity, search, pages });
  useEffect(() => setPages(1), [search]);
  useEffect(() => {
    if (room.phase !== "live") return;
    const { current: last } = asked;
    const wait = last.search === search && last.pages === pages ? Math.max(0, last.at + askEvery - performance.now()) : 0;
    let over = false;
    const ask = async () => {
      asked.current = { at: performance.now(), search, pages };
      const people: Face[] = [];
      let after = "";
      for (let page = 0; page < pages && (page === 0 || after); page++) {
        const found = await api.inRoom(room.id, search, after);
        people.push(...(found.people ?? []));
        after = found.next;
      }
      if (!over) setFound({ people: unique(people), more: after !== "", asked: true, problem: "" });
    };
    const failed = (error: unknown) => {
      if (!over) setFound((before) => ({ ...before, problem: (error instanceof Error && error.message) || t.error.unknown }));
    };
    const now = () => void ask().catch(failed);
    const timers = [setTimeout(now, wait), setTimeout(now, wait + askAgain)];
    return () => {
      over = true;
      timers.forEach(clearTimeout);
    };
    // The room is another object after each change.
  }, [room, search, pages]);
  return { ...found, showMore: () => setPages((n) => n + 1) };
}

/** People come and go between two pages. */
function unique(people: Face[]): Face[] {
  return [...new Map(people.map((one) => [one.person, one])).values()];
}
