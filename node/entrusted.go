package node

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// While nobody leads a closed room those whom the host made keepers hand its key to who comes. A relay that has lost the way to
// the host lets newcomers in who may come by the state that it knows, and brings their question down to a keeper below it; the
// boxes come back the way the question went. Nobody is put out meanwhile, so that no new key is due: whoever leads next makes it.

// keepRate and keepBurst are how many newcomers a keeper tells the key, a second and at once: fewer than it may send messages.
// Who is not told asks again.
const keepRate, keepBurst = controlRate / 2, controlBurst / 2

// keeps reports whether we hand out the key of a room that nobody leads. r.mu is held.
func (r *Room) keeps() bool {
	return r.host == nil && !r.carried && r.phase == Reconnecting && r.state != nil && r.state.IsClosed() && r.state.IsKeeper(r.n.Person())
}

// keepsDoor reports whether somebody may come in here though nobody leads: they are keeper, or there is one for them. r.mu is
// held.
func (r *Room) keepsDoor(p doc.PublicKey) bool {
	return r.carries != nil && r.phase == Reconnecting && r.state != nil && r.state.IsClosed() && (r.state.IsKeeper(p) || len(r.waysToKeepers()) > 0)
}

// waysToKeepers are the children that are keepers, or feed one. r.mu is held.
func (r *Room) waysToKeepers() (list []*child) {
	if len(r.state.Keepers) == 0 {
		return nil
	}
	for _, c := range r.feeds.children {
		if r.state.IsKeeper(c.author.Person) && !c.warm && !c.left {
			list = append(list, c)
		}
	}
	b := &r.feeds.below
	if !slices.ContainsFunc(r.state.Keepers, func(p doc.PublicKey) bool { return b.people[p] > 0 }) {
		return list
	}
	for _, g := range b.guests {
		if r.state.IsKeeper(g.Person) && !slices.Contains(list, g.via) {
			list = append(list, g.via)
		}
	}
	return list
}

// askKeeper brings a question for the key down to one of the keepers: to another the next time, as who gets no answer asks
// again. r.mu is held.
func (r *Room) askKeeper(m relay.Ask) {
	if r.carries == nil || r.phase != Reconnecting || r.state == nil || !r.state.IsClosed() {
		return
	}
	if list := r.waysToKeepers(); len(list) > 0 {
		list[rand.N(len(list))].ctl.Send(m)
	}
}

// takeAsked takes a question for the key that came down: it is for us, or for a keeper below us.
func (r *Room) takeAsked(u *uplink, m relay.Ask, now time.Time) {
	r.mu.Lock()
	if !r.keeps() {
		if r.carries != nil && r.carries.asked.take(now, askRelayRate, askRelayBurst) {
			r.askKeeper(m)
		}
		r.mu.Unlock()
		return
	}
	mine := r.keys.asked.take(now, keepRate, keepBurst)
	r.mu.Unlock()
	if !mine {
		r.n.counts.Add("ask_flood")
		return
	}
	claim, author, err := room.OpenClaim(m.Claim, now)
	if err != nil || author.Device != m.Device || claim.Room != r.id {
		r.n.counts.Add("claim_malformed")
		return
	}
	r.mu.Lock()
	keys := r.entrusts(author, claim, m.Key, now)
	r.mu.Unlock()
	var list []relay.Box
	for _, k := range keys {
		list = append(list, sealBoxes(r.id, k, []member{{author: author, key: claim.Key}})...)
	}
	if len(list) > 0 {
		r.n.counts.Add("key_kept")
		u.ctl.Send(relay.Boxes{List: list})
	}
}

// entrusts are the keys that we give a newcomer as a keeper: whom the state lets in, and whom we do not block. Of a locked room
// the host alone knows who was inside. r.mu is held.
func (r *Room) entrusts(who doc.Author, shown room.Claim, have uint32, now time.Time) []roomKey {
	switch {
	case !r.keeps(), r.state.IsRemoved(who.Person), r.state.Locked, r.n.people.Blocks(who.Person):
		return nil
	}
	ticket, no := r.enters(who, shown, now)
	if no != nil || r.heardOf(ticket, now) != "" {
		r.n.counts.Add("key_refused")
		return nil
	}
	return r.lacked(have)
}

// takeKept passes on what a keeper below us sealed: down, to those whom we reach, and up. A keeper sends nothing else than keys,
// which only the right one of can be opened; who may not come in hears that from who leads. r.mu is held.
func (r *Room) takeKept(c *child, m relay.Boxes, now time.Time) {
	switch {
	case r.state == nil || !r.state.IsClosed() || r.feeds.children[c.id] != c || c.carry == 0 && !r.state.IsKeeper(c.author.Person):
		r.n.counts.Add("boxes_refused")
		return
	case !c.asks.take(now, askRelayRate, askRelayBurst):
		r.n.counts.Add("boxes_flood")
		return
	}
	var down, up []relay.Box
	for _, b := range m.List[:min(len(m.List), relay.MaxBoxes)] {
		if b = (relay.Box{Device: b.Device, Epoch: b.Epoch, Sealed: b.Sealed}); len(b.Sealed) == 0 {
			continue
		}
		switch via := r.feeds.ways[b.Device]; {
		case via != nil && via != c:
			down = append(down, b)
		case via == nil:
			up = append(up, b)
		}
	}
	r.sendBoxes(down)
	if r.host == nil && r.guest.ctl != nil && len(up) > 0 {
		r.guest.ctl.Send(relay.Boxes{List: up})
	}
}

// entrust makes these the keepers of a new room of ours.
func (r *Room) entrust(list []doc.PublicKey, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range list {
		c := room.Command{Room: r.id, Kind: room.Entrust, To: p, Time: now.UnixMilli()}
		if err := r.decide(r.n.author(), c, now); err != nil && !errors.Is(err, room.ErrNoChange) {
			return err
		}
	}
	return nil
}
