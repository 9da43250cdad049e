package node

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/room"
)

func euros(n ledger.Amount) ledger.Money { return ledger.Money{Amount: 100 * n, Cur: "EUR"} }

// A stranger may owe nothing. Whom the host lends to shows who they are, and may owe so much with all devices together.
func TestCreditOfPerson(t *testing.T) {
	g := plantAs(t, Start{Access: room.ByTicket, Sale: Sale{Price: euros(5), Seats: 20}}, 4)
	ana, bo, eve := g.host.n, startNode(t, "Bo", nil), startNode(t, "Eve", nil)
	link := g.host.View().Link
	buy := func(n *Node, known bool) string {
		t.Helper()
		_, err := n.BuyTicketsAs(t.Context(), link, 1, euros(5), ledger.IOURail, known)
		return code(err)
	}
	for _, known := range []bool{false, true} {
		if got := buy(bo, known); got != "no_credit" {
			t.Errorf("a stranger, known %v: %q", known, got)
		}
	}
	if err := ana.SetCredit(bo.Person(), euros(10)); err != nil {
		t.Fatal(err)
	}
	// Attack: who is not Bo says so. The order is of her own device, or she has not signed it.
	if got := buy(eve, true); got != "no_credit" {
		t.Errorf("Eve as herself: %q", got)
	}
	if got := buy(bo, false); got != "no_credit" {
		t.Errorf("with a key that nobody knows: %q", got)
	}
	if got := buy(bo, true); got != "" {
		t.Fatalf("as Bo: %q", got)
	}
	// Bo's other device.
	second := secondDevice(t, bo)
	if got := buy(second, true); got != "" {
		t.Errorf("on the other device: %q", got)
	}
	for _, n := range []*Node{bo, second} {
		if got := buy(n, true); got != "no_credit" {
			t.Errorf("%s, beyond what both may owe: %q", n.displayName(), got)
		}
	}
	if err := ana.SetCredit(bo.Person(), euros(0)); err != nil {
		t.Fatal(err)
	}
	if err := ana.SetCredit(doc.PublicKey{}, euros(5)); err != nil {
		t.Fatal(err)
	}
	if got := buy(bo, true); got != "no_credit" {
		t.Errorf("whom the host lends nothing: %q", got)
	}
	if got := buy(eve, false); got != "" {
		t.Errorf("anybody, once the host lends to anybody: %q", got)
	}
	if list := ana.Credits(); len(list) != 2 || !list[0].Person.IsZero() || list[0].Money != "5.00 EUR" || list[1].Person != bo.Person() || list[1].Money != "0.00 EUR" {
		t.Errorf("%+v", list)
	}
}

// A debt is settled by both, over the network.
func TestSettleDebt(t *testing.T) {
	g := plantAs(t, byTicket, 4)
	ana, bo := g.host.n, startNode(t, "Bo", nil)
	g.buys(bo)
	if err := bo.SettleDebt(t.Context(), ana.Person(), euros(6), "cash"); code(err) != "too_much" {
		t.Errorf("more than he owes: %v", err)
	}
	if err := bo.SettleDebt(t.Context(), ana.Person(), euros(5), "cash"); err != nil {
		t.Fatal(err)
	}
	claims := ana.Claims()
	if len(claims) != 1 || claims[0].Money != "5.00 EUR" || claims[0].Means != "cash" {
		t.Fatalf("%+v", claims)
	}
	for _, wrong := range []string{"", "zzzz", claims[0].Claim[:3]} {
		if _, err := ana.MoneyReceived(wrong); code(err) != "no_such_claim" {
			t.Errorf("received %q: %v", wrong, err)
		}
	}
	if _, err := ana.MoneyReceived(claims[0].Claim[:8]); err != nil {
		t.Fatal(err)
	}
	if err := bo.NewsOfTickets(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, n := range []*Node{ana, bo} {
		l, err := n.Ledger()
		if err != nil {
			t.Fatal(err)
		}
		v, err := l.View()
		if err != nil || slices.ContainsFunc(v.Balances, func(b BalanceView) bool { return b.Class == "owed" || b.Class == "owe" && !b.With.IsZero() }) {
			t.Errorf("%s: %+v, %v", n.displayName(), v.Balances, err)
		}
	}
}

// secondDevice is a node of the same person on another device.
func secondDevice(t *testing.T, of *Node) *Node {
	t.Helper()
	home := t.TempDir()
	key, err := os.ReadFile(filepath.Join(of.home.Dir, "person.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(home, "person.key"), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := startNode(t, "Second", func(o *Options) { o.Home = home })
	if n.Person() != of.Person() {
		t.Fatal("another person")
	}
	return n
}
