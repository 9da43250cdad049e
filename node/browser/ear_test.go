package browser

import (
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/chromedp/chromedp"
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
	p.until(fmt.Sprintf("record %g s of what is %s", seconds, which), fmt.Sprintf(`ear.%s.kept >= %g * %d`, which, seconds, rate))
	return unpack(p.t, script[string](p, fmt.Sprintf(`ear.%s.stop()`, which)))
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

// loudness is the level of sound in dBFS; -100 stands for that or less.
func loudness(pcm []float32) float64 {
	sum := 0.0
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return max(10*math.Log10(sum/float64(max(len(pcm), 1))+1e-20), -100)
}
