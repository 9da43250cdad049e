// Package mix makes one sound of many: it buffers what arrives unevenly, fits each source to one clock, and sums.
//
// Sound is 48 kHz float32, interleaved, full scale at -1 and 1, in frames of 20 ms. Always:
//
//   - A reader gets a full frame whenever it asks, silence included, and waits for nobody.
//   - Every queue is bounded; what does not fit is counted.
//   - A join is never a click: whatever is cut, lost, late or paused is faded or crossfaded.
//   - What leaves a Mixer never exceeds -1 dBFS.
//
// The package reads no clock and has no lock: time is an argument, and the caller serialises the calls to one value.
package mix

import (
	"math"
	"time"
)

const (
	SampleRate    = 48000
	FrameSamples  = 960 // samples of each channel in one frame
	FrameDuration = 20 * time.Millisecond
)

// A Decoder turns Opus packets into sound; room/opus has one.
type Decoder interface {
	// Decode fills pcm and returns the samples of each channel.
	Decode(packet []byte, pcm []float32) (int, error)
	// DecodeFEC fills pcm with the lost frame before the packet next.
	DecodeFEC(next []byte, pcm []float32) error
	// DecodePLC fills pcm with an invented continuation.
	DecodePLC(pcm []float32) error
}

// Silence is the level of a frame without sound.
const Silence uint8 = 127

// Level is the loudness of pcm in -dBov (RFC 6464): 0 is as loud as can be, 127 is Silence.
func Level(pcm []float32) uint8 {
	r := rms(pcm)
	if r <= 0 || math.IsNaN(r) {
		return Silence
	}
	return uint8(min(max(math.Round(-20*math.Log10(r)), 0), float64(Silence)))
}

func rms(pcm []float32) float64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}
