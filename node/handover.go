package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// A planned change of leader: the host hands the room over, and takes it back, and the program goes on without a gap.

// HandOver has a co-host lead the room, who is in it: the one named, or the next. It returns when that one does.
func (r *Room) HandOver(ctx context.Context, to doc.PublicKey) error {
	r.mu.Lock()
	if r.host == nil || r.phase.Over() {
		r.mu.Unlock()
		return &UserError{Code: "not_leading", Text: "You do not lead this room now."}
	}
	list := r.standbys()
	i := slices.IndexFunc(list, func(s standby) bool { return to.IsZero() || s.author.Person == to })
	if i < 0 {
		r.mu.Unlock()
		return &UserError{Code: "no_successor", Text: "No co-host is in the room who could lead it on. Appoint one, or end it for all."}
	}
	c := list[i].child
	if c == nil { // who is asked through a relay is asked in vain
		name := r.names.view(list[i].author.Person).Name
		r.mu.Unlock()
		return &UserError{Code: "far", Text: fmt.Sprintf("%s hears the room through a relay, and is about to come nearer. Try again in a moment.", name)}
	}
	number := r.voice.nextNumber() + handAhead
	r.heir.offered, r.heir.asked = c.id, number
	news := r.roleNews()
	c.ctl.Send(relay.Lead{Number: number})
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, handWithin)
	defer cancel()
	select {
	case <-news:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		return nil
	}
	r.heir.offered, r.heir.asked = "", 0
	return &UserError{Code: "no_answer", Text: fmt.Sprintf("%s did not take the room over. You still lead it.", r.names.view(c.author.Person).Name)}
}

// TakeBack has the host, who is a guest in their own room, lead it again.
func (r *Room) TakeBack(ctx context.Context) error {
	r.mu.Lock()
	if r.host != nil {
		r.mu.Unlock()
		return nil
	}
	if r.state == nil || r.charter.Host != r.n.Person() || r.guest.ctl == nil {
		r.mu.Unlock()
		return &UserError{Code: "not_host", Text: "Only the host takes a room back, and in it."}
	}
	if r.guest.parent != r.guest.host.ID {
		r.mu.Unlock()
		return &UserError{Code: "far", Text: "You hear the room through a relay. Try again in a moment."}
	}
	news := r.roleNews()
	r.heir.asked, r.heir.askedAt = r.voice.lastNumber()+handAhead, time.Now()
	r.mu.Unlock()
	r.propose()
	ctx, cancel := context.WithTimeout(ctx, handWithin)
	defer cancel()
	select {
	case <-news:
	case <-ctx.Done():
		return errNotConnected
	}
	return nil
}

// takeLead is a leader's request that we lead. We may be just moving from a relay to them: then follow proposes it.
func (r *Room) takeLead(u *uplink, m relay.Lead) {
	r.mu.Lock()
	may := u.to.ID == r.guest.host.ID && r.mayLead() && r.voice.goesOnAt(m.Number, time.Now())
	if may {
		r.heir.asked, r.heir.askedAt = m.Number, time.Now()
	}
	r.mu.Unlock()
	if may {
		r.wg.Go(r.propose)
	}
}

// propose sends whoever leads the event with which we would: it takes effect when they send it to everybody. When another
// event was first, witness has it proposed again.
func (r *Room) propose() {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil && !r.prepared() {
		r.prepare() // which proposes when it is done
		return
	}
	if r.host != nil || r.leaving || r.guest.ctl == nil || r.guest.parent != r.guest.host.ID || r.heir.asked == 0 || now.Sub(r.heir.askedAt) > handWithin {
		return
	}
	ev, err := r.nextTerm(now)
	if err != nil {
		return
	}
	raw, err := room.SignEvent(r.n.id(), ev)
	if err != nil {
		return
	}
	if ev.Kind == room.Resumed {
		next := r.state.Clone()
		if _, err := next.Apply(ev); err != nil {
			return
		}
		charter, err := room.SignCharter(r.n.id(), next.Charter)
		if err != nil {
			return
		}
		r.guest.ctl.Send(relay.Charter{Payload: charter})
	}
	number := r.heir.asked
	r.guest.ctl.Send(relay.Lead{Number: number})
	r.guest.ctl.Send(relay.Event{Payload: raw})
}

// nextTerm is the event with which we lead on from the state that we know. r.mu is held.
func (r *Room) nextTerm(now time.Time) (room.Event, error) {
	f := r.heir.floor
	if me := r.n.author(); me.Person == r.charter.Host && r.heir.asked != 0 {
		return r.state.Resume(me, f.Incarnation, now)
	}
	return r.state.TakeOver(r.n.author(), f.Incarnation, f.Epoch, now)
}

// takeProposal takes the event with which a child leads from now on, if we asked it to or it is the host. r.mu is held, and
// let go while something is written.
func (r *Room) takeProposal(c *child, m relay.Event, now time.Time) {
	if !r.turn() {
		return
	}
	ev, author, err := room.OpenEvent(m.Payload, now)
	switch {
	case err != nil || author != c.author || r.state.MaySign(author, ev) != nil:
		r.n.counts.Add("proposal_refused")
		return
	case ev.Kind != room.Resumed && (ev.Kind != room.TookOver || r.heir.offered != c.id):
		r.n.counts.Add("proposal_refused")
		return
	}
	next := r.state.Clone()
	if _, err := next.Apply(ev); err != nil {
		return // something was decided meanwhile: it hears of that, and proposes anew
	}
	charter := r.knownCharter(next.Charter)
	if r.n.Person() != next.Charter.Host && charter == nil {
		return
	}
	r.heir.events = append(r.heir.events, logged{room.Told{Event: ev, Leader: ev.Device}, m.Payload})
	if charter != nil {
		r.broadcast(relay.Charter{Payload: charter})
	}
	r.broadcast(m)
	r.stepDown(peer.AddrInfo{ID: c.id, Addrs: r.n.addrsOf(c.id)}, next, r.heir.asked)
	r.heir.asked = 0
}

// noteLead takes up where a child's program is to begin that proposes to lead. r.mu is held.
func (r *Room) noteLead(c *child, m relay.Lead) {
	if r.host != nil && (r.heir.offered == c.id || c.author.Person == r.charter.Host) {
		r.heir.asked = m.Number
	}
}
