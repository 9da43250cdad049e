package relay

import "time"

const (
	compareFor  = 10 * time.Second // until two parents are told apart
	lagMost     = 8                // frames that the hot parent may be behind the warm one, on average; bundles are a few of them
	lossMost    = 0.10             // share of the frames that had to be asked for again
	betterEvery = time.Minute      // between two moves for the better; twice as long after each, as they may not help
)

// A comparison is of the hot parent with the warm one, while all is well: how far what the one brings is behind what the
// other has, by its beacons, and how much of it is lost.
type comparison struct {
	hot, warm Peer
	since     time.Time
	beacon    time.Time // the last one that was looked at
	lag       float64   // frames, in sum
	beacons   int
	asked     uint64 // frames asked for again, and those that came, before since
	received  uint64

	next  time.Time // when we may move again
	moves int
}

// isBetter reports whether the warm parent would feed us better than the hot one, by much and for long.
func (p *Place) isBetter(now time.Time) bool {
	c, s := &p.compare, &p.tree.stats
	if c.hot != p.hot.id || c.warm != p.warm.id || !p.due {
		*c = comparison{hot: p.hot.id, warm: p.warm.id, since: now, asked: s.Asked, received: s.Received, next: c.next, moves: c.moves}
		return false
	}
	spare, program := p.tree.spare, p.tree.streams[Program]
	if program == nil {
		return false
	}
	if spare.haveAt.After(c.beacon) {
		c.beacon = spare.haveAt
		c.lag += float64(int64(spare.have[Program] - program.head))
		c.beacons++
	}
	if now.Sub(c.since) < compareFor || c.beacons < int(compareFor/p.tree.opt.Warm)/2 {
		return false
	}
	lag, lost := c.lag/float64(c.beacons), float64(s.Asked-c.asked)/float64(max(s.Received-c.received, 1))
	c.hot = "" // it begins anew
	if lag < lagMost && lost < lossMost || now.Before(c.next) || now.Sub(p.warm.stalled) < time.Second || !p.warm.blamed.IsZero() {
		return false
	}
	c.next = now.Add(betterEvery << min(c.moves, 5))
	c.moves++
	return true
}
