package relay

import (
	"errors"
	"strings"
	"testing"
)

// tallyVectors are written by hand, as controlVectors.
var tallyVectors = []controlVector{
	{"quality", "40 a3 01 01 02 82 00 18 64 03 81 03", Quality{Version: 1, Shares: []uint32{0, 100}, Delays: []uint32{3}}},
	{"branches", "41 a2 01 82 88 00 5820" + strings.Repeat("52", 32) + "62 426f 18 c8 19 012c 02 05 19 2710" +
		"88 00 5820" + strings.Repeat("53", 32) + "60 00 00 00 00 00 02 07",
		Branches{List: []Branch{
			{Device: fill32(0x52), Name: "Bo", Leaves: 200, Listeners: 300, Poor: 2, Loss: 5, RTT: 10_000}, {Device: fill32(0x53)},
		}, More: 7}},
	{"route", "42 a1 01 82 82 62 426f 19 2710 82 63 416e61 00", Route{Hops: []Hop{{Name: "Bo", RTT: 10_000}, {Name: "Ana"}}}},
	{"served", "43 a1 01 41 aa", Served{Payload: []byte{0xaa}}},
	{"ask records", "44 a3 01 18 2a 02 5820" + strings.Repeat("52", 32) + "03 18 40", AskRecords{ID: 42, Relay: fill32(0x52), From: 64}},
	{"records", "45 a3 01 18 2a 02 82 41 aa 41 bb 03 f5", Records{ID: 42, List: [][]byte{{0xaa}, {0xbb}}, More: true}},
}

func TestMalformedTally(t *testing.T) {
	for name, s := range map[string]string{
		"the kind before the first": "3f a0",
		"the kind after the last":   "46 a0",
		"a missing field":           "40 a2 01 01 02 80",
		"a share beyond 32 bits":    "40 a3 01 01 02 81 1b 0000000100000000 03 80",
		"a negative share":          "40 a3 01 01 02 81 20 03 80",
		"a branch of seven fields":  "41 a2 01 81 87 00 5820" + strings.Repeat("52", 32) + "60 00 00 00 00 02 00",
		"a place beyond 16 bits":    "41 a2 01 81 88 1a 00010000 5820" + strings.Repeat("52", 32) + "60 00 00 00 00 00 02 00",
		"a hop with a number first": "42 a1 01 81 82 00 60",
	} {
		if m, err := DecodeControl(unhex(t, s)); !errors.Is(err, ErrControl) || m != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}
