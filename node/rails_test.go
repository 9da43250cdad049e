package node

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"salon/ledger"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/stripe"
	"salon/node/market/stripe/stripetest"
	"salon/room"
)

func sat(n ledger.Amount) ledger.Money { return ledger.Money{Amount: 1000 * n, Cur: ledger.Bitcoin} }

// A rail is stored where its owner alone can read it, shown without its secret, and not used once others can read it.
func TestRails(t *testing.T) {
	net := &lndtest.Network{}
	at := net.New(t)
	dir := t.TempDir()
	c := lnd.Config{REST: at.URL(), Cert: at.Cert(), Macaroon: lndtest.InvoiceOnly}
	if list := Rails(dir); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	more := c
	more.Pays, more.MaxPayment, more.MaxDay = true, sat(10), sat(20)
	if err := AddLnd(t.Context(), dir, more); err == nil || !strings.Contains(err.Error(), "to pay: lnd: permission denied") {
		t.Errorf("a macaroon for invoices pays: %v", err)
	}
	at.Refuse("the wallet is locked")
	if err := AddLnd(t.Context(), dir, c); err == nil {
		t.Error("lnd does not work, and is added")
	}
	at.Refuse("")
	if list := Rails(dir); len(list) != 0 {
		t.Errorf("refused, and there: %+v", list)
	}
	if err := AddLnd(t.Context(), dir, c); err != nil {
		t.Fatal(err)
	}
	list := Rails(dir)
	if len(list) != 1 || list[0] != (RailView{Name: "lnd", Address: at.URL(), Currency: "BTC", Receives: true}) {
		t.Errorf("%+v", list)
	}
	if b, err := json.Marshal(list); err != nil || strings.Contains(string(b), lndtest.InvoiceOnly) {
		t.Errorf("%s, %v", b, err)
	}
	if info, err := os.Stat(railPath(dir, "lnd")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o660} {
			if err := os.Chmod(railPath(dir, "lnd"), mode); err != nil {
				t.Fatal(err)
			}
			if list := Rails(dir); len(list) != 1 || !strings.Contains(list[0].Error, "chmod 600") {
				t.Errorf("mode %o: %+v", mode, list)
			}
		}
	}
	if err := RemoveRail(dir, "lnd"); err != nil {
		t.Error(err)
	}
	if err := RemoveRail(dir, "lnd"); err == nil {
		t.Error("removed twice")
	}
}

// An address where no wallet answers is not stored. One that is stored is signed into the ledger, and offers say that it can be paid.
func TestLightningAddress(t *testing.T) {
	dir := t.TempDir()
	for _, bad := range []string{"ana", "ana@127.0.0.1:1"} {
		if err := AddAddress(t.Context(), dir, bad); err == nil {
			t.Errorf("%s is stored", bad)
		}
	}
	if list := Rails(dir); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	if err := writeRail(dir, "lnaddress", addressConfig{"ana@127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	ana, bo := startNode(t, "Ana", func(o *Options) { o.Home = dir }), startNode(t, "Bo", nil)
	rm, err := ana.StartRoom(Start{Title: "Evening", Access: room.ByTicket, Sale: Sale{Price: sat(2500), Seats: 50}})
	if err != nil {
		t.Fatal(err)
	}
	if offers, err := bo.OnSale(t.Context(), rm.View().Link); err != nil || len(offers) != 1 || len(offers[0].Rails) != 1 || offers[0].Rails[0] != "lnaddress" {
		t.Errorf("%+v, %v", offers, err)
	}
	l, err := ana.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	signed := 0
	if err := l.Entries(func(e EntryView) error {
		if e.Kind == "railkey" {
			signed++
		}
		return nil
	}); err != nil || signed != 1 {
		t.Errorf("signed %d times, %v", signed, err)
	}
}

// Tickets are paid by Lightning between two nodes; the offer says that they can be, and the host sees the money in its books.
func TestTicketsByLightning(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob := net.New(t), net.New(t)
	homes := [2]string{t.TempDir(), t.TempDir()}
	if err := AddLnd(t.Context(), homes[0], lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}); err != nil {
		t.Fatal(err)
	}
	if err := AddLnd(t.Context(), homes[1], lnd.Config{REST: bob.URL(), Cert: bob.Cert(), Macaroon: lndtest.Admin, Pays: true, MaxPayment: sat(9000), MaxDay: sat(9000)}); err != nil {
		t.Fatal(err)
	}
	ana := startNode(t, "Ana", func(o *Options) { o.Home = homes[0] })
	bo := startNode(t, "Bo", func(o *Options) { o.Home = homes[1] })
	rm, err := ana.StartRoom(Start{Title: "Evening", Access: room.ByTicket, Sale: Sale{Price: sat(2500), Seats: 50}})
	if err != nil {
		t.Fatal(err)
	}
	link := rm.View().Link
	offers, err := bo.OnSale(t.Context(), link)
	if err != nil || len(offers) != 1 || len(offers[0].Rails) != 1 || offers[0].Rails[0] != "lnd" {
		t.Fatalf("%+v, %v", offers, err)
	}
	got, err := bo.BuyTickets(t.Context(), link, 2, sat(5000), "lnd")
	if err != nil || len(got.Tickets) != 2 || net.Moved() != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = bo.BuyTickets(t.Context(), link, 2, sat(5000), "lnd")
	if u := Explain(err); err == nil || u.Code != "spending_limit" {
		t.Errorf("beyond the limit: %v", err)
	}
}

// A rail that is added while the node runs is there at once, and one that is removed is not; a damaged file of one keeps nobody from
// the others; and new limits do not make what was spent undone.
func TestRailsWhileRunning(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob := net.New(t), net.New(t)
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	rm, err := ana.StartRoom(Start{Title: "Evening", Access: room.ByTicket, Sale: Sale{Price: sat(2500), Seats: 50}})
	if err != nil {
		t.Fatal(err)
	}
	link := rm.View().Link
	ways := func() []string {
		t.Helper()
		offers, err := bo.OnSale(t.Context(), link)
		if err != nil || len(offers) != 1 {
			t.Fatalf("%+v, %v", offers, err)
		}
		return offers[0].Rails
	}
	if got := ways(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if err := ana.AddLnd(t.Context(), lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}); err != nil {
		t.Fatal(err)
	}
	if got := ways(); len(got) != 1 || got[0] != "lnd" {
		t.Errorf("added: %v", got)
	}
	if _, err := bo.Purse(t.Context(), "lnd"); Explain(err).Code != "no_such_rail" {
		t.Errorf("the purse of nothing: %v", err)
	}
	pays := lnd.Config{REST: bob.URL(), Cert: bob.Cert(), Macaroon: lndtest.Admin, Pays: true, MaxPayment: sat(9000), MaxDay: sat(9000)}
	if err := bo.AddLnd(t.Context(), pays); err != nil {
		t.Fatal(err)
	}
	if _, err := bo.BuyTickets(t.Context(), link, 2, sat(5000), "lnd"); err != nil {
		t.Fatal(err)
	}
	// 5,000 sat and 50 that others may take for passing it on.
	if p, err := bo.Purse(t.Context(), "lnd"); err != nil || p != (PurseView{Rail: "lnd", Balance: "1000000 sat", MaxPayment: "9000 sat", MaxDay: "9000 sat", Spent: "5050 sat", FeeShare: 100, FeeLeast: "10 sat"}) {
		t.Errorf("%+v, %v", p, err)
	}
	if err := bo.LimitRail("lnd", sat(5050), sat(7000)); err != nil {
		t.Fatal(err)
	}
	if _, err := bo.BuyTickets(t.Context(), link, 2, sat(5000), "lnd"); Explain(err).Code != "spending_limit" {
		t.Errorf("beyond the new limit: %v", err)
	}
	for name, err := range map[string]error{
		"more at once than in a day":  bo.LimitRail("lnd", sat(3), sat(2)),
		"limits of what does not pay": ana.LimitRail("lnd", sat(3), sat(3)),
		"limits of nothing":           bo.LimitRail("../lnd", sat(3), sat(3)),
		"nothing to remove":           bo.RemoveRail("../settings"),
		"no address":                  bo.AddAddress(t.Context(), "ana"),
		"no lnd":                      bo.AddLnd(t.Context(), lnd.Config{REST: "https://127.0.0.1:1", Cert: bob.Cert(), Macaroon: lndtest.Admin}),
	} {
		if code := Explain(err).Code; err == nil || code != "bad_rail" && code != "no_such_rail" {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), lndtest.Admin) {
			t.Errorf("%s: the macaroon is in the error", name)
		}
	}

	// A damaged file beside it.
	if err := os.WriteFile(railPath(ana.home.Dir, "lnaddress"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ana.AddLnd(t.Context(), lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}); err != nil {
		t.Fatal(err)
	}
	if got := ways(); len(got) != 1 || got[0] != "lnd" {
		t.Errorf("beside a damaged one: %v", got)
	}
	if list := ana.Rails(); len(list) != 2 || list[0].Error != "" || list[1].Name != "lnaddress" || list[1].Error == "" {
		t.Errorf("%+v", list)
	}
	for _, name := range []string{"lnaddress", "lnd"} {
		if err := ana.RemoveRail(name); err != nil {
			t.Error(err)
		}
	}
	if got := ways(); len(got) != 0 || len(ana.Rails()) != 0 {
		t.Errorf("removed: %v, %+v", got, ana.Rails())
	}
}

// With Stripe among the ways of paying, nothing is offered for less than Stripe takes: the host is told what that is, and not the buyer,
// later. What was on sale before is not offered by card.
func TestOfferBelowWhatCardsTake(t *testing.T) {
	at := stripetest.New(t)
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	cents := func(n ledger.Amount) ledger.Money { return ledger.Money{Amount: n, Cur: "EUR"} }
	start := func(price ledger.Money) (*Room, error) {
		return ana.StartRoom(Start{Title: "Evening", Access: room.ByTicket, Sale: Sale{Price: price, Seats: 50, Credit: cents(1000)}})
	}
	before, err := start(cents(30))
	if err != nil {
		t.Fatal(err)
	}
	if err := ana.AddStripe(t.Context(), stripe.Config{Key: stripetest.Key, Base: at.URL()}); err != nil {
		t.Fatal(err)
	}
	if list, err := bo.OnSale(t.Context(), before.View().Link); err != nil || len(list) != 1 || !slices.Equal(list[0].Rails, []string{ledger.IOURail}) {
		t.Errorf("on sale before: %+v, %v", list, err)
	}
	least := cents(50)
	small := cents(49)
	if _, err := ana.OfferSubscription(TierWish{Name: "Patrons", Price: least, Period: month}); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"a room":         second(start(small)),
		"a subscription": second(ana.OfferSubscription(TierWish{Name: "Friends", Price: small, Period: month})),
		"another price":  second(ana.OfferTickets("Evening", Terms{Price: &small})),
		"a renewal":      second(ana.ChangeTier("Patrons", TierChange{Price: &small})),
	} {
		if u := Explain(err); err == nil || u.Code != "bad_sale" || !strings.Contains(u.Text, "0.50 EUR") || !strings.Contains(u.Text, "stripe") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := ana.OfferTickets("Evening", Terms{Price: &least}); err != nil {
		t.Error(err)
	}
	if list, err := bo.OnSale(t.Context(), before.View().Link); err != nil || len(list) != 1 || !slices.Contains(list[0].Rails, stripe.Name) {
		t.Errorf("for as much as cards take: %+v, %v", list, err)
	}
	if _, err := ana.OfferSubscription(TierWish{Name: "Friends", Price: sat(300), Period: month}); err != nil {
		t.Errorf("what is not paid by card: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
