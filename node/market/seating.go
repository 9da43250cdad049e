package market

import (
	"crypto/sha256"
	"slices"
	"time"

	"salon/ledger"
)

// seating is who has which seat of what this node's person offers, and what is due to go back for seats that are void; or, of others'
// offers, which seats this node has sold.
type seating struct {
	others   bool
	firsts   map[class]ledger.ID       // of offers of ours
	seats    map[place]ledger.ID       // place -> the ticket that is good
	tickets  map[ledger.ID]*seat       // by ticket, void ones too
	receipts map[ledger.ID]*paid       // of tickets
	sales    map[ledger.ID][]ledger.ID // first version -> receipts
	ended    map[ledger.ID]bool        // first versions that are cancelled
}

type class struct {
	room   ledger.Room
	number uint8
}

type place struct {
	first  ledger.ID
	serial uint32
}

// seat is a ticket that this node's person has issued, or let issue.
type seat struct {
	id ledger.ID
	place
	room    ledger.Room
	holder  ledger.Key
	receipt ledger.ID // zero for a gift
	void    bool
	moved   *handover // nil unless it was given to somebody
}

// handover is to whom a ticket was given, and what they got for it.
type handover struct {
	to     ledger.Key
	ticket []byte
}

// paid is what is known of a receipt for tickets.
type paid struct {
	first       ledger.ID
	room        ledger.Room
	by          ledger.Key // the device that sold them
	buyer       ledger.Key
	tickets     []ledger.ID // as they were sold
	rail        string
	money       ledger.Money
	back        ledger.Amount // of it, that went back
	lost        ledger.Amount // of that, in disputes, and not for seats whose money was due
	seats, void uint32
	kept        []uint32 // serials of the void ones whose money is kept
	gone        []uint32 // serials of the others
	serials     []uint32 // all, as they were sold
	others      bool     // somebody else took the money
	disputed    bool     // at the rail, and that is not decided
	told        int64    // unix ms, when its seller first said so; 0 if the rail is ours
	since       int64    // unix ms, when the last due began
	dues        []due
}

// A due is money that is to go back. Each is sent once, by its name, however often that is tried, and in order: what each
// brings the sum up to follows from the ledger alone, so that after a crash it is the same.
type due struct {
	ref  ledger.ID
	upTo ledger.Amount
	why  ledger.Reason
}

func newSeating(others bool) seating {
	return seating{others: others, firsts: map[class]ledger.ID{}, seats: map[place]ledger.ID{}, tickets: map[ledger.ID]*seat{}, receipts: map[ledger.ID]*paid{},
		sales: map[ledger.ID][]ledger.ID{}, ended: map[ledger.ID]bool{}}
}

// isDisputed reports whether a payment is disputed at the rail. What a seller says of its own counts until it should long have ended.
func (p *paid) isDisputed(now time.Time) bool {
	return p.disputed && (p.told == 0 || now.Before(p.toldUntil()))
}

func (p *paid) toldUntil() time.Time { return time.UnixMilli(p.told).Add(ledger.ToldFor) }

// owed is what is to go back still.
func (p *paid) owed() ledger.Money {
	if p.next() == nil {
		return ledger.Money{Cur: p.money.Cur}
	}
	return ledger.Money{Amount: p.dues[len(p.dues)-1].upTo - p.back, Cur: p.money.Cur}
}

// next is the first due that was not booked; nil if there is none.
func (p *paid) next() *due {
	i := slices.IndexFunc(p.dues, func(d due) bool { return d.upTo > p.back })
	if i < 0 {
		return nil
	}
	return &p.dues[i]
}

// owe makes what so many void seats were paid with due. No more than most can have gone back.
func (p *paid) owe(e ledger.Entry, receipt ledger.ID, void uint32, most ledger.Amount, why ledger.Reason) {
	p.since = e.Time
	h := sha256.New()
	h.Write([]byte("salon/market-refund/1\x00"))
	h.Write(e.ID[:])
	h.Write(receipt[:])
	upTo := ledger.PartOf(p.money.Amount, void, p.seats)
	upTo = min(upTo+p.lost, max(upTo, most)) // what a dispute took was for others, and may be rounded up
	p.dues = append(p.dues, due{ref: ledger.ID(h.Sum(nil)), upTo: upTo, why: why})
}

// add takes the next entry of the log of a person.
func (s *seating) add(e ledger.Entry, own ledger.Key) {
	switch b := e.Body.(type) {
	case *ledger.Offer:
		if b.Version == 1 && !b.Room.IsZero() && !s.others {
			s.firsts[class{b.Room, b.Class}] = e.ID
		}
	case *ledger.Adopt:
		if s.others {
			s.adopted(e)
		}
	case *ledger.Sale:
		s.sold(e, e.Docs[0], len(b.Tickets), false)
	case *ledger.Report:
		o, _, err := ledger.ReadDocument[ledger.Order](e.Docs[0])
		s.sold(e, e.Docs[2], len(b.Tickets), err != nil || o.Payee != own)
	case *ledger.Gift:
		s.issue(e.Docs[0], ledger.ID{})
	case *ledger.Move:
		s.move(e)
	case *ledger.Revoke:
		s.revoke(e, b)
	case *ledger.Cancel:
		s.ended[b.Offer] = true
		for _, receipt := range s.sales[b.Offer] {
			p := s.receipts[receipt]
			p.gone = slices.DeleteFunc(slices.Clone(p.serials), func(n uint32) bool { return slices.Contains(p.kept, n) })
			p.owe(e, receipt, uint32(len(p.gone)), p.money.Amount, b.Reason)
		}
	case *ledger.Refund:
		if p := s.receipts[b.Receipt]; p != nil {
			p.back += b.Money.Amount
		}
	case *ledger.Dispute:
		if p := s.receipts[b.Receipt]; p != nil {
			if !b.Of.IsZero() && p.told == 0 {
				p.told = e.Time
			}
			if p.disputed = b.State == ledger.DisputeOpened; b.State == ledger.DisputeLost {
				p.lost += max(b.Money.Amount-p.owed().Amount, 0)
				p.back += b.Money.Amount
			}
		}
	}
}

// adopted takes in an offer of somebody else's, of which this node sells seats.
func (s *seating) adopted(e ledger.Entry) {
	of, err := ledger.ParseEntry(e.Docs[0])
	if err != nil {
		return // the ledger has read it before
	}
	if o, ok := of.Body.(*ledger.Offer); ok {
		first := o.First
		if o.Version == 1 {
			first = of.ID
		}
		s.firsts[class{o.Room, o.Class}] = first
	}
}

// sold takes in the tickets of a sale, the last documents of its entry. Those of an offer that is somebody else's are not ours to
// take back.
func (s *seating) sold(e ledger.Entry, rawReceipt []byte, tickets int, others bool) {
	r, receipt, err := ledger.ReadDocument[ledger.Receipt](rawReceipt)
	if err != nil || tickets == 0 {
		return
	}
	p := &paid{by: r.By, rail: r.Rail, money: r.Paid, seats: uint32(tickets), others: others}
	for _, raw := range e.Docs[len(e.Docs)-tickets:] {
		at := s.issue(raw, receipt)
		if at == nil {
			return
		}
		p.first, p.room, p.buyer, p.tickets, p.serials = at.first, at.room, at.holder, append(p.tickets, at.id), append(p.serials, at.serial)
	}
	s.receipts[receipt] = p
	s.sales[p.first] = append(s.sales[p.first], receipt)
	if s.ended[p.first] { // paid for what was held then
		p.gone = p.serials
		p.owe(e, receipt, p.seats, p.money.Amount, ledger.ReasonCancelled)
	}
}

// issue takes a ticket in; nil if it is to somebody else's room.
func (s *seating) issue(raw []byte, receipt ledger.ID) *seat {
	t, id, err := ledger.ReadDocument[ledger.Ticket](raw)
	if err != nil {
		return nil // the ledger has read it before
	}
	first, ours := s.firsts[class{t.Room, t.Class}]
	if !ours {
		return nil
	}
	at := &seat{id: id, place: place{first, t.Serial}, room: t.Room, holder: t.Holder, receipt: receipt}
	s.tickets[id], s.seats[at.place] = at, id
	return at
}

func (s *seating) move(e ledger.Entry) {
	tr, _, err := ledger.ReadDocument[ledger.Transfer](e.Docs[0])
	if err != nil {
		return // the ledger has read it before
	}
	old := s.tickets[tr.Ticket]
	if old == nil {
		return
	}
	s.issue(e.Docs[1], old.receipt)
	old.void, old.moved = true, &handover{tr.To, e.Docs[1]}
}

// revoke takes the seats from who had them. Their money is due, unless they were taken from who abused them.
func (s *seating) revoke(e ledger.Entry, b *ledger.Revoke) {
	var touched []ledger.ID
	for _, serial := range b.Serials {
		at := s.tickets[s.seats[place{b.Offer, serial}]]
		if at == nil {
			continue
		}
		at.void = true
		delete(s.seats, at.place)
		p := s.receipts[at.receipt]
		if p == nil { // a gift
			continue
		}
		if p.void++; b.Reason == ledger.ReasonAbuse || b.Reason == ledger.ReasonDispute {
			p.kept = append(p.kept, serial)
			continue
		}
		if p.gone = append(p.gone, serial); !slices.Contains(touched, at.receipt) {
			touched = append(touched, at.receipt)
		}
	}
	for _, receipt := range touched {
		p := s.receipts[receipt]
		p.owe(e, receipt, p.void-uint32(len(p.kept)), ledger.PartOf(p.money.Amount, p.void, p.seats), b.Reason)
	}
}

// of are the tickets of a receipt that are known here, or the one ticket of that name.
func (s *seating) of(what ledger.ID) map[ledger.ID]*seat {
	found := map[ledger.ID]*seat{}
	if at := s.tickets[what]; at != nil {
		found[what] = at
	}
	if p := s.receipts[what]; p != nil {
		for _, id := range p.tickets {
			found[id] = s.tickets[id]
		}
	}
	return found
}
