package market

import (
	"context"
	"errors"
	"fmt"

	"salon/ledger"
)

// A buyer gives one invoice for money back with an order, and an invoice is paid once, before it expires. What is due beside or after that goes
// to another one, which a person asks the buyer for. Which it is, is in memory alone: it is given again after a restart, and a wallet that has
// sent the same money to one does not send it to the next.

// ErrOtherInvoice refuses an invoice that a person has given for money back.
var ErrOtherInvoice = errors.New("market: the invoice is of another sum, has expired, or has served")

// SendAnew sends what is due for a receipt, or came beyond it, to an invoice that the buyer has given for it since. Giving it again asks where
// that is.
func (m *Market) SendAnew(ctx context.Context, receipt ledger.ID, surplus bool, invoice string) error {
	m.givingBack.Lock()
	defer m.givingBack.Unlock()
	ref, rail, err := m.dueOf(receipt, surplus)
	if err != nil {
		return err
	}
	if _, byInvoice := m.rails.payee(rail).(Tracker); !byInvoice || rail == ledger.IOURail || m.isCheckout(rail) || !m.sendsBack(rail) {
		return ErrNoWayBack
	}
	before := m.toAnew(ref, "")
	m.giveAnew(ref, invoice)
	switch {
	case surplus:
		err = m.sendSurplus(ctx, receipt)
	default:
		err = m.sendDue(ctx, receipt, rail)
	}
	switch {
	case errors.Is(err, ErrSentAnew):
		m.giveAnew(ref, before)
	case errors.Is(err, ErrByHand):
		m.giveAnew(ref, before)
		err = fmt.Errorf("%w: %w", ErrOtherInvoice, err)
	}
	return err
}

// sendDue sends what is due for a receipt, of tickets or because it came too late. m.givingBack is held.
func (m *Market) sendDue(ctx context.Context, receipt ledger.ID, rail string) error {
	var of late
	isLate := false
	if err := m.look(func(l *lists) { of, isLate = l.late[receipt] }); err != nil {
		return err
	}
	if isLate {
		return m.sendLate(ctx, m.rails.payee(rail), receipt, rail, of.money, of.order.Refund)
	}
	return m.giveBack(ctx, receipt, Takeback{})
}

// dueOf is what the rail knows the money by that is to go back next for a receipt.
func (m *Market) dueOf(receipt ledger.ID, surplus bool) (ref ledger.ID, rail string, err error) {
	none := fmt.Errorf("%w: nothing is to go back for receipt %s", ledger.ErrUnknown, receipt.Short())
	if surplus {
		s, err := m.surplus(receipt)
		if err == nil && s.money.Amount == 0 {
			err = none
		}
		return s.quote, s.rail, err
	}
	err = m.look(func(l *lists) {
		of, isLate := l.late[receipt]
		p := l.backed(receipt)
		switch {
		case isLate && of.disputed:
			none = ledger.ErrDisputed
		case isLate:
			ref, rail, none = receipt, of.rail, nil
		case p == nil || p.next() == nil:
		case p.others:
			none = ErrOthers
		default:
			ref, rail, none = p.next().ref, p.rail, nil
		}
	})
	return ref, rail, errors.Join(err, none)
}

func (m *Market) isCheckout(rail string) bool {
	_, is := m.rails.payee(rail).(Checkout)
	return is
}

// toAnew is where money goes back to that a rail knows by ref: what a person has given, or else where the buyer wanted it.
func (m *Market) toAnew(ref ledger.ID, address string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if to, given := m.anew[ref]; given {
		return to
	}
	return address
}

func (m *Market) giveAnew(ref ledger.ID, invoice string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if invoice == "" {
		delete(m.anew, ref)
		return
	}
	m.anew[ref] = invoice
}
