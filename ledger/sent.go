package ledger

import "fmt"

func (*Sent) Kind() Kind    { return KindSent }
func (*Sent) names() []name { return nil }

func (s *Sent) check() error {
	if s.Settle.IsZero() || len(s.Proof) == 0 || len(s.Proof) > maxProof || s.Cost < 0 || s.Cost > MaxAmount {
		return fieldError("settle, proof or cost")
	}
	return nil
}

// apply books that a rail has brought the payment of a share to where it was asked for, with its proof. Whom it is owed to still confirms
// it; that it was not sent nobody can say any more.
func (s *Sent) apply(b *Books, _ Entry) error {
	settle, st, err := b.paidShare(s.Settle)
	if err != nil {
		return err
	}
	if st.Back {
		return fmt.Errorf("%w: it was taken back", ErrUnknown)
	}
	if err := b.prove(settle.Means, s.Proof, s.Settle); err != nil {
		return err
	}
	b.save(keySent+s.Settle.key(), true)
	b.posted.cur = settle.Money.Cur
	b.posted.move(Asset(settle.Means), ExpenseRail, s.Cost)
	return b.err
}

// IsSent reports whether a rail has said that the payment of a share has arrived.
func (b *Books) IsSent(settle ID) bool {
	sent, _ := load[bool](b, keySent+settle.key())
	return sent
}
