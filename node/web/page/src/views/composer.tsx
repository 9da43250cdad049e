import { useEffect, useId, useRef, useState } from "preact/hooks";
import { excess, messageLimit, space } from "../limits";
import { api } from "../node/api";
import { chatOf, chats, drafts } from "../node/chat";
import { putRoom } from "../node/world";
import type { Named, RoomView } from "../node/types";
import { Avatar } from "../parts/avatar";
import { Icon } from "../parts/icon";
import { useStore } from "../store";
import { t } from "../words";

/** Where one writes. What was not sent stays, whatever happens. */
export function Composer({ room }: { room: RoomView }) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(drafts.get(room.id) ?? "");
  const [problem, setProblem] = useState("");
  const [sending, setSending] = useState(false);
  const wait = useWait(room);
  const names = useMentions(room, field, text, (next) => change(next));
  const change = (next: string) => {
    setText(next);
    setProblem("");
    drafts.set(room.id, next);
  };
  if (room.chat_closed && !room.me.leads) {
    return (
      <p class="composer-closed hint" data-test="chat-is-closed">
        {t.chat.closed}
      </p>
    );
  }
  const tooMuch = excess(text, messageLimit);
  const ready = text.trim() !== "" && tooMuch === 0 && wait === 0 && !sending && room.phase === "live";
  const send = async () => {
    if (!ready) return;
    setSending(true);
    setProblem("");
    try {
      putRoom(await api.act(room.id, "say", { text }));
      // What was typed meanwhile is the next message.
      const now = drafts.get(room.id) ?? "";
      change(now.startsWith(text) ? now.slice(text.length) : now);
    } catch (error) {
      setProblem((error instanceof Error && error.message) || t.error.unknown);
    } finally {
      setSending(false);
      field.current?.focus();
    }
  };
  const free = space(text, messageLimit);
  const note =
    tooMuch > 0
      ? t.chat.tooLong(tooMuch)
      : free <= 50
        ? t.chat.left(free)
        : wait > 0
          ? t.chat.wait(wait)
          : room.chat_closed
            ? t.chat.closedLead
            : room.slow > 0 && !room.me.leads
              ? t.chat.slow(room.slow)
              : "";
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {problem && (
        <p class="wrong" role="alert" data-test="chat-problem">
          {problem}
        </p>
      )}
      {names.list}
      <div class="composer-row">
        <label class="unseen" for={id}>
          {t.chat.write}
        </label>
        <input
          ref={field}
          id={id}
          class="field"
          dir="auto"
          autoComplete="off"
          enterkeyhint="send"
          placeholder={t.chat.write}
          value={text}
          aria-invalid={tooMuch > 0}
          aria-describedby={`${id}-note`}
          data-test="chat-input"
          {...names.field}
          onInput={(event) => change(event.currentTarget.value)}
        />
        <button type="submit" class="button primary round" aria-label={t.chat.send} title={t.chat.send} aria-disabled={!ready} data-test="chat-send">
          <Icon name="send" turns />
        </button>
      </div>
      <p id={`${id}-note`} class={tooMuch > 0 ? "wrong composer-note" : "hint composer-note"} data-test="chat-note">
        {note}
      </p>
    </form>
  );
}

/** Seconds until one may write again: slow mode does not hold for those who lead. */
function useWait(room: RoomView): number {
  const spoke = useStore(chats, (all) => chatOf(all, room.id).spoke);
  const until = room.me.leads ? -Infinity : spoke + room.slow * 1000;
  const [now, setNow] = useState(() => performance.now());
  useEffect(() => {
    setNow(performance.now());
    if (until <= performance.now()) return;
    const timer = setInterval(() => {
      setNow(performance.now());
      if (until <= performance.now()) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [until]);
  return Math.max(0, Math.ceil((until - Math.max(now, spoke)) / 1000));
}

const most = 6; // names offered at once

/** Letters as they are compared: without case and accents. */
const plain = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** Names to mention, offered while a word that begins with "@" is being written; as a combobox, for those who hear the page. */
function useMentions(room: RoomView, field: { current: HTMLInputElement | null }, text: string, change: (text: string) => void) {
  const id = useId();
  const [caret, setCaret] = useState(0);
  const [chosen, setChosen] = useState(0);
  const [closed, setClosed] = useState(-1); // where the "@" is whose names were put away
  const [, word] = /(?:^|\s)@([^\s@]{0,40})$/.exec(text.slice(0, caret)) ?? [];
  const at = word === undefined ? -1 : caret - word.length - 1;
  const found = word === undefined || at === closed ? [] : candidates(room, plain(word)).slice(0, most);
  const active = Math.min(chosen, found.length - 1);
  const look = () => setCaret(field.current?.selectionStart ?? 0);
  useEffect(look, [text]);
  useEffect(() => setChosen(0), [word]);
  const take = ({ name }: Named) => {
    const before = `${text.slice(0, at)}@${name} `;
    const whole = before + text.slice(caret).replace(/^ /, "");
    const input = field.current;
    if (input) {
      // In the field at once, not at the next rendering: a key typed before that belongs behind the name.
      input.value = whole;
      input.focus();
      input.setSelectionRange(before.length, before.length);
    }
    change(whole);
    setCaret(before.length);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (found.length === 0 || event.isComposing) return;
    if (event.key === "ArrowDown") setChosen((active + 1) % found.length);
    else if (event.key === "ArrowUp") setChosen((active - 1 + found.length) % found.length);
    else if (event.key === "Enter" || (event.key === "Tab" && !event.shiftKey)) take(found[active]!);
    else if (event.key === "Escape") setClosed(at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const open = found.length > 0;
  const list = open && (
    <ul class="names" role="listbox" id={`${id}-list`} aria-label={t.chat.mention} data-test="mention-list">
      {found.map((one, i) => (
        <li
          key={one.person}
          id={`${id}-${i}`}
          role="option"
          aria-selected={i === active}
          data-test="mention"
          data-person={one.person}
          onMouseDown={(event) => {
            event.preventDefault(); // the field keeps the focus
            take(one);
          }}
        >
          <Avatar person={one.person} name={one.name} />
          <bdi>{one.name}</bdi>
        </li>
      ))}
    </ul>
  );
  return {
    list,
    field: {
      role: "combobox" as const,
      "aria-expanded": open,
      "aria-autocomplete": "list" as const,
      "aria-controls": open ? `${id}-list` : undefined,
      "aria-activedescendant": open ? `${id}-${active}` : undefined,
      onKeyDown,
      onKeyUp: look,
      onClick: look,
    },
  };
}

/** Who is on stage, who waits to speak, and who wrote, the last first; each once, without oneself. */
function candidates(room: RoomView, word: string): Named[] {
  const wrote = chatOf(chats.get(), room.id).lines.toReversed();
  const all = new Map<string, Named>();
  for (const one of [...(room.stage ?? []), ...(room.hands ?? []), ...wrote]) {
    if (one.person !== room.me.person && !all.has(one.person)) all.set(one.person, { person: one.person, name: one.name });
  }
  return [...all.values()].filter(({ name }) => {
    const there = plain(name);
    return there.startsWith(word) || there.split(/\s+/).some((part) => part.startsWith(word));
  });
}
