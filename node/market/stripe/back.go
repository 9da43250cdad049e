package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// A back is a refund, as Stripe tells of it.
type back struct {
	ID       string
	Status   string
	Amount   int64
	Currency string
	Metadata map[string]string
}

// Refund sends money back to the card. It carries the ref, and is looked for before it is made: the name of a request is forgotten by
// Stripe after a day.
func (p *Payee) Refund(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
	minor, err := toMinor(m)
	if err != nil || !isPayment(to) {
		return market.Event{}, fmt.Errorf("%w: %s by %q", market.ErrByHand, m, printable(to))
	}
	found, err := p.findBack(ctx, ref, to)
	if err != nil {
		return market.Event{}, err
	}
	if found == nil {
		found = &back{}
		err := p.post(ctx, "refunds", "refund-"+ref.String(), url.Values{
			"payment_intent": {to}, "amount": {strconv.FormatInt(minor, 10)}, "metadata[salon_ref]": {ref.String()},
		}, found)
		var no *refusal
		if errors.As(err, &no) && no.Code == "charge_already_refunded" { // by the host, at Stripe
			return market.Event{}, fmt.Errorf("%w: %w", market.ErrByHand, err)
		}
		if err != nil {
			return market.Event{}, err
		}
	}
	return found.event(ref, m, minor)
}

// Returned says where a refund is, and sends none.
func (p *Payee) Returned(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
	never := market.Event{Ref: ref}
	minor, err := toMinor(m)
	if err != nil || !isPayment(to) {
		return never, nil // nothing can have been sent there
	}
	found, err := p.findBack(ctx, ref, to)
	if err != nil {
		return market.Event{}, err
	}
	if found == nil {
		return never, nil
	}
	ev, err := found.event(ref, m, minor)
	if errors.Is(err, market.ErrByHand) { // it came back to the host
		return market.Event{Ref: ref, State: market.Failed}, nil
	}
	return ev, err
}

func isPayment(id string) bool { return strings.HasPrefix(id, "pi_") && isID(id) }

// findBack is the refund of a payment that was made for ref, or nil.
func (p *Payee) findBack(ctx context.Context, ref ledger.ID, payment string) (found *back, err error) {
	err = list(ctx, p.client, "refunds", url.Values{"payment_intent": {payment}}, func(b back) string { return b.ID }, func(b back) (bool, error) {
		if b.Metadata["salon_ref"] == ref.String() {
			found = &b
		}
		return found == nil, nil
	})
	return found, err
}

// event is what a refund of m, which is minor units, has come to.
func (found *back) event(ref ledger.ID, m ledger.Money, minor int64) (market.Event, error) {
	if found.Amount != minor || !strings.EqualFold(found.Currency, string(m.Cur)) {
		return market.Event{}, fmt.Errorf("stripe: that refund was another sum")
	}
	ev := market.Event{Ref: ref, Received: m}
	switch found.Status {
	case "succeeded":
		ev.State = market.Settled
	case "pending", "requires_action":
		ev.State = market.Pending
	default: // failed, canceled: the money is with the host again
		return market.Event{}, fmt.Errorf("%w: Stripe says of the refund of %s that it %s", market.ErrByHand, m, printable(found.Status))
	}
	return ev, nil
}

// Returns says that money goes back the way it came.
func (*Payee) Returns() {}

// disputesFor is how old a dispute may be that is looked at: what is older has ended.
const disputesFor = 400 * 24 * time.Hour

// Disputes tells of every payment that its payer disputes, and how that ended.
func (p *Payee) Disputes(ctx context.Context, f func(market.Contest) error) error {
	type dispute struct {
		ID       string
		Intent   string `json:"payment_intent"`
		Amount   int64
		Currency string
		Status   string
		Balances []balance `json:"balance_transactions"`
	}
	q := url.Values{"created[gte]": {strconv.FormatInt(time.Now().Add(-disputesFor).Unix(), 10)}}
	return list(ctx, p.client, "disputes", q, func(d dispute) string { return d.ID }, func(d dispute) (bool, error) {
		c := market.Contest{Proof: []byte(d.Intent), Ref: d.ID}
		switch d.Status {
		case "needs_response", "under_review":
			c.State = ledger.DisputeOpened
		case "won":
			c.State = ledger.DisputeWon
		case "lost":
			c.State = ledger.DisputeLost
		default:
			return true, nil // a question of the bank: no money has gone yet
		}
		if !isID(d.ID) || !isID(d.Intent) {
			return true, nil
		}
		var err error
		if c.Money, err = fromMinor(d.Amount, d.Currency); err != nil {
			return true, nil // of another account's currency: not ours
		}
		if c.State != ledger.DisputeOpened {
			for _, b := range d.Balances {
				c.Cost += b.cost(c.Money.Cur)
			}
			c.Cost = min(max(0, c.Cost), ledger.MaxAmount)
		}
		return true, f(c)
	})
}

// A Hand reads the page of a bill for whoever pays there.
type Hand struct{}

// Check refuses a page that is not Stripe's.
func (Hand) Check(b market.Bill) error {
	if _, known := exponent(b.Total.Cur); !known {
		return fmt.Errorf("%w: %s by card", market.ErrCurrency, b.Total)
	}
	return checkPage(b.Request)
}

// Verify can but look whether it is the number of a payment: Stripe tells the payee alone whose it is.
func (Hand) Verify(_ market.Bill, proof []byte) error {
	if !strings.HasPrefix(string(proof), "pi_") || !isID(string(proof)) {
		return fmt.Errorf("%w: not the number of a payment by card", ledger.ErrMismatch)
	}
	return nil
}

// checkPage refuses what a browser should not be sent to.
func checkPage(page string) error {
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "https" || u.Host != "checkout.stripe.com" || u.User != nil || len(page) > 4000 {
		return fmt.Errorf("%w: the page is not one of Stripe's", ledger.ErrMismatch)
	}
	return nil
}
