package room

// A Stick is the talking stick: while it is out, who holds it speaks and nobody else does. Nobody holds it after its
// holder laid it down or left the stage.
type Stick struct {
	Out    bool
	Holder Person // on stage; the zero value means nobody
	Slot   uint8  // of the last holder: the stick goes round the stage by slot
}

func (s *State) ruleStick(ev, want Event) (Event, error) {
	refuse := func(err error) (Event, error) { return Event{}, err }
	switch {
	case ev.Kind != LayStick && !s.Leads(ev.By):
		return refuse(ErrNotAllowed)
	case ev.Kind == StickOut && s.Stick.Out, ev.Kind == StickIn && !s.Stick.Out:
		return refuse(ErrNoChange)
	case ev.Kind == StickOut:
		// The first to hold it is who put it to use, to say how it goes.
		if seat := s.seat(ev.By); seat != nil {
			want.To = ev.By
		}
		return want, nil
	case ev.Kind == StickIn:
		return want, nil
	case !s.Stick.Out:
		return refuse(ErrNoStick)
	case ev.Kind == LayStick && s.Stick.Holder != ev.By:
		return refuse(ErrNoChange)
	case ev.Kind == LayStick:
		return want, nil
	}
	want.To = ev.To
	if ev.To.IsZero() {
		want.To = s.nextHolder().Person
	}
	switch {
	case s.seat(want.To) == nil:
		return refuse(ErrNotSeated)
	case s.Stick.Holder == want.To:
		return refuse(ErrNoChange)
	}
	return want, nil
}

// nextHolder is whose turn it is after the last holder, past those who are away. The host is always on stage, so there is
// one.
func (s *State) nextHolder() Seat {
	for _, seat := range s.Seats {
		if seat.Slot > s.Stick.Slot && !seat.Away {
			return seat
		}
	}
	for _, seat := range s.Seats {
		if !seat.Away {
			return seat
		}
	}
	return s.Seats[0]
}

func (s *State) moveStick(ev Event) {
	switch ev.Kind {
	case StickIn:
		s.Stick = Stick{}
	case LayStick:
		s.Stick.Holder = Person{}
	case StickOut, PassStick:
		s.Stick.Out, s.Stick.Holder = true, ev.To
		if seat := s.seat(ev.To); seat != nil {
			s.Stick.Slot = seat.Slot
		}
	}
}

// Next is who gets the stick by PassStick without a name.
func (s *State) Next() Person {
	if !s.Stick.Out || len(s.Seats) == 0 {
		return Person{}
	}
	return s.nextHolder().Person
}
