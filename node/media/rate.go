package media

import (
	"math"

	"salon/room/mix"
)

// A rateConverter brings sound of any rate to 48 kHz. The positions are exact: the rates are whole numbers, so there
// is one filter for each of the places that a sample can have between two others.
type rateConverter struct {
	channels int
	in, out  int         // rates, divided by what divides both
	filters  [][]float32 // one for each place
	taps     int
	buf      []float32 // interleaved; begins with the taps before the next sample
	place    int       // of the next sample, in 1/out of a sample of the file
	ended    bool
}

// zeroCrossings of the kernel on each side: 24 give a transition band of 5 % at 100 dB.
const zeroCrossings = 24

func newRateConverter(rate, channels int) *rateConverter {
	g := gcd(rate, mix.SampleRate)
	c := &rateConverter{channels: channels, in: rate / g, out: mix.SampleRate / g}
	// Downwards, what 48 kHz cannot hold is cut off, or it would come back as another tone.
	cut := 0.97 * min(1, mix.SampleRate/float64(rate))
	half := int(math.Ceil(zeroCrossings / cut))
	c.taps = 2 * half
	c.filters = make([][]float32, c.out)
	for p := range c.filters {
		f, sum := make([]float64, c.taps), 0.0
		for t := range f {
			x := float64(t-half+1) - float64(p)/float64(c.out)
			w := math.Abs(x) / float64(half)
			if w < 1 {
				// A Blackman-Nuttall window.
				w = 0.3635819 + 0.4891775*math.Cos(math.Pi*w) + 0.1365995*math.Cos(2*math.Pi*w) + 0.0106411*math.Cos(3*math.Pi*w)
				if f[t] = w; x != 0 {
					f[t] *= math.Sin(math.Pi*x*cut) / (math.Pi * x * cut)
				}
			}
			sum += f[t]
		}
		c.filters[p] = make([]float32, c.taps)
		for t := range f {
			c.filters[p][t] = float32(f[t] / sum)
		}
	}
	c.buf = make([]float32, (half-1)*channels)
	return c
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (c *rateConverter) write(pcm []float32) { c.buf = append(c.buf, pcm...) }

// end lets the last samples out.
func (c *rateConverter) end() {
	c.ended = true
	c.buf = append(c.buf, make([]float32, c.taps/2*c.channels)...)
}

// read fills pcm as far as what was written goes and returns the samples of each channel.
func (c *rateConverter) read(pcm []float32) int {
	n, start := 0, 0
	for have := len(c.buf) / c.channels; n < len(pcm)/c.channels && start+c.taps <= have; n++ {
		f := c.filters[c.place]
		for ch := range c.channels {
			var sum float32
			x := c.buf[start*c.channels+ch:]
			for t, w := range f {
				sum += w * x[t*c.channels]
			}
			pcm[n*c.channels+ch] = sum
		}
		c.place += c.in
		start += c.place / c.out
		c.place %= c.out
	}
	used := min(start*c.channels, len(c.buf))
	c.buf = c.buf[:copy(c.buf, c.buf[used:])]
	return n
}
