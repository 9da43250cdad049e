import type { Named, RoomView, Seat } from "../node/types";
import { useRoom } from "../parts/action";
import { Icon } from "../parts/icon";
import { t } from "../words";

/** Who has the word, while a talking stick goes round the stage, and how it goes on. Nothing without one. */
export function Stick({ room }: { room: RoomView }) {
  const [busy, act] = useRoom(room.id);
  if (!room.stick_out) return null;
  const holder = room.stage?.find((seat) => seat.stick);
  const mine = holder?.person === room.me.person;
  const next = nextOf(room, holder);
  return (
    <section
      class={mine ? "stick mine" : "stick"}
      aria-label={t.stick.name}
      data-test="stick"
      data-holder={holder?.person ?? ""}
      data-mine={mine}
    >
      <span class="stick-sign">
        <Icon name="stick" />
      </span>
      <p class="stick-text">
        <strong>{mine ? t.stick.you : holder ? t.stick.other(holder.name) : t.stick.nobody}</strong>
        <span class="hint">{explain(room, holder, mine)}</span>
      </p>
      <span class="row">
        {room.me.leads && (
          <button type="button" class="button plain" data-test="stick-in" aria-disabled={busy} onClick={() => void act("stick_in")}>
            {t.stick.away}
          </button>
        )}
        {mine && (
          <button
            type="button"
            class={room.me.leads ? "button" : "button primary large"}
            data-test="lay-stick"
            aria-disabled={busy}
            onClick={() => void act("lay_stick")}
          >
            {t.stick.done}
          </button>
        )}
        {room.me.leads && next && (
          <button
            type="button"
            class="button primary large"
            data-test="stick-next"
            aria-disabled={busy}
            onClick={() => void act("pass_stick", { person: next.person })}
          >
            <Icon name="stick" />
            <bdi>{t.stick.next(next.name)}</bdi>
          </button>
        )}
      </span>
    </section>
  );
}

/** Whose turn it is, past those who are away. */
function nextOf(room: RoomView, holder: Seat | undefined): Named | undefined {
  const seats = room.stage ?? [];
  const first = seats.findIndex((seat) => seat.person === room.stick_next?.person);
  if (first < 0) return undefined;
  return [...seats.slice(first), ...seats.slice(0, first)].find((seat) => !seat.away && seat !== holder);
}

function explain(room: RoomView, holder: Seat | undefined, mine: boolean): string {
  if (mine) return room.me.muted ? t.stick.youMuted : t.stick.youText;
  if (room.me.seated && holder) return t.stick.waiting;
  if (!holder) return room.me.leads ? t.stick.nobodyLead : t.stick.nobodyText;
  return t.stick.audience;
}
