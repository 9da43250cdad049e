import { world } from "../node/world";
import type { RoomCard } from "../node/types";
import { Avatar } from "../parts/avatar";
import { CautionMark, cautionText } from "../parts/caution";
import { Icon } from "../parts/icon";
import { RoomTags } from "../parts/roomtags";
import { useStore } from "../store";
import { useHolds } from "../tickets";
import { t, timeOfDay } from "../words";
import { useBuy } from "./buy";
import { useJoin } from "./join";

/** One room of the list. */
export function Card({ room }: { room: RoomCard }) {
  const { join, busy, question } = useJoin();
  const waiting = room.starts > 0;
  const own = useStore(world, (w) => room.mine || w.status?.person === room.host.person);
  const holds = useHolds(room.id);
  const buy = useBuy(room);
  const way = room.joined ? t.home.return : waiting ? t.home.wait : room.stage_only ? t.link.comeIn : t.home.listen;
  return (
    <li class="card" data-test="room-card" data-room={room.id}>
      <div class="tags">
        <RoomTags room={room} opens={room.starts} />
      </div>
      <h2 dir="auto">{room.title}</h2>
      <p class="host">
        <Avatar person={room.host.person} name={room.host.name} />
        <span>
          {own ? t.home.mine : t.home.hostedBy} {!own && <bdi>{room.host.name}</bdi>}
          {!own && <CautionMark text={cautionText(room.caution)} />}
          {!waiting && room.started > 0 && <span class="since">{t.home.liveSince(timeOfDay(room.started))}</span>}
        </span>
      </p>
      <div class="card-foot">
        <p class="counts">
          {!room.stage_only && <span>{waiting ? t.home.waiting(room.listeners) : t.home.listeners(room.listeners)}</span>}
          <span>{t.home.speakers(room.speakers)}</span>
        </p>
        {room.access === "ticket" && !holds && !room.joined && !own ? (
          buy.button
        ) : (
          <button
            type="button"
            class={room.joined || room.locked ? "button" : "button primary"}
            data-test="listen"
            aria-disabled={busy}
            onClick={() => void join({ room: room.id })}
          >
            <Icon name={room.joined ? "leave" : waiting ? "clock" : "play"} turns />
            <span>{busy ? t.home.joining : way}</span>
            <span class="unseen">{room.title}</span>
          </button>
        )}
      </div>
      {question}
      {buy.dialog}
    </li>
  );
}
