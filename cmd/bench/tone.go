package main

import (
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"salon/relay"
	"salon/room/mix"
	"salon/room/opus"
)

const (
	beepHz    = 1000
	beepLevel = 0.4
	beepOn    = 8  // frames of sound
	beepEvery = 40 // frames from one beep to the next: longer than any delay that is measured
	firstBeep = 70 // frames of silence before the first: a jitter buffer knows its path after 50 packets

	loud     = 0.1                 // of full scale: a beep has begun
	quietFor = mix.SampleRate / 10 // samples below loud/4 before another can begin
)

// A beeper is a microphone that beeps. It starts anywhere in the 20 ms of the nodes' own clocks, and packets are taken
// from it 50 times a second.
type beeper struct {
	said   *onsets // of what it handed over, as a decoder hears it
	enc    *opus.Encoder
	pcm    []float32
	next   time.Time
	n      uint64
	last   chan struct{} // closed after the last beep
	beeps  uint64
	closed chan struct{}
	once   sync.Once
}

func newBeeper(beeps int) (*beeper, error) {
	said, err := newOnsets()
	if err != nil {
		return nil, err
	}
	enc, err := opus.NewEncoder(opus.Talk())
	return &beeper{
		said: said, enc: enc, pcm: make([]float32, mix.FrameSamples), beeps: uint64(beeps),
		next: time.Now().Add(rand.N(mix.FrameDuration)), last: make(chan struct{}), closed: make(chan struct{}),
	}, err
}

// Receive gives the next packet when it is due.
func (b *beeper) Receive(p *relay.Packet) error {
	clear(b.pcm)
	if b.n >= firstBeep && b.n < firstBeep+b.beeps*beepEvery && (b.n-firstBeep)%beepEvery < beepOn {
		for i := range b.pcm {
			b.pcm[i] = beepLevel * float32(math.Sin(2*math.Pi*beepHz*float64(i)/mix.SampleRate))
		}
	}
	packet := make([]byte, opus.MaxPacket)
	n, err := b.enc.Encode(b.pcm, packet)
	if err != nil {
		return err
	}
	wait := time.NewTimer(time.Until(b.next))
	defer wait.Stop()
	select {
	case <-b.closed:
		return io.EOF
	case <-wait.C:
	}
	if b.n == firstBeep+b.beeps*beepEvery {
		close(b.last)
	}
	b.next = b.next.Add(mix.FrameDuration)
	*p = relay.Packet{Frames: []relay.Frame{{Number: b.n, Sealed: packet[:n]}}}
	b.n++
	b.said.hear(packet[:n], time.Now())
	return nil
}

func (b *beeper) Send(*relay.Packet)     {}
func (b *beeper) Stats() relay.LinkStats { return relay.LinkStats{} }
func (b *beeper) Close() error           { b.once.Do(func() { close(b.closed) }); return nil }

// An ear is a player that notes when beeps begin, and when the first packet came.
type ear struct {
	heard  *onsets
	first  chan time.Time // holds one
	closed chan struct{}
	once   sync.Once
}

func newEar() (*ear, error) {
	heard, err := newOnsets()
	return &ear{heard: heard, first: make(chan time.Time, 1), closed: make(chan struct{})}, err
}

// Send is called by one goroutine of the node.
func (e *ear) Send(p *relay.Packet) {
	now := time.Now()
	select {
	case e.first <- now:
	default:
	}
	for _, f := range p.Frames {
		e.heard.hear(f.Sealed, now)
	}
}

func (e *ear) Receive(*relay.Packet) error { <-e.closed; return io.EOF }
func (e *ear) Stats() relay.LinkStats      { return relay.LinkStats{} }
func (e *ear) Close() error                { e.once.Do(func() { close(e.closed) }); return nil }

// onsets finds when beeps begin in a stream of packets, to the sample.
type onsets struct {
	loud, still float64 // of full scale: a beep has begun; there is none
	band        *band   // in which they are looked for; nil for the whole sound

	mu    sync.Mutex // guards the fields below
	dec   *opus.Decoder
	pcm   []float32
	quiet int // samples in a row
	found []time.Time
}

func newOnsets() (*onsets, error) {
	dec, err := opus.NewDecoder(1)
	return &onsets{loud: loud, still: loud / 4, dec: dec, pcm: make([]float32, 6*mix.FrameSamples), quiet: quietFor}, err
}

// hear takes a packet whose first sample stands at the given time.
func (o *onsets) hear(packet []byte, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.dec.Decode(packet, o.pcm)
	if err != nil {
		return
	}
	for i, x := range o.pcm[:n] {
		if o.band != nil {
			x = o.band.pass(x)
		}
		switch a := math.Abs(float64(x)); {
		case a < o.still:
			o.quiet++
		case a >= o.loud:
			if o.quiet >= quietFor {
				o.found = append(o.found, at.Add(time.Duration(i)*time.Second/mix.SampleRate))
			}
			o.quiet = 0
		}
	}
}

// take returns when beeps began since the last call.
func (o *onsets) take() []time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	found := o.found
	o.found = nil
	return found
}

// delays pairs what was said with what was heard and gives the times between in ms. A beep that was not heard before
// the next one was said is left out.
func delays(said, heard []time.Time) []float64 {
	var ms []float64
	for _, s := range said {
		for _, h := range heard {
			if d := h.Sub(s); d > 0 {
				if d < beepEvery*mix.FrameDuration {
					ms = append(ms, float64(d.Microseconds())/1000)
				}
				break
			}
		}
	}
	return ms
}
