package node

import (
	"context"
	"crypto/sha256"
	"maps"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	// A device's questions for the key: a second, and at once; and those of all below one relay. A flash crowd is a thousand in
	// five seconds.
	askRate, askBurst           = 1, 10
	askRelayRate, askRelayBurst = 300, 3000

	membersMost = 1 << 15 // devices that a keyholder seals boxes for
	waysMost    = 1 << 15 // devices that a node knows the way to

	rekeyEvery = 2 * time.Second // at most: more removals meanwhile are one new key
)

// A keyholder tells a closed room's key to those who may hear. Each of them it decides on itself: a relay that lets somebody in
// gives them nothing. Room.mu guards the fields.
type keyholder struct {
	members map[doc.PublicKey]member // by device: those who were told the key
	// placed are those of members, by device, who are let hear by a place that they have in the room and not by what they showed;
	// and since when they have none any more, the zero time while they have.
	placed map[doc.PublicKey]time.Time
	due    chan struct{} // holds one: the room needs a new key

	outkeyed room.Term // of who led too, and because of whom the room was given a new key last
}

// A member is a device that gets every key of the room.
type member struct {
	author doc.Author
	key    [32]byte      // that its boxes are sealed to
	claim  [32]byte      // SHA-256 of what it showed
	time   int64         // of that
	ticket ledger.Ticket // that it came in with, if it did
}

func newKeyholder() keyholder {
	return keyholder{members: make(map[doc.PublicKey]member), placed: make(map[doc.PublicKey]time.Time), due: make(chan struct{}, 1)}
}

// rekeySoon asks for a new key. r.mu is held.
func (r *Room) rekeySoon() {
	select {
	case r.host.keyholder.due <- struct{}{}:
	default:
	}
}

// outkey has the room have a new key when those have come over who followed somebody else who led it, if that one had given it more
// keys: ours is over for them. r.mu is held.
func (r *Room) outkey(theirs *room.State) {
	if r.host == nil || !r.state.IsClosed() || theirs.KeyEpoch <= r.state.KeyEpoch || !r.state.Leads(theirs.Leader().Person) || r.host.keyholder.outkeyed == theirs.Term {
		return
	}
	r.host.keyholder.outkeyed = theirs.Term // they say so more than once
	time.AfterFunc(keyAgain, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.host != nil && !r.phase.Over() {
			r.rekeySoon()
		}
	})
}

// shutOut takes from somebody what they need to hear on. r.mu is held.
func (r *Room) shutOut(p doc.PublicKey) {
	if !r.state.IsClosed() {
		return
	}
	maps.DeleteFunc(r.host.keyholder.members, func(_ doc.PublicKey, m member) bool { return m.author.Person == p })
	r.rekeySoon()
}

// hearAsk takes a child's question for the key, of its own or of a device below it. It takes r.mu by itself: what is dear is done
// without.
func (r *Room) hearAsk(c *child, m relay.Ask, now time.Time) {
	digest := sha256.Sum256(m.Claim)
	r.mu.Lock()
	mine := r.takeAsk(c, m, digest, now)
	r.mu.Unlock()
	if !mine {
		return
	}
	claim, author, err := room.OpenClaim(m.Claim, now)
	if err != nil || author.Device != m.Device || claim.Room != r.id {
		r.n.counts.Add("claim_malformed")
		return
	}
	r.mu.Lock()
	code, keys := r.decideAsk(author, claim, digest, m.Key, now)
	pass := code == "" && r.isMember(author.Device, digest) && r.needsPass(author, claim, now)
	r.mu.Unlock()
	list := []relay.Box{{Device: m.Device, Code: code}}
	if pass {
		if list[0].Pass, err = room.SignPass(r.n.id(), room.Pass{Room: r.id, Person: author.Person, Time: now.UnixMilli()}); err != nil {
			r.n.o.Log.Error("pass", "err", err)
		}
	}
	for i, k := range keys {
		if i > 0 {
			list = append(list, relay.Box{Device: m.Device})
		}
		b := &list[i]
		if b.Sealed, err = room.SealBox(claim.Key, r.id, k.epoch, author, k.secret); err != nil {
			r.n.counts.Add("claim_malformed") // no such key
			return
		}
		b.Epoch = k.epoch
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if code == "" && len(keys) == 0 && !pass {
		return
	}
	r.sendBoxes(list)
}

// takeAsk notes which way a device's boxes go, and reports whether the question is for us to answer. r.mu is held.
func (r *Room) takeAsk(c *child, m relay.Ask, digest [32]byte, now time.Time) bool {
	rate, burst := float64(askRate), float64(askBurst)
	if c.carry > 0 {
		rate, burst = askRelayRate, askRelayBurst
	}
	switch {
	case r.state == nil || !r.state.IsClosed() || r.feeds.children[c.id] != c:
		return false
	case c.carry == 0 && m.Device != c.author.Device:
		r.n.counts.Add("ask_of_another")
		return false
	case !c.asks.take(now, rate, burst):
		r.n.counts.Add("ask_flood")
		return false
	}
	r.feeds.setWay(m.Device, c)
	if r.host == nil {
		if r.carries != nil && r.carries.asked.take(now, askRelayRate, askRelayBurst) {
			if r.guest.ctl != nil {
				r.guest.ctl.Send(m)
			}
			r.askKeeper(m)
		}
		return false
	}
	known, ok := r.host.keyholder.members[m.Device]
	return !ok || known.claim != digest || m.Key != r.state.KeyEpoch
}

type roomKey struct {
	epoch  uint32
	secret [32]byte
}

// isMember reports whether a device was let in by what it showed just now. r.mu is held.
func (r *Room) isMember(device doc.PublicKey, digest [32]byte) bool {
	if r.host == nil {
		return false
	}
	m, in := r.host.keyholder.members[device]
	return in && m.claim == digest
}

// decideAsk decides whether a device gets the key: it returns why not, or the keys that it lacks. r.mu is held.
func (r *Room) decideAsk(who doc.Author, claim room.Claim, digest [32]byte, have uint32, now time.Time) (code string, keys []roomKey) {
	if r.host == nil {
		return "", nil // somebody else leads the room by now
	}
	members := r.host.keyholder.members
	known, again := members[who.Device]
	switch {
	case r.phase.Over():
		return "", nil
	case again && claim.Time < known.time: // of an earlier visit, that somebody sends once more
		r.n.counts.Add("claim_stale")
		return "", nil
	case r.n.people.Blocks(who.Person):
		return "blocked", nil
	case r.state.IsRemoved(who.Person):
		return "removed", nil
	case r.state.Locked && !again && !r.letsIn(who.Person):
		if r.awaitsInside(now) || r.lockIsNew(now) {
			return "", nil // they ask again
		}
		return "locked", nil
	}
	ticket, no := r.enters(who, claim, now)
	if no != nil && no.Code == codeEarly {
		r.n.counts.Add("key_early") // they ask again, and hear on meanwhile
		return "", nil
	}
	if no != nil {
		r.n.counts.Add("key_refused")
		r.showOut(who.Device, no.Code) // who had a place, and has none any more
		return no.Code, nil
	}
	if !again && len(members) >= membersMost {
		maps.DeleteFunc(members, func(d doc.PublicKey, _ member) bool { return r.feeds.ways[d] == nil })
		if len(members) >= membersMost {
			r.n.counts.Add("members_too_many")
			return "", nil
		}
	}
	if code := r.heardOf(ticket, now); code != "" && !again {
		return code, nil
	}
	if ticket != (ledger.Ticket{}) {
		if code := r.takeSeat(ticket, who, claim, now); code != "" {
			return code, nil
		}
	}
	members[who.Device] = member{who, claim.Key, digest, claim.Time, ticket}
	delete(r.host.keyholder.placed, who.Device)
	if r.state.Knows(who.Person) && !r.shows(who, claim, ticket, now) {
		r.host.keyholder.placed[who.Device] = time.Time{}
	}
	return "", r.lacked(have)
}

// shows reports whether somebody is let in by what they showed, and not by a place that they have in the room. r.mu is held.
func (r *Room) shows(who doc.Author, claim room.Claim, ticket ledger.Ticket, now time.Time) bool {
	switch r.state.Charter.Access {
	case room.ByTicket:
		return ticket != ledger.Ticket{}
	case room.BySubscription:
		return r.host.subscribers.known && r.subscribes(who, now)
	}
	return r.state.Invites(who, claim, now)
}

// doubt puts out those who were let hear by a place in the room and have lost it: off the stage, or the guest list. Their nodes
// show at once what else they have; who has shown nothing by askAfter has nothing. r.mu is held.
func (r *Room) doubt(now time.Time) {
	h := &r.host.keyholder
	for device, since := range h.placed {
		m, in := h.members[device]
		switch {
		case !in:
			delete(h.placed, device)
		case r.state.Knows(m.author.Person), r.charter.Access == room.ByTicket && r.papers.gate == nil, r.charter.Access == room.BySubscription && !r.host.subscribers.known:
			h.placed[device] = time.Time{}
		case since.IsZero():
			h.placed[device] = now
		case now.Sub(since) >= askAfter:
			delete(h.placed, device)
			r.showOut(device, r.doorCode())
		}
	}
}

// doorCode is why somebody is not let in who has nothing to show. r.mu is held.
func (r *Room) doorCode() string {
	switch r.charter.Access {
	case room.ByTicket:
		return errTicketOnly.Code
	case room.BySubscription:
		return errSubscribersOnly.Code
	}
	return errInviteOnly.Code
}

// lacked are the keys that somebody lacks whose latest is of an epoch. r.mu is held.
func (r *Room) lacked(have uint32) (keys []roomKey) {
	latest := r.state.KeyEpoch
	if old, ok := r.keys.secrets[latest-1]; ok && have+1 < latest && r.voice.programNumber() < r.state.From {
		keys = append(keys, roomKey{latest - 1, old}) // the room still sounds under it
	}
	if secret, ok := r.keys.secrets[latest]; ok && have < latest {
		keys = append(keys, roomKey{latest, secret})
	}
	return keys
}

// needsPass reports whether somebody was let in by what may not let them in again. r.mu is held.
func (r *Room) needsPass(who doc.Author, claim room.Claim, now time.Time) bool {
	return r.state.Charter.Access == room.ByInvitation && !r.state.Knows(who.Person) && r.state.Gate().Admit(who, room.Claim{Room: claim.Room, Pass: claim.Pass}, now) != nil
}

// rotate gives the room a new key after each removal, at once or as soon as the last one is old enough, until ctx ends.
func (r *Room) rotate(ctx context.Context) {
	r.mu.Lock()
	if r.host == nil {
		r.mu.Unlock()
		return
	}
	due := r.host.keyholder.due
	if _, have := r.keys.secrets[r.state.KeyEpoch]; !have && r.state.IsClosed() {
		r.rekeySoon() // who led the room before us is gone, and its last key with it
	}
	var again <-chan time.Time
	if s := r.state; s.IsClosed() && (len(s.Removed) > 0 || s.Charter.Access == room.ByTicket || len(s.Keepers) > 0 && len(s.Past) > 0) {
		// Whom the last leader put out may have its key, and whom a keeper let in while nobody led may be unwanted. By then everybody
		// has asked who is to have the next.
		again = time.After(keyAgain)
	}
	r.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
		case <-again:
		}
		rest := r.rekey(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
	}
}

// rekeyLead is how long it takes until everybody has been told a new key: what a laptop seals and sends in a second is a few
// thousand boxes.
func rekeyLead(listeners int) time.Duration {
	return time.Second * time.Duration(1+listeners/5000)
}

// rekey makes a new key, says from which frame on it holds, and tells it to everybody who may hear. It returns how long to wait
// before the next.
func (r *Room) rekey(ctx context.Context, now time.Time) time.Duration {
	members, key, err := r.newKey(now)
	if err != nil {
		r.n.counts.Add("rekey_failed")
		r.n.o.Log.Error("new key", "room", r.id.String(), "err", err)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.host != nil && !r.phase.Over() {
			r.rekeySoon()
		}
		return rekeyEvery
	}
	rest := max(rekeyEvery, rekeyLead(len(members))+rekeyEvery/4)
	for len(members) > 0 && ctx.Err() == nil {
		some := members[:min(len(members), relay.MaxBoxes)]
		members = members[len(some):]
		list := sealBoxes(r.id, key, some)
		r.mu.Lock()
		r.sendBoxes(list)
		r.mu.Unlock()
	}
	return rest
}

// sealBoxes seals a key to each of some devices.
func sealBoxes(id room.ID, key roomKey, to []member) []relay.Box {
	list := make([]relay.Box, 0, len(to))
	for _, m := range to {
		box, err := room.SealBox(m.key, id, key.epoch, m.author, key.secret)
		if err != nil {
			continue // it was sealed to before: this cannot be
		}
		list = append(list, relay.Box{Device: m.author.Device, Epoch: key.epoch, Sealed: box})
	}
	return list
}

// newKey has the room's next key decided on, and returns who is to be told.
func (r *Room) newKey(now time.Time) ([]member, roomKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.turn() || r.phase.Over() || !r.state.IsClosed() {
		return nil, roomKey{}, nil
	}
	var told []member
	for device, m := range r.host.keyholder.members {
		if r.feeds.ways[device] != nil {
			told = append(told, m)
		}
	}
	key := roomKey{r.state.KeyEpoch + 1, room.NewKey()}
	lead := rekeyLead(len(told))
	from := r.voice.programNumber()
	if from != 0 {
		from += uint64(lead / relay.FrameDuration)
	}
	r.keys.secrets[key.epoch] = key.secret // first, so that it is kept with the event that tells of it
	err := r.decide(r.n.author(), room.Command{
		Room: r.id, Kind: room.Rekey, Time: now.UnixMilli(), Check: room.KeyCheck(r.id, key.epoch, key.secret),
		From: from, Seconds: uint16(lead / time.Second),
	}, now)
	if err != nil {
		delete(r.keys.secrets, key.epoch)
		return nil, roomKey{}, err
	}
	return told, key, nil
}

// relink puts a new invitation into the room's link: the old link lets nobody in any more. r.mu is held as for decide.
func (r *Room) relink(now time.Time) error {
	old := r.keys.link
	r.keys.link = room.NewKey() // first, so that it is kept with the event that tells of it
	err := r.decide(r.n.author(), room.Command{
		Room: r.id, Kind: room.Relink, Time: now.UnixMilli(), Invitation: doc.PrivateKeyFromSeed(r.keys.link).Public(),
	}, now)
	if err != nil {
		r.keys.link = old
		return err
	}
	r.link.Secret = r.keys.link
	r.changed()
	return nil
}
