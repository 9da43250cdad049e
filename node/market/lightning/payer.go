package lightning

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
)

// A payer pays bills from a purse.
type payer struct {
	*Purse
	plain bool // invoices do not name the order
}

// Payer pays bills whose invoice names the order.
func (p *Purse) Payer() market.Payer { return &payer{Purse: p} }

// Plain is the payer of a rail, for invoices that do not name the order. That they are for it, the quote says, which the payee's
// device has signed. It is nil if the rail does not pay by Lightning.
func Plain(r market.Rail) market.Payer {
	if p, pays := r.Payer.(*payer); pays {
		return &payer{Purse: p.Purse, plain: true}
	}
	return nil
}

// Check says why a bill would not be paid: its invoice is for another order or another sum, or it is beyond the limits.
func (p *payer) Check(b market.Bill) error {
	inv, err := asks(b, p.plain)
	if err != nil {
		return err
	}
	return p.within(inv.Hash, b.Total.Amount, time.Now())
}

// asks reads the invoice of a bill, and holds it to the sum and, if it must name that, to the order.
func asks(b market.Bill, plain bool) (bolt11.Invoice, error) {
	if b.Total.Cur != ledger.Bitcoin {
		return bolt11.Invoice{}, fmt.Errorf("%w: %s by Lightning", market.ErrCurrency, b.Total)
	}
	inv, err := bolt11.Parse(b.Request)
	if err != nil {
		return inv, err
	}
	if !plain && inv.Purpose != b.Ref || inv.Amount != b.Total.Amount {
		return inv, fmt.Errorf("%w: the invoice is for another order, or another sum", ledger.ErrMismatch)
	}
	return inv, nil
}

// Verify holds a proof of payment to a bill. It asks nobody.
func (p *payer) Verify(b market.Bill, proof []byte) error { return Verify(b, p.plain, proof) }

// A Hand reads invoices for somebody who pays them by a wallet that this node does not know.
type Hand struct{}

// Check says why an invoice should not be paid: it is for another order, or another sum.
func (Hand) Check(b market.Bill) error {
	_, err := asks(b, false)
	return err
}

// Verify holds a proof of payment to a bill. It asks nobody.
func (Hand) Verify(b market.Bill, proof []byte) error { return Verify(b, false, proof) }

// Verify holds a preimage to the invoice of a bill: whoever has it has paid that. Of a plain bill the invoice does not name the order.
func Verify(b market.Bill, plain bool, proof []byte) error {
	inv, err := asks(b, plain)
	if err != nil {
		return err
	}
	if len(proof) != sha256.Size || sha256.Sum256(proof) != inv.Hash {
		return fmt.Errorf("%w: the preimage is of another invoice", ledger.ErrMismatch)
	}
	return nil
}

// Pay pays a bill, or finds out where its payment is.
func (p *payer) Pay(ctx context.Context, b market.Bill) (market.Event, error) {
	inv, err := asks(b, p.plain)
	if err != nil { // it is so each time, so nothing was ever sent
		p.log.Warn("a bill is not paid", "order", b.Ref.Short(), "err", err)
		return market.Event{Ref: b.Ref, State: market.Failed}, nil
	}
	return p.send(ctx, b.Ref, inv, b.Request, b.Total, false)
}

// Back makes an invoice that money may be sent back to, of whatever sum.
func (p *payer) Back(ctx context.Context) (string, error) {
	to, err := p.wallet.Back(ctx)
	if err == nil && len(to) > maxBack {
		return "", fmt.Errorf("lightning: an invoice of %d bytes: the wallet has too many channels to name", len(to))
	}
	return to, err
}

const maxBack = 1024 // bytes of an address in an order
