package lnd

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lightning"
)

const (
	payWait = 20 * time.Second // for a payment to end; after that it is pending, and lnd goes on with it
	// backFor is how long money can be sent back.
	backFor = 180 * 24 * time.Hour
)

// A both is a payee that can send money back.
type both struct {
	*payee
	out *lightning.Purse
}

// Refund sends money back.
func (b *both) Refund(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
	return b.out.Refund(ctx, ref, m, to)
}

// A wallet sends money. lnd pays no hash twice, and knows every payment that it was asked for.
type wallet struct{ *client }

// Send has lnd pay an invoice.
func (w *wallet) Send(ctx context.Context, o lightning.Outgoing) (lightning.Payment, error) {
	body := map[string]any{
		"payment_request": o.Request,
		"timeout_seconds": 60,
		"fee_limit_msat":  strconv.FormatInt(int64(o.MaxFee), 10),
	}
	if o.Open {
		body["amt_msat"] = strconv.FormatInt(int64(o.Amount), 10)
	}
	return w.follow(ctx, o, "POST", "/v2/router/send", body)
}

// Track asks lnd where a payment is. It waits a while for one that is on its way.
func (w *wallet) Track(ctx context.Context, o lightning.Outgoing) (lightning.Payment, error) {
	v, err := w.follow(ctx, o, "GET", "/v2/router/track/"+base64.URLEncoding.EncodeToString(o.Hash[:]), nil)
	if notFound(err) {
		err = lightning.ErrUnknown
	}
	return v, err
}

// A payment as lnd tells of it.
type payment struct {
	Status   string        `json:"status"`
	Preimage string        `json:"payment_preimage"`
	Value    ledger.Amount `json:"value_msat,string"`
	Fee      ledger.Amount `json:"fee_msat,string"`
	Why      string        `json:"failure_reason"`
}

// follow listens to what lnd says of a payment until it has ended, or for as long as a caller waits.
func (w *wallet) follow(ctx context.Context, o lightning.Outgoing, method, path string, body any) (p lightning.Payment, err error) {
	inner, cancel := context.WithTimeout(ctx, payWait)
	defer cancel()
	err = w.stream(inner, method, path, body, func(raw json.RawMessage) (bool, error) {
		var v payment
		if err := json.Unmarshal(raw, &v); err != nil {
			return false, err
		}
		p = lightning.Payment{State: market.Pending}
		switch v.Status {
		case "SUCCEEDED":
			preimage, err := hex.DecodeString(v.Preimage)
			if err != nil || sha256.Sum256(preimage) != o.Hash {
				return false, errors.New("lnd: a payment has another preimage")
			}
			p = lightning.Payment{State: market.Settled, Preimage: preimage, Value: v.Value, Fee: v.Fee}
			return false, nil
		case "FAILED":
			p = lightning.Payment{State: market.Failed, Why: v.Why}
			return false, nil
		}
		return true, nil
	})
	switch {
	case err == nil:
		return p, nil
	case ctx.Err() != nil:
		return lightning.Payment{}, ctx.Err()
	case p.State == market.Pending, inner.Err() != nil && method == "POST":
		return lightning.Payment{State: market.Pending}, nil
	}
	return lightning.Payment{}, err
}

// Back makes an invoice that money may be sent back to.
func (w *wallet) Back(ctx context.Context) (string, error) {
	var v invoice
	err := w.call(ctx, "POST", "/v1/invoices", map[string]any{
		"memo": "salon: money back", "expiry": strconv.Itoa(int(backFor / time.Second)), "private": true,
	}, &v)
	return v.Request, err
}

// Balance is what lnd has in its channels, on its side.
func (w *wallet) Balance(ctx context.Context) (ledger.Amount, error) {
	var v struct {
		Local struct {
			Msat ledger.Amount `json:"msat,string"`
		} `json:"local_balance"`
	}
	err := w.call(ctx, "GET", "/v1/balance/channels", nil, &v)
	return v.Local.Msat, err
}
