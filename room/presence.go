package room

import "salon/ledger/doc"

// Who is there is what connections tell, which none but the sequencer sees: it says so to everybody. A place is not lost
// with a connection; how long it waits is the sequencer's to decide, who takes the place back with Leave.

// rulePresence is the rule of Away and Back.
func (s *State) rulePresence(ev, want Event) (Event, error) {
	seat := s.seat(ev.To)
	switch {
	case doc.Author{Person: ev.By, Device: ev.Device} != s.Leader():
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
