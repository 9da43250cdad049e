package market

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// A debt by IOU is settled outside of salon: the debtor's node says so to the creditor's, a person there confirms that the money came,
// and both books say so. A key that was made for one purchase owes by itself: what one person settles may be of several, and has a
// number in common.

const (
	maxClaims    = 256 // that wait for a person, of all debtors
	maxClaimsOne = 4   // of one key
	maxCleared   = 64  // told at once, the newest
)

// debts are what the keys of this node owe by IOU.
type debts struct {
	keys     map[between]*debt
	quotes   map[ledger.ID]*iou
	receipts map[ledger.ID]*iou
}

type between struct{ debtor, creditor ledger.Key }

type debt struct {
	between
	device ledger.Key   // of the creditor
	order  ledger.Order // which says what the private key is
	owes   map[ledger.Currency]ledger.Amount
}

type iou struct {
	of    *debt
	money ledger.Money
	void  bool
}

func newDebts() debts {
	return debts{keys: map[between]*debt{}, quotes: map[ledger.ID]*iou{}, receipts: map[ledger.ID]*iou{}}
}

// add takes the next entry.
func (d *debts) add(e ledger.Entry) {
	switch b := e.Body.(type) {
	case *ledger.Pay:
		if !b.IOU.IsZero() {
			d.borrow(e, b)
		}
	case *ledger.Void:
		if u := d.quotes[b.Quote]; u != nil && !u.void {
			u.void = true
			u.of.owes[u.money.Cur] -= u.money.Amount
		}
	case *ledger.Got:
		r, _, err := ledger.ReadDocument[ledger.Receipt](e.Docs[0])
		if u := d.quotes[r.Quote]; err == nil && u != nil {
			d.receipts[b.Receipt] = u
			if u.void { // it went through after all
				u.void = false
				u.of.owes[u.money.Cur] += u.money.Amount
			}
		}
	case *ledger.Refunded:
		if theirs, err := ledger.ParseEntry(e.Docs[0]); err == nil {
			if r, ok := theirs.Body.(*ledger.Refund); ok && d.receipts[r.Receipt] != nil {
				d.receipts[r.Receipt].of.owes[r.Money.Cur] -= r.Money.Amount
			}
		}
	case *ledger.Clear:
		s, _, err := ledger.ReadDocument[ledger.Settle](e.Docs[0])
		if of := d.keys[between{s.Debtor, s.Creditor}]; err == nil && of != nil {
			of.owes[s.Money.Cur] -= s.Money.Amount
		}
	}
}

func (d *debts) borrow(e ledger.Entry, p *ledger.Pay) {
	o, _, err := ledger.ReadDocument[ledger.Order](e.Docs[0])
	if err != nil {
		return // the ledger has read it before
	}
	q, _, err := ledger.ReadDocument[ledger.Quote](e.Docs[1])
	if err != nil {
		return
	}
	who := between{o.Buyer, o.Payee}
	of := d.keys[who]
	if of == nil {
		of = &debt{between: who, order: o, owes: map[ledger.Currency]ledger.Amount{}}
		d.keys[who] = of
	}
	of.device = q.By
	if cert, err := doc.OpenCert(p.Cert, time.UnixMilli(e.Time)); err == nil && cert.Person == o.Payee {
		of.device = cert.Device // a co-host sold it on the host's account
	}
	of.owes[q.Price.Cur] += q.Total().Amount
	d.quotes[p.Quote] = &iou{of: of, money: q.Total()}
}

// vouched takes in whose device somebody is. That it is theirs who ask, the signature of their order says.
func (m *Market) vouched(q vouch) (message, error) {
	cert, err := doc.OpenCert(q.Cert, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	if m.vouch == nil {
		return vouched{}, nil
	}
	return vouched{}, m.vouch(doc.Author{Person: cert.Person, Device: cert.Device})
}

func (d *debt) owesAny() bool {
	for _, a := range d.owes {
		if a > 0 {
			return true
		}
	}
	return false
}

// A Claim is a debtor's word that a debt was paid, which waits for whom it was paid to.
type Claim struct {
	Number  [16]byte // of all keys of one settlement
	Debtors []ledger.Key
	Money   ledger.Money
	Means   string
	Time    time.Time
}

type claim struct {
	raw    []byte
	settle ledger.Settle
}

// debtDomain is what a debtor signs in to ask: the device that is asked.
const debtDomain = "salon/market-debt/1"

// claimed takes a debtor's word, if there is a debt, and answers with what is cleared between the two.
func (m *Market) claimed(q settle) (message, error) {
	if asked := m.id.Author().Device; !q.Debtor.Verify(debtDomain, asked[:], q.Sig) {
		return nil, fmt.Errorf("%w: %w", errMessage, doc.ErrSignature)
	}
	if len(q.Settle) > 0 {
		s, id, err := ledger.OpenDocument[ledger.Settle](q.Settle)
		if err != nil || s.Debtor != q.Debtor {
			return nil, fmt.Errorf("%w: %w", errMessage, err)
		}
		if err := m.claim(s, id, q.Settle); err != nil {
			return nil, err
		}
	}
	answer := settled{List: []cleared{}}
	err := m.look(func(l *lists) {
		list := l.cleared[q.Debtor]
		answer.List = append(answer.List, list[max(0, len(list)-maxCleared):]...)
	})
	return answer, err
}

func (m *Market) claim(s ledger.Settle, id ledger.ID, raw []byte) error {
	var owed ledger.Amount
	done := false
	if err := m.store.View(func(b *ledger.Books) error {
		owed, done = b.Balance(s.Money.Cur, ledger.Receivable(s.Debtor)), b.IsSettled(id)
		return nil
	}); err != nil || done {
		return err
	}
	if s.Creditor != m.id.Author().Person || s.Money.Amount > owed {
		return fmt.Errorf("%w: %s is owed", ledger.ErrTooMuch, ledger.Money{Amount: owed, Cur: s.Money.Cur})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.claims[id]; known {
		return nil
	}
	of := 0
	for _, c := range m.claims {
		if c.settle.Debtor == s.Debtor {
			of++
		}
	}
	if of >= maxClaimsOne || len(m.claims) >= maxClaims {
		return ErrBusy
	}
	m.claims[id] = claim{raw, s}
	return nil
}

// Claims lists what debtors say that they have paid, the oldest first. It is in memory alone: whose word is lost says it again.
func (m *Market) Claims() []Claim {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[[16]byte]*Claim{}
	for _, c := range m.claims {
		one := all[c.settle.Nonce]
		if one == nil {
			one = &Claim{Number: c.settle.Nonce, Means: c.settle.Means, Time: time.UnixMilli(c.settle.Time), Money: ledger.Money{Cur: c.settle.Money.Cur}}
			all[c.settle.Nonce] = one
		}
		if one.Money.Cur == c.settle.Money.Cur && one.Means == c.settle.Means {
			one.Money.Amount += c.settle.Money.Amount
			one.Debtors = append(one.Debtors, c.settle.Debtor)
		}
	}
	var list []Claim
	for _, c := range all {
		slices.SortFunc(c.Debtors, func(a, b ledger.Key) int { return cmp.Compare(a.String(), b.String()) })
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Claim) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(string(a.Number[:]), string(b.Number[:])))
	})
	return list
}

// Received confirms that the money of a claim came, or some of it did: all keys that it lists are booked. The debtors hear of it when
// they ask.
func (m *Market) Received(c Claim) error {
	m.mu.Lock()
	var raws [][]byte
	for id, one := range m.claims {
		if one.settle.Nonce == c.Number && one.settle.Money.Cur == c.Money.Cur && one.settle.Means == c.Means && slices.Contains(c.Debtors, one.settle.Debtor) {
			raws = append(raws, one.raw)
			delete(m.claims, id)
		}
	}
	m.mu.Unlock()
	if len(raws) == 0 {
		return fmt.Errorf("%w: no such claim", ledger.ErrUnknown)
	}
	rail := NewIOU(m.store, m.id.Device())
	var err error
	for _, raw := range raws {
		_, one := rail.Confirm(raw, time.Now())
		err = errors.Join(err, one)
	}
	return err
}

// Settle tells a creditor that a debt was paid outside of salon, some or all of what the keys of this node owe. A person confirms it, in
// their time: the books say so when News has asked.
func (m *Market) Settle(ctx context.Context, creditor ledger.Key, money ledger.Money, means string) error {
	var parts []part
	left := money.Amount
	if err := m.look(func(l *lists) {
		for _, of := range l.debts.keys {
			if of.creditor == creditor && of.owes[money.Cur] > 0 {
				parts = append(parts, part{of.debtor, of.device, m.KeyOf(of.order), of.owes[money.Cur]})
			}
		}
	}); err != nil {
		return err
	}
	// The same every time: the largest first, so that few keys are named.
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(b.owes, a.owes), cmp.Compare(a.debtor.String(), b.debtor.String()))
	})
	var owes ledger.Amount
	for _, p := range parts {
		owes += p.owes
	}
	if money.Amount <= 0 || money.Amount > owes {
		return fmt.Errorf("%w: %s is owed", ledger.ErrTooMuch, ledger.Money{Amount: owes, Cur: money.Cur})
	}
	s := ledger.Settle{Creditor: creditor, Means: means, Time: time.Now().UnixMilli()}
	rand.Read(s.Nonce[:])
	say := map[ledger.Key][]settle{} // by device
	for _, p := range parts {
		if left == 0 {
			break
		}
		if p.key.IsZero() { // of a device before a restore
			return ErrNoKey
		}
		s.Money = ledger.Money{Amount: min(left, p.owes), Cur: money.Cur}
		raw, err := NewIOU(m.store, m.id.Device()).Settle(p.key, s)
		if err != nil {
			return err
		}
		say[p.device] = append(say[p.device], settle{Debtor: p.debtor, Settle: raw, Sig: p.key.Sign(debtDomain, p.device[:])})
		left -= s.Money.Amount
	}
	return m.tellAll(ctx, say)
}

// tellAll tells each device what is for it. It tries all of them.
func (m *Market) tellAll(ctx context.Context, say map[ledger.Key][]settle) (err error) {
	for device, list := range say {
		for some := range slices.Chunk(list, maxAsked) {
			if ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			}
			err = errors.Join(err, m.tell(ctx, device, some))
		}
	}
	return err
}

// part is what one key owes.
type part struct {
	debtor, device ledger.Key
	key            doc.PrivateKey
	owes           ledger.Amount
}

// tell says something of debts, and books what the creditor has cleared.
func (m *Market) tell(ctx context.Context, device ledger.Key, list []settle) error {
	c, done, err := m.call(ctx, device)
	if err != nil {
		return err
	}
	defer done()
	for _, q := range list {
		answer, err := asked[settled](c, q)
		if err != nil {
			return err
		}
		for _, one := range answer.List[:min(len(answer.List), maxCleared)] {
			s, _, err := ledger.OpenDocument[ledger.Settle](one.Settle)
			if err != nil {
				return err
			}
			if s.Debtor != q.Debtor {
				return fmt.Errorf("%w: a settlement of another key", ledger.ErrMismatch)
			}
			if err := NewIOU(m.store, m.id.Device()).Cleared(one.Settle, one.Settled, time.Now()); err != nil {
				return err
			}
		}
	}
	c.end()
	return nil
}

// askDebts asks the creditors what they have cleared.
func (m *Market) askDebts(ctx context.Context) error {
	say := map[ledger.Key][]settle{}
	err := m.look(func(l *lists) {
		for _, of := range l.debts.keys {
			if key := m.KeyOf(of.order); !key.IsZero() && of.owesAny() {
				say[of.device] = append(say[of.device], settle{Debtor: of.debtor, Sig: key.Sign(debtDomain, of.device[:])})
			}
		}
	})
	return errors.Join(err, m.tellAll(ctx, say))
}
