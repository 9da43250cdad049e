package relay

import "time"

const (
	nearEvery = time.Second // between two times that an heir asks the root for a place
	nearMost  = 5           // times that this doubles
	nearSoon  = 2 * stagger // after a move, so that one begins when the other is over
)

// successors is the part of a Place that knows who may lead the room next. They belong directly below the root: there they
// notice at once that it is gone, and it can hand the room to them.
type successors struct {
	heirs   map[Peer]bool // at the root: who has a place of its own
	heir    bool          // this node may lead the room next
	nearAt  time.Time     // when it asks the root for a place again, if somebody else feeds it
	nearTry int           // times in vain
}

// Heirs says, at the root, who may lead the room next: each has a place here beyond those that are offered, and is not sent
// elsewhere. How many there may be is the caller's to decide.
func (p *Place) Heirs(ids []Peer) {
	p.heirs = make(map[Peer]bool, len(ids))
	for _, id := range ids {
		p.heirs[id] = true
	}
	p.Offer(p.opt.Fanout)
}

// Inherit says whether this node may lead the room next: it then asks the root for a place when somebody else feeds it.
func (p *Place) Inherit(may bool, now time.Time) {
	if may && !p.heir {
		p.nearAt, p.nearTry = now, 0
	}
	p.heir = may
}

// isHeir reports whether a child has a place of its own.
func (p *Place) isHeir(id Peer) bool { return p.heirs[id] }

// crowd is how many children are fed, and how many of these are about to leave, heirs left out.
func (p *Place) crowd() (fed, going int) {
	fed, going = p.fed, p.going
	for id := range p.heirs {
		if c := p.by[id]; c != nil && c.fed {
			fed--
			if c.leaving {
				going--
			}
		}
	}
	return fed, going
}

// most is how many children may be fed for a moment, heirs left out.
func (p *Place) most() int { return min(p.opt.Fanout+(p.opt.Fanout+1)/2, p.bound) }

// isFar reports whether this node is an heir and hears the room through others.
func (p *Place) isFar() bool {
	return p.heir && p.hot != nil && p.source != "" && p.hot.id != p.source && len(p.path) > 1
}

// seekRoot asks the root for a place, or to feed us if it is the warm parent.
func (p *Place) seekRoot(now time.Time) {
	p.nearAt = now.Add(nearEvery << min(p.nearTry, nearMost))
	p.nearTry++
	switch w := p.warm; {
	case !w.idle():
		return // we are about to move
	case w.peer() == p.source:
		p.resume(w, true, now)
		return
	case p.by[p.source] != nil || p.trial(p.source) >= 0 || p.banned(p.source, now):
		return
	}
	for _, list := range [][]Entry{p.entries, p.others} {
		for _, e := range list {
			if Peer(e.Peer) == p.source { // it may have refused us something else a moment ago
				p.ask(candidate{entry: e}, toClimb, now)
				return
			}
		}
	}
}
