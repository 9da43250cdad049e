package ledger

import "time"

const (
	// ListEvery is how often a host signs the list of void tickets anew while a room goes on, though nothing has changed: whoever
	// has it knows by that that nothing did.
	ListEvery = time.Minute

	// ListFresh is how old a list may be for nobody to doubt it: two of them may be late.
	ListFresh = 2 * time.Minute

	// ListAdmits is for how long after that somebody new is let in by it.
	ListAdmits = 10 * time.Minute
)

// A Silence is how long a room's host has not been heard, by the lists of void tickets that came. The host's clock may differ from
// ours by any time: how much, the lists say that come as they are signed. The zero Silence has heard nothing.
type Silence struct {
	signed int64         // unix milliseconds by the host's clock, of the newest list; 0 for none
	ahead  time.Duration // how far our clock is ahead of the host's, and no more than that
	again  bool          // a list came after another
}

// Hear takes in when a list that has just come was signed. One that is not newer says nothing.
func (s *Silence) Hear(signed, now time.Time) {
	at := signed.UnixMilli()
	if at <= s.signed {
		return
	}
	late := now.Sub(signed)
	switch first := s.signed == 0; {
	case first: // it may have waited for us for any time: it is as old as it says
		s.ahead = min(late, 0)
	case !s.again: // somebody signs them while we listen
		s.ahead, s.again = late, true
	default: // the one that was least late says most: one that was held up on its way is not taken for new
		s.ahead = min(s.ahead, late)
	}
	s.signed = at
}

// Lasts is for how long the host has been silent. Of a host that was never heard there is nothing to say.
func (s Silence) Lasts(now time.Time) (d time.Duration, known bool) {
	if s.signed == 0 {
		return 0, false
	}
	return max(now.Sub(time.UnixMilli(s.signed).Add(s.ahead)), 0), true
}

// Admits reports whether somebody new may be let in by the list that there is: what has happened to a ticket since, nobody here
// knows. Who is in stays, whatever it says. Until is when it ends; the zero time as long as the list is fresh.
func (s Silence) Admits(now time.Time) (admits bool, until time.Time) {
	d, known := s.Lasts(now)
	if !known || d <= ListFresh {
		return known, time.Time{}
	}
	return d <= ListFresh+ListAdmits, now.Add(ListFresh + ListAdmits - d)
}
