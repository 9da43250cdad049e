package market

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"salon/ledger"
)

// A Subscribed is a subscription of this node's person: in the terms that were paid for last, however the creator has changed them since.
type Subscribed struct {
	Offer   ledger.ID // in the version that was ordered last
	First   ledger.ID // names it, whatever the version
	Creator ledger.Key
	Seller  ledger.Key // the device that was paid
	Tier    string     // its name; empty if it was paid before terms were kept
	Perks   string
	Price   ledger.Money  // of all periods that were paid last
	Count   uint32        // of these
	Period  time.Duration // of one
	Through time.Time
	Ended   bool
	Owed    bool    // it was paid last by an IOU, and what is owed to the creator was not settled since
	Now     OnOffer // as far as the creator has said
	order   ledger.Order
}

// Changed reports whether a renewal is on other terms than those that were paid for.
func (s Subscribed) Changed() bool { return !s.Now.Gone && !s.Now.ID.IsZero() && s.Now.ID != s.Offer }

// An OnOffer is what a creator has last said of what somebody subscribes to.
type OnOffer struct {
	ledger.Listed      // the newest version; zero if nothing was heard
	Gone          bool // it is offered no more
}

// subscribed is what the lists know of one.
type subscribed struct {
	order    ledger.Order // the last that was paid
	seller   ledger.Key
	terms    terms
	versions []ledger.ID // that were ordered: the books count each
}

// terms are what a subscription was ordered by.
type terms struct {
	first  ledger.ID
	name   string
	perks  string
	rail   string
	period time.Duration
}

// termsOf reads what a payment is for.
func termsOf(e ledger.Entry, o ledger.Order, p *ledger.Pay) terms {
	t := terms{first: o.Offer}
	if q, _, err := ledger.ReadDocument[ledger.Quote](e.Docs[1]); err == nil {
		t.rail, t.period = q.Rail, time.Duration((q.Through-q.From)/int64(o.Count))*time.Millisecond
	}
	if p.Offer.IsZero() {
		return t
	}
	of, err := ledger.ParseEntry(e.Docs[len(e.Docs)-1])
	if err != nil {
		return t // the ledger has parsed it before
	}
	if offer, ok := of.Body.(*ledger.Offer); ok {
		t.first, t.name, t.perks = ledger.Listed{ID: of.ID, Offer: *offer}.First(), offer.Name, offer.Perks
	}
	return t
}

// subscribe notes that an order for a subscription was paid.
func (l *lists) subscribe(o ledger.Order, seller ledger.Key, t terms) {
	s := l.subscribed[t.first]
	s.order, s.seller, s.terms = o, seller, t
	if !slices.Contains(s.versions, o.Offer) {
		s.versions = append(s.versions, o.Offer)
	}
	l.subscribed[t.first] = s
}

// Subscriptions lists those that this node has paid for, those that run longest first.
func (m *Market) Subscriptions() ([]Subscribed, error) {
	var known []subscribed
	var list []Subscribed
	err := m.look(func(l *lists) {
		for first, s := range l.subscribed {
			s.versions = slices.Clone(s.versions)
			known = append(known, s)
			list = append(list, Subscribed{Offer: s.order.Offer, First: first, Creator: s.order.Payee, Seller: s.seller, Tier: s.terms.name, Perks: s.terms.perks,
				Price: s.order.Price, Count: s.order.Count, Period: s.terms.period, Now: l.onOffer[first], order: s.order})
		}
	})
	if err != nil {
		return nil, err
	}
	err = m.store.View(func(b *ledger.Books) error {
		for i, s := range known {
			for _, version := range s.versions { // each begins where the one before ends
				if sub := b.Subscription(version, s.order.Buyer); sub.Through.After(list[i].Through) {
					list[i].Through, list[i].Ended = sub.Through, sub.Ended
				}
			}
			list[i].Owed = s.terms.rail == ledger.IOURail && b.Balance(s.order.Price.Cur, ledger.Payable(s.order.Payee)) < 0 // credits are negative
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Subscribed) int {
		return cmp.Or(b.Through.Compare(a.Through), bytes.Compare(a.First[:], b.First[:]))
	})
	return list, err
}

// heardOfTiers takes in what a creator's device says that is on offer.
func (m *Market) heardOfTiers(device ledger.Key, list []OnSale) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := &m.lists
	for first, s := range l.subscribed {
		if s.seller != device {
			continue
		}
		now := OnOffer{Listed: l.onOffer[first].Listed, Gone: true}
		for _, one := range list {
			if one.First() == first {
				now = OnOffer{Listed: one.Listed}
			}
		}
		l.onOffer[first] = now
	}
}

// newsOfTiers asks the creators of what runs what they offer now: whoever subscribes is told of another price before it is theirs to pay.
func (m *Market) newsOfTiers(ctx context.Context, now time.Time) error {
	list, err := m.Subscriptions()
	if err != nil {
		return err
	}
	asked := map[ledger.Key]bool{}
	for _, s := range list {
		if asked[s.Seller] || s.Ended || now.After(s.Through.Add(ledger.Grace)) || ctx.Err() != nil {
			continue
		}
		asked[s.Seller] = true
		_, one := m.Tiers(ctx, s.Seller, s.Creator)
		err = errors.Join(err, one)
	}
	return err
}
