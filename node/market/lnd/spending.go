package lnd

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
)

// limits are what may be spent in one payment, and within a day.
type limits struct{ payment, day ledger.Amount }

const (
	aDay     = 24 * time.Hour
	maxSpent = 4096 // payments of one day
)

// spendings are what was spent within a day, and every refund: they tell which invoices have served.
type spendings struct {
	List []spending `json:"list"`
}

type spending struct {
	Hash   string        `json:"hash"`
	Ref    string        `json:"ref"`
	Amount ledger.Amount `json:"msat"` // fees included, as far as they may go
	Time   int64         `json:"time"` // unix milliseconds
	Back   bool          `json:"back,omitempty"`
}

// read loads the file. One that cannot be read keeps everything from being paid: it is the limit. p.mu is held.
func (p *purse) read() (s spendings, err error) {
	b, err := p.spent.Read()
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		err = fmt.Errorf("lnd: what was spent today cannot be read: %w", err)
	}
	return s, err
}

// write stores what still counts. p.mu is held.
func (p *purse) write(s spendings, now time.Time) error {
	s.List = slices.DeleteFunc(s.List, func(x spending) bool { return !x.Back && !x.recent(now) })
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return p.spent.Write(append(b, '\n'))
}

// recent reports whether a payment counts for the day. One from the future does: a clock was set back.
func (x spending) recent(now time.Time) bool { return now.Sub(time.UnixMilli(x.Time)) < aDay }

func (s spendings) find(hash [32]byte) (spending, bool) {
	i := slices.IndexFunc(s.List, func(x spending) bool { return x.Hash == hex.EncodeToString(hash[:]) })
	if i < 0 {
		return spending{}, false
	}
	return s.List[i], true
}

// fits refuses what is beyond the limits. A payment that is in the list counts once.
func (s spendings) fits(hash [32]byte, a ledger.Amount, most limits, now time.Time) error {
	if _, known := s.find(hash); known {
		return nil
	}
	sum, n := a, 0
	for _, x := range s.List {
		if x.recent(now) {
			n++
			var err error
			if sum, err = sum.Plus(x.Amount); err != nil {
				return err
			}
		}
	}
	show := func(a ledger.Amount) ledger.Money { return ledger.Money{Amount: a, Cur: ledger.Bitcoin} }
	switch {
	case a > most.payment:
		return fmt.Errorf("%w: %s with fees, and %s in one payment", market.ErrSpending, show(a), show(most.payment))
	case sum > most.day || n >= maxSpent:
		return fmt.Errorf("%w: with this %s, and %s within 24 hours", market.ErrSpending, show(sum), show(most.day))
	}
	return nil
}

// Spending is what may be spent, and what of that was within a day.
func (p *payer) Spending(now time.Time) (market.Spending, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, err := p.read()
	if err != nil {
		return market.Spending{}, err
	}
	sum := ledger.Amount(0)
	for _, x := range all.List {
		if x.recent(now) {
			if sum, err = sum.Plus(x.Amount); err != nil {
				return market.Spending{}, err
			}
		}
	}
	money := func(a ledger.Amount) ledger.Money { return ledger.Money{Amount: a, Cur: ledger.Bitcoin} }
	return market.Spending{Payment: money(p.limits.payment), Day: money(p.limits.day), Spent: money(sum)}, nil
}

// Balance is what lnd has in its channels, on its side. All of it cannot be spent: some stays for fees and as a reserve.
func (p *payer) Balance(ctx context.Context) (ledger.Money, error) {
	var v struct {
		Local struct {
			Msat ledger.Amount `json:"msat,string"`
		} `json:"local_balance"`
	}
	err := p.call(ctx, "GET", "/v1/balance/channels", nil, &v)
	return ledger.Money{Amount: v.Local.Msat, Cur: ledger.Bitcoin}, err
}

// unused refuses an invoice that was paid for something else.
func (p *purse) unused(s sending) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, err := p.read()
	if err != nil {
		return err
	}
	if old, known := all.find(s.invoice.Hash); known && old.Ref != s.ref.String() {
		return fmt.Errorf("%w: that invoice has served for something else", market.ErrByHand)
	}
	return nil
}

// reserve notes, on disk, that a payment is about to be sent.
func (p *purse) reserve(s sending, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, err := p.read()
	if err != nil {
		return err
	}
	if _, known := all.find(s.invoice.Hash); known {
		return nil
	}
	a := withFees(s.money.Amount)
	if err := all.fits(s.invoice.Hash, a, p.limits, now); err != nil {
		return err
	}
	all.List = append(all.List, spending{Hash: hex.EncodeToString(s.invoice.Hash[:]), Ref: s.ref.String(), Amount: a, Time: now.UnixMilli(), Back: s.back})
	return p.write(all, now)
}

// release takes a payment out that failed for good.
func (p *purse) release(s sending) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, err := p.read()
	if err != nil {
		return err
	}
	hash := hex.EncodeToString(s.invoice.Hash[:])
	n := len(all.List)
	if all.List = slices.DeleteFunc(all.List, func(x spending) bool { return x.Hash == hash }); len(all.List) == n {
		return nil
	}
	return p.write(all, time.Now())
}
