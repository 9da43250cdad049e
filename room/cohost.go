package room

import (
	"fmt"
	"slices"
)

// A Successor is a co-host: one who may do what the host may, but not appoint co-hosts, nor take the host or another co-host
// off the stage or out of the room.
type Successor struct {
	Person Person
	Name   string
	Lane   uint8 // of the incarnations that they hand out when they lead; no other co-host of the room gets it, ever
}

// IsCoHost reports whether the charter names p as co-host.
func (s *State) IsCoHost(p Person) bool { return s.Charter.coHost(p) >= 0 }

// Leads reports whether p is host or co-host.
func (s *State) Leads(p Person) bool { return p == s.Charter.Host || s.IsCoHost(p) }

// coHost returns p's place in the order of succession, from 0, or -1.
func (c *Charter) coHost(p Person) int {
	return slices.IndexFunc(c.CoHosts, func(h Successor) bool { return h.Person == p })
}

// ruleCoHost is the rule of who becomes co-host and who stays it: the charter names them, and the charter is the host's.
func (s *State) ruleCoHost(ev, want Event) (Event, error) {
	refuse := func(err error) (Event, error) { return Event{}, err }
	at := s.Charter.coHost(ev.To)
	switch {
	case ev.By != s.Charter.Host || ev.To == s.Charter.Host:
		return refuse(ErrNotAllowed)
	case s.Term.Order != 0: // nobody here can sign the charter that would say so
		return refuse(ErrHostGone)
	}
	want.To = ev.To
	if ev.Kind == Withdraw {
		if at < 0 {
			return refuse(ErrNoChange)
		}
		return want, nil
	}
	most := len(s.Charter.CoHosts)
	if at < 0 {
		most++
	}
	want.Name, want.Place = ev.Name, ev.Place
	if ev.Place == 0 || int(ev.Place) > most {
		want.Place = uint8(most)
	}
	switch {
	case s.IsRemoved(ev.To):
		return refuse(ErrRemoved)
	case ev.Name == "":
		return refuse(fmt.Errorf("%w: a co-host needs a name", ErrField))
	case at >= 0 && (ev.Place == 0 || int(want.Place) == at+1):
		return refuse(ErrNoChange)
	case most > MaxCoHosts, at < 0 && s.Charter.Lane+1 >= lanes:
		return refuse(ErrFull)
	}
	return want, nil
}

// appoint puts somebody into the order of succession, which makes a new version of the charter.
func (s *State) appoint(ev Event) []Effect {
	list := slices.Clone(s.Charter.CoHosts)
	var lane uint8
	if i := s.Charter.coHost(ev.To); i >= 0 {
		lane = list[i].Lane
		list = slices.Delete(list, i, i+1)
	} else {
		s.Charter.Lane++
		lane = s.Charter.Lane
	}
	s.Charter.CoHosts = slices.Insert(list, int(ev.Place)-1, Successor{ev.To, ev.Name, lane})
	s.Charter.Version++
	if seat := s.seat(ev.To); seat != nil {
		seat.Role = CoHost
	}
	return []Effect{Chartered{}}
}

// withdraw takes somebody out of the order of succession, if there.
func (s *State) withdraw(p Person, effects []Effect) []Effect {
	i := s.Charter.coHost(p)
	if i < 0 {
		return effects
	}
	if s.Charter.CoHosts = slices.Delete(slices.Clone(s.Charter.CoHosts), i, i+1); len(s.Charter.CoHosts) == 0 {
		s.Charter.CoHosts = nil
	}
	s.Charter.Version++
	if seat := s.seat(p); seat != nil {
		seat.Role = Speaker
	}
	return append(effects, Chartered{})
}
