package mix

import "math"

const (
	taps   = 32  // of the interpolation filter: 0.33 ms of delay
	phases = 256 // filters, one for each 256th of a sample; what lies between is interpolated
	// kaiser gives about 85 dB of stop band at 32 taps. Opus ends at 20 kHz, so the wide transition band is empty.
	kaiser = 8.5
)

// bank holds the filters and what is to be added to each per phase to come to the next one. It is only read.
var bank = makeBank()

type filter struct{ c, step [taps]float32 }

func makeBank() *[phases]filter {
	var b [phases]filter
	kernel := func(phase, tap int) float64 {
		// The position lies between taps half-1 and half.
		x := float64(tap) - float64(taps/2-1) - float64(phase)/phases
		w := x / (taps / 2)
		if math.Abs(w) >= 1 {
			return 0
		}
		w = bessel(kaiser*math.Sqrt(1-w*w)) / bessel(kaiser)
		if x == 0 {
			return w
		}
		return w * math.Sin(math.Pi*x) / (math.Pi * x)
	}
	for p := range b {
		for t := range taps {
			c := kernel(p, t)
			b[p].c[t] = float32(c)
			b[p].step[t] = float32(kernel(p+1, t) - c)
		}
	}
	return &b
}

// bessel is the modified Bessel function of the first kind and order 0.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}

// A resampler plays samples a little faster or slower than they were recorded: it is for clocks that drift, not for
// other sample rates, as it does not filter what a rate far from 1 would alias.
type resampler struct {
	channels int
	in       [2][]float32 // waiting samples, and the taps before the position
	n        int          // samples in each channel of in
	pos      float64      // where the next sample is read, in [taps/2-1, ...)
	zeros    int          // how many of the last samples written are 0
}

func newResampler(channels int) *resampler {
	r := &resampler{channels: channels, n: taps - 1, pos: taps/2 - 1, zeros: taps}
	for c := range channels {
		r.in[c] = make([]float32, taps+4*FrameSamples)
	}
	return r
}

// ahead is how many samples wait to be read.
func (r *resampler) ahead() float64 { return float64(r.n-taps/2) - r.pos }

// write appends a frame of interleaved samples.
func (r *resampler) write(frame []float32) {
	if drop := int(r.pos) - (taps/2 - 1); drop > 0 {
		for c := range r.channels {
			copy(r.in[c], r.in[c][drop:r.n])
		}
		r.n -= drop
		r.pos -= float64(drop)
	}
	n := len(frame) / r.channels
	for c := range r.channels {
		in := r.in[c][r.n : r.n+n]
		for i := range in {
			in[i] = frame[i*r.channels+c]
		}
	}
	r.n += n
	r.zeros += n
	for i := len(frame) - 1; i >= 0; i-- {
		if frame[i] != 0 {
			r.zeros = (len(frame) - 1 - i) / r.channels
			break
		}
	}
}

// read fills out with interleaved samples as far as what was written goes, and returns how many of each channel. A
// step of 1 is the speed of the recording.
func (r *resampler) read(out []float32, step float64) int {
	want := len(out) / r.channels
	limit := float64(r.n - taps/2)
	i := 0
	if r.zeros >= r.n { // silence is common, and cheap
		for ; i < want && r.pos < limit; i++ {
			r.pos += step
		}
		clear(out[:i*r.channels])
		return i
	}
	for ; i < want && r.pos < limit; i++ {
		whole := int(r.pos)
		part := (r.pos - float64(whole)) * phases
		phase := int(part)
		f := &bank[phase]
		between := float32(part - float64(phase))
		start := whole - (taps/2 - 1)
		for c := range r.channels {
			out[i*r.channels+c] = f.at((*[taps]float32)(r.in[c][start:]), between)
		}
		r.pos += step
	}
	return i
}

// at is the sound under the filter. Several sums at once, as one would wait for each addition to end.
func (f *filter) at(x *[taps]float32, between float32) float32 {
	var a, b, c, d float32
	for i := 0; i < taps; i += 4 {
		a += x[i] * (f.c[i] + between*f.step[i])
		b += x[i+1] * (f.c[i+1] + between*f.step[i+1])
		c += x[i+2] * (f.c[i+2] + between*f.step[i+2])
		d += x[i+3] * (f.c[i+3] + between*f.step[i+3])
	}
	return (a + b) + (c + d)
}
