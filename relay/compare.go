package relay

import "time"

// What makes the warm parent clearly better than the hot one. Whoever moves for less moves for ever.
const (
	compareFor  = 30 * time.Second // until two parents are told apart
	lagMost     = 5                // frames that the hot one may be behind the warm one, on average, beside what waits for a bundle
	lossMost    = 0.08             // share of the frames that were missed at first
	compareMost = 50               // frames of lag that count, whatever a beacon says
	betterEvery = time.Minute      // between two moves for the better; twice as long after each, as they may not help
)

// A comparison is of the hot parent with the warm one, while all is well: how far what the one brings is behind what the
// other has, by its beacons, and how much is lost on the way from each.
type comparison struct {
	hot, warm Peer
	since     time.Time
	beacon    time.Time // the last one that was looked at
	lag       float64   // frames, in sum
	beacons   int
	missed    uint64 // frames, and those that came, before since
	received  uint64

	next  time.Time // when we may move again
	moves int
}

// isBetter reports whether the warm parent would feed us better than the hot one, by much and for long, and without a child
// that sinks for it.
func (p *Place) isBetter(now time.Time) bool {
	c, s, w := &p.compare, &p.tree.stats, p.warm
	if c.hot != p.hot.id || c.warm != w.id || !p.due || now.Sub(c.since) > 2*compareFor {
		*c = comparison{hot: p.hot.id, warm: w.id, since: now, beacon: now, missed: s.Recovered + s.Lost, received: s.Received, next: c.next, moves: c.moves}
		return false
	}
	spare, program := p.tree.spare, p.tree.streams[Program]
	if program == nil {
		return false
	}
	if spare.haveAt.After(c.beacon) {
		c.beacon = spare.haveAt
		c.lag += float64(min(max(int64(spare.have.of(Program)-program.head), -compareMost), compareMost))
		c.beacons++
	}
	if now.Sub(c.since) < compareFor || now.Before(c.next) {
		return false
	}
	c.hot = "" // it begins anew
	missed, came := float64(s.Recovered+s.Lost-c.missed), float64(s.Received-c.received)
	lost := missed / max(came, 1)
	due := float64(now.Sub(c.since) / p.tree.opt.Warm)
	silent := (max(due-float64(c.beacons), 0) + 1) / (due + 2) // that none of so few beacons was lost is no proof
	later := c.beacons > 0 && c.lag/float64(c.beacons) > float64(lagMost+p.opt.Bundle/2) && silent < lossMost
	// Frames are missed that were lost on any hop from the root. For all we know, each above the warm one is as bad as its own.
	leakier := lost > lossMost && silent*float64(max(len(w.path), 1)) < lost/2
	sinks := len(w.path) > len(p.hot.path) && (p.fed > 0 || p.heir || len(w.path) >= p.opt.Depth)
	if sinks || !later && !leakier || now.Sub(w.stalled) < time.Second || !w.blamed.IsZero() {
		return false
	}
	c.next = now.Add(betterEvery << min(c.moves, 5))
	c.moves++
	p.stats.Improved++
	return true
}
