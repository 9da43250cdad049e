package ledger

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

func openSlipCert(raw []byte, at int64) (doc.Cert, error) {
	return doc.OpenCert(raw, time.UnixMilli(at))
}

func (*Paid) Kind() Kind { return KindPaid }

func (p *Paid) names() []name { return []name{{Settle{}.kind(), p.Settle}} }

func (p *Paid) check() error {
	if p.Settle.IsZero() {
		return fieldError("settle")
	}
	return checkASCII("request", p.Request, maxRequest)
}

// apply puts money on its way to whom shares are owed: never more than that is, however often it is said. It is on disk before the
// money moves, so that no crash can pay twice.
func (p *Paid) apply(b *Books, _ Entry) error {
	s, err := document[Settle](b, p.Settle)
	if err != nil {
		return err
	}
	if s.Debtor != b.Device {
		return ErrSigner
	}
	key := keyPaid + p.Settle.key()
	if _, done := load[paidState](b, key); done {
		return ErrDuplicate
	}
	due, _ := load[dueState](b, keyDue+string(s.Money.Cur)+bytesOf(s.Creditor))
	if s.Money.Amount > due.left() {
		return fmt.Errorf("%w: %s is owed", ErrTooMuch, Money{Amount: due.left(), Cur: s.Money.Cur})
	}
	due.Going += s.Money.Amount
	b.save(keyDue+string(s.Money.Cur)+bytesOf(s.Creditor), due)
	b.save(key, paidState{Record: b.Total})
	b.posted.cur = s.Money.Cur
	b.posted.move(Asset(s.Means), Transit(s.Creditor), s.Money.Amount)
	return b.err
}

// arrived books that whom a share was owed to has it, even if it was taken back before: going says whether it was not.
func (b *Books) arrived(s Settle, going bool) error {
	key := keyDue + string(s.Money.Cur) + bytesOf(s.Creditor)
	due, _ := load[dueState](b, key)
	from := Transit(s.Creditor)
	if going {
		due.Going -= s.Money.Amount
	} else {
		from = Asset(s.Means)
	}
	due.Cleared += s.Money.Amount
	b.save(key, due)
	b.posted.move(from, Payable(s.Creditor), s.Money.Amount)
	return b.err
}

func (*Unpaid) Kind() Kind    { return KindUnpaid }
func (*Unpaid) names() []name { return nil }

func (u *Unpaid) check() error {
	if u.Settle.IsZero() {
		return fieldError("settle")
	}
	return u.Reason.check()
}

// apply gives up a payment of which the rail has said that it failed for good, or a person that they did not make it.
func (u *Unpaid) apply(b *Books, _ Entry) error {
	s, st, err := b.paidShare(u.Settle)
	if err != nil {
		return err
	}
	if done, _ := load[bool](b, keySettle+u.Settle.key()); st.Back || done {
		return fmt.Errorf("%w: nothing is on its way", ErrUnknown)
	}
	if b.IsSent(u.Settle) {
		return fmt.Errorf("%w: it has arrived", ErrPaid)
	}
	st.Back = true
	b.save(keyPaid+u.Settle.key(), st)
	key := keyDue + string(s.Money.Cur) + bytesOf(s.Creditor)
	due, _ := load[dueState](b, key)
	due.Going -= s.Money.Amount
	b.save(key, due)
	b.posted.cur = s.Money.Cur
	b.posted.move(Transit(s.Creditor), Asset(s.Means), s.Money.Amount)
	return b.err
}

// paidShare finds a payment of a share.
func (b *Books) paidShare(settle ID) (Settle, paidState, error) {
	st, known := load[paidState](b, keyPaid+settle.key())
	if !known {
		return Settle{}, st, fmt.Errorf("%w: payment %s", ErrUnknown, settle.Short())
	}
	e, err := b.recorded(st.Record)
	if err != nil {
		return Settle{}, st, err
	}
	s, _, err := peek[Settle](e.Docs[0])
	return s, st, err
}

// Pays makes a payment of what is owed to somebody and not yet on its way, or of a part of that; no drafts if nothing is. A sum of 0 is
// all of it.
func (b *Books) Pays(k doc.PrivateKey, cur Currency, to Key, sum Amount, means, request string, nonce [16]byte) ([]byte, []Draft, error) {
	left := b.Due(cur, to).Left()
	if left <= 0 {
		return nil, nil, b.err
	}
	if sum > left {
		return nil, nil, fmt.Errorf("%w: %s is owed", ErrTooMuch, Money{Amount: left, Cur: cur})
	}
	if sum > 0 {
		left = sum
	}
	raw, id, err := Sign(k, Settle{Debtor: b.Device, Creditor: to, Money: Money{Amount: left, Cur: cur}, Means: means, Nonce: nonce, Time: b.Now})
	if err != nil {
		return nil, nil, err
	}
	return raw, []Draft{{Body: &Paid{Settle: id, Request: request}, Docs: [][]byte{raw}}}, b.err
}
