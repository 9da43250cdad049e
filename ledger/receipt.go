package ledger

import "bytes"

// IOURail is the rail that is always there: the payer signs that it owes.
const IOURail = "iou"

func (Receipt) kind() string  { return "receipt" }
func (r Receipt) signer() Key { return r.By }

func (r Receipt) check() error {
	if err := r.Paid.check(); err != nil {
		return err
	}
	if r.Cost < 0 || r.Cost > r.Paid.Amount {
		return fieldError("cost %d", r.Cost)
	}
	if err := checkRail(r.Rail); err != nil {
		return err
	}
	if err := checkProof(r.Proof); err != nil {
		return err
	}
	if r.Order.IsZero() || r.Quote.IsZero() || r.By.IsZero() {
		return fieldError("order, quote or signer is missing")
	}
	if err := checkTax(r.Tax); err != nil {
		return err
	}
	return checkTimes(r.Time)
}

// settles checks that a receipt is for what its quote asked (invariant I8).
func (r Receipt) settles(q Quote, id ID) error {
	switch {
	case r.Quote != id || r.Order != q.Order:
		return mismatch("receipt is for another quote")
	case r.By != q.By:
		return mismatch("receipt is by another than the quote")
	case r.Rail != q.Rail:
		return mismatch("paid by %s, quoted for %s", r.Rail, q.Rail)
	case r.Paid != q.Total():
		return mismatch("paid %s, quoted %s", r.Paid, q.Total())
	}
	return nil
}

func (IOU) kind() string  { return "iou" }
func (u IOU) signer() Key { return u.Debtor }

func (u IOU) check() error {
	if err := u.Money.check(); err != nil {
		return err
	}
	if u.Quote.IsZero() || u.Debtor.IsZero() || u.Creditor.IsZero() || u.Debtor == u.Creditor {
		return fieldError("quote or party")
	}
	return checkTimes(u.Due, u.Time)
}

// covers checks that an IOU is for this quote, from its buyer to its payee.
func (u IOU) covers(o Order, q Quote, quote ID) error {
	if u.Quote != quote || u.Debtor != o.Buyer || u.Creditor != o.Payee || u.Money != q.Total() {
		return mismatch("the IOU is for something else")
	}
	return nil
}

// proves checks that a receipt by IOU names this one.
func (u IOU) proves(r Receipt, id ID) error {
	if r.Rail != IOURail || !bytes.Equal(r.Proof, id[:]) {
		return mismatch("the receipt is for another IOU")
	}
	return nil
}

func (Settle) kind() string  { return "settle" }
func (s Settle) signer() Key { return s.Debtor }

func (s Settle) check() error {
	if err := s.Money.check(); err != nil {
		return err
	}
	if err := checkRail(s.Means); err != nil {
		return err
	}
	if s.Debtor.IsZero() || s.Creditor.IsZero() || s.Debtor == s.Creditor || s.Means == IOURail {
		return fieldError("party or means")
	}
	return checkTimes(s.Time)
}

func (Settled) kind() string  { return "settled" }
func (s Settled) signer() Key { return s.By }

func (s Settled) check() error {
	if s.Settle.IsZero() || s.By.IsZero() {
		return fieldError("settle or signer")
	}
	return checkTimes(s.Time)
}
