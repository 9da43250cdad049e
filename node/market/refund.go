package market

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
)

// Why the host cannot give money back.
var (
	ErrNoWayBack = errors.New("market: this way of paying cannot send money back; send it by hand and say so")
	ErrOthers    = errors.New("market: somebody else sold this ticket, and has the money")
	ErrGivenAway = errors.New("market: this ticket was given to somebody else")
)

// A Takeback says why seats are taken back, and how their money goes.
type Takeback struct {
	Why    ledger.Reason
	ByHand bool // the host has sent the money itself, for rails that cannot

	away map[ledger.Key]error // sellers that were not there a moment ago
}

// Back is what has gone back for one receipt. The zero Receipt is of gifts.
type Back struct {
	Receipt ledger.ID
	Buyer   ledger.Key
	Rail    string
	Money   ledger.Money // in all
	Seats   uint32       // of the receipt that are void, or gifts that were taken back
}

// Refund voids tickets of this node's person, and then sends back what they were paid with. Refunding twice is refunding once. What could
// not be sent is tried again until it is: the seats are void meanwhile. It tries all, and returns what went wrong.
func (m *Market) Refund(ctx context.Context, tickets []ledger.ID, t Takeback) ([]Back, error) {
	m.givingBack.Lock() // what is due for a receipt is sent in order
	defer m.givingBack.Unlock()
	t.away = map[ledger.Key]error{}
	for _, id := range tickets {
		if err := m.refundable(id, t); err != nil {
			return nil, err
		}
	}
	var receipts []ledger.ID
	serials, gifts := map[ledger.ID][]uint32{}, map[ledger.ID][]uint32{} // by receipt, by offer
	err := m.look(func(l *lists) {
		for _, id := range tickets {
			switch at := l.seating.tickets[id]; {
			case !at.receipt.IsZero():
				if serials[at.receipt] == nil {
					receipts = append(receipts, at.receipt)
				}
				serials[at.receipt] = append(serials[at.receipt], at.serial)
			case !at.void:
				gifts[at.first] = append(gifts[at.first], at.serial)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	var backs []Back
	for first, list := range gifts {
		one := m.append(&ledger.Revoke{Offer: first, Serials: ascending(list), Reason: t.Why})
		if one == nil {
			backs = append(backs, Back{Seats: uint32(len(list))})
		}
		err = errors.Join(err, one)
	}
	for _, receipt := range receipts {
		var one error
		if !m.isOthers(receipt) { // its seller keeps them in order
			one = m.giveBack(ctx, receipt, t) // what is due from before goes first
		}
		if one == nil {
			_, one = m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
				return b.Withdraw(receipt, ascending(serials[receipt]), t.Why)
			})
		}
		if one == nil {
			one = m.giveBack(ctx, receipt, t)
		}
		err = errors.Join(err, one)
		back, one := m.back(receipt)
		backs, err = append(backs, back), errors.Join(err, one)
	}
	return backs, err
}

// refundable refuses what could only be begun.
func (m *Market) refundable(ticket ledger.ID, t Takeback) (err error) {
	look := m.look(func(l *lists) {
		at := l.seating.tickets[ticket]
		if at == nil {
			err = fmt.Errorf("%w: ticket %s", ledger.ErrUnknown, ticket.Short())
			return
		}
		if at.moved != nil {
			err = ErrGivenAway
			return
		}
		p := l.seating.receipts[at.receipt]
		switch {
		case p == nil: // a gift
		case p.isDisputed(time.Now()):
			err = ledger.ErrDisputed
		case p.others && t.ByHand:
			err = ErrOthers
		case !p.others && !t.ByHand && !m.sendsBack(p.rail):
			err = ErrNoWayBack
		}
	})
	return errors.Join(look, err)
}

func (m *Market) sendsBack(rail string) bool {
	r, known := m.rails.get(rail)
	if !known || r.Payee == nil {
		return false
	}
	_, can := r.Payee.(Refunder)
	return can
}

// backed is a receipt of ours, or one for seats that we sold for somebody.
func (l *lists) backed(receipt ledger.ID) *paid {
	if p := l.seating.receipts[receipt]; p != nil {
		return p
	}
	return l.abroad.receipts[receipt]
}

// isOthers reports whether somebody else has the money of a receipt.
func (m *Market) isOthers(receipt ledger.ID) (others bool) {
	_ = m.look(func(l *lists) { p := l.backed(receipt); others = p != nil && p.others })
	return others
}

// giveBack is payBack, and keeps why it did not go.
func (m *Market) giveBack(ctx context.Context, receipt ledger.ID, t Takeback) error {
	var err error
	if m.isOthers(receipt) {
		err = m.askBack(ctx, receipt, t.away)
	} else {
		err = m.payBack(ctx, receipt, t)
	}
	m.note(receipt, err)
	return err
}

// askBack asks the seller who took the money of a receipt to give back what is due, and books that it did. Its word is in its account.
func (m *Market) askBack(ctx context.Context, receipt ledger.ID, away map[ledger.Key]error) error {
	var p paid
	if err := m.look(func(l *lists) { p = *l.seating.receipts[receipt] }); err != nil || p.next() == nil {
		return err
	}
	if err := away[p.by]; err != nil {
		return err
	}
	err := m.askUndo(ctx, p.by, undo{Receipt: receipt, Serials: ascending(p.gone), Reason: p.next().why})
	if errors.Is(err, ErrUnreached) {
		err = fmt.Errorf("%w: %w", ErrOthersOwe, err)
		if away != nil {
			away[p.by] = err
		}
		return err
	}
	// It may have told of it before: a stream broke, or it gave the money back by itself.
	of := func(a *lending) bool {
		return slices.ContainsFunc(p.serials, func(n uint32) bool { return n >= a.From && n < a.To })
	}
	if one := m.syncOf(ctx, p.by, false, of); err == nil {
		err = one
	}
	still := false
	if one := m.look(func(l *lists) { still = l.seating.receipts[receipt].next() != nil }); one != nil || !still {
		return one
	}
	if err == nil {
		err = fmt.Errorf("%w: its account does not say that it has", ErrSeller)
	}
	return fmt.Errorf("%w: %w", ErrOthersOwe, err)
}

func (m *Market) askUndo(ctx context.Context, seller ledger.Key, q undo) error {
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	c, end, err := m.call(ctx, seller)
	if err != nil {
		return err
	}
	defer end()
	_, err = asked[done](c, q)
	return unreached(err)
}

// payBack sends and books what is due for a receipt. The rail is asked first, and knows each due by its name: if the node dies
// before it is booked, asking again moves nothing.
func (m *Market) payBack(ctx context.Context, receipt ledger.ID, t Takeback) error {
	for ctx.Err() == nil {
		var next due
		var p paid
		owed := false
		if err := m.look(func(l *lists) {
			if of := l.backed(receipt); of != nil && !of.others {
				if d := of.next(); d != nil {
					next, p, owed = *d, *of, true
				}
			}
		}); err != nil || !owed {
			return err
		}
		switch {
		case p.isDisputed(time.Now()):
			return ledger.ErrDisputed // the rail has the money
		case !t.ByHand && !m.sendsBack(p.rail):
			return ErrNoWayBack
		}
		o, err := m.orderOf(receipt)
		if err != nil {
			return err
		}
		payee := m.rails.payee(p.rail)
		to, err := m.backTo(payee, receipt, o.Refund)
		if err != nil {
			return err
		}
		money := ledger.Money{Amount: next.upTo - p.back, Cur: p.money.Cur}
		if t.ByHand {
			err = m.unsent(ctx, receipt, p.rail, next.ref, money, to)
		} else {
			err = arrived(m.refund(ctx, payee, next.ref, money, to))
		}
		if err != nil {
			return err
		}
		if _, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
			return b.Repay(receipt, next.upTo, next.why, t.ByHand && p.rail != ledger.IOURail)
		}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// proofOf is what shows that a receipt was paid.
func (m *Market) proofOf(receipt ledger.ID) (proof []byte, err error) {
	err = m.store.View(func(b *ledger.Books) (err error) {
		proof, err = b.ProofOf(receipt)
		return err
	})
	return proof, err
}

// backTo is where money of a receipt goes back to by a rail: to the address that the buyer gave, or the way it came.
func (m *Market) backTo(p Payee, receipt ledger.ID, address string) (string, error) {
	if _, same := p.(Checkout); !same {
		return address, nil
	}
	proof, err := m.proofOf(receipt)
	return string(proof), err
}

// back says how far a receipt is.
func (m *Market) back(receipt ledger.ID) (b Back, err error) {
	err = m.look(func(l *lists) {
		if p := l.seating.receipts[receipt]; p != nil {
			void := p.void
			if l.seating.ended[p.first] {
				void = p.seats
			}
			b = Back{Receipt: receipt, Buyer: p.buyer, Rail: p.rail, Money: ledger.Money{Amount: p.back, Cur: p.money.Cur}, Seats: void}
		}
	})
	return b, err
}

// PayBack goes on with what is due to go back and was not sent: a crash came between, or a rail or a seller that did not answer. What
// no rail can send waits for a person.
func (m *Market) PayBack(ctx context.Context) error {
	m.givingBack.Lock()
	defer m.givingBack.Unlock()
	type open struct {
		receipt ledger.ID
		late
	}
	var list []open
	err := m.look(func(l *lists) {
		for _, s := range []*seating{&l.seating, &l.abroad} {
			for receipt, p := range s.receipts {
				switch {
				case p.next() == nil, p.isDisputed(time.Now()), s.others && l.forHost(receipt):
				case p.others, m.sendsBack(p.rail):
					list = append(list, open{receipt: receipt})
				}
			}
		}
		for receipt, of := range l.late {
			if m.sendsBack(of.rail) && !of.disputed {
				list = append(list, open{receipt: receipt, late: of})
			}
		}
	})
	t := Takeback{away: map[ledger.Key]error{}}
	for _, o := range list {
		var one error
		switch {
		case ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case !o.quote.IsZero():
			one = m.sendLate(ctx, m.rails.payee(o.rail), o.receipt, o.rail, o.money, o.order.Refund)
		default:
			one = m.giveBack(ctx, o.receipt, t)
		}
		err = errors.Join(err, one)
	}
	return errors.Join(err, m.paySurpluses(ctx))
}

// Cancel ends the sale of a room: every ticket is void at once, and then the money of each goes back. Cancelling again goes on with
// what is left.
func (m *Market) Cancel(ctx context.Context, room ledger.Room, byHand bool) ([]Back, error) {
	m.givingBack.Lock()
	defer m.givingBack.Unlock()
	var firsts, receipts []ledger.ID
	known := false
	err := m.look(func(l *lists) {
		for c, first := range l.seating.firsts {
			if c.room != room {
				continue
			}
			known = true
			if !l.seating.ended[first] {
				firsts = append(firsts, first)
			}
			receipts = append(receipts, l.seating.sales[first]...)
		}
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, fmt.Errorf("%w: no tickets to this room were on sale here", ledger.ErrUnknown)
	}
	for _, first := range firsts {
		if err := m.append(&ledger.Cancel{Offer: first, Reason: ledger.ReasonCancelled}); err != nil {
			return nil, err
		}
	}
	var backs []Back
	t := Takeback{ByHand: byHand, away: map[ledger.Key]error{}}
	for _, receipt := range receipts {
		one := m.giveBack(ctx, receipt, t)
		back, two := m.back(receipt)
		backs, err = append(backs, back), errors.Join(err, one, two)
	}
	return backs, err
}

func (m *Market) append(body ledger.Body, docs ...[]byte) error {
	_, err := m.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: body, Docs: docs}}, nil
	})
	return err
}

func ascending(serials []uint32) []uint32 {
	return slices.Compact(slices.Sorted(slices.Values(serials)))
}
