package room

import "crypto/rand"

// A Start is chosen at random by who sends, before each start of sending: it asks for an incarnation with it, and the room hands
// it back to everybody with that incarnation. The key of what is sealed is of the device and its Start, and a node begins with
// none that it did not choose itself, nor twice with one. So no key and counter meet twice, whoever hands out the incarnations:
// two devices of one person who lead at once, one that forgot what it handed out, or one that turns back its room on purpose.
type Start [16]byte

// NewStart chooses one.
func NewStart() (s Start) {
	rand.Read(s[:])
	return s
}

// IsZero reports whether it is none.
func (s Start) IsZero() bool { return s == Start{} }

// publishing is how many sources publish: the program and the seats that do.
func (s *State) publishing() (n int) {
	if s.Program.Incarnation != 0 {
		n++
	}
	for _, seat := range s.Seats {
		if seat.Incarnation != 0 {
			n++
		}
	}
	return n
}

// begun fills in with what every source that publishes began, the program first and then the seats; those for which there is
// none are left without, which check refuses.
func (s *State) begun(starts []Start) {
	next := func(incarnation uint32, start *Start) {
		if incarnation != 0 && len(starts) > 0 {
			*start, starts = starts[0], starts[1:]
		}
	}
	next(s.Program.Incarnation, &s.Program.Start)
	for i := range s.Seats {
		next(s.Seats[i].Incarnation, &s.Seats[i].Start)
	}
}
