package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// The host asks: it dials a relay, which answers whether it may carry the room and then joins it on the very connection.
// So a host behind NAT needs nobody to reach it, and no relay need follow what is announced everywhere.

// askEvery is how often a relay is asked that is listed and no child of ours: it may have been started anew, or carry the
// room below another.
const askEvery = 5 * time.Second

const (
	askAgain  = time.Minute // a relay that offered it and then did not
	askAtOnce = 2           // relays that offered it
)

// An asked is a relay that was asked to carry our room. Room.mu guards it.
type asked struct {
	next    time.Time // when it may be asked again
	willing bool      // it said yes
	calling bool      // the question is on its way
}

// askedToCarry reports whether a device is a relay that we asked and that said yes. r.mu is held.
func (r *Room) askedToCarry(device doc.PublicKey) bool {
	if r.host == nil {
		return false
	}
	id, err := peerOf(device)
	if r.isPutOut(id, time.Now()) {
		return false
	}
	a := r.host.asked[id]
	if err == nil && slices.ContainsFunc(r.heir.carriers, func(b []byte) bool { return string(b) == string(id) }) {
		return true // by the host, or whoever led before
	}
	return err == nil && a != nil && (a.willing || a.calling) // it may be here before its answer is
}

// recruit asks the relays that are to carry the room and do not yet. It does not wait for them.
func (r *Room) recruit(ctx context.Context, now time.Time) {
	for _, p := range r.recruits(now) {
		r.mu.Lock()
		if r.host == nil {
			r.mu.Unlock()
			return
		}
		a := r.host.asked[p.ID]
		if a == nil {
			a = &asked{}
			r.host.asked[p.ID] = a
		}
		due := r.host.children[p.ID] == nil && !a.calling && now.After(a.next) && !r.phase.Over()
		if due {
			a.next, a.calling = now.Add(askEvery), true
		}
		r.mu.Unlock()
		if !due {
			continue
		}
		r.wg.Go(func() {
			err := r.askToCarry(ctx, p)
			r.mu.Lock()
			defer r.mu.Unlock()
			var no *refused
			if err != nil && !slices.ContainsFunc(r.n.relays, func(l peer.AddrInfo) bool { return l.ID == p.ID }) {
				a.next = time.Now().Add(askAgain)
			}
			a.calling, a.willing = false, err == nil || a.willing && !errors.As(err, &no)
			if err != nil && ctx.Err() == nil {
				r.n.counts.Add("carrier_refused")
				r.n.o.Log.Warn("relay does not carry the room", "relay", p.ID.String(), "err", err)
			}
		})
	}
}

// recruits are the relays to ask now: those that were listed for this node, and when the audience grows beyond what we feed
// ourselves, some of those that offer it to this host.
func (r *Room) recruits(now time.Time) []peer.AddrInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil || r.charter.Host != r.n.Person() {
		return nil // a relay carries for the host, whose charter asks it to
	}
	list := slices.DeleteFunc(slices.Clone(r.n.relays), func(p peer.AddrInfo) bool { return r.isPutOut(p.ID, now) })
	if r.n.gossip == nil {
		return list
	}
	maps.DeleteFunc(r.host.asked, func(_ peer.ID, a *asked) bool { return !a.willing && !a.calling && now.After(a.next) })
	places, fed, free := r.places(), 0, r.placesBelow()
	r.media.drive(func(p *relay.Place, _ time.Time) { fed = p.Feeds() })
	if 4*fed < 3*places || 2*free >= places || len(r.host.asked) >= offersMost {
		return list
	}
	most := len(list) + askAtOnce
	for _, p := range r.n.offers.For(r.charter.Host, r.n.isNear, now) {
		if len(list) == most {
			break
		}
		if a := r.host.asked[p.ID]; p.ID != r.n.host.ID() && !r.isPutOut(p.ID, now) && (a == nil || now.After(a.next)) && r.host.children[p.ID] == nil {
			list = append(list, p)
		}
	}
	return list
}

// placesBelow is how many places there are below us. r.mu is held.
func (r *Room) placesBelow() (n int) {
	r.media.drive(func(p *relay.Place, _ time.Time) {
		l := p.Load()
		if n = int(l.All); l.Hops == 0 {
			n -= int(l.Free) // they are here
		}
	})
	return n
}

// askToCarry asks one relay.
func (r *Room) askToCarry(ctx context.Context, p peer.AddrInfo) error {
	r.mu.Lock()
	charter, err := room.SignCharter(r.n.id(), r.charter)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(network.WithForceDirectDial(ctx, "a relay that may be back"), dialTimeout)
	defer cancel()
	r.n.host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
	if err := connect(ctx, r.n.host, p); err != nil {
		return err
	}
	s, err := r.n.newControlStream(ctx, p.ID)
	if err != nil {
		return err
	}
	ctl := newControlConn(s, nil)
	defer ctl.Close()
	stop := context.AfterFunc(ctx, ctl.Close)
	defer stop()
	ctl.Send(relay.Carry{Charter: charter})
	m, err := ctl.Receive()
	if err != nil {
		return err
	}
	if a, ok := m.(relay.Answer); !ok || a.Code != "" {
		return &refused{strangersText(a.Text, "it refuses")}
	}
	return nil
}

// A refused is a relay's no, in its words.
type refused struct{ text string }

func (e *refused) Error() string { return e.text }

// places is how many children we may feed in this room.
func (r *Room) places() int { return r.n.relay.places(r.n.o.MaxChildren, r.charter.Mode) }

// offer tells the place how many children we may feed now, in this room beside the others, and watchers if a relay has other
// places than when they were told last: those may change because of another room. r.mu is held.
func (r *Room) offer() {
	r.recount()
	var free uint32
	r.media.drive(func(p *relay.Place, now time.Time) {
		most := r.places()
		switch {
		case r.carried:
			all := max(p.Feeds()+r.n.relay.spare(int(r.n.feeds.Load()), int(r.n.sends.Load()), r.charter.Mode), 0)
			p.Bound(all) // what its operator allows in all is not more for a moment either
			most = min(most, all)
		case r.lends.on:
			most = min(most, r.lendable(p.Feeds(), now))
		}
		p.Offer(most)
		free = p.Load().All
	})
	if r.carried && free != r.feeds.free {
		r.feeds.free = free
		r.changed()
	}
}

// recount takes notice of how many children a relay feeds in this room, and of what they cost, guests included. r.mu is held.
func (r *Room) recount() {
	if !r.carried {
		return
	}
	fed, guests := 0, 0
	r.media.drive(func(p *relay.Place, _ time.Time) { fed = p.Feeds() })
	if !r.phase.Over() {
		guests = r.voice.guestCount()
	}
	more, kbps := fed-r.feeds.fed, (fed+guests)*costOf(r.charter.Mode)
	r.n.sends.Add(int64(kbps - r.feeds.kbps))
	r.feeds.fed, r.feeds.kbps = fed, kbps
	if r.n.feeds.Add(int64(more)) == 0 && more < 0 {
		select {
		case r.n.emptied <- struct{}{}:
		default:
		}
	}
}

// openRelays are up to so many relays below us that carry most. r.mu is held.
func (r *Room) openRelays(most int) (open []peer.AddrInfo) {
	r.media.drive(func(p *relay.Place, _ time.Time) {
		for _, e := range p.EntryPoints(most) {
			id := peer.ID(e.Peer)
			if addrs := r.n.addrsOf(id); e.Free > 0 && len(addrs) > 0 {
				open = append(open, peer.AddrInfo{ID: id, Addrs: addrs})
			}
		}
	})
	return open
}

// addrsOf is where others can reach a node that is connected to us, the best first.
func (n *Node) addrsOf(id peer.ID) []multiaddr.Multiaddr {
	addrs := rankAddrs(n.host.Peerstore().Addrs(id))
	if i := slices.IndexFunc(addrs, manet.IsIPLoopback); i > 0 {
		addrs = addrs[:i]
	}
	return addrs[:min(len(addrs), relay.MaxAddrs)]
}

// serveCarry answers a host that asks us to carry its room, and begins if we may.
func (n *Node) serveCarry(ctl *controlConn, from peer.ID, m relay.Carry) {
	refuse := func(code, text string) {
		n.counts.Add("carry_refused_" + code)
		ctl.Finish(relay.Answer{Code: code, Text: text})
	}
	device, err := deviceOf(from)
	if err != nil {
		refuse("identity", "This node does not name its device.")
		return
	}
	charter, author, err := room.OpenCharterBy(m.Charter, time.Now())
	if err != nil || author.Device != device {
		refuse("identity", "The charter is not signed by the node that asks.")
		return
	}
	if no := n.mayCarry(charter, from); no != nil {
		refuse(no.Code, no.Text)
		return
	}
	link := room.Link{Room: charter.Room, Host: charter.Host, Device: device}
	for _, m := range n.addrsOf(from) {
		link.Addrs = append(link.Addrs, m.Bytes())
	}
	if err := n.carry(link); err != nil {
		refuse("busy", "This relay cannot carry the room just now.")
		return
	}
	n.o.Log.Info("carries a room", "room", charter.Room.String(), "host", charter.Host.String())
	ctl.Finish(relay.Answer{})
}
