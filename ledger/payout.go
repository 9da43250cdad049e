package ledger

import "fmt"

func (*Clear) Kind() Kind { return KindClear }

func (c *Clear) names() []name {
	return []name{{Settle{}.kind(), c.Settle}, {Settled{}.kind(), c.Settled}}
}

func (c *Clear) check() error {
	if c.Settle.IsZero() || c.Settled.IsZero() {
		return fieldError("settle or settled")
	}
	return nil
}

// apply books a debt that was paid outside of salon. Both have signed; each books it in its own log.
func (c *Clear) apply(b *Books, _ Entry) error {
	settle, err := document[Settle](b, c.Settle)
	if err != nil {
		return err
	}
	settled, err := document[Settled](b, c.Settled)
	if err != nil {
		return err
	}
	if settled.Settle != c.Settle {
		return mismatch("settled is for something else")
	}
	key := keySettle + c.Settle.key()
	if _, done := load[bool](b, key); done {
		return ErrDuplicate
	}
	b.save(key, true)
	b.posted.cur = settle.Money.Cur
	a, means := settle.Money.Amount, Asset(settle.Means)
	if settle.Creditor == b.Person {
		if settled.By != b.Device {
			return ErrSigner
		}
		if owed := b.Balance(settle.Money.Cur, Receivable(settle.Debtor)); a > owed {
			return fmt.Errorf("%w: they owe %s", ErrTooMuch, Money{Amount: owed, Cur: settle.Money.Cur})
		}
		b.posted.move(Receivable(settle.Debtor), means, a)
		return b.err
	}
	_, mine := load[bool](b, keyMine+bytesOf(settle.Debtor))
	if _, known := load[bool](b, keyTaker+bytesOf(settle.Creditor)+bytesOf(settled.By)); !known || !mine {
		return fmt.Errorf("%w: not between this node and who it owes", ErrSigner)
	}
	if owed := -b.Balance(settle.Money.Cur, Payable(settle.Creditor)); a > owed {
		return fmt.Errorf("%w: %s is owed", ErrTooMuch, Money{Amount: owed, Cur: settle.Money.Cur})
	}
	b.posted.move(means, Payable(settle.Creditor), a)
	return b.err
}

func (*Divide) Kind() Kind    { return KindDivide }
func (*Divide) names() []name { return nil }

func (d *Divide) check() error {
	if err := d.Money.check(); err != nil {
		return err
	}
	if d.Room.IsZero() || len(d.Parts) == 0 || len(d.Parts) > maxCount {
		return fieldError("room or parts")
	}
	for i, p := range d.Parts {
		if p.To.IsZero() || p.Weight == 0 {
			return fieldError("part %d", i)
		}
	}
	return nil
}

// apply divides a room's pool by what each relay carried. A share of less than a unit is not lost: it stays with whoever
// has the larger remainder, and what a relay is owed adds up over the rooms.
func (d *Divide) apply(b *Books, _ Entry) error {
	pool := Pool(d.Room)
	if has := -b.Balance(d.Money.Cur, pool); d.Money.Amount > has {
		return fmt.Errorf("%w: %s in the pool", ErrTooMuch, Money{Amount: has, Cur: d.Money.Cur})
	}
	weights := make([]uint64, len(d.Parts))
	for i, p := range d.Parts {
		weights[i] = p.Weight
	}
	parts, err := divide(d.Money.Amount, weights)
	if err != nil {
		return err
	}
	b.posted.cur = d.Money.Cur
	for i, p := range d.Parts {
		b.posted.move(Payable(p.To), pool, parts[i])
	}
	return b.err
}

func (*Payout) Kind() Kind    { return KindPayout }
func (*Payout) names() []name { return nil }

func (p *Payout) check() error {
	if err := p.Cur.check(); err != nil {
		return err
	}
	if err := checkRail(p.Rail); err != nil {
		return err
	}
	if len(p.Legs) == 0 || len(p.Legs) > maxCount || p.Rail == IOURail {
		return fieldError("rail or legs")
	}
	for i, l := range p.Legs {
		if l.To.IsZero() || l.Cut == 0 || l.Cut >= cuts {
			return fieldError("leg %d", i)
		}
		if err := (Money{Amount: l.Amount, Cur: p.Cur}).check(); err != nil {
			return err
		}
		if err := checkProof(l.Proof); err != nil {
			return err
		}
	}
	return nil
}

// apply pays what is owed, and no more.
func (p *Payout) apply(b *Books, e Entry) error {
	b.posted.cur = p.Cur
	paid := map[Account]Amount{}
	for _, l := range p.Legs {
		account := Payable(l.To)
		switch l.Cut {
		case CutCharity:
			account = Charity(l.To)
		case CutFund:
			account = Fund(l.To)
		}
		if owed := -b.Balance(p.Cur, account) - paid[account]; l.Amount > owed {
			return fmt.Errorf("%w: %s is owed %s", ErrTooMuch, l.To.Short(), Money{Amount: owed, Cur: p.Cur})
		}
		if err := b.prove(p.Rail, l.Proof, e.ID); err != nil {
			return err
		}
		paid[account] += l.Amount
		b.posted.move(Asset(p.Rail), account, l.Amount)
	}
	return b.err
}
