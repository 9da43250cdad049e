package node

import (
	"time"

	"salon/ledger/doc"
	"salon/relay"
)

// Who is inside of a locked room only its leader knows: it tells those who may lead next, and whoever led tells who leads now.

// tellInside tells those who may lead the room next who is inside. r.mu is held.
func (r *Room) tellInside() {
	var people map[doc.PublicKey]bool
	for _, c := range r.feeds.children {
		if !r.state.Leads(c.author.Person) || c.left || c.warm {
			continue
		}
		if people == nil {
			people = r.inside()
		}
		if c.inside == nil {
			c.inside = make(map[doc.PublicKey]bool)
		}
		var here, gone []doc.PublicKey
		for p := range c.inside {
			if !people[p] {
				gone = append(gone, p)
				delete(c.inside, p)
			}
		}
		for p := range people {
			if !c.inside[p] && len(c.inside) < insideMost {
				here = append(here, p)
				c.inside[p] = true
			}
		}
		for len(here)+len(gone) > 0 {
			h, g := min(len(here), relay.MaxInside), min(len(gone), relay.MaxInside)
			c.ctl.Send(relay.Inside{Here: here[:h], Gone: gone[:g]})
			here, gone = here[h:], gone[g:]
		}
	}
}

// takeInside takes a leader's word on who is inside. r.mu is not held.
func (r *Room) takeInside(u *uplink, m relay.Inside) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.heir
	if r.host != nil || u.to.ID != r.guest.host.ID {
		return
	}
	if h.insideBy != u {
		h.inside, h.insideBy = make(map[doc.PublicKey]bool), u // it tells anew
	}
	for _, p := range m.Gone[:min(len(m.Gone), relay.MaxInside)] {
		delete(h.inside, p)
	}
	for _, p := range m.Here[:min(len(m.Here), relay.MaxInside)] {
		if len(h.inside) < insideMost {
			h.inside[p] = true
		}
	}
}

// awaitInside has who led before us tell who is inside. r.mu is held.
func (r *Room) awaitInside(now time.Time) {
	r.heir.grace, r.heir.awaits, r.heir.inside, r.heir.insideBy = now.Add(lockedGrace), true, make(map[doc.PublicKey]bool), nil
}

// awaitsInside reports whether who led the room before us is about to tell who came in there. r.mu is held.
func (r *Room) awaitsInside(now time.Time) bool {
	return r.host != nil && r.heir.awaits && now.Before(r.heir.grace)
}

// mayTellInside reports whether a child's word on who is inside counts: that of somebody who led the room a moment ago. r.mu is
// held.
func (r *Room) mayTellInside(c *child, now time.Time) bool {
	return r.host != nil && now.Before(r.heir.grace) && r.state.Leads(c.author.Person)
}

// hearInside takes the word of who led before us on who is inside. r.mu is held.
func (r *Room) hearInside(c *child, m relay.Inside, now time.Time) {
	if !r.mayTellInside(c, now) {
		r.n.counts.Add("inside_refused")
		return
	}
	for _, p := range m.Here[:min(len(m.Here), relay.MaxInside)] {
		if !r.state.IsRemoved(p) {
			r.host.door.broke(p, now)
		}
	}
	if len(m.Here) < relay.MaxInside {
		r.heir.awaits = false // that was all
		r.seeCallers(now)
	}
}

// tellInsideUp tells who leads now, when we are in, who was inside while we did. r.mu is held.
func (r *Room) tellInsideUp() {
	if r.heir.insideOurs == nil {
		return
	}
	list := r.heir.insideOurs[:min(len(r.heir.insideOurs), insideMost)]
	r.heir.insideOurs = nil
	for {
		n := min(len(list), relay.MaxInside)
		r.guest.ctl.Send(relay.Inside{Here: list[:n]})
		if list = list[n:]; n < relay.MaxInside {
			return
		}
	}
}
