// The sound check: five seconds go the way that a room's sound goes, and come back.
import { api, paths } from "../node/api";
import { world } from "../node/world";
import type { CheckEvent } from "../node/types";
import { Store } from "../store";
import { t } from "../words";
import * as lines from "./line";
import { Microphone } from "./microphone";
import { followSpeaker } from "./output";
import { NoPath } from "./session";

export interface CheckState {
  phase: "idle" | "starting" | "recording" | "playing" | "done" | "failed";
  left: number; // ms
  level: number | null; // dBFS, the loudest so far
  reason: string;
  blocked: boolean; // the browser waits for a click before it plays
}

const silentFor = 10_000; // ms; while it goes well the node says something ten times a second, or plays for five seconds
const lastWords = 1500; // ms that its word of the end may come after the end of a session

const begun = { left: 5000, level: null, reason: "", blocked: false };

export class Check {
  readonly state = new Store<CheckState>({ phase: "idle", ...begun });
  readonly mic = new Microphone();
  private id = "";
  private turn = 0;
  private line: lines.Line | null = null;
  private readonly audio = new Audio();
  private readonly unfollow: () => void;
  private readonly unfollowSpeaker = followSpeaker(this.audio);
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    let last: CheckEvent | null = world.get().check;
    this.unfollow = world.subscribe(() => {
      const event = world.get().check;
      if (event === last) return;
      last = event;
      if (event && event.id === this.id) this.heed(event);
    });
    // One talks first and wants to hear it as others would: as speech, in either mode.
    this.mic.onTrack = (track) => void this.line?.replaceTrack(track);
  }

  /** Records; the microphone must be on. */
  async record(): Promise<void> {
    this.drop();
    const turn = this.turn;
    this.state.set({ phase: "starting", ...begun });
    this.expect(turn);
    try {
      const { id } = await api.startCheck();
      if (turn !== this.turn) {
        void api.endCheck(id).catch(() => {});
        return;
      }
      this.id = id;
      await this.hold(turn, lines.publish(paths.publishCheck(id), this.mic.track, false));
    } catch (error) {
      this.fail(turn, error);
    }
  }

  async replay(): Promise<void> {
    const turn = ++this.turn;
    this.line?.close();
    this.state.set({ phase: "playing" });
    this.expect(turn);
    try {
      const line = await this.hold(turn, lines.play(paths.playCheck(this.id), false));
      if (!line) return;
      this.audio.srcObject = line.stream;
      await this.play();
    } catch (error) {
      this.fail(turn, error);
    }
  }

  async play(): Promise<void> {
    try {
      await this.audio.play();
      this.state.set({ blocked: false });
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.state.set({ blocked: true });
    }
  }

  end(): void {
    this.drop();
    this.unfollow();
    this.unfollowSpeaker();
    this.mic.unwant();
  }

  // What was opened for an earlier turn is closed again.
  private async hold(turn: number, opening: Promise<lines.Line>): Promise<lines.Line | null> {
    const line = await opening;
    if (turn !== this.turn) {
      line.close();
      return null;
    }
    this.line = line;
    line.whenBroken(() => setTimeout(() => this.miss(turn, t.check.broken), lastWords));
    return line;
  }

  /** Gives up when the node says nothing for long. */
  private expect(turn: number): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.miss(turn, t.check.nothingCame), silentFor);
  }

  private miss(turn: number, why: string): void {
    if (this.state.get().phase !== "done") this.fail(turn, new Error(why));
  }

  private heed(event: CheckEvent): void {
    const { phase } = this.state.get();
    this.expect(this.turn);
    switch (event.phase) {
      case "recording":
        this.state.set({ phase: "recording", left: event.left_ms, level: event.level });
        break;
      case "ready":
        this.state.set({ level: event.level });
        if (phase === "starting" || phase === "recording") void this.replay();
        break;
      case "done":
        this.line?.close();
        this.line = null;
        this.audio.srcObject = null;
        this.state.set({ phase: "done" });
        break;
    }
  }

  private fail(turn: number, error: unknown): void {
    if (turn !== this.turn) return;
    this.drop();
    const reason = error instanceof NoPath ? lines.withoutPath : error instanceof Error ? error.message : "";
    this.state.set({ phase: "failed", reason });
  }

  private drop(): void {
    this.turn++;
    clearTimeout(this.silence);
    this.line?.close();
    this.line = null;
    this.audio.srcObject = null;
    if (this.id) void api.endCheck(this.id).catch(() => {});
    this.id = "";
  }
}
