package node

import (
	"context"
	"strings"
	"testing"
	"time"

	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/room"
)

// Somebody without a Lightning node orders a ticket and a tip, sees what to pay, and gets both once they paid it elsewhere, though
// their node was off when they did.
func TestPaidByHand(t *testing.T) {
	net := &lndtest.Network{}
	alice, phone := net.New(t), net.New(t)
	home := t.TempDir()
	ana := startNode(t, "Ana", nil)
	bo := startNode(t, "Bo", func(o *Options) { o.Home = home })
	if err := ana.AddLnd(t.Context(), lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}); err != nil {
		t.Fatal(err)
	}
	rm, err := ana.StartRoom(Start{Title: "Evening", Access: room.ByTicket, Sale: Sale{Price: sat(2500), Seats: 50}})
	if err != nil {
		t.Fatal(err)
	}
	link := rm.View().Link
	if _, err := bo.BuyTickets(t.Context(), link, 1, sat(2500), "lnd"); Explain(err).Code != "no_rail" {
		t.Errorf("without a Lightning node: %v", err)
	}
	got, err := bo.OrderTickets(t.Context(), link, 1, sat(2500), "lnd", false)
	if err != nil || got.Receipt != "" || got.Pending == nil || got.Pending.Why != "by_hand" || got.Pending.Purpose != "ticket" {
		t.Fatalf("%+v, %v", got, err)
	}
	tip := TipWish{To: link, Money: sat(100), Rail: "lnd", ByHand: true, Nonce: [16]byte{1}}
	given, err := bo.Tip(t.Context(), tip)
	if err != nil || given.Pending == nil || given.Pending.Purpose != "tip" {
		t.Fatalf("%+v, %v", given, err)
	}
	if again, err := bo.Tip(t.Context(), tip); err != nil || again.Pending == nil || again.Pending.Request != given.Pending.Request {
		t.Errorf("again: %+v, %v", again, err)
	}
	for _, p := range []*PendingView{got.Pending, given.Pending} {
		if text, err := bo.PendingRequest(p.Order); err != nil || text != "LIGHTNING:"+strings.ToUpper(p.Request) {
			t.Errorf("%s, %v", text, err)
		}
	}
	if _, err := bo.PendingRequest("abc"); Explain(err).Code != "not_pending" {
		t.Errorf("%v", err)
	}
	if err := bo.Close(); err != nil {
		t.Fatal(err)
	}
	phone.Pays(t.Context(), t, got.Pending.Request)
	phone.Pays(t.Context(), t, given.Pending.Request)
	bo = startNode(t, "Bo", func(o *Options) { o.Home = home })
	if _, err := bo.OnSale(t.Context(), link); err != nil { // so that it knows where the host is
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		news := bo.shop.store.News()
		list, err := bo.Tickets()
		open, wrong := bo.Pending()
		if err != nil || wrong != nil {
			t.Fatal(err, wrong)
		}
		if len(list) == 1 && len(open) == 0 {
			break
		}
		select {
		case <-news:
		case <-ctx.Done():
			t.Fatalf("%d tickets, %+v", len(list), open)
		}
	}
	if net.Moved() != 2 {
		t.Errorf("money moved %d times", net.Moved())
	}
}
