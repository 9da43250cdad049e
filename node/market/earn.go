package market

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// Shares of what was sold are paid out in batches: the host's ledger makes debts of them, and each of those whom they are owed to is told
// by a slip that the host has signed. Who is told asks, or is asked: earn says what they have confirmed, dues what they are owed and
// what the host says that it has paid. Both may be said again as often as one likes.

const (
	earnAgain   = 5 * time.Minute
	maxDues     = 16  // slips or payments of one message
	maxEarnFrom = 256 // that are asked for what they owe
)

type earn struct {
	_       struct{}  `cbor:",toarray"`
	Cert    []byte    // of who asks, or answers: whose shares these are
	Settled []cleared // payments that they confirm, the newest last
	Place   []byte    // their word on where they are paid by Lightning; empty if they have none
}

type dues struct {
	_       struct{} `cbor:",toarray"`
	Cert    []byte   // of who owes
	Slips   [][]byte // the newest of each kind and currency
	Settles [][]byte // payments that are on their way
}

func (earn) kind() byte { return 60 }

func (dues) kind() byte { return 61 }

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
	m.learnPlace(cert.Person, q.Place)
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
	q := earn{Cert: m.id.Cert(), Settled: []cleared{}, Place: m.ownPlace()}
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
