// What runs on the audio thread for a Socket: a file of its own, which the page loads into its audio contexts. The first message
// to each part is the port that leads to its codec.
import { Playout } from "./playout";

// Of the scope of audio worklets, which TypeScript's library does not know.
declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new (options: AudioWorkletNodeOptions) => AudioWorkletProcessor): void;

const frame = 960; // samples: 20 ms

registerProcessor(
  "playout",
  class extends AudioWorkletProcessor {
    private readonly playout: Playout;

    constructor(options: AudioWorkletNodeOptions) {
      super();
      this.playout = new Playout(options.outputChannelCount![0]!);
      this.port.onmessage = ({ data: codec }: MessageEvent<MessagePort>) => {
        codec.onmessage = ({ data: planes }: MessageEvent<Float32Array[]>) => this.playout.push(planes);
      };
    }

    process(_: Float32Array[][], [out]: Float32Array[][]): boolean {
      this.playout.pull(out!);
      return true;
    }
  },
);

// Hands over each frame as it is full, its channels one after the other.
registerProcessor(
  "capture",
  class extends AudioWorkletProcessor {
    private readonly channels: number;
    private planes: Float32Array<ArrayBuffer>;
    private filled = 0; // samples of each channel
    private codec: MessagePort | null = null;

    constructor(options: AudioWorkletNodeOptions) {
      super();
      this.channels = options.channelCount!;
      this.planes = new Float32Array(frame * this.channels);
      this.port.onmessage = ({ data: codec }: MessageEvent<MessagePort>) => (this.codec = codec);
    }

    process([input]: Float32Array[][]): boolean {
      const n = input![0]?.length ?? 0; // nothing while no microphone is connected
      for (let done = 0; done < n; ) {
        const part = Math.min(n - done, frame - this.filled);
        for (let c = 0; c < this.channels; c++) {
          this.planes.set(input![c]!.subarray(done, done + part), c * frame + this.filled);
        }
        done += part;
        this.filled += part;
        if (this.filled < frame) continue;
        this.codec?.postMessage(this.planes, [this.planes.buffer]);
        this.planes = new Float32Array(frame * this.channels);
        this.filled = 0;
      }
      return true;
    }
  },
);
