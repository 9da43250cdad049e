package room

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"salon/ledger/doc"
)

func TestAwayAndBack(t *testing.T) {
	s := busy(t)
	bo := boA.person()
	away, back := Command{Kind: Away, To: bo}, Command{Kind: Back, To: bo}
	was, _ := s.SeatOf(bo)

	do(t, s, anaA.first(), away)
	want := was
	want.Away = true
	if seat, _ := s.SeatOf(bo); seat != want {
		t.Errorf("the seat of somebody away is %+v, want %+v", seat, want)
	}
	if _, _, ok := s.MaySend(want.Device); ok {
		t.Error("somebody away may send")
	}
	if _, err := s.Decide(anaA.first(), Command{Room: s.Charter.Room, Kind: Away, To: bo}, noon); !errors.Is(err, ErrNoChange) {
		t.Errorf("away twice: %v", err)
	}
	do(t, s, anaA.first(), Command{Kind: Mute, To: bo}) // the host goes on as with anybody
	do(t, s, anaA.first(), back)
	want.Away, want.Muted = false, true
	if seat, _ := s.SeatOf(bo); seat != want {
		t.Errorf("back on %+v, want %+v", seat, want)
	}

	// Whoever publishes is there, with whichever device.
	do(t, s, anaA.first(), away)
	do(t, s, boA.second(), Command{Kind: Publish})
	if seat, _ := s.SeatOf(bo); seat.Away || seat.Device != boA.second().Device {
		t.Errorf("publishes from %+v", seat)
	}

	// The seat of somebody away can be taken back, by the host and by time.
	for name, end := range map[string]func(){
		"returned": func() { do(t, s, anaA.first(), Command{Kind: Return, To: fayA.person()}) },
		"removed":  func() { do(t, s, anaA.first(), Command{Kind: Remove, To: halA.person()}) },
		"gone":     func() { do(t, s, boA.second(), Command{Kind: Leave}) },
	} {
		p := map[string]actor{"returned": fayA, "removed": halA, "gone": boA}[name]
		do(t, s, anaA.first(), Command{Kind: Away, To: p.person()})
		end()
		if _, ok := s.SeatOf(p.person()); ok {
			t.Errorf("%s: still seated", name)
		}
	}
	if _, err := s.Decide(anaA.first(), Command{Room: s.Charter.Room, Kind: Back, To: bo}, noon); !errors.Is(err, ErrNotSeated) {
		t.Errorf("back without a seat: %v", err)
	}

	// The host's own seat is where the room is led, unless the host speaks from another device.
	do(t, s, anaA.second(), Command{Kind: Publish})
	do(t, s, anaA.first(), Command{Kind: Away, To: anaA.person()})
	do(t, s, anaA.first(), Command{Kind: Publish})
	if seat, _ := s.SeatOf(anaA.person()); seat.Away {
		t.Error("the host is away from where the room is led")
	}
}

// Nobody waits for the word of somebody who is not there.
func TestStickPassesThoseAway(t *testing.T) {
	s := busy(t) // ana 1, bo 2, fay 3, hal 4
	do(t, s, anaA.first(), Command{Kind: StickOut})
	do(t, s, anaA.first(), Command{Kind: Away, To: boA.person()})
	for _, want := range []actor{fayA, halA, anaA, fayA} {
		if do(t, s, anaA.first(), Command{Kind: PassStick}); s.Stick.Holder != want.person() {
			t.Fatalf("the stick went to %v, want %s", s.Stick.Holder, want.name)
		}
	}
	do(t, s, anaA.first(), Command{Kind: PassStick, To: boA.person()}) // who is named gets it all the same
	do(t, s, anaA.second(), Command{Kind: Publish})
	for _, a := range []actor{anaA, fayA, halA} {
		do(t, s, anaA.first(), Command{Kind: Away, To: a.person()})
	}
	if s.Next() != anaA.person() {
		t.Errorf("with everybody away the next is %v", s.Next())
	}
}

// A host whose node was gone leads on in the room that it left.
func TestResume(t *testing.T) {
	s := busy(t)
	do(t, s, anaA.first(), Command{Kind: Publish})
	do(t, s, anaA.first(), Command{Kind: Lock})
	do(t, s, anaA.first(), Command{Kind: Away, To: halA.person()})
	want := s.Clone()
	ev, err := s.Resume(anaA.first(), 0, noon.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if effects, err := s.Apply(ev); err != nil || !reflect.DeepEqual(effects, []Effect{Led{anaA.first()}, Chartered{}}) {
		t.Fatalf("%v, %v", effects, err)
	}
	want.Past = []Ending{{want.Term, want.Seq, want.Program.Device}}
	want.Term, want.Seq, want.Time = Term{Reign: 2}, want.Seq+1, noon.Add(time.Minute).UnixMilli()
	want.Charter.Renewed, want.Charter.Version = 1, want.Charter.Version+1
	want.Program.Incarnation, want.Seats[0].Incarnation = 0, 0
	want.Program.Start, want.Seats[0].Start = Start{}, Start{}
	if !reflect.DeepEqual(s, want) {
		t.Errorf("resumed\n%+v, want\n%+v", s, want)
	}
	if err := s.check(); err != nil {
		t.Error(err)
	}
	last := s.Incarnation
	if ev, _ := do(t, s, anaA.first(), Command{Kind: Publish, Program: true}); ev.Incarnation != last+lanes {
		t.Errorf("the program goes on under %d after %d", ev.Incarnation, last)
	}
	if slot, inc, ok := s.MaySend(boA.first().Device); !ok || slot != 2 || inc != lanes {
		t.Errorf("bo, whose node was never gone, may send %d, %d, %v", slot, inc, ok)
	}

	// Once more, from the clock of a machine that lost its battery.
	if ev, err := s.Resume(anaA.first(), 0, time.UnixMilli(0)); err != nil || ev.Term != (Term{Reign: 3}) || ev.Time != s.Time {
		t.Errorf("%+v, %v", ev, err)
	}

	// The host's seat on another device, which was not gone, stays published.
	do(t, s, anaA.second(), Command{Kind: Publish})
	if _, err := s.Apply(ok(s.Resume(anaA.first(), 0, noon))); err != nil || s.Seats[0].Incarnation != s.Incarnation {
		t.Errorf("the host's other device has incarnation %d, want %d: %v", s.Seats[0].Incarnation, s.Incarnation, err)
	}

	// And the host may lead on from that other one, which had handed out more than this room knows of.
	ev, err = s.Resume(anaA.second(), 1000*lanes, noon)
	if _, e := s.Apply(ev); err != nil || e != nil || s.Leader() != anaA.second() || s.Incarnation != 1000*lanes {
		t.Errorf("led by %v, incarnation %d: %v, %v", s.Leader(), s.Incarnation, err, e)
	}
}

func TestResumeRefused(t *testing.T) {
	s := busy(t)
	good, err := s.Resume(anaA.first(), 0, noon)
	if err != nil {
		t.Fatal(err)
	}
	before := ok(s.Bytes())
	for _, c := range []struct {
		name   string
		change func(*Event)
		want   error
	}{
		{"the same term", func(ev *Event) { ev.Term = s.Term }, ErrEvent},
		{"an epoch", func(ev *Event) { ev.Term.Epoch = 1 }, ErrEvent},
		{"two reigns at once", func(ev *Event) { ev.Term.Reign++ }, ErrEvent},
		{"a gap", func(ev *Event) { ev.Seq++ }, ErrSeq},
		{"by a speaker", func(ev *Event) { ev.By, ev.Device = boA.person(), boA.first().Device }, ErrNotAllowed},
		{"by the device of somebody else's seat", func(ev *Event) { ev.Device = boA.first().Device }, ErrDeviceBusy},
		{"a name", func(ev *Event) { ev.Name = "x" }, ErrEvent},
		{"a key", func(ev *Event) { ev.Key[0] = 1 }, ErrEvent},
		{"an incarnation", func(ev *Event) { ev.Incarnation = 1 }, ErrEvent},
		{"somebody", func(ev *Event) { ev.To = boA.person() }, ErrEvent},
	} {
		ev := good
		c.change(&ev)
		if _, err := s.Apply(ev); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if !bytes.Equal(ok(s.Bytes()), before) {
		t.Error("a refused event changed the room")
	}
	for _, by := range []doc.Author{gilA.first(), boA.first()} {
		if _, err := s.Resume(by, 0, noon); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("resumed by %v: %v", by, err)
		}
	}
	if _, err := NewState(s.Charter).Resume(anaA.first(), 0, noon); !errors.Is(err, ErrSeq) {
		t.Errorf("resumed before it was opened: %v", err)
	}
	s.Term.Reign = 1<<32 - 1
	if _, err := s.Resume(anaA.first(), 0, noon); !errors.Is(err, ErrTerm) {
		t.Errorf("resumed without end: %v", err)
	}
	s.Term.Reign = 1
	do(t, s, anaA.first(), Command{Kind: End})
	if _, err := s.Resume(anaA.first(), 0, noon); !errors.Is(err, ErrEnded) {
		t.Errorf("resumed after its end: %v", err)
	}
}
