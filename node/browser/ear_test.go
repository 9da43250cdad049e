package browser

import (
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"salon/node/media"
)

//go:embed testdata/ear.js
var earScript string

// A hearing is what a page's tracks played to the person: 48 kHz, two channels.
type hearing struct {
	Left, Right []float32
}

// Mono is both ears.
func (h hearing) Mono() []float32 {
	out := make([]float32, len(h.Left))
	for i := range out {
		out[i] = (h.Left[i] + h.Right[i]) / 2
	}
	return out
}

// A recording of a page.
const (
	heardThere = "heard" // what it plays
	saidThere  = "said"  // what its microphone gives, after the browser's own processing
)

func (p *person) records(which string) {
	p.t.Helper()
	script[chromedp.Void](p, fmt.Sprintf(`ear.%s.start()`, which))
}

// recorded waits until so many seconds were kept, and hands them over. The time is that of the sound, not of a clock.
func (p *person) recorded(which string, seconds float64) hearing {
	p.t.Helper()
	p.until(fmt.Sprintf("record %g s of what is %s", seconds, which), fmt.Sprintf(`ear.%[1]s.kept > 0 && ear.%[1]s.kept >= %[2]g * ear.%[1]s.rate`, which, seconds))
	h := unpack(p.t, script[string](p, fmt.Sprintf(`ear.%s.stop()`, which)))
	if own := script[int](p, fmt.Sprintf(`ear.%s.rate`, which)); own != rate { // a microphone that nothing is done to
		h = h.converted(p.t, own)
	}
	return h
}

// listens begins to keep what is heard.
func (p *person) listens() { p.t.Helper(); p.records(heardThere) }

// hears is what was heard since then, so many seconds and what came with them.
func (p *person) hears(seconds float64) hearing { p.t.Helper(); return p.recorded(heardThere, seconds) }

func unpack(t testing.TB, text string) (h hearing) {
	t.Helper()
	b := must[[]byte](t)(base64.StdEncoding.DecodeString(text))
	for ; len(b) >= 4; b = b[4:] {
		h.Left = append(h.Left, float32(int16(binary.LittleEndian.Uint16(b)))/(1<<15))
		h.Right = append(h.Right, float32(int16(binary.LittleEndian.Uint16(b[2:])))/(1<<15))
	}
	return h
}

// converted is a hearing of another rate.
func (h hearing) converted(t testing.TB, from int) (out hearing) {
	t.Helper()
	pcm := must[[]float32](t)(media.ReadSamples(wav(t, from, h.Left, h.Right), 2))
	for ; len(pcm) >= 2; pcm = pcm[2:] {
		out.Left, out.Right = append(out.Left, pcm[0]), append(out.Right, pcm[1])
	}
	return out
}

// loudness is the level of sound in dBFS; -100 stands for that or less.
func loudness(pcm []float32) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return max(10*math.Log10(sum/float64(max(len(pcm), 1))+1e-20), -100)
}

// What is handed over late is not taken for a gap in the sound; what never comes is.
func TestWhatARecordingMisses(t *testing.T) {
	p := alone(t, "Ana", setup{})
	p.open("about:blank")
	// Each row is by how many ms the blocks are late, of 10 ms each; after the last all go on as it does.
	for _, r := range []struct {
		what    string
		late    []float64
		missing map[int]int // ms, by the block before which they are
	}{
		{"in time", []float64{0, 1, 0, 4, 0}, nil},
		{"held up and caught up", []float64{0, 0, 25, 15, 5, 0}, nil},
		{"late at first", []float64{30, 20, 10, 0}, nil},
		{"a slow clock", []float64{0, 2, 4, 6, 8, 10, 12, 14}, nil},
		{"30 ms missed", []float64{0, 0, 30}, map[int]int{2: 30}},
		{"held up, and 20 ms missed", []float64{0, 0, 65, 55, 45, 35, 25, 20}, map[int]int{2: 20}},
		{"missed twice", []float64{0, 0, 10, 10, 10, 30}, map[int]int{2: 10, 5: 20}},
		{"another clock, behind", []float64{0, 0, -500}, nil},
		{"another clock, ahead", []float64{0, 0, 20_000}, nil},
	} {
		for len(r.late) < 70 {
			r.late = append(r.late, r.late[len(r.late)-1])
		}
		got := script[[]int](p, fmt.Sprintf(`ear.missing(%s.map((late, i) => ({ time: 1e6 + 1000 * (10 * i + late), n: 480, rate: 48000 })))`, asJSON(r.late)))
		want := make([]int, len(r.late))
		for i, ms := range r.missing {
			want[i] = ms * rate / 1000
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", r.what, got, want)
		}
	}
}
