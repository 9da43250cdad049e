package udp

import (
	"math"
	"testing"
	"time"
)

// However many they are, they leave within a second, at every moment as many as its share of it, and none is lost when more are added.
func TestStrainIsEven(t *testing.T) {
	for _, all := range []int{0, 1, 16, strainTicks, 44, 1001} {
		var s strain
		if n, last := s.next(); n != 0 || last {
			t.Fatalf("%d are due of nothing: %v", n, last)
		}
		s.add(all)
		for i, sum := 1, 0; i <= strainTicks; i++ {
			n, last := s.next()
			sum += n
			if want := float64(all*i) / float64(strainTicks); n < 0 || math.Abs(float64(sum)-want) >= 1 || last != (i == strainTicks) {
				t.Errorf("of %d, %d left in %d ticks, want %.1f; the last: %v", all, sum, i, want, last)
			}
		}
		if n, last := s.next(); n != 0 || last {
			t.Errorf("%d are due after all %d: %v", n, all, last)
		}
	}
	var s strain
	sum := 0
	take := func(ticks int) {
		for range ticks {
			n, _ := s.next()
			sum += n
		}
	}
	s.add(100)
	take(strainTicks - 3) // the next second began a little early
	s.add(50)
	take(strainTicks)
	if sum != 150 {
		t.Errorf("%d left of 150", sum)
	}
}

// A link sends a tick's share of a strain at a tick, asks at its end, and forgets it when no datagrams pass any more.
func TestLinkSpreadsAStrain(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	la, _ := joined(t, a, b)
	const all = 10 * strainTicks
	a.mux.mu.Lock() // its clock stands, and nothing is heard
	defer a.mux.mu.Unlock()
	now := time.Now()
	la.echo.answer = now.Add(time.Hour)
	tickOn := func() (sent int) {
		before := la.counter
		now = now.Add(tick)
		la.look(now)
		return int(la.counter - before)
	}
	la.strain.add(all)
	first := la.counter
	for i := range strainTicks {
		if sent := tickOn(); sent < all/strainTicks || sent > all/strainTicks+1 { // one asks or answers
			t.Errorf("%d datagrams left at tick %d", sent, i)
		}
	}
	if sent := int(la.counter - first); sent < all || sent > all+strainTicks/2 {
		t.Errorf("%d datagrams left, want %d", sent, all)
	}
	if la.echo.ask == 0 && !la.echo.due {
		t.Error("nobody asks how many came")
	}
	la.strain.add(all)
	la.echo.answer = now.Add(-time.Hour)
	for range 2 * strainTicks {
		if sent := tickOn(); sent > 1 {
			t.Fatalf("%d datagrams left by a path that is closed", sent)
		}
	}
}
