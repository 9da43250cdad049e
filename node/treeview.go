package node

import (
	"bytes"
	"reflect"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// treeMost is how many relays the picture of a tree has; the rest is counted.
const treeMost = 512

// A TreeView is the tree that carries a room of ours: our node, and the relays. What it says of a relay is the relay's own
// word, and that of those above it.
type TreeView struct {
	Room     room.ID       `json:"room"`
	Nodes    []TreeNode    `json:"nodes"` // our own first, and each after who feeds it, the nearest first
	More     uint32        `json:"more"`  // relays that are not listed
	Total    uint32        `json:"total"` // nodes in all, as far as they are known
	Audience *AudienceView `json:"audience,omitempty"`
	Accused  []AccusedView `json:"accused,omitempty"` // the latest first; some may not be in the tree any more
}

// A TreeNode is the host's node or a relay.
type TreeNode struct {
	Up        int           `json:"up"` // place in the list of who feeds it; -1 for our own
	Depth     int           `json:"depth"`
	Device    doc.PublicKey `json:"device"`
	Name      string        `json:"name"`
	Leaves    uint32        `json:"leaves"`    // nodes that it feeds and that feed nobody
	Relays    uint32        `json:"relays"`    // relays that it feeds
	Listeners uint32        `json:"listeners"` // people who listen at and below it
	Poor      uint32        `json:"poor"`      // of those that it feeds itself, who heard less than 98 % of the last minute
	Loss      float64       `json:"loss"`      // of the frames from who feeds it, those that it had to ask for or never got, 0 to 1
	RTTMS     float64       `json:"rtt_ms"`    // to who feeds it; 0 if not known
}

// Tree is the tree that carries a room of ours.
func (r *Room) Tree() (TreeView, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil || r.state == nil {
		return TreeView{}, &UserError{Code: "not_allowed", Text: "Only the host's node sees the whole tree."}
	}
	b := relay.Graft(r.branch(), r.branchesBelow(), treeMost)
	v := TreeView{Room: r.id, More: b.More, Audience: r.audienceView(), Total: b.More, Accused: r.accusedViews(time.Now())}
	for i, x := range b.List {
		n := TreeNode{
			Up: -1, Device: x.Device, Name: x.Name, Leaves: x.Leaves, Listeners: x.Listeners, Poor: x.Poor,
			Loss: float64(x.Loss) / 10000, RTTMS: float64(x.RTT) / 1000,
		}
		if i > 0 {
			n.Up, n.Depth = int(x.Up), v.Nodes[x.Up].Depth+1
			v.Nodes[x.Up].Relays++
		}
		v.Nodes = append(v.Nodes, n)
		v.Total += 1 + x.Leaves
	}
	return v, nil
}

// branch is this node in the tree. r.mu is held.
func (r *Room) branch() relay.Branch {
	b := relay.Branch{Device: r.n.author().Device, Name: r.n.displayName(), Listeners: r.audience(), Leaves: uint32(r.voice.guestCount())}
	for _, c := range r.feeds.children {
		if c.carry == 0 && !c.warm {
			b.Leaves++
			if !r.state.OnStage(c.author.Person) {
				b.Poor += uint32(c.tally.hearing.Bound(1).Poor())
			}
		}
	}
	if r.guest != nil {
		b.Loss = r.tally.minute.sum().loss()
		b.RTT = r.voice.hopTime()
	}
	return b
}

// hopTime is how long it is to our parent and back, in microseconds; 0 if that is not known.
func (v *voice) hopTime() uint32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return uint32(v.rtt.Microseconds())
}

// branchesBelow is what the relays that we feed told. Of one that has told nothing yet, what we know ourselves. r.mu is held.
func (r *Room) branchesBelow() (below []relay.Branches) {
	for _, c := range r.feeds.children {
		if c.carry == 0 || c.warm {
			continue
		}
		b := c.tally.branches
		if len(b.List) == 0 {
			b.List = []relay.Branch{{}}
		}
		b.List = slices.Clone(b.List)
		b.List[0].Device, b.List[0].Name, b.List[0].Listeners = c.author.Device, c.name, c.listeners
		for i := range b.List { // nothing below a relay is more than it is counted for; not all nodes are listeners'
			x := &b.List[i]
			x.Listeners, x.Poor = min(x.Listeners, c.listeners), min(x.Poor, c.listeners)
			x.Leaves = min(x.Leaves, devicesMax*c.listeners+room.MaxSeats)
		}
		below = append(below, b)
	}
	slices.SortFunc(below, func(a, b relay.Branches) int { // so that a picture does not jump about
		return bytes.Compare(a.List[0].Device[:], b.List[0].Device[:])
	})
	return below
}

// takeBranches takes a relay's word on the tree below it, made fit to be shown and added up. r.mu is held.
func (r *Room) takeBranches(c *child, m relay.Branches) {
	m.List = m.List[:min(len(m.List), relay.MaxBranches)]
	for i := range m.List {
		b := &m.List[i]
		name, err := room.CleanName(b.Name)
		if err != nil {
			name = "Relay " + b.Device.Short()
		}
		b.Name = name
		b.Loss = min(b.Loss, 10000)
	}
	c.tally.branches = m
}

// tellBranches tells our parent of the tree below us, when it has changed. r.mu is held.
func (r *Room) tellBranches(ctl *controlConn, now time.Time) {
	t := &r.tally
	if now.Sub(t.branchesTold) < branchesEvery+time.Duration(len(t.lastBranches.List))*branchesEach {
		return
	}
	b := relay.Graft(r.branch(), r.branchesBelow(), relay.MaxBranches)
	if reflect.DeepEqual(b, t.lastBranches) {
		return
	}
	t.branchesTold, t.lastBranches = now, b
	ctl.Send(b)
}

// A HopView is one node on our way to the host.
type HopView struct {
	Name  string  `json:"name"`
	RTTMS float64 `json:"rtt_ms"` // to it, from the one before; 0 if not known
}

// wayView is by whom we are fed, the host last; empty for a host, and while there is no connection. r.mu is held.
func (r *Room) wayView() (hops []HopView) {
	if r.guest == nil || r.guest.ctl == nil || r.state == nil {
		return nil
	}
	rtt := float64(r.voice.hopTime()) / 1000
	if t := &r.tally; r.guest.at.depth > 1 && t.wayFrom == r.guest.ctl && len(t.way.Hops) == r.guest.at.depth {
		for _, h := range t.way.Hops {
			hops = append(hops, HopView{h.Name, rtt})
			rtt = float64(h.RTT) / 1000
		}
		return hops
	}
	var path []relay.Peer
	r.media.drive(func(p *relay.Place, _ time.Time) { path = p.Path() })
	for i, id := range path { // names have not come yet
		h := HopView{RTTMS: rtt}
		rtt = 0
		if i == len(path)-1 {
			h.Name = r.names.view(r.charter.Host).Name
		} else if device, err := deviceOf(peer.ID(id)); err == nil {
			h.Name = "Relay " + device.Short()
		}
		hops = append(hops, h)
	}
	return hops
}

// takeRoute takes a parent's word on by whom we are fed.
func (r *Room) takeRoute(ctl *controlConn, m relay.Route) {
	for i := range m.Hops {
		name, err := room.CleanName(m.Hops[i].Name)
		if err != nil {
			name = "Relay"
		}
		m.Hops[i].Name = name
	}
	if len(m.Hops) > relay.MaxDepth {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guest.ctl == ctl {
		r.tally.way, r.tally.wayFrom = m, ctl
	}
}

// tellRoute tells everybody below by whom they are fed. r.mu is held.
func (r *Room) tellRoute(now time.Time) {
	t := &r.tally
	if now.Sub(t.wayTold) < wayEvery || r.guest.ctl == nil {
		return
	}
	w := relay.Route{Hops: []relay.Hop{{Name: r.n.displayName(), RTT: r.voice.hopTime()}}}
	switch {
	case r.guest.at.depth == 1:
		w.Hops = append(w.Hops, relay.Hop{Name: r.names.view(r.charter.Host).Name})
	case t.wayFrom == r.guest.ctl && len(t.way.Hops) == r.guest.at.depth && r.guest.at.depth < relay.MaxDepth:
		w.Hops = append(w.Hops, t.way.Hops...)
	default:
		return
	}
	t.wayTold = now
	r.broadcast(w) // also unchanged: some have come since
}
