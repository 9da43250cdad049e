package node

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
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

// A file beside the ledger that cannot be read is kept aside, and the person is told what it was, and what that means.
func TestDamagedFilesAreKeptAside(t *testing.T) {
	for file, words := range map[string]string{handsFile: "pay by hand cannot be read", wishesFile: "wishes for tickets cannot be read"} {
		home := t.TempDir()
		n := startNode(t, "Bo", func(o *Options) { o.Home = home })
		if _, err := n.Market(); err != nil {
			t.Fatal(err)
		}
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		for _, damage := range []string{"{", strings.Repeat(" ", wishesMax+1)} {
			if err := os.WriteFile(filepath.Join(home, file), []byte(damage), 0o600); err != nil {
				t.Fatal(err)
			}
			n = startNode(t, "Bo", func(o *Options) { o.Home = home })
			texts := slices.DeleteFunc(n.Notices(), func(text string) bool { return !strings.Contains(text, words) })
			kept, err := filepath.Glob(filepath.Join(home, strings.TrimSuffix(file, ".json")+".damaged-*.json"))
			if err != nil || len(kept) != 1 || len(texts) != 1 || !strings.Contains(texts[0], kept[0]) {
				t.Fatalf("%s: kept as %q, %v, and said: %q", file, kept, err, n.Notices())
			}
			if raw, err := os.ReadFile(kept[0]); err != nil || string(raw) != damage {
				t.Errorf("%s: %d bytes are kept, %v", file, len(raw), err)
			}
			if err := errors.Join(n.Close(), os.Remove(kept[0])); err != nil {
				t.Fatal(err)
			}
		}
	}
}
