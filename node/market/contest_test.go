package market_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/stripe"
	"salon/node/market/stripe/stripetest"
)

// intents are the payments by card that a party has sold for, the newest last.
func (p *party) intents() (list []string) {
	p.town.t.Helper()
	if err := p.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		if e.Kind == ledger.KindSale {
			if r, _, err := ledger.OpenDocument[ledger.Receipt](e.Docs[0]); err == nil && r.Rail == stripe.Name {
				list = append(list, string(r.Proof))
			}
		}
		return true
	}); err != nil {
		p.town.t.Fatal(err)
	}
	return list
}

// hears runs a party's node until it has booked so many entries of disputes.
func (p *party) hears(ctx context.Context, disputes int) {
	p.town.t.Helper()
	stop, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { p.Market.Run(stop); close(ended) }()
	p.until(ctx, "a dispute is not heard", func() bool { return p.kinds()[ledger.KindDispute] >= disputes })
	cancel()
	<-ended
}

// contested books a dispute as if it had been heard.
func (p *party) contested(intent string, state ledger.DisputeState) {
	p.town.t.Helper()
	entries, err := p.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		receipt, known := b.ReceiptOf(stripe.Name, []byte(intent))
		if !known {
			return nil, ledger.ErrUnknown
		}
		return b.Contest(ledger.Contest{Receipt: receipt, Ref: "du_1", State: state, Money: eur(500)})
	})
	if err != nil || len(entries) == 0 {
		p.town.t.Fatalf("%d entries, %v", len(entries), err)
	}
}

// attic is a room of another host's than the one that byCard has made.
var attic = ledger.Room{9}

// byCardAt buys a ticket to a host's room at a seller by card.
func (p *party) byCardAt(ctx context.Context, at *stripetest.Server, host, seller *party, of ledger.Room) {
	p.town.t.Helper()
	b, err := p.Buy(ctx, market.Want{Seller: seller.device(), Host: host.person, Room: of, Count: 1, Price: eur(500), Rail: stripe.Name, ByHand: true})
	if !errors.Is(err, market.ErrPending) {
		p.town.t.Fatal(err)
	}
	list, err := p.Unfinished()
	if err != nil {
		p.town.t.Fatal(err)
	}
	for _, u := range list {
		if u.Order == b.Order {
			if err := at.Pay(u.Request); err != nil {
				p.town.t.Fatal(err)
			}
		}
	}
	if err := p.Resume(ctx); err != nil {
		p.town.t.Fatal(err)
	}
}

// A co-host who is paid by card loses a dispute: the host is owed that much less, and nobody comes in with the ticket. Both have the same
// account at the rail: what the host's books refuse there hides no dispute of its own.
func TestChargebackAtACoHost(t *testing.T) {
	at, di, bo := byCard(t)
	w, ctx := di.town, within(t)
	ana, kept := w.settle(7), &lndtest.File{}
	ana.rails = func() map[string]market.Rail { return map[string]market.Rail{stripe.Name: account(t, at, kept)} }
	ana.crash()
	di.sells[ana.person] = true
	ana.evening(9, eur(500), func(o *ledger.Offer) { o.Room, o.Starts = attic, time.Now().UnixMilli() })
	if _, err := ana.Lend(ctx, attic, 0, di.device(), di.person, 4, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	bo.byCardAt(ctx, at, ana, ana, attic)
	bo.byCardAt(ctx, at, ana, di, attic)
	if err := ana.Sync(ctx); err != nil || ana.balance(ledger.Receivable(di.person)) != 500 {
		t.Fatalf("the host is owed %d, %v", ana.balance(ledger.Receivable(di.person)), err)
	}
	at.Dispute(ana.intents()[0], "lost")
	at.Dispute(di.intents()[0], "lost") // the newest comes first
	ana.hears(ctx, 2)
	if n := ana.kinds()[ledger.KindDispute]; n != 2 || ana.balance(ledger.IncomeTickets) != -500 {
		t.Errorf("%d entries, and an income of %d", n, -ana.balance(ledger.IncomeTickets))
	}
	di.hears(ctx, 2)
	di.crash()
	for range 2 {
		if err := ana.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		ana.crash()
	}
	if a, b := di.balance(ledger.Payable(ana.person)), ana.balance(ledger.Receivable(di.person)); a != 0 || b != 0 || ana.balance(ledger.IncomeTickets) != 0 {
		t.Errorf("the co-host owes %d, the host is owed %d and has earned %d", -a, b, -ana.balance(ledger.IncomeTickets))
	}
	gate, err := ana.Gate(attic, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	list, err := bo.Tickets(time.Now())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, h := range list {
		if _, err := gate.Check(h.Raw, time.Now()); !errors.Is(err, ledger.ErrRevoked) {
			t.Errorf("at the door: %v", err)
		}
	}
	if len(ana.dues())+len(di.dues()) != 0 {
		t.Errorf("due: %+v, %+v", ana.dues(), di.dues())
	}
	if n, _ := at.Refunds(); n != 0 {
		t.Errorf("%d refunds", n)
	}
}

// A host who cancels while a payment is disputed sends none of its money: it is with the rail. Won it goes back then, lost it has gone.
func TestCancelledWhileDisputed(t *testing.T) {
	for _, end := range []string{"won", "lost"} {
		t.Run(end, func(t *testing.T) {
			at, ana, bo := byCard(t)
			ctx := within(t)
			bo.byCardAt(ctx, at, ana, ana, hall)
			intent := ana.intents()[0]
			at.Dispute(intent, "needs_response")
			ana.hears(ctx, 1)
			for _, byHand := range []bool{false, true} {
				if _, err := ana.Cancel(ctx, hall, byHand); !errors.Is(err, ledger.ErrDisputed) {
					t.Errorf("by hand %t: %v", byHand, err)
				}
			}
			if n := at.Calls("POST refunds"); n != 0 {
				t.Errorf("the rail was asked %d times to send it", n)
			}
			due := ana.dues()
			if len(due) != 1 || !errors.Is(due[0].Err, ledger.ErrDisputed) || due[0].ByHand {
				t.Fatalf("due: %+v", due)
			}
			if err := ana.SentBack(ctx, due[0].Receipt); !errors.Is(err, ledger.ErrDisputed) {
				t.Errorf("sent by hand: %v", err)
			}
			at.Dispute(intent, end)
			ana.hears(ctx, 2)
			if err := ana.PayBack(ctx); err != nil {
				t.Fatal(err)
			}
			want := map[string]int{"won": 1, "lost": 0}[end]
			if n, _ := at.Refunds(); n != want || len(ana.dues()) != 0 || ana.balance(ledger.IncomeTickets) != 0 {
				t.Errorf("%d refunds, due %+v, income %d", n, ana.dues(), -ana.balance(ledger.IncomeTickets))
			}
		})
	}
}

// Money that came too late for its seat is disputed before it is back: it is not sent while that is open; lost it is the buyer's, whose
// purchase ends, and nothing is due; won it goes back.
func TestLateMoneyDisputed(t *testing.T) {
	for _, end := range []string{"won", "lost"} {
		t.Run(end, func(t *testing.T) {
			at, ana, bo := byCard(t)
			cy, ctx := ana.town.settle(3), within(t)
			offer := ana.evening(1, eur(500), func(o *ledger.Offer) { o.Room = attic })
			b, err := bo.Buy(ctx, market.Want{Seller: ana.device(), Host: ana.person, Room: attic, Count: 1, Price: eur(500), Rail: stripe.Name, ByHand: true})
			if !errors.Is(err, market.ErrPending) {
				t.Fatal(err)
			}
			list, err := bo.Unfinished()
			if err != nil || len(list) != 1 || list[0].Order != b.Order {
				t.Fatalf("%+v, %v", list, err)
			}
			ana.lapse(cy, offer)
			if err := at.Pay(list[0].Request); err != nil {
				t.Fatal(err)
			}
			at.Spoil("", stripetest.HTML) // the session, the refunds
			if err := bo.Resume(ctx); !errors.Is(err, market.ErrSeller) {
				t.Fatal(err)
			}
			at.Calm()
			intent := ana.intents()[0]
			at.Dispute(intent, "needs_response")
			ana.contested(intent, ledger.DisputeOpened)
			due := ana.dues()
			if err := ana.PayBack(ctx); err != nil || len(due) != 1 || !errors.Is(due[0].Err, ledger.ErrDisputed) {
				t.Fatalf("due: %+v, %v", due, err)
			}
			if err := ana.SentBack(ctx, due[0].Receipt); !errors.Is(err, ledger.ErrDisputed) {
				t.Errorf("sent by hand: %v", err)
			}
			if err := bo.Resume(ctx); !errors.Is(err, ledger.ErrDisputed) {
				t.Errorf("the buyer is told: %v", err)
			}
			if n := at.Calls("POST refunds"); n != 0 {
				t.Errorf("the rail was asked %d times to send it", n)
			}
			at.Dispute(intent, end)
			ana.contested(intent, map[string]ledger.DisputeState{"won": ledger.DisputeWon, "lost": ledger.DisputeLost}[end])
			ana.crash()
			if err := ana.PayBack(ctx); err != nil {
				t.Fatal(err)
			}
			if len(ana.dues()) != 0 {
				t.Errorf("due: %+v", ana.dues())
			}
			want := map[string]error{"lost": market.ErrFailed}[end]
			if err := bo.Resume(ctx); !errors.Is(err, want) {
				t.Errorf("the buyer is told: %v", err)
			}
			if list, err := bo.Unfinished(); err != nil || len(list) != 0 {
				t.Errorf("%+v, %v", list, err)
			}
			if n, _ := at.Refunds(); n != map[string]int{"won": 1}[end] {
				t.Errorf("%d refunds", n)
			}
		})
	}
}
