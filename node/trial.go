package node

import (
	"time"

	"salon/relay"
)

// The uplink of a listener who would carry the room is tried first: what its first children will need goes to its parent for a few
// seconds, in datagrams that hold nothing, and the link says how many of them arrived. Who loses too many, or has a way that takes no
// datagrams, carries nobody, and is tried again later, ever more rarely if it was too narrow. Nothing is tried twice that was found
// good a moment ago, and no more than the children need whom there may be. How many more it can feed it finds out by feeding them: see
// relay.Growth.

const (
	trialSteps    = 4                // a second each
	trialWait     = 2                // steps more, in which the last datagrams are answered
	trialChildren = 2                // what so many need; relay.Growth begins with as many
	trialLeast    = 64               // datagrams in all: fewer say nothing of a loss
	trialSize     = 1200             // bytes of one
	trialLoss     = 0.03             // share of them that may be lost
	trialHolds    = 15 * time.Minute // for whoever is told no: that others cannot reach them, say
	trialRarest   = 16               // times the usual wait for the next, after several in a row that failed
)

// A strainer is a link that can send what holds nothing.
type strainer interface {
	relay.Link
	Strain(datagrams int) bool
}

// A trial is how far that has come. The zero trial has not begun.
type trial struct {
	of     strainer
	step   int
	passed time.Time // zero if it has not
}

// trialDatagrams is how many of them there are for what so many children need, so many kbit/s each.
func trialDatagrams(children, cost int) int {
	return max(min(children, trialChildren)*cost*1000/8*trialSteps/trialSize, trialLeast)
}

// tried goes on with the trial of our uplink, which is to feed so many children, and reports whether it has passed. It is called
// once a second. r.mu is held.
func (r *Room) tried(children int, now time.Time) bool {
	var above relay.Link
	r.media.drive(func(p *relay.Place, _ time.Time) { above = r.media.links[p.Parent()] })
	l, x, steps := &r.lends, &r.lends.trial, r.n.lending.trialSteps()
	link, can := above.(strainer)
	if can && link != x.of {
		*x = trial{of: link} // the first, or another parent's
	}
	switch {
	case !can:
	case now.Sub(x.passed) < trialHolds && link.Stats().UDP:
		return true
	case x.step < steps:
		if x.step++; link.Strain(trialDatagrams(children, costOf(r.charter.Mode)) / steps) {
			return false
		}
	case x.step < steps+trialWait:
		x.step++
		return false
	case link.Stats().UDP && link.Stats().Loss <= trialLoss:
		*x, l.failed = trial{of: link, passed: now}, 0
		r.n.counts.Add("volunteer_tried")
		r.narrow(false)
		return true
	}
	wait := r.n.lending.wait()
	if can && x.step > 1 { // else nothing was sent
		wait *= min(time.Duration(1)<<l.failed, trialRarest)
		l.failed = min(l.failed+1, trialRarest)
	}
	*x, l.next = trial{}, now.Add(wait)
	r.n.counts.Add("volunteer_narrow")
	r.narrow(true)
	return false
}

// tryAnew has our uplink tried soon, however often it was too narrow: its owner may have done something about that.
func (r *Room) tryAnew() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lends.failed > 0 {
		r.lends.failed, r.lends.next = 0, time.Time{}
	}
}

// narrow notes whether our uplink took too little, for the page. r.mu is held.
func (r *Room) narrow(is bool) {
	if r.n.lending.found(is) {
		r.n.watch.tell(Change{Kind: StatusChanged})
	}
}

// found notes whether the uplink took too little when it was tried last, and reports whether that is news.
func (l *lending) found(narrow bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.narrow
	l.narrow = narrow
	return was != narrow
}

// trialSteps is in how many steps the uplink is tried.
func (l *lending) trialSteps() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.steps
}
