package integration

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"salon/node"
)

// TestTicketCommand: a sale from the shell, from the first ticket to the last that goes back.
func TestTicketCommand(t *testing.T) {
	salon(t)
	t.Parallel()
	ana := up(t, append([]string{"--name", "Ana"}, overBoth...)...)
	bo := up(t, append([]string{"--name", "Bo", "--peer", ana.addr()}, overBoth...)...)
	cy := up(t, append([]string{"--name", "Cy", "--peer", ana.addr()}, overBoth...)...)
	var v node.RoomView
	if err := ana.api().Call(t.Context(), http.MethodPost, "/api/v1/rooms", map[string]any{"title": "Evening", "mode": "talk", "access": "ticket", "price": "5 EUR", "seats": 3, "iou_limit": "10 EUR"}, &v); err != nil {
		t.Fatal(err)
	}
	run := func(who *process, args ...string) string {
		t.Helper()
		p := start(t, who.home, args...)
		p.wantExit(0, patience)
		return p.out()
	}
	do := func(who *process, args ...string) string {
		t.Helper()
		return run(who, append([]string{"ticket"}, args...)...)
	}
	refused := func(who *process, code int, says string, args ...string) {
		t.Helper()
		start(t, who.home, append([]string{"ticket"}, args...)...).wantRefusal(code, says)
	}
	says := func(out string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(out, w) {
				t.Errorf("no %q in:\n%s", w, out)
			}
		}
	}
	me := func(p *process) string {
		t.Helper()
		st, err := p.api().Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Person.String()
	}

	do(bo, "buy", v.Link, "--yes")
	do(bo, "buy", v.Link, "--price", "5 EUR")
	var mine []node.TicketView
	if err := json.Unmarshal([]byte(do(bo, "list", "--json")), &mine); err != nil || len(mine) != 2 {
		t.Fatalf("%+v, %v", mine, err)
	}
	says(do(bo, "list", "--news"), mine[0].ID[:8], mine[1].ID[:8])
	says(do(ana, "sold", "Evening"), "good", "iou")
	says(do(ana, "check", mine[0].Text), "It is good: it is in your ledger", "seat", v.ID.String())
	refused(cy, 1, "not good", "check", mine[0].Text[:60])

	// Bo gives one to Cy, who takes it in and gives it to nobody whom the node does not know.
	var given node.GivenView
	if err := json.Unmarshal([]byte(do(bo, "transfer", mine[0].ID[:8], me(cy), "--json")), &given); err != nil {
		t.Fatal(err)
	}
	refused(bo, 1, "somebody else's", "accept", given.Text)
	says(do(cy, "accept", given.Text), "yours")
	refused(bo, 1, "given to somebody else", "transfer", mine[0].ID, me(ana))
	refused(ana, 1, "not good", "check", mine[0].Text)
	says(do(cy, "check", given.Text), "generation 2", "yours")

	refused(ana, 1, "More seats", "offer", "Evening", "--seats", "1")
	refused(ana, 2, "say what to change", "offer", "Evening")
	says(do(ana, "offer", "Evening", "--price", "7 EUR", "--seats", "4", "--refund-until", "none"), "7.00 EUR", "not at all")
	says(do(ana, "reschedule", "Evening", "48h"), "7.00 EUR")
	do(ana, "give", "Evening", me(bo))
	refused(bo, 1, "no such room of yours", "give", v.Link, me(bo))

	// Bo pays one in cash.
	start(t, bo.home, "ledger", "settle", me(ana), "11 EUR").wantRefusal(1, "more than there is")
	run(bo, "ledger", "settle", me(ana), "5 EUR", "--means", "cash")
	var claims []node.ClaimView
	if err := json.Unmarshal([]byte(run(ana, "ledger", "claims", "--json")), &claims); err != nil || len(claims) != 1 || claims[0].Money != "5.00 EUR" {
		t.Fatalf("%+v, %v", claims, err)
	}
	says(run(ana, "ledger", "received", claims[0].Claim[:6]), "5.00 EUR is not owed any more")
	start(t, ana.home, "ledger", "received", claims[0].Claim).wantRefusal(1, "Nobody says")
	says(run(ana, "ledger", "claims"), "Nobody says")
	do(bo, "list", "--news")
	says(run(bo, "ledger", "balance"), "cash", "-5.00 EUR")
	says(run(ana, "ledger", "credit", me(cy), "20 EUR"), "20.00 EUR", "anybody", "10.00 EUR")
	start(t, ana.home, "ledger", "credit", "anybody").wantRefusal(2, "wants a person")
	do(cy, "buy", v.Link, "--known", "--yes")

	var back node.RefundView
	if err := json.Unmarshal([]byte(do(ana, "refund", "Evening", mine[1].ID[:8], "--json")), &back); err != nil || len(back.Backs) != 1 || back.Backs[0].Money != "5.00 EUR" {
		t.Errorf("%+v, %v", back, err)
	}
	refused(ana, 1, "Nobody has such a ticket", "refund", "Evening", "zzzz")
	refused(ana, 2, "wants a room", "refund", "Evening")
	refused(ana, 2, "say --yes", "cancel", "Evening")
	says(do(ana, "cancel", "Evening", "--yes"), "5.00 EUR is not owed any more by")
	says(do(ana, "cancel", "Evening", "--yes"), "5.00 EUR")
	says(do(bo, "list", "--news"), "no tickets")
	says(do(cy, "list", "--news"), "void")
	refused(cy, 1, "cancelled", "buy", v.Link, "--price", "7 EUR")
	for _, p := range []*process{ana, bo, cy} {
		run(p, "ledger", "verify")
	}
}
