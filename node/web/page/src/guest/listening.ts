// A Listening keeps the room's sound coming over WHEP (draft-ietf-wish-whep) from when the guest asks until they stop.
import { asMusic } from "../sound/sdp";
import { Store } from "../store";

export type ListeningState = "off" | "connecting" | "on" | "retrying" | "blocked";

const backoff = [500, 1000, 2000, 4000]; // ms; the last one repeats
const connectWithin = 8000; // ms
const buffer = 80; // ms: what the node fills at once, and the browser keeps: it need neither stretch the first sounds nor hurry later
const brokenAfter = 3000; // ms of "disconnected", which ICE often repairs by itself

export class Listening {
  /** `refused` is what the node says why not. */
  readonly state = new Store<{ is: ListeningState; refused: string }>({ is: "off", refused: "" });
  private readonly audio = new Audio();
  private pc: RTCPeerConnection | null = null;
  private resource = "";
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly music: () => boolean,
  ) {
    this.audio.autoplay = true;
    addEventListener("pagehide", () => this.stop());
  }

  get volume(): number {
    return this.audio.volume;
  }

  set volume(to: number) {
    this.audio.volume = to;
  }

  /** Begins; called by a click, so that the browser lets it sound. */
  start(): void {
    this.end();
    this.failures = 0;
    this.state.set({ is: "connecting", refused: "" });
    void this.connect();
  }

  stop(): void {
    this.end();
    this.state.set({ is: "off", refused: "" });
  }

  private end(): void {
    clearTimeout(this.timer);
    const { pc, resource } = this;
    this.pc = null;
    this.resource = "";
    this.audio.srcObject = null;
    if (resource) void fetch(resource, { method: "DELETE", keepalive: true }).catch(() => {}); // it was gone already
    pc?.close();
  }

  private async connect(): Promise<void> {
    const pc = new RTCPeerConnection();
    this.pc = pc;
    const late = () => this.broken(pc);
    this.timer = setTimeout(late, connectWithin);
    pc.addEventListener("connectionstatechange", () => {
      if (pc !== this.pc) return;
      clearTimeout(this.timer);
      if (pc.connectionState === "connected") this.sounds();
      else if (pc.connectionState === "disconnected") this.timer = setTimeout(late, brokenAfter);
      else if (pc.connectionState === "connecting") this.timer = setTimeout(late, connectWithin);
      else late();
    });
    pc.addEventListener("track", ({ track, receiver }) => {
      receiver.jitterBufferTarget = buffer;
      if (pc === this.pc) this.audio.srcObject = new MediaStream([track]);
    });
    pc.addTransceiver("audio", { direction: "recvonly" });
    try {
      const offer = await pc.createOffer();
      const sdp = this.music() ? asMusic(offer.sdp ?? "") : (offer.sdp ?? "");
      await pc.setLocalDescription({ type: "offer", sdp });
      const headers = { "Content-Type": "application/sdp" };
      const answer = await fetch(this.url, { method: "POST", headers, body: sdp, signal: AbortSignal.timeout(connectWithin) });
      const text = await answer.text();
      if (pc !== this.pc) return;
      if (answer.status >= 400 && answer.status < 500) {
        this.end();
        this.state.set({ is: "off", refused: text });
        return;
      }
      if (!answer.ok) return this.broken(pc);
      this.resource = answer.headers.get("Location") ?? "";
      await pc.setRemoteDescription({ type: "answer", sdp: text });
      // A node that ends a session says so over DTLS; ICE would miss it only after seconds.
      const dtls = pc.getTransceivers()[0]?.receiver.transport;
      dtls?.addEventListener("statechange", () => {
        if (dtls.state === "closed" || dtls.state === "failed") this.broken(pc);
      });
    } catch {
      this.broken(pc);
    }
  }

  private sounds(): void {
    this.failures = 0;
    this.audio.play().then(
      () => this.state.set({ is: "on", refused: "" }),
      () => this.state.set({ is: "blocked", refused: "" }),
    );
  }

  private broken(pc: RTCPeerConnection): void {
    if (pc !== this.pc) return;
    this.end();
    this.state.set({ is: "retrying", refused: "" });
    this.timer = setTimeout(() => void this.connect(), backoff[Math.min(this.failures++, backoff.length - 1)]);
  }
}
