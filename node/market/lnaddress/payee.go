package lnaddress

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
)

// Options configures New. Address, Store and Kept must be set.
type Options struct {
	Address string
	Store   *ledger.Store
	Kept    File         // the invoices
	HTTP    *http.Client // nil means one that goes by TLS and follows nobody elsewhere
	Before  market.Payee // what this one takes the place of, if a node puts it there while it runs: they share the file
}

// A File is small and written whole: after a crash it has the old content or the new.
type File interface {
	Read() ([]byte, error) // os.ErrNotExist before the first Write
	Write([]byte) error    // durable
}

// A Payee receives at an address.
type Payee struct {
	store  *ledger.Store
	wallet wallet

	turn chan struct{} // holds one while somebody has the file and asks the wallet: of two who ask, the second finds the invoice
	kept File
}

const (
	keepFor = 25 * time.Hour // an order is open for a day at most
	maxKept = 4096

	turnWait = 10 * time.Second
)

// kept are the invoices of orders that may still be open.
type kept struct {
	List []asked `json:"list"`
}

type asked struct {
	Ref     string `json:"ref"`
	Hash    string `json:"hash"`
	Request string `json:"request"`
	Time    int64  `json:"time"` // unix milliseconds
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
	p := &Payee{store: o.Store, kept: o.Kept, turn: make(chan struct{}, 1), wallet: wallet{endpoint: at, http: o.HTTP}}
	if old, ok := o.Before.(*Payee); ok {
		p.turn = old.turn
	}
	return p, nil
}

// Create asks the wallet for an invoice, or finds the one that it has given.
func (p *Payee) Create(ctx context.Context, r market.Request) (market.Invoice, error) {
	if r.Amount.Cur != ledger.Bitcoin {
		return market.Invoice{}, fmt.Errorf("%w: %s by Lightning", market.ErrCurrency, r.Amount)
	}
	patience := time.NewTimer(turnWait)
	defer patience.Stop()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return market.Invoice{}, ctx.Err()
	case <-patience.C: // a wallet that is slow has no line of buyers behind it
		return market.Invoice{}, market.ErrBusy
	}
	all, err := p.read()
	if err != nil {
		return market.Invoice{}, err
	}
	now := time.Now()
	if i := slices.IndexFunc(all.List, func(a asked) bool { return a.Ref == r.Ref.String() }); i >= 0 {
		inv, err := bolt11.Parse(all.List[i].Request)
		switch {
		case err != nil:
			return market.Invoice{}, err
		case inv.Amount != r.Amount.Amount:
			return market.Invoice{}, errors.New("lnaddress: the order has another price now")
		case now.After(inv.Expires):
			return market.Invoice{}, fmt.Errorf("%w: the invoice of the order", ledger.ErrExpired)
		}
		return market.Invoice{Request: all.List[i].Request}, nil
	}
	request, inv, err := p.wallet.invoice(ctx, r.Amount.Amount)
	if err != nil {
		return market.Invoice{}, err
	}
	if now.After(inv.Expires) {
		return market.Invoice{}, fmt.Errorf("%w: an invoice that has expired", errWallet)
	}
	hash := hex.EncodeToString(inv.Hash[:])
	if slices.ContainsFunc(all.List, func(a asked) bool { return a.Hash == hash }) {
		return market.Invoice{}, fmt.Errorf("%w: one invoice for two orders", errWallet)
	}
	all.List = slices.DeleteFunc(all.List, func(a asked) bool { return now.Sub(time.UnixMilli(a.Time)) > keepFor })
	if len(all.List) >= maxKept {
		return market.Invoice{}, market.ErrBusy
	}
	all.List = append(all.List, asked{Ref: r.Ref.String(), Hash: hash, Request: request, Time: now.UnixMilli()})
	raw, err := json.Marshal(all)
	if err != nil {
		return market.Invoice{}, err
	}
	return market.Invoice{Request: request}, p.kept.Write(append(raw, '\n'))
}

// read loads the file. The caller has the turn.
func (p *Payee) read() (all kept, err error) {
	raw, err := p.kept.Read()
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	return all, err
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
