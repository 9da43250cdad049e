package nwc

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
	"salon/node/market/lightning"
)

const (
	payWait = 20 * time.Second // for a payment to end; after that it is pending, and the wallet goes on with it
	backFor = 180 * 24 * time.Hour
)

// A transaction is what a wallet tells of an invoice or a payment. Sums are in msat, times in unix seconds.
type transaction struct {
	Type     string        `json:"type"` // incoming or outgoing
	State    string        `json:"state"`
	Invoice  string        `json:"invoice"`
	Preimage string        `json:"preimage"`
	Hash     string        `json:"payment_hash"`
	Amount   ledger.Amount `json:"amount"`
	Fees     ledger.Amount `json:"fees_paid"`
	Expires  int64         `json:"expires_at"`
	Settled  int64         `json:"settled_at"`
}

func (v transaction) settled() bool { return v.State == "settled" || v.State == "" && v.Settled > 0 }

// preimage is that of a hash, or nil.
func (v transaction) preimage(hash [32]byte) []byte {
	b, err := hex.DecodeString(v.Preimage)
	if err != nil || len(b) != sha256.Size || sha256.Sum256(b) != hash {
		return nil
	}
	return b
}

func (c *client) lookup(ctx context.Context, hash [32]byte) (v transaction, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	return v, c.call(ctx, "lookup_invoice", map[string]any{"payment_hash": hex.EncodeToString(hash[:])}, &v)
}

// make has the wallet make an invoice.
func (c *client) make(ctx context.Context, params map[string]any) (string, bolt11.Invoice, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	var v transaction
	if err := c.call(ctx, "make_invoice", params, &v); err != nil {
		return "", bolt11.Invoice{}, err
	}
	inv, err := bolt11.Parse(v.Invoice)
	return v.Invoice, inv, err
}

// A wallet sends money.
type wallet struct{ *client }

// Send has the wallet pay an invoice. A wallet that says nothing may have paid all the same.
func (w *wallet) Send(ctx context.Context, o lightning.Outgoing) (lightning.Payment, error) {
	params := map[string]any{"invoice": o.Request}
	if o.Open {
		params["amount"] = o.Amount
	}
	inner, cancel := context.WithTimeout(ctx, payWait)
	defer cancel()
	var v transaction
	err := w.call(inner, "pay_invoice", params, &v)
	switch {
	case err == nil:
		if v.preimage(o.Hash) == nil {
			return lightning.Payment{}, errors.New("nwc: the wallet says that it has paid, and shows no preimage")
		}
		// The invoice, or we, set the sum: the preimage is for that.
		return lightning.Payment{State: market.Settled, Preimage: v.preimage(o.Hash), Value: o.Amount, Fee: v.Fees}, nil
	case ctx.Err() != nil:
		return lightning.Payment{}, ctx.Err()
	case inner.Err() != nil, errors.Is(err, errSilent):
		return lightning.Payment{State: market.Pending}, nil
	case refused(err, "INSUFFICIENT_BALANCE", "QUOTA_EXCEEDED", "RESTRICTED", "UNAUTHORIZED", "NOT_IMPLEMENTED", "UNSUPPORTED_ENCRYPTION", "RATE_LIMITED"):
		return lightning.Payment{State: market.Failed, Why: err.Error()}, nil // it has not begun
	case refused(err, "PAYMENT_FAILED"): // or it lasts too long for the wallet's patience
		p, later := w.Track(ctx, o)
		if later == nil && p.State != market.Pending {
			return p, nil
		}
		if v, asked := w.lookup(ctx, o.Hash); refused(asked, "NOT_FOUND") || asked == nil && v.State == "" {
			return lightning.Payment{State: market.Failed, Why: err.Error()}, nil
		}
		return p, later
	}
	return lightning.Payment{}, err
}

// Track asks the wallet where a payment is. That it has not heard of one says nothing for as long as the request may be under way.
func (w *wallet) Track(ctx context.Context, o lightning.Outgoing) (lightning.Payment, error) {
	v, err := w.lookup(ctx, o.Hash)
	if o.Sent.IsZero() && errors.As(err, new(*refusal)) { // not every wallet has NOT_FOUND
		return lightning.Payment{}, lightning.ErrUnknown
	}
	if refused(err, "NOT_FOUND") || err == nil && v.Type == "incoming" {
		const clocks = time.Minute // that of the wallet may be wrong by this much
		if time.Since(o.Sent) < requestLife+clocks {
			return lightning.Payment{State: market.Pending}, nil
		}
		return lightning.Payment{}, lightning.ErrUnknown
	}
	if err != nil {
		return lightning.Payment{}, err
	}
	switch preimage := v.preimage(o.Hash); {
	case v.settled():
		if preimage == nil {
			return lightning.Payment{}, errors.New("nwc: the wallet says that it has paid, and shows no preimage")
		}
		return lightning.Payment{State: market.Settled, Preimage: preimage, Value: v.Amount, Fee: v.Fees}, nil
	case v.State == "failed":
		return lightning.Payment{State: market.Failed, Why: "the wallet could not send it"}, nil
	}
	return lightning.Payment{State: market.Pending}, nil
}

// Back makes an invoice that money may be sent back to. Not every wallet makes one that leaves the sum to the payer.
func (w *wallet) Back(ctx context.Context) (string, error) {
	request, inv, err := w.make(ctx, map[string]any{"amount": 0, "description": "salon: money back", "expiry": int(backFor / time.Second)})
	if err == nil && inv.Amount != 0 {
		err = fmt.Errorf("nwc: asked for an invoice over any sum, the wallet makes one over %s", ledger.Money{Amount: inv.Amount, Cur: ledger.Bitcoin})
	}
	return request, err
}

// Balance asks the wallet, which may keep it to itself.
func (w *wallet) Balance(ctx context.Context) (ledger.Amount, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	var v struct {
		Balance ledger.Amount `json:"balance"`
	}
	err := w.call(ctx, "get_balance", map[string]any{}, &v)
	return v.Balance, err
}
