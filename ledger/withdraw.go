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
func (b *Books) Repay(receipt ID, upTo Amount, why Reason) ([]Draft, error) {
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
	return []Draft{{Body: &Refund{Receipt: receipt, Money: Money{Amount: upTo - rs.Refunded, Cur: p.receipt.Paid.Cur}, Rail: p.receipt.Rail, Reason: why}}}, nil
}

// Follow books at the host what the seller of an allotment, who took the money, has given back by an entry of its own, or has lost in a
// dispute. Where that is all of it, or was disputed, no seat is good any more.
func (b *Books) Follow(raw []byte) ([]Draft, error) {
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
	if rs.Good > 0 && (gone.Rail == "" || rs.Refunded+gone.Money.Amount == p.receipt.Paid.Amount) {
		if drafts, err = b.Withdraw(gone.Receipt, nil, gone.Reason); err != nil {
			return nil, err
		}
	}
	return append(drafts, Draft{Body: &Refund{Receipt: gone.Receipt, Money: gone.Money, Rail: p.receipt.Rail, Reason: gone.Reason, Of: theirs.ID}, Docs: [][]byte{raw}}), nil
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
