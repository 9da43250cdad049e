package mix

import (
	"encoding/binary"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"slices"
	"time"
)

// toneHz has no whole number of waves in a frame, so that a frame in the wrong place shows.
const toneHz = 443

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// tonePacket stands for one frame of an endless tone; the fake decoder knows which.
func tonePacket(number uint64) []byte {
	const silkWithFEC = 9 << 3
	return binary.BigEndian.AppendUint64([]byte{silkWithFEC, 1 << 6}, number)
}

// A toneDecoder makes the frames of the tone, silent where quiet says so.
type toneDecoder struct {
	next  uint64
	quiet func(number uint64) bool
	log   []uint64 // numbers decoded
}

func (d *toneDecoder) Decode(packet []byte, pcm []float32) (int, error) {
	d.frame(binary.BigEndian.Uint64(packet[2:]), pcm)
	d.log = append(d.log, d.next-1)
	return FrameSamples, nil
}

func (d *toneDecoder) DecodeFEC(next []byte, pcm []float32) error {
	d.frame(binary.BigEndian.Uint64(next[2:])-1, pcm)
	return nil
}

func (d *toneDecoder) DecodePLC(pcm []float32) error {
	d.frame(d.next, pcm)
	return nil
}

func (d *toneDecoder) frame(number uint64, pcm []float32) {
	d.next = number + 1
	// A rotation instead of a sine each: ten minutes of it have to be fast.
	const w = 2 * math.Pi * toneHz / SampleRate
	point, turn := cmplx.Rect(0.5, math.Mod(w*float64(number)*FrameSamples, 2*math.Pi)), cmplx.Rect(1, w)
	for i := range pcm {
		pcm[i] = float32(imag(point))
		point *= turn
		if d.quiet != nil && d.quiet(number) {
			pcm[i] *= 0.0005
		}
	}
}

// A path delivers the packets of a stream in virtual time.
type path struct {
	ppm   float64                           // how much faster the source's clock runs
	delay func(number uint64) time.Duration // of a packet on the way; negative means it is lost
	last  uint64                            // the number of packets sent; 0 means no end
	base  uint64                            // of the first packet
	seen  uint64
	wait  []arrival
}

type arrival struct {
	number uint64
	at     time.Time
}

// upTo returns what arrived until now, in the order of arrival.
func (p *path) upTo(now time.Time) []arrival {
	for p.last == 0 || p.seen < p.last {
		sent := t0.Add(time.Duration(float64(p.seen) * float64(FrameDuration) / (1 + p.ppm*1e-6)))
		if sent.After(now) {
			break
		}
		if d := p.delay(p.seen); d >= 0 {
			p.wait = append(p.wait, arrival{p.base + p.seen, sent.Add(d)})
		}
		p.seen++
	}
	slices.SortStableFunc(p.wait, func(a, b arrival) int { return a.at.Compare(b.at) })
	n := 0
	for n < len(p.wait) && !p.wait[n].at.After(now) {
		n++
	}
	out := slices.Clone(p.wait[:n])
	p.wait = p.wait[n:]
	return out
}

// play runs a source over a path for a time and returns what was heard; each is called after each frame, if not nil.
func play(s *Source, p *path, d time.Duration, each func(frame int, now time.Time)) []float32 {
	var out []float32
	for f := range int(d / FrameDuration) {
		now := t0.Add(time.Duration(f)*FrameDuration + 3*time.Millisecond)
		for _, a := range p.upTo(now) {
			s.Push(a.number, tonePacket(a.number), a.at)
		}
		pcm := make([]float32, FrameSamples*s.channels)
		s.Read(pcm, now)
		out = append(out, pcm...)
		if each != nil {
			each(f, now)
		}
	}
	return out
}

// roughness is the largest departure from a tone of this frequency, whatever its phase: a click shows, as does a
// gap; the little that a clock's drift changes does not.
func roughness(pcm []float32, hz float64) float64 {
	k := 2 * math.Cos(2*math.Pi*hz/SampleRate)
	worst := 0.0
	for i := 1; i+1 < len(pcm); i++ {
		worst = max(worst, math.Abs(float64(pcm[i-1])+float64(pcm[i+1])-k*float64(pcm[i])))
	}
	return worst
}

func steady(d time.Duration) func(uint64) time.Duration {
	return func(uint64) time.Duration { return d }
}

// uneven delays by 20 ms and a random time up to the given one.
func uneven(seed uint64, most time.Duration) func(uint64) time.Duration {
	rng := rand.New(rand.NewPCG(seed, 1))
	return func(uint64) time.Duration { return 20*time.Millisecond + time.Duration(rng.Int64N(int64(most))) }
}
