package market_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/railtest"
)

// A watched is a fake that says when somebody begins to watch it, and ends.
type watched struct {
	*railtest.Fake
	began, ended chan struct{}
}

func (w *watched) Watch(ctx context.Context, f func(market.Event) error) error {
	w.began <- struct{}{}
	defer func() { w.ended <- struct{}{} }()
	return w.Fake.Watch(ctx, f)
}

func newWatched(name string) *watched {
	return &watched{railtest.NewFake(name), make(chan struct{}, 10), make(chan struct{}, 10)}
}

func next(ctx context.Context, t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-ctx.Done():
		t.Fatal(what)
	}
}

// A way of paying that is taken up while both nodes run is shown, paid by and watched; one that is put down is none of these; and a
// payment that is under way by it then stays pending, and arrives once it is back.
func TestRailsComeAndGo(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(50, eur(500))
	ana.run()
	if _, err := bo.Buy(ctx, bo.wants(ana, "shells")); !errors.Is(err, market.ErrRail) {
		t.Fatalf("before there is one: %v", err)
	}
	shells := newWatched("shells")
	rail := market.Rail{Payee: shells, Payer: shells, Cur: "EUR"}
	ana.SetRail("shells", rail)
	bo.SetRail("shells", market.Rail{Payer: shells})
	next(ctx, t, "nobody watches it", shells.began)
	shelf, err := bo.Shelf(ctx, ana.device(), ana.person, hall)
	if err != nil || len(shelf) != 1 || len(shelf[0].Rails) != 3 {
		t.Errorf("%+v, %v", shelf, err)
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, "shells")); err != nil {
		t.Fatal(err)
	}

	// Another in its place: the first is not watched any more, the second is.
	other := newWatched("shells")
	ana.SetRail("shells", market.Rail{Payee: other, Payer: other})
	next(ctx, t, "nobody watches the second", other.began)
	next(ctx, t, "the first is still watched", shells.ended)
	ana.SetRail("shells", rail)
	next(ctx, t, "nobody watches it again", shells.began)
	next(ctx, t, "the second is still watched", other.ended)

	// The buyer's is put down, and the seller's, while a payment is on its way.
	shells.Hold(true)
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if b, err := bo.Buy(short, bo.wants(ana, "shells")); err == nil || b.Order.IsZero() {
		t.Fatalf("%+v, %v", b, err)
	}
	ana.RemoveRail("shells")
	bo.RemoveRail("shells")
	next(ctx, t, "it is still watched", shells.ended)
	shells.Release()
	if err := bo.Resume(ctx); !errors.Is(err, market.ErrRail) {
		t.Errorf("without the rail: %v", err)
	}
	if n := bo.kinds(); n[ledger.KindVoid] != 0 {
		t.Error("a rail that is gone is taken for a payment that failed")
	}
	if _, err := bo.Buy(ctx, bo.wants(ana, "shells")); !errors.Is(err, market.ErrRail) {
		t.Errorf("put down: %v", err)
	}
	ana.SetRail("shells", rail)
	bo.SetRail("shells", market.Rail{Payer: shells})
	if err := bo.Resume(ctx); err != nil {
		t.Error(err)
	}
	if n := len(bo.tickets()); n != 2 || shells.Moved() != 2 {
		t.Errorf("%d tickets, money moved %d times", n, shells.Moved())
	}

	// That of IOUs is nobody's to take away.
	ana.RemoveRail(ledger.IOURail)
	ana.SetRail(ledger.IOURail, rail)
	if _, err := bo.Buy(ctx, bo.wants(ana, ledger.IOURail)); err != nil {
		t.Error(err)
	}
}
