package node

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// A closed room's key is told to each device that may hear, in a box of its own. What a device shows at the door, its claim,
// travels with its Join up to whoever has the key, past relays that cannot open what comes back; the sound does not wait for it.
// An open room's key is in its state: from there on everything is the same.

const (
	keyWait     = time.Second // for a box that was asked for with a Join; twice as long after each further question
	keyWaitMost = 8 * time.Second
	keyAgain    = 5 * time.Second // within which everybody tells a new leader of themselves
)

// A keyring is what this node has of a room's keys. Room.mu guards the fields.
type keyring struct {
	secrets map[uint32][32]byte // by epoch: of the room's latest and the one before, as far as we were told them
	link    [32]byte            // at the host: the secret of the invitation that is in the link

	// Of a guest:
	box   room.BoxKey
	claim []byte    // signed; nil while there is none, or none that shows all that we have
	epoch uint32    // the latest that we heard of
	term  room.Term // likewise
	known bool      // we had a place in the room that lets us in with nothing to show
	due   time.Time // when to ask for the key; zero if there is nothing to ask for
	tries int
	news  chan struct{} // holds one: due has changed

	asked allowance // of a keeper, by newcomers
}

func newKeyring() keyring {
	return keyring{secrets: make(map[uint32][32]byte), news: make(chan struct{}, 1)}
}

// seemsClosed reports whether the room is closed, as far as is known before somebody lets us in. r.mu is held.
func (r *Room) seemsClosed() bool {
	if r.charter.Access != room.Anyone || r.link.Secret != [32]byte{} || r.n.passes.of(r.id) != nil {
		return true
	}
	ticket, _ := r.n.ticketTo(r.id, time.Now())
	return ticket != nil
}

// claim is what we show at the door of a closed room, nil where nothing is to be shown. r.mu is held.
func (r *Room) claim(now time.Time) []byte {
	k := &r.keys
	if r.carried || !r.seemsClosed() {
		return nil
	}
	if k.claim != nil {
		return k.claim
	}
	if k.box == (room.BoxKey{}) {
		box, err := room.NewBoxKey()
		if err != nil {
			r.n.o.Log.Error("box key", "err", err)
			return nil
		}
		k.box = box
	}
	c := room.Claim{Room: r.id, Key: k.box.Public(), Time: now.UnixMilli(), Pass: r.n.passes.of(r.id)}
	if r.link.Secret != [32]byte{} {
		c.Invited = room.Invited(r.link.Secret, r.id, r.n.author())
	}
	if ticket, holder := r.n.ticketTo(r.id, now); ticket != nil {
		if c.Ticket = ticket; !holder.IsZero() {
			c.Held = room.Held(holder, r.id, r.n.author())
		}
	}
	raw, err := room.SignClaim(r.n.id(), c)
	if err != nil {
		r.n.o.Log.Error("claim", "err", err)
		return nil
	}
	k.claim = raw
	return raw
}

// keyEpoch is the latest epoch whose key we have, 0 for none. r.mu is held.
func (r *Room) keyEpoch() uint32 {
	return slices.Max(append(slices.Collect(maps.Keys(r.keys.secrets)), 0))
}

// settleKeys takes up what the state says of the room's key. r.mu is held.
func (r *Room) settleKeys(now time.Time) {
	k, s := &r.keys, r.state
	if !s.IsClosed() {
		k.secrets[s.KeyEpoch] = s.Key
		return
	}
	maps.DeleteFunc(k.secrets, func(epoch uint32, secret [32]byte) bool { // after a split it may be another's
		return epoch+1 < s.KeyEpoch || epoch <= s.KeyEpoch && !s.IsKey(epoch, secret)
	})
	if r.host != nil || r.carried {
		return
	}
	_, have := k.secrets[s.KeyEpoch]
	before := k.due
	switch {
	case s.KeyEpoch == k.epoch:
	case have:
		k.due = time.Time{}
	case k.epoch == 0 && k.claim == nil: // we did not know that the room is closed
		k.due = now
	case k.epoch == 0:
		k.due = now.Add(keyWait)
	default: // a box is on its way to everybody; who gets none does not ask at the same moment as all the others
		lead := time.Duration(s.Lead) * time.Second
		k.due = now.Add(lead/2 + rand.N(lead/2+1))
	}
	if k.term != s.Term && k.term != (room.Term{}) && k.due.IsZero() {
		k.due = now.Add(rand.N(keyAgain)) // whoever leads now may not know us
	}
	if k.epoch != s.KeyEpoch {
		k.tries = 0
	}
	known := s.Knows(r.n.Person())
	if k.known && !known {
		k.claim, k.due, k.tries = nil, now, 0 // what else we have is asked for now
	}
	k.known = known
	k.epoch, k.term = s.KeyEpoch, s.Term
	if k.due != before {
		k.changed()
	}
}

// moved has a new parent, which was not asked for the key, told where its boxes are to go.
func (k *keyring) moved(now time.Time) {
	if k.claim != nil && k.due.IsZero() {
		k.due = now.Add(rand.N(keyAgain))
		k.changed()
	}
}

func (k *keyring) changed() {
	select {
	case k.news <- struct{}{}:
	default:
	}
}

// fetchKeys asks for the key when it is due, until ctx ends.
func (r *Room) fetchKeys(ctx context.Context) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.keys.news:
		case <-wait.C:
		}
		r.mu.Lock()
		wait.Reset(r.askForKey(time.Now()))
		r.mu.Unlock()
	}
}

// askForKey asks for the room's key if that is due, and says when to look again. r.mu is held.
func (r *Room) askForKey(now time.Time) time.Duration {
	k := &r.keys
	switch {
	case k.due.IsZero():
		return time.Hour // until it changes
	case now.Before(k.due):
		return k.due.Sub(now)
	case r.host != nil || r.guest.ctl == nil:
		return keyWait // the next Join carries the question too
	}
	have := r.keyEpoch()
	r.guest.ctl.Send(relay.Ask{Device: r.n.author().Device, Claim: r.claim(now), Key: have})
	if have == r.state.KeyEpoch {
		k.due = time.Time{}
		return time.Hour
	}
	r.n.counts.Add("key_asked")
	d := min(keyWait<<min(k.tries, 8), keyWaitMost)
	k.tries++
	k.due = now.Add(d + rand.N(d/4))
	return k.due.Sub(now)
}

// takeBoxes takes what came for us from whoever has the key; a relay passes on what is for those below.
func (r *Room) takeBoxes(u *uplink, m relay.Boxes) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil || !r.state.IsClosed() {
		return nil
	}
	list := m.List[:min(len(m.List), relay.MaxBoxes)]
	if r.carries != nil {
		me := r.n.author().Device
		below := slices.DeleteFunc(slices.Clone(list), func(b relay.Box) bool { return b.Device == me })
		r.sendBoxes(below)
		if r.carried {
			return nil
		}
	}
	me := r.n.author()
	learned := false
	for _, b := range list {
		switch {
		case b.Device != me.Device:
			if r.carries == nil {
				r.n.counts.Add("box_of_another")
			}
			continue
		case b.Code != "":
			no := refusal(relay.Refuse{Code: b.Code, Text: doorText(b.Code)})
			if u.to.ID == r.guest.host.ID {
				r.refused = b.Code
				return no
			}
			if r.isAgreed(b.Code, u.to.ID, time.Now()) {
				r.refused = b.Code
				return no
			}
			return errors.New(no.Error()) // a relay's word is not the host's, who will say it
		}
		r.takePass(b.Pass)
		if _, have := r.keys.secrets[b.Epoch]; have || len(b.Sealed) == 0 {
			continue
		}
		key, err := r.state.OpenBox(r.keys.box, b.Epoch, me, b.Sealed)
		if err != nil {
			r.n.counts.Add("box_refused")
			r.n.o.Log.Debug("box", "epoch", b.Epoch, "err", err)
			continue
		}
		r.keys.secrets[b.Epoch] = key
		learned = true
	}
	if _, have := r.keys.secrets[r.state.KeyEpoch]; have {
		r.keys.due, r.keys.tries = time.Time{}, 0
	}
	if learned {
		r.settle()
	}
	return nil
}

// takePass keeps what lets us in again. r.mu is held.
func (r *Room) takePass(raw []byte) {
	if len(raw) == 0 {
		return
	}
	p, by, err := room.OpenPass(raw, time.Now())
	if err != nil || p.Room != r.id || p.Person != r.n.Person() || !r.state.Leads(by.Person) {
		r.n.counts.Add("pass_refused")
		return
	}
	r.keys.claim = nil // the next one shows it
	if err := r.n.passes.keep(r.id, raw); err != nil {
		r.n.o.Log.Error("pass not kept", "err", err)
	}
}

// doorText is what a code at the door means to whoever is kept out.
func doorText(code string) string {
	switch code {
	case errInviteOnly.Code:
		return errInviteOnly.Text
	case errTicketOnly.Code:
		return errTicketOnly.Text
	case errSubscribersOnly.Code:
		return errSubscribersOnly.Text
	case errHostSilent.Code:
		return errHostSilent.Text
	case codeElsewhere:
		return "Somebody came in with this ticket on another device. If that was you, go on there."
	case codeClock:
		return "Your computer's clock is more than two minutes fast."
	case "removed":
		return "The host removed you from this room."
	case "blocked":
		return "The host does not let you in."
	case "locked":
		return "The host has locked this room: nobody new comes in just now."
	}
	return "The host did not let you in."
}

var errInviteOnly = &UserError{Code: "invite_only", Text: "This room is by invitation: you need its current link, or a place on the host's guest list. Ask the host for one."}

// enters says why somebody may not come into a closed room with what they show, if so, or else the ticket that let them in, if one
// did. Who carries the room needs nothing: they hear nothing. r.mu is held.
func (r *Room) enters(who doc.Author, shown room.Claim, now time.Time) (ledger.Ticket, *relay.Refuse) {
	err := r.state.Gate().Admit(who, shown, now)
	if err == nil {
		if s := r.state; s.Charter.Access == room.ByTicket && !s.Leads(who.Person) && !s.IsListed(who.Person) {
			if ticket, err := r.shownTicket(who, shown, now); err == nil {
				return ticket, nil // they need none while they are on stage, and stay on it no longer than they like
			}
		}
		return ledger.Ticket{}, nil
	}
	no := errInviteOnly
	if errors.Is(err, room.ErrNoSubscriber) {
		switch {
		case r.host != nil && !r.host.subscribers.known: // a host who leads again is about to look; a co-host cannot
			return ledger.Ticket{}, &relay.Refuse{Code: codeEarly, Text: "Subscriptions cannot be checked here just now."}
		case r.subscribes(who, now):
			return ledger.Ticket{}, nil
		}
		no = errSubscribersOnly
	}
	if errors.Is(err, room.ErrNoTicket) {
		ticket, err := r.shownTicket(who, shown, now)
		switch {
		case err == nil:
			return ticket, nil
		case errors.Is(err, errNoPapers):
			return ledger.Ticket{}, &relay.Refuse{Code: codeEarly, Text: "Tickets cannot be checked here just now."}
		}
		no = errTicketOnly
	}
	return ledger.Ticket{}, &relay.Refuse{Code: no.Code, Text: no.Text}
}
