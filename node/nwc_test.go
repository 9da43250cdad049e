package node

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/nwc"
	"salon/node/market/nwc/nwctest"
	"salon/room"
)

// Two people with wallets elsewhere sell and buy: to both it is the rail of invoices that name the order. The connection is in a file
// that nobody else can read, and comes out nowhere. A home has a wallet elsewhere or an lnd, and not both.
func TestTicketsByAWalletElsewhere(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob := nwctest.New(t, net.New(t)), nwctest.New(t, net.New(t))
	homes := [2]string{t.TempDir(), t.TempDir()}
	if err := AddNWC(t.Context(), homes[0], nwc.Config{URI: alice.URI()}); err != nil {
		t.Fatal(err)
	}
	list := Rails(homes[0])
	if len(list) != 1 || list[0].Name != "nwc" || !list[0].Receives || list[0].Pays || list[0].Error != "" {
		t.Errorf("%+v", list)
	}
	if b, err := json.Marshal(list); err != nil || strings.Contains(string(b), "secret") {
		t.Errorf("%s, %v", b, err)
	}
	if info, err := os.Stat(railPath(homes[0], "nwc")); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	ana := startNode(t, "Ana", func(o *Options) { o.Home = homes[0] })
	bo := startNode(t, "Bo", func(o *Options) { o.Home = homes[1] })
	rm, err := ana.StartRoom(Start{Title: "Evening", Access: room.ByTicket, Sale: Sale{Price: sat(2500), Seats: 50}})
	if err != nil {
		t.Fatal(err)
	}
	link := rm.View().Link
	if _, err := bo.BuyTickets(t.Context(), link, 1, sat(2500), "lnd"); err == nil {
		t.Error("bought with no wallet")
	}
	if err := bo.AddNWC(t.Context(), nwc.Config{URI: bob.URI(), Pays: true, MaxPayment: sat(9000), MaxDay: sat(9000)}); err != nil {
		t.Fatal(err)
	}
	own := net.New(t)
	if err := bo.AddLnd(t.Context(), lnd.Config{REST: own.URL(), Cert: own.Cert(), Macaroon: lndtest.InvoiceOnly}); err == nil || Explain(err).Code != "bad_rail" {
		t.Errorf("an lnd beside it: %v", err)
	}
	got, err := bo.BuyTickets(t.Context(), link, 2, sat(5000), "lnd")
	if err != nil || len(got.Tickets) != 2 || net.Moved() != 1 {
		t.Fatalf("%+v, %v; money moved %d times", got, err, net.Moved())
	}
	purse, err := bo.Purse(t.Context(), "nwc")
	if err != nil || purse.Spent != "5050 sat" { // what others may take of it counts
		t.Errorf("%+v, %v", purse, err)
	}
	if err := bo.LimitRail("nwc", sat(100), sat(9000)); err != nil {
		t.Error(err)
	}
	if _, err := bo.BuyTickets(t.Context(), link, 1, sat(2500), "lnd"); err == nil || Explain(err).Code != "spending_limit" {
		t.Errorf("beyond the limit: %v", err)
	}
	if err := bo.RemoveRail("nwc"); err != nil {
		t.Error(err)
	}
	if _, err := bo.Purse(t.Context(), "nwc"); err == nil {
		t.Error("it pays, and is removed")
	}
}
