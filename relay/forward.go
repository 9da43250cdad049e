package relay

import "time"

const (
	// askAfter is how long a gap may be mere reordering before the missing frame is asked for.
	askAfter = 5 * time.Millisecond
	// leapAfter is how long a stream is silent before it may go on further ahead than the ring is long. A single forged
	// frame would otherwise make all true ones look old.
	leapAfter = 500 * time.Millisecond
)

// Publish sends a frame of this node's own to the parent and to the children that hear its slot. It keeps a copy.
func (t *Tree) Publish(f Frame, now time.Time) {
	if !f.valid() {
		t.drop(malformed)
		return
	}
	if s := t.stream(f.Slot); !s.shared {
		s.own = now
	}
	if t.store(&f, nil, now) {
		t.stats.Published++
	}
	t.settle(now)
}

// PublishAuth sends an auth of this node's own. Called just before Publish of the frame that completes it, the two
// travel together; otherwise it leaves with the next Tick at the latest.
func (t *Tree) PublishAuth(a *Auth, now time.Time) {
	if !a.valid() {
		t.drop(malformed)
		return
	}
	s := t.stream(a.Slot)
	if !s.shared {
		s.own = now
	}
	if t.storeAuth(a, nil, now) {
		if e := s.find(a.Last()); e.here {
			t.sendWaiting(now)
		}
	}
	t.settle(now)
}

// Share says that somebody else goes on with a stream of ours, or does no more: until our own ends, both come.
func (t *Tree) Share(slot Slot, with bool) {
	if slot <= MaxSlot {
		s := t.stream(slot)
		s.shared, s.own = with, time.Time{}
	}
}

// Receive takes a packet that came from a peer. The error is ErrTrespass, after which the caller should part with the
// peer; what the packet held was dealt with nevertheless.
func (t *Tree) Receive(from Peer, p *Packet, now time.Time) error {
	src := t.peers[from]
	if src == nil {
		t.drop(unknownPeer)
		return nil
	}
	src.heard = now
	if len(p.Frames) > 0 {
		if now.Sub(src.fed) > leapAfter {
			src.flows = now
		}
		src.fed = now
	}
	// Auths first, so that they leave again in one packet with the frames that they came with.
	for i := range p.Auths {
		a := &p.Auths[i]
		if !a.valid() {
			t.drop(malformed)
		} else if !t.may(src, a.Slot, now) {
			t.trespass(src, a.Slot, now)
		} else if t.storeAuth(a, src, now) {
			t.stats.Auths++
			t.out.DeliverAuth(a, from)
		}
	}
	for i := range p.Frames {
		f := &p.Frames[i]
		if !f.valid() {
			t.drop(malformed)
		} else if !t.may(src, f.Slot, now) {
			t.trespass(src, f.Slot, now)
		} else if t.store(f, src, now) {
			t.stats.Received++
		}
	}
	t.sendWaiting(now)
	t.settle(now)
	for _, b := range p.Beacons {
		t.hearBeacon(src, b, now)
	}
	for _, r := range p.Resends {
		t.resend(src, r, now)
	}
	t.flush(src)
	if src.wrong > trespassMax {
		return ErrTrespass
	}
	return nil
}

// trespass drops what a peer sent in a slot that it may not send in.
func (t *Tree) trespass(src *peer, slot Slot, now time.Time) {
	t.drop(notAllowed)
	if src.allow&bit(slot) == 0 && now.Sub(src.ruled) > trespassGrace {
		src.wrong++
	}
}

// may reports whether a peer may send in a slot. Nobody may in one in which we speak ourselves: an echo of our own
// stream with numbers ahead of ours would make our next frames look old.
func (t *Tree) may(src *peer, slot Slot, now time.Time) bool {
	if src.allow&bit(slot) == 0 {
		return false
	}
	s := t.streams[slot]
	return s == nil || s.own.IsZero() || now.Sub(s.own) > t.opt.Ring
}

// admits takes one item out of what a peer may send in a slot and reports whether it may. A peer that goes on regardless
// for longer than floodGrace trespasses, but for a parent: all we hear comes from it, and only the caller can tell a
// bad one from one that is catching up.
func (t *Tree) admits(src *peer, slot Slot, auth bool, now time.Time) bool {
	p, at := src.paces.at(slot), now.Sub(t.epoch)
	if auth {
		if spend(&p.auths, authCost, t.opt.Ring, at) {
			return true
		}
	} else if spend(&p.frames, frameCost, time.Duration(t.frames)*frameCost, at) {
		return true
	}
	t.drop(flood)
	if !spend(&p.excess, FrameDuration, floodGrace, at) && !t.isParent(src) {
		src.wrong++
	}
	return false
}

// spend takes cost out of an allowance that may be used whole again at *whole, unless it does not hold so much.
func spend(whole *time.Duration, cost, allowance, at time.Duration) bool {
	next := max(*whole, at) + cost
	if next-at > allowance {
		return false
	}
	*whole = next
	return true
}

// isOld reports whether a number will be dropped for being older than the ring.
func (t *Tree) isOld(s *stream, number uint64, now time.Time) bool {
	return s.started && number < s.head && s.head-number >= uint64(len(s.ring)) && now.Sub(s.fresh) <= t.opt.Ring
}

// isLeap reports whether a number is too far ahead to be of a stream that goes on.
func (t *Tree) isLeap(s *stream, number uint64, now time.Time) bool {
	known := max(s.head, s.flooded)
	return s.started && number > known && number-known >= uint64(len(s.ring)) && now.Sub(s.fresh) < leapAfter
}

// reach finds the place of a number in its stream and counts what that costs the stream.
func (t *Tree) reach(s *stream, number uint64, src *peer, now time.Time) *entry {
	var askAt time.Time // of our own frames none can be missing
	if src != nil {
		askAt = now.Add(askAfter)
	}
	e, lost, jumped := s.reach(number, askAt, now.Sub(s.fresh) > t.opt.Ring)
	t.stats.Lost += lost
	if jumped {
		t.stats.Jumps++
	}
	if e == nil {
		t.drop(tooOld)
	}
	return e
}

// store puts a new frame into its ring, delivers it if it came from outside, and gives it to everyone who is to have it.
func (t *Tree) store(f *Frame, src *peer, now time.Time) bool {
	s := t.stream(f.Slot)
	if e := s.find(f.Number); e != nil && e.here {
		t.drop(duplicate)
		return false
	}
	if src != nil && t.isLeap(s, f.Number, now) {
		t.drop(leap)
		return false
	}
	if src != nil && !t.isOld(s, f.Number, now) && !t.admits(src, f.Slot, false, now) {
		s.flooded = max(s.flooded, f.Number)
		return false
	}
	e := t.reach(s, f.Number, src, now)
	if e == nil {
		return false
	}
	asked := e.tries > 0
	if asked {
		t.stats.Recovered++
	}
	s.settle(e)
	e.here, e.came, e.from = true, now, src
	e.sealed = append(e.sealed[:0], f.Sealed...)
	s.from, s.fresh = src, now
	if src != nil {
		if !asked {
			src.news = now
		}
		t.out.Deliver(*f, src.id, asked)
	}
	auth := e.hasAuth && !e.authSent
	e.authSent = e.authSent || auth
	t.give(ref{slot: f.Slot, number: f.Number, frame: true, auth: auth}, src, now)
	return true
}

// storeAuth puts a new auth beside the frame that completes it, and into waiting.
func (t *Tree) storeAuth(a *Auth, src *peer, now time.Time) bool {
	s := t.stream(a.Slot)
	if e := s.find(a.Last()); e != nil && e.hasAuth {
		if e.auth.Sig == a.Sig && e.auth.First == a.First {
			t.drop(duplicate)
		} else {
			t.drop(conflict)
		}
		return false
	}
	if src != nil && t.isLeap(s, a.Last(), now) {
		t.drop(leap)
		return false
	}
	if src != nil && !t.isOld(s, a.Last(), now) && !t.admits(src, a.Slot, true, now) {
		return false
	}
	e := t.reach(s, a.Last(), src, now)
	if e == nil {
		return false
	}
	hashes := append(e.auth.Hashes[:0], a.Hashes...)
	e.auth, e.hasAuth = *a, true
	e.auth.Hashes = hashes
	if !e.here {
		e.came, e.from = now, src
	}
	s.cover(a)
	t.waiting = append(t.waiting, ref{slot: a.Slot, number: a.Last(), auth: true})
	return true
}

// sendWaiting gives the auths that did not leave with a frame.
func (t *Tree) sendWaiting(now time.Time) {
	for _, r := range t.waiting {
		if s := t.streams[r.slot]; s != nil {
			if e := s.find(r.number); e != nil && e.hasAuth && !e.authSent {
				e.authSent = true
				t.give(r, e.from, now)
			}
		}
	}
	t.waiting = t.waiting[:0]
}

// give puts something new into the next packet of everyone who is to have it.
func (t *Tree) give(r ref, src *peer, now time.Time) {
	for _, p := range t.order {
		if t.goesTo(p, r.slot, src) {
			if len(p.pend) == 0 {
				p.since = now
			}
			p.pend = append(p.pend, r)
		}
	}
}

// settle sends what need not wait for more.
func (t *Tree) settle(now time.Time) {
	for _, p := range t.order {
		if n := len(p.pend); n > 0 {
			want := t.bundle(p)
			if n >= want || p.pend[n-1].auth || now.Sub(p.since) >= time.Duration(want)*FrameDuration {
				t.flush(p)
			}
		}
	}
}

// flush sends everything that waits for a peer, in packets of PacketSize at most.
func (t *Tree) flush(p *peer) {
	if len(p.pend) == 0 {
		return
	}
	size := 1
	for _, r := range p.pend {
		var e *entry
		if s := t.streams[r.slot]; s != nil {
			e = s.find(r.number)
		}
		if e == nil || r.frame && !e.here || r.auth && !e.hasAuth {
			t.drop(expired)
			continue
		}
		if r.frame {
			size = t.room(p, size, 14+len(e.sealed))
			t.pkt.Frames = append(t.pkt.Frames, Frame{Slot: r.slot, Number: r.number, Sealed: e.sealed})
			if !r.again {
				t.stats.Forwarded++
			}
		}
		if r.auth {
			size = t.room(p, size, 1+authFixed+16*len(e.auth.Hashes)+64)
			a := t.pkt.nextAuth()
			hashes := append(a.Hashes, e.auth.Hashes...)
			*a = e.auth
			a.Hashes = hashes
		}
	}
	p.pend = p.pend[:0]
	t.send(p)
}

// room makes room in the packet for one more record of n bytes, by sending it if it is full. It returns the size
// that the packet will then have.
func (t *Tree) room(p *peer, size, n int) int {
	full := size+n > PacketSize || len(t.pkt.Frames) == maxFrames || len(t.pkt.Auths) == maxAuths
	if full && size > 1 {
		t.send(p)
		size = 1
	}
	return size + n
}

// send sends the packet that was put together, if it holds anything, and empties it.
func (t *Tree) send(p *peer) {
	if !t.pkt.Empty() {
		t.out.Send(p.id, &t.pkt)
		t.pkt.Reset()
	}
}

func (f *Frame) valid() bool {
	return f.Slot <= MaxSlot && len(f.Sealed) > 0 && len(f.Sealed) <= MaxSealed
}

func (a *Auth) valid() bool {
	n := len(a.Hashes)
	return a.Slot <= MaxSlot && n > 0 && n <= AuthBatch && a.First <= a.Last()
}
