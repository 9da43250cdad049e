// Runs before a page's own scripts and keeps what its microphone gives, and what the tracks that it receives, or makes of
// what it receives, give as they are played. The page may be slow; samples have their own time.
(() => {
  const loud = 0.01; // -40 dBFS: somebody speaks

  const settles = 500_000; // microseconds of sound
  const muchMissing = 10_000_000; // more is another clock

  /**
   * How many samples are missing before each block. A block's time is when it was handed over. A thread that was kept waiting
   * hands over late, and what follows at once, so nothing is missing; only where all that follows stays late, something is.
   */
  function missing(blocks) {
    const late = []; // microseconds from when a block's samples follow those before it
    let sum = 0;
    for (const { time, n, rate } of blocks) {
      late.push(time - sum);
      sum += (n / rate) * 1e6;
    }
    let was = Infinity; // nothing is missing before the first
    return blocks.map(({ n, rate }, i) => {
      let stays = late[i];
      for (let j = i, ahead = 0; j < blocks.length && ahead <= settles; j++) {
        stays = Math.min(stays, late[j]);
        ahead += (blocks[j].n / blocks[j].rate) * 1e6;
      }
      const more = stays - was;
      was = stays;
      const gap = Math.round((more / 1e6) * rate);
      return gap >= n && more < muchMissing ? gap : 0; // less than a block is rounding
    });
  }

  class Recording {
    kept = 0; // samples of each channel since start
    rate = 0; // of the track, in Hz
    #on = false;
    #newest = null; // the track that counts
    #blocks = [];
    #waiting = []; // tracks to follow once somebody records

    start() {
      for (const track of this.#waiting.splice(0)) void this.follow(track, () => {}, () => {});
      this.#blocks = [];
      this.kept = this.rate = 0;
      this.#on = true;
    }

    /** The 16-bit samples of both channels, little endian, as base64. What the reader missed is silence. */
    stop() {
      this.#on = false;
      const gaps = missing(this.#blocks);
      const all = new Int16Array(2 * gaps.reduce((sum, gap) => sum + gap, this.kept));
      let at = 0;
      this.#blocks.forEach(({ samples }, i) => {
        at += 2 * gaps[i];
        all.set(samples, at);
        at += samples.length;
      });
      const bytes = new Uint8Array(all.buffer);
      let text = "";
      for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
      return btoa(text);
    }

    /** Follows a track only while somebody wants it kept: reading one costs a tenth of what its page costs. */
    followLater(track) {
      if (this.#on) void this.follow(track, () => {}, () => {});
      else this.#waiting.push(track);
    }

    /** Keeps what the track gives from when it counts, until another does. */
    async follow(track, any, heardAt, counts = () => true) {
      let counted = false;
      const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1000 }).readable.getReader();
      for (;;) {
        const { value: data, done } = await reader.read();
        if (done) return;
        if (!counted && counts()) {
          counted = true;
          this.#newest = track;
        }
        if (track !== this.#newest) {
          data.close();
          continue;
        }
        const now = performance.now();
        any(now);
        const n = data.numberOfFrames;
        const left = new Float32Array(n);
        const right = new Float32Array(n);
        data.copyTo(left, { planeIndex: 0, format: "f32-planar" });
        data.copyTo(right, { planeIndex: data.numberOfChannels > 1 ? 1 : 0, format: "f32-planar" });
        let peak = 0;
        for (let i = 0; i < n; i++) peak = Math.max(peak, Math.abs(left[i]), Math.abs(right[i]));
        if (peak > loud) heardAt(now);
        if (this.#on) this.#keep(left, right, data.timestamp, data.sampleRate);
        data.close();
      }
    }

    #keep(left, right, time, rate) {
      const n = left.length;
      const samples = new Int16Array(2 * n);
      for (let i = 0; i < n; i++) {
        samples[2 * i] = Math.max(-1, Math.min(1, left[i])) * 32767;
        samples[2 * i + 1] = Math.max(-1, Math.min(1, right[i])) * 32767;
      }
      this.#blocks.push({ samples, n, time, rate });
      this.rate = rate;
      this.kept += n;
    }
  }

  const ear = (window.ear = {
    missing,
    heard: new Recording(),
    said: new Recording(),
    clicked: 0, // ms of the page's clock: the last click
    firstSound: 0, // the first loud sample heard after it
    lastSound: 0, // the last loud sample heard
    connected: 0, // the last time that a connection to the node stood
    firstFrame: 0, // the first frame after the last click, be it silent
    microphones: [], // the tracks that the page opened
    sockets: 0, // WebSockets that are open
  });
  const hear = (track, counts) =>
    ear.heard.follow(
      track,
      (now) => (ear.firstFrame ||= now),
      (now) => {
        ear.lastSound = now;
        ear.firstSound ||= now;
      },
      counts,
    );

  addEventListener("click", (event) => {
    ear.clicked = event.timeStamp;
    ear.firstSound = ear.firstFrame = 0;
  }, { capture: true });

  const Connection = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Connection {
    constructor(...options) {
      super(...options);
      this.addEventListener("connectionstatechange", () => {
        if (this.connectionState === "connected") ear.connected = performance.now();
      });
      // A page may try for a connection while it hears over another.
      this.addEventListener("track", ({ track }) => void hear(track, () => this.connectionState === "connected"));
    }
  };

  const destination = AudioContext.prototype.createMediaStreamDestination;
  AudioContext.prototype.createMediaStreamDestination = function () {
    const node = destination.call(this);
    void hear(node.stream.getAudioTracks()[0]);
    return node;
  };

  // Each WebSocket of the page is in a worker of its own, which says when it opens and closes.
  const Beside = window.Worker;
  window.Worker = class extends Beside {
    constructor(...options) {
      super(...options);
      this.addEventListener("message", ({ data }) => {
        if (data === "open") ear.sockets++;
        if (data === "closed" && ear.sockets > 0) ear.sockets--;
      });
    }
  };

  const getUserMedia = navigator.mediaDevices?.getUserMedia;
  if (!getUserMedia) return;
  navigator.mediaDevices.getUserMedia = async function (wanted) {
    const stream = await getUserMedia.call(this, wanted);
    for (const track of stream.getAudioTracks()) {
      ear.microphones.push(track);
      ear.said.followLater(track.clone());
    }
    return stream;
  };
})();
