package node

import (
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/room"
)

// Into a room for subscribers comes who subscribes to its host, on the device that has paid: the claim is signed with that. The host
// looks into its ledger before it gives the key. A relay has nothing to look at, and lets in whoever comes; without the key there
// is nothing to hear, and the host's word on why comes in its place.

var errSubscribersOnly = &UserError{Code: "subscribers_only", Text: "This room is for subscribers of its host: subscribe first, with the device that you come in with."}

// A subscriberDoor is what the host has of a room for subscribers. Room.mu guards the fields.
type subscriberDoor struct {
	known  bool // the ledger was read: not so at whoever leads the room in the host's place
	height uint64
	paid   map[doc.PublicKey]ledger.Subscription // by device: that which is open longest
}

// subscribes reports whether somebody may come into a room for subscribers, as far as we can tell. r.mu is held.
func (r *Room) subscribes(who doc.Author, now time.Time) bool {
	if r.host == nil {
		return true
	}
	d := &r.host.subscribers
	if !d.known {
		return false
	}
	if d.paid[who.Device].Open(now) {
		return true
	}
	next, err := r.n.subscriberDoor(*d) // it may have been paid a moment ago
	if err != nil {
		r.n.o.Log.Error("subscriptions cannot be checked", "room", r.id.String(), "err", err)
		return false
	}
	*d = next
	return d.paid[who.Device].Open(now)
}

// renewSubscribers reads the ledger anew if something was written, and puts out whose time is over.
func (r *Room) renewSubscribers(now time.Time) {
	r.mu.Lock()
	ours := r.host != nil && r.charter.Access == room.BySubscription && r.charter.Host == r.n.Person()
	var d subscriberDoor
	if ours {
		d = r.host.subscribers
	}
	r.mu.Unlock()
	if !ours {
		return
	}
	if _, err := r.n.Market(); err != nil {
		r.n.o.Log.Error("subscriptions cannot be checked", "room", r.id.String(), "err", err)
		return
	}
	if next, err := r.n.subscriberDoor(d); err != nil {
		r.n.o.Log.Error("subscriptions cannot be checked", "room", r.id.String(), "err", err)
	} else {
		d = next
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		return
	}
	r.host.subscribers = d
	for device, m := range r.host.keyholder.members {
		if !r.subscribes(m.author, now) && !r.state.Knows(m.author.Person) {
			r.showOut(device, errSubscribersOnly.Code)
		}
	}
}

// subscriberDoor brings what was read of the ledger up to its end.
func (n *Node) subscriberDoor(d subscriberDoor) (subscriberDoor, error) {
	m := n.shop.market.Load()
	if m == nil {
		return d, nil
	}
	height, err := m.Height()
	if err != nil || d.known && height == d.height {
		return d, err
	}
	list, err := m.Subscribers()
	if err != nil {
		return d, err
	}
	d = subscriberDoor{known: true, height: height, paid: make(map[doc.PublicKey]ledger.Subscription)}
	for _, s := range list {
		if old, ok := d.paid[s.Buyer]; !ok || until(s.Subscription) > until(old) {
			d.paid[s.Buyer] = s.Subscription
		}
	}
	return d, nil
}

// offersSubscription refuses a room that nobody could come into.
func (n *Node) offersSubscription() error {
	if _, err := n.Market(); err != nil {
		return err
	}
	v, err := n.Subscriptions()
	if err == nil && len(v.Offers)+len(v.Subscribers) == 0 {
		err = &UserError{Code: "bad_sale", Text: "You offer no subscription. Offer one first: salon subscription offer NAME --price '3 EUR'."}
	}
	return err
}

// subscribesTo reports whether this node's person subscribes to somebody now.
func (n *Node) subscribesTo(host doc.PublicKey, now time.Time) bool {
	v, err := n.Subscriptions()
	if err != nil {
		return false
	}
	for _, s := range v.Mine {
		if s.Creator == host && now.UnixMilli() < s.Until {
			return true
		}
	}
	return false
}
