package mix

import (
	"math"
	"time"
)

const (
	joinSamples = 240 // 5 ms: how long a fade or crossfade at a join takes
	// maxStep is how far from its own speed a source may be played: 0.5 % is 9 cents, and a mono source is speech.
	// Music gets less, as a held note shows more.
	maxStep      = 0.005
	maxStepMusic = 0.001
	// stepSlew is how much the speed may change per frame, so that it never sounds like a wow.
	stepSlew = 50e-6
	// The speed follows the excess delay with a time constant of 10 s, so that clocks 200 ppm apart cost 2 ms of
	// delay (steerSlack covers it). A second, integrating gain would win those back, and was tried: under loss it took every frame that was
	// put in for drift, ran up to its bound, and so drained the buffer that it was to keep full.
	stepGain  = 0.1  // per second of excess
	smoothing = 0.02 // of the excess per frame: 1 s
	// learning is the share of each frame's speed in the drift that is reported and started from: 20 s.
	learning = 0.001
	// hasty is the excess beyond which a whole frame is left out where nothing is said.
	hasty = 25 * time.Millisecond
	// tardy is the excess beyond which a part of a frame is left out where nothing is said. It is more than
	// joinSamples, and more than what jitter and drift do to the excess of a stream that is where it should be.
	tardy = 8 * time.Millisecond
	// scanty is the lack of delay beyond which a frame is put in where nothing is said: too little delay costs words,
	// too much of it only time.
	scanty = 5 * time.Millisecond
	// quietLevel is the rms of a frame in which that is not heard.
	quietLevel = 0.002 // -54 dBFS
)

// fades is the gain at the end of each invented frame in a row: libopus fades too, but goes on buzzing.
var fades = [...]float32{1, 0.8, 0.5, 0.2, 0}

// Stats of a Source.
type Stats struct {
	Counts
	Delay  time.Duration // from the arrival of the fastest packets to the ear, 0 in a pause
	Target time.Duration // what Delay is steered to
	PPM    float64       // how much faster the source's clock runs than the reader's, in millionths
	Level  uint8         // of the last frame read, in -dBov
}

// A Source plays one stream at its reader's clock: it buffers, decodes, hides losses, and plays a little faster or
// slower so that its delay stays what the path needs, however the two clocks drift.
type Source struct {
	buf      *Buffer
	dec      Decoder
	channels int
	res      *resampler
	frame    []float32 // decoded last
	spare    []float32 // the other half of a crossfade

	gain    float32 // of the last sample written; below 1 after a fade
	lost    int     // invented frames in a row
	floor   float64 // rms of the background, below which nobody speaks
	excess  float64 // seconds, smoothed
	drift   float64 // mean of step
	step    float64 // samples of the source per sample read, less 1
	skipped bool    // a frame was left out or put in just now: the next one stays

	level     uint8
	delay     time.Duration
	malformed uint64
	put       uint64 // frames put in where nothing was said
	dropped   uint64 // frames left out where nothing was said
}

// NewSource returns a source without sound. dec gives that many channels, 1 or 2, and belongs to the source from now on.
func NewSource(dec Decoder, channels int, o Options) *Source {
	return &Source{
		buf:      NewBuffer(o),
		dec:      dec,
		channels: channels,
		res:      newResampler(channels),
		frame:    make([]float32, FrameSamples*channels),
		spare:    make([]float32, FrameSamples*channels),
		floor:    quietLevel,
		level:    Silence,
	}
}

// Channels is the number of channels that Read gives.
func (s *Source) Channels() int { return s.channels }

// Push takes a copy of a packet that came at the given time. Numbers go up by one per frame.
func (s *Source) Push(number uint64, packet []byte, at time.Time) { s.buf.Push(number, packet, at) }

// Read fills pcm, FrameSamples for each channel, with what is to be heard from now on. It is to be called every 20 ms
// of the reader's clock; a little late or early does not matter.
func (s *Source) Read(pcm []float32, now time.Time) {
	s.steer(now)
	for done := 0; ; {
		done += s.res.read(pcm[done*s.channels:], 1+s.step)
		if done*s.channels >= len(pcm) {
			break
		}
		s.fill(now.Add(samples(float64(done) + s.res.ahead())))
	}
	s.level = Level(pcm)
}

// Level is the loudness of the last frame read, in -dBov.
func (s *Source) Level() uint8 { return s.level }

// Playing tells whether the stream runs: it has begun, and is not in a pause.
func (s *Source) Playing() bool { return s.buf.Playing() }

// Stats returns what has happened so far.
func (s *Source) Stats() Stats {
	c := s.buf.Counts()
	c.Malformed += s.malformed
	c.Expanded += s.put
	c.Dropped += s.dropped
	return Stats{Counts: c, Delay: s.delay, Target: s.buf.Target(), PPM: s.drift * 1e6, Level: s.level}
}

func samples(n float64) time.Duration {
	return time.Duration(n / SampleRate * float64(time.Second))
}

// steer sets the speed of this frame.
func (s *Source) steer(now time.Time) {
	limit := maxStep
	if s.channels > 1 {
		limit = maxStepMusic
	}
	if !s.buf.Playing() {
		s.delay, s.excess, s.step = 0, 0, s.drift
		return
	}
	heard := now.Add(samples(s.res.ahead()))
	s.delay = s.buf.Delay(heard)
	s.excess += (s.buf.Excess(heard).Seconds() - s.excess) * smoothing
	want := min(max(stepGain*s.excess, -limit), limit)
	s.step += min(max(want-s.step, -stepSlew), stepSlew)
	// A large excess says that the path changed, not how the clocks drift.
	if math.Abs(s.excess) < 0.010 {
		s.drift += (s.step - s.drift) * learning
	}
}

// fill writes the frame to the resampler that will be heard at the given time.
func (s *Source) fill(at time.Time) {
	packet, kind := s.buf.Pop(at)
	switch kind {
	case Wait:
		// Silence until the very moment, not in whole frames: a stream that began up to a frame too late would
		// stay as late for many seconds.
		n := int(s.buf.due(at).Seconds()*SampleRate) + 1
		silence := s.frame[:min(n, FrameSamples)*s.channels]
		clear(silence)
		s.gain = 0
		s.res.write(silence)
		return
	case Play:
		if !s.decode(packet) {
			break
		}
		s.restore()
		s.hurry(at)
		return
	case Jump:
		s.plc(s.spare)
		if !s.decode(packet) {
			break
		}
		s.restored(s.frame)
		crossfade(s.frame, s.spare, s.channels)
		s.res.write(s.frame)
		return
	case FEC:
		if s.dec.DecodeFEC(packet, s.frame) == nil {
			s.restore()
			s.res.write(s.frame)
			return
		}
		s.malformed++
	}
	s.conceal()
}

// decode makes the packet the current frame.
func (s *Source) decode(packet []byte) bool {
	n, err := s.dec.Decode(packet, s.frame)
	if err != nil || n != FrameSamples {
		s.malformed++
		return false
	}
	return true
}

// conceal writes a frame in place of a lost one.
func (s *Source) conceal() {
	if s.lost >= len(fades) {
		clear(s.frame)
		s.gain = 0
	} else {
		s.plc(s.frame)
		s.ramp(s.frame, fades[s.lost], FrameSamples)
		s.lost++
	}
	s.res.write(s.frame)
}

func (s *Source) plc(frame []float32) {
	if s.dec.DecodePLC(frame) != nil {
		clear(frame)
	}
}

// restore ends a fade at the head of the current frame.
func (s *Source) restore() { s.restored(s.frame) }

func (s *Source) restored(frame []float32) {
	s.lost = 0
	s.ramp(frame, 1, joinSamples)
}

// ramp moves the gain to a new value over the first n samples of a frame.
func (s *Source) ramp(frame []float32, to float32, n int) {
	if s.gain == 1 && to == 1 {
		return
	}
	from := s.gain
	for i := range len(frame) / s.channels {
		g := to
		if i < n {
			g = from + (to-from)*float32(i+1)/float32(n)
		}
		for c := range s.channels {
			frame[i*s.channels+c] *= g
		}
	}
	s.gain = to
}

// hurry writes the current frame; where nothing is said it leaves it out, all or in part, or puts one in, to bring the
// delay to its target sooner than the speed alone can.
func (s *Source) hurry(at time.Time) {
	quiet := s.quiet()
	excess := s.buf.Excess(at.Add(FrameDuration)) // of the next packet, which is heard after this one
	switch {
	case !quiet || s.skipped:
		s.skipped = false
	case excess > hasty && s.buf.get(s.buf.next) != nil:
		// The head of the frame left out leads over to the next one.
		s.frame, s.spare = s.spare, s.frame
		packet, _ := s.buf.Pop(at)
		if !s.decode(packet) {
			s.plc(s.frame)
		}
		crossfade(s.frame, s.spare, s.channels)
		s.dropped++
		s.skipped = true
	case excess > tardy:
		n := min(int(excess.Seconds()*SampleRate), FrameSamples-joinSamples)
		rest := s.frame[n*s.channels:]
		crossfade(rest, s.frame, s.channels)
		s.res.write(rest)
		s.skipped = true
		return
	case excess < -scanty:
		s.res.write(s.frame)
		s.plc(s.frame)
		s.put++
		s.skipped = true
	}
	s.res.write(s.frame)
}

// quiet tells whether nothing is said in the current frame.
func (s *Source) quiet() bool {
	r := rms(s.frame)
	if s.channels > 1 {
		return r < quietLevel // music may be soft and even; only silence is silence
	}
	// The background is the least level of the last seconds: it falls at once, and rises by 6 dB in 3.5 s.
	s.floor = max(min(r, s.floor*1.004), 1e-5)
	return r < quietLevel || r < 1.4*s.floor && r < 0.02
}

// crossfade leads from the head of one frame over to another.
func crossfade(to, from []float32, channels int) {
	for i := range joinSamples {
		w := float32(i+1) / (joinSamples + 1)
		for c := range channels {
			k := i*channels + c
			to[k] = from[k]*(1-w) + to[k]*w
		}
	}
}
