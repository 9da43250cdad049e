import { world } from "../node/world";
import { isOver, runsRoom } from "../node/types";
import { complain, useAction } from "../parts/action";
import { Icon } from "../parts/icon";
import { path, type Route } from "../route";
import { sound } from "../sound/room";
import { useStore } from "../store";
import { t } from "../words";

/** The room one is in while looking elsewhere in the page: the way back, and the microphone at hand. */
export function Dock({ route }: { route: Route }) {
  const heard = useStore(sound.state, (s) => s.room);
  const joined = useStore(world, (w) => w.joined);
  const mutedHere = useStore(sound.state, (s) => s.mutedHere);
  const taken = useStore(sound.state, (s) => s.taken);
  const [busy, run] = useAction();
  const room = joined[heard] ?? Object.values(joined).find((r) => !r.demo && !isOver(r.phase));
  if (!room || room.demo || isOver(room.phase) || route.view === "room" || route.view === "demo") return null;
  const muted = room.me.muted || mutedHere;
  return (
    <aside class="dock" data-test="dock">
      <a class="dock-way" href={path({ view: "room", id: room.id })} data-test="dock-return">
        <span class="pulse" aria-hidden="true" />
        <span class="dock-text">
          <span class="hint">{runsRoom(room.me) ? t.room.hosting : t.room.inRoom}</span>
          <strong dir="auto">{room.title}</strong>
        </span>
        <span class="unseen">{t.room.back}</span>
      </a>
      {heard === room.id && room.me.seated && (
        <button
          type="button"
          class="button round"
          aria-label={muted ? t.room.unmute : t.room.mute}
          aria-disabled={busy && muted}
          data-test={muted ? "unmute-me" : "mute-me"}
          onClick={() => (muted ? void run(() => sound.unmute()) : sound.mute().catch(complain))}
        >
          <Icon name={muted || taken ? "micOff" : "mic"} />
        </button>
      )}
    </aside>
  );
}
