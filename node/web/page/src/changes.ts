// What happened in a room, in words, for those who do not see it happen.
import { onNewLine } from "./node/chat";
import { onRoomChange, world } from "./node/world";
import type { Named, RoomView } from "./node/types";
import { say } from "./parts/announcer";
import { mentions } from "./parts/text";
import { people } from "./people";
import { sound } from "./sound/room";
import { t } from "./words";

export function tellChanges(): void {
  onRoomChange((before, after) => {
    if (after.id !== sound.state.get().room) return;
    const text = changes(before, after);
    if (text.length > 0) say(text.join(" "));
  });
  // Not each line: a chat is read, and only who is spoken to is told.
  onNewLine((id, line) => {
    const room = world.get().joined[id];
    const hidden = people.get().list?.some((one) => one.person === line.person);
    if (room && !hidden && mentions(line.text, room.me.name)) say(t.changes.mention(line.name, line.text));
  });
}

/** Sentences on what differs; nothing for what nobody needs to hear, such as counts. */
export function changes(before: RoomView | undefined, after: RoomView): string[] {
  const said: string[] = [];
  if (!before || before.phase !== after.phase) {
    if (after.phase === "live") said.push(before?.phase === "reconnecting" ? t.changes.back : t.changes.live(after.title));
    else if (after.phase === "reconnecting") said.push(t.changes.reconnecting);
  }
  if (!before || before.phase === "connecting") {
    if (after.phase === "live" && after.recording) said.push(t.changes.recordOn);
    return said; // whoever is there already is no news
  }
  said.push(...changesOfMe(before, after), ...changesOfRoom(before, after));
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
  const away = new Map((before.stage ?? []).map((seat) => [seat.person, seat.away]));
  for (const seat of after.stage ?? []) {
    const lost = away.get(seat.person);
    if (lost === undefined || lost === seat.away || seat.person === me) continue;
    said.push(seat.away ? t.changes.away(seat.name) : t.changes.isBack(seat.name));
  }
  const hands = new Set((before.hands ?? []).map((hand) => hand.person));
  for (const hand of after.hands ?? []) {
    if (!hands.has(hand.person) && hand.person !== me) said.push(t.changes.hand(hand.name));
  }
  return said;
}

function changesOfMe({ me: before, ...wasRoom }: RoomView, { me: after, ...isRoom }: RoomView): string[] {
  const said: string[] = [];
  if (!before.leads && after.leads) said.push(t.changes.youCoHost);
  if (before.leads && !after.leads) said.push(t.changes.youNoCoHost);
  if (!before.seated && after.seated) {
    return [...said, after.muted ? t.changes.youOnStageMuted : after.may_speak ? t.changes.youOnStage : t.changes.youOnStageWaiting];
  }
  if (before.seated && !after.seated) return [...said, t.changes.youInAudience];
  if (after.seated && before.muted !== after.muted) {
    // The page's own mute is on before the node says so; a mute that comes as news is the host's.
    const mine = sound.state.get().mutedHere;
    const open = after.may_speak ? t.changes.youUnmuted : t.changes.youUnmutedWaiting;
    said.push(!after.muted ? open : mine ? t.changes.youMuted : t.changes.youMutedByHost);
  }
  if (!before.invited && after.invited) said.push(t.changes.invited);
  if (after.seated) return said;
  if (wasRoom.hands_closed !== isRoom.hands_closed && !isRoom.stage_only) {
    said.push(isRoom.hands_closed ? t.changes.handsClosed : t.changes.handsOpen);
  }
  if (before.hand !== after.hand) said.push(after.hand ? t.changes.handUp : t.changes.handDown);
  if (after.hand && after.hand_place === 1 && before.hand_place > 1) said.push(t.changes.handNext);
  return said;
}

function changesOfRoom(before: RoomView, after: RoomView): string[] {
  const said: string[] = [];
  const me = after.me.person;
  const others = ({ person }: Named) => person !== me;
  const was = (before.co_hosts ?? []).filter(others);
  const is = (after.co_hosts ?? []).filter(others);
  for (const { person, name } of is) if (!was.some((one) => one.person === person)) said.push(t.changes.coHost(name));
  for (const { person, name } of was) if (!is.some((one) => one.person === person)) said.push(t.changes.noCoHost(name));
  said.push(...changesOfStick(before, after));
  if (before.stage_only !== after.stage_only) said.push(after.stage_only ? t.changes.stageOnly : t.changes.stageOpen);
  if (before.chat_closed !== after.chat_closed) said.push(after.chat_closed ? t.changes.chatClosed : t.changes.chatOpen);
  if (before.slow !== after.slow) said.push(after.slow > 0 ? t.changes.slow(after.slow) : t.changes.slowOff);
  if (before.locked !== after.locked) said.push(after.locked ? t.changes.locked : t.changes.unlocked);
  if (before.recording !== after.recording) said.push(after.recording ? t.changes.recordOn : t.changes.recordOff);
  if (after.pinned && before.pinned?.seq !== after.pinned.seq) said.push(t.changes.pinned(after.pinned.name, after.pinned.text));
  return said;
}

function changesOfStick(before: RoomView, after: RoomView): string[] {
  if (before.stick_out && !after.stick_out) return [t.changes.stickIn];
  const said = !before.stick_out && after.stick_out ? [t.changes.stickOut] : [];
  const holder = after.stage?.find((seat) => seat.stick);
  if (!after.stick_out || before.stage?.find((seat) => seat.stick)?.person === holder?.person) return said;
  const mine = holder?.person === after.me.person;
  return [...said, mine ? t.changes.stickYou : holder ? t.changes.stick(holder.name) : t.changes.stickNobody];
}
