package node

import (
	"context"
	"time"

	"salon/relay"
)

const (
	heardEvery    = 5 * time.Second        // by a listener
	heardSumEvery = 2 * time.Second        // by a relay: what is summed up is seldom older than this at each hop
	branchesEvery = 5 * time.Second        // and a bit more for each relay in the list
	branchesEach  = 100 * time.Millisecond // for each
	wayEvery      = 10 * time.Second
	partPatience  = 1500 * time.Millisecond // controlConn.Part waits for less
)

// A tally is what a room counts at this node to tell others. Room.mu guards it.
type tally struct {
	minute minute

	to           *controlConn // the connection that was told
	heardTold    time.Time
	branchesTold time.Time
	wayTold      time.Time
	lastBranches relay.Branches // as they were told

	way     relay.Route  // from our parent to the host, as our parent tells
	wayFrom *controlConn // which connection that came by

	accounts  accounts                        // of what our parents carried for us
	records   *records                        // of what we carried; nil if we carry nothing
	asked     map[uint64]chan<- relay.Records // by the host's own questions about such
	errands   map[uint64]time.Time            // such questions on their way through us, and until when
	questions allowance                       // of our parent's
}

// A childTally is what a child told. Room.mu guards it.
type childTally struct {
	hearing  relay.Hearing  // of one listener, or of all below a relay
	branches relay.Branches // of a relay
	served   allowance      // records; of its reader alone
}

// keepTally counts, and tells what is to be told, until ctx ends.
func (r *Room) keepTally(ctx context.Context) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-ctx.Done():
			r.awaitLastWords()
			r.storeRecords(time.Now(), false)
			r.n.handOverSoon()
			return
		case now := <-second.C:
			r.mu.Lock()
			r.tallyUp(now)
			r.mu.Unlock()
			r.storeRecords(now, true)
		}
	}
}

// awaitLastWords waits until those whom we fed have gone: when a room ends they sign for what they had of us.
func (r *Room) awaitLastWords() {
	if !r.carried {
		return
	}
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for late := time.After(partPatience); ; {
		r.mu.Lock()
		left := len(r.feeds.children)
		r.mu.Unlock()
		if left == 0 {
			return
		}
		select {
		case <-look.C:
		case <-late:
			return
		}
	}
}

// tallyUp tells what is due. r.mu is held.
func (r *Room) tallyUp(now time.Time) {
	t := &r.tally
	if t.minute.due(now) {
		t.minute.add(r.tick(now))
	}
	if r.state == nil || r.guest == nil || r.phase.Over() {
		return
	}
	if r.carries != nil {
		r.tellRoute(now)
	}
	ctl := r.guest.ctl
	if ctl == nil {
		return
	}
	if ctl != t.to { // it knows nothing of us
		t.to, t.heardTold, t.branchesTold, t.lastBranches = ctl, time.Time{}, time.Time{}, relay.Branches{}
	}
	r.tellHeard(ctl, now)
	if r.carries != nil {
		r.tellBranches(ctl, now)
	}
	r.acknowledgeIfDue(now)
	r.tellTail() // the rest of a part that was too much at once
}

// tick is what this node has counted so far. r.mu is held.
func (r *Room) tick(now time.Time) tick {
	t := r.voice.tick(now)
	r.media.do(func(tree *relay.Tree, _ time.Time) {
		s := tree.Stats()
		t.came, t.asked = s.Received+s.Lost, s.Recovered+s.Lost
	})
	return t
}

// hearTally takes what a child tells to be summed up. r.mu is held.
func (r *Room) hearTally(c *child, m any, s served) (known bool) {
	switch m := m.(type) {
	case relay.Quality:
		h, ok := m.Hearing()
		if !ok {
			r.n.counts.Add("quality_foreign")
			break
		}
		c.tally.hearing = h
	case relay.Served:
		r.takeServed(c, s)
	case relay.Branches:
		if c.carry == 0 {
			return false
		}
		r.takeBranches(c, m)
	case relay.Records:
		if c.carry == 0 {
			return false
		}
		r.takeRecords(m)
	default:
		return false
	}
	return true
}
