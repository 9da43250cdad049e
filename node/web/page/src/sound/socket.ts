// A Socket carries one direction of sound between this page and the node over a WebSocket, an Opus packet of 20 ms a message:
// for a browser that finds no WebRTC path. Sound goes from the audio thread to a worker that codes it and holds the WebSocket
// (codec.ts), and back; this thread, which clicks and drawing hold up, only brings them together.
import { call } from "../node/api";
import type { Job } from "./codec";
import { stayAwake } from "./context";
import type { Line } from "./line";
import { NoPath } from "./session";

const rate = 48_000; // Hz
const openWithin = 5000; // ms

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
  private worker: Worker | undefined;
  private source: MediaStreamAudioSourceNode | undefined;
  private capture: AudioWorkletNode | undefined;
  private closed = false;
  private onBroken: () => void = () => {};

  private constructor(private readonly channels: number) {
    // A page that is put aside or closed gives its place back.
    addEventListener("pagehide", this.goes);
  }

  static async play(url: string, music: boolean): Promise<Socket> {
    const socket = new Socket(music ? 2 : 1);
    return socket.open(url, async () => {
      const decoder = { codec: "opus", sampleRate: rate, numberOfChannels: socket.channels };
      if (!(await AudioDecoder.isConfigSupported(decoder)).supported) throw new NoPath();
      return { decoder, port: socket.playout() };
    });
  }

  static async publish(url: string, track: MediaStreamTrack | null, music: boolean): Promise<Socket> {
    const socket = new Socket(music ? 2 : 1);
    return socket.open(url, async () => {
      const encoder: AudioEncoderConfig = {
        codec: "opus",
        sampleRate: rate,
        numberOfChannels: socket.channels,
        bitrate: music ? 128_000 : 40_000,
        // TCP loses nothing, so no bits go into repairing losses.
        opus: { frameDuration: 20_000, application: music ? "audio" : "voip", signal: music ? "music" : "voice" } as OpusConfig,
      };
      if (!(await AudioEncoder.isConfigSupported(encoder)).supported) throw new NoPath();
      const port = socket.microphone();
      await socket.replaceTrack(track);
      return { encoder, port };
    });
  }

  private async open(url: string, prepare: () => Promise<Omit<Job, "address">>): Promise<Socket> {
    try {
      await this.context.audioWorklet.addModule("worklet.js");
      const job = await prepare();
      const answer = await call(url, { method: "POST", signal: AbortSignal.timeout(openWithin) });
      const { socket } = (await answer.json()) as { socket: string };
      const address = new URL(socket, new URL(url, document.baseURI));
      address.protocol = "ws:";
      await this.start({ ...job, address: address.href });
      return this;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private async start(job: Job): Promise<void> {
    if (this.closed) throw new NoPath();
    const worker = new Worker("codec.js", { type: "module" });
    this.worker = worker;
    worker.postMessage(job, [job.port]);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => this.broken(), openWithin);
      this.onBroken = () => reject(new NoPath());
      worker.onerror = () => this.broken();
      worker.onmessage = ({ data }: MessageEvent<"open" | "closed">) => {
        clearTimeout(timer);
        if (data === "open") resolve();
        else this.broken();
      };
    });
  }

  /** Makes the part that plays, and returns where its sound is put in. */
  private playout(): MessagePort {
    const node = new AudioWorkletNode(this.context, "playout", { numberOfInputs: 0, outputChannelCount: [this.channels] });
    const target = this.context.createMediaStreamDestination();
    node.connect(target);
    for (const track of target.stream.getTracks()) this.stream.addTrack(track);
    return otherEnd(node);
  }

  /** Makes the part that listens to the track, and returns where its sound comes out. */
  private microphone(): MessagePort {
    this.capture = new AudioWorkletNode(this.context, "capture", { channelCount: this.channels, channelCountMode: "explicit" });
    this.capture.connect(this.context.destination); // silence, but what leads nowhere may not run
    return otherEnd(this.capture);
  }

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
    this.worker?.postMessage("close");
    void this.context.close();
  }
}

/** Gives the audio thread's part one end of a channel, and returns the other. */
function otherEnd(node: AudioWorkletNode): MessagePort {
  const { port1, port2 } = new MessageChannel();
  node.port.postMessage(port1, [port1]);
  return port2;
}
