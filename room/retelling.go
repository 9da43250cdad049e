package room

import (
	"slices"
	"time"

	"salon/ledger/doc"
)

// The tail of somebody who led a room and yielded are the events that the winner's history does not have. What people did there is not to
// be lost with who led them, so it is decided again where the room is led on. A tail comes in parts, it may come hours later, and once more
// where a connection broke or another knows it too: so who decides it keeps what became of its events.

// A Retelling is what became of events that were decided elsewhere. The zero Retelling has heard of none.
type Retelling struct {
	took map[event]uint64 // the number that each has here; 0 if it was refused
	outs map[uint64]int64 // by that number: when it was decided that somebody is put out
}

// An event is named by who told of it, under which term, and its number.
type event struct {
	leader Device
	term   Term
	seq    uint64
}

// retoldMost is how many events a Retelling remembers: more than the tails of a room that has a few co-hosts.
const retoldMost = 1 << 12

func nameOf(ev Told) event { return event{ev.Leader, ev.Term, ev.Seq} }

// PutsOut reports whether a kind is about who is out of the room, or leads it no more: of a tail that comes first, and is lost last.
func (k Kind) PutsOut() bool { return k == Remove || k == Readmit || k == Withdraw }

// Tail are those of the events that the winner does not hold.
func (s *State) Tail(events []Told) []Told {
	return slices.DeleteFunc(slices.Clone(events), s.Holds)
}

// retold is the line that an event brought elsewhere, as somebody's tail brought it here, be it erased since; nil if there is none.
func (s *State) retold(ev Event) *Line {
	if ev.Kind != Say {
		return nil
	}
	i := slices.IndexFunc(s.Chat, func(l Line) bool {
		return l.Person == ev.By && l.Time == ev.said() && (l.Text == ev.Text || l.Text == "")
	})
	if i < 0 {
		return nil
	}
	return &s.Chat[i]
}

// Shares is the number of the last event that the histories of two states have in common. What has a greater one in the one is something
// else in the other.
func (s *State) Shares(t *State) (last uint64) {
	ends := func(s *State) []Ending { return append(slices.Clone(s.Past), Ending{s.Term, s.Seq, s.Program.Device}) }
	for _, a := range ends(s) {
		for _, b := range ends(t) {
			if a.Term == b.Term && a.Device == b.Device {
				last = max(last, min(a.Seq, b.Seq))
			}
		}
	}
	return last
}

// Fresh are those of a part of a tail that are to be decided where s is the state: neither in its history nor taken before.
func (t *Retelling) Fresh(s *State, part []Told) (fresh []Told) {
	if len(t.took) > retoldMost {
		t.took, t.outs = nil, nil
	}
	for _, ev := range part {
		_, took := t.took[nameOf(ev)]
		if took || s.Holds(ev) {
			continue
		}
		if l := s.retold(ev.Event); l != nil {
			t.note(ev, l.Seq)
			continue
		}
		fresh = append(fresh, ev)
	}
	return fresh
}

func (t *Retelling) note(ev Told, here uint64) {
	if t.took == nil {
		t.took, t.outs = make(map[event]uint64), make(map[uint64]int64)
	}
	t.took[nameOf(ev)] = here
	if ev.Kind == Remove && here != 0 {
		t.outs[here] = ev.Time
	}
}

// line is the number here of what an event of a tail calls ref, 0 if that is not here. shared is the last number that both histories have
// in common: up to there ref is the same in both, and beyond it something else has it here.
func (t *Retelling) line(ref, shared uint64, of Told) (here uint64) {
	if ref <= shared {
		return ref
	}
	var best event
	for name, at := range t.took {
		if name.seq != ref || name.term.Compare(of.Term) > 0 {
			continue
		}
		if own, than := name.leader == of.Leader, best.leader == of.Leader; best == (event{}) || own && !than || own == than && name.term.Compare(best.term) > 0 {
			best, here = name, at
		}
	}
	return here
}

// LetsIn reports whether an event of a tail lets somebody in again who was put out here by last, the zero Event if nobody knows: then
// they stay out, and so they do if that was later. A tail may be hours old, and who leads now knows best.
func (t *Retelling) LetsIn(ev Command, last Event) bool {
	at, retold := t.outs[last.Seq]
	if !retold {
		at = last.Time
	}
	return last.Kind == Remove && at < ev.Time
}

// Resubmit has the events of a part of a tail decided again as commands, in the room that won. decide decides one and returns the number
// of its event, 0 if it is refused, as it is when the other side had come to the same. Who was put out comes first, so that nothing
// of theirs comes in after all. The Time of a command is when it was carried out elsewhere; shared is as by Shares.
//
// Left out is what the winner hands out anew, or sees for itself: incarnations, and who is away. Of what the host did to the
// charter on another device, who is co-host no more counts as put out; who became one is not decided again, since the host may
// have thought better of it here.
func (t *Retelling) Resubmit(part []Told, shared uint64, decide func(by doc.Author, c Command) (seq uint64)) {
	for _, first := range []bool{true, false} {
		for _, ev := range part {
			if slices.Contains([]Kind{Publish, Away, Back, Appoint}, ev.Kind) || ev.Kind.PutsOut() != first {
				continue
			}
			has, known := fields[ev.Kind]
			if !known {
				continue
			}
			c := Command{Room: ev.Room, Kind: ev.Kind, Text: ev.Text, Ref: ev.Ref, Seconds: ev.Seconds, Time: ev.said()}
			if has&hasTo != 0 {
				c.To = ev.To
			}
			if has&hasName != 0 {
				c.Name = ev.Name
			}
			if has&hasPlace != 0 {
				c.Place = ev.Place
			}
			if c.Ref != 0 {
				if c.Ref = t.line(c.Ref, shared, ev); c.Ref == 0 {
					continue // its line is not here, and another has its number
				}
				c.Name, c.Text = "", "" // of a line that was pinned
			}
			t.note(ev, decide(doc.Author{Person: ev.By, Device: ev.Device}, c))
		}
	}
}

// Retell is Decide of a command that was carried out elsewhere. A line of the chat is then as old as it is: it follows on no other too
// soon, however many come at once.
func (s *State) Retell(by doc.Author, c Command, now time.Time) (Event, error) {
	said := int64(0)
	if c.Kind == Say {
		said = c.Time
		if at := max(now.UnixMilli(), s.Time); said > at+doc.Skew.Milliseconds() {
			said = at
		}
	}
	return s.decide(by, c, said, now)
}
