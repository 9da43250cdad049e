package market_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// A cancelled room: who has paid has the money back, by whatever way it came, though the host dies in the middle of it; and so has who
// pays for seats that were held then. Nothing more is sold.
func TestCancelGoesOnAfterCrash(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy, di := w.settle(1), w.settle(2), w.settle(3), w.settle(4)
	offer := ana.evening(9, eur(500))
	got := bo.buys(ctx, ana, "bank", 2)
	cy.buys(ctx, ana, ledger.IOURail, 1)
	if _, err := ana.Refund(ctx, got.Tickets[:1], byHost); err != nil {
		t.Fatal(err)
	}
	given, err := ana.Give(hall, 0, di.person)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := di.Accept(given[0]); err != nil {
		t.Fatal(err)
	}
	w.bank.Hold(true)
	di.givesUp(ctx, di.wants(ana, "bank"), di.begun)
	w.bank.Hold(false)

	w.bank.Down(true)
	backs, err := ana.Cancel(ctx, hall, false)
	if err == nil || len(backs) != 2 {
		t.Errorf("the bank is closed: %+v, %v", backs, err)
	}
	list, err := ana.Offerings(hall, time.Now())
	if err != nil || len(list) != 1 || !list[0].Cancelled || list[0].Due["bank"] != eur(500) || len(list[0].Due) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	seats, err := ana.Seats(hall)
	if err != nil || slices.ContainsFunc(seats, func(s market.Seat) bool { return !s.Void }) {
		t.Errorf("%+v, %v", seats, err)
	}
	ana.crash()
	if err := ana.PayBack(ctx); err == nil {
		t.Error("the bank is closed, and it has sent the money")
	}
	w.bank.Down(false)
	for range 2 {
		if err := ana.PayBack(ctx); err != nil {
			t.Fatal(err)
		}
		ana.crash()
	}
	// Di's payment comes in now, for a seat that was held.
	w.bank.Release()
	ana.run()
	w.until(ctx, func() bool { return ana.kinds()[ledger.KindSale] == 3 })
	if err := ana.PayBack(ctx); err != nil {
		t.Fatal(err)
	}
	if err := di.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*party{bo, cy, di} {
		if err := p.News(ctx); err != nil {
			t.Fatal(err)
		}
		if n := p.balance(ledger.Asset("bank")); n != 0 {
			t.Errorf("%s has %d of the money", p.name, n)
		}
		for id, is := range p.mine() {
			if is != "void" {
				t.Errorf("%s has ticket %s, %s", p.name, id.Short(), is)
			}
		}
	}
	if back := w.bank.Refunds(); !slices.Equal(back, []ledger.Money{eur(500), eur(500), eur(500)}) || ana.balance(ledger.Asset("bank")) != 0 {
		t.Errorf("the bank sent back %v", back)
	}
	if n := ana.kinds()[ledger.KindCancel]; n != 1 {
		t.Errorf("%d cancels", n)
	}
	if _, err := ana.Cancel(ctx, hall, false); err != nil || ana.kinds()[ledger.KindCancel] != 1 {
		t.Errorf("again: %v", err)
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, "bank")); !errors.Is(err, ledger.ErrCancelled) {
		t.Errorf("after it was cancelled: %v", err)
	}
	if s := ana.seats(offer); s.Held != 0 {
		t.Errorf("%+v", s)
	}
	if _, err := bo.Cancel(ctx, hall, false); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("somebody else's room: %v", err)
	}
	w.books(ana, bo, cy, di)
}

// An offer changes, and what is given out stays as it was.
func TestRevise(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(2, eur(500))
	got := bo.buys(ctx, ana, ledger.IOURail, 2)
	if _, err := ana.Revise(hall, 0, func(o *ledger.Offer) { o.Seats = 1 }); !errors.Is(err, ledger.ErrSeat) {
		t.Errorf("fewer seats than are sold: %v", err)
	}
	if _, err := ana.Revise(hall, 0, func(o *ledger.Offer) { o.Price.Cur = "USD" }); !errors.Is(err, ledger.ErrMismatch) {
		t.Errorf("another currency: %v", err)
	}
	if _, err := bo.Revise(hall, 0, func(*ledger.Offer) {}); !errors.Is(err, ledger.ErrNotOnSale) {
		t.Errorf("somebody else's: %v", err)
	}
	later := time.Now().AddDate(0, 0, 9).UnixMilli()
	l, err := ana.Revise(hall, 0, func(o *ledger.Offer) { o.Seats, o.Price, o.Ends = 3, eur(700), later })
	if err != nil || l.Offer.Version != 2 || l.Offer.Seats != 3 {
		t.Fatalf("%+v, %v", l, err)
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); !errors.Is(err, ledger.ErrMismatch) {
		t.Errorf("at the old price: %v", err)
	}
	want := bo.wants(ana, ledger.IOURail)
	want.Price = eur(700)
	if _, err := bo.Buy(ctx, want); err != nil {
		t.Fatal(err)
	}
	gate, err := ana.Gate(hall, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Check(bo.raw(got.Tickets[0]), time.Now().AddDate(0, 0, 8)); err != nil {
		t.Errorf("a ticket to a room that was put off: %v", err)
	}
	// What they paid is what they have back, not what it costs now.
	backs, err := ana.Refund(ctx, got.Tickets, byHost)
	if err != nil || len(backs) != 1 || backs[0].Money != eur(1000) {
		t.Errorf("%+v, %v", backs, err)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	w.books(ana, bo)
}

// What a co-host has sold the host takes over with the report of it: the host moves the seat; the money is with whom it was paid to.
func TestTicketsOfCoHost(t *testing.T) {
	for _, own := range []bool{false, true} { // on the host's account
		w, ctx := newTown(t), within(t)
		ana, bo, cy, di := w.settle(1), w.settle(2), w.settle(3), w.settle(4)
		offer := ana.evening(4, eur(500))
		payee := di.person
		if own {
			payee = ana.person
		}
		allot := ana.append(&ledger.Allot{Offer: offer.ID, Seller: di.device(), Payee: payee, From: 2, To: 4, Expires: time.Now().Add(time.Hour).UnixMilli()})
		di.append(&ledger.Adopt{Offer: offer.ID, Allot: allot.ID, Cert: ana.id.Cert()}, offer.Raw(), allot.Raw())
		rail := "bank"
		if own { // other money would come to Di
			rail = ledger.IOURail
			if _, err := bo.Buy(ctx, market.Want{Seller: di.device(), Host: ana.person, Room: hall, Count: 1, Price: eur(500), Rail: "bank"}); !errors.Is(err, market.ErrRail) {
				t.Errorf("by the co-host's own bank: %v", err)
			}
			di.lent[ana.person] = 100_000
		}
		want := bo.wants(di, rail)
		want.Host = ana.person
		got, err := bo.Buy(ctx, want)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bo.Transfer(ctx, got.Tickets[0], cy.person, nobodysKey); !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("before the host knows of it: %v", err)
		}
		if _, err := di.Refund(ctx, got.Tickets, byHost); !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("by the co-host: %v", err)
		}
		body, docs := di.report(got)
		ana.append(body, docs...)
		if own {
			if _, err := ana.Refund(ctx, got.Tickets, byHost); err != nil {
				t.Errorf("by the host: %v", err)
			}
			if back := w.bank.Refunds(); len(back) != 0 {
				t.Errorf("the bank sent back %v", back)
			}
			continue
		}
		raw, err := bo.Transfer(ctx, got.Tickets[0], cy.person, nobodysKey)
		if err != nil {
			t.Fatal(err)
		}
		tk, err := cy.Accept(raw)
		if err != nil || tk.By != ana.device() || tk.Gen != 2 || tk.Serial != 2 {
			t.Errorf("%+v, %v", tk, err)
		}
		// Who paid has the money back, by the seller's bank, though somebody else has the ticket.
		_, moved, err := ledger.OpenDocument[ledger.Ticket](raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ana.Refund(ctx, []ledger.ID{moved}, market.Takeback{Why: ledger.ReasonHost, ByHand: true}); !errors.Is(err, market.ErrOthers) {
			t.Errorf("by hand, by who has no money: %v", err)
		}
		if _, err := ana.Refund(ctx, []ledger.ID{moved}, byHost); err != nil {
			t.Fatal(err)
		}
		if err := bo.News(ctx); err != nil || bo.balance(ledger.Asset("bank")) != 0 || !slices.Equal(w.bank.Refunds(), []ledger.Money{eur(500)}) {
			t.Errorf("back came %v, %v", w.bank.Refunds(), err)
		}
	}
}

// report is what a seller tells the host of a sale.
func (p *party) report(b market.Bought) (*ledger.Report, [][]byte) {
	p.town.t.Helper()
	r := &ledger.Report{Order: b.Order, Receipt: b.Receipt, Tickets: b.Tickets}
	var docs, last [][]byte
	err := p.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		switch body := e.Body.(type) {
		case *ledger.Reserve:
			if body.Order == b.Order {
				r.Quote, docs = body.Quote, e.Docs[:2]
			}
		case *ledger.Sale:
			if body.Receipt == b.Receipt {
				last = slices.Concat(e.Docs[:1], e.Docs[len(e.Docs)-len(b.Tickets):]) // an IOU stays here
			}
		}
		return true
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return r, slices.Concat(docs, last)
}
