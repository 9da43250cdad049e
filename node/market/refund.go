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
		one := m.payBack(ctx, receipt, t) // what is due from before goes first
		if one == nil {
			_, one = m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
				return b.Withdraw(receipt, ascending(serials[receipt]), t.Why)
			})
		}
		if one == nil {
			one = m.payBack(ctx, receipt, t)
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
		case p.disputed:
			err = ledger.ErrDisputed
		case p.others:
			err = ErrOthers
		case !t.ByHand && !m.sendsBack(p.rail):
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

// payBack sends and books what is due for a receipt. The rail is asked first, and knows each due by its name: if the node dies
// before it is booked, asking again moves nothing.
func (m *Market) payBack(ctx context.Context, receipt ledger.ID, t Takeback) error {
	for ctx.Err() == nil {
		var next due
		var p paid
		owed := false
		if err := m.look(func(l *lists) {
			if of := l.seating.receipts[receipt]; of != nil && !of.others {
				if d := of.next(); d != nil {
					next, p, owed = *d, *of, true
				}
			}
		}); err != nil || !owed {
			return err
		}
		if !t.ByHand {
			if !m.sendsBack(p.rail) {
				return ErrNoWayBack
			}
			var o ledger.Order
			if err := m.store.View(func(b *ledger.Books) (err error) {
				o, err = b.OrderOf(receipt)
				return err
			}); err != nil {
				return err
			}
			money := ledger.Money{Amount: next.upTo - p.back, Cur: p.money.Cur}
			// Only what has arrived is booked: what is on its way may still come back.
			proof, err := m.proofOf(receipt)
			if err != nil {
				return err
			}
			payee := m.rails.payee(p.rail)
			state, err := m.refund(ctx, payee, next.ref, money, wayBack(payee, o.Refund, proof))
			if err == nil && state != Settled {
				err = fmt.Errorf("%w: the refund is %s", ErrSeller, state)
			}
			if err != nil {
				return err
			}
		}
		if _, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
			return b.Repay(receipt, next.upTo, next.why)
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

// PayBack goes on with what is due to go back and was not sent: a crash, or a rail that did not answer, came between. What no rail
// can send waits for the host.
func (m *Market) PayBack(ctx context.Context) error {
	m.givingBack.Lock()
	defer m.givingBack.Unlock()
	var open []ledger.ID
	err := m.look(func(l *lists) {
		for receipt, p := range l.seating.receipts {
			if p.next() != nil && !p.others && !p.disputed && m.sendsBack(p.rail) {
				open = append(open, receipt)
			}
		}
	})
	for _, receipt := range open {
		err = errors.Join(err, m.payBack(ctx, receipt, Takeback{}))
	}
	return err
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
	for _, receipt := range receipts {
		one := m.payBack(ctx, receipt, Takeback{ByHand: byHand})
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
