import type { ComponentChildren } from "preact";
import { useCallback, useRef, useState } from "preact/hooks";
import { chatOf, chats } from "../node/chat";
import type { ChatLine, Named, Role, RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { CautionMark } from "../parts/caution";
import { Choice } from "../parts/choice";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { memo } from "../parts/memo";
import { Text, mentions } from "../parts/text";
import { useStore } from "../store";
import { t, timeOfDay } from "../words";

interface Properties {
  line: ChatLine;
  role: Role; // of its author, if they lead
  caution: string; // why their name is not to be trusted; empty: no reason
  me: string; // name, which is marked where it is mentioned
  mine: boolean;
  follows: boolean; // right after another of the same person
  folded: boolean; // its author is muted or blocked by this person
  handled: boolean; // this person may remove it, or pin it
  onMenu: (line: ChatLine) => void;
  onOpen: (who: Named) => void;
}

/** One line of the chat. There are hundreds: it is drawn again only when something of it changed. */
export const Line = memo(function Line({ line, role, caution, me, mine, follows, folded, handled, onMenu, onOpen }: Properties) {
  const [shown, setShown] = useState(false);
  const author = useRef<HTMLButtonElement>(null);
  const { person, name } = line;
  const show = () => {
    setShown(true);
    requestAnimationFrame(() => author.current?.focus()); // what had the focus is gone
  };
  const hidden = folded && !shown && !line.erased;
  const mentioned = !mine && !hidden && !line.erased && mentions(line.text, me);
  const time = <time dateTime={new Date(line.time).toISOString()}>{timeOfDay(line.time)}</time>;
  return (
    <li
      class={`line ${follows ? "follows" : ""} ${mentioned ? "mentioned" : ""}`}
      data-test="chat-line"
      data-seq={line.seq}
      data-person={person}
      data-erased={line.erased}
      data-folded={hidden}
      data-mention={mentioned}
    >
      {!follows && !hidden && <Avatar person={person} name={name} />}
      {hidden ? (
        <p class="line-text quiet">
          {t.chat.hidden}{" "}
          <button type="button" class="text-button" data-test="show-line" onClick={show}>
            {t.chat.show}
          </button>
        </p>
      ) : (
        <>
          <p class={follows ? "line-head unseen" : "line-head"}>
            <button ref={author} type="button" class="line-name" tabIndex={follows ? -1 : 0} title={t.present.open(name)} onClick={() => onOpen({ person, name })}>
              <bdi>{name}</bdi>
            </button>
            <CautionMark text={caution} />
            {(role === "host" || role === "co-host") && <span class="leads">{role === "host" ? t.room.host : t.room.coHost}</span>}
            <span class="quiet">{time}</span>
          </p>
          {line.erased ? (
            <p class="line-text quiet">{t.chat.erased}</p>
          ) : (
            <p class="line-text" dir="auto">
              <Text text={line.text} me={me} />
            </p>
          )}
        </>
      )}
      {handled && !line.erased && (
        <button
          type="button"
          class="button plain round small line-menu"
          aria-label={t.chat.menu(name)}
          aria-haspopup="dialog"
          data-test="line-menu"
          onClick={() => onMenu(line)}
        >
          <Icon name="dots" />
        </button>
      )}
    </li>
  );
});

/** The menu of the line that was chosen last, to be drawn, and what chooses one. */
export function useLineMenu(room: RoomView): [menu: ComponentChildren, open: (line: ChatLine) => void] {
  const [chosen, setChosen] = useState<ChatLine | null>(null);
  const open = useCallback((line: ChatLine) => setChosen(line), []);
  const lines = useStore(chats, (all) => chatOf(all, room.id).lines);
  const line = chosen && lines.find((one) => one.seq === chosen.seq);
  return [line && !line.erased && <LineMenu room={room} line={line} onClose={() => setChosen(null)} />, open];
}

interface MenuProperties {
  room: RoomView;
  line: ChatLine;
  onClose: () => void;
}

/** What one may do with a line: its author and those who lead remove it, those who lead keep it on top. */
function LineMenu({ room, line, onClose }: MenuProperties) {
  const [busy, act] = useRoom(room.id);
  const one = async (action: "erase" | "pin" | "unpin") => {
    if (await act(action, action === "unpin" ? {} : { ref: line.seq })) onClose();
  };
  const pinned = room.pinned?.seq === line.seq;
  return (
    <Dialog title={t.chat.message} test="line-dialog" heir=".lines" onClose={onClose}>
      <blockquote class="quoted" dir="auto">
        {line.text}
      </blockquote>
      <div class="menu">
        {room.me.leads && (
          <Choice
            icon="pin"
            test={pinned ? "unpin-line" : "pin-line"}
            text={pinned ? t.chat.unpin : t.chat.pin}
            {...(pinned ? {} : { hint: t.chat.pinHint })}
            busy={busy}
            onClick={() => void one(pinned ? "unpin" : "pin")}
          />
        )}
        <Choice icon="erase" test="erase-line" text={t.chat.erase} hint={t.chat.eraseHint} busy={busy} danger onClick={() => void one("erase")} />
      </div>
    </Dialog>
  );
}
