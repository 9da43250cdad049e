package room

import "slices"

// A keeper of a room by invitation holds its key, as everybody inside does, and hands it to those who come while nobody leads: each
// that the state lets in, and nobody else. The host alone appoints keepers and relieves them. In the room they are what they
// would be without: nothing here gives a keeper a right that a listener has not, but to come in.

// MaxKeepers is how many keepers a room has.
const MaxKeepers = 8

// IsKeeper reports whether p hands out the room's key while nobody leads.
func (s *State) IsKeeper(p Person) bool { return slices.Contains(s.Keepers, p) }

// ruleKeeper is the rule of who becomes keeper and who stays it.
func (s *State) ruleKeeper(ev, want Event) (Event, error) {
	refuse := func(err error) (Event, error) { return Event{}, err }
	want.To = ev.To
	switch {
	case ev.By != s.Charter.Host:
		return refuse(ErrNotAllowed)
	case !s.IsClosed():
		return refuse(ErrOpenRoom) // everybody has the key
	case s.Charter.Access != ByInvitation:
		return refuse(ErrNotAllowed) // who leads knows alone who has paid, and that a ticket is not used twice
	case ev.Kind == Relieve && !s.IsKeeper(ev.To):
		return refuse(ErrNoChange)
	case ev.Kind == Relieve:
		return want, nil
	case s.IsRemoved(ev.To):
		return refuse(ErrRemoved)
	case s.IsKeeper(ev.To) || ev.To == s.Charter.Host:
		return refuse(ErrNoChange)
	case len(s.Keepers) >= MaxKeepers:
		return refuse(ErrFull)
	}
	return want, nil
}

// relieve makes p a keeper no more, if it is one.
func (s *State) relieve(p Person) {
	if i := slices.Index(s.Keepers, p); i >= 0 {
		if s.Keepers = slices.Delete(s.Keepers, i, i+1); len(s.Keepers) == 0 {
			s.Keepers = nil
		}
	}
}

// areKeepersRight holds what is true of every state's keepers.
func (s *State) areKeepersRight() bool {
	for i, p := range s.Keepers {
		if p.IsZero() || p == s.Charter.Host || s.IsRemoved(p) || slices.Contains(s.Keepers[:i], p) {
			return false
		}
	}
	return len(s.Keepers) <= MaxKeepers && (s.Charter.Access == ByInvitation || len(s.Keepers) == 0)
}
