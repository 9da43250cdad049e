package node

import (
	"encoding/hex"
	"strings"
	"testing"

	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/room"
)

// Bo pays a ticket by the wallet on his phone, and the host's node is gone: no ticket, no receipt. What his wallet shows is enough for
// anybody to see that she was paid.
func TestPaidAndNoReceipt(t *testing.T) {
	net := &lndtest.Network{}
	alice, phone := net.New(t), net.New(t)
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	if err := ana.AddLnd(t.Context(), lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}); err != nil {
		t.Fatal(err)
	}
	rm, err := ana.StartRoom(Start{Title: "Evening", Access: room.ByTicket, Sale: Sale{Price: sat(2500), Seats: 50}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := bo.OrderTickets(t.Context(), rm.View().Link, 1, sat(2500), "lnd", false)
	if err != nil || got.Pending == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := ana.Close(); err != nil {
		t.Fatal(err)
	}
	phone.Pays(t.Context(), t, got.Pending.Request)
	if list, err := bo.Tickets(); err != nil || len(list) != 0 || alice.Received() != 2_500_000 {
		t.Fatalf("%d tickets, %v, and %d msat came", len(list), err, alice.Received())
	}
	preimage := hex.EncodeToString(alice.Preimage(got.Pending.Request))
	for _, c := range []struct{ name, order, preimage, code string }{
		{"without what the wallet shows", got.Order, "", "no_preimage"},
		{"with something else", got.Order, strings.Repeat("00", 32), "wrong_proof"},
		{"with no number at all", got.Order, "paid!", "wrong_proof"},
		{"of another order", strings.Repeat("0", 8), preimage, "not_pending"},
		{"of no order", "", preimage, "not_pending"},
	} {
		if _, err := bo.Remittance(t.Context(), c.order, c.preimage); Explain(err).Code != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	v, err := bo.Remittance(t.Context(), got.Order[:8], " "+preimage+"\n")
	if err != nil || v.Order != got.Order || v.Payee != ana.Person() || v.Device != ana.author().Device || v.Sum != "2500 sat" || v.Purpose != "ticket" || v.Proof != preimage || v.Request != got.Pending.Request {
		t.Fatalf("%+v, %v", v, err)
	}
	// Anybody reads it.
	if read, err := ReadRemittance("\n" + v.Text + " "); err != nil || read != v {
		t.Errorf("%+v, %v", read, err)
	}
	texts := map[string]string{"nothing": "", "a ticket": "salon-ticket:AAAA", "half of it": v.Text[:len(v.Text)/2]}
	for _, other := range "A_Q" { // one of them may be what stands there
		if text := v.Text[:len(v.Text)-1] + string(other); text != v.Text {
			texts["with "+string(other)+" at its end"] = text
		}
	}
	for name, text := range texts {
		if _, err := ReadRemittance(text); err == nil {
			t.Errorf("%s shows a payment", name)
		}
	}
}
