package room

import (
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// MaxIncarnation is the last one: a KID has 24 bits for it.
const MaxIncarnation = 1<<24 - 1

// A Seat is a place on the stage.
type Seat struct {
	Person      Person
	Device      Device // the one that sends
	Name        string
	Role        Role   // Host, CoHost or Speaker
	Slot        uint8  // 1 to MaxSlot
	Incarnation uint32 // 0: not publishing
	Start       Start  // of what it publishes; zero if it does not
	Muted       bool
	Away        bool // its device is not connected; nothing is taken from it
}

// A Hand is raised by somebody who wants to speak.
type Hand struct {
	Person Person
	Device Device // gets the seat
	Name   string
	Since  int64 // unix milliseconds
}

// A Program is who sends slot 0, the mix for the audience.
type Program struct {
	Device      Device // the host's device that sequences and mixes
	Incarnation uint32 // 0: not publishing
	Start       Start  // as of a Seat
}

// A State is a room as everybody sees it. Its caller serialises every call; it has no lock. Only Apply changes it.
type State struct {
	Charter     Charter
	Term        Term
	Seq         uint64 // of the last event applied; 0 before the first
	Time        int64  // of the last event, unix milliseconds
	Program     Program
	Seats       []Seat   // by slot, the host first; at most MaxSeats
	Hands       []Hand   // as raised; at most MaxHands
	Removed     []Person // as removed; at most MaxRemoved
	Invited     []Person // to come on stage, who have not answered; as invited; at most MaxInvited
	KeyEpoch    uint32   // which room key is the latest
	Key         [32]byte // it, public, if the room is open
	Incarnation uint32   // the last handed out, or left out; see nextIncarnation
	Ended       bool
	HandsClosed bool // no hands go up
	Locked      bool // nobody new comes in; who is inside is the host's to know
	StageOnly   bool // everybody may come on stage
	Stick       Stick
	Chat        []Line   // as said; see MaxLines
	Pinned      Line     // stays on top; the zero Line means none
	ChatClosed  bool     // only those who lead write
	Slow        uint16   // seconds between two lines of one person, 0 for no wait
	Waiting     bool     // the doors are not open: the audience hears nothing
	Recording   bool     // the host says that the room is recorded
	Past        []Ending // of the terms before this one, as they came; at most maxPast

	// Of a closed room:
	Listed     []Person      // may come in; as admitted; at most MaxListed
	Invitation doc.PublicKey // the public half of what is in the link; zero before there is one
	Check      [32]byte      // of the key of KeyEpoch: see KeyCheck
	OldCheck   [32]byte      // of the key before; zero when there was none
	From       uint64        // number of the program's first frame under the key of KeyEpoch
	Lead       uint16        // seconds from the event that told of it until then, about
	Keepers    []Person      // as appointed; at most MaxKeepers
}

const hostSlot = 1

// NewState returns the state before event 1, for somebody who replays all events.
func NewState(c Charter) *State { return &State{Charter: c} }

// Open returns the state of a new room and event 1 that led to it. host is the host's author on the device that will
// sequence and mix; key is the room's first key, which the event holds if the room is open. A name that may not be shown gives way to the key's short form.
// Open panics when host is not the charter's host: that is a bug of the caller.
func Open(c Charter, host doc.Author, name string, key [32]byte, now time.Time) (*State, Event) {
	clean, err := CleanName(name)
	if err != nil {
		clean = host.Person.Short()
	}
	s := NewState(c)
	ev := Event{
		Room: c.Room, Term: Term{Reign: 1}, Seq: 1, Time: now.UnixMilli(), Kind: Opened,
		By: host.Person, Device: host.Device, Name: clean, Slot: hostSlot, KeyEpoch: 1,
	}
	if s.IsClosed() {
		ev.Check = KeyCheck(c.Room, 1, key)
	} else {
		ev.Key = key
	}
	if _, err := s.Apply(ev); err != nil {
		panic(fmt.Sprintf("open room %v: %v", c.Room, err))
	}
	return s, ev
}

// Clone returns a copy that shares nothing with s.
func (s *State) Clone() *State {
	c := *s
	c.Seats = slices.Clone(s.Seats)
	c.Hands = slices.Clone(s.Hands)
	c.Removed = slices.Clone(s.Removed)
	c.Invited = slices.Clone(s.Invited)
	c.Listed = slices.Clone(s.Listed)
	c.Keepers = slices.Clone(s.Keepers)
	c.Chat = slices.Clone(s.Chat)
	c.Charter.CoHosts = slices.Clone(s.Charter.CoHosts)
	c.Past = slices.Clone(s.Past)
	return &c
}

// RoleOf returns what p is in the room. A co-host is one on stage or not; whoever else is not on stage is a listener, even
// one who was removed (see IsRemoved).
func (s *State) RoleOf(p Person) Role {
	seat := s.seat(p)
	switch {
	case p == s.Charter.Host:
		return Host
	case s.IsCoHost(p):
		return CoHost
	case seat != nil:
		return Speaker
	}
	return Listener
}

// OnStage reports whether p has a seat.
func (s *State) OnStage(p Person) bool { return s.seat(p) != nil }

// MayTakeSeat reports whether p may come on stage by Accept, if there is a place.
func (s *State) MayTakeSeat(p Person) bool { return s.IsInvited(p) || s.StageOnly || s.Leads(p) }

// Silenced reports whether nothing is taken from a seat: it is muted, or somebody else's turn to speak.
func (s *State) Silenced(seat Seat) bool {
	return seat.Muted || s.Stick.Out && s.Stick.Holder != seat.Person
}

// IsRemoved reports whether p must be kept out.
func (s *State) IsRemoved(p Person) bool { return slices.Contains(s.Removed, p) }

// IsInvited reports whether p was asked to come on stage.
func (s *State) IsInvited(p Person) bool { return slices.Contains(s.Invited, p) }

// SeatOf returns p's seat.
func (s *State) SeatOf(p Person) (Seat, bool) {
	if seat := s.seat(p); seat != nil {
		return *seat, true
	}
	return Seat{}, false
}

// HandOf returns p's raised hand.
func (s *State) HandOf(p Person) (Hand, bool) {
	if i := s.hand(p); i >= 0 {
		return s.Hands[i], true
	}
	return Hand{}, false
}

// MaySend says which slot a device may send, and under which incarnation: it is seated, publishing, not away and not silenced.
func (s *State) MaySend(d Device) (slot uint8, incarnation uint32, ok bool) {
	if s.Ended {
		return 0, 0, false
	}
	for i := range s.Seats {
		if seat := &s.Seats[i]; seat.Device == d && seat.Incarnation != 0 && !seat.Away && !s.Silenced(*seat) {
			return seat.Slot, seat.Incarnation, true
		}
	}
	return 0, 0, false
}

// seat returns p's seat in s, nil when there is none.
func (s *State) seat(p Person) *Seat {
	if i := slices.IndexFunc(s.Seats, func(seat Seat) bool { return seat.Person == p }); i >= 0 {
		return &s.Seats[i]
	}
	return nil
}

func (s *State) hand(p Person) int {
	return slices.IndexFunc(s.Hands, func(h Hand) bool { return h.Person == p })
}

// deviceTaken reports whether a person other than p has a seat or a hand with the device. A device certified
// for two people must not have two places: what it sends would be two people's.
func (s *State) deviceTaken(d Device, p Person) bool {
	return slices.ContainsFunc(s.Seats, func(seat Seat) bool { return seat.Device == d && seat.Person != p }) ||
		slices.ContainsFunc(s.Hands, func(h Hand) bool { return h.Device == d && h.Person != p })
}

// freeSlot returns the lowest slot without a seat, 0 when the stage is full.
func (s *State) freeSlot() uint8 {
	if len(s.Seats) >= MaxSeats {
		return 0
	}
	slot := uint8(hostSlot)
	for _, seat := range s.Seats { // by slot, so the first gap is the lowest
		if seat.Slot != slot {
			break
		}
		slot++
	}
	return slot
}
