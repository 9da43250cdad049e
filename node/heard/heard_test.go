package heard

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"salon/node/media"
	"salon/room/mix"
	"salon/room/opus"
)

func voice(t *testing.T) []float32 {
	t.Helper()
	pcm, err := media.ReadSamples("../media/testdata/voice.wav", 1)
	if err != nil {
		t.Fatal(err)
	}
	return pcm
}

// coded sends sound through a codec; lost frames are concealed.
func coded(t *testing.T, o opus.Options, pcm []float32, lost func(frame int) bool) []float32 {
	t.Helper()
	enc, err := opus.NewEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := opus.NewDecoder(1)
	if err != nil {
		t.Fatal(err)
	}
	var out []float32
	packet, frame := make([]byte, opus.MaxPacket), make([]float32, mix.FrameSamples)
	for i := 0; (i+1)*mix.FrameSamples <= len(pcm); i++ {
		in := pcm[i*mix.FrameSamples : (i+1)*mix.FrameSamples]
		if enc.Channels() == 2 {
			both := make([]float32, 0, 2*len(in))
			for _, s := range in {
				both = append(both, s, s)
			}
			in = both
		}
		n, err := enc.Encode(in, packet)
		if err != nil {
			t.Fatal(err)
		}
		if lost != nil && lost(i) {
			err = dec.DecodePLC(frame)
		} else {
			_, err = dec.Decode(packet[:n], frame)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, frame...)
	}
	return out
}

// delayed puts silence before the sound.
func delayed(pcm []float32, d time.Duration) []float32 {
	return append(make([]float32, int(d.Seconds()*sampleRate)), pcm...)
}

// stretched plays the sound at another speed, by linear interpolation.
func stretched(pcm []float32, ppm float64) []float32 {
	var out []float32
	for x := 0.0; int(x)+1 < len(pcm); x += 1 + ppm*1e-6 {
		i, f := int(x), float32(x-math.Floor(x))
		out = append(out, pcm[i]*(1-f)+pcm[i+1]*f)
	}
	return out
}

func scaled(pcm []float32, gain float32) []float32 {
	out := slices.Clone(pcm)
	for i := range out {
		out[i] *= gain
	}
	return out
}

// cut silences a part of the loudest second.
func cut(pcm []float32, d time.Duration) []float32 {
	out := slices.Clone(pcm)
	start := loudestPart(pcm, int(d.Seconds()*sampleRate))
	clear(out[start : start+int(d.Seconds()*sampleRate)])
	return out
}

// loudestPart is where the quietest 10 ms of the next n samples are loudest: speech without a pause.
func loudestPart(pcm []float32, n int) int {
	best, at := uint8(mix.Silence), 0
	for i := 0; i+n+window < len(pcm); i += window {
		worst := uint8(0)
		for k := i; k < i+n; k += window {
			worst = max(worst, mix.Level(pcm[k:k+window]))
		}
		if worst < best {
			best, at = worst, i
		}
	}
	return at
}

func TestWhatIsTheSameIsHeard(t *testing.T) {
	said := voice(t)
	rng := rand.New(rand.NewPCG(1, 1))
	noisy := slices.Clone(said)
	for i := range noisy {
		noisy[i] += 0.001 * float32(rng.NormFloat64())
	}
	for _, row := range []struct {
		name  string
		heard []float32
		least float64
	}{
		{"the very same", said, 1},
		{"later", delayed(said, 437*time.Millisecond), 1},
		{"much later", delayed(said, 9*time.Second), 1},
		{"softer", scaled(said, 0.1), 1},
		{"with noise", noisy, 0.995},
		{"in talk quality", coded(t, opus.Talk(), said, nil), 0.998},
		{"in concert quality", coded(t, opus.Concert(), said, nil), 0.998},
		{"coded twice", coded(t, opus.Talk(), coded(t, opus.Talk(), said, nil), nil), 0.995},
		{"by a clock 200 ppm slow", stretched(said, -200), 0.998},
		{"by a clock 1000 ppm fast, coded and late", delayed(stretched(coded(t, opus.Talk(), said, nil), 1000), time.Second), 0.995},
	} {
		r := Compare(said, row.heard)
		t.Logf("%s: %+v", row.name, r)
		if r.HeardShare < row.least || r.VoicedWindows < 500 || r.LongestGap > 30*time.Millisecond {
			t.Errorf("%s: %+v", row.name, r)
		}
	}
}

func TestDelayAndLevelAreMeasured(t *testing.T) {
	said := voice(t)
	r := Compare(said, delayed(scaled(stretched(said, -1000), 0.5), 437*time.Millisecond))
	if math.Abs(r.DelayMS-447) > 8 || math.Abs(r.DriftMS-18) > 5 || math.Abs(r.LevelDB+6) > 0.5 {
		t.Errorf("%+v", r)
	}
}

func TestGapsAreFound(t *testing.T) {
	said := voice(t)
	through := coded(t, opus.Talk(), said, nil)
	for _, gap := range []time.Duration{50, 100, 300} {
		gap *= time.Millisecond
		r := Compare(said, delayed(cut(through, gap), 300*time.Millisecond))
		t.Logf("cut of %v: %+v", gap, r)
		if r.LongestGap < gap-10*time.Millisecond || r.LongestGap > gap+40*time.Millisecond {
			t.Errorf("a cut of %v was found as %v", gap, r.LongestGap)
		}
	}
	// Half of it missing is half of it not heard.
	half := Compare(said, said[:len(said)/2])
	if half.HeardShare < 0.3 || half.HeardShare > 0.7 {
		t.Errorf("half: %+v", half)
	}
}

func TestSomethingElseIsNotHeard(t *testing.T) {
	said := voice(t)
	backwards := slices.Clone(said)
	slices.Reverse(backwards)
	rng := rand.New(rand.NewPCG(1, 1))
	noise := make([]float32, len(said))
	for i := range noise {
		noise[i] = 0.05 * float32(rng.NormFloat64())
	}
	for _, row := range []struct {
		name  string
		said  []float32
		heard []float32
		most  float64
	}{
		{"silence", said, make([]float32, len(said)), 0},
		{"nothing", said, nil, 0},
		{"noise", said, noise, 0.02},
		{"the same speaker backwards", said, backwards, 0.05},
		{"other words of the same speaker", said[:len(said)/2], said[len(said)/2:], 0.05},
		{"a smaller person", said, stretched(said, 250_000), 0.05},
	} {
		r := Compare(row.said, row.heard)
		t.Logf("%s: %+v", row.name, r)
		if r.HeardShare > row.most {
			t.Errorf("%s: %+v", row.name, r)
		}
	}
}

func TestOverlapIsForThoseWhoCameLate(t *testing.T) {
	said := voice(t)
	late := said[5*sampleRate : 15*sampleRate]
	if r := Compare(said, late); r.HeardShare > 0.8 {
		t.Errorf("all of it was heard: %+v", r)
	}
	if r := Overlap(said, late); r.HeardShare < 0.999 || r.VoicedWindows < 200 || math.Abs(r.DelayMS+5000) > 5 {
		t.Errorf("%+v", r)
	}
}

func TestOtherSoundInARecordingDoesNotMatter(t *testing.T) {
	said := voice(t)[:8*sampleRate]
	got := delayed(coded(t, opus.Talk(), scaled(said, 0.2), nil), 260*time.Millisecond)
	other := scaled(voice(t), 3)
	slices.Reverse(other)
	for name, heard := range map[string][]float32{
		"somebody louder before": slices.Concat(other, got),
		"somebody louder after":  slices.Concat(got, other),
		"a long silence":         slices.Concat(got, make([]float32, 60*sampleRate)),
	} {
		if r := Compare(said, heard); r.HeardShare < 0.99 || math.Abs(r.LevelDB+14) > 2 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestLeak(t *testing.T) {
	own := voice(t)[:8*sampleRate]
	other := slices.Clone(own)
	slices.Reverse(other)
	mixed := func(gain float32, with []float32) []float32 {
		out := delayed(coded(t, opus.Talk(), scaled(own, gain), nil), 260*time.Millisecond)
		for i := range out {
			if i < len(with) {
				out[i] += with[i]
			}
		}
		return out
	}
	for _, row := range []struct {
		name     string
		heard    []float32
		low, top float64
	}{
		{"silence", make([]float32, len(own)), -100, -90},
		{"itself, as loud", mixed(1, nil), -4, 1},
		{"itself at a tenth", mixed(0.1, nil), -25, -19},
		{"itself at a hundredth", mixed(0.01, nil), -46, -36},
		{"another voice alone", other, -100, -18},
		{"another voice and itself at a third", mixed(0.33, other), -16, -5},
	} {
		l := Leak(own, row.heard)
		t.Logf("%s: %.1f dB", row.name, l)
		if l < row.low || l > row.top {
			t.Errorf("%s: %.1f dB, want %.0f to %.0f", row.name, l, row.low, row.top)
		}
	}
}
