package market

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
)

// A Seat is a ticket that this node's person has sold or given, or that was for them.
type Seat struct {
	Ticket  ledger.ID
	Offer   ledger.ID // first version
	Serial  uint32
	Holder  ledger.Key
	Receipt ledger.ID  // zero for a gift
	Buyer   ledger.Key // who paid; likewise
	Rail    string
	Void    bool
	Moved   bool // void, since somebody else holds the seat now
}

// Seats lists the tickets to a room of this node's person, void ones too, by seat.
func (m *Market) Seats(room ledger.Room) (list []Seat, err error) {
	err = m.look(func(l *lists) {
		for id, at := range l.seating.tickets {
			if at.room != room {
				continue
			}
			s := Seat{Ticket: id, Offer: at.first, Serial: at.serial, Holder: at.holder, Receipt: at.receipt, Void: at.void || l.seating.ended[at.first], Moved: at.moved != nil}
			if p := l.seating.receipts[at.receipt]; p != nil {
				s.Buyer, s.Rail = p.buyer, p.rail
			}
			list = append(list, s)
		}
	})
	slices.SortFunc(list, func(a, b Seat) int {
		return cmp.Or(bytes.Compare(a.Offer[:], b.Offer[:]), cmp.Compare(a.Serial, b.Serial), bytes.Compare(a.Ticket[:], b.Ticket[:]))
	})
	return list, err
}

// SeatOf finds the seat of a ticket to a room of this node's person, which may be void by now: its offer, its number, and since when
// there could be anybody in the room.
func (m *Market) SeatOf(ticket ledger.ID) (s Seat, room ledger.Room, since time.Time, known bool, err error) {
	err = m.look(func(l *lists) {
		at := l.seating.tickets[ticket]
		if at == nil {
			return
		}
		known, room = true, at.room
		s = Seat{Ticket: ticket, Offer: at.first, Serial: at.serial, Holder: at.holder, Receipt: at.receipt, Void: at.void}
		if e, err := ledger.ParseEntry(l.versions[at.first].Offer); err == nil {
			since = time.UnixMilli(e.Time) // of the first version: a room that is put off may have begun before
		}
	})
	return s, room, since, known, err
}

// An Offering is how the tickets of one class of a room sell.
type Offering struct {
	Listed    OnSale // the newest version
	Seats     ledger.Seats
	Cancelled bool
	Due       map[string]ledger.Money // that is still to go back, by rail
}

// Offerings lists what this node's person sells of a room; the zero Room is all rooms.
func (m *Market) Offerings(room ledger.Room, now time.Time) (list []Offering, err error) {
	err = m.look(func(l *lists) {
		for c, first := range l.seating.firsts {
			o, err := l.offer(first)
			if err != nil || !room.IsZero() && c.room != room {
				continue
			}
			s := Offering{Cancelled: l.seating.ended[first], Due: map[string]ledger.Money{}}
			who := m.id.Author()
			s.Listed = OnSale{ledger.Listed{ID: l.newest[first], Offer: *o, Host: who.Person, Payee: who.Person, Seller: who.Device}, m.railsFor(o.Price)}
			for _, receipt := range l.seating.sales[first] {
				p := l.seating.receipts[receipt]
				if owed := p.owed(); owed.Amount > 0 {
					s.Due[p.rail] = ledger.Money{Amount: s.Due[p.rail].Amount + owed.Amount, Cur: p.money.Cur}
				}
			}
			list = append(list, s)
		}
	})
	if err != nil {
		return nil, err
	}
	err = m.store.View(func(b *ledger.Books) error {
		for i := range list {
			first := list[i].Listed.Offer.First
			if first.IsZero() {
				first = list[i].Listed.ID
			}
			var err error
			if list[i].Seats, err = b.Seats(first, now); err != nil {
				return err
			}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Offering) int {
		x, y := &a.Listed.Offer, &b.Listed.Offer
		return cmp.Or(cmp.Compare(x.Ends, y.Ends), bytes.Compare(x.Room[:], y.Room[:]), cmp.Compare(x.Class, y.Class))
	})
	return list, err
}

// Revise makes a new version of what is on sale of a room. Who has a ticket keeps it: it is good at the new time. What the ledger
// refuses stays as it was: another currency, fewer seats than were given out.
func (m *Market) Revise(room ledger.Room, number uint8, change func(*ledger.Offer)) (OnSale, error) {
	var first ledger.ID
	if err := m.look(func(l *lists) { first = l.seating.firsts[class{room, number}] }); err != nil {
		return OnSale{}, err
	}
	if first.IsZero() {
		return OnSale{}, ledger.ErrNotOnSale
	}
	return m.revise(first, change)
}

// ReviseTier is Revise of a subscription, by its first version: new subscribers and renewals have the new terms. Who has paid keeps what
// they paid for.
func (m *Market) ReviseTier(first ledger.ID, change func(*ledger.Offer)) (OnSale, error) {
	return m.revise(first, change)
}

func (m *Market) revise(first ledger.ID, change func(*ledger.Offer)) (OnSale, error) {
	m.revising.Lock() // the next version is of the newest
	defer m.revising.Unlock()
	var o ledger.Offer
	err := m.look(func(l *lists) {
		if newest, err := l.offer(first); err == nil {
			o = *newest
		}
	})
	if err != nil {
		return OnSale{}, err
	}
	o.Split = slices.Clone(o.Split)
	change(&o)
	o.First, o.Version, o.FirstFree = first, o.Version+1, 0
	if err := m.append(&o); err != nil {
		return OnSale{}, fmt.Errorf("revise: %w", err)
	}
	who := m.id.Author()
	l := ledger.Listed{Offer: o, Host: who.Person, Payee: who.Person, Seller: who.Device}
	err = m.look(func(ls *lists) { l.ID = ls.newest[first] })
	return OnSale{l, m.railsFor(o.Price)}, err
}
