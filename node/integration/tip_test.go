package integration

import (
	"encoding/json"
	"strings"
	"testing"

	"salon/node"
)

// TestTipInTheShell: credit, a tip to the host of a room, one by name of a person, and what both sides' books say of it.
func TestTipInTheShell(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	bo := up(t, append([]string{"--name", "Bo", "--peer", ana.addr()}, overBoth...)...)
	v, err := ana.api().StartRoom(t.Context(), "Busking", "talk", "en")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := bo.api().Join(t.Context(), v.Link); err != nil {
		t.Fatal(err)
	}
	run := func(who *process, args ...string) string {
		t.Helper()
		p := start(t, who.home, args...)
		p.wantExit(0, patience)
		return p.out()
	}
	if out := run(ana, "ledger", "credit"); !strings.Contains(out, "Nobody") {
		t.Errorf("credit says %q", out)
	}
	start(t, bo.home, "tip", v.Link, "2 EUR").wantRefusal(2, "--yes")
	start(t, bo.home, "tip", v.Link, "-2 EUR", "--yes").wantRefusal(2, "")
	start(t, bo.home, "tip", v.Link, "2 EUR", "--yes").wantRefusal(1, "")
	if out := run(ana, "ledger", "credit", "20 EUR"); !strings.Contains(out, "20") {
		t.Errorf("credit says %q", out)
	}
	if out := run(bo, "tip", v.Link, "2 EUR", "--note", "Encore!", "--yes"); !strings.Contains(out, "You will owe 2") || !strings.Contains(out, "all of it") {
		t.Errorf("tip says %q", out)
	}
	var given node.TippedView
	if out := run(bo, "tip", v.Host.Person.String(), "3", "EUR", "--hide-amount", "--yes", "--json"); json.Unmarshal([]byte(out), &given) != nil || given.Room == nil || *given.Room != v.ID || !given.Owed {
		t.Errorf("tip --json says %s", out)
	}
	start(t, bo.home, "tip", v.Link, "16 EUR", "--yes").wantRefusal(1, "owe them")
	tips, err := ana.api().Tips(t.Context(), v.ID)
	if err != nil || len(tips) != 2 || tips[0].Note != "Encore!" || tips[0].From == nil || tips[0].From.Name != "Bo" || tips[1].Amount != "" || tips[1].ID != given.Order {
		t.Errorf("%+v, %v", tips, err)
	}
	if out := run(ana, "ledger", "balance"); !strings.Contains(out, "5.00 EUR") {
		t.Errorf("Ana's balance is\n%s", out)
	}
	if out := run(bo, "ledger", "balance"); !strings.Contains(out, "5.00 EUR") {
		t.Errorf("Bo's balance is\n%s", out)
	}
}
