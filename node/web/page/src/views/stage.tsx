import { useState } from "preact/hooks";
import { useLevel } from "../node/levels";
import type { RoomView, Seat } from "../node/types";
import { Avatar } from "../parts/avatar";
import { Icon } from "../parts/icon";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { t } from "../words";
import { PersonDialog } from "./person";

/** Who is on stage, and who of them speaks. */
export function Stage({ room }: { room: RoomView }) {
  const [open, setOpen] = useState("");
  const seats = room.stage ?? [];
  const chosen = seats.find((seat) => seat.person === open);
  return (
    <section class="stage" aria-label={t.room.stage} data-test="stage">
      {seats.length === 0 && <p class="hint">{t.room.empty}</p>}
      <ul class="seats">
        {seats.map((seat) => (
          <Tile key={seat.person} room={room} seat={seat} onOpen={() => setOpen(seat.person)} />
        ))}
      </ul>
      {chosen && <PersonDialog room={room} seat={chosen} onClose={() => setOpen("")} />}
    </section>
  );
}

function Tile({ room, seat, onOpen }: { room: RoomView; seat: Seat; onOpen: () => void }) {
  const tile = useLevel<HTMLButtonElement>(room.id, seat.person);
  const me = seat.person === room.me.person;
  const mutedHere = useStore(sound.state, (s) => me && s.room === room.id && s.mutedHere);
  const muted = seat.muted || mutedHere;
  return (
    <li>
      <button
        ref={tile}
        type="button"
        class="tile"
        data-test="seat"
        data-person={seat.person}
        data-role={seat.role}
        data-muted={muted}
        title={t.room.details(seat.name)}
        onClick={onOpen}
      >
        <span class="face">
          <span class="ring" aria-hidden="true" />
          <Avatar person={seat.person} name={seat.name} />
          {muted && (
            <span class="badge">
              <Icon name="micOff" />
              <span class="unseen">{t.room.muted}</span>
            </span>
          )}
        </span>
        <span class="name">
          <bdi>{seat.name}</bdi>
          {me && <span class="quiet"> ({t.app.you})</span>}
        </span>
        <span class="role">
          <span class="role-name">{seat.role === "host" ? t.room.host : t.room.speaker}</span>
          <span class="role-speaking">{t.room.speaking}</span>
        </span>
      </button>
    </li>
  );
}
