package market

import (
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
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
	seating  seating
	abroad   seating                    // what this node has sold for others
	strays   []stray                    // payments that are to be looked up before anybody looks
	late     map[ledger.ID]late         // receipt without tickets whose money is to go back
	beyond   map[ledger.ID]beyond       // receipt -> what came beyond it and is to go back
	ordered  map[ledger.ID]ledger.Order // quote -> order for tickets that was not paid yet
	debts    debts
	cleared  map[ledger.Key][]cleared                 // debtor of ours -> what we have confirmed
	ours     map[ledger.Key]bool                      // this node's person and device
	certs    map[ledger.ID][]byte                     // order -> certificate, while we pay it
	got      map[ledger.ID]owned                      // receipt of ours
	given    map[ledger.ID][]byte                     // ticket that was ours -> the one that somebody has for it
	railKeys map[string]ledger.RailKey                // the newest of each rail
	places   map[string][]byte                        // likewise, its entry
	fates    map[ledger.ID]fate                       // receipt, or ticket without one, of ours -> what its seller last said; in no ledger
	voids    map[ledger.ID]map[ledger.Key][]ledger.ID // likewise: the tickets that each device says are void
	allots   map[ledger.ID][]ledger.ID                // first version -> what others sell of it
	lendings map[ledger.ID]*lending                   // by allotment
	selling  map[ledger.ID]*stand                     // by allotment: those that this node sells from
	quotes   map[ledger.ID]quoted                     // of these: quote -> where it is
	sales    map[ledger.ID]ledger.ID                  // likewise, receipt -> allotment
	gone     map[ledger.ID]bool                       // first versions of offers that are cancelled
	wished   map[[16]byte]ledger.ID                   // nonce of what we pay or have paid -> order
	brought  map[ledger.ID]ledger.ID                  // order of ours -> receipt

	subscribed map[ledger.ID]subscribed // first version of the offer -> ours
	agreed     map[ledger.ID]terms      // order -> what is paid for, while we pay it
	onOffer    map[ledger.ID]OnOffer    // first version -> what its creator offers now; in no ledger
	shares     shareLists
}

// owned is a receipt of ours.
type owned struct {
	seller ledger.Key // the device
	host   ledger.Key // that of whoever let it sell; the same if it sold its own
	paid   ledger.Money
	back   ledger.Amount // of it, that came back
	until  int64         // unix seconds, when its tickets run out; 0 if it has none
}

// held is a ticket of ours.
type held struct {
	raw     []byte
	id      ledger.ID
	ticket  ledger.Ticket
	order   ledger.Order // which says what key holds it; the zero Order if it was given
	receipt ledger.ID    // likewise
	host    ledger.Key   // the device to ask for a transfer
}

func newLists(who doc.Author) lists {
	return lists{versions: map[ledger.ID]ledger.Listing{}, newest: map[ledger.ID]ledger.ID{}, rooms: map[ledger.Room][]ledger.ID{},
		reserved: map[ledger.ID]time.Time{}, empty: map[ledger.ID][]byte{}, refunds: map[ledger.ID][][]byte{},
		paying: map[ledger.ID]ledger.Entry{}, orders: map[ledger.ID]ledger.ID{},
		paid: map[ledger.ID]ledger.Order{}, held: map[ledger.Room][]held{}, allots: map[ledger.ID][]ledger.ID{},
		seating: newSeating(false), abroad: newSeating(true), late: map[ledger.ID]late{}, beyond: map[ledger.ID]beyond{}, ordered: map[ledger.ID]ledger.Order{}, debts: newDebts(), cleared: map[ledger.Key][]cleared{}, certs: map[ledger.ID][]byte{}, got: map[ledger.ID]owned{}, given: map[ledger.ID][]byte{}, fates: map[ledger.ID]fate{}, voids: map[ledger.ID]map[ledger.Key][]ledger.ID{},
		railKeys: map[string]ledger.RailKey{}, places: map[string][]byte{}, ours: map[ledger.Key]bool{who.Person: true, who.Device: true},
		lendings: map[ledger.ID]*lending{}, selling: map[ledger.ID]*stand{}, quotes: map[ledger.ID]quoted{}, sales: map[ledger.ID]ledger.ID{},
		gone: map[ledger.ID]bool{}, wished: map[[16]byte]ledger.ID{}, brought: map[ledger.ID]ledger.ID{}, subscribed: map[ledger.ID]subscribed{}, agreed: map[ledger.ID]terms{}, onOffer: map[ledger.ID]OnOffer{}, shares: newShareLists()}
}

// look brings the lists up to the ledger's end, and hands them to f, which must not keep them. It must not be called where
// the ledger is being written.
func (m *Market) look(f func(l *lists)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.store.Entries(m.lists.seen, func(n uint64, e ledger.Entry) bool {
		m.lists.add(e, m.id.Cert())
		m.lists.seating.add(e, m.id.Author().Person)
		m.lists.abroad.add(e, m.id.Author().Person)
		m.lists.debts.add(e)
		m.lists.shares.add(e)
		m.lists.allotted(n, e)
		m.lists.seen = n + 1
		return true
	})
	if err == nil {
		err = m.comeLate()
	}
	if err == nil {
		f(&m.lists)
	}
	return err
}

// comeLate takes in what was paid for quotes that are not remembered any more, so long after that nobody waited for it.
func (m *Market) comeLate() error {
	strays := m.lists.strays
	m.lists.strays = nil
	for _, s := range strays {
		var d ledger.Deal
		var left ledger.Money
		disputed := false
		if err := m.store.View(func(b *ledger.Books) (err error) {
			if d, err = b.Deal(s.quote); err != nil {
				return err
			}
			disputed = b.Disputed(s.receipt)
			left, err = b.Left(s.receipt)
			return err
		}); err != nil {
			return err
		}
		if d.Order.Purpose == ledger.ForTickets && left.Amount > 0 { // it may have gone back since
			m.lists.comesLate(s, d.Order)
			of := m.lists.late[s.receipt]
			of.disputed = disputed
			m.lists.late[s.receipt] = of
		}
	}
	return nil
}

// A stray is a payment whose quote is not remembered.
type stray struct {
	receipt, quote ledger.ID
	rail           string
	money          ledger.Money
	since          int64
}

func (l *lists) comesLate(s stray, o ledger.Order) {
	l.late[s.receipt] = late{order: o, quote: s.quote, rail: s.rail, money: s.money, since: s.since}
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
	case *ledger.RailKey:
		l.railKeys[b.Rail], l.places[b.Rail] = *b, e.Raw()
	case *ledger.Reserve:
		l.reserved[b.Quote] = time.UnixMilli(e.Time)
		if o, _, err := ledger.ReadDocument[ledger.Order](e.Docs[0]); err == nil && o.Purpose == ledger.ForTickets {
			l.ordered[b.Quote] = o
		}
	case *ledger.Sale:
		if len(b.Tickets) == 0 {
			l.empty[b.Receipt] = e.Docs[0]
		}
		if r, _, err := ledger.ReadDocument[ledger.Receipt](e.Docs[0]); err == nil {
			if len(b.Tickets) == 0 {
				s := stray{receipt: b.Receipt, quote: r.Quote, rail: r.Rail, money: r.Paid, since: e.Time}
				if o, forTickets := l.ordered[r.Quote]; forTickets {
					l.comesLate(s, o)
				} else if _, waits := l.reserved[r.Quote]; !waits {
					l.strays = append(l.strays, s)
				}
			}
			delete(l.ordered, r.Quote)
		}
	case *ledger.Refund:
		delete(l.empty, b.Receipt)
		delete(l.late, b.Receipt)
		if b.Of.IsZero() { // what follows a seller's is not the buyer's
			l.refunds[b.Receipt] = append(l.refunds[b.Receipt], e.Raw())
		}
	case *ledger.Dispute:
		l.contested(b)
	case *ledger.Surplus:
		l.surplus(b, e.Time)
	case *ledger.Pay:
		l.paying[b.Order], l.orders[b.Quote] = e, b.Order
		if o, _, err := ledger.ReadDocument[ledger.Order](e.Docs[0]); err == nil {
			l.paid[b.Order], l.certs[b.Order] = o, b.Cert
			l.wished[o.Nonce] = b.Order
			if o.Purpose == ledger.ForSubscription {
				l.agreed[b.Order] = termsOf(e, o, b)
			}
		}
	case *ledger.Void:
		delete(l.paying, l.orders[b.Quote])
		delete(l.wished, l.paid[l.orders[b.Quote]].Nonce)
	case *ledger.Got:
		r, _, err := ledger.ReadDocument[ledger.Receipt](e.Docs[0])
		if err != nil {
			return // the ledger has read it before
		}
		host := r.By
		if cert, err := doc.OpenCert(l.certs[r.Order], time.UnixMilli(e.Time)); err == nil {
			host = cert.Device // of whoever let the seller sell, if that is another
		}
		delete(l.paying, r.Order)
		delete(l.certs, r.Order)
		own := owned{seller: r.By, host: host, paid: r.Paid}
		l.brought[r.Order] = b.Receipt
		l.wished[l.paid[r.Order].Nonce] = r.Order // also if it had been given up
		if o := l.paid[r.Order]; o.Purpose == ledger.ForSubscription {
			l.subscribe(o, r.By, l.agreed[r.Order])
			delete(l.agreed, r.Order)
		}
		for _, raw := range e.Docs[1:] {
			if t, id, err := ledger.ReadDocument[ledger.Ticket](raw); err == nil {
				l.hold(held{raw, id, t, l.paid[r.Order], b.Receipt, host})
				own.until = t.NotAfter
			}
		}
		l.got[b.Receipt] = own
	case *ledger.Handed:
		l.handed(e)
	case *ledger.Clear:
		if s, _, err := ledger.ReadDocument[ledger.Settle](e.Docs[0]); err == nil && l.ours[s.Creditor] {
			l.cleared[s.Debtor] = append(l.cleared[s.Debtor], cleared{Settle: e.Docs[0], Settled: e.Docs[1]})
		}
	case *ledger.Refunded:
		l.refunded(e)
	}
}

// contested takes in a dispute of what came too late: lost, its money has gone back.
func (l *lists) contested(d *ledger.Dispute) {
	of, known := l.late[d.Receipt]
	if !known {
		return
	}
	if of.disputed = d.State == ledger.DisputeOpened; d.State == ledger.DisputeLost {
		of.money.Amount -= d.Money.Amount
	}
	if l.late[d.Receipt] = of; of.money.Amount == 0 {
		delete(l.late, d.Receipt)
		delete(l.empty, d.Receipt)
	}
}

// hold takes a ticket of ours in.
func (l *lists) hold(h held) { l.held[h.ticket.Room] = append(l.held[h.ticket.Room], h) }

// drop lets tickets of ours go.
func (l *lists) drop(gone func(held) bool) {
	for room, list := range l.held {
		l.held[room] = slices.DeleteFunc(list, gone)
	}
}

// handed takes in a ticket that changed hands.
func (l *lists) handed(e ledger.Entry) {
	last := e.Docs[len(e.Docs)-1]
	t, id, err := ledger.ReadDocument[ledger.Ticket](last)
	if err != nil {
		return // the ledger has read it before
	}
	if len(e.Docs) == 2 {
		if tr, _, err := ledger.ReadDocument[ledger.Transfer](e.Docs[0]); err == nil {
			l.drop(func(h held) bool { return h.id == tr.Ticket })
			l.given[tr.Ticket] = last
		}
	}
	if l.ours[t.Holder] {
		l.hold(held{raw: last, id: id, ticket: t, host: t.By})
	}
}

// refunded takes in what came back: who has all of the money has no ticket.
func (l *lists) refunded(e ledger.Entry) {
	theirs, err := ledger.ParseEntry(e.Docs[0])
	if err != nil {
		return // the ledger has read it before
	}
	if r, ok := theirs.Body.(*ledger.Refund); ok {
		o := l.got[r.Receipt]
		if o.back += r.Money.Amount; o.back >= o.paid.Amount {
			l.drop(func(h held) bool { return h.receipt == r.Receipt })
		}
		l.got[r.Receipt] = o
	}
}

func (l *lists) offered(first, id ledger.ID, room ledger.Room, listing ledger.Listing) {
	if _, known := l.newest[first]; !known {
		l.rooms[room] = append(l.rooms[room], first)
	}
	l.newest[first], l.versions[id] = id, listing
}

// offer is the newest version of an offer.
func (l *lists) offer(first ledger.ID) (*ledger.Offer, error) {
	e, err := ledger.ParseEntry(l.versions[l.newest[first]].Offer)
	if err != nil {
		return nil, err
	}
	o, ok := e.Body.(*ledger.Offer)
	if !ok {
		return nil, ledger.ErrKind
	}
	return o, nil
}
