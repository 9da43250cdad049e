package mix

import (
	"testing"
	"time"
)

func TestTOC(t *testing.T) {
	const silk20, hybrid20, celt20, celt2, silk60 = 9 << 3, 15 << 3, 31 << 3, 28 << 3, 3 << 3
	for _, row := range []struct {
		name     string
		packet   []byte
		duration time.Duration
		single   bool
		fec      bool
	}{
		{"nothing", nil, 0, false, false},
		{"speech with a copy", []byte{silk20, 0x40, 1}, FrameDuration, true, true},
		{"speech without", []byte{silk20, 0x80, 1}, FrameDuration, true, false},
		{"stereo speech with a copy of the side only", []byte{silk20 | 4, 0x10}, FrameDuration, true, true},
		{"mono speech does not look at that bit", []byte{silk20, 0x10}, FrameDuration, true, false},
		{"full band speech with a copy", []byte{hybrid20, 0x40}, FrameDuration, true, true},
		{"music never has one", []byte{celt20, 0xff}, FrameDuration, true, false},
		{"a gap", []byte{silk20}, FrameDuration, true, false},
		{"two frames", []byte{celt20 | 1, 0}, 2 * FrameDuration, false, false},
		{"48 short frames", []byte{celt2 | 3, 48}, 120 * time.Millisecond, false, false},
		{"63 frames are too many", []byte{celt20 | 3, 63}, 0, false, false},
		{"a count that is missing", []byte{celt20 | 3}, 0, false, false},
		{"60 ms", []byte{silk60, 0x40}, 60 * time.Millisecond, false, false},
	} {
		if d := PacketDuration(row.packet); d != row.duration {
			t.Errorf("%s: %v, want %v", row.name, d, row.duration)
		}
		if s, f := IsSingle(row.packet), HasFEC(row.packet); s != row.single || f != row.fec {
			t.Errorf("%s: single %v, FEC %v", row.name, s, f)
		}
	}
	if g := Gap([]byte{celt20 | 4, 1, 2, 3}); len(g) != 1 || g[0] != celt20|4 {
		t.Errorf("gap after stereo music: %x", g)
	}
	if !IsSingle(Gap(nil)) || !IsCELT([]byte{celt20}) || IsCELT([]byte{hybrid20}) {
		t.Error("a gap is a frame, and hybrid is not CELT")
	}
}
