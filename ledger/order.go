package ledger

import (
	"time"
)

// A Purpose is what an order is for.
type Purpose uint8

// The purposes of orders.
const (
	ForTickets Purpose = iota + 1
	ForTip
	ForCharity
	ForSubscription
	purposes
)

func (p Purpose) String() string {
	switch p {
	case ForTickets:
		return "ticket"
	case ForTip:
		return "tip"
	case ForCharity:
		return "charity"
	case ForSubscription:
		return "subscription"
	}
	return "unknown"
}

// Hide is a set of what a tip does not show to the room. The payee always sees both.
type Hide uint8

// What a tip may hide.
const (
	HideName Hide = 1 << iota
	HideAmount
	hides
)

// IsTip reports whether an order buys nothing: the money is a gift.
func (o Order) IsTip() bool { return o.Purpose == ForTip || o.Purpose == ForCharity }

func (Order) kind() string  { return "order" }
func (o Order) signer() Key { return o.Buyer }

func (o Order) check() error {
	if err := o.Price.check(); err != nil {
		return err
	}
	if err := checkLifetime(o.Time, o.Expires); err != nil {
		return err
	}
	if err := checkASCII("refund address", o.Refund, maxAddress); err != nil {
		return err
	}
	tip := o.IsTip()
	switch {
	case o.Purpose == 0 || o.Purpose >= purposes:
		return fieldError("purpose %d", o.Purpose)
	case o.Payee.IsZero() || o.Buyer.IsZero():
		return fieldError("a key is missing")
	case o.Payee == o.Buyer:
		return fieldError("buyer and payee are one")
	case o.Count == 0 || o.Count > maxCount || tip && o.Count != 1:
		return fieldError("count %d", o.Count)
	case tip != o.Offer.IsZero():
		return fieldError("tickets and subscriptions have an offer, tips have none")
	case !tip && !o.Room.IsZero():
		return fieldError("the offer says which room")
	case (o.Purpose == ForCharity) != !o.Charity.IsZero():
		return fieldError("a charity's key")
	case o.Hide >= hides || o.Hide != 0 && !tip:
		return fieldError("hides %d", o.Hide)
	}
	return nil
}

func (Quote) kind() string  { return "quote" }
func (q Quote) signer() Key { return q.By }

func (q Quote) check() error {
	if err := q.Price.check(); err != nil {
		return err
	}
	if q.Fee < 0 || q.Fee > MaxAmount-q.Price.Amount {
		return fieldError("fee %d", q.Fee)
	}
	if err := checkRail(q.Rail); err != nil {
		return err
	}
	if err := checkASCII("request", q.Request, maxRequest); err != nil {
		return err
	}
	if err := checkSerials(q.Serials); err != nil {
		return err
	}
	if err := checkLifetime(q.Time, q.Expires); err != nil {
		return err
	}
	if err := checkWindow(q.From, q.Through); err != nil {
		return err
	}
	if q.Order.IsZero() || q.By.IsZero() {
		return fieldError("order or signer is missing")
	}
	return nil
}

// Total is what the buyer pays: price and fee.
func (q Quote) Total() Money { return Money{Amount: q.Price.Amount + q.Fee, Cur: q.Price.Cur} }

// answers checks that a quote is what its order asked for: the buyer calls it before paying, the books before holding.
func (q Quote) answers(o Order, id ID) error {
	switch {
	case q.Order != id:
		return mismatch("quote is for another order")
	case q.Price != o.Price:
		return mismatch("quote asks %s, the order says %s", q.Price, o.Price)
	case q.Time > o.Expires:
		return ErrExpired
	case o.Purpose == ForTickets && len(q.Serials) != int(o.Count):
		return mismatch("quote is for %d seats, the order for %d", len(q.Serials), o.Count)
	case o.Purpose != ForTickets && len(q.Serials) != 0:
		return mismatch("quote has seats")
	case (o.Purpose == ForSubscription) != (q.Through != 0):
		return mismatch("quote has a period, or has none")
	}
	return nil
}

// HoldFor is how long a quote keeps its seats. It is the same for all, so that holds lapse in the order in which they were made.
const HoldFor = 5 * time.Minute
