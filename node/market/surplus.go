package market

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"salon/ledger"
)

// Who pays an invoice by hand may send more than it asks for. The ticket is of what was asked; the rest is booked with the sale, stays the
// buyer's, and goes back as other money does: by the rail if it can, or by a person.

// beyond is what came beyond a receipt.
type beyond struct {
	money ledger.Money
	since int64
}

// surplus takes in that something came beyond a receipt, or went back.
func (l *lists) surplus(s *ledger.Surplus, at int64) {
	if !s.Back {
		l.beyond[s.Receipt] = beyond{s.Money, at}
		return
	}
	o := l.beyond[s.Receipt]
	if o.money.Amount -= s.Money.Amount; o.money.Amount <= 0 {
		delete(l.beyond, s.Receipt)
		return
	}
	l.beyond[s.Receipt] = o
}

// returnSurplus sends back what came beyond a receipt that was booked just now. What does not go is tried again, or is a person's to send.
func (m *Market) returnSurplus(ctx context.Context, rawReceipt []byte) {
	_, receipt, err := ledger.OpenDocument[ledger.Receipt](rawReceipt)
	if err == nil {
		err = m.sendSurplus(ctx, receipt)
	}
	if err != nil {
		m.log.Warn("more than was asked for is to go back", "receipt", receipt.Short(), "err", err)
	}
}

// sendSurplus sends back what came beyond a receipt, and books it once it has arrived. Sending twice is sending once.
func (m *Market) sendSurplus(ctx context.Context, receipt ledger.ID) error {
	err := m.trySurplus(ctx, receipt)
	m.note(surplusOf(receipt), err)
	return err
}

func (m *Market) trySurplus(ctx context.Context, receipt ledger.ID) error {
	s, err := m.surplus(receipt)
	if err != nil || s.money.Amount == 0 {
		return err
	}
	if !m.sendsBack(s.rail) {
		return ErrNoWayBack
	}
	to, err := m.backTo(m.rails.payee(s.rail), receipt, s.order.Refund)
	if err != nil {
		return err
	}
	if err := arrived(m.refund(ctx, m.rails.payee(s.rail), s.quote, s.money, to)); err != nil {
		return err
	}
	return m.bookSurplus(receipt, false)
}

// surplused is what came beyond a receipt, and where it goes back to. The rail knows it by the quote.
type surplused struct {
	money ledger.Money // that has not gone back
	known bool         // something came once
	rail  string
	quote ledger.ID
	order ledger.Order
}

func (m *Market) surplus(receipt ledger.ID) (s surplused, err error) {
	err = m.store.View(func(b *ledger.Books) error {
		if s.money, s.known = b.Surplus(receipt); s.money.Amount == 0 {
			return nil
		}
		r, err := b.Receipt(receipt)
		if err != nil {
			return err
		}
		s.rail, s.quote = r.Rail, r.Quote
		s.order, err = b.OrderOf(receipt)
		return err
	})
	return s, err
}

func (m *Market) bookSurplus(receipt ledger.ID, word bool) error {
	_, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) { return b.RepaySurplus(receipt, word) })
	return err
}

// surplusOf names what came beyond a receipt where the receipt itself may have trouble of its own.
func surplusOf(receipt ledger.ID) ledger.ID {
	receipt[0] ^= 0xff
	return receipt
}

// SentSurplus books that a person has sent what came beyond a receipt. Where the rail may have sent it, it is asked first.
func (m *Market) SentSurplus(ctx context.Context, receipt ledger.ID) error {
	m.givingBack.Lock()
	defer m.givingBack.Unlock()
	s, err := m.surplus(receipt)
	switch {
	case err != nil:
		return err
	case s.money.Amount == 0 && s.known: // saying it twice is saying it once
		return nil
	case s.money.Amount == 0:
		return fmt.Errorf("%w: nothing came beyond receipt %s", ledger.ErrUnknown, receipt.Short())
	}
	to := s.order.Refund
	if m.sendsBack(s.rail) {
		if to, err = m.backTo(m.rails.payee(s.rail), receipt, to); err != nil {
			return err
		}
	}
	if err := m.unsent(ctx, surplusOf(receipt), s.rail, s.quote, s.money, to); err != nil {
		return err
	}
	return m.bookSurplus(receipt, true)
}

// surpluses are the receipts beyond which something came that is to go back.
func (m *Market) surpluses() (list map[ledger.ID]beyond, err error) {
	err = m.look(func(l *lists) { list = maps.Clone(l.beyond) })
	return list, err
}

// paySurpluses goes on with what came beyond receipts and has not gone back. m.givingBack is held.
func (m *Market) paySurpluses(ctx context.Context) error {
	list, err := m.surpluses()
	for receipt := range list {
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if one := m.sendSurplus(ctx, receipt); !errors.Is(one, ErrNoWayBack) { // that waits for a person
			err = errors.Join(err, one)
		}
	}
	return err
}

// surplusDues are what came beyond receipts, as what is to go back.
func (m *Market) surplusDues() (list []Due, err error) {
	all, err := m.surpluses()
	for receipt, o := range all {
		s, one := m.surplus(receipt)
		if err = errors.Join(err, one); one != nil {
			continue
		}
		d := Due{Receipt: receipt, Surplus: true, Room: s.order.Room, Host: s.order.Payee == m.id.Author().Person, Buyer: s.order.Buyer, Rail: s.rail,
			Money: o.money, To: s.order.Refund, Since: time.UnixMilli(o.since)}
		err = errors.Join(err, m.look(func(l *lists) {
			if d.Room.IsZero() {
				d.Room = l.roomOf(s.order.Offer)
			}
			d.Err = m.stuck[surplusOf(receipt)]
		}))
		list = append(list, d)
	}
	return list, err
}
