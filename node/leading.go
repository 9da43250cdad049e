package node

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// What becomes of a room's parts when we begin to lead it, and when somebody else does.

// renewMicrophone asks for an incarnation when the one that our microphone had is not known to who leads now. r.mu is held.
func (r *Room) renewMicrophone() {
	if r.heir.renewed == r.state.Term {
		return
	}
	first := r.heir.renewed == room.Term{}
	r.heir.renewed = r.state.Term
	if first || !r.voice.unpublished(r.state, r.mySeat()) {
		return
	}
	r.wg.Go(func() { r.publishAgain(r.n.ctx) })
}

// publishAgain has whoever leads now take up our microphone. In a change of leader they may be out of reach for a moment.
func (r *Room) publishAgain(ctx context.Context) {
	for range publishTries {
		err := r.command(ctx, room.Command{Kind: room.Publish, Start: r.voice.askMicrophone()})
		if err == nil {
			return
		}
		r.n.o.Log.Warn("microphone not taken up again", "room", r.id.String(), "err", err)
		if !errors.Is(err, errNotConnected) {
			return // they do not take it
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(publishEvery):
		}
		r.mu.Lock()
		over := r.host != nil || r.phase.Over() || !r.voice.unpublished(r.state, r.mySeat())
		r.mu.Unlock()
		if over {
			return
		}
	}
}

// become makes us who leads the room, by an event of ours. r.mu is held, and let go while something is written.
func (r *Room) become(ev room.Event, raw []byte, now time.Time) error {
	next := r.state.Clone()
	effects, err := next.Apply(ev)
	if err != nil {
		return err
	}
	r.state, r.charter = next, next.Charter
	return r.begun(ev, raw, effects, now)
}

// begun makes us who leads the room as the state says since ev. r.mu is held, as for become.
func (r *Room) begun(ev room.Event, raw []byte, effects []room.Effect, now time.Time) error {
	r.logEvent(ev, raw)
	r.heir.used, r.heir.owes = true, false
	if r.feeds == nil {
		r.feeds = newFeeding()
	}
	fed := r.carries != nil
	r.lends = lends{}
	r.carries, r.host = nil, r.newHosting()
	r.heir.grace, r.heir.awaits, r.heir.gone, r.heir.offered, r.heir.insideOurs = now.Add(lockedGrace), false, false, "", nil
	for p := range r.heir.inside { // as if they had lost the connection just now: many have
		r.host.door.lost[p] = now
	}
	r.guest.up, r.guest.ctl, r.guest.parent, r.guest.at, r.guest.lost = nil, nil, "", position{}, time.Time{}
	r.voice.lead(r.heir.asked, now)
	r.heir.asked = 0
	r.media.drive(func(p *relay.Place, now time.Time) {
		r.media.carries = false
		p.Source(relay.Peer(r.n.host.ID()))
		p.Lead(now)
	})
	r.heir.before, r.heir.back = r.heir.led, time.Time{}
	r.shareProgram()
	r.n.o.Log.Info("leads the room", "room", r.id.String(), "reign", ev.Term.Reign, "epoch", ev.Term.Epoch, "order", ev.Term.Order)
	r.setPhase(Live, "")
	r.link = r.n.shareLink(r.charter, r.otherEntries())
	r.act(r.tend, r.seekOthers, r.rotate)
	r.offer()
	if fed {
		if charter, err := r.signedCharter(); err == nil {
			r.broadcast(relay.Charter{Payload: charter})
		}
		r.broadcast(relay.Event{Payload: raw})
	}
	r.settle()
	r.carryOut(ev, effects)
	r.roleChanged()
	if r.state.Waiting {
		return nil
	}
	return r.publishProgram(now)
}

// shareProgram lets the program of who led before come by until ours has begun. r.mu is held.
func (r *Room) shareProgram() {
	r.media.do(func(t *relay.Tree, _ time.Time) { t.Share(relay.Program, true) })
	time.AfterFunc(shareFor, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.host != nil {
			r.heir.before = doc.PublicKey{}
			r.settleChildren()
			r.media.do(func(t *relay.Tree, _ time.Time) { t.Share(relay.Program, false) })
		}
	})
}

// stepDown makes us a guest of who leads now: the state is theirs. What they may not know of ours they are told when we are
// in. number is where their program begins, 0 for at once. r.mu is held, and nothing is being written.
func (r *Room) stepDown(to peer.AddrInfo, s *room.State, number uint64) {
	now := time.Now()
	r.owe(s)
	r.heir.insideOurs = sortedKeys(r.inside())
	r.heir.offered, r.heir.inside, r.heir.insideBy = "", nil, nil
	r.host = nil
	if r.guest == nil {
		r.guest = newVisiting(to)
		r.guest.decided.Do(func() { close(r.guest.ready) })
		seat := r.mySeat()
		r.guest.consent = consent{asked: true, muted: seat != nil && seat.Muted, had: seat != nil}
	}
	g := r.guest
	g.host, g.lost, g.up, g.ctl, g.parent, g.at = to, now, nil, nil, "", position{}
	g.have.Store(s.Seq)
	r.link.Device, r.link.Addrs = s.Program.Device, nil
	for _, m := range to.Addrs {
		r.link.Addrs = append(r.link.Addrs, m.Bytes())
	}
	r.carries = newCarrying()
	r.state, r.charter = s, s.Charter
	if c := r.feeds.children[to.ID]; c != nil { // it is to feed us, not we it
		delete(r.feeds.children, to.ID)
		r.goneBelow(r.feeds.below.dropVia(c))
		r.vacate(c)
		r.wg.Go(func() { c.ctl.Part(relay.Bye{Code: byeMoved}) })
	}
	r.voice.follow(number)
	entries := r.entries()
	r.media.drive(func(p *relay.Place, now time.Time) {
		r.media.carries = true
		r.media.tree.Share(relay.Program, true)
		p.Source(relay.Peer(to.ID))
		p.Follow(now)
		p.Seek(entries, now)
	})
	r.n.o.Log.Info("somebody else leads the room", "room", r.id.String(), "leader", to.ID.String(), "reign", s.Term.Reign, "epoch", s.Term.Epoch, "order", s.Term.Order)
	r.act(r.visit, r.keepVisit, r.tendCarried, r.keepWatch, r.keepLane)
	r.settle()
	r.roleChanged()
}

// abandon leaves a room that we lead for its host to nobody: whoever is in it waits for the host.
func (r *Room) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil || !r.turn() {
		return
	}
	for _, c := range r.feeds.children {
		c.ctl.Close() // without a word: none is the last
	}
	r.setPhase(Ended, "You left the room, which waits for its host.")
}

// partFromBelow has those go elsewhere whom we feed since we led the room, before we go: whoever leads it now feeds them.
func (r *Room) partFromBelow() {
	t := time.NewTicker(partEvery)
	defer t.Stop()
	late := time.NewTimer(partWithin)
	defer late.Stop()
	asked := false
	for {
		r.mu.Lock()
		placed := r.guest.ctl != nil && r.carries != nil && r.carries.snapshot != nil
		done := r.carries == nil || r.carried || r.phase.Over() || len(r.feeds.children) == 0 && !r.voice.makesProgram()
		r.mu.Unlock()
		if done {
			return
		}
		if placed && !asked {
			asked = true
			r.drain()
		}
		select {
		case <-t.C:
		case <-late.C:
			return
		case <-r.n.ctx.Done():
			return
		}
	}
}
