package market

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"salon/ledger"
)

// Shares go out by Lightning to where whoever they are owed to has signed that they are paid. The payment is on disk with its invoice
// before it is sent, and is asked about until the wallet says how it ended: what is pending is neither failed nor sent again.

// lightningRail is the rail of lightning addresses: its name is that of the package lnaddress, which imports this one.
const lightningRail = "lnaddress"

// Why a share is not paid by Lightning.
var (
	ErrNoPlace   = errors.New("market: they have not said, with their signature, where they are paid by Lightning")
	ErrNoInvoice = errors.New("market: their wallet gives no invoice")
)

// SendsShares reports whether this node has a wallet that shares can be paid from.
func (m *Market) SendsShares() bool { return m.o.Invoice != nil && m.rails.payer(lightningRail) != nil }

// wholeSat is what a wallet takes: many refuse parts of a satoshi.
const wholeSat ledger.Amount = 1000

// sendShares pays by Lightning what is owed by slips in bitcoin, as far as it is not on its way yet. m.paying is held.
func (m *Market) sendShares(ctx context.Context, done []PaidOut) ([]PaidOut, error) {
	shares, err := m.Shares()
	if err != nil {
		return done, err
	}
	for _, s := range shares {
		sum := s.Due.Left() - s.Due.Left()%wholeSat
		if s.To == m.id.Author().Person || s.Cur != ledger.Bitcoin || sum <= 0 {
			continue
		}
		i := 0
		for i < len(done) && (done[i].To != s.To || done[i].Paid.Cur != s.Cur) {
			i++
		}
		if i == len(done) {
			none := ledger.Money{Cur: s.Cur}
			done = append(done, PaidOut{To: s.To, Money: none, Paid: none})
		}
		done[i].Paid.Amount, done[i].Fails = m.payShare(ctx, s.To, ledger.Money{Amount: sum, Cur: s.Cur})
	}
	return done, nil
}

// payShare puts a share on its way. What it returns is on its way, or there, also if how it ended is not known: then the error says so.
func (m *Market) payShare(ctx context.Context, to ledger.Key, sum ledger.Money) (ledger.Amount, error) {
	payer := m.rails.payer(lightningRail)
	if !m.SendsShares() {
		return 0, ErrRail
	}
	address, known := m.paidAt(to, time.Now())
	if !known {
		if err := m.tellShare(ctx, to); err != nil { // they say it when they are told
			return 0, fmt.Errorf("%w: %w", ErrNoPlace, err)
		}
		if address, known = m.paidAt(to, time.Now()); !known {
			return 0, ErrNoPlace
		}
	}
	request, err := m.o.Invoice(ctx, address, sum)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrNoInvoice, err)
	}
	if v, can := payer.(Verifier); can {
		if err := v.Check(Bill{Request: request, Total: sum, Creditor: to}); err != nil {
			return 0, err
		}
	}
	var nonce [16]byte
	rand.Read(nonce[:])
	var raw []byte
	entries, err := m.store.Append(time.Now(), func(b *ledger.Books) (drafts []ledger.Draft, err error) {
		raw, drafts, err = b.Pays(m.id.Device(), sum.Cur, to, sum.Amount, lightningRail, request, nonce)
		return drafts, err
	})
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	s, id, err := ledger.OpenDocument[ledger.Settle](raw)
	if err != nil {
		return 0, err
	}
	err = m.sendShare(ctx, id, going{raw: raw, request: request, money: s.Money, means: s.Means}, to)
	if errors.Is(err, ErrFailed) {
		return 0, err
	}
	return s.Money.Amount, err
}

// sendShare pays the invoice of a share, or asks where its payment is, and books how it ended. The error is ErrPending until it has.
// m.paying is held.
func (m *Market) sendShare(ctx context.Context, id ledger.ID, g going, to ledger.Key) error {
	payer := m.rails.payer(g.means)
	if payer == nil {
		return ErrRail
	}
	ev, err := payer.Pay(ctx, Bill{Ref: id, Request: g.request, Total: g.money, Creditor: to})
	if errors.Is(err, ErrServed) { // something else was paid with that invoice, and this never will be
		ev, err = Event{State: Failed}, nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrPending, err)
	case ev.State == Settled:
		_, err := m.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
			if b.IsSent(id) {
				return nil, nil
			}
			return []ledger.Draft{{Body: &ledger.Sent{Settle: id, Proof: ev.Proof, Cost: ev.Cost}}}, nil
		})
		return err
	case ev.State == Failed:
		if err := m.append(&ledger.Unpaid{Settle: id, Reason: ledger.ReasonFailed}); err != nil && !errors.Is(err, ledger.ErrUnknown) { // confirmed meanwhile
			return err
		}
		return ErrFailed
	}
	return ErrPending
}

// ResumeShares goes on with payments of shares of which it is not known how they ended: a crash came between, or a wallet that did not
// answer.
func (m *Market) ResumeShares(ctx context.Context) error {
	var list []ledger.ID
	err := m.look(func(l *lists) {
		for _, p := range l.shares.payees {
			for id, g := range p.settles {
				if g.request != "" && !g.sent {
					list = append(list, id)
				}
			}
		}
	})
	for _, id := range list {
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		if one := m.resumeShare(ctx, id); one != nil && !errors.Is(one, ErrFailed) {
			err = errors.Join(err, one)
		}
	}
	return err
}

// resumeShare goes on with one, unless it has ended meanwhile. No payout runs beside it: a wallet may know nothing of what it has refused,
// and who asks it after that, without having heard of the end, would send what is owed again by then.
func (m *Market) resumeShare(ctx context.Context, id ledger.ID) error {
	m.paying.Lock()
	defer m.paying.Unlock()
	var g going
	var to ledger.Key
	open := false
	if err := m.look(func(l *lists) {
		if to, open = l.shares.going[id]; open {
			g = l.shares.payees[to].settles[id]
			open = g.request != "" && !g.sent
		}
	}); err != nil || !open {
		return err
	}
	return m.sendShare(ctx, id, g, to)
}

// ownPlace is this node's person's signed word on where they are paid by Lightning; nil if there is none.
func (m *Market) ownPlace() []byte {
	var entry []byte
	if err := m.look(func(l *lists) { entry = l.places[lightningRail] }); err != nil || entry == nil {
		return nil
	}
	raw, err := ledger.Place{Cert: m.id.Cert(), Entry: entry}.Encode()
	if err != nil {
		return nil
	}
	return raw
}

// maxPlaces are as many people as are owed shares, for a host whose rooms many carry.
const maxPlaces = 1024

// learnPlace keeps somebody's word on where they are paid, if they are owed something here. It outlives a restart: when shares are paid
// out they may be away.
func (m *Market) learnPlace(who ledger.Key, raw []byte) {
	if len(raw) == 0 {
		return
	}
	by, at, err := ledger.ParsePlace(raw, time.Now())
	if err != nil || by != who || at.Rail != lightningRail {
		m.log.Debug("a word on where somebody is paid is not believed", "who", who.Short(), "err", err)
		return
	}
	owed := false
	if err := m.store.View(func(b *ledger.Books) error {
		owed = b.Due(ledger.Bitcoin, who).Left() > 0
		for cut := ledger.CutCoHost; cut <= ledger.CutFund; cut++ {
			owed = owed || b.Balance(ledger.Bitcoin, cut.Account(who)) != 0
		}
		return nil
	}); err != nil || !owed {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, known := m.places[who]; string(old) == string(raw) || !known && len(m.places) >= maxPlaces {
		return
	}
	m.places[who] = raw
	if m.o.KeepPlaces == nil {
		return
	}
	kept, err := json.Marshal(m.places)
	if err == nil {
		err = m.o.KeepPlaces(kept)
	}
	if err != nil {
		m.log.Error("where people are paid is not kept", "err", err)
	}
}

// readPlaces reads what KeepPlaces was given.
func readPlaces(raw []byte) (map[ledger.Key][]byte, error) {
	places := map[ledger.Key][]byte{}
	if len(raw) == 0 {
		return places, nil
	}
	if err := json.Unmarshal(raw, &places); err != nil {
		return map[ledger.Key][]byte{}, fmt.Errorf("where people are paid: %w", err)
	}
	return places, nil
}

// paidAt is the address at which somebody has signed that they are paid now.
func (m *Market) paidAt(who ledger.Key, now time.Time) (address string, known bool) {
	m.mu.Lock()
	raw := m.places[who]
	m.mu.Unlock()
	by, at, err := ledger.ParsePlace(raw, now)
	return at.Address, err == nil && by == who && at.Rail == lightningRail
}
