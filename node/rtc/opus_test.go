package rtc

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// The TOCs of these tests: CELT full band 20 ms is 31<<3 (f8), 10 ms is f0, 2.5 ms is e0; SILK wideband 20 ms is 9<<3
// (48), 10 ms is 40, 40 ms is 50, 60 ms is 58; stereo adds 4.
func TestOpusParse(t *testing.T) {
	for _, tt := range []struct {
		name, packet string
		samples      int // 0: malformed
		parts        string
	}{
		{"nothing", "", 0, ""},
		{"one part", "f8 aabb", 960, "aabb"},
		{"one empty part", "48", 960, ""},
		{"two equal parts", "f1 aabb", 960, "aa bb"},
		{"two equal parts of odd size", "f1 aabbcc", 0, ""},
		{"two parts", "f2 01 aabbcc", 960, "aa bbcc"},
		{"first part longer than the packet", "f2 05 aabbcc", 0, ""},
		{"two parts without a length", "f2", 0, ""},
		{"three equal parts", "fb 03 aabbcc", 2880, "aa bb cc"},
		{"three parts of three lengths", "fb 83 01 02 aa bbbb cccccc", 2880, "aa bbbb cccccc"},
		{"padding", "fb 43 02 aabbcc 0000", 2880, "aa bb cc"},
		{"padding longer than the packet", "fb 43 09 aabbcc", 0, ""},
		{"no end of padding", "fb 43 ff", 0, ""},
		{"zero parts", "fb 00", 0, ""},
		{"no count", "fb", 0, ""},
		{"over 120 ms", "fb 07 aabbccddeeff00", 0, ""},
		{"60 ms of SILK in one part", "58 aa", 2880, "aa"},
		{"part over 1275 bytes", "f8" + strings.Repeat("00", 1276), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var o opusPacket
			ok := o.parse(unhex(tt.packet))
			if ok != (tt.samples > 0) || ok && o.samples() != tt.samples {
				t.Fatalf("parse = %v, %d samples", ok, o.samples())
			}
			if !ok {
				return
			}
			var parts []string
			for _, p := range o.parts[:o.n] {
				parts = append(parts, hex.EncodeToString(p))
			}
			if got := strings.Join(parts, " "); got != tt.parts {
				t.Errorf("parts %q, want %q", got, tt.parts)
			}
		})
	}
}

func TestOpusGap(t *testing.T) {
	for _, tt := range []struct{ like, want byte }{
		{0x48, 0x48}, {0x40, 0x48}, {0x54, 0x4c}, {0x60, 0x68}, {0xe0, 0xf8}, {0xf4, 0xfc},
	} {
		if got := opusGap(tt.like); got != tt.want {
			t.Errorf("opusGap(%#x) = %#x, want %#x", tt.like, got, tt.want)
		}
		if opusFrameSamples(opusGap(tt.like)) != frameSamples {
			t.Errorf("opusGap(%#x) is not 20 ms", tt.like)
		}
	}
}

// What parses can be put together again, and then parses to the same parts.
func FuzzOpus(f *testing.F) {
	for _, s := range []string{"", "f8aabb", "f1aabb", "f201aabbcc", "fb8301 02aabbbbcccccc", "fb4302aabbcc0000", "fb43ffff01"} {
		f.Add(unhex(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var o, again opusPacket
		if !o.parse(b) {
			return
		}
		if !again.parse(appendOpus(nil, o.toc, o.parts[:o.n])) {
			t.Fatalf("%x does not survive", b)
		}
		if o.n != again.n || o.toc != again.toc {
			t.Fatalf("%x became %d parts of %x", b, again.n, again.toc)
		}
		for i := range o.n {
			if !bytes.Equal(o.parts[i], again.parts[i]) {
				t.Fatalf("part %d changed", i)
			}
		}
	})
}
