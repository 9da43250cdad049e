package node

import (
	"bufio"
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// What somebody says on stage goes straight to who leads the room next too, by a lane of its own: when who leads is gone, it is
// there already, before its speaker has a new place. Whoever stands by takes it from the devices that have a seat, as far as the
// room's state says that they may speak.

const (
	laneEvery = 500 * time.Millisecond // between two looks at where our lane ends
	laneAgain = 2 * time.Second        // between two that begin
)

// keepLane keeps a lane of ours, while there is somebody where it may end.
func (r *Room) keepLane(ctx context.Context) {
	t := time.NewTicker(laneEvery)
	defer t.Stop()
	var began time.Time
	for {
		if to := r.laneTo(); to.ID != "" && !r.uses(to.ID) && time.Since(began) >= laneAgain {
			began = time.Now()
			lane, end := context.WithCancel(ctx)
			over := make(chan struct{})
			r.wg.Go(func() {
				defer close(over)
				if err := r.speakTo(lane, to); err != nil && lane.Err() == nil {
					r.n.o.Log.Debug("lane", "room", r.id.String(), "to", to.ID.String(), "err", err)
				}
			})
			for same := true; same; {
				select {
				case <-over:
					same = false
				case <-t.C:
					same = ctx.Err() == nil && r.laneTo().ID == to.ID
				}
			}
			end()
			<-over
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// laneTo is who leads the room next, if our words are to go there too; else nobody.
func (r *Room) laneTo() (to peer.AddrInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil || r.state == nil || r.phase.Over() || r.mySeat() == nil || len(r.heir.others) == 0 || r.heir.others[0].ID == r.n.host.ID() {
		return to
	}
	return r.heir.others[0]
}

// errNeighbour means that there is another way for sound between two nodes.
var errNeighbour = errors.New("node: it is a neighbour in the tree")

// speakTo sends what we say to a node, until ctx ends or it wants no more.
func (r *Room) speakTo(ctx context.Context, to peer.AddrInfo) error {
	dial, stop := context.WithTimeout(network.WithForceDirectDial(ctx, "who leads the room next"), dialTimeout)
	defer stop()
	r.n.host.Peerstore().AddAddrs(to.ID, to.Addrs, peerstore.TempAddrTTL)
	if err := connect(dial, r.n.host, to); err != nil {
		return err
	}
	defer r.n.protect(to.ID)()
	link, err := r.openSound(dial, to.ID, protoLane)
	if err != nil {
		return err
	}
	defer link.Close()
	defer context.AfterFunc(ctx, func() { link.Close() })()
	id := relay.Peer(to.ID)
	if !r.media.openLane(id, link, func(t *relay.Tree, now time.Time) error { return t.SetLane(id, now) }) {
		return errNeighbour
	}
	defer r.media.do(func(t *relay.Tree, now time.Time) { _ = t.SetLane("", now) })
	return r.media.carry(id, link) // it asks for what it missed
}

// openLane makes l the way to who is at the other end of a lane, if there is none yet and begin agrees.
func (m *media) openLane(p relay.Peer, l relay.Link, begin func(t *relay.Tree, now time.Time) error) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.links[p] != nil || m.above[p] != nil || m.below[p] != nil || begin(m.tree, time.Now()) != nil {
		return false
	}
	m.links[p] = l
	return true
}

// serveLane is the handler of every lane that ends here.
func (n *Node) serveLane(s network.Stream) {
	in := bufio.NewReaderSize(s, 8<<10)
	_ = s.SetReadDeadline(time.Now().Add(joinTimeout))
	b, err := readMessage(in, nil, len(room.ID{}))
	_ = s.SetReadDeadline(time.Time{})
	if err != nil || len(b) != len(room.ID{}) {
		n.counts.Add("lane_malformed")
		s.Reset()
		return
	}
	r := n.Room(room.ID(b))
	if r == nil {
		n.counts.Add("lane_refused")
		s.Reset()
		return
	}
	r.takeLane(s.Conn().RemotePeer(), n.newLink(s, in, false))
}

// mayTakeLane reports whether a node may speak to us by a lane: we stand by, and it is on stage. r.mu is held.
func (r *Room) mayTakeLane(from peer.ID) bool {
	device, err := deviceOf(from)
	return err == nil && !r.phase.Over() && r.mayLead() && r.hasSeat(device) && (r.lanes[from] != nil || len(r.lanes) < room.MaxSeats)
}

// hasSeat reports whether a device is on stage. r.mu is held.
func (r *Room) hasSeat(device doc.PublicKey) bool {
	for _, s := range r.state.Seats {
		if s.Device == device {
			return true
		}
	}
	return false
}

// takeLane hears what a node says by a lane, until that ends.
func (r *Room) takeLane(from peer.ID, l relay.Link) {
	id := relay.Peer(from)
	r.mu.Lock()
	opened := r.mayTakeLane(from)
	if old := r.lanes[from]; opened && old != nil { // it came back before its old connection was given up
		r.endLane(from, old)
	}
	opened = opened && r.media.openLane(id, l, func(t *relay.Tree, now time.Time) error {
		err := t.AddSpeaker(id, now)
		if err == nil {
			r.media.lanes[l] = true
		}
		return err
	})
	if opened {
		if r.lanes == nil {
			r.lanes = make(map[peer.ID]relay.Link)
		}
		r.lanes[from] = l
		r.settleLanes()
	}
	r.mu.Unlock()
	if !opened {
		r.n.counts.Add("lane_refused")
		l.Close()
		return
	}
	defer r.n.protect(from)()
	if err := r.media.carry(id, l); errors.Is(err, relay.ErrTrespass) {
		r.n.counts.Add("lane_trespassed")
	}
	r.n.counts.AddMany("packet_malformed", l.Stats().Malformed)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lanes[from] == l {
		r.endLane(from, l)
	}
}

// settleLanes grants everybody whose lane ends here what the state allows, and ends those that nothing is to come by any more.
// r.mu is held.
func (r *Room) settleLanes() {
	for from, l := range r.lanes {
		device, err := deviceOf(from)
		if err != nil || !r.hasSeat(device) || r.host == nil && !r.mayLead() {
			r.endLane(from, l)
			continue
		}
		var sends uint32
		if slot, _, ok := r.state.MaySend(device); ok {
			sends = 1 << slot
		}
		r.media.do(func(t *relay.Tree, now time.Time) {
			if t.IsSpeaker(relay.Peer(from)) { // else it has a place here by now, and its rights with it
				_ = t.Allow(relay.Peer(from), sends, now)
			}
		})
	}
}

// endLane ends a lane that ends here. r.mu is held.
func (r *Room) endLane(from peer.ID, l relay.Link) {
	delete(r.lanes, from)
	l.Close()
	id := relay.Peer(from)
	r.media.mu.Lock()
	defer r.media.mu.Unlock()
	r.media.tree.RemoveSpeaker(id)
	delete(r.media.lanes, l)
	if r.media.links[id] == l {
		delete(r.media.links, id)
	}
}
