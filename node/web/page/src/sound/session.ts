// A Session is one WHIP (RFC 9725) or WHEP connection between this page and the node beside it.
//
//   - The offer is sent as soon as it is set, before any candidate is gathered: the node answers with its own complete
//     candidates and learns ours from the first check, so there is nothing to trickle.
//   - A session that does not connect, or loses its connection, says so once and is then over. Whoever wants another
//     starts another.
import { call, Refusal } from "../node/api";
import type { Line } from "./line";
import { asMusic } from "./sdp";

const connectWithin = 8000; // ms
const deleteWithin = 2000; // ms
const brokenAfter = 3000; // ms of "disconnected", which ICE often repairs by itself

/** The browser found no path to the node, or lost it. */
export class NoPath extends Error {}

export class Session implements Line {
  readonly kind = "session";
  readonly stream = new MediaStream();
  private readonly pc = new RTCPeerConnection();
  private sender: RTCRtpSender | undefined;
  private resource = "";
  private closed = false;
  private closing = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private onConnected: () => void = () => {};
  private onBroken: (why: NoPath) => void = () => {};

  private constructor(
    private readonly music: boolean,
    private readonly within: number, // ms
  ) {
    this.pc.addEventListener("connectionstatechange", () => this.watch());
    this.pc.addEventListener("track", (event) => this.stream.addTrack(event.track));
    sessions.add(this);
  }

  /** Publishes the track, which may be exchanged later for another of the same microphone or none. */
  static async publish(
    url: string,
    track: MediaStreamTrack | null,
    music: boolean,
    within = connectWithin,
  ): Promise<Session> {
    const session = new Session(music, within);
    const transceiver = session.pc.addTransceiver(track ?? "audio", { direction: "sendonly" });
    session.sender = transceiver.sender;
    return session.open(url);
  }

  /** Plays what the node sends at the address into `stream`. */
  static async play(url: string, music: boolean, within = connectWithin): Promise<Session> {
    const session = new Session(music, within);
    session.pc.addTransceiver("audio", { direction: "recvonly" });
    return session.open(url);
  }

  private async open(url: string): Promise<Session> {
    try {
      const offer = await this.pc.createOffer();
      const sdp = this.music ? asMusic(offer.sdp ?? "") : (offer.sdp ?? "");
      await this.pc.setLocalDescription({ type: "offer", sdp });
      const answer = await call(url, { sdp, signal: AbortSignal.timeout(connectWithin) });
      const location = answer.headers.get("Location");
      if (location) this.resource = new URL(location, new URL(url, document.baseURI)).href;
      await this.pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
      // A node that ends a session says so over DTLS; ICE would miss it only after eight seconds.
      const dtls = this.pc.getTransceivers()[0]?.sender.transport;
      dtls?.addEventListener("statechange", () => {
        if (dtls.state === "closed" || dtls.state === "failed") this.broken();
      });
      await this.connected();
      return this;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  private connected(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.onConnected = resolve;
      this.onBroken = reject;
      this.timer = setTimeout(() => this.broken(), this.within);
      this.watch();
    });
  }

  private watch(): void {
    const state = this.pc.connectionState;
    if (state === "connected") {
      clearTimeout(this.timer);
      this.onConnected();
    } else if (state === "disconnected") {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.broken(), brokenAfter);
    } else if (state === "failed" || state === "closed") this.broken();
  }

  private broken(): void {
    if (this.closed) return;
    const tell = this.onBroken;
    void this.close();
    tell(new NoPath());
  }

  /** Says when the connection is lost; a session that was closed says nothing. */
  whenBroken(tell: () => void): void {
    this.onBroken = tell;
  }

  async replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    if (!this.closed) await this.sender?.replaceTrack(track);
  }

  /** Ends it, and waits until the node has heard of that. */
  async close(): Promise<void> {
    if (this.closed) return this.closing;
    this.closed = true;
    clearTimeout(this.timer);
    sessions.delete(this);
    this.sender?.replaceTrack(null).catch(() => {}); // nothing more is said, whatever the node does
    // First the resource, then the connection: the other way round the node sees the connection end and has nothing left
    // to delete. Should the page close before, the browser ends the connection.
    this.closing = this.giveBack().finally(() => this.pc.close());
    return this.closing;
  }

  private async giveBack(): Promise<void> {
    if (!this.resource) return;
    await call(this.resource, { method: "DELETE", keepalive: true, signal: AbortSignal.timeout(deleteWithin) }).catch(
      () => {}, // it was gone already, or the node is
    );
  }
}

const sessions = new Set<Session>();

// A page that is put aside or closed gives its sessions back; otherwise the node would send into the void for a while.
addEventListener("pagehide", () => {
  for (const session of [...sessions]) void session.close();
});

/** Whether the node itself refused, so that asking the same again at once is no use. */
export const refused = (error: unknown): error is Refusal =>
  error instanceof Refusal && error.status >= 400 && error.status < 500;
