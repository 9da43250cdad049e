package market

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// What the ledger says of shares: whom they are owed to, and who owes them to us.

// payee is who is told of slips.
type payee struct {
	slips   map[slipOf][]byte
	settles map[ledger.ID]going
	changes uint64 // counts up
}

type slipOf struct {
	cut ledger.Cut
	cur ledger.Currency
}

// going is a payment of shares that is on its way.
type going struct {
	raw     []byte
	request string
	money   ledger.Money
	means   string
	time    int64
	sent    bool // a rail says that it is there
}

// earnedFrom is what somebody owes us, by their slips.
type earnedFrom struct {
	person ledger.Key
	slips  map[slipOf]ledger.Slip
}

// shareLists are what the ledger says of shares, of others and of ours.
type shareLists struct {
	payees map[ledger.Key]*payee      // by person
	going  map[ledger.ID]ledger.Key   // payment -> whom it is for
	earned map[ledger.Key]*earnedFrom // by the device that signs
}

func newShareLists() shareLists {
	return shareLists{map[ledger.Key]*payee{}, map[ledger.ID]ledger.Key{}, map[ledger.Key]*earnedFrom{}}
}

func (l *shareLists) payee(who ledger.Key) *payee {
	p := l.payees[who]
	if p == nil {
		p = &payee{slips: map[slipOf][]byte{}, settles: map[ledger.ID]going{}}
		l.payees[who] = p
	}
	p.changes++
	return p
}

// add takes the next entry.
func (l *shareLists) add(e ledger.Entry) {
	switch b := e.Body.(type) {
	case *ledger.Payout:
		for i, leg := range b.Legs {
			l.payee(leg.To).slips[slipOf{leg.Cut, b.Cur}] = e.Docs[i]
		}
	case *ledger.Paid:
		if s, id, err := ledger.ReadDocument[ledger.Settle](e.Docs[0]); err == nil {
			l.going[id] = s.Creditor
			l.payee(s.Creditor).settles[id] = going{raw: e.Docs[0], request: b.Request, money: s.Money, means: s.Means, time: e.Time}
		}
	case *ledger.Sent:
		if who, known := l.going[b.Settle]; known {
			p := l.payees[who]
			g := p.settles[b.Settle]
			g.sent = true
			p.settles[b.Settle] = g
		}
	case *ledger.Unpaid:
		l.ended(b.Settle)
	case *ledger.Clear:
		l.ended(b.Settle)
	case *ledger.Earned:
		s, _, err := ledger.ReadDocument[ledger.Slip](e.Docs[0])
		if err != nil {
			return // the ledger has read it before
		}
		from := l.earned[s.By]
		if from == nil {
			from = &earnedFrom{slips: map[slipOf]ledger.Slip{}}
			l.earned[s.By] = from
		}
		if cert, err := doc.OpenCert(b.Cert, time.UnixMilli(e.Time)); err == nil {
			from.person = cert.Person
		}
		from.slips[slipOf{s.Cut, s.Cur}] = s
	}
}

func (l *shareLists) ended(settle ledger.ID) {
	if who, known := l.going[settle]; known {
		delete(l.payee(who).settles, settle)
		delete(l.going, settle)
	}
}

// Divide divides all that has come into a room's pool by what each has carried. Dividing it so again does nothing.
func (m *Market) Divide(room ledger.Room, cur ledger.Currency, parts []ledger.Part) error {
	_, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) { return b.Divides(room, cur, parts) })
	return err
}

// Pooled is what has come into a room's pool, and what of it was divided.
func (m *Market) Pooled(room ledger.Room, cur ledger.Currency) (came, divided ledger.Amount, err error) {
	err = m.store.View(func(b *ledger.Books) error {
		came, divided = b.Pooled(room, cur)
		return nil
	})
	return came, divided, err
}

// A Share is what somebody is owed in one currency.
type Share struct {
	To      ledger.Key
	Cur     ledger.Currency
	Waiting map[ledger.Cut]ledger.Amount // for the next payout; below zero if refunds took more than was left
	Due     ledger.Due                   // by slips
}

var shareAccounts = map[string]ledger.Cut{"share": ledger.CutCoHost, "relay": ledger.CutRelays, "charity": ledger.CutCharity, "fund": ledger.CutFund}

// Shares lists all who are or were owed shares, in order.
func (m *Market) Shares() ([]Share, error) {
	type key struct {
		to  ledger.Key
		cur ledger.Currency
	}
	all := map[key]*Share{}
	of := func(to ledger.Key, cur ledger.Currency) *Share {
		s := all[key{to, cur}]
		if s == nil {
			s = &Share{To: to, Cur: cur, Waiting: map[ledger.Cut]ledger.Amount{}}
			all[key{to, cur}] = s
		}
		return s
	}
	balances, err := m.store.Balances()
	if err != nil {
		return nil, err
	}
	for _, b := range balances {
		kind, name, _ := strings.Cut(string(b.Account), ":")
		cut, known := shareAccounts[kind]
		if !known {
			continue
		}
		if to, err := doc.ParsePublicKey(name); err == nil {
			of(to, b.Money.Cur).Waiting[cut] = -b.Money.Amount
		}
	}
	if err := m.look(func(l *lists) {
		for to, p := range l.shares.payees {
			for at := range p.slips {
				of(to, at.cur)
			}
		}
	}); err != nil {
		return nil, err
	}
	list := make([]Share, 0, len(all))
	err = m.store.View(func(b *ledger.Books) error {
		for _, s := range all {
			s.Due = b.Due(s.Cur, s.To)
			list = append(list, *s)
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Share) int {
		return cmp.Or(cmp.Compare(a.Cur, b.Cur), cmp.Compare(a.To.String(), b.To.String()))
	})
	return list, err
}
