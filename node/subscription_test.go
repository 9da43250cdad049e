package node

import (
	"context"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
)

// awaitBooks waits for entries of a node's ledger until what is asked is so.
func awaitBooks(t *testing.T, n *Node, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		news := n.shop.store.News()
		if so() {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			t.Fatalf("%s does not come", what)
		}
	}
}

// It is time to renew in the last days, of a short period in its last third, and in the days of grace: neither before nor after, and
// never of what was ended.
func TestTimeToRenew(t *testing.T) {
	now := time.Now()
	const day = 24 * time.Hour
	for _, c := range []struct {
		name         string
		period, left time.Duration
		ended, want  bool
	}{
		{"a month, at its beginning", 30 * day, 29 * day, false, false},
		{"a month, six days before its end", 30 * day, 6 * day, false, false},
		{"a month, four days before its end", 30 * day, 4 * day, false, true},
		{"a day, at noon", day, 12 * time.Hour, false, false},
		{"a day, in the evening", day, 7 * time.Hour, false, true},
		{"in grace", 30 * day, -2 * day, false, true},
		{"after the grace", 30 * day, -4 * day, false, false},
		{"ended", 30 * day, day, true, false},
		{"of a length that was not kept", 0, 4 * day, false, true},
	} {
		if got := renews(market.Subscribed{Period: c.period, Through: now.Add(c.left), Ended: c.ended}, now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A tip and a subscription are paid like tickets: by a node of one's own, or by hand. Before, it is known by which ways and what others
// may take; after, the payee has all of it.
func TestPayingByLightning(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob, phone := net.New(t), net.New(t), net.New(t)
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	if err := ana.AddLnd(t.Context(), lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}); err != nil {
		t.Fatal(err)
	}
	if err := bo.AddLnd(t.Context(), lnd.Config{REST: bob.URL(), Cert: bob.Cert(), Macaroon: lndtest.Admin, Pays: true, MaxPayment: sat(9000), MaxDay: sat(9000)}); err != nil {
		t.Fatal(err)
	}
	rm, err := ana.StartRoom(Start{Title: "Evening", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	link := rm.View().Link
	if _, err := ana.OfferSubscription(TierWish{Name: "Friends", Price: sat(1000), Period: month, Tax: "incl. 19 % VAT"}); err != nil {
		t.Fatal(err)
	}
	ways, err := bo.TipWays(t.Context(), link, ledger.Bitcoin)
	if err != nil || len(ways.Rails) != 1 || ways.Rails[0] != "lnd" || ways.Fork != nil {
		t.Errorf("%+v, %v", ways, err)
	}
	if ways, err := bo.TipWays(t.Context(), link, "EUR"); err != nil || len(ways.Rails) != 0 {
		t.Errorf("euros by Lightning: %+v, %v", ways, err)
	}
	if _, err := ana.TipWays(t.Context(), ana.Person().String(), "EUR"); err == nil {
		t.Error("a tip to oneself")
	}
	if v, err := bo.Tip(t.Context(), TipWish{To: link, Money: sat(100), Rail: "lnd"}); err != nil || v.Owed || v.Receipt == "" {
		t.Errorf("%+v, %v", v, err)
	}
	tiers, err := bo.Tiers(t.Context(), link)
	if err != nil || len(tiers) != 1 || len(tiers[0].Rails) != 1 || tiers[0].Rails[0] != "lnd" || tiers[0].Tax != "incl. 19 % VAT" || tiers[0].Fork != nil {
		t.Fatalf("%+v, %v", tiers, err)
	}
	wish := SubscribeWish{To: link, Tier: "Friends", Periods: 1, Price: sat(1000), Rail: "lnd", Nonce: [16]byte{1}}
	v, err := bo.Subscribe(t.Context(), wish)
	if err != nil || v.Through == 0 || v.Ended || v.Renew || v.Period != int64(month/time.Second) || v.Pending != nil || net.Moved() != 2 {
		t.Fatalf("%+v, %v, money moved %d times", v, err, net.Moved())
	}
	if again, err := bo.Subscribe(t.Context(), wish); err != nil || again.Through != v.Through || net.Moved() != 2 {
		t.Errorf("asked for again: %+v, %v, money moved %d times", again, err, net.Moved())
	}
	wish.ByHand, wish.Nonce = true, [16]byte{2}
	asked, err := bo.Subscribe(t.Context(), wish)
	if err != nil || asked.Through != v.Through || asked.Pending == nil || asked.Pending.Why != "by_hand" || asked.Pending.Purpose != "subscription" || asked.Pending.Request == "" {
		t.Fatalf("%+v, %v", asked, err)
	}
	phone.Pays(t.Context(), t, asked.Pending.Request)
	awaitBooks(t, bo, "the renewal", func() bool {
		all, err := bo.Subscriptions()
		return err == nil && len(all.Mine) == 1 && all.Mine[0].Through == v.Through+month.Milliseconds()
	})
	books, err := bo.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	if err := books.Entries(func(e EntryView) error {
		found = found || e.Kind == "got" && e.Tax == "incl. 19 % VAT"
		return nil
	}); err != nil || !found {
		t.Errorf("no receipt states the tax (%v)", err)
	}
}
