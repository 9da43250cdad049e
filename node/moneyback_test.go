package node

import (
	"strings"
	"testing"

	"salon/ledger"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/room"
)

// What a co-host was paid for is refunded through them. While they are away the host sees that it waits, and for whom.
func TestRefundThroughCoHost(t *testing.T) {
	home := t.TempDir()
	ana, di, bo := startNode(t, "Ana", nil), startMortal(t, home, "Di", anywhere), startNode(t, "Bo", nil)
	s := byTicket
	s.Title, s.CoHosts = "Evening", []PersonView{{Person: di.Person(), Name: "Di"}}
	hosted, err := ana.StartRoom(s)
	if err != nil {
		t.Fatal(err)
	}
	link := hosted.View().Link
	standby, err := di.Join(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, di, "Di to have the key", standby.hasKey)
	if _, err := ana.LendSeats(t.Context(), Lend{Room: "Evening", Who: di.Person(), Seats: 20, SellerIsPaid: true}); err != nil {
		t.Fatal(err)
	}
	if err := di.home.SetCredit("EUR", 500); err != nil {
		t.Fatal(err)
	}
	if b, err := bo.BuyTickets(t.Context(), link, 1, fiveEuro, ledger.IOURail); err != nil || len(b.Tickets) != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	m, err := ana.Market()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	device := di.author().Device
	di.crash(t)
	v, err := ana.RefundTickets(t.Context(), "Evening", "", true, false, false)
	if err != nil || len(v.Backs) != 1 || v.Backs[0].Seats != 1 || !strings.Contains(v.Problem, "asked again") {
		t.Fatalf("%+v, %v", v, err)
	}
	list, err := ana.Dues()
	if err != nil || len(list) != 1 || list[0].State != dueSeller || list[0].Seller != device || list[0].Money != "5.00 EUR" || list[0].Problem != v.Problem || list[0].Room != hosted.id {
		t.Errorf("%+v, %v", list, err)
	}
	if err := ana.SentBack(t.Context(), list[0].Receipt, false, ""); code(err) != "sold_by_other" {
		t.Errorf("by hand, by who has no money: %v", err)
	}
	if texts := ana.Notices(); len(texts) != 0 {
		t.Errorf("a person has nothing to do, and reads %q", texts)
	}
	di = startMortal(t, home, "Di", anywhere)
	defer func() {
		if err := di.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, n := range []*Node{ana, bo} {
		if err := di.AddPeer(t.Context(), n.Status().Addrs[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.PayBack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := bo.NewsOfTickets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := ana.Dues(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := bo.Tickets(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A host whose wallet only receives cancels: the money waits for their own hands, they are told so, and once they say that it is sent it is.
func TestMoneySentByHand(t *testing.T) {
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
	if _, err := bo.BuyTickets(t.Context(), rm.View().Link, 2, sat(5000), "lnd"); err != nil {
		t.Fatal(err)
	}
	v, err := ana.CancelTickets(t.Context(), "Evening", false)
	if err != nil || v.Problem == "" {
		t.Fatalf("%+v, %v", v, err)
	}
	list, err := ana.Dues()
	if err != nil || len(list) != 1 || list[0].State != dueByHand || list[0].Money != "5000 sat" || list[0].To == "" || !list[0].Seller.IsZero() {
		t.Fatalf("%+v, %v", list, err)
	}
	if texts := ana.Notices(); len(texts) != 1 || !strings.Contains(texts[0], "payments: 1.") || !strings.Contains(texts[0], "salon ticket sent") {
		t.Errorf("the host reads %q", texts)
	}
	for _, what := range []string{"", "abc", "zzzzzzzz", strings.Repeat("00", 32)} {
		if err := ana.SentBack(t.Context(), what, false, ""); code(err) != "nothing_due" {
			t.Errorf("%q: %v", what, err)
		}
	}
	for _, what := range []string{list[0].Receipt[:8], list[0].Receipt} { // twice is once
		if err := ana.SentBack(t.Context(), what, false, ""); err != nil {
			t.Errorf("%q: %v", what, err)
		}
	}
	if err := bo.NewsOfTickets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := ana.Dues(); err != nil || len(list) != 0 || len(ana.Notices()) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := bo.Tickets(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
