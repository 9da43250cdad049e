package market

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// Shares of what was sold are paid out in batches: the host's ledger makes debts of them, and each of those whom they are owed to is told
// by a slip that the host has signed. Who is told asks, or is asked: earn says what they have confirmed, dues what they are owed and
// what the host says that it has paid. Both may be said again as often as one likes.

type earn struct {
	_       struct{}  `cbor:",toarray"`
	Cert    []byte    // of who asks, or answers: whose shares these are
	Settled []cleared // payments that they confirm, the newest last
}

type dues struct {
	_       struct{} `cbor:",toarray"`
	Cert    []byte   // of who owes
	Slips   [][]byte // the newest of each kind and currency
	Settles [][]byte // payments that are on their way
}

// carry hands records of what a relay has carried to the host of a room.
type carry struct {
	_    struct{} `cbor:",toarray"`
	Cert []byte   // the relay's
	Room ledger.Room
	List []Carriage
}

// A Carriage is what somebody has signed on what a relay brought them, and with what they came into the room.
type Carriage struct {
	_      struct{} `cbor:",toarray"`
	Record []byte
	Claim  []byte
}

func (earn) kind() byte  { return 60 }
func (dues) kind() byte  { return 61 }
func (carry) kind() byte { return 62 }

const (
	earnAgain   = 5 * time.Minute
	maxDues     = 16      // slips or payments of one message
	maxCarry    = 7 << 10 // bytes of records in one message
	maxEarnFrom = 256     // that are asked for what they owe
	hand        = "hand"
)

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
			l.payee(s.Creditor).settles[id] = going{e.Docs[0], b.Request, s.Money, s.Means, e.Time}
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

// A PaidOut is what a payout has done for somebody.
type PaidOut struct {
	To    ledger.Key
	Money ledger.Money // that was made a debt, below zero if a refund lowered it
	Paid  ledger.Money // that is on its way now; none by IOU
	Told  bool         // they know of it
	Fails error        // why it is not paid
}

// A Payout says how shares are paid out.
type Payout struct {
	Rail  string                              // iou: they are told what they are owed; hand: a person has sent it
	Means string                              // by hand: cash, bank
	Least func(ledger.Currency) ledger.Amount // smaller shares wait until they have added up
}

// PayOut makes debts of all shares that are large enough, and says that all of these debts are paid, unless it is by IOU. Paying out
// again does what is new, and nothing else: what is on its way is not sent again before somebody says that it was not.
func (m *Market) PayOut(ctx context.Context, p Payout) ([]PaidOut, error) {
	m.paying.Lock()
	defer m.paying.Unlock()
	shares, err := m.Shares()
	if err != nil {
		return nil, err
	}
	var done []PaidOut
	for _, s := range shares {
		if s.To == m.id.Author().Person {
			continue
		}
		one, err := m.payOut(p, s)
		if err != nil {
			return done, err
		}
		if one.Money.Amount != 0 || one.Paid.Amount != 0 {
			done = append(done, one)
		}
	}
	for i := range done {
		done[i].Told = m.tellShare(ctx, done[i].To) == nil
	}
	return done, nil
}

// payOut is PayOut for one of them.
func (m *Market) payOut(p Payout, s Share) (PaidOut, error) {
	done := PaidOut{To: s.To, Money: ledger.Money{Cur: s.Cur}, Paid: ledger.Money{Cur: s.Cur}}
	least := p.Least(s.Cur)
	var whole ledger.Amount
	for _, a := range s.Waiting {
		whole += a
	}
	if least = max(1, least); whole >= least {
		least = 1 // together they are large enough
	} else {
		least = ledger.MaxAmount + 1 // what a refund has taken is taken off all the same
	}
	entries, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		var to []ledger.Party
		for cut := ledger.CutCoHost; cut <= ledger.CutFund; cut++ {
			to = append(to, ledger.Party{Cut: cut, To: s.To})
		}
		return b.PayOut(m.id.Device(), s.Cur, to, least)
	})
	if err != nil {
		return done, err
	}
	for _, e := range entries {
		if out, ok := e.Body.(*ledger.Payout); ok {
			for _, l := range out.Legs {
				done.Money.Amount += l.Amount
			}
		}
	}
	if p.Rail != hand {
		return done, nil
	}
	var nonce [16]byte
	rand.Read(nonce[:])
	entries, err = m.store.Append(time.Now(), func(b *ledger.Books) (drafts []ledger.Draft, err error) {
		_, drafts, err = b.Pays(m.id.Device(), s.Cur, s.To, p.Means, "", nonce)
		return drafts, err
	})
	for _, e := range entries {
		if paid, _, err := ledger.ReadDocument[ledger.Settle](e.Docs[0]); err == nil {
			done.Paid = paid.Money
		}
	}
	return done, err
}

// A Going is a payment of shares that whom it is for has not confirmed yet.
type Going struct {
	ID    ledger.ID
	To    ledger.Key
	Money ledger.Money
	Means string
	Time  time.Time
}

// Going lists the payments that are on their way, the oldest first.
func (m *Market) Going() (list []Going, err error) {
	err = m.look(func(l *lists) {
		for to, p := range l.shares.payees {
			for id, g := range p.settles {
				list = append(list, Going{id, to, g.money, g.means, time.UnixMilli(g.time)})
			}
		}
	})
	slices.SortFunc(list, func(a, b Going) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	return list, err
}

// NotSent takes a payment by hand back: no money has moved, and none will.
func (m *Market) NotSent(settle ledger.ID) error {
	return m.append(&ledger.Unpaid{Settle: settle, Reason: ledger.ReasonFailed})
}

// An Income is what somebody owes this node's person of what they sold.
type Income struct {
	From   ledger.Key // a person
	Device ledger.Key // that signs for them
	Cut    ledger.Cut
	Total  ledger.Money // earned so far
	Owed   ledger.Money // by this device, of all its shares of the currency, and not yet settled
}

// Incomes lists what others have shared with this node's person.
func (m *Market) Incomes() (list []Income, err error) {
	if err := m.look(func(l *lists) {
		for device, from := range l.shares.earned {
			for at, s := range from.slips {
				list = append(list, Income{From: from.person, Device: device, Cut: at.cut, Total: ledger.Money{Amount: s.Total, Cur: at.cur}})
			}
		}
	}); err != nil {
		return nil, err
	}
	err = m.store.View(func(b *ledger.Books) error {
		for i := range list {
			cur := list[i].Total.Cur
			list[i].Owed = ledger.Money{Amount: b.Balance(cur, ledger.Receivable(list[i].Device)), Cur: cur}
		}
		return nil
	})
	slices.SortFunc(list, func(a, b Income) int {
		return cmp.Or(cmp.Compare(a.From.String(), b.From.String()), cmp.Compare(a.Device.String(), b.Device.String()), cmp.Compare(a.Total.Cur, b.Total.Cur), cmp.Compare(a.Cut, b.Cut))
	})
	return list, err
}

// earns answers somebody who asks what they are owed, once it is known who they are.
func (m *Market) earns(from string, q earn) (message, error) {
	cert, err := doc.OpenCert(q.Cert, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	if err := m.isFrom(from, cert.Device); err != nil {
		return nil, err
	}
	if err := m.confirmed(q); err != nil {
		return nil, err
	}
	list, _, err := m.duesOf(cert.Person)
	m.mu.Lock()
	if _, known := m.earners[cert.Person]; known || len(m.earners) < maxPeers {
		m.earners[cert.Person] = cert.Device
	}
	m.mu.Unlock()
	if err != nil || len(list) == 0 {
		return dues{Cert: m.id.Cert(), Slips: [][]byte{}, Settles: [][]byte{}}, err
	}
	return list[0], nil // of more, a later question brings the rest: what is confirmed is told no more
}

// confirmed books what somebody says that they have received. What is not between the two is left out.
func (m *Market) confirmed(q earn) error {
	for _, one := range q.Settled[:min(len(q.Settled), maxDues)] {
		s, id, err := ledger.OpenDocument[ledger.Settle](one.Settle)
		if err != nil || s.Debtor != m.id.Author().Device {
			continue
		}
		_, settled, err := ledger.OpenDocument[ledger.Settled](one.Settled)
		if err != nil {
			continue
		}
		_, err = m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
			if b.IsSettled(id) {
				return nil, nil
			}
			return []ledger.Draft{{Body: &ledger.Clear{Settle: id, Settled: settled, Cert: q.Cert}, Docs: [][]byte{one.Settle, one.Settled}}}, nil
		})
		if errors.Is(err, ledger.ErrBroken) || errors.Is(err, ledger.ErrClosed) {
			return err
		}
		if err != nil {
			m.log.Warn("a confirmation is not believed", "settle", id.Short(), "err", err)
		}
	}
	return nil
}

// duesOf is what there is to tell somebody, in messages, and how far their list was.
func (m *Market) duesOf(who ledger.Key) (list []dues, changes uint64, err error) {
	var slips, settles [][]byte
	err = m.look(func(l *lists) {
		p := l.shares.payees[who]
		if p == nil {
			return
		}
		changes = p.changes
		for _, raw := range p.slips {
			slips = append(slips, raw)
		}
		for _, g := range p.settles {
			settles = append(settles, g.raw)
		}
	})
	order := func(a, b []byte) int { return slices.Compare(a, b) }
	slices.SortFunc(slips, order)
	slices.SortFunc(settles, order)
	for len(slips) > 0 || len(settles) > 0 {
		n := min(len(slips), maxDues)
		k := min(len(settles), maxDues-n)
		list = append(list, dues{Cert: m.id.Cert(), Slips: append([][]byte{}, slips[:n]...), Settles: append([][]byte{}, settles[:k]...)})
		slips, settles = slips[n:], settles[k:]
	}
	return list, changes, err
}

// takesDues takes in what somebody says that they owe us, and answers with what we have confirmed. That it comes from a stranger is no
// matter, but how much of it does.
func (m *Market) takesDues(from string, q dues) (message, error) {
	cert, err := doc.OpenCert(q.Cert, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	known := false
	if err := m.look(func(l *lists) { known = l.shares.earned[cert.Device] != nil }); err != nil {
		return nil, err
	}
	if !known && !m.isPayer(cert.Device) && !m.mayTip(from, time.Now()) {
		return nil, ErrBusy
	}
	if err := m.take(cert, q); err != nil {
		return nil, err
	}
	return m.confirms(cert.Device)
}

func (m *Market) isPayer(device ledger.Key) bool {
	return m.o.Payers != nil && slices.Contains(m.o.Payers(), device)
}

// take books slips that are for us and new, and keeps in mind what they say that they have paid, until a person has confirmed it.
func (m *Market) take(cert doc.Cert, q dues) error {
	raw := q.Cert
	for _, slip := range q.Slips[:min(len(q.Slips), maxDues)] {
		s, id, err := ledger.OpenDocument[ledger.Slip](slip)
		if err != nil {
			return err
		}
		if s.By != cert.Device {
			return fmt.Errorf("%w: a slip of somebody else's", ledger.ErrMismatch)
		}
		_, err = m.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
			return []ledger.Draft{{Body: &ledger.Earned{Slip: id, Cert: raw}, Docs: [][]byte{slip}}}, nil
		})
		if err != nil && !errors.Is(err, ledger.ErrDuplicate) {
			return err
		}
	}
	for _, one := range q.Settles[:min(len(q.Settles), maxDues)] {
		s, id, err := ledger.OpenDocument[ledger.Settle](one)
		if err != nil {
			return err
		}
		if s.Debtor != cert.Device {
			return fmt.Errorf("%w: a payment of somebody else's", ledger.ErrMismatch)
		}
		if err := m.claim(s, id, one); err != nil {
			return err
		}
	}
	return nil
}

// confirms is what we have confirmed to a device.
func (m *Market) confirms(device ledger.Key) (earn, error) {
	q := earn{Cert: m.id.Cert(), Settled: []cleared{}}
	err := m.look(func(l *lists) {
		list := l.cleared[device]
		q.Settled = append(q.Settled, list[max(0, len(list)-maxDues):]...)
	})
	return q, err
}

// Earn asks those who may owe this node's person shares, and tells them what was confirmed. It tries all of them.
func (m *Market) Earn(ctx context.Context) error {
	var from []ledger.Key
	err := m.look(func(l *lists) {
		for device := range l.shares.earned {
			from = append(from, device)
		}
	})
	if m.o.Payers != nil {
		from = append(from, m.o.Payers()...)
	}
	slices.SortFunc(from, func(a, b ledger.Key) int { return slices.Compare(a[:], b[:]) })
	from = slices.Compact(from)
	for _, device := range from[:min(len(from), maxEarnFrom)] {
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if device != m.id.Author().Device {
			err = errors.Join(err, m.earnFrom(ctx, device))
		}
	}
	return err
}

func (m *Market) earnFrom(ctx context.Context, device ledger.Key) error {
	q, err := m.confirms(device)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	c, end, err := m.call(ctx, device)
	if err != nil {
		return err
	}
	defer end()
	answer, err := asked[dues](c, q)
	if err != nil {
		return unreached(err)
	}
	c.end()
	cert, err := doc.OpenCert(answer.Cert, time.Now())
	if err != nil {
		return err
	}
	if cert.Device != device {
		return fmt.Errorf("%w: a certificate of another device", ledger.ErrMismatch)
	}
	return m.take(cert, answer)
}

// TellShares tells all who have not heard of it what they are owed, and hears what they have confirmed.
func (m *Market) TellShares(ctx context.Context) error {
	var who []ledger.Key
	err := m.look(func(l *lists) {
		for to, p := range l.shares.payees {
			if m.toldTo[to] != p.changes || len(p.settles) > 0 {
				who = append(who, to)
			}
		}
	})
	for _, to := range who {
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		err = errors.Join(err, m.tellShare(ctx, to))
	}
	return err
}

// tellShare tells somebody, at a device of theirs.
func (m *Market) tellShare(ctx context.Context, to ledger.Key) error {
	list, changes, err := m.duesOf(to)
	if err != nil || len(list) == 0 {
		return err
	}
	var devices []ledger.Key
	m.mu.Lock()
	if device, known := m.earners[to]; known {
		devices = append(devices, device)
	}
	m.mu.Unlock()
	if m.o.Devices != nil {
		devices = append(devices, m.o.Devices(to)...)
	}
	err = ErrUnreached
	for i, device := range devices {
		if slices.Contains(devices[:i], device) {
			continue
		}
		if err = m.tellShareAt(ctx, device, to, list); err == nil {
			m.mu.Lock()
			m.toldTo[to] = changes
			m.mu.Unlock()
			return nil
		}
	}
	return err
}

func (m *Market) tellShareAt(ctx context.Context, device, to ledger.Key, list []dues) error {
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	c, end, err := m.call(ctx, device)
	if err != nil {
		return err
	}
	defer end()
	for _, q := range list {
		answer, err := asked[earn](c, q)
		if err != nil {
			return unreached(err)
		}
		cert, err := doc.OpenCert(answer.Cert, time.Now())
		if err != nil {
			return err
		}
		if cert.Person != to || cert.Device != device {
			return fmt.Errorf("%w: it is somebody else", ledger.ErrSigner)
		}
		if err := m.confirmed(answer); err != nil {
			return err
		}
	}
	c.end()
	return nil
}

// carried takes in records of what a relay has carried for a room of ours.
func (m *Market) carried(from string, q carry) (message, error) {
	cert, err := doc.OpenCert(q.Cert, time.Now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	if err := m.isFrom(from, cert.Device); err != nil {
		return nil, err
	}
	if m.o.Carried == nil {
		return nil, ErrNotYours
	}
	return done{}, m.o.Carried(doc.Author{Person: cert.Person, Device: cert.Device}, q.Room, q.List)
}

// HandOver shows the host of a room, at a device, what was carried for it.
func (m *Market) HandOver(ctx context.Context, device ledger.Key, room ledger.Room, list []Carriage) error {
	for len(list) > 0 {
		rest, err := m.handOver(ctx, device, room, list)
		if err != nil {
			return err
		}
		list = rest
	}
	return nil
}

// handOver is HandOver of as much as goes over one stream.
func (m *Market) handOver(ctx context.Context, device ledger.Key, room ledger.Room, list []Carriage) ([]Carriage, error) {
	ctx, cancel := context.WithTimeout(ctx, askedWithin)
	defer cancel()
	c, end, err := m.call(ctx, device)
	if err != nil {
		return list, err
	}
	defer end()
	for range maxAsked {
		n, size := 0, 0
		for n < len(list) && (n == 0 || size+len(list[n].Record)+len(list[n].Claim) <= maxCarry) {
			size += len(list[n].Record) + len(list[n].Claim)
			n++
		}
		if n == 0 {
			break
		}
		if _, err := asked[done](c, carry{Cert: m.id.Cert(), Room: room, List: list[:n]}); err != nil {
			return list, unreached(err)
		}
		list = list[n:]
	}
	c.end()
	return list, nil
}
