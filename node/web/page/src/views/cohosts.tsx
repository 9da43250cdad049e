import { runsRoom, type RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { useKeptFocus } from "../parts/focus";
import { Tool } from "../parts/tool";
import { number, t } from "../words";

/** Who leads the room with the host, in the order in which they would take over. The host changes it. */
export function CoHosts({ room }: { room: RoomView }) {
  const list = room.co_hosts ?? [];
  return (
    <section class="stack co-hosts" data-test="co-hosts">
      <div>
        <h3>{t.coHosts.title}</h3>
        {room.me.leading && !room.waiting && (
          <p class="hint" data-test="successor">
            {room.successor ? t.coHosts.goesOn(room.successor.name) : list.length > 0 ? t.coHosts.waits : ""}
          </p>
        )}
        <p class="hint">{list.length === 0 ? t.coHosts.none : runsRoom(room.me) ? t.coHosts.text : t.coHosts.textOthers}</p>
      </div>
      {list.length > 0 && (
        <ol class="hands">
          {list.map(({ person, name }, i) => (
            <Row key={person} room={room} person={person} name={name} place={i + 1} last={i === list.length - 1} />
          ))}
        </ol>
      )}
    </section>
  );
}

interface Properties {
  room: RoomView;
  person: string;
  name: string;
  place: number; // from 1
  last: boolean;
}

function Row({ room, person, name, place, last }: Properties) {
  const [busy, act] = useRoom(room.id);
  const keepFocus = useKeptFocus(place);
  const move = (event: MouseEvent, to: number) => {
    keepFocus(event.currentTarget);
    void act("cohost", { person, place: to });
  };
  return (
    <li class="hand" data-test="co-host" data-person={person} data-place={place}>
      <span class="hand-place" aria-hidden="true">
        {number(place)}
      </span>
      <Avatar person={person} name={name} />
      <span class="hand-name">
        <span>
          <bdi>{name}</bdi>
          {person === room.me.person && <span class="quiet"> ({t.app.you})</span>}
        </span>
        <span class="hint">{t.coHosts.place(place)}</span>
      </span>
      {runsRoom(room.me) && (
        <span class="hand-tools">
          {!(place === 1 && last) && (
            <>
              <Tool icon="up" test="cohost-up" label={t.coHosts.up(name)} off={busy || place === 1} onClick={(event) => move(event, place - 1)} />
              <Tool icon="down" test="cohost-down" label={t.coHosts.down(name)} off={busy || last} onClick={(event) => move(event, place + 1)} />
            </>
          )}
          <button
            type="button"
            class="button"
            aria-label={t.coHosts.withdrawLabel(name)}
            aria-disabled={busy}
            data-test="uncohost"
            onClick={() => void act("uncohost", { person })}
          >
            {t.coHosts.withdraw}
          </button>
        </span>
      )}
    </li>
  );
}
