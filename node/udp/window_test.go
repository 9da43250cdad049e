package udp

import (
	"math/rand/v2"
	"testing"
)

func TestWindowTakesEachOnce(t *testing.T) {
	var w window
	come := make(map[uint64]bool)
	rng := rand.New(rand.NewPCG(1, 1))
	next := uint64(0)
	for range 100_000 {
		switch rng.IntN(50) {
		case 0:
			next += rng.Uint64N(3 * windowSize)
		default:
			next += rng.Uint64N(3)
		}
		c := next - min(next, rng.Uint64N(windowSize+200))
		old := w.next > c && w.next-c > windowSize
		if got, want := w.fresh(c), !come[c] && !old; got != want {
			t.Fatalf("counter %d, next %d: fresh %v, want %v", c, w.next, got, want)
		}
		if w.fresh(c) {
			w.take(c)
			come[c] = true
		}
	}
	if w.received != uint64(len(come)) {
		t.Errorf("%d received, want %d", w.received, len(come))
	}
}

func TestCounterIsMadeWhole(t *testing.T) {
	for _, c := range []struct {
		name      string
		next      uint64
		low       uint32
		wantWhole uint64
	}{
		{"the first", 0, 0, 0},
		{"at the start nothing is older", 5, 0xffffffff, 0xffffffff},
		{"the next", 1 << 20, 1 << 20, 1 << 20},
		{"behind", 1 << 20, 1<<20 - 7, 1<<20 - 7},
		{"over the edge", 1<<32 - 1, 3, 1<<32 + 3},
		{"behind the edge", 1<<32 + 2, 0xfffffffe, 1<<32 - 2},
		{"far on", 7<<32 + 9, 12, 7<<32 + 12},
	} {
		w := window{next: c.next}
		if got := w.expand(c.low); got != c.wantWhole {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.wantWhole)
		}
	}
}
