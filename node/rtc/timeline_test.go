package rtc

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// rtpIn is a packet of a test; its times are in ms.
type rtpIn struct {
	seq     uint16
	ms      int
	payload string
}

func runTimeline(first uint32, in []rtpIn) (frames, drops []string) {
	tl := newTimeline(
		func(n uint64, p []byte) { frames = append(frames, fmt.Sprintf("%d:%x", n, p)) },
		func(name string) { drops = append(drops, name) })
	for _, p := range in {
		tl.push(p.seq, first+uint32(p.ms*samplesPerMS), unhex(p.payload))
	}
	return frames, drops
}

func TestTimeline(t *testing.T) {
	for _, tt := range []struct {
		name   string
		in     []rtpIn
		frames string
		drops  string
	}{
		{"in order", []rtpIn{{7, 0, "f801"}, {8, 20, "f802"}, {9, 40, "f803"}}, "0:f801 1:f802 2:f803", ""},
		{"a lost packet is a gap, once two later ones came",
			[]rtpIn{{0, 0, "f801"}, {2, 40, "f803"}, {3, 60, "f804"}, {4, 80, "f805"}}, "0:f801 2:f803 3:f804 4:f805", ""},
		{"reordered packets come in order",
			[]rtpIn{{0, 0, "f801"}, {2, 40, "f803"}, {1, 20, "f802"}, {3, 60, "f804"}}, "0:f801 1:f802 2:f803 3:f804", ""},
		{"reordered by two", []rtpIn{{0, 0, "f801"}, {3, 60, "f804"}, {2, 40, "f803"}, {1, 20, "f802"}},
			"0:f801 1:f802 2:f803 3:f804", ""},
		{"too late is dropped", []rtpIn{{0, 0, "f801"}, {2, 40, "f803"}, {3, 60, "f804"}, {4, 80, "f805"}, {1, 20, "f802"}},
			"0:f801 2:f803 3:f804 4:f805", "late"},
		{"twice is once", []rtpIn{{0, 0, "f801"}, {0, 0, "f801"}, {2, 40, "f803"}, {2, 40, "f803"}, {1, 20, "f802"}},
			"0:f801 1:f802 2:f803", "late duplicate"},
		{"sequence wraps", []rtpIn{{65534, 0, "f801"}, {65535, 20, "f802"}, {0, 40, "f803"}, {1, 60, "f804"}},
			"0:f801 1:f802 2:f803 3:f804", ""},
		{"DTX is filled", []rtpIn{{0, 0, "4801"}, {1, 100, "4802"}}, "0:4801 1:48 2:48 3:48 4:48 5:4802", ""},
		{"loss amid DTX is a gap before what came",
			[]rtpIn{{0, 0, "4801"}, {2, 100, "4802"}, {3, 120, "4803"}, {4, 140, "4804"}},
			"0:4801 1:48 2:48 3:48 5:4802 6:4803 7:4804", ""},
		{"a pause is cut out", []rtpIn{{0, 0, "4801"}, {1, 5000, "4802"}}, "0:4801 1:4802", ""},
		{"loss before a pause stays", []rtpIn{{0, 0, "f801"}, {2, 5000, "f803"}, {3, 5020, "f804"}, {4, 5040, "f805"}},
			"0:f801 2:f803 3:f804 4:f805", ""},
		{"two seconds of loss are no pause", []rtpIn{{0, 0, "f801"}, {101, 2020, "f802"}, {102, 2040, "f803"}, {103, 2060, "f804"}},
			"0:f801 101:f802 102:f803 103:f804", ""},
		{"time goes backwards", []rtpIn{{0, 90000, "f801"}, {1, 0, "f802"}, {2, 20, "f803"}}, "0:f801 1:f802 2:f803", ""},
		{"sender starts anew", []rtpIn{{0, 0, "f801"}, {30000, 777, "f802"}, {30001, 797, "f803"}}, "0:f801 1:f802 2:f803", ""},
		{"padding takes a number and no time", []rtpIn{{0, 0, "f801"}, {1, 0, ""}, {2, 20, "f802"}}, "0:f801 1:f802", ""},
		{"two of 10 ms make one", []rtpIn{{0, 0, "f001"}, {1, 10, "f002"}, {2, 20, "f003"}, {3, 30, "f00404"}},
			"0:f382010102 1:f38201030404", ""},
		{"eight of 2.5 ms make one", []rtpIn{{0, 0, "e30400010203"}, {1, 10, "e30404050607"}},
			"0:e388010101010101010001020304050607", ""},
		{"20 ms in two parts stay as they are", []rtpIn{{0, 0, "f1aabb"}, {1, 20, "f1ccdd"}}, "0:f1aabb 1:f1ccdd", ""},
		{"a lost second half costs one frame",
			[]rtpIn{{0, 0, "f001"}, {2, 20, "f003"}, {3, 30, "f004"}, {4, 40, "f005"}, {5, 50, "f006"}},
			"1:f382010304 2:f382010506", "broken_frame"},
		{"a lost first half costs one frame",
			[]rtpIn{{0, 0, "f001"}, {1, 10, "f002"}, {3, 30, "f004"}, {4, 40, "f005"}, {5, 50, "f006"}},
			"0:f382010102 2:f382010506", "broken_frame"},
		{"from 10 ms to 20 ms in the middle of a frame", []rtpIn{{0, 0, "f001"}, {1, 10, "f802"}, {2, 30, "f803"}},
			"1:f802 2:f803", "broken_frame"},
		{"from CELT to SILK in the middle of a frame", []rtpIn{{0, 0, "f001"}, {1, 10, "4002"}, {2, 20, "4003"}},
			"1:4382010203", "broken_frame"},
		{"60 ms of CELT are three frames", []rtpIn{{0, 0, "fb03aabbcc"}, {1, 60, "f8dd"}}, "0:f8aa 1:f8bb 2:f8cc 3:f8dd", ""},
		{"60 ms of SILK cannot be cut", []rtpIn{{0, 0, "58aa"}, {1, 60, "48bb"}}, "3:48bb", "long_frame"},
		{"what is no Opus is a loss", []rtpIn{{0, 0, "f801"}, {1, 20, "fb00"}, {2, 40, "f803"}}, "0:f801 2:f803", "malformed_opus"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Near the wrap of the timestamp, so that every rule is seen across it.
			for _, first := range []uint32{0, 1<<32 - 960, 1<<32 - 1} {
				frames, drops := runTimeline(first, tt.in)
				if got := strings.Join(frames, " "); got != tt.frames {
					t.Errorf("from %d: frames %s, want %s", first, got, tt.frames)
				}
				if got := strings.Join(drops, " "); got != tt.drops {
					t.Errorf("from %d: drops %q, want %q", first, got, tt.drops)
				}
			}
		})
	}
}

// A sender that stamps packets by its own clock, a little off, is still counted without a gap.
func TestTimelineToleratesJitteryStamps(t *testing.T) {
	var numbers []uint64
	tl := newTimeline(func(n uint64, _ []byte) { numbers = append(numbers, n) }, func(string) {})
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		tl.push(uint16(i), uint32(i*frameSamples+r.IntN(400)), []byte{0xf8, 1})
	}
	for i, n := range numbers {
		if n != uint64(i) {
			t.Fatalf("frame %d has number %d", i, n)
		}
	}
}

// Whatever is lost, reordered or repeated: what comes out is in order, once each, under its own number.
func TestTimelineUnderRandomTrouble(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		var sent []int
		for i := range 2000 {
			switch {
			case i > 0 && r.IntN(20) == 0: // lost
			case r.IntN(30) == 0:
				sent = append(sent, i, i)
			default:
				sent = append(sent, i)
			}
			if n := len(sent); n > 2 && r.IntN(15) == 0 {
				sent[n-1], sent[n-2] = sent[n-2], sent[n-1]
			}
		}
		first := sent[0]
		last := -1
		got := 0
		tl := newTimeline(func(n uint64, p []byte) {
			i := int(p[1])<<8 | int(p[2])
			if int(n) != i-first {
				t.Fatalf("seed %d: packet %d came as %d", seed, i, n)
			}
			if i <= last {
				t.Fatalf("seed %d: %d after %d", seed, i, last)
			}
			last = i
			got++
		}, func(string) {})
		for _, i := range sent {
			tl.push(uint16(65000+i), uint32(i*frameSamples), []byte{0xf8, byte(i >> 8), byte(i)})
		}
		slices.Sort(sent)
		if unique := len(slices.Compact(sent)); got < unique-30 {
			t.Errorf("seed %d: %d of %d packets came", seed, got, unique)
		}
	}
}

// Bytes: one packet is sequence (2), timestamp (4), length (1), payload.
func FuzzTimeline(f *testing.F) {
	f.Add(unhex("0000 00000000 02 f801 0001 000003c0 02 f802"))
	f.Add(unhex("0000 00000000 02 f001 0002 000003c0 02 f002 0001 000001e0 02 f003"))
	f.Fuzz(func(t *testing.T, b []byte) {
		next := uint64(0)
		tl := newTimeline(func(n uint64, p []byte) {
			if n < next {
				t.Fatalf("frame %d after %d", n, next-1)
			}
			next = n + 1
			var o opusPacket
			if len(p) > maxPayload || !o.parse(p) || o.samples() != frameSamples {
				t.Fatalf("frame %d is not 20 ms of Opus: %s", n, hex.EncodeToString(p))
			}
		}, func(string) {})
		for len(b) >= 7 {
			size := min(int(b[6]), len(b)-7)
			tl.push(uint16(b[0])<<8|uint16(b[1]), uint32(b[2])<<24|uint32(b[3])<<16|uint32(b[4])<<8|uint32(b[5]), b[7:7+size])
			b = b[7+size:]
		}
	})
}
