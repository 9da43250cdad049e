package room

import (
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// Decide is the sequencer's half of the rule book: it says whether by may do what c asks, and returns the event that
// does it. It changes nothing; the caller stores the event, then applies it. A command that asks for what is
// so already gives ErrNoChange: whoever repeats a command after a lost answer may take it for success.
func (s *State) Decide(by doc.Author, c Command, now time.Time) (Event, error) {
	return s.decide(by, c, 0, now)
}

// decide is Decide; said is when a line of the chat was said elsewhere, 0 for now.
func (s *State) decide(by doc.Author, c Command, said int64, now time.Time) (Event, error) {
	if err := c.check(); err != nil {
		return Event{}, err
	}
	if c.Room != s.Charter.Room {
		return Event{}, ErrOtherRoom
	}
	if s.Seq == 0 {
		return Event{}, fmt.Errorf("%w: the room is not open yet", ErrSeq)
	}
	ev, err := s.rule(Event{
		Room: c.Room, Term: s.Term, Seq: s.Seq + 1,
		Time: max(now.UnixMilli(), s.Time), // the clock may be set back, the room's time may not
		Kind: c.Kind, By: by.Person, Device: by.Device, To: c.To, Name: c.Name, Program: c.Program,
		Text: c.Text, Ref: c.Ref, Place: c.Place, Seconds: c.Seconds, Invitation: c.Invitation, Check: c.Check, From: c.From, Start: c.Start, Said: said,
	})
	if err != nil {
		return Event{}, err
	}
	return ev, nil
}

// Apply is the rule book of a room: no clock, no I/O, no locks, no goroutines. It changes s only if it returns no
// error, and returns the effects that the caller must carry out.
func (s *State) Apply(ev Event) ([]Effect, error) {
	if err := ev.check(); err != nil {
		return nil, err
	}
	switch {
	case ev.Room != s.Charter.Room:
		return nil, ErrOtherRoom
	case ev.Seq != s.Seq+1:
		return nil, fmt.Errorf("%w: have %d, got %d", ErrSeq, s.Seq, ev.Seq)
	case ev.Time < s.Time:
		return nil, fmt.Errorf("%w: time runs backwards", ErrEvent)
	case s.Seq == 0:
		return s.open(ev)
	case ev.Kind == Resumed, ev.Kind == TookOver:
		return s.succeed(ev)
	case ev.Term != s.Term:
		return nil, fmt.Errorf("%w: have %v, got %v", ErrTerm, s.Term, ev.Term)
	}
	want, err := s.rule(ev)
	if err != nil {
		return nil, err
	}
	if ev != want {
		return nil, fmt.Errorf("%w: %v", ErrEvent, ev.Kind)
	}
	s.Seq, s.Time = ev.Seq, ev.Time
	return s.change(ev), nil
}

// open applies event 1.
func (s *State) open(ev Event) ([]Effect, error) {
	if err := s.Charter.check(); err != nil {
		return nil, err
	}
	want := Event{
		Room: ev.Room, Term: Term{Reign: 1}, Seq: 1, Time: ev.Time, Kind: Opened,
		By: s.Charter.Host, Device: ev.Device, Name: ev.Name, Slot: hostSlot, KeyEpoch: 1, Key: ev.Key,
	}
	if s.IsClosed() {
		want.Key, want.Check = [32]byte{}, ev.Check
	}
	if ev != want || ev.Name == "" || s.IsClosed() && ev.Check == [32]byte{} {
		return nil, fmt.Errorf("%w: not the opening of this room", ErrEvent)
	}
	seat := Seat{Person: ev.By, Device: ev.Device, Name: ev.Name, Role: Host, Slot: hostSlot}
	s.Term, s.Seq, s.Time = ev.Term, ev.Seq, ev.Time
	s.KeyEpoch, s.Key, s.Check = ev.KeyEpoch, ev.Key, ev.Check
	s.Program = Program{Device: ev.Device}
	s.Seats = []Seat{seat}
	s.Waiting = s.Charter.Starts > ev.Time
	return []Effect{Seated{seat}}, nil
}

// rule says whether ev.By may do ev now, and returns ev as it must be: with its target, slot and incarnation filled in
// and every field that its kind does not have at zero. Decide passes in a wish; Apply passes in a finished event and
// expects it back unchanged.
func (s *State) rule(ev Event) (Event, error) {
	refuse := func(err error) (Event, error) { return Event{}, err }
	if s.Ended {
		return refuse(ErrEnded)
	}
	if s.IsRemoved(ev.By) {
		return refuse(ErrRemoved)
	}
	to := ev.To
	if to.IsZero() {
		to = ev.By
	}
	isHost, leads, self := ev.By == s.Charter.Host, s.Leads(ev.By), ev.By == to
	seat := s.seat(to)
	hand := s.hand(to)
	want := Event{Room: ev.Room, Term: ev.Term, Seq: ev.Seq, Time: ev.Time, Kind: ev.Kind, By: ev.By, Device: ev.Device}

	switch ev.Kind {
	case RaiseHand:
		switch {
		case !self:
			return refuse(ErrNotAllowed)
		case ev.Name == "":
			return refuse(fmt.Errorf("%w: a hand needs a name", ErrField))
		case seat != nil || hand >= 0:
			return refuse(ErrNoChange)
		case s.deviceTaken(ev.Device, ev.By):
			return refuse(ErrDeviceBusy)
		case s.StageOnly:
			return refuse(ErrStageOnly)
		case s.HandsClosed:
			return refuse(ErrHandsClosed)
		case len(s.Hands) >= MaxHands:
			return refuse(ErrFull)
		}
		want.Name = ev.Name

	case LowerHand:
		switch {
		case !leads && !self:
			return refuse(ErrNotAllowed)
		case hand < 0:
			return refuse(ErrNoChange)
		}
		want.To = to

	case Grant:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case seat != nil:
			return refuse(ErrNoChange)
		case s.IsRemoved(to):
			return refuse(ErrRemoved)
		case hand < 0:
			return refuse(ErrNoHand)
		}
		want.To, want.Slot = to, s.freeSlot()
		if want.Slot == 0 {
			return refuse(ErrFull)
		}

	case Return:
		switch {
		case !self && !s.mayPut(ev.By, to), to == s.Charter.Host: // a room without its host on stage would have no sequencer
			return refuse(ErrNotAllowed)
		case seat == nil:
			return refuse(ErrNoChange)
		}
		want.To = to

	case Mute, Unmute:
		switch {
		case !self && !(leads && ev.Kind == Mute):
			return refuse(ErrNotAllowed)
		case seat == nil:
			return refuse(ErrNotSeated)
		case seat.Muted == (ev.Kind == Mute):
			return refuse(ErrNoChange)
		}
		want.To = to

	case Remove:
		switch {
		case !s.mayPut(ev.By, to):
			return refuse(ErrNotAllowed)
		case s.IsRemoved(to):
			return refuse(ErrNoChange)
		case s.IsCoHost(to) && s.Term.Order != 0: // it takes a new charter
			return refuse(ErrHostGone)
		}
		want.To = to

	case Publish:
		switch {
		case ev.Program && doc.Author{Person: ev.By, Device: ev.Device} != s.Leader(): // the mix is made where the room is led
			return refuse(ErrNotAllowed)
		case ev.Program && s.Waiting:
			return refuse(ErrWaiting)
		case !self || seat == nil && !ev.Program:
			return refuse(ErrNotSeated)
		case s.deviceTaken(ev.Device, ev.By):
			return refuse(ErrDeviceBusy)
		}
		if ev.Start.IsZero() {
			return refuse(fmt.Errorf("%w: nobody publishes without a start", ErrField))
		}
		want.Program, want.Start = ev.Program, ev.Start
		var ok bool
		if want.Incarnation, ok = s.nextIncarnation(); !ok {
			return refuse(ErrIncarnation)
		}
		if !ev.Program {
			want.Slot = seat.Slot
		}

	case Leave:
		// Only the device's own place is given up: a listener on a second device may go without taking the
		// speaker on the first one off the stage.
		switch {
		case seat != nil && seat.Device == ev.Device && isHost:
			return refuse(ErrNotAllowed) // a host ends the room instead
		case seat != nil && seat.Device == ev.Device:
		case hand >= 0 && s.Hands[hand].Device == ev.Device:
		default:
			return refuse(ErrNoChange)
		}

	case End:
		if !leads {
			return refuse(ErrNotAllowed)
		}

	case MuteAll:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case !slices.ContainsFunc(s.Seats, s.isOpen):
			return refuse(ErrNoChange)
		}

	case CloseHands, OpenHands:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case s.HandsClosed == (ev.Kind == CloseHands):
			return refuse(ErrNoChange)
		}

	case Lock, Unlock:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case s.Locked == (ev.Kind == Lock):
			return refuse(ErrNoChange)
		}

	case Readmit:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case !s.IsRemoved(to):
			return refuse(ErrNotRemoved)
		}
		want.To = to

	case Invite:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case s.IsRemoved(to):
			return refuse(ErrRemoved)
		case seat != nil || s.IsInvited(to):
			return refuse(ErrNoChange)
		case len(s.Invited) >= MaxInvited:
			return refuse(ErrFull)
		}
		want.To = to

	case Accept:
		switch {
		case !self:
			return refuse(ErrNotAllowed)
		case ev.Name == "":
			return refuse(fmt.Errorf("%w: a seat needs a name", ErrField))
		case seat != nil:
			return refuse(ErrNoChange)
		case !s.MayTakeSeat(ev.By):
			return refuse(ErrNotInvited)
		case s.deviceTaken(ev.Device, ev.By):
			return refuse(ErrDeviceBusy)
		}
		want.Name, want.Slot = ev.Name, s.freeSlot()
		if want.Slot == 0 {
			return refuse(ErrFull)
		}

	case Decline:
		switch {
		case !leads && !self:
			return refuse(ErrNotAllowed)
		case !s.IsInvited(to):
			return refuse(ErrNoChange)
		}
		want.To = to

	case PlaceHand:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case hand < 0:
			return refuse(ErrNoHand)
		}
		want.To, want.Place = to, min(ev.Place, uint8(min(len(s.Hands), MaxPlace)))
		if int(want.Place) == hand+1 {
			return refuse(ErrNoChange)
		}

	case StageOnly, StageOpen:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case s.StageOnly == (ev.Kind == StageOnly):
			return refuse(ErrNoChange)
		}

	case Begin:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case !s.Waiting:
			return refuse(ErrNoChange)
		}

	case RecordOn, RecordOff:
		switch {
		case !leads:
			return refuse(ErrNotAllowed)
		case s.Recording == (ev.Kind == RecordOn):
			return refuse(ErrNoChange)
		}

	case Appoint, Withdraw:
		return s.ruleCoHost(ev, want)

	case StickOut, StickIn, PassStick, LayStick:
		return s.ruleStick(ev, want)

	case Say, Erase, CloseChat, OpenChat, Slow, Pin, Unpin:
		return s.ruleChat(ev, want)

	case Away, Back:
		return s.rulePresence(ev, want)

	case Admit, Strike, Relink, Rekey:
		return s.ruleGate(ev, want)

	case Entrust, Relieve:
		return s.ruleKeeper(ev, want)

	default:
		return refuse(fmt.Errorf("%w: %v", ErrNotAllowed, ev.Kind))
	}
	return want, nil
}

// change carries out an event that the rules allow.
func (s *State) change(ev Event) []Effect {
	switch ev.Kind {
	case RaiseHand:
		h := Hand{Person: ev.By, Device: ev.Device, Name: ev.Name, Since: ev.Time}
		s.Hands = append(s.Hands, h)
		return []Effect{Raised{h}}

	case LowerHand:
		return s.lower(ev.To, nil)

	case Grant:
		h, _ := s.HandOf(ev.To)
		effects := s.lower(ev.To, nil)
		return s.sit(Seat{Person: h.Person, Device: h.Device, Name: h.Name, Slot: ev.Slot}, effects)

	case Return:
		return s.unseat(ev.To, nil)

	case Mute, Unmute:
		seat := s.seat(ev.To)
		seat.Muted = ev.Kind == Mute
		return []Effect{Muted{Seat: *seat, Muted: seat.Muted}}

	case Remove:
		if len(s.Removed) >= MaxRemoved {
			// The first removed may come back: better than a host who can remove nobody.
			s.Removed = slices.Delete(s.Removed, 0, 1)
		}
		s.Removed = append(s.Removed, ev.To)
		s.uninvite(ev.To)
		s.strike(ev.To)
		s.relieve(ev.To)
		effects := s.unseat(ev.To, s.lower(ev.To, nil))
		return append(s.withdraw(ev.To, effects), Drop{ev.To})

	case Publish:
		s.Incarnation = ev.Incarnation
		if ev.Program {
			s.Program.Incarnation, s.Program.Start = ev.Incarnation, ev.Start
			return []Effect{Published{Device: ev.Device, Incarnation: ev.Incarnation}}
		}
		// A person who publishes from another device moves there with the seat.
		seat := s.seat(ev.By)
		seat.Device, seat.Incarnation, seat.Start, seat.Away = ev.Device, ev.Incarnation, ev.Start, false
		return []Effect{Published{Slot: seat.Slot, Device: ev.Device, Incarnation: ev.Incarnation, Seat: *seat}}

	case Leave:
		return s.unseat(ev.By, s.lower(ev.By, nil))

	case End:
		s.Ended = true
		return []Effect{Closed{}}

	case MuteAll:
		var effects []Effect
		for i := range s.Seats {
			if seat := &s.Seats[i]; s.isOpen(*seat) {
				seat.Muted = true
				effects = append(effects, Muted{Seat: *seat, Muted: true})
			}
		}
		return effects

	case CloseHands, OpenHands:
		s.HandsClosed = ev.Kind == CloseHands
		return nil

	case Lock, Unlock:
		s.Locked = ev.Kind == Lock
		return nil

	case Invite:
		s.Invited = append(s.Invited, ev.To)
		return nil

	case Accept:
		return s.sit(Seat{Person: ev.By, Device: ev.Device, Name: ev.Name, Slot: ev.Slot}, s.lower(ev.By, nil))

	case Decline:
		s.uninvite(ev.To)
		return nil

	case Readmit:
		s.Removed = slices.DeleteFunc(s.Removed, func(p Person) bool { return p == ev.To })
		if s.IsClosed() && len(s.Listed) < MaxListed { // else they come back as they came, with the link
			s.Listed = append(s.Listed, ev.To)
		}
		return nil

	case PlaceHand:
		h, i := s.Hands[s.hand(ev.To)], s.hand(ev.To)
		s.Hands = slices.Insert(slices.Delete(s.Hands, i, i+1), int(ev.Place)-1, h)
		return nil

	case StageOnly, StageOpen:
		s.StageOnly = ev.Kind == StageOnly
		return nil

	case Begin:
		s.Waiting = false
		return []Effect{Begun{}}

	case RecordOn, RecordOff:
		s.Recording = ev.Kind == RecordOn
		return nil

	case Appoint:
		return s.appoint(ev)

	case Withdraw:
		return s.withdraw(ev.To, nil)

	case StickOut, StickIn, PassStick, LayStick:
		s.moveStick(ev)
		return nil

	case Say, Erase, CloseChat, OpenChat, Slow, Pin, Unpin:
		s.changeChat(ev)
		return nil

	case Away, Back:
		s.seat(ev.To).Away = ev.Kind == Away
		return nil

	case Admit, Strike, Relink, Rekey:
		return s.changeGate(ev)

	case Entrust:
		s.Keepers = append(s.Keepers, ev.To)
		return nil

	case Relieve:
		s.relieve(ev.To)
		return nil
	}
	panic(fmt.Sprintf("room: rule allowed %v, which change does not know", ev.Kind))
}

// sit gives somebody a seat, in the order of slots.
func (s *State) sit(seat Seat, effects []Effect) []Effect {
	s.uninvite(seat.Person)
	if seat.Role = Speaker; s.IsCoHost(seat.Person) {
		seat.Role = CoHost
	}
	at := slices.IndexFunc(s.Seats, func(x Seat) bool { return x.Slot > seat.Slot })
	if at < 0 {
		at = len(s.Seats)
	}
	s.Seats = slices.Insert(s.Seats, at, seat)
	return append(effects, Seated{seat})
}

// uninvite takes p's invitation back, if there is one.
func (s *State) uninvite(p Person) {
	if i := slices.Index(s.Invited, p); i >= 0 {
		s.Invited = slices.Delete(s.Invited, i, i+1)
	}
}

// isOpen reports whether MuteAll mutes a seat: whoever leads is left alone.
func (s *State) isOpen(seat Seat) bool { return seat.Role == Speaker && !seat.Muted }

// mayPut reports whether by may take to off the stage, or out of the room: those who lead may, but a co-host not the
// host, nor another co-host, whom the host alone appoints.
func (s *State) mayPut(by, to Person) bool {
	return to != s.Charter.Host && (by == s.Charter.Host || s.IsCoHost(by) && !s.IsCoHost(to))
}

// lower takes p's hand down, if it is up.
func (s *State) lower(p Person, effects []Effect) []Effect {
	if i := s.hand(p); i >= 0 {
		effects = append(effects, Lowered{s.Hands[i]})
		s.Hands = slices.Delete(s.Hands, i, i+1)
	}
	return effects
}

// unseat takes p off the stage, if there.
func (s *State) unseat(p Person, effects []Effect) []Effect {
	if i := slices.IndexFunc(s.Seats, func(seat Seat) bool { return seat.Person == p }); i >= 0 {
		effects = append(effects, Unseated{s.Seats[i]})
		s.Seats = slices.Delete(s.Seats, i, i+1)
		if s.Stick.Holder == p {
			s.Stick.Holder = Person{}
		}
	}
	return effects
}
