package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/relay"
	"salon/room/mix"
	"salon/room/opus"
)

// tone is a sine of an amplitude of 0.5 at 48 kHz, on both sides: the right one at half the loudness.
func tone(hz float64, n, channels int) []float32 {
	pcm := make([]float32, n*channels)
	for i := range n {
		s := float32(0.5 * math.Sin(2*math.Pi*hz*float64(i)/mix.SampleRate))
		pcm[i*channels] = s
		if channels == 2 {
			pcm[2*i+1] = s / 2
		}
	}
	return pcm
}

// wavFile builds a WAV file by hand: kind 1 or 3, and extra before the sound.
func wavFile(kind, channels, rate, bits int, extra string, content []byte, size uint32) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(kind))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate))
	b = binary.LittleEndian.AppendUint32(b, uint32(rate*channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(channels*bits/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(bits))
	b = append(b, extra...)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	return append(b, content...)
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWAVKinds(t *testing.T) {
	half := math.Float32bits(-0.5)
	float := binary.LittleEndian.AppendUint32(nil, half)
	for _, row := range []struct {
		name    string
		file    []byte
		out     int
		samples []float32
	}{
		{"16 bits", wavFile(1, 1, 48000, 16, "", []byte{0, 0x40, 0, 0x80}, 4), 1, []float32{0.5, -1}},
		{"24 bits", wavFile(1, 1, 48000, 24, "", []byte{0, 0, 0x40, 0, 0, 0xc0}, 6), 1, []float32{0.5, -0.5}},
		{"32 bits", wavFile(1, 1, 48000, 32, "", []byte{0, 0, 0, 0x20}, 4), 1, []float32{0.25}},
		{"floats", wavFile(3, 1, 48000, 32, "", float, 4), 1, []float32{-0.5}},
		{"mono on both sides", wavFile(1, 1, 48000, 16, "", []byte{0, 0x40}, 2), 2, []float32{0.5, 0.5}},
		{"left and right", wavFile(1, 2, 48000, 16, "", []byte{0, 0x40, 0, 0x20}, 4), 2, []float32{0.5, 0.25}},
		{"their mean", wavFile(1, 2, 48000, 16, "", []byte{0, 0x40, 0, 0x20}, 4), 1, []float32{0.375}},
		{"a chunk in between, of odd length", wavFile(1, 1, 48000, 16, "LIST\x03\x00\x00\x00abc\x00", []byte{0, 0x40}, 2), 1, []float32{0.5}},
		{"a chunk behind is not sound", append(wavFile(1, 1, 48000, 16, "", []byte{0, 0x40}, 2), "LIST\x00\x00\x00\x00"...), 1, []float32{0.5}},
		{"a pipe's length", wavFile(1, 1, 48000, 16, "", []byte{0, 0x40}, math.MaxUint32), 1, []float32{0.5}},
		{"no length", wavFile(1, 1, 48000, 16, "", []byte{0, 0x40}, 0), 1, []float32{0.5}},
		{"cut off in a sample", wavFile(1, 2, 48000, 16, "", []byte{0, 0x40, 0, 0x40, 1, 2}, 400), 1, []float32{0.5}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := ReadSamples(write(t, "a.wav", row.file), row.out)
			if err != nil || !slices.Equal(got, row.samples) {
				t.Errorf("got %v, %v; want %v", got, err, row.samples)
			}
		})
	}
}

func TestAnyRateBecomes48kHz(t *testing.T) {
	for _, rate := range []int{8000, 11025, 16000, 22050, 44100, 48000, 88200, 96000, 192000} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			var content []byte
			for i := range rate {
				v := math.Round(0.5 * math.Sin(2*math.Pi*997*float64(i)/float64(rate)) * (1 << 31))
				content = binary.LittleEndian.AppendUint32(content, uint32(int32(v)))
			}
			got, err := ReadSamples(write(t, "a.wav", wavFile(1, 1, rate, 32, "", content, uint32(len(content)))), 1)
			if err != nil {
				t.Fatal(err)
			}
			if d := len(got) - 48000; d < -10 || d > 10 {
				t.Errorf("a second became %d samples", len(got))
			}
			want := tone(997, len(got), 1)
			var noise, sound float64
			for i := 2000; i < len(got)-2000; i++ {
				noise += math.Pow(float64(got[i]-want[i]), 2)
				sound += math.Pow(float64(want[i]), 2)
			}
			if snr := 10 * math.Log10(sound/noise); snr < 90 {
				t.Errorf("signal to noise %.1f dB", snr)
			}
		})
	}
}

func TestHighTonesDoNotComeBackLow(t *testing.T) {
	var content []byte
	for i := range 96000 {
		v := int32(0.5 * math.Sin(2*math.Pi*30000*float64(i)/96000) * (1 << 31))
		content = binary.LittleEndian.AppendUint32(content, uint32(v))
	}
	got, err := ReadSamples(write(t, "a.wav", wavFile(1, 1, 96000, 32, "", content, uint32(len(content)))), 1)
	if err != nil {
		t.Fatal(err)
	}
	if l := mix.Level(got[4800:43200]); l < 80 {
		t.Errorf("30 kHz is heard at -%d dB", l)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	vorbis := oggPage(firstPage, 0, append([]byte("\x01vorbis"), make([]byte, 20)...))
	broken := oggPage(firstPage, 0, []byte("OpusHead"))
	broken[30] ^= 1
	for _, row := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty.wav", nil, "it is empty"},
		{"song.mp3", []byte("ID3\x03 and so on"), "it is MP3; make it WAV or Ogg Opus"},
		{"song.flac", []byte("fLaC and so on"), "it is FLAC"},
		{"notes.txt", []byte("not a song"), "not sound that salon knows"},
		{"short.wav", []byte("RIFF"), "it begins as a WAV file but is none"},
		{"headless.wav", []byte("RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00"), "does not say how its sound is stored"},
		{"bits.wav", wavFile(1, 1, 48000, 8, "", []byte{1, 2}, 2), "sox IN -b 16 OUT.wav"},
		{"surround.wav", wavFile(1, 6, 48000, 16, "", make([]byte, 12), 12), "it has 6 channels; `sox IN -c 2"},
		{"slow.wav", wavFile(1, 1, 100, 16, "", []byte{1, 2}, 2), "it has 100 samples a second"},
		{"silent.wav", wavFile(1, 1, 48000, 16, "", nil, 0), "it holds no sound"},
		{"song.ogg", vorbis, "it is Ogg Vorbis"},
		{"broken.ogg", broken, "the Ogg page at byte 0 is damaged"},
		{"torn.opus", oggPage(firstPage, 0, headFor(1, 0x38)), "the Ogg file ends before its sound"},
	} {
		for _, o := range []Options{{Channels: 1}, {Channels: 2}, {Channels: 2, Loop: true}} {
			path := write(t, row.name, row.file)
			src, err := OpenSource(path, o)
			if err == nil {
				_, err = src.Next()
			}
			if !errors.Is(err, ErrFormat) || !strings.Contains(fmt.Sprint(err), row.want) || strings.Count(fmt.Sprint(err), path) != 1 {
				t.Errorf("%s, %+v: %v; want %q and the path", row.name, o, err, row.want)
			}
		}
	}
	if _, err := OpenSource(filepath.Join(t.TempDir(), "none.wav"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, err := OpenSource(t.TempDir(), Options{}); !errors.Is(err, ErrFormat) {
		t.Errorf("a folder: %v", err)
	}
}

// headFor and oggPage build files by hand from the table in ogg.go.
func headFor(channels, skip byte) []byte {
	return []byte{'O', 'p', 'u', 's', 'H', 'e', 'a', 'd', 1, channels, skip, 1, 0x80, 0xbb, 0, 0, 0, 0, 0}
}

func oggPage(flags byte, granule uint64, packets ...[]byte) []byte {
	b := append([]byte("OggS\x00"), flags)
	b = binary.LittleEndian.AppendUint64(b, granule)
	b = append(b, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(packets)))
	for _, p := range packets {
		b = append(b, byte(len(p)))
	}
	b = append(b, bytes.Join(packets, nil)...)
	binary.LittleEndian.PutUint32(b[22:], oggCRC(b))
	return b
}

func TestOggCRC(t *testing.T) {
	// The catalogue value of this CRC (poly 0x04c11db7, not reflected, init and xor 0) for the usual check string.
	if c := oggCRC([]byte("123456789")); c != 0x89a1897f {
		t.Errorf("%08x", c)
	}
}

func packets(t *testing.T, path string, o Options, most int) [][]byte {
	t.Helper()
	src, err := OpenSource(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}()
	var out [][]byte
	for len(out) < most {
		p, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !mix.IsSingle(p) {
			t.Fatalf("packet %d is not one frame of 20 ms", len(out))
		}
		out = append(out, bytes.Clone(p))
	}
	return out
}

func decode(t *testing.T, packets [][]byte, channels int) []float32 {
	t.Helper()
	dec, err := opus.NewDecoder(channels)
	if err != nil {
		t.Fatal(err)
	}
	var out []float32
	for _, p := range packets {
		frame := make([]float32, mix.FrameSamples*channels)
		if _, err := dec.Decode(p, frame); err != nil {
			t.Fatal(err)
		}
		out = append(out, frame...)
	}
	return out
}

func TestVoiceBecomesPackets(t *testing.T) {
	said, err := ReadSamples("testdata/voice.wav", 1)
	if err != nil {
		t.Fatal(err)
	}
	for channels := 1; channels <= 2; channels++ {
		got := packets(t, "testdata/voice.wav", Options{Channels: channels}, 1<<20)
		if frames := (len(said) + lookAhead + mix.FrameSamples - 1) / mix.FrameSamples; len(got) != frames {
			t.Errorf("%d channels: %d packets, want %d", channels, len(got), frames)
		}
		if l, want := mix.Level(decode(t, got, 1)), mix.Level(said); l < want-1 || l > want+1 {
			t.Errorf("%d channels: level -%d dB, want -%d", channels, l, want)
		}
	}
}

func TestLoopHasNoGap(t *testing.T) {
	// 100 whole waves, in a length that is no whole number of frames.
	path := filepath.Join(t.TempDir(), "tone.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWAVWriter(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(tone(480, 10_000, 1)), w.Close()); err != nil {
		t.Fatal(err)
	}
	got := packets(t, path, Options{Channels: 2, Loop: true}, 200)
	if len(got) != 200 {
		t.Fatalf("the loop ended after %d packets", len(got))
	}
	out := decode(t, got, 1)[4*mix.FrameSamples:]
	k := 2 * math.Cos(2*math.Pi*480/mix.SampleRate)
	for i := 1; i+1 < len(out); i++ {
		if d := math.Abs(float64(out[i-1]+out[i+1]) - k*float64(out[i])); d > 0.01 {
			t.Fatalf("a step of %.3f at sample %d", d, i)
		}
	}
}

func TestConcertPassesPacketsThrough(t *testing.T) {
	enc, err := opus.NewEncoder(opus.Concert())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	ogg, err := newOggWriter(&file, 2, lookAhead)
	if err != nil {
		t.Fatal(err)
	}
	var want [][]byte
	sound := tone(700, 130*mix.FrameSamples, 2)
	for ; len(sound) > 0; sound = sound[2*mix.FrameSamples:] {
		p := make([]byte, opus.MaxPacket)
		n, err := enc.Encode(sound[:2*mix.FrameSamples], p)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, p[:n])
		if err := ogg.writePacket(p[:n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := ogg.close(); err != nil {
		t.Fatal(err)
	}
	path := write(t, "a.opus", file.Bytes())
	if got := packets(t, path, Options{Channels: 2}, 1<<20); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Error("the packets are not those of the file")
	}
	if got := packets(t, path, Options{Channels: 1}, 1<<20); mix.IsStereo(got[10]) {
		t.Error("a talk room got stereo")
	}
	// Left and right survive the way through samples as well.
	pcm, err := ReadSamples(path, 2)
	if err != nil {
		t.Fatal(err)
	}
	if want := 130*mix.FrameSamples - lookAhead; len(pcm) != 2*want {
		t.Errorf("%d samples, want %d", len(pcm)/2, want)
	}
	var left, right float64
	for i := 0; i < len(pcm); i += 2 {
		left, right = left+math.Abs(float64(pcm[i])), right+math.Abs(float64(pcm[i+1]))
	}
	if r := left / right; r < 1.95 || r > 2.05 {
		t.Errorf("left is %.2f times as loud as right, want 2", r)
	}
}

// encode makes packets of a tone.
func encode(t *testing.T, frames, channels int) [][]byte {
	t.Helper()
	profile := opus.Talk()
	if channels == 2 {
		profile = opus.Concert()
	}
	enc, err := opus.NewEncoder(profile)
	if err != nil {
		t.Fatal(err)
	}
	sound := tone(1000, frames*mix.FrameSamples, channels)
	out := make([][]byte, frames)
	for i := range out {
		p := make([]byte, opus.MaxPacket)
		n, err := enc.Encode(sound[i*mix.FrameSamples*channels:][:mix.FrameSamples*channels], p)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = p[:n]
	}
	return out
}

func TestRecordingIsWhatWasHeard(t *testing.T) {
	for _, name := range []string{"a.wav", "a.ogg", "B.OPUS"} {
		for channels := 1; channels <= 2; channels++ {
			t.Run(fmt.Sprint(name, channels), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), name)
				rec, err := Record(path, channels)
				if err != nil {
					t.Fatal(err)
				}
				said := encode(t, 105, channels)
				for i, p := range said {
					if i >= 50 && i < 53 {
						p = nil // lost: what follows stays at its time
					}
					if err := rec.Packet(p); err != nil {
						t.Fatal(err)
					}
				}
				if err := errors.Join(rec.Packet(nil), rec.Close()); err != nil {
					t.Fatal(err)
				}
				got, err := ReadSamples(path, channels)
				if want := 106 * mix.FrameSamples * channels; err != nil || len(got) != want {
					t.Fatalf("%d samples, %v; want %d", len(got), err, want)
				}
				want := decode(t, said, channels)
				var noise, sound float64
				for i := 80 * mix.FrameSamples * channels; i < len(want); i++ { // a decoder takes a while to forget a loss
					noise += math.Pow(float64(got[i]-want[i]), 2)
					sound += math.Pow(float64(want[i]), 2)
				}
				if snr := 10 * math.Log10(sound/noise); snr < 30 {
					t.Errorf("signal to noise %.1f dB: it is shifted, or not the sound", snr)
				}
			})
		}
	}
	for _, name := range []string{"a.mp3", "a"} {
		if _, err := Record(filepath.Join(t.TempDir(), name), 1); err == nil {
			t.Errorf("%s was made", name)
		}
	}
}

// Wherever a recording is cut off, what was written a second before can be played.
func TestRecordingMayBeCutOff(t *testing.T) {
	for _, name := range []string{"a.wav", "a.ogg"} {
		path := filepath.Join(t.TempDir(), name)
		rec, err := Record(path, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range encode(t, 500, 1) {
			if err := rec.Packet(p); err != nil {
				t.Fatal(err)
			}
		}
		whole, err := os.ReadFile(path) // as it is on disk without Close
		if err != nil {
			t.Fatal(err)
		}
		pcm, err := ReadSamples(path, 1)
		if heard := time.Duration(len(pcm)) * time.Second / mix.SampleRate; err != nil || heard < 9*time.Second-20*time.Millisecond {
			t.Errorf("%s killed: %v of 10 s, %v", name, heard, err)
		}
		for cut := len(whole) / 2; cut < len(whole); cut += len(whole) / 37 {
			pcm, err := ReadSamples(write(t, name, whole[:cut]), 1)
			if err != nil || len(pcm) < 4*mix.SampleRate-mix.FrameSamples {
				t.Errorf("%s cut off at %d of %d: %d samples, %v", name, cut, len(whole), len(pcm), err)
			}
		}
		if err := rec.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A mic gives a source's packets at their pace and tells when it is done.
func TestMicPlaysASource(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	rec, err := Record(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range encode(t, 10, 1) {
		if err := rec.Packet(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := rec.Close(); err != nil {
		t.Fatal(err)
	}
	src, err := OpenSource(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	mic := NewMic(src)
	var p relay.Packet
	start := time.Now()
	n := uint64(0)
	for ; mic.Receive(&p) == nil; n++ {
		if p.Frames[0].Number != n {
			t.Fatalf("frame %d is numbered %d", n, p.Frames[0].Number)
		}
	}
	if took := time.Since(start); n < 10 || took < time.Duration(n-1)*mix.FrameDuration {
		t.Errorf("%d frames in %v", n, took)
	}
	<-mic.Done()
	if err := mic.Err(); err != nil {
		t.Error(err)
	}

	if src, err = OpenSource(path, Options{Loop: true}); err != nil {
		t.Fatal(err)
	}
	mic = NewMic(src)
	mic.Close()
	if err := mic.Receive(&p); err != io.EOF {
		t.Errorf("a closed mic gave %v", err)
	}
	<-mic.Done()
}

func TestLostFramesKeepTheTime(t *testing.T) {
	enc, err := opus.NewEncoder(opus.Talk())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	ogg, err := newOggWriter(&file, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, opus.MaxPacket)
	if err := ogg.writeLost(3); err != nil { // before anything was heard
		t.Fatal(err)
	}
	for i := range 20 {
		n, err := enc.Encode(tone(500, mix.FrameSamples, 1), packet)
		if err != nil {
			t.Fatal(err)
		}
		if i == 10 {
			err = ogg.writeLost(7)
		}
		if err := errors.Join(err, ogg.writePacket(packet[:n])); err != nil {
			t.Fatal(err)
		}
	}
	if err := ogg.writePacket([]byte{1, 2, 3}); err == nil {
		t.Error("something else than 20 ms was written")
	}
	if err := ogg.close(); err != nil {
		t.Fatal(err)
	}
	pcm, err := ReadSamples(write(t, "a.ogg", file.Bytes()), 1)
	if err != nil || len(pcm) != 30*mix.FrameSamples {
		t.Errorf("%d frames, %v; want 30", len(pcm)/mix.FrameSamples, err)
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add(wavFile(1, 2, 44100, 16, "LIST\x02\x00\x00\x00ab", make([]byte, 400), 400))
	f.Add(slices.Concat(oggPage(firstPage, 0, headFor(1, 0)), oggPage(0, 0, []byte("OpusTags")), oggPage(lastPage, 1920, []byte{0x48, 1, 2}, []byte{0x48, 3, 4})))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if pcm, err := ReadSamples(path, 2); err == nil && len(pcm)%2 != 0 {
			t.Error("half a sample")
		}
		if src, err := OpenSource(path, Options{Channels: 2}); err == nil {
			for range 20 {
				if _, err := src.Next(); err != nil {
					break
				}
			}
			_ = src.Close()
		}
	})
}
