package market

import (
	"errors"
	"maps"
	"sync"
	"time"

	"salon/ledger"
)

// eachOffer calls f with the newest version of each offer that this node's person makes for a room, and its first. m.mu is held.
func (l *lists) eachOffer(room ledger.Room, f func(first ledger.ID, o ledger.Offer)) {
	for _, first := range l.rooms[room] {
		listing := l.versions[l.newest[first]]
		e, err := ledger.ParseEntry(listing.Offer)
		if err != nil || len(listing.Allot) > 0 { // somebody else's, which we only sell
			continue
		}
		if o, ok := e.Body.(*ledger.Offer); ok {
			f(first, *o)
		}
	}
}

// Price is what the cheapest ticket to a room of this node's person costs, and whether there is one.
func (m *Market) Price(room ledger.Room) (least ledger.Money, sells bool, err error) {
	err = m.look(func(l *lists) {
		l.eachOffer(room, func(_ ledger.ID, o ledger.Offer) {
			if !sells || o.Price.Cur == least.Cur && o.Price.Amount < least.Amount {
				least, sells = o.Price, true
			}
		})
	})
	return least, sells, err
}

// Takings are how one offer of a room sells.
type Takings struct {
	ledger.Seats
	Offer    ledger.Offer
	Refunded uint32          // tickets whose money went back
	Gross    ledger.Amount   // taken for tickets, without what went back
	Back     ledger.Amount   // what went back
	Parts    []ledger.Amount // of it, in the order of the split; the rest is the host's
	Last     []Sold          // the newest last

	first ledger.ID
}

// A Sold is one sale.
type Sold struct {
	Receipt ledger.ID
	Buyer   ledger.Key // made for this purchase, as a rule
	Count   uint32
	Money   ledger.Money // price without the rail's fee
	Rail    string
	Time    time.Time
	Back    ledger.Amount
	Dispute ledger.DisputeState // the newest; zero for none
}

const salesShown = 100 // of the newest

// sale is a Sold with the version of the offer that it is of.
type sale struct {
	Sold
	version ledger.ID
}

// sales are all sales that the ledger has, read as it grows. Reading them holds up no buyer: the lock is their own.
type sales struct {
	mu       sync.Mutex // guards the fields below
	seen     uint64
	all      []sale
	receipts map[ledger.ID]int // place in all
	quoted   map[ledger.ID]ordered
	forgot   bool // some of quoted
}

// ordered is an order for tickets or a subscription that was not paid yet.
type ordered struct {
	order ledger.Order
	quote ledger.Quote
}

// read brings the sales up to the ledger's end. s.mu is held.
func (s *sales) read(store *ledger.Store, now time.Time) error {
	if s.receipts == nil {
		s.receipts, s.quoted = map[ledger.ID]int{}, map[ledger.ID]ordered{}
	}
	quoted := len(s.quoted)
	maps.DeleteFunc(s.quoted, func(_ ledger.ID, q ordered) bool { return now.After(time.UnixMilli(q.quote.Expires).Add(lateFor)) })
	s.forgot = s.forgot || len(s.quoted) < quoted
	var strays []stray
	if err := store.Entries(s.seen, func(n uint64, e ledger.Entry) bool {
		if stray, is := s.add(e); is && s.forgot {
			strays = append(strays, stray)
		}
		s.seen = n + 1
		return true
	}); err != nil {
		return err
	}
	for _, one := range strays { // paid so late that its order was forgotten
		if err := store.View(func(b *ledger.Books) error {
			d, err := b.Deal(one.quote)
			if err != nil || d.Order.IsTip() {
				return err
			}
			left, err := b.Left(one.receipt)
			if err != nil {
				return err
			}
			s.put(one.receipt, ledger.Receipt{Rail: one.rail}, ordered{d.Order, d.Quote}, one.since)
			s.all[len(s.all)-1].Back = one.money.Amount - left.Amount
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// add takes the next entry, or returns a sale whose order is not remembered. The ledger has verified what is in it.
func (s *sales) add(e ledger.Entry) (one stray, is bool) {
	switch b := e.Body.(type) {
	case *ledger.Reserve:
		o, _, err := ledger.OpenDocument[ledger.Order](e.Docs[0])
		if err != nil || o.IsTip() {
			return one, false
		}
		if q, id, err := ledger.OpenDocument[ledger.Quote](e.Docs[1]); err == nil {
			s.quoted[id] = ordered{o, q}
		}
	case *ledger.Sale:
		if r, id, err := ledger.OpenDocument[ledger.Receipt](e.Docs[0]); err == nil {
			q, known := s.quoted[r.Quote]
			if known {
				s.put(id, r, q, e.Time)
			}
			delete(s.quoted, r.Quote)
			return stray{receipt: id, quote: r.Quote, rail: r.Rail, money: r.Paid, since: e.Time}, !known
		}
	case *ledger.Report:
		o, _, err1 := ledger.OpenDocument[ledger.Order](e.Docs[0])
		q, _, err2 := ledger.OpenDocument[ledger.Quote](e.Docs[1])
		r, id, err3 := ledger.OpenDocument[ledger.Receipt](e.Docs[2])
		if errors.Join(err1, err2, err3) == nil {
			s.put(id, r, ordered{o, q}, e.Time)
		}
	case *ledger.Refund:
		if i, known := s.receipts[b.Receipt]; known {
			s.all[i].Back += b.Money.Amount
		}
	case *ledger.Dispute:
		if i, known := s.receipts[b.Receipt]; known {
			if s.all[i].Dispute = b.State; b.State == ledger.DisputeLost {
				s.all[i].Back += b.Money.Amount
			}
		}
	}
	return one, false
}

func (s *sales) put(id ledger.ID, r ledger.Receipt, q ordered, at int64) {
	s.receipts[id] = len(s.all)
	s.all = append(s.all, sale{Sold{Receipt: id, Buyer: q.order.Buyer, Count: q.order.Count, Money: q.quote.Price, Rail: r.Rail, Time: time.UnixMilli(at)}, q.order.Offer})
}

// First names the offer, whatever its version.
func (s *Takings) First() ledger.ID { return s.first }

// Takings says how the offers of a room of this node's person sell, in the order in which they were made; of no room, the
// subscriptions to that person, those that are offered no more among them.
func (m *Market) Takings(room ledger.Room, now time.Time) ([]Takings, error) {
	var list []Takings
	of := map[ledger.ID]int{} // version or first version -> place in list
	err := m.look(func(l *lists) {
		l.eachOffer(room, func(first ledger.ID, o ledger.Offer) {
			of[first], list = len(list), append(list, Takings{Offer: o, first: first})
		})
		for id, listing := range l.versions {
			e, err := ledger.ParseEntry(listing.Offer)
			if err != nil {
				continue
			}
			if o, ok := e.Body.(*ledger.Offer); ok && o.Version > 1 {
				if i, own := of[o.First]; own {
					of[id] = i
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Parts = make([]ledger.Amount, len(list[i].Offer.Split))
		if err := m.store.View(func(b *ledger.Books) (err error) {
			list[i].Seats, err = b.Seats(list[i].first, now)
			return err
		}); err != nil {
			return nil, err
		}
	}
	m.sold.mu.Lock()
	defer m.sold.mu.Unlock()
	if err := m.sold.read(m.store, now); err != nil {
		return nil, err
	}
	for _, one := range m.sold.all {
		if i, ours := of[one.version]; ours {
			if err := list[i].take(one.Sold); err != nil {
				return nil, err
			}
		}
	}
	for i := range list {
		list[i].Last = list[i].Last[max(0, len(list[i].Last)-salesShown):]
	}
	return list, nil
}

// take adds one sale, as the books have it: what went back takes its shares with it.
func (s *Takings) take(one Sold) error {
	back := min(one.Back, one.Money.Amount)
	s.Gross += one.Money.Amount - back
	s.Back += back
	if back == one.Money.Amount {
		s.Refunded += one.Count
	}
	parts, err := ledger.Split(one.Money.Amount-back, s.Offer.Split)
	if err != nil {
		return err
	}
	for i := range s.Parts {
		s.Parts[i] += parts[i+1]
	}
	s.Last = append(s.Last, one)
	return nil
}
