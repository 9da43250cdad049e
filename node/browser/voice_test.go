package browser

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"salon/node/media"
)

const (
	rate  = 48000
	pause = rate / 10 // at both ends of a microphone's file
	// The microphones' files: a recorded voice that says words with pauses, and another, synthesised one that talks
	// nearly all the time.
	anasVoice = "../media/testdata/voice.wav"
	bosVoice  = "../demo/voices/guest.opus"
)

func voice(t testing.TB, path string) []float32 {
	t.Helper()
	return must[[]float32](t)(media.ReadSamples(path, 1))
}

// microphone is a WAV file that a browser takes for a microphone. It begins and ends in silence, for the browser says it
// again and again and may cut where it begins anew.
func microphone(t testing.TB, channels ...[]float32) (path string) {
	t.Helper()
	var padded [][]float32
	for _, c := range channels {
		padded = append(padded, slices.Concat(make([]float32, pause), c, make([]float32, pause)))
	}
	return wav(t, rate, padded...)
}

// wav is a file of channels, which all last as long as the longest.
func wav(t testing.TB, rate int, channels ...[]float32) (path string) {
	t.Helper()
	longest := 0
	for _, c := range channels {
		longest = max(longest, len(c))
	}
	size := longest * len(channels) * 2
	b := append([]byte(nil), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+size))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	for _, v := range []uint16{1, uint16(len(channels))} { // integers
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*2*len(channels)))
	b = binary.LittleEndian.AppendUint16(b, uint16(2*len(channels)))
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	for i := range longest {
		for _, c := range channels {
			v := float32(0)
			if i < len(c) {
				v = c[i]
			}
			b = binary.LittleEndian.AppendUint16(b, uint16(int16(v*math.MaxInt16)))
		}
	}
	path = filepath.Join(t.TempDir(), "sound.wav")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// said is what a microphone gives that says pcm again and again, for as long as a test lasts.
func said(pcm []float32) []float32 {
	once := slices.Concat(make([]float32, pause), pcm, make([]float32, pause))
	out := once
	for len(out) < 60*rate {
		out = append(out, once...)
	}
	return out
}

// breathless leaves out the pauses of a voice.
func breathless(pcm []float32) []float32 {
	const block = rate / 50
	var out []float32
	quiet := 0
	for ; len(pcm) >= block; pcm = pcm[block:] {
		if quiet++; loudness(pcm[:block]) > -45 {
			quiet = 0
		}
		if quiet < 3 {
			out = append(out, pcm[:block]...)
		}
	}
	return out
}
