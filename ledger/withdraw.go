package ledger

import (
	"fmt"
	"slices"
)

// Withdraw voids seats of a receipt that are good: those named or, if none is, all. The money for them is then due, and
// Repay books it. Nothing is to be appended if none of them is good any more.
func (b *Books) Withdraw(receipt ID, serials []uint32, why Reason) ([]Draft, error) {
	p, err := b.paidFor(receipt)
	if err != nil {
		return nil, err
	}
	v, ok := load[versionState](b, keyVersion+p.order.Offer.key())
	if !ok {
		return nil, fmt.Errorf("%w: offer %s", ErrUnknown, p.order.Offer.Short())
	}
	good, err := b.seatsOf(receipt, v.First)
	if err != nil {
		return nil, err
	}
	if len(serials) > 0 {
		good = slices.DeleteFunc(good, func(s uint32) bool { return !slices.Contains(serials, s) })
	}
	if s, _ := load[offerState](b, keyOffer+v.First.key()); len(good) == 0 || s.Cancelled {
		return nil, b.err
	}
	return []Draft{{Body: &Revoke{Offer: v.First, Serials: good, Reason: why}}}, nil
}

// Repay books that money went back for a receipt, until so much of it has in all. Nothing is to be appended if so much has.
//
// word says that a person has sent it.
func (b *Books) Repay(receipt ID, upTo Amount, why Reason, word bool) ([]Draft, error) {
	p, err := b.paidFor(receipt)
	if err != nil {
		return nil, err
	}
	rs, ok := load[receiptState](b, keyReceipt+receipt.key())
	if !ok {
		return nil, fmt.Errorf("%w: receipt %s", ErrUnknown, receipt.Short())
	}
	if rs.Refunded >= upTo {
		return nil, nil
	}
	return []Draft{{Body: &Refund{Receipt: receipt, Money: Money{Amount: upTo - rs.Refunded, Cur: p.receipt.Paid.Cur}, Rail: p.receipt.Rail, Reason: why, Word: word}}}, nil
}

// Follow books at the host what the seller of an allotment, who took the money, has given back by an entry of its own, or what it says of
// a dispute. Where that is all of it no seat is good any more, and of a dispute that is lost none that it had paid for.
func (b *Books) Follow(raw []byte) ([]Draft, error) {
	if e, d, err := openDispute(raw); err == nil && (d.State != DisputeLost || b.opened(d)) {
		return b.followDispute(raw, e.ID, d)
	}
	theirs, gone, err := openGone(raw)
	if err != nil {
		return nil, err
	}
	if _, done := load[bool](b, keySettle+theirs.ID.key()); done {
		return nil, fmt.Errorf("%w: refund %s", ErrDuplicate, theirs.ID.Short())
	}
	p, err := b.paidFor(gone.Receipt)
	if err != nil {
		return nil, err
	}
	var drafts []Draft
	rs, _ := load[receiptState](b, keyReceipt+gone.Receipt.key())
	switch {
	case gone.Rail == "":
		drafts, err = b.withdrawUnpaid(gone.Receipt, gone.Money.Amount)
	case rs.Good > 0 && rs.Refunded+gone.Money.Amount == p.receipt.Paid.Amount:
		drafts, err = b.Withdraw(gone.Receipt, nil, gone.Reason)
	}
	if err != nil {
		return nil, err
	}
	return append(drafts, Draft{Body: &Refund{Receipt: gone.Receipt, Money: gone.Money, Rail: p.receipt.Rail, Reason: gone.Reason, Of: theirs.ID}, Docs: [][]byte{raw}}), nil
}

// opened reports whether a dispute is open in these books. If it is not, one that is lost is a refund to them.
func (b *Books) opened(d Dispute) bool {
	st, _ := load[disputeState](b, keyDispute+d.Receipt.key())
	return st.State == DisputeOpened && st.Ref == d.Ref
}

// followDispute books what a seller says of a dispute of money that it has.
func (b *Books) followDispute(raw []byte, id ID, d Dispute) (drafts []Draft, err error) {
	if _, done := load[bool](b, keySettle+id.key()); done {
		return nil, fmt.Errorf("%w: dispute %s", ErrDuplicate, id.Short())
	}
	if d.State == DisputeLost {
		if drafts, err = b.withdrawUnpaid(d.Receipt, d.Money.Amount); err != nil {
			return nil, err
		}
	}
	d.Cost, d.Of = 0, id
	return append(drafts, Draft{Body: &d, Docs: [][]byte{raw}}), nil
}

// OrderOf finds what a receipt that is in these books was ordered by.
func (b *Books) OrderOf(receipt ID) (Order, error) {
	p, err := b.paidFor(receipt)
	return p.order, err
}

// Left is what of the money of a receipt is here: neither sent back nor lost in a dispute.
func (b *Books) Left(receipt ID) (Money, error) {
	p, err := b.paidFor(receipt)
	rs, _ := load[receiptState](b, keyReceipt+receipt.key())
	return Money{Amount: p.receipt.Paid.Amount - rs.Refunded, Cur: p.receipt.Paid.Cur}, err
}

// ProofOf is what shows that a receipt was paid.
func (b *Books) ProofOf(receipt ID) ([]byte, error) {
	p, err := b.paidFor(receipt)
	return p.receipt.Proof, err
}

// PartOf is what so many of the seats of a receipt were paid with, rounded down: what Refund lets go back for them.
func PartOf(paid Amount, void, seats uint32) Amount {
	return refundable(paid, receiptState{Seats: seats, Good: seats - void}, false)
}
