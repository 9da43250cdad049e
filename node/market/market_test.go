package market_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
)

func TestBuy(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		t.Run(rail, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, bo := w.settle(1), w.settle(2)
			offer := ana.evening(10, eur(500))
			list, err := bo.Shelf(ctx, ana.device(), ana.person, hall)
			if err != nil || len(list) != 1 || list[0].ID != offer.ID {
				t.Fatalf("on sale: %+v, %v", list, err)
			}
			want := bo.wants(ana, rail)
			want.Count, want.Price = 3, eur(1500)
			got, err := bo.Buy(ctx, want)
			if err != nil || len(got.Tickets) != 3 || got.Back || got.Receipt.IsZero() {
				t.Fatalf("%+v, %v", got, err)
			}
			tickets := bo.tickets()
			if len(tickets) != 3 {
				t.Fatalf("took home %d tickets", len(tickets))
			}
			for _, tk := range tickets {
				if tk.Room != hall || tk.By != ana.device() || tk.Holder == bo.device() || tk.Holder == bo.person {
					t.Errorf("ticket %+v", tk)
				}
				if k := bo.buyers()[tk.Holder]; k.IsZero() || k.Public() != tk.Holder {
					t.Error("the holder's key is gone")
				}
			}
			if s := ana.seats(offer); s != (ledger.Seats{Issued: 3, Left: 7}) {
				t.Errorf("%+v", s)
			}
			if rail == ledger.IOURail {
				if owes, owed := bo.debts(ana); owes != 1500 || owed != 1500 {
					t.Errorf("owes %d, is owed %d", owes, owed)
				}
			} else if ana.balance(ledger.Asset("bank")) != 1500 || bo.balance(ledger.Asset("bank")) != -1500 || w.bank.Moved() != 1 {
				t.Error("the money is not in the books")
			}
		})
	}
}

// Who wants to be known buys with the key of the device.
func TestKnownBuyer(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(10, eur(500))
	want := bo.wants(ana, ledger.IOURail)
	want.Known = true
	if _, err := bo.Buy(ctx, want); err != nil {
		t.Fatal(err)
	}
	if tk := bo.tickets(); len(tk) != 1 || tk[0].Holder != bo.device() {
		t.Errorf("%+v", tk)
	}
}

// What the seller refuses costs nothing, and is in no ledger.
func TestRefusals(t *testing.T) {
	hour := time.Now().Add(time.Hour).UnixMilli()
	for _, c := range []struct {
		name  string
		offer func(*ledger.Offer)
		want  func(*market.Want)
		err   error
	}{
		{"sold out", func(o *ledger.Offer) { o.Seats = 1 }, func(w *market.Want) { w.Count, w.Price = 2, eur(1000) }, ledger.ErrSoldOut},
		{"more than one may have", func(o *ledger.Offer) { o.PerBuyer = 1 }, func(w *market.Want) { w.Count, w.Price = 2, eur(1000) }, ledger.ErrLimit},
		{"not on sale yet", func(o *ledger.Offer) { o.SaleFrom = hour }, nil, ledger.ErrNotOnSale},
		{"not on sale any more", func(o *ledger.Offer) { o.SaleTo = 1 }, nil, ledger.ErrNotOnSale},
		{"another price", func(o *ledger.Offer) { o.Price = eur(501) }, nil, ledger.ErrMismatch},
		{"another currency", func(o *ledger.Offer) { o.Price.Cur = "USD" }, nil, ledger.ErrMismatch},
		{"another class", nil, func(w *market.Want) { w.Class = 1 }, ledger.ErrNotOnSale},
		{"another room", nil, func(w *market.Want) { w.Room[0]++ }, ledger.ErrNotOnSale},
		{"no such rail", nil, func(w *market.Want) { w.Rail = "shells" }, market.ErrRail},
		{"no credit", func(o *ledger.Offer) { o.Price = eur(100_001) }, func(w *market.Want) { w.Price = eur(100_001) }, ledger.ErrCredit},
		{"somebody else's room", nil, func(w *market.Want) { w.Host = seed(77).Public() }, ledger.ErrNotOnSale},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t)
			ana, bo := w.settle(1), w.settle(2)
			if c.offer == nil {
				c.offer = func(*ledger.Offer) {}
			}
			offer := ana.evening(10, eur(500), c.offer)
			want := bo.wants(ana, ledger.IOURail)
			if c.want != nil {
				c.want(&want)
			}
			if got, err := bo.Buy(within(t), want); !errors.Is(err, c.err) {
				t.Errorf("%+v, %v, want %v", got, err, c.err)
			}
			if n := bo.kinds(); len(n) != 0 {
				t.Errorf("the buyer's ledger has %v", n)
			}
			if s := ana.seats(offer); s.Issued != 0 || s.Held != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// The last seat goes to one of two.
func TestLastSeat(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
	ana.evening(1, eur(500))
	errs := make(chan error, 2)
	for _, p := range []*party{bo, cy} {
		go func() {
			_, err := p.Buy(ctx, p.wants(ana, ledger.IOURail))
			errs <- err
		}()
	}
	a, b := <-errs, <-errs
	if (a == nil) == (b == nil) || !errors.Is(errors.Join(a, b), ledger.ErrSoldOut) {
		t.Errorf("%v and %v", a, b)
	}
	if n := len(bo.tickets()) + len(cy.tickets()); n != 1 {
		t.Errorf("%d tickets for one seat", n)
	}
}

// A co-host sells its range while the host is away, and no seat is sold twice.
func TestTwoSellers(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
	offer := ana.evening(4, eur(500))
	allot := ana.append(&ledger.Allot{Offer: offer.ID, Seller: di.device(), Payee: di.person, From: 2, To: 4, Expires: time.Now().Add(time.Hour).UnixMilli()})
	di.append(&ledger.Adopt{Offer: offer.ID, Allot: allot.ID, Cert: ana.id.Cert()}, offer.Raw(), allot.Raw())
	serials := map[uint32]bool{}
	for _, seller := range []*party{di, ana} {
		want := bo.wants(seller, ledger.IOURail)
		want.Host, want.Count, want.Price = ana.person, 2, eur(1000)
		if got, err := bo.Buy(ctx, want); err != nil || len(got.Tickets) != 2 {
			t.Fatalf("at %s: %+v, %v", seller.name, got, err)
		}
		if _, err := bo.Buy(ctx, want); !errors.Is(err, ledger.ErrSoldOut) {
			t.Errorf("at %s, two more: %v", seller.name, err)
		}
	}
	for _, tk := range bo.tickets() {
		serials[tk.Serial] = true
	}
	if len(serials) != 4 {
		t.Errorf("serials %v", serials)
	}
	// Attack: who has no allotment sells the host's room.
	eve := w.settle(9)
	eve.evening(4, eur(500))
	want := bo.wants(eve, ledger.IOURail)
	want.Host = ana.person
	if _, err := bo.Buy(ctx, want); !errors.Is(err, ledger.ErrNotOnSale) {
		t.Errorf("at eve's: %v", err)
	}
}

// A stream breaks at each message of a purchase in turn, before or after it is delivered, and then both nodes crash. What was
// paid comes through; and if nothing was, buying again is a new purchase.
func TestCrashAtEveryStep(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		for _, after := range []bool{false, true} {
			for at := 1; at <= 7; at++ {
				t.Run(fmt.Sprintf("%s, message %d, delivered %v", rail, at, after), func(t *testing.T) {
					crashAt(t, rail, at, after)
				})
			}
		}
	}
}

func crashAt(t *testing.T, rail string, at int, after bool) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	offer := ana.evening(5, eur(500))
	w.breakAt(&cut{at: at, after: after})
	_, err := bo.Buy(ctx, bo.wants(ana, rail))
	if done := len(bo.tickets()) == 1; (err == nil) != done {
		t.Errorf("%v, and %d tickets", err, len(bo.tickets()))
	}
	if n := w.messages(); n < at {
		t.Fatalf("the purchase takes %d messages", n)
	}
	w.breakAt(nil)
	ana.crash()
	bo.crash()
	if err := bo.Resume(ctx); err != nil {
		t.Fatalf("going on: %v", err)
	}
	if n := bo.kinds()[ledger.KindPay]; n != len(bo.tickets()) {
		t.Errorf("%d payments, %d tickets", n, len(bo.tickets()))
	}
	if len(bo.tickets()) == 0 {
		if n := ana.kinds()[ledger.KindSale]; n != 0 || w.bank.Moved() != 0 {
			t.Errorf("nothing was bought, and %d sold", n)
		}
		if _, err := bo.Buy(ctx, bo.wants(ana, rail)); err != nil {
			t.Fatalf("buying again: %v", err)
		}
	}
	if err := bo.Resume(ctx); err != nil {
		t.Errorf("with nothing to do: %v", err)
	}
	if n := ana.kinds()[ledger.KindSale]; n != 1 || len(bo.tickets()) != 1 || ana.seats(offer).Issued != 1 {
		t.Errorf("%d sold, %d tickets, %+v", n, len(bo.tickets()), ana.seats(offer))
	}
	if owes, owed := bo.debts(ana); owes != owed {
		t.Errorf("owes %d, is owed %d", owes, owed)
	}
	if a := bo.balance(ledger.Transit(ana.person)); a != 0 {
		t.Errorf("%d is on its way", a)
	}
	if n := w.bank.Moved(); rail == "bank" && n != 1 {
		t.Errorf("money moved %d times", n)
	}
}

// A payment that is pending stays so over crashes of both sides, and arrives in the end by the rail's news alone.
func TestPendingForEver(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	w.bank.Hold(true)
	bo.givesUp(ctx, bo.wants(ana, "bank"), bo.begun)
	for range 2 {
		ana.crash()
		bo.crash()
		soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		if err := bo.Resume(soon); err == nil {
			t.Error("it went on, and nothing was paid")
		}
		cancel()
	}
	if n := bo.kinds(); n[ledger.KindVoid] != 0 || n[ledger.KindGot] != 0 {
		t.Errorf("pending was taken for something else: %v", n)
	}
	ana.run()
	w.bank.Release()
	w.until(ctx, func() bool { return ana.kinds()[ledger.KindSale] == 1 })
	if err := bo.Resume(ctx); err != nil || len(bo.tickets()) != 1 || w.bank.Moved() != 1 {
		t.Errorf("%v, %d tickets, money moved %d times", err, len(bo.tickets()), w.bank.Moved())
	}
}

// givesUp begins to buy, waits until something has happened, and turns away.
func (p *party) givesUp(ctx context.Context, want market.Want, happened func() bool) {
	p.town.t.Helper()
	soon, cancel := context.WithCancel(ctx)
	defer cancel()
	bought := make(chan error, 1)
	go func() {
		_, err := p.Buy(soon, want)
		bought <- err
	}()
	p.town.until(ctx, happened)
	cancel()
	if err := <-bought; err == nil {
		p.town.t.Error("bought, and nothing was paid")
	}
}

// begun reports whether a node has begun to pay.
func (p *party) begun() bool { return p.kinds()[ledger.KindPay] == 1 }

// until waits for something that happens by itself, and looks again and again: a ledger tells nobody.
func (w *town) until(ctx context.Context, done func() bool) {
	w.t.Helper()
	for !done() {
		select {
		case <-ctx.Done():
			w.t.Fatal("it did not happen")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A payment that failed is over, and the seats lapse; one may buy again.
func TestPaymentFails(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	w.bank.Hold(true)
	bo.givesUp(ctx, bo.wants(ana, "bank"), bo.begun)
	w.bank.Fail()
	if err := bo.Resume(ctx); !errors.Is(err, market.ErrFailed) {
		t.Errorf("%v", err)
	}
	if n := bo.kinds(); n[ledger.KindVoid] != 1 || bo.balance(ledger.Asset("bank")) != 0 {
		t.Errorf("%v", n)
	}
	if err := bo.Resume(ctx); err != nil {
		t.Errorf("it is not over: %v", err)
	}
	w.bank.Hold(false)
	if _, err := bo.Buy(ctx, bo.wants(ana, "bank")); err != nil || len(bo.tickets()) != 1 {
		t.Errorf("again: %v", err)
	}
}

// Too little is not a payment, nor is another currency; too much is one, and the rest goes back.
func TestWrongAmounts(t *testing.T) {
	for _, c := range []struct {
		name string
		more ledger.Amount
		cur  ledger.Currency
		sold bool
	}{
		{"too little", -1, "", false},
		{"another currency", 0, "USD", false},
		{"too much", 3, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, bo := w.settle(1), w.settle(2)
			ana.evening(5, eur(500))
			w.bank.Skew(c.more, c.cur)
			if c.sold {
				if _, err := bo.Buy(ctx, bo.wants(ana, "bank")); err != nil || len(bo.tickets()) != 1 {
					t.Errorf("%v, %d tickets", err, len(bo.tickets()))
				}
			} else {
				bo.givesUp(ctx, bo.wants(ana, "bank"), func() bool { return w.bank.Lookups() == 1 })
				ana.crash() // ends with what it was at
				if n := ana.kinds()[ledger.KindSale]; n != 0 || w.bank.Moved() != 1 {
					t.Errorf("%d sold", n)
				}
			}
			if back := w.bank.Refunds(); c.sold && (len(back) != 1 || back[0] != eur(3)) || !c.sold && len(back) != 0 {
				t.Errorf("back went %v", back)
			}
		})
	}
}

// Who pays after the hold has lapsed has a seat if there is one, and the money back if not.
func TestLatePayment(t *testing.T) {
	for _, left := range []uint32{1, 2} {
		t.Run(fmt.Sprint(left, " seats"), func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
			offer := ana.evening(left, eur(500))
			w.bank.Hold(true)
			bo.givesUp(ctx, bo.wants(ana, "bank"), bo.begun)
			// The seller's clock is where time comes from: another buyer's order finds the hold lapsed.
			ana.lapse(cy, offer)
			w.bank.Release()
			if err := bo.Resume(ctx); err != nil {
				t.Fatal(err)
			}
			n, back := bo.kinds(), w.bank.Refunds()
			if left == 1 && (len(bo.tickets()) != 0 || n[ledger.KindRefunded] != 1 || len(back) != 1 || bo.balance(ledger.Asset("bank")) != 0 || ana.balance(ledger.Asset("bank")) != 500) {
				t.Errorf("without a seat: %v, back went %v", n, back)
			}
			if left == 2 && (len(bo.tickets()) != 1 || len(back) != 0) {
				t.Errorf("with a seat: %v, back went %v", n, back)
			}
			ana.crash()
			bo.crash()
			if err := bo.Resume(ctx); err != nil || !maps.Equal(n, bo.kinds()) {
				t.Errorf("again: %v, %v", err, bo.kinds())
			}
			if n := len(w.bank.Refunds()); n != len(back) {
				t.Errorf("%d refunds", n)
			}
		})
	}
}

// lapse sells a seat to somebody at a time when every hold so far has lapsed.
func (p *party) lapse(buyer *party, offer ledger.Entry) {
	p.town.t.Helper()
	later := time.Now().Add(ledger.HoldFor + time.Second)
	o := ledger.Order{Purpose: ledger.ForTickets, Offer: offer.ID, Payee: p.person, Buyer: buyer.device(), Count: 1, Price: eur(500),
		Time: later.UnixMilli(), Expires: later.Add(time.Minute).UnixMilli()}
	raw, _, err := ledger.Sign(buyer.id.Device(), o)
	if err != nil {
		p.town.t.Fatal(err)
	}
	var quote []byte
	_, err = p.store.Append(later, func(b *ledger.Books) (d []ledger.Draft, err error) {
		quote, d, err = b.Quote(p.id.Device(), raw, nil, ledger.Terms{Rail: "bank"})
		return d, err
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	_, id, err := ledger.OpenDocument[ledger.Quote](quote)
	if err != nil {
		p.town.t.Fatal(err)
	}
	_, err = p.store.Append(later, func(b *ledger.Books) (d []ledger.Draft, err error) {
		_, d, err = b.Sell(p.id.Device(), ledger.Payment{Quote: id, Proof: []byte("cash")})
		return d, err
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
}

// News of a rail are a hint and no more: a lie books nothing.
func TestNewsAreAHint(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	ana.run()
	w.bank.Hold(true)
	bo.givesUp(ctx, bo.wants(ana, "bank"), bo.begun)
	before := w.bank.Lookups()
	w.bank.Lie(ledger.ID{1}, eur(500)) // an order that nobody made
	for id := range bo.orders() {
		w.bank.Lie(id, eur(500))
	}
	// One lie is three pieces of news: at the third, the first two have been dealt with.
	w.until(ctx, func() bool { return w.bank.Lookups() >= before+3 })
	if n := ana.kinds()[ledger.KindSale]; n != 0 {
		t.Errorf("%d sold for a lie", n)
	}
	w.bank.Release()
	w.until(ctx, func() bool { return ana.kinds()[ledger.KindSale] == 1 })
	if n := w.bank.Moved(); n != 1 {
		t.Errorf("money moved %d times", n)
	}
}

// orders are those that a node pays.
func (p *party) orders() map[ledger.ID]bool {
	p.town.t.Helper()
	all := map[ledger.ID]bool{}
	err := p.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		if pay, ok := e.Body.(*ledger.Pay); ok {
			all[pay.Order] = true
		}
		return true
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return all
}

// While the rail does not answer nothing is sold; what was paid meanwhile is found afterwards.
func TestRailIsDown(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	w.bank.Down(true)
	if _, err := bo.Buy(ctx, bo.wants(ana, "bank")); !errors.Is(err, market.ErrSeller) {
		t.Errorf("%v", err)
	}
	if n := bo.kinds(); len(n) != 0 {
		t.Errorf("%v", n)
	}
	w.bank.Down(false)
	w.bank.Hold(true)
	bo.givesUp(ctx, bo.wants(ana, "bank"), bo.begun)
	w.bank.Release() // nobody watches
	w.bank.Down(true)
	if err := bo.Resume(ctx); !errors.Is(err, market.ErrSeller) {
		t.Errorf("%v", err)
	}
	w.bank.Down(false)
	ana.crash()
	ana.run()
	w.until(ctx, func() bool { return ana.kinds()[ledger.KindSale] == 1 })
	if err := bo.Resume(ctx); err != nil || len(bo.tickets()) != 1 {
		t.Errorf("%v", err)
	}
}

// A seller that cannot be reached costs nothing, and what was begun goes on when it can.
func TestNobodyThere(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	ana.stop()
	if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); !errors.Is(err, errNobody) {
		t.Errorf("%v", err)
	}
	if n := bo.kinds(); len(n) != 0 {
		t.Errorf("%v", n)
	}
}

// Attack: one peer holds seat after seat and pays none.
func TestHoldsOfOnePeer(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
	offer := ana.evening(50, eur(500))
	for range 8 {
		w.breakAt(&cut{at: 5})
		if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); err == nil {
			t.Fatal("it was not cut off")
		}
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); !errors.Is(err, market.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if s := ana.seats(offer); s.Held != 8 {
		t.Errorf("%+v", s)
	}
	if _, err := cy.Buy(ctx, cy.wants(ana, ledger.IOURail)); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	// Who pays has room again.
	if err := bo.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); err != nil || len(bo.tickets()) != 9 {
		t.Errorf("after paying: %v, %d tickets", err, len(bo.tickets()))
	}
}

// Attack: rubbish, on as many streams as one likes. The seller hangs up, and serves the next.
func TestRubbish(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	dial := bo.dialAs("eve")
	for name, b := range map[string][]byte{
		"a length without end": {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
		"too much announced":   {0xff, 0xff, 0x7f},
		"an empty message":     {0},
		"no message":           {3, 99, 1, 2},
		"an answer":            {2, 7, 0x80},
		"an order of nothing":  {5, 3, 0x83, 0x40, 0x40, 0x60},
	} {
		s, err := dial(ctx, ana.device())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		go s.Write(b) // the seller may hang up before it has read all
		answer, err := io.ReadAll(s)
		if refused := len(answer) > 2 && answer[1] == 9; err != nil && !errors.Is(err, io.ErrClosedPipe) || len(answer) > 0 && !refused {
			t.Errorf("%s: answered %x, %v", name, answer, err)
		}
		s.Close()
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); err != nil {
		t.Errorf("the next: %v", err)
	}
}

// Attack: streams that are opened and say nothing. Those of one peer are few; others are served.
func TestSilentStreams(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	dial, closed := bo.dialAs("eve"), make(chan error)
	const streams = 20
	for range streams {
		s, err := dial(ctx, ana.device())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		go func() {
			_, err := s.Read(make([]byte, 1))
			select {
			case closed <- err:
			case <-ctx.Done():
			}
		}()
	}
	for range streams - 4 {
		select {
		case err := <-closed:
			if err == nil {
				t.Error("a silent stream was answered")
			}
		case <-ctx.Done():
			t.Fatal("the streams are all kept")
		}
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); err != nil {
		t.Errorf("somebody else: %v", err)
	}
}

// The host's gate takes the tickets of whoever it lets sell, of their range, and of nobody else; and none that is void.
func TestGate(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, di, bo, eve := w.settle(1), w.settle(4), w.settle(2), w.settle(9)
	now := time.Now()
	good := func(o *ledger.Offer) { o.Starts = now.UnixMilli() }
	offer := ana.evening(4, eur(500), good)
	eve.evening(4, eur(500), good)
	allot := ana.append(&ledger.Allot{Offer: offer.ID, Seller: di.device(), Payee: di.person, From: 2, To: 4, Expires: now.Add(time.Hour).UnixMilli()})
	di.append(&ledger.Adopt{Offer: offer.ID, Allot: allot.ID, Cert: ana.id.Cert()}, offer.Raw(), allot.Raw())
	bought := map[*party][]byte{}
	for _, seller := range []*party{ana, di, eve} {
		want := bo.wants(seller, ledger.IOURail)
		if want.Host = ana.person; seller == eve {
			want.Host = eve.person
		}
		if _, err := bo.Buy(ctx, want); err != nil {
			t.Fatalf("at %s: %v", seller.name, err)
		}
		tickets, err := bo.Tickets(now)
		if err != nil {
			t.Fatal(err)
		}
		if len(tickets) != len(bought)+1 {
			t.Fatalf("%d tickets", len(tickets))
		}
		raw, holder, err := bo.Ticket(hall, now)
		if err != nil || holder.IsZero() {
			t.Fatal("the ticket is gone", err)
		}
		if tk, _, err := ledger.OpenDocument[ledger.Ticket](raw); err != nil || tk.By != seller.device() || tk.Holder != holder.Public() {
			t.Errorf("of %s: %+v, %v", seller.name, tk, err)
		}
		bought[seller] = raw
	}
	gate := func(have market.Stamp) (*ledger.Gate, market.Stamp) {
		t.Helper()
		listings, void, at, err := ana.Papers(hall, have, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(listings) == 0 {
			return nil, at
		}
		papers := ledger.NewPapers(hall, ana.person)
		if err := papers.Read(listings, void, now); err != nil {
			t.Fatal(err)
		}
		g, err := papers.Gate()
		if err != nil {
			t.Fatal(err)
		}
		return g, at
	}
	g, at := gate(market.Stamp{})
	host, err := ana.Gate(hall, now)
	if err != nil {
		t.Fatal(err)
	}
	for seller, want := range map[*party]error{ana: nil, di: nil, eve: ledger.ErrSigner} {
		for name, g := range map[string]*ledger.Gate{"the host's gate": host, "that of its papers": g} {
			if _, err := g.Check(bought[seller], now); !errors.Is(err, want) {
				t.Errorf("%s, of %s: %v, want %v", name, seller.name, err, want)
			}
		}
	}
	if g, same := gate(at); g != nil || same != at {
		t.Errorf("new papers where nothing is new: %+v after %+v", same, at)
	}
	before, err := ana.Height()
	if err != nil {
		t.Fatal(err)
	}
	news := ana.Appended()
	select {
	case <-news:
		t.Error("news where there is none")
	default:
	}
	ana.append(&ledger.Revoke{Offer: offer.ID, Serials: []uint32{0}, Reason: ledger.ReasonHost})
	if after, err := ana.Height(); err != nil || after != before+1 {
		t.Errorf("height %d after %d, %v", after, before, err)
	}
	select {
	case <-news:
	default:
		t.Error("no news of a new entry")
	}
	if g, _ = gate(at); g == nil {
		t.Fatal("no new papers where one was revoked")
	}
	if host, err = ana.Gate(hall, now); err != nil {
		t.Fatal(err)
	}
	for seller, want := range map[*party]error{ana: ledger.ErrRevoked, di: nil} {
		for name, g := range map[string]*ledger.Gate{"the host's gate": host, "that of its papers": g} {
			if _, err := g.Check(bought[seller], now); !errors.Is(err, want) {
				t.Errorf("once one is revoked, %s, of %s: %v, want %v", name, seller.name, err, want)
			}
		}
	}
	// One that has run out is shown for a while, for the room may have been put off; and never in the place of one that is good.
	for after, want := range map[time.Duration]bool{4 * time.Hour: true, 31 * 24 * time.Hour: false} {
		if raw, _, err := bo.Ticket(hall, now.Add(after)); err != nil || (raw != nil) != want {
			t.Errorf("after %v: %d bytes, %v", after, len(raw), err)
		}
	}
}
