package ledger

import (
	"fmt"
	"time"
)

// Grace is how long a subscription still opens rooms after what is paid has run out: a renewal may be on its way.
const Grace = 3 * 24 * time.Hour

// subscribe checks the quote of a subscription: it begins where what is paid ends, so that no day is paid twice.
func (b *Books) subscribe(order Order, quote Quote, st *quoteState) error {
	first, _, o, err := b.onSale(order)
	if err != nil {
		return err
	}
	sub, _ := load[subscriptionState](b, keySubscription+first.key()+bytesOf(order.Buyer))
	from := max(sub.Through, b.Now)
	if quote.From != from || quote.Through != from+o.Period*1000*int64(order.Count) {
		return mismatch("the quote is for another period")
	}
	*st = quoteState{Offer: first}
	return b.err
}

// renew books a paid period. Two quotes for the same period, both paid, are two periods.
func (b *Books) renew(p paid, st quoteState) {
	key := keySubscription + st.Offer.key() + bytesOf(p.order.Buyer)
	sub, _ := load[subscriptionState](b, key)
	length := p.quote.Through - p.quote.From
	b.save(key, subscriptionState{Through: max(sub.Through, p.quote.From) + length})
}

// subscribed notes a period at who has paid it: under the version of the offer that was ordered, since the payer has no other.
func (b *Books) subscribed(p paid) {
	key := keySubscription + p.order.Offer.key() + bytesOf(p.order.Buyer)
	sub, _ := load[subscriptionState](b, key)
	b.save(key, subscriptionState{Through: max(sub.Through, p.quote.Through)})
}

// off is how much of the time that was paid for is off once so much of the money is gone: as few periods as that has paid for.
func (p paid) off(gone Amount) int64 {
	all, n := p.quote.Through-p.quote.From, Amount(max(p.order.Count, 1))
	paid := p.receipt.Paid.Amount
	periods := (gone*n + paid - 1) / paid // both are far from the end of an int64
	if periods >= n {
		return all
	}
	return all / int64(n) * int64(periods)
}

// extend adds to the time of a subscription that a payment is for, or takes off.
func (b *Books) extend(p paid, by int64, ended bool) {
	key := keySubscription + b.subscriptionKey(p)
	sub, _ := load[subscriptionState](b, key)
	sub.Through += by
	sub.Ended = sub.Ended || ended
	b.save(key, sub)
}

// withdraw takes the time off that was paid with money that goes back: a, after done before.
func (b *Books) withdraw(p paid, done, a Amount) { b.extend(p, p.off(done)-p.off(done+a), false) }

// suspend takes time off while the money for it is disputed.
func (b *Books) suspend(p paid, done, a Amount) {
	b.withdraw(p, done, a)
	key := keySuspended + b.subscriptionKey(p)
	n, _ := load[uint32](b, key)
	b.save(key, n+1)
}

// unsuspend ends that. What is lost stays off, and of who took all of it back no renewal is expected.
func (b *Books) unsuspend(p paid, receipt ID, done, lost Amount) {
	key := keySuspended + b.subscriptionKey(p)
	if n, _ := load[uint32](b, key); n > 1 {
		b.save(key, n-1)
	} else {
		b.drop(key)
	}
	stake, known := load[stakeState](b, keyAtStake+receipt.key())
	if !known { // it was opened when all of the time was off
		stake.Amount = p.receipt.Paid.Amount - done
	}
	b.extend(p, p.off(done+stake.Amount)-p.off(done+lost), lost > 0 && done+lost == p.receipt.Paid.Amount)
}

// subscriptionKey is the offer and the buyer of a payment.
func (b *Books) subscriptionKey(p paid) string {
	st, _ := load[quoteState](b, keyQuote+p.receipt.Quote.key())
	return st.Offer.key() + bytesOf(p.order.Buyer)
}

// A Subscription is how far somebody has paid.
type Subscription struct {
	Through  time.Time // what is disputed does not count
	Ended    bool      // no renewal is expected
	Disputed bool      // a payment is disputed, and that is not decided
}

// Until is how long it opens rooms. Who ended the subscription, or disputes a payment, has what was paid, and no grace.
func (s Subscription) Until() time.Time {
	if s.Ended || s.Disputed {
		return s.Through
	}
	return s.Through.Add(Grace)
}

// Open reports whether a subscriber may come in.
func (s Subscription) Open(now time.Time) bool { return now.Before(s.Until()) }

// Subscription returns how far somebody has paid for an offer; the zero Subscription is of who never did.
func (b *Books) Subscription(first ID, buyer Key) Subscription {
	s, ok := load[subscriptionState](b, keySubscription+first.key()+bytesOf(buyer))
	if !ok {
		return Subscription{Ended: true}
	}
	disputed, _ := load[uint32](b, keySuspended+first.key()+bytesOf(buyer))
	return Subscription{Through: time.UnixMilli(s.Through), Ended: s.Ended, Disputed: disputed > 0}
}

func (Leave) kind() string  { return "leave" }
func (l Leave) signer() Key { return l.By }

func (l Leave) check() error {
	if l.Offer.IsZero() || l.By.IsZero() || l.Through == 0 {
		return fieldError("offer, buyer or end")
	}
	return checkTimes(l.Through)
}

// Unsubscribe ends what a subscriber wants to end. Ending it twice is ending it once: then nothing is to be appended.
func (b *Books) Unsubscribe(raw []byte) ([]Draft, error) {
	l, _, err := OpenDocument[Leave](raw)
	if err != nil {
		return nil, err
	}
	v, ok := load[versionState](b, keyVersion+l.Offer.key())
	if !ok {
		return nil, fmt.Errorf("%w: offer %s", ErrUnknown, l.Offer.Short())
	}
	_, disputed := load[uint32](b, keySuspended+v.First.key()+bytesOf(l.By))
	switch s, ok := load[subscriptionState](b, keySubscription+v.First.key()+bytesOf(l.By)); {
	case !ok:
		return nil, fmt.Errorf("%w: no subscription", ErrUnknown)
	case s.Through != l.Through && !(disputed && s.Through < l.Through): // who disputes a payment does not know what is taken off
		return nil, mismatch("it was renewed since")
	case s.Ended:
		return nil, nil
	}
	return []Draft{{Body: &Unsubscribe{Offer: v.First, Buyer: l.By}}}, nil
}

// Cancelled reports whether an offer is over.
func (b *Books) Cancelled(first ID) bool {
	s, _ := load[offerState](b, keyOffer+first.key())
	return s.Cancelled
}

// A Subscriber is one of an offer of this node.
type Subscriber struct {
	Offer ID // first version
	Buyer Key
	Subscription
}

// Subscribers lists all that there ever were.
func (s *Store) Subscribers() (list []Subscriber, err error) {
	_, err = s.scan(keySubscription, func(b *Books, rest string) {
		if len(rest) != len(ID{})+len(Key{}) {
			b.fail(fmt.Errorf("%w: a subscription", ErrCorrupt))
			return
		}
		one := Subscriber{Offer: ID([]byte(rest[:len(ID{})])), Buyer: Key([]byte(rest[len(ID{}):]))}
		if _, own := load[offerState](b, keyOffer+one.Offer.key()); own {
			one.Subscription = b.Subscription(one.Offer, one.Buyer)
			list = append(list, one)
		}
	})
	return list, err
}

func (*Unsubscribe) Kind() Kind    { return KindUnsubscribe }
func (*Unsubscribe) names() []name { return nil }

func (u *Unsubscribe) check() error {
	if u.Offer.IsZero() || u.Buyer.IsZero() {
		return fieldError("offer or buyer")
	}
	return nil
}

func (u *Unsubscribe) apply(b *Books, _ Entry) error {
	key := keySubscription + u.Offer.key() + bytesOf(u.Buyer)
	s, ok := load[subscriptionState](b, key)
	if !ok {
		return ErrUnknown
	}
	s.Ended = true
	b.save(key, s)
	return b.err
}
