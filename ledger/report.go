package ledger

import "fmt"

func (*Report) Kind() Kind { return KindReport }

func (r *Report) names() []name {
	n := []name{{Order{}.kind(), r.Order}, {Quote{}.kind(), r.Quote}, {Receipt{}.kind(), r.Receipt}}
	return append(n, ticketNames(r.Tickets)...)
}

func (r *Report) check() error {
	if r.Receipt.IsZero() || len(r.Tickets) == 0 || len(r.Tickets) > maxCount {
		return fieldError("receipt or tickets")
	}
	return nil
}

// apply books at the host what the seller of an allotment sold. From here on the host can refund, revoke and move.
func (r *Report) apply(b *Books, _ Entry) error {
	p, err := b.paidFor(r.Receipt)
	if err != nil {
		return err
	}
	if p.receipt.Order != r.Order || p.receipt.Quote != r.Quote {
		return mismatch("receipt is for another order")
	}
	if err := p.quote.answers(p.order, r.Order); err != nil {
		return err
	}
	if _, known := load[receiptState](b, keyReceipt+r.Receipt.key()); known {
		return fmt.Errorf("%w: receipt %s", ErrDuplicate, r.Receipt.Short())
	}
	v, ok := load[versionState](b, keyVersion+p.order.Offer.key())
	if !ok {
		return fmt.Errorf("%w: offer %s", ErrUnknown, p.order.Offer.Short())
	}
	s, err := b.ownOffer(v.First)
	if err != nil {
		return err
	}
	o, err := b.offer(p.order.Offer)
	if err != nil {
		return err
	}
	price, err := o.Price.Amount.Times(p.order.Count)
	if err != nil || price != p.quote.Price.Amount || o.Price.Cur != p.quote.Price.Cur || int(p.order.Count) != len(r.Tickets) {
		return mismatch("sold for another price, or other seats")
	}
	if p.receipt.Tax != o.Tax {
		return errTax
	}
	if err := b.prove(p.receipt.Rail, p.receipt.Proof, r.Receipt); err != nil {
		return err
	}
	var payee Key
	for i, id := range r.Tickets {
		t, err := document[Ticket](b, id)
		if err != nil {
			return err
		}
		a, err := b.allotmentOf(v.First, t.Serial, p.receipt.By)
		if err != nil {
			return err
		}
		if t.By != p.receipt.By || p.order.Payee != a.Payee || i > 0 && a.Payee != payee {
			return ErrSigner
		}
		payee = a.Payee
		// The seller sells a seat once. What it gave back, or what was revoked, is the host's to sell.
		if _, used := load[seatState](b, keySeat+v.First.key()+be32(t.Serial)); used {
			return fmt.Errorf("%w: serial %d is not the seller's any more", ErrSeat, t.Serial)
		}
		if err := s.issue(b, v.First, o, t, id, r.Receipt, p.order.Buyer); err != nil {
			return err
		}
	}
	b.count(v.First, p.order.Buyer, len(r.Tickets))
	b.save(keyOffer+v.First.key(), s)
	n := uint32(len(r.Tickets))
	b.save(keyReceipt+r.Receipt.key(), receiptState{Seats: n, Good: n})
	b.posted.cur = p.receipt.Paid.Cur
	if payee != b.Person {
		// The seller took the money, rail fee and all, and owes the price.
		return p.earn(b, o, Receivable(payee), price, false)
	}
	return p.post(b, offerState{}, o)
}

// allotmentOf finds the allotment that a serial was sold from. Offers have few of them: one for each other seller.
func (b *Books) allotmentOf(first ID, serial uint32, seller Key) (allotState, error) {
	list, _ := load[[]ID](b, keyAllots+first.key())
	for _, id := range list {
		if a, ok := load[allotState](b, keyAllot+id.key()); ok && serial >= a.From && serial < a.To && a.Seller == seller {
			return a, nil
		}
	}
	return allotState{}, fmt.Errorf("%w: serial %d was not %s's to sell", ErrSigner, serial, seller.Short())
}

func (*Gift) Kind() Kind { return KindGift }

func (g *Gift) names() []name { return ticketNames([]ID{g.Ticket}) }

func (g *Gift) check() error {
	if g.Offer.IsZero() || g.Ticket.IsZero() {
		return fieldError("offer or ticket")
	}
	return nil
}

// apply issues a complimentary ticket. It takes a seat like any other.
func (g *Gift) apply(b *Books, _ Entry) error {
	s, err := b.sellable(g.Offer)
	if err != nil {
		return err
	}
	o, err := b.offer(s.Entry)
	if err != nil {
		return err
	}
	t, err := document[Ticket](b, g.Ticket)
	if err != nil {
		return err
	}
	serials, err := s.take(b, g.Offer, 1)
	if err != nil {
		return err
	}
	if t.By != b.Device || t.Serial != serials[0] {
		return mismatch("ticket of serial %d, the next is %d", t.Serial, serials[0])
	}
	if err := s.issue(b, g.Offer, o, t, g.Ticket, ID{}, t.Holder); err != nil {
		return err
	}
	b.count(g.Offer, t.Holder, 1)
	b.save(keyOffer+g.Offer.key(), s)
	return b.err
}
