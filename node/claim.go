package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"salon/relay"
	"salon/room"
)

// Whoever leads a room can prove it, by a claim: the charter that the host signed, and the state, which they sign. So two who lead
// it, after a split or when the host comes back, find out who leads on.

const (
	seekEvery  = 500 * time.Millisecond
	seekWithin = time.Second

	claimRate, claimBurst = 2, 10 // of strangers: a second, and at once

	// risesMost is how many incarnations the host leaves out, at most, because somebody else may have handed them out.
	risesMost = 16 << 6
)

// ownClaim proves that we lead the room; number is of our program's first frame, or to whom asks of its next. r.mu is held.
func (r *Room) ownClaim(number uint64) (relay.Claim, error) {
	charter, snapshot, err := r.signedState()
	return relay.Claim{Room: r.id, Charter: charter, Snapshot: snapshot, Number: number}, err
}

// openClaim checks somebody's proof that they lead the room, be it under an older charter than ours.
func (r *Room) openClaim(from peer.ID, m relay.Claim) (*room.State, error) {
	charter, s, err := r.openState(m.Charter, m.Snapshot)
	if err != nil {
		return nil, err
	}
	if id, err := peerOf(s.Program.Device); err != nil || id != from {
		return nil, errors.New("node: a claim for somebody else")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return s, r.isOurs(charter, s)
}

// serveClaim answers somebody who says that they lead a room, or asks who does.
func (n *Node) serveClaim(ctl *controlConn, from peer.ID, m relay.Claim) {
	refuse := relay.Refuse{Code: "no_room", Text: "This room is not led here."}
	r := n.hosted(room.ID(m.Room))
	if r == nil {
		if r := n.Room(room.ID(m.Room)); r != nil && len(m.Snapshot) > 0 {
			r.hint(from, m)
		}
		ctl.Finish(refuse)
		return
	}
	var theirs *room.State
	r.mu.Lock()
	heard := r.isRival(from) || r.heir.claims.take(time.Now(), claimRate, claimBurst)
	r.mu.Unlock()
	if !heard {
		n.counts.Add("claim_flood")
		ctl.Finish(refuse)
		return
	}
	if len(m.Snapshot) > 0 {
		var err error
		if theirs, err = r.openClaim(from, m); err != nil {
			n.counts.Add("claim_refused")
			n.o.Log.Warn("claim", "room", r.id.String(), "from", from.String(), "err", err)
			ctl.Finish(relay.Refuse{Code: "untrusted", Text: "That is not proven."})
			return
		}
	}
	r.mu.Lock()
	answer, err := any(refuse), error(nil)
	if r.turn() && r.act != nil && (theirs != nil || r.asksRightly(from)) {
		number := r.voice.nextNumber()
		if theirs != nil {
			err = r.meetLeader(peer.AddrInfo{ID: from, Addrs: n.addrsOf(from)}, m, theirs)
			number = r.voice.firstNumber()
		}
		if r.host != nil && err == nil {
			answer, err = r.ownClaim(number)
		}
	}
	r.mu.Unlock()
	if err != nil {
		n.o.Log.Warn("claim", "room", r.id.String(), "err", err)
		answer = refuse
	}
	ctl.Finish(answer)
}

// asksRightly reports whether a peer may be told all that we know without having led: the host's node that comes back, and
// others that may lead. r.mu is held.
func (r *Room) asksRightly(from peer.ID) bool {
	device, err := deviceOf(from)
	return err == nil && (from == r.heir.host.ID || slices.ContainsFunc(r.state.Seats, func(s room.Seat) bool {
		return s.Device == device && r.state.Leads(s.Person)
	}))
}

// isRival reports whether we know that a peer may lead the room too. r.mu is held.
func (r *Room) isRival(from peer.ID) bool {
	return from == r.heir.host.ID || slices.ContainsFunc(r.heir.others, func(p peer.AddrInfo) bool { return p.ID == from })
}

// hint takes somebody who leads for an entry point, if we look for one. r.mu is not held.
func (r *Room) hint(from peer.ID, m relay.Claim) {
	s, err := r.openClaim(from, m)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil && r.guest.ctl == nil && (r.state == nil || !r.state.Outbids(s)) {
		r.heir.hint = peer.AddrInfo{ID: from, Addrs: r.n.addrsOf(from)}
		r.seekAnew()
	}
}

// meetLeader settles who leads on between us, who do, and somebody who does too. r.mu is held, and nothing is being written.
func (r *Room) meetLeader(with peer.AddrInfo, m relay.Claim, theirs *room.State) error {
	if theirs.Leader().Person == r.state.Leader().Person { // two devices of one person may have handed out the same
		r.noteSigners(theirs)
		r.noteSigners(r.state)
	}
	defer r.outkey(theirs)
	switch room.Meet(r.n.Person(), r.state, theirs) {
	case room.Yield:
		r.stepDown(with, theirs, m.Number)
		r.carries.begin(m.Charter, m.Snapshot, theirs.Seq)
		r.broadcast(relay.Snapshot{Charter: m.Charter, Payload: m.Snapshot})
	case room.Rise:
		return r.rise(theirs)
	case room.LeadOn:
		if r.state.Leads(theirs.Leader().Person) {
			r.awaitInside(time.Now()) // when they have yielded
		}
	}
	return nil
}

// rise leads on under a term above that of somebody who leads too. r.mu is held, as for commit.
func (r *Room) rise(theirs *room.State) error {
	was := r.state.Term
	handed := min(max(r.state.Incarnation, theirs.Incarnation), r.state.Incarnation+risesMost) // whoever led there may have handed out the same
	ev, err := r.state.Resume(r.n.author(), handed, time.Now())
	if r.charter.Host != r.n.Person() {
		at := floor{r.state.Incarnation, max(r.state.Term.Epoch, theirs.Term.Epoch)}
		var before, now floor
		if err = r.write(func() (err error) { before, now, err = r.n.home.reserve(r.id, at); return err }); err == nil {
			r.heir.floor, r.heir.reserved = before, now
			ev, err = r.state.TakeOver(r.n.author(), before.Incarnation, now.Epoch-1, time.Now())
		}
	}
	if err == nil {
		r.awaitInside(time.Now()) // whom they let in meanwhile
		err = r.commit(ev)
	}
	if err == nil && !r.state.Waiting {
		err = r.publishProgram(time.Now())
	}
	if err == nil {
		if r.heir.renewed == (room.Term{}) { // the first time: we led all along
			r.heir.renewed = was
		}
		r.renewMicrophone()
	}
	return err
}

// seekOthers looks for others who lead the room, while we do for somebody else: the host may be back, and after a split there may
// be two of us.
func (r *Room) seekOthers(ctx context.Context) {
	t := time.NewTicker(seekEvery)
	defer t.Stop()
	busy := make(map[peer.ID]bool)
	done := make(chan peer.ID, 16)
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-done:
			delete(busy, id)
			continue
		case <-t.C:
		}
		for _, p := range r.rivals() {
			if busy[p.ID] || len(busy) == cap(done) {
				continue
			}
			busy[p.ID] = true
			r.wg.Go(func() {
				if err := r.claimTo(ctx, p); err != nil {
					r.n.o.Log.Debug("claim", "to", p.ID.String(), "err", err)
				}
				done <- p.ID
			})
		}
	}
}

// rivals are the nodes that may lead the room too.
func (r *Room) rivals() []peer.AddrInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		return nil
	}
	list := append([]peer.AddrInfo{r.heir.host}, r.heir.others...)
	if l, ok := r.n.dir.Get(r.id, time.Now()); ok {
		if p, err := addrInfo(l.device, l.ann.Entries); err == nil {
			list = append(list, p)
		}
	}
	return slices.DeleteFunc(list, func(p peer.AddrInfo) bool {
		return p.ID == "" || p.ID == r.n.host.ID() || r.feeds.children[p.ID] != nil
	})
}

// claimTo tells somebody that we lead, and hears whether they do.
func (r *Room) claimTo(ctx context.Context, p peer.AddrInfo) error {
	r.mu.Lock()
	mine, err := relay.Claim{}, error(errNotConnected)
	if r.host != nil {
		mine, err = r.ownClaim(r.voice.firstNumber())
	}
	r.mu.Unlock()
	if err != nil {
		return err
	}
	m, err := r.n.exchangeClaims(ctx, p, mine)
	if err != nil || m == nil {
		return err
	}
	theirs, err := r.openClaim(p.ID, *m)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.turn() {
		return nil
	}
	return r.meetLeader(p, *m, theirs)
}

// exchangeClaims sends a claim, or a question, and returns what was claimed in answer, nil if nothing.
func (n *Node) exchangeClaims(ctx context.Context, p peer.AddrInfo, m relay.Claim) (*relay.Claim, error) {
	ctx, cancel := context.WithTimeout(network.WithForceDirectDial(ctx, "whoever may lead the room"), seekWithin)
	defer cancel()
	n.host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
	if err := connect(ctx, n.host, p); err != nil {
		return nil, err
	}
	s, err := n.newControlStream(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	ctl := newControlConn(s, nil)
	defer ctl.Close()
	stop := context.AfterFunc(ctx, ctl.Close)
	defer stop()
	ctl.Send(m)
	got, err := ctl.Receive()
	if err != nil {
		return nil, err
	}
	if c, ok := got.(relay.Claim); ok && c.Room == m.Room {
		return &c, nil
	}
	return nil, nil
}
