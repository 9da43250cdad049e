package udp

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"salon/relay"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOfferVector(t *testing.T) {
	want := unhex(t, "12 0000002a 000102030405060708090a0b0c0d0e0f")
	o := offer{link: 42, salt: [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}
	if b := o.append(nil); !bytes.Equal(b, want) {
		t.Errorf("%x", b)
	}
	if !IsOffer(want) || parseOffer(want) != o {
		t.Errorf("parsed as %+v", parseOffer(want))
	}
	for name, b := range map[string][]byte{
		"nothing":  nil,
		"short":    want[:20],
		"long":     append(bytes.Clone(want), 0),
		"a packet": (&relay.Packet{Beacons: []relay.Beacon{{Slot: 1, Last: 1}}}).Append(nil),
	} {
		if IsOffer(b) {
			t.Errorf("%s is taken for an offer", name)
		}
	}
}

func TestHeaderVector(t *testing.T) {
	want := unhex(t, "13 0000002a 00000007")
	if b := (header{42, 7}).append(nil); !bytes.Equal(b, want) {
		t.Errorf("%x", b)
	}
	least := append(bytes.Clone(want), make([]byte, 17)...)
	if h, ok := parseHeader(least); !ok || h != (header{42, 7}) {
		t.Errorf("%+v, %v", h, ok)
	}
	for name, b := range map[string][]byte{
		"nothing":                nil,
		"no room for flags":      least[:len(least)-1],
		"longer than a datagram": append(bytes.Clone(want), make([]byte, maxDatagram)...),
		"another type":           append([]byte{0x12}, least[1:]...),
	} {
		if _, ok := parseHeader(b); ok {
			t.Errorf("%s is taken for a datagram of a link", name)
		}
	}
}

var contents = []struct {
	name, bytes, rest string
	content           content
}{
	{"a packet", "00 11", "11", content{}},
	{"nothing", "00", "", content{}},
	{"ask", "01 0000000000000009", "", content{ask: 9}},
	{"answer and a packet", "02 0000000000000009 0000000000000003 0000000000000004 1105", "1105", content{answer: answer{9, 3, 4}}},
	{"both, padded", "07 0000000000000001 0000000000000002 0000000000000003 0000000000000004 0000", "0000",
		content{ask: 1, answer: answer{2, 3, 4}, padding: true}},
}

func TestContentVectors(t *testing.T) {
	for _, c := range contents {
		want := unhex(t, c.bytes)
		if b := append(c.content.append(nil), unhex(t, c.rest)...); !bytes.Equal(b, want) {
			t.Errorf("%s: %x", c.name, b)
		}
		got, rest, err := parseContent(want)
		if err != nil || got != c.content || !bytes.Equal(rest, unhex(t, c.rest)) {
			t.Errorf("%s: %+v, %x, %v", c.name, got, rest, err)
		}
	}
	for name, s := range map[string]string{
		"nothing":             "",
		"unknown flag":        "08",
		"ask cut off":         "01 00000000000000",
		"answer cut off":      "02 0000000000000009 0000000000000003 00000000000000",
		"ask of nothing":      "01 0000000000000000",
		"answer of nothing":   "02 0000000000000000 0000000000000003 0000000000000004",
		"padding that is not": "04 0001",
	} {
		if c, _, err := parseContent(unhex(t, s)); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

// What parses encodes back to the same bytes.
func FuzzContent(f *testing.F) {
	for _, c := range contents {
		f.Add(unhex(f, c.bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, rest, err := parseContent(b)
		if err != nil {
			return
		}
		if again := append(c.append(nil), rest...); !bytes.Equal(again, b) {
			t.Errorf("%x encodes to %x", b, again)
		}
	})
}

// A packet that the tree filled to its limit fits a datagram with room for flags.
func TestTheLongestPacketFits(t *testing.T) {
	if headerSize+1+relay.PacketSize+tagSize > maxDatagram {
		t.Errorf("%d bytes do not fit %d", headerSize+1+relay.PacketSize+tagSize, maxDatagram)
	}
}

// Each direction has its own key, and each pair of offers others.
func TestKeys(t *testing.T) {
	c := &fakeConn{}
	a, b := &offer{link: 1}, &offer{link: 2}
	up, down, err := keys(c, a, b)
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, 12)
	sealed := up.Seal(nil, nonce, []byte("x"), nil)
	if _, err := down.Open(nil, nonce, sealed, nil); err == nil {
		t.Error("one key opens what the other sealed")
	}
	up2, _, _ := keys(c, a, &offer{link: 2, salt: [16]byte{1}})
	if _, err := up2.Open(nil, nonce, sealed, nil); err == nil {
		t.Error("another salt gives the same key")
	}
}
