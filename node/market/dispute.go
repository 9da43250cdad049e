package market

import (
	"context"
	"errors"
	"time"

	"salon/ledger"
)

// disputesAgain is how often a rail is asked for disputes: until then a ticket of one is good. They come in days, not minutes.
const disputesAgain = 5 * time.Minute

// watchDisputes hears of disputes at one rail until ctx ends.
func (m *Market) watchDisputes(ctx context.Context, name string, c Checkout) {
	every(ctx, disputesAgain, func() {
		if err := m.disputes(ctx, name, c); err != nil && ctx.Err() == nil {
			m.log.Warn("disputes are not known", "rail", name, "err", err)
		}
	})
}

// disputes books what a rail says of payments that are disputed. What is booked already is not booked again; a payment that these books do
// not know is not salon's. What they refuse is for a person to see, and hides no other dispute.
func (m *Market) disputes(ctx context.Context, name string, c Checkout) error {
	return c.Disputes(ctx, func(d Contest) error {
		entries, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
			receipt, known := b.ReceiptOf(name, d.Proof)
			if !known {
				return nil, nil
			}
			return b.Contest(ledger.Contest{Receipt: receipt, Ref: d.Ref, State: d.State, Money: d.Money, Cost: d.Cost})
		})
		switch {
		case errors.Is(err, ledger.ErrBroken), errors.Is(err, ledger.ErrClosed), errors.Is(err, ledger.ErrRolledBack):
			return err
		case err != nil:
			m.log.Error("a dispute cannot be booked", "rail", name, "dispute", d.Ref, "state", d.State, "err", err)
		case len(entries) > 0:
			m.log.Warn("a payment is disputed", "rail", name, "dispute", d.Ref, "state", d.State)
		}
		return nil
	})
}
