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
)

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
func (p *Purse) read() (s spendings, err error) {
	b, err := p.spent.Read()
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		err = fmt.Errorf("lightning: what was spent today cannot be read: %w", err)
	}
	return s, err
}

// write stores what still counts. p.mu is held.
func (p *Purse) write(s spendings, now time.Time) error {
	s.List = slices.DeleteFunc(s.List, func(x spending) bool { return !x.Back && !x.recent(now) })
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return p.spent.Write(append(b, '\n'))
}

// recent reports whether a payment counts for the day. One from the future does: a clock was set back.
func (x spending) recent(now time.Time) bool { return now.Sub(time.UnixMilli(x.Time)) < aDay }

func (s spendings) index(hash [32]byte) int {
	text := hex.EncodeToString(hash[:])
	return slices.IndexFunc(s.List, func(x spending) bool { return x.Hash == text })
}

func (s spendings) find(hash [32]byte) (spending, bool) {
	i := s.index(hash)
	if i < 0 {
		return spending{}, false
	}
	return s.List[i], true
}

// fits refuses what is beyond the limits. A payment that is in the list counts once.
func (s spendings) fits(hash [32]byte, a ledger.Amount, most Limits, now time.Time) error {
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
	case a > most.Payment:
		return fmt.Errorf("%w: %s with fees, and %s in one payment", market.ErrSpending, show(a), show(most.Payment))
	case sum > most.Day || n >= maxSpent:
		return fmt.Errorf("%w: with this %s, and %s within 24 hours", market.ErrSpending, show(sum), show(most.Day))
	}
	return nil
}

// Spending is what may be spent, and what of that was within a day.
func (p *Purse) Spending(now time.Time) (market.Spending, error) {
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
	return market.Spending{Payment: money(p.limits.Payment), Day: money(p.limits.Day), Spent: money(sum), FeeShare: feeShare, FeeLeast: money(feeLeast)}, nil
}

// Balance is what the wallet has. All of it cannot be spent: some stays for fees and as a reserve.
func (p *Purse) Balance(ctx context.Context) (ledger.Money, error) {
	a, err := p.wallet.Balance(ctx)
	return ledger.Money{Amount: a, Cur: ledger.Bitcoin}, err
}

// within says why an invoice would not be paid: that would be beyond the limits.
func (p *Purse) within(hash [32]byte, a ledger.Amount, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, err := p.read()
	if err != nil {
		return err
	}
	return all.fits(hash, withFees(a), p.limits, now)
}

// wentBack reports whether a refund was sent, by any invoice, and is not known to have failed.
func (s spendings) wentBack(ref ledger.ID) bool {
	return slices.ContainsFunc(s.List, func(x spending) bool { return x.Back && x.Ref == ref.String() })
}

// unused refuses an invoice that was paid for something else, and for money back one beside another that the same was sent to. It says when
// it was sent last.
func (p *Purse) unused(o Outgoing, back bool) (sent time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, err := p.read()
	if err != nil {
		return sent, err
	}
	old, known := all.find(o.Hash)
	switch ours := known && old.Ref == o.Ref.String(); {
	case back && !ours && all.wentBack(o.Ref):
		return sent, fmt.Errorf("%w: %w", market.ErrByHand, market.ErrSentAnew)
	case !known:
		return sent, nil
	case !ours:
		return sent, fmt.Errorf("%w: %w", market.ErrByHand, market.ErrServed)
	}
	return time.UnixMilli(old.Time), nil
}

// reserve notes, on disk, that a payment is about to be sent, or sent again.
func (p *Purse) reserve(o Outgoing, back bool, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, err := p.read()
	if err != nil {
		return err
	}
	if i := all.index(o.Hash); i >= 0 {
		all.List[i].Time = now.UnixMilli()
		return p.write(all, now)
	}
	a := withFees(o.Amount)
	if err := all.fits(o.Hash, a, p.limits, now); err != nil {
		return err
	}
	all.List = append(all.List, spending{Hash: hex.EncodeToString(o.Hash[:]), Ref: o.Ref.String(), Amount: a, Time: now.UnixMilli(), Back: back})
	return p.write(all, now)
}

// release takes a payment out that failed for good.
func (p *Purse) release(hash [32]byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, err := p.read()
	if err != nil {
		return err
	}
	i := all.index(hash)
	if i < 0 {
		return nil
	}
	all.List = slices.Delete(all.List, i, i+1)
	return p.write(all, time.Now())
}
