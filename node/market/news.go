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
	err := m.look(func(l *lists) {
		f.Refunds = l.refunds[of]
		s := &l.seating
		first := ledger.ID{}
		for id, at := range s.of(of) {
			first = at.first
			if p := s.receipts[at.receipt]; at.void || s.ended[at.first] || p != nil && p.disputed {
				f.Void = append(f.Void, id)
			}
		}
		if o, err := l.offer(first); err == nil {
			f.Starts, f.Ends = o.Starts, o.Ends
		}
	})
	return f, err
}

// News asks the sellers of what this node has bought, and the hosts of what it was given, what became of that: money that came back is
// booked, and so are debts whose payment the creditor has confirmed. What the seller says of the rest is remembered, and is as good as the seller: the door decides. It tries all of them.
func (m *Market) News(ctx context.Context) error {
	ask := map[ledger.Key][]ledger.ID{} // by device
	now := time.Now()
	err := m.look(func(l *lists) {
		late := map[ledger.ID]bool{}
		for _, room := range l.held {
			for _, h := range room {
				of, device := h.id, h.host
				if !h.receipt.IsZero() {
					of, device = h.receipt, l.got[h.receipt].seller
				}
				if now.Before(time.Unix(h.ticket.NotAfter, 0).Add(newsFor)) && !late[of] {
					late[of] = true
					ask[device] = append(ask[device], of)
				}
			}
		}
	})
	err = errors.Join(err, m.askDebts(ctx))
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
		m.lists.fates[of] = f
		m.mu.Unlock()
	}
	c.end()
	return err
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
