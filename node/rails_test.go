package node

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"testing"

	"salon/ledger"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/room"
)

func sat(n ledger.Amount) ledger.Money { return ledger.Money{Amount: 1000 * n, Cur: ledger.Bitcoin} }

// A rail is stored where its owner alone can read it, shown without its secret, and not used once others can read it.
func TestRails(t *testing.T) {
	net := &lndtest.Network{}
	at := net.New(t)
	dir := t.TempDir()
	c := lnd.Config{REST: at.URL(), Cert: at.Cert(), Macaroon: lndtest.InvoiceOnly}
	if list, err := Rails(dir); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
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
	if list, err := Rails(dir); err != nil || len(list) != 0 {
		t.Errorf("refused, and there: %+v, %v", list, err)
	}
	if err := AddLnd(t.Context(), dir, c); err != nil {
		t.Fatal(err)
	}
	list, err := Rails(dir)
	if err != nil || len(list) != 1 || list[0] != (RailView{Name: "lnd", Address: at.URL(), Currency: "BTC", Receives: true}) {
		t.Errorf("%+v, %v", list, err)
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
			if _, err := Rails(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("mode %o: %v", mode, err)
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
	if list, err := Rails(dir); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
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
