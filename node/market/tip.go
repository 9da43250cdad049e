package market

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"salon/ledger"
)

// A tip is an order that nothing is sold for: the giver says how much, and the payee's device how to pay it. It is all the
// payee's; what the rail takes is a line of its own.

type tip struct {
	_     struct{} `cbor:",toarray"`
	Order []byte
	Note  []byte // empty if the order names none
	Card  []byte // says who gives it, and what a room may see
	Rail  string
}

type bid struct {
	_     struct{} `cbor:",toarray"`
	Quote []byte
	Cert  []byte // of the device that signed it: it speaks for the payee
	Place []byte // where the charity is paid that it is for, by its own word; empty if there is none, or no such word
}

// via asks a host to pass on what follows to somebody on its stage: few of those can be dialled by everybody. The host reads along,
// what is hidden from the room too, and can change nothing: all of it is signed.
type via struct {
	_      struct{} `cbor:",toarray"`
	Device ledger.Key
}

func (tip) kind() byte { return 20 }
func (bid) kind() byte { return 21 }
func (via) kind() byte { return 22 }

// A Gift is a tip to give.
type Gift struct {
	Device  ledger.Key  // of the payee, to ask
	Payee   ledger.Key  // a person
	Room    ledger.Room // zero outside of rooms
	Money   ledger.Money
	MaxFee  ledger.Amount // that the rail may take on top
	Rail    string
	ByHand  bool   // a person pays
	Refund  string // where the rail may send money back to
	Note    string // empty for none
	Name    string // of the giver
	Hide    ledger.Hide
	Charity ledger.Key // whom the payee takes it for; zero if it is the payee's own
	// Nonce tells this tip from others. What was begun with it is not begun again. The zero one is made anew.
	Nonce [16]byte
}

// Given is what became of a tip.
type Given struct {
	Order   ledger.ID
	Receipt ledger.ID // zero while the payment is pending
	Fee     ledger.Money
	Pledge  bool // that it gets to the charity is the payee's word alone
}

// Tip gives a tip. It is signed with this device's key: a debt is somebody's, and the payee knows whose. Once the payment has begun
// it is kept, whatever happens: after ErrPending or a broken stream, Run goes on with it.
func (m *Market) Tip(ctx context.Context, g Gift) (Given, error) {
	rail, known := m.rails.get(g.Rail)
	if !known || !rail.pays(g.ByHand) {
		return Given{}, ErrRail
	}
	if g.Payee == m.id.Author().Person {
		return Given{}, fmt.Errorf("%w: a tip to oneself", ledger.ErrField)
	}
	done, err := m.alone(g.Nonce)
	if err != nil {
		return Given{}, err
	}
	defer done()
	if had, err := m.begun(g.Nonce); err != nil || !had.Order.IsZero() {
		return Given{Order: had.Order, Receipt: had.Receipt}, err
	}
	q, order, err := m.gift(g)
	if err != nil {
		return Given{}, err
	}
	c, hangUp, err := m.call(ctx, g.Device)
	if err != nil {
		return Given{}, err
	}
	defer hangUp()
	b, err := asked[bid](c, q)
	if err != nil {
		return Given{}, err
	}
	paying, err := m.commit(ctx, Want{Rail: g.Rail, MaxFee: g.MaxFee, ByHand: g.ByHand}, ledger.Listing{Cert: b.Cert}, q.Order, b.Quote, q.Note, m.id.Device())
	if err != nil {
		return Given{}, err
	}
	given := Given{Order: order}
	if o, _, err := ledger.OpenDocument[ledger.Order](q.Order); err == nil {
		given.Pledge = o.IsPledge(b.Place, time.Now())
	}
	if quoted, _, err := ledger.OpenDocument[ledger.Quote](b.Quote); err == nil {
		given.Fee = ledger.Money{Amount: quoted.Fee, Cur: quoted.Price.Cur}
	}
	if g.ByHand {
		m.wakeHands()
		return given, ErrPending
	}
	brought, err := m.collect(ctx, c, paying)
	if err != nil {
		m.brokenOff()
	}
	given.Receipt = brought.Receipt
	return given, err
}

// begun is what was begun to be paid with a nonce; the zero Bought if nothing was. After ErrPending it is on its way.
func (m *Market) begun(nonce [16]byte) (b Bought, err error) {
	open := false
	look := m.look(func(l *lists) {
		b.Order = l.wished[nonce]
		_, open = l.paying[b.Order]
		b.Receipt, b.Offer = l.brought[b.Order], l.paid[b.Order].Offer
	})
	switch {
	case look != nil || nonce == [16]byte{}:
		return Bought{}, look
	case open:
		err = ErrPending
	}
	return b, err
}

// alone keeps others from buying with a nonce while somebody does: of two clicks, one must find what the other has begun.
func (m *Market) alone(nonce [16]byte) (done func(), err error) {
	if nonce == [16]byte{} {
		return func() {}, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.nonces[nonce] {
		return nil, ErrBusy
	}
	m.nonces[nonce] = true
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.nonces, nonce)
	}, nil
}

// gift makes the order of a tip, and what goes with it.
func (m *Market) gift(g Gift) (tip, ledger.ID, error) {
	q := tip{Rail: g.Rail, Note: []byte{}}
	key, now := m.id.Device(), time.Now()
	o := ledger.Order{Purpose: ledger.ForTip, Payee: g.Payee, Buyer: key.Public(), Count: 1, Price: g.Money, Time: now.UnixMilli(),
		Expires: now.Add(orderFor).UnixMilli(), Refund: g.Refund, Room: g.Room, Charity: g.Charity, Hide: g.Hide}
	if !g.Charity.IsZero() {
		o.Purpose = ledger.ForCharity
	}
	if o.Nonce = g.Nonce; o.Nonce == [16]byte{} {
		rand.Read(o.Nonce[:])
	}
	var err error
	if g.Note != "" {
		if q.Note, o.Note, err = ledger.NewNote(g.Note); err != nil {
			return q, ledger.ID{}, err
		}
	}
	var id ledger.ID
	if q.Order, id, err = ledger.Sign(key, o); err != nil {
		return q, id, err
	}
	card := ledger.Card{Order: id, Payee: o.Payee, By: o.Buyer, Cert: m.id.Cert(), Name: g.Name, Room: o.Room, Money: o.Price, Note: o.Note, Charity: o.Charity}
	if o.Hide&ledger.HideAmount != 0 {
		card.Money = ledger.Money{}
	}
	q.Card, _, err = ledger.Sign(key, card)
	return q, id, err
}

// bid answers a tip.
func (m *Market) bid(ctx context.Context, from string, q tip) (message, error) {
	if _, _, err := ledger.OpenDocument[ledger.Card](q.Card); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	answer, err := m.quote(ctx, from, order{Order: q.Order, Note: q.Note, Rail: q.Rail}, q.Card)
	if err != nil {
		return nil, err
	}
	quoted, ok := answer.(quote)
	if !ok {
		return nil, errMessage
	}
	o, _, err := ledger.OpenDocument[ledger.Order](q.Order)
	return bid{Quote: quoted.Quote, Cert: m.id.Cert(), Place: m.placeOf(o)}, err
}

// placeOf is what the charity says that an order is for; empty if that is none, or has said nothing.
func (m *Market) placeOf(o ledger.Order) []byte {
	if o.Charity.IsZero() || m.place == nil {
		return []byte{}
	}
	return append([]byte{}, m.place(o.Charity)...)
}

// Address puts on record where this node's person is paid, and returns their word on it.
func (m *Market) Address(rail, address string, until time.Time) (ledger.Place, error) {
	now := time.Now()
	entries, err := m.store.Append(now, func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.RailKey{Rail: rail, Address: address, From: now.UnixMilli(), To: until.UnixMilli()}}}, nil
	})
	if err != nil {
		return ledger.Place{}, err
	}
	return ledger.Place{Cert: m.id.Cert(), Entry: entries[0].Raw()}, nil
}

// Each tip is two writes to the disk of who gets it, however small it is.
const (
	tipsAtOnce = 10 // of one peer
	tipEvery   = 2 * time.Second
)

// A pace is what is left of how often something may be done.
type pace struct {
	left float64
	at   time.Time
}

// mayTip takes one tip out of what a peer may give. It forgets who has been quiet for long enough.
func (m *Market) mayTip(from string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for peer, p := range m.tips {
		if now.Sub(p.at) > tipsAtOnce*tipEvery {
			delete(m.tips, peer)
		}
	}
	p, known := m.tips[from]
	if !known {
		p = pace{left: tipsAtOnce}
	} else {
		p.left = min(tipsAtOnce, p.left+float64(now.Sub(p.at))/float64(tipEvery))
	}
	if p.left < 1 || !known && len(m.tips) == maxPeers {
		return false
	}
	m.tips[from] = pace{p.left - 1, now}
	return true
}

// showTip tells what a room may see of a tip that is on our disk. It may be told again.
func (m *Market) showTip(d ledger.Deal) error {
	if m.tipped == nil || d.Order.Room.IsZero() {
		return nil
	}
	r, _, err := ledger.OpenDocument[ledger.Receipt](d.Sold.Receipt)
	if err != nil {
		return err
	}
	var shown ledger.Shown
	var note ledger.ID
	err = m.store.View(func(b *ledger.Books) (err error) {
		shown, note, err = b.Show(m.id.Device(), m.id.Cert(), r.Quote)
		return err
	})
	if err != nil {
		return err
	}
	shown.Place = m.placeOf(d.Order)
	if !note.IsZero() {
		if shown.Note, err = m.store.RawNote(note); err != nil {
			return err
		}
	}
	m.tipped(shown)
	return nil
}

const (
	viaFor  = 2 * time.Minute
	viaMost = 2 * maxAnswer // bytes, each way
)

// forward passes a peer's questions on to another device, and the answers back. All of them are signed by who they are from: we can
// but keep them back.
func (m *Market) forward(ctx context.Context, device ledger.Key, s Stream, in *bufio.Reader) error {
	ctx, cancel := context.WithTimeout(ctx, viaFor)
	defer cancel()
	if m.via == nil {
		return fmt.Errorf("%w: we forward nothing", errMessage)
	}
	to, err := m.via(ctx, device)
	if err != nil {
		return fmt.Errorf("to %s: %w", device.Short(), err)
	}
	stop := context.AfterFunc(ctx, func() { s.Reset(); to.Reset() })
	defer stop()
	until := time.Now().Add(viaFor)
	if err := s.SetDeadline(until); err != nil {
		return err
	}
	if err := to.SetDeadline(until); err != nil {
		return err
	}
	back := make(chan error, 1)
	go func() {
		_, err := io.Copy(s, io.LimitReader(to, viaMost))
		back <- err
		s.Close()
	}()
	_, err = io.Copy(to, io.LimitReader(in, viaMost))
	to.Close()
	if other := <-back; err == nil {
		err = other
	}
	return err
}

// Forwarded asks the other end of a stream to pass on what follows to a device.
func Forwarded(s Stream, device ledger.Key) error {
	out, err := encode(via{Device: device})
	if err != nil {
		return err
	}
	_, err = s.Write(out)
	return err
}
