import { runsRoom, type RoomView } from "../node/types";
import { useRoom } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { t } from "../words";

/** Who lets newcomers with the link into a room by invitation while nobody leads it. The host changes it. */
export function Keepers({ room }: { room: RoomView }) {
  const [busy, act] = useRoom(room.id);
  const list = room.keepers ?? [];
  if (!runsRoom(room.me) && list.length === 0) return null;
  return (
    <section class="stack" data-test="keepers">
      <div>
        <h3>{t.keepers.title}</h3>
        <p class="hint">{list.length > 0 ? t.keepers.text : t.keepers.none}</p>
      </div>
      {list.length > 0 && (
        <ul class="hands">
          {list.map(({ person, name }) => (
            <li key={person} class="hand" data-test="keeper" data-person={person}>
              <Avatar person={person} name={name} />
              <span class="hand-name">
                <bdi>{name}</bdi>
              </span>
              {runsRoom(room.me) && (
                <button
                  type="button"
                  class="button"
                  aria-label={t.keepers.withdrawLabel(name)}
                  aria-disabled={busy}
                  data-test="unkeeper"
                  onClick={() => void act("unkeeper", { person })}
                >
                  {t.keepers.withdraw}
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
