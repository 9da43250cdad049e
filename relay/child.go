package relay

import (
	"bytes"
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

const (
	admitAtOnce   = 16                     // children let in without a pause
	lostWait      = 200 * time.Millisecond // what a child is told to wait while there is no place here
	loadEvery     = 500 * time.Millisecond // a parent is not told more often how many places there are
	speakEvery    = 5 * time.Second        // nor less often that its child is alive; a warm one, 4 times that
	childSilence  = 12 * time.Second       // after which a child is gone; a warm one, 4 times that
	moveEvery     = 4 * time.Second        // a child is not asked to move more often
	deepWait      = 500 * time.Millisecond // what a child is told to wait before it gets a place that is too deep
	easeEvery     = 200 * time.Millisecond // between two children that are asked to move because there are too many
	drainTime     = 2 * time.Second        // for the children to move before we go
	carriersFirst = drainTime / 4          // before those who carry nobody are asked to
)

// children is the part of a Place that lets children in.
type children struct {
	by    map[Peer]*child
	order []*child           // in the order in which they came
	fed   int                // that are fed
	going int                // of these, that are leaving
	admit time.Time          // when the next one is let in, were they let in evenly
	turns map[Peer]time.Time // of those who were told to wait

	swept    time.Time
	eased    time.Time
	load     Load
	loadTold time.Time
	warmTold time.Time
	holds    bool // see Hold
	draining bool
	drainBy  time.Time
	evidence []Evidence // to go up
}

// A child is a peer that is fed here, or would be.
type child struct {
	id      Peer
	entry   Entry
	hears   uint32
	rtt     time.Duration
	fed     bool
	welcome bool // it has its Accept
	leaving bool // it said so
	carry   uint32
	load    Load
	since   time.Time // when it came
	heard   time.Time // when its last message came
	moving  time.Time // when it was last asked to go
	asked   time.Time // likewise, because we go
	stayed  int       // times that it was asked to go because there are too many
	accused time.Time // when it may send evidence again, were what it sent spread out evenly
}

// Join decides about a child's Join, which the rules of the room allow. It is heard in slots, and rtt away. The answer is
// an Accept, whose other fields are the caller's to fill in, a Redirect, a Wait, or a Refuse. After an Accept has left, the
// caller calls Welcome. With a Redirect or Refuse the child goes.
func (p *Place) Join(from Entry, j Join, slots uint32, rtt time.Duration, now time.Time) any {
	id := Peer(from.Peer)
	i := p.trial(id)
	j.Avoid = j.Avoid[:min(len(j.Avoid), maxPath)]
	j.Carry = min(j.Carry, 1<<16) // whatever it says
	switch {
	case p.banned(id, now):
		return p.refuse("bad")
	case id == p.opt.Self || slices.Contains(p.path, id) || p.upper(id) != nil || i >= 0 && p.opt.Self < id:
		return p.refuse("loop")
	case i >= 0:
		p.out.Part(id, "loop")
		p.forget(i)
	}
	if c := p.by[id]; c != nil {
		p.dropChild(c) // it lost its connection, or changed its mind
	}
	c := &child{id: id, entry: from, hears: slots, rtt: rtt, carry: j.Carry, load: Load{0, j.Carry, j.Carry}, since: now, heard: now}
	if j.Warm {
		return p.joinWarm(c, j)
	}
	return p.joinFed(c, j, now)
}

// Hold says whether a listener who comes next gets a place though we have none, where we had one last: to wait there. Without
// that, there is no place below who has none.
func (p *Place) Hold(yes bool) { p.holds = yes }

func (p *Place) refuse(code string) Refuse {
	p.stats.Refused++
	return Refuse{Code: code}
}

func (p *Place) joinWarm(c *child, j Join) any {
	warm := len(p.order) - p.fed
	ok := p.placed() && !p.draining && !p.troubled && warm < 2*p.opt.Fanout
	if p.opt.Root {
		// Those who lose a relay and go on here stay until there is another: there is a place for each, and for whoever makes
		// places below itself some more.
		most := p.opt.Fanout
		if c.carry > 0 {
			most = p.most()
		}
		fed, _ := p.crowd()
		ok = ok && fed+warm < most
	}
	for _, raw := range j.Avoid {
		ok = ok && Peer(raw) != p.opt.Self && !slices.Contains(p.path, Peer(raw))
	}
	here := len(p.path) + 1
	if !ok || j.Depth > 0 && here < int(j.Depth) {
		// Who is deep finds its second parent deep too: places up here are for those who would sink with all below them, and for
		// those who have no other, below the only relay or after they asked in vain.
		if to := p.places(c, j.Avoid, true, c.since); len(to) > 0 && (j.Depth == 0 || here < int(j.Depth)) {
			p.stats.Redirects++
			return Redirect{To: to}
		}
	}
	if !ok || j.Depth > 0 && here > int(j.Depth) {
		return p.refuse("full")
	}
	p.addChild(c)
	return p.accept()
}

func (p *Place) joinFed(c *child, j Join, now time.Time) any {
	here := len(p.path) + 1
	switch {
	case j.Depth > 0 && (!p.placed() || p.troubled || p.draining || here >= int(j.Depth)):
		return p.refuse("no_better")
	case (!p.placed() || p.troubled) && !(p.holds && j.Carry == 0 && len(p.path) > 0):
		p.stats.Waits++
		return Wait{Millis: uint32(lostWait.Milliseconds())}
	case p.yields():
		p.stats.Redirects++
		return Redirect{To: []Entry{p.warm.entry}}
	case p.draining || here >= maxPath:
		return p.redirect(c, nil, false)
	}
	var victim *child
	if fed, going := p.crowd(); !p.isHeir(c.id) && (fed-going >= p.opt.Fanout || fed >= p.most()) {
		victim = p.givesWay(c, now)
		switch hops, ok := p.roomBelow(); {
		case victim != nil:
		case j.Depth > 0 && (here+1 >= int(j.Depth) || !p.lofty(c) && (!ok || here+1+hops >= int(j.Depth))):
			return p.refuse("no_better")
		default:
			return p.redirect(c, nil, false)
		}
	}
	var after time.Duration
	if here > p.opt.Depth {
		after = deepWait // somebody else may have a place that is less deep
	}
	if wait := p.turn(c.id, now, after); wait > 0 {
		p.stats.Waits++
		return Wait{Millis: uint32(wait.Milliseconds()) + 1}
	}
	if err := p.tree.AddChild(c.id, now); err != nil {
		return p.refuse("full")
	}
	p.tree.SetRTT(c.id, c.rtt)
	c.fed = true
	p.addChild(c)
	p.stats.Admitted++
	if victim != nil {
		p.move(victim, []Entry{c.entry}, now)
	}
	return p.accept()
}

// turn is how long a child has to wait until it is let in. Whoever comes in a crowd waits, because each has a snapshot to
// get, and a burst; it keeps its turn. after is how long everybody waits.
func (p *Place) turn(id Peer, now time.Time, after time.Duration) time.Duration {
	at, known := p.turns[id]
	if known && now.Sub(at) > maxWait {
		known = false
	}
	if !known {
		at = latest(p.admit, now.Add(-admitAtOnce*p.opt.Admit))
		p.admit = at.Add(p.opt.Admit)
		if after > 0 {
			at = latest(at, now.Add(after))
		}
	}
	if at.After(now) && len(p.turns) < 1<<12 {
		p.turns[id] = at
	} else {
		delete(p.turns, id)
	}
	return at.Sub(now)
}

func (p *Place) accept() Accept { return Accept{Depth: uint8(len(p.path) + 1), Path: p.down()} }

// Carries says that a child that is fed carries so many from now on, 0 for nobody. Where they are, its Load tells.
func (p *Place) Carries(id Peer, carry uint32) {
	if c := p.by[id]; c != nil {
		c.carry = min(carry, 1<<16)
		c.load = Load{}
	}
}

// Welcome begins to feed a child that has its Accept, and begins anew when it is called again: the child's link is a new one.
func (p *Place) Welcome(id Peer, now time.Time) {
	c := p.by[id]
	if c == nil {
		return
	}
	if c.welcome && c.fed { // what it has heard went by a link that is no more
		p.tree.RemoveChild(id)
		_ = p.tree.AddChild(id, now)
		p.tree.SetRTT(id, c.rtt)
	}
	c.welcome = true
	p.Hears(id, c.hears, now)
	if c.fed && (!p.placed() || p.troubled) {
		p.out.Tell(c.id, Stall{}) // it is fed as soon as we are
	}
	p.tellOthers(c)
}

// Hears says which slots a child hears from now on.
func (p *Place) Hears(id Peer, slots uint32, now time.Time) {
	c := p.by[id]
	if c == nil {
		return
	}
	c.hears = slots
	switch {
	case !c.welcome:
	case c.fed:
		_ = p.tree.Subscribe(id, slots, now)
	case slots == 0:
		p.tree.RemoveChild(id)
	default:
		_ = p.tree.AddWarm(id, slots, now) // it is no parent: Join saw to that
	}
}

func (p *Place) addChild(c *child) {
	p.by[c.id] = c
	p.order = append(p.order, c)
	if c.fed {
		p.fed++
	}
}

func (p *Place) dropChild(c *child) {
	delete(p.by, c.id)
	p.order = slices.DeleteFunc(p.order, func(d *child) bool { return c == d })
	p.rest(c)
	p.tree.RemoveChild(c.id)
}

// rest notes that a child is not fed any more.
func (p *Place) rest(c *child) {
	if c.fed {
		p.fed--
	}
	if c.leaving {
		p.going--
	}
	c.fed, c.leaving = false, false
}

// roomBelow is how many hops below a fed child the nearest place is, if there is one.
func (p *Place) roomBelow() (hops int, ok bool) {
	for _, c := range p.order {
		if c.fed && !c.leaving && c.load.Free > 0 && (!ok || int(c.load.Hops) < hops) {
			hops, ok = int(c.load.Hops), true
		}
	}
	return hops, ok
}

// lofty reports whether somebody carries so many, compared with us or at all, that others make room for it up here, or among
// our children.
func (p *Place) lofty(c *child) bool {
	return c.carry > 0 && c.carry >= min(uint32(p.opt.Fanout+1)/2, manyKids)
}

// givesWay is the child that makes room for c, nil for none. Whoever carries few is worth that only if the places below are
// so deep that it could carry nobody there.
func (p *Place) givesWay(c *child, now time.Time) *child {
	if fed, _ := p.crowd(); c.carry == 0 || fed >= p.most() || len(p.path)+1 >= p.opt.Depth {
		return nil
	}
	if hops, ok := p.roomBelow(); ok && !p.lofty(c) && len(p.path)+2+hops < p.opt.Depth {
		return nil
	}
	return p.leastOf(c.carry, now)
}

// leastOf is the child that gives way to somebody who carries so many: one that carries least, and less than half as many
// if nobody is below it, or a quarter if somebody is, who has to move too.
func (p *Place) leastOf(carry uint32, now time.Time) *child {
	var least *child
	for _, c := range p.order {
		weight := c.carry * 2
		if c.load.Hops > 0 || c.load.Free < c.carry {
			weight *= 2
		}
		if c.fed && !p.isHeir(c.id) && weight < carry && now.Sub(c.moving) > moveEvery && (least == nil || c.carry < least.carry) {
			least = c
		}
	}
	return least
}

// score is how good a place below a child would be.
func (c *child) score(now time.Time) float64 {
	up := min(now.Sub(c.since), time.Minute) + time.Second // most who leave do so early
	return float64(c.load.Free) * up.Seconds() / max(c.rtt, time.Millisecond).Seconds()
}

// redirect names children that may have a place for c, by chance in proportion to their score: a crowd spreads.
func (p *Place) redirect(c *child, avoid [][]byte, warm bool) any {
	to := p.places(c, avoid, warm, c.since)
	if len(to) == 0 {
		return p.refuse("full")
	}
	p.stats.Redirects++
	return Redirect{To: to}
}

func (p *Place) places(asker *child, avoid [][]byte, warm bool, now time.Time) []Entry {
	type choice struct {
		c   *child
		key float64
	}
	var list []choice
	nearest := uint8(math.MaxUint8)
	for _, c := range p.order {
		if c.fed && c.load.Free > 0 && c.id != asker.id {
			nearest = min(nearest, c.load.Hops)
		}
	}
	anywhere := !warm && nearest == math.MaxUint8 // places that are too deep are better than none
	lofty := !warm && nearest > 0 && p.lofty(asker)
	for _, c := range p.order {
		if !c.fed || c.leaving || c.id == asker.id || c.carry == 0 || now.Sub(c.moving) < moveEvery {
			continue
		}
		if slices.ContainsFunc(avoid, func(b []byte) bool { return bytes.Equal(b, []byte(c.id)) }) {
			continue
		}
		var score float64
		switch {
		case lofty && 2*c.carry >= asker.carry: // there somebody makes room
			score = float64(c.carry)
		case c.load.Hops == nearest:
			score = c.score(now)
		}
		if warm || anywhere {
			score += float64(c.carry)
		}
		if score > 0 {
			list = append(list, choice{c, -math.Log(1-p.rng.Float64()) / score})
		}
	}
	slices.SortFunc(list, func(a, b choice) int { return cmp.Compare(a.key, b.key) })
	var to []Entry
	for _, l := range list[:min(len(list), MaxEntries)] {
		e := l.c.entry
		e.Free = l.c.load.Free
		to = append(to, e)
	}
	if len(list) > 0 && !warm && !lofty && list[0].c.load.Free > 0 {
		list[0].c.load.Free-- // until it says how many there are
	}
	return to
}

// move asks a child to go elsewhere.
func (p *Place) move(c *child, to []Entry, now time.Time) {
	c.moving = now
	p.out.Tell(c.id, Drain{To: to})
}

// hearChild takes a message of a child.
func (p *Place) hearChild(c *child, m any, now time.Time) {
	c.heard = now
	switch m := m.(type) {
	case Load:
		if !c.leaving && c.carry > 0 {
			c.load = m
		}
	case Resume:
		p.hearResume(c, m, now)
	case Rest:
		if c.fed && p.tree.AddWarm(c.id, c.hears, now) == nil {
			p.rest(c)
		}
	case Drain:
		if c.fed && !c.leaving {
			c.leaving, c.load = true, Load{}
			p.going++
		}
	case Evidence:
		p.forward(c, m, now)
	case Bye:
		p.dropChild(c)
		p.out.Part(c.id, "")
	}
}

// hearResume feeds a warm child that lost its parent, even if there are too many children for the moment.
func (p *Place) hearResume(c *child, m Resume, now time.Time) {
	fed, _ := p.crowd()
	most := p.most()
	if p.opt.Root && c.carry == 0 {
		most-- // for a relay that comes back
	}
	switch {
	case c.fed:
	case !p.placed() || p.draining || fed >= most && !p.isHeir(c.id) || p.tree.AddChild(c.id, now) != nil:
		p.stats.Refused++
		p.out.Tell(c.id, Refuse{Code: "full"})
		p.dropChild(c)
	default:
		c.fed, c.since, c.welcome = true, now, true
		p.fed++
		p.tree.SetRTT(c.id, c.rtt)
		_ = p.tree.Resume(c.id, c.hears, m.Next[:min(len(m.Next), int(MaxSlot)+1)], now)
		p.tellOthers(c)
		if p.troubled {
			p.out.Tell(c.id, Stall{}) // it is fed as soon as we are
		}
	}
}

// announce tells every child where it is now, and whom it may ask.
func (p *Place) announce() {
	path := Path{Depth: uint8(len(p.path) + 1), Path: p.down()}
	for _, c := range p.order {
		p.out.Tell(c.id, path)
		p.tellOthers(c)
	}
}

// tellOthers tells a child that could carry others whom to ask when we fail: those who feed us.
func (p *Place) tellOthers(c *child) {
	if !c.fed {
		return
	}
	var to []Entry
	for _, u := range [...]*upper{p.hot, p.warm} {
		if u != nil {
			to = append(to, u.entry)
		}
	}
	if len(to) > 0 {
		p.out.Tell(c.id, Others{To: to})
	}
}

// tellStall tells the children that we hear nothing and see to it, once a second.
func (p *Place) tellStall(now time.Time) {
	if now.Sub(p.stallTold) < time.Second {
		return
	}
	p.stallTold = now
	for _, c := range p.order {
		p.out.Tell(c.id, Stall{})
	}
}

// Drain has the children move elsewhere, because this node wants to go. The caller parts when Drained says so.
func (p *Place) Drain(now time.Time) {
	if p.draining {
		return
	}
	p.draining, p.drainBy = true, now.Add(drainTime)
	p.stopSeeking()
	if p.hot != nil {
		p.out.Tell(p.hot.id, Drain{})
	}
	p.clear(now)
}

// clear asks the children of a node that drains to move, and again those who are still here. Whoever carries others goes first:
// there may be just one place where all of them find theirs, and one who carries nobody must not take it.
func (p *Place) clear(now time.Time) {
	first := now.Before(p.drainBy.Add(carriersFirst-drainTime)) &&
		slices.ContainsFunc(p.order, func(c *child) bool { return c.fed && c.carry > 0 })
	for _, c := range p.order {
		if (!first || !c.fed || c.carry > 0) && now.Sub(c.asked) >= drainTime {
			c.asked = now
			p.move(c, nil, now)
		}
	}
}

// Drained reports whether a node that drains has nobody left to feed, or waited long enough.
func (p *Place) Drained(now time.Time) bool {
	return p.draining && (p.fed == 0 || !now.Before(p.drainBy))
}

// tend looks after the children, and tells the parents that we are alive.
func (p *Place) tend(now time.Time) {
	if now.Sub(p.swept) >= loadEvery {
		p.swept = now
		maps.DeleteFunc(p.turns, func(_ Peer, at time.Time) bool { return now.Sub(at) > maxWait })
		maps.DeleteFunc(p.failed, func(_ Peer, until time.Time) bool { return !now.Before(until) })
		for _, c := range slices.Clone(p.order) {
			limit := childSilence
			if !c.fed {
				limit *= 4
			}
			if q := p.tree.peers[c.id]; now.Sub(c.heard) > limit && (q == nil || now.Sub(q.heard) > limit) {
				p.out.Part(c.id, "silent")
				p.dropChild(c)
			}
		}
	}
	if fed, _ := p.crowd(); fed > p.opt.Fanout && !p.draining && now.Sub(p.eased) >= easeEvery {
		p.eased = now
		p.ease(now)
	}
	if p.draining {
		p.clear(now)
	}
	p.tellLoad(now)
}

// ease asks the child to move that is the least loss, while there are too many, and then another if that one cannot: whoever is its
// second parent may have it for its own, and neither feeds the other then.
func (p *Place) ease(now time.Time) {
	var least *child
	moving := 0
	for _, c := range p.order {
		switch {
		case !c.fed || p.isHeir(c.id):
		case c.leaving || now.Sub(c.moving) < moveEvery:
			moving++
		case least == nil || cmp.Or(cmp.Compare(c.stayed, least.stayed), cmp.Compare(c.carry, least.carry), least.since.Compare(c.since)) < 0:
			least = c
		}
	}
	if fed, _ := p.crowd(); least == nil || fed-moving <= p.opt.Fanout {
		return
	}
	to := p.places(least, nil, false, now)
	if p.hot != nil { // where a place no deeper than here may be found
		to = append([]Entry{p.hot.entry}, to[:min(len(to), MaxEntries-1)]...)
	}
	if len(to) > 0 {
		least.stayed++
		p.move(least, to, now)
	}
}

// tellLoad tells the hot parent how many places there are, when that changed, and both that we are alive.
func (p *Place) tellLoad(now time.Time) {
	if p.hot == nil {
		return
	}
	since := now.Sub(p.loadTold)
	if since < loadEvery {
		return
	}
	l := p.Load()
	if l == p.load && since < speakEvery {
		return
	}
	p.load, p.loadTold = l, now
	p.out.Tell(p.hot.id, l)
	if p.warm != nil && now.Sub(p.warmTold) >= 4*speakEvery {
		p.warmTold = now
		p.out.Tell(p.warm.id, Load{})
	}
}

// Load is where there are places, here and below.
func (p *Place) Load() Load {
	var l Load
	if len(p.path) < p.opt.Depth && !p.draining && !p.yields() {
		fed, _ := p.crowd()
		l.Free = uint32(max(p.opt.Fanout-fed, 0))
	}
	l.All = l.Free
	for _, c := range p.order {
		if !c.fed || c.load.All == 0 {
			continue
		}
		all := min(c.load.All, 1<<20) // whatever a child says
		l.All += all
		switch hops := min(c.load.Hops, maxPath) + 1; {
		case l.Free == 0 || hops < l.Hops:
			l.Hops, l.Free = hops, min(c.load.Free, all)
		case hops == l.Hops:
			l.Free += min(c.load.Free, all)
		}
	}
	return l
}

// Feeds is how many children are fed, and Fed whether a peer is one of them.
func (p *Place) Feeds() int { return p.fed }

// Fed reports whether a peer is a child that is fed.
func (p *Place) Fed(id Peer) bool { return p.by[id] != nil && p.by[id].fed }

// EntryPoints are up to n children that are worth announcing: those who carry most and have been here longest.
func (p *Place) EntryPoints(n int) []Entry {
	list := slices.DeleteFunc(slices.Clone(p.order), func(c *child) bool { return !c.fed || c.leaving || c.carry == 0 })
	slices.SortStableFunc(list, func(a, b *child) int { return cmp.Or(cmp.Compare(b.carry, a.carry), a.since.Compare(b.since)) })
	var to []Entry
	for _, c := range list[:min(n, len(list))] {
		e := c.entry
		e.Free = c.load.All
		to = append(to, e)
	}
	return to
}
