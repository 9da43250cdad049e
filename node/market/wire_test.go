package market

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"salon/ledger"
	"salon/node/framed"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const thirtyTwo = "01000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"

// vectors are written by hand: length, kind, then an array.
var vectors = []struct {
	name string
	m    message
	hex  string
}{
	{"ask", ask{Room: ledger.Room{0xaa}}, "13 01 81 50 aa000000 00000000 00000000 00000000"},
	{"an empty shelf", shelf{List: []ledger.Listing{}}, "03 02 81 80"},
	{"shelf", shelf{List: []ledger.Listing{{Cert: []byte{1}, Offer: []byte{2, 3}, Allot: []byte{}}}}, "0a 02 81 81 83 41 01 42 0203 40"},
	{"order", order{Order: []byte{1}, Note: []byte{}, Rail: "iou"}, "09 03 83 41 01 40 63 696f75"},
	{"quote", quote{Quote: []byte{1, 2}}, "05 04 81 42 0102"},
	{"pay", pay{Quote: ledger.ID{1}, Proof: []byte{9}}, "26 05 82 5820 " + thirtyTwo + " 41 09"},
	{"sold", sold{Receipt: []byte{1}, Tickets: [][]byte{{2}, {3}}, Offer: []byte{4}, Refunds: [][]byte{}}, "0c 06 84 41 01 82 41 02 41 03 41 04 80"},
	{"wait", wait{}, "02 07 80"},
	{"ack", ack{Receipt: ledger.ID{1}}, "24 08 81 5820 " + thirtyTwo},
	{"tip", tip{Order: []byte{1}, Note: []byte{2}, Card: []byte{3}, Rail: "iou"}, "0c 14 84 41 01 41 02 41 03 63 696f75"},
	{"bid", bid{Quote: []byte{1, 2}, Cert: []byte{3}, Place: []byte{4}}, "09 15 83 42 0102 41 03 41 04"},
	{"via", via{Device: ledger.Key{1}}, "24 16 81 5820 " + thirtyTwo},
	{"leave", leave{Leave: []byte{1, 2}}, "05 17 81 42 0102"},
	{"left", left{}, "02 18 80"},
	{"refuse", refuse{Code: "sold_out"}, "0b 09 81 68 736f6c645f6f7574"},
}

func TestMessages(t *testing.T) {
	for _, v := range vectors {
		want := unhex(t, v.hex)
		if got, err := encode(v.m); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is %x, want %x (%v)", v.name, got, want, err)
		}
		b, err := framed.Read(bufio.NewReader(bytes.NewReader(want)), nil, maxQuestion)
		if err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		if got, err := decode(b); err != nil || !reflect.DeepEqual(got, v.m) {
			t.Errorf("%s reads %+v, want %+v (%v)", v.name, got, v.m, err)
		}
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	for name, s := range map[string]string{
		"nothing":               "",
		"of no kind":            "00 80",
		"of a kind to come":     "0a 80",
		"an ask of no room":     "01 80",
		"a room too short":      "01 81 41 aa",
		"more after the end":    "07 80 00",
		"a length of two forms": "04 81 5801 01",
		"a map":                 "07 a0",
	} {
		if m, err := decode(unhex(t, s)); err == nil {
			t.Errorf("%s reads %+v", name, m)
		}
	}
}

// A reason comes back as what it was, and nothing else of an error leaves the node.
func TestReasons(t *testing.T) {
	for _, c := range codes {
		if len(c.code) > maxCode {
			t.Errorf("%s is long", c.code)
		}
		if got := coded(c.err).err(); !errors.Is(got, c.err) {
			t.Errorf("%v comes back as %v", c.err, got)
		}
	}
	if got := coded(errors.New("/home/ana/ledger.db: no space")); got.Code != "unwell" {
		t.Errorf("an error of ours is told as %q", got.Code)
	}
	if got := (refuse{Code: "of a newer version"}).err(); got != ErrSeller {
		t.Errorf("a reason that we do not know is %v", got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.hex)[1:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		out, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if want := framed.Append(nil, b); !bytes.Equal(out, want) {
			t.Errorf("%x reads %+v, which is %x", want, m, out)
		}
	})
}
