package integration

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"salon/node/heard"
	"salon/node/media"
)

const sampleRate = 48000

// The voices that are said, each of another person.
var (
	voiceA = filepath.Join("..", "media", "testdata", "voice.wav")
	voiceB = filepath.Join("..", "demo", "voices", "host.opus")
	voiceC = filepath.Join("..", "demo", "voices", "guest.opus")
)

// A line is what somebody says: silence, then a voice for a while, then silence. 48 kHz mono.
func line(t *testing.T, voice string, lead, speech, tail time.Duration) []float32 {
	t.Helper()
	pcm, err := media.ReadSamples(voice, 1)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, samples(lead)+samples(speech)+samples(tail))
	copy(out[samples(lead):samples(lead)+samples(speech)], pcm)
	return out
}

func samples(d time.Duration) int { return int(d * sampleRate / time.Second) }

// writeWAV writes 16 bit PCM at 48 kHz; each channel is one slice, all of one length.
func writeWAV(t *testing.T, name string, channels ...[]float32) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, wav(channels...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wav(channels ...[]float32) []byte {
	n := len(channels)
	size := 2 * n * len(channels[0])
	var b bytes.Buffer
	b.WriteString("RIFF")
	_ = binary.Write(&b, binary.LittleEndian, uint32(36+size))
	b.WriteString("WAVEfmt ")
	_ = binary.Write(&b, binary.LittleEndian, struct {
		Size               uint32
		Format, Channels   uint16
		Rate, BytesASecond uint32
		Block, Bits        uint16
	}{16, 1, uint16(n), sampleRate, uint32(2 * n * sampleRate), uint16(2 * n), 16})
	b.WriteString("data")
	_ = binary.Write(&b, binary.LittleEndian, uint32(size))
	pcm := make([]byte, 0, size)
	for i := range channels[0] {
		for _, c := range channels {
			pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(c[i]*32767)))
		}
	}
	b.Write(pcm)
	return b.Bytes()
}

// recorded reads a recording's channels.
func recorded(t *testing.T, path string, channels int) [][]float32 {
	t.Helper()
	pcm, err := media.ReadSamples(path, channels)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float32, channels)
	for i, s := range pcm {
		out[i%channels] = append(out[i%channels], s)
	}
	return out
}

// wantHeard asks for what a person would call hearing everything.
func wantHeard(t *testing.T, who string, said, got []float32) {
	t.Helper()
	r := heard.Compare(said, got)
	t.Logf("%s: %.4f of %d windows heard, longest gap %s, delay %.0f ms, level %+.1f dB", who, r.HeardShare, r.VoicedWindows, r.LongestGap, r.DelayMS, r.LevelDB)
	if r.VoicedWindows < 100 {
		t.Errorf("%s: only %d voiced windows: the test listens to nothing", who, r.VoicedWindows)
	}
	if r.HeardShare < 0.99 || r.LongestGap > 40*time.Millisecond {
		t.Errorf("%s: heard %.4f, want 0.99 or more; longest gap %s, want 40ms or less", who, r.HeardShare, r.LongestGap)
	}
}

// wantAbsent asks that a voice is not in what was heard.
func wantAbsent(t *testing.T, who string, said, got []float32) {
	t.Helper()
	if r := heard.Compare(said, got); r.HeardShare > 0.3 {
		t.Errorf("%s: %.2f of it is heard where nothing of it should be", who, r.HeardShare)
	}
}
