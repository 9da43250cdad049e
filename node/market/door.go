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
			for _, id := range l.allots[first] {
				a := l.lendings[id]
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
	g := ledger.NewGate(room, device.Public(), classes, sellers)
	return g, g.Update(raw)
}

// Ticket is a ticket to a room that this node has, and the key that holds it: the newest that is good, as far as is known here, or
// else the newest of the last month, for the host may have put the room off and we have not heard. raw is nil if there is none;
// holder is zero if the person holds it, whose devices need no other key.
func (m *Market) Ticket(room ledger.Room, now time.Time) (raw []byte, holder doc.PrivateKey, err error) {
	err = m.look(func(l *lists) {
		good := false
		for _, h := range l.held[room] {
			s := l.stands(h)
			ends := time.UnixMilli(s.Ends)
			if fine := !s.Void && now.Before(ends); fine || !good && now.Before(ends.Add(newsFor)) {
				raw, holder, good = h.raw, m.holderKey(h, doc.PrivateKey{}), fine
			}
		}
	})
	return raw, holder, err
}

// A Held is a ticket that this node has bought, or was given.
type Held struct {
	ID           ledger.ID
	Ticket       ledger.Ticket
	Raw          []byte
	Void         bool  // so its seller has said
	Starts, Ends int64 // unix ms: from when to when it is good, as far as is known here
}

// Tickets lists those that have not run out, by when that is.
func (m *Market) Tickets(now time.Time) (list []Held, err error) {
	err = m.look(func(l *lists) {
		for _, room := range l.held {
			for _, h := range room {
				if s := l.stands(h); now.UnixMilli() < s.Ends {
					list = append(list, s)
				}
			}
		}
	})
	slices.SortFunc(list, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.Ends, b.Ends), bytes.Compare(a.Ticket.Room[:], b.Ticket.Room[:]), cmp.Compare(a.Ticket.Serial, b.Ticket.Serial))
	})
	return list, err
}
