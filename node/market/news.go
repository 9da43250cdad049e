package market

import (
	"context"
	"errors"
	"slices"
	"time"

	"salon/ledger"
)

const (
	newsAgain = 5 * time.Minute
	newsFor   = 30 * 24 * time.Hour // after a ticket has run out, money may still come back
	maxAsked  = maxQuestions - 1    // of one stream
)

// fate says what became of a receipt or a ticket. Of what is not known nothing did.
func (m *Market) fate(of ledger.ID) (message, error) {
	var f fate
	disputed := map[ledger.ID][]*seat{} // by receipt
	err := m.look(func(l *lists) {
		f.Refunds = l.refunds[of]
		s := &l.seating
		first := ledger.ID{}
		for id, at := range s.of(of) {
			first = at.first
			switch p := s.receipts[at.receipt]; {
			case at.void || s.ended[at.first]:
				f.Void = append(f.Void, id)
			case p != nil && p.isDisputed(time.Now()):
				disputed[at.receipt] = append(disputed[at.receipt], at)
			}
		}
		if o, err := l.offer(first); err == nil {
			f.Starts, f.Ends = o.Starts, o.Ends
		}
	})
	if err != nil || len(disputed) == 0 {
		return f, err
	}
	err = m.store.View(func(b *ledger.Books) error {
		for receipt, seats := range disputed {
			frozen, err := b.FrozenSeats(receipt)
			if err != nil {
				return err
			}
			for _, at := range seats {
				if slices.Contains(frozen, at.serial) {
					f.Void = append(f.Void, at.id)
				}
			}
		}
		return nil
	})
	return f, err
}

// isFresh reports whether there may be news of a ticket that is good until then, in unix seconds.
func isFresh(until int64, now time.Time) bool { return now.Before(time.Unix(until, 0).Add(newsFor)) }

// News asks the sellers of what this node has bought, and the hosts of that and of what it was given, what became of it: money that came back is
// booked, and so are debts whose payment the creditor has confirmed. What the seller says of the rest is remembered, and is as good as the seller: the door decides. It tries all of them.
func (m *Market) News(ctx context.Context) error {
	ask := map[ledger.Key][]ledger.ID{} // by device
	now := time.Now()
	err := m.look(func(l *lists) {
		for _, room := range l.held {
			for _, h := range room {
				if h.receipt.IsZero() && isFresh(h.ticket.NotAfter, now) {
					ask[h.host] = append(ask[h.host], h.id)
				}
			}
		}
		for receipt, o := range l.got { // also of tickets that we gave away
			if o.until == 0 || !isFresh(o.until, now) || o.back >= o.paid.Amount {
				continue
			}
			ask[o.seller] = append(ask[o.seller], receipt)
			if o.host != o.seller { // who knows which seats are void, and gives back what was sold on its account
				ask[o.host] = append(ask[o.host], receipt)
			}
		}
	})
	err = errors.Join(err, m.askDebts(ctx), m.newsOfTiers(ctx, now))
	for device, list := range ask {
		for part := range slices.Chunk(list, maxAsked) {
			if ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			err = errors.Join(err, m.newsOf(ctx, device, part))
		}
	}
	return err
}

func (m *Market) newsOf(ctx context.Context, device ledger.Key, list []ledger.ID) error {
	c, done, err := m.call(ctx, device)
	if err != nil {
		return err
	}
	defer done()
	for _, of := range list {
		f, one := asked[fate](c, news{Of: of})
		if one != nil {
			return errors.Join(err, one)
		}
		err = errors.Join(err, m.bookRefunds(f.Refunds, time.Now()))
		f.Refunds = nil
		m.mu.Lock()
		m.lists.learn(of, device, f)
		m.mu.Unlock()
	}
	c.end()
	return err
}

// learn takes what a device says of a receipt or a ticket. Void is what the seller or the host says is, each by their last word: a
// payment that was disputed may count again. When the room is, its host says, if that has spoken.
func (l *lists) learn(of ledger.ID, device ledger.Key, f fate) {
	old, known := l.fates[of]
	said := l.voids[of]
	if said == nil {
		said = map[ledger.Key][]ledger.ID{}
		l.voids[of] = said
	}
	said[device], f.Void = f.Void, nil
	for _, list := range said {
		for _, id := range list {
			if !slices.Contains(f.Void, id) {
				f.Void = append(f.Void, id)
			}
		}
	}
	if o, bought := l.got[of]; known && bought && device != o.host && old.Ends > 0 || f.Ends == 0 {
		f.Starts, f.Ends = old.Starts, old.Ends
	}
	l.fates[of] = f
}

// end says that nothing more is asked, and waits until the other side has hung up: one stream after the other are not many at once.
func (c *conversation) end() {
	if c.say(ack{}) == nil {
		_, _ = c.in.ReadByte()
	}
}

// fateOf is what is known of a ticket of ours, beside what it says itself.
func (l *lists) fateOf(h held) (f fate, known bool) {
	if f, known = l.fates[h.receipt]; known && !h.receipt.IsZero() {
		return f, true
	}
	f, known = l.fates[h.id]
	return f, known
}

// stands is a ticket of ours as it is now, as far as its seller has said.
func (l *lists) stands(h held) Held {
	s := Held{ID: h.id, Ticket: h.ticket, Raw: h.raw, Starts: h.ticket.NotBefore * 1000, Ends: h.ticket.NotAfter * 1000}
	if f, known := l.fateOf(h); known {
		s.Void = slices.Contains(f.Void, h.id)
		if f.Starts >= 0 && f.Ends > f.Starts { // put off, or as it was
			s.Starts, s.Ends = f.Starts, f.Ends
		}
	}
	return s
}
