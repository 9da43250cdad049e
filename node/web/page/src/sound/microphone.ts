// A Microphone is wanted or not, and when it is wanted it says what keeps it from being heard.
//
//   - The track that is published is a clone of the one that is measured: muting stops the clone at once,
//     and the meter can still tell someone that they speak into a muted microphone.
//   - A device that comes back, or a permission that is given later, is taken up without a click.
import type { Mode } from "../node/types";
import { Store } from "../store";
import { devices, listDevices } from "./devices";
import { measure, silence } from "./meter";

export type MicProblem =
  | "denied"
  | "system"
  | "none"
  | "busy"
  | "unplugged"
  | "silent"
  | "system_muted"
  | "insecure";

export interface MicState {
  phase: "off" | "asking" | "on" | "problem";
  problem: MicProblem | null; // "silent" and "system_muted" come with phase "on"
  label: string;
}

const silentAfter = 5000; // ms without a sound while someone should be heard
const heardFrom = -60; // dBFS; below is the noise of a room
const nothing = -95; // dBFS; even a quiet room is louder, so below nothing comes in at all

const processing = (mode: Mode): MediaTrackConstraints => {
  const voice = mode === "talk";
  return {
    echoCancellation: voice,
    noiseSuppression: voice,
    autoGainControl: voice,
    channelCount: { ideal: voice ? 1 : 2 },
    sampleRate: { ideal: 48000 },
  };
};

export class Microphone {
  readonly state = new Store<MicState>({ phase: "off", problem: null, label: "" });
  /** What to publish; null when there is nothing to. */
  track: MediaStreamTrack | null = null;
  onTrack: (track: MediaStreamTrack | null) => void = () => {};
  onLevel: (peak: number) => void = () => {};
  private raw: MediaStreamTrack | null = null;
  private mode: Mode | null = null; // null: not wanted
  private device = "";
  private muted = false;
  private turn = 0;
  private stopMeter: () => void = () => {};
  private levels = new Set<(peak: number) => void>();
  private quietSince = 0;
  private heard = false; // since it was opened or unmuted

  constructor() {
    devices.subscribe(() => this.devicesChanged());
    void this.watchPermission();
  }

  /** Opens the microphone, or goes on if it is open in that mode. */
  want(mode: Mode): void {
    if (this.mode === mode) return;
    this.mode = mode;
    void this.open();
  }

  unwant(): void {
    if (this.mode === null) return;
    this.mode = null;
    this.turn++;
    this.stop();
    this.state.set({ phase: "off", problem: null, label: "" });
  }

  retry(): void {
    if (this.mode !== null) void this.open();
  }

  /** Takes effect on the published track before it returns. */
  setMuted(muted: boolean): void {
    if (this.muted && !muted) this.listenAfresh();
    this.muted = muted;
    if (this.track) this.track.enabled = !muted;
    if (muted && this.state.get().problem === "silent") this.state.set({ problem: null });
  }

  /** Reports the level, muted or not, until the returned function is called. */
  watchLevel(report: (peak: number) => void): () => void {
    this.levels.add(report);
    return () => this.levels.delete(report);
  }

  private async open(): Promise<void> {
    const turn = ++this.turn;
    const mode = this.mode!;
    if (!navigator.mediaDevices?.getUserMedia) return this.fail("insecure");
    this.stop();
    this.state.set({ phase: "asking", problem: null });
    this.device = devices.get().input;
    try {
      const stream = await this.capture(mode);
      if (turn !== this.turn) return stream.getTracks().forEach((track) => track.stop());
      this.take(stream.getAudioTracks()[0]!);
      void listDevices();
    } catch (error) {
      if (turn === this.turn) this.fail(problemOf(error));
    }
  }

  private async capture(mode: Mode): Promise<MediaStream> {
    const audio = processing(mode);
    if (!this.device) return navigator.mediaDevices.getUserMedia({ audio });
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { ...audio, deviceId: { exact: this.device } } });
    } catch (error) {
      // The chosen one is not there today; another is better than none.
      if (!(error instanceof DOMException) || error.name !== "OverconstrainedError") throw error;
      return navigator.mediaDevices.getUserMedia({ audio });
    }
  }

  private take(raw: MediaStreamTrack): void {
    this.raw = raw;
    this.track = raw.clone();
    this.track.enabled = !this.muted;
    this.track.contentHint = this.mode === "concert" ? "music" : "speech";
    raw.addEventListener("ended", () => {
      if (raw === this.raw) this.fail("unplugged");
    });
    raw.addEventListener("mute", () => this.systemMuted(raw, true));
    raw.addEventListener("unmute", () => this.systemMuted(raw, false));
    this.listenAfresh();
    this.stopMeter = measure(raw, (peak) => this.level(peak));
    this.state.set({ phase: "on", problem: raw.muted ? "system_muted" : null, label: raw.label });
    this.onTrack(this.track);
  }

  private stop(): void {
    this.stopMeter();
    this.stopMeter = () => {};
    const had = this.track !== null;
    const raw = this.raw;
    this.raw = null;
    raw?.stop();
    this.track?.stop();
    this.track = null;
    this.level(silence);
    if (had) this.onTrack(null);
  }

  private fail(problem: MicProblem): void {
    this.stop();
    this.state.set({ phase: "problem", problem, label: "" });
  }

  private systemMuted(raw: MediaStreamTrack, muted: boolean): void {
    if (raw !== this.raw) return;
    this.listenAfresh();
    this.state.set({ problem: muted ? "system_muted" : null });
  }

  private listenAfresh(): void {
    this.heard = false;
    this.quietSince = performance.now();
  }

  private level(peak: number): void {
    for (const report of this.levels) report(peak);
    this.onLevel(peak);
    if (this.raw) this.judgeSilence(peak);
  }

  // Someone who only listens for a while is no fault: once heard, only a microphone that gives nothing at all is.
  private judgeSilence(peak: number): void {
    const now = performance.now();
    const { problem } = this.state.get();
    if (peak >= heardFrom) this.heard = true;
    if (this.muted || peak >= (this.heard ? nothing : heardFrom)) {
      this.quietSince = now;
      if (problem === "silent") this.state.set({ problem: null });
    } else if (problem === null && now - this.quietSince >= silentAfter) this.state.set({ problem: "silent" });
  }

  private devicesChanged(): void {
    if (this.mode === null) return;
    const { inputs, input } = devices.get();
    const { phase, problem } = this.state.get();
    if (phase !== "asking" && input !== this.device) void this.open(); // another one was chosen
    else if (phase === "problem" && (problem === "unplugged" || problem === "none") && inputs.length > 0) {
      // Without a choice any one will do; with one, only that one is what the person expects.
      if (!input || inputs.some((device) => device.id === input)) void this.open();
    }
  }

  private async watchPermission(): Promise<void> {
    try {
      const permission = await navigator.permissions.query({ name: "microphone" as PermissionName });
      permission.addEventListener("change", () => {
        const { problem } = this.state.get();
        if (permission.state === "granted" && this.mode !== null && problem === "denied") void this.open();
      });
    } catch {
      // Not every browser tells; the button is there.
    }
  }
}

function problemOf(error: unknown): MicProblem {
  const name = error instanceof DOMException ? error.name : "";
  const text = error instanceof Error ? error.message : "";
  if (name === "NotAllowedError" || name === "SecurityError") return /system/i.test(text) ? "system" : "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "none";
  return "busy";
}
