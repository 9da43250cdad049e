package room

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// MaxSnapshot is the size in bytes of the largest signed snapshot, so that it fits a control message of 128 KiB
// with a charter beside it.
const MaxSnapshot = 124 << 10

const kindSnapshot = "snapshot"

// SignSnapshot signs the state as the sequencer, for newcomers.
func SignSnapshot(id *doc.Identity, s *State) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	raw, err := id.Sign(kindSnapshot, wireSnapshot(s))
	if err == nil && len(raw) > MaxSnapshot {
		return nil, fmt.Errorf("%w: snapshot of %d bytes", ErrTooLarge, len(raw))
	}
	return raw, err
}

// OpenSnapshot checks a snapshot: encoding, signatures, and that the rules could have led to it. That its author is the
// Leader, and that the host signed the charter in it, is for the caller to check.
func OpenSnapshot(raw []byte, now time.Time) (*State, doc.Author, error) {
	if len(raw) > MaxSnapshot {
		return nil, doc.Author{}, fmt.Errorf("%w: snapshot of %d bytes", ErrTooLarge, len(raw))
	}
	var w snapshotWire
	author, err := doc.Peek(raw, &w)
	if err != nil {
		return nil, doc.Author{}, err
	}
	s := w.state()
	if err := s.check(); err != nil {
		return nil, doc.Author{}, err
	}
	if n := s.publishing(); len(w.Starts) != n {
		return nil, doc.Author{}, fmt.Errorf("%w: %d starts of %d", ErrSnapshot, len(w.Starts), n)
	}
	if err := doc.Verify(kindSnapshot, raw, now); err != nil {
		return nil, doc.Author{}, err
	}
	return s, author, nil
}

// check holds what is true of every state after event 1. Apply keeps it true; a snapshot from a peer must prove it.
func (s *State) check() error {
	if err := s.Charter.check(); err != nil {
		return err
	}
	if err := checkTime(s.Time); err != nil {
		return err
	}
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrSnapshot, what) }
	switch {
	case s.Seq == 0:
		return bad("no event yet")
	case s.Term.Reign != s.Charter.Renewed+1 || int(s.Term.Order) > len(s.Charter.CoHosts):
		return bad("a term that the charter does not know")
	case len(s.Seats) == 0 || len(s.Seats) > MaxSeats:
		return bad("number of seats")
	case len(s.Hands) > MaxHands:
		return bad("number of hands")
	case len(s.Removed) > MaxRemoved:
		return bad("number of removed")
	case len(s.Invited) > MaxInvited:
		return bad("number of invited")
	case s.Program.Device.IsZero():
		return bad("no program device")
	case s.Incarnation > MaxIncarnation || s.Program.Incarnation > s.Incarnation:
		return bad("incarnation")
	case (s.Program.Incarnation == 0) != s.Program.Start.IsZero():
		return bad("start")
	}
	// A person has one place: a seat, a hand or the list of the removed. A device has one, too.
	people, devices := map[Person]bool{}, map[Device]bool{}
	claim := func(p Person, d Device) error {
		if p.IsZero() || d.IsZero() || people[p] || devices[d] {
			return bad("somebody has two places")
		}
		people[p], devices[d] = true, true
		return nil
	}
	incarnations := map[uint32]bool{0: true, s.Program.Incarnation: true}
	slot := uint8(0)
	for i, seat := range s.Seats {
		if err := claim(seat.Person, seat.Device); err != nil {
			return err
		}
		if err := isClean("name", seat.Name, CleanName); err != nil {
			return err
		}
		switch {
		case seat.Role != s.RoleOf(seat.Person), (seat.Person == s.Charter.Host) != (i == 0):
			return bad("role")
		case seat.Slot <= slot, seat.Slot > MaxSeats, i == 0 && seat.Slot != hostSlot:
			return bad("slot")
		case seat.Away && seat.Device == s.Program.Device:
			return bad("the room is led from where nobody is")
		case seat.Incarnation > s.Incarnation, seat.Incarnation != 0 && incarnations[seat.Incarnation]:
			return bad("incarnation")
		case (seat.Incarnation == 0) != seat.Start.IsZero():
			return bad("start")
		}
		slot = seat.Slot
		incarnations[seat.Incarnation] = true
	}
	for _, h := range s.Hands {
		if err := claim(h.Person, h.Device); err != nil {
			return err
		}
		if err := isClean("name", h.Name, CleanName); err != nil {
			return err
		}
		if err := checkTime(h.Since); err != nil {
			return err
		}
	}
	for _, p := range s.Removed {
		if p.IsZero() || people[p] {
			return bad("somebody has two places")
		}
		people[p] = true
	}
	// Only who is in the audience can be invited, with a hand up or not.
	for i, p := range s.Invited {
		if p.IsZero() || s.seat(p) != nil || s.IsRemoved(p) || slices.Contains(s.Invited[:i], p) {
			return bad("an invitation")
		}
	}
	switch holder := s.Stick.Holder; {
	case !s.Stick.Out && s.Stick != Stick{}, s.Stick.Slot > MaxSeats:
		return bad("the talking stick")
	case !holder.IsZero() && (s.seat(holder) == nil || s.seat(holder).Slot != s.Stick.Slot):
		return bad("who holds the talking stick")
	case s.Waiting && (s.Charter.Starts == 0 || s.Program.Incarnation != 0):
		return bad("a room that has not begun")
	}
	if err := cmp.Or(s.checkGate(), s.checkPast()); err != nil {
		return err
	}
	return s.checkChat()
}
