package market_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
)

const month = 30 * 24 * 3600

// tier offers a subscription of 3 EUR a month.
func (p *party) tier(name string, price ledger.Money) ledger.Entry {
	p.town.t.Helper()
	return p.append(&ledger.Offer{Version: 1, Name: name, Price: price, Period: month})
}

// subscribes is a month, or several, of a tier.
func (p *party) subscribes(creator *party, tier, rail string, months uint32, price ledger.Money) market.Want {
	return market.Want{Seller: creator.device(), Host: creator.person, Tier: tier, Count: months, Price: price, Rail: rail}
}

// subscription is the only one of a node, as it has it.
func (p *party) subscription() market.Subscribed {
	p.town.t.Helper()
	list, err := p.Subscriptions()
	if err != nil || len(list) != 1 {
		p.town.t.Fatalf("%+v, %v", list, err)
	}
	return list[0]
}

// subscriber is the only one that a node has.
func (p *party) subscriber() ledger.Subscriber {
	p.town.t.Helper()
	list, err := p.Subscribers()
	if err != nil || len(list) != 1 {
		p.town.t.Fatalf("%+v, %v", list, err)
	}
	return list[0]
}

// A subscription is paid period by period, each with a receipt of its own that begins where the last one ends; three days of grace
// follow, unless it was ended.
func TestSubscription(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		t.Run(rail, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, bo := w.settle(1), w.settle(2)
			ana.tier("Friends", eur(300))
			offer := ana.tier("Patrons", eur(1000))
			tiers, err := bo.Tiers(ctx, ana.device(), ana.person)
			if err != nil || len(tiers) != 2 {
				t.Fatalf("%+v, %v", tiers, err)
			}
			began := time.Now().Truncate(time.Millisecond)
			got, err := bo.Buy(ctx, bo.subscribes(ana, "Patrons", rail, 1, eur(1000)))
			if err != nil || got.Receipt.IsZero() || len(got.Tickets) != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
			mine, theirs := bo.subscription(), ana.subscriber()
			if mine.Creator != ana.person || mine.Price != eur(1000) || mine.Ended || !mine.Through.Equal(theirs.Through) || theirs.Buyer != bo.device() || theirs.Offer != offer.ID {
				t.Errorf("%+v and %+v", mine, theirs)
			}
			if d := mine.Through.Sub(began); d < month*time.Second || d > month*time.Second+time.Minute {
				t.Errorf("it lasts %v", d)
			}
			// Renewed early, by a new receipt.
			if _, err := bo.Buy(ctx, bo.subscribes(ana, "Patrons", rail, 2, eur(2000))); err != nil {
				t.Fatal(err)
			}
			again := bo.subscription()
			if d := again.Through.Sub(mine.Through); d != 2*month*time.Second || bo.kinds()[ledger.KindGot] != 2 {
				t.Errorf("renewed by %v, with %d receipts", d, bo.kinds()[ledger.KindGot])
			}
			ana.crash()
			bo.crash()
			if theirs = ana.subscriber(); !theirs.Through.Equal(again.Through) {
				t.Errorf("paid through %v, %v by the creator's books", again.Through, theirs.Through)
			}
			for at, open := range map[time.Duration]bool{-time.Hour: true, ledger.Grace - time.Hour: true, ledger.Grace + time.Hour: false} {
				if theirs.Open(theirs.Through.Add(at)) != open {
					t.Errorf("%v after its end it is open: %v", at, !open)
				}
			}
			// Attack: what was said before the renewal is said again.
			if err := bo.Leave(ctx, mine); !errors.Is(err, ledger.ErrMismatch) {
				t.Errorf("an old word ends it: %v", err)
			}
			for range 2 {
				if err := bo.Leave(ctx, again); err != nil {
					t.Fatal(err)
				}
			}
			mine, theirs = bo.subscription(), ana.subscriber()
			if !mine.Ended || !theirs.Ended || !theirs.Open(theirs.Through.Add(-time.Hour)) || theirs.Open(theirs.Through.Add(time.Hour)) {
				t.Errorf("ended: %+v and %+v", mine, theirs)
			}
			if n := bo.kinds()[ledger.KindUnsubscribe] + ana.kinds()[ledger.KindUnsubscribe]; n != 2 {
				t.Errorf("ended %d times", n)
			}
			// And begun again.
			if _, err := bo.Buy(ctx, bo.subscribes(ana, "Patrons", rail, 1, eur(1000))); err != nil || bo.subscription().Ended || ana.subscriber().Ended {
				t.Errorf("again: %v, %+v", err, bo.subscription())
			}
			if a, b := -ana.balance(ledger.IncomeSubscriptions), bo.balance(ledger.ExpenseSubscription); a != 4000 || b != 4000 {
				t.Errorf("%d came, %d were paid", a, b)
			}
			w.mirror(bo, ana, 0)
		})
	}
}

func TestSubscriptionRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		want func(*market.Want)
		err  error
	}{
		{"another tier", func(w *market.Want) { w.Tier = "Patrons" }, ledger.ErrNotOnSale},
		{"another price", func(w *market.Want) { w.Price = eur(299) }, ledger.ErrMismatch},
		{"another currency", func(w *market.Want) { w.Price.Cur = "USD" }, ledger.ErrMismatch},
		{"beyond the credit", func(w *market.Want) { w.Tier, w.Count, w.Price = "Founders", 256, eur(256*500) }, ledger.ErrCredit},
		{"for ever", func(w *market.Want) { w.Count, w.Price = 257, eur(257*300) }, ledger.ErrField},
		{"no such rail", func(w *market.Want) { w.Rail = "shells" }, market.ErrRail},
		{"somebody else's", func(w *market.Want) { w.Host = seed(77).Public() }, ledger.ErrNotOnSale},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t)
			ana, bo := w.settle(1), w.settle(2)
			ana.tier("Friends", eur(300))
			ana.tier("Founders", eur(500))
			want := bo.subscribes(ana, "Friends", ledger.IOURail, 1, eur(300))
			c.want(&want)
			if got, err := bo.Buy(within(t), want); !errors.Is(err, c.err) {
				t.Errorf("%+v, %v, want %v", got, err, c.err)
			}
			if n := bo.kinds(); len(n) != 0 {
				t.Errorf("the subscriber's ledger has %v", n)
			}
		})
	}
}

// Attack: somebody ends what others have subscribed to.
func TestLeavingForOthers(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, eve := w.settle(1), w.settle(2), w.settle(9)
	ana.tier("Friends", eur(300))
	for _, p := range []*party{bo, eve} {
		if _, err := p.Buy(ctx, p.subscribes(ana, "Friends", ledger.IOURail, 1, eur(300))); err != nil {
			t.Fatal(err)
		}
	}
	if err := eve.Leave(ctx, bo.subscription()); err == nil {
		t.Error("eve has signed for bo")
	}
	if bo.subscription().Ended || ana.kinds()[ledger.KindUnsubscribe] != 0 {
		t.Error("it has ended")
	}
	// The creator may, and what is paid stays.
	subscribers, err := ana.Subscribers()
	if err != nil || len(subscribers) != 2 {
		t.Fatal(subscribers, err)
	}
	for _, s := range subscribers {
		if s.Buyer != bo.device() {
			continue
		}
		ana.append(&ledger.Unsubscribe{Offer: s.Offer, Buyer: s.Buyer})
	}
	if n := ana.kinds()[ledger.KindUnsubscribe]; n != 1 {
		t.Errorf("ended %d times", n)
	}
	// An offer that is over is not sold, and what is paid stays.
	if err := ana.EndOffer(subscribers[0].Offer); err != nil {
		t.Fatal(err)
	}
	if _, err := bo.Buy(ctx, bo.subscribes(ana, "Friends", ledger.IOURail, 1, eur(300))); !errors.Is(err, ledger.ErrCancelled) && !errors.Is(err, ledger.ErrNotOnSale) {
		t.Errorf("of an offer that is over: %v", err)
	}
	w.mirror(bo, ana, 0)
}

// A subscription comes through a crash at each step, once, or nothing was paid.
func TestSubscriptionCrashAtEveryStep(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		for at := 1; at <= 7; at++ {
			t.Run(fmt.Sprintf("%s, message %d", rail, at), func(t *testing.T) {
				w, ctx := newTown(t), within(t)
				ana, bo := w.settle(1), w.settle(2)
				ana.tier("Friends", eur(300))
				w.breakAt(&cut{at: at, after: true})
				_, _ = bo.Buy(ctx, bo.subscribes(ana, "Friends", rail, 1, eur(300)))
				w.breakAt(nil)
				ana.crash()
				bo.crash()
				if err := bo.Resume(ctx); err != nil {
					t.Fatal(err)
				}
				paid := ledger.Amount(300 * bo.kinds()[ledger.KindGot])
				if a, b := -ana.balance(ledger.IncomeSubscriptions), bo.balance(ledger.ExpenseSubscription); a != paid || b != paid || bo.kinds()[ledger.KindPay] != bo.kinds()[ledger.KindGot] {
					t.Errorf("%d came, %d were paid, by %v", a, b, bo.kinds())
				}
				w.mirror(bo, ana, 0)
			})
		}
	}
}

// What a tier has brought is told by tier, and not mixed with what rooms bring.
func TestTierTakings(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	friends := ana.tier("Friends", eur(300))
	ana.tier("Patrons", eur(1000))
	ana.evening(5, eur(500))
	if _, err := bo.Buy(ctx, bo.subscribes(ana, "Friends", "bank", 2, eur(600))); err != nil {
		t.Fatal(err)
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, "bank")); err != nil {
		t.Fatal(err)
	}
	list, err := ana.Takings(ledger.Room{}, time.Now())
	if err != nil || len(list) != 2 || list[0].First() != friends.ID || list[0].Gross != 600 || list[1].Gross != 0 {
		t.Errorf("tiers: %+v, %v", list, err)
	}
	if list, err = ana.Takings(hall, time.Now()); err != nil || len(list) != 1 || list[0].Gross != 500 {
		t.Errorf("the room: %+v, %v", list, err)
	}
}
