package market_test

import (
	"testing"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/nwc"
	"salon/node/market/nwc/nwctest"
	"salon/node/market/railtest"
)

// connected is the rail of a party whose wallet is elsewhere.
func (p *party) connected(to *nwctest.Wallet, issued, spent *lndtest.File, pays bool) market.Rail {
	p.town.t.Helper()
	c := nwc.Config{URI: to.URI()}
	if pays {
		c.Pays, c.MaxPayment, c.MaxDay = true, sat(10_000), sat(50_000)
	}
	rail, err := nwc.New(c, nwc.Options{Issued: issued, Spent: spent})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return rail
}

// Also with a relay that says everything twice and makes up answers.
func TestNWCConforms(t *testing.T) {
	railtest.Conform(t, func(t *testing.T) *railtest.Bench {
		net := &lndtest.Network{}
		alice, bob := nwctest.New(t, net.New(t)), nwctest.New(t, net.New(t))
		bob.Set(func(k *nwctest.Knobs) { k.Forge = true })
		alice.Set(func(k *nwctest.Knobs) { k.Forge = true })
		var issued, spentA, spentB lndtest.File
		var payer market.Payer
		b := bench(t, lnd.Name, sat(2500), func(a, b *party) (market.Payee, market.Payer) {
			payer = b.connected(bob, &lndtest.File{}, &spentB, true).Payer
			return a.connected(alice, &issued, &spentA, true).Payee, payer
		})
		b.Back = func(t *testing.T) string {
			to, err := payer.(market.Backer).Back(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return to
		}
		return b
	})
}

// Who has a wallet elsewhere and who runs an lnd buy from each other: both speak of invoices that name the order.
func TestBuyingFromAWalletElsewhere(t *testing.T) {
	w, ctx, net := newTown(t), within(t), &lndtest.Network{}
	ana, bo := w.settle(1), w.settle(2)
	alice, bob := nwctest.New(t, net.New(t)), net.New(t)
	var issued lndtest.File
	ana.rails = func() map[string]market.Rail {
		return map[string]market.Rail{lnd.Name: ana.connected(alice, &issued, nil, false)}
	}
	ana.crash()
	bo.withLightning(bob, true)
	ana.run()
	alice.Listened(t)
	offer := ana.evening(50, sat(2500))
	want := bo.wants(ana, lnd.Name)
	want.Price, want.Count = sat(7500), 3
	got, err := bo.Buy(ctx, want)
	if err != nil || len(got.Tickets) != 3 || net.Moved() != 1 {
		t.Fatalf("%+v, %v; money moved %d times", got, err, net.Moved())
	}
	if s := ana.seats(offer); s.Issued != 3 {
		t.Errorf("%+v", s)
	}
	if in, out := ana.has(ledger.Asset(lnd.Name)), bo.has(ledger.Asset(lnd.Name)); in != 7_500_000 || out != -7_500_000 {
		t.Errorf("in %d, out %d", in, out)
	}
}
