package node

import (
	"cmp"
	"slices"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// The tail are events of whoever led and yielded: what was decided there is decided again where the room is led now.

// tailFor are the events that a state does not hold, signed. r.mu is held.
func (r *Room) tailFor(s *room.State) (raw [][]byte) {
	events := make([]room.Told, len(r.heir.events))
	for i, l := range r.heir.events {
		events[i] = l.Told
	}
	for _, ev := range s.Tail(events) {
		for _, l := range r.heir.events {
			if l.Told == ev {
				raw = append(raw, l.raw)
			}
		}
	}
	return raw
}

// takeTail has decided again what somebody did who led, or kept it for who did. r.mu is held, and let go in between.
func (r *Room) takeTail(c *child, m relay.Tail, now time.Time) {
	if r.host == nil || !r.state.Leads(c.author.Person) {
		r.n.counts.Add("tail_refused")
		return
	}
	var events []room.Told
	for _, raw := range m.Events[:min(len(m.Events), relay.MaxTail)] {
		ev, author, err := room.OpenEvent(raw, now)
		if err != nil || ev.Room != r.id || !r.maySubmit(author, &ev) {
			r.n.counts.Add("tail_refused")
			continue
		}
		events = append(events, room.Told{Event: ev, Leader: author.Device})
	}
	if events = r.state.Tail(events); len(events) == 0 {
		return
	}
	r.n.o.Log.Info("decides again what was decided elsewhere", "room", r.id.String(), "events", len(events))
	last := slices.MaxFunc(events, func(a, b room.Told) int { return cmp.Compare(a.Time, b.Time) })
	shift := now.Sub(time.UnixMilli(last.Time)) // what was said in a minute is not too much at once
	room.Resubmit(events, func(by doc.Author, cmd room.Command) uint64 {
		if r.decide(by, cmd, time.UnixMilli(cmd.Time).Add(shift)) != nil || r.host == nil {
			return 0
		}
		return r.state.Seq
	})
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
