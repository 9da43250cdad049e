package market

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"salon/ledger"
)

// How shares are paid out, beside by IOU.
const (
	hand        = "hand"      // a person has sent it
	ByLightning = "lightning" // this node's wallet sends it
)

// A PaidOut is what a payout has done for somebody.
type PaidOut struct {
	To    ledger.Key
	Money ledger.Money // that was made a debt, below zero if a refund lowered it
	Paid  ledger.Money // that is on its way now; none by IOU
	Told  bool         // they know of it
	Fails error        // why it is not paid
}

// A Payout says how shares are paid out.
type Payout struct {
	Rail  string                              // iou: they are told what they are owed; hand: a person has sent it; lightning: this node sends it
	Means string                              // by hand: cash, bank
	Least func(ledger.Currency) ledger.Amount // smaller shares wait until they have added up
}

// PayOut makes debts of all shares that are large enough, and says that all of these debts are paid, unless it is by IOU. Paying out
// again does what is new, and nothing else: what is on its way is not sent again before somebody says that it was not.
func (m *Market) PayOut(ctx context.Context, p Payout) ([]PaidOut, error) {
	m.paying.Lock()
	defer m.paying.Unlock()
	shares, err := m.Shares()
	if err != nil {
		return nil, err
	}
	var done []PaidOut
	for _, s := range shares {
		if s.To == m.id.Author().Person {
			continue
		}
		one, err := m.payOut(p, s)
		if err != nil {
			return done, err
		}
		if one.Money.Amount != 0 || one.Paid.Amount != 0 {
			done = append(done, one)
		}
	}
	if p.Rail == ByLightning {
		if done, err = m.sendShares(ctx, done); err != nil {
			return done, err
		}
	}
	for i := range done {
		done[i].Told = m.tellShare(ctx, done[i].To) == nil
	}
	return done, nil
}

// payOut is PayOut for one of them.
func (m *Market) payOut(p Payout, s Share) (PaidOut, error) {
	done := PaidOut{To: s.To, Money: ledger.Money{Cur: s.Cur}, Paid: ledger.Money{Cur: s.Cur}}
	least := p.Least(s.Cur)
	var whole ledger.Amount
	for _, a := range s.Waiting {
		whole += a
	}
	if least = max(1, least); whole >= least {
		least = 1 // together they are large enough
	} else {
		least = ledger.MaxAmount + 1 // what a refund has taken is taken off all the same
	}
	entries, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		var to []ledger.Party
		for cut := ledger.CutCoHost; cut <= ledger.CutFund; cut++ {
			to = append(to, ledger.Party{Cut: cut, To: s.To})
		}
		return b.PayOut(m.id.Device(), s.Cur, to, least)
	})
	if err != nil {
		return done, err
	}
	for _, e := range entries {
		if out, ok := e.Body.(*ledger.Payout); ok {
			for _, l := range out.Legs {
				done.Money.Amount += l.Amount
			}
		}
	}
	if p.Rail != hand {
		return done, nil
	}
	var nonce [16]byte
	rand.Read(nonce[:])
	entries, err = m.store.Append(time.Now(), func(b *ledger.Books) (drafts []ledger.Draft, err error) {
		_, drafts, err = b.Pays(m.id.Device(), s.Cur, s.To, 0, p.Means, "", nonce)
		return drafts, err
	})
	for _, e := range entries {
		if paid, _, err := ledger.ReadDocument[ledger.Settle](e.Docs[0]); err == nil {
			done.Paid = paid.Money
		}
	}
	return done, err
}

// A Going is a payment of shares that whom it is for has not confirmed yet.
type Going struct {
	ID    ledger.ID
	To    ledger.Key
	Money ledger.Money
	Means string
	Time  time.Time
	Rail  bool // a rail sends it, and a person has no say in whether it was
	Sent  bool // and says that it is there
	Away  bool // it is not set up any more, and was not asked how that ended
}

// Going lists the payments that are on their way, the oldest first.
func (m *Market) Going() (list []Going, err error) {
	err = m.look(func(l *lists) {
		for to, p := range l.shares.payees {
			for id, g := range p.settles {
				list = append(list, Going{id, to, g.money, g.means, time.UnixMilli(g.time), g.request != "", g.sent, g.request != "" && !g.sent && m.rails.payer(g.means) == nil})
			}
		}
	})
	slices.SortFunc(list, func(a, b Going) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	return list, err
}

// Why a person may not say that a share was not sent.
var (
	ErrWalletSends = errors.New("market: this node's wallet sends it, and says how that ends")
	ErrWalletAway  = errors.New("market: the wallet that was sending it is not set up any more, and may have sent it")
)

// NotSent takes a payment by hand back: no money has moved, and none will. Of one that a rail sends the rail says that, now or once it is set
// up again: ResumeShares asks it. gone says that it never will be, and that a person has seen there that nothing was sent.
func (m *Market) NotSent(settle ledger.ID, gone bool) error {
	byRail, away := false, false
	if err := m.look(func(l *lists) {
		if p := l.shares.payees[l.shares.going[settle]]; p != nil {
			g := p.settles[settle]
			byRail = g.request != ""
			away = byRail && !g.sent && m.rails.payer(g.means) == nil
		}
	}); err != nil {
		return err
	}
	switch {
	case byRail && !away:
		return ErrWalletSends
	case away && !gone:
		return ErrWalletAway
	}
	return m.append(&ledger.Unpaid{Settle: settle, Reason: ledger.ReasonFailed})
}
