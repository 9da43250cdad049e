package relay

import "time"

const (
	excuseWithin = 100 * time.Millisecond // of what is bad, a parent can say that it came from above
	excuseTime   = 400 * time.Millisecond // and of what else it says so then
	excuseEvery  = time.Minute            // in which it is believed excuseMax times
	excuseMax    = 3
	banFor       = 10 * time.Second // the first time; then 8 times as long, and so on
	banMost      = time.Hour
	maxBans      = 256 // peers

	accusedAtOnce = 8 // pieces of evidence
)

// Verified says that a frame came out of the Verifier: what the hot parent sends is sound.
func (p *Place) Verified(now time.Time) { p.signedAt, p.unsigned = now, 0 }

// Blame says that what a peer passed on turned out bad. The tree forgets it and asks for it anew. A peer below is banned at
// once. A parent has a moment to say that it was deceived too, and has left whoever did it; a relay forwards at once and
// verifies behind, as we do. Without that, or if it needs such words again within a minute, it is banned, and the root is
// told. A source that contradicts itself, or sends what is bad itself, is nobody's fault on the way.
func (p *Place) Blame(from Peer, e *BadError, now time.Time) {
	var what Retract
	switch {
	case e.Reason == "chain":
		return
	case e.Reason == "source":
		return // somebody else who leads the room may have sent it
	case e.Reason == "hash" && e.Frame != nil:
		what = Retract{Slot: e.Frame.Slot, From: e.Frame.Number, To: e.Frame.Number}
		p.tree.Reject(e.Frame.Slot, e.Frame.Number, now)
	case e.Frame != nil:
		what = Retract{Slot: e.Frame.Slot, From: e.Frame.Number, To: e.Frame.Number}
	case e.Auth != nil:
		what = Retract{Slot: e.Auth.Slot, From: e.Auth.First, To: e.Auth.Last()}
		p.tree.RejectAuth(e.Auth)
	}
	if from == p.source && from != "" {
		return
	}
	u := p.upper(from)
	if u == nil {
		if c := p.by[from]; c != nil {
			p.ban(from, now)
			p.out.Part(from, "bad")
			p.dropChild(c)
		}
		return
	}
	for _, c := range p.order {
		if c.fed {
			p.out.Tell(c.id, what)
		}
	}
	for _, r := range u.retract {
		if r.Slot == what.Slot && r.From <= what.To && what.From <= r.To {
			return
		}
	}
	if u.blamed.IsZero() {
		u.blamed, u.proof = now, e
	}
}

// excuse believes a parent that says it was deceived, if it has another parent since it last said so.
func (p *Place) excuse(u *upper, r Retract, now time.Time) {
	const kept = 16 // one for each frame of an auth, and of some more
	if now.Sub(u.excused) > excuseTime {
		if u.excuses > 0 && (u.excuses >= excuseMax || !u.moved) && now.Sub(u.excused) < excuseEvery {
			return
		}
		if now.Sub(u.excused) >= excuseEvery {
			u.excuses = 0
		}
		u.excused, u.retract, u.moved = now, nil, false
		u.excuses++
	}
	if len(u.retract) < kept {
		u.retract = append(u.retract, r)
	}
	if r.To == noNumber && r.Slot <= MaxSlot && u == p.hot && p.tree.streams[r.Slot] != nil && p.tree.streams[r.Slot].from == p.tree.parent {
		p.tree.Reset(r.Slot)
		for _, c := range p.order {
			if c.fed {
				p.out.Tell(c.id, r)
			}
		}
	}
	if !u.blamed.IsZero() {
		u.blamed, u.proof = time.Time{}, nil
		p.stats.Excused++
	}
}

// judge condemns the parents that were not excused in time.
func (p *Place) judge(now time.Time) {
	for _, u := range [...]*upper{p.hot, p.warm} {
		if u == nil || u.blamed.IsZero() || now.Sub(u.blamed) < excuseWithin {
			continue
		}
		p.stats.Bans++
		p.ban(u.id, now)
		p.evidence = append(p.evidence, newEvidence(u.id, u.proof))
		p.out.Part(u.id, "bad")
		p.lose(u, now)
		p.testify()
	}
}

func newEvidence(against Peer, e *BadError) Evidence {
	var pkt Packet
	if e.Frame != nil && len(e.Frame.Sealed) <= MaxSealed && e.Frame.valid() {
		pkt.Frames = append(pkt.Frames, *e.Frame)
	}
	if e.Auth != nil && e.Auth.valid() {
		pkt.Auths = append(pkt.Auths, *e.Auth)
	}
	return Evidence{Against: []byte(against), Packet: pkt.Append(nil)}
}

// testify sends the evidence up, as soon as there is somebody to send it to.
func (p *Place) testify() {
	if p.hot == nil {
		return
	}
	for _, e := range p.evidence {
		p.out.Tell(p.hot.id, e)
	}
	p.evidence = nil
}

// forward passes a child's evidence up, or takes it at the root. A child may send one a second, and one that carries others
// a few at once: all those whom somebody deceives find out together.
func (p *Place) forward(c *child, e Evidence, now time.Time) {
	atOnce := 1
	if c.carry > 0 {
		atOnce = accusedAtOnce
	}
	if c.accused.Sub(now) > time.Duration(atOnce-1)*time.Second || len(e.Packet) > MaxPacket || len(e.Word) > maxWord {
		return
	}
	c.accused = latest(c.accused, now).Add(time.Second)
	if p.opt.Root {
		p.out.Accuse(c.id, e)
		return
	}
	if len(p.evidence) < accusedAtOnce {
		p.evidence = append(p.evidence, e)
	}
	p.testify()
}

// A ban keeps a peer away for a time.
type ban struct {
	until time.Time
	times int
}

// banned reports whether a peer is to be kept away.
func (p *Place) banned(id Peer, now time.Time) bool { return now.Before(p.bans[id].until) }

// forgive reports whether a peer is left without a ban, once a minute.
func (p *Place) forgive(id Peer, now time.Time) bool {
	b, known := p.bans[id]
	if known && now.Sub(b.until) < excuseEvery || !known && len(p.bans) >= maxBans {
		return false
	}
	p.bans[id] = ban{now, b.times}
	return true
}

// ban keeps a peer away, longer each time: it may have been deceived itself.
func (p *Place) ban(id Peer, now time.Time) {
	if _, known := p.bans[id]; !known && len(p.bans) >= maxBans {
		first := id // of those whose ban is over first
		for other, b := range p.bans {
			if first == id || b.until.Before(p.bans[first].until) || b.until.Equal(p.bans[first].until) && other < first {
				first = other
			}
		}
		delete(p.bans, first)
	}
	b := p.bans[id]
	p.bans[id] = ban{now.Add(min(banFor<<min(3*b.times, 30), banMost)), b.times + 1}
}
