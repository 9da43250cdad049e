package node

import (
	"salon/ledger/doc"
	"salon/relay"
)

// The way that a device's question for the key came is the way that its boxes go: whoever feeds others remembers which child it
// came by. Everybody below is known so, also where too many listen to be named.

// setWay notes by which child a device is reached. r.mu is held.
func (f *feeding) setWay(device doc.PublicKey, c *child) {
	if _, known := f.ways[device]; known || len(f.ways) < waysMost {
		f.ways[device] = c
	}
}

// takeWay takes a relay's word on whom it reaches. It can keep boxes from those whom it names; whoever misses one asks, and is
// found again. r.mu is held.
func (r *Room) takeWay(c *child, m relay.Way) {
	if r.feeds.children[c.id] != c || r.state == nil || !r.state.IsClosed() {
		return
	}
	var here, gone []doc.PublicKey
	for _, d := range m.Here[:min(len(m.Here), relay.MaxWay)] {
		r.feeds.setWay(d, c)
		here = append(here, d)
	}
	for _, d := range m.Gone[:min(len(m.Gone), relay.MaxWay)] {
		if r.feeds.ways[d] == c { // else it has moved
			delete(r.feeds.ways, d)
			gone = append(gone, d)
			if r.host != nil {
				delete(r.host.keyholder.members, d)
			}
		}
	}
	r.tellWays(here, gone)
}

// loseWays forgets whom a child reached that is no more. r.mu is held.
func (r *Room) loseWays(c *child) {
	var gone []doc.PublicKey
	for d, via := range r.feeds.ways {
		if via == c {
			delete(r.feeds.ways, d)
			gone = append(gone, d)
		}
	}
	if r.host != nil && c.carry == 0 { // those below a relay come again, by it or by another
		delete(r.host.keyholder.members, c.author.Device)
	}
	r.tellWays(nil, gone)
}

// tellWays tells our parent whom we reach, and whom no more. r.mu is held.
func (r *Room) tellWays(here, gone []doc.PublicKey) {
	if r.carries == nil || r.guest.ctl == nil {
		return
	}
	for len(here)+len(gone) > 0 {
		var m relay.Way
		m.Here, here = cutWay(here)
		m.Gone, gone = cutWay(gone)
		r.guest.ctl.Send(m)
	}
}

func cutWay(list []doc.PublicKey) (first, rest []doc.PublicKey) {
	n := min(len(list), relay.MaxWay)
	return list[:n:n], list[n:]
}

// allWays are the devices that we reach. r.mu is held.
func (r *Room) allWays() (all []doc.PublicKey) {
	for d := range r.feeds.ways {
		all = append(all, d)
	}
	return all
}

// sendBoxes sends boxes down, each its way. r.mu is held.
func (r *Room) sendBoxes(list []relay.Box) {
	byChild := make(map[*child][]relay.Box)
	for _, b := range list {
		c := r.feeds.ways[b.Device]
		if c == nil {
			r.n.counts.Add("box_without_way")
			continue
		}
		byChild[c] = append(byChild[c], b)
	}
	for c, boxes := range byChild {
		c.ctl.Send(relay.Boxes{List: boxes})
		for _, b := range boxes {
			r.heedBox(c, b)
		}
	}
}
