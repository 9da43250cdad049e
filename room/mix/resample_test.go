package mix

import (
	"fmt"
	"math"
	"testing"
)

// The sound of a tone played faster or slower is the tone, at another height, and next to nothing else.
func TestResamplerIsClean(t *testing.T) {
	for _, row := range []struct{ hz, step, snr float64 }{
		{1000, 1 + 200e-6, 95},
		{1000, 1 - 200e-6, 95},
		{1000, 1.005, 95},
		{5000, 1 + 200e-6, 90},
		{10000, 1 - 200e-6, 85},
		{15000, 1 + 200e-6, 75},
	} {
		t.Run(fmt.Sprintf("%.0f Hz at %.4f", row.hz, row.step), func(t *testing.T) {
			r := newResampler(1)
			in := &hum{hz: row.hz, amp: []float32{0.5}}
			frame, pcm := make([]float32, FrameSamples), make([]float32, FrameSamples)
			var out []float32
			for range 200 {
				for n := 0; n < FrameSamples; {
					if n += r.read(pcm[n:], row.step); n < FrameSamples {
						in.Read(frame, t0)
						r.write(frame)
					}
				}
				out = append(out, pcm...)
			}
			out = out[SampleRate:]
			// Least squares of a sine and a cosine at the new height; what is left is noise.
			w := 2 * math.Pi * row.hz * row.step / SampleRate
			var cc, ss, cs, xc, xs, xx float64
			for i, x := range out {
				s, c := math.Sincos(w * float64(i))
				cc, ss, cs = cc+c*c, ss+s*s, cs+c*s
				xc, xs, xx = xc+float64(x)*c, xs+float64(x)*s, xx+float64(x)*float64(x)
			}
			det := cc*ss - cs*cs
			a, b := (xc*ss-xs*cs)/det, (xs*cc-xc*cs)/det
			if amp := math.Hypot(a, b); math.Abs(amp-0.5) > 0.005 {
				t.Errorf("amplitude %.4f, want 0.5", amp)
			}
			noise := xx - a*xc - b*xs
			if snr := 10 * math.Log10((xx-noise)/noise); snr < row.snr {
				t.Errorf("signal to noise %.1f dB, want %.0f", snr, row.snr)
			}
		})
	}
}

func TestResamplerKeepsChannelsApart(t *testing.T) {
	r := newResampler(2)
	frame, pcm := make([]float32, 2*FrameSamples), make([]float32, 2*FrameSamples)
	in := &hum{hz: 1000, amp: []float32{0.5, 0}}
	for range 20 {
		for n := 0; n < FrameSamples; {
			if n += r.read(pcm[2*n:], 1.0001); n < FrameSamples {
				in.Read(frame, t0)
				r.write(frame)
			}
		}
		for i := 1; i < len(pcm); i += 2 {
			if pcm[i] != 0 {
				t.Fatalf("%v on the silent side", pcm[i])
			}
		}
	}
	if Level(pcm) > 15 {
		t.Error("nothing on the other side")
	}
}
