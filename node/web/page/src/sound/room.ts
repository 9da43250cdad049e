// The sound of the room that the person is in: it plays as long as they are in it, and publishes as long as they have a
// seat. Views only show it; it goes on while they look elsewhere in the page.
import { api, paths } from "../node/api";
import { onRoomChange, putRoom, world } from "../node/world";
import { isOver, type RoomView } from "../node/types";
import { Store } from "../store";
import { Keeper, type KeeperState } from "./keeper";
import * as lines from "./line";
import { Microphone } from "./microphone";
import { playStream } from "./output";
import { claim, tab } from "./tab";

export interface RoomSoundState {
  room: string; // empty: none
  play: KeeperState;
  playReason: string;
  publish: KeeperState;
  publishReason: string;
  taken: boolean; // another program speaks, or spoke, for this person: this page does not unless it is asked to
  mutedHere: boolean; // muted in this page, whether or not the node knows yet
  talkingMuted: boolean;
}

const talkingFrom = -32; // dBFS
const talkingHints = 4000; // ms that the hint stays
const takenAfter = 1000; // ms; the end of a session of ours is known to the node sooner
const lookAgain = 30_000; // ms between looks for a WebRTC path while there is none

class RoomSound {
  readonly state = new Store<RoomSoundState>({
    room: "",
    play: "off",
    playReason: "",
    publish: "off",
    publishReason: "",
    taken: false,
    mutedHere: false,
    talkingMuted: false,
  });
  readonly mic = new Microphone();
  private readonly playing = new Keeper(() => this.changed());
  private readonly publishing = new Keeper(() => this.changed());
  private muting: Promise<void> | null = null; // a mute command on its way
  private talked = 0; // reports in a row that were loud while muted
  private hint: ReturnType<typeof setTimeout> | undefined;
  private taking: ReturnType<typeof setTimeout> | undefined; // runs while somebody else publishes
  private insists = false; // on publishing, whoever else does
  private checkNode = false; // after the event stream broke off: is the node the one that has our sessions?

  constructor() {
    let stream = world.get().stream;
    world.subscribe(() => {
      const now = world.get().stream;
      if (now === "open" && stream === "lost") {
        this.checkNode = true;
        this.retry();
      }
      stream = now;
      this.follow();
    });
    onRoomChange((before, room) => {
      if (room.phase === "live" && before?.phase !== "live" && room.id === this.state.get().room) this.retry();
      this.confirm(room);
    });
    // A page that comes back from the browser's cache has given its sessions back when it went.
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      this.playing.renew();
      this.publishing.renew();
    });
    addEventListener("online", () => void this.comeBack());
    setInterval(() => void this.comeBack(), lookAgain);
    tab.subscribe(() => this.follow());
    this.mic.onTrack = (track) => {
      void this.publishing.line?.replaceTrack(track);
      this.follow();
    };
    this.mic.onLevel = (peak) => this.hintWhenTalkingMuted(peak);
  }

  /** Turns to the sound of a room. */
  enter(id: string): void {
    if (!tab.get().here) void claim();
    if (this.state.get().room === id) return;
    this.state.set({ room: id, mutedHere: false });
    this.follow();
  }

  exit(): void {
    this.state.set({ room: "", mutedHere: false });
    this.follow();
  }

  /** Mutes at once in this page, whatever becomes of the command. */
  async mute(): Promise<void> {
    const { room } = this.state.get();
    this.state.set({ mutedHere: true, talkingMuted: false });
    this.follow();
    await this.sendMute(room);
  }

  async unmute(): Promise<void> {
    await this.muting?.catch(() => {}); // or its answer would mute again after this
    this.state.set({ mutedHere: false, talkingMuted: false });
    const room = world.get().joined[this.state.get().room];
    if (room?.me.muted) putRoom(await api.act(room.id, "unmute"));
    this.follow();
  }

  private sendMute(room: string): Promise<void> {
    this.muting ??= api
      .act(room, "mute")
      .then(putRoom)
      .finally(() => (this.muting = null));
    return this.muting;
  }

  /** Speaks from this page, whoever speaks for this person now. */
  speakHere(): void {
    this.insists = true;
    this.state.set({ taken: false });
    this.follow();
  }

  retry(): void {
    this.playing.retryNow();
    this.publishing.retryNow();
  }

  private follow(): void {
    const { room: id, mutedHere } = this.state.get();
    const room = world.get().joined[id];
    const alive = room !== undefined && !isOver(room.phase) && tab.get().here;
    const music = room?.mode === "concert";

    // Before the room is live the node does not know whether it is in stereo.
    const heard = alive && room.phase !== "connecting";
    this.playing.want(heard ? id : "", () => lines.play(paths.play(id), music));
    playStream(this.playing.line?.stream ?? null);

    // The demonstration is heard and seen; nobody's microphone takes part.
    const seated = heard && room.me.seated && !room.demo;
    const away = this.yields(seated ? room : undefined);
    if (away) this.publishing.hold(true);
    const speaks = seated && !this.state.get().taken;
    if (speaks) this.mic.want(room.mode);
    else this.mic.unwant();
    this.mic.setMuted(!speaks || !room.me.may_speak || mutedHere);
    // A session begins with a track and then outlives it: a microphone that is changed is exchanged in it.
    const ready = seated && (this.mic.track !== null || this.publishing.state !== "off");
    this.publishing.want(ready ? id : "", () =>
      lines.publish(paths.publish(id), this.mic.track, music, async () => (await api.room(id)).me.publishing),
    );
    if (!away) this.publishing.hold(false);
  }

  /** Changes back to WebRTC if there is a path by now. What plays shows it, for the node would end what is said meanwhile. */
  private async comeBack(): Promise<void> {
    const { room } = this.state.get();
    if (this.playing.line?.kind !== "socket") return;
    const music = world.get().joined[room]?.mode === "concert";
    const back = await this.playing.change(() => lines.playOverWebRTC(paths.play(room), music));
    if (back && this.publishing.line?.kind === "socket") this.publishing.renew();
  }

  /**
   * Whether the microphone is another program's, or may be. The node has one for a person and takes the newest: two that
   * both insist would take it from each other without end. A session of ours that broke is gone from the node in a moment;
   * what publishes after that is not this page, and from then on this page waits to be asked.
   */
  private yields(room: RoomView | undefined): boolean {
    if (!room) {
      this.insists = false;
      if (this.state.get().taken) this.state.set({ taken: false });
    }
    const known = world.get().stream === "open" && !this.checkNode;
    const other = room !== undefined && known && room.me.publishing && !this.publishing.busy && !this.insists;
    if (!other) {
      clearTimeout(this.taking);
      this.taking = undefined;
    } else if (!this.state.get().taken) {
      this.taking ??= setTimeout(() => {
        this.taking = undefined;
        this.state.set({ taken: true });
        this.follow();
      }, takenAfter);
    }
    return other || this.state.get().taken;
  }

  private confirm(room: RoomView): void {
    if (room.id !== this.state.get().room) return;
    if (room.me.muted && this.state.get().mutedHere) {
      // Not before all have heard of the change: whether the mute is news depends on it.
      queueMicrotask(() => {
        if (world.get().joined[room.id]?.me.muted) this.state.set({ mutedHere: false });
      });
    }
    if (this.checkNode && room.phase === "live") {
      // A node that was restarted meanwhile knows nothing of our sessions, and ICE would notice only after seconds.
      this.checkNode = false;
      if (!room.me.playing && this.playing.state === "on") this.playing.renew();
      if (room.me.seated && !room.me.publishing && this.publishing.state === "on") this.publishing.renew();
    }
    // Being muted here and not there can only be a command that got lost.
    if (!room.me.muted && this.state.get().mutedHere && room.me.seated && world.get().stream === "open") {
      this.sendMute(room.id).catch(() => {});
    }
    this.follow();
  }

  private changed(): void {
    const before = this.state.get();
    const { state: play, reason: playReason } = this.playing;
    const { state: publish, reason: publishReason } = this.publishing;
    // Whoever took the microphone before our line was up asked for it later than this page.
    if (publish === "on" || publish === "retrying" || publish === "no_path") this.insists = false;
    if (before.play !== play || before.publish !== publish) this.state.set({ play, playReason, publish, publishReason });
    if (before.publish !== publish) this.follow();
    playStream(this.playing.line?.stream ?? null);
    // The microphone may have been changed while the session was being opened.
    if (publish === "on") void this.publishing.line?.replaceTrack(this.mic.track);
  }

  private hintWhenTalkingMuted(peak: number): void {
    const { room, mutedHere } = this.state.get();
    const muted = mutedHere || world.get().joined[room]?.me.may_speak === false;
    this.talked = muted && peak > talkingFrom ? this.talked + 1 : 0;
    if (this.talked < 8) return;
    if (!this.state.get().talkingMuted) this.state.set({ talkingMuted: true });
    clearTimeout(this.hint);
    this.hint = setTimeout(() => this.state.set({ talkingMuted: false }), talkingHints);
  }
}

export const sound = new RoomSound();
