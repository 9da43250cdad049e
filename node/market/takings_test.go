package market_test

import (
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// What a host reads of a room's sales is what its books say: sold, refunded, and whose how much of it is.
func TestTakings(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
	if _, sells, err := ana.Price(hall); sells || err != nil {
		t.Errorf("a price before there is an offer (%v)", err)
	}
	split := func(o *ledger.Offer) { o.Split = []ledger.Share{{Cut: ledger.CutRelays, BasisPoints: 200}} }
	offer := ana.evening(10, eur(500), split)
	other := ana.evening(10, eur(900), func(o *ledger.Offer) { o.Room[0]++ })
	if p, sells, err := ana.Price(hall); err != nil || !sells || p != eur(500) {
		t.Errorf("price %v, %t, %v", p, sells, err)
	}
	sales := func() market.Takings {
		t.Helper()
		list, err := ana.Takings(hall, time.Now())
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[0]
	}
	if s := sales(); s.Left != 10 || s.Gross != 0 || len(s.Last) != 0 {
		t.Errorf("before the first sale: %+v", s)
	}
	want := bo.wants(ana, ledger.IOURail)
	want.Count, want.Price = 3, eur(1500)
	first, err := bo.Buy(ctx, want)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := cy.wants(ana, "bank")
	elsewhere.Room[0]++
	elsewhere.Price = eur(900)
	for _, w := range []market.Want{cy.wants(ana, "bank"), elsewhere} {
		if _, err := cy.Buy(ctx, w); err != nil {
			t.Fatal(err)
		}
	}
	s := sales()
	if s.Issued != 4 || s.Left != 6 || s.Gross != 2000 || len(s.Parts) != 1 || s.Parts[0] != 40 || len(s.Last) != 2 {
		t.Errorf("after two sales: %+v", s)
	}
	if one := s.Last[0]; one.Receipt != first.Receipt || one.Count != 3 || one.Money != eur(1500) || one.Rail != ledger.IOURail || bo.buyers()[one.Buyer].IsZero() {
		t.Errorf("the first: %+v", one)
	}
	if held := ana.balance(ledger.Pool(hall)); held != -s.Parts[0] {
		t.Errorf("the relays' pool has %d, the sales say %d", held, s.Parts[0])
	}

	// The room does not take place for Bo.
	if _, err := ana.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
		return b.GiveBack(first.Receipt, ledger.IOURail, nil, ledger.ReasonHost)
	}); err != nil {
		t.Fatal(err)
	}
	s = sales()
	if s.Issued != 1 || s.Refunded != 3 || s.Gross != 500 || s.Back != 1500 || s.Parts[0] != 10 || s.Last[0].Back != 1500 {
		t.Errorf("after a refund: %+v", s)
	}
	if held := ana.balance(ledger.Pool(hall)); held != -s.Parts[0] {
		t.Errorf("the relays' pool has %d, the sales say %d", held, s.Parts[0])
	}

	// At a new price, those sold at the old one stay.
	dearer := *offer.Body.(*ledger.Offer)
	dearer.First, dearer.Version, dearer.Price = offer.ID, 2, eur(700)
	ana.append(&dearer)
	if p, _, err := ana.Price(hall); err != nil || p != eur(700) {
		t.Errorf("price %v, %v", p, err)
	}
	if s := sales(); s.Gross != 500 || s.Offer.Price != eur(700) {
		t.Errorf("at a new price: %+v", s)
	}
	if list, err := bo.Takings(hall, time.Now()); err != nil || len(list) != 0 {
		t.Errorf("Bo, who sells none: %+v, %v", list, err)
	}
	if seats := ana.seats(other); seats.Issued != 1 {
		t.Errorf("elsewhere: %+v", seats)
	}
}

// A purchase is pending until it has ended, and says why.
func TestUnfinished(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(10, eur(500))
	w.breakAt(&cut{at: 6}) // the answer to pay
	if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); err == nil {
		t.Fatal("bought over a stream that broke")
	}
	list, err := bo.Unfinished()
	if err != nil || len(list) != 1 || list[0].Payee != ana.person || list[0].Total != eur(500) || list[0].Count != 1 || list[0].Rail != ledger.IOURail || list[0].Err != nil {
		t.Fatalf("%+v, %v", list, err)
	}
	w.mu.Lock()
	w.cut, w.nodes = nil, map[ledger.Key]*party{}
	w.mu.Unlock()
	if err := bo.Resume(ctx); err == nil {
		t.Fatal("resumed with nobody")
	}
	if list, err = bo.Unfinished(); err != nil || len(list) != 1 || !errors.Is(list[0].Err, errNobody) {
		t.Errorf("%+v, %v", list, err)
	}
	w.mu.Lock()
	w.nodes[ana.device()] = ana
	w.mu.Unlock()
	if err := bo.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	if list, err = bo.Unfinished(); err != nil || len(list) != 0 || len(bo.tickets()) != 1 {
		t.Errorf("%+v, %v, %d tickets", list, err, len(bo.tickets()))
	}
}

// A ticket can be shown as it was signed.
func TestRawTicket(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(10, eur(500))
	got, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := bo.Raw(got.Tickets[0])
	if err != nil {
		t.Fatal(err)
	}
	if tk, id, err := ledger.OpenDocument[ledger.Ticket](raw); err != nil || id != got.Tickets[0] || tk.Room != hall {
		t.Errorf("%+v, %v", tk, err)
	}
	if raw, err := bo.Raw(got.Receipt); raw != nil || err != nil {
		t.Errorf("a receipt as ticket: %x, %v", raw, err)
	}
}
