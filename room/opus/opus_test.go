package opus

import (
	"errors"
	"math"
	"testing"
)

// sines is n samples of each channel: 440 Hz on the left, 660 Hz on the right.
func sines(n, channels int) []float32 {
	pcm := make([]float32, n*channels)
	for i := range n {
		for c := range channels {
			pcm[i*channels+c] = 0.4 * float32(math.Sin(2*math.Pi*float64(440+220*c)*float64(i)/SampleRate))
		}
	}
	return pcm
}

// power is the share of one frequency in one channel, 1 for a sine of full scale.
func power(pcm []float32, channels, c int, hz float64) float64 {
	var re, im float64
	n := len(pcm) / channels
	for i := range n {
		s, co := math.Sincos(2 * math.Pi * hz * float64(i) / SampleRate)
		re += float64(pcm[i*channels+c]) * co
		im += float64(pcm[i*channels+c]) * s
	}
	return 2 * math.Hypot(re, im) / float64(n)
}

func roundTrip(t *testing.T, o Options, pcm []float32) (out []float32, packets [][]byte) {
	t.Helper()
	enc, err := NewEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	dec, err := NewDecoder(enc.Channels())
	if err != nil {
		t.Fatal(err)
	}
	size := FrameSamples * enc.Channels()
	for ; len(pcm) >= size; pcm = pcm[size:] {
		packet := make([]byte, MaxPacket)
		n, err := enc.Encode(pcm[:size], packet)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet[:n])
		frame := make([]float32, size)
		if n, err := dec.Decode(packet[:n], frame); err != nil || n != FrameSamples {
			t.Fatalf("decode: %d samples, %v", n, err)
		}
		out = append(out, frame...)
	}
	return out, packets
}

func TestConcertKeepsLeftAndRight(t *testing.T) {
	out, _ := roundTrip(t, Concert(), sines(SampleRate, 2))
	out = out[SampleRate:] // half a second, to be in the steady part
	for c, want := range []float64{440, 660} {
		own, other := power(out, 2, c, want), power(out, 2, c, 1100-want)
		if math.Abs(own-0.4) > 0.01 || other > 0.004 {
			t.Errorf("channel %d: own tone %.4f, want 0.4; the other channel's %.4f, want 40 dB less", c, own, other)
		}
	}
}

func TestPacketsAreNeverLeftOutInSilence(t *testing.T) {
	for _, o := range []Options{Talk(), Concert()} {
		_, packets := roundTrip(t, o, make([]float32, 2*SampleRate*o.Channels))
		for i, p := range packets {
			if len(p) < 3 {
				t.Fatalf("%d channels: packet %d of silence has %d bytes", o.Channels, i, len(p))
			}
		}
	}
}

func TestFECRestoresALostFrame(t *testing.T) {
	pcm := sines(SampleRate, 1)
	for i := range pcm { // a tone that rises and falls, as PLC cannot guess
		pcm[i] *= float32(0.5 + 0.5*math.Sin(2*math.Pi*9*float64(i)/SampleRate))
	}
	whole, packets := roundTrip(t, Talk(), pcm)
	miss := func(restore func(d *Decoder, next []byte, pcm []float32) error) float64 {
		dec, err := NewDecoder(1)
		if err != nil {
			t.Fatal(err)
		}
		var diff float64
		frame := make([]float32, FrameSamples)
		for i, p := range packets {
			lost := i%5 == 3 && i+1 < len(packets)
			if lost {
				err = restore(dec, packets[i+1], frame)
			} else {
				_, err = dec.Decode(p, frame)
			}
			if err != nil {
				t.Fatal(err)
			}
			for k := range frame {
				if lost {
					diff += math.Pow(float64(frame[k]-whole[i*FrameSamples+k]), 2)
				}
			}
		}
		return diff
	}
	fec := miss(func(d *Decoder, next []byte, pcm []float32) error { return d.DecodeFEC(next, pcm) })
	plc := miss(func(d *Decoder, _ []byte, pcm []float32) error { return d.DecodePLC(pcm) })
	if fec > plc/2 {
		t.Errorf("error with FEC %.3f, with PLC %.3f: the copy was not used", fec, plc)
	}
}

func TestWrongSizesAreErrors(t *testing.T) {
	enc, err := NewEncoder(Talk())
	if err != nil {
		t.Fatal(err)
	}
	dec, err := NewDecoder(2)
	if err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, MaxPacket)
	n, err := enc.Encode(make([]float32, FrameSamples), packet)
	if err != nil {
		t.Fatal(err)
	}
	packet = packet[:n]
	_, short := enc.Encode(make([]float32, 100), packet)
	_, none := enc.Encode(make([]float32, FrameSamples), nil)
	_, odd := dec.Decode(packet, make([]float32, 2*FrameSamples+1))
	_, empty := dec.Decode(nil, make([]float32, 2*FrameSamples))
	_, small := dec.Decode(packet, make([]float32, 2*FrameSamples-2, 4*FrameSamples))
	for _, row := range []struct {
		name      string
		got, want error
	}{
		{"encode a short frame", short, ErrSize},
		{"encode into nothing", none, ErrSize},
		{"decode into half a sample", odd, ErrSize},
		{"decode nothing", empty, ErrPacket},
		{"decode into too little, though there is more behind it", small, ErrPacket},
		{"conceal 21 ms", dec.DecodePLC(make([]float32, 2*1008)), ErrSize},
		{"conceal by an empty packet", dec.DecodeFEC(nil, make([]float32, 2*FrameSamples)), ErrPacket},
	} {
		if !errors.Is(row.got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, row.got, row.want)
		}
	}
	if _, err := NewEncoder(Options{Channels: 3}); err == nil {
		t.Error("an encoder of 3 channels was made")
	}
	if _, err := NewDecoder(0); err == nil {
		t.Error("a decoder of 0 channels was made")
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	enc, err := NewEncoder(Talk())
	if err != nil {
		t.Fatal(err)
	}
	dec, err := NewDecoder(1)
	if err != nil {
		t.Fatal(err)
	}
	pcm, packet := sines(FrameSamples, 1), make([]byte, MaxPacket)
	out := make([]float32, FrameSamples)
	allocs := testing.AllocsPerRun(100, func() {
		n, err := enc.Encode(pcm, packet)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dec.Decode(packet[:n], out); err != nil {
			t.Fatal(err)
		}
		if err := dec.DecodeFEC(packet[:n], out); err != nil {
			t.Fatal(err)
		}
		if err := dec.DecodePLC(out); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations a frame", allocs)
	}
}

func FuzzDecode(f *testing.F) {
	enc, err := NewEncoder(Talk())
	if err != nil {
		f.Fatal(err)
	}
	for range 3 {
		packet := make([]byte, MaxPacket)
		n, err := enc.Encode(sines(FrameSamples, 1), packet)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packet[:n])
	}
	f.Add([]byte{0xff, 0x3f})
	f.Fuzz(func(t *testing.T, packet []byte) {
		dec, err := NewDecoder(1)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]float32, FrameSamples)
		_, _ = dec.Decode(packet, pcm)
		_ = dec.DecodeFEC(packet, pcm)
		if err := dec.DecodePLC(pcm); err != nil {
			t.Fatalf("unusable after a bad packet: %v", err)
		}
		for _, s := range pcm {
			if math.IsNaN(float64(s)) {
				t.Fatal("not a number")
			}
		}
	})
}
