package ledger

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

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
	paid, share := load[paidState](b, keyPaid+c.Settle.key())
	_, mine := load[bool](b, keyMine+bytesOf(settle.Debtor))
	_, known := load[bool](b, keyTaker+bytesOf(settle.Creditor)+bytesOf(settled.By))
	if share && len(c.Cert) > 0 {
		cert, err := doc.OpenCert(c.Cert, time.UnixMilli(b.Now))
		if err != nil {
			return err
		}
		known = cert.Person == settle.Creditor && cert.Device == settled.By
	}
	if !known || !mine && !share {
		return fmt.Errorf("%w: not between this node and who it owes", ErrSigner)
	}
	if share {
		return b.arrived(settle, !paid.Back)
	}
	if owed := -b.Balance(settle.Money.Cur, Payable(settle.Creditor)); a > owed {
		return fmt.Errorf("%w: %s is owed", ErrTooMuch, Money{Amount: owed, Cur: settle.Money.Cur})
	}
	b.posted.move(means, Payable(settle.Creditor), a)
	return b.err
}
