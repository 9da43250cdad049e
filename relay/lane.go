package relay

import "time"

// A lane takes what a node says itself straight to who leads the room next, beside the way up through its parent: when who
// leads is gone no word is lost until the node has its new place. Both ends know it: where it begins our own frames go to the
// peer, which may ask for them again; where it ends the peer may send what Allow says, hears nothing, and what it sends does not
// go up from here, where it has come by the other way.

// SetLane makes p the end of our lane; the empty Peer means that there is none. The error is ErrPeer: it is a neighbour already.
func (t *Tree) SetLane(p Peer, now time.Time) error {
	if t.lane != nil {
		if t.lane.id == p {
			return nil
		}
		t.remove(t.lane)
	}
	if p == "" {
		return nil
	}
	if t.peers[p] != nil {
		return ErrPeer
	}
	t.lane = t.add(p, now)
	t.lane.aside = true
	t.aside++
	return nil
}

// AddSpeaker adds a peer whose lane ends here. The error is ErrPeer: it is a neighbour already.
func (t *Tree) AddSpeaker(p Peer, now time.Time) error {
	if p == "" || t.peers[p] != nil {
		return ErrPeer
	}
	t.add(p, now).aside = true
	t.aside++
	return nil
}

// RemoveSpeaker forgets a peer whose lane ended here, unless it is a neighbour by now.
func (t *Tree) RemoveSpeaker(p Peer) {
	if t.IsSpeaker(p) {
		t.remove(t.peers[p])
	}
}

// IsSpeaker reports whether the lane of a peer ends here.
func (t *Tree) IsSpeaker(p Peer) bool {
	q := t.peers[p]
	return q != nil && q.aside && q != t.lane
}

// join makes a neighbour of a peer at either end of a lane.
func (t *Tree) join(p *peer) {
	if !p.aside {
		return
	}
	p.aside = false
	t.aside--
	if t.lane == p {
		t.lane = nil
	}
}

// goesTo reports whether what is new in a slot, and came from src, goes to a peer: to children that hear it, to the parent if it
// comes from below or is our own, and along our lane if it is our own.
func (t *Tree) goesTo(p *peer, slot Slot, src *peer) bool {
	switch {
	case p == src:
		return false
	case p == t.parent:
		return src == nil || t.isBelow(src)
	case p == t.lane:
		return src == nil && slot != Program
	}
	return p.sub&bit(slot) != 0
}

// isBelow reports whether what a peer sends is for the parent too: not what comes along a lane, nor from the spare parent, which is
// as far up as the parent.
func (t *Tree) isBelow(p *peer) bool { return !p.aside && !t.isParent(p) }

// isOurs reports whether our lane ends at a peer, and a slot is one in which we speak.
func (t *Tree) isOurs(p *peer, slot Slot) bool {
	return p == t.lane && slot != Program && t.streams[slot] != nil && !t.streams[slot].own.IsZero()
}
