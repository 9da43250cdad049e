package heard

import "math"

const (
	leakDelay   = 150       // windows: how much later a voice may come back, 1.5 s
	thin        = 4         // waves are compared at 12 kHz, where the voice is
	leakSegment = 1 << 13   // samples over which they are, 0.7 s
	leakMost    = 18_000    // samples of that delay
	leakNothing = -100.0    // dB: what is reported for less
	leakSilence = quiet + 1 // dBFS
)

// Leak is how loud one's own voice comes back in what one hears, in dB; -100 stands for that or less. Where others are
// silent, it is what can be heard at all; where they talk all the time, it is as much of the sound as has the shape of
// one's own waves, which by chance alone is up to about -20 dB.
func Leak(own, heard []float32) float64 {
	if len(own) == 0 || len(heard) == 0 {
		return leakNothing
	}
	return max(min(leakByLevel(own, heard), leakByWave(own, heard)), leakNothing)
}

// leakByLevel: a voice that comes back is never louder than all that is heard, so the quietest moments bound it.
func leakByLevel(own, heard []float32) float64 {
	s, h := spectra(own, window/2, window), spectra(heard, window/2, window)
	voiced, loud := s.voiced(), s.loud()
	worst := leakNothing
	for delay := range leakDelay {
		var ratio []float64
		for t, v := range voiced {
			// Only where the voice is loud: it does not hide behind the noise of the path.
			if k := t + delay; v && k < h.n && s.level[t] > loud-15 {
				// The delay is known to half a window only.
				near := max(h.level[k], h.level[max(k-1, 0)], h.level[min(k+1, h.n-1)])
				if near <= leakSilence {
					near = math.Inf(-1)
				}
				ratio = append(ratio, near-s.level[t])
			}
		}
		if len(ratio) > 0 {
			worst = max(worst, percentile(ratio, 0.1))
		}
	}
	return worst
}

// leakByWave: the share of the heard wave that is the own one, at the delay that fits best.
func leakByWave(own, heard []float32) float64 {
	var back, sent float64
	own, heard = thinned(own), thinned(heard)
	for start := 0; start+leakSegment <= len(own) && start < len(heard); start += leakSegment {
		a := widen(own[start : start+leakSegment])
		energy := 0.0
		for _, v := range a {
			energy += v * v
		}
		if energy/leakSegment < 1e-6 {
			continue
		}
		c := correlate(a, widen(heard[start:min(start+leakSegment+leakMost, len(heard))]))
		best := 0.0
		for _, v := range c[:min(leakMost, len(c))] {
			best = max(best, math.Abs(v))
		}
		back += best * best / energy
		sent += energy
	}
	if sent == 0 {
		return 0 // nothing to compare: only the level speaks
	}
	return max(10*math.Log10(back/sent+1e-20), leakNothing)
}

func widen(pcm []float32) []float64 {
	out := make([]float64, len(pcm))
	for i, v := range pcm {
		out[i] = float64(v)
	}
	return out
}

// thinned keeps every fourth sample, as the mean of four.
func thinned(pcm []float32) []float32 {
	out := make([]float32, len(pcm)/thin)
	for i := range out {
		for _, s := range pcm[i*thin : (i+1)*thin] {
			out[i] += s / thin
		}
	}
	return out
}
