package integration

import (
	"encoding/json"
	"strings"
	"testing"

	"salon/node"
)

// TestSubscriptionInTheShell: offer, subscribe, renew, list and cancel, from both sides.
func TestSubscriptionInTheShell(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	bo := up(t, append([]string{"--name", "Bo", "--peer", ana.addr()}, overBoth...)...)
	v, err := ana.api().StartRoom(t.Context(), "Busking", "talk", "en")
	if err != nil {
		t.Fatal(err)
	}
	run := func(who *process, args ...string) string {
		t.Helper()
		p := start(t, who.home, args...)
		p.wantExit(0, patience)
		return p.out()
	}
	if out := run(bo, "subscription", "list"); !strings.Contains(out, "no subscriptions") {
		t.Errorf("list says %q", out)
	}
	run(ana, "ledger", "credit", "20 EUR")
	if out := run(ana, "subscription", "offer", "Friends", "--price", "3 EUR"); !strings.Contains(out, "30 days") {
		t.Errorf("offer says %q", out)
	}
	start(t, ana.home, "subscription", "offer", "Friends", "--price", "4 EUR").wantRefusal(1, "already")
	start(t, ana.home, "subscription", "offer", "Fans", "--price", "4").wantRefusal(2, "--price")
	start(t, bo.home, "subscribe", v.Link).wantRefusal(2, "--yes")
	start(t, bo.home, "subscribe", v.Link, "--tier", "Patrons", "--yes").wantRefusal(1, "Patrons")
	if out := run(bo, "subscribe", v.Link, "--yes"); !strings.Contains(out, "You will owe 3") {
		t.Errorf("subscribe says %q", out)
	}
	var renewed node.SubscriptionView
	if out := run(bo, "subscribe", v.Link, "--tier", "Friends", "--periods", "2", "--yes", "--json"); json.Unmarshal([]byte(out), &renewed) != nil || renewed.Creator != v.Host.Person || renewed.Ended || renewed.Until-renewed.Through != 3*24*3600*1000 {
		t.Errorf("subscribe --json says %s", out)
	}
	var all node.SubscriptionsView
	if out := run(ana, "subscription", "list", "--json"); json.Unmarshal([]byte(out), &all) != nil || len(all.Subscribers) != 1 || all.Subscribers[0].Through != renewed.Through || len(all.Offers) != 1 {
		t.Errorf("list --json says %s", out)
	}
	// Another price is for new subscribers and renewals, and is paid by who says it.
	start(t, ana.home, "subscription", "change", "Friends").wantRefusal(2, "--price")
	start(t, ana.home, "subscription", "change", "Friends", "--price", "4 USD").wantRefusal(2, "EUR")
	start(t, ana.home, "subscription", "change", "Fans", "--price", "4 EUR").wantRefusal(1, "called that")
	if out := run(ana, "subscription", "change", "Friends", "--price", "4 EUR", "--perks", "Two rooms a month"); !strings.Contains(out, "4.00 EUR for 30 days (Two rooms a month)") {
		t.Errorf("change says %q", out)
	}
	start(t, bo.home, "subscribe", v.Link, "--yes").wantRefusal(2, "it was 3.00 EUR", "4.00 EUR now", "--price")
	start(t, bo.home, "subscribe", v.Link, "--price", "3 EUR").wantRefusal(2, "costs 4.00 EUR now")
	if out := run(bo, "subscription", "list"); !strings.Contains(out, "then 4.00 EUR for 30 days") {
		t.Errorf("list says %q", out)
	}
	if out := run(bo, "subscribe", v.Link, "--price", "4 EUR"); !strings.Contains(out, "You will owe 4") {
		t.Errorf("subscribe says %q", out)
	}
	if out := run(bo, "subscription", "cancel", renewed.Offer[:8]); !strings.Contains(out, "ended") {
		t.Errorf("cancel says %q", out)
	}
	if out := run(ana, "subscription", "list"); !strings.Contains(out, "ended") {
		t.Errorf("list says %q", out)
	}
	if out := run(ana, "subscription", "cancel", "Friends"); strings.Contains(out, "offered") {
		t.Errorf("cancel says %q", out)
	}
	start(t, bo.home, "subscription", "cancel", "Friends").wantRefusal(1, "called that")
	if out := run(bo, "ledger", "balance"); !strings.Contains(out, "13.00 EUR") {
		t.Errorf("Bo's balance is\n%s", out)
	}
}
