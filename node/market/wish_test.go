package market_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// wish keeps a want, and fails the test if it cannot be kept.
func (p *party) wish(want market.Want) market.Wish {
	p.town.t.Helper()
	w, err := p.Wish(want, time.Now(), time.Hour)
	if err != nil {
		p.town.t.Fatal(err)
	}
	return w
}

// state tries all wishes, and is where one is then.
func (p *party) state(id string) (w market.Wish) {
	p.town.t.Helper()
	if err := p.TryWishes(p.ctx); err != nil {
		p.town.t.Error(err)
	}
	for _, one := range p.Wishes(time.Now()) {
		if one.ID() == id {
			w = one
		}
	}
	return w
}

// With nobody there a wish costs nothing and survives a crash. Once a seller is there it is bought, once.
func TestWish(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	ana.stop()
	if _, err := bo.Buy(ctx, bo.at(ana)); !errors.Is(err, market.ErrUnreached) {
		t.Fatal(err)
	}
	wish := bo.wish(bo.at(ana))
	if got := bo.state(wish.ID()); got.State != market.WishWaits || len(bo.kinds()) != 0 {
		t.Errorf("%+v, %v", got, bo.kinds())
	}
	bo.crash()
	ana.crash()
	for range 2 {
		if got := bo.state(wish.ID()); got.State != market.WishBought || len(bo.tickets()) != 1 {
			t.Errorf("%+v, %d tickets", got, len(bo.tickets()))
		}
	}
	if n := ana.kinds()[ledger.KindSale]; n != 1 || len(bo.told) != 1 || bo.told[0].State != market.WishBought {
		t.Errorf("%d sold, told %+v", n, bo.told)
	}
	if err := bo.Drop(wish.ID(), time.Now()); err != nil || len(bo.Wishes(time.Now())) != 0 {
		t.Errorf("dropped: %v", err)
	}
}

// The stream breaks at each message in turn, and the buyer's node crashes before it could note what came of it: it buys once.
func TestWishIsBoughtOnce(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		for at := 1; at <= 7; at++ {
			t.Run(fmt.Sprint(rail, ", message ", at), func(t *testing.T) {
				w, ctx := newTown(t), within(t)
				ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
				di.sells[ana.person] = true
				ana.evening(5, eur(500))
				ana.lends(ctx, di, di.person, 2, time.Hour)
				want := bo.at(ana, di)
				want.Rail = rail
				wish := bo.wish(want)
				before := bo.wishes
				w.breakAt(&cut{at: at})
				_ = bo.TryWishes(ctx)
				w.breakAt(nil)
				bo.wishes = before
				bo.crash()
				if err := bo.Resume(ctx); err != nil {
					t.Fatal(err)
				}
				if got := bo.state(wish.ID()); got.State != market.WishBought {
					t.Errorf("%+v", got)
				}
				if n := ana.kinds()[ledger.KindSale] + di.kinds()[ledger.KindSale]; n != 1 || len(bo.tickets()) != 1 || bo.kinds()[ledger.KindPay] != 1 {
					t.Errorf("%d sold, %d tickets, %v", n, len(bo.tickets()), bo.kinds())
				}
			})
		}
	}
}

// At another price, or in another version of the offer that the buyer saw, nothing is bought until the buyer agrees.
func TestWishThatHasChanged(t *testing.T) {
	for _, price := range []ledger.Amount{600, 500} {
		t.Run(eur(price).String(), func(t *testing.T) {
			w := newTown(t)
			ana, bo := w.settle(1), w.settle(2)
			offer := ana.evening(5, eur(500))
			want := bo.at(ana)
			want.Offer = offer.ID
			wish := bo.wish(want)
			next := *offer.Body.(*ledger.Offer)
			next.First, next.Version, next.Price = offer.ID, 2, eur(price)
			next.Ends += time.Hour.Milliseconds()
			ana.append(&next)
			for range 2 {
				if got := bo.state(wish.ID()); got.State != market.WishChanged || got.Price != eur(price) || len(bo.tickets()) != 0 {
					t.Errorf("%+v, %d tickets", got, len(bo.tickets()))
				}
			}
			if _, err := bo.Agree(wish.ID(), eur(price+1), time.Now()); !errors.Is(err, market.ErrNoWish) {
				t.Errorf("agreed to a price that nobody asks: %v", err)
			}
			bo.crash()
			if _, err := bo.Agree(wish.ID(), eur(price), time.Now()); err != nil {
				t.Fatal(err)
			}
			if got := bo.state(wish.ID()); got.State != market.WishBought || len(bo.tickets()) != 1 {
				t.Errorf("%+v, %d tickets", got, len(bo.tickets()))
			}
			if owes, owed := bo.debts(ana); owes != price || owed != price {
				t.Errorf("owes %d, is owed %d", owes, owed)
			}
		})
	}
}

// What a seller refuses is over, and says why. A seller that has too much to do, or cannot sell just now, is asked again.
func TestWishThatIsRefused(t *testing.T) {
	w := newTown(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(1, eur(500))
	two := bo.at(ana)
	two.Count, two.Price = 2, eur(1000)
	wish := bo.wish(two)
	byBank := bo.at(ana)
	byBank.Rail = "bank"
	later := bo.wish(byBank)
	w.bank.Down(true)
	if got := bo.state(wish.ID()); got.State != market.WishRefused || got.Why != "sold_out" {
		t.Errorf("%+v", got)
	}
	if got := bo.state(later.ID()); got.State != market.WishWaits {
		t.Errorf("%+v", got)
	}
	w.bank.Down(false)
	if got := bo.state(later.ID()); got.State != market.WishBought {
		t.Errorf("%+v", got)
	}
	if len(bo.told) != 2 {
		t.Errorf("told %+v", bo.told)
	}
}

// Once the host can be reached it hears how many waited, each once; who was there at once is none of them. A wish without a price
// buys nothing: it says what tickets cost.
func TestWishesAreToldToTheHost(t *testing.T) {
	w := newTown(t)
	ana, bo, cy, di := w.settle(1), w.settle(2), w.settle(3), w.settle(4)
	ana.evening(5, eur(500))
	ana.stop()
	first, second := bo.wish(bo.at(ana)), bo.wish(bo.at(ana))
	want := cy.at(ana)
	want.Price = ledger.Money{}
	tell := cy.wish(want)
	for _, got := range []market.Wish{bo.state(first.ID()), cy.state(tell.ID())} {
		if got.State != market.WishWaits {
			t.Fatalf("%+v", got)
		}
	}
	bo.crash()
	ana.crash()
	at := di.wish(di.at(ana))
	for range 2 {
		if got := bo.state(second.ID()); got.State != market.WishBought {
			t.Errorf("%+v", got)
		}
		if got := cy.state(tell.ID()); got.State != market.WishChanged || got.Price != eur(500) || len(cy.kinds()) != 0 {
			t.Errorf("%+v, %v", got, cy.kinds())
		}
		if got := di.state(at.ID()); got.State != market.WishBought {
			t.Errorf("%+v", got)
		}
	}
	if n := ana.Wanted(hall); n != 2 {
		t.Errorf("%d waited", n)
	}
	if n := ana.Wanted(ledger.Room{9}); n != 0 {
		t.Errorf("%d waited for a room that there is not", n)
	}
}

// Wishes are few, and end.
func TestWishesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		ana, bo := w.settle(1), w.settle(2)
		ana.stop()
		for range 32 {
			bo.wish(bo.at(ana))
		}
		if _, err := bo.Wish(bo.at(ana), time.Now(), time.Hour); !errors.Is(err, market.ErrWishes) {
			t.Errorf("one more: %v", err)
		}
		time.Sleep(time.Hour)
		if n := len(bo.Wishes(time.Now())); n != 0 {
			t.Errorf("%d wishes after their time", n)
		}
		long, err := bo.Wish(bo.at(ana), time.Now(), 1000*time.Hour)
		if err != nil || time.Until(long.Expires) != market.WishFor {
			t.Errorf("%+v, %v", long, err)
		}
		if err := bo.Drop("00", time.Now()); !errors.Is(err, market.ErrNoWish) {
			t.Errorf("another's: %v", err)
		}
	})
}
