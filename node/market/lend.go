package market

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
)

// A lending is an allotment of ours to another device. To is where that has given the rest back from, if it has.
type lending struct {
	ledger.Allot
	id      ledger.ID
	raw     []byte
	back    bool
	unheard uint32 // seats of which we have heard neither that they were sold nor that they were given back
	contest int64  // unix ms: until when somebody may dispute what they paid the seller by a rail
	// told are the receipts that the seller says are disputed, and until when that counts, in unix ms: how it ended, it says too.
	told map[ledger.ID]int64
}

// isOpen reports whether its seller is to be asked: until it ends, until what was held then has lapsed or been paid, and for as long as
// we have not heard of every seat. Of a refund we hear in the same way, and ask for it when it is due; of a dispute only if we go on asking.
func (a *lending) isOpen(now time.Time) bool {
	until := max(time.UnixMilli(a.Expires).Add(lateFor).UnixMilli(), a.contest)
	for _, end := range a.told {
		until = max(until, end)
	}
	return a.unheard > 0 || now.UnixMilli() < until
}

// again is when its seller is to be asked next.
func (a *lending) again(now time.Time) time.Time {
	switch {
	case now.Before(time.UnixMilli(a.Expires).Add(lateFor)):
		return now
	case a.unheard > 0:
		return now.Add(syncLater)
	}
	return now.Add(syncSeldom)
}

// asking is how far a seller has told us of an allotment. It is not kept: after a restart we hear all of it again.
type asking struct {
	version ledger.ID // of the offer, that the seller has
	after   uint64
	next    time.Time // when it is asked again, long after the end
}

const (
	syncAgain   = 20 * time.Second
	syncLater   = 10 * time.Minute     // long after the end of an allotment: its seller may be gone for good
	syncSeldom  = time.Hour            // when all that can follow is a dispute
	disputeFor  = 120 * 24 * time.Hour // after a payment: the time that the card networks give to dispute it
	askedWithin = 20 * time.Second     // one seller
	maxLies     = 8                    // heard of one at a time
)

// Lend lets a device sell so many seats of a class, until then, for a payee. It is asked first, for what was allotted to somebody
// who does not want it nobody sells. What Lend returns is on disk; should the stream break then, the seller gets it by Sync.
func (m *Market) Lend(ctx context.Context, room ledger.Room, class uint8, seller, payee ledger.Key, seats uint32, until time.Time) (ledger.ID, error) {
	now := time.Now()
	var first ledger.ID
	var offered ledger.Listing
	busy := false
	err := m.look(func(l *lists) {
		for _, id := range l.rooms[room] {
			listing := l.versions[l.newest[id]]
			if e, err := ledger.ParseEntry(listing.Offer); err == nil && len(listing.Allot) == 0 {
				if o, ok := e.Body.(*ledger.Offer); ok && o.Class == class {
					first, offered = id, listing
				}
			}
		}
		for _, id := range l.allots[first] {
			a := l.lendings[id]
			busy = busy || a.Seller == seller && !a.back && now.UnixMilli() < a.Expires
		}
	})
	switch {
	case err != nil:
		return ledger.ID{}, err
	case first.IsZero():
		return ledger.ID{}, ledger.ErrNotOnSale
	case busy:
		return ledger.ID{}, fmt.Errorf("%w: an allotment to this device", ledger.ErrDuplicate)
	}
	if err := m.wouldSell(ctx, seller, offered); err != nil {
		return ledger.ID{}, err
	}
	entries, err := m.store.Append(now, func(b *ledger.Books) ([]ledger.Draft, error) { return b.Lend(first, seller, payee, seats, until) })
	if err != nil {
		return ledger.ID{}, err
	}
	if err := m.syncWith(ctx, seller, false); err != nil {
		m.log.Warn("a seller has not got its seats yet", "seller", seller.Short(), "err", err)
	}
	return entries[0].ID, nil
}

// wouldSell asks a device whether it takes seats of ours to sell.
func (m *Market) wouldSell(ctx context.Context, seller ledger.Key, offered ledger.Listing) error {
	c, end, err := m.call(ctx, seller)
	if err != nil {
		return err
	}
	defer end()
	_, err = asked[done](c, lend{Cert: offered.Cert, Offer: offered.Offer})
	return unreached(err)
}

// TakeBack ends what a device sells of a room. What it has neither sold nor held comes back at once, the rest when it is not
// bought in time.
func (m *Market) TakeBack(ctx context.Context, seller ledger.Key) error {
	return m.syncWith(ctx, seller, true)
}

// Sync hears from every device that sells for this node what it has sold, and gives it the newest version of what it sells.
func (m *Market) Sync(ctx context.Context) error {
	var sellers []ledger.Key
	now := time.Now()
	err := m.look(func(l *lists) {
		for id, a := range l.lendings {
			if !a.isOpen(now) || now.Before(m.asked[id].next) {
				continue
			}
			at := m.asked[id]
			at.next = a.again(now)
			m.asked[id] = at
			if !slices.Contains(sellers, a.Seller) {
				sellers = append(sellers, a.Seller)
			}
		}
	})
	if err != nil {
		return err
	}
	for _, seller := range sellers {
		if ctx.Err() != nil {
			break
		}
		if one := m.syncWith(ctx, seller, false); one != nil {
			err = errors.Join(err, one)
		}
	}
	return err
}

// lent is an allotment with what its seller needs.
type lent struct {
	lending
	listing ledger.Listing
	version ledger.ID
	gone    bool
}

func (m *Market) syncWith(ctx context.Context, seller ledger.Key, end bool) error {
	now := time.Now()
	return m.syncOf(ctx, seller, end, func(a *lending) bool { return a.isOpen(now) })
}

// syncOf brings some of a seller's allotments up to date.
func (m *Market) syncOf(ctx context.Context, seller ledger.Key, end bool, which func(*lending) bool) error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	var list []lent
	err := m.look(func(l *lists) {
		for _, a := range l.lendings {
			if version := l.newest[a.Offer]; a.Seller == seller && which(a) {
				list = append(list, lent{*a, l.versions[version], version, l.gone[a.Offer]})
			}
		}
	})
	if err != nil || len(list) == 0 {
		return err
	}
	slices.SortFunc(list, func(a, b lent) int { return int(a.Expires - b.Expires) })
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	c, done, err := m.call(ctx, seller)
	if err != nil {
		return err
	}
	defer done()
	for _, a := range list {
		if one := m.hear(c, a, end || a.gone); one != nil {
			if err = errors.Join(err, one); !errors.As(one, new(refusal)) {
				return err // the stream broke
			}
		}
	}
	return err
}

// hear brings one allotment up to date.
func (m *Market) hear(c *conversation, a lent, end bool) (no error) {
	m.mu.Lock()
	at := m.asked[a.id]
	m.mu.Unlock()
	if over := time.Now().UnixMilli() >= a.Expires; at.version != a.version && !over && !end {
		q := lend{Cert: a.listing.Cert, Offer: a.listing.Offer, Allot: a.raw}
		if o, err := ledger.ParseEntry(a.listing.Offer); err == nil && a.Payee == m.id.Author().Person {
			if offer, ok := o.Body.(*ledger.Offer); ok {
				q.Credit = m.credit(ledger.Key{}, offer.Price.Cur)
			}
		}
		// Who sells no more, being no co-host now, still says what it has sold.
		var refusal refusal
		switch _, err := asked[done](c, q); {
		case err == nil:
			at.version = a.version
			m.heardTo(a.id, at)
		case !errors.As(err, &refusal):
			return err
		default:
			no = err
		}
	}
	lies := 0
	for range maxQuestions / 2 {
		answer, err := asked[accounted](c, account{Allot: a.id, After: at.after, End: end})
		if err != nil {
			return err
		}
		for _, n := range answer.News {
			believed, err := m.bookNews(a, n)
			if err != nil {
				return err
			}
			at.after++
			m.heardTo(a.id, at)
			if !believed {
				if lies++; lies == maxLies {
					return fmt.Errorf("%w: too much of its account is not believed", ErrSeller)
				}
			}
		}
		if !answer.More || len(answer.News) == 0 {
			return no
		}
	}
	return no // the rest next time
}

func (m *Market) heardTo(allot ledger.ID, at asking) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[allot] = at
}

// bookNews takes into the books what a seller has done. What they refuse is not asked for again: it is for a person to see.
func (m *Market) bookNews(a lent, n deed) (bool, error) {
	draft, err := a.draft(n)
	if err == nil {
		_, err = m.store.Append(time.Now(), draft)
	}
	switch {
	case err == nil, errors.Is(err, ledger.ErrDuplicate):
		if err == nil && n.What == deedDisputed {
			m.log.Warn("a payment that a seller took is disputed, or that is decided", "seller", a.Seller.Short())
		}
		return true, nil
	case errors.Is(err, ledger.ErrBroken), errors.Is(err, ledger.ErrClosed):
		return false, err
	}
	m.log.Error("a seller's account is not believed", "seller", a.Seller.Short(), "what", n.What, "err", err)
	return false, nil
}

// draft is what a piece of news is in the books.
func (a lent) draft(n deed) (func(*ledger.Books) ([]ledger.Draft, error), error) {
	one := func(body ledger.Body) func(*ledger.Books) ([]ledger.Draft, error) {
		return func(*ledger.Books) ([]ledger.Draft, error) { return []ledger.Draft{{Body: body, Docs: n.Docs}}, nil }
	}
	switch {
	case n.What == deedSold && len(n.Docs) > 3:
		r := &ledger.Report{}
		var receipt ledger.Receipt
		var err error
		if receipt, r.Receipt, err = ledger.OpenDocument[ledger.Receipt](n.Docs[2]); err != nil {
			return nil, err
		}
		r.Order, r.Quote = receipt.Order, receipt.Quote
		for _, raw := range n.Docs[3:] {
			_, id, err := ledger.OpenDocument[ledger.Ticket](raw)
			if err != nil {
				return nil, err
			}
			r.Tickets = append(r.Tickets, id)
		}
		return one(r), nil
	case (n.What == deedRefunded || n.What == deedDisputed) && len(n.Docs) == 1:
		e, err := ledger.ParseEntry(n.Docs[0])
		if err != nil {
			return nil, err
		}
		if err := e.Verify(a.Seller); err != nil {
			return nil, err
		}
		return func(b *ledger.Books) ([]ledger.Draft, error) { return b.Follow(n.Docs[0]) }, nil
	case n.What == deedReturned && len(n.Docs) == 1:
		_, id, err := ledger.OpenDocument[ledger.Return](n.Docs[0])
		return one(&ledger.Reclaim{Return: id}), err
	}
	return nil, errMessage
}

// others lists who sells what we offer.
func (m *Market) others(room ledger.Room) (message, error) {
	answer := sellers{List: []stall{}}
	now, size := time.Now().UnixMilli(), 0
	err := m.look(func(l *lists) {
		for _, first := range l.rooms[room] {
			listing := l.versions[l.newest[first]]
			for _, id := range l.allots[first] {
				a := l.lendings[id]
				if now >= a.Expires || a.back || l.gone[first] {
					continue
				}
				s := stall{Listing: ledger.Listing{Cert: listing.Cert, Offer: listing.Offer, Allot: a.raw}, Addrs: [][]byte{}}
				if m.o.Where != nil {
					s.Addrs = append(s.Addrs, m.o.Where(a.Seller)...)
					s.Addrs = s.Addrs[:min(len(s.Addrs), maxAddrs)]
				}
				size += len(s.Listing.Cert) + len(s.Listing.Offer) + len(a.raw)
				if len(answer.List) == maxSellers || size > maxShelf {
					return
				}
				answer.List = append(answer.List, s)
			}
		}
	})
	return answer, err
}

// Sellers asks a device who else sells tickets to a host's room. Where they are is told to Options.Met.
func (m *Market) Sellers(ctx context.Context, device, host ledger.Key, room ledger.Room) ([]ledger.Key, error) {
	c, done, err := m.call(ctx, device)
	if err != nil {
		return nil, err
	}
	defer done()
	return m.sellers(c, device, host, room)
}

func (m *Market) sellers(c *conversation, device, host ledger.Key, room ledger.Room) ([]ledger.Key, error) {
	answer, err := asked[sellers](c, others{Room: room})
	if err != nil {
		return nil, err
	}
	var list []ledger.Key
	for _, s := range answer.List[:min(len(answer.List), maxSellers)] {
		l, err := s.Listing.Open(time.Now())
		if err != nil || l.Host != host || l.Offer.Room != room || l.Seller == device || l.Seller == m.id.Author().Device || slices.Contains(list, l.Seller) {
			continue
		}
		if list = append(list, l.Seller); m.o.Met != nil {
			m.o.Met(l.Seller, s.Addrs[:min(len(s.Addrs), maxAddrs)])
		}
	}
	return list, nil
}
