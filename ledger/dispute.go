package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
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

func (*Dispute) Kind() Kind { return KindDispute }

func (d *Dispute) names() []name {
	if d.Of.IsZero() {
		return nil
	}
	return []name{{entryKind, d.Of}}
}

const (
	maxDisputeRef = 64
	maxContests   = 8 // of one receipt, that its seller tells of: a rail knows one or two

	// ToldFor is for how long a host holds back by the word of a seller that what it took is disputed, since it first said so: banks have
	// decided by then, and a seller may say it for ever, or hear nothing any more. What is due is asked of it from then on.
	ToldFor = 180 * 24 * time.Hour
)

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
	if !d.Of.IsZero() && d.Cost != 0 {
		return fieldError("what a dispute costs is the seller's")
	}
	return nil
}

// apply freezes the tickets of a payment that what is disputed has paid for, or the period of a subscription. If that is lost, its money is
// gone as in a refund, and so must these seats be; if it is won, they are good again.
func (d *Dispute) apply(b *Books, e Entry) error {
	rs, ok := load[receiptState](b, keyReceipt+d.Receipt.key())
	if !ok {
		return fmt.Errorf("%w: receipt %s", ErrUnknown, d.Receipt.Short())
	}
	p, err := b.paidFor(d.Receipt)
	if err != nil {
		return err
	}
	switch {
	case b.isOthers(p) == d.Of.IsZero(), b.onAccount(p):
		return fmt.Errorf("%w: somebody else has the money", ErrSigner)
	case p.receipt.Rail == IOURail:
		return mismatch("a debt is disputed between two people, and by no rail")
	case d.Money.Cur != p.receipt.Paid.Cur:
		return fmt.Errorf("%w: paid in %s", ErrCurrency, p.receipt.Paid.Cur)
	}
	key := keyDispute + d.Receipt.key()
	st, _ := load[disputeState](b, key)
	if err := d.follows(b, e, p); err != nil {
		return err
	}
	if d.State == DisputeOpened {
		if st.State == DisputeOpened {
			return fmt.Errorf("%w: %s", ErrDuplicate, st.Ref)
		}
		if !d.Of.IsZero() {
			if err := b.contested(d.Receipt); err != nil {
				return err
			}
		} else if err := b.prove("dispute/"+p.receipt.Rail, []byte(d.Ref), b.entry.ID); err != nil {
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
	if p.order.Purpose == ForSubscription {
		if d.State == DisputeOpened {
			b.suspend(p, rs.Refunded, d.Money.Amount)
		} else {
			lost := Amount(0)
			if d.State == DisputeLost {
				lost = d.Money.Amount
			}
			b.unsuspend(p, d.Receipt, rs.Refunded, lost)
		}
	}
	b.save(key, disputeState{Ref: d.Ref, State: d.State})
	b.stake(d, e)
	b.posted.cur = p.receipt.Paid.Cur
	b.posted.move(Asset(p.receipt.Rail), ExpenseRail, d.Cost)
	if d.State != DisputeLost {
		return b.err
	}
	if free := refundable(p.receipt.Paid.Amount, rs, s.Cancelled); d.Money.Amount > free {
		return fmt.Errorf("%w: tickets of it are good, but for %s", ErrSeat, Money{Amount: free, Cur: d.Money.Cur})
	}
	if err := p.giveBack(b, s, o, p.receipt.Rail, rs.Refunded, d.Money.Amount); err != nil {
		return err
	}
	rs.Refunded += d.Money.Amount
	b.save(keyReceipt+d.Receipt.key(), rs)
	return b.err
}

// stake keeps what a dispute is about while it is open, and when a seller first told of one.
func (b *Books) stake(d *Dispute, e Entry) {
	key := keyAtStake + d.Receipt.key()
	s, _ := load[stakeState](b, key)
	if !d.Of.IsZero() && s.Since == 0 {
		s.Since = e.Time
	}
	if s.Amount = 0; d.State == DisputeOpened {
		s.Amount = d.Money.Amount
	}
	if s == (stakeState{}) {
		b.drop(key)
		return
	}
	b.save(key, s)
}

// isOthers reports whether somebody else has the money of a receipt that is in these books: the seller of an allotment.
func (b *Books) isOthers(p paid) bool { return p.receipt.By != b.Device && p.order.Payee != b.Person }

// follows holds a host to the word of the seller who has the money, each of whose entries it takes once.
func (d *Dispute) follows(b *Books, e Entry, p paid) error {
	if d.Of.IsZero() {
		return nil
	}
	theirs, said, err := openDispute(e.Docs[0])
	if err != nil {
		return err
	}
	if err := theirs.Verify(p.receipt.By); err != nil {
		return err
	}
	said.Cost, said.Of = 0, d.Of
	if said != *d {
		return mismatch("the seller says something else of the dispute")
	}
	key := keySettle + d.Of.key()
	if _, done := load[bool](b, key); done {
		return fmt.Errorf("%w: dispute %s", ErrDuplicate, d.Of.Short())
	}
	b.save(key, true)
	return b.err
}

// openDispute reads somebody else's entry of a dispute at a rail of theirs. What follows another's is none.
func openDispute(raw []byte) (Entry, Dispute, error) {
	e, err := ParseEntry(raw)
	if err != nil {
		return e, Dispute{}, err
	}
	d, ok := e.Body.(*Dispute)
	if !ok || !d.Of.IsZero() {
		return e, Dispute{}, mismatch("not a dispute")
	}
	return e, *d, nil
}

// contested counts the disputes of a receipt that its seller tells of. No rail vouches for them here: there is an end.
func (b *Books) contested(receipt ID) error {
	key := keyContested + receipt.key()
	n, _ := load[uint32](b, key)
	if n == maxContests {
		return fmt.Errorf("%w: %d disputes of receipt %s", ErrTooMuch, n, receipt.Short())
	}
	b.save(key, n+1)
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

// Disputed reports whether a receipt is disputed, and that has not ended, as far as its seller may still say so.
func (b *Books) Disputed(receipt ID) bool {
	st, _ := load[disputeState](b, keyDispute+receipt.key())
	if st.State != DisputeOpened {
		return false
	}
	s, _ := load[stakeState](b, keyAtStake+receipt.key())
	return s.Since == 0 || b.Now < s.Since+ToldFor.Milliseconds()
}

// frozen reports whether a seat is one that what is disputed of its receipt has paid for.
func (b *Books) frozen(first ID, serial uint32, at seatState) bool {
	return !at.Receipt.IsZero() && slices.Contains(b.frozenOf(at.Receipt, first), serial)
}

// FrozenSeats are the good seats of a receipt that are good for nothing as long as it is disputed.
func (b *Books) FrozenSeats(receipt ID) ([]uint32, error) {
	p, err := b.paidFor(receipt)
	if err != nil || p.order.Offer.IsZero() {
		return nil, err
	}
	v, _ := load[versionState](b, keyVersion+p.order.Offer.key())
	serials := b.frozenOf(receipt, v.First)
	return serials, b.err
}

// frozenOf are the good seats of a receipt that are good for nothing while it is disputed.
func (b *Books) frozenOf(receipt, first ID) []uint32 {
	if !b.Disputed(receipt) {
		return nil
	}
	stake, known := load[stakeState](b, keyAtStake+receipt.key())
	if !known { // it was opened when all seats were frozen
		stake.Amount = MaxAmount
	}
	serials, err := b.unpaid(receipt, first, stake.Amount)
	if err != nil {
		b.fail(err)
	}
	return serials
}

// unpaid are the good seats of a receipt, as few as there can be, that are not paid for any more if so much more of its money goes: those
// that the buyer still has before those that somebody else does, and the last of each before the first.
func (b *Books) unpaid(receipt, first ID, a Amount) ([]uint32, error) {
	p, err := b.paidFor(receipt)
	if err != nil {
		return nil, err
	}
	rs, _ := load[receiptState](b, keyReceipt+receipt.key())
	s, _ := load[offerState](b, keyOffer+first.key())
	a = min(a, p.receipt.Paid.Amount-rs.Refunded)
	if rs.Good == 0 || refundable(p.receipt.Paid.Amount, rs, s.Cancelled) >= a {
		return nil, b.err
	}
	serials, err := b.seatsOf(receipt, first)
	if err != nil {
		return nil, err
	}
	given := func(serial uint32) int {
		if at, _ := load[seatState](b, keySeat+first.key()+be32(serial)); at.Holder != at.Buyer {
			return 1
		}
		return 0
	}
	slices.SortFunc(serials, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(given(x), given(y)), cmp.Compare(y, x))
	})
	n := 0
	for n < len(serials) && refundable(p.receipt.Paid.Amount, rs, false) < a {
		rs.Good--
		n++
	}
	serials = serials[:n]
	slices.Sort(serials)
	return serials, b.err
}

// withdrawUnpaid voids the seats of a receipt that a dispute of so much takes the money of. Nothing is to be appended if none of them is
// good any more.
func (b *Books) withdrawUnpaid(receipt ID, a Amount) ([]Draft, error) {
	p, err := b.paidFor(receipt)
	if err != nil || p.order.Offer.IsZero() {
		return nil, err
	}
	v, _ := load[versionState](b, keyVersion+p.order.Offer.key())
	serials, err := b.unpaid(receipt, v.First, a)
	if err != nil || len(serials) == 0 {
		return nil, err
	}
	return b.Withdraw(receipt, serials, ReasonDispute)
}

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
	if c.State == DisputeLost {
		void, err := b.withdrawUnpaid(c.Receipt, c.Money.Amount)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, void...)
	}
	entry(c.State, c.Cost)
	return drafts, b.err
}
