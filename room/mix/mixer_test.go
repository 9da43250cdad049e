package mix

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A hum is a Reader of an endless tone, with its own amplitude for each channel.
type hum struct {
	hz  float64
	amp []float32
	n   int
}

func (h *hum) Channels() int { return len(h.amp) }

func (h *hum) Read(pcm []float32, _ time.Time) {
	for i := range FrameSamples {
		s := float32(math.Sin(2 * math.Pi * h.hz * float64(h.n) / SampleRate))
		for c, a := range h.amp {
			pcm[i*len(h.amp)+c] = a * s
		}
		h.n++
	}
}

// mixFrames mixes a number of frames and returns each channel by itself.
func mixFrames(m *Mixer, frames int) [2][]float32 {
	var out [2][]float32
	pcm := make([]float32, FrameSamples*m.channels)
	for range frames {
		m.Mix(pcm, t0)
		for i, s := range pcm {
			out[i%m.channels] = append(out[i%m.channels], s)
		}
	}
	return out
}

func loudest1(pcm []float32) float32 {
	var p float32
	for _, s := range pcm {
		p = max(p, s, -s)
	}
	return p
}

func TestMixConvertsChannels(t *testing.T) {
	for _, row := range []struct {
		name  string
		out   int
		amp   []float32
		left  float32
		right float32
	}{
		{"stereo stays left and right", 2, []float32{0.5, 0.1}, 0.5, 0.1},
		{"mono comes from both sides", 2, []float32{0.3}, 0.3, 0.3},
		{"stereo in mono is the mean", 1, []float32{0.5, 0.1}, 0.3, 0},
		{"mono stays as loud as it is", 1, []float32{0.3}, 0.3, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := NewMixer(row.out)
			m.Add(&hum{hz: 1000, amp: row.amp}, 1)
			out := mixFrames(m, 5)
			if l := loudest1(out[0]); math.Abs(float64(l-row.left)) > 0.001 {
				t.Errorf("left %.3f, want %.3f", l, row.left)
			}
			if r := loudest1(out[1]); math.Abs(float64(r-row.right)) > 0.001 {
				t.Errorf("right %.3f, want %.3f", r, row.right)
			}
		})
	}
}

func TestVolumeChangesWithoutAClick(t *testing.T) {
	m := NewMixer(1)
	in := m.Add(&hum{hz: toneHz, amp: []float32{0.3}}, 1)
	out := mixFrames(m, 5)[0]
	in.SetGain(2)
	out = append(out, mixFrames(m, 5)[0]...)
	in.SetGain(0)
	out = append(out, mixFrames(m, 5)[0]...)
	in.SetGain(1)
	out = append(out, mixFrames(m, 5)[0]...)
	m.Remove(in)
	out = append(out, mixFrames(m, 5)[0]...)
	if r := roughness(out, toneHz); r > 0.002 {
		t.Errorf("a step of %.4f", r)
	}
	if p := loudest1(out[6*FrameSamples+lookAhead : 10*FrameSamples]); math.Abs(float64(p)-0.6) > 0.001 {
		t.Errorf("turned up to %.3f, want 0.6", p)
	}
	if p := loudest1(out[len(out)-FrameSamples:]); p != 0 || len(m.inputs) != 0 {
		t.Errorf("after the removal: %.3f, %d inputs", p, len(m.inputs))
	}
}

func TestGainIsBounded(t *testing.T) {
	var in Input
	for _, row := range []struct{ set, want float32 }{
		{-1, 0}, {100, MaxGain}, {float32(math.NaN()), 1}, {float32(math.Inf(1)), MaxGain}, {0.5, 0.5},
	} {
		if in.SetGain(row.set); in.gain != row.want {
			t.Errorf("gain %v became %v, want %v", row.set, in.gain, row.want)
		}
	}
}

func TestLimiterIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 2).Draw(t, "channels")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		l := NewLimiter(channels)
		for range rapid.IntRange(1, 20).Draw(t, "frames") {
			pcm := make([]float32, FrameSamples*channels)
			loud := float32(math.Exp(rng.Float64()*6 - 3))
			for i := range pcm {
				pcm[i] = loud * float32(rng.NormFloat64())
				switch rng.IntN(2000) {
				case 0:
					pcm[i] = float32(math.NaN())
				case 1:
					pcm[i] = float32(math.Inf(1 - 2*rng.IntN(2)))
				}
			}
			l.Process(pcm)
			for i, s := range pcm {
				if !(s <= Ceiling && s >= -Ceiling) {
					t.Fatalf("sample %d is %v", i, s)
				}
			}
		}
	})
}

// The gain alone must do it: a limiter that leaned on clipping would crackle.
func TestLimiterDoesNotClip(t *testing.T) {
	l := NewLimiter(1)
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 200_000 {
		p := float32(math.Abs(rng.NormFloat64()) * math.Exp(2*math.Sin(float64(n)/5000)))
		gain := l.gain(p)
		late := l.delay[l.now%lookAhead]
		l.delay[l.now%lookAhead] = p
		l.now++
		if late*gain > Ceiling*1.0001 {
			t.Fatalf("sample %d: %v at gain %v", n, late, gain)
		}
	}
}

func TestLimiterLeavesTheRestAlone(t *testing.T) {
	l := NewLimiter(2)
	h := &hum{hz: toneHz, amp: []float32{0.8, 0.2}}
	var in, out []float32
	for f := range 100 {
		pcm := make([]float32, 2*FrameSamples)
		h.Read(pcm, t0)
		if f == 10 {
			pcm[500] = 3 // one loud click in what came in
		}
		in = append(in, pcm...)
		l.Process(pcm)
		out = append(out, pcm...)
	}
	same := func(from, to int) bool {
		for i := from; i < to; i++ {
			if out[i+2*lookAhead] != in[i] {
				return false
			}
		}
		return true
	}
	if !same(0, 10*2*FrameSamples+500-4*lookAhead) {
		t.Error("the sound before the peak was changed")
	}
	if !same(70*2*FrameSamples, 99*2*FrameSamples) {
		t.Error("the sound a second after the peak was changed")
	}
}

// Ten people at once: loud, but the tones come out clean.
func TestLoudMixStaysClean(t *testing.T) {
	m := NewMixer(1)
	for i := range 4 {
		m.Add(&hum{hz: 500 * float64(i+1), amp: []float32{0.6}}, 1)
	}
	out := mixFrames(m, 100)[0][50*FrameSamples:]
	var total float64
	for _, s := range out {
		total += float64(s) * float64(s) / float64(len(out))
	}
	tones := 0.0
	for i := range 4 {
		var re, im float64
		for n, s := range out {
			sin, cos := math.Sincos(2 * math.Pi * 500 * float64(i+1) * float64(n) / SampleRate)
			re, im = re+float64(s)*cos, im+float64(s)*sin
		}
		a := 2 * math.Hypot(re, im) / float64(len(out))
		tones += a * a / 2
	}
	if snr := 10 * math.Log10(tones/(total-tones)); snr < 35 {
		t.Errorf("distortion at -%.1f dB", snr)
	}
}

func TestLevel(t *testing.T) {
	square := make([]float32, FrameSamples)
	for i := range square {
		square[i] = 1
	}
	sine := make([]float32, FrameSamples)
	(&hum{hz: 1000, amp: []float32{1}}).Read(sine, t0)
	for _, row := range []struct {
		name string
		pcm  []float32
		want uint8
	}{
		{"the loudest there is", square, 0},
		{"a full sine is 3 dB less", sine, 3},
		{"silence", make([]float32, FrameSamples), Silence},
		{"nothing", nil, Silence},
		{"too loud", []float32{9, -9}, 0},
		{"a hundredth", []float32{0.01, -0.01}, 40},
		{"not a number", []float32{float32(math.NaN())}, Silence},
	} {
		if got := Level(row.pcm); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}
