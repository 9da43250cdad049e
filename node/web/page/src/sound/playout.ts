// A Playout smooths out the arrival of sound: it begins once some is there, and plays it at the pace of the loudspeaker's
// clock, which is not the sender's.
//
//   - It keeps as much as arrivals have proven to need: 20 to 160 ms, more after it ran dry, less after a calm half minute.
//   - Clocks that drift are followed by a sample more or less in a frame, which nobody hears. What comes all at once after it
//     was held up is caught up with in pieces of some milliseconds, each left out where the wave before it is most like that
//     after it, so that no word suffers (WSOLA; Verhelst and Roelands, ICASSP 1993). Only what is far behind is skipped at once.
//   - It begins, ends and skips with a short fade: a step in the wave is a click.
//
// Times are in samples at 48 kHz. It reads no clock.

const ms = 48;
const frame = 20 * ms;
const capacity = 1000 * ms;
const fade = 5 * ms;
const least = 20 * ms;
const most = 160 * ms;
const judged = 2000 * ms; // how long the lowest level is watched before it is judged
const judgedAtFirst = 60 * ms; // and after a break, when more may have come than is wanted
const calmFor = 15; // judgements in a row
const close = 5 * ms; // to what should be kept is close enough
const behind = 60 * ms; // above it would take a minute to catch up with by a sample a frame
const far = 250 * ms; // above it would take five seconds and more to catch up with in pieces
const shortest = 2.5 * ms; // piece: a period of the highest voice
const longest = 15 * ms; // of the lowest
const alike = 10 * ms; // how much is compared around a piece
const looked = 4; // samples from one that is compared to the next: there is little time on an audio thread
const every = 10; // frames from piece to piece, at least: nearer to each other they are heard
const enough = 0.9; // likeness of what is brought together
const hush = 1e-5; // power, -50 dBFS: what is fainter may be brought together however unlike it is
const patience = 25; // frames that a better place is waited for

export class Playout {
  private readonly ring: Float32Array[];
  private written = 0; // samples ever; the ring holds the last of them
  private read = 0; // where the frame that is played begins
  private at = 0; // samples played of it
  private slip = 0; // -1, 0 or 1: what it takes beyond its 960 samples, spread over all of it
  private nextSlip = 0;
  private keep = 2 * least; // what the level should not fall below
  private playing = false;
  private gain = 0;
  private skipped = 0; // how far behind the place before the last skip lies
  private crossing = 0; // samples until only the place after it is heard
  private surplus = 0; // what is to be caught up with in pieces
  private piece = 0; // frames until the next
  private low = capacity; // lowest level since the last judgement
  private since = 0; // samples since then
  private watched = judgedAtFirst;
  private calm = 0; // judgements in a row without need

  constructor(channels: number) {
    this.ring = Array.from({ length: channels }, () => new Float32Array(capacity));
  }

  /** Takes what arrived, a plane for each channel. */
  push(planes: Float32Array[]): void {
    const n = planes[0]!.length;
    for (let c = 0; c < this.ring.length; c++) {
      const ring = this.ring[c]!;
      const plane = planes[c]!;
      for (let i = 0; i < n; i++) ring[(this.written + i) % capacity] = plane[i]!;
    }
    this.written += n;
    if (this.level > capacity - 2 * frame) this.skip(this.level - this.keep - frame);
  }

  /** Fills the planes with what is to be heard next. */
  pull(out: Float32Array[]): void {
    const n = out[0]!.length;
    for (let i = 0; i < n; i++) this.sample(out, i);
    if (this.playing) this.judge(n);
  }

  private get level(): number {
    return this.written - this.read - this.at;
  }

  private sample(out: Float32Array[], i: number): void {
    if (!this.playing) {
      if (this.level < this.keep + frame) return; // the planes come silent
      this.playing = true;
      this.judgeAfresh(judgedAtFirst);
    }
    const dry = this.level <= fade + 3;
    this.gain = dry ? Math.max(0, this.gain - 1 / fade) : Math.min(1, this.gain + 1 / fade);
    const place = this.read + this.at + (this.slip * this.at) / frame;
    const before = this.crossing / fade;
    for (let c = 0; c < this.ring.length; c++) {
      const ring = this.ring[c]!;
      let value = between(ring, place);
      if (before > 0) value += before * (between(ring, place - this.skipped) - value);
      out[c]![i] = this.gain * value;
    }
    if (this.crossing > 0) this.crossing--;
    if (++this.at === frame) {
      this.read += frame + this.slip;
      this.at = 0;
      this.slip = this.nextSlip;
      if (this.surplus >= shortest && --this.piece <= 0) this.shorten();
    }
    if (!dry || this.gain > 0) return;
    this.playing = false;
    this.surplus = 0;
    this.keep = Math.min(most, this.keep + frame);
    this.calm = 0;
  }

  private skip(samples: number): void {
    this.read += samples;
    this.surplus = Math.max(0, this.surplus - samples);
    this.skipped = samples;
    this.crossing = this.playing ? fade : 0;
  }

  /** Leaves out the piece at the place it reads that is missed least, or waits for a place where nobody misses it. */
  private shorten(): void {
    const end = Math.min(longest, this.surplus);
    if (this.level < end + alike + fade) return; // not after all
    const waves = this.ring.map((ring) => Float32Array.from({ length: end + alike }, (_, i) => ring[(this.read + i) % capacity]!));
    let before = 1e-9; // or silence would be like nothing
    for (const wave of waves) for (let i = 0; i < alike; i += looked) before += wave[i]! ** 2;
    let best = -Infinity;
    let length = end;
    let quiet = false;
    for (let piece = shortest; piece <= end; piece++) {
      let both = 0;
      let after = 1e-9;
      for (const wave of waves)
        for (let i = 0; i < alike; i += looked) {
          const there = wave[piece + i]!;
          both += wave[i]! * there;
          after += there * there;
        }
      const likeness = both / Math.sqrt(before * after);
      if (likeness < best) continue;
      best = likeness;
      length = piece;
      quiet = (before + after) * looked < 2 * hush * alike * waves.length;
    }
    if (best < enough && !quiet && this.piece > -patience) return; // the next frame may be a better place
    this.piece = every;
    this.skip(length);
  }

  private judge(n: number): void {
    this.low = Math.min(this.low, this.level);
    this.since += n;
    if (this.since < this.watched) return;
    const excess = this.low - this.keep;
    this.nextSlip = Math.abs(excess) <= close ? 0 : Math.sign(excess);
    if (excess > far) this.skip(excess);
    else if (excess > (this.watched === judged ? behind : frame)) this.surplus = excess;
    this.calm = excess < -close ? 0 : this.calm + 1;
    if (this.calm === calmFor) {
      this.calm = 0;
      this.keep = Math.max(least, this.keep - least / 2);
    }
    this.judgeAfresh(judged);
  }

  private judgeAfresh(watched: number): void {
    this.low = capacity;
    this.since = 0;
    this.watched = watched;
  }
}

/** The wave at a place that may lie between two samples: a cubic through the four around it (Catmull and Rom's). */
function between(ring: Float32Array, place: number): number {
  const whole = Math.floor(place);
  const t = place - whole;
  const b = ring[whole % capacity]!;
  if (t === 0) return b;
  const a = ring[(whole - 1 + capacity) % capacity]!;
  const c = ring[(whole + 1) % capacity]!;
  const d = ring[(whole + 2) % capacity]!;
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}
