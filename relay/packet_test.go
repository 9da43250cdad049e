package relay

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// unhex reads a vector as it is written below: hex with spaces.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func fill(b byte) (a [16]byte) {
	for i := range a {
		a[i] = b
	}
	return a
}

func fillSig(b byte) (a [64]byte) {
	for i := range a {
		a[i] = b
	}
	return a
}

// packetVectors are written by hand from the table in packet.go.
var packetVectors = []struct {
	name string
	hex  string
	p    Packet
}{
	{"empty", "11", Packet{}},
	{"one frame", "11  01 00 07 0003 aabbcc",
		Packet{Frames: []Frame{{Slot: 0, Number: 7, Sealed: []byte{0xaa, 0xbb, 0xcc}}}}},
	{"a number of two bytes, another slot", "11  01 1f ac02 0001 55",
		Packet{Frames: []Frame{{Slot: 31, Number: 300, Sealed: []byte{0x55}}}}},
	{"a bundle", "11  01 00 01 0001 0a  01 00 02 0001 0b  01 00 03 0001 0c",
		Packet{Frames: []Frame{{0, 1, []byte{10}}, {0, 2, []byte{11}}, {0, 3, []byte{12}}}}},
	{"an auth of one frame", "11  02 03 0000000103000005 0000000000000009 0000000000000004 00062a3b4c5d6e7f " +
		strings.Repeat("77", 16) + " 01 " + strings.Repeat("88", 16) + strings.Repeat("99", 64),
		Packet{Auths: []Auth{{Slot: 3, KID: 0x103000005, First: 9, FirstCTR: 4, Time: 0x00062a3b4c5d6e7f,
			Prev: fill(0x77), Hashes: [][16]byte{fill(0x88)}, Sig: fillSig(0x99)}}}},
	{"requests and a beacon", "11  03 01 05 06  04 01 07 07  05 02 8001",
		Packet{Resends: []Range{{Slot: 1, From: 5, To: 6}, {Slot: 1, From: 7, To: 7, AuthsOnly: true}},
			Beacons: []Beacon{{Slot: 2, Last: 128}}}},
	{"the highest number", "11  05 00 ffffffffffffffffff01", Packet{Beacons: []Beacon{{Slot: 0, Last: 1<<64 - 1}}}},
}

func same(a, b *Packet) bool {
	n := func(p *Packet) *Packet { // nil and empty are the same here
		return &Packet{append([]Frame{}, p.Frames...), append([]Auth{}, p.Auths...), append([]Range{}, p.Resends...), append([]Beacon{}, p.Beacons...)}
	}
	return reflect.DeepEqual(n(a), n(b))
}

func TestPacketVectors(t *testing.T) {
	var reused Packet
	for _, v := range packetVectors {
		t.Run(v.name, func(t *testing.T) {
			want := unhex(t, v.hex)
			if got := v.p.Append(nil); !bytes.Equal(got, want) {
				t.Errorf("encodes to\n%x, want\n%x", got, want)
			}
			if err := reused.Parse(want); err != nil || !same(&reused, &v.p) {
				t.Errorf("parses to %+v, %v", reused, err)
			}
		})
	}
}

func TestMalformedPackets(t *testing.T) {
	auth := func(count int) string {
		return "11 02 00" + strings.Repeat("00", 8*4+16) + hex.EncodeToString([]byte{byte(count)}) + strings.Repeat("00", 16*count+64)
	}
	for name, s := range map[string]string{
		"nothing":                  "",
		"another version":          "21 05 00 01",
		"another type":             "12 05 00 01",
		"a QUIC short header":      "41 05 00 01",
		"unknown record":           "11 06 00 01",
		"record zero":              "11 00 00 01",
		"kinds going down":         "11 05 00 01 01 00 07 0001 aa",
		"half a record":            "11 01",
		"slot 32":                  "11 01 20 07 0001 aa",
		"a number with a zero end": "11 05 00 8100",
		"a number without an end":  "11 05 00 80",
		"a number of 65 bits":      "11 05 00 ffffffffffffffffff02",
		"an empty frame":           "11 01 00 07 0000",
		"a frame cut short":        "11 01 00 07 0003 aabb",
		"a frame too long":         "11 01 00 07 0579" + strings.Repeat("00", 1401),
		"a backward range":         "11 03 00 06 05",
		"an auth of nothing":       auth(0),
		"an auth of seven":         auth(7),
		"an auth cut short":        auth(2)[:len(auth(2))-2],
		"too many beacons":         "11" + strings.Repeat("050001", 65),
		"too long":                 "11" + strings.Repeat("01 00 07 0400"+strings.Repeat("00", 1024), 4),
	} {
		p := Packet{Beacons: []Beacon{{Slot: 1, Last: 1}}}
		if err := p.Parse(unhex(t, s)); !errors.Is(err, ErrPacket) || !p.Empty() {
			t.Errorf("%s: %v, left %+v", name, err, p)
		}
	}
}

func TestFrameMeta(t *testing.T) {
	got := Frame{Slot: 5, Number: 0x0102030405060708}.AppendMeta(nil)
	if want := unhex(t, "05 0102030405060708"); !bytes.Equal(got, want) || len(got) != MetaSize {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	var all Packet
	for _, v := range packetVectors {
		all.Frames = append(all.Frames, v.p.Frames...)
		all.Auths = append(all.Auths, v.p.Auths...)
		all.Beacons = append(all.Beacons, v.p.Beacons...)
	}
	var p Packet
	b, out := all.Append(nil), make([]byte, 0, MaxPacket)
	if n := testing.AllocsPerRun(1000, func() {
		if err := p.Parse(b); err != nil {
			t.Fatal(err)
		}
		out = p.Append(out[:0])
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	if !bytes.Equal(out, b) {
		t.Error("did not survive a round")
	}
}

func FuzzPacket(f *testing.F) {
	for _, v := range packetVectors {
		f.Add(unhex(f, v.hex))
	}
	var p, again Packet
	tree := newTestTree(Options{Bundle: 3})
	tree.join("ann", AllSlots, AllSlots)
	tree.join("bob", AllSlots, AllSlots)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := p.Parse(b); err != nil {
			return
		}
		got := p.Append(nil)
		if !bytes.Equal(got, b) {
			t.Fatalf("%x parses and encodes to %x", b, got)
		}
		if err := again.Parse(got); err != nil || !same(&p, &again) {
			t.Fatalf("second round: %v", err)
		}
		tree.advance(FrameDuration) // and the tree survives it
		tree.Receive("ann", &p, tree.now)
		tree.Tick(tree.now)
		tree.sent = nil
		tree.heard = nil
	})
}
