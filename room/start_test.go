package room

import (
	"bytes"
	"errors"
	"testing"

	"salon/ledger/doc"
)

// Starts stand at the end of a snapshot: that of the program and then those of the seats, of each that publishes.
func TestSnapshotBytesOfStarts(t *testing.T) {
	s := opened(t)
	seat(t, s, boA)
	do(t, s, anaA.first(), Command{Kind: Publish, Program: true, Start: Start{7}})
	do(t, s, boA.first(), Command{Kind: Publish, Start: Start{8}})
	zeros := " 000000000000000000000000000000"
	if got, want := ok(s.Bytes()), unhex(t, "18 21 82 50 07"+zeros+" 50 08"+zeros); !bytes.HasSuffix(got, want) {
		t.Errorf("snapshot\n%x, want it to end with\n%x", got, want)
	}
	opens := func(w snapshotWire) (*State, error) {
		got, _, err := OpenSnapshot(ok(ana(t).Sign(kindSnapshot, w)), noon)
		return got, err
	}
	if got, err := opens(wireSnapshot(s)); err != nil || got.Program.Start != (Start{7}) || got.Seats[0].Start != (Start{}) || got.Seats[1].Start != (Start{8}) {
		t.Errorf("opened %+v, %v", got, err)
	}
	for name, starts := range map[string][]Start{
		"none": nil, "too few": {{7}}, "too many": {{7}, {8}, {9}}, "one that is none": {{7}, {}},
	} {
		w := wireSnapshot(s)
		w.Starts = starts
		if _, err := opens(w); !errors.Is(err, ErrSnapshot) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two devices of one person hand out the same, to the same seat and for the program. What is told apart is who publishes, and with
// what they began.
func TestTwoDevicesHandOutTheSame(t *testing.T) {
	s := opened(t)
	seat(t, s, boA)
	other := s.Clone()
	succeed(t, other, ok(other.TakeOver(anaA.second(), 0, 0, noon)), nil)
	seen := map[Start]bool{}
	var handed [2][]uint32
	for i, s := range []*State{s, other} {
		for _, c := range []Command{{Kind: Publish, Program: true}, {Kind: Publish}} {
			c.Start = NewStart()
			by := s.Leader()
			if !c.Program {
				by = doc.Author{Person: boA.person(), Device: boA.first().Device}
			}
			ev, _ := do(t, s, by, c)
			handed[i] = append(handed[i], ev.Incarnation)
			if seen[ev.Start] || ev.Start != c.Start {
				t.Errorf("start %x, asked for with %x", ev.Start, c.Start)
			}
			seen[ev.Start] = true
		}
		if at, _ := s.SeatOf(boA.person()); at.Start.IsZero() || !seen[at.Start] || !seen[s.Program.Start] {
			t.Errorf("side %d: %+v, program %+v", i, at, s.Program)
		}
	}
	if handed[0][0] != handed[1][0] || handed[0][1] != handed[1][1] {
		t.Errorf("handed out %v and %v: nothing is shown here", handed[0], handed[1])
	}
	// Whoever goes quiet has none: after a take-back both are to be asked for anew.
	succeed(t, s, ok(s.Resume(anaA.first(), 0, noon)), nil)
	if !s.Program.Start.IsZero() || s.Program.Incarnation != 0 {
		t.Errorf("the program is %+v", s.Program)
	}
}
