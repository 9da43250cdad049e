package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"salon/node"
)

// TestSharesCommand: host, co-host, relay and buyer, from the offer to money that has come, and back.
func TestSharesCommand(t *testing.T) {
	salon(t)
	t.Parallel()
	carrier := start(t, t.TempDir(), append([]string{"relay", "--open", "--max-children", "8", "--name", "Rea"}, overQUIC...)...)
	carrier.line("Stop with Ctrl-C.")
	ana := up(t, append([]string{"--name", "Ana", "--max-children", "1", "--relay", strings.TrimSpace(carrier.line("Relay:"))}, overQUIC...)...)
	bo := up(t, append([]string{"--name", "Bo"}, overQUIC...)...)
	cy := up(t, append([]string{"--name", "Cy"}, overQUIC...)...)
	run := func(who *process, args ...string) string {
		t.Helper()
		p := start(t, who.home, args...)
		p.wantExit(0, patience)
		return p.out()
	}
	says := func(out string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("no %q in:\n%s", w, out)
			}
		}
	}
	shares := func(who *process, args ...string) (v node.SharesView) {
		t.Helper()
		if err := json.Unmarshal([]byte(run(who, append([]string{"ledger", "shares", "--json"}, args...)...)), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	owed := func(v node.SharesView, who *process) node.OwedView {
		for _, o := range v.Owed {
			if o.Person.String() == who.person() {
				return o
			}
		}
		return node.OwedView{}
	}

	host := start(t, ana.home, "host", "--title", "Evening", "--access", "ticket", "--price", "5 EUR", "--seats", "5", "--play", voiceA, "--loop", "--json",
		"--co-host", cy.person(), "--share", cy.person()+"=10%", "--share", "relays=20%")
	var o struct{ Room, Link string }
	if err := json.Unmarshal([]byte("{"+host.line("{")), &o); err != nil {
		t.Fatal(err)
	}
	await(t, carrier.api(), "the relay to carry the room", patience, func() (bool, error) {
		rooms, err := carrier.api().JoinedRooms(t.Context())
		return slices.ContainsFunc(rooms, func(v node.RoomView) bool { return v.ID.String() == o.Room && v.Phase == node.Live }), err
	})
	says(run(bo, "ticket", "show", o.Link), "70 % host", "10 % ", "(co-host)", "20 % relays")
	run(bo, "ticket", "buy", o.Link, "--yes")
	for _, p := range []*process{cy, bo} {
		if v, _, err := p.api().Join(t.Context(), o.Link); err != nil || v.Phase != node.Live {
			t.Fatalf("%v, %s", err, v.Phase)
		}
	}
	watch(t, bo, o.Room).awaitSound("the host to be heard", ana.person())
	says(run(ana, "ticket", "sales"), "5.00 EUR taken", "(co-host): 0.50 EUR (10 %)", "relays: 1.00 EUR (20 %)")
	says(run(ana, "ledger", "payout"), "say --yes")
	if err := ana.api().Act(t.Context(), o.Room, "end", ""); err != nil { // to leave would be to hand the room to the co-host
		t.Fatal(err)
	}
	host.wantExit(0, patience)
	await(t, ana.api(), "what the relay carried", patience, func() (bool, error) {
		v, err := ana.api().Shares(t.Context(), o.Room)
		return err == nil && len(v.From) == 1 && len(v.From[0].Relays) == 1, err
	})

	says(run(ana, "ledger", "payout", "--yes"), "you owe 1.00 EUR more") // the co-host's is not worth it yet
	says(run(ana, "ledger", "payout", "--yes"), "nothing to pay out")
	says(run(ana, "ledger", "payout", "--yes", "--least", "0.10 EUR"), "you owe 0.50 EUR more")
	for who, want := range map[*process]string{carrier: "1.00 EUR", cy: "0.50 EUR"} {
		v := shares(who, "--ask")
		if len(v.Earned) != 1 || v.Earned[0].Total != want || v.Earned[0].Owed != want || v.Earned[0].From.Person.String() != ana.person() {
			t.Errorf("earned %+v, want %s", v.Earned, want)
		}
	}
	says(run(cy, "ledger", "list"), "share earned")
	says(run(ana, "ledger", "payout", "--rail", "hand", "--means", "cash", "--yes"), "you have sent 1.00 EUR", "you have sent 0.50 EUR")
	for who, want := range map[*process]string{carrier: "1.00 EUR", cy: "0.50 EUR"} {
		v := shares(who, "--ask")
		var claims []node.ClaimView
		if err := json.Unmarshal([]byte(run(who, "ledger", "claims", "--json")), &claims); err != nil || len(claims) != 1 || claims[0].Money != want {
			t.Fatalf("%+v, %v, %+v", claims, err, v)
		}
		run(who, "ledger", "received", claims[0].Claim[:8])
		shares(who, "--ask") // tells the host
		if o := owed(shares(ana), who); o.Paid != want || o.Going != "0.00 EUR" {
			t.Errorf("the host says %+v", o)
		}
		says(run(who, "ledger", "verify"), "is right")
	}
	// The money goes back: what was paid is made up for by what comes next.
	run(ana, "ticket", "refund", o.Room, "--all")
	says(run(ana, "ledger", "payout", "--yes"), "nothing to pay out")
	for who, want := range map[*process]string{carrier: "-1.00 EUR", cy: "-0.50 EUR"} {
		if o := owed(shares(ana), who); len(o.Waits) != 1 || o.Waits[0].Money != want {
			t.Errorf("after the refund: %+v", o)
		}
	}
	says(run(ana, "ledger", "verify"), "is right")
}
