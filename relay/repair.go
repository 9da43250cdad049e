package relay

import (
	"math/bits"
	"time"
)

// authAfter is how long a frame waits for its auth before the auth is asked for: a batch, a bundle, and some.
const authAfter = (AuthBatch + 6) * FrameDuration

// pauseAfter is how long a stream is silent before beacons tell its last number: longer than a packet that was lost.
func (t *Tree) pauseAfter() time.Duration { return time.Duration(1+2*t.opt.Bundle) * FrameDuration }

// Tick asks for what is missing, sends what waited for a bundle, and beacons. Call it every 5 to 25 ms, and the sooner while
// something is Missing.
func (t *Tree) Tick(now time.Time) {
	t.sendWaiting(now)
	t.settle(now)
	for slot, s := range t.streams {
		if !t.isHeard(s, now) {
			continue
		}
		source := s.from
		if source == nil {
			source = t.parent
		}
		if source == nil {
			continue
		}
		t.askFor(source, Slot(slot), s, now)
	}
	for _, p := range t.order {
		t.beacon(p, now)
	}
}

// isHeard reports whether a stream comes from somebody else, now or a moment ago.
func (t *Tree) isHeard(s *stream, now time.Time) bool {
	return s != nil && s.started && (s.own.IsZero() || now.Sub(s.own) > t.opt.Ring)
}

// Missing reports whether a frame is missing that may yet come.
func (t *Tree) Missing(now time.Time) bool {
	for _, s := range t.streams {
		if t.isHeard(s, now) && s.missing > 0 {
			return true
		}
	}
	return false
}

// askFor asks for what is missing of a stream: whoever sends it, and every second time the other parent, if there is one
// and it should have that by now.
func (t *Tree) askFor(source *peer, slot Slot, s *stream, now time.Time) {
	var other *peer
	var has uint64 // what the other has, lower than this
	switch {
	case t.strange:
	case source == t.parent && t.spare != nil && t.spare.have.of(slot) > 0:
		other = t.spare
		has = other.have.of(slot) + uint64(now.Sub(other.haveAt)/FrameDuration)
	case source == t.spare && t.parent != nil:
		other, has = t.parent, noNumber // it may be late, or silent: asking costs little
	}
	t.askFrames(source, slot, s, now, func(number uint64, tries int) bool { return tries%2 == 0 || number >= has })
	t.askAuths(source, slot, s, now, func(number uint64, tries int) bool { return tries%2 == 0 || number >= has })
	t.send(source)
	if other != nil {
		t.askFrames(other, slot, s, now, func(number uint64, tries int) bool { return tries%2 == 1 && number < has })
		t.askAuths(other, slot, s, now, func(number uint64, tries int) bool { return tries%2 == 1 && number < has })
		t.send(other)
	}
}

// askFrames asks a peer for the missing frames whose time and whose turn has come.
func (t *Tree) askFrames(of *peer, slot Slot, s *stream, now time.Time, turn func(number uint64, tries int) bool) {
	if s.missing == 0 {
		return
	}
	open := false // the last range may go on
	for i := s.oldest(); ; i++ {
		e := s.find(i)
		switch {
		case e == nil || e.askAt.IsZero() || now.Before(e.askAt):
			open = false
		case e.tries >= t.opt.Retries:
			s.settle(e)
			t.stats.Lost++
			open = false
		case !turn(i, e.tries):
			open = false
		default:
			e.tries++
			e.askAt = now.Add(t.opt.Retry)
			t.stats.Asked++
			if open {
				t.pkt.Resends[len(t.pkt.Resends)-1].To = i
			} else {
				t.ask(of, Range{Slot: slot, From: i, To: i})
				open = true
			}
		}
		if i == s.head {
			return
		}
	}
}

// askAuths asks a peer for the auth of the lowest frame that should have one by now.
func (t *Tree) askAuths(of *peer, slot Slot, s *stream, now time.Time, turn func(number uint64, tries int) bool) {
	s.signed = max(s.signed, s.oldest())
	unsigned := func(number uint64) bool {
		e := s.find(number)
		return e != nil && e.here && !e.covered && (s.topAuth > number || now.Sub(e.came) > authAfter)
	}
	for !unsigned(s.signed) {
		e := s.find(s.signed)
		if s.signed >= s.head || e != nil && e.here && !e.covered {
			return // not due yet
		}
		s.signed++
		s.authTry = 0
	}
	if s.authTry > 0 && now.Before(s.authAt) || !turn(s.signed, s.authTry) {
		return
	}
	to := s.signed
	for to < s.head && unsigned(to+1) {
		to++
	}
	if s.authTry == t.opt.Retries {
		t.stats.Unsigned += to - s.signed + 1
		for i := s.signed; i <= to; i++ {
			s.find(i).covered = true // enough: nobody has it
		}
		return
	}
	s.authTry++
	s.authAt = now.Add(t.opt.Retry)
	t.stats.AskedAuth++
	t.ask(of, Range{Slot: slot, From: s.signed, To: to, AuthsOnly: true})
}

// pull asks the spare parent for all that it has of what the parent sent until it fell silent. It is a datagram: what is asked
// for by a stream waits where a packet of that was lost.
func (t *Tree) pull(now time.Time) {
	if t.spare == nil || t.strange {
		return
	}
	for slot, s := range t.streams {
		if !t.isHeard(s, now) || now.Sub(s.fresh) > t.opt.Ring || s.from != nil && !t.isParent(s.from) {
			continue
		}
		if s.head <= noNumber-uint64(t.frames) {
			t.ask(t.spare, Range{Slot: Slot(slot), From: s.head + 1, To: s.head + uint64(t.frames)})
		}
	}
	t.send(t.spare)
}

func (t *Tree) ask(of *peer, r Range) {
	if len(t.pkt.Resends) == maxResends {
		t.send(of)
	}
	t.pkt.Resends = append(t.pkt.Resends, r)
}

// resend answers a request with what is in the ring.
func (t *Tree) resend(p *peer, r Range, now time.Time) {
	if r.Slot > MaxSlot || r.To < r.From {
		t.drop(malformed)
		return
	}
	if p != t.parent && (p.sub|p.warm)&bit(r.Slot) == 0 && !t.isOurs(p, r.Slot) {
		t.drop(notSubscribed)
		return
	}
	s := t.streams[r.Slot]
	if s == nil || !s.started || r.From > s.head {
		t.drop(notHere)
		return
	}
	t.refill(p, now)
	from, to := max(r.From, s.oldest()), min(r.To, s.head)
	if r.AuthsOnly {
		to = min(s.head, to+min(AuthBatch-1, s.head-to)) // the auth lies beside the last frame that it covers
	}
	for i := from; i <= to; i++ {
		e := s.find(i)
		item := ref{slot: r.Slot, number: i, again: true}
		if e != nil {
			item.frame = e.here && !r.AuthsOnly
			item.auth = e.hasAuth && (!r.AuthsOnly || e.auth.First <= r.To)
		}
		switch {
		case !item.frame && !item.auth:
			if !r.AuthsOnly {
				t.drop(notHere)
			}
		case item.frame && e.from != p && p.sub&bit(r.Slot) != 0 && now.Sub(e.came) < p.rtt:
			t.drop(onItsWay)
		case p.budget < 1:
			t.drop(resendLimited)
		default:
			p.budget--
			p.pend = append(p.pend, item)
			t.stats.Resent++
		}
		if i == to {
			break
		}
	}
}

// budget is how many frames a peer may ask for at once: all that is kept of every stream it hears, and one more for
// what comes up from us. It fills again at half that each second, so that requests cannot cost us more than the streams, and
// at an eighth where the path is full already.
func (t *Tree) budget(p *peer) float64 {
	return float64(t.frames * (1 + bits.OnesCount32(p.sub|p.warm)))
}

func (t *Tree) refill(p *peer, now time.Time) {
	full, share := t.budget(p), 2.0
	if p.loss > lossMuch {
		share = 8
	}
	p.budget = min(full, p.budget+full/share*max(now.Sub(p.budgetAt).Seconds(), 0))
	p.budgetAt = now
}

// beacon tells a peer the last number of each paused stream that it hears, so that it misses the end of it, and a warm
// child that of every stream.
func (t *Tree) beacon(p *peer, now time.Time) {
	if now.Before(p.beaconAt) {
		return
	}
	pause := t.pauseAfter()
	p.beaconAt = now.Add(t.opt.Beacon)
	if p.warm != 0 {
		pause = 0
		p.beaconAt = now.Add(t.opt.Warm)
	}
	for slot, s := range t.streams {
		if s == nil || !s.started || s.from == p || !t.hasUse(p, Slot(slot), s) {
			continue
		}
		if quiet := now.Sub(s.fresh); quiet >= pause && quiet < t.opt.Ring {
			t.pkt.Beacons = append(t.pkt.Beacons, Beacon{Slot: Slot(slot), Last: s.head})
		}
	}
	t.send(p)
}

// hasUse reports whether a peer has use for knowing how far a stream has come here.
func (t *Tree) hasUse(p *peer, slot Slot, s *stream) bool {
	switch {
	case p == t.parent:
		return s.from != nil && t.isBelow(s.from) || !s.own.IsZero()
	case t.isOurs(p, slot):
		return true
	}
	return (p.sub|p.warm)&bit(slot) != 0
}

// hearBeacon expects the frames up to the one that a peer says was the last. What the spare parent has, the parent may be
// about to send.
func (t *Tree) hearBeacon(src *peer, b Beacon, now time.Time) {
	if b.Slot > MaxSlot {
		t.drop(malformed)
		return
	}
	if !t.may(src, b.Slot, now) {
		t.drop(notAllowed)
		return
	}
	*src.have.at(b.Slot), src.haveAt = b.Last, now
	if src == t.spare {
		return
	}
	s := t.streams[b.Slot]
	if s == nil || !s.started || b.Last <= s.head {
		return // what we never heard of came before our time
	}
	if b.Last-s.head >= uint64(t.frames) {
		t.drop(beaconAhead)
		return
	}
	t.reach(s, b.Last, src, now)
}
