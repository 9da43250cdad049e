package ledger

import (
	"fmt"
	"slices"
	"strings"
)

// A Line is an entry as people read it: what it says, whom it is about, and what it moved.
type Line struct {
	Number   uint64 // among the entries of all epochs, from 0
	Epoch    uint32
	Entry    Entry
	Purpose  Purpose // of the order that it is about; 0 if there is none
	With     Key     // the other party, or the key made for this purchase; zero if there is none
	Rail     string  // empty if no money moves, or is asked for
	Sum      Money   // what it is about, as the documents say; no money if it is about none
	Name     string  // of an offer
	Tax      string  // that is stated, if there is any
	Word     bool    // money went back by the word of a person, and of no rail
	Count    uint32  // of tickets, seats or periods
	Postings []Posting
	Cur      Currency // of the postings
}

// Result is what a line means for who keeps the books. Gross is above zero for income, below for what was spent; Fee is
// what the rail took, Shares what others are due. What only changes hands, such as a debt that is paid, has no result.
type Result struct{ Gross, Fee, Shares, Net Amount }

// Result follows from the postings, as balances do: over all lines each part adds up to the balances of its accounts.
func (l Line) Result() Result {
	var r Result
	for _, p := range l.Postings {
		switch {
		case p.Account == ExpenseRail:
			r.Fee += p.Amount
		case p.Account == ExpenseShares:
			r.Shares += p.Amount
		case strings.HasPrefix(string(p.Account), "income:"), strings.HasPrefix(string(p.Account), "expense:"):
			r.Gross -= p.Amount
		}
	}
	r.Net = r.Gross - r.Fee - r.Shares
	return r
}

// Journal calls f with every line that there is when it is called, in order, until f returns an error. It replays the log
// from nothing, and verifies no signature: that is for Verify.
func (s *Store) Journal(f func(Line) error) error {
	var total uint64
	if err := s.View(func(b *Books) error { total = b.Total; return nil }); err != nil {
		return err
	}
	return s.journal(total, f)
}

// journal is Journal of the first entries.
func (s *Store) journal(total uint64, f func(Line) error) error {
	ix := &onDisk{memory: newMemory(), s: s}
	for n := range total {
		b, err := newBooks(ix)
		if err != nil {
			return err
		}
		e, err := b.recorded(n)
		if err != nil {
			return err
		}
		if err := b.apply(e); err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrCorrupt, n, err)
		}
		l, err := b.line(e)
		if err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrCorrupt, n, err)
		}
		l.Number = n
		if err := f(l); err != nil {
			return err
		}
	}
	return nil
}

// Last calls f with the newest n lines, in order, without what they moved: that depends on all lines before, and this does not
// read them.
func (s *Store) Last(n uint64, f func(Line) error) error {
	var total uint64
	if err := s.View(func(b *Books) error { total = b.Total; return nil }); err != nil {
		return err
	}
	epochs := map[ID]uint32{}
	for i := total - min(n, total); i < total; i++ {
		var l Line
		if err := s.View(func(b *Books) (err error) {
			if b.entry, err = b.recorded(i); err != nil {
				return err
			}
			if _, known := epochs[b.entry.Log]; !known {
				if epochs[b.entry.Log], err = b.epochOf(i, b.entry); err != nil {
					return err
				}
			}
			l, err = b.line(b.entry)
			return err
		}); err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrCorrupt, i, err)
		}
		l.Number, l.Epoch = i, epochs[l.Entry.Log]
		if err := f(l); err != nil {
			return err
		}
	}
	return nil
}

// epochOf is the epoch of the log of entry number n: its first entry says it.
func (b *Books) epochOf(n uint64, e Entry) (uint32, error) {
	if e.Seq > n {
		return 0, fmt.Errorf("%w: height %d", ErrChain, e.Seq)
	}
	first, err := b.recorded(n - e.Seq)
	if err != nil {
		return 0, err
	}
	open, ok := first.Body.(*Opened)
	if !ok {
		return 0, fmt.Errorf("%w: entry %d begins no log", ErrChain, n-e.Seq)
	}
	return open.Epoch, nil
}

// onDisk is an index in memory, of records that stay on disk.
type onDisk struct {
	*memory
	s *Store
}

func (o *onDisk) record(n uint64) []byte { return o.s.record(n) }

// line reads an entry: the one that was applied last, or one that was long ago, but then what was posted is another's.
func (b *Books) line(e Entry) (Line, error) {
	l := Line{Epoch: b.Epoch, Entry: e, Postings: slices.Clone(b.posted.list), Cur: b.posted.cur}
	switch body := e.Body.(type) {
	case *RailKey:
		l.Rail = body.Rail
	case *Offer:
		l.Name, l.Sum, l.Count, l.Tax = body.Name, body.Price, body.Seats, body.Tax
	case *Allot:
		l.With, l.Count = body.Payee, body.To-body.From
	case *Reserve:
		return l, l.quoted(b, body.Quote, payer)
	case *Sale:
		l.Count = uint32(len(body.Tickets))
		return l, l.paid(b, body.Receipt, payer)
	case *Report:
		l.Count = uint32(len(body.Tickets))
		return l, l.paid(b, body.Receipt, payer)
	case *Gift:
		t, err := document[Ticket](b, body.Ticket)
		l.With, l.Count = t.Holder, 1
		return l, err
	case *Move:
		tr, err := document[Transfer](b, body.Transfer)
		l.With, l.Count = tr.To, 1
		return l, err
	case *Revoke:
		l.Count = uint32(len(body.Serials))
	case *Refund:
		err := l.paid(b, body.Receipt, payer)
		l.Sum, l.Rail, l.Word = body.Money, body.Rail, body.Word
		return l, err
	case *Pay:
		return l, l.quoted(b, body.Quote, payee)
	case *Got:
		l.Count = uint32(len(body.Tickets))
		return l, l.paid(b, body.Receipt, payee)
	case *Void:
		return l, l.quoted(b, body.Quote, payee)
	case *Refunded:
		theirs, err := ParseEntry(e.Docs[0])
		if err != nil {
			return l, err
		}
		refund, ok := theirs.Body.(*Refund)
		if !ok {
			return l, mismatch("not a refund")
		}
		err = l.paid(b, refund.Receipt, payee)
		l.Sum, l.Rail, l.Word = refund.Money, refund.Rail, refund.Word
		return l, err
	case *Clear:
		settle, err := document[Settle](b, body.Settle)
		l.With, l.Sum, l.Rail = settle.Debtor, settle.Money, settle.Means
		if settle.Creditor != b.Person {
			l.With = settle.Creditor
		}
		return l, err
	case *Dispute:
		err := l.paid(b, body.Receipt, payer)
		l.Sum, l.Name = body.Money, body.State.String()
		return l, err
	case *Surplus:
		err := l.paid(b, body.Receipt, payer)
		l.Sum, l.Name, l.Word = body.Money, "came", body.Word
		if body.Back {
			l.Name = "back"
		}
		return l, err
	case *Divide:
		l.Sum, l.Count = body.Money, uint32(len(body.Parts))
	case *Payout:
		l.Rail, l.Count = IOURail, uint32(len(body.Legs))
		l.Sum.Cur = body.Cur
		for _, leg := range body.Legs {
			l.Sum.Amount += leg.Amount
		}
		if len(body.Legs) == 1 {
			l.With = body.Legs[0].To
		}
	case *Paid:
		s, err := document[Settle](b, body.Settle)
		l.With, l.Sum, l.Rail = s.Creditor, s.Money, s.Means
		return l, err
	case *Sent:
		s, _, err := b.paidShare(body.Settle)
		l.With, l.Sum, l.Rail = s.Creditor, s.Money, s.Means
		return l, err
	case *Unpaid:
		s, _, err := b.paidShare(body.Settle)
		l.With, l.Sum, l.Rail = s.Creditor, s.Money, s.Means
		return l, err
	case *Earned:
		s, err := document[Slip](b, body.Slip)
		if err != nil {
			return l, err
		}
		cert, err := openSlipCert(body.Cert, e.Time)
		l.With, l.Sum, l.Rail = cert.Person, Money{Amount: s.Change, Cur: s.Cur}, IOURail
		return l, err
	case *Unsubscribe:
		l.With = body.Buyer
	case *Freeze:
		l.With = body.By
	case *Handed:
		t, err := document[Ticket](b, body.Ticket)
		if l.With, l.Count = t.Holder, 1; t.Holder == b.Person || t.Holder == b.Device {
			l.With = Key{} // who gave it is not said
		}
		return l, err
	}
	return l, nil
}

// payer and payee are the two ends of an order: who is the other one depends on whose books these are.
func payer(o Order) Key { return o.Buyer }
func payee(o Order) Key { return o.Payee }

// quoted fills in what a quote and its order say.
func (l *Line) quoted(b *Books, quote ID, with func(Order) Key) error {
	q, err := document[Quote](b, quote)
	if err != nil {
		return err
	}
	o, err := document[Order](b, q.Order)
	if err != nil {
		return err
	}
	l.Purpose, l.With, l.Rail, l.Sum, l.Count = o.Purpose, with(o), q.Rail, q.Total(), o.Count
	return nil
}

// paid fills in what a receipt and its order say.
func (l *Line) paid(b *Books, receipt ID, with func(Order) Key) error {
	p, err := b.paidFor(receipt)
	if err != nil {
		return err
	}
	l.Purpose, l.With, l.Rail, l.Sum = p.order.Purpose, with(p.order), p.receipt.Rail, p.receipt.Paid
	l.Tax = p.receipt.Tax
	return nil
}

// A Balance is what is on one account.
type Balance struct {
	Account Account
	Money   Money
}

// Balances lists every account that has something on it, by currency and name.
func (s *Store) Balances() ([]Balance, error) {
	all, _, err := s.balances()
	return all, err
}

// balances are those after so many entries.
func (s *Store) balances() (all []Balance, total uint64, err error) {
	total, err = s.scan(keyBalance, func(b *Books, rest string) {
		cur, account := Currency(rest[:3]), Account(rest[3:])
		all = append(all, Balance{account, Money{Amount: b.Balance(cur, account), Cur: cur}})
	})
	return all, total, err
}
