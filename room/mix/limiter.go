package mix

// Ceiling is the greatest sample that leaves a Limiter: -1 dBFS.
const Ceiling float32 = 0.891

const (
	lookAhead = 192 // samples: 4 ms, by which a Limiter delays
	// release lets the gain back up: 63 % of the way in 80 ms, slow enough not to follow the waves of a low voice.
	release = 1.0 / (0.080 * SampleRate)
	// loudest is what any input is cut to first: sixteen speakers at full scale, but never an infinity.
	loudest = 16
)

// A Limiter turns loud passages down just before they come, so that they neither clip nor click. Both channels get
// the same gain, so that what is left stays left.
//
// Each sample asks for a gain. Held is the least that the look-ahead asks for, let back up slowly, and the gain is the
// mean of held over the look-ahead: as low as a peak needs when the peak comes out, and without corners.
type Limiter struct {
	channels int
	delay    []float32                // the last lookAhead samples, interleaved
	asks     [lookAhead + 2]gainAsked // a ring: those below 1 that no later one undercuts, so rising
	head, n  int                      // the first of asks, and how many there are
	held     float32
	past     [lookAhead]float32 // held over the look-ahead
	sum      float64            // of past
	calm     int                // samples since held was below 1
	now      int                // samples so far
}

type gainAsked struct {
	at   int
	gain float32
}

// NewLimiter returns a limiter for 1 or 2 channels.
func NewLimiter(channels int) *Limiter {
	l := &Limiter{channels: channels, delay: make([]float32, lookAhead*channels), held: 1, sum: lookAhead, calm: lookAhead}
	for i := range l.past {
		l.past[i] = 1
	}
	return l
}

// Process limits pcm in place. What comes out is 4 ms late.
func (l *Limiter) Process(pcm []float32) {
	for i := 0; i+l.channels <= len(pcm); i += l.channels {
		in := pcm[i : i+l.channels]
		gain := l.gain(peak(in))
		late := l.delay[(l.now%lookAhead)*l.channels:][:l.channels]
		for c := range in {
			in[c], late[c] = min(max(late[c]*gain, -Ceiling), Ceiling), in[c] // the bounds are against rounding only
		}
		l.now++
	}
}

// peak makes the samples of one moment finite and returns the largest.
func peak(in []float32) float32 {
	var p float32
	for c, s := range in {
		if s != s {
			s = 0
		}
		in[c] = min(max(s, -loudest), loudest)
		p = max(p, in[c], -in[c])
	}
	return p
}

// gain takes the peak that comes in and returns the gain for what goes out.
func (l *Limiter) gain(p float32) float32 {
	if p <= Ceiling && l.calm >= lookAhead && l.n == 0 {
		return 1
	}
	if p > Ceiling {
		l.ask(Ceiling / p)
	}
	if l.n > 0 && l.now-l.asks[l.head].at > lookAhead {
		l.head, l.n = (l.head+1)%len(l.asks), l.n-1
	}
	l.held += (1 - l.held) * release
	if l.held > 0.9995 { // 0.004 dB, where float32 no longer counts up
		l.held = 1
	}
	if l.n > 0 {
		l.held = min(l.held, l.asks[l.head].gain)
	}
	if l.calm++; l.held < 1 {
		l.calm = 0
	}
	slot := &l.past[l.now%lookAhead]
	l.sum += float64(l.held) - float64(*slot)
	*slot = l.held
	if l.calm >= lookAhead {
		l.sum = lookAhead // which rounding may have missed by a little
	}
	return float32(l.sum / lookAhead)
}

func (l *Limiter) ask(gain float32) {
	for l.n > 0 && l.asks[(l.head+l.n-1)%len(l.asks)].gain >= gain {
		l.n--
	}
	l.asks[(l.head+l.n)%len(l.asks)] = gainAsked{l.now, gain}
	l.n++
}
