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

// Height is how many entries the ledger has: while it stays, so does what a Gate says.
func (m *Market) Height() (n uint64, err error) {
	err = m.store.View(func(b *ledger.Books) error { n = b.Total; return nil })
	return n, err
}

// Gate makes what checks tickets to a room of this node's person, as of now.
func (m *Market) Gate(room ledger.Room, now time.Time) (*ledger.Gate, error) {
	var firsts []ledger.ID
	var classes []ledger.Class
	var sellers []ledger.Seller
	err := m.look(func(l *lists) {
		for _, first := range l.rooms[room] {
			listing := l.versions[l.newest[first]]
			e, err := ledger.ParseEntry(listing.Offer)
			if err != nil || len(listing.Allot) > 0 { // we only sell it
				continue
			}
			o, ok := e.Body.(*ledger.Offer)
			if !ok {
				continue
			}
			firsts = append(firsts, first)
			classes = append(classes, ledger.Class{Number: o.Class, Starts: time.UnixMilli(o.Starts), Ends: time.UnixMilli(o.Ends)})
			for _, a := range l.allots[first] {
				sellers = append(sellers, ledger.Seller{Device: a.Seller, Class: o.Class, From: a.From, To: a.To})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	device := m.id.Device()
	var r ledger.Revocations
	err = m.store.View(func(b *ledger.Books) (err error) {
		r, err = b.Revocations(now, room, firsts...)
		return err
	})
	if err != nil {
		return nil, err
	}
	raw, _, err := ledger.Sign(device, r)
	if err != nil {
		return nil, err
	}
	g := ledger.NewGate(room, device.Public(), classes, sellers, now)
	return g, g.Update(raw)
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
