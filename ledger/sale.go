package ledger

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

func (*Reserve) Kind() Kind { return KindReserve }

func (r *Reserve) names() []name {
	n := []name{{Order{}.kind(), r.Order}, {Quote{}.kind(), r.Quote}}
	if !r.Note.IsZero() {
		n = append(n, name{noteKind, r.Note})
	}
	if !r.Card.IsZero() {
		n = append(n, name{Card{}.kind(), r.Card})
	}
	return n
}

func (r *Reserve) check() error {
	if r.Order.IsZero() || r.Quote.IsZero() {
		return fieldError("order or quote")
	}
	return nil
}

// apply takes an order and its quote, and holds the seats.
func (r *Reserve) apply(b *Books, e Entry) error {
	order, err := document[Order](b, r.Order)
	if err != nil {
		return err
	}
	quote, err := document[Quote](b, r.Quote)
	if err != nil {
		return err
	}
	if err := quote.answers(order, r.Order); err != nil {
		return err
	}
	switch {
	case quote.By != b.Device:
		return ErrSigner
	case order.Note != r.Note:
		return mismatch("note")
	case quote.Time != e.Time:
		return mismatch("quote and entry are of different times")
	}
	if !r.Card.IsZero() {
		card, err := document[Card](b, r.Card)
		if err != nil {
			return err
		}
		if err := card.fits(order, r.Order, e.Time); err != nil {
			return err
		}
	}
	if id, ok := load[ID](b, keyOrder+r.Order.key()); ok {
		if err := b.again(id); err != nil {
			return err
		}
	}
	st := quoteState{}
	switch order.Purpose {
	case ForTickets:
		err = b.reserve(order, quote, &st)
	case ForSubscription:
		err = b.subscribe(order, quote, &st)
	default:
		if order.Payee != b.Person {
			err = mismatch("a tip to somebody else")
		}
	}
	if err != nil {
		return err
	}
	b.save(keyOrder+r.Order.key(), r.Quote)
	b.save(keyQuote+r.Quote.key(), st)
	return b.err
}

// again refuses a second quote for an order while the first holds, or once it is paid.
func (b *Books) again(quote ID) error {
	st, _ := load[quoteState](b, keyQuote+quote.key())
	q, err := document[Quote](b, quote)
	if err != nil {
		return err
	}
	if st.Sold || b.Now < q.Expires {
		return fmt.Errorf("%w: quote %s", ErrDuplicate, quote.Short())
	}
	return nil
}

// onSale finds the offer that an order names, in the version that it names, and checks that it may be bought now.
func (b *Books) onSale(order Order) (ID, offerState, Offer, error) {
	v, ok := load[versionState](b, keyVersion+order.Offer.key())
	if !ok {
		return ID{}, offerState{}, Offer{}, fmt.Errorf("%w: offer %s", ErrUnknown, order.Offer.Short())
	}
	s, err := b.sellable(v.First)
	if err != nil {
		return ID{}, s, Offer{}, err
	}
	o, err := b.offer(order.Offer)
	if err != nil {
		return ID{}, s, o, err
	}
	price, err := o.Price.Amount.Times(order.Count)
	switch {
	case err != nil:
		return ID{}, s, o, err
	case o.Room.IsZero() != (order.Purpose == ForSubscription):
		return ID{}, s, o, mismatch("tickets are one thing, a subscription another")
	case order.Offer != s.Entry:
		return ID{}, s, o, mismatch("the offer has changed since")
	case order.Payee != s.Payee:
		return ID{}, s, o, mismatch("the offer is paid to somebody else")
	case order.Price != Money{Amount: price, Cur: o.Price.Cur}:
		return ID{}, s, o, mismatch("the order says %s, the offer %s", order.Price, Money{Amount: price, Cur: o.Price.Cur})
	case b.Now < o.SaleFrom || o.SaleTo != 0 && b.Now >= o.SaleTo || o.Ends != 0 && b.Now >= o.Ends:
		return ID{}, s, o, ErrNotOnSale
	}
	return v.First, s, o, nil
}

func (b *Books) reserve(order Order, quote Quote, st *quoteState) error {
	first, s, o, err := b.onSale(order)
	if err != nil {
		return err
	}
	if quote.Expires != b.Now+HoldFor.Milliseconds() {
		return mismatch("seats are held for %v", HoldFor)
	}
	serials, err := s.take(b, first, order.Count)
	if err != nil {
		return err
	}
	if !slices.Equal(serials, quote.Serials) {
		return mismatch("the quote is for seats %v, the next are %v", quote.Serials, serials)
	}
	*st = quoteState{Offer: first, Hold: s.hold(b, first, order.Buyer, serials, quote.Expires)}
	if has := b.count(first, order.Buyer, 0); o.PerBuyer != 0 && has > o.PerBuyer {
		return fmt.Errorf("%w: %d, at most %d", ErrLimit, has, o.PerBuyer)
	}
	b.save(keyOffer+first.key(), s)
	return b.err
}

func (*Sale) Kind() Kind { return KindSale }

func (s *Sale) names() []name {
	n := []name{{Receipt{}.kind(), s.Receipt}}
	if !s.IOU.IsZero() {
		n = append(n, name{IOU{}.kind(), s.IOU})
	}
	return append(n, ticketNames(s.Tickets)...)
}

func ticketNames(ids []ID) []name {
	n := make([]name, len(ids))
	for i, id := range ids {
		n[i] = name{Ticket{}.kind(), id}
	}
	return n
}

func (s *Sale) check() error {
	if s.Receipt.IsZero() || len(s.Tickets) > maxCount {
		return fieldError("receipt or tickets")
	}
	return nil
}

// paid is what a receipt stands for.
type paid struct {
	receipt Receipt
	quote   Quote
	order   Order
}

// paidFor finds the quote and the order of a receipt, and checks that the three agree.
func (b *Books) paidFor(receipt ID) (paid, error) {
	r, err := document[Receipt](b, receipt)
	if err != nil {
		return paid{}, err
	}
	q, err := document[Quote](b, r.Quote)
	if err != nil {
		return paid{}, err
	}
	o, err := document[Order](b, r.Order)
	if err != nil {
		return paid{}, err
	}
	return paid{r, q, o}, r.settles(q, r.Quote)
}

// prove holds that one proof of payment backs one receipt (invariant I10).
func (b *Books) prove(rail string, proof []byte, by ID) error {
	key := proofKey(rail, proof)
	if old, ok := load[ID](b, key); ok {
		return fmt.Errorf("%w: %s", ErrPaid, old.Short())
	}
	b.save(key, by)
	return b.err
}

func proofKey(rail string, proof []byte) string {
	h := sha256.New()
	h.Write([]byte(rail))
	h.Write([]byte{0})
	h.Write(proof)
	return keyProof + string(h.Sum(nil))
}

func (s *Sale) apply(b *Books, e Entry) error {
	p, err := b.paidFor(s.Receipt)
	if err != nil {
		return err
	}
	if p.receipt.By != b.Device {
		return ErrSigner
	}
	st, ok := load[quoteState](b, keyQuote+p.receipt.Quote.key())
	if !ok {
		return fmt.Errorf("%w: quote %s", ErrUnknown, p.receipt.Quote.Short())
	}
	if st.Sold {
		return fmt.Errorf("%w: quote %s is paid", ErrDuplicate, p.receipt.Quote.Short())
	}
	if (p.receipt.Rail == IOURail) != !s.IOU.IsZero() {
		return mismatch("a receipt by IOU, without one")
	}
	if !s.IOU.IsZero() {
		u, err := document[IOU](b, s.IOU)
		if err != nil {
			return err
		}
		if err := u.covers(p.order, p.quote, p.receipt.Quote); err != nil {
			return err
		}
		if err := u.proves(p.receipt, s.IOU); err != nil {
			return err
		}
	}
	if err := b.prove(p.receipt.Rail, p.receipt.Proof, s.Receipt); err != nil {
		return err
	}
	st.Sold, st.Sale = true, b.Total
	b.save(keyQuote+p.receipt.Quote.key(), st)
	b.save(keyOrder+p.receipt.Order.key(), p.receipt.Quote) // even if another was made since
	b.save(keyReceipt+s.Receipt.key(), receiptState{Seats: uint32(len(s.Tickets)), Good: uint32(len(s.Tickets))})
	var o Offer
	if !p.order.Offer.IsZero() {
		if o, err = b.offer(p.order.Offer); err != nil {
			return err
		}
	}
	if p.receipt.Tax != o.Tax {
		return errTax
	}
	switch p.order.Purpose {
	case ForTickets:
		return s.tickets(b, o, p, st)
	case ForSubscription:
		b.renew(p, st)
	}
	if len(s.Tickets) > 0 {
		return mismatch("tickets for something else")
	}
	return p.post(b, offerState{}, o)
}

var errTax = mismatch("the receipt states another tax than the offer")

// tickets issues the seats of a sale: those that its quote holds or, when the payment came too late for them, others.
func (s *Sale) tickets(b *Books, o Offer, p paid, st quoteState) error {
	state, _ := load[offerState](b, keyOffer+st.Offer.key())
	state.lapse(b, st.Offer)
	b.save(keyOffer+st.Offer.key(), state)
	serials := p.quote.Serials
	switch held := state.held(b, st.Offer, st.Hold); {
	case held:
		b.drop(keyHold + st.Offer.key() + be64(st.Hold))
		state.Reserved -= uint32(len(serials))
	case len(s.Tickets) == 0: // too late, and to be refunded
		serials = nil
	default:
		var err error
		if state, err = b.sellable(st.Offer); err != nil {
			return err
		}
		if serials, err = state.take(b, st.Offer, p.order.Count); err != nil {
			return err
		}
		b.count(st.Offer, p.order.Buyer, len(serials))
	}
	if len(serials) != len(s.Tickets) {
		return mismatch("%d tickets for %d seats", len(s.Tickets), len(serials))
	}
	for i, id := range s.Tickets {
		t, err := document[Ticket](b, id)
		if err != nil {
			return err
		}
		if t.By != b.Device || t.Holder != p.order.Buyer || t.Serial != serials[i] {
			return mismatch("ticket %d is not what was bought", i)
		}
		if err := state.issue(b, st.Offer, o, t, id, s.Receipt, p.order.Buyer); err != nil {
			return err
		}
	}
	b.save(keyOffer+st.Offer.key(), state)
	return p.post(b, state, o)
}

// account is where this node's side of a payment is booked.
func (p paid) account() Account {
	if p.receipt.Rail == IOURail {
		return Receivable(p.order.Buyer)
	}
	return Asset(p.receipt.Rail)
}

// post books the payee's side of a payment. What a seller takes for a host's offer it owes to the host; what it sells
// on the host's account the host books, by a report.
func (p paid) post(b *Books, s offerState, o Offer) error {
	b.posted.cur = p.receipt.Paid.Cur
	price := p.quote.Price.Amount
	switch {
	case !s.Allot.IsZero() && s.Payee == s.Host:
		return b.err
	case !s.Allot.IsZero():
		b.posted.move(Payable(s.Host), p.account(), price)
	default:
		if err := p.earn(b, o, p.account(), price, false); err != nil {
			return err
		}
	}
	b.posted.move(IncomeFees, p.account(), p.quote.Fee)
	b.posted.move(p.account(), ExpenseRail, p.receipt.Cost)
	return b.err
}

// earn books income and the shares of it, or takes both back.
func (p paid) earn(b *Books, o Offer, to Account, price Amount, back bool) error {
	move := b.posted.move
	if back {
		move = func(from, to Account, a Amount) { b.posted.move(to, from, a) }
	}
	switch p.order.Purpose {
	case ForTip:
		move(IncomeTips, to, price)
		return nil
	case ForCharity:
		move(Charity(p.order.Charity), to, price)
		return nil
	case ForSubscription:
		move(IncomeSubscriptions, to, price)
	case ForTickets:
		move(IncomeTickets, to, price)
	}
	parts, err := Split(price, o.Split)
	if err != nil {
		return err
	}
	for i, share := range o.Split {
		move(share.account(o.Room), ExpenseShares, parts[i+1])
	}
	return nil
}
