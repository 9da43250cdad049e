package market

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"salon/ledger"
)

// A Lending is a range of seats that a device sells for the host of a room.
type Lending struct {
	ID      ledger.ID
	Room    ledger.Room
	Offer   ledger.Offer
	Host    ledger.Key // the person
	Seller  ledger.Key // the device
	Payee   ledger.Key // the person who is paid
	Seats   uint32     // that were lent, or stayed with the seller once the rest came back
	Sold    uint32     // tickets that are good: at the host as far as it has heard
	Held    uint32     // for who is buying just now; the seller knows
	Expires time.Time
	Back    bool // what was left came back
}

// Lendings lists what others sell for this node's person, what ends last before the rest.
func (m *Market) Lendings() (list []Lending, err error) {
	err = m.look(func(l *lists) {
		for _, a := range l.lendings {
			o, err := l.offer(a.Offer)
			if err != nil {
				continue // the ledger says so elsewhere
			}
			one := Lending{ID: a.id, Room: o.Room, Offer: *o, Host: m.id.Author().Person, Seller: a.Seller, Payee: a.Payee, Seats: a.To - a.From,
				Expires: time.UnixMilli(a.Expires), Back: a.back}
			for _, receipt := range l.seating.sales[a.Offer] {
				if p := l.seating.receipts[receipt]; p.by == a.Seller {
					for _, id := range p.tickets {
						if at := l.seating.tickets[id]; !at.void && at.serial >= a.From && at.serial < a.To {
							one.Sold++
						}
					}
				}
			}
			list = append(list, one)
		}
	})
	slices.SortFunc(list, later)
	return list, err
}

// Selling lists what this node sells for others, in the same order.
func (m *Market) Selling() (list []Lending, err error) {
	firsts := map[ledger.ID]ledger.ID{}
	err = m.look(func(l *lists) {
		for _, s := range l.selling {
			back := slices.ContainsFunc(s.news, func(h happened) bool { return h.what == deedReturned })
			list = append(list, Lending{ID: s.allot, Room: s.Offer.Room, Offer: s.Offer, Host: s.Host, Seller: m.id.Author().Device, Payee: s.Payee,
				Seats: s.seats, Expires: time.UnixMilli(s.expires), Back: back})
			firsts[s.allot] = s.First()
		}
	})
	if err != nil {
		return nil, err
	}
	now := time.Now()
	err = m.store.View(func(b *ledger.Books) error {
		for i := range list {
			seats, err := b.Seats(firsts[list[i].ID], now)
			if err != nil {
				return err
			}
			list[i].Sold, list[i].Held = seats.Issued, seats.Held
		}
		return nil
	})
	slices.SortFunc(list, later)
	return list, err
}

func later(a, b Lending) int {
	return cmp.Or(b.Expires.Compare(a.Expires), bytes.Compare(a.ID[:], b.ID[:]))
}
