package node

import (
	"fmt"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// A new key for a whole audience: what its host seals and sends, in messages as they leave.
func BenchmarkNewKey(b *testing.B) {
	for _, listeners := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(listeners), func(b *testing.B) {
			box, err := room.NewBoxKey()
			if err != nil {
				b.Fatal(err)
			}
			members := make([]member, listeners)
			for i := range members {
				who := doc.PublicKey{byte(i), byte(i >> 8), 1}
				members[i] = member{author: doc.Author{Person: who, Device: who}, key: box.Public()}
			}
			sent := 0
			for b.Loop() {
				sent = 0
				key := roomKey{2, room.NewKey()}
				for left := members; len(left) > 0; {
					some := left[:min(len(left), relay.MaxBoxes)]
					left = left[len(some):]
					raw, err := relay.EncodeControl(relay.Boxes{List: sealBoxes(room.ID{1}, key, some)})
					if err != nil {
						b.Fatal(err)
					}
					sent += len(raw)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*listeners), "us/box")
			b.ReportMetric(float64(sent)/float64(listeners), "bytes/box")
		})
	}
}

// A relay keeps to what it is told of those below it, passes nothing of others, and is bounded.
func TestWays(t *testing.T) {
	f := newFeeding()
	a, b := &child{}, &child{}
	device := func(i int) doc.PublicKey { return doc.PublicKey{1, byte(i), byte(i >> 8)} }
	for i := range waysMost + 10 {
		f.setWay(device(i), a)
	}
	if len(f.ways) != waysMost {
		t.Errorf("%d ways, want %d", len(f.ways), waysMost)
	}
	if f.setWay(device(0), b); f.ways[device(0)] != b {
		t.Error("who moved is sought where they were")
	}
}

func TestRekeyLead(t *testing.T) {
	for n, want := range map[int]time.Duration{0: time.Second, 4999: time.Second, 10_000: 3 * time.Second} {
		if got := rekeyLead(n); got != want {
			t.Errorf("%d listeners: %v, want %v", n, got, want)
		}
	}
}
