package ledger

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

// Progress is how far the payer is with an order.
type Progress uint8

// Pending is not failed: while a payment is pending, nothing else may be tried for its order.
const (
	Pending Progress = iota + 1
	Done
	Failed
)

func (*Pay) Kind() Kind { return KindPay }

func (p *Pay) names() []name {
	n := []name{{Order{}.kind(), p.Order}, {Quote{}.kind(), p.Quote}}
	if !p.IOU.IsZero() {
		n = append(n, name{IOU{}.kind(), p.IOU})
	}
	if !p.Note.IsZero() {
		n = append(n, name{noteKind, p.Note})
	}
	if !p.Offer.IsZero() {
		n = append(n, name{entryKind, p.Offer})
	}
	if !p.Allot.IsZero() {
		n = append(n, name{entryKind, p.Allot})
	}
	return n
}

func (p *Pay) check() error {
	if p.Order.IsZero() || p.Quote.IsZero() || p.Offer.IsZero() && !p.Allot.IsZero() {
		return fieldError("order, quote or allotment")
	}
	return nil
}

// entitled checks that whoever signed the quote may take money for the payee: it is the payee's device, or one that the
// host lets sell these seats and take the money there.
func (p *Pay) entitled(e Entry, order Order, quote Quote) error {
	cert, err := doc.OpenCert(p.Cert, time.UnixMilli(e.Time))
	if err != nil {
		return err
	}
	if p.Allot.IsZero() {
		if cert.Person != order.Payee || cert.Device != quote.By {
			return fmt.Errorf("%w: the quote is not by the payee", ErrSigner)
		}
		if p.Offer.IsZero() {
			return nil
		}
		return agreed(order, cert, e.Docs[len(e.Docs)-1])
	}
	n := len(e.Docs)
	a, err := openAllotment(cert, e.Docs[n-2], e.Docs[n-1])
	if err != nil {
		return err
	}
	if p.Offer != order.Offer || a.Seller != quote.By || a.Payee != order.Payee || quote.Time >= a.Expires {
		return fmt.Errorf("%w: the quote is not by who may sell this", ErrSigner)
	}
	for _, serial := range quote.Serials {
		if serial < a.From || serial >= a.To {
			return fmt.Errorf("%w: serial %d was not theirs to sell", ErrSigner, serial)
		}
	}
	return nil
}

// agreed checks the terms of a subscription that its payer keeps: the creator has signed them, and the order is of them.
func agreed(order Order, cert doc.Cert, raw []byte) error {
	l, err := Listing{Offer: raw}.of(cert)
	switch {
	case err != nil:
		return err
	case l.ID != order.Offer || !l.Offer.Room.IsZero() || order.Purpose != ForSubscription:
		return mismatch("not the terms of the subscription that was ordered")
	}
	return nil
}

// apply books the intent to pay. It is on disk before the money moves, so that no crash can pay twice.
func (p *Pay) apply(b *Books, e Entry) error {
	order, err := document[Order](b, p.Order)
	if err != nil {
		return err
	}
	quote, err := document[Quote](b, p.Quote)
	if err != nil {
		return err
	}
	if err := quote.answers(order, p.Order); err != nil {
		return err
	}
	switch frozen, _ := load[bool](b, keyFrozen+bytesOf(quote.By)); {
	case frozen:
		return ErrFrozen
	case order.Note != p.Note:
		return mismatch("note")
	case e.Time >= quote.Expires:
		return fmt.Errorf("%w: the quote", ErrExpired)
	case (quote.Rail == IOURail) != !p.IOU.IsZero():
		return mismatch("a payment by IOU, without one")
	}
	if err := p.entitled(e, order, quote); err != nil {
		return err
	}
	b.save(keyTaker+bytesOf(order.Payee)+bytesOf(quote.By), true)
	if cert, err := doc.OpenCert(p.Cert, time.UnixMilli(e.Time)); err == nil && cert.Person == order.Payee {
		b.save(keyTaker+bytesOf(order.Payee)+bytesOf(cert.Device), true) // another sells on its account
	}
	b.save(keyMine+bytesOf(order.Buyer), true)
	if old, ok := load[payState](b, keyPay+p.Order.key()); ok && old.State != Failed {
		return fmt.Errorf("%w: order %s is paid, or may be", ErrDuplicate, p.Order.Short())
	}
	from := Asset(quote.Rail)
	if !p.IOU.IsZero() {
		u, err := document[IOU](b, p.IOU)
		if err != nil {
			return err
		}
		if err := u.covers(order, quote, p.Quote); err != nil {
			return err
		}
		from = Payable(order.Payee)
	}
	b.save(keyPay+p.Order.key(), payState{Quote: p.Quote, State: Pending})
	b.posted.cur = quote.Price.Cur
	b.posted.move(from, Transit(order.Payee), quote.Total().Amount)
	return b.err
}

// expense is what the payer books an order as.
func (o Order) expense() Account {
	switch o.Purpose {
	case ForTip:
		return ExpenseTips
	case ForCharity:
		return ExpenseCharity
	case ForSubscription:
		return ExpenseSubscription
	default:
		return ExpenseTickets
	}
}

func (*Got) Kind() Kind { return KindGot }

func (g *Got) names() []name {
	return append([]name{{Receipt{}.kind(), g.Receipt}}, ticketNames(g.Tickets)...)
}

func (g *Got) check() error {
	if g.Receipt.IsZero() || len(g.Tickets) > maxCount || g.Cost < 0 || g.Cost > MaxAmount {
		return fieldError("receipt, tickets or cost")
	}
	return nil
}

// apply takes in the receipt of a payment, and the tickets that came with it. A payment that came too late for its
// seats has a receipt and no tickets, and a refund follows.
func (g *Got) apply(b *Books, _ Entry) error {
	p, err := b.paidFor(g.Receipt)
	if err != nil {
		return err
	}
	key := keyPay + p.receipt.Order.key()
	pay, ok := load[payState](b, key)
	switch {
	case !ok || pay.Quote != p.receipt.Quote:
		return fmt.Errorf("%w: this was not paid", ErrUnknown)
	case pay.State == Done:
		return fmt.Errorf("%w: receipt %s", ErrDuplicate, pay.Receipt.Short())
	case len(g.Tickets) != 0 && len(g.Tickets) != len(p.quote.Serials):
		return mismatch("%d tickets, paid for %d", len(g.Tickets), len(p.quote.Serials))
	}
	for _, id := range g.Tickets {
		t, err := document[Ticket](b, id)
		if err != nil {
			return err
		}
		if t.By != p.quote.By || t.Holder != p.order.Buyer {
			return mismatch("a ticket of another seller, or for somebody else")
		}
		b.save(keyWallet+id.key(), p.receipt.Order)
	}
	b.posted.cur = p.receipt.Paid.Cur
	paidFrom := Transit(p.order.Payee)
	if pay.State == Failed { // it went through after all
		paidFrom = p.source()
	}
	b.posted.move(paidFrom, p.order.expense(), p.receipt.Paid.Amount)
	if p.receipt.Rail != IOURail {
		b.posted.move(Asset(p.receipt.Rail), ExpenseRail, g.Cost)
	}
	if p.order.Purpose == ForSubscription {
		b.subscribed(p)
	}
	pay.State, pay.Receipt = Done, g.Receipt
	b.save(key, pay)
	return b.err
}

// source is where the payer's money comes from.
func (p paid) source() Account {
	if p.receipt.Rail == IOURail {
		return Payable(p.order.Payee)
	}
	return Asset(p.receipt.Rail)
}

func (*Void) Kind() Kind    { return KindVoid }
func (*Void) names() []name { return nil }

func (v *Void) check() error {
	if v.Quote.IsZero() {
		return fieldError("quote")
	}
	return v.Reason.check()
}

// apply gives up a payment of which the rail, or the payee, has said that it failed for good.
func (v *Void) apply(b *Books, _ Entry) error {
	quote, err := document[Quote](b, v.Quote)
	if err != nil {
		return err
	}
	order, err := document[Order](b, quote.Order)
	if err != nil {
		return err
	}
	pay, ok := load[payState](b, keyPay+quote.Order.key())
	if !ok || pay.Quote != v.Quote || pay.State != Pending {
		return fmt.Errorf("%w: nothing is pending for quote %s", ErrUnknown, v.Quote.Short())
	}
	pay.State = Failed
	b.save(keyPay+quote.Order.key(), pay)
	to := Asset(quote.Rail)
	if quote.Rail == IOURail {
		to = Payable(order.Payee)
	}
	b.posted.cur = quote.Price.Cur
	b.posted.move(Transit(order.Payee), to, quote.Total().Amount)
	return b.err
}
