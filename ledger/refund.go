package ledger

import (
	"fmt"
	"math/bits"
	"time"

	"salon/ledger/doc"
)

func (*Refund) Kind() Kind { return KindRefund }

func (r *Refund) names() []name {
	if r.Of.IsZero() {
		return nil
	}
	return []name{{entryKind, r.Of}}
}

func (r *Refund) check() error {
	if err := r.Money.check(); err != nil {
		return err
	}
	if err := checkRail(r.Rail); err != nil {
		return err
	}
	if r.Receipt.IsZero() || len(r.Proof) > maxProof || len(r.Proof) > 0 && (!r.Of.IsZero() || r.Word) {
		return fieldError("receipt or proof")
	}
	if r.Word && !r.Of.IsZero() {
		return fieldError("a person's word, and a seller's")
	}
	return r.Reason.check()
}

// apply books money that went back to a buyer (invariant I7): never more than was paid and, of tickets, not for seats
// that are still good.
func (r *Refund) apply(b *Books, e Entry) error {
	rs, ok := load[receiptState](b, keyReceipt+r.Receipt.key())
	if !ok {
		return fmt.Errorf("%w: receipt %s", ErrUnknown, r.Receipt.Short())
	}
	p, err := b.paidFor(r.Receipt)
	if err != nil {
		return err
	}
	if r.Money.Cur != p.receipt.Paid.Cur {
		return fmt.Errorf("%w: paid in %s", ErrCurrency, p.receipt.Paid.Cur)
	}
	if b.Disputed(r.Receipt) {
		return ErrDisputed // the rail has the money
	}
	if (r.Rail == IOURail) != (p.receipt.Rail == IOURail) {
		return mismatch("a debt is taken back as one, and nothing else is")
	}
	if err := r.follows(b, e, p); err != nil {
		return err
	}
	var s offerState
	var o Offer
	if !p.order.Offer.IsZero() {
		v, _ := load[versionState](b, keyVersion+p.order.Offer.key())
		s, _ = load[offerState](b, keyOffer+v.First.key())
		if o, err = b.offer(p.order.Offer); err != nil {
			return err
		}
	}
	if free := refundable(p.receipt.Paid.Amount, rs, s.Cancelled); r.Money.Amount > free {
		return fmt.Errorf("%w: %s asked for, %s can be refunded", ErrTooMuch, r.Money, Money{Amount: free, Cur: r.Money.Cur})
	}
	if len(r.Proof) > 0 {
		if err := b.prove(r.Rail, r.Proof, b.entry.ID); err != nil {
			return err
		}
	}
	if p.order.Purpose == ForSubscription {
		b.withdraw(p, rs.Refunded, r.Money.Amount)
	}
	if err := p.giveBack(b, s, o, r.Rail, rs.Refunded, r.Money.Amount); err != nil {
		return err
	}
	rs.Refunded += r.Money.Amount
	b.save(keyReceipt+r.Receipt.key(), rs)
	return b.err
}

// follows holds a host to the word of a seller who took the money: that gives it back, once by each of its entries, and nobody else.
func (r *Refund) follows(b *Books, e Entry, p paid) error {
	if b.isOthers(p) == r.Of.IsZero() {
		return mismatch("who took the money gives it back")
	}
	if r.Of.IsZero() {
		return nil
	}
	theirs, gone, err := openGone(e.Docs[0])
	if err != nil {
		return err
	}
	if err := theirs.Verify(p.receipt.By); err != nil {
		return err
	}
	if gone.Receipt != r.Receipt || gone.Money != r.Money || gone.Rail != "" && gone.Rail != r.Rail {
		return mismatch("the seller gave back something else")
	}
	key := keySettle + r.Of.key()
	if _, done := load[bool](b, key); done {
		return fmt.Errorf("%w: refund %s", ErrDuplicate, r.Of.Short())
	}
	b.save(key, true)
	return b.err
}

// openRefund reads somebody else's entry of a refund that they sent. What follows another's is none.
func openRefund(raw []byte) (Entry, *Refund, error) {
	e, err := ParseEntry(raw)
	if err != nil {
		return e, nil, err
	}
	refund, ok := e.Body.(*Refund)
	if !ok || !refund.Of.IsZero() {
		return e, nil, mismatch("not a refund")
	}
	return e, refund, nil
}

// openGone reads the entry by which a seller says that money it took is gone: it sent it back, or lost a dispute of it, which names no
// rail.
func openGone(raw []byte) (Entry, Refund, error) {
	if e, d, err := openDispute(raw); err == nil && d.State == DisputeLost {
		return e, Refund{Receipt: d.Receipt, Money: d.Money, Reason: ReasonDispute}, nil
	}
	e, refund, err := openRefund(raw)
	if err != nil {
		return e, Refund{}, err
	}
	return e, *refund, nil
}

// refundable is what is left of a receipt that may go back: of tickets, the part of the seats that are void.
func refundable(paid Amount, rs receiptState, cancelled bool) Amount {
	void := paid
	if rs.Seats > 0 && !cancelled {
		hi, lo := bits.Mul64(uint64(paid), uint64(rs.Seats-rs.Good))
		q, _ := bits.Div64(hi, lo, uint64(rs.Seats))
		void = Amount(q)
	}
	return max(0, void-rs.Refunded)
}

// giveBack reverses the postings of a payment for the amounts from done to done+a: first of the price, then of the fee.
// Shares are taken back as the difference of what they would be of the price before and after, so that after a whole
// refund every account stands where it stood.
func (p paid) giveBack(b *Books, s offerState, o Offer, rail string, done, a Amount) error {
	b.posted.cur = p.receipt.Paid.Cur
	account := p.account()
	if rail != IOURail {
		account = Asset(rail)
	}
	price := p.quote.Price.Amount
	before, after := min(done, price), min(done+a, price)
	switch {
	case !s.Allot.IsZero() && s.Payee == s.Host:
		return nil
	case !s.Allot.IsZero():
		b.posted.move(account, Payable(s.Host), after-before)
	case b.isOthers(p):
		// Sold by an allotment whose seller took the money: it gave back, and owes that much less.
		return p.reverse(b, o, Receivable(p.order.Payee), before, after)
	default:
		if err := p.reverse(b, o, account, before, after); err != nil {
			return err
		}
	}
	b.posted.move(account, IncomeFees, a-(after-before))
	return nil
}

// reverse takes back the income and the shares of all of the price up to before, and books them of all up to after.
func (p paid) reverse(b *Books, o Offer, account Account, before, after Amount) error {
	price := p.quote.Price.Amount
	if err := p.earn(b, o, account, price-before, true); err != nil {
		return err
	}
	return p.earn(b, o, account, price-after, false)
}

func (*Refunded) Kind() Kind { return KindRefunded }

func (r *Refunded) names() []name { return []name{{entryKind, r.Refund}} }

func (r *Refunded) check() error {
	if r.Refund.IsZero() {
		return fieldError("refund")
	}
	return nil
}

// payeeOf is the device of the payee, where another sold on its account: both may give the money back.
func (b *Books) payeeOf(p paid) (Key, bool) {
	at, ok := load[docState](b, keyDoc+p.receipt.Order.key())
	if !ok {
		return Key{}, false
	}
	e, err := b.recorded(at.Record)
	if err != nil {
		return Key{}, false
	}
	pay, ok := e.Body.(*Pay)
	if !ok {
		return Key{}, false
	}
	cert, err := doc.OpenCert(pay.Cert, time.UnixMilli(e.Time))
	return cert.Device, err == nil && cert.Person == p.order.Payee
}

// apply takes in, at the payer, the payee's entry of a refund.
func (r *Refunded) apply(b *Books, e Entry) error {
	theirs, refund, err := openRefund(e.Docs[0])
	if err != nil {
		return err
	}
	p, err := b.paidFor(refund.Receipt)
	if err != nil {
		return err
	}
	if err := theirs.Verify(p.receipt.By); err != nil {
		host, known := b.payeeOf(p)
		if !known || theirs.Verify(host) != nil {
			return err
		}
	}
	key := keySettle + r.Refund.key()
	if _, done := load[bool](b, key); done {
		return ErrDuplicate
	}
	b.save(key, true)
	pay, ok := load[payState](b, keyPay+p.receipt.Order.key())
	if !ok || pay.Receipt != refund.Receipt {
		return fmt.Errorf("%w: receipt %s", ErrUnknown, refund.Receipt.Short())
	}
	if refund.Money.Cur != p.receipt.Paid.Cur || refund.Money.Amount > p.receipt.Paid.Amount-pay.Refunded {
		return ErrTooMuch
	}
	pay.Refunded += refund.Money.Amount
	b.save(keyPay+p.receipt.Order.key(), pay)
	to := Asset(refund.Rail)
	if refund.Rail == IOURail {
		to = Payable(p.order.Payee)
	}
	b.posted.cur = refund.Money.Cur
	b.posted.move(p.order.expense(), to, refund.Money.Amount)
	return b.err
}
