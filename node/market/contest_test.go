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
