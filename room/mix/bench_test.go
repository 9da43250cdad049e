//go:build cgo && unix

package mix_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"salon/room/mix"
	"salon/room/opus"
)

// speech is something like it: a gliding buzz through formants, in syllables, with breath. A codec finds it as hard.
func speech(seconds int, seed uint64, channels int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 3))
	pcm := make([]float32, seconds*mix.SampleRate*channels)
	phase, pitch := 0.0, 90+60*rng.Float64()
	for i := range seconds * mix.SampleRate {
		t := float64(i) / mix.SampleRate
		f0 := pitch * (1 + 0.2*math.Sin(2*math.Pi*0.7*t))
		phase += f0 / mix.SampleRate
		var s float64
		for h := 1.0; h*f0 < 4000; h++ {
			f := h * f0
			s += math.Sin(2*math.Pi*h*phase) / (1 + math.Pow((f-500-300*math.Sin(3*t))/300, 2))
		}
		syllable := max(0, math.Sin(2*math.Pi*3.5*t))
		s = 0.15*s*syllable + 0.003*rng.NormFloat64()
		for c := range channels {
			pcm[i*channels+c] = float32(s)
		}
	}
	return pcm
}

func encoded(o opus.Options, pcm []float32) ([][]byte, error) {
	enc, err := opus.NewEncoder(o)
	if err != nil {
		return nil, err
	}
	var packets [][]byte
	for size := mix.FrameSamples * enc.Channels(); len(pcm) >= size; pcm = pcm[size:] {
		packet := make([]byte, opus.MaxPacket)
		n, err := enc.Encode(pcm[:size], packet)
		if err != nil {
			return nil, err
		}
		packets = append(packets, packet[:n])
	}
	return packets, nil
}

// cpu is the processor time that the process has used: other jobs of the machine do not count.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkProgram is the host's work for one frame of the program: ten speakers buffered, decoded, fitted to the
// mixer's clock and summed, and the sum encoded. core-% is its share of one core; the aim is 8.
func BenchmarkProgram(b *testing.B) {
	const speakers, seconds = 10, 4
	for _, talking := range []int{1, 5, 10} {
		b.Run(fmt.Sprintf("%d of %d talking", talking, speakers), func(b *testing.B) {
			m := mix.NewMixer(1)
			var sources [speakers]*mix.Source
			var packets [speakers][][]byte
			for i := range sources {
				pcm := make([]float32, seconds*mix.SampleRate)
				if i < talking {
					pcm = speech(seconds, uint64(i), 1)
				}
				var err error
				if packets[i], err = encoded(opus.Talk(), pcm); err != nil {
					b.Fatal(err)
				}
				dec, err := opus.NewDecoder(1)
				if err != nil {
					b.Fatal(err)
				}
				sources[i] = mix.NewSource(dec, 1, mix.Stage())
				m.Add(sources[i], 1)
			}
			enc, err := opus.NewEncoder(opus.Talk())
			if err != nil {
				b.Fatal(err)
			}
			pcm, packet := make([]float32, mix.FrameSamples), make([]byte, opus.MaxPacket)
			now, n := time.Unix(0, 0), uint64(0)
			frame := func() {
				for i, s := range sources {
					// Clocks apart by up to 180 ppm, as they are.
					at := now.Add(time.Duration(float64(n) * 20e6 * float64(i) * -20e-6))
					s.Push(n, packets[i][n%uint64(len(packets[i]))], at)
				}
				m.Mix(pcm, now)
				if _, err := enc.Encode(pcm, packet); err != nil {
					b.Fatal(err)
				}
				n++
				now = now.Add(mix.FrameDuration)
			}
			for range 50 {
				frame()
			}
			b.ReportAllocs()
			b.ResetTimer()
			before := cpu(b)
			for range b.N {
				frame()
			}
			used := cpu(b) - before
			b.ReportMetric(100*used.Seconds()/(float64(b.N)*mix.FrameDuration.Seconds()), "core-%")
		})
	}
}
