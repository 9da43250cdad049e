package market_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/railtest"
	"salon/node/market/stripe"
	"salon/node/market/stripe/stripetest"
)

// account is a rail at a Stripe of a test.
func account(t testing.TB, at *stripetest.Server, kept *lndtest.File) market.Rail {
	t.Helper()
	r, err := stripe.New(stripe.Config{Key: stripetest.Key, Base: at.URL()}, stripe.Options{Kept: kept})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A cardholder pays pages.
type cardholder struct{ at *stripetest.Server }

func (c cardholder) Pay(ctx context.Context, b market.Bill) (market.Event, error) {
	if ctx.Err() != nil {
		return market.Event{}, ctx.Err()
	}
	return market.Event{Ref: b.Ref, State: market.Pending}, c.at.Pay(b.Request)
}

func TestStripeConforms(t *testing.T) {
	railtest.Conform(t, func(t *testing.T) *railtest.Bench {
		at, kept := stripetest.New(t), &lndtest.File{}
		return bench(t, stripe.Name, eur(500), func(*party, *party) (market.Payee, market.Payer) {
			return account(t, at, kept).Payee, cardholder{at}
		})
	})
}

// byCard has one party sell by card, and another pay so.
func byCard(t *testing.T) (at *stripetest.Server, ana, bo *party) {
	w := newTown(t)
	at, kept := stripetest.New(t), &lndtest.File{}
	ana, bo = w.settle(1), w.settle(2)
	ana.rails = func() map[string]market.Rail { return map[string]market.Rail{stripe.Name: account(t, at, kept)} }
	bo.rails = func() map[string]market.Rail { return map[string]market.Rail{stripe.Name: {Hand: stripe.Hand{}}} }
	ana.crash()
	bo.crash()
	ana.evening(50, eur(500))
	return at, ana, bo
}

func (p *party) page(ctx context.Context, seller *party) market.Unfinished {
	p.town.t.Helper()
	u := p.ordered(ctx, market.Want{Seller: seller.device(), Host: seller.person, Room: hall, Count: 1, Price: eur(500)})
	if !strings.HasPrefix(u.Request, "https://checkout.stripe.com/") {
		p.town.t.Fatalf("%+v", u)
	}
	return u
}

// ordered orders what is to be paid by card, and returns the order before it is paid.
func (p *party) ordered(ctx context.Context, w market.Want) market.Unfinished {
	p.town.t.Helper()
	w.Rail, w.ByHand = stripe.Name, true
	b, err := p.Buy(ctx, w)
	if !errors.Is(err, market.ErrPending) || b.Order.IsZero() {
		p.town.t.Fatalf("%+v, %v", b, err)
	}
	list, err := p.Unfinished()
	if err != nil {
		p.town.t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(u market.Unfinished) bool { return u.Order == b.Order })
	if i < 0 {
		p.town.t.Fatalf("%+v", list)
	}
	return list[i]
}

// A card pays a ticket, whichever answer of Stripe's is lost, late or nonsense, and whoever's node dies meanwhile: one session, one charge,
// one ticket, and Stripe's fee in the books.
func TestCards(t *testing.T) {
	all := []string{"", "buyer dies", "host dies", "429 busy", "500 sick", "lost", "html", "huge", "other"}
	for _, what := range all {
		t.Run(what, func(t *testing.T) {
			at, ana, bo := byCard(t)
			ctx := within(t)
			switch what {
			case "lost":
				at.Spoil(stripetest.Lost)
			case "html":
				at.Spoil(stripetest.HTML)
			case "huge":
				at.Spoil(stripetest.Huge)
			case "other":
				at.Spoil(stripetest.Other)
			case "429 busy":
				at.Spoil(stripetest.Busy)
			}
			want := market.Want{Seller: ana.device(), Host: ana.person, Room: hall, Count: 1, Price: eur(500), Rail: stripe.Name, ByHand: true, Nonce: [16]byte{5}}
			if what == "lost" || what == "html" || what == "huge" || what == "other" {
				if _, err := bo.Buy(ctx, want); !errors.Is(err, market.ErrSeller) {
					t.Fatalf("%v", err)
				}
				if n := bo.kinds(); n[ledger.KindPay] != 0 {
					t.Fatal("something is to be paid")
				}
			}
			u := bo.page(ctx, ana)
			if what == "500 sick" {
				at.Spoil(stripetest.Sick, stripetest.Sick)
			}
			if err := at.Pay(u.Request); err != nil {
				t.Fatal(err)
			}
			switch what {
			case "buyer dies":
				bo.crash()
			case "host dies":
				ana.crash()
			}
			ana.run()
			bo.run()
			bo.until(ctx, "no ticket comes", func() bool { return len(bo.tickets()) == 1 })
			if at.Charged() != 1 {
				t.Errorf("charged %d times", at.Charged())
			}
			if has, fee := ana.balance(ledger.Asset(stripe.Name)), ana.balance(ledger.ExpenseRail); has != 475 || fee != 25 {
				t.Errorf("has %d, and Stripe %d", has, fee)
			}
		})
	}
}

// A refund goes back to the card once, whatever answer is lost; and what Stripe says is on its way is not booked.
func TestCardsRefunded(t *testing.T) {
	for _, how := range []string{"", "lost", "sick"} {
		t.Run(how, func(t *testing.T) {
			at, ana, bo := byCard(t)
			ctx := within(t)
			if err := at.Pay(bo.page(ctx, ana).Request); err != nil {
				t.Fatal(err)
			}
			if err := bo.Resume(ctx); err != nil {
				t.Fatal(err)
			}
			_, ticket := held(t, bo)
			switch how {
			case "lost":
				at.Spoil("", stripetest.Lost) // the list, the refund
			case "sick":
				at.Spoil("", stripetest.Sick)
			}
			_, err := ana.Refund(ctx, []ledger.ID{ticket}, market.Takeback{Why: ledger.ReasonHost})
			if how == "" && err != nil { // otherwise it may have been asked again already
				t.Error(err)
			}
			ana.crash()
			if err := ana.PayBack(ctx); err != nil {
				t.Fatal(err)
			}
			if n, sum := at.Refunds(); n != 1 || sum != 500 {
				t.Errorf("%d refunds of %d", n, sum)
			}
			if has := ana.balance(ledger.Asset(stripe.Name)); has != -25 {
				t.Errorf("has %d", has) // Stripe keeps its fee
			}
		})
	}
}

// held is the ticket that a party has.
func held(t *testing.T, p *party) (market.Held, ledger.ID) {
	t.Helper()
	list, err := p.Tickets(time.Now())
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	return list[0], list[0].ID
}

// A chargeback freezes the ticket until it is decided; won it is good again, lost it is void for good and the money is gone from the books.
// What others dispute is none of ours, and asking again, after a crash too, books nothing twice.
func TestChargeback(t *testing.T) {
	for _, end := range []string{"won", "lost"} {
		t.Run(end, func(t *testing.T) {
			at, ana, bo := byCard(t)
			ctx := within(t)
			if err := at.Pay(bo.page(ctx, ana).Request); err != nil {
				t.Fatal(err)
			}
			if err := bo.Resume(ctx); err != nil {
				t.Fatal(err)
			}
			_, ticket := held(t, bo)
			var intent string
			if err := ana.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
				if e.Kind == ledger.KindSale {
					r, _, err := ledger.OpenDocument[ledger.Receipt](e.Docs[0])
					if err != nil {
						t.Error(err)
					}
					intent = string(r.Proof)
				}
				return true
			}); err != nil {
				t.Fatal(err)
			}
			at.Pages(2)
			at.Others(5)
			looks := func(status string, entries int) {
				t.Helper()
				at.Dispute(intent, status)
				at.Others(1)
				for range 2 {
					stop, cancel := context.WithCancel(ctx)
					ended := make(chan struct{})
					calls := at.Calls("GET disputes")
					market := ana.Market
					go func() { market.Run(stop); close(ended) }()
					if entries > 0 {
						ana.until(ctx, status+" is not heard", func() bool { return ana.kinds()[ledger.KindDispute] == entries })
					}
					for at.Calls("GET disputes") < calls+3 { // all pages
						select {
						case <-ctx.Done():
							t.Fatal("nobody asks")
						case <-time.After(time.Millisecond):
						}
					}
					cancel()
					<-ended
					ana.crash()
				}
				if n := ana.kinds()[ledger.KindDispute]; n != entries {
					t.Errorf("%s: %d entries, not %d", status, n, entries)
				}
				if err := bo.News(ctx); err != nil {
					t.Fatal(err)
				}
			}
			looks("warning_needs_response", 0)
			if h, _ := held(t, bo); h.Void {
				t.Error("a question of the bank voids it")
			}
			looks("needs_response", 1)
			if h, _ := held(t, bo); !h.Void {
				t.Error("it is good while it is disputed")
			}
			if _, err := ana.Refund(ctx, []ledger.ID{ticket}, market.Takeback{Why: ledger.ReasonHost}); !errors.Is(err, ledger.ErrDisputed) {
				t.Errorf("refunded while it is disputed: %v", err)
			}
			looks(end, 2)
			if h, _ := held(t, bo); h.Void != (end == "lost") {
				t.Errorf("%s: void is %t", end, h.Void)
			}
			want := map[string][3]ledger.Amount{"won": {475, 25, -500}, "lost": {-1525, 1525, 0}}[end]
			if got := [3]ledger.Amount{ana.balance(ledger.Asset(stripe.Name)), ana.balance(ledger.ExpenseRail), ana.balance(ledger.IncomeTickets)}; got != want {
				t.Errorf("%v, want %v", got, want)
			}
			if n, _ := at.Refunds(); n != 0 {
				t.Errorf("%d refunds", n)
			}
			list, err := ana.Takings(hall, time.Now())
			if err != nil || len(list) != 1 || len(list[0].Last) != 1 || list[0].Last[0].Dispute.String() != end {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

// Stripe counts some currencies in other units than we do, and what it cannot count is refused before anybody pays.
func TestCardCurrencies(t *testing.T) {
	at, kept := stripetest.New(t), &lndtest.File{}
	p := account(t, at, kept).Payee
	ref := byte(0)
	for text, want := range map[string]string{
		"5.00 EUR": "", "500 JPY": "", "5.50 USD": "", "100 ISK": "", "0.500 KWD": "", "500 UGX": "", "500.00 MGA": "",
		"0.505 KWD": "", "0.501 KWD": "amount", "500.50 MGA": "amount", "2500 sat": "currency", "999999999.99 EUR": "amount",
	} {
		m, err := ledger.ParseMoney(text)
		if err != nil {
			t.Fatal(text, err)
		}
		ref++
		id := ledger.ID{ref}
		inv, err := p.Create(t.Context(), market.Request{Ref: id, Amount: m, Expires: time.Now().Add(time.Minute)})
		if text == "0.505 KWD" {
			want = "amount"
		}
		got := ""
		switch {
		case errors.Is(err, ledger.ErrAmount):
			got = "amount"
		case errors.Is(err, market.ErrCurrency):
			got = "currency"
		case err != nil:
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
			continue
		}
		if want != "" {
			continue
		}
		if err := at.Pay(inv.Request); err != nil {
			t.Fatal(text, err)
		}
		if ev, err := p.Lookup(t.Context(), id); err != nil || ev.State != market.Settled || ev.Received != m {
			t.Errorf("%s: %+v, %v", text, ev, err)
		}
	}
}

// Whatever of the answer is lost, and though the node dies after it has asked: an order has one session.
func TestOneSession(t *testing.T) {
	at, kept := stripetest.New(t), &lndtest.File{}
	r := market.Request{Ref: ledger.ID{1}, Amount: eur(500), Expires: time.Now().Add(ledger.HoldFor)}
	for _, how := range []string{"lost", "html", "huge", "nothing"} {
		switch how {
		case "lost":
			at.Spoil(stripetest.Lost, stripetest.Lost, stripetest.Lost)
		case "html":
			at.Spoil(stripetest.HTML)
		case "huge":
			at.Spoil(stripetest.Huge)
		}
		_, err := account(t, at, kept).Payee.Create(t.Context(), r)
		if (err == nil) != (how == "nothing") {
			t.Errorf("%s: %v", how, err)
		}
		at.Calm()
		r.Expires = r.Expires.Add(time.Second) // it is asked for later
	}
	if at.Sessions() != 1 {
		t.Errorf("%d sessions", at.Sessions())
	}
}

// A refund is where Stripe says that it is: on its way it is asked for again, and failed it is a person's to send.
func TestCardRefundStates(t *testing.T) {
	at := stripetest.New(t)
	p := account(t, at, &lndtest.File{}).Payee
	id := ledger.ID{1}
	inv, err := p.Create(t.Context(), market.Request{Ref: id, Amount: eur(500), Expires: time.Now().Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	if err := at.Pay(inv.Request); err != nil {
		t.Fatal(err)
	}
	paid, err := p.Lookup(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	refund := func(m ledger.Money) (market.State, error) {
		ev, err := p.(market.Refunder).Refund(t.Context(), ledger.ID{2}, m, string(paid.Proof))
		return ev.State, err
	}
	if state, err := refund(eur(300)); err != nil || state != market.Settled {
		t.Errorf("%s, %v", state, err)
	}
	at.End("pending")
	if state, err := refund(eur(300)); err != nil || state != market.Pending {
		t.Errorf("pending: %s, %v", state, err)
	}
	at.End("failed")
	if state, err := refund(eur(300)); !errors.Is(err, market.ErrByHand) {
		t.Errorf("failed: %s, %v", state, err)
	}
	if _, err := refund(eur(200)); err == nil || errors.Is(err, market.ErrByHand) {
		t.Errorf("another sum by the same name: %v", err)
	}
	if n, _ := at.Refunds(); n != 1 {
		t.Errorf("%d refunds", n)
	}
}

// A page whose seats are not held any more is ended, so that nobody pays for what may be gone.
func TestCardTooLate(t *testing.T) {
	at, kept := stripetest.New(t), &lndtest.File{}
	p := account(t, at, kept).Payee
	inv, err := p.Create(t.Context(), market.Request{Ref: ledger.ID{1}, Amount: eur(500), Expires: time.Now().Add(-time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	if ev, err := p.Lookup(t.Context(), ledger.ID{1}); err != nil || ev.State != market.Expired {
		t.Errorf("%+v, %v", ev, err)
	}
	if err := at.Pay(inv.Request); err == nil {
		t.Error("it is paid")
	}
}

// Attack: pages that are not Stripe's. And settings by which a key would go to somebody else, or may do more than it must.
func TestPagesThatAreRefused(t *testing.T) {
	good := market.Bill{Request: "https://checkout.stripe.com/c/pay/cs_1", Total: eur(500)}
	if err := (stripe.Hand{}).Check(good); err != nil {
		t.Error(err)
	}
	for _, page := range []string{"", "http://checkout.stripe.com/x", "https://checkout.stripe.com.evil.example/", "https://a@checkout.stripe.com/", "javascript:alert(1)", "https://evil.example/checkout.stripe.com", "http://127.0.0.1/"} {
		bad := good
		bad.Request = page
		if (stripe.Hand{}).Check(bad) == nil {
			t.Errorf("%s is shown", page)
		}
	}
	const secret = "rk_live_0123456789abcdef"
	for _, c := range []stripe.Config{{}, {Key: "sk_live_0123456789abcdef"}, {Key: "rk_live_x\n"}, {Key: secret, Base: "http://127.0.0.1:1"}, {Key: secret, Base: "https://evil.example"},
		{Key: stripetest.Key, Base: "http://evil.example"}, {Key: stripetest.Key, Base: "http://127.0.0.1:1/x"}, {Key: secret, Return: "javascript:x"}} {
		err := c.Check()
		if err == nil {
			t.Errorf("%+v is taken", c)
		} else if strings.Contains(err.Error(), "0123456789abcdef") || strings.Contains(fmt.Sprintf("%v %+v %#v", c, c, c), "0123456789abcdef") {
			t.Error("the key is shown")
		}
	}
	if err := (stripe.Config{Key: secret}).Check(); err != nil {
		t.Error(err)
	}
}
