package market_test

import (
	"context"
	"testing"

	"salon/ledger"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
)

// Attack: 2,500 millisatoshi for 2,500 satoshi. Money moves and the numbers are the same, but the sum is not: nothing is sold.
func TestMillisatoshiForSatoshi(t *testing.T) {
	w, ctx, net := newTown(t), within(t), &lndtest.Network{}
	ana, bo := w.settle(1), w.settle(2)
	alice, bob := net.New(t), net.New(t)
	const price = 2500
	alice.More(price - 1000*price)
	ana.withLightning(alice, false)
	bo.withLightning(bob, true)
	offer := ana.evening(50, sat(price))
	want := bo.wants(ana, lnd.Name)
	want.Price = sat(price)
	bo.givesUp(ctx, want, func() bool { return net.Moved() == 1 })
	looks := alice.Calls("GET /v1/invoice")
	soon, cancel := context.WithCancel(ctx)
	asked := make(chan error, 1)
	go func() { asked <- bo.Resume(soon) }()
	w.until(ctx, func() bool { return alice.Calls("GET /v1/invoice") > looks }) // she sees what has come
	ana.crash()                                                                 // and ends with what she makes of it
	cancel()
	if err := <-asked; err == nil {
		t.Error("bought")
	}
	if got := alice.Received(); got != price {
		t.Errorf("the attack is none: %d msat came", got)
	}
	if s := ana.seats(offer); s.Issued != 0 || ana.kinds()[ledger.KindSale] != 0 || len(bo.tickets()) != 0 {
		t.Errorf("%+v, and %d tickets", s, len(bo.tickets()))
	}
}
