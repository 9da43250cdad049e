package market_test

import (
	"testing"
	"testing/synctest"
	"time"

	"salon/ledger"
)

// brokenOff is a purchase at ana whose answer to the payment got lost, with ana gone since.
func brokenOff(t *testing.T) (ana, bo *party) {
	t.Helper()
	w := newTown(t)
	ana, bo = w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	bo.run()
	time.Sleep(610 * time.Second) // nothing was open: it looks once a minute
	w.breakAt(&cut{at: 6})        // what is on sale, the quote, and the tickets
	if _, err := bo.Buy(bo.ctx, bo.wants(ana, ledger.IOURail)); err == nil || !bo.begun() || len(bo.tickets()) != 0 {
		t.Fatalf("it did not break off: %v, %v", err, bo.kinds())
	}
	w.breakAt(nil)
	return ana, bo
}

// A purchase that broke off is gone on with within moments.
func TestBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, bo := brokenOff(t)
		time.Sleep(2100 * time.Millisecond)
		if synctest.Wait(); len(bo.tickets()) != 1 {
			t.Error("two seconds later there is no ticket")
		}
	})
}

// A seller who was away for long is asked as soon as it is there again; nobody else's coming has anybody asked.
func TestSellerComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ana, bo := brokenOff(t)
		cy := bo.town.settle(3)
		ana.stop()
		time.Sleep(10*time.Minute + time.Second) // it is tried once a minute again
		if synctest.Wait(); len(bo.tickets()) != 0 {
			t.Fatal("there is a ticket from nobody")
		}
		ana.crash()
		bo.Came(cy.device())
		if synctest.Wait(); len(bo.tickets()) != 0 {
			t.Error("another came, and the seller was asked")
		}
		bo.Came(ana.device())
		if synctest.Wait(); len(bo.tickets()) != 1 {
			t.Error("the seller came, and there is no ticket")
		}
	})
}
