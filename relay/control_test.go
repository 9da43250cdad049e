package relay

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"salon/ledger/doc"
)

// controlVectors are written by hand: the kind, then a CBOR map with integer keys (RFC 8949).
var controlVectors = []controlVector{
	{"join", "01 a9 01 02 02 50" + strings.Repeat("52", 16) + "03 63 416e61 04 42 c0c1 05 00 06 08 07 f4 08 80 09 00",
		Join{Version: 2, Room: fill(0x52), Name: "Ana", Cert: []byte{0xc0, 0xc1}, Carry: 8, Avoid: [][]byte{}}},
	{"join, warm", "01 a9 01 02 02 50" + strings.Repeat("52", 16) + "03 60 04 40 05 00 06 00 07 f5 08 82 41 aa 41 bb 09 03",
		Join{Version: 2, Room: fill(0x52), Cert: []byte{}, Warm: true, Avoid: [][]byte{{0xaa}, {0xbb}}, Depth: 3}},
	{"join, of a closed room", "01 ab 01 03 02 50" + strings.Repeat("52", 16) + "03 60 04 40 05 00 06 00 07 f4 08 80 09 00 0a 41 cc 0b 02",
		Join{Version: 3, Room: fill(0x52), Cert: []byte{}, Avoid: [][]byte{}, Claim: []byte{0xcc}, Key: 2}},
	{"accept", "02 a4 01 01 02 81 42 0102 03 41 aa 04 41 bb",
		Accept{Depth: 1, Path: [][]byte{{1, 2}}, Charter: []byte{0xaa}, Snapshot: []byte{0xbb}}},
	{"refuse", "03 a2 01 64 66756c6c 02 60", Refuse{Code: "full"}},
	{"event", "04 a1 01 43 010203", Event{Payload: []byte{1, 2, 3}}},
	{"command", "05 a2 01 18 2a 02 41 ff", Command{ID: 42, Payload: []byte{0xff}}},
	{"answer", "06 a3 01 18 2a 02 60 03 60", Answer{ID: 42}},
	{"counts", "07 a1 01 1a 000186a0", Counts{Listeners: 100_000}},
	{"ping", "08 a1 01 20", Ping{T0: -1}},
	{"pong", "09 a3 01 01 02 02 03 03", Pong{T0: 1, T1: 2, T2: 3}},
	{"report", "0a a5 01 18 64 02 18 63 03 01 04 01 05 00", Report{Expected: 100, Received: 99, Resent: 1, Concealed: 1}},
	{"bye", "0b a2 01 65 656e646564 02 62 6f6b", Bye{Code: "ended", Text: "ok"}},
	{"charter", "0c a1 01 42 0102", Charter{Payload: []byte{1, 2}}},
	{"reactions", "0d a1 01 83 00 05 19 0400", Reactions{Counts: []uint32{0, 5, 1024}}},
	{"who", "0e a3 01 07 02 62 616e 03 60", Who{ID: 7, Search: "an"}},
	{"people", "0f a3 01 07 02 82 a2 01 5820 " + strings.Repeat("52", 32) + " 02 63 416e61 a2 01 5820 " + strings.Repeat("53", 32) + " 02 62 426f 03 61 78",
		People{ID: 7, List: []Face{{Person: fill32(0x52), Name: "Ana"}, {Person: fill32(0x53), Name: "Bo"}}, Next: "x"}},
	{"look", "10 a1 01 50" + strings.Repeat("52", 16), Look{Room: fill(0x52)}},
	{"sight", "11 a2 01 41 aa 02 41 bb", Sight{Announcement: []byte{0xaa}, Charter: []byte{0xbb}}},
	{"redirect", "12 a1 01 81 a3 01 42 0102 02 82 41 0a 41 0b 03 05",
		Redirect{To: []Entry{{Peer: []byte{1, 2}, Addrs: [][]byte{{10}, {11}}, Free: 5}}}},
	{"path", "13 a2 01 02 02 82 41 01 41 02", Path{Depth: 2, Path: [][]byte{{1}, {2}}}},
	{"present", "14 a2 01 81 a3 01 5820 " + strings.Repeat("52", 32) + " 02 5820 " + strings.Repeat("53", 32) + " 03 62 426f 02 81 5820 " +
		strings.Repeat("54", 32),
		Present{Here: []Guest{{Person: fill32(0x52), Device: fill32(0x53), Name: "Bo"}}, Gone: []doc.PublicKey{fill32(0x54)}}},
	{"present heir", "14 a2 01 81 a4 01 5820" + strings.Repeat("52", 32) + "02 5820" + strings.Repeat("53", 32) + "03 62 426f 04 67 2f69702f312f31 02 80",
		Present{Here: []Guest{{Person: fill32(0x52), Device: fill32(0x53), Name: "Bo", At: "/ip/1/1"}}, Gone: []doc.PublicKey{}}},
	{"snapshot", "15 a2 01 41 aa 02 41 bb", Snapshot{Charter: []byte{0xaa}, Payload: []byte{0xbb}}},
	{"admit", "16 a4 01 07 02 5820 " + strings.Repeat("52", 32) + " 03 5820 " + strings.Repeat("53", 32) + " 04 00",
		Admit{ID: 7, Person: fill32(0x52), Device: fill32(0x53)}},
	{"admit volunteer", "16 a5 01 07 02 5820 " + strings.Repeat("52", 32) + " 03 5820 " + strings.Repeat("53", 32) + " 04 02 05 18 3c",
		Admit{ID: 7, Person: fill32(0x52), Device: fill32(0x53), Carry: 2, Up: 60}},
	{"carry", "17 a1 01 41 aa", Carry{Charter: []byte{0xaa}}},
	{"wait", "19 a1 01 18 fa", Wait{Millis: 250}},
	{"others", "1a a1 01 81 a3 01 41 aa 02 80 03 01", Others{To: []Entry{{Peer: []byte{0xaa}, Addrs: [][]byte{}, Free: 1}}}},
	{"load", "1b a3 01 01 02 05 03 18 64", Load{Hops: 1, Free: 5, All: 100}},
	{"resume", "1c a2 01 81 a2 01 00 02 19 0400 02 07", Resume{Next: []Next{{Slot: 0, Number: 1024}}, HaveSeq: 7}},
	{"rest", "1d a0", Rest{}},
	{"stall", "1e a0", Stall{}},
	{"drain", "1f a1 01 80", Drain{To: []Entry{}}},
	{"retract", "20 a3 01 00 02 01 03 07", Retract{From: 1, To: 7}},
	{"evidence", "21 a2 01 41 aa 02 41 11", Evidence{Against: []byte{0xaa}, Packet: []byte{0x11}}},
	{"evidence, signed", "21 a3 01 41 aa 02 41 11 03 41 cc", Evidence{Against: []byte{0xaa}, Packet: []byte{0x11}, Word: []byte{0xcc}}},
	{"ask", "22 a3 01 5820 " + strings.Repeat("52", 32) + " 02 41 cc 03 02", Ask{Device: fill32(0x52), Claim: []byte{0xcc}, Key: 2}},
	{"boxes", "23 a1 01 82 a4 01 5820 " + strings.Repeat("52", 32) + " 02 02 03 42 0102 04 41 aa a2 01 5820 " + strings.Repeat("53", 32) + " 05 62 6e6f",
		Boxes{List: []Box{{Device: fill32(0x52), Epoch: 2, Sealed: []byte{1, 2}, Pass: []byte{0xaa}}, {Device: fill32(0x53), Code: "no"}}}},
	{"way", "24 a2 01 81 5820 " + strings.Repeat("52", 32) + " 02 80", Way{Here: []doc.PublicKey{fill32(0x52)}, Gone: []doc.PublicKey{}}},
	{"successors", "25 a2 01 81 a3 01 41 aa 02 81 41 0a 03 00 02 81 41 bb",
		Successors{To: []Entry{{Peer: []byte{0xaa}, Addrs: [][]byte{{10}}}}, Carriers: [][]byte{{0xbb}}}},
	{"a relay put out", "61 a3 01 41 cc 02 81 a3 01 41 cc 02 41 dd 03 41 ee 03 41 ff", PutOut{Peer: []byte{0xcc}, Words: []Evidence{{Against: []byte{0xcc}, Packet: []byte{0xdd}, Word: []byte{0xee}}}, Vouch: []byte{0xff}}},
	{"claim", "26 a4 01 50" + strings.Repeat("52", 16) + "02 41 aa 03 41 bb 04 19 0400",
		Claim{Room: fill(0x52), Charter: []byte{0xaa}, Snapshot: []byte{0xbb}, Number: 1024}},
	{"tail", "27 a1 01 82 41 aa 42 0102", Tail{Events: [][]byte{{0xaa}, {1, 2}}}},
	{"tail that goes up", "27 a2 01 81 41 aa 02 18 64", Tail{Events: [][]byte{{0xaa}}, Shared: 100}},
	{"tail taken", "62 a1 01 18 20", Taken{Events: 32}},
	{"lead", "28 a1 01 19 0400", Lead{Number: 1024}},
	{"volunteer", "29 a2 01 07 02 02", Volunteer{ID: 7, Carry: 2}},
	{"inside", "2a a2 01 81 5820 " + strings.Repeat("52", 32) + " 02 82 5820 " + strings.Repeat("53", 32) + " 5820 " + strings.Repeat("54", 32),
		Inside{Here: []doc.PublicKey{fill32(0x52)}, Gone: []doc.PublicKey{fill32(0x53), fill32(0x54)}}},
	{"papers", "2b a2 01 82 a2 01 41 aa 02 42 0102 a3 01 41 aa 02 41 01 03 41 bb 02 41 cc",
		Papers{Listings: []Listing{{Cert: []byte{0xaa}, Offer: []byte{1, 2}}, {Cert: []byte{0xaa}, Offer: []byte{1}, Allot: []byte{0xbb}}}, Void: []byte{0xcc}}},
	{"papers, void tickets alone", "2b a2 01 80 02 41 cc", Papers{Listings: []Listing{}, Void: []byte{0xcc}}},
	{"tip", "60 a1 01 42 0102", Tip{Payload: []byte{1, 2}}},
	{"papers, from outside", "2b a3 01 80 02 41 cc 03 50" + strings.Repeat("52", 16), Papers{Listings: []Listing{}, Void: []byte{0xcc}, Room: fill(0x52)}},
}

type controlVector struct {
	name string
	hex  string
	m    any
}

func fill32(b byte) (k [32]byte) {
	for i := range k {
		k[i] = b
	}
	return k
}

func TestControlVectors(t *testing.T) {
	for _, v := range slices.Concat(controlVectors, tallyVectors) {
		t.Run(v.name, func(t *testing.T) {
			want := unhex(t, v.hex)
			if got, err := EncodeControl(v.m); err != nil || !bytes.Equal(got, want) {
				t.Errorf("encodes to\n%x, want\n%x, %v", got, want, err)
			}
			if got, err := DecodeControl(want); err != nil || !reflect.DeepEqual(got, v.m) {
				t.Errorf("decodes to %+v, %v", got, err)
			}
		})
	}
}

func TestMalformedControl(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":                "",
		"kind zero":              "00 a0",
		"unknown kind":           "2c a0",
		"no body":                "07",
		"a missing field":        "08 a0",
		"an unknown field":       "08 a2 01 01 02 01",
		"a field twice":          "08 a2 01 01 01 01",
		"a longer integer":       "08 a1 01 1801",
		"an indefinite map":      "08 bf 01 01 ff",
		"something after it":     "08 a1 01 01 00",
		"text that is a number":  "03 a2 01 07 02 60",
		"a device of 31 bytes":   "14 a2 01 80 02 81 581f" + strings.Repeat("52", 31),
		"an entry of two fields": "12 a1 01 81 a2 01 41 01 02 80",
		"a depth of 256":         "13 a2 01 19 0100 02 80",
		"more than can be":       "07 a2 01 1b 0000000100000000 02 00",
		"a room of 15 bytes":     "01 a9 01 01 02 4f" + strings.Repeat("52", 15) + "03 60 04 40 05 00 06 00 07 f4 08 80 09 00",
		"longer than 128 KiB":    "04 a1 01 5a 00020000" + strings.Repeat("00", 131072),
		"a promise of much more": "04 a1 01 5b 7fffffffffffffff",
	} {
		if m, err := DecodeControl(unhex(t, s)); !errors.Is(err, ErrControl) || m != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	for _, m := range []any{nil, 7, &Ping{}, Event{Payload: make([]byte, MaxControl)}} {
		if b, err := EncodeControl(m); !errors.Is(err, ErrControl) || b != nil {
			t.Errorf("encode %T: %d bytes, %v", m, len(b), err)
		}
	}
}

func FuzzControl(f *testing.F) {
	for _, v := range slices.Concat(controlVectors, tallyVectors) {
		f.Add(unhex(f, v.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeControl(b)
		if err != nil {
			return
		}
		if again, err := EncodeControl(m); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x decodes to %+v and encodes to %x, %v", b, m, again, err)
		}
	})
}
