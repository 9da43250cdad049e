package node

import (
	"maps"
	"time"

	"salon/ledger/doc"
)

const (
	// A person's commands: a second, and at once. Each costs the host two signatures to check, and if it is allowed one
	// to make and one message to everybody. More are answered with "busy", unread.
	commandRate, commandBurst = 4, 60

	outFor     = 5 * time.Second // after the first flood; twice as long after each further one
	outMost    = 2 * time.Minute
	forgiven   = 10 * time.Minute // without a flood, the next counts as the first
	maxConduct = 4096             // people who are remembered
)

// A conduct is what a host, or a relay, remembers of how somebody behaves in a room, with all their devices and after they have gone:
// an allowance of each connection alone would be had anew with each.
type conduct struct {
	commands, reactions, questions, tips allowance
	floods                               int       // in a row
	out                                  time.Time // until then they are not let in
}

// conductOf is somebody's. r.mu is held.
func (r *Room) conductOf(p doc.PublicKey) *conduct {
	all := r.feeds.conduct
	if all[p] == nil {
		for other := range all { // any who is not here: keys are free, so there may be any number of people
			if len(all) < maxConduct {
				break
			}
			if r.devices(other) == 0 {
				delete(all, other)
			}
		}
		all[p] = &conduct{}
	}
	return all[p]
}

// mayCommand takes one command out of what a child's person may send.
func (r *Room) mayCommand(c *child, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return c.conduct.commands.take(now, commandRate, commandBurst)
}

// authorMay takes one command out of what somebody below a relay may send.
func (r *Room) authorMay(p doc.PublicKey, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.isOut(p, now) && !r.n.people.Blocks(p) && r.conductOf(p).commands.take(now, commandRate, commandBurst)
}

// throwOut ends somebody's connections and keeps them out for a while, longer each time.
func (r *Room) throwOut(p doc.PublicKey, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.conductOf(p)
	if now.Before(c.out) {
		return // another device of theirs, on its way out
	}
	c.out = now.Add(min(outFor<<c.floods, outMost))
	c.floods = min(c.floods+1, 16)
	for _, child := range r.feeds.children {
		if child.author.Person == p {
			child.ctl.Close() // its reader ends and dismisses it
		}
	}
}

// isOut reports whether somebody was thrown out a moment ago. r.mu is held.
func (r *Room) isOut(p doc.PublicKey, now time.Time) bool {
	c := r.feeds.conduct[p]
	return c != nil && now.Before(c.out)
}

// forgive forgets what time has healed. r.mu is held.
func (r *Room) forgive(now time.Time) {
	maps.DeleteFunc(r.feeds.conduct, func(p doc.PublicKey, c *conduct) bool {
		if now.Sub(c.out) > forgiven {
			c.floods = 0
		}
		return c.floods == 0 && now.Sub(c.commands.at) > time.Minute && now.Sub(c.reactions.at) > time.Minute && r.devices(p) == 0
	})
}
