package market_test

import (
	"errors"
	"maps"
	"testing"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
)

// Who pays an invoice by hand sends more than it asks for. The ticket comes, the rest is in the host's books as the buyer's, is listed as
// due until it has gone back, and outlives the node; and is not taken for what else is due for the receipt.
func TestPaidTooMuchByHand(t *testing.T) {
	w, ctx, net := newTown(t), within(t), &lndtest.Network{}
	alice, phone := net.New(t), net.New(t)
	alice.More(500_000)
	ana, bo := w.settle(1), w.settle(2)
	receivesAt(t, ana, alice)
	byWallet(bo)
	ana.evening(50, sat(2500))
	ana.run()
	bo.run()
	u := bo.asked(ctx, ana, sat(2500))
	phone.Pays(ctx, t, u.Request)
	bo.until(ctx, "no ticket comes", func() bool { return len(bo.tickets()) == 1 })
	for range 2 {
		due := ana.dues()
		if len(due) != 1 || !due[0].Surplus || !due[0].ByHand || due[0].Money != sat(500) || due[0].Room != hall || !due[0].Host {
			t.Fatalf("%+v", due)
		}
		if has, owes, earned := ana.has(ledger.Asset(lnd.Name)), ana.has(ledger.Beyond(due[0].Buyer)), ana.has(ledger.IncomeTickets); has != 3_000_000 || owes != -500_000 || earned != -2_500_000 {
			t.Errorf("has %d, owes %d and earned %d", has, owes, earned)
		}
		ana.crash()
	}
	receipt := ana.dues()[0].Receipt
	if err := ana.SentBack(ctx, receipt); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("what is not due for the receipt is sent: %v", err)
	}
	if _, err := ana.Cancel(ctx, hall, false); !errors.Is(err, market.ErrNoWayBack) {
		t.Fatal(err)
	}
	if due := ana.dues(); len(due) != 2 {
		t.Fatalf("%+v", due)
	}
	if err := ana.SentBack(ctx, receipt); err != nil {
		t.Fatal(err)
	}
	if due := ana.dues(); len(due) != 1 || !due[0].Surplus {
		t.Fatalf("%+v", due)
	}
	if err := ana.SentSurplus(ctx, receipt); err != nil {
		t.Fatal(err)
	}
	before := ana.kinds()
	if err := ana.SentSurplus(ctx, receipt); err != nil || !maps.Equal(before, ana.kinds()) {
		t.Errorf("twice: %v", err)
	}
	if err := ana.SentSurplus(ctx, ledger.ID{7}); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("beyond no receipt: %v", err)
	}
	ana.crash()
	if has, due := ana.has(ledger.Asset(lnd.Name)), ana.dues(); has != 0 || len(due) != 0 {
		t.Errorf("has %d, due %+v", has, due)
	}
	words := 0 // that it went back is a person's word, and the books say so
	if err := ana.store.Journal(func(l ledger.Line) error {
		if l.Word {
			words++
		}
		return nil
	}); err != nil || words != 2 {
		t.Errorf("%d entries by the word of a person, %v", words, err)
	}
}

// What came beyond the price is sent back by a rail that can, once, also if that rail is set up long after, and the node dies meanwhile.
func TestPaidTooMuchIsSentBack(t *testing.T) {
	w, ctx, net := newTown(t), within(t), &lndtest.Network{}
	ana, bo := w.settle(1), w.settle(2)
	alice, bob := net.New(t), net.New(t)
	alice.More(500_000)
	receivesAt(t, ana, alice)
	bo.withLightning(bob, true)
	ana.evening(50, sat(2500))
	want := bo.wants(ana, lnd.Name)
	want.Price = sat(2500)
	if got, err := bo.Buy(ctx, want); err != nil || len(got.Tickets) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if due := ana.dues(); len(due) != 1 || !due[0].ByHand || net.Moved() != 1 {
		t.Fatalf("%+v, and money moved %d times", due, net.Moved())
	}
	alice.More(0)
	ana.withLightning(alice, true)
	for range 2 {
		if err := ana.PayBack(ctx); err != nil {
			t.Fatal(err)
		}
		ana.crash()
	}
	if back := bob.Received(); back != 500_000 || net.Moved() != 2 || len(ana.dues()) != 0 || ana.kinds()[ledger.KindSurplus] != 2 {
		t.Errorf("%d msat came back, money moved %d times, due %+v, %v", back, net.Moved(), ana.dues(), ana.kinds())
	}
}
