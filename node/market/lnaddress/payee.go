package lnaddress

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
	"salon/node/market/lightning"
)

// Options configures New. Address, Store and Kept must be set.
type Options struct {
	Address string
	Store   *ledger.Store
	Kept    lightning.File // the invoices
	HTTP    *http.Client   // nil means one that goes by TLS and follows nobody elsewhere
	Before  market.Payee   // what this one takes the place of, if a node puts it there while it runs: they share the file
}

// A Payee receives at an address.
type Payee struct {
	store  *ledger.Store
	wallet wallet
	issued *lightning.Issued
}

// New makes the receiving half of the rail. It asks nothing yet.
func New(o Options) (*Payee, error) {
	at, err := endpoint(o.Address)
	if err != nil {
		return nil, err
	}
	if o.HTTP == nil {
		o.HTTP = newClient()
	}
	p := &Payee{store: o.Store, issued: lightning.NewIssued(o.Kept), wallet: wallet{endpoint: at, http: o.HTTP}}
	if old, ok := o.Before.(*Payee); ok {
		p.issued = old.issued
	}
	return p, nil
}

// Create asks the wallet for an invoice, or finds the one that it has given.
func (p *Payee) Create(ctx context.Context, r market.Request) (market.Invoice, error) {
	return p.issued.Create(ctx, r, func() (string, bolt11.Invoice, error) { return p.wallet.invoice(ctx, r.Amount.Amount) })
}

// Invoice asks the wallet of an address for an invoice over a sum, and holds it to that. Without a client it goes by TLS and follows nobody
// elsewhere.
func Invoice(ctx context.Context, address string, sum ledger.Money, client *http.Client) (string, error) {
	at, err := endpoint(address)
	if err != nil {
		return "", err
	}
	if sum.Cur != ledger.Bitcoin {
		return "", fmt.Errorf("%w: %s to a lightning address", market.ErrCurrency, sum)
	}
	if client == nil {
		client = newClient()
		defer client.CloseIdleConnections()
	}
	w := wallet{endpoint: at, http: client}
	request, _, err := w.invoice(ctx, sum.Amount)
	return request, err
}

// Lookup says what the books say.
func (p *Payee) Lookup(_ context.Context, ref ledger.ID) (market.Event, error) {
	return market.Booked(p.store, Name, ref)
}

// Watch has no news: they come with the payers.
func (*Payee) Watch(ctx context.Context, f func(market.Event) error) error {
	if err := f(market.Event{}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// Take takes the preimage of the invoice that was quoted.
func (*Payee) Take(_ context.Context, b market.Bill, proof []byte) (market.Event, error) {
	inv, err := bolt11.Parse(b.Request)
	if err != nil {
		return market.Event{}, err
	}
	if len(proof) != sha256.Size || sha256.Sum256(proof) != inv.Hash || b.Total != sat(inv.Amount) {
		return market.Event{}, fmt.Errorf("%w: the proof is of another payment", ledger.ErrMismatch)
	}
	return market.Event{Ref: b.Ref, State: market.Settled, Received: b.Total, Proof: proof}, nil
}
