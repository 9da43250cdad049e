// How loud a track is, measured in this page; nothing of it leaves the browser.
import { stayAwake } from "./context";

const interval = 50; // ms
const window = 2048; // samples: 43 ms at 48 kHz
export const silence = -100; // dBFS

let shared: AudioContext | undefined;

function context(): AudioContext {
  if (!shared) {
    shared = new AudioContext({ latencyHint: "interactive" });
    stayAwake(shared);
  }
  if (shared.state === "suspended") void shared.resume();
  return shared;
}

/** Reports the peak of each 50 ms in dBFS until stopped. While the browser holds the audio context back it reports nothing. */
export function measure(track: MediaStreamTrack, report: (peak: number) => void): () => void {
  const audio = context();
  const source = audio.createMediaStreamSource(new MediaStream([track]));
  const analyser = audio.createAnalyser();
  analyser.fftSize = window;
  source.connect(analyser);
  const samples = new Float32Array(window);
  const timer = setInterval(() => {
    if (audio.state !== "running") return;
    analyser.getFloatTimeDomainData(samples);
    let peak = 0;
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    report(peak > 0 ? Math.max(silence, 20 * Math.log10(peak)) : silence);
  }, interval);
  return () => {
    clearInterval(timer);
    source.disconnect();
  };
}
