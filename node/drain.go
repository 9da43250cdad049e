package node

import (
	"context"

	"salon/relay"
)

// Drain has everybody whom this relay feeds go elsewhere, feeding them until somebody else does, and lets nobody in
// meanwhile. It returns when all have gone, or ctx ends.
func (n *Node) Drain(ctx context.Context) {
	n.draining.Store(true)
	n.offerSoon()
	for _, r := range n.Rooms() {
		if r.carried {
			r.drain()
		}
	}
	for n.feeds.Load() > 0 {
		select {
		case <-ctx.Done():
			n.counts.AddMany("drain_cut_short", uint64(max(n.feeds.Load(), 0)))
			return
		case <-n.emptied:
		}
	}
}

// drain has everybody go elsewhere whom we feed in one room.
func (r *Room) drain() { r.media.drive((*relay.Place).Drain) }
