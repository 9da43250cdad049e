package market

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// Offer puts tickets or a subscription on sale, and returns the entry.
func (m *Market) Offer(o ledger.Offer) (ledger.ID, error) {
	entries, err := m.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &o}}, nil
	})
	if err != nil {
		return ledger.ID{}, err
	}
	return entries[0].ID, nil
}

// Height is how many entries the ledger has: while it stays, so does what Papers says.
func (m *Market) Height() (n uint64, err error) {
	err = m.store.View(func(b *ledger.Books) error { n = b.Total; return nil })
	return n, err
}

// Ticket is the newest ticket to a room that this node has bought and that has not run out, and the key that holds it. raw is
// nil if there is none.
func (m *Market) Ticket(room ledger.Room, now time.Time) (raw []byte, holder doc.PrivateKey, err error) {
	err = m.look(func(l *lists) {
		for _, h := range l.held[room] {
			if now.Unix() < h.ticket.NotAfter {
				raw, holder = h.raw, m.KeyOf(h.order)
			}
		}
	})
	return raw, holder, err
}

// A Held is a ticket that this node has bought.
type Held struct {
	ID     ledger.ID
	Ticket ledger.Ticket
}

// Tickets lists those that have not run out, by when that is.
func (m *Market) Tickets(now time.Time) (list []Held, err error) {
	err = m.look(func(l *lists) {
		for _, room := range l.held {
			for _, h := range room {
				if now.Unix() < h.ticket.NotAfter {
					list = append(list, Held{h.id, h.ticket})
				}
			}
		}
	})
	slices.SortFunc(list, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.Ticket.NotAfter, b.Ticket.NotAfter), bytes.Compare(a.Ticket.Room[:], b.Ticket.Room[:]), cmp.Compare(a.Ticket.Serial, b.Ticket.Serial))
	})
	return list, err
}
