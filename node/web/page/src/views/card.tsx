import { world } from "../node/world";
import type { RoomCard } from "../node/types";
import { Avatar } from "../parts/avatar";
import { Icon } from "../parts/icon";
import { useStore } from "../store";
import { languageName, t, timeOfDay } from "../words";
import { useJoin } from "./join";

/** One room of the list. */
export function Card({ room }: { room: RoomCard }) {
  const { join, busy, question } = useJoin();
  const own = useStore(world, (w) => w.status?.person === room.host.person);
  const language = languageName(room.language);
  return (
    <li class="card" data-test="room-card" data-room={room.id}>
      <div class="tags">
        <span class="tag live">
          <Icon name={room.mode === "concert" ? "music" : "talk"} />
          {t.mode[room.mode]}
        </span>
        {language && <span class="tag">{language}</span>}
        {room.locked && (
          <span class="tag" data-test="locked">
            <Icon name="locked" />
            {t.room.locked}
          </span>
        )}
        {room.started > 0 && <span class="tag quiet">{t.home.liveSince(timeOfDay(room.started))}</span>}
      </div>
      <h2 dir="auto">{room.title}</h2>
      <p class="host">
        <Avatar person={room.host.person} name={room.host.name} />
        <span>
          {own || room.mine ? t.home.mine : t.home.hostedBy} {!(own || room.mine) && <bdi>{room.host.name}</bdi>}
        </span>
      </p>
      <div class="card-foot">
        <p class="counts">
          <span>{t.home.listeners(room.listeners)}</span>
          <span>{t.home.speakers(room.speakers)}</span>
        </p>
        <button
          type="button"
          class={room.joined ? "button" : "button primary"}
          data-test="listen"
          aria-disabled={busy}
          onClick={() => void join({ room: room.id })}
        >
          <Icon name={room.joined ? "leave" : "play"} turns />
          <span>{busy ? t.home.joining : room.joined ? t.home.return : t.home.listen}</span>
          <span class="unseen">{room.title}</span>
        </button>
      </div>
      {question}
    </li>
  );
}
