package node

import (
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// What a child costs to feed, in kbit/s, all headers included: research/relay.md 3.1. A guest with only a browser costs as much.
const talkCost, concertCost = 65, 190

// costOf is that in rooms of a mode.
func costOf(mode room.Mode) int {
	if mode == room.Concert {
		return concertCost
	}
	return talkCost
}

// A policy is what a relay's operator lets it do. It never changes; the nil policy is of a node that is no relay.
type policy struct {
	Relay
	hosts, allow, deny []doc.PublicKey
}

// newPolicy reads a relay's options; names are looked up among people.
func newPolicy(o *Relay, people *People) (*policy, error) {
	if o == nil {
		return nil, nil
	}
	p := &policy{Relay: *o}
	for _, list := range []struct {
		names []string
		keys  *[]doc.PublicKey
	}{{o.Hosts, &p.hosts}, {o.Allow, &p.allow}, {o.Deny, &p.deny}} {
		for _, name := range list.names {
			key, err := personNamed(name, people)
			if err != nil {
				return nil, err
			}
			*list.keys = append(*list.keys, key)
		}
	}
	return p, nil
}

// personNamed finds somebody by key, or by the name that one's own list gives them.
func personNamed(s string, people *People) (doc.PublicKey, error) {
	if key, err := doc.ParsePublicKey(s); err == nil {
		return key, nil
	}
	var found []doc.PublicKey
	for _, m := range people.List() {
		if m.Name == s {
			found = append(found, m.Person)
		}
	}
	if len(found) != 1 {
		return doc.PublicKey{}, fmt.Errorf("%q is no person's ID, and the name of %d people in your list", s, len(found))
	}
	return found[0], nil
}

// places is how many children one room may have, of which a node may have most.
func (p *policy) places(most int, mode room.Mode) int {
	if p == nil || p.Bandwidth == 0 {
		return most
	}
	return min(most, p.Bandwidth/costOf(mode))
}

// spare is how many more children there may be in rooms of a mode, where so many are fed in all rooms together, and all that is fed
// costs so many kbit/s; less than none if these are too many. Who is no relay has no such bound.
func (p *policy) spare(children, kbps int, mode room.Mode) int {
	if p == nil {
		return mostBelow
	}
	return min(p.Listeners-children, p.uplink(kbps, mode))
}

// uplink is for how many more there is bandwidth in rooms of a mode.
func (p *policy) uplink(kbps int, mode room.Mode) int {
	if p == nil || p.Bandwidth == 0 {
		return mostBelow
	}
	return (p.Bandwidth - kbps) / costOf(mode)
}

// serves reports whether somebody may be fed.
func (p *policy) serves(who doc.PublicKey) bool {
	return p == nil || !slices.Contains(p.deny, who) && (len(p.allow) == 0 || slices.Contains(p.allow, who))
}

// mayCarry says why a room that is led at a node is not to be carried here, if so.
func (n *Node) mayCarry(c room.Charter, at peer.ID) *relay.Refuse {
	p := n.relay
	switch {
	case p == nil:
		return &relay.Refuse{Code: "no_relay", Text: "This node is no relay."}
	case n.draining.Load():
		return &relay.Refuse{Code: "closing", Text: "This relay is about to end."}
	case n.people.Blocks(c.Host), n.blocksRoom(c.Room):
		return &relay.Refuse{Code: "blocked", Text: "This relay does not carry this room."}
	case !p.Open && !slices.Contains(p.hosts, c.Host) && !n.isNear(at):
		return &relay.Refuse{Code: "not_listed", Text: "This relay carries only the rooms of hosts that its operator listed."}
	}
	carried := 0
	for _, r := range n.Rooms() {
		if r.carried && !r.Phase().Over() && r.id != c.Room {
			carried++
		}
	}
	if carried >= p.Rooms {
		return &relay.Refuse{Code: "full", Text: fmt.Sprintf("This relay carries %d rooms already, which is all it may.", carried)}
	}
	return nil
}
