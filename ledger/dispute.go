package ledger

import (
	"errors"
	"fmt"
)

// A DisputeState is how far a dispute is.
type DisputeState uint8

// A dispute is opened, and then won by the payee or lost.
const (
	DisputeOpened DisputeState = iota + 1
	DisputeWon
	DisputeLost
)

var disputeStates = [...]string{DisputeOpened: "opened", DisputeWon: "won", DisputeLost: "lost"}

// String returns the word that people are shown.
func (s DisputeState) String() string {
	if s == 0 || int(s) >= len(disputeStates) {
		return "no state"
	}
	return disputeStates[s]
}

// ErrDisputed means that the payer has disputed a payment at the rail, which has not decided yet.
var ErrDisputed = errors.New("ledger: the payment is disputed")

func (*Dispute) Kind() Kind    { return KindDispute }
func (*Dispute) names() []name { return nil }

const maxDisputeRef = 64

func (d *Dispute) check() error {
	if err := d.Money.check(); err != nil {
		return err
	}
	if err := checkASCII("dispute", d.Ref, maxDisputeRef); err != nil {
		return err
	}
	if d.Receipt.IsZero() || d.Ref == "" || d.State == 0 || d.State > DisputeLost || d.Cost < 0 || d.Cost > MaxAmount {
		return fieldError("receipt, dispute, state or cost")
	}
	if d.State == DisputeOpened && d.Cost != 0 {
		return fieldError("what a dispute costs is known at its end")
	}
	return nil
}

// apply freezes the tickets of a payment while it is disputed. If that is lost, its money is gone as in a refund, and so must the seats
// be; if it is won, they are good again.
func (d *Dispute) apply(b *Books, _ Entry) error {
	rs, ok := load[receiptState](b, keyReceipt+d.Receipt.key())
	if !ok {
		return fmt.Errorf("%w: receipt %s", ErrUnknown, d.Receipt.Short())
	}
	p, err := b.paidFor(d.Receipt)
	if err != nil {
		return err
	}
	switch {
	case p.receipt.By != b.Device && p.order.Payee != b.Person, b.onAccount(p):
		return fmt.Errorf("%w: somebody else has the money", ErrSigner)
	case p.receipt.Rail == IOURail:
		return mismatch("a debt is disputed between two people, and by no rail")
	case d.Money.Cur != p.receipt.Paid.Cur:
		return fmt.Errorf("%w: paid in %s", ErrCurrency, p.receipt.Paid.Cur)
	}
	key := keyDispute + d.Receipt.key()
	st, _ := load[disputeState](b, key)
	if d.State == DisputeOpened {
		if st.State == DisputeOpened {
			return fmt.Errorf("%w: %s", ErrDuplicate, st.Ref)
		}
		if err := b.prove("dispute/"+p.receipt.Rail, []byte(d.Ref), b.entry.ID); err != nil {
			return fmt.Errorf("%w: %w", ErrDuplicate, err) // it was opened before, and has ended
		}
	} else if st.State != DisputeOpened || st.Ref != d.Ref {
		return fmt.Errorf("%w: dispute %s is not open", ErrUnknown, d.Ref)
	}
	if left := p.receipt.Paid.Amount - rs.Refunded; d.Money.Amount > left {
		return fmt.Errorf("%w: %s disputed, %s is left", ErrTooMuch, d.Money, Money{Amount: left, Cur: d.Money.Cur})
	}
	var o Offer
	var s offerState
	if !p.order.Offer.IsZero() {
		v, _ := load[versionState](b, keyVersion+p.order.Offer.key())
		s, _ = load[offerState](b, keyOffer+v.First.key())
		if o, err = b.offer(p.order.Offer); err != nil {
			return err
		}
		b.freeze(v.First, d.State == DisputeOpened)
		s.Revokes++ // what is void is another list now
		b.save(keyOffer+v.First.key(), s)
	}
	b.save(key, disputeState{Ref: d.Ref, State: d.State})
	b.posted.cur = p.receipt.Paid.Cur
	b.posted.move(Asset(p.receipt.Rail), ExpenseRail, d.Cost)
	if d.State != DisputeLost {
		return b.err
	}
	if rs.Good > 0 && !s.Cancelled {
		return fmt.Errorf("%w: tickets of it are good", ErrSeat)
	}
	if p.order.Purpose == ForSubscription && rs.Refunded+d.Money.Amount == p.receipt.Paid.Amount {
		b.withdraw(p)
	}
	if err := p.giveBack(b, s, o, p.receipt.Rail, rs.Refunded, d.Money.Amount); err != nil {
		return err
	}
	rs.Refunded += d.Money.Amount
	b.save(keyReceipt+d.Receipt.key(), rs)
	return b.err
}

// onAccount reports whether these books only say that seats were sold on the account of their host, who has the money.
func (b *Books) onAccount(p paid) bool {
	v, _ := load[versionState](b, keyVersion+p.order.Offer.key())
	s, _ := load[offerState](b, keyOffer+v.First.key())
	return !s.Allot.IsZero() && s.Payee == s.Host
}

// freeze counts the disputes that are open on an offer: as long as there are none, no seat is asked about.
func (b *Books) freeze(first ID, more bool) {
	n, _ := load[uint32](b, keyDisputed+first.key())
	if more {
		n++
	} else {
		n--
	}
	if n == 0 {
		b.drop(keyDisputed + first.key())
		return
	}
	b.save(keyDisputed+first.key(), n)
}

// Disputed reports whether a receipt is disputed, and that has not ended.
func (b *Books) Disputed(receipt ID) bool {
	st, _ := load[disputeState](b, keyDispute+receipt.key())
	return st.State == DisputeOpened
}

// frozen reports whether a seat is of a receipt that is disputed.
func (b *Books) frozen(at seatState) bool { return !at.Receipt.IsZero() && b.Disputed(at.Receipt) }

// ReceiptOf finds the receipt that a proof of payment backs.
func (b *Books) ReceiptOf(rail string, proof []byte) (ID, bool) {
	return load[ID](b, proofKey(rail, proof))
}

// A Contest is what a rail says of a payment that its payer disputes.
type Contest struct {
	Receipt ID
	Ref     string // the rail's name of it
	State   DisputeState
	Money   Money
	Cost    Amount
}

// Contest books what a rail says of a disputed payment: it opens the dispute if that is new, and ends it if it has ended. Nothing is to
// be appended if the books say so already, or if it was sold on the account of a host, who hears of it too.
func (b *Books) Contest(c Contest) ([]Draft, error) {
	p, err := b.paidFor(c.Receipt)
	if err != nil {
		return nil, err
	}
	if b.onAccount(p) {
		return nil, b.err
	}
	rs, _ := load[receiptState](b, keyReceipt+c.Receipt.key())
	st, _ := load[disputeState](b, keyDispute+c.Receipt.key())
	c.Money.Amount = min(c.Money.Amount, p.receipt.Paid.Amount-rs.Refunded) // what went back before cannot be taken
	if _, known := load[ID](b, proofKey("dispute/"+p.receipt.Rail, []byte(c.Ref))); known && (st.Ref != c.Ref || st.State != DisputeOpened) || c.Money.Amount <= 0 {
		return nil, b.err
	}
	var drafts []Draft
	entry := func(state DisputeState, cost Amount) {
		drafts = append(drafts, Draft{Body: &Dispute{Receipt: c.Receipt, Ref: c.Ref, State: state, Money: c.Money, Cost: cost}})
	}
	if st.Ref != c.Ref {
		if st.State == DisputeOpened {
			return nil, b.err // one after the other: this one is told again
		}
		entry(DisputeOpened, 0)
	}
	if c.State == DisputeOpened {
		return drafts, b.err
	}
	if c.State == DisputeLost && rs.Good > 0 {
		void, err := b.Withdraw(c.Receipt, nil, ReasonDispute)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, void...)
	}
	entry(c.State, c.Cost)
	return drafts, b.err
}
