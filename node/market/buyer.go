package market

import (
	"bufio"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
)

const (
	orderFor   = 15 * time.Minute // an order is open: three holds
	answerWait = idle + payWait   // for an answer
)

// A Want is what to buy, and on what terms.
type Want struct {
	Seller ledger.Key  // the device to ask
	Host   ledger.Key  // the person whose room it is
	Room   ledger.Room // zero for a subscription
	Class  uint8
	Tier   string // of a subscription, by name
	Count  uint32
	Price  ledger.Money  // of all of them, as the buyer saw it: another is refused
	MaxFee ledger.Amount // that the rail may take on top
	Rail   string
	ByHand bool   // a person pays: Buy ends with ErrPending once it is known what
	Refund string // where the rail may send money back to
	// Known has the tickets made out to this device's key, so that the host knows who bought, and lends what it lends to that person.
	// Otherwise a fresh key buys.
	Known bool
	Offer ledger.ID // the version that the buyer saw: another is refused; zero: any of that price
	// Others are devices that may sell the same, in the order in which they are asked when the seller cannot.
	Others []ledger.Key
	// Waited says that Seller could not be reached before, which it is told once it can be.
	Waited bool
	// Nonce is of the order, whoever it is sent to: the zero one is made anew.
	Nonce [16]byte
}

// Bought is what a purchase has brought so far.
type Bought struct {
	Order   ledger.ID
	Receipt ledger.ID   // zero while the payment is pending
	Tickets []ledger.ID // none if it is refunded
	Offer   ledger.ID   // in the version that was ordered
	Back    bool        // the seats were gone: the money went back
}

// ErrPending means that a payment is on its way, and the purchase goes on by itself.
var ErrPending = errors.New("market: the payment is on its way")

// conversation is a buyer's stream.
type conversation struct {
	s   Stream
	in  *bufio.Reader
	buf []byte
}

func (m *Market) call(ctx context.Context, device ledger.Key) (*conversation, func(), error) {
	if m.dial == nil {
		return nil, nil, errors.New("market: this node does not buy")
	}
	s, err := m.dial(ctx, device)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreached, err)
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	return &conversation{s: s, in: bufio.NewReaderSize(s, 4<<10)}, func() { stop(); s.Close() }, nil
}

func (c *conversation) say(q message) error {
	out, err := encode(q)
	if err != nil {
		return err
	}
	if err := c.s.SetDeadline(time.Now().Add(answerWait)); err != nil {
		return err
	}
	_, err = c.s.Write(out)
	return err
}

// asked sends a question, and returns the answer if it is of the kind that is wanted. A refusal is an error, its reason in words.
func asked[A message](c *conversation, q message) (answer A, err error) {
	m, err := c.either(q)
	if err != nil {
		return answer, err
	}
	answer, ok := m.(A)
	if !ok {
		return answer, errMessage
	}
	return answer, nil
}

// A refusal is a seller's no, told from a stream that broke.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

func (c *conversation) either(q message) (message, error) {
	if err := c.say(q); err != nil {
		return nil, err
	}
	var err error
	if c.buf, err = framed.Read(c.in, c.buf, maxAnswer); err != nil {
		return nil, err
	}
	m, err := decode(c.buf)
	if r, no := m.(refuse); no && err == nil {
		return nil, refusal{r.err()}
	}
	return m, err
}

// OnSale is what a device sells, and how it can be paid.
type OnSale struct {
	ledger.Listed
	Rails []string
}

// Shelf asks a device what it sells of a host's room.
func (m *Market) Shelf(ctx context.Context, device, host ledger.Key, room ledger.Room) ([]OnSale, error) {
	c, done, err := m.call(ctx, device)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := c.shelf(device, host, room)
	var listed []OnSale
	for _, l := range list {
		listed = append(listed, OnSale{l.Listed, l.rails})
	}
	return listed, err
}

// onSale is a listing that was verified.
type onSale struct {
	ledger.Listed
	raw   ledger.Listing
	rails []string
}

// shelf leaves out what is not the host's, or not this device's to sell.
func (c *conversation) shelf(device, host ledger.Key, room ledger.Room) ([]onSale, error) {
	answer, err := asked[shelf](c, ask{Room: room})
	if err != nil {
		return nil, err
	}
	if len(answer.Rails) != len(answer.List) {
		return nil, errMessage
	}
	var list []onSale
	for i, raw := range answer.List[:min(len(answer.List), maxListings)] {
		l, err := raw.Open(time.Now())
		if err == nil && l.Host == host && l.Seller == device && l.Offer.Room == room {
			rails := answer.Rails[i][:min(len(answer.Rails[i]), maxRails)]
			list = append(list, onSale{l, raw, slices.DeleteFunc(rails, func(name string) bool { return !isRail(name) })})
		}
	}
	return list, nil
}

// ErrUnreached means that no stream to a seller came about, or that it broke before anything was to be paid.
var ErrUnreached = errors.New("market: the seller cannot be reached")

// Buy orders, pays and takes home. Once the payment has begun it is kept, whatever happens: after ErrPending or a broken stream,
// Run goes on with it. Until then another seller is asked if the first cannot sell, and who that may be the first is asked: it is
// one order, whoever has it, and nobody is asked after a payment was begun.
func (m *Market) Buy(ctx context.Context, w Want) (Bought, error) {
	rail, known := m.rails.get(w.Rail)
	if !known || !rail.pays(w.ByHand) {
		return Bought{}, ErrRail
	}
	if rail.Cur != "" && rail.Cur != w.Price.Cur && !w.Price.IsZero() {
		return Bought{}, ErrCurrency
	}
	if w.Nonce == [16]byte{} {
		rand.Read(w.Nonce[:])
	}
	now := time.Now()
	sellers := append([]ledger.Key{w.Seller}, w.Others...)
	var no, away error
	for i := 0; i < len(sellers) && i < maxSellers; i++ {
		if slices.Contains(sellers[:i], sellers[i]) {
			continue
		}
		b, more, err := m.buyAt(ctx, &w, sellers[i], now)
		if err == nil || !b.Order.IsZero() || !elsewhere(err) || ctx.Err() != nil {
			return b, err
		}
		sellers = append(sellers, more...)
		switch {
		case errors.Is(err, ErrUnreached):
			away = cmp.Or(away, err)
		default:
			no = cmp.Or(no, err)
		}
	}
	return Bought{}, errors.Join(no, away)
}

// elsewhere reports whether somebody else may still sell. Other terms are no reason to look further.
func elsewhere(err error) bool {
	for _, one := range []error{ErrUnreached, ErrRail, ErrCurrency, ErrBusy, ErrSeller, ledger.ErrSoldOut, ledger.ErrNotOnSale, ledger.ErrExpired, ledger.ErrRestored, ledger.ErrCredit, ledger.ErrUnknown} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// buyAt buys at one seller. The order is in what it returns once the payment was begun. Who refuses is asked who else sells.
func (m *Market) buyAt(ctx context.Context, w *Want, seller ledger.Key, now time.Time) (Bought, []ledger.Key, error) {
	c, done, err := m.call(ctx, seller)
	if err != nil {
		return Bought{}, nil, err
	}
	defer done()
	paying, id, err := m.order(ctx, c, w, seller, now)
	var no refusal
	switch {
	case err == nil:
	case errors.As(err, &no), errors.Is(err, ledger.ErrNotOnSale):
		more, _ := m.sellers(c, seller, w.Host, w.Room) // it need not know of any
		return Bought{}, more, err
	default:
		return Bought{}, nil, err
	}
	if w.ByHand {
		m.wakeHands()
		b := Bought{Order: id}
		if o, _, err := ledger.ReadDocument[ledger.Order](paying.Docs[0]); err == nil {
			b.Offer = o.Offer
		}
		return b, nil, ErrPending
	}
	b, err := m.collect(ctx, c, paying)
	if b.Order = id; err != nil {
		m.brokenOff()
	}
	return b, nil, err
}

// order orders, and puts on disk that it will be paid. Where money can be sent back to is found out once, for all sellers.
func (m *Market) order(ctx context.Context, c *conversation, w *Want, seller ledger.Key, now time.Time) (ledger.Entry, ledger.ID, error) {
	if w.Waited && seller == w.Seller {
		// What it says to that changes nothing; a stream that broke fails the question after it.
		if _, err := asked[done](c, waited{Room: w.Room}); err != nil {
			m.log.Debug("a seller does not want to know who waited", "err", err)
		}
	}
	list, err := c.shelf(seller, w.Host, w.Room)
	if err != nil {
		return ledger.Entry{}, ledger.ID{}, unreached(err)
	}
	listed, err := w.choose(list)
	if err != nil {
		return ledger.Entry{}, ledger.ID{}, err
	}
	known := w.Known || w.Room.IsZero() // one subscribes again and again, and comes in as oneself
	if known && w.Rail == ledger.IOURail {
		if _, err := asked[vouched](c, vouch{Cert: m.id.Cert()}); err != nil {
			return ledger.Entry{}, ledger.ID{}, unreached(err)
		}
	}
	if b, can := m.rails.payer(w.Rail).(Backer); can && !w.ByHand && w.Refund == "" {
		if w.Refund, err = b.Back(ctx); err != nil {
			m.log.Warn("bought without an address for refunds", "rail", w.Rail, "err", err)
		}
	}
	o := ledger.Order{Purpose: ledger.ForTickets, Offer: listed.ID, Payee: listed.Payee, Count: w.Count, Price: w.Price, Nonce: w.Nonce,
		Time: now.UnixMilli(), Expires: now.Add(orderFor).UnixMilli(), Refund: w.Refund}
	if w.Room.IsZero() {
		o.Purpose = ledger.ForSubscription
	}
	buyer := m.buyerKey(o.Nonce, known)
	o.Buyer = buyer.Public()
	rawOrder, id, err := ledger.Sign(buyer, o)
	if err != nil {
		return ledger.Entry{}, id, err
	}
	q, err := asked[quote](c, order{Order: rawOrder, Rail: w.Rail})
	if err != nil {
		return ledger.Entry{}, id, unreached(err)
	}
	paying, err := m.commit(ctx, *w, listed.raw, rawOrder, q.Quote, nil, buyer)
	return paying, id, err
}

// unreached tells a stream that broke from a refusal.
func unreached(err error) error {
	if err == nil || errors.As(err, new(refusal)) || errors.Is(err, errMessage) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreached, err)
}

// choose finds what is wanted among what is on sale.
func (w Want) choose(list []onSale) (onSale, error) {
	i := slices.IndexFunc(list, func(l onSale) bool {
		return l.Offer.Class == w.Class && (!w.Room.IsZero() || l.Offer.Name == w.Tier)
	})
	if i < 0 {
		return onSale{}, ledger.ErrNotOnSale
	}
	price, err := list[i].Offer.Price.Amount.Times(w.Count)
	if err != nil {
		return onSale{}, err
	}
	money := ledger.Money{Amount: price, Cur: list[i].Offer.Price.Cur}
	if money != w.Price || !w.Offer.IsZero() && list[i].ID != w.Offer {
		return onSale{}, &TermsError{Now: money, Offer: list[i].ID}
	}
	return list[i], nil
}

// A TermsError says that price or terms are others than what the buyer agreed to.
type TermsError struct {
	Now   ledger.Money
	Offer ledger.ID // the version that says so
}

func (e *TermsError) Error() string {
	return fmt.Sprintf("market: the offer is another; the price is %s now", e.Now)
}

// Unwrap makes it what the ledger calls it.
func (e *TermsError) Unwrap() error { return ledger.ErrMismatch }

// buyerKey is what signs an order: this device's key, or one made from it and the order's nonce, so that it is on no disk
// and is there after every crash.
func (m *Market) buyerKey(nonce [16]byte, known bool) doc.PrivateKey {
	if known {
		return m.id.Device()
	}
	seed := m.id.Device().Seed()
	h := hmac.New(sha256.New, seed[:])
	h.Write([]byte("salon/market-buyer/1\x00"))
	h.Write(nonce[:])
	return doc.PrivateKeyFromSeed([32]byte(h.Sum(nil)))
}

// KeyOf is the private key that an order was signed with, and that holds its tickets. It is zero if this device has not signed it.
func (m *Market) KeyOf(o ledger.Order) doc.PrivateKey {
	for _, known := range []bool{true, false} {
		if k := m.buyerKey(o.Nonce, known); k.Public() == o.Buyer {
			return k
		}
	}
	return doc.PrivateKey{}
}

// commit checks a quote, and puts on disk that it will be paid. The books check it against the order.
func (m *Market) commit(ctx context.Context, w Want, l ledger.Listing, rawOrder, rawQuote, note []byte, buyer doc.PrivateKey) (ledger.Entry, error) {
	q, id, err := ledger.OpenDocument[ledger.Quote](rawQuote)
	if err != nil {
		return ledger.Entry{}, err
	}
	if q.Rail != w.Rail || q.Fee > w.MaxFee {
		return ledger.Entry{}, fmt.Errorf("%w: %s by %s, and a fee of %s", ledger.ErrMismatch, q.Price, q.Rail, ledger.Money{Amount: q.Fee, Cur: q.Price.Cur})
	}
	o, orderID, err := ledger.OpenDocument[ledger.Order](rawOrder)
	if err != nil {
		return ledger.Entry{}, err
	}
	rail, known := m.rails.get(w.Rail)
	if !known || !rail.pays(w.ByHand) {
		return ledger.Entry{}, ErrRail
	}
	if v := rail.verifier(w.ByHand); v != nil {
		if err := v.Check(billOf(o, orderID, q, id, buyer)); err != nil {
			return ledger.Entry{}, err
		}
	}
	body := &ledger.Pay{Order: orderID, Quote: id, Note: o.Note, Cert: l.Cert}
	docs := [][]byte{rawOrder, rawQuote}
	if w.Rail == ledger.IOURail {
		ev, err := rail.Payer.Pay(ctx, billOf(o, orderID, q, id, buyer))
		if err != nil {
			return ledger.Entry{}, err
		}
		if _, body.IOU, err = ledger.OpenDocument[ledger.IOU](ev.Proof); err != nil {
			return ledger.Entry{}, err
		}
		docs = append(docs, ev.Proof)
	}
	if !o.Note.IsZero() {
		docs = append(docs, note)
	}
	if len(l.Allot) > 0 {
		allot, err := ledger.ParseEntry(l.Allot)
		if err != nil {
			return ledger.Entry{}, err
		}
		body.Offer, body.Allot = o.Offer, allot.ID
		docs = append(docs, l.Offer, l.Allot)
	} else if o.Purpose == ledger.ForSubscription {
		body.Offer = o.Offer // the terms: what is changed later is not what was agreed to
		docs = append(docs, l.Offer)
	}
	if w.ByHand {
		if err := m.hand(orderID); err != nil {
			return ledger.Entry{}, err
		}
	}
	entries, err := m.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: body, Docs: docs}}, nil
	})
	if err != nil {
		return ledger.Entry{}, err
	}
	return entries[0], nil
}

func billOf(o ledger.Order, order ledger.ID, q ledger.Quote, id ledger.ID, buyer doc.PrivateKey) Bill {
	return Bill{Ref: order, Quote: id, Request: q.Request, Total: q.Total(), Buyer: buyer, Creditor: o.Payee,
		Time: time.UnixMilli(q.Time), Expires: time.UnixMilli(q.Expires)}
}

// collect pays, or asks where the payment is, and takes home what it brings.
func (m *Market) collect(ctx context.Context, c *conversation, e ledger.Entry) (Bought, error) {
	body, ok := e.Body.(*ledger.Pay)
	if !ok {
		return Bought{}, fmt.Errorf("%w: %s", ledger.ErrKind, e.Kind)
	}
	o, _, err := ledger.OpenDocument[ledger.Order](e.Docs[0])
	if err != nil {
		return Bought{}, err
	}
	q, _, err := ledger.OpenDocument[ledger.Quote](e.Docs[1])
	if err != nil {
		return Bought{}, err
	}
	b := Bought{Order: body.Order, Offer: o.Offer}
	question := pay{Quote: body.Quote}
	var sent Event
	byHand := m.isByHand(body.Order)
	if byHand {
		sent.State = Pending // the payee says when it is not any more
	} else if q.Rail == ledger.IOURail {
		question.Proof = e.Docs[2]
	} else if sent, err = m.send(ctx, o, q, body); err != nil {
		return b, err
	} else {
		question.Proof = sent.Proof // some payees hear of it from nobody else
	}
	for ctx.Err() == nil {
		answer, err := c.either(question)
		var no refusal
		if errors.As(err, &no) && q.Rail == ledger.IOURail && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrSeller) {
			// Nobody but the payee can say how it ended. If it takes the IOU after all, its receipt still counts.
			return b, errors.Join(err, m.void(body.Quote))
		}
		switch {
		case errors.Is(err, ErrNoWayBack), errors.Is(err, ErrOnItsWay), errors.Is(err, ledger.ErrDisputed):
			err = fmt.Errorf("%w: %w", ErrLate, err)
		case no.error != nil && byHand && isOver(err):
			return b, errors.Join(err, m.void(body.Quote))
		case no.error != nil && q.Rail != ledger.IOURail && errors.Is(err, ledger.ErrExpired):
			err = ErrPending // our own rail says how it ended
		}
		if err != nil {
			return b, err
		}
		switch answer := answer.(type) {
		case wait:
			if byHand {
				return b, ErrPending
			}
			if sent.State == Pending {
				if sent, err = m.send(ctx, o, q, body); err != nil {
					return b, err
				}
				question.Proof = sent.Proof
			}
		case sold:
			cost, err := m.cost(ctx, billOf(o, body.Order, q, body.Quote, m.KeyOf(o)), q.Rail, byHand, sent, answer.Receipt)
			if err != nil {
				return b, err
			}
			return m.takeHome(c, o, body.Order, cost, answer)
		default:
			return b, errMessage
		}
	}
	return b, errors.Join(ErrPending, ctx.Err())
}

// send moves the money, or asks where it is.
func (m *Market) send(ctx context.Context, o ledger.Order, q ledger.Quote, body *ledger.Pay) (Event, error) {
	rail, known := m.rails.get(q.Rail)
	if !known || rail.Payer == nil {
		return Event{}, ErrRail
	}
	buyer := m.KeyOf(o)
	if buyer.IsZero() {
		return Event{}, ledger.ErrSigner
	}
	ev, err := rail.Payer.Pay(ctx, billOf(o, body.Order, q, body.Quote, buyer))
	if err != nil {
		return ev, err
	}
	if ev.State == Failed {
		return ev, errors.Join(ErrFailed, m.void(body.Quote))
	}
	return ev, nil
}

// cost is what the rail took on the payer's side, where the rail can tell a receipt's proof from any other bytes. A receipt
// with another proof is not for this payment.
func (m *Market) cost(ctx context.Context, b Bill, name string, byHand bool, sent Event, receipt []byte) (ledger.Amount, error) {
	rail, known := m.rails.get(name)
	if !known || !rail.pays(byHand) {
		return 0, ErrRail
	}
	v := rail.verifier(byHand)
	if v == nil {
		return 0, nil
	}
	r, _, err := ledger.OpenDocument[ledger.Receipt](receipt)
	if err != nil {
		return 0, err
	}
	if err := v.Verify(b, r.Proof); err != nil {
		return 0, err
	}
	if sent.State != Settled && !byHand { // the payee was faster to see it
		sent, err = rail.Payer.Pay(ctx, b)
	}
	return sent.Cost, err
}

func (m *Market) void(quote ledger.ID) error {
	_, err := m.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Void{Quote: quote, Reason: ledger.ReasonFailed}}}, nil
	})
	return err
}

// takeHome checks what a payment brought, and puts it on disk. That receipt, quote and order agree, the books say.
func (m *Market) takeHome(c *conversation, o ledger.Order, id ledger.ID, cost ledger.Amount, s sold) (Bought, error) {
	b := Bought{Order: id, Offer: o.Offer, Back: len(s.Refunds) > 0}
	var err error
	if _, b.Receipt, err = ledger.OpenDocument[ledger.Receipt](s.Receipt); err != nil {
		return b, err
	}
	var room ledger.Room
	var class uint8
	if len(s.Tickets) > 0 {
		e, err := ledger.ParseEntry(s.Offer)
		if err != nil {
			return b, err
		}
		offer, isOffer := e.Body.(*ledger.Offer)
		if !isOffer || e.ID != o.Offer {
			return b, fmt.Errorf("%w: not the offer that was ordered", ledger.ErrMismatch)
		}
		room, class = offer.Room, offer.Class
	}
	docs := [][]byte{s.Receipt}
	for _, raw := range s.Tickets {
		t, ticket, err := ledger.OpenDocument[ledger.Ticket](raw)
		if err != nil {
			return b, err
		}
		if t.Room != room || t.Class != class {
			return b, fmt.Errorf("%w: a ticket to something else", ledger.ErrMismatch)
		}
		b.Tickets, docs = append(b.Tickets, ticket), append(docs, raw)
	}
	if o.Purpose == ledger.ForTickets && len(s.Tickets) == 0 && len(s.Refunds) == 0 {
		return b, fmt.Errorf("%w: neither tickets nor the money", ledger.ErrMismatch)
	}
	if err := m.book(b, cost, docs, s.Refunds); err != nil {
		return b, err
	}
	// If this is lost the seller only does not know that we have everything.
	_ = c.say(ack{Receipt: b.Receipt})
	return b, nil
}

// book appends a receipt and refunds, if they are not there yet.
func (m *Market) book(b Bought, cost ledger.Amount, docs [][]byte, refunds [][]byte) error {
	now := time.Now()
	_, err := m.store.Append(now, func(books *ledger.Books) ([]ledger.Draft, error) {
		if p, _ := books.Paying(b.Order); p.Progress == ledger.Done {
			return nil, nil
		}
		// All at once: of what is got without tickets nobody asks again whether it came back.
		drafts := []ledger.Draft{{Body: &ledger.Got{Receipt: b.Receipt, Tickets: b.Tickets, Cost: cost}, Docs: docs}}
		for _, raw := range refunds {
			e, err := ledger.ParseEntry(raw)
			if err != nil {
				return nil, err
			}
			drafts = append(drafts, ledger.Draft{Body: &ledger.Refunded{Refund: e.ID}, Docs: [][]byte{raw}})
		}
		return drafts, nil
	})
	if err != nil {
		return err
	}
	return m.bookRefunds(refunds, now)
}

// bookRefunds books what came back, if it is not booked yet. That it is ours, and not too much, the books say.
func (m *Market) bookRefunds(refunds [][]byte, now time.Time) error {
	var all error
	for _, raw := range refunds {
		e, err := ledger.ParseEntry(raw)
		if err == nil {
			_, err = m.store.Append(now, func(books *ledger.Books) ([]ledger.Draft, error) {
				if books.IsSettled(e.ID) {
					return nil, nil
				}
				return []ledger.Draft{{Body: &ledger.Refunded{Refund: e.ID}, Docs: [][]byte{raw}}}, nil
			})
		}
		all = errors.Join(all, err) // a lie does not hide what is true
	}
	return all
}
