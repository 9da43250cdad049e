import { api } from "../node/api";
import { putRoom } from "../node/world";
import type { RoomView } from "../node/types";
import { useAction } from "../parts/action";
import { useNow } from "../parts/clock";
import { Icon } from "../parts/icon";
import { dateAndTime, howLong, t } from "../words";

/** A room before its doors open: how long it will be, who is there, and for whoever leads it, the handle of the door. */
export function Waiting({ room }: { room: RoomView }) {
  const { leads, seated } = room.me;
  const here = waitersOf(room);
  return (
    <section class="waiting-room" aria-label={t.waiting.title} data-test="waiting-room">
      <Countdown starts={room.starts} />
      <p class="waiting-text">
        {leads || seated ? t.waiting.lead : t.waiting.guest(room.host.name)}
        {leads && ` ${t.waiting.leadTime}`}
      </p>
      {here && (
        <p class="hint" data-test="waiting-here">
          {here}
        </p>
      )}
      {leads && <Doors id={room.id} />}
    </section>
  );
}

/** How many wait in the audience, besides oneself; a guest alone is told nothing. */
function waitersOf({ me, listeners }: RoomView): string {
  if (me.leads || me.seated) return listeners > 0 ? t.waiting.here(listeners) : t.waiting.nobody;
  return listeners > 1 ? t.waiting.hereToo(listeners - 1) : "";
}

function Countdown({ starts }: { starts: number }) {
  const left = starts - useNow(1000);
  return (
    <p class="countdown">
      {left > 0 && <span class="hint">{t.waiting.startsIn}</span>}
      <strong role="timer" data-test="countdown">
        {left > 0 ? howLong(left) : t.waiting.soon}
      </strong>
      <span class="hint">{t.waiting.startsAt(dateAndTime(starts))}</span>
    </p>
  );
}

function Doors({ id }: { id: string }) {
  const [busy, run] = useAction();
  return (
    <button
      type="button"
      class="button primary large"
      data-test="begin"
      aria-disabled={busy}
      onClick={() => void run(async () => putRoom(await api.act(id, "begin")))}
    >
      <Icon name="door" />
      <span>{t.waiting.open}</span>
    </button>
  );
}
