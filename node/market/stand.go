package market

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
)

// A stand is an allotment of somebody's to this device: it sells while the host sleeps, and tells the host when that asks.
type stand struct {
	ledger.Listed
	device  ledger.Key // of the host
	allot   ledger.ID
	seats   uint32
	expires int64
	news    []happened // what the host is to know
}

// happened is where an entry is that the host is to know, and for a sale where its order and quote are.
type happened struct {
	what      deedKind
	at, order uint64
}

// quoted is where the order and the quote of a stand are.
type quoted struct {
	allot ledger.ID
	at    uint64
}

const (
	maxStands  = 64  // that have not ended
	newsAtOnce = 256 // entries looked at for one answer
)

// allotted answers what is asked about allotments.
func (m *Market) allotted(ctx context.Context, from string, q message) (message, error) {
	switch q := q.(type) {
	case others:
		return m.others(q.Room)
	case lend:
		return m.adopt(from, q)
	case account:
		return m.account(from, q)
	case undo:
		return m.undo(ctx, from, q)
	}
	return nil, errMessage
}

// lendWait is how long a node without a market waits to hear why it is called.
const lendWait = 5 * time.Second

// reread is a stream whose beginning was read.
type reread struct {
	Stream
	in io.Reader
}

func (r reread) Read(b []byte) (int, error) { return r.in.Read(b) }

// Lends reads the first question of a stream, for a node that has no market yet: whose seats of what room it is asked to sell. The
// stream that it returns is the whole one, for Serve. Whether the host is who it says, Serve finds out.
func Lends(s Stream) (ledger.Key, ledger.Room, Stream, error) {
	if err := s.SetDeadline(time.Now().Add(lendWait)); err != nil {
		return ledger.Key{}, ledger.Room{}, nil, err
	}
	in := bufio.NewReaderSize(s, 1<<10)
	raw, err := framed.Read(in, nil, maxQuestion)
	if err != nil {
		return ledger.Key{}, ledger.Room{}, nil, err
	}
	question, err := decode(raw)
	if err != nil {
		return ledger.Key{}, ledger.Room{}, nil, err
	}
	q, ok := question.(lend)
	if !ok {
		return ledger.Key{}, ledger.Room{}, nil, errMessage
	}
	listed, err := ledger.Listing{Cert: q.Cert, Offer: q.Offer, Allot: q.Allot}.Open(time.Now())
	return listed.Host, listed.Offer.Room, reread{s, io.MultiReader(bytes.NewReader(framed.Append(nil, raw)), in)}, err
}

// isFrom holds a peer to a device.
func (m *Market) isFrom(from string, device ledger.Key) error {
	if m.o.Device == nil || device.IsZero() || m.o.Device(from) != device {
		return ErrNotYours
	}
	return nil
}

// adopt takes an allotment, or a later version of its offer. Without an allotment it says whether it would take one.
func (m *Market) adopt(from string, q lend) (message, error) {
	now := time.Now()
	cert, err := doc.OpenCert(q.Cert, now)
	if err != nil {
		return nil, err
	}
	listed, err := ledger.Listing{Cert: q.Cert, Offer: q.Offer, Allot: q.Allot}.Open(now)
	if err != nil {
		return nil, err
	}
	own, asks := cert.Person == m.id.Author().Person, len(q.Allot) == 0
	switch {
	case m.isFrom(from, cert.Device) != nil, !asks && listed.Seller != m.id.Author().Device:
		return nil, ErrNotYours
	case !own && (m.o.Sells == nil || !m.o.Sells(cert.Person, listed.Offer.Room)):
		return nil, fmt.Errorf("%w: this node does not sell for that host", ErrNotYours)
	case asks:
		return done{}, nil
	}
	allot, err := ledger.ParseEntry(q.Allot)
	if err != nil {
		return nil, err
	}
	known, open := false, 0
	err = m.look(func(l *lists) {
		s := l.selling[allot.ID]
		known = s != nil && s.ID == listed.ID
		for _, s := range l.selling {
			if s.expires > now.UnixMilli() && s.allot != allot.ID {
				open++
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if open >= maxStands {
		return nil, ErrBusy
	}
	if listed.Payee == listed.Host && q.Credit > 0 && m.o.Lent != nil {
		if err := m.o.Lent(listed.Host, listed.Offer.Price.Cur, q.Credit); err != nil {
			return nil, err
		}
	}
	if known {
		return done{}, nil
	}
	_, err = m.store.Append(now, func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Adopt{Offer: listed.ID, Allot: allot.ID, Cert: q.Cert}, Docs: [][]byte{q.Offer, q.Allot}}}, nil
	})
	return done{}, err
}

// account tells the host what happened to an allotment. After its end what is left goes back.
func (m *Market) account(from string, q account) (message, error) {
	var s *stand
	find := func(l *lists) {
		if found := l.selling[q.Allot]; found != nil {
			s = &stand{device: found.device, expires: found.expires, news: found.news}
		}
	}
	if err := m.look(find); err != nil {
		return nil, err
	}
	if s == nil {
		return nil, fmt.Errorf("%w: allotment %s", ledger.ErrUnknown, q.Allot.Short())
	}
	if err := m.isFrom(from, s.device); err != nil {
		return nil, err
	}
	if now := time.Now(); q.End || now.UnixMilli() >= s.expires {
		_, err := m.store.Append(now, func(b *ledger.Books) (drafts []ledger.Draft, err error) {
			_, drafts, err = b.GiveUp(m.id.Device(), q.Allot)
			return drafts, err
		})
		if err != nil {
			return nil, err
		}
		if err := m.look(find); err != nil {
			return nil, err
		}
	}
	answer := accounted{News: []deed{}}
	list := s.news[min(q.After, uint64(len(s.news))):]
	size := 0
	for i, h := range list {
		n, err := m.deedOf(h)
		if err != nil {
			return nil, err
		}
		for _, raw := range n.Docs {
			size += len(raw)
		}
		if size > maxNews && i > 0 || i == newsAtOnce {
			answer.More = true
			break
		}
		answer.News = append(answer.News, n)
	}
	return answer, nil
}

// deedOf finds the documents of what happened.
func (m *Market) deedOf(h happened) (deed, error) {
	e, err := m.entry(h.at)
	if err != nil {
		return deed{}, err
	}
	n := deed{What: h.what}
	switch h.what {
	case deedRefunded, deedDisputed:
		n.Docs = [][]byte{e.Raw()}
	case deedReturned:
		n.Docs = [][]byte{e.Docs[0]}
	case deedSold:
		reserve, err := m.entry(h.order)
		if err != nil {
			return deed{}, err
		}
		sale, ok := e.Body.(*ledger.Sale)
		if !ok {
			return deed{}, fmt.Errorf("%w: %s", ledger.ErrKind, e.Kind)
		}
		n.Docs = append([][]byte{reserve.Docs[0], reserve.Docs[1], e.Docs[0]}, e.Docs[len(e.Docs)-len(sale.Tickets):]...)
	}
	return n, nil
}

// entry reads an entry of the ledger.
func (m *Market) entry(n uint64) (e ledger.Entry, err error) {
	found := false
	err = m.store.Entries(n, func(_ uint64, one ledger.Entry) bool { e, found = one, true; return false })
	if err == nil && !found {
		err = fmt.Errorf("%w: entry %d", ledger.ErrUnknown, n)
	}
	return e, err
}

// undo gives back what this node has taken for tickets of a host's room, as the host asks: for these seats or, if none is named, for
// all of a receipt. They are void in our books first; what cannot be sent at once is tried again until it is, and the host asks again.
func (m *Market) undo(ctx context.Context, from string, q undo) (message, error) {
	if q.Reason == 0 || q.Reason > ledger.ReasonDispute || len(q.Serials) > maxUndo {
		return nil, errMessage
	}
	var device ledger.Key
	ours := false
	err := m.look(func(l *lists) {
		if s := l.selling[l.sales[q.Receipt]]; s != nil {
			device, ours = s.device, s.Payee != s.Host
		}
	})
	switch {
	case err != nil:
		return nil, err
	case device.IsZero():
		return nil, fmt.Errorf("%w: receipt %s", ledger.ErrUnknown, q.Receipt.Short())
	}
	if err := m.isFrom(from, device); err != nil {
		return nil, err
	}
	if !ours {
		return nil, ErrElsewhere // the host has the money
	}
	if _, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		return b.Withdraw(q.Receipt, ascending(q.Serials), q.Reason)
	}); err != nil {
		return nil, err
	}
	// Who asks may hold its own: two that waited for each other would wait long.
	if !m.givingBack.TryLock() {
		return nil, ErrBusy
	}
	defer m.givingBack.Unlock()
	return done{}, m.giveBack(ctx, q.Receipt, Takeback{})
}

// allotted takes what the next entry, of that number, says of allotments.
func (l *lists) allotted(n uint64, e ledger.Entry) {
	switch b := e.Body.(type) {
	case *ledger.Allot:
		l.lendings[e.ID] = &lending{Allot: *b, id: e.ID, raw: e.Raw(), unheard: b.To - b.From}
		l.allots[b.Offer] = append(l.allots[b.Offer], e.ID)
	case *ledger.Cancel:
		l.gone[b.Offer] = true
	case *ledger.Adopt:
		l.adopted(b, e)
	case *ledger.Reserve:
		if o, _, err := ledger.ReadDocument[ledger.Order](e.Docs[0]); err == nil && len(l.selling) > 0 {
			if listing := l.versions[o.Offer]; len(listing.Allot) > 0 {
				if allot, err := ledger.ParseEntry(listing.Allot); err == nil {
					l.quotes[b.Quote] = quoted{allot.ID, n}
				}
			}
		}
	case *ledger.Sale:
		r, _, err := ledger.ReadDocument[ledger.Receipt](e.Docs[0])
		if err != nil {
			return // the ledger has read it before
		}
		q, ours := l.quotes[r.Quote]
		delete(l.quotes, r.Quote)
		if s := l.selling[q.allot]; ours && s != nil && len(b.Tickets) > 0 {
			l.sales[b.Receipt] = q.allot
			s.news = append(s.news, happened{deedSold, n, q.at})
		}
	case *ledger.Report:
		l.reported(e, len(b.Tickets))
	case *ledger.Refund:
		if s := l.selling[l.sales[b.Receipt]]; s != nil {
			s.news = append(s.news, happened{what: deedRefunded, at: n})
		}
	case *ledger.Dispute:
		if !b.Of.IsZero() {
			l.told(b)
		}
		if s := l.selling[l.sales[b.Receipt]]; s != nil {
			what := deedDisputed
			if b.State == ledger.DisputeLost {
				what = deedRefunded
			}
			s.news = append(s.news, happened{what: what, at: n})
		}
	case *ledger.Reclaim:
		ret, _, err := ledger.ReadDocument[ledger.Return](e.Docs[0])
		if err != nil {
			return
		}
		if s := l.selling[ret.Allot]; s != nil {
			s.news = append(s.news, happened{what: deedReturned, at: n})
		} else if a := l.lendings[ret.Allot]; a != nil {
			a.unheard -= min(a.unheard, a.To-ret.From+uint32(len(ret.Free)))
			a.To, a.back = ret.From, true
		}
	}
}

// reported takes in what a seller of ours has sold: of so many seats nothing more is to be heard.
func (l *lists) reported(e ledger.Entry, tickets int) {
	r, _, err := ledger.ReadDocument[ledger.Receipt](e.Docs[2])
	if err != nil {
		return // the ledger has read it before
	}
	for _, raw := range e.Docs[len(e.Docs)-tickets:] {
		t, _, err := ledger.ReadDocument[ledger.Ticket](raw)
		if err != nil {
			return // the ledger has read it before
		}
		for _, a := range l.lendings {
			if a.Seller != t.By || t.Serial < a.From || t.Serial >= a.To || !l.isOf(a, t) {
				continue
			}
			a.unheard -= min(a.unheard, 1)
			if r.Rail != ledger.IOURail && !l.ours[a.Payee] {
				a.contest = max(a.contest, time.UnixMilli(e.Time).Add(disputeFor).UnixMilli())
			}
		}
	}
}

// told takes in what a seller of ours says of a dispute.
func (l *lists) told(d *ledger.Dispute) {
	p := l.seating.receipts[d.Receipt]
	if p == nil {
		return
	}
	for _, id := range l.allots[p.first] {
		a := l.lendings[id]
		if a.Seller != p.by || !slices.ContainsFunc(p.serials, func(n uint32) bool { return n >= a.From && n < a.To }) {
			continue
		}
		if a.told == nil {
			a.told = map[ledger.ID]int64{}
		}
		if delete(a.told, d.Receipt); d.State == ledger.DisputeOpened {
			a.told[d.Receipt] = p.toldUntil().UnixMilli()
		}
	}
}

// isOf reports whether a ticket is of the offer that an allotment is of.
func (l *lists) isOf(a *lending, t ledger.Ticket) bool {
	o, err := l.offer(a.Offer)
	return err == nil && o.Room == t.Room && o.Class == t.Class
}

func (l *lists) adopted(b *ledger.Adopt, e ledger.Entry) {
	at := time.UnixMilli(e.Time)
	cert, err := doc.OpenCert(b.Cert, at)
	if err != nil {
		return
	}
	listed, err := ledger.Listing{Cert: b.Cert, Offer: e.Docs[0], Allot: e.Docs[1]}.Open(at)
	if err != nil {
		return
	}
	entry, err := ledger.ParseEntry(e.Docs[1])
	if err != nil {
		return
	}
	allot, ok := entry.Body.(*ledger.Allot)
	if !ok {
		return
	}
	s := l.selling[b.Allot]
	if s == nil {
		s = &stand{device: cert.Device, allot: b.Allot, seats: allot.To - allot.From, expires: allot.Expires}
		l.selling[b.Allot] = s
	}
	s.Listed = listed
}
