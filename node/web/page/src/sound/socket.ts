// A Socket carries one direction of sound between this page and the node over a WebSocket, an Opus packet of 20 ms a message:
// for a browser that finds no WebRTC path. The page codes and keeps pace itself.
//
// What is late is worth less than what is fresh: a page that was held up leaves out what it could not play or send in time.
import { call } from "../node/api";
import { stayAwake } from "./context";
import type { Line } from "./line";
import { NoPath } from "./session";

const rate = 48_000; // Hz
const frame = 960; // samples: 20 ms
const openWithin = 5000; // ms
const mostWaiting = 8 << 10; // bytes to be sent: over a second of speech, half a second of music

/** What TypeScript's library leaves out of it, since not every browser heeds it. */
interface OpusConfig extends OpusEncoderConfig {
  application: "audio" | "voip";
  signal: "music" | "voice";
}

export class Socket implements Line {
  /** Whether this browser can code sound for one. */
  static readonly possible = "AudioEncoder" in window && "AudioDecoder" in window && "AudioWorkletNode" in window;

  readonly kind = "socket";
  readonly stream = new MediaStream();
  private readonly context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
  private readonly letSleep = stayAwake(this.context);
  private readonly goes = () => this.close();
  private ws: WebSocket | undefined;
  private source: MediaStreamAudioSourceNode | undefined;
  private capture: AudioWorkletNode | undefined;
  private coder: AudioEncoder | AudioDecoder | undefined;
  private packets = 0;
  private closed = false;
  private onBroken: () => void = () => {};

  private constructor(private readonly channels: number) {
    // A page that is put aside or closed gives its place back.
    addEventListener("pagehide", this.goes);
  }

  static async play(url: string, music: boolean): Promise<Socket> {
    const socket = new Socket(music ? 2 : 1);
    return socket.open(url, () => socket.prepareToPlay());
  }

  static async publish(url: string, track: MediaStreamTrack | null, music: boolean): Promise<Socket> {
    const socket = new Socket(music ? 2 : 1);
    return socket.open(url, async () => {
      await socket.prepareToPublish(music);
      await socket.replaceTrack(track);
    });
  }

  private async open(url: string, prepare: () => Promise<void>): Promise<Socket> {
    try {
      await this.context.audioWorklet.addModule("worklet.js");
      await prepare();
      const answer = await call(url, { method: "POST", signal: AbortSignal.timeout(openWithin) });
      const { socket } = (await answer.json()) as { socket: string };
      const address = new URL(socket, new URL(url, document.baseURI));
      address.protocol = "ws:";
      await this.connect(address);
      return this;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private async connect(address: URL): Promise<void> {
    if (this.closed) throw new NoPath();
    const ws = new WebSocket(address);
    ws.binaryType = "arraybuffer";
    this.ws = ws;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.broken(), openWithin);
      this.onBroken = () => reject(new NoPath());
      ws.onopen = () => {
        clearTimeout(timer);
        resolve();
      };
      ws.onclose = () => this.broken();
      ws.onmessage = ({ data }) => this.decode(data as ArrayBuffer);
    });
  }

  private async prepareToPlay(): Promise<void> {
    const { channels } = this;
    const config: AudioDecoderConfig = { codec: "opus", sampleRate: rate, numberOfChannels: channels };
    if (!(await AudioDecoder.isConfigSupported(config)).supported) throw new NoPath();
    const playout = new AudioWorkletNode(this.context, "playout", {
      numberOfInputs: 0,
      outputChannelCount: [channels],
    });
    const target = this.context.createMediaStreamDestination();
    playout.connect(target);
    for (const track of target.stream.getTracks()) this.stream.addTrack(track);
    const decoder = new AudioDecoder({
      output: (data) => {
        const planes = Array.from({ length: channels }, (_, i) => {
          const plane = new Float32Array(data.numberOfFrames);
          data.copyTo(plane, { planeIndex: Math.min(i, data.numberOfChannels - 1), format: "f32-planar" });
          return plane;
        });
        data.close();
        // A context that the browser holds back plays nothing, and takes nothing in.
        if (this.context.state !== "running") return;
        playout.port.postMessage(
          planes,
          planes.map((plane) => plane.buffer),
        );
      },
      error: () => this.broken(),
    });
    decoder.configure(config);
    this.coder = decoder;
  }

  private decode(packet: ArrayBuffer): void {
    if (!(this.coder instanceof AudioDecoder) || this.coder.state !== "configured") return;
    this.coder.decode(new EncodedAudioChunk({ type: "key", timestamp: 20_000 * this.packets++, data: packet }));
  }

  private async prepareToPublish(music: boolean): Promise<void> {
    const { channels } = this;
    const config: AudioEncoderConfig = {
      codec: "opus",
      sampleRate: rate,
      numberOfChannels: channels,
      bitrate: music ? 128_000 : 40_000,
      // TCP loses nothing, so no bits go into repairing losses.
      opus: { frameDuration: 20_000, application: music ? "audio" : "voip", signal: music ? "music" : "voice" } as OpusConfig,
    };
    if (!(await AudioEncoder.isConfigSupported(config)).supported) throw new NoPath();
    const encoder = new AudioEncoder({
      output: (chunk) => {
        if (this.ws?.readyState !== WebSocket.OPEN || this.ws.bufferedAmount > mostWaiting) return;
        const packet = new Uint8Array(chunk.byteLength);
        chunk.copyTo(packet);
        this.ws.send(packet);
      },
      error: () => this.broken(),
    });
    encoder.configure(config);
    this.coder = encoder;
    const capture = new AudioWorkletNode(this.context, "capture", {
      channelCount: channels,
      channelCountMode: "explicit",
      processorOptions: { frame },
    });
    capture.port.onmessage = ({ data: planes }: MessageEvent<Float32Array<ArrayBuffer>>) => {
      if (!this.source || encoder.state !== "configured" || this.ws?.readyState !== WebSocket.OPEN) return;
      const timestamp = 20_000 * this.packets++;
      const shape = { format: "f32-planar", sampleRate: rate, numberOfFrames: frame, numberOfChannels: channels } as const;
      const data = new AudioData({ ...shape, timestamp, data: planes });
      encoder.encode(data);
      data.close();
    };
    capture.connect(this.context.destination); // silence, but what leads nowhere may not run
    this.capture = capture;
  }

  /** Publishes another track of the same microphone, or none. */
  async replaceTrack(track: MediaStreamTrack | null): Promise<void> {
    if (this.closed || !this.capture || track === (this.source?.mediaStream.getAudioTracks()[0] ?? null)) return;
    this.source?.disconnect();
    this.source = track ? this.context.createMediaStreamSource(new MediaStream([track])) : undefined;
    this.source?.connect(this.capture);
  }

  private broken(): void {
    if (this.closed) return;
    const tell = this.onBroken;
    this.close();
    tell();
  }

  whenBroken(tell: () => void): void {
    this.onBroken = tell;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    removeEventListener("pagehide", this.goes);
    this.letSleep();
    this.source?.disconnect(); // nothing more is said, whatever the node does
    if (this.coder && this.coder.state !== "closed") this.coder.close();
    if (this.ws) {
      this.ws.onmessage = null;
      this.ws.close();
    }
    void this.context.close();
  }
}
