package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/room"
)

func code(err error) string {
	if err == nil {
		return ""
	}
	return explain(err).Code
}

// The host refunds who is in the room: Bo is out, owes nothing any more, and his seat is on sale again.
func TestRefundInRoom(t *testing.T) {
	g := plantAs(t, byTicket, 4, 8)
	ana, bo := g.host.n, startNode(t, "Bo", nil)
	link := g.host.View().Link
	g.buys(bo)
	r := g.tries(bo, link)
	awaitChange(t, bo, "Bo to have the key", r.hasKey)
	sold, err := ana.SoldTickets("Grove")
	if err != nil || len(sold) != 1 || sold[0].State != "good" || sold[0].Rail != ledger.IOURail || sold[0].Buyer != sold[0].Holder {
		t.Fatalf("sold: %+v, %v", sold, err)
	}
	for _, c := range []struct{ ref, what, code string }{
		{"Grove", "zzzz", "no_such_ticket"}, {"Grove", "a", "bad_ticket"}, {"Grove", "", "bad_ticket"}, {"Kitchen", sold[0].Ticket, "nothing_sold"}, {"", sold[0].Ticket, "nothing_sold"},
	} {
		if _, err := ana.RefundTickets(t.Context(), c.ref, c.what, false, false, false); code(err) != c.code {
			t.Errorf("refund %q of %q: %v", c.what, c.ref, err)
		}
	}
	if _, err := bo.RefundTickets(t.Context(), link, sold[0].Ticket, false, false, false); code(err) != "nothing_sold" {
		t.Errorf("by Bo: %v", err)
	}
	if _, err := ana.RefundTickets(t.Context(), link, sold[0].Ticket, false, false, true); code(err) != "paid_for" || !strings.Contains(err.Error(), "ticket refund") {
		t.Errorf("the seat alone: %v", err)
	}
	for _, what := range []string{sold[0].Ticket[:8], sold[0].Buyer.String()[:8], ""} { // once, and twice more
		v, err := ana.RefundTickets(t.Context(), link, what, what == "", false, false)
		if err != nil || len(v.Backs) != 1 || v.Backs[0].Money != "5.00 EUR" || v.Backs[0].Seats != 1 || v.Problem != "" {
			t.Fatalf("%q: %+v, %v", what, v, err)
		}
	}
	awaitChange(t, bo, "Bo to be out", func() bool { return r.Phase().Over() })
	if err := bo.NewsOfTickets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := bo.Tickets(); err != nil || len(list) != 0 {
		t.Errorf("Bo has %+v, %v", list, err)
	}
	l, err := bo.Ledger()
	if err != nil {
		t.Fatal(err)
	}
	if v, err := l.View(); err != nil || len(v.Balances) != 0 {
		t.Errorf("Bo's books: %+v, %v", v.Balances, err)
	}
	g.buys(bo)
}

// A ticket that is given to a person lets in any device of theirs, and nobody else who has seen it.
func TestGivenTicket(t *testing.T) {
	g := plantAs(t, byTicket, 4, 8)
	ana, bo, cy := g.host.n, startNode(t, "Bo", nil), startNode(t, "Cy", nil)
	link := g.host.View().Link
	given, err := ana.GiveTicket("Grove", cy.Person())
	if err != nil {
		t.Fatal(err)
	}
	if v := ana.CheckTicket(given); !v.Good || v.Known != "all" || v.Yours || v.Room != g.host.id {
		t.Errorf("at the host: %+v", v)
	}
	if v := bo.CheckTicket(given); !v.Good || v.Known == "all" || v.Yours {
		t.Errorf("at Bo's: %+v", v)
	}
	if v := cy.CheckTicket(given); !v.Good || !v.Yours || v.Holder != cy.Person() {
		t.Errorf("at Cy's: %+v", v)
	}
	cut := given[:len(given)-4]
	if v := cy.CheckTicket(cut); v.Good || v.Why != "bad_ticket" {
		t.Errorf("cut off: %+v", v)
	}
	for _, c := range []struct {
		n          *Node
		text, code string
	}{{bo, given, "not_yours"}, {cy, cut, "not_good"}, {cy, "", "bad_ticket"}} {
		if _, err := c.n.AcceptTicket(c.text); code(err) != c.code {
			t.Errorf("%s accepts %q: %v", c.n.displayName(), c.text, err)
		}
	}
	if _, err := cy.AcceptTicket(given); err != nil {
		t.Fatal(err)
	}
	r := g.tries(cy, link)
	awaitChange(t, cy, "Cy to have the key", r.hasKey)
	// Attack: somebody else shows it, with a signature of their own and with none.
	relayed := g.relays[0].Room(g.host.id)
	raw, _ := cy.ticketTo(g.host.id, time.Now())
	for name, at := range map[string]*Room{"host": g.host, "relay": relayed} {
		own := doc.NewPrivateKey()
		for what, held := range map[string]func(*intruder) [64]byte{
			"with nothing":     func(*intruder) [64]byte { return [64]byte{} },
			"with another key": func(x *intruder) [64]byte { return room.Held(own, at.id, x.author()) },
		} {
			x := newIntruder(t, at)
			x.claim = x.claimOf(room.Claim{Ticket: raw, Held: held(x)})
			if m := x.join(); isAccept(m) {
				t.Errorf("at the %s, %s: %+v", name, what, m)
			}
		}
	}
	// Cy gives it on to Bo, with the person's key, and is out.
	list, err := cy.Tickets()
	if err != nil || len(list) != 1 || list[0].Text != given {
		t.Fatalf("%+v, %v", list, err)
	}
	v, err := cy.TransferTicket(t.Context(), list[0].ID[:8], bo.Person())
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, cy, "Cy to be out", func() bool { return r.Phase().Over() })
	if v := ana.CheckTicket(given); v.Good || v.Why != "void" {
		t.Errorf("the old one: %+v", v)
	}
	if _, err := bo.AcceptTicket(v.Text); err != nil {
		t.Fatal(err)
	}
	if r := g.tries(bo, link); r.Phase() != Live {
		t.Errorf("Bo: %s, %s", r.Phase(), r.View().Reason)
	}
	if _, err := cy.TransferTicket(t.Context(), list[0].ID, ana.Person()); code(err) != "given_away" {
		t.Errorf("given away again: %v", err)
	}
	if v, err := ana.RefundTickets(t.Context(), link, bo.Person().String()[:8], false, false, true); err != nil || len(v.Backs) != 1 || v.Backs[0].Receipt != "" {
		t.Errorf("what nobody has paid for is taken back: %+v, %v", v, err)
	}
}

// The terms change, and tickets stay good: also when the room is put off beyond the day that they were for.
func TestTermsOfSale(t *testing.T) {
	g := plantAs(t, byTicket, 4)
	ana, bo := g.host.n, startNode(t, "Bo", nil)
	link := g.host.View().Link
	g.buys(bo)
	at := func(d time.Duration) *int64 { ms := time.Now().Add(d).UnixMilli(); return &ms }
	seats := func(n uint32) *uint32 { return &n }
	usd := ledger.Money{Amount: 500, Cur: "USD"}
	for name, c := range map[string]struct {
		t    Terms
		code string
	}{
		"no seats":                  {Terms{Seats: seats(0)}, "bad_sale"},
		"more than there can be":    {Terms{Seats: seats(ledger.MaxSeats + 1)}, "bad_sale"},
		"another currency":          {Terms{Price: &usd}, "bad_sale"},
		"no money":                  {Terms{Price: &ledger.Money{Cur: "EUR"}}, "bad_sale"},
		"an end before a beginning": {Terms{SaleFrom: at(2 * time.Hour), SaleTo: at(time.Hour)}, "bad_sale"},
	} {
		if v, err := ana.OfferTickets("Grove", c.t); code(err) != c.code {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	if _, err := bo.OfferTickets(link, Terms{Seats: seats(50)}); code(err) != "nothing_sold" {
		t.Errorf("by Bo: %v", err)
	}
	price := ledger.Money{Amount: 700, Cur: "EUR"}
	v, err := ana.OfferTickets("Grove", Terms{Price: &price, Seats: seats(1)})
	if err != nil || v.Price != "7.00 EUR" || v.Seats != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := bo.BuyTickets(t.Context(), link, 1, fiveEuro, ledger.IOURail); code(err) != "offer_changed" {
		t.Errorf("at the old price: %v", err)
	}
	if _, err := ana.GiveTicket("Grove", bo.Person()); code(err) != "sold_out" {
		t.Errorf("a second seat of one: %v", err)
	}
	v, err = ana.OfferTickets("Grove", Terms{Seats: seats(2), Starts: at(72 * time.Hour)})
	if err != nil || v.Seats != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
	if _, err := ana.GiveTicket("Grove", bo.Person()); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.OfferTickets("Grove", Terms{Seats: seats(1)}); code(err) != "seats_sold" {
		t.Errorf("fewer seats than were given out: %v", err)
	}
	if err := bo.NewsOfTickets(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := bo.Tickets()
	if err != nil || len(list) != 1 || list[0].Ends != v.Ends || time.UnixMilli(list[0].Ends).Before(time.Now().Add(90*time.Hour)) {
		t.Errorf("Bo's: %+v, %v; want until %d", list, err, v.Ends)
	}
	if r := g.tries(bo, link); r.Phase() != Live {
		t.Errorf("Bo: %s, %s", r.Phase(), r.View().Reason)
	}
}

// Cancelled: everybody is out and has the money back, and nothing more is sold. Again it changes nothing.
func TestCancelTickets(t *testing.T) {
	g := plantAs(t, byTicket, 4)
	ana, bo, cy := g.host.n, startNode(t, "Bo", nil), startNode(t, "Cy", nil)
	link := g.host.View().Link
	g.buys(bo)
	g.buys(cy)
	r := g.tries(bo, link)
	awaitChange(t, bo, "Bo to have the key", r.hasKey)
	for range 2 {
		v, err := ana.CancelTickets(t.Context(), "Grove", false)
		if err != nil || len(v.Backs) != 2 || slices.ContainsFunc(v.Backs, func(b BackView) bool { return b.Money != "5.00 EUR" || b.Seats != 1 }) {
			t.Fatalf("%+v, %v", v, err)
		}
	}
	awaitChange(t, bo, "Bo to be out", func() bool { return r.Phase().Over() })
	if _, err := bo.BuyTickets(t.Context(), link, 1, fiveEuro, ledger.IOURail); code(err) != "sale_cancelled" {
		t.Errorf("after it was cancelled: %v", err)
	}
	for _, n := range []*Node{bo, cy} {
		if err := n.NewsOfTickets(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list, err := n.Tickets(); err != nil || len(list) != 0 {
			t.Errorf("%s has %+v, %v", n.displayName(), list, err)
		}
	}
	if sold, err := ana.SoldTickets("Grove"); err != nil || len(sold) != 2 || sold[0].State != "void" || strings.Contains(sold[1].State, "good") {
		t.Errorf("%+v, %v", sold, err)
	}
	soon := time.Now().Add(time.Hour).UnixMilli()
	if _, err := ana.OfferTickets("Grove", Terms{Starts: &soon}); code(err) != "sale_cancelled" {
		t.Errorf("put off after it was cancelled: %v", err)
	}
}

// A room that breaks off asks its host, as long as anybody has a ticket that is good: it says so until the host has decided.
func TestSaleBreaksOff(t *testing.T) {
	beside(t)
	for name, decide := range map[string]func(n *Node, ref string) error{
		saleCancelled: func(n *Node, ref string) error { _, err := n.CancelTickets(t.Context(), ref, false); return err },
		saleOver:      func(n *Node, ref string) error { _, err := n.CloseSale(ref); return err },
	} {
		t.Run(name, func(t *testing.T) {
			g := plantAs(t, byTicket, 4)
			ana, bo := g.host.n, startNode(t, "Bo", nil)
			ref := g.host.id.String()
			sale := func() SaleView {
				t.Helper()
				list, err := ana.Sales()
				if err != nil || len(list) != 1 || list[0].Room != g.host.id {
					t.Fatalf("%+v, %v", list, err)
				}
				return list[0]
			}
			g.buys(bo)
			if s := sale(); s.State != saleRuns || s.Asks || s.Issued != 1 || s.Left != 19 || s.Title != "Grove" || len(ana.Notices()) != 0 {
				t.Errorf("while it runs: %+v", s)
			}
			if _, err := ana.CloseSale(ref); code(err) != "still_open" {
				t.Errorf("closed while it runs: %v", err)
			}
			ana.leave(g.host)
			if s := sale(); s.State != saleBrokeOff || !s.Asks || s.Issued != 1 {
				t.Errorf("after it broke off: %+v", s)
			}
			if _, err := bo.BuyTickets(t.Context(), g.host.View().Link, 1, fiveEuro, ledger.IOURail); code(err) != "not_on_sale" {
				t.Errorf("a ticket to a room that has ended: %v", err)
			}
			if texts := ana.Notices(); len(texts) != 1 || !strings.Contains(texts[0], ref[:10]) || !strings.Contains(texts[0], ": 1.") {
				t.Errorf("the host reads %q", texts)
			}
			if err := decide(ana, ref); err != nil {
				t.Fatal(err)
			}
			if s := sale(); s.State != name || s.Asks || len(s.Due) != 0 || len(ana.Notices()) != 0 {
				t.Errorf("once it is decided: %+v, %q", s, ana.Notices())
			}
			if _, err := bo.BuyTickets(t.Context(), g.host.View().Link, 1, fiveEuro, ledger.IOURail); err == nil {
				t.Error("tickets are sold to it")
			}
		})
	}
}
