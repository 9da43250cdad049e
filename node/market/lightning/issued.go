package lightning

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/bolt11"
)

// Issued remembers which invoice belongs to which order, for wallets that make another one whenever they are asked.
type Issued struct {
	turn chan struct{} // holds one while somebody has the file and asks the wallet: of two who ask, the second finds the invoice
	kept File
}

// NewIssued makes it from what it remembered last.
func NewIssued(kept File) *Issued { return &Issued{turn: make(chan struct{}, 1), kept: kept} }

const (
	keepFor = 25 * time.Hour // an order is open for a day at most
	maxKept = 4096

	turnWait = 10 * time.Second
)

// issuedList are the invoices of orders that may still be open.
type issuedList struct {
	List []issued `json:"list"`
}

type issued struct {
	Ref     string `json:"ref"`
	Hash    string `json:"hash"`
	Request string `json:"request"`
	Time    int64  `json:"time"` // unix milliseconds
}

// Create finds the invoice of an order, or has the wallet make it and remembers it before anybody hears of it.
func (s *Issued) Create(ctx context.Context, r market.Request, ask func() (request string, inv bolt11.Invoice, err error)) (market.Invoice, error) {
	if r.Amount.Cur != ledger.Bitcoin {
		return market.Invoice{}, fmt.Errorf("%w: %s by Lightning", market.ErrCurrency, r.Amount)
	}
	done, err := s.alone(ctx)
	if err != nil {
		return market.Invoice{}, err
	}
	defer done()
	all, err := s.read()
	if err != nil {
		return market.Invoice{}, err
	}
	now := time.Now()
	if i := slices.IndexFunc(all.List, func(a issued) bool { return a.Ref == r.Ref.String() }); i >= 0 {
		inv, err := bolt11.Parse(all.List[i].Request)
		switch {
		case err != nil:
			return market.Invoice{}, err
		case inv.Amount != r.Amount.Amount:
			return market.Invoice{}, errors.New("lightning: the order has another price now")
		case now.After(inv.Expires):
			return market.Invoice{}, fmt.Errorf("%w: the invoice of the order", ledger.ErrExpired)
		}
		return market.Invoice{Request: all.List[i].Request}, nil
	}
	request, inv, err := ask()
	switch hash := hex.EncodeToString(inv.Hash[:]); {
	case err != nil:
		return market.Invoice{}, err
	case inv.Amount != r.Amount.Amount:
		return market.Invoice{}, errors.New("lightning: the wallet's invoice is over another sum")
	case now.After(inv.Expires):
		return market.Invoice{}, fmt.Errorf("%w: the wallet gave an invoice that is too old", ledger.ErrExpired)
	case slices.ContainsFunc(all.List, func(a issued) bool { return a.Hash == hash }):
		return market.Invoice{}, errors.New("lightning: the wallet gave one invoice for two orders")
	}
	all.List = slices.DeleteFunc(all.List, func(a issued) bool { return now.Sub(time.UnixMilli(a.Time)) > keepFor })
	if len(all.List) >= maxKept {
		return market.Invoice{}, market.ErrBusy
	}
	all.List = append(all.List, issued{Ref: r.Ref.String(), Hash: hex.EncodeToString(inv.Hash[:]), Request: request, Time: now.UnixMilli()})
	raw, err := json.Marshal(all)
	if err != nil {
		return market.Invoice{}, err
	}
	return market.Invoice{Request: request}, s.kept.Write(append(raw, '\n'))
}

// Find is the invoice of an order, if it is remembered.
func (s *Issued) Find(ctx context.Context, ref ledger.ID) (inv bolt11.Invoice, found bool, err error) {
	a, found, err := s.find(ctx, func(a issued) bool { return a.Ref == ref.String() })
	if err == nil && found {
		inv, err = bolt11.Parse(a.Request)
	}
	return inv, found, err
}

// Whose is the order of an invoice, if it is remembered.
func (s *Issued) Whose(ctx context.Context, hash [32]byte) (ref ledger.ID, found bool, err error) {
	text := hex.EncodeToString(hash[:])
	a, found, err := s.find(ctx, func(a issued) bool { return a.Hash == text })
	if err == nil && found {
		ref, err = ledger.ParseID(a.Ref)
	}
	return ref, found, err
}

func (s *Issued) find(ctx context.Context, is func(issued) bool) (a issued, found bool, err error) {
	done, err := s.alone(ctx)
	if err != nil {
		return a, false, err
	}
	defer done()
	all, err := s.read()
	if err != nil {
		return a, false, err
	}
	if i := slices.IndexFunc(all.List, is); i >= 0 {
		return all.List[i], true, nil
	}
	return a, false, nil
}

// alone waits for the turn. A wallet that is slow has no line of buyers behind it.
func (s *Issued) alone(ctx context.Context) (done func(), err error) {
	patience := time.NewTimer(turnWait)
	defer patience.Stop()
	select {
	case s.turn <- struct{}{}:
		return func() { <-s.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, market.ErrBusy
	}
}

// read loads the file. The caller has the turn.
func (s *Issued) read() (all issuedList, err error) {
	raw, err := s.kept.Read()
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	return all, err
}
