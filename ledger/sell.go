package ledger

import (
	"fmt"
	"slices"

	"salon/ledger/doc"
)

// Terms are what a seller asks for beyond the offer, and what came beside the order.
type Terms struct {
	Rail    string
	Request string // what the rail asks to be paid; its rail binds it to the order
	Fee     Amount // the rail's, on top
	Credit  Amount // how much a buyer may owe in all by IOU, this order included; 0 means nothing
	Card    []byte // of a tip; nil if it has none
}

// Quote answers an order: it picks the seats, and returns the quote with the draft that holds them. If the order has a
// quote that still holds, that is returned and nothing is to be appended: asking twice is asking once.
func (b *Books) Quote(k doc.PrivateKey, rawOrder, note []byte, t Terms) ([]byte, []Draft, error) {
	order, id, err := OpenDocument[Order](rawOrder)
	if err != nil {
		return nil, nil, err
	}
	if b.Now >= order.Expires {
		return nil, nil, fmt.Errorf("%w: the order", ErrExpired)
	}
	if raw, err := b.quoted(id); raw != nil || err != nil {
		return raw, nil, err
	}
	if t.Rail == IOURail {
		if err := b.credit(order, t.Fee, t.Credit, 0); err != nil {
			return nil, nil, err
		}
	}
	q := Quote{Order: id, By: k.Public(), Rail: t.Rail, Request: t.Request, Price: order.Price, Fee: t.Fee,
		Time: b.Now, Expires: b.Now + HoldFor.Milliseconds()}
	switch order.Purpose {
	case ForTickets:
		first, s, _, err := b.onSale(order)
		if err != nil {
			return nil, nil, err
		}
		if q.Serials, err = s.take(b, first, order.Count); err != nil {
			return nil, nil, err
		}
	case ForSubscription:
		first, _, o, err := b.onSale(order)
		if err != nil {
			return nil, nil, err
		}
		sub, _ := load[subscriptionState](b, keySubscription+first.key()+bytesOf(order.Buyer))
		q.From = max(sub.Through, b.Now)
		q.Through = q.From + o.Period*1000*int64(order.Count)
	}
	raw, quote, err := Sign(k, q)
	if err != nil {
		return nil, nil, err
	}
	reserve := &Reserve{Order: id, Quote: quote, Note: order.Note}
	d := Draft{Body: reserve, Docs: [][]byte{rawOrder, raw}}
	if !order.Note.IsZero() {
		d.Docs = append(d.Docs, note)
	}
	if len(t.Card) > 0 {
		if _, reserve.Card, err = OpenDocument[Card](t.Card); err != nil {
			return nil, nil, err
		}
		d.Docs = append(d.Docs, t.Card)
	}
	return raw, []Draft{d}, nil
}

// quoted returns the quote for an order that still holds, or is paid.
func (b *Books) quoted(order ID) ([]byte, error) {
	id, ok := load[ID](b, keyOrder+order.key())
	if !ok {
		return nil, b.err
	}
	q, err := document[Quote](b, id)
	if err != nil {
		return nil, err
	}
	if st, _ := load[quoteState](b, keyQuote+id.key()); !st.Sold && b.Now >= q.Expires {
		return nil, nil
	}
	return b.raw(id)
}

// raw returns a document that the ledger has, as it was signed.
func (b *Books) raw(id ID) ([]byte, error) {
	at, ok := load[docState](b, keyDoc+id.key())
	if !ok {
		return nil, fmt.Errorf("%w: document %s", ErrUnknown, id.Short())
	}
	e, err := b.recorded(at.Record)
	if err != nil {
		return nil, err
	}
	return e.Docs[at.Index], nil
}

// credit refuses an IOU of somebody who would then owe too much. What is sold on a host's account is in the host's books alone: a
// seller of it goes by how many seats the buyer has from it, but for the counted ones, which are this order's.
func (b *Books) credit(order Order, fee, limit Amount, counted uint32) error {
	owes := b.Balance(order.Price.Cur, Receivable(order.Buyer))
	if v, ok := load[versionState](b, keyVersion+order.Offer.key()); ok {
		if s, _ := load[offerState](b, keyOffer+v.First.key()); !s.Allot.IsZero() && s.Payee == s.Host {
			var err error
			has := b.count(v.First, order.Buyer, 0)
			if owes, err = (order.Price.Amount / Amount(order.Count)).Times(has - min(has, counted)); err != nil {
				return err
			}
		}
	}
	sum, err := owes.Plus(order.Price.Amount)
	if err != nil || sum > limit-fee {
		return fmt.Errorf("%w: %s of %s", ErrCredit, Money{Amount: sum, Cur: order.Price.Cur}, Money{Amount: limit, Cur: order.Price.Cur})
	}
	return nil
}

// A Payment is what a rail says that it received.
type Payment struct {
	Quote  ID
	Proof  []byte
	Cost   Amount // what the rail kept of it
	Beyond Amount // what came beyond what was asked for
	IOU    []byte // the signed IOU, on that rail; Proof is then its ID
	Credit Amount // as in Terms: several quotes may each have been within it
}

// Sold is what a payment brings: the documents for the buyer.
type Sold struct {
	Receipt []byte
	Tickets [][]byte // none if the payment came too late for its seats, and others are gone: a refund must follow
}

// Sell books a payment: the receipt, and the tickets that it is for. If the quote is paid already, by whatever proof, it
// returns what was issued then and nothing is to be appended.
func (b *Books) Sell(k doc.PrivateKey, pay Payment) (Sold, []Draft, error) {
	st, ok := load[quoteState](b, keyQuote+pay.Quote.key())
	if !ok {
		return Sold{}, nil, fmt.Errorf("%w: quote %s", ErrUnknown, pay.Quote.Short())
	}
	if st.Sold {
		sold, err := b.sold(st)
		return sold, nil, err
	}
	q, err := document[Quote](b, pay.Quote)
	if err != nil {
		return Sold{}, nil, err
	}
	order, err := document[Order](b, q.Order)
	if err != nil {
		return Sold{}, nil, err
	}
	r := Receipt{Order: q.Order, Quote: pay.Quote, By: k.Public(), Rail: q.Rail, Proof: pay.Proof, Paid: q.Total(), Cost: pay.Cost, Time: b.Now}
	sale := &Sale{}
	d := Draft{Body: sale}
	if q.Rail == IOURail {
		counted := uint32(0)
		if s, _ := load[offerState](b, keyOffer+st.Offer.key()); s.held(b, st.Offer, st.Hold) {
			counted = uint32(len(q.Serials))
		}
		if err := b.credit(order, q.Fee, pay.Credit, counted); err != nil {
			return Sold{}, nil, err
		}
		_, iou, err := OpenDocument[IOU](pay.IOU)
		if err != nil {
			return Sold{}, nil, err
		}
		r.Proof, sale.IOU = iou[:], iou
	}
	if !order.Offer.IsZero() {
		o, err := b.offer(order.Offer)
		if err != nil {
			return Sold{}, nil, err
		}
		r.Tax = o.Tax
	}
	var sold Sold
	if sold.Receipt, sale.Receipt, err = Sign(k, r); err != nil {
		return Sold{}, nil, err
	}
	d.Docs = append(d.Docs, sold.Receipt)
	if q.Rail == IOURail {
		d.Docs = append(d.Docs, pay.IOU)
	}
	if order.Purpose == ForTickets {
		if err := b.seats(k, q, order, st, &sold, sale); err != nil {
			return Sold{}, nil, err
		}
	}
	d.Docs = append(d.Docs, sold.Tickets...)
	drafts := []Draft{d}
	if pay.Beyond > 0 {
		drafts = append(drafts, Draft{Body: &Surplus{Receipt: sale.Receipt, Money: Money{Amount: pay.Beyond, Cur: r.Paid.Cur}}})
	}
	return sold, drafts, nil
}

// seats makes the tickets of a sale.
func (b *Books) seats(k doc.PrivateKey, q Quote, order Order, st quoteState, sold *Sold, sale *Sale) error {
	o, err := b.offer(order.Offer)
	if err != nil {
		return err
	}
	s, _ := load[offerState](b, keyOffer+st.Offer.key())
	s.lapse(b, st.Offer)
	b.save(keyOffer+st.Offer.key(), s)
	serials := q.Serials
	if !s.held(b, st.Offer, st.Hold) {
		if s, err = b.sellable(st.Offer); err == nil {
			serials, err = s.take(b, st.Offer, order.Count)
		}
		if err != nil { // sold out, cancelled: the money goes back
			return nil
		}
	}
	for _, serial := range serials {
		at, _ := load[seatState](b, keySeat+st.Offer.key()+be32(serial))
		raw, id, err := Sign(k, o.TicketFor(serial, b.nextGen(at), order.Buyer, k.Public()))
		if err != nil {
			return err
		}
		sold.Tickets, sale.Tickets = append(sold.Tickets, raw), append(sale.Tickets, id)
	}
	return nil
}

// sold finds what a paid quote brought.
func (b *Books) sold(st quoteState) (Sold, error) {
	e, err := b.recorded(st.Sale)
	if err != nil {
		return Sold{}, err
	}
	sale, ok := e.Body.(*Sale)
	if !ok {
		return Sold{}, fmt.Errorf("%w: record %d is no sale", ErrCorrupt, st.Sale)
	}
	return Sold{Receipt: e.Docs[0], Tickets: e.Docs[len(e.Docs)-len(sale.Tickets):]}, nil
}

// Give makes complimentary tickets, one for each holder.
func (b *Books) Give(k doc.PrivateKey, first ID, holders ...Key) ([][]byte, []Draft, error) {
	s, err := b.sellable(first)
	if err != nil {
		return nil, nil, err
	}
	o, err := b.offer(s.Entry)
	if err != nil {
		return nil, nil, err
	}
	var tickets [][]byte
	var drafts []Draft
	for _, holder := range holders {
		serials, err := s.take(b, first, 1)
		if err != nil {
			return nil, nil, err
		}
		at, _ := load[seatState](b, keySeat+first.key()+be32(serials[0]))
		raw, id, err := Sign(k, o.TicketFor(serials[0], b.nextGen(at), holder, k.Public()))
		if err != nil {
			return nil, nil, err
		}
		tickets = append(tickets, raw)
		drafts = append(drafts, Draft{Body: &Gift{Offer: first, Ticket: id}, Docs: [][]byte{raw}})
	}
	return tickets, drafts, nil
}

// Transfer answers a holder's wish to give a ticket away.
func (b *Books) Transfer(k doc.PrivateKey, rawTransfer []byte) ([]byte, []Draft, error) {
	tr, id, err := OpenDocument[Transfer](rawTransfer)
	if err != nil {
		return nil, nil, err
	}
	first, serial, at, err := b.seated(tr.Ticket)
	if err != nil {
		return nil, nil, err
	}
	s, err := b.ownOffer(first)
	if err != nil {
		return nil, nil, err
	}
	o, err := b.offer(s.Entry)
	if err != nil {
		return nil, nil, err
	}
	raw, ticket, err := Sign(k, o.TicketFor(serial, b.nextGen(at), tr.To, k.Public()))
	if err != nil {
		return nil, nil, err
	}
	return raw, []Draft{{Body: &Move{Transfer: id, Ticket: ticket}, Docs: [][]byte{rawTransfer, raw}}}, nil
}

// GiveBack refunds a receipt, or what is left of it: the seats are revoked first, then the money is booked as gone. The
// rail must have sent it, or send it by an order whose repetition does no harm.
func (b *Books) GiveBack(receipt ID, rail string, proof []byte, why Reason) ([]Draft, error) {
	p, err := b.paidFor(receipt)
	if err != nil {
		return nil, err
	}
	rs, ok := load[receiptState](b, keyReceipt+receipt.key())
	if !ok {
		return nil, fmt.Errorf("%w: receipt %s", ErrUnknown, receipt.Short())
	}
	left := p.receipt.Paid.Amount - rs.Refunded
	if left == 0 {
		return nil, fmt.Errorf("%w: receipt %s is refunded", ErrDuplicate, receipt.Short())
	}
	var drafts []Draft
	if rs.Good > 0 {
		v, _ := load[versionState](b, keyVersion+p.order.Offer.key())
		if s, _ := load[offerState](b, keyOffer+v.First.key()); !s.Cancelled {
			serials, err := b.seatsOf(receipt, v.First)
			if err != nil {
				return nil, err
			}
			drafts = append(drafts, Draft{Body: &Revoke{Offer: v.First, Serials: serials, Reason: why}})
		}
	}
	refund := &Refund{Receipt: receipt, Money: Money{Amount: left, Cur: p.receipt.Paid.Cur}, Rail: rail, Proof: proof, Reason: why}
	return append(drafts, Draft{Body: refund}), nil
}

// seatsOf returns the seats of a receipt that are still good.
func (b *Books) seatsOf(receipt, first ID) ([]uint32, error) {
	at, _ := load[docState](b, keyDoc+receipt.key())
	e, err := b.recorded(at.Record)
	if err != nil {
		return nil, err
	}
	var serials []uint32
	for i, n := range e.names() {
		if n.kind != (Ticket{}).kind() {
			continue
		}
		t, _, err := peek[Ticket](e.Docs[i])
		if err != nil {
			return nil, err
		}
		if seat, _ := load[seatState](b, keySeat+first.key()+be32(t.Serial)); seat.Receipt == receipt {
			serials = append(serials, t.Serial)
		}
	}
	slices.Sort(serials)
	return serials, b.err
}
