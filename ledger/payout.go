package ledger

import (
	"fmt"

	"salon/ledger/doc"
)

// Shares wait on an account of their own for whoever they are of, and add up there. A payout makes debts of them: each gets a slip, a
// signed word on all that they have earned so far, which their own books take in (Earned). What is paid of a debt is on its way
// (Paid) until whom it was owed to has confirmed it (Clear): nobody's word alone makes money arrive. A refund takes shares
// back; once they are a debt that is not paid, the next payout lowers it, and once they are paid, the next shares make up for it.

// maxLegs is how many slips one payout has: they are stored with it.
const maxLegs = 64

// Least is the smallest share of a currency that is worth a payment, unless the host says otherwise: one euro, a thousand sat.
func Least(cur Currency) Amount {
	if cur == Bitcoin {
		return 1_000_000
	}
	exponent, _ := cur.Exponent()
	least := Amount(1)
	for range exponent {
		least *= 10
	}
	return least
}

func (*Payout) Kind() Kind { return KindPayout }

func (p *Payout) names() []name {
	n := make([]name, len(p.Slips))
	for i, id := range p.Slips {
		n[i] = name{Slip{}.kind(), id}
	}
	return n
}

func (p *Payout) check() error {
	if err := p.Cur.check(); err != nil {
		return err
	}
	if len(p.Legs) == 0 || len(p.Legs) > maxLegs || len(p.Slips) != len(p.Legs) {
		return fieldError("legs or slips")
	}
	for i, l := range p.Legs {
		if l.To.IsZero() || l.Cut == 0 || l.Cut >= cuts || l.Amount == 0 || l.Amount > MaxAmount || l.Amount < -MaxAmount {
			return fieldError("leg %d", i)
		}
		for _, o := range p.Legs[:i] {
			if o.Cut == l.Cut && o.To == l.To {
				return fieldError("leg %d: one party twice", i)
			}
		}
	}
	return nil
}

// apply makes debts of what is owed, and no more, or takes back what is not paid of debts that refunds have lowered.
func (p *Payout) apply(b *Books, e Entry) error {
	b.posted.cur = p.Cur
	for i, l := range p.Legs {
		due, _ := load[dueState](b, keyDue+string(p.Cur)+bytesOf(l.To))
		account := l.Cut.Account(l.To)
		owed := -b.Balance(p.Cur, account)
		if l.Amount > max(0, owed) || l.Amount < min(0, owed) || -l.Amount > due.left() {
			return fmt.Errorf("%w: %s is owed %s", ErrTooMuch, l.To.Short(), Money{Amount: owed, Cur: p.Cur})
		}
		key := keySlip + string(p.Cur) + string([]byte{byte(l.Cut)}) + bytesOf(l.To)
		before, _ := load[slipState](b, key)
		s, err := document[Slip](b, p.Slips[i])
		if err != nil {
			return err
		}
		want := Slip{By: b.Device, To: l.To, Cut: l.Cut, Cur: p.Cur, Total: before.Total + l.Amount, Change: l.Amount, Number: b.Total, Time: e.Time}
		if s != want {
			return mismatch("slip %d says something else", i)
		}
		b.save(key, slipState{Total: s.Total, Number: s.Number})
		due.Owed += l.Amount
		b.save(keyDue+string(p.Cur)+bytesOf(l.To), due)
		b.posted.move(Payable(l.To), account, l.Amount)
	}
	return b.err
}

// left is what of a debt is neither paid nor on its way.
func (d dueState) left() Amount { return d.Owed - d.Going - d.Cleared }

// A Due is how far the shares of somebody are paid.
type Due struct {
	Owed    Amount // they have slips for
	Going   Amount // of it, on its way
	Cleared Amount // of it, confirmed by them
}

// Left is what of it is still to be paid.
func (d Due) Left() Amount { return d.Owed - d.Going - d.Cleared }

// Due says how far the shares of somebody are paid.
func (b *Books) Due(cur Currency, who Key) Due {
	d, _ := load[dueState](b, keyDue+string(cur)+bytesOf(who))
	return Due{d.Owed, d.Going, d.Cleared}
}

// A Party is whose share it is, of what kind.
type Party struct {
	Cut Cut
	To  Key
}

// PayOut makes debts of the shares of those named, of which there may be more than one payout holds, from a least amount on, and lowers
// debts where refunds have taken shares back. There is nothing to append where nothing is to be done.
func (b *Books) PayOut(k doc.PrivateKey, cur Currency, to []Party, least Amount) ([]Draft, error) {
	p, d := &Payout{Cur: cur}, Draft{}
	left := map[Key]Amount{}
	for _, t := range to {
		left[t.To] = b.Due(cur, t.To).Left()
	}
	// What is added comes first: what a refund took of one share, another share of the same person may make up for.
	for _, add := range []bool{true, false} {
		for _, t := range to {
			amount := -b.Balance(cur, t.Cut.Account(t.To))
			before, _ := load[slipState](b, keySlip+string(cur)+string([]byte{byte(t.Cut)})+bytesOf(t.To))
			if amount < 0 {
				amount = -min(-amount, left[t.To], before.Total)
			}
			if amount == 0 || len(p.Legs) == maxLegs || (amount > 0) != add || add && amount < least {
				continue
			}
			raw, id, err := Sign(k, Slip{By: b.Device, To: t.To, Cut: t.Cut, Cur: cur, Total: before.Total + amount, Change: amount, Number: b.Total, Time: b.Now})
			if err != nil {
				return nil, err
			}
			left[t.To] += amount
			p.Legs = append(p.Legs, Leg{Cut: t.Cut, To: t.To, Amount: amount})
			p.Slips, d.Docs = append(p.Slips, id), append(d.Docs, raw)
		}
	}
	if len(p.Legs) == 0 {
		return nil, b.err
	}
	d.Body = p
	return []Draft{d}, b.err
}

func (Slip) kind() string  { return "slip" }
func (s Slip) signer() Key { return s.By }

func (s Slip) check() error {
	if err := s.Cur.check(); err != nil {
		return err
	}
	switch {
	case s.By.IsZero() || s.To.IsZero() || s.By == s.To || s.Cut == 0 || s.Cut >= cuts:
		return fieldError("party or cut")
	case s.Total < 0 || s.Total > MaxAmount || s.Change == 0 || s.Change > s.Total || s.Change < -MaxAmount:
		return fieldError("total %d, change %d", s.Total, s.Change)
	case s.Number == 0:
		return fieldError("number 0")
	}
	return checkTimes(s.Time)
}

func (*Earned) Kind() Kind { return KindEarned }

func (n *Earned) names() []name { return []name{{Slip{}.kind(), n.Slip}} }

func (n *Earned) check() error {
	if n.Slip.IsZero() || len(n.Cert) == 0 {
		return fieldError("slip or certificate")
	}
	return nil
}

// apply takes in what somebody owes this node's person. A slip says all that was earned so far: what a slip that was lost would have
// said is in the next one, and an older one says nothing.
func (n *Earned) apply(b *Books, e Entry) error {
	s, err := document[Slip](b, n.Slip)
	if err != nil {
		return err
	}
	cert, err := openSlipCert(n.Cert, e.Time)
	if err != nil {
		return err
	}
	switch {
	case cert.Device != s.By || cert.Person == b.Person:
		return fmt.Errorf("%w: the slip is not by who owes", ErrSigner)
	case s.To != b.Person:
		return fmt.Errorf("%w: the slip is for somebody else", ErrSigner)
	}
	key := keyEarned + string(s.Cur) + string([]byte{byte(s.Cut)}) + bytesOf(s.By)
	before, known := load[slipState](b, key)
	if known && s.Number <= before.Number {
		return fmt.Errorf("%w: a later slip has come", ErrDuplicate)
	}
	b.save(key, slipState{Total: s.Total, Number: s.Number})
	b.posted.cur = s.Cur
	b.posted.move(IncomeShares, Receivable(s.By), s.Total-before.Total)
	return b.err
}
