package relay

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestHeardOne(t *testing.T) {
	for _, c := range []struct {
		name          string
		heard, missed uint64
		behind        time.Duration
		share, delay  int // the steps, -1 for none
	}{
		{"nothing was due", 0, 0, 300 * time.Millisecond, -1, -1},
		{"everything", 3000, 0, 300 * time.Millisecond, 0, 5},
		{"all but three frames", 2997, 3, 301 * time.Millisecond, 1, 6},
		{"all but four", 2996, 4, 0, 2, -1},
		{"half", 1500, 1500, time.Microsecond, 9, 0},
		{"nothing at all", 0, 3000, time.Hour, 10, len(delaySteps) - 1},
	} {
		h := HeardOne(c.heard, c.missed, c.behind)
		var want Hearing
		if c.share >= 0 {
			want.Shares[c.share] = 1
		}
		if c.delay >= 0 {
			want.Delays[c.delay] = 1
		}
		if h != want {
			t.Errorf("%s: %v, want %v", c.name, h, want)
		}
	}
}

// crowd is a Hearing by chance, with numbers that no crowd has now and then.
func crowd(rng *rand.Rand) (h Hearing) {
	for _, list := range [][]uint32{h.Shares[:], h.Delays[:]} {
		for i := range list {
			if rng.IntN(3) == 0 {
				list[i] = rng.Uint32() >> rng.IntN(32)
			}
		}
	}
	return h
}

// The shape of the tree does not show in the sum, and nobody's claim counts for more than they are counted for.
func TestHearingsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		a, b, c := crowd(rng), crowd(rng), crowd(rng)
		if a.Add(b) != b.Add(a) || a.Add(b).Add(c) != a.Add(b.Add(c)) || a.Add(Hearing{}) != a {
			t.Fatalf("%v, %v and %v have several sums", a, b, c)
		}
		n := rng.Uint32() >> rng.IntN(32)
		cut := a.Bound(n)
		if sum(cut.Shares[:]) > uint64(n) || sum(cut.Delays[:]) > uint64(n) {
			t.Fatalf("%v bounded to %d is %v", a, n, cut)
		}
		if cut.Bound(n) != cut {
			t.Fatalf("%v bounded to %d twice is %v", a, n, cut.Bound(n))
		}
		if share, of := cut.Typical(); share < 0 || share > 1 || of < 0 || of > 1 {
			t.Fatalf("%v: %v of it heard %v", cut, of, share)
		}
		if d := cut.Behind(0.5); d < 0 || d > 5*time.Second {
			t.Fatalf("%v is %s behind", cut, d)
		}
		back, ok := a.Message().Hearing()
		if !ok || back != a {
			t.Fatalf("%v comes up as %v, %v", a, back, ok)
		}
	}
	if h := HeardOne(1, 0, 0).Times(math.MaxUint32); h.Add(h).Listeners() != math.MaxUint32 || h.Bound(5).Listeners() != 5 {
		t.Errorf("too many to count are %d, and 5 of them %d", h.Add(h).Listeners(), h.Bound(5).Listeners())
	}
}

func TestTypicalHearing(t *testing.T) {
	whole, most, half := HeardOne(3000, 0, 310*time.Millisecond), HeardOne(2995, 5, 330*time.Millisecond), HeardOne(1500, 1500, 900*time.Millisecond)
	for _, c := range []struct {
		name      string
		h         Hearing
		share, of float64
		behind    time.Duration
		poor      uint64
	}{
		{"nobody", Hearing{}, 0, 0, 0, 0},
		{"one who heard all", whole, 1, 1, 325 * time.Millisecond, 0},
		{"nearly all heard nearly all", most.Times(98).Add(half.Times(2)), 0.998, 0.98, 300*time.Millisecond + 50*time.Millisecond*50/98, 2},
		{"one in twenty heard half", whole.Times(95).Add(half.Times(5)), 1, 0.95, 300*time.Millisecond + 50*time.Millisecond*50/95, 5},
		{"two in five heard half", whole.Times(60).Add(half.Times(40)), 0.95, 0.6, 300*time.Millisecond + 50*time.Millisecond*50/60, 40},
		{"all heard half", half.Times(7), 0.95, 0, 900 * time.Millisecond, 7},
	} {
		share, of := c.h.Typical()
		behind := c.h.Behind(0.5)
		if share != c.share || of != c.of || (behind-c.behind).Abs() > time.Millisecond || c.h.Poor() != c.poor {
			t.Errorf("%s: %v heard %v, %s behind, %d poorly", c.name, of, share, behind, c.h.Poor())
		}
	}
}

// What a report costs: a listener's, and that of a relay with thousands below it.
func TestQualityIsSmall(t *testing.T) {
	one, err := EncodeControl(HeardOne(2999, 1, 330*time.Millisecond).Message())
	if err != nil || len(one) > 24 {
		t.Errorf("a listener's report has %d bytes, %v", len(one), err)
	}
	var all Hearing
	for i := range all.Shares {
		all.Shares[i] = 1000
	}
	for i := range all.Delays {
		all.Delays[i] = 1000
	}
	relay, err := EncodeControl(all.Message())
	if err != nil || len(relay) > 110 {
		t.Errorf("a relay's report has %d bytes, %v", len(relay), err)
	}
	t.Logf("a listener's report: %d bytes; a relay's, full: %d", len(one), len(relay))
}

func TestForeignHearing(t *testing.T) {
	long := make([]uint32, len(delaySteps)+1)
	for name, q := range map[string]Quality{
		"another version": {Version: 2}, "no version": {}, "too many shares": {Version: 1, Shares: long}, "too many delays": {Version: 1, Delays: long},
	} {
		if h, ok := q.Hearing(); ok || h != (Hearing{}) {
			t.Errorf("%s: %v", name, h)
		}
	}
}
