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

var fiveEuro = ledger.Money{Amount: 500, Cur: "EUR"}

var byTicket = Start{Access: room.ByTicket, Sale: Sale{Price: fiveEuro, Seats: 20, Credit: fiveEuro}}

// buys has a node buy one ticket to the room.
func (g *gathering) buys(n *Node) {
	g.t.Helper()
	if b, err := n.BuyTickets(g.t.Context(), g.host.View().Link, 1, fiveEuro, ledger.IOURail); err != nil || len(b.Tickets) != 1 {
		g.t.Fatalf("%s buys: %+v, %v", n.displayName(), b, err)
	}
}

// holding is a ticket that somebody has bought, and the key that holds it.
func (g *gathering) holding() ([]byte, doc.PrivateKey) {
	g.t.Helper()
	bo := startNode(g.t, "Bo", nil)
	g.buys(bo)
	ticket, holder := bo.ticketTo(g.host.id, time.Now())
	if ticket == nil || holder.IsZero() {
		g.t.Fatal("the ticket is gone")
	}
	return ticket, holder
}

// Below a relay: who has a ticket hears, and who has none is told so. The link alone opens nothing.
func TestRoomByTicket(t *testing.T) {
	g := plantAs(t, byTicket, 1, 8)
	g.tone(g.host, 440)
	link, err := room.ParseLink(g.host.View().Link)
	if err != nil || link.Secret != [32]byte{} {
		t.Errorf("the link has a secret (%v)", err)
	}
	bo, dan := startNode(t, "Bo", nil), startNode(t, "Dan", nil)
	for _, n := range []*Node{bo, dan} {
		if v := g.tries(n, g.host.View().Link).View(); v.Phase != Failed || !strings.Contains(v.Reason, "ticket") {
			t.Errorf("%s without a ticket: %s, %q", n.displayName(), v.Phase, v.Reason)
		}
	}
	list, err := bo.OnSale(t.Context(), g.host.View().Link)
	if err != nil || len(list) != 1 || list[0].Price != "5.00 EUR" || list[0].Seats != 20 {
		t.Fatalf("on sale: %+v, %v", list, err)
	}
	g.buys(bo)
	r := g.tries(bo, g.host.View().Link)
	if r.Phase() != Live {
		t.Fatalf("with a ticket: %s, %s", r.Phase(), r.View().Reason)
	}
	g.listen(r).hears(t, "Bo to hear Ana", true, 25)
	if v := r.View(); v.Access != "ticket" {
		t.Errorf("access %q", v.Access)
	}
	if r := g.tries(dan, g.host.View().Link); r.Phase() != Failed {
		t.Errorf("Dan is %s", r.Phase())
	}
	// Whom the host puts on the guest list needs none.
	g.do(g.host, Action{Kind: "admit", Person: dan.Person()})
	relayed := g.relays[0].Room(g.host.id)
	awaitChange(t, g.relays[0], "the relay to know", func() bool {
		relayed.mu.Lock()
		defer relayed.mu.Unlock()
		return relayed.state.IsListed(dan.Person())
	})
	if r := g.tries(dan, g.host.View().Link); r.Phase() != Live {
		t.Errorf("a guest of the host: %s, %s", r.Phase(), r.View().Reason)
	}
}

// Attack: tickets that are somebody else's, of one's own making, to another room, or none. A relay may be deceived by one that
// is whole; the host is not, and without its key there is nothing to hear.
func TestDoorOfRoomByTicket(t *testing.T) {
	g := plantAs(t, byTicket, 2, 8)
	ticket, holder := g.holding()
	relayed := g.relays[0].Room(g.host.id)
	own := doc.NewPrivateKey()
	made := func(id room.ID, by, to doc.PrivateKey) []byte {
		raw, _, err := ledger.Sign(by, ledger.Ticket{Room: ledger.Room(id), Serial: 1, Gen: 1, Holder: to.Public(), NotAfter: time.Now().Unix() + 3600, By: by.Public()})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for where, at := range map[string]*Room{"host": g.host, "relay": relayed} {
		for name, c := range map[string]struct {
			relay bool // deceived
			show  func(x *intruder) room.Claim
		}{
			"nothing":                  {false, func(*intruder) room.Claim { return room.Claim{} }},
			"a ticket, held by nobody": {false, func(*intruder) room.Claim { return room.Claim{Ticket: ticket} }},
			"a ticket of somebody else": {false, func(x *intruder) room.Claim {
				return room.Claim{Ticket: ticket, Held: room.Held(own, at.id, x.author())}
			}},
			"another device's word": {false, func(*intruder) room.Claim {
				return room.Claim{Ticket: ticket, Held: room.Held(holder, at.id, g.host.n.author())}
			}},
			"a word for another room": {false, func(x *intruder) room.Claim {
				return room.Claim{Ticket: ticket, Held: room.Held(holder, room.ID{1}, x.author())}
			}},
			"a ticket to another room": {false, func(x *intruder) room.Claim {
				return room.Claim{Ticket: made(room.ID{1}, own, own), Held: room.Held(own, at.id, x.author())}
			}},
			"rubbish": {false, func(x *intruder) room.Claim {
				return room.Claim{Ticket: []byte("rubbish"), Held: room.Held(own, at.id, x.author())}
			}},
			"a ticket of one's own making": {true, func(x *intruder) room.Claim {
				return room.Claim{Ticket: made(at.id, own, own), Held: room.Held(own, at.id, x.author())}
			}},
		} {
			x := newIntruder(t, at)
			x.claim = x.claimOf(c.show(x))
			m := x.join()
			if c.relay && at == relayed {
				if !isAccept(m) {
					t.Fatalf("with %s at the %s: %+v", name, where, m)
				}
				x.awaitBox("a word instead of a key", func(b relay.Box) bool { return b.Code == "ticket_only" && len(b.Sealed) == 0 })
				continue
			}
			if no, ok := m.(relay.Refuse); !ok || no.Code != "ticket_only" {
				t.Errorf("with %s at the %s: %+v", name, where, m)
			}
		}
		x := newIntruder(t, at)
		x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, at.id, x.author())})
		if m := x.join(); !isAccept(m) {
			t.Errorf("with a good ticket at the %s: %+v", where, m)
		}
		x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) == room.BoxSize && len(b.Pass) == 0 })
	}
}

// Attack: one ticket on ten devices, at the host and at a relay. One of them stays, and the others are told: the last to come.
func TestSharedTicket(t *testing.T) {
	g := plantAs(t, byTicket, 12, 12)
	ticket, holder := g.holding()
	relayed := g.relays[0].Room(g.host.id)
	var all []*intruder
	for i := range 10 {
		at := g.host
		if i%2 == 1 {
			at = relayed
		}
		x := newIntruder(t, at)
		x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, at.id, x.author())})
		if m := x.join(); !isAccept(m) {
			t.Fatalf("device %d: %+v", i, m)
		}
		x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) > 0 })
		all = append(all, x)
	}
	members := func() (list []doc.PublicKey) {
		g.host.mu.Lock()
		defer g.host.mu.Unlock()
		for d := range g.host.host.keyholder.members {
			list = append(list, d)
		}
		return list
	}
	put := func(x *intruder) {
		x.awaitBox("to be put out", func(b relay.Box) bool { return b.Code == "ticket_elsewhere" })
	}
	for _, x := range all[:9] {
		put(x)
	}
	if got := members(); !slices.Equal(got, []doc.PublicKey{all[9].author().Device}) {
		t.Errorf("the key is told to %d devices", len(got))
	}
	awaitChange(t, g.host.n, "a new key", func() bool { return g.host.epochNow() >= 2 })
	// Who was put out asks again with what it showed before, and is told the same; with a new claim it comes back in.
	x := all[0]
	x.mu.Lock()
	x.boxes = nil
	x.mu.Unlock()
	x.ctl.Send(relay.Ask{Device: x.author().Device, Claim: x.claim})
	put(x)
	x.ctl.Send(relay.Ask{Device: x.author().Device, Claim: x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})})
	put(all[9])
	if got := members(); !slices.Equal(got, []doc.PublicKey{x.author().Device}) {
		t.Errorf("the key is told to %d devices", len(got))
	}
}

// Whose ticket is revoked is out, and gets no key any more.
func TestRevokedTicket(t *testing.T) {
	g := plantAs(t, byTicket, 1, 8)
	ana := g.host.n
	bo := startNode(t, "Bo", nil)
	g.buys(bo)
	r := g.tries(bo, g.host.View().Link)
	if r.Phase() != Live {
		t.Fatalf("with a ticket: %s, %s", r.Phase(), r.View().Reason)
	}
	awaitChange(t, bo, "Bo to have the key", r.hasKey)
	m, err := ana.Market()
	if err != nil {
		t.Fatal(err)
	}
	list, err := bo.OnSale(t.Context(), g.host.View().Link)
	if err != nil || len(list) != 1 {
		t.Fatalf("on sale: %+v, %v", list, err)
	}
	before, err := m.Height()
	if err != nil {
		t.Fatal(err)
	}
	_, err = ana.shop.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Revoke{Offer: ledger.ID(unhex(t, list[0].ID)), Serials: []uint32{0}, Reason: ledger.ReasonHost}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if after, err := m.Height(); err != nil || after != before+1 {
		t.Fatalf("height %d after %d, %v", after, before, err)
	}
	awaitChange(t, bo, "Bo to be out", func() bool { return r.Phase().Over() })
	if v := r.View(); !strings.Contains(v.Reason, "ticket") {
		t.Errorf("Bo is told %q", v.Reason)
	}
	awaitChange(t, ana, "a new key", func() bool { return g.host.epochNow() == 2 })
	g.host.mu.Lock()
	if _, in := g.host.host.keyholder.members[bo.author().Device]; in {
		t.Error("Bo is told the next key")
	}
	g.host.mu.Unlock()
	// A relay does not know that it is void, and lets Bo in; the host gives no key, and says so when it is asked itself.
	again := g.tries(bo, g.host.View().Link)
	awaitChange(t, bo, "Bo to be out again", func() bool { return again.Phase() == Failed })
	if again.hasKey() {
		t.Error("Bo was told the key")
	}
}

// A room by ticket needs a price and seats.
func TestSaleOfRoom(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	for name, s := range map[string]Sale{"nothing": {}, "no price": {Seats: 5}, "no seats": {Price: fiveEuro}, "credit in another currency": {Price: fiveEuro, Seats: 5, Credit: ledger.Money{Amount: 1, Cur: "USD"}}, "too many": {Price: fiveEuro, Seats: ledger.MaxSeats + 1}} {
		if _, err := ana.StartRoom(Start{Title: "Evening", Access: room.ByTicket, Sale: s}); err == nil || explain(err).Code != "bad_sale" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ana.shop.market.Load() != nil {
		t.Error("a ledger was begun for nothing")
	}
}

// A host that was killed takes its room up again: who has a ticket is back, and the seats that are left are on sale.
func TestHostOfRoomByTicketComesBack(t *testing.T) {
	home := t.TempDir()
	ana := startMortal(t, home, "Ana", anywhere)
	start := byTicket
	start.Title, start.Language, start.Sale.Seats = "Long evening", "en", 2
	hosted, err := ana.StartRoom(start)
	if err != nil {
		t.Fatal(err)
	}
	g := &gathering{t: t, host: hosted, guests: make(map[string]*Room)}
	bo, cy, dan := startNode(t, "Bo", nil), startNode(t, "Cy", nil), startNode(t, "Dan", nil)
	g.buys(bo)
	atBo := g.tries(bo, hosted.View().Link)
	awaitChange(t, bo, "Bo to have the key", atBo.hasKey)
	at := ana.at()
	ana.crash(t)
	awaitChange(t, bo, "the loss", func() bool { return atBo.Phase() == Reconnecting })
	ana = startMortal(t, home, "Ana", at)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms, %v", len(rooms), ana.Notices())
	}
	g.host = rooms[0]
	awaitChange(t, bo, "Bo to be back", func() bool { return atBo.Phase() == Live && atBo.hasKey() })
	g.buys(cy)
	atCy := g.tries(cy, g.host.View().Link)
	awaitChange(t, cy, "Cy to have the key", atCy.hasKey)
	if _, err := dan.BuyTickets(t.Context(), g.host.View().Link, 1, fiveEuro, ledger.IOURail); err == nil || explain(err).Code != "sold_out" {
		t.Errorf("a third of two seats: %v", err)
	}
	seats := map[uint32]bool{}
	for _, n := range []*Node{bo, cy} {
		list, err := n.Tickets()
		if err != nil || len(list) != 1 {
			t.Fatalf("%s has %+v, %v", n.displayName(), list, err)
		}
		seats[list[0].Serial] = true
	}
	if len(seats) != 2 {
		t.Errorf("one seat was sold twice: %v", seats)
	}
}
