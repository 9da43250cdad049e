package node

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A host that came into another network, or woke up in one, is nowhere that its children know of: it dials those whose
// connection broke, at the addresses they had, so that they find it on a connection that is there already.

const (
	recallWait = time.Second // before the first call, and between the first two; doubled each time
	recallMax  = 15 * time.Second
	recalling  = 16 // calls at once
)

// A recall is a child whose connection broke.
type recall struct {
	lost, next time.Time
	wait       time.Duration
	calling    bool
}

// recalls are those of a room, at most as many as it may have children. Room.mu guards it.
type recalls map[peer.ID]*recall

// lose notes a child whose connection broke.
func (c recalls) lose(id peer.ID, most int, now time.Time) {
	if c[id] == nil && len(c) < most {
		c[id] = &recall{lost: now, next: now.Add(recallWait), wait: recallWait}
	}
}

// due is whom to call now; those who were lost for longer than hold are forgotten.
func (c recalls) due(hold time.Duration, now time.Time) []peer.ID {
	var ids []peer.ID
	calls := 0
	for id, rc := range c {
		switch {
		case rc.calling:
			calls++
		case now.Sub(rc.lost) > hold:
			delete(c, id)
		}
	}
	for id, rc := range c {
		if calls < recalling && !rc.calling && !rc.next.After(now) {
			calls++
			rc.calling = true
			ids = append(ids, id)
		}
	}
	return ids
}

// called notes that a call has ended.
func (c recalls) called(id peer.ID, now time.Time) {
	if rc := c[id]; rc != nil {
		rc.calling, rc.next, rc.wait = false, now.Add(rc.wait), min(2*rc.wait, recallMax)
	}
}

// recall calls those children whose turn it is. It does not wait for them.
func (r *Room) recall(ctx context.Context, now time.Time) {
	var ids []peer.ID
	r.mu.Lock()
	hold := holdTime(r.charter)
	if r.host != nil {
		ids = r.host.recalls.due(hold, now)
	}
	r.mu.Unlock()
	for _, id := range ids {
		known := r.n.host.Peerstore()
		known.AddAddrs(id, known.Addrs(id), hold) // which libp2p forgets sooner
		r.wg.Go(func() {
			ctx, cancel := context.WithTimeout(network.WithForceDirectDial(ctx, "a child that was lost"), dialTimeout)
			defer cancel()
			if connect(ctx, r.n.host, peer.AddrInfo{ID: id}) == nil { // where it was, as libp2p remembers
				r.n.counts.Add("child_recalled")
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.host != nil {
				r.host.recalls.called(id, time.Now())
			}
		})
	}
}

// moved is called when this machine may have come into another network: it closes the connections that were made from an
// address it has no more, which nobody would notice for a while, and announces our rooms anew.
func (n *Node) moved() {
	if have, err := manet.InterfaceMultiaddrs(); err == nil {
		for _, c := range n.host.Network().Conns() {
			if isStale(c.LocalMultiaddr(), have) {
				n.counts.Add("connection_stale")
				_ = c.Close()
			}
		}
	}
	for _, r := range n.Rooms() {
		r.mu.Lock()
		if r.host != nil {
			select {
			case r.host.news <- struct{}{}:
			default:
			}
		}
		r.mu.Unlock()
	}
}

// isStale reports whether the address of our end of a connection is none of those that this machine has. One that is not
// bound to an address, as QUIC's are, cannot be told.
func isStale(local multiaddr.Multiaddr, have []multiaddr.Multiaddr) bool {
	ip, err := manet.ToIP(local)
	if err != nil || ip.IsUnspecified() || ip.IsLoopback() {
		return false
	}
	return !slices.ContainsFunc(have, func(m multiaddr.Multiaddr) bool {
		own, err := manet.ToIP(m)
		return err == nil && own.Equal(ip)
	})
}
