package witness

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"salon/ledger"
	"salon/node/framed"
)

// lie answers every question with what f says.
func lie(c net.Conn, f func(message) message) {
	defer c.Close()
	in := bufio.NewReader(c)
	var buf []byte
	for {
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		var err error
		if buf, err = framed.Read(in, buf, maxQuestion); err != nil {
			return
		}
		q, err := decode(buf)
		if err != nil {
			return
		}
		out, err := encode(f(q))
		if err != nil {
			return
		}
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const one = "01000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"

// vectors are written by hand: length, kind, then an array.
var vectors = []struct {
	name string
	m    message
	hex  string
}{
	{"show", show{Show: ledger.Showing{Open: []byte{1}, From: 7, Growth: ledger.Growth{Checkpoint: []byte{2}, Root: tlog.Hash{1}, Proof: tlog.TreeProof{{1}}}}},
		"4e 01 81 83 41 01 07 83 41 02 5820 " + one + " 81 5820 " + one},
	{"signed", signed{Checkpoint: []byte{1, 2}, Cert: []byte{3}, Name: "Bo"}, "0a 02 83 42 0102 41 03 62 426f"},
	{"kept", kept{Checkpoint: []byte{1}}, "04 03 81 41 01"},
	{"forked", forked{Proof: ledger.ForkProof{Kind: ledger.ForkGrowth, Open: []byte{1}, A: []byte{2}, B: []byte{3}}}, "0a 04 81 84 05 41 01 41 02 41 03"},
	{"ask", ask{Who: ledger.Key{1}}, "24 05 81 5820 " + one},
	{"seen", seen{List: []ledger.Sighting{{Open: []byte{1}, Checkpoint: []byte{2}, First: 3, Last: 1000}}, Forks: []ledger.ForkProof{}},
		"0d 06 82 81 84 41 01 41 02 03 1903e8 80"},
	{"prove", prove{Receipt: ledger.ID{1}, From: 5}, "25 07 82 5820 " + one + " 05"},
	{"proven", proven{Proof: ledger.Proven{Show: ledger.Showing{Open: []byte{}, Growth: ledger.Growth{Checkpoint: []byte{}, Root: tlog.Hash{1}, Proof: tlog.TreeProof{}}}, Entry: []byte{4}, Place: tlog.RecordProof{{1}}}},
		"50 08 81 83 83 40 00 83 40 5820 " + one + " 80 41 04 81 5820 " + one},
	{"grow", grow{From: 9}, "03 09 81 09"},
	{"shown", shown{Show: ledger.Showing{Open: []byte{1}, Growth: ledger.Growth{Checkpoint: []byte{2}, Root: tlog.Hash{1}, Proof: tlog.TreeProof{}}}},
		"2c 0a 81 83 41 01 00 83 41 02 5820 " + one + " 80"},
	{"refuse", refuse{Code: "busy"}, "07 0b 81 64 62757379"},
}

func TestMessages(t *testing.T) {
	kinds := map[byte]bool{}
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
		kinds[v.m.kind()] = true
	}
	if len(kinds) != 11 {
		t.Errorf("%d kinds are tried", len(kinds))
	}
	for _, bad := range [][]byte{nil, {0}, {12}, {1}, {9, 0x81, 0x18, 0x01}, {9, 0x81, 0x01, 0x00}} {
		if m, err := decode(bad); err == nil {
			t.Errorf("%x reads as %T", bad, m)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range vectors {
		b, err := framed.Read(bufio.NewReader(bytes.NewReader(unhex(f, v.hex))), nil, maxAnswer)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(b)
		if err != nil {
			return
		}
		again, err := encode(m)
		if err != nil {
			t.Fatal(err)
		}
		if want := framed.Append(nil, b); !bytes.Equal(again, want) {
			t.Errorf("%x is written %x", want, again)
		}
		if s, ok := m.(show); ok {
			_, _, _ = s.Show.Read()
		}
		if p, ok := m.(proven); ok {
			_, _, _, _ = p.Proof.Check(ledger.ID{}, ledger.Key{})
		}
	})
}
