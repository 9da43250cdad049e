package lnd

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
)

const (
	payWait = 20 * time.Second // for a payment to end; after that it is pending, and lnd goes on with it
	// lnd refuses an invoice that has expired by its clock. After this long it has by every clock, and cannot be on its way to lnd either.
	lateFor = 2 * time.Minute
	// backFor is how long money can be sent back.
	backFor = 180 * 24 * time.Hour
	maxBack = 1024 // bytes of an address in an order
)

// A payer sends money.
type payer struct {
	*purse
	plain bool // invoices do not name the order
}

// A purse is what payers at one lnd share.
type purse struct {
	*client
	*memory
	limits limits
	log    *slog.Logger
}

// A memory is what outlasts a change of the settings.
type memory struct {
	spent File

	mu   sync.Mutex                 // guards the field below, and the file of what was spent
	busy map[[32]byte]chan struct{} // payments that somebody asks about; closed when they are done
}

// Plain is the payer of a rail, for invoices of others than lnd: they do not name the order. That they are for it, the quote says,
// which the payee's device has signed. It is nil if the rail does not pay.
func Plain(r market.Rail) market.Payer {
	if p, pays := r.Payer.(*payer); pays {
		return &payer{purse: p.purse, plain: true}
	}
	return nil
}

// A both is a payee that can send money back.
type both struct {
	*payee
	out *purse
}

// Refund sends money back.
func (b *both) Refund(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
	return b.out.refund(ctx, ref, m, to)
}

// Check says why a bill would not be paid: its invoice is for another order or another sum, or it is beyond the limits.
func (p *payer) Check(b market.Bill) error {
	inv, err := asks(b, p.plain)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s, err := p.read()
	if err != nil {
		return err
	}
	return s.fits(inv.Hash, withFees(b.Total.Amount), p.limits, time.Now())
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
func (p *payer) Verify(b market.Bill, proof []byte) error { return verify(b, p.plain, proof) }

// A Hand reads the invoices of an lnd for somebody who pays them by a wallet of their own.
type Hand struct{}

// Check says why an invoice should not be paid.
func (Hand) Check(b market.Bill) error {
	_, err := asks(b, false)
	return err
}

// Verify holds a proof of payment to a bill. It asks nobody.
func (Hand) Verify(b market.Bill, proof []byte) error { return verify(b, false, proof) }

func verify(b market.Bill, plain bool, proof []byte) error {
	inv, err := asks(b, plain)
	if err != nil {
		return err
	}
	if len(proof) != sha256.Size || sha256.Sum256(proof) != inv.Hash {
		return fmt.Errorf("%w: the preimage is of another invoice", ledger.ErrMismatch)
	}
	return nil
}

// feeLimit is what others may take for passing a payment on: 1 %, and of small payments 10 satoshi.
func feeLimit(a ledger.Amount) ledger.Amount { return max(a/100, 10_000) }

func withFees(a ledger.Amount) ledger.Amount { return a + feeLimit(a) }

// Pay pays a bill, or finds out where its payment is.
func (p *payer) Pay(ctx context.Context, b market.Bill) (market.Event, error) {
	inv, err := asks(b, p.plain)
	if err != nil { // it is so each time, so nothing was ever sent
		p.log.Warn("a bill is not paid", "order", b.Ref.Short(), "err", err)
		return market.Event{Ref: b.Ref, State: market.Failed}, nil
	}
	return p.send(ctx, sending{ref: b.Ref, invoice: inv, request: b.Request, money: b.Total})
}

// A sending is what goes to an invoice.
type sending struct {
	ref     ledger.ID
	invoice bolt11.Invoice
	request string
	money   ledger.Money
	back    bool // a refund
}

// send sees to it that an invoice is paid once.
func (p *purse) send(ctx context.Context, s sending) (market.Event, error) {
	done, err := p.alone(ctx, s.invoice.Hash)
	if err != nil {
		return market.Event{}, err
	}
	defer done()
	if err := p.unused(s); err != nil {
		return market.Event{}, err
	}
	ev, err := p.track(ctx, s)
	again := s.back && err == nil && ev.State == market.Failed // nobody orders a refund anew
	if !again && !notFound(err) {
		return ev, err
	}
	now := time.Now()
	switch {
	case now.After(s.invoice.Expires.Add(lateFor)):
		return market.Event{Ref: s.ref, State: market.Failed}, nil
	case now.After(s.invoice.Expires):
		return market.Event{}, fmt.Errorf("%w: the invoice", ledger.ErrExpired)
	}
	err = p.reserve(s, now)
	if errors.Is(err, market.ErrSpending) {
		p.log.Warn("a bill is not paid", "order", s.ref.Short(), "err", err)
		return market.Event{Ref: s.ref, State: market.Failed}, nil
	}
	if err != nil {
		return market.Event{}, err
	}
	body := map[string]any{
		"payment_request": s.request,
		"timeout_seconds": 60,
		"fee_limit_msat":  strconv.FormatInt(int64(feeLimit(s.money.Amount)), 10),
	}
	if s.invoice.Amount == 0 {
		body["amt_msat"] = strconv.FormatInt(int64(s.money.Amount), 10)
	}
	ev, err = p.follow(ctx, s, "POST", "/v2/router/send", body)
	if err != nil && ctx.Err() == nil {
		// lnd refuses what it is paying already, and a lost answer says nothing.
		if found, later := p.track(ctx, s); later == nil {
			return found, nil
		}
	}
	return ev, err
}

// track asks lnd where a payment is. It waits a while for one that is on its way.
func (p *purse) track(ctx context.Context, s sending) (market.Event, error) {
	return p.follow(ctx, s, "GET", "/v2/router/track/"+base64.URLEncoding.EncodeToString(s.invoice.Hash[:]), nil)
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
func (p *purse) follow(ctx context.Context, s sending, method, path string, body any) (market.Event, error) {
	ev := market.Event{Ref: s.ref}
	inner, cancel := context.WithTimeout(ctx, payWait)
	defer cancel()
	err := p.stream(inner, method, path, body, func(raw json.RawMessage) (bool, error) {
		var v payment
		if err := json.Unmarshal(raw, &v); err != nil {
			return false, err
		}
		switch v.Status {
		case "SUCCEEDED":
			preimage, err := hex.DecodeString(v.Preimage)
			if err != nil || sha256.Sum256(preimage) != s.invoice.Hash {
				return false, errors.New("lnd: a payment has another preimage")
			}
			if v.Value != s.money.Amount {
				return false, fmt.Errorf("%w: the invoice was paid for something else", market.ErrByHand)
			}
			ev.State, ev.Received, ev.Proof, ev.Cost = market.Settled, s.money, preimage, v.Fee
			return false, nil
		case "FAILED":
			p.log.Info("a payment failed", "order", s.ref.Short(), "why", printable(v.Why))
			ev.State = market.Failed
			return false, p.release(s)
		}
		ev.State = market.Pending
		return true, nil
	})
	switch {
	case err == nil:
		return ev, nil
	case ctx.Err() != nil:
		return market.Event{}, ctx.Err()
	case ev.State == market.Pending, inner.Err() != nil && method == "POST":
		return market.Event{Ref: s.ref, State: market.Pending}, nil
	}
	return market.Event{}, err
}

// alone waits until nobody else asks about a payment: of two, one must find what the other has begun.
func (p *purse) alone(ctx context.Context, hash [32]byte) (done func(), err error) {
	for {
		p.mu.Lock()
		other, taken := p.busy[hash]
		if !taken {
			mine := make(chan struct{})
			p.busy[hash] = mine
			p.mu.Unlock()
			return func() {
				p.mu.Lock()
				delete(p.busy, hash)
				p.mu.Unlock()
				close(mine)
			}, nil
		}
		p.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Back makes an invoice that money may be sent back to, of whatever sum.
func (p *payer) Back(ctx context.Context) (string, error) {
	var v invoice
	err := p.call(ctx, "POST", "/v1/invoices", map[string]any{
		"memo": "salon: money back", "expiry": strconv.Itoa(int(backFor / time.Second)), "private": true,
	}, &v)
	if err == nil && len(v.Request) > maxBack {
		return "", fmt.Errorf("lnd: an invoice of %d bytes: it has too many channels to name", len(v.Request))
	}
	return v.Request, err
}

// refund sends money to the invoice that the buyer gave with the order, which serves once.
func (p *purse) refund(ctx context.Context, ref ledger.ID, m ledger.Money, to string) (market.Event, error) {
	inv, err := bolt11.Parse(to)
	if err != nil || m.Cur != ledger.Bitcoin || inv.Amount != 0 && inv.Amount != m.Amount {
		return market.Event{}, fmt.Errorf("%w: %s to %q", market.ErrByHand, m, printable(to))
	}
	ev, err := p.send(ctx, sending{ref: ref, invoice: inv, request: to, money: m, back: true})
	if err == nil && ev.State == market.Failed && time.Now().After(inv.Expires) {
		return market.Event{}, fmt.Errorf("%w: %s, because %q has expired", market.ErrByHand, m, printable(to))
	}
	return ev, err
}
