package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

var twoEuro = ledger.Money{Amount: 200, Cur: "EUR"}

// tipping is a room in which people give each other tips on credit.
func tipping(t *testing.T, g *gathering, payees ...*Room) {
	t.Helper()
	for _, r := range payees {
		if err := r.n.SetCredit(ledger.Key{}, ledger.Money{Amount: 2000, Cur: "EUR"}); err != nil {
			t.Fatal(err)
		}
	}
}

// tips waits until a room has shown so many tips at a node, and returns the newest.
func (g *gathering) tips(r *Room, n int) TipView {
	g.t.Helper()
	awaitChange(g.t, r.n, "a tip to be shown", func() bool { return len(r.Tips()) == n })
	return r.Tips()[n-1]
}

// balance is what a node's ledger has on an account.
func (g *gathering) balance(n *Node, a ledger.Account) (sum ledger.Amount) {
	g.t.Helper()
	n.shop.mu.Lock()
	store := n.shop.store
	n.shop.mu.Unlock()
	if err := store.View(func(b *ledger.Books) error { sum = b.Balance("EUR", a); return nil }); err != nil {
		g.t.Fatal(err)
	}
	return sum
}

// between holds that two nodes' ledgers say the same of what one owes the other.
func (g *gathering) between(giver, payee *Node, owed ledger.Amount) {
	g.t.Helper()
	owes, has := -g.balance(giver, ledger.Payable(payee.Person())), g.balance(payee, ledger.Receivable(giver.author().Device))
	if owes != owed || has != owed {
		g.t.Errorf("owes %d and is owed %d, want %d", owes, has, owed)
	}
}

// A tip to the host is shown to everybody, as its giver wants it; one to somebody on stage goes through the host to them.
func TestTipInRoom(t *testing.T) {
	g := gather(t, Start{}, "Bo", "Cy", "Di")
	bo, cy, di := g.guests["Bo"], g.guests["Cy"], g.guests["Di"]
	tipping(t, g, g.host, cy)
	g.do(cy, Action{Kind: "raise_hand"})
	g.do(g.host, about("grant", cy))
	g.all("Cy to be on stage", func(v RoomView) bool { return len(v.Stage) == 2 })

	link := g.host.View().Link
	first, err := bo.n.Tip(t.Context(), TipWish{To: link, Money: twoEuro, Rail: ledger.IOURail, Note: " Encore!  "})
	if err != nil || first.Room == nil || *first.Room != g.host.id || !first.Owed || first.To != g.host.n.Person() {
		t.Fatalf("%+v, %v", first, err)
	}
	for _, r := range []*Room{g.host, bo, cy, di} {
		v := g.tips(r, 1)
		if v.From == nil || v.From.Person != bo.n.Person() || v.From.Name != "Bo" || v.To.Person != g.host.n.Person() || v.Amount != "2.00 EUR" && v.Amount != "2 EUR" || v.Note != "Encore!" || v.ID != first.Order {
			t.Errorf("at %s: %+v", r.n.displayName(), v)
		}
	}
	if _, err := di.n.Tip(t.Context(), TipWish{To: cy.n.Person().String(), Money: twoEuro, Rail: ledger.IOURail, HideName: true}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Room{g.host, bo, cy, di} {
		if v := g.tips(r, 2); v.From != nil || v.To.Person != cy.n.Person() || v.Amount == "" {
			t.Errorf("at %s: %+v", r.n.displayName(), v)
		}
	}
	if _, err := di.n.Tip(t.Context(), TipWish{To: g.host.n.Person().String(), Money: twoEuro, Rail: ledger.IOURail, HideAmount: true}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Room{g.host, bo, cy, di} {
		if v := g.tips(r, 3); v.From == nil || v.From.Name != "Di" || v.Amount != "" {
			t.Errorf("at %s: %+v", r.n.displayName(), v)
		}
	}
	g.between(bo.n, g.host.n, 200)
	g.between(di.n, cy.n, 200)
	g.between(di.n, g.host.n, 200)
	given := g.balance(bo.n, ledger.ExpenseTips) + g.balance(di.n, ledger.ExpenseTips)
	if got := -g.balance(g.host.n, ledger.IncomeTips) - g.balance(cy.n, ledger.IncomeTips); given != 600 || got != given {
		t.Errorf("%d given, %d came", given, got)
	}

	// For a charity, of which nothing signed is at hand, it is a pledge; and no income.
	charity := doc.PrivateKeyFromSeed([32]byte{7}).Public()
	pledge, err := di.n.Tip(t.Context(), TipWish{To: link, Money: twoEuro, Rail: ledger.IOURail, Charity: charity})
	if err != nil || !pledge.Pledge || first.Pledge {
		t.Errorf("%+v, %v", pledge, err)
	}
	for _, r := range []*Room{g.host, bo, cy, di} {
		if v := g.tips(r, 4); !v.Pledge || v.Charity == nil || *v.Charity != charity {
			t.Errorf("at %s: %+v", r.n.displayName(), v)
		}
	}
	if a, b := g.balance(g.host.n, ledger.Charity(charity)), g.balance(g.host.n, ledger.IncomeTips); a != -200 || b != -400 {
		t.Errorf("%d are the charity's, %d the host's own", -a, -b)
	}

	for _, c := range []struct {
		name string
		wish TipWish
		code string
	}{
		{"to oneself", TipWish{To: bo.n.Person().String(), Money: twoEuro}, "yourself"},
		{"to somebody in the audience", TipWish{To: di.n.Person().String(), Money: twoEuro}, "unreachable"},
		{"of nothing", TipWish{To: link}, "bad_price"},
		{"of less than nothing", TipWish{To: link, Money: ledger.Money{Amount: -1, Cur: "EUR"}}, "bad_price"},
		{"with a note of a megabyte", TipWish{To: link, Money: twoEuro, Note: strings.Repeat("a", 1<<20)}, "bad_text"},
		{"beyond the credit", TipWish{To: link, Money: ledger.Money{Amount: 1900, Cur: "EUR"}}, "no_credit"},
		{"in a currency without credit", TipWish{To: link, Money: ledger.Money{Amount: 1, Cur: "USD"}}, "no_credit"},
	} {
		c.wish.Rail = ledger.IOURail
		if _, err := bo.n.Tip(t.Context(), c.wish); err == nil || Explain(err).Code != c.code {
			t.Errorf("%s: %v, want %s", c.name, err, c.code)
		}
	}
	g.between(bo.n, g.host.n, 200)
}

// Below a relay, and to somebody on stage there.
func TestTipBelowRelay(t *testing.T) {
	g := plant(t, 2, 8)
	tipping(t, g.gathering, g.host)
	bo, cy := g.join("Bo"), g.join("Cy")
	if _, err := bo.n.Tip(t.Context(), TipWish{To: g.host.View().Link, Money: twoEuro, Rail: ledger.IOURail}); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*Room{g.host, g.relays[0].Room(g.host.id), bo, cy} {
		g.tips(r, 1)
	}
	g.between(bo.n, g.host.n, 200)
}

// Attack: tips that nobody gave, or that were given elsewhere or long ago, from below and from above. Nobody shows them; one that is
// true is shown once, and of a flood of those a part.
func TestFakedTips(t *testing.T) {
	g := gather(t, Start{}, "Bo")
	bo := g.guests["Bo"]
	tipping(t, g, g.host)
	x := newIntruder(t, g.host)
	if m := x.join(); !isAccept(m) {
		t.Fatalf("%+v", m)
	}
	now := time.Now()
	ana, eve := g.host.n.id(), x.id
	// made is a tip by eve to somebody whose device signs, as they please.
	made := func(payee *doc.Identity, change func(*ledger.Banner, *ledger.Card)) []byte {
		t.Helper()
		order := ledger.ID{byte(now.Nanosecond()), 1}
		b := ledger.Banner{Order: order, Receipt: ledger.ID{1}, By: payee.Author().Device, Cert: payee.Cert(), Room: ledger.Room(g.host.id), Money: twoEuro, Time: now.UnixMilli()}
		c := ledger.Card{Order: order, Payee: payee.Author().Person, By: eve.Author().Device, Cert: eve.Cert(), Name: "Eve", Room: b.Room, Money: twoEuro}
		change(&b, &c)
		var s ledger.Shown
		var err error
		if s.Banner, _, err = ledger.Sign(payee.Device(), b); err != nil {
			t.Fatal(err)
		}
		if s.Card, _, err = ledger.Sign(eve.Device(), c); err != nil {
			t.Fatal(err)
		}
		raw, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	same := func(*ledger.Banner, *ledger.Card) {}
	true1 := made(ana, same)
	fakes := map[string][]byte{
		"given to oneself, who is not on stage": made(eve, func(_ *ledger.Banner, c *ledger.Card) { c.Payee = ana.Author().Person }),
		"changed on the way":                    slices.Concat(true1[:len(true1)-5], []byte{true1[len(true1)-5] ^ 1}, true1[len(true1)-4:]),
		"more than was given":                   made(ana, func(b *ledger.Banner, _ *ledger.Card) { b.Money.Amount = 20000 }),
		"EUR as USD":                            made(ana, func(b *ledger.Banner, _ *ledger.Card) { b.Money.Cur = "USD" }),
		"given in another room":                 made(ana, func(b *ledger.Banner, c *ledger.Card) { b.Room[0]++; c.Room[0]++ }),
		"given long ago":                        made(ana, func(b *ledger.Banner, _ *ledger.Card) { b.Time -= 3600_000 }),
		"given tomorrow":                        made(ana, func(b *ledger.Banner, _ *ledger.Card) { b.Time += 24 * 3600_000 }),
		"rubbish":                               []byte("rubbish"),
		"a megabyte":                            make([]byte, 100_000),
	}
	counted := func() (n uint64) {
		for _, name := range []string{"tip_forged", "tip_of_another_room", "tip_shown_before", "tip_flood"} {
			n += g.host.n.counts.Snapshot()[name]
		}
		return n
	}
	for name, raw := range fakes {
		before := counted()
		x.ctl.Send(relay.Tip{Payload: raw})
		x.pingPong()
		if counted() == before || len(g.host.Tips()) != 0 {
			t.Errorf("%s: shown %+v", name, g.host.Tips())
		}
		// A host who passes it on all the same.
		g.host.mu.Lock()
		g.host.broadcast(relay.Tip{Payload: raw})
		g.host.mu.Unlock()
	}
	x.ctl.Send(relay.Tip{Payload: true1})
	x.ctl.Send(relay.Tip{Payload: true1})
	g.tips(g.host, 1)
	if v := g.tips(bo, 1); v.From == nil || v.From.Name != "Eve" {
		t.Errorf("at Bo: %+v", v)
	}
	x.pingPong()
	if len(g.host.Tips()) != 1 || len(bo.Tips()) != 1 {
		t.Errorf("shown twice")
	}
	// True ones, but faster than anybody could read them.
	const many = 60
	for i := range byte(many) {
		x.ctl.Send(relay.Tip{Payload: made(ana, func(b *ledger.Banner, c *ledger.Card) { b.Order[2], c.Order[2] = i+1, i+1 })})
	}
	x.pingPong()
	if n := len(g.host.Tips()); n < 2 || n > many/2 || g.host.n.counts.Snapshot()["tip_flood"] == 0 {
		t.Errorf("%d of %d shown at once", n-1, many)
	}
}

// pingPong waits until the other side has read everything that was sent.
func (x *intruder) pingPong() {
	x.t.Helper()
	x.mu.Lock()
	before := x.pongs
	x.mu.Unlock()
	x.ctl.Send(relay.Ping{T0: 1})
	x.await("a pong", func(*room.State) bool { return x.pongs > before })
}
