import type { RefObject } from "preact";
import { useRef } from "preact/hooks";
import type { Hand, Named, RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { say } from "../parts/announcer";
import { Avatar } from "../parts/avatar";
import { cautionIn, CautionMark } from "../parts/caution";
import { useNow } from "../parts/clock";
import { useHeir, useKeptFocus } from "../parts/focus";
import { Tool } from "../parts/tool";
import { duration, number, t } from "../words";

/** Who waits to speak, in order. Whoever leads lets them, and changes the order. */
export function Hands({ room, onOpen }: { room: RoomView; onOpen: (who: Named) => void }) {
  const hands = room.hands ?? [];
  const now = useNow(hands.length > 0 ? 1000 : 0);
  const title = useRef<HTMLHeadingElement>(null);
  if (hands.length === 0 && (!room.me.leads || room.stage_only)) return null;
  return (
    <section class="panel hands-panel" data-test="hands">
      <h2 ref={title} tabIndex={-1}>
        {t.room.hands} {hands.length > 0 && <span class="count">{number(hands.length)}</span>}
      </h2>
      {hands.length === 0 && <p class="hint">{room.hands_closed ? t.room.noHandsTaken : t.room.noHands}</p>}
      <ol class="hands">
        {hands.map((hand, i) => (
          <Row key={hand.person} room={room} hand={hand} place={i + 1} last={i === hands.length - 1} now={now} title={title} onOpen={onOpen} />
        ))}
      </ol>
    </section>
  );
}

interface Properties {
  room: RoomView;
  hand: Hand;
  place: number;
  last: boolean;
  now: number;
  title: RefObject<HTMLHeadingElement>;
  onOpen: (who: Named) => void;
}

function Row({ room, hand, place, last, now, title, onOpen }: Properties) {
  const [busy, act] = useRoom(room.id);
  const { person, name } = hand;
  const row = useRef<HTMLLIElement>(null);
  const keepFocus = useKeptFocus(place);
  useHeir(row, () => [title.current?.parentElement?.querySelector<HTMLElement>('[data-test="grant"]'), title.current]);
  const move = async (event: MouseEvent, to: number) => {
    keepFocus(event.currentTarget);
    if (await act("place_hand", { person, place: to })) say(t.queue.moved(name, to));
  };
  return (
    <li ref={row} class="hand" data-test="hand" data-person={person} data-place={place}>
      <span class="hand-place" aria-hidden="true">
        {number(place)}
      </span>
      <button type="button" class="one" title={t.present.open(name)} data-test="hand-open" onClick={() => onOpen({ person, name })}>
        <Avatar person={person} name={name} />
        <span class="hand-name">
          <span>
            <bdi>{name}</bdi>
            <CautionMark text={cautionIn(room, person)} />
            {person === room.me.person && <span class="quiet"> ({t.app.you})</span>}
          </span>
          <span class="hint">
            <span class="unseen">{t.queue.place(place)}, </span>
            {t.room.waitingFor(duration(now - hand.since))}
          </span>
        </span>
      </button>
      {room.me.leads && (
        <span class="hand-tools">
          {!(place === 1 && last) && (
            <>
              <Tool icon="first" test="hand-first" label={t.queue.first(name)} off={busy || place === 1} onClick={(event) => void move(event, 1)} />
              <Tool icon="up" test="hand-up" label={t.queue.up(name)} off={busy || place === 1} onClick={(event) => void move(event, place - 1)} />
              <Tool icon="down" test="hand-down" label={t.queue.down(name)} off={busy || last} onClick={(event) => void move(event, place + 1)} />
            </>
          )}
          <Tool
            icon="close"
            test="dismiss-hand"
            label={t.room.dismissHandLabel(name)}
            off={busy}
            onClick={() => void act("lower_hand", { person })}
          />
          <button
            type="button"
            class="button primary"
            aria-label={t.room.grantLabel(name)}
            aria-disabled={busy}
            data-test="grant"
            onClick={() => void act("grant", { person })}
          >
            {t.room.grant}
          </button>
        </span>
      )}
    </li>
  );
}
