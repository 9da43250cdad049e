package node

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"salon/relay"
	"salon/room"
)

// enter takes the host's snapshot as the room's state. It came from the host itself or through a parent, who was told the last
// event that we knew.
func (r *Room) enter(u *uplink, knew uint64, m relay.Accept) error {
	charter, state, err := r.openState(m.Charter, m.Snapshot)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return errOldTerm // we lead it by now
	}
	if err := r.fits(charter, state); err != nil {
		return err
	}
	if id, _ := peerOf(state.Program.Device); u.to.ID == id && r.state != nil && r.state.Outbids(state) {
		return errOldTerm
	}
	if u.to.ID == r.guest.host.ID && state.Seq < knew && !r.isNews(state) {
		return errors.New("its state is older than what it told before")
	}
	r.logCharter(charter, m.Charter)
	r.adopt(charter, state, relay.Snapshot{Charter: m.Charter, Payload: m.Snapshot})
	r.link.Host = charter.Host
	r.obey()
	r.settle()
	return nil
}

// isNews reports whether a state is not older than ours. r.mu is held.
func (r *Room) isNews(state *room.State) bool {
	return r.state == nil || state.Compare(r.state) >= 0
}

// adopt takes a state, unless ours is newer: then the events that we miss come all the same. Who carries the room begins anew
// from it, if that leads further than what there is. r.mu is held.
func (r *Room) adopt(charter room.Charter, state *room.State, signed relay.Snapshot) {
	same := r.state == nil || !state.Outbids(r.state) && !r.state.Outbids(state)
	if c := r.carries; c != nil && (c.snapshot == nil || same && (state.Seq > c.seq || c.asking && state.Seq == c.seq) || !same && r.isNews(state)) {
		c.begin(signed.Charter, signed.Payload, state.Seq)
		r.broadcast(signed)
	} else if c != nil {
		c.asking = false
	}
	if r.isNews(state) {
		if r.heir.owes && state.Program.Device != r.n.author().Device {
			r.owe(state)
			r.heir.owes = false
		}
		r.charter, r.state = charter, state
	}
}

// openState opens a signed charter and snapshot.
func (r *Room) openState(rawCharter, rawState []byte) (charter room.Charter, state *room.State, err error) {
	now := time.Now()
	if charter, err = room.OpenCharter(rawCharter, now); err != nil {
		return charter, nil, fmt.Errorf("charter: %w", err)
	}
	state, author, err := room.OpenSnapshot(rawState, now)
	if err != nil {
		return charter, nil, fmt.Errorf("snapshot: %w", err)
	}
	if author != state.Leader() {
		return charter, nil, errors.New("it is signed by somebody who does not lead the room")
	}
	return charter, state, nil
}

// fits checks that a charter and a state are this room's, and not from before what the host told since. r.mu is held.
func (r *Room) fits(charter room.Charter, state *room.State) error {
	if err := r.isOurs(charter, state); err != nil {
		return err
	}
	if charter.Compare(r.charter) < 0 {
		return errOldTerm // from before somebody was a co-host, or was one no more
	}
	return nil
}

// isOurs checks that a charter and a state are this room's. r.mu is held.
func (r *Room) isOurs(charter room.Charter, state *room.State) error {
	if charter.Room != r.id || state.Charter.Room != r.id || (!r.link.Host.IsZero() && charter.Host != r.link.Host) {
		return errors.New("it is signed by somebody who is not the host")
	}
	if !reflect.DeepEqual(charter, state.Charter) {
		return errors.New("its charter is not that of its state")
	}
	return nil
}

// errOldTerm is somebody who leads the room, or did, and does not know yet that others do.
var errOldTerm = errors.New("node: it knows of no later leader than one who was before")

// renew takes a snapshot that came in the middle of a visit.
func (r *Room) renew(m relay.Snapshot) error {
	charter, state, err := r.openState(m.Charter, m.Payload)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fits(charter, state); err != nil {
		return err
	}
	if r.host != nil {
		return nil // we lead it by now
	}
	r.logCharter(charter, m.Charter)
	r.adopt(charter, state, m)
	r.obey()
	r.settle()
	return nil
}

// witness applies one of the host's events. One that does not follow makes us come back for a snapshot.
func (r *Room) witness(raw []byte) error {
	ev, author, err := room.OpenEvent(raw, time.Now())
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return nil // ours, come back from whoever led before
	}
	if ev.Seq <= r.state.Seq && ev.Term.Compare(r.state.Term) > 0 {
		return errOldTerm // what we know is of a history that lost: we come back for the other
	}
	if ev.Seq <= r.state.Seq {
		if !r.state.Leads(author.Person) {
			return room.ErrNotLeader
		}
		if r.carries != nil && ev.Seq == r.carries.seq+1 && r.state.Holds(room.Told{Event: ev, Leader: author.Device}) { // we know it, from another parent; it leads on from the snapshot
			r.handOn(relay.Event{Payload: raw}, ev.Seq)
		}
		return nil // the snapshot held it already
	}
	if err := r.state.MaySign(author, ev); err != nil {
		return err
	}
	effects, err := r.state.Apply(ev)
	if err != nil {
		return fmt.Errorf("event %d: %w", ev.Seq, err)
	}
	r.charter = r.state.Charter
	if (ev.Kind == room.TookOver || ev.Kind == room.Resumed) && ev.Device == r.n.author().Device {
		return r.begun(ev, raw, effects, time.Now()) // it is ours, and takes effect
	}
	r.logEvent(ev, raw)
	if r.obey(); r.heir.asked != 0 {
		r.wg.Go(r.propose)
	}
	if r.carries != nil {
		r.handOn(relay.Event{Payload: raw}, ev.Seq)
		r.carryOut(ev, effects)
	}
	r.settle()
	return nil
}

// recharter takes a new version of the charter, which an event has told of: from now on we can show it to others.
func (r *Room) recharter(raw []byte) error {
	c, err := room.OpenCharter(raw, time.Now())
	if err != nil {
		return fmt.Errorf("charter: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return nil
	}
	if c.Room != r.id || c.Host != r.charter.Host {
		return errors.New("node: a charter of another room")
	}
	r.logCharter(c, raw)
	if c.Compare(r.state.Charter) == 0 && !reflect.DeepEqual(c, r.state.Charter) {
		return errors.New("node: the charter is not what the events say")
	}
	if r.carries != nil {
		r.handOn(relay.Charter{Payload: raw}, r.carries.seq)
	}
	return nil
}
