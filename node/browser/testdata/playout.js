// Drives the playout of worklet.js outside of an audio thread, in a time of its own: a tone, on the right one of `right` Hz, arrives in
// frames of 20 ms, each `late(i)` ms behind its time, from a sender whose clock is `ppm` fast, and is pulled 128 samples at a time, but
// for `deaf` ms from the half on, while the loudspeaker is held up.
globalThis.AudioWorkletProcessor = class {
  port = {};
};
const kinds = {};
globalThis.registerProcessor = (name, kind) => (kinds[name] = kind);

const left = 440; // Hz
globalThis.playOut = async ({ seconds, ppm = 0, late = () => 0, deaf = 0, right = left }) => {
  await import("/worklet.js");
  const playout = new kinds.playout({ outputChannelCount: [2] });
  const codec = {}; // as a port
  playout.port.onmessage({ data: codec });
  const tone = (n, hz = left) => 0.5 * Math.sin((2 * Math.PI * hz * n) / 48000);
  const frames = 50 * seconds;
  let sent = 0;
  let due = 0; // ms: frames keep their order
  let before = 0;
  const seen = { silences: [], step: 0, apart: 0, behind: 0, faintest: 1 }; // ms, samples' values; behind: from the last frame to the last sound
  let last = 0; // ms: when the last frame came
  let silence = 0; // samples
  let whole = 0; // pulls since
  for (let now = 0; now < seconds * 1000 + 2000; now += 128 / 48) {
    for (;;) {
      due = Math.max(due, sent * 20 * (1 - ppm / 1e6) + late(sent));
      if (sent === frames || due > now) break;
      codec.onmessage({ data: [left, right].map((hz) => Float32Array.from({ length: 960 }, (_, i) => tone(960 * sent + i, hz))) });
      last = now;
      sent++;
    }
    if (now >= 500 * seconds && now < 500 * seconds + deaf) continue;
    const power = [0, 0];
    const out = [new Float32Array(128), new Float32Array(128)];
    playout.process([], [out]);
    for (let i = 0; i < 128; i++) {
      const value = out[0][i];
      if (left === right) seen.apart = Math.max(seen.apart, Math.abs(value - out[1][i]));
      seen.step = Math.max(seen.step, Math.abs(value - before));
      before = value;
      power[0] += value * value;
      power[1] += out[1][i] * out[1][i];
      // A tone crosses zero, but for one sample at a time.
      if (value === 0) silence++;
      else {
        if (silence > 1) {
          seen.silences.push(silence / 48);
          whole = 0;
        }
        silence = 0;
        seen.behind = now + i / 48 - last;
      }
    }
    // Where it fades in it is fainter; elsewhere it may never be.
    if (++whole > 4 && silence < 2 && sent < frames) seen.faintest = Math.min(seen.faintest, Math.sqrt((2 * Math.min(...power)) / 128) / 0.5);
  }
  seen.steepest = Math.abs(tone(1) - tone(0));
  return seen;
};
