package market_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// cohosted is a host, a co-host who sells seats and is paid for them, and a buyer of three of these.
func (w *town) cohosted(ctx context.Context, rail string) (host, seller, buyer *party, offer ledger.Entry, got market.Bought) {
	w.t.Helper()
	host, seller, buyer = w.settle(1), w.settle(4), w.settle(2)
	seller.sells[host.person] = true
	offer = host.evening(9, eur(500), func(o *ledger.Offer) { o.Starts = time.Now().UnixMilli() })
	host.lends(ctx, seller, seller.person, 4, time.Hour)
	want := wantOf(buyer.wants(seller, rail), host)
	want.Count, want.Price = 3, eur(1500)
	got, err := buyer.Buy(ctx, want)
	if err != nil || len(got.Tickets) != 3 {
		w.t.Fatalf("%+v, %v", got, err)
	}
	if err := host.Sync(ctx); err != nil {
		w.t.Fatal(err)
	}
	return host, seller, buyer, offer, got
}

// mirrored holds the books of a host, a co-host and a buyer to each other (I12, I13): the buyer has paid so much in all.
func (w *town) mirrored(host, seller, buyer *party, paid ledger.Amount, rail string) {
	w.t.Helper()
	if a, b := -seller.balance(ledger.Payable(host.person)), host.balance(ledger.Receivable(seller.person)); a != paid || b != paid {
		w.t.Errorf("the seller owes the host %d, the host is owed %d, want %d", a, b, paid)
	}
	if a, b := buyer.balance(ledger.ExpenseTickets), -host.balance(ledger.IncomeTickets); a != paid || b != paid {
		w.t.Errorf("the buyer spent %d, the host earned %d, want %d", a, b, paid)
	}
	if rail == ledger.IOURail {
		if owes, owed := buyer.debts(seller); owes != paid || owed != paid {
			w.t.Errorf("the buyer owes %d, the seller is owed %d, want %d", owes, owed, paid)
		}
	} else if a, b := -buyer.balance(ledger.Asset(rail)), seller.balance(ledger.Asset(rail)); a != paid || b != paid {
		w.t.Errorf("%d left the buyer's account, %d is on the seller's, want %d", a, b, paid)
	}
	var sum ledger.Amount
	for _, p := range []*party{host, seller, buyer} {
		if n, err := p.store.Verify(); err != nil {
			w.t.Errorf("%s: entry %d: %v", p.name, n, err)
		}
		all, err := p.store.Balances()
		if err != nil {
			w.t.Fatal(err)
		}
		for _, b := range all {
			sum += b.Money.Amount
		}
	}
	if sum != 0 {
		w.t.Errorf("all books sum to %d", sum)
	}
}

// dues are those of all rooms.
func (p *party) dues() []market.Due {
	p.town.t.Helper()
	list, err := p.Dues(ledger.Room{})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return list
}

// The host refunds what a co-host was paid for: that sends it back, by the way in which it came, and the books of all three say so. While
// the co-host is away the seats are void and the refund waits; it says for what.
func TestRefundOfWhatACoHostWasPaid(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		t.Run(rail, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, di, bo, offer, got := w.cohosted(ctx, rail)
			di.stop()
			for range 2 {
				backs, err := ana.Refund(ctx, got.Tickets[:1], byHost)
				if !errors.Is(err, market.ErrUnreached) || len(backs) != 1 || backs[0].Seats != 1 || backs[0].Money != eur(0) {
					t.Fatalf("while the co-host is away: %+v, %v", backs, err)
				}
			}
			due := ana.dues()
			if len(due) != 1 || due[0].Seller != di.device() || due[0].Money != eur(500) || due[0].Receipt != got.Receipt || !errors.Is(due[0].Err, market.ErrUnreached) || due[0].ByHand || due[0].Room != hall {
				t.Errorf("%+v", due)
			}
			gate, err := ana.Gate(hall, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []error{ledger.ErrRevoked, nil} {
				if _, err := gate.Check(bo.raw(got.Tickets[i]), time.Now()); !errors.Is(err, want) {
					t.Errorf("ticket %d: %v, want %v", i, err, want)
				}
			}
			ana.crash()
			di.crash()
			for range 2 {
				if err := ana.PayBack(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if list := ana.dues(); len(list) != 0 {
				t.Errorf("still due: %+v", list)
			}
			for range 2 {
				if err := bo.News(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if held := bo.mine(); held[got.Tickets[0]] != "void" || held[got.Tickets[1]] != "good" {
				t.Errorf("the buyer has %v", held)
			}
			w.mirrored(ana, di, bo, 1000, rail)
			for range 2 {
				if _, err := ana.Refund(ctx, got.Tickets, byHost); err != nil {
					t.Fatal(err)
				}
				ana.crash()
				di.crash()
			}
			if err := errors.Join(ana.Sync(ctx), bo.News(ctx)); err != nil {
				t.Fatal(err)
			}
			w.mirrored(ana, di, bo, 0, rail)
			if n, m := ana.kinds()[ledger.KindRefund], di.kinds()[ledger.KindRefund]; n != 2 || m != 2 {
				t.Errorf("%d refunds at the host's, %d at the seller's", n, m)
			}
			if back := w.bank.Refunds(); rail == "bank" && !slices.Equal(back, []ledger.Money{eur(500), eur(1000)}) {
				t.Errorf("the bank sent back %v", back)
			}
			if s := ana.seats(offer); s != (ledger.Seats{Left: 8}) { // one more may be sold by the co-host
				t.Errorf("%+v", s)
			}
		})
	}
}

// The stream between host and co-host breaks at each message of a refund, and both crash: the money goes back once.
func TestCoHostRefundCrashAtEveryStep(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			broke := false
			t.Run(fmt.Sprintf("message %d, delivered %v", at, after), func(t *testing.T) {
				w, ctx := newTown(t), within(t)
				ana, di, bo, _, got := w.cohosted(ctx, "bank")
				w.breakAt(&cut{at: at, after: after})
				_, err := ana.Refund(ctx, got.Tickets[:2], byHost)
				broke = w.messages() >= at
				if broke && err == nil && len(ana.dues()) > 0 {
					t.Errorf("it broke, and nobody says so")
				}
				w.breakAt(nil)
				ana.crash()
				di.crash()
				for range 2 {
					if err := errors.Join(ana.PayBack(ctx), di.PayBack(ctx)); err != nil {
						t.Fatal(err)
					}
				}
				if err := errors.Join(ana.Sync(ctx), bo.News(ctx)); err != nil {
					t.Fatal(err)
				}
				w.mirrored(ana, di, bo, 500, "bank")
				if back := w.bank.Refunds(); !slices.Equal(back, []ledger.Money{eur(1000)}) {
					t.Errorf("the bank sent back %v", back)
				}
			})
			if !broke {
				if at < 5 {
					t.Errorf("a refund takes %d messages", at-1)
				}
				break
			}
		}
	}
}

// A cancelled room: what co-hosts were paid goes back too, also by those who were away then.
func TestCancelWithACoHost(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, di, bo, _, _ := w.cohosted(ctx, "bank")
	cy := w.settle(3)
	cy.buys(ctx, ana, "bank", 1)
	di.stop()
	if _, err := ana.Cancel(ctx, hall, false); !errors.Is(err, market.ErrUnreached) {
		t.Fatalf("while the co-host is away: %v", err)
	}
	list, err := ana.Offerings(hall, time.Now())
	if err != nil || len(list) != 1 || list[0].Due["bank"] != eur(1500) {
		t.Errorf("%+v, %v", list, err)
	}
	di.crash()
	ana.crash()
	// The co-host's bank is closed meanwhile: it goes on by itself, and the host hears of it.
	w.bank.Down(true)
	if err := ana.PayBack(ctx); !errors.Is(err, market.ErrSeller) {
		t.Errorf("the bank is closed: %v", err)
	}
	w.bank.Down(false)
	if err := errors.Join(di.PayBack(ctx), ana.PayBack(ctx), bo.News(ctx), cy.News(ctx)); err != nil {
		t.Fatal(err)
	}
	if len(ana.dues())+len(di.dues()) != 0 {
		t.Errorf("still due: %+v, %+v", ana.dues(), di.dues())
	}
	w.mirrored(ana, di, bo, 0, "bank")
	if back := w.bank.Refunds(); !slices.Equal(back, []ledger.Money{eur(500), eur(1500)}) {
		t.Errorf("the bank sent back %v", back)
	}
}

// Attack: somebody else asks a co-host to give money back; and the host asks for what was sold on the host's own account.
func TestUndoThatIsRefused(t *testing.T) {
	type undo struct {
		_       struct{} `cbor:",toarray"`
		Receipt ledger.ID
		Serials []uint32
		Reason  ledger.Reason
	}
	w, ctx := newTown(t), within(t)
	ana, di, bo, _, got := w.cohosted(ctx, "bank")
	eve := w.settle(9)
	for name, c := range map[string]struct {
		who    *party
		q      undo
		answer byte
	}{
		"by a stranger":       {eve, undo{Receipt: got.Receipt, Reason: ledger.ReasonHost}, 9},
		"by the buyer":        {bo, undo{Receipt: got.Receipt, Reason: ledger.ReasonHost}, 9},
		"of nothing":          {ana, undo{Receipt: ledger.ID{7}, Reason: ledger.ReasonHost}, 9},
		"seats of others":     {ana, undo{Receipt: got.Receipt, Serials: []uint32{0, 1}, Reason: ledger.ReasonHost}, 36},
		"the host, of a seat": {ana, undo{Receipt: got.Receipt, Serials: []uint32{5}, Reason: ledger.ReasonHost}, 36},
	} {
		s, err := c.who.dialAs(c.who.name)(ctx, di.device())
		if err != nil {
			t.Fatal(err)
		}
		if q := c.q; q.Serials == nil {
			c.q.Serials = []uint32{}
		}
		if answer, err := ask(s, 35, c.q); err != nil || answer[0] != c.answer {
			t.Errorf("%s: %x, %v", name, answer, err)
		}
	}
	if back := w.bank.Refunds(); !slices.Equal(back, []ledger.Money{eur(500)}) {
		t.Errorf("the bank sent back %v", back)
	}
}

// A second device sells on the host's account, and the host refunds it: the buyer asks the host too, and its debt is gone. So is one that
// the host says was paid.
func TestRefundOnTheHostsAccount(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, box, bo, cy := w.settle(1), w.settleAt(1, 1099), w.settle(2), w.settle(3)
	ana.evening(10, eur(500))
	ana.lends(ctx, box, ana.person, 6, time.Hour)
	want := wantOf(bo.wants(box, ledger.IOURail), ana)
	want.Count, want.Price = 3, eur(1500)
	got, err := bo.Buy(ctx, want)
	if err != nil {
		t.Fatal(err)
	}
	if err := ana.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.Refund(ctx, got.Tickets[:1], byHost); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := bo.News(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if owes, owed := bo.debts(ana); owes != 1000 || owed != 1000 {
		t.Errorf("owes %d, is owed %d", owes, owed)
	}
	if held := bo.mine(); held[got.Tickets[0]] != "void" || held[got.Tickets[1]] != "good" {
		t.Errorf("the buyer has %v", held)
	}
	if n := box.kinds()[ledger.KindRefund]; n != 0 {
		t.Errorf("%d refunds at the second device, which has no money", n)
	}
	// A ticket that was given away is refunded to who paid.
	if _, err := bo.Transfer(ctx, got.Tickets[1], cy.person, nobodysKey); err != nil {
		t.Fatal(err)
	}
	if _, err := bo.Transfer(ctx, got.Tickets[2], cy.person, nobodysKey); err != nil {
		t.Fatal(err)
	}
	seats, err := ana.Seats(hall)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(seats, func(s market.Seat) bool { return s.Holder == cy.person && !s.Void })
	if _, err := ana.Refund(ctx, []ledger.ID{seats[i].Ticket}, byHost); err != nil {
		t.Fatal(err)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	if owes, owed := bo.debts(ana); owes != 500 || owed != 500 {
		t.Errorf("once it was given away: owes %d, is owed %d", owes, owed)
	}
	if err := bo.Settle(ctx, ana.person, eur(500), "cash"); err != nil {
		t.Fatal(err)
	}
	if err := ana.Received(ana.Claims()[0]); err != nil {
		t.Fatal(err)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	if owes, owed := bo.debts(ana); owes != 0 || owed != 0 {
		t.Errorf("in the end: owes %d, is owed %d", owes, owed)
	}
}

// The host sleeps for days beyond the end of an allotment. What was sold is heard all the same, and so is what comes back; then nobody
// is asked any more.
func TestSalesAreHeardDaysLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newTown(t), t.Context()
		ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
		di.sells[ana.person] = true
		offer := ana.evening(5, eur(500), func(o *ledger.Offer) { o.Ends += 240 * time.Hour.Milliseconds() })
		ana.lends(ctx, di, di.person, 3, time.Hour)
		ana.stop()
		if _, err := bo.Buy(ctx, wantOf(bo.wants(di, ledger.IOURail), ana)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(80 * time.Hour)
		ana.crash()
		di.stop() // it sleeps as well
		if err := ana.Sync(ctx); err == nil {
			t.Error("a seller who is away was not asked")
		}
		if err := ana.Sync(ctx); err != nil {
			t.Errorf("asked again at once, days later: %v", err)
		}
		time.Sleep(10 * time.Minute)
		di.crash()
		if err := ana.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		if s := ana.seats(offer); s != (ledger.Seats{Issued: 1, Left: 4}) || ana.balance(ledger.Receivable(di.person)) != 500 {
			t.Errorf("%+v, and is owed %d", s, ana.balance(ledger.Receivable(di.person)))
		}
		di.stop()
		for range 3 {
			time.Sleep(time.Hour)
			if err := ana.Sync(ctx); err != nil {
				t.Errorf("asked though all is heard: %v", err)
			}
		}
	})
}

// Money that comes days after its order, when the node has forgotten that, is due at once, and its sale is listed: not only after a restart.
func TestMoneyDaysLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newTown(t), t.Context()
		ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
		offer := ana.evening(1, eur(500), func(o *ledger.Offer) { o.Ends += 240 * time.Hour.Milliseconds() })
		w.bank.Hold(true)
		bo.givesUp(ctx, bo.wants(ana, "bank"), bo.begun)
		sold := func() []market.Sold {
			t.Helper()
			list, err := ana.Takings(hall, time.Now())
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			return list[0].Last
		}
		if n := len(sold()); n != 0 {
			t.Fatalf("%d sales", n)
		}
		time.Sleep(26 * time.Hour)
		ana.run() // its rails look for what was paid, and give up what is too old
		synctest.Wait()
		if n := len(sold()); n != 0 {
			t.Fatalf("%d sales", n)
		}
		ana.lapse(cy, offer)
		w.bank.ByHand(true)
		w.bank.Release()
		if err := bo.Resume(ctx); !errors.Is(err, market.ErrNoWayBack) {
			t.Fatalf("the buyer is told: %v", err)
		}
		for _, when := range []string{"at once", "after a restart"} {
			if due := ana.dues(); len(due) != 1 || due[0].Money != eur(500) || !due[0].ByHand && when == "at once" {
				t.Errorf("%s: due %+v", when, due)
			}
			if n := len(sold()); n != 2 {
				t.Errorf("%s: %d sales are listed", when, n)
			}
			ana.crash()
		}
		if err := ana.SentBack(ctx, ana.dues()[0].Receipt); err != nil || len(ana.dues()) != 0 {
			t.Errorf("sent: %v, %+v", err, ana.dues())
		}
	})
}

// Money that came too late, and that a person has to send back: the buyer is told so and waits, the host sees it, and nothing is booked
// before somebody says that it was sent.
func TestLateMoneyGoesBackByHand(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
	offer := ana.evening(1, eur(500))
	w.bank.Hold(true)
	bo.givesUp(ctx, bo.wants(ana, "bank"), bo.begun)
	ana.lapse(cy, offer)
	w.bank.Release()
	w.bank.ByHand(true)
	for range 2 {
		if err := bo.Resume(ctx); !errors.Is(err, market.ErrNoWayBack) {
			t.Fatalf("the buyer is told: %v", err)
		}
	}
	if n := ana.kinds(); n[ledger.KindRefund] != 0 || n[ledger.KindSale] != 2 || bo.kinds()[ledger.KindGot] != 0 {
		t.Errorf("%v", n)
	}
	open, err := bo.Unfinished()
	if err != nil || len(open) != 1 || !errors.Is(open[0].Err, market.ErrNoWayBack) {
		t.Errorf("the buyer sees %+v, %v", open, err)
	}
	ana.crash()
	if err := ana.PayBack(ctx); !errors.Is(err, market.ErrNoWayBack) {
		t.Errorf("going on: %v", err)
	}
	due := ana.dues()
	if len(due) != 1 || !due[0].ByHand || due[0].Money != eur(500) || due[0].Room != hall || !due[0].Host || due[0].Seller != (ledger.Key{}) {
		t.Fatalf("%+v", due)
	}
	if err := ana.SentBack(ctx, ledger.ID{7}); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("what is not due: %v", err)
	}
	if err := ana.SentBack(ctx, due[0].Receipt); err != nil {
		t.Fatal(err)
	}
	before := ana.kinds()
	if err := ana.SentBack(ctx, due[0].Receipt); err != nil || !maps.Equal(before, ana.kinds()) {
		t.Errorf("twice: %v", err)
	}
	if err := bo.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if list := ana.dues(); len(list) != 0 || bo.balance(ledger.Asset("bank")) != 0 || bo.balance(ledger.Transit(ana.person)) != 0 || bo.kinds()[ledger.KindRefunded] != 1 {
		t.Errorf("%+v, and the buyer has %d of it", list, bo.balance(ledger.Asset("bank")))
	}
	if back := w.bank.Refunds(); len(back) != 0 {
		t.Errorf("the bank sent %v", back)
	}
}

// What is on its way back is not there: it is booked once it is, by the rail's word, though the node crashes meanwhile. A person who says
// that they have sent it is told to wait.
func TestMoneyOnItsWayBack(t *testing.T) {
	for _, ends := range []market.State{market.Settled, market.Failed} {
		t.Run(ends.String(), func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, di, bo, offer, got := w.cohosted(ctx, "bank")
			cy, ed := w.settle(3), w.settle(5)
			// One of each: late money, a refund of the host's own, and one that the co-host sends.
			own := cy.buys(ctx, ana, "bank", 4)
			w.bank.Hold(true)
			ed.givesUp(ctx, ed.wants(ana, "bank"), ed.begun)
			ana.lapse(bo, offer)
			w.bank.Release()
			w.bank.Slow(true)
			if err := ed.Resume(ctx); !errors.Is(err, market.ErrOnItsWay) {
				t.Errorf("late: %v", err)
			}
			if _, err := ana.Refund(ctx, own.Tickets, byHost); !errors.Is(err, market.ErrOnItsWay) {
				t.Errorf("the host's: %v", err)
			}
			if _, err := ana.Refund(ctx, got.Tickets, byHost); !errors.Is(err, market.ErrOnItsWay) {
				t.Errorf("the co-host's: %v", err)
			}
			ana.crash()
			di.crash()
			if n, m := ana.kinds()[ledger.KindRefund], di.kinds()[ledger.KindRefund]; n+m != 0 {
				t.Errorf("%d and %d are booked", n, m)
			}
			if list := ana.dues(); len(list) != 3 || len(di.dues()) != 1 {
				t.Errorf("the host sees %+v", list)
			}
			for _, d := range ana.dues() {
				want := market.ErrOnItsWay
				if !d.Seller.IsZero() {
					want = market.ErrOthers
				}
				if err := ana.SentBack(ctx, d.Receipt); !errors.Is(err, want) {
					t.Errorf("by hand: %v, want %v", err, want)
				}
			}
			if _, err := ana.Refund(ctx, own.Tickets, market.Takeback{Why: ledger.ReasonHost, ByHand: true}); !errors.Is(err, market.ErrOnItsWay) {
				t.Errorf("by hand, while the bank sends it: %v", err)
			}
			w.bank.Slow(false)
			w.bank.EndRefunds(ends)
			by := ana.dues()
			for _, d := range by {
				want := market.ErrWasSent // the bank has: booking it by hand would hide that
				if ends == market.Failed {
					want = nil
				}
				if d.Seller.IsZero() {
					if err := ana.SentBack(ctx, d.Receipt); !errors.Is(err, want) {
						t.Errorf("by hand, once it is %s: %v, want %v", ends, err, want)
					}
				}
			}
			if err := errors.Join(ana.PayBack(ctx), di.PayBack(ctx), ana.PayBack(ctx)); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(ed.Resume(ctx), cy.News(ctx), bo.News(ctx)); err != nil {
				t.Fatal(err)
			}
			want := []ledger.Money{eur(500), eur(1500), eur(2000)}
			if ends == market.Failed { // the bank sent the co-host's, and a person the others
				want = []ledger.Money{eur(1500)}
			}
			if back := w.bank.Refunds(); !slices.Equal(back, want) {
				t.Errorf("the bank sent back %v, want %v", back, want)
			}
			for _, p := range []*party{bo, cy, ed} {
				if a := p.balance(ledger.ExpenseTickets) + p.balance(ledger.Transit(ana.person)); a != 0 {
					t.Errorf("%s has paid %d", p.name, a)
				}
			}
			if len(ana.dues())+len(di.dues()) != 0 {
				t.Errorf("still due: %+v, %+v", ana.dues(), di.dues())
			}
		})
	}
}

// mute is a bank that cannot say where a refund is.
type mute struct {
	market.Payee
	market.Refunder
}

// A rail that may have sent money, and cannot say so: nobody may send it by hand beside it. One that is gone may not send any more.
func TestByHandAsksTheRail(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.rails = func() map[string]market.Rail {
		return map[string]market.Rail{"bank": {Payee: mute{w.bank, w.bank}, Payer: w.bank, Cur: "EUR"}}
	}
	ana.crash()
	ana.evening(5, eur(500))
	got := bo.buys(ctx, ana, "bank", 1)
	byHand := market.Takeback{Why: ledger.ReasonHost, ByHand: true}
	w.bank.Lose(true)
	if _, err := ana.Refund(ctx, got.Tickets, byHost); err == nil {
		t.Fatal("the bank does not answer, and it was refunded")
	}
	if _, err := ana.Refund(ctx, got.Tickets, byHand); !errors.Is(err, market.ErrUntold) {
		t.Errorf("it cannot say: %v", err)
	}
	w.bank.Lose(false)
	w.bank.ByHand(true)
	other := bo.buys(ctx, ana, "bank", 1)
	if _, err := ana.Refund(ctx, other.Tickets, byHost); !errors.Is(err, market.ErrNoWayBack) {
		t.Errorf("it wants a person: %v", err)
	}
	if _, err := ana.Refund(ctx, other.Tickets, byHand); err != nil {
		t.Errorf("as it wants: %v", err)
	}
	w.bank.ByHand(false)
	ana.rails = nil
	ana.crash()
	w.bank.Down(true)
	if _, err := ana.Refund(ctx, got.Tickets, byHand); !errors.Is(err, market.ErrUntold) {
		t.Errorf("it does not answer: %v", err)
	}
	w.bank.Down(false)
	if _, err := ana.Refund(ctx, got.Tickets, byHand); !errors.Is(err, market.ErrWasSent) {
		t.Errorf("it has sent it: %v", err)
	}
	if _, err := ana.Refund(ctx, got.Tickets, byHost); err != nil || len(w.bank.Refunds()) != 1 {
		t.Errorf("%v, %v", err, w.bank.Refunds())
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	w.books(ana, bo)
}

// A co-host's bank wants a person: the host sees that, the co-host says that it was sent, and then all three books say so.
func TestCoHostSendsBackByHand(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, di, bo, _, got := w.cohosted(ctx, "bank")
	w.bank.ByHand(true)
	if _, err := ana.Refund(ctx, got.Tickets[:2], byHost); !errors.Is(err, market.ErrOthersOwe) || !errors.Is(err, market.ErrNoWayBack) {
		t.Fatalf("the host is told: %v", err)
	}
	due := di.dues()
	if len(due) != 1 || due[0].Host || !due[0].ByHand || due[0].Seller != (ledger.Key{}) || due[0].Money != eur(1000) || due[0].Room != hall || due[0].Buyer != ana.dues()[0].Buyer {
		t.Fatalf("%+v", due)
	}
	di.crash()
	ana.crash()
	if err := ana.SentBack(ctx, got.Receipt); !errors.Is(err, market.ErrOthers) {
		t.Errorf("by the host: %v", err)
	}
	w.mirrored(ana, di, bo, 1500, "bank")
	if err := di.SentBack(ctx, got.Receipt); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ana.PayBack(ctx), bo.News(ctx)); err != nil {
		t.Fatal(err)
	}
	w.mirrored(ana, di, bo, 500, "bank")
	if len(ana.dues())+len(di.dues())+len(w.bank.Refunds()) != 0 {
		t.Errorf("%+v, %+v, and the bank sent %v", ana.dues(), di.dues(), w.bank.Refunds())
	}
}
