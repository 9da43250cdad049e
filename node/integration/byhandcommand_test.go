package integration

import (
	"strings"
	"testing"

	"salon/node"
	"salon/node/market/lnd/lndtest"
)

// TestByHandInTheShell: somebody without a Lightning node pays tickets, a tip and a subscription by a wallet elsewhere. The command
// says what to pay, and ends when it has come. Of a way by which nothing is taken it says which there are.
func TestByHandInTheShell(t *testing.T) {
	salon(t)
	t.Parallel()
	net := &lndtest.Network{}
	alice, phone := net.New(t), net.New(t)
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	bo := up(t, append([]string{"--name", "Bo", "--peer", ana.addr()}, overBoth...)...)
	put := map[string]any{"rest": alice.URL(), "macaroon": string(lndtest.InvoiceOnly), "cert": alice.Cert()}
	if err := ana.api().Call(t.Context(), "PUT", "/api/v1/rails/lnd", put, nil); err != nil {
		t.Fatal(err)
	}
	var room node.RoomView
	body := map[string]any{"title": "Evening", "access": "ticket", "price": "2500 sat", "seats": 9}
	if err := ana.api().Call(t.Context(), "POST", "/api/v1/rooms", body, &room); err != nil {
		t.Fatal(err)
	}
	start(t, ana.home, "subscription", "offer", "Friends", "--price", "1000 sat", "--tax", "incl. 19 % VAT").wantExit(0, patience)
	start(t, bo.home, "tip", room.Link, "2 EUR", "--rail", "stripe", "--by-hand", "--yes").wantRefusal(2, "take no EUR now")
	start(t, bo.home, "tip", room.Link, "100 sat", "--rail", "stripe", "--by-hand", "--yes").wantRefusal(2, "--rail lnd")
	start(t, bo.home, "subscribe", room.Link, "--rail", "stripe", "--by-hand", "--yes").wantRefusal(2, "--rail lnd")
	start(t, bo.home, "subscribe", room.Link, "--rail", "lnd", "--by-hand").wantRefusal(2, "incl. 19 % VAT", "what your wallet takes", "--yes")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"ticket", "buy", room.Link, "--yes"}, "You paid 2500 sat. Tickets: 1"},
		{[]string{"tip", room.Link, "100 sat", "--yes"}, "You gave 100 sat"},
		{[]string{"subscribe", room.Link, "--yes"}, "You paid 1000 sat. You subscribe to \"Friends\""},
	} {
		p := start(t, bo.home, append(c.args, "--rail", "lnd", "--by-hand")...)
		p.line("Waiting for it.")
		open, err := bo.api().Pending(t.Context())
		if err != nil || len(open) != 1 {
			t.Fatalf("%+v, %v", open, err)
		}
		phone.Pays(t.Context(), t, open[0].Request)
		p.wantExit(0, patience)
		if !strings.Contains(p.out(), c.want) || !strings.Contains(p.out(), open[0].Request) {
			t.Errorf("%s says %q", c.args[0], p.out())
		}
	}
	if net.Moved() != 3 {
		t.Errorf("money moved %d times", net.Moved())
	}
}
