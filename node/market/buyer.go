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
	orderFor    = 15 * time.Minute // an order is open: three holds
	answerWait  = idle + payWait   // for an answer
	resumeAgain = time.Minute
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
	Refund string // where the rail may send money back to
	// Known has the tickets made out to this device's key, so that the host knows who bought. Otherwise a fresh key buys.
	Known bool
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
		return nil, nil, err
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

// Shelf asks a device what it sells of a host's room.
func (m *Market) Shelf(ctx context.Context, device, host ledger.Key, room ledger.Room) ([]ledger.Listed, error) {
	c, done, err := m.call(ctx, device)
	if err != nil {
		return nil, err
	}
	defer done()
	list, err := c.shelf(device, host, room)
	var listed []ledger.Listed
	for _, l := range list {
		listed = append(listed, l.Listed)
	}
	return listed, err
}

// onSale is a listing that was verified.
type onSale struct {
	ledger.Listed
	raw ledger.Listing
}

// shelf leaves out what is not the host's, or not this device's to sell.
func (c *conversation) shelf(device, host ledger.Key, room ledger.Room) ([]onSale, error) {
	answer, err := asked[shelf](c, ask{Room: room})
	if err != nil {
		return nil, err
	}
	var list []onSale
	for _, raw := range answer.List[:min(len(answer.List), maxListings)] {
		l, err := raw.Open(time.Now())
		if err == nil && l.Host == host && l.Seller == device && l.Offer.Room == room {
			list = append(list, onSale{l, raw})
		}
	}
	return list, nil
}

// Buy orders, pays and takes home. Once the payment has begun it is kept, whatever happens: after ErrPending or a broken stream,
// Run goes on with it.
func (m *Market) Buy(ctx context.Context, w Want) (Bought, error) {
	rail, known := m.rails[w.Rail]
	if !known || rail.Payer == nil {
		return Bought{}, ErrRail
	}
	c, done, err := m.call(ctx, w.Seller)
	if err != nil {
		return Bought{}, err
	}
	defer done()
	list, err := c.shelf(w.Seller, w.Host, w.Room)
	if err != nil {
		return Bought{}, err
	}
	listed, err := w.choose(list)
	if err != nil {
		return Bought{}, err
	}
	now := time.Now()
	o := ledger.Order{Purpose: ledger.ForTickets, Offer: listed.ID, Payee: listed.Payee, Count: w.Count, Price: w.Price,
		Time: now.UnixMilli(), Expires: now.Add(orderFor).UnixMilli(), Refund: w.Refund}
	if w.Room.IsZero() {
		o.Purpose = ledger.ForSubscription
	}
	rand.Read(o.Nonce[:])
	buyer := m.buyerKey(o.Nonce, w.Known || w.Room.IsZero()) // one subscribes again and again, and comes in as oneself
	o.Buyer = buyer.Public()
	rawOrder, id, err := ledger.Sign(buyer, o)
	if err != nil {
		return Bought{}, err
	}
	q, err := asked[quote](c, order{Order: rawOrder, Rail: w.Rail})
	if err != nil {
		return Bought{}, err
	}
	paying, err := m.commit(ctx, w, listed.raw, rawOrder, q.Quote, nil, buyer)
	if err != nil {
		return Bought{}, err
	}
	b, err := m.collect(ctx, c, paying)
	b.Order, b.Offer = id, o.Offer
	return b, err
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
	if money := (ledger.Money{Amount: price, Cur: list[i].Offer.Price.Cur}); money != w.Price {
		return onSale{}, fmt.Errorf("%w: the price is %s", ledger.ErrMismatch, money)
	}
	return list[i], nil
}

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
	body := &ledger.Pay{Order: orderID, Quote: id, Note: o.Note, Cert: l.Cert}
	docs := [][]byte{rawOrder, rawQuote}
	if w.Rail == ledger.IOURail {
		ev, err := m.rails[w.Rail].Payer.Pay(ctx, billOf(o, orderID, q, id, buyer))
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
	b := Bought{Order: body.Order}
	question := pay{Quote: body.Quote}
	if q.Rail == ledger.IOURail {
		question.Proof = e.Docs[2]
	} else if err := m.send(ctx, o, q, body); err != nil {
		return b, err
	}
	for ctx.Err() == nil {
		answer, err := c.either(question)
		var no refusal
		if errors.As(err, &no) && q.Rail == ledger.IOURail && !errors.Is(err, ErrBusy) && !errors.Is(err, ErrSeller) {
			// Nobody but the payee can say how it ended. If it takes the IOU after all, its receipt still counts.
			return b, errors.Join(err, m.void(body.Quote))
		}
		if err != nil {
			return b, err
		}
		switch answer := answer.(type) {
		case wait:
		case sold:
			return m.takeHome(c, o, body.Order, answer)
		default:
			return b, errMessage
		}
	}
	return b, errors.Join(ErrPending, ctx.Err())
}

// send moves the money, or asks where it is.
func (m *Market) send(ctx context.Context, o ledger.Order, q ledger.Quote, body *ledger.Pay) error {
	rail, known := m.rails[q.Rail]
	if !known || rail.Payer == nil {
		return ErrRail
	}
	buyer := m.KeyOf(o)
	if buyer.IsZero() {
		return ledger.ErrSigner
	}
	ev, err := rail.Payer.Pay(ctx, billOf(o, body.Order, q, body.Quote, buyer))
	if err != nil {
		return err
	}
	if ev.State == Failed {
		return errors.Join(ErrFailed, m.void(body.Quote))
	}
	return nil
}

func (m *Market) void(quote ledger.ID) error {
	_, err := m.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Void{Quote: quote, Reason: ledger.ReasonFailed}}}, nil
	})
	return err
}

// takeHome checks what a payment brought, and puts it on disk. That receipt, quote and order agree, the books say.
func (m *Market) takeHome(c *conversation, o ledger.Order, id ledger.ID, s sold) (Bought, error) {
	b := Bought{Order: id, Back: len(s.Refunds) > 0}
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
	if err := m.book(b, docs, s.Refunds); err != nil {
		return b, err
	}
	// If this is lost the seller only does not know that we have everything.
	_ = c.say(ack{Receipt: b.Receipt})
	return b, nil
}

// book appends a receipt and refunds, if they are not there yet.
func (m *Market) book(b Bought, docs [][]byte, refunds [][]byte) error {
	now := time.Now()
	_, err := m.store.Append(now, func(books *ledger.Books) ([]ledger.Draft, error) {
		if p, _ := books.Paying(b.Order); p.Progress == ledger.Done {
			return nil, nil
		}
		return []ledger.Draft{{Body: &ledger.Got{Receipt: b.Receipt, Tickets: b.Tickets}, Docs: docs}}, nil
	})
	if err != nil {
		return err
	}
	for _, raw := range refunds {
		e, err := ledger.ParseEntry(raw)
		if err != nil {
			return err
		}
		_, err = m.store.Append(now, func(books *ledger.Books) ([]ledger.Draft, error) {
			if books.IsSettled(e.ID) {
				return nil, nil
			}
			return []ledger.Draft{{Body: &ledger.Refunded{Refund: e.ID}, Docs: [][]byte{raw}}}, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Resume goes on with every purchase whose payment was begun. It tries all of them, and returns what went wrong.
func (m *Market) Resume(ctx context.Context) error {
	var open []ledger.Entry
	err := m.look(func(l *lists) {
		for _, e := range l.paying {
			open = append(open, e)
		}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(open, func(a, b ledger.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	for _, e := range open {
		if ctx.Err() != nil {
			break
		}
		if one := m.resume(ctx, e); one != nil {
			err = errors.Join(err, one)
		}
	}
	return err
}

func (m *Market) resume(ctx context.Context, e ledger.Entry) error {
	q, _, err := ledger.OpenDocument[ledger.Quote](e.Docs[1])
	if err != nil {
		return err
	}
	c, done, err := m.call(ctx, q.By)
	if err != nil {
		return err
	}
	defer done()
	_, err = m.collect(ctx, c, e)
	return err
}
