package node

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"salon/ledger/doc"
	"salon/room"
)

const (
	offersMost = 256 // relays known at once
	offerEvery = time.Second
	nearMost   = 1024 // peers on the local network that are remembered
)

// offers are the relays that we heard of.
type offers struct {
	mu   sync.Mutex // guards the field below
	from map[peer.ID]offered
}

type offered struct {
	room.Offer
	until time.Time
	whole time.Time // when another may come again
}

func newOffers() *offers { return &offers{from: make(map[peer.ID]offered)} }

// takeOffer checks an offer that a neighbour brought, from cheap to dear, and keeps it.
func (n *Node) takeOffer(from peer.ID, raw []byte) error {
	now := time.Now()
	o, author, err := room.ParseOffer(raw, now)
	if err != nil {
		return err
	}
	id, err := peerOf(author.Device)
	if err != nil {
		return err
	}
	if err := n.offers.judge(id, o, now); err != nil {
		return err
	}
	if !n.dir.mayBring(from, now) {
		return errFlood
	}
	if err := room.VerifyOffer(raw, now); err != nil {
		return err
	}
	return n.offers.keep(id, o, now)
}

// judge refuses an offer that is old, or one too many, before its signature is looked at.
func (f *offers) judge(id peer.ID, o *room.Offer, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fits(id, o, now)
}

// fits reports whether an offer is to be kept. f.mu is held.
func (f *offers) fits(id peer.ID, o *room.Offer, now time.Time) error {
	old, known := f.from[id]
	switch {
	case known && o.Version <= old.Version:
		return errOld
	case known && !spend(&old.whole, offerEvery, 3*offerEvery, now): // old is a copy
		return errFlood
	case known || len(f.from) < offersMost:
		return nil
	}
	for other, x := range f.from {
		if now.After(x.until) {
			delete(f.from, other)
			return nil
		}
	}
	return errCrowded
}

func (f *offers) keep(id peer.ID, o *room.Offer, now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.fits(id, o, now); err != nil {
		return err // another one was faster
	}
	life := min(time.Duration(o.Expires-o.Time)*time.Millisecond, room.MaxLifetime)
	x := offered{Offer: *o, until: now.Add(life), whole: f.from[id].whole}
	spend(&x.whole, offerEvery, 3*offerEvery, now)
	f.from[id] = x
	return nil
}

// For lists the relays that have places and may carry the rooms of a host, those with most places first; near says which
// are on the local network, whose relays carry without being asked for by name.
func (f *offers) For(host doc.PublicKey, near func(peer.ID) bool, now time.Time) []peer.AddrInfo {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []peer.AddrInfo
	for id, x := range f.from {
		if now.After(x.until) || x.Free == 0 || x.Rooms == 0 || !x.Allows(host) && !near(id) {
			continue
		}
		p := peer.AddrInfo{ID: id}
		for _, b := range x.Entries {
			if m, err := multiaddr.NewMultiaddrBytes(b); err == nil {
				p.Addrs = append(p.Addrs, m)
			}
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b peer.AddrInfo) int {
		return cmp.Or(cmp.Compare(f.from[b.ID].Free, f.from[a.ID].Free), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// offerSoon has a relay say what it offers; to a node that is new here, say.
func (n *Node) offerSoon() {
	select {
	case n.offering <- struct{}{}:
	default:
	}
}

// offer says again and again what this relay offers, until the node closes.
func (n *Node) offer() {
	next := time.NewTimer(0)
	defer next.Stop()
	var last time.Time
	var version uint64
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.offering:
			next.Reset(max(0, offerEvery-time.Since(last)))
		case <-next.C:
			last = time.Now()
			version = max(version+1, uint64(last.UnixMilli()))
			n.sayOffer(version, last)
			every := n.o.AnnounceEvery
			next.Reset(every - every/10 + rand.N(every/5))
		}
	}
}

func (n *Node) sayOffer(version uint64, now time.Time) {
	p := n.relay
	most := min(p.Listeners, p.places(p.Listeners, room.Talk))
	free := min(most, p.spare(int(n.feeds.Load()), int(n.sends.Load()), room.Talk))
	o := room.Offer{
		Open: p.Open, Places: uint32(most), Free: uint32(max(free, 0)), Rooms: uint32(max(p.Rooms-len(n.carried()), 0)),
		Version: version, Time: now.UnixMilli(), Expires: now.Add(n.o.AnnounceEvery * 5 / 2).UnixMilli(),
	}
	if !p.Open {
		o.Hosts = p.hosts[:min(len(p.hosts), room.MaxOfferHosts)]
	}
	if n.draining.Load() {
		o.Free, o.Rooms = 0, 0
	}
	for _, m := range n.entryPoints(room.MaxEntries) {
		o.Entries = append(o.Entries, m.Bytes())
	}
	raw, err := room.SignOffer(n.id(), o)
	if err != nil {
		n.o.Log.Warn("offer", "err", err) // no address to be reached at, perhaps
		return
	}
	if err := n.gossip.PublishOffer(context.WithoutCancel(n.ctx), raw); err != nil {
		n.counts.Add("offer_unsent")
	}
}

// sawNear notes that a peer answered on the local network.
func (n *Node) sawNear(id peer.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.near) < nearMost {
		n.near[id] = true
	}
}

// isNear reports whether a peer is on the local network: it answered there, and its connection comes from there, for
// anybody can shout names.
func (n *Node) isNear(id peer.ID) bool {
	n.mu.Lock()
	answered := n.near[id]
	n.mu.Unlock()
	return answered && slices.ContainsFunc(n.host.Network().ConnsToPeer(id), func(c network.Conn) bool {
		return !manet.IsPublicAddr(c.RemoteMultiaddr())
	})
}
