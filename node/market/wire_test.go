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
	{"an empty shelf", shelf{List: []ledger.Listing{}, Rails: [][]string{}}, "04 02 82 80 80"},
	{"shelf", shelf{List: []ledger.Listing{{Cert: []byte{1}, Offer: []byte{2, 3}, Allot: []byte{}}}, Rails: [][]string{{"iou"}}}, "10 02 82 81 83 41 01 42 0203 40 81 81 63 696f75"},
	{"order", order{Order: []byte{1}, Note: []byte{}, Rail: "iou"}, "09 03 83 41 01 40 63 696f75"},
	{"quote", quote{Quote: []byte{1, 2}}, "05 04 81 42 0102"},
	{"pay", pay{Quote: ledger.ID{1}, Proof: []byte{9}}, "26 05 82 5820 " + thirtyTwo + " 41 09"},
	{"sold", sold{Receipt: []byte{1}, Tickets: [][]byte{{2}, {3}}, Offer: []byte{4}, Refunds: [][]byte{}}, "0c 06 84 41 01 82 41 02 41 03 41 04 80"},
	{"wait", wait{}, "02 07 80"},
	{"ack", ack{Receipt: ledger.ID{1}}, "24 08 81 5820 " + thirtyTwo},
	{"news", news{Of: ledger.ID{1}}, "24 0a 81 5820 " + thirtyTwo},
	{"fate", fate{Refunds: [][]byte{{1}}, Void: []ledger.ID{{1}}, Starts: 2, Ends: 1000}, "2c 0b 84 81 41 01 81 5820 " + thirtyTwo + " 02 1903e8"},
	{"move", move{Transfer: []byte{1}}, "04 0c 81 41 01"},
	{"moved", moved{Ticket: []byte{1, 2}}, "05 0d 81 42 0102"},
	{"settle", settle{Debtor: ledger.Key{1}, Settle: []byte{2}, Sig: [64]byte{1}}, "68 0e 83 5820 " + thirtyTwo + " 41 02 5840 " + thirtyTwo + strings.Repeat("00", 32)},
	{"settled", settled{List: []cleared{{Settle: []byte{1}, Settled: []byte{2}}}}, "08 0f 81 81 82 41 01 41 02"},
	{"vouch", vouch{Cert: []byte{1, 2}}, "05 10 81 42 0102"},
	{"vouched", vouched{}, "02 11 80"},
	{"tip", tip{Order: []byte{1}, Note: []byte{2}, Card: []byte{3}, Rail: "iou"}, "0c 14 84 41 01 41 02 41 03 63 696f75"},
	{"bid", bid{Quote: []byte{1, 2}, Cert: []byte{3}, Place: []byte{4}}, "09 15 83 42 0102 41 03 41 04"},
	{"via", via{Device: ledger.Key{1}}, "24 16 81 5820 " + thirtyTwo},
	{"takes", takes{Cur: "EUR"}, "06 19 81 63 455552"},
	{"taken", taken{Rails: []string{"iou", "lnd"}}, "0b 1a 81 82 63 696f75 63 6c6e64"},
	{"leave", leave{Leave: []byte{1, 2}}, "05 17 81 42 0102"},
	{"left", left{}, "02 18 80"},
	{"refuse", refuse{Code: "sold_out"}, "0b 09 81 68 736f6c645f6f7574"},
	{"others", others{Room: ledger.Room{0xaa}}, "13 1e 81 50 aa000000 00000000 00000000 00000000"},
	{"sellers", sellers{List: []stall{{Listing: ledger.Listing{Cert: []byte{1}, Offer: []byte{2}, Allot: []byte{3}}, Addrs: [][]byte{{4}}}}},
		"0e 1f 81 81 82 83 41 01 41 02 41 03 81 41 04"},
	{"lend", lend{Cert: []byte{1}, Offer: []byte{2}, Allot: []byte{3}, Credit: 500}, "0b 20 84 41 01 41 02 41 03 19 01f4"},
	{"account", account{Allot: ledger.ID{1}, After: 7, End: true}, "26 21 83 5820 " + thirtyTwo + " 07 f5"},
	{"accounted", accounted{News: []deed{{What: deedRefunded, Docs: [][]byte{{1}}}}}, "09 22 82 81 82 02 81 41 01 f4"},
	{"undo", undo{Receipt: ledger.ID{1}, Serials: []uint32{6}, Reason: ledger.ReasonHost}, "27 23 83 5820 " + thirtyTwo + " 81 06 02"},
	{"done", done{}, "02 24 80"},
	{"earn", earn{Cert: []byte{1}, Settled: []cleared{{Settle: []byte{2}, Settled: []byte{3}}}, Place: []byte{4}}, "0c 3c 83 41 01 81 82 41 02 41 03 41 04"},
	{"dues", dues{Cert: []byte{1}, Slips: [][]byte{{2}}, Settles: [][]byte{{3}, {4}}}, "0c 3d 83 41 01 81 41 02 82 41 03 41 04"},
	{"carry", carry{Cert: []byte{1}, Room: ledger.Room{0xaa}, List: []Carriage{{Record: []byte{2}, Claim: []byte{3}}}},
		"1b 3e 83 41 01 50 aa000000 00000000 00000000 00000000 81 82 41 02 41 03"},
	{"waited", waited{Room: ledger.Room{0xaa}}, "13 25 81 50 aa000000 00000000 00000000 00000000"},
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
		"of a kind to come":     "63 80",
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
