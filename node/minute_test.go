package node

import (
	"testing"
	"time"

	"salon/relay"
)

// The minute holds what was counted in it, however long there was nothing to count or how long ago it began.
func TestMinute(t *testing.T) {
	began := time.Unix(1_800_000_000, 0)
	var m minute
	if m.sum() != (tick{}) || m.sum().hearing() != (relay.Hearing{}) || m.sum().loss() != 0 {
		t.Error("there is something before the first sample")
	}
	at := func(s int, heard, missed, late uint64) {
		now := began.Add(time.Duration(s) * time.Second)
		if !m.due(now) {
			t.Fatalf("second %d: no sample is due", s)
		}
		m.add(tick{at: now, heard: heard, missed: missed, late: late, timed: heard, came: heard + missed, asked: missed})
	}
	at(0, 0, 0, 0)
	if m.due(began.Add(sampleEvery - 1)) {
		t.Error("a sample is due too early")
	}
	at(5, 49, 0, 49*300)
	if m.sum().hearing() != (relay.Hearing{}) {
		t.Error("less than a second is enough")
	}
	at(10, 250, 250, 250*300)
	if h := m.sum().hearing(); h != relay.HeardOne(1, 1, 300*time.Millisecond) || m.sum().loss() != 5000 {
		t.Errorf("after half of ten seconds was lost it is %v, loss %d", h, m.sum().loss())
	}
	heard := uint64(250)
	for s := 15; s <= 70; s += 5 { // from now on nothing is lost, and sound is further behind
		heard += 250
		at(s, heard, 250, 250*300+(heard-250)*400)
	}
	if h := m.sum().hearing(); h != relay.HeardOne(1, 0, 400*time.Millisecond) || m.sum().loss() != 0 {
		t.Errorf("a minute later it is %v, loss %d", h, m.sum().loss())
	}
	if n := len(m.ticks); n != 13 {
		t.Errorf("%d samples are kept", n)
	}
	at(75, heard-100, 250, 0) // a count that shrank, as that of what is due in a silence may
	if s := m.sum(); s.heard > 3000 || s.late != 0 {
		t.Errorf("a count that shrank makes it %+v", s)
	}
	for s := 80; s < 1000; s += 5 {
		at(s, heard, 250, 0)
	}
	at(100_000, heard, 250, 0) // the machine slept
	if n := len(m.ticks); n > 14 {
		t.Errorf("%d samples are kept", n)
	}
}
