package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"salon/ledger/doc"
	"salon/room"
)

const (
	mdnsService   = "_salon._udp"
	bookDials     = 8
	redialMin     = time.Second
	redialMax     = 30 * time.Second
	housekeeping  = time.Second
	bookSaveEvery = time.Minute
	dialsAtOnce   = 8
)

// discover starts everything that finds other nodes: the given peers, the peer book, the local network.
func (n *Node) discover(seeds []peer.AddrInfo) error {
	sub, err := n.host.EventBus().Subscribe([]any{new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerConnectednessChanged), new(event.EvtLocalAddressesUpdated)})
	if err != nil {
		return err
	}
	n.wg.Go(func() { n.followPeers(sub) })
	n.wg.Go(n.keepHouse)
	for _, p := range seeds {
		n.wg.Go(func() { n.keepConnected(p) })
	}
	for _, p := range n.book.Recent(bookDials) {
		n.wg.Go(func() { n.dial(p) })
	}
	if n.o.NoMDNS {
		return nil
	}
	found := &lan{n: n, dialling: make(chan struct{}, dialsAtOnce)}
	service := mdns.NewMdnsService(n.host, mdnsService, found)
	if err := service.Start(); err != nil {
		// A laptop without a network still works alone and finds others by links.
		n.o.Log.Warn("not looking on the local network", "err", err)
		n.o.NoMDNS = true
		return nil
	}
	n.wg.Go(func() {
		<-n.ctx.Done()
		service.Close()
	})
	return nil
}

// lan hears of nodes on the local network.
type lan struct {
	n        *Node
	dialling chan struct{} // bounds dials: anybody on the network can shout names
}

// HandlePeerFound is called by mdns for each answer.
func (l *lan) HandlePeerFound(p peer.AddrInfo) {
	select {
	case l.dialling <- struct{}{}:
	default:
		l.n.counts.Add("mdns_dial_skipped")
		return
	}
	if l.n.ctx.Err() != nil {
		return
	}
	l.n.sawNear(p.ID)
	l.n.wg.Go(func() {
		defer func() { <-l.dialling }()
		l.n.dial(p)
	})
}

// dial connects once.
func (n *Node) dial(p peer.AddrInfo) {
	ctx, cancel := context.WithTimeout(n.ctx, 10*time.Second)
	defer cancel()
	if err := connect(ctx, n.host, p); err != nil && n.ctx.Err() == nil {
		n.o.Log.Debug("dial", "peer", p.ID.String(), "err", err)
	}
}

// keepConnected dials a peer that the person named, again and again.
func (n *Node) keepConnected(p peer.AddrInfo) {
	wait := redialMin
	for {
		n.dial(p)
		if n.host.Network().Connectedness(p.ID) == network.Connected {
			wait = redialMin
		} else {
			wait = min(2*wait, redialMax)
		}
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(wait + rand.N(wait/4)):
		}
	}
}

// AddPeer dials a node by multiaddr or share link and remembers it when it answers.
func (n *Node) AddPeer(ctx context.Context, addr string) error {
	ps, err := parsePeers([]string{addr})
	if err != nil {
		return &UserError{Code: "bad_addr", Text: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := connect(ctx, n.host, ps[0]); err != nil {
		return &UserError{Code: "unreachable", Text: "Nobody answers there. Is that computer on and salon running?"}
	}
	return nil
}

// followPeers keeps count of the nodes of salon around us and asks new ones for their rooms.
func (n *Node) followPeers(sub event.Subscription) {
	go func() { <-n.ctx.Done(); sub.Close() }()
	for e := range sub.Out() {
		switch e := e.(type) {
		case event.EvtPeerIdentificationCompleted:
			for _, r := range n.Rooms() {
				r.located(e.Peer)
			}
			if slices.Contains(e.Protocols, protoDirectory) && n.setPeer(e.Peer, true) {
				n.book.Met(e.Peer, e.ListenAddrs, time.Now())
				n.wg.Go(func() { n.syncWith(e.Peer) })
				n.offerSoon()
				n.sellerCame(e.Peer)
			}
		case event.EvtPeerConnectednessChanged:
			if e.Connectedness == network.NotConnected {
				n.setPeer(e.Peer, false)
			}
		case event.EvtLocalAddressesUpdated:
			n.moved()
			n.watch.tell(Change{Kind: StatusChanged})
		}
	}
}

// setPeer notes whether a node of salon is connected and reports whether that is news.
func (n *Node) setPeer(p peer.ID, connected bool) bool {
	n.mu.Lock()
	news := n.peers[p] != connected && n.ctx.Err() == nil
	if connected {
		n.peers[p] = true
	} else {
		delete(n.peers, p)
	}
	n.mu.Unlock()
	if news {
		n.watch.tell(Change{Kind: StatusChanged})
	}
	return news
}

func (n *Node) syncWith(p peer.ID) {
	if _, err := syncDirectory(n.ctx, n.host, p, n.dir, n.take); err != nil && n.ctx.Err() == nil {
		n.counts.Add("directory_sync_failed")
		n.o.Log.Debug("directory sync", "peer", p.String(), "err", err)
	}
}

// keepHouse forgets rooms that expired and saves the peer book.
func (n *Node) keepHouse() {
	t := time.NewTicker(housekeeping)
	defer t.Stop()
	saved := time.Now()
	for {
		select {
		case <-n.ctx.Done():
			return
		case now := <-t.C:
			for _, r := range n.Rooms() {
				if r.carried && r.Phase().Over() {
					n.leave(r) // nobody looks at it any more
				}
			}
			if n.dir.Expire(now) {
				n.watch.tell(Change{Kind: RoomsChanged})
			}
			if now.Sub(saved) > bookSaveEvery {
				saved = now
				if err := n.book.Save(); err != nil {
					n.o.Log.Warn("peer book", "err", err)
				}
			}
		}
	}
}

// parsePeers reads multiaddrs that end in /p2p/ID, or share links.
func parsePeers(list []string) ([]peer.AddrInfo, error) {
	var out []peer.AddrInfo
	for _, s := range list {
		s = strings.TrimSpace(s)
		if strings.HasPrefix(s, "salon:") {
			p, err := peerOfLink(s)
			if err != nil {
				return nil, err
			}
			out = append(out, p)
			continue
		}
		p, err := peer.AddrInfoFromString(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not a peer: use an address like /ip4/192.0.2.7/udp/%d/quic-v1/p2p/12D3Koo..., as the other node's page shows under Connect", s, defaultPort)
		}
		out = append(out, *p)
	}
	return out, nil
}

func peerOfLink(s string) (peer.AddrInfo, error) {
	link, err := room.ParseLink(s)
	if err != nil {
		return peer.AddrInfo{}, errors.New("this share link is damaged or cut off: ask for it again")
	}
	return addrInfo(link.Device, link.Addrs)
}

// addrInfo is how to dial a device whose entry points are these multiaddrs; those that are none, or lead to a relay, are
// left out.
func addrInfo(device doc.PublicKey, entries [][]byte) (peer.AddrInfo, error) {
	id, err := peerOf(device)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	p := peer.AddrInfo{ID: id}
	for _, b := range entries {
		m, err := multiaddr.NewMultiaddrBytes(b)
		if err != nil {
			continue
		}
		if _, err := m.ValueForProtocol(multiaddr.P_P2P); err != nil {
			p.Addrs = append(p.Addrs, m)
		}
	}
	return p, nil
}

// rankAddrs puts the addresses that reach furthest first: public, then private, then loopback; QUIC before TCP.
func rankAddrs(addrs []multiaddr.Multiaddr) []multiaddr.Multiaddr {
	rank := func(m multiaddr.Multiaddr) int {
		r := 0
		switch {
		case manet.IsIPLoopback(m):
			r = 4
		case !manet.IsPublicAddr(m):
			r = 2
		}
		if _, err := m.ValueForProtocol(multiaddr.P_QUIC_V1); err != nil {
			r++
		}
		return r
	}
	out := slices.Clone(addrs)
	slices.SortStableFunc(out, func(a, b multiaddr.Multiaddr) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}
