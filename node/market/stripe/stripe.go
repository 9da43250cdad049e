// Package stripe is the rail of hosts who have an account with Stripe: buyers pay by card on a page of Stripe's. Always:
//
//   - What a card is, this node never sees: the page is Stripe's, and all that comes back is whether it was paid.
//   - An order is one session, and a refund is one, by what they are named, however often they are asked for.
//   - Nobody has to reach this node: it asks Stripe, and is told nothing by strangers.
//   - What Stripe did not answer is unknown, and is asked for again. It is never taken for a failure.
//   - The key is in no log and no error, and goes to Stripe alone.
//
// A restricted key is enough: to write Checkout Sessions and refunds, to read charges, disputes and balance transactions.
package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// Name is that of the rail.
const Name = "stripe"

// Options configures New. Kept must be set.
type Options struct {
	Kept   File         // the sessions
	Before market.Payee // what this one takes the place of, if a node puts it there while it runs: they share the file
}

// A File is small and written whole: after a crash it has the old content or the new.
type File interface {
	Read() ([]byte, error) // os.ErrNotExist before the first Write
	Write([]byte) error    // durable
}

const (
	// lives is how long a session is open for Stripe, which takes no less than half an hour. The hold on the seats ends before, and with
	// it this node ends the session.
	lives    = 31 * time.Minute
	keepFor  = 25 * time.Hour // the market looks for a payment for a day
	keepMost = 30 * 24 * time.Hour
	maxKept  = 4096
	maxAsked = 64 // sessions asked about in one round

	lookSoon  = 2 * time.Second // while somebody may be paying
	lookLater = 30 * time.Second
)

// A Payee receives by card.
type Payee struct {
	*client
	back string
	*memory
}

// A memory is what outlasts a change of the settings.
type memory struct {
	mu    sync.Mutex // guards the file, and the field below
	kept  File
	woken chan struct{} // closed when there is a new session
}

// kept are the sessions of orders that may still be paid.
type kept struct {
	List []session `json:"list"`
}

// A session is on disk before Stripe is asked for it: the same again is the same one.
type session struct {
	Ref     string `json:"ref"`
	Cur     string `json:"currency"`
	Minor   int64  `json:"minor"` // as Stripe counts
	Expires int64  `json:"expires"`
	Hold    int64  `json:"hold"` // unix ms: until when it may be paid
	Made    int64  `json:"made"` // unix ms
	ID      string `json:"id"`   // empty until Stripe has answered
	URL     string `json:"url"`
	Over    bool   `json:"over"` // paid, or expired
}

// New makes the rail. It asks nothing yet.
func New(c Config, o Options) (market.Rail, error) {
	client, err := newClient(c)
	if err != nil {
		return market.Rail{}, err
	}
	p := &Payee{client: client, back: c.back(), memory: &memory{kept: o.Kept, woken: make(chan struct{})}}
	if old, ok := o.Before.(*Payee); ok {
		p.memory = old.memory
	}
	return market.Rail{Payee: p, Hand: Hand{}}, nil
}

// Try asks Stripe something that changes nothing, of each kind that the rail needs.
func Try(ctx context.Context, c Config) error {
	client, err := newClient(c)
	if err != nil {
		return err
	}
	for _, what := range []string{"checkout/sessions", "refunds", "disputes", "balance_transactions"} {
		if err := client.get(ctx, what, url.Values{"limit": {"1"}}, &struct{}{}); err != nil {
			return fmt.Errorf("to read %s: %w", what, err)
		}
	}
	return nil
}

// Takes reports whether cards are charged in a currency.
func (*Payee) Takes(cur ledger.Currency) bool {
	_, known := exponent(cur)
	return known
}

// Least is the smallest payment that Stripe takes in a currency.
func (*Payee) Least(cur ledger.Currency) ledger.Amount { return least[cur] }

// read loads the file. mu is held.
func (m *memory) read() (all kept, err error) {
	raw, err := m.kept.Read()
	if errors.Is(err, os.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &all)
	}
	if err != nil {
		err = fmt.Errorf("stripe: its sessions cannot be read: %w", err)
	}
	return all, err
}

// write stores what still counts. What Stripe was not asked about since it ended may have been paid while this node was away. mu is held.
func (m *memory) write(all kept, now time.Time) error {
	all.List = slices.DeleteFunc(all.List, func(s session) bool {
		age := now.Sub(time.UnixMilli(s.Made))
		return age > keepFor && (s.Over || s.ID == "") || age > keepMost
	})
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return m.kept.Write(append(raw, '\n'))
}

func (all kept) index(ref string) int {
	return slices.IndexFunc(all.List, func(s session) bool { return s.Ref == ref })
}

// session finds that of an order.
func (m *memory) session(ref ledger.ID) (session, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, err := m.read()
	if i := all.index(ref.String()); err == nil && i >= 0 {
		return all.List[i], true, nil
	}
	return session{}, false, err
}

// change stores what is known of a session by now.
func (m *memory) change(ref string, f func(*session)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, err := m.read()
	if err != nil {
		return err
	}
	i := all.index(ref)
	if i < 0 {
		return nil
	}
	f(&all.List[i])
	return m.write(all, time.Now())
}

// begin stores that a session is about to be made, or finds the one that there is.
func (m *memory) begin(r market.Request, minor int64, now time.Time) (session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all, err := m.read()
	if err != nil {
		return session{}, err
	}
	if i := all.index(r.Ref.String()); i >= 0 {
		s := all.List[i]
		if s.Minor != minor || s.Cur != string(r.Amount.Cur) {
			return s, errors.New("stripe: the order has another price now")
		}
		return s, nil
	}
	if len(all.List) >= maxKept {
		return session{}, market.ErrBusy
	}
	s := session{Ref: r.Ref.String(), Cur: string(r.Amount.Cur), Minor: minor, Expires: now.Add(lives).Unix(), Hold: r.Expires.UnixMilli(), Made: now.UnixMilli()}
	all.List = append(all.List, s)
	return s, m.write(all, now)
}

// Create makes the page where an order is paid, or finds it.
func (p *Payee) Create(ctx context.Context, r market.Request) (market.Invoice, error) {
	minor, err := toMinor(r.Amount)
	if err != nil {
		return market.Invoice{}, err
	}
	s, err := p.begin(r, minor, time.Now())
	if err != nil {
		return market.Invoice{}, err
	}
	switch {
	case s.Over:
		return market.Invoice{}, fmt.Errorf("%w: the page of the order", ledger.ErrExpired)
	case s.ID != "":
		return market.Invoice{Request: s.URL}, nil
	}
	short := r.Ref.Short()
	var made struct{ ID, URL string }
	err = p.post(ctx, "checkout/sessions", "order-"+s.Ref, url.Values{
		"mode":                    {"payment"},
		"payment_method_types[0]": {"card"},
		"success_url":             {p.back},
		"client_reference_id":     {s.Ref},
		"expires_at":              {strconv.FormatInt(s.Expires, 10)},
		"metadata[salon_order]":   {s.Ref},
		"payment_intent_data[metadata][salon_order]":    {s.Ref},
		"payment_intent_data[capture_method]":           {"automatic"}, // or the fee is known later than the payment
		"line_items[0][quantity]":                       {"1"},
		"line_items[0][price_data][currency]":           {strings.ToLower(s.Cur)},
		"line_items[0][price_data][unit_amount]":        {strconv.FormatInt(minor, 10)},
		"line_items[0][price_data][product_data][name]": {"salon, order " + short},
	}, &made)
	if err != nil {
		return market.Invoice{}, err
	}
	if !isID(made.ID) || checkPage(made.URL) != nil {
		return market.Invoice{}, errors.New("stripe: its session has no page")
	}
	if err := p.change(s.Ref, func(s *session) { s.ID, s.URL = made.ID, made.URL }); err != nil {
		return market.Invoice{}, err
	}
	p.mu.Lock()
	close(p.woken)
	p.woken = make(chan struct{})
	p.mu.Unlock()
	return market.Invoice{Request: made.URL}, nil
}

// Lookup says where a payment is. A session whose seats are not held any more is ended: what nobody has paid by then, nobody can.
func (p *Payee) Lookup(ctx context.Context, ref ledger.ID) (market.Event, error) {
	s, known, err := p.session(ref)
	if err != nil || !known {
		return market.Event{Ref: ref}, err
	}
	if s.ID == "" {
		return market.Event{Ref: ref, State: market.Open}, nil
	}
	ev, err := p.ask(ctx, ref, s)
	if err != nil || ev.State != market.Open || time.Now().UnixMilli() < s.Hold {
		return ev, err
	}
	if err := p.post(ctx, "checkout/sessions/"+s.ID+"/expire", "", url.Values{}, &struct{}{}); err != nil {
		return ev, nil // it may have been paid just now; that is seen the next time
	}
	return p.ask(ctx, ref, s)
}

// A view of a session, as Stripe tells of it.
type view struct {
	ID            string
	Status        string
	PaymentStatus string `json:"payment_status"`
	Reference     string `json:"client_reference_id"`
	Total         int64  `json:"amount_total"`
	Currency      string
	Intent        *struct {
		ID       string
		Received int64 `json:"amount_received"`
		Currency string
		Charge   *struct {
			Balance *balance `json:"balance_transaction"`
		} `json:"latest_charge"`
	} `json:"payment_intent"`
}

// A balance transaction says what Stripe kept, in the currency of the account.
type balance struct {
	Fee      int64
	Currency string
	Rate     json.Number `json:"exchange_rate"` // from the currency that was paid to that of the account; null if they are the same
}

func (p *Payee) ask(ctx context.Context, ref ledger.ID, s session) (market.Event, error) {
	var v view
	err := p.get(ctx, "checkout/sessions/"+s.ID, url.Values{"expand[]": {"payment_intent.latest_charge.balance_transaction"}}, &v)
	var no *refusal
	switch {
	case errors.As(err, &no) && no.Code == "resource_missing": // it is of an account that this key is not of
		return market.Event{Ref: ref}, nil
	case err != nil:
		return market.Event{}, err
	}
	if v.ID != s.ID || v.Reference != s.Ref || v.Total != s.Minor || !strings.EqualFold(v.Currency, s.Cur) {
		return market.Event{}, errors.New("stripe: the session is of another order")
	}
	ev := market.Event{Ref: ref}
	switch {
	case v.Status == "open":
		ev.State = market.Open
	case v.Status == "expired":
		ev.State = market.Expired
		return ev, p.change(s.Ref, func(s *session) { s.Over = true })
	case v.Status != "complete":
		return ev, fmt.Errorf("stripe: a session is %q", printable(v.Status))
	case v.PaymentStatus != "paid" || v.Intent == nil || !isID(v.Intent.ID):
		ev.State = market.Pending
	default:
		got, err := fromMinor(v.Intent.Received, v.Intent.Currency)
		if err != nil {
			return ev, err
		}
		ev.State, ev.Received, ev.Proof = market.Settled, got, []byte(v.Intent.ID)
		if v.Intent.Charge != nil && v.Intent.Charge.Balance != nil {
			ev.Cost = min(max(0, v.Intent.Charge.Balance.cost(got.Cur)), got.Amount)
		}
		return ev, p.change(s.Ref, func(s *session) { s.Over = true })
	}
	return ev, nil
}

// Watch asks about every session that is open, soon again while there are some.
func (p *Payee) Watch(ctx context.Context, f func(market.Event) error) error {
	told := map[string]bool{} // that they are over; what was so before is for Lookup
	p.mu.Lock()
	before, err := p.read()
	p.mu.Unlock()
	if err != nil {
		return err
	}
	for _, s := range before.List {
		told[s.Ref] = s.Over
	}
	if err := f(market.Event{}); err != nil {
		return err
	}
	for {
		p.mu.Lock()
		woken := p.woken
		all, err := p.read()
		p.mu.Unlock()
		if err != nil {
			return err
		}
		asked := 0
		for _, s := range slices.Backward(all.List) {
			if told[s.Ref] || s.ID == "" || asked == maxAsked {
				continue
			}
			asked++
			ref, err := ledger.ParseID(s.Ref)
			if err != nil {
				return err
			}
			ev, err := p.Lookup(ctx, ref)
			if err == nil && ev.State != market.Open {
				err = f(ev)
			}
			if err != nil {
				return err
			}
			told[s.Ref] = ev.State != market.Open && ev.State != market.Pending
		}
		pause := lookLater
		if asked > 0 {
			pause = lookSoon
		}
		select {
		case <-woken:
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
