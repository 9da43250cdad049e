// Package heard measures whether what was said on one node was heard on another, as a person would notice it: which
// moments of speech came through, how long the longest gap was, and how loud one's own voice comes back.
//
// It compares spectra over time, not waves, because every codec changes the wave and no listener minds. Sound is 48 kHz
// mono float32. It is for recordings of seconds to some minutes, after the fact.
package heard

import (
	"math"
	"slices"
	"time"
)

const (
	sampleRate = 48000
	window     = sampleRate / 100 // 10 ms, the unit of what is reported
	fine       = 4                // places of the heard sound are told apart in steps of a quarter window: 2.5 ms

	// voicedBelow and voicedLeast bound speech: within 35 dB of its loud moments, and not below -55 dBFS.
	voicedBelow = 35
	voicedLeast = -55
	// A window was heard if its spectrum differs by less than differs dB in the mean of its bands, that of what is
	// before or after it by less than differsAround, and it is not weaker by weaker dB. heard_test.go calibrates them:
	// codecs stay at about 1 to 3 dB in the mean; the same speaker saying something else lies far above.
	differs       = 8
	differsAround = 4.5
	weaker        = 12
	around        = 12 // windows on a side
	differsMost   = 15 // a window counts with at most this among its neighbours
)

// A Report says how much of what was said was heard.
type Report struct {
	VoicedWindows int           // 10 ms windows in which something was said
	HeardWindows  int           // of these, those that were heard
	HeardShare    float64       // HeardWindows / VoicedWindows, 0 without any
	LongestGap    time.Duration // longest run of voiced windows that were not heard
	DelayMS       float64       // median place in heard less place in said
	DriftMS       float64       // how much the delay grew from the first to the last tenth
	LevelDB       float64       // median loudness of what was heard less that of what was said
	DistanceDB    float64       // mean spectral distance of the windows heard
}

// Compare looks for all of said in heard.
func Compare(said, heard []float32) Report { return compare(said, heard, false) }

// Overlap looks for that part of said in heard that was said while heard was recorded, less half a second at each end:
// for a listener who came later or left earlier.
func Overlap(said, heard []float32) Report { return compare(said, heard, true) }

func compare(said, heard []float32, overlap bool) Report {
	s, h := spectra(said, window/2, window), spectra(heard, 0, window/fine)
	voiced := s.voiced()
	var r Report
	if s.n == 0 || h.n < fine {
		r.count(voiced, make([]bool, s.n))
		return r
	}
	lag := align(s, h)
	if overlap {
		const margin = 50
		for t := range voiced {
			if k := t + lag; k < margin || k >= h.n/fine-margin {
				voiced[t] = false
			}
		}
	}
	path := follow(s, h, lag, voiced)
	r.judge(s, h, path, voiced)
	return r
}

// judge decides for each voiced window whether it was heard; path holds its place in h.
func (r *Report) judge(s, h *spectrogram, path []int, voiced []bool) {
	gain := gainOf(s, h, path, voiced)
	far := make([]float64, s.n)
	var sum, count []float64 // running, to look at the surroundings
	sum, count = append(sum, 0), append(count, 0)
	for t := range far {
		v, c := 0.0, 0.0
		if voiced[t] {
			far[t] = distance(s, t, h, path[t], gain)
			v, c = min(far[t], differsMost), 1
		}
		sum, count = append(sum, sum[t]+v), append(count, count[t]+c)
	}
	was := make([]bool, s.n)
	var delays, levels []float64
	for t, v := range voiced {
		if !v {
			continue
		}
		// One side suffices: a window at the edge of a gap was heard.
		mean := func(from, to int) float64 {
			from, to = max(from, 0), min(to, s.n)
			return (sum[to] - sum[from]) / (count[to] - count[from])
		}
		near := min(mean(t-around, t+1), mean(t, t+around+1))
		was[t] = far[t] < differs && near < differsAround && h.levelAt(path[t])-gain > s.level[t]-weaker
		if was[t] {
			delays = append(delays, float64(path[t]-fine*t-fine/2)*10/fine)
			levels = append(levels, h.levelAt(path[t])-s.level[t])
			r.DistanceDB += far[t]
		}
	}
	r.count(voiced, was)
	if n := len(delays); n > 0 {
		r.DistanceDB /= float64(n)
		r.DriftMS = median(delays[n-(n+9)/10:]) - median(delays[:(n+9)/10])
		r.DelayMS, r.LevelDB = median(delays), median(levels)
	}
}

// gainOf is how much louder h is than s where both have sound: the loudest moments of the whole recordings would be of
// something else if somebody louder is heard as well, or if h goes on for much longer.
func gainOf(s, h *spectrogram, path []int, voiced []bool) float64 {
	var louder []float64
	for t, v := range voiced {
		if l := h.levelAt(path[t]); v && l > voicedLeast {
			louder = append(louder, l-s.level[t])
		}
	}
	if len(louder) == 0 {
		return h.loud() - s.loud()
	}
	return median(louder)
}

// count fills in the windows and the longest gap. Silence between two missed words does not end a gap in listening,
// but nothing was missed in it: it neither ends nor lengthens one, up to 50 ms of it.
func (r *Report) count(voiced, was []bool) {
	gap, quiet := 0, 0
	for t, v := range voiced {
		switch {
		case !v:
			if quiet++; quiet > 5 {
				gap = 0
			}
			continue
		case was[t]:
			r.HeardWindows++
			gap = 0
		default:
			gap++
		}
		quiet = 0
		r.VoicedWindows++
		r.LongestGap = max(r.LongestGap, time.Duration(gap)*10*time.Millisecond)
	}
	if r.VoicedWindows > 0 {
		r.HeardShare = float64(r.HeardWindows) / float64(r.VoicedWindows)
	}
}

// distance is the mean difference of the bands of two windows in dB, where either of them can be heard.
func distance(s *spectrogram, t int, h *spectrogram, k int, gain float64) float64 {
	if k < 0 || k >= h.n {
		return 2 * differsMost
	}
	a, b := s.at(t), h.at(k)
	floor := slices.Max(a) - 30
	sum := float32(0)
	for i := range a {
		x, y := max(a[i], floor), max(b[i]-float32(gain), floor)
		sum += max(x-y, y-x)
	}
	return float64(sum) / float64(bands)
}

func median(x []float64) float64 { return percentile(x, 0.5) }

func percentile(x []float64, p float64) float64 {
	if len(x) == 0 {
		return math.Inf(-1)
	}
	x = slices.Clone(x)
	slices.Sort(x)
	return x[int(p*float64(len(x)-1))]
}
