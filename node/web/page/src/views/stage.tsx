import { useLevel } from "../node/levels";
import type { Named, RoomView, Seat } from "../node/types";
import { Avatar } from "../parts/avatar";
import { cautionIn, CautionMark } from "../parts/caution";
import { Icon } from "../parts/icon";
import { memo } from "../parts/memo";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { t } from "../words";

/** Who is on stage, and who of them speaks. */
export function Stage({ room, onOpen }: { room: RoomView; onOpen: (who: Named) => void }) {
  const seats = room.stage ?? [];
  const mutedHere = useStore(sound.state, (s) => s.room === room.id && s.mutedHere);
  return (
    <section class="stage" aria-label={t.room.stage} data-test="stage">
      {seats.length === 0 && <p class="hint">{t.room.empty}</p>}
      <ul class="seats">
        {seats.map((seat) => {
          const me = seat.person === room.me.person;
          return (
            <Tile
              key={seat.person}
              room={room.id}
              person={seat.person}
              name={seat.name}
              caution={cautionIn(room, seat.person)}
              role={seat.role}
              me={me}
              muted={seat.muted || (me && mutedHere)}
              stick={seat.stick}
              waits={room.stick_out && !seat.stick}
              away={seat.away}
              hushed={seat.muted_for_me}
              onOpen={onOpen}
            />
          );
        })}
      </ul>
    </section>
  );
}

interface Properties extends Pick<Seat, "person" | "name" | "role" | "muted" | "stick" | "away"> {
  caution: string;
  room: string;
  me: boolean;
  waits: boolean; // for the talking stick
  hushed: boolean; // by this person's own list
  onOpen: (who: Named) => void;
}

// Drawn anew only when something of this seat changed: the room changes far more often.
const Tile = memo(function Tile({ room, person, name, caution, role, me, muted, stick, waits, away, hushed, onOpen }: Properties) {
  const tile = useLevel<HTMLButtonElement>(room, person);
  return (
    <li>
      <button
        ref={tile}
        type="button"
        class="tile"
        data-test="seat"
        data-person={person}
        data-role={role}
        data-muted={muted}
        data-stick={stick}
        data-waits={waits}
        data-away={away}
        title={t.room.details(name)}
        onClick={() => onOpen({ person, name })}
      >
        <span class="face">
          <span class="ring" aria-hidden="true" />
          <Avatar person={person} name={name} />
          {stick && (
            <span class="badge stick-badge">
              <Icon name="stick" />
              <span class="unseen">{t.stick.badge}</span>
            </span>
          )}
          {muted && (
            <span class="badge">
              <Icon name="micOff" />
              <span class="unseen">{t.room.muted}</span>
            </span>
          )}
        </span>
        <span class="name">
          <bdi>{name}</bdi>
          <CautionMark text={caution} />
          {me && <span class="quiet"> ({t.app.you})</span>}
        </span>
        <span class="role">
          <span class={role === "speaker" || away || hushed ? "role-name" : "role-name leads"}>
            {away ? t.room.away : hushed ? t.room.mutedForMe : role === "host" ? t.room.host : role === "co-host" ? t.room.coHost : t.room.speaker}
          </span>
          <span class="role-speaking">{t.room.speaking}</span>
        </span>
      </button>
    </li>
  );
});
