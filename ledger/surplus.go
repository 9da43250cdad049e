package ledger

import "fmt"

func (*Surplus) Kind() Kind    { return KindSurplus }
func (*Surplus) names() []name { return nil }

func (s *Surplus) check() error {
	if err := s.Money.check(); err != nil {
		return err
	}
	if s.Receipt.IsZero() || s.Word && !s.Back {
		return fieldError("receipt, or who says that it came")
	}
	return nil
}

// apply books what came beyond a receipt, which stays its payer's, or that it went back. Receipt and ticket are of what was asked for.
func (s *Surplus) apply(b *Books, _ Entry) error {
	if _, ok := load[receiptState](b, keyReceipt+s.Receipt.key()); !ok {
		return fmt.Errorf("%w: receipt %s", ErrUnknown, s.Receipt.Short())
	}
	p, err := b.paidFor(s.Receipt)
	if err != nil {
		return err
	}
	switch {
	case p.receipt.By != b.Device:
		return fmt.Errorf("%w: somebody else has the money", ErrSigner)
	case p.receipt.Rail == IOURail:
		return mismatch("a debt is of what was asked for")
	case s.Money.Cur != p.receipt.Paid.Cur:
		return fmt.Errorf("%w: paid in %s", ErrCurrency, p.receipt.Paid.Cur)
	}
	key := keySurplus + s.Receipt.key()
	left, known := load[Amount](b, key)
	switch {
	case !s.Back && known:
		return fmt.Errorf("%w: what came beyond receipt %s", ErrDuplicate, s.Receipt.Short())
	case s.Back && s.Money.Amount > left:
		return fmt.Errorf("%w: %s sent back, %s is left", ErrTooMuch, s.Money, Money{Amount: left, Cur: s.Money.Cur})
	}
	b.posted.cur = s.Money.Cur
	if s.Back {
		left -= s.Money.Amount
		b.posted.move(Asset(p.receipt.Rail), Beyond(p.order.Buyer), s.Money.Amount)
	} else {
		left = s.Money.Amount
		b.posted.move(Beyond(p.order.Buyer), Asset(p.receipt.Rail), s.Money.Amount)
	}
	b.save(key, left) // nothing left is known too: it does not come twice
	return b.err
}

// Surplus is what came beyond a receipt and has not gone back, and whether anything ever came.
func (b *Books) Surplus(receipt ID) (left Money, came bool) {
	amount, came := load[Amount](b, keySurplus+receipt.key())
	if !came {
		return Money{}, false
	}
	p, err := b.paidFor(receipt)
	if err != nil {
		b.fail(err)
	}
	return Money{Amount: amount, Cur: p.receipt.Paid.Cur}, true
}

// RepaySurplus books that all that came beyond a receipt went back; by the word of a person if no rail sent it. Nothing is to be appended
// if it has.
func (b *Books) RepaySurplus(receipt ID, word bool) ([]Draft, error) {
	left, _ := b.Surplus(receipt)
	if left.Amount == 0 {
		return nil, b.err
	}
	return []Draft{{Body: &Surplus{Receipt: receipt, Money: left, Back: true, Word: word}}}, b.err
}

// Receipt finds a receipt that is in these books.
func (b *Books) Receipt(receipt ID) (Receipt, error) {
	p, err := b.paidFor(receipt)
	return p.receipt, err
}
