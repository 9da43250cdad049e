package market_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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
	p.contestedAt(stripe.Name, []byte(intent), state)
}

func (p *party) contestedAt(rail string, proof []byte, state ledger.DisputeState) {
	p.town.t.Helper()
	entries, err := p.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		receipt, known := b.ReceiptOf(rail, proof)
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
	u := p.ordered(ctx, market.Want{Seller: seller.device(), Host: host.person, Room: of, Count: 1, Price: eur(500)})
	if err := at.Pay(u.Request); err != nil {
		p.town.t.Fatal(err)
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

// While what a co-host took by card is disputed, the host's list of void tickets names it, and each change of that is a new list, which
// every relay is told; won, the ticket is good again.
func TestDisputeAtACoHostFreezes(t *testing.T) {
	at, di, bo := byCard(t)
	w, ctx := di.town, within(t)
	ana := w.settle(7)
	di.sells[ana.person] = true
	ana.evening(9, eur(500), func(o *ledger.Offer) { o.Room, o.Starts = attic, time.Now().UnixMilli() })
	if _, err := ana.Lend(ctx, attic, 0, di.device(), di.person, 4, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	bo.byCardAt(ctx, at, ana, di, attic)
	if err := ana.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	list, err := bo.Tickets(time.Now())
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	var stamp market.Stamp
	door := func(when string, want error) {
		t.Helper()
		gate, err := ana.Gate(attic, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gate.Check(list[0].Raw, time.Now()); !errors.Is(err, want) {
			t.Errorf("%s: at the door: %v, want %v", when, err, want)
		}
		_, void, next, err := ana.Papers(attic, stamp, time.Now())
		if err != nil || len(void) == 0 {
			t.Errorf("%s: there is no new list for the relays: %v", when, err)
		}
		stamp = next
	}
	door("before", nil)
	intent := di.intents()[0]
	for n, c := range []struct {
		status string
		at     error
	}{{"needs_response", ledger.ErrRevoked}, {"won", nil}} {
		at.Dispute(intent, c.status)
		di.hears(ctx, n+1)
		for range 2 {
			if err := ana.Sync(ctx); err != nil {
				t.Fatal(err)
			}
			if n := ana.kinds()[ledger.KindDispute]; n > 2 {
				t.Errorf("booked %d times", n)
			}
		}
		door(c.status, c.at)
		sold, err := ana.Takings(attic, time.Now())
		if err != nil || len(sold) != 1 || len(sold[0].Last) != 1 || sold[0].Last[0].Dispute != []ledger.DisputeState{ledger.DisputeOpened, ledger.DisputeWon}[n] {
			t.Errorf("%s: the sales page says %+v, %v", c.status, sold, err)
		}
		ana.crash() // it hears all of it again
	}
	if ana.balance(ledger.Receivable(di.person)) != 500 || len(ana.dues()) != 0 {
		t.Errorf("the host is owed %d, due %+v", ana.balance(ledger.Receivable(di.person)), ana.dues())
	}
}

// A card's payment is disputed weeks later: the host still asks who took it, though nothing more is sold. Of a debt nobody asks.
func TestDisputeLongAfterTheSale(t *testing.T) {
	for _, rail := range []string{"bank", ledger.IOURail} {
		t.Run(rail, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, ctx := newTown(t), t.Context()
				ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
				di.sells[ana.person] = true
				ana.evening(5, eur(500), func(o *ledger.Offer) { o.Ends += 24 * time.Hour.Milliseconds() })
				ana.lends(ctx, di, di.person, 1, time.Hour)
				got, err := bo.Buy(ctx, wantOf(bo.wants(di, rail), ana))
				if err != nil || len(got.Tickets) != 1 {
					t.Fatalf("%+v, %v", got, err)
				}
				if err := ana.Sync(ctx); err != nil || ana.kinds()[ledger.KindReport] != 1 {
					t.Fatalf("%v, %v", ana.kinds(), err)
				}
				time.Sleep(40 * 24 * time.Hour)
				w.breakAt(&cut{at: 1000})
				for range 3 {
					if err := ana.Sync(ctx); err != nil {
						t.Fatal(err)
					}
				}
				if n := w.messages(); rail == ledger.IOURail && n != 0 || n > 2 {
					t.Errorf("%d messages about what has ended", n)
				}
				if rail == ledger.IOURail {
					return
				}
				_, proof := di.proof()
				for _, state := range []ledger.DisputeState{ledger.DisputeOpened, ledger.DisputeLost} {
					di.contestedAt(rail, proof, state)
					time.Sleep(time.Hour)
					if err := ana.Sync(ctx); err != nil {
						t.Fatal(err)
					}
				}
				if owed := ana.balance(ledger.Receivable(di.person)); owed != 0 || ana.kinds()[ledger.KindDispute] != 2 {
					t.Errorf("the host is owed %d: %v", owed, ana.kinds())
				}
				time.Sleep(100 * 24 * time.Hour)
				w.breakAt(&cut{at: 1000})
				if err := ana.Sync(ctx); err != nil || w.messages() != 0 {
					t.Errorf("%d messages when nobody can dispute it any more, %v", w.messages(), err)
				}
			})
		})
	}
}

// A dispute that begins on the last day is decided after it: the host asks on until it is, or should long have been.
func TestDisputeOnTheLastDay(t *testing.T) {
	for _, ends := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w, ctx := newTown(t), t.Context()
			ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
			di.sells[ana.person] = true
			ana.evening(5, eur(500), func(o *ledger.Offer) { o.Ends += 24 * time.Hour.Milliseconds() })
			ana.lends(ctx, di, di.person, 1, time.Hour)
			if got, err := bo.Buy(ctx, wantOf(bo.wants(di, "bank"), ana)); err != nil || len(got.Tickets) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			if err := ana.Sync(ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(119 * 24 * time.Hour)
			_, proof := di.proof()
			di.contestedAt("bank", proof, ledger.DisputeOpened)
			if err := ana.Sync(ctx); err != nil || ana.kinds()[ledger.KindDispute] != 1 {
				t.Fatalf("%v, %v", ana.kinds(), err)
			}
			ana.crash()
			if time.Sleep(60 * 24 * time.Hour); ends {
				di.contestedAt("bank", proof, ledger.DisputeWon)
			}
			if err := ana.Sync(ctx); err != nil || ends != (ana.kinds()[ledger.KindDispute] == 2) {
				t.Errorf("two months later: %v, %v", ana.kinds(), err)
			}
			if !ends {
				time.Sleep(ledger.ToldFor)
			}
			time.Sleep(2 * time.Hour)
			w.breakAt(&cut{at: 1000})
			if err := ana.Sync(ctx); err != nil || w.messages() != 0 {
				t.Errorf("%d messages when nothing more is to be heard, %v", w.messages(), err)
			}
		})
	}
}

// proof is of the newest sale that was paid by a rail.
func (p *party) proof() (rail string, proof []byte) {
	p.town.t.Helper()
	if err := p.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		if e.Kind == ledger.KindSale {
			if r, _, err := ledger.OpenDocument[ledger.Receipt](e.Docs[0]); err == nil {
				rail, proof = r.Rail, r.Proof
			}
		}
		return true
	}); err != nil {
		p.town.t.Fatal(err)
	}
	return rail, proof
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

// A dispute of a part takes the seat that it had paid for, and no money for another: who cancels later sends back what the other seats were
// paid with, whatever the rail took before.
func TestCancelledAfterADisputeOfAPart(t *testing.T) {
	at, ana, bo := byCard(t)
	ctx := within(t)
	u := bo.ordered(ctx, market.Want{Seller: ana.device(), Host: ana.person, Room: hall, Count: 2, Price: eur(1000)})
	if err := at.Pay(u.Request); err != nil {
		t.Fatal(err)
	}
	if err := bo.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	intent := ana.intents()[0]
	if _, err := ana.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		receipt, _ := b.ReceiptOf(stripe.Name, []byte(intent))
		return b.Contest(ledger.Contest{Receipt: receipt, Ref: "du_1", State: ledger.DisputeLost, Money: eur(300)})
	}); err != nil {
		t.Fatal(err)
	}
	if len(ana.dues()) != 0 {
		t.Errorf("due: %+v", ana.dues())
	}
	if _, err := ana.Cancel(ctx, hall, false); err != nil {
		t.Fatal(err)
	}
	if n, sum := at.Refunds(); n != 1 || sum != 500 || len(ana.dues()) != 0 {
		t.Errorf("%d refunds of %d in all, due %+v", n, sum, ana.dues())
	}
	if income := -ana.balance(ledger.IncomeTickets); income != 200 {
		t.Errorf("the host keeps %d of the seat whose money was disputed", income)
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
			u := bo.ordered(ctx, market.Want{Seller: ana.device(), Host: ana.person, Room: attic, Count: 1, Price: eur(500)})
			ana.lapse(cy, offer)
			if err := at.Pay(u.Request); err != nil {
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

// The buyer is told which of the tickets are good for nothing while a part of what was paid is disputed: not all of them.
func TestNewsOfADisputeOfAPart(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(9, eur(500), func(o *ledger.Offer) { o.Room = attic })
	b, err := bo.Buy(ctx, market.Want{Seller: ana.device(), Host: ana.person, Room: attic, Count: 2, Price: eur(1000), Rail: "bank"})
	if err != nil || len(b.Tickets) != 2 {
		t.Fatalf("%+v, %v", b, err)
	}
	rail, proof := ana.proof()
	if _, err := ana.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		receipt, _ := b.ReceiptOf(rail, proof)
		return b.Contest(ledger.Contest{Receipt: receipt, Ref: "du_1", State: ledger.DisputeOpened, Money: eur(1)})
	}); err != nil {
		t.Fatal(err)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	list, err := bo.Tickets(time.Now())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	void := 0
	for _, h := range list {
		if h.Void {
			void++
		}
	}
	if void != 1 {
		t.Errorf("%d of two tickets are void", void)
	}
}

// A co-host's node says for ever that what it took is disputed: its rail is gone, say. The host takes the seats back half a year later, and
// it is asked for the money as anybody is who has it.
func TestSellersDisputeThatNeverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newTown(t), t.Context()
		ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
		di.sells[ana.person] = true
		ana.evening(5, eur(500), func(o *ledger.Offer) { o.Ends += 24 * time.Hour.Milliseconds() })
		ana.lends(ctx, di, di.person, 1, time.Hour)
		got, err := bo.Buy(ctx, wantOf(bo.wants(di, "bank"), ana))
		if err != nil || len(got.Tickets) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		_, proof := di.proof()
		di.contestedAt("bank", proof, ledger.DisputeOpened)
		for range 2 {
			if err := ana.Sync(ctx); err != nil {
				t.Fatal(err)
			}
		}
		since := time.Now()
		refund := func() error {
			_, err := ana.Refund(ctx, got.Tickets, market.Takeback{Why: ledger.ReasonHost})
			return err
		}
		time.Sleep(ledger.ToldFor - time.Hour)
		if err := refund(); !errors.Is(err, ledger.ErrDisputed) || len(ana.dues()) != 0 {
			t.Errorf("while it may be disputed: %v, due %+v", err, ana.dues())
		}
		time.Sleep(2 * time.Hour)
		if err := refund(); !errors.Is(err, market.ErrOthersOwe) {
			t.Errorf("half a year after %v: %v", since, err)
		}
		due := ana.dues()
		if len(due) != 1 || due[0].Seller != di.device() || !due[0].Until.IsZero() || !errors.Is(due[0].Err, market.ErrOthersOwe) {
			t.Fatalf("due: %+v", due)
		}
		ana.crash() // it follows from the ledger
		di.contestedAt("bank", proof, ledger.DisputeWon)
		if err := ana.PayBack(ctx); err != nil || len(ana.dues()) != 0 {
			t.Errorf("once the co-host has it: %v, due %+v", err, ana.dues())
		}
		if a, b := di.balance(ledger.Payable(ana.person)), ana.balance(ledger.Receivable(di.person)); a != 0 || b != 0 {
			t.Errorf("the co-host owes %d, the host is owed %d", -a, b)
		}
	})
}

// What is due from a seller who says that it is disputed says when that ends to count.
func TestDueOfASellersDispute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newTown(t), t.Context()
		ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
		di.sells[ana.person] = true
		ana.evening(5, eur(500))
		ana.lends(ctx, di, di.person, 1, time.Hour)
		if got, err := bo.Buy(ctx, wantOf(bo.wants(di, "bank"), ana)); err != nil || len(got.Tickets) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		_, proof := di.proof()
		di.contestedAt("bank", proof, ledger.DisputeOpened)
		if err := ana.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		told := time.Now()
		time.Sleep(time.Minute)
		if _, err := ana.Cancel(ctx, hall, false); err == nil {
			t.Error("what is disputed was given back")
		}
		if due := ana.dues(); len(due) != 1 || due[0].Until.Sub(told).Round(time.Second) != ledger.ToldFor || !errors.Is(due[0].Err, ledger.ErrDisputed) {
			t.Errorf("due: %+v", due)
		}
	})
}
