import { useEffect, useState } from "preact/hooks";
import { api } from "../node/api";
import { putRoom } from "../node/world";
import { runsRoom, type Hand, type RoomView } from "../node/types";
import { useAction } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { Icon } from "../parts/icon";
import { duration, t } from "../words";

/** Who waits to speak, in order. Whoever runs the room lets them. */
export function Hands({ room }: { room: RoomView }) {
  const hands = room.hands ?? [];
  const rules = runsRoom(room.me);
  const now = useNow(hands.length > 0);
  if (!rules && hands.length === 0) return null;
  return (
    <section class="panel" data-test="hands">
      <h2>
        {t.room.hands} {hands.length > 0 && <span class="count">{hands.length}</span>}
      </h2>
      {hands.length === 0 && <p class="hint">{room.hands_closed ? t.room.noHandsTaken : t.room.noHands}</p>}
      <ol class="hands">
        {hands.map((hand) => (
          <Row key={hand.person} room={room} hand={hand} rules={rules} now={now} />
        ))}
      </ol>
    </section>
  );
}

function Row({ room, hand, rules, now }: { room: RoomView; hand: Hand; rules: boolean; now: number }) {
  const [busy, run] = useAction();
  const act = (action: "grant" | "lower_hand") =>
    void run(async () => putRoom(await api.act(room.id, action, { person: hand.person })));
  return (
    <li class="hand" data-test="hand" data-person={hand.person}>
      <Avatar person={hand.person} name={hand.name} />
      <span class="hand-name">
        <span>
          <bdi>{hand.name}</bdi>
          {hand.person === room.me.person && <span class="quiet"> ({t.app.you})</span>}
        </span>
        <span class="hint">{t.room.waitingFor(duration(now - hand.since))}</span>
      </span>
      {rules && (
        <span class="row">
          <button
            type="button"
            class="button plain round"
            aria-label={t.room.dismissHandLabel(hand.name)}
            title={t.room.dismissHand}
            aria-disabled={busy}
            data-test="dismiss-hand"
            onClick={() => act("lower_hand")}
          >
            <Icon name="close" />
          </button>
          <button
            type="button"
            class="button primary"
            aria-label={t.room.grantLabel(hand.name)}
            aria-disabled={busy}
            data-test="grant"
            onClick={() => act("grant")}
          >
            {t.room.grant}
          </button>
        </span>
      )}
    </li>
  );
}

/** The time, once a second while someone waits. */
function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}
