package market

import (
	"context"
	"errors"
	"fmt"
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
	list, err := m.Shelf(ctx, device, creator, ledger.Room{})
	if err == nil {
		m.heardOfTiers(device, list)
	}
	return list, err
}

// Subscribe buys periods of a subscription. What was begun with a nonce is not begun again; the zero one is made anew.
func (m *Market) Subscribe(ctx context.Context, w Want) (Bought, error) {
	done, err := m.alone(w.Nonce)
	if err != nil {
		return Bought{}, err
	}
	defer done()
	if had, err := m.begun(w.Nonce); err != nil || !had.Order.IsZero() {
		return had, err
	}
	return m.Buy(ctx, w)
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
func (m *Market) Offered(room ledger.Room) (list []OnSale, err error) {
	now := time.Now()
	var all []OnSale
	err = m.look(func(l *lists) {
		for _, first := range l.rooms[room] {
			if listed, err := l.versions[l.newest[first]].Open(now); err == nil {
				all = append(all, OnSale{listed, m.railsFor(listed.Offer.Price)})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	err = m.store.View(func(b *ledger.Books) error {
		for _, l := range all {
			if !b.Cancelled(l.First()) {
				list = append(list, l)
			}
		}
		return nil
	})
	return list, err
}
