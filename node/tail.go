package node

import (
	"bytes"
	"slices"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// The tail are events of whoever led and yielded: what was decided there is decided again where the room is led now.

// tailKept is how many bytes of a tail are kept in the home: some hundreds of events.
const tailKept = 128 << 10

const (
	// Of what others did who led, so many events are decided again: a second, and at once, which is more than there are in some tails.
	tailRate, tailBurst = 16, 4 * logMost
)

// owe takes up what is to be told to somebody who leads the room by a state, and whose history is another than ours. r.mu is held.
func (r *Room) owe(s *room.State) {
	r.heir.tail, r.heir.shared, r.heir.telling = r.tailFor(s), s.Shares(r.state), nil
}

// tellTail tells who leads now, when they feed us, the next part of what we did when we led. r.mu is held.
func (r *Room) tellTail() {
	h := &r.heir
	if len(h.tail) == 0 || r.guest.ctl == nil || r.guest.parent != r.guest.host.ID || h.telling == r.guest.ctl {
		return
	}
	h.telling = r.guest.ctl
	h.telling.Send(relay.Tail{Events: h.tail[:min(len(h.tail), relay.MaxTail)], Shared: h.shared})
}

// tailTaken takes the word of who leads the room that they took a part of our tail. Where they took less than they were told, that was
// too much at once: they hear of the rest with the next second. r.mu is not held.
func (r *Room) tailTaken(u *uplink, m relay.Taken) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.heir
	if h.telling == nil || h.telling != u.ctl || r.host != nil {
		return
	}
	told := min(len(h.tail), relay.MaxTail)
	n := min(int(min(m.Events, relay.MaxTail)), told)
	part := h.tail[:n]
	h.events = slices.DeleteFunc(h.events, func(l logged) bool { // they are theirs now
		return slices.ContainsFunc(part, func(raw []byte) bool { return bytes.Equal(raw, l.raw) })
	})
	h.tail, h.telling = h.tail[n:], nil
	if n == told {
		r.tellTail()
	}
	if len(h.tail) == 0 {
		r.guest.changed() // the home need not keep it
	}
}

// tailFor are the events that a state does not hold, signed; first those that put people out, for not all come at once. r.mu is held.
func (r *Room) tailFor(s *room.State) (raw [][]byte) {
	for _, first := range []bool{true, false} {
		for _, l := range r.heir.events {
			if l.Kind.PutsOut() == first && !s.Holds(l.Told) {
				raw = append(raw, l.raw)
			}
		}
	}
	return raw
}

// keptTail are events that the home is to keep beside a state which they led to, last ones that are not logged yet among them: those
// since the host led, who may come back to lead before a co-host whose node was gone, from what it knew then. Where they are too many
// the latest are kept, and before all others those that put people out. r.mu is held.
func (r *Room) keptTail(s *room.State, last ...logged) (raw [][]byte) {
	if s.Term.Epoch == 0 {
		return nil
	}
	all := r.heir.events
	if len(last) > 0 {
		all = slices.Concat(all, last)
	}
	size, kept := 0, make([]bool, len(all))
	for _, first := range []bool{true, false} {
		for i, l := range slices.Backward(all) {
			if l.Kind.PutsOut() != first || len(l.raw) == 0 || l.Term.Reign != s.Term.Reign || l.Term.Epoch == 0 {
				continue
			}
			if size += len(l.raw); size > tailKept {
				break
			}
			kept[i] = true
		}
	}
	for i, l := range all {
		if kept[i] {
			raw = append(raw, l.raw)
		}
	}
	return raw
}

// openTail reads what was kept beside a state.
func openTail(raw [][]byte, s *room.State, now time.Time) (events []logged) {
	for _, b := range raw {
		ev, author, err := room.OpenEvent(b, now)
		if told := (room.Told{Event: ev, Leader: author.Device}); err == nil && ev.Room == s.Charter.Room && s.Holds(told) {
			events = append(events, logged{told, b})
		}
	}
	return events
}

// takeTail has decided again what somebody did who led, or kept it for who did. r.mu is held, and let go in between.
func (r *Room) takeTail(c *child, m relay.Tail, now time.Time) {
	if r.host == nil {
		r.n.counts.Add("tail_refused")
		return
	}
	m.Events = m.Events[:min(len(m.Events), relay.MaxTail)]
	taken := r.retell(c, m, now)
	if r.host != nil { // else who leads now is told
		c.ctl.Send(relay.Taken{Events: uint32(taken)})
	}
}

// retell is takeTail where we lead. It returns how many of the events need not be told again.
func (r *Room) retell(c *child, m relay.Tail, now time.Time) (taken int) {
	if !r.state.Leads(c.author.Person) {
		r.n.counts.Add("tail_refused")
		return len(m.Events)
	}
	var events []room.Told
	for _, raw := range m.Events {
		if !r.host.tails.take(now, tailRate, tailBurst) {
			r.n.counts.Add("tail_flood")
			break
		}
		taken++
		ev, author, err := room.OpenEvent(raw, now)
		if err != nil || ev.Room != r.id || !r.maySubmit(author, &ev) {
			r.n.counts.Add("tail_refused")
			continue
		}
		events = append(events, room.Told{Event: ev, Leader: author.Device})
	}
	took := &r.host.retelling
	if events = took.Fresh(r.state, events); len(events) == 0 {
		return taken
	}
	r.n.o.Log.Info("decides again what was decided elsewhere", "room", r.id.String(), "events", len(events))
	took.Resubmit(events, m.Shared, func(by doc.Author, cmd room.Command) uint64 {
		if !r.turn() || cmd.Kind == room.Readmit && !took.LetsIn(cmd, r.lastRemoval(cmd.To)) {
			return 0
		}
		ev, err := r.state.Retell(by, cmd, now)
		if err == nil {
			err = r.commit(ev)
		}
		if err != nil {
			return 0
		}
		return ev.Seq
	})
	return taken
}

// lastRemoval is the event that put somebody out here last, if it is known. r.mu is held.
func (r *Room) lastRemoval(p doc.PublicKey) room.Event {
	for _, l := range slices.Backward(r.heir.events) {
		if l.Kind == room.Remove && l.To == p && r.state.Holds(l.Told) {
			return l.Event
		}
	}
	return room.Event{}
}

// maySubmit reports whether somebody who led the room, in the term of an event, may have it decided again. What others did who
// lead too only they could say, but for whom they put out: that counts as done by who led. r.mu is held.
func (r *Room) maySubmit(author doc.Author, ev *room.Event) bool {
	led := r.state.Charter.Host
	if o := int(ev.Term.Order); o > len(r.state.Charter.CoHosts) {
		return false
	} else if o > 0 {
		led = r.state.Charter.CoHosts[o-1].Person
	}
	switch {
	case led != author.Person, ev.Kind == room.Unmute && ev.By != author.Person:
		return false
	case ev.By == author.Person || !r.state.Leads(ev.By):
		return true
	}
	ev.By, ev.Device = author.Person, author.Device
	return ev.Kind == room.Remove || ev.Kind == room.Readmit
}

// hearTail takes events of before we came, from who leads.
func (r *Room) hearTail(m relay.Tail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var before []logged
	for _, raw := range m.Events[:min(len(m.Events), relay.MaxTail)] {
		ev, author, err := room.OpenEvent(raw, time.Now())
		if told := (room.Told{Event: ev, Leader: author.Device}); err == nil && ev.Room == r.id && r.state.Leads(author.Person) && r.state.Holds(told) {
			before = append(before, logged{told, raw})
		}
	}
	r.heir.events = append(before, r.heir.events...)
	slices.SortFunc(r.heir.events, func(a, b logged) int { return int(int64(a.Seq - b.Seq)) })
	r.heir.events = slices.CompactFunc(r.heir.events, func(a, b logged) bool { return a.Seq == b.Seq && a.Term == b.Term })
	if over := len(r.heir.events) - logMost; over > 0 {
		r.heir.events = slices.Delete(r.heir.events, 0, over)
	}
}
