package lnd

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
	"salon/node/market/lightning"
)

// A payee receives. It keeps nothing: the preimage of an order's invoice follows from the order, and lnd knows the rest.
type payee struct {
	*client
	secret [32]byte
}

func (p *payee) preimage(ref ledger.ID) [32]byte {
	h := hmac.New(sha256.New, p.secret[:])
	h.Write(ref[:])
	return [32]byte(h.Sum(nil))
}

// An invoice as lnd tells of it. Numbers of 64 bits are strings.
type invoice struct {
	Preimage []byte        `json:"r_preimage"`
	Purpose  []byte        `json:"description_hash"`
	Request  string        `json:"payment_request"`
	Value    ledger.Amount `json:"value_msat,string"`
	Paid     ledger.Amount `json:"amt_paid_msat,string"`
	State    string        `json:"state"`
}

// invoice finds that of an order.
func (p *payee) invoice(ctx context.Context, ref ledger.ID) (v invoice, err error) {
	preimage := p.preimage(ref)
	hash := sha256.Sum256(preimage[:])
	return v, p.call(ctx, "GET", "/v1/invoice/"+hex.EncodeToString(hash[:]), nil, &v)
}

// Create asks lnd for an invoice over an order, or for the one that there is.
func (p *payee) Create(ctx context.Context, r market.Request) (market.Invoice, error) {
	if r.Amount.Cur != ledger.Bitcoin {
		return market.Invoice{}, fmt.Errorf("%w: %s by Lightning", market.ErrCurrency, r.Amount)
	}
	v, err := p.invoice(ctx, r.Ref)
	if notFound(err) {
		v, err = p.add(ctx, r)
	}
	if err != nil {
		return market.Invoice{}, err
	}
	if v.State == "CANCELED" { // lnd does that once it has expired
		return market.Invoice{}, fmt.Errorf("%w: the invoice of the order", ledger.ErrExpired)
	}
	preimage := p.preimage(r.Ref)
	b, err := bolt11.Parse(v.Request)
	if err != nil {
		return market.Invoice{}, err
	}
	if b.Hash != sha256.Sum256(preimage[:]) || b.Purpose != r.Ref || b.Amount != r.Amount.Amount {
		return market.Invoice{}, errors.New("lnd: its invoice is for something else")
	}
	return market.Invoice{Request: v.Request}, nil
}

// add makes the invoice. If the answer is lost it is made all the same, and found.
func (p *payee) add(ctx context.Context, r market.Request) (v invoice, err error) {
	left := (time.Until(r.Expires) + time.Second - 1) / time.Second
	if left <= 0 {
		return v, fmt.Errorf("%w: the quote", ledger.ErrExpired)
	}
	preimage := p.preimage(r.Ref)
	refused := p.call(ctx, "POST", "/v1/invoices", map[string]any{
		"r_preimage":       preimage[:],
		"value_msat":       strconv.FormatInt(int64(r.Amount.Amount), 10),
		"description_hash": r.Ref[:],
		"expiry":           strconv.FormatInt(int64(left), 10),
		"private":          true, // without hints nobody finds a node at home, whose channels are not announced
	}, &struct{}{})
	if v, err = p.invoice(ctx, r.Ref); notFound(err) && refused != nil {
		err = refused
	}
	return v, err
}

// Lookup says where a payment is.
func (p *payee) Lookup(ctx context.Context, ref ledger.ID) (market.Event, error) {
	v, err := p.invoice(ctx, ref)
	if notFound(err) {
		return market.Event{Ref: ref}, nil
	}
	if err != nil {
		return market.Event{}, err
	}
	return p.event(ref, v)
}

func (p *payee) event(ref ledger.ID, v invoice) (market.Event, error) {
	ev := market.Event{Ref: ref}
	switch v.State {
	case "OPEN":
		ev.State = market.Open
	case "ACCEPTED":
		ev.State = market.Pending
	case "CANCELED":
		ev.State = market.Expired
	case "SETTLED":
		preimage := p.preimage(ref)
		if string(v.Preimage) != string(preimage[:]) {
			return market.Event{}, errors.New("lnd: a settled invoice has another preimage")
		}
		ev.State, ev.Received, ev.Proof = market.Settled, ledger.Money{Amount: v.Paid, Cur: ledger.Bitcoin}, v.Preimage
	default:
		return market.Event{}, fmt.Errorf("lnd: an invoice is %q", lightning.Printable(v.State))
	}
	return ev, nil
}

const (
	lookSoon  = 2 * time.Second // after lnd was asked for its news, it gives them: it does not say from when on
	lookAgain = time.Minute
)

// Watch hears of invoices as lnd settles them. Because lnd does not say when it has begun to listen, and a connection may have
// died unnoticed, the caller is told to look, too, now and then.
func (p *payee) Watch(ctx context.Context, f func(market.Event) error) error {
	inner, cancel := context.WithCancel(ctx)
	news, ended := make(chan market.Event), make(chan error, 1)
	go func() { ended <- p.listen(inner, news) }()
	over := false
	defer func() {
		if cancel(); !over {
			<-ended
		}
	}()
	if err := f(market.Event{}); err != nil {
		return err
	}
	look := time.NewTimer(lookSoon)
	defer look.Stop()
	for {
		var ev market.Event
		select {
		case ev = <-news:
		case <-look.C:
			look.Reset(lookAgain)
		case err := <-ended:
			over = true
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := f(ev); err != nil {
			return err
		}
	}
}

// listen tells of what happens to invoices that are ours.
func (p *payee) listen(ctx context.Context, news chan<- market.Event) error {
	return p.stream(ctx, "GET", "/v1/invoices/subscribe", nil, func(raw json.RawMessage) (bool, error) {
		var v invoice
		if err := json.Unmarshal(raw, &v); err != nil {
			return false, err
		}
		if len(v.Purpose) != len(ledger.ID{}) {
			return true, nil // not made by salon
		}
		ev, err := p.event(ledger.ID(v.Purpose), v)
		if err != nil {
			return true, nil // nor this one
		}
		select {
		case news <- ev:
			return true, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	})
}
