package node

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"salon/ledger"
	"salon/node/market"
	"salon/relay"
	"salon/room"
)

// A host who has handed a room over may leave it, and go on selling and giving money back: what is void then is told to whoever leads
// the room, by a connection of its own.

// awayEvery is how often a host who is not in the room looks for who leads it.
const awayEvery = 2 * time.Second

// keepPapersAway tells the papers of our rooms that others lead, while we are not in them, until ctx ends.
func (n *Node) keepPapersAway(ctx context.Context, m *market.Market) {
	told := make(map[room.ID]toldAway)
	for {
		news := m.Appended()
		for _, l := range n.dir.Live(time.Now()) {
			a := l.ann
			if a.Host != n.Person() || a.Access != room.ByTicket || l.device == n.author().Device {
				continue
			}
			if r := n.Room(a.Room); r != nil && !r.Phase().Over() {
				continue // keepPapers tells them
			}
			if err := n.showPapers(ctx, m, l, told); err != nil && ctx.Err() == nil {
				n.o.Log.Info("who leads our room was not told which tickets are void", "room", a.Room.String(), "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(awayEvery):
			continue
		case <-news:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(papersRest):
		}
	}
}

// toldAway is what who leads a room of ours was told last.
type toldAway struct {
	stamp market.Stamp
	at    time.Time
}

// showPapers tells who leads a room of ours its papers, if it was not told these or has to hear that they are still true.
func (n *Node) showPapers(ctx context.Context, m *market.Market, l listing, told map[room.ID]toldAway) error {
	now := time.Now()
	last := told[l.ann.Room]
	if now.Sub(last.at) >= ledger.ListEvery {
		last = toldAway{}
	}
	listings, void, stamp, err := m.Papers(ledger.Room(l.ann.Room), last.stamp, now)
	if err != nil || len(listings) == 0 {
		return err
	}
	to, err := addrInfo(l.device, l.ann.Entries)
	if err != nil {
		return err
	}
	for _, p := range paperMessages(listings, void) {
		p.Room = l.ann.Room
		if err := n.showTo(ctx, to, p); err != nil {
			return err
		}
	}
	told[l.ann.Room] = toldAway{stamp, now}
	return nil
}

var errPapersRefused = errors.New("node: it did not take the papers")

// showTo tells a node papers of a room that it leads.
func (n *Node) showTo(ctx context.Context, to peer.AddrInfo, p relay.Papers) error {
	ctx, cancel := context.WithTimeout(network.WithForceDirectDial(ctx, "who leads our room"), dialTimeout)
	defer cancel()
	n.host.Peerstore().AddAddrs(to.ID, to.Addrs, peerstore.TempAddrTTL)
	if err := connect(ctx, n.host, to); err != nil {
		return err
	}
	s, err := n.newControlStream(ctx, to.ID)
	if err != nil {
		return err
	}
	ctl := newControlConn(s, nil)
	defer ctl.Close()
	defer context.AfterFunc(ctx, ctl.Close)()
	ctl.Send(p)
	m, err := ctl.Receive()
	if err != nil {
		return err
	}
	if a, ok := m.(relay.Answer); !ok || a.Code != "" {
		return errPapersRefused
	}
	return nil
}

// servePapers takes papers of a room that we lead, from whoever shows them: the host has signed them.
func (n *Node) servePapers(ctl *controlConn, from peer.ID, m relay.Papers) {
	r := n.hosted(room.ID(m.Room))
	if r == nil {
		ctl.Finish(relay.Refuse{Code: "no_room", Text: "This room is not led here."})
		return
	}
	now := time.Now()
	r.mu.Lock()
	heard := r.heir.claims.take(now, claimRate, claimBurst)
	r.mu.Unlock()
	if !heard {
		n.counts.Add("papers_flood")
		ctl.Finish(relay.Refuse{Code: "busy", Text: "Too many come at once."})
		return
	}
	m.Room = [16]byte{} // in the tree it goes without saying
	if err := r.takePapers(m, nil, now); err != nil {
		n.counts.Add("papers_refused")
		n.o.Log.Warn("papers", "room", r.id.String(), "from", from.String(), "err", err)
		ctl.Finish(relay.Refuse{Code: "untrusted", Text: "That is not signed by the host."})
		return
	}
	ctl.Finish(relay.Answer{})
}
