package heard

import (
	"math"
	"math/bits"
	"math/cmplx"
)

const (
	fftSize = 512 // 10.7 ms
	quiet   = -90 // dBFS: what no microphone hears
)

// edges of the bands in bins of 93.75 Hz: from 190 Hz to 7.5 kHz, wider towards the top as the ear has them.
var edges = [...]int{2, 3, 4, 5, 6, 7, 9, 11, 13, 16, 19, 23, 28, 34, 42, 52, 64, 80}

const bands = len(edges) - 1

// A spectrogram holds the loudness of each band in dBFS, for windows some samples apart.
type spectrogram struct {
	n     int
	band  []float32 // n times bands
	level []float64 // of all bands; filled by spectra
}

func (s *spectrogram) at(t int) []float32 { return s.band[t*bands:][:bands] }

// spectra looks at windows whose middles are hop apart, the first one at the given sample.
func spectra(pcm []float32, first, hop int) *spectrogram {
	s := &spectrogram{n: len(pcm) / hop}
	s.band, s.level = make([]float32, s.n*bands), make([]float64, s.n)
	var hann [fftSize]float64
	for i := range hann {
		hann[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/fftSize)
	}
	x, turns := make([]complex128, fftSize), turnsFor(fftSize)
	for t := range s.n {
		start := first + t*hop - fftSize/2
		for i := range x {
			x[i] = 0
			if k := start + i; k >= 0 && k < len(pcm) {
				x[i] = complex(float64(pcm[k])*hann[i], 0)
			}
		}
		fft(x, turns)
		total := 0.0
		for b := range bands {
			p := 0.0
			for _, c := range x[edges[b]:edges[b+1]] {
				p += real(c)*real(c) + imag(c)*imag(c)
			}
			total += p
			s.at(t)[b] = float32(decibels(p))
		}
		s.level[t] = decibels(total)
	}
	return s
}

// decibels of a power of the transform: a full-scale sine is at about 0.
func decibels(p float64) float64 {
	const full = fftSize * fftSize / 16.0
	return max(10*math.Log10(p/full+1e-12), quiet)
}

// loud is the level of the loud moments.
func (s *spectrogram) loud() float64 { return percentile(s.level, 0.95) }

// voiced says in which windows something is said.
func (s *spectrogram) voiced() []bool {
	least := max(s.loud()-voicedBelow, voicedLeast)
	v := make([]bool, s.n)
	for t, l := range s.level {
		v[t] = l > least
	}
	return v
}

// turnsFor returns the roots of unity that an fft of that length needs.
func turnsFor(n int) []complex128 {
	turns := make([]complex128, n/2)
	for k := range turns {
		turns[k] = cmplx.Rect(1, -2*math.Pi*float64(k)/float64(n))
	}
	return turns
}

// fft is the discrete Fourier transform in place; the length is a power of two.
func fft(x, turns []complex128) {
	n := len(x)
	shift := 64 - bits.Len(uint(n-1))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); j > i {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		half, step := size/2, n/size
		for i := 0; i < n; i += size {
			lo, hi := x[i:i+half], x[i+half:i+size]
			for k := range lo {
				a, b := lo[k], hi[k]*turns[k*step]
				lo[k], hi[k] = a+b, a-b
			}
		}
	}
}

// correlate returns for each shift the sum of a[t]*b[t+shift], at index shift modulo the length, which is a power of
// two so large that nothing wraps around.
func correlate(a, b []float64) []float64 {
	n := 1 << bits.Len(uint(len(a)+len(b)))
	x, y := make([]complex128, n), make([]complex128, n)
	for i, v := range a {
		x[i] = complex(v, 0)
	}
	for i, v := range b {
		y[i] = complex(v, 0)
	}
	turns := turnsFor(n)
	fft(x, turns)
	fft(y, turns)
	for i := range x {
		// The forward transform of the conjugate is the inverse one, and the result is real.
		x[i] = cmplx.Conj(cmplx.Conj(x[i]) * y[i])
	}
	fft(x, turns)
	out := make([]float64, n)
	for i := range out {
		out[i] = real(x[i]) / float64(n)
	}
	return out
}

// levelAt is the level of a window, which may lie outside.
func (s *spectrogram) levelAt(t int) float64 {
	if t < 0 || t >= s.n {
		return quiet
	}
	return s.level[t]
}
