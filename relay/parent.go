package relay

import (
	"slices"
	"time"
)

// parents is the part of a Place that keeps a hot parent and a warm one, and moves from one to the other.
type parents struct {
	hot, warm *upper    // warm only feeds us after Resume, or after it accepted us while hot was failing
	troubled  bool      // the sound stopped, and has not come back
	stallTold time.Time // when the children were told last
	seekAt    time.Time // when to ask others too, if nobody feeds us
	seeking   bool      // others are to be asked for a place
	signedAt  time.Time // when a frame came out of the Verifier
	unsigned  int       // parents left because none did, since one did
	newWarmAt time.Time // not before then is a warm parent given up for being on the path of the hot one
	compare   comparison
}

// An upper is a parent.
type upper struct {
	id      Peer
	entry   Entry
	path    []Peer    // from its own parent up to the root; empty if it is the root
	since   time.Time // when it accepted, or became hot
	resumed time.Time // when it was asked to feed us, of a warm one; else zero
	pulled  time.Time // and when for single frames last, because it did not yet
	choice  bool      // it was asked without need: the hot one feeds us well
	yielded bool      // and is deeper: our children were asked to move to it first
	stalled time.Time // when it said so
	leave   bool      // it asked us to go

	blamed  time.Time // when it passed on what nobody signed, until it is excused or condemned; else zero
	excused time.Time // when it was last excused
	excuses int       // how often, lately
	moved   bool      // since then, to another parent
	retract []Retract // what it took back, the last few
	proof   *BadError
}

func (u *upper) peer() Peer {
	if u == nil {
		return ""
	}
	return u.id
}

// root is where its path ends.
func (u *upper) root() Peer {
	if len(u.path) == 0 {
		return u.id
	}
	return u.path[len(u.path)-1]
}

func (p *Place) upper(id Peer) *upper {
	switch {
	case p.hot != nil && p.hot.id == id:
		return p.hot
	case p.warm != nil && p.warm.id == id:
		return p.warm
	}
	return nil
}

func latest(a time.Time, more ...time.Time) time.Time {
	for _, b := range more {
		if b.After(a) {
			a = b
		}
	}
	return a
}

// trouble reports whether the hot parent brings no sound, or none that its source signed.
func (p *Place) trouble(now time.Time) bool {
	u := p.hot
	if !p.due || u == nil {
		return false
	}
	if !u.blamed.IsZero() {
		return true
	}
	limit := time.Duration(p.opt.Bundle)*FrameDuration + silenceSlack
	limit += time.Duration(len(u.path)) * stallSlack
	began := latest(u.since, p.dueSince)
	news := p.tree.parent.news
	if w := p.warm; w != nil && w.choice && !w.resumed.IsZero() {
		news = latest(news, p.tree.spare.news) // whose copies come first by now
	}
	if news.Before(u.since) {
		limit += stagger // the first sound has a way to come
	} else {
		began = latest(began, news)
	}
	return now.Sub(began) > limit || p.isUnsigned(now)
}

// isUnsigned reports whether sound comes and nothing of it can be heard. If that is so with one parent after another it is
// the source's doing, and no reason to move.
func (p *Place) isUnsigned(now time.Time) bool {
	limit := unsignedLimit + 2*time.Duration(len(p.hot.path))*stallSlack
	q := p.tree.parent
	comes := now.Sub(q.fed) < unsignedLimit/2
	return comes && p.unsigned < 2 && now.Sub(latest(p.signedAt, p.hot.since, p.dueSince, q.flows)) > limit
}

// mend looks after the parents.
func (p *Place) mend(now time.Time) {
	p.seeking = false
	p.judge(now)
	p.tree.strange = p.hot != nil && p.warm != nil && p.hot.root() != p.warm.root()
	if w := p.warm; w != nil {
		s := p.tree.spare
		switch {
		case w.resumed.IsZero():
			if p.due && now.Sub(latest(s.heard, w.since, p.dueSince)) > 3*p.tree.opt.Warm+stagger { // else there may be nothing to tell
				p.drop(w, "silent", now)
			}
		case w.choice && s.fed.Sub(w.resumed) >= stagger && p.yield(now):
		case w.choice && s.fed.Sub(w.resumed) >= stagger, !w.choice && s.news.After(w.resumed):
			p.promote(now)
		case now.Sub(w.resumed) > 3*resumeWithin+time.Duration(p.rng.Int64N(int64(stagger))):
			if p.hot != nil {
				p.hot.leave = false // we tried
			}
			p.drop(w, "silent", now)
		case !w.choice && now.Sub(latest(w.resumed, w.pulled)) >= stagger:
			w.pulled = now
			p.tree.pull(now)
		}
	}
	trouble := p.trouble(now)
	if trouble && !p.troubled {
		p.troubled = true
		p.stats.Stalls++
	}
	if trouble && now.Sub(p.hot.stalled) > stallWait && p.hot.id != p.source && p.isUnsigned(now) {
		p.leaveUnsigned(now)
	}
	switch {
	case p.hot == nil:
		p.tellStall(now)
		p.act(now)
	case trouble:
		p.compare.hot = "" // it begins anew
		p.tellStall(now)
		if now.Sub(p.hot.stalled) > stallWait || !p.hot.blamed.IsZero() {
			p.act(now)
		}
	case p.troubled:
		p.troubled = false
		p.calm()
	case p.hot.leave && p.warm.idle():
		p.makeWay(now)
	case p.warm != nil && p.warm.idle() && p.isBetter(now):
		p.resume(p.warm, true, now)
	}
}

// leaveUnsigned leaves a parent that sends nothing that its source signed. What it sent is forgotten here and below: it may
// have led the streams astray.
func (p *Place) leaveUnsigned(now time.Time) {
	u, code := p.hot, "unsigned"
	p.unsigned++
	if u.root() != p.source && p.source != "" && p.forgive(u.id, now) {
		code = "strange" // somebody else leads the room there, of whom we have not heard
	} else {
		p.ban(u.id, now)
	}
	for _, slot := range p.tree.resetFrom(p.tree.parent) {
		for _, c := range p.order {
			if c.fed {
				p.out.Tell(c.id, Retract{Slot: slot, To: noNumber})
			}
		}
	}
	p.drop(u, code, now)
}

// yield has the children move to the new parent before we do, if that is deeper than the old one: they and all below them
// stay as near to the root as they are. It reports whether that takes a while yet.
func (p *Place) yield(now time.Time) bool {
	w := p.warm
	if p.fed == 0 || len(w.path) < len(p.path) || now.Sub(w.resumed) > yieldTime {
		return false
	}
	if !w.yielded {
		w.yielded = true
		for _, c := range p.order {
			if c.fed {
				p.move(c, []Entry{w.entry}, now)
			}
		}
	}
	return true
}

// yields reports whether the children are on their way to the new parent.
func (p *Place) yields() bool {
	return p.warm != nil && p.warm.yielded && p.warm.choice && !p.warm.resumed.IsZero()
}

// idle reports whether a warm parent does not feed us, and was not asked to.
func (u *upper) idle() bool { return u == nil || u.resumed.IsZero() }

// act finds somebody else to feed us: the warm parent, and when that does not answer either, anybody.
func (p *Place) act(now time.Time) {
	if w := p.warm; w != nil && w.resumed.IsZero() && now.Sub(w.stalled) > stallWait && w.blamed.IsZero() {
		p.resume(w, false, now)
		p.seekAt = now.Add(resumeWithin)
	}
	if p.warm != nil && !p.warm.resumed.IsZero() && p.warm.choice {
		p.warm.choice = false // now it is needed
	}
	p.seeking = p.warm == nil || !now.Before(p.seekAt)
}

// calm undoes act: the hot parent is back before anybody else delivered.
func (p *Place) calm() {
	if w := p.warm; w != nil && !w.resumed.IsZero() {
		w.resumed = time.Time{}
		p.out.Tell(w.id, Rest{})
	}
	p.stopSeeking()
}

// makeWay moves because the hot parent asked for it, while it feeds us: to whom it named, the warm one, or anybody.
func (p *Place) makeWay(now time.Time) {
	switch {
	case len(p.queue) > 0 || p.asking(toFeed) > 0:
		p.seeking = true
	case p.warm != nil && now.Sub(p.warm.stalled) > stallWait && p.warm.blamed.IsZero():
		p.resume(p.warm, true, now)
	case p.rounds < 2:
		p.seeking = true
	default:
		p.hot.leave = false // it will go, or let us stay
	}
}

func (p *Place) resume(w *upper, choice bool, now time.Time) {
	w.resumed, w.choice = now, choice
	p.out.Tell(w.id, Resume{Next: p.tree.next(now)})
}

// next is what comes next in each stream that is alive.
func (t *Tree) next(now time.Time) (next []Next) {
	for slot, s := range t.streams {
		if s != nil && s.started && s.from != nil && t.isParent(s.from) && now.Sub(s.fresh) <= t.opt.Ring {
			next = append(next, Next{Slot: Slot(slot), Number: s.head + 1})
		}
	}
	return next
}

// stopSeeking lets go of everybody who was asked to feed us.
func (p *Place) stopSeeking() {
	p.queue, p.rounds, p.led = nil, 0, 0
	p.trials = slices.DeleteFunc(p.trials, func(t *trial) bool {
		if t.aim == toFeed {
			p.out.Part(t.id, "moved")
		}
		return t.aim == toFeed
	})
}

// accepted takes in a peer that has a place for us.
func (p *Place) accepted(u *upper, why aim, now time.Time) {
	switch {
	case why == toWarm && (p.warm == nil || p.warm.idle() && len(u.path) < len(p.warm.path)):
		if p.warm != nil {
			p.drop(p.warm, "moved", now)
		}
		p.setWarm(u, now)
		p.warmTry = 0
	case why == toWarm:
		p.out.Part(u.id, "moved")
	case p.hot == nil:
		p.stats.Joined++
		p.hot = u
		p.tree.SetParent(u.id, now)
		p.settled(now)
	case p.troubled || p.hot.leave || why == toClimb && len(u.path)+1 < len(p.path):
		if p.warm != nil {
			p.drop(p.warm, "moved", now)
		}
		u.resumed, u.choice = now, !p.troubled
		p.setWarm(u, now)
	case p.warm == nil && why == toFeed: // the race has a second winner
		p.setWarm(u, now)
		p.out.Tell(u.id, Rest{})
	default:
		p.out.Part(u.id, "moved")
	}
}

func (p *Place) setWarm(u *upper, now time.Time) {
	p.warm = u
	p.tree.SetSpare(u.id, now)
}

// promote makes the warm parent hot: it delivers.
func (p *Place) promote(now time.Time) {
	old, u := p.hot, p.warm
	p.hot, p.warm = u, nil
	p.tree.SetParent(u.id, now)
	if u.choice {
		p.stats.Moved++
	} else {
		p.stats.Resumed++
	}
	keep := old != nil && (!u.choice && !old.leave && now.Sub(latest(p.tree.spare.heard, old.stalled)) < time.Second ||
		!old.blamed.IsZero()) // it is still to be condemned, or excused
	u.resumed, u.choice, u.yielded, u.since = time.Time{}, false, false, now
	switch {
	case keep:
		p.warm = old
		p.out.Tell(old.id, Rest{})
	case old != nil:
		p.tree.SetSpare("", now)
		p.out.Part(old.id, "moved")
	}
	p.settled(now)
}

// settled follows a change of the hot parent.
func (p *Place) settled(now time.Time) {
	p.troubled = false
	p.compare.hot = "" // it begins anew
	p.stopSeeking()
	p.others = nil
	p.warmAt = now.Add(warmAfter/2 + time.Duration(p.rng.Int64N(int64(warmAfter))))
	p.setPath(now)
	p.checkWarm(now)
	p.loadTold = time.Time{}
	p.nearAt, p.nearTry = now.Add(nearSoon), 0
	if p.draining {
		p.out.Tell(p.hot.id, Drain{})
	}
	p.testify()
}

// checkWarm looks for another warm parent if this one would fail together with the hot one.
func (p *Place) checkWarm(now time.Time) {
	w := p.warm
	if w == nil || !w.idle() || now.Before(p.newWarmAt) || len(p.path) < 2 {
		return
	}
	for _, q := range p.path[:len(p.path)-1] {
		if q == w.id || slices.Contains(w.path, q) {
			p.newWarmAt = now.Add(climbEvery)
			p.drop(w, "moved", now)
			return
		}
	}
}

// drop parts with a parent.
func (p *Place) drop(u *upper, code string, now time.Time) {
	p.out.Part(u.id, code)
	p.failed[u.id] = now.Add(failedFor)
	p.lose(u, now)
}

// lose forgets a parent.
func (p *Place) lose(u *upper, now time.Time) {
	if u == p.warm {
		p.warm, p.warmTry = nil, 0
		p.tree.SetSpare("", now)
		p.warmAt = now.Add(time.Duration(p.rng.Int64N(int64(warmAfter))))
		p.seekAt = now
		return
	}
	p.hot = nil
	p.tree.SetParent("", now)
	p.others = nil
	p.tellStall(now)
}

// hearParent takes a message of a parent.
func (p *Place) hearParent(u *upper, m any, now time.Time) {
	switch m := m.(type) {
	case Path:
		path, ok := p.readPath(u.id, m.Path)
		if !ok {
			p.drop(u, "loop", now)
			return
		}
		u.moved = u.moved || len(path) == 0 || len(u.path) == 0 || path[0] != u.path[0]
		u.path = path
		p.setPath(now)
		p.checkWarm(now)
	case Others:
		if u == p.hot {
			p.others = m.To[:min(len(m.To), MaxEntries)]
		}
	case Stall:
		if now.Sub(u.stalled) > time.Second { // saying so again gains no more time
			u.stalled = now
		}
		if u == p.hot {
			p.tellStall(now)
		} else {
			p.seekAt = now
		}
	case Drain:
		if u != p.hot {
			p.drop(u, "moved", now)
			return
		}
		u.leave, p.rounds, p.queue = true, 0, nil
		for _, e := range m.To[:min(len(m.To), MaxEntries)] {
			if p.askable(e, now) {
				p.queue = append(p.queue, candidate{entry: e})
			}
		}
		p.nextAt = now
	case Retract:
		p.excuse(u, m, now)
	case Refuse:
		p.drop(u, "", now)
	case Bye:
		p.drop(u, "", now)
		p.askAgain(u, now)
	}
}
