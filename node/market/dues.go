package market

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
)

// Why money that is to go back has not gone yet, and why a person may not say that they have sent it.
var (
	ErrOnItsWay  = errors.New("market: the money is on its way back")
	ErrUntold    = errors.New("market: this way of paying cannot say whether it has sent the money back")
	ErrLate      = errors.New("market: the payment came too late for its seats, and the money is not back yet") // at the buyer
	ErrOthersOwe = errors.New("market: who sold it has the money, and has not given it back yet")
	ErrWasSent   = errors.New("market: this way of paying has sent the money back already")
)

// A Due is money that is to go back to a buyer and has not yet, as far as is known here.
type Due struct {
	Receipt ledger.ID
	Room    ledger.Room
	Host    bool       // of this node's person; otherwise this node sold for somebody
	Buyer   ledger.Key // who paid
	Seller  ledger.Key // the device that has the money; zero: this node
	Rail    string
	Money   ledger.Money
	Surplus bool      // it came beyond what was asked for; what else is due for the receipt is another Due
	To      string    // where the buyer wants it, as the rail writes it; may be empty
	Since   time.Time // when it became due
	Until   time.Time // when the seller is asked for what it says is disputed, though it may still be; zero if it does not say so
	ByHand  bool      // a person has to send it
	Err     error     // of the last try; nil while the first is under way
}

// late is money that came for seats that were gone.
type late struct {
	order    ledger.Order
	quote    ledger.ID
	rail     string
	money    ledger.Money
	since    int64
	disputed bool // at the rail, and that is not decided
}

// Dues lists what is to go back, what is due longest first; of all rooms if room is zero.
func (m *Market) Dues(room ledger.Room) (list []Due, err error) {
	var orders []*ledger.Order
	now := time.Now()
	err = m.look(func(l *lists) {
		for _, s := range []*seating{&l.seating, &l.abroad} {
			for receipt, p := range s.receipts {
				if p.next() == nil || s.others && l.forHost(receipt) {
					continue
				}
				d := Due{Receipt: receipt, Room: p.room, Host: !s.others, Buyer: p.buyer, Rail: p.rail, Money: p.owed(), Since: time.UnixMilli(p.since)}
				if p.others {
					d.Seller = p.by
				}
				if p.isDisputed(now) {
					if d.Err = ledger.ErrDisputed; p.told > 0 {
						d.Until = p.toldUntil()
					}
				}
				list, orders = append(list, d), append(orders, nil)
			}
		}
		for receipt, of := range l.late {
			d := Due{Receipt: receipt, Room: l.roomOf(of.order.Offer), Host: of.order.Payee == m.id.Author().Person, Buyer: of.order.Buyer, Rail: of.rail,
				Money: of.money, Since: time.UnixMilli(of.since)}
			if of.disputed {
				d.Err = ledger.ErrDisputed
			}
			list, orders = append(list, d), append(orders, &of.order)
		}
		for i := range list {
			if list[i].Err == nil {
				list[i].Err = m.stuck[list[i].Receipt]
			}
		}
	})
	if err != nil {
		return nil, err
	}
	more, err := m.surplusDues()
	if err != nil {
		return nil, err
	}
	list, orders = append(list, more...), append(orders, make([]*ledger.Order, len(more))...)
	for i := range list {
		d := &list[i]
		if d.ByHand = errors.Is(d.Err, ErrNoWayBack) || d.Seller.IsZero() && !m.sendsBack(d.Rail); d.ByHand && d.Err == nil {
			d.Err = ErrNoWayBack
		}
		if d.Surplus {
			continue
		}
		if o := orders[i]; o != nil {
			d.To = o.Refund
		} else if o, one := m.orderOf(d.Receipt); one == nil {
			d.To = o.Refund
		} else {
			err = errors.Join(err, one)
		}
	}
	if !room.IsZero() {
		list = slices.DeleteFunc(list, func(d Due) bool { return d.Room != room })
	}
	slices.SortFunc(list, func(a, b Due) int { return cmp.Or(a.Since.Compare(b.Since), bytes.Compare(a.Receipt[:], b.Receipt[:])) })
	return list, err
}

// forHost reports whether a receipt of ours is for seats that we sell on the host's account, who gives the money back.
func (l *lists) forHost(receipt ledger.ID) bool {
	s := l.selling[l.sales[receipt]]
	return s != nil && s.Payee == s.Host
}

// roomOf is the room of an offer, in whatever version.
func (l *lists) roomOf(offer ledger.ID) (room ledger.Room) {
	if e, err := ledger.ParseEntry(l.versions[offer].Offer); err == nil {
		if o, ok := e.Body.(*ledger.Offer); ok {
			room = o.Room
		}
	}
	return room
}

func (m *Market) orderOf(receipt ledger.ID) (o ledger.Order, err error) {
	err = m.store.View(func(b *ledger.Books) (err error) {
		o, err = b.OrderOf(receipt)
		return err
	})
	return o, err
}

// note keeps why money has not gone back, for who looks. It is in memory alone: the next try says so again.
func (m *Market) note(receipt ledger.ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		delete(m.stuck, receipt)
		return
	}
	m.stuck[receipt] = err
}

// SentBack books that a person has sent what is due for a receipt, by hand. Where the rail may have sent it, it is asked first.
func (m *Market) SentBack(ctx context.Context, receipt ledger.ID) error {
	m.givingBack.Lock()
	defer m.givingBack.Unlock()
	var of late
	isLate, isDue, others, isBack := false, false, false, false
	err := m.look(func(l *lists) {
		of, isLate = l.late[receipt]
		isBack = len(l.refunds[receipt]) > 0
		if p := l.backed(receipt); p != nil {
			isDue, others = p.next() != nil, p.others
		}
	})
	switch {
	case err != nil:
		return err
	case isLate && of.disputed:
		return ledger.ErrDisputed
	case isLate:
		to, err := m.backTo(m.rails.payee(of.rail), receipt, of.order.Refund)
		if err != nil {
			return err
		}
		if err := m.unsent(ctx, receipt, of.rail, receipt, of.money, to); err != nil {
			return err
		}
		return m.bookLate(receipt, of.rail, true)
	case others:
		return ErrOthers
	case !isDue && isBack: // saying it twice is saying it once
		return nil
	case !isDue:
		return fmt.Errorf("%w: nothing is to go back for receipt %s", ledger.ErrUnknown, receipt.Short())
	}
	return m.giveBack(ctx, receipt, Takeback{ByHand: true})
}

// unsent refuses a person's word where a rail may send the same money: it is on its way, or was sent, or nobody can tell.
func (m *Market) unsent(ctx context.Context, receipt ledger.ID, rail string, ref ledger.ID, money ledger.Money, to string) error {
	if !m.sendsBack(rail) || rail == ledger.IOURail { // of a debt nothing is sent
		return nil
	}
	t, can := m.rails.payee(rail).(Tracker)
	if !can {
		m.mu.Lock()
		defer m.mu.Unlock()
		if errors.Is(m.stuck[receipt], ErrNoWayBack) { // it has said itself that a person has to
			return nil
		}
		return ErrUntold
	}
	ev, err := t.Returned(ctx, ref, money, m.toAnew(ref, to))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUntold, err)
	case ev.State == Unknown, ev.State == Failed:
		return nil
	case ev.State == Settled:
		return ErrWasSent
	}
	return ErrOnItsWay
}

// sendLate sends back what came for seats that are gone. It is booked once it has arrived.
func (m *Market) sendLate(ctx context.Context, rail Payee, receipt ledger.ID, name string, money ledger.Money, address string) error {
	to, err := m.backTo(rail, receipt, address)
	if err != nil {
		return err
	}
	state, err := m.refund(ctx, rail, receipt, money, to)
	if err = arrived(state, err); err == nil {
		err = m.bookLate(receipt, name, false)
	}
	m.note(receipt, err)
	return err
}

func (m *Market) bookLate(receipt ledger.ID, rail string, word bool) error {
	_, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		drafts, err := b.GiveBack(receipt, rail, nil, ledger.ReasonLate)
		for _, d := range drafts {
			if r, ok := d.Body.(*ledger.Refund); ok {
				r.Word = word
			}
		}
		return drafts, err
	})
	if errors.Is(err, ledger.ErrDuplicate) { // another stream was faster
		return nil
	}
	return err
}

// arrived is nil if money that a rail was asked to send back is there. What is on its way may still come back.
func arrived(state State, err error) error {
	switch {
	case errors.Is(err, ErrNoWayBack):
		return err
	case err != nil:
		return fmt.Errorf("%w: refund: %w", ErrSeller, err)
	case state == Settled:
		return nil
	case state == Pending:
		return ErrOnItsWay
	}
	return fmt.Errorf("%w: the refund is %s", ErrSeller, state)
}
