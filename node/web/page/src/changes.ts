// What happened in a room, in words, for those who do not see it happen.
import { onRoomChange } from "./node/world";
import { onStage, type RoomView } from "./node/types";
import { say } from "./parts/announcer";
import { sound } from "./sound/room";
import { t } from "./words";

export function tellChanges(): void {
  onRoomChange((before, after) => {
    if (after.id !== sound.state.get().room) return;
    const text = changes(before, after);
    if (text.length > 0) say(text.join(" "));
  });
}

/** Sentences on what differs; nothing for what nobody needs to hear, such as counts. */
export function changes(before: RoomView | undefined, after: RoomView): string[] {
  const said: string[] = [];
  if (!before || before.phase !== after.phase) {
    if (after.phase === "live") said.push(before?.phase === "reconnecting" ? t.changes.back : t.changes.live(after.title));
    else if (after.phase === "reconnecting") said.push(t.changes.reconnecting);
  }
  if (!before || before.phase === "connecting") return said; // whoever is there already is no news
  said.push(...changesOfMe(before, after));
  if (before.waiting && !after.waiting) said.push(t.waiting.opened);
  const me = after.me.person;
  const was = new Set((before.stage ?? []).map((seat) => seat.person));
  const is = new Set((after.stage ?? []).map((seat) => seat.person));
  for (const seat of after.stage ?? []) {
    if (!was.has(seat.person) && seat.person !== me) said.push(t.changes.joinedStage(seat.name));
  }
  for (const seat of before.stage ?? []) {
    if (!is.has(seat.person) && seat.person !== me) said.push(t.changes.leftStage(seat.name));
  }
  const hands = new Set((before.hands ?? []).map((hand) => hand.person));
  for (const hand of after.hands ?? []) {
    if (!hands.has(hand.person) && hand.person !== me) said.push(t.changes.hand(hand.name));
  }
  return said;
}

function changesOfMe({ me: before, ...wasRoom }: RoomView, { me: after, ...isRoom }: RoomView): string[] {
  if (!onStage(before.role) && onStage(after.role)) {
    return [after.muted ? t.changes.youOnStageMuted : t.changes.youOnStage];
  }
  if (onStage(before.role) && !onStage(after.role)) return [t.changes.youInAudience];
  const said: string[] = [];
  if (onStage(after.role) && before.muted !== after.muted) {
    // The page's own mute is on before the node says so; a mute that comes as news is the host's.
    const mine = sound.state.get().mutedHere;
    said.push(!after.muted ? t.changes.youUnmuted : mine ? t.changes.youMuted : t.changes.youMutedByHost);
  }
  if (!before.invited && after.invited) said.push(t.changes.invited);
  if (!onStage(after.role) && wasRoom.hands_closed !== isRoom.hands_closed) {
    said.push(isRoom.hands_closed ? t.changes.handsClosed : t.changes.handsOpen);
  }
  if (!onStage(after.role) && before.hand !== after.hand) said.push(after.hand ? t.changes.handUp : t.changes.handDown);
  return said;
}
