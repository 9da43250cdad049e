package market

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/node/framed"
)

const (
	maxPeers     = 1024             // served at once
	maxStreams   = 4                // of one peer
	maxQuestions = 64               // on one stream
	maxHolds     = 8                // quotes of one peer that hold seats and are not paid
	idle         = 30 * time.Second // for the next question, and for an answer to be taken
	payWait      = 10 * time.Second // within which an answer to pay waits for the money
	lateFor      = 24 * time.Hour   // after its quote, a payment is looked for
)

// Serve answers one buyer until it has no more questions. from names the peer at the other end, as whatever carries the
// stream knows it.
func (m *Market) Serve(ctx context.Context, from string, s Stream) {
	if !m.enter(from) {
		s.Reset()
		return
	}
	defer m.leave(from)
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	if err := m.serve(ctx, from, s); err != nil {
		m.log.Debug("buyer dropped", "peer", from, "err", err)
		s.Reset()
		return
	}
	s.Close()
}

// enter takes a place for a stream, if there is one.
func (m *Market) enter(from string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.serving[from]
	if n == maxStreams || n == 0 && len(m.serving) == maxPeers {
		return false
	}
	m.serving[from]++
	return true
}

func (m *Market) leave(from string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.serving[from]--; m.serving[from] == 0 {
		delete(m.serving, from)
	}
}

func (m *Market) serve(ctx context.Context, from string, s Stream) error {
	in := bufio.NewReaderSize(s, 1<<10)
	var buf []byte
	for range maxQuestions {
		if err := s.SetDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
		var err error
		if buf, err = framed.Read(in, buf, maxQuestion); err != nil {
			return err // the buyer ends with its ack
		}
		question, err := decode(buf)
		if err != nil {
			return err
		}
		var answer message
		switch q := question.(type) {
		case ask:
			answer, err = m.shelf(q.Room)
		case order:
			answer, err = m.quote(ctx, from, q, nil)
		case tip:
			answer, err = m.bid(ctx, from, q)
		case takes:
			answer = m.waysToGive(q)
		case leave:
			answer, err = m.leaves(q)
		case via:
			return m.forward(ctx, q.Device, s, in)
		case pay:
			answer, err = m.paid(ctx, q)
		case news:
			answer, err = m.fate(q.Of)
		case move:
			answer, err = m.move(q)
		case settle:
			answer, err = m.claimed(q)
		case vouch:
			answer, err = m.vouched(q)
		case waited:
			answer, err = m.wanted(from, q)
		case others, lend, account, undo:
			answer, err = m.allotted(ctx, from, q)
		case earn:
			answer, err = m.earns(from, q)
		case dues:
			answer, err = m.takesDues(from, q)
		case carry:
			answer, err = m.carried(from, q)
		case ack:
			return nil
		default:
			return fmt.Errorf("%w: an answer for a question", errMessage)
		}
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, errMessage) {
				return err
			}
			m.log.Debug("buyer refused", "peer", from, "err", err)
			answer = coded(err)
		}
		out, err := encode(answer)
		if err != nil {
			return err
		}
		if err := s.SetDeadline(time.Now().Add(idle)); err != nil {
			return err
		}
		if _, err := s.Write(out); err != nil {
			return err
		}
	}
	return errors.New("too many questions")
}

// shelf lists what this node sells of a room.
func (m *Market) shelf(room ledger.Room) (message, error) {
	var found shelf
	size := 0
	err := m.look(func(l *lists) {
		for _, first := range l.rooms[room] {
			if room.IsZero() && l.gone[first] { // a subscription that is offered no more; a newer one may have its name
				continue
			}
			listing := l.versions[l.newest[first]]
			size += len(listing.Cert) + len(listing.Offer) + len(listing.Allot)
			if len(found.List) == maxListings || size > maxShelf {
				return
			}
			found.List = append(found.List, listing)
			found.Rails = append(found.Rails, m.ways(listing))
		}
	})
	return found, err
}

// mayTake reports whether a rail of ours may take what is for somebody: for others, whom we sell for, only the word that it is
// owed to them. Other money would come to us.
func (m *Market) mayTake(rail string, payee ledger.Key) bool {
	return rail == ledger.IOURail || payee == m.id.Author().Person
}

// lent is how much the buyer of an order may owe: to us, or to a host whom we sell for, who has said it.
func (m *Market) lent(o ledger.Order) ledger.Amount {
	if o.Payee == m.id.Author().Person || o.Purpose != ledger.ForTickets {
		return m.credit(o.Buyer, o.Price.Cur)
	}
	return m.lends(o.Payee, o.Price.Cur)
}

// lends is how much a buyer may owe a host whom we sell for.
func (m *Market) lends(host ledger.Key, cur ledger.Currency) ledger.Amount {
	if m.o.Lends == nil {
		return 0
	}
	return m.o.Lends(host, cur)
}

// ways are the rails that an offer can be paid by.
func (m *Market) ways(l ledger.Listing) []string {
	e, err := ledger.ParseEntry(l.Offer)
	if err != nil {
		return []string{} // the ledger has parsed it before
	}
	o, ok := e.Body.(*ledger.Offer)
	if !ok {
		return []string{}
	}
	if len(l.Allot) > 0 {
		of, err := ledger.ParseEntry(l.Allot)
		if err != nil {
			return []string{}
		}
		if a, ok := of.Body.(*ledger.Allot); ok && a.Payee != m.id.Author().Person {
			if m.lends(a.Payee, o.Price.Cur) > 0 {
				return []string{ledger.IOURail}
			}
			return []string{}
		}
	}
	return m.railsFor(o.Price)
}

// railsFor are the rails by which this node takes a price.
func (m *Market) railsFor(price ledger.Money) []string {
	ways := []string{}
	list, _ := m.rails.all()
	for name, r := range list {
		if r.takes(price) && (name != ledger.IOURail || m.credit(ledger.Key{}, price.Cur) > 0) {
			ways = append(ways, name)
		}
	}
	slices.Sort(ways)
	return ways[:min(len(ways), maxRails)]
}

// quote answers an order, which a card goes with if it is a tip. The rail is asked for an invoice in between, which takes its time and
// is in no transaction; what is free now may be gone then, and the invoice stays unpaid.
func (m *Market) quote(ctx context.Context, from string, q order, card []byte) (message, error) {
	o, id, err := ledger.OpenDocument[ledger.Order](q.Order)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	rail, known := m.rails.get(q.Rail)
	if !known || rail.Payee == nil {
		return nil, ErrRail
	}
	if o.Purpose == ledger.ForTickets && !m.mayTake(q.Rail, o.Payee) {
		return nil, ErrRail
	}
	if !rail.takes(o.Price) {
		if c, ok := rail.Payee.(Checkout); ok && c.Takes(o.Price.Cur) {
			return nil, ErrRail // too little for it
		}
		return nil, ErrCurrency
	}
	terms := ledger.Terms{Rail: q.Rail, Credit: m.lent(o), Card: card}
	var raw []byte
	var drafts []ledger.Draft
	decide := func(b *ledger.Books) (err error) {
		raw, drafts, err = b.Quote(m.id.Device(), q.Order, q.Note, terms)
		return err
	}
	now := time.Now()
	err = m.store.View(func(b *ledger.Books) error {
		b.Now = max(b.Now, now.UnixMilli())
		return decide(b)
	})
	if err != nil {
		return nil, err
	}
	if len(drafts) == 0 { // there is one
		return quote{Quote: raw}, nil
	}
	if !m.mayHold(from, now) || o.IsTip() && !m.mayTip(from, now) {
		return nil, ErrBusy
	}
	inv, err := rail.Payee.Create(ctx, Request{Ref: id, Amount: o.Price, Expires: now.Add(ledger.HoldFor)})
	if err != nil {
		return nil, fmt.Errorf("%w: invoice: %w", ErrSeller, err)
	}
	terms.Request, terms.Fee = inv.Request, inv.Fee
	_, err = m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		err := decide(b)
		return drafts, err
	})
	if err != nil {
		return nil, err
	}
	if len(drafts) > 0 {
		if reserve, ok := drafts[0].Body.(*ledger.Reserve); ok {
			m.hold(from, reserve.Quote, now)
		}
	}
	return quote{Quote: raw}, nil
}

// mayHold reports whether a peer has not yet as many unpaid quotes as one may have. It forgets those that have lapsed.
func (m *Market) mayHold(from string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for peer, quotes := range m.holds {
		for quote, until := range quotes {
			if !now.Before(until) {
				delete(quotes, quote)
			}
		}
		if len(quotes) == 0 {
			delete(m.holds, peer)
		}
	}
	return len(m.holds[from]) < maxHolds
}

func (m *Market) hold(from string, quote ledger.ID, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holds[from] == nil {
		m.holds[from] = map[ledger.ID]time.Time{}
	}
	m.holds[from][quote] = now.Add(ledger.HoldFor)
}

// paid answers whether the money for a quote is here, with what it brought. It waits a while for it.
func (m *Market) paid(ctx context.Context, q pay) (message, error) {
	patience := time.NewTimer(payWait)
	defer patience.Stop()
	for {
		m.mu.Lock()
		changed := m.changed
		m.mu.Unlock()
		brought, err := m.settle(ctx, q.Quote, q.Proof)
		if err != nil {
			return nil, err
		}
		if brought != nil {
			return *brought, nil
		}
		select {
		case <-changed:
		case <-patience.C:
			return wait{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// settle looks whether a quote is paid, books that, and sees to it that who paid has tickets or the money back. It returns
// nil while the money is not here.
func (m *Market) settle(ctx context.Context, quote ledger.ID, proof []byte) (*sold, error) {
	var d ledger.Deal
	err := m.store.View(func(b *ledger.Books) (err error) {
		d, err = b.Deal(quote)
		return err
	})
	if err != nil {
		return nil, err
	}
	rail, known := m.rails.get(d.Quote.Rail)
	if !known || rail.Payee == nil {
		return nil, ErrRail
	}
	if d.Sold == nil {
		if d.Sold, err = m.sell(ctx, rail.Payee, quote, d, proof); err != nil || d.Sold == nil {
			return nil, err
		}
	}
	return m.brought(ctx, rail.Payee, d)
}

// sell books a payment that the rail has. It returns nil if it has none.
func (m *Market) sell(ctx context.Context, rail Payee, quote ledger.ID, d ledger.Deal, proof []byte) (*ledger.Sold, error) {
	var ev Event
	var err error
	total := d.Quote.Total()
	if taker, ok := rail.(Taker); ok {
		if len(proof) == 0 {
			return nil, nil
		}
		ev, err = taker.Take(ctx, Bill{Ref: d.Quote.Order, Quote: quote, Request: d.Quote.Request, Total: total, Creditor: d.Order.Payee}, proof)
	} else {
		ev, err = rail.Lookup(ctx, d.Quote.Order)
		if err != nil {
			err = fmt.Errorf("%w: %w", ErrSeller, err)
		}
	}
	switch {
	case err != nil:
		return nil, err
	case ev.State == Failed:
		return nil, ErrFailed
	case ev.State == Expired && time.Now().UnixMilli() >= d.Quote.Expires,
		ev.State == Unknown && time.Since(time.UnixMilli(d.Quote.Expires)) > lateFor: // the rail has forgotten it
		return nil, fmt.Errorf("%w: nothing was paid", ledger.ErrExpired)
	case ev.State != Settled:
		return nil, nil
	case ev.Received.Cur != total.Cur || ev.Received.Amount < total.Amount:
		m.log.Warn("paid too little", "order", d.Quote.Order.Short(), "asked", total, "received", ev.Received)
		return nil, nil
	}
	p := ledger.Payment{Quote: quote, Proof: ev.Proof, Cost: ev.Cost, Beyond: ev.Received.Amount - total.Amount}
	if d.Quote.Rail == ledger.IOURail {
		p.IOU, p.Credit = ev.Proof, m.lent(d.Order)
	}
	var brought ledger.Sold
	_, err = m.store.Append(time.Now(), func(b *ledger.Books) (drafts []ledger.Draft, err error) {
		brought, drafts, err = b.Sell(m.id.Device(), p)
		return drafts, err
	})
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	for _, quotes := range m.holds {
		delete(quotes, quote)
	}
	close(m.changed)
	m.changed = make(chan struct{})
	m.mu.Unlock()
	if p.Beyond > 0 {
		m.returnSurplus(ctx, brought.Receipt)
	}
	return &brought, nil
}

// refund has a rail send money back. The error is ErrNoWayBack where it cannot.
func (m *Market) refund(ctx context.Context, rail Payee, ref ledger.ID, money ledger.Money, to string) (State, error) {
	r, can := rail.(Refunder)
	if !can {
		return Unknown, ErrNoWayBack
	}
	ev, err := r.Refund(ctx, ref, money, m.toAnew(ref, to))
	if errors.Is(err, ErrByHand) {
		err = fmt.Errorf("%w: %w", ErrNoWayBack, err)
	}
	return ev.State, err
}

// brought is what a buyer gets for a payment. If it came too late for its seats, and others were gone, the money goes back first.
func (m *Market) brought(ctx context.Context, rail Payee, d ledger.Deal) (*sold, error) {
	s := &sold{Receipt: d.Sold.Receipt, Tickets: d.Sold.Tickets}
	_, id, err := ledger.OpenDocument[ledger.Receipt](s.Receipt)
	if err != nil {
		return nil, err
	}
	look := func() error {
		return m.look(func(l *lists) { s.Offer, s.Refunds = l.versions[d.Order.Offer].Offer, l.refunds[id] })
	}
	if err := look(); err != nil {
		return nil, err
	}
	if d.Order.IsTip() {
		return s, m.showTip(d)
	}
	if d.Order.Purpose != ledger.ForTickets || len(s.Tickets) > 0 || len(s.Refunds) > 0 {
		return s, nil
	}
	left, disputed := ledger.Money{}, false
	if err := m.store.View(func(b *ledger.Books) (err error) {
		left, err = b.Left(id)
		disputed = b.Disputed(id)
		return err
	}); err != nil {
		return nil, err
	}
	switch {
	case disputed:
		return nil, ledger.ErrDisputed
	case left.Amount == 0:
		if err := look(); err != nil || len(s.Refunds) > 0 { // another stream was faster
			return s, err
		}
		return nil, ErrFailed // in a dispute: the buyer has it from the rail
	}
	if err := m.sendLate(ctx, rail, id, d.Quote.Rail, left, d.Order.Refund); err != nil {
		return nil, err
	}
	return s, look()
}

// heard takes a rail's news of an order, which is a hint to look. An error is worth to be tried again.
func (m *Market) heard(ctx context.Context, order ledger.ID) error {
	var quote ledger.ID
	var known bool
	err := m.store.View(func(b *ledger.Books) error {
		quote, known = b.QuoteOf(order)
		return nil
	})
	if err != nil || !known {
		return err
	}
	return m.lookAt(ctx, quote)
}

// lookAt settles a quote if it can be. What the books refuse is refused again, and is for a person to see.
func (m *Market) lookAt(ctx context.Context, quote ledger.ID) error {
	_, err := m.settle(ctx, quote, nil)
	if err == nil || errors.Is(err, ErrFailed) || errors.Is(err, ledger.ErrExpired) || errors.Is(err, ledger.ErrDisputed) ||
		errors.Is(err, ErrOnItsWay) || errors.Is(err, ErrNoWayBack) {
		return nil // what is still to go back, PayBack goes on with
	}
	if errors.Is(err, ErrSeller) || ctx.Err() != nil {
		return err
	}
	m.log.Error("a payment cannot be booked", "quote", quote.Short(), "err", err)
	return nil
}

// reconcile looks for the payments of a rail that came while nobody watched, and for refunds that were not sent.
func (m *Market) reconcile(ctx context.Context, rail string) error {
	var open []ledger.ID
	err := m.look(func(l *lists) {
		for quote, since := range l.reserved {
			if time.Since(since) > lateFor {
				delete(l.reserved, quote)
				delete(l.ordered, quote)
				continue
			}
			open = append(open, quote)
		}
		for _, raw := range l.empty {
			if r, _, err := ledger.OpenDocument[ledger.Receipt](raw); err == nil {
				open = append(open, r.Quote)
			}
		}
	})
	if err != nil {
		return err
	}
	for _, quote := range open {
		var d ledger.Deal
		one := m.store.View(func(b *ledger.Books) (err error) {
			d, err = b.Deal(quote)
			return err
		})
		if one == nil && d.Quote.Rail == rail {
			one = m.lookAt(ctx, quote)
		}
		err = errors.Join(err, one)
	}
	return err
}
