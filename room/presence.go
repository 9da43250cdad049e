package room

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

// Who is there is what connections tell, which none but the sequencer sees: it says so to everybody. A place is not lost
// with a connection; how long it waits is the sequencer's to decide, who takes the place back with Leave.

// rulePresence is the rule of Away and Back.
func (s *State) rulePresence(ev, want Event) (Event, error) {
	seat := s.seat(ev.To)
	switch {
	case !s.sequences(ev.By, ev.Device):
		return Event{}, ErrNotAllowed
	case seat == nil:
		return Event{}, ErrNotSeated
	case seat.Device == s.Program.Device: // it is where this is decided
		return Event{}, ErrNotAllowed
	case seat.Away == (ev.Kind == Away):
		return Event{}, ErrNoChange
	}
	want.To = ev.To
	return want, nil
}

// Resume returns the event with which the host leads the room on after its node was gone, from the last state that it
// kept. The reign is above every term before, so that whoever knows a later event of the old one gives it up: the host's
// word is what the room was. host is its author on the device that led the room before.
//
// Everybody's place stays as it was. But the sequencer begins anew: its program and its own seat are not published, for
// what was sealed under their incarnations is not known any more.
func (s *State) Resume(host doc.Author, now time.Time) (Event, error) {
	ev := Event{
		Room: s.Charter.Room, Term: Term{Reign: s.Term.Reign + 1}, Seq: s.Seq + 1, Time: max(now.UnixMilli(), s.Time),
		Kind: Resumed, By: host.Person, Device: host.Device,
	}
	return ev, s.ruleResumed(ev)
}

func (s *State) ruleResumed(ev Event) error {
	want := Event{
		Room: ev.Room, Term: Term{Reign: s.Term.Reign + 1}, Seq: ev.Seq, Time: ev.Time,
		Kind: Resumed, By: ev.By, Device: ev.Device,
	}
	switch {
	case s.Seq == 0:
		return fmt.Errorf("%w: the room is not open yet", ErrSeq)
	case s.Ended:
		return ErrEnded
	case ev.By != s.Charter.Host || ev.Device != s.Program.Device:
		return ErrNotAllowed
	case want.Term.Compare(s.Term) <= 0:
		return fmt.Errorf("%w: out of reigns", ErrTerm)
	case ev != want:
		return fmt.Errorf("%w: %v", ErrEvent, ev.Kind)
	}
	return nil
}

// resume applies Resumed.
func (s *State) resume(ev Event) ([]Effect, error) {
	if err := s.ruleResumed(ev); err != nil {
		return nil, err
	}
	s.Term, s.Seq, s.Time = ev.Term, ev.Seq, ev.Time
	s.Program.Incarnation = 0
	for i := range s.Seats {
		if seat := &s.Seats[i]; seat.Device == s.Program.Device {
			seat.Incarnation = 0
		}
	}
	return nil, nil
}
