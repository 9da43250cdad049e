import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { chatOf, chats, markRead } from "../node/chat";
import type { ChatLine, Named, Role, RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { cautionIn, CautionMark } from "../parts/caution";
import { Icon } from "../parts/icon";
import { Text } from "../parts/text";
import { people } from "../people";
import { useStore } from "../store";
import { t } from "../words";
import { Composer } from "./composer";
import { Line } from "./line";

interface Properties {
  room: RoomView;
  onOpen: (who: Named) => void;
  onLine: (line: ChatLine) => void; // asks what may be done with it
}

/** What is written in the room. */
export function Chat({ room, onOpen, onLine }: Properties) {
  const { lines } = useStore(chats, (all) => chatOf(all, room.id));
  const hidden = useHidden();
  const { list, onScroll, below, toEnd } = useScroll(room, lines);
  const roles = rolesOf(room);
  return (
    <section class="chat" aria-label={t.chat.title} data-test="chat">
      {room.pinned && <PinnedLine room={room} folded={hidden.has(room.pinned.person)} />}
      <div class="chat-window">
        <ol ref={list} class="lines" tabIndex={0} aria-label={t.chat.messages} data-test="chat-lines" onScroll={onScroll}>
          {lines.length === 0 && <li class="hint chat-empty">{room.chat_closed && !room.me.leads ? t.chat.emptyClosed : t.chat.empty}</li>}
          {lines.map((line, i) => (
            <Line
              key={line.seq}
              line={line}
              role={roles.get(line.person) ?? "listener"}
              caution={cautionIn(room, line.person)}
              me={room.me.name}
              mine={line.person === room.me.person}
              follows={!hidden.has(line.person) && continues(lines[i - 1], line)}
              folded={hidden.has(line.person)}
              handled={room.me.leads || line.person === room.me.person}
              onMenu={onLine}
              onOpen={onOpen}
            />
          ))}
        </ol>
        {below > 0 && (
          <button type="button" class="button primary new-lines" data-test="new-lines" onClick={toEnd}>
            <Icon name="down" />
            {t.chat.newMessages(below)}
          </button>
        )}
      </div>
      <Composer room={room} />
    </section>
  );
}

function PinnedLine({ room, folded }: { room: RoomView; folded: boolean }) {
  const [busy, act] = useRoom(room.id);
  const { person, name, text } = room.pinned!;
  return (
    <aside class="pinned" aria-label={t.chat.pinned} data-test="pinned">
      <Icon name="pin" />
      <div>
        <p class="pinned-name">
          <bdi>{name}</bdi> <CautionMark text={cautionIn(room, person)} />
        </p>
        <p class="pinned-text" dir="auto">
          {folded ? t.chat.hidden : <Text text={text} me={room.me.name} />}
        </p>
      </div>
      {room.me.leads && (
        <button
          type="button"
          class="button plain round small"
          aria-label={t.chat.unpin}
          title={t.chat.unpin}
          aria-disabled={busy}
          data-test="unpin"
          onClick={() => void act("unpin")}
        >
          <Icon name="close" />
        </button>
      )}
    </aside>
  );
}

function rolesOf(room: RoomView): Map<string, Role> {
  const roles = new Map<string, Role>((room.co_hosts ?? []).map((one) => [one.person, "co-host"]));
  return roles.set(room.host.person, "host");
}

const pause = 3 * 60_000; // ms; a line after that begins anew

/** Whether a line goes on where its author was, without their name in between. */
function continues(before: ChatLine | undefined, line: ChatLine): boolean {
  return before !== undefined && before.person === line.person && !before.erased && Math.abs(line.time - before.time) < pause;
}

const nobody: ReadonlySet<string> = new Set();

/** Whom this person muted or blocked. */
function useHidden(): ReadonlySet<string> {
  const list = useStore(people, (p) => p.list);
  const set = useRef({ list, hidden: nobody });
  if (set.current.list !== list) set.current = { list, hidden: new Set((list ?? []).map((one) => one.person)) };
  return set.current.hidden;
}

const near = 32; // px from the end that still are the end

/** Stays at the end as lines come, unless somebody reads further up: then it counts what comes. */
function useScroll(room: RoomView, lines: readonly ChatLine[]) {
  const list = useRef<HTMLOListElement>(null);
  const atEnd = useRef(true);
  const [seen, setSeen] = useState(0); // seq of the last line when somebody scrolled up; 0: nobody did
  const last = lines.at(-1);
  const end = () => {
    const element = list.current!;
    element.scrollTop = element.scrollHeight;
  };
  const read = () => {
    if (atEnd.current && document.visibilityState === "visible") markRead(room.id);
  };
  useLayoutEffect(() => {
    if (last?.person === room.me.person && last.seq > seen) atEnd.current = true; // one's own is what one wants to see
    if (atEnd.current) {
      end();
      setSeen(0);
    }
    read();
  }, [last?.seq]);
  useEffect(() => {
    // A keyboard on the screen, or a pinned line, takes place from the list.
    const watch = new ResizeObserver(() => atEnd.current && end());
    watch.observe(list.current!);
    document.addEventListener("visibilitychange", read);
    return () => {
      watch.disconnect();
      document.removeEventListener("visibilitychange", read);
    };
  }, [room.id]);
  const onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = list.current!;
    const now = scrollHeight - scrollTop - clientHeight < near;
    if (now === atEnd.current) return;
    atEnd.current = now;
    setSeen(now ? 0 : (lines.at(-1)?.seq ?? 0));
    read();
  };
  const below = seen === 0 ? 0 : lines.filter((line) => line.seq > seen).length;
  const toEnd = () => {
    atEnd.current = true;
    setSeen(0);
    end();
    read();
    list.current!.focus();
  };
  return { list, onScroll, below, toEnd };
}
