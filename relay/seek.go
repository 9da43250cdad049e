package relay

import (
	"slices"
	"time"
)

const (
	stagger    = 100 * time.Millisecond // between two peers that are asked at once
	maxTrials  = 3                      // peers asked at once, of those who may still answer soon
	soonIn     = 250 * time.Millisecond // is who lives
	allTrials  = 3 * maxTrials          // peers asked at once in all
	maxHops    = 3                      // redirects followed
	failedFor  = 2 * time.Second        // a peer that gave no place is not asked again
	maxWait    = 2 * time.Second        // that a peer may have us wait
	maxWaits   = 4                      // times that it may do so
	maxPause   = time.Second            // between two rounds in which all are asked in vain
	warmAfter  = time.Second            // of sound, before a second parent is looked for
	climbEvery = 30 * time.Second       // who carries manyKids looks for a place nearer to the root
	manyKids   = 16                     // whoever carries so many belongs near the root
	sinkEvery  = 2 * time.Second        // whoever is too deep does
)

// An aim is what a peer is asked for.
type aim uint8

const (
	toFeed  aim = iota // a place
	toWarm             // a warm one
	toClimb            // a place nearer to the root
)

// A seeker is the part of a Place that asks peers for a place.
type seeker struct {
	sought   bool        // Seek was called
	entries  []Entry     // where the room is known to be
	others   []Entry     // whom the parent told of
	queue    []candidate // for toFeed, the next first
	trials   []*trial
	failed   map[Peer]time.Time // when to ask again
	nextAt   time.Time          // when the next one for toFeed may be asked
	rounds   int                // in which all were asked in vain
	led      int                // times that redirects led nowhere
	warmAt   time.Time          // when to look for a warm parent
	warmTry  int                // times in vain
	climbAt  time.Time
	climbTry int // times that a place nearer to the root was looked for, here
}

// A candidate may have a place.
type candidate struct {
	entry Entry
	hops  int // redirects that led to it
}

// A trial is a peer that was asked.
type trial struct {
	candidate
	id    Peer
	aim   aim
	asked time.Time
	again time.Time // when to ask again; zero unless it said Wait
	waits int       // times that it did
}

// Seek says where the room can be entered, and has the place look for a parent if it has none. Call it again when that
// changes.
func (p *Place) Seek(entries []Entry, now time.Time) {
	p.sought, p.entries = true, entries
	if p.hot == nil {
		p.act(now)
	}
	p.search(now)
}

// Again has everybody asked once more who gave no place a moment ago: things have changed.
func (p *Place) Again(now time.Time) {
	clear(p.failed)
	p.nextAt = now
}

func (p *Place) trial(id Peer) int {
	return slices.IndexFunc(p.trials, func(t *trial) bool { return t.id == id })
}

func (p *Place) asking(a aim) (n int) {
	for _, t := range p.trials {
		if t.aim == a {
			n++
		}
	}
	return n
}

// search asks whoever is to be asked now.
func (p *Place) search(now time.Time) {
	if !p.sought || p.draining {
		return
	}
	for i := len(p.trials) - 1; i >= 0; i-- {
		switch t := p.trials[i]; {
		case t.again.IsZero() && now.Sub(t.asked) > p.opt.Answer:
			p.out.Part(t.id, "late")
			p.fail(i, now)
		case !t.again.IsZero() && !now.Before(t.again):
			t.asked, t.again = now, time.Time{}
			p.out.Dial(t.entry, p.question(t.aim))
		}
	}
	switch {
	case p.seeking:
		p.seekParent(now)
	case p.hot == nil || p.trouble(now):
	case p.isFar() && p.asking(toClimb) == 0 && !now.Before(p.nearAt):
		p.seekRoot(now)
	case (p.warm == nil || p.warmIsDeep()) && p.asking(toWarm) == 0 && !now.Before(p.warmAt):
		p.seekWarm(now)
	case p.asking(toClimb) == 0 && p.asking(toWarm) == 0 && !now.Before(p.climbAt):
		p.seekClimb(now)
	}
}

// question is the Join that asks for a.
func (p *Place) question(a aim) Join {
	j := Join{Carry: uint32(p.opt.Fanout)}
	switch a {
	case toWarm:
		j.Warm = true
		if len(p.path) > 1 { // the root is on every path: who is fed by it goes round what lies between
			j.Avoid = [][]byte{[]byte(p.hot.peer())}
			if p.warmTry < 3 || p.warm != nil {
				for _, q := range p.path[1 : len(p.path)-1] {
					j.Avoid = append(j.Avoid, []byte(q))
				}
			}
		}
		if p.warmTry < 2 || p.warm != nil {
			j.Depth = uint8(max(len(p.path), 2)) // there is but one root
		}
	case toClimb:
		j.Depth = uint8(len(p.path))
	}
	return j
}

func (p *Place) ask(c candidate, a aim, now time.Time) {
	p.trials = append(p.trials, &trial{candidate: c, id: Peer(c.entry.Peer), aim: a, asked: now})
	p.out.Dial(c.entry, p.question(a))
}

// askable reports whether a peer may be asked for a place now.
func (p *Place) askable(e Entry, now time.Time) bool {
	id := Peer(e.Peer)
	if id == "" || id == p.opt.Self || p.by[id] != nil || p.upper(id) != nil || p.trial(id) >= 0 || p.banned(id, now) {
		return false
	}
	until, failed := p.failed[id]
	if failed && !now.Before(until) {
		delete(p.failed, id)
		failed = false
	}
	return !failed
}

// seekParent keeps up to maxTrials peers asked, one more each stagger. Whoever lost its parent does not wait for those who
// do not answer soon: they may be gone for the same reason.
func (p *Place) seekParent(now time.Time) {
	hopeful, soon := 0, p.opt.Answer
	if p.path != nil && (p.hot == nil || p.troubled) {
		soon = soonIn
	}
	for _, t := range p.trials {
		if t.aim == toFeed && (!t.again.IsZero() && t.waits < maxWaits/2 || t.again.IsZero() && now.Sub(t.asked) <= soon) {
			hopeful++
		}
	}
	if now.Before(p.nextAt) || hopeful >= maxTrials || p.asking(toFeed) >= allTrials {
		return
	}
	for {
		for len(p.queue) > 0 {
			c := p.queue[0]
			p.queue = p.queue[1:]
			if p.askable(c.entry, now) {
				p.ask(c, toFeed, now)
				p.nextAt = now.Add(stagger)
				return
			}
		}
		if !p.refill(now) {
			if hopeful == 0 {
				p.rounds++
				pause := min(stagger<<min(p.rounds, 5), maxPause)
				p.nextAt = now.Add(pause/2 + time.Duration(p.rng.Int64N(int64(pause))))
				clear(p.failed)
			} else {
				p.nextAt = now.Add(stagger)
			}
			return
		}
	}
}

// refill queues everybody known who may be asked, and reports whether there is anybody.
func (p *Place) refill(now time.Time) bool {
	for _, list := range [][]Entry{p.others, p.entries} {
		from := len(p.queue)
		for _, e := range list {
			known := slices.ContainsFunc(p.queue, func(c candidate) bool { return string(c.entry.Peer) == string(e.Peer) })
			if !known && p.askable(e, now) {
				p.queue = append(p.queue, candidate{entry: e})
			}
		}
		added := p.queue[from:]
		p.rng.Shuffle(len(added), func(i, j int) { added[i], added[j] = added[j], added[i] })
	}
	if p.rounds > 2 && len(p.queue) > 2 { // nobody can be reached: a few tell when that is over
		p.rng.Shuffle(len(p.queue), func(i, j int) { p.queue[i], p.queue[j] = p.queue[j], p.queue[i] })
		p.queue = p.queue[:2]
	}
	return len(p.queue) > 0
}

// pick chooses one of the entries that may be asked.
func (p *Place) pick(list []Entry, now time.Time) (Entry, bool) {
	if len(list) == 0 {
		return Entry{}, false
	}
	from := p.rng.IntN(len(list))
	for i := range list {
		if e := list[(from+i)%len(list)]; p.askable(e, now) {
			return e, true
		}
	}
	return Entry{}, false
}

func (p *Place) seekWarm(now time.Time) {
	if e, ok := p.pick(p.entries, now); ok {
		p.ask(candidate{entry: e}, toWarm, now)
		return
	}
	if e, ok := p.pick(p.others, now); ok {
		p.ask(candidate{entry: e}, toWarm, now)
		return
	}
	p.warmFailed(now)
}

// warmIsDeep reports whether all below us would sink if the warm parent had to feed us: it is from before we rose.
func (p *Place) warmIsDeep() bool {
	return p.fed > 0 && p.warm.idle() && len(p.warm.path) > max(len(p.hot.path), 1)
}

func (p *Place) warmFailed(now time.Time) {
	p.warmTry++
	pause := warmAfter << min(p.warmTry, 5)
	p.warmAt = now.Add(pause/2 + time.Duration(p.rng.Int64N(int64(pause))))
}

// seekClimb asks the grandparent, or an entry point, for a place less deep.
func (p *Place) seekClimb(now time.Time) {
	p.climbLater(now)
	edge := len(p.path) >= p.opt.Depth
	if !edge && (p.opt.Fanout == 0 || len(p.path) < 3) {
		return
	}
	list := p.others[:min(len(p.others), 1)]
	if edge || len(list) == 0 || p.climbTry%2 == 1 {
		list = p.entries
	}
	p.climbTry++
	if e, ok := p.pick(list, now); ok {
		p.ask(candidate{entry: e}, toClimb, now)
	}
}

// climbLater puts off the next look for a better place: whoever carries many is soon there, whoever is as deep as is wanted
// too, because it sinks too deep when anybody above it does, and whoever is too deep sooner.
func (p *Place) climbLater(now time.Time) {
	every := climbEvery * manyKids / time.Duration(min(max(p.opt.Fanout, manyKids/4), 4*manyKids))
	if len(p.path) == p.opt.Depth {
		every = min(every, climbEvery/2)
	}
	every <<= min(p.climbTry/2, 3)
	if len(p.path) > p.opt.Depth {
		every = sinkEvery
	}
	p.climbAt = now.Add(every/2 + time.Duration(p.rng.Int64N(int64(every))))
}

// askAgain has a parent that went be asked next, if nobody could be reached for a while: it may have been out of reach itself,
// taken us for gone, and now be the first to say that the way is open again.
func (p *Place) askAgain(u *upper, now time.Time) {
	if p.rounds == 0 || p.hot != nil {
		return
	}
	delete(p.failed, u.id)
	p.queue = append([]candidate{{entry: u.entry}}, p.queue...)
	p.nextAt = now.Add(time.Duration(p.rng.Int64N(int64(stagger))))
}

// forget takes a trial out of the list.
func (p *Place) forget(i int) *trial {
	t := p.trials[i]
	p.trials = slices.Delete(p.trials, i, i+1)
	return t
}

// fail ends a trial in vain.
func (p *Place) fail(i int, now time.Time) {
	t := p.forget(i)
	p.failed[t.id] = now.Add(failedFor)
	switch t.aim {
	case toFeed:
		p.nextAt = now
		if t.hops > 0 && len(p.queue) == 0 {
			p.ledNowhere(now)
		}
	case toWarm:
		p.warmFailed(now)
	}
}

// hearTrial takes the answer of a peer that was asked.
func (p *Place) hearTrial(i int, m any, now time.Time) {
	t := p.trials[i]
	switch m := m.(type) {
	case Accept:
		path, ok := p.readPath(t.id, m.Path)
		for _, q := range path {
			ok = ok && !p.banned(q, now)
		}
		if !ok {
			p.out.Part(t.id, "loop")
			p.fail(i, now)
			return
		}
		p.forget(i)
		p.accepted(&upper{id: t.id, entry: t.entry, path: path, since: now}, t.aim, now)
	case Redirect:
		p.out.Part(t.id, "")
		if t.hops >= maxHops || len(m.To) == 0 {
			p.fail(i, now)
			return
		}
		p.forget(i)
		p.follow(t, m.To[:min(len(m.To), MaxEntries)], now)
	case Wait:
		if t.waits == maxWaits {
			p.out.Part(t.id, "late")
			p.fail(i, now)
			return
		}
		wait := time.Duration(min(max(m.Millis, 1), uint32(maxWait/time.Millisecond))) * time.Millisecond
		t.again = now.Add(min(wait<<min(t.waits, 2), maxWait)) // longer and longer: half the room may wait for the other half
		if t.waits++; t.waits == 1 && p.path == nil {          // it has a turn for us: newcomers who take one everywhere keep others waiting
			p.nextAt = latest(p.nextAt, now.Add(min(wait, maxPause)))
		}
	case Refuse, Bye:
		p.out.Part(t.id, "")
		p.fail(i, now)
	}
}

// ledNowhere waits a little after redirects that came to nothing: whoever sent us there would do so again.
func (p *Place) ledNowhere(now time.Time) {
	p.led++
	p.nextAt = now.Add(min(time.Duration(p.led+1)*stagger/2, time.Second))
}

// follow asks whom a peer named instead of itself.
func (p *Place) follow(t *trial, to []Entry, now time.Time) {
	if t.aim != toFeed {
		for _, e := range to {
			if p.askable(e, now) {
				p.ask(candidate{e, t.hops + 1}, t.aim, now)
				return
			}
		}
		if t.aim == toWarm {
			p.warmFailed(now)
		}
		return
	}
	if len(p.queue) == 0 && !slices.ContainsFunc(to, func(e Entry) bool { return p.askable(e, now) }) {
		p.led++
		p.nextAt = now.Add(stagger) // there may be others below it in a moment
		return
	}
	next := make([]candidate, 0, len(to)+len(p.queue))
	for _, e := range to {
		next = append(next, candidate{e, t.hops + 1})
	}
	p.queue = append(next, p.queue...)
	if len(p.queue) > 32 {
		p.queue = p.queue[:32]
	}
	p.nextAt = now
}
