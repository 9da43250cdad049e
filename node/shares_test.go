package node

import (
	"context"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
	"salon/relay"
	"salon/room"
)

// sharedRoom is a room by ticket at 5 EUR of which relays have a fifth, and a co-host a tenth.
func sharedRoom(coHost doc.PublicKey) Start {
	return Start{Access: room.ByTicket, Sale: Sale{Price: fiveEuro, Seats: 20, Credit: fiveEuro,
		Shares: []SplitView{{To: "relays", BasisPoints: 2000}, {To: "co-host", Key: coHost, BasisPoints: 1000}}}}
}

// signsOff has a guest hear a while, and leave.
func (g *grove) signsOff(r *Room) {
	g.t.Helper()
	g.listen(r).hears(g.t, "Ana to be heard", true, 50)
	at := g.fedBy(r).Room(g.host.id)
	g.do(r, Action{Kind: "leave"})
	awaitChange(g.t, at.n, "the last word", func() bool {
		at.mu.Lock()
		defer at.mu.Unlock()
		return len(at.tally.records.by) > 0
	})
	at.storeRecords(time.Now(), false)
}

func owedTo(v SharesView, who doc.PublicKey) OwedView {
	for _, o := range v.Owed {
		if o.Person == who {
			return o
		}
	}
	return OwedView{}
}

// What a relay carried for who has a ticket is handed to the host, the pool is divided when the room is over, and the relay's own ledger
// says what it earned; the co-host's as well. Both are paid by hand, and confirm it.
func TestSharesOfARoom(t *testing.T) {
	cy := startNode(t, "Cy", nil)
	g := plantAs(t, sharedRoom(cy.Person()), 1, 8)
	g.tone(g.host, 440)
	bo := startNode(t, "Bo", nil)
	list, err := bo.OnSale(t.Context(), g.host.View().Link)
	if err != nil || len(list) != 1 || len(list[0].Shares) != 2 || list[0].Shares[1].BasisPoints != 1000 {
		t.Fatalf("a buyer sees %+v, %v", list, err)
	}
	g.buys(bo)
	g.signsOff(g.tries(bo, g.host.View().Link))
	carrier := g.relays[0]
	if err := carrier.handOver(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := g.host.n.Shares("")
	if err != nil || len(v.From) != 1 || len(v.From[0].Relays) != 1 || v.From[0].Relays[0].Person != carrier.Person() || v.From[0].Relays[0].Listeners != 1 || v.From[0].Pool != "1.00 EUR" {
		t.Fatalf("%+v, %v", v, err)
	}
	if o := owedTo(v, cy.Person()); len(o.Waits) != 1 || o.Waits[0].Money != "0.50 EUR" {
		t.Errorf("the co-host is owed %+v", o)
	}
	half := ledger.Money{Amount: 50, Cur: "EUR"}
	if done, err := g.host.n.PayOut(t.Context(), ledger.IOURail, "", half); err != nil || len(done.Done) != 1 || done.Done[0].Person != cy.Person() {
		t.Fatalf("while the room is open the pool is not divided: %+v, %v", done, err)
	}
	g.do(g.host, Action{Kind: "end"})
	done, err := g.host.n.PayOut(t.Context(), ledger.IOURail, "", half)
	if err != nil || len(done.Done) != 1 || done.Done[0].Money != "1.00 EUR" || done.Done[0].Person != carrier.Person() || !done.Done[0].Told {
		t.Fatalf("%+v, %v", done, err)
	}
	link, err := room.ParseLink(g.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	to, err := addrInfo(link.Device, link.Addrs)
	if err != nil {
		t.Fatal(err)
	}
	cy.host.Peerstore().AddAddrs(to.ID, to.Addrs, sellerAddrs)
	cy.meetPayer(seatedAt{Device: link.Device, Addrs: link.Addrs})
	if err := cy.AskShares(t.Context()); err != nil {
		t.Fatal(err)
	}
	if done, err := g.host.n.PayOut(t.Context(), "hand", "cash", half); err != nil || len(done.Done) != 2 || !done.Done[0].Told || !done.Done[1].Told {
		t.Fatalf("%+v, %v", done, err)
	}
	for n, want := range map[*Node]string{cy: "0.50 EUR", carrier: "1.00 EUR"} {
		claims := n.Claims()
		if len(claims) != 1 || claims[0].Money != want {
			t.Fatalf("%s is told %+v", n.displayName(), claims)
		}
		if _, err := n.MoneyReceived(claims[0].Claim); err != nil {
			t.Fatal(err)
		}
		if err := n.AskShares(t.Context()); err != nil {
			t.Fatal(err)
		}
		mine, err := n.Shares("")
		if err != nil || len(mine.Earned) != 1 || mine.Earned[0].Total != want || mine.Earned[0].Owed != "0.00 EUR" || mine.Earned[0].From.Person != g.host.n.Person() {
			t.Errorf("%s has earned %+v, %v", n.displayName(), mine.Earned, err)
		}
		v, err := g.host.n.Shares("")
		if o := owedTo(v, n.Person()); err != nil || o.Paid != want || o.Left != "0.00 EUR" || o.Going != "0.00 EUR" || len(o.Waits) != 0 {
			t.Errorf("the host has %+v, %v", o, err)
		}
	}
}

// Attack: a relay that claims too much. What it signs itself, what others signed for another relay, listeners without a ticket, with
// another's ticket, and from before the room count for nothing; what its friend signs with one ticket counts as one listener.
func TestDishonestRelayEarnsLittle(t *testing.T) {
	g := plantAs(t, sharedRoom(doc.NewPrivateKey().Public()), 1, 8)
	host := g.host.n
	honest, liar := startNode(t, "Hana", nil), startNode(t, "Liam", nil)
	friend, second, guest := startNode(t, "Fay", nil), startNode(t, "Fred", nil), startNode(t, "Gus", nil)
	for _, n := range []*Node{honest, liar} {
		if _, err := n.Market(); err != nil {
			t.Fatal(err)
		}
	}
	g.buys(friend)
	g.buys(guest)
	link, err := room.ParseLink(g.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	// claim is what somebody shows when they come in with the ticket of another, whose key has signed that they may.
	claim := func(who, of *Node, held bool) []byte {
		ticket, holder := of.ticketTo(g.host.id, time.Now())
		c := room.Claim{Room: g.host.id, Key: [32]byte{1}, Time: time.Now().UnixMilli(), Ticket: ticket}
		if held {
			c.Held = room.Held(holder, g.host.id, who.author())
		}
		raw, err := room.SignClaim(who.id(), c)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	now := time.Now()
	word := func(who, relayed *Node, since time.Duration, frames uint64, claim []byte) market.Carriage {
		raw, err := relay.SignService(who.id(), relay.Service{Room: g.host.id, Relay: relayed.author().Device, Since: now.Add(-since).UnixMilli(), Until: now.Add(time.Minute).UnixMilli(), Frames: frames, Bytes: frames})
		if err != nil {
			t.Fatal(err)
		}
		return market.Carriage{Record: raw, Claim: claim}
	}
	handed := func(n *Node, list ...market.Carriage) (refused uint64) {
		t.Helper()
		before := host.counts.Snapshot()["carriage_refused"]
		m, _ := n.Market()
		n.host.Peerstore().AddAddrs(host.host.ID(), host.host.Addrs(), sellerAddrs)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := m.HandOver(ctx, link.Device, ledger.Room(g.host.id), list); err != nil {
			t.Fatal(err)
		}
		return host.counts.Snapshot()["carriage_refused"] - before
	}
	if n := handed(honest, word(guest, honest, 0, 3000, claim(guest, guest, true))); n != 0 {
		t.Fatal("an honest record is refused")
	}
	for name, c := range map[string]market.Carriage{
		"signed by itself":        word(liar, liar, 0, 3000, claim(liar, friend, true)),
		"for another relay":       word(guest, honest, 0, 3000, claim(guest, guest, true)),
		"without a ticket":        word(second, liar, 0, 3000, claim(second, second, false)),
		"with another's ticket":   word(second, liar, 0, 3000, claim(second, guest, false)),
		"with another's claim":    word(second, liar, 0, 3000, claim(guest, guest, true)),
		"from before the room":    word(friend, liar, time.Hour, 100_000, claim(friend, friend, true)),
		"of a claim that is none": word(friend, liar, 0, 3000, []byte("none")),
		"that is none":            {Record: []byte("none"), Claim: claim(friend, friend, true)},
	} {
		want := uint64(1)
		if name == "signed by itself" {
			want = 0 // it is no listener of itself, which the division says
		}
		if n := handed(liar, c); n != want {
			t.Errorf("%s: %d refused", name, n)
		}
	}
	if n := handed(liar, word(friend, liar, 0, 40_000, claim(friend, friend, true)), word(second, liar, 0, 40_000, claim(second, friend, true))); n != 0 {
		t.Errorf("%d refused", n)
	}
	for range 2 { // and after a restart from the file
		weights, err := host.weights(g.host.id)
		if err != nil || len(weights) != 2 {
			t.Fatalf("%+v, %v", weights, err)
		}
		for _, w := range weights {
			most := uint64(3060)
			if ledger.Key(w.Relay) == liar.Person() && (w.Frames > most || w.Seats != 1) {
				t.Errorf("the liar has %+v, of which %d frames could be heard", w, most)
			}
			if ledger.Key(w.Relay) == honest.Person() && w.Frames != 3000 {
				t.Errorf("the honest one has %+v", w)
			}
		}
		host.carriage = newCarriageBook()
	}
}

func TestSplitOfAHost(t *testing.T) {
	n := startNode(t, "Ana", nil)
	bo := doc.NewPrivateKey().Public()
	person := func(bp int) SplitView { return SplitView{To: "co-host", Key: bo, BasisPoints: bp} }
	relays := SplitView{To: "relays", BasisPoints: 100}
	for _, c := range []struct {
		name         string
		list         []SplitView
		subscription bool
		code         string
	}{
		{"nothing said", nil, false, ""},
		{"nobody", []SplitView{}, false, ""},
		{"all to a co-host", []SplitView{person(10000)}, false, ""},
		{"a co-host and relays", []SplitView{person(9900), relays}, false, ""},
		{"more than all", []SplitView{person(9901), relays}, false, "bad_shares"},
		{"more than all at once", []SplitView{person(70_000)}, false, "bad_shares"},
		{"less than nothing", []SplitView{person(-1)}, false, "bad_shares"},
		{"nothing", []SplitView{person(0)}, false, "bad_shares"},
		{"twice", []SplitView{person(1), person(1)}, false, "bad_shares"},
		{"nobody's", []SplitView{{To: "charity", BasisPoints: 1}}, false, "bad_shares"},
		{"somebody's relays", []SplitView{{To: "relays", Key: bo, BasisPoints: 1}}, false, "bad_shares"},
		{"of no kind", []SplitView{{To: "host", Key: bo, BasisPoints: 1}}, false, "bad_shares"},
		{"relays of a subscription", []SplitView{relays}, true, "bad_shares"},
		{"a co-host of a subscription", []SplitView{person(100)}, true, ""},
		{"oneself", []SplitView{{To: "co-host", Key: n.Person(), BasisPoints: 1}}, false, "own_share"},
		{"a fund of nobody that is known", []SplitView{{To: "fund", Key: bo, BasisPoints: 1}}, false, "fund_unknown"},
	} {
		split, err := n.Split(c.list, c.subscription)
		if code := ""; err != nil {
			if code = Explain(err).Code; code != c.code {
				t.Errorf("%s: %s, want %q", c.name, code, c.code)
			}
		} else if c.code != "" {
			t.Errorf("%s is taken: %+v", c.name, split)
		}
	}
	if split, err := n.Split(nil, false); err != nil || len(split) != 1 || split[0].BasisPoints != 200 {
		t.Errorf("usual: %+v, %v", split, err)
	}
}
