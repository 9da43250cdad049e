package market

import (
	"time"

	"salon/ledger"
)

// lists are what the ledger's entries say, put together as the market asks for it: the books answer by name alone.
type lists struct {
	seen     uint64                       // entries that are in
	versions map[ledger.ID]ledger.Listing // by the entry of the offer, in each version
	newest   map[ledger.ID]ledger.ID      // first version -> newest
	rooms    map[ledger.Room][]ledger.ID  // first versions
	reserved map[ledger.ID]time.Time      // quotes of ours that may not be paid yet
	empty    map[ledger.ID][]byte         // receipt without tickets -> its bytes; of tips too
	refunds  map[ledger.ID][][]byte       // receipt -> entries
	paying   map[ledger.ID]ledger.Entry   // order -> Pay of ours that has no receipt yet
	orders   map[ledger.ID]ledger.ID      // quote -> order, of what we pay
	paid     map[ledger.ID]ledger.Order   // likewise
	held     map[ledger.Room][]held       // tickets of ours, the newest last
	allots   map[ledger.ID][]ledger.Allot // first version -> what others sell of it

	subscribed map[ledger.ID]subscribed // offer -> ours
}

// held is a ticket of ours.
type held struct {
	raw    []byte
	id     ledger.ID
	ticket ledger.Ticket
	order  ledger.Order // which says what key holds it
}

func newLists() lists {
	return lists{versions: map[ledger.ID]ledger.Listing{}, newest: map[ledger.ID]ledger.ID{}, rooms: map[ledger.Room][]ledger.ID{},
		reserved: map[ledger.ID]time.Time{}, empty: map[ledger.ID][]byte{}, refunds: map[ledger.ID][][]byte{},
		paying: map[ledger.ID]ledger.Entry{}, orders: map[ledger.ID]ledger.ID{},
		paid: map[ledger.ID]ledger.Order{}, held: map[ledger.Room][]held{}, allots: map[ledger.ID][]ledger.Allot{},
		subscribed: map[ledger.ID]subscribed{}}
}

// look brings the lists up to the ledger's end, and hands them to f, which must not keep them. It must not be called where
// the ledger is being written.
func (m *Market) look(f func(l *lists)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.store.Entries(m.lists.seen, func(n uint64, e ledger.Entry) bool {
		m.lists.add(e, m.id.Cert())
		m.lists.seen = n + 1
		return true
	})
	if err == nil {
		f(&m.lists)
	}
	return err
}

// add takes the next entry. own is the certificate of this device.
func (l *lists) add(e ledger.Entry, own []byte) {
	switch b := e.Body.(type) {
	case *ledger.Offer:
		first := b.First
		if b.Version == 1 {
			first = e.ID
		}
		l.offered(first, e.ID, b.Room, ledger.Listing{Cert: own, Offer: e.Raw()})
	case *ledger.Adopt:
		listing := ledger.Listing{Cert: b.Cert, Offer: e.Docs[0], Allot: e.Docs[1]}
		of, err := ledger.ParseEntry(listing.Offer)
		if err != nil {
			return // the ledger has parsed it before
		}
		if o, ok := of.Body.(*ledger.Offer); ok {
			first := o.First
			if o.Version == 1 {
				first = of.ID
			}
			l.offered(first, of.ID, o.Room, listing)
		}
	case *ledger.Allot:
		l.allots[b.Offer] = append(l.allots[b.Offer], *b)
	case *ledger.Reserve:
		l.reserved[b.Quote] = time.UnixMilli(e.Time)
	case *ledger.Sale:
		if len(b.Tickets) == 0 {
			l.empty[b.Receipt] = e.Docs[0]
		}
	case *ledger.Refund:
		l.refunds[b.Receipt] = append(l.refunds[b.Receipt], e.Raw())
		delete(l.empty, b.Receipt)
	case *ledger.Pay:
		l.paying[b.Order], l.orders[b.Quote] = e, b.Order
		if o, _, err := ledger.OpenDocument[ledger.Order](e.Docs[0]); err == nil {
			l.paid[b.Order] = o
		}
	case *ledger.Void:
		delete(l.paying, l.orders[b.Quote])
	case *ledger.Got:
		r, _, err := ledger.OpenDocument[ledger.Receipt](e.Docs[0])
		if err != nil {
			return // the ledger has read it before
		}
		delete(l.paying, r.Order)
		if o := l.paid[r.Order]; o.Purpose == ledger.ForSubscription {
			l.subscribed[o.Offer] = subscribed{o, r.By}
		}
		for _, raw := range e.Docs[1:] {
			if t, id, err := ledger.OpenDocument[ledger.Ticket](raw); err == nil {
				l.held[t.Room] = append(l.held[t.Room], held{raw, id, t, l.paid[r.Order]})
			}
		}
	}
}

func (l *lists) offered(first, id ledger.ID, room ledger.Room, listing ledger.Listing) {
	if _, known := l.newest[first]; !known {
		l.rooms[room] = append(l.rooms[room], first)
	}
	l.newest[first], l.versions[id] = id, listing
}
