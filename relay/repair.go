package relay

import (
	"math/bits"
	"time"
)

// authAfter is how long a frame waits for its auth before the auth is asked for: a batch, a bundle, and some.
const authAfter = (AuthBatch + 6) * FrameDuration

// pauseAfter is how long a stream is silent before beacons tell its last number.
const pauseAfter = 3 * FrameDuration

// Tick asks for what is missing, sends what waited for a bundle, and beacons. Call it every 5 to 20 ms.
func (t *Tree) Tick(now time.Time) {
	t.sendWaiting(now)
	t.settle(now)
	for slot, s := range t.streams {
		if s == nil || !s.started || now.Sub(s.own) <= t.opt.Ring && !s.own.IsZero() {
			continue
		}
		source := s.from
		if source == nil {
			source = t.parent
		}
		if source == nil {
			continue
		}
		t.askFrames(source, Slot(slot), s, now)
		t.askAuths(source, Slot(slot), s, now)
		t.send(source)
	}
	for _, p := range t.order {
		t.beacon(p, now)
	}
}

// askFrames asks for the missing frames whose time has come.
func (t *Tree) askFrames(source *peer, slot Slot, s *stream, now time.Time) {
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
		default:
			e.tries++
			e.askAt = now.Add(t.opt.Retry)
			t.stats.Asked++
			if open {
				t.pkt.Resends[len(t.pkt.Resends)-1].To = i
			} else {
				t.ask(source, Range{Slot: slot, From: i, To: i})
				open = true
			}
		}
		if i == s.head {
			return
		}
	}
}

// askAuths asks for the auth of the lowest frame that should have one by now.
func (t *Tree) askAuths(source *peer, slot Slot, s *stream, now time.Time) {
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
	if s.authTry > 0 && now.Before(s.authAt) {
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
	t.ask(source, Range{Slot: slot, From: s.signed, To: to, AuthsOnly: true})
}

func (t *Tree) ask(source *peer, r Range) {
	if len(t.pkt.Resends) == maxResends {
		t.send(source)
	}
	t.pkt.Resends = append(t.pkt.Resends, r)
}

// resend answers a request with what is in the ring.
func (t *Tree) resend(p *peer, r Range, now time.Time) {
	if r.Slot > MaxSlot || r.To < r.From {
		t.drop(malformed)
		return
	}
	if p != t.parent && p.sub&bit(r.Slot) == 0 {
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
	return float64(t.frames * (1 + bits.OnesCount32(p.sub)))
}

func (t *Tree) refill(p *peer, now time.Time) {
	full, share := t.budget(p), 2.0
	if p.loss > lossMuch {
		share = 8
	}
	p.budget = min(full, p.budget+full/share*max(now.Sub(p.budgetAt).Seconds(), 0))
	p.budgetAt = now
}

// beacon tells a peer the last number of each paused stream that it hears, so that it misses the end of it.
func (t *Tree) beacon(p *peer, now time.Time) {
	if now.Before(p.beaconAt) {
		return
	}
	p.beaconAt = now.Add(t.opt.Beacon)
	for slot, s := range t.streams {
		if s == nil || !s.started || s.from == p || p.sub&(1<<slot) == 0 && (p != t.parent || s.from == nil && s.own.IsZero()) {
			continue
		}
		if quiet := now.Sub(s.fresh); quiet >= pauseAfter && quiet < t.opt.Ring {
			t.pkt.Beacons = append(t.pkt.Beacons, Beacon{Slot: Slot(slot), Last: s.head})
		}
	}
	t.send(p)
}

// hearBeacon expects the frames up to the one that a peer says was the last.
func (t *Tree) hearBeacon(src *peer, b Beacon, now time.Time) {
	if b.Slot > MaxSlot {
		t.drop(malformed)
		return
	}
	if !t.may(src, b.Slot, now) {
		t.drop(notAllowed)
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
