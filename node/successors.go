package node

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// Who would lead if nobody did, and where they are: the leader tells everybody, who then ask there for a place.

// tellHeir tells a co-host who came what it must know to lead one day: who would before it, and what the host may not have
// seen of those who led meanwhile. r.mu is held.
func (r *Room) tellHeir(c *child) {
	if len(r.heir.told.To) > 0 {
		c.ctl.Send(r.heir.told)
	}
	r.tellOuts(c.ctl, time.Now())
	if !r.state.Leads(c.author.Person) || r.state.Term.Epoch == 0 || r.host == nil {
		return
	}
	var raw [][]byte
	for _, l := range r.heir.events {
		if l.Term.Epoch > 0 {
			raw = append(raw, l.raw)
		}
	}
	for part := range slices.Chunk(raw, relay.MaxTail) {
		c.ctl.Send(relay.Tail{Events: part})
	}
}

// tellSuccessors tells everybody below who would lead the room if we were gone, if that has changed. r.mu is held.
func (r *Room) tellSuccessors() {
	if r.host == nil {
		return // somebody else leads by now
	}
	var to []relay.Entry
	for _, s := range r.standbys() {
		e := relay.Entry{Peer: []byte(s.id), Addrs: [][]byte{}}
		for _, m := range s.addrs {
			e.Addrs = append(e.Addrs, m.Bytes())
		}
		if e.Addrs = e.Addrs[:min(len(e.Addrs), relay.MaxAddrs)]; len(e.Addrs) > 0 && len(to) < relay.MaxEntries {
			to = append(to, e)
		}
	}
	carriers := r.heir.carriers
	if r.charter.Host == r.n.Person() {
		carriers = nil
		for id, a := range r.host.asked {
			if a.willing && len(carriers) < relay.MaxCarriers {
				carriers = append(carriers, []byte(id))
			}
		}
		slices.SortFunc(carriers, bytes.Compare)
	}
	same := slices.EqualFunc(carriers, r.heir.told.Carriers, bytes.Equal)
	if same && slices.EqualFunc(to, r.heir.told.To, func(a, b relay.Entry) bool {
		return string(a.Peer) == string(b.Peer) && slices.EqualFunc(a.Addrs, b.Addrs, func(x, y []byte) bool { return string(x) == string(y) })
	}) {
		return
	}
	r.heir.told, r.heir.others, r.heir.carriers = relay.Successors{To: to, Carriers: carriers}, peersOf(to), carriers
	r.broadcast(r.heir.told)
	r.host.keeper.marked = time.Time{} // the home is to know whom to ask, too
	r.n.roomChanged(r)
	r.announceSoon()
}

// located takes notice that it is known now where a node can be reached. A co-host is a child of ours a moment before that, and
// until the others are told where it is, nobody finds it who loses us.
func (r *Room) located(id peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feeds == nil || r.state == nil || r.phase.Over() {
		return
	}
	if c := r.feeds.children[id]; c == nil || !r.state.Leads(c.author.Person) {
		return
	}
	if r.host == nil {
		r.presenceSoon()
		return
	}
	r.tellSuccessors()
}

// peersOf are the nodes of a list.
func peersOf(list []relay.Entry) (peers []peer.AddrInfo) {
	for _, e := range list[:min(len(list), relay.MaxEntries)] {
		e.Addrs = e.Addrs[:min(len(e.Addrs), relay.MaxAddrs)]
		if p, err := addrInfoOf(e); err == nil && len(p.Addrs) > 0 {
			peers = append(peers, p)
		}
	}
	return peers
}

// A standby is a node that leads the room if we are gone.
type standby struct {
	author doc.Author
	id     peer.ID
	addrs  []multiaddr.Multiaddr
	child  *child // nil if a relay feeds it
}

// standbys are those that are in the room: our own children, and then one of each person below, as the relays say; in both the
// host's first, then co-hosts'. r.mu is held.
func (r *Room) standbys() (list []standby) {
	own := r.n.author().Device
	for _, c := range r.feeds.children {
		if r.state.Leads(c.author.Person) && c.author.Device != own && !c.left && !c.warm {
			list = append(list, standby{c.author, c.id, r.n.addrsOf(c.id), c})
		}
	}
	named := make(map[doc.PublicKey]bool)
	for device, g := range r.heirsBelow() {
		at, err := multiaddr.NewMultiaddr(g.At)
		id, bad := peerOf(device)
		if r.state.Leads(g.Person) && err == nil && bad == nil && !r.isChild(device) && !named[g.Person] {
			named[g.Person] = true
			list = append(list, standby{g.author(), id, []multiaddr.Multiaddr{at}, nil})
		}
	}
	place := func(s standby) int {
		return slices.IndexFunc(r.state.Charter.CoHosts, func(h room.Successor) bool { return h.Person == s.author.Person })
	}
	far := func(s standby) int {
		if s.child == nil {
			return 1
		}
		return 0
	}
	slices.SortFunc(list, func(a, b standby) int {
		return cmp.Or(far(a)-far(b), cmp.Compare(place(a), place(b)), slices.Compare(a.author.Device[:], b.author.Device[:]))
	})
	return list
}

// takeSuccessors takes a leader's word on who would lead if it were gone. r.mu is not held.
func (r *Room) takeSuccessors(u *uplink, m relay.Successors) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil || r.guest.up != u {
		return
	}
	m.To, m.Carriers = m.To[:min(len(m.To), relay.MaxEntries)], m.Carriers[:min(len(m.Carriers), relay.MaxCarriers)]
	r.heir.others, r.heir.carriers = peersOf(m.To), m.Carriers
	for _, p := range r.heir.others {
		r.n.host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
	}
	r.heir.told = m // whom we feed, now or later, are told too
	if r.carries != nil {
		r.broadcast(m)
	}
	r.guest.changed()
	r.n.roomChanged(r)
	r.seekAnew()
}

// entries is where the room may be entered: where it is led, at relays, and at those who lead it if nobody does. A relay asks
// no other relay of its own accord. r.mu is held.
func (r *Room) entries() (entries []relay.Entry) {
	list := append([]peer.AddrInfo{r.guest.host}, r.heir.others...)
	if r.carries == nil || time.Since(r.guest.lost) >= time.Second {
		list = append(list, r.guest.others...)
	}
	list = append(list, r.heir.hint)
	for i, p := range list {
		known := slices.ContainsFunc(list[:i], func(q peer.AddrInfo) bool { return q.ID == p.ID })
		if p.ID != "" && p.ID != r.n.host.ID() && !known {
			entries = append(entries, entryOf(p))
		}
	}
	return entries
}

// seekAnew tells the place where the room may be entered now. r.mu is held.
func (r *Room) seekAnew() {
	entries := r.entries()
	r.media.drive(func(p *relay.Place, now time.Time) { p.Seek(entries, now) })
}

// otherEntries are the successors as entry points, with their names. r.mu is held.
func (r *Room) otherEntries() (list [][]byte) {
	for _, p := range r.heir.others[:min(len(r.heir.others), 2)] {
		if len(p.Addrs) > 0 && p.ID != r.n.host.ID() {
			list = appendEntry(list, p.Addrs[0], p.ID)
		}
	}
	return list
}

// keptSuccessors are the addresses of who may lead the room meanwhile. r.mu is held.
func (r *Room) keptSuccessors() (list []string) {
	for _, p := range r.heir.others {
		for _, m := range p.Addrs {
			list = append(list, m.String()+"/p2p/"+p.ID.String())
		}
	}
	return list
}
