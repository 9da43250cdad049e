package node

import (
	"testing"

	"salon/ledger"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
)

// Who has set up how they are paid can be given a tip, though they never sold or bought anything: at once, or, if no node ran then,
// from its start.
func TestTipToNewcomer(t *testing.T) {
	net := &lndtest.Network{}
	alice := net.New(t)
	c := lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}
	bo := startNode(t, "Bo", nil)
	ways := func(ana *Node) []string {
		t.Helper()
		rm, err := ana.StartRoom(Start{Title: "Evening", Language: "en"})
		if err != nil {
			t.Fatal(err)
		}
		v, err := bo.TipWays(t.Context(), rm.View().Link, ledger.Bitcoin)
		if err != nil {
			t.Fatal(err)
		}
		return v.Rails
	}
	ana := startNode(t, "Ana", nil)
	if err := ana.AddLnd(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := ways(ana); len(got) != 1 || got[0] != "lnd" {
		t.Errorf("%v", got)
	}
	home := t.TempDir()
	if err := AddLnd(t.Context(), home, c); err != nil {
		t.Fatal(err)
	}
	if got := ways(startNode(t, "Di", func(o *Options) { o.Home = home })); len(got) != 1 || got[0] != "lnd" {
		t.Errorf("set up before it starts: %v", got)
	}
}
