package market

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
)

// leave ends a subscription: what is paid is used up, and nothing follows.
type leave struct {
	_     struct{} `cbor:",toarray"`
	Leave []byte
}

// left answers a leave.
type left struct {
	_ struct{} `cbor:",toarray"`
}

func (leave) kind() byte { return 23 }
func (left) kind() byte  { return 24 }

// Tiers asks a device what subscriptions its person offers. They are bought as tickets are, with no room.
func (m *Market) Tiers(ctx context.Context, device, creator ledger.Key) ([]OnSale, error) {
	return m.Shelf(ctx, device, creator, ledger.Room{})
}

// A Subscribed is a subscription of this node's person.
type Subscribed struct {
	Offer   ledger.ID // in the version that was ordered
	Creator ledger.Key
	Seller  ledger.Key // the device that was paid
	Price   ledger.Money
	Through time.Time
	Ended   bool
	order   ledger.Order
}

// subscribed is what the lists know of one.
type subscribed struct {
	order  ledger.Order
	seller ledger.Key
}

// Subscriptions lists those that this node has paid for, those that run longest first.
func (m *Market) Subscriptions() ([]Subscribed, error) {
	var known []subscribed
	err := m.look(func(l *lists) {
		for _, s := range l.subscribed {
			known = append(known, s)
		}
	})
	if err != nil {
		return nil, err
	}
	var list []Subscribed
	err = m.store.View(func(b *ledger.Books) error {
		for _, s := range known {
			sub := b.Subscription(s.order.Offer, s.order.Buyer)
			list = append(list, Subscribed{Offer: s.order.Offer, Creator: s.order.Payee, Seller: s.seller, Price: s.order.Price,
				Through: sub.Through, Ended: sub.Ended, order: s.order})
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Subscribed) int {
		return cmp.Or(b.Through.Compare(a.Through), bytes.Compare(a.Offer[:], b.Offer[:]))
	})
	return list, err
}

// Subscribers lists who subscribes to what this node offers.
func (m *Market) Subscribers() ([]ledger.Subscriber, error) { return m.store.Subscribers() }

// Leave ends a subscription: first at its creator, then here.
func (m *Market) Leave(ctx context.Context, s Subscribed) error {
	raw, _, err := ledger.Sign(m.KeyOf(s.order), ledger.Leave{Offer: s.Offer, By: s.order.Buyer, Through: s.Through.UnixMilli()})
	if err != nil {
		return err
	}
	c, done, err := m.call(ctx, s.Seller)
	if err != nil {
		return err
	}
	defer done()
	if _, err := asked[left](c, leave{Leave: raw}); err != nil {
		return err
	}
	_, err = m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		if b.Subscription(s.Offer, s.order.Buyer).Ended {
			return nil, nil
		}
		return []ledger.Draft{{Body: &ledger.Unsubscribe{Offer: s.Offer, Buyer: s.order.Buyer}}}, nil
	})
	return err
}

// leaves takes a subscriber's word.
func (m *Market) leaves(q leave) (message, error) {
	if _, _, err := ledger.OpenDocument[ledger.Leave](q.Leave); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	_, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) { return b.Unsubscribe(q.Leave) })
	return left{}, err
}

// EndOffer sells nothing more of an offer.
func (m *Market) EndOffer(offer ledger.ID) error {
	_, err := m.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Cancel{Offer: offer, Reason: ledger.ReasonHost}}}, nil
	})
	if errors.Is(err, ledger.ErrCancelled) {
		return nil
	}
	return err
}

// Offered lists what this node itself sells of a room; of no room, the subscriptions to its person.
func (m *Market) Offered(room ledger.Room) (list []ledger.Listed, err error) {
	now := time.Now()
	var all []ledger.Listed
	err = m.look(func(l *lists) {
		for _, first := range l.rooms[room] {
			if listed, err := l.versions[l.newest[first]].Open(now); err == nil {
				all = append(all, listed)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	err = m.store.View(func(b *ledger.Books) error {
		for _, l := range all {
			first := l.Offer.First
			if l.Offer.Version == 1 {
				first = l.ID
			}
			if !b.Cancelled(first) {
				list = append(list, l)
			}
		}
		return nil
	})
	return list, err
}
