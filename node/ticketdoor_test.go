package node

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/seal"
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

// joins is join at a relay that may be out of the room for a moment.
func (x *intruder) joins(at *Room) any {
	x.t.Helper()
	m := x.join()
	for range 20 {
		if no, ok := m.(relay.Refuse); !ok || no.Code != codeEarly {
			break
		}
		awaitChange(x.t, at.n, "the relay to be in the room", func() bool { return at.Phase() == Live && at.hasPapers() })
		x.forget()
		m = x.join()
	}
	return m
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

// Attack: tickets that are somebody else's, of one's own making, to another room, or none. Neither the host lets in with them nor a
// relay, which asks nobody.
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
		for name, show := range map[string]func(x *intruder) room.Claim{
			"nothing":                  func(*intruder) room.Claim { return room.Claim{} },
			"a ticket, held by nobody": func(*intruder) room.Claim { return room.Claim{Ticket: ticket} },
			"a ticket of somebody else": func(x *intruder) room.Claim {
				return room.Claim{Ticket: ticket, Held: room.Held(own, at.id, x.author())}
			},
			"another device's word": func(*intruder) room.Claim {
				return room.Claim{Ticket: ticket, Held: room.Held(holder, at.id, g.host.n.author())}
			},
			"a word for another room": func(x *intruder) room.Claim {
				return room.Claim{Ticket: ticket, Held: room.Held(holder, room.ID{1}, x.author())}
			},
			"a ticket to another room": func(x *intruder) room.Claim {
				return room.Claim{Ticket: made(room.ID{1}, own, own), Held: room.Held(own, at.id, x.author())}
			},
			"rubbish": func(x *intruder) room.Claim {
				return room.Claim{Ticket: []byte("rubbish"), Held: room.Held(own, at.id, x.author())}
			},
			"a ticket of one's own making": func(x *intruder) room.Claim {
				return room.Claim{Ticket: made(at.id, own, own), Held: room.Held(own, at.id, x.author())}
			},
		} {
			x := newIntruder(t, at)
			x.claim = x.claimOf(show(x))
			m := x.joins(at)
			if no, ok := m.(relay.Refuse); !ok || no.Code != "ticket_only" {
				t.Errorf("with %s at the %s: %+v", name, where, m)
			}
		}
		x := newIntruder(t, at)
		x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, at.id, x.author())})
		if m := x.joins(at); !isAccept(m) {
			t.Errorf("with a good ticket at the %s: %+v", where, m)
		}
		x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) == room.BoxSize && len(b.Pass) == 0 })
		// What let that one in is shown again, byte for byte, by who overheard it: here, and at the other.
		for again, other := range map[string]*Room{"host": g.host, "relay": relayed} {
			eve := newIntruder(t, other)
			eve.claim = x.claim
			if no, ok := eve.joins(other).(relay.Refuse); !ok || no.Code != "identity" {
				t.Errorf("shown at the %s, and replayed at the %s: %+v", where, again, no)
			}
		}
	}
}

// doorOf is a relay's door of a room by ticket, which is good from one time to another, and a guest of it with a ticket.
func doorOf(t testing.TB, starts, ends time.Time) (*Room, *doc.Identity, room.Claim) {
	t.Helper()
	person, device := doc.NewPrivateKey(), doc.NewPrivateKey()
	cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: device.Public(), NotBefore: starts.Add(-time.Hour).Unix(), NotAfter: ends.Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	store, err := ledger.Open(ledger.Options{Dir: t.TempDir(), Key: device, Cert: cert, Now: starts})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	id := room.ID{1}
	entries, err := store.Append(starts, func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Offer{Version: 1, Room: ledger.Room(id), Name: "Ticket", Price: fiveEuro, Seats: 1000, Starts: starts.UnixMilli(), Ends: ends.UnixMilli()}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	void, _, err := ledger.Sign(device, ledger.Revocations{Room: ledger.Room(id), By: device.Public(), Time: starts.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	papers := ledger.NewPapers(ledger.Room(id), person.Public())
	if err := papers.Read([]ledger.Listing{{Cert: cert, Offer: entries[0].Raw()}}, void, starts); err != nil {
		t.Fatal(err)
	}
	r := &Room{id: id, voice: &voice{}}
	if r.papers.gate, err = papers.Gate(); err != nil {
		t.Fatal(err)
	}
	guest, err := newDevice(doc.NewPrivateKey())
	if err != nil {
		t.Fatal(err)
	}
	holder := doc.NewPrivateKey()
	ticket, _, err := ledger.Sign(device, ledger.Ticket{Room: ledger.Room(id), Serial: 1, Gen: 1, Holder: holder.Public(), NotBefore: starts.Unix(), NotAfter: ends.Unix(), By: device.Public()})
	if err != nil {
		t.Fatal(err)
	}
	return r, guest, room.Claim{Room: id, Key: [32]byte{1}, Time: starts.UnixMilli(), Ticket: ticket, Held: room.Held(holder, id, guest.Author())}
}

// Attack, and accident: a relay's clock is ten minutes wrong. By its own clock it would turn away who comes when the doors open, or let
// nobody in for the last ten minutes; it goes by the host's, which it knows from the pings that it sends anyway.
func TestClockOfARelay(t *testing.T) {
	starts := time.Now().Truncate(time.Second)
	ends := starts.Add(time.Hour)
	for _, c := range []struct {
		name   string
		wrong  time.Duration // the relay's clock, ahead of the host's
		at     time.Time     // by the host's clock
		before error         // by the relay's own clock
		want   error
	}{
		{"right, at the beginning", 0, starts.Add(time.Minute), nil, nil},
		{"behind, at the beginning", -10 * time.Minute, starts.Add(time.Minute), ledger.ErrTooEarly, nil},
		{"ahead, ten minutes early", 10 * time.Minute, starts.Add(-10 * time.Minute), nil, ledger.ErrTooEarly},
		{"ahead, near the end", 10 * time.Minute, ends.Add(-time.Minute), ledger.ErrTooLate, nil},
		{"behind, ten minutes after the end", -10 * time.Minute, ends.Add(10 * time.Minute), nil, ledger.ErrTooLate},
	} {
		r, guest, claim := doorOf(t, starts, ends)
		now := c.at.Add(c.wrong)
		if _, err := r.shownTicket(guest.Author(), claim, now); !errors.Is(err, c.before) {
			t.Errorf("%s: by its own clock %v, want %v", c.name, err, c.before)
		}
		r.voice.clock(now.UnixMicro(), c.at.UnixMicro(), c.at.UnixMicro(), now.Add(time.Millisecond))
		if _, err := r.shownTicket(guest.Author(), claim, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// Before the papers have come a relay lets nobody in, and says so in words that have everybody come again.
func TestRelayWithoutPapers(t *testing.T) {
	g := plantAs(t, byTicket, 1, 8)
	ticket, holder := g.holding()
	relayed := g.relays[0].Room(g.host.id)
	relayed.mu.Lock()
	gate := relayed.papers.gate
	relayed.papers.gate = nil
	relayed.mu.Unlock()
	x := newIntruder(t, relayed)
	x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
	if no, ok := x.join().(relay.Refuse); !ok || no.Code != codeEarly {
		t.Errorf("with a good ticket, too early: %+v", no)
	}
	y := newIntruder(t, relayed)
	y.claim = y.claimOf(room.Claim{})
	if no, ok := y.join().(relay.Refuse); !ok || no.Code != "ticket_only" {
		t.Errorf("without one: %+v", no)
	}
	relayed.mu.Lock()
	relayed.papers.gate = gate
	relayed.mu.Unlock()
	x.forget()
	if m := x.joins(relayed); !isAccept(m) {
		t.Errorf("with a good ticket: %+v", m)
	}
}

// Whoever leads the room and has no papers yet, as a co-host may who was just told of them by nobody, puts out nobody either.
func TestLeaderWithoutPapers(t *testing.T) {
	g := plantAs(t, byTicket, 8)
	ticket, holder := g.holding()
	x := newIntruder(t, g.host)
	show := func() []byte {
		return x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
	}
	x.claim = show()
	if m := x.join(); !isAccept(m) {
		t.Fatalf("with a ticket: %+v", m)
	}
	x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) > 0 })
	g.host.mu.Lock()
	gate := g.host.papers.gate
	g.host.papers.gate = nil
	clear(g.host.host.keyholder.members)
	g.host.mu.Unlock()
	x.ctl.Send(relay.Ask{Device: x.author().Device, Claim: show()})
	awaitCount(t, g.host.n, "key_early", 1)
	g.host.mu.Lock()
	g.host.papers.gate = gate
	g.host.mu.Unlock()
	x.mu.Lock()
	x.boxes = nil
	x.mu.Unlock()
	x.ctl.Send(relay.Ask{Device: x.author().Device, Claim: show()})
	x.awaitBox("the key, and no word before it", func(b relay.Box) bool { return len(b.Sealed) > 0 })
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, b := range x.boxes {
		if b.Code != "" {
			t.Errorf("it was told %q", b.Code)
		}
	}
}

// Attack: one ticket for two who raise a hand, which once let them in with nothing to show. Who has not the seat any more is out all the
// same.
func TestRaisedHandIsNoTicket(t *testing.T) {
	g := plantAs(t, byTicket, 8)
	ticket, holder := g.holding()
	var two []*intruder
	for range 2 {
		x := newIntruder(t, g.host)
		x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
		if m := x.join(); !isAccept(m) {
			t.Fatalf("with a ticket: %+v", m)
		}
		x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) > 0 })
		x.command(room.Command{Kind: room.RaiseHand, Name: "Eve"})
		x.await("the hand", func(s *room.State) bool { _, raised := s.HandOf(x.author().Person); return raised })
		two = append(two, x)
	}
	x := two[0]
	x.letGo("the first")
	x.forget()
	x.claim = x.claimOf(room.Claim{})
	if no, ok := x.join().(relay.Refuse); !ok || no.Code != "ticket_only" {
		t.Errorf("with a raised hand: %+v", no)
	}
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	if n := len(g.host.host.keyholder.members); n != 1 {
		t.Errorf("the key is told to %d devices", n)
	}
}

// Whose ticket was revoked while they were on stage hears on there, and is out once they leave it.
func TestRevokedOnStage(t *testing.T) {
	g := plantAs(t, byTicket, 8)
	ticket, holder := g.holding()
	x := newIntruder(t, g.host)
	x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
	if m := x.join(); !isAccept(m) {
		t.Fatalf("with a ticket: %+v", m)
	}
	x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) > 0 })
	x.command(room.Command{Kind: room.RaiseHand, Name: "Eve"})
	person := x.author().Person
	x.await("the hand", func(s *room.State) bool { _, raised := s.HandOf(person); return raised })
	g.do(g.host, Action{Kind: "grant", Person: person})
	x.await("the seat", func(s *room.State) bool { return s.OnStage(person) })
	g.revokes(0)
	awaitChange(t, g.host.n, "the host to know", func() bool {
		g.host.mu.Lock()
		defer g.host.mu.Unlock()
		_, err := g.host.papers.gate.Check(ticket, time.Now())
		return err != nil
	})
	g.host.mu.Lock()
	_, in := g.host.host.keyholder.members[x.author().Device]
	g.host.mu.Unlock()
	if !in {
		t.Error("who is on stage does not hear")
	}
	x.command(room.Command{Kind: room.Return})
	x.letGo("who has left the stage, with a ticket that is void")
	if n := g.host.n.Counts()["ticket_turned_out"]; n != 1 {
		t.Errorf("%d were turned out; %v", n, g.host.n.Counts())
	}
}

// Attack: a friend of one who has the key takes a warm place with the same ticket, which asks for no key, and has itself fed. The relay asks
// in its name, and it is out.
func TestWarmPlaceIsNoSecondSession(t *testing.T) {
	g := plantAs(t, byTicket, 2, 8, 8)
	g.tone(g.host, 440)
	ticket, holder := g.holding()
	friend := newIntruder(t, g.relays[1].Room(g.host.id))
	friend.warm = true
	friend.claim = friend.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, friend.author())})
	x := newIntruder(t, g.relays[0].Room(g.host.id))
	x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
	if m := x.joins(g.relays[0].Room(g.host.id)); !isAccept(m) {
		t.Fatalf("with a ticket: %+v", m)
	}
	x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) > 0 })
	if m := friend.joins(g.relays[1].Room(g.host.id)); !isAccept(m) {
		t.Fatalf("a warm place: %+v", m)
	}
	friend.ctl.Send(relay.Resume{Next: []relay.Next{}})
	var p relay.Packet
	for n := 0; n < 25; n += len(p.Frames) { // the attack goes as far as this
		if err := friend.link.Receive(&p); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		var p relay.Packet
		for friend.link.Receive(&p) == nil {
		}
	}()
	friend.awaitBox("to be put out", func(b relay.Box) bool { return b.Code == codeElsewhere })
	friend.letGo("the friend")
	if got := g.fed(); !slices.Equal(got, []doc.PublicKey{x.author().Device}) {
		t.Errorf("%d devices have a place", len(got))
	}
}

// Whose ticket is used on another device is told so, and does not go from relay to relay with it.
func TestTicketUsedElsewhere(t *testing.T) {
	g := plantAs(t, byTicket, 2, 8, 8)
	bo := startNode(t, "Bo", nil)
	g.buys(bo)
	r := g.tries(bo, g.host.View().Link)
	awaitChange(t, bo, "Bo to have the key", r.hasKey)
	ticket, holder := bo.ticketTo(g.host.id, time.Now())
	relayed := g.relays[0].Room(g.host.id)
	x := newIntruder(t, relayed)
	x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
	if m := x.joins(relayed); !isAccept(m) {
		t.Fatalf("with Bo's ticket: %+v", m)
	}
	x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) > 0 })
	awaitChange(t, bo, "Bo to be out", func() bool { return r.Phase().Over() })
	if v := r.View(); !strings.Contains(v.Reason, "another device") {
		t.Errorf("Bo is told %q", v.Reason)
	}
	t.Logf("Bo was turned out %d times", g.relays[0].Counts()["ticket_turned_out"]+g.relays[1].Counts()["ticket_turned_out"]+g.host.n.Counts()["ticket_turned_out"])
}

// A relay that lets in whom it likes gives them nothing: whoever leads the room checks each ticket again, before it tells the key.
func TestRelayThatLetsAnybodyInByTicket(t *testing.T) {
	g := plantAs(t, byTicket, 1, 8)
	g.tone(g.host, 440)
	relayed := g.relays[0].Room(g.host.id)
	x := newIntruder(t, relayed)
	relayed.mu.Lock()
	relayed.state.Listed = append(relayed.state.Listed, x.author().Person)
	relayed.mu.Unlock()
	own := doc.NewPrivateKey()
	forged, _, err := ledger.Sign(own, ledger.Ticket{Room: ledger.Room(g.host.id), Serial: 1, Gen: 1, Holder: own.Public(), NotAfter: time.Now().Unix() + 3600, By: own.Public()})
	if err != nil {
		t.Fatal(err)
	}
	x.claim = x.claimOf(room.Claim{Ticket: forged, Held: room.Held(own, g.host.id, x.author())})
	if m := x.joins(relayed); !isAccept(m) {
		t.Fatalf("the lying relay answered %+v", m)
	}
	x.awaitBox("a word instead of a key", func(b relay.Box) bool { return b.Code == "ticket_only" && len(b.Sealed) == 0 })
	// The attack goes as far as this: sound comes, and it is sealed.
	var p relay.Packet
	opener := seal.NewOpener() // with all that the two of them know
	relayed.mu.Lock()
	program := relayed.state.Program
	for epoch, secret := range relayed.keys.secrets {
		if err := opener.SetEpoch(epoch, secret); err != nil {
			t.Error(err)
		}
	}
	relayed.mu.Unlock()
	for n := 0; n < 25; {
		if err := x.link.Receive(&p); err != nil {
			t.Fatal(err)
		}
		for _, f := range p.Frames {
			if _, _, _, err := opener.Open(nil, seal.Source{Device: program.Device, Start: program.Start}, f.AppendMeta(nil), f.Sealed); err == nil {
				t.Fatal("they could open a frame")
			}
			n++
		}
	}
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	if _, in := g.host.host.keyholder.members[x.author().Device]; in {
		t.Error("it is one of those who are told the key")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, b := range x.boxes {
		if len(b.Sealed) > 0 {
			t.Errorf("it was sent a box: %+v", b)
		}
	}
}

// fed counts those whom the relays feed, without each other.
func (g *grove) fed() (list []doc.PublicKey) {
	for _, n := range g.relays {
		r := n.Room(g.host.id)
		r.mu.Lock()
		for _, c := range r.feeds.children {
			if c.carry == 0 {
				list = append(list, c.author.Device)
			}
		}
		r.mu.Unlock()
	}
	return list
}

// Attack: one ticket on ten devices, two at each of five relays, which all find it good. One session stays, that of the last to come:
// the others are told, lose their place, and the next key.
func TestSharedTicket(t *testing.T) {
	g := plantAs(t, byTicket, 5, 4, 4, 4, 4, 4)
	ticket, holder := g.holding()
	show := func(x *intruder) []byte {
		return x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
	}
	var all []*intruder
	for i := range 10 {
		at := g.relays[i%5].Room(g.host.id)
		x := newIntruder(t, at)
		x.claim = show(x)
		if m := x.joins(at); !isAccept(m) {
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
		t.Helper()
		x.awaitBox("to be put out", func(b relay.Box) bool { return b.Code == codeElsewhere })
		x.letGo("a device whose ticket is used elsewhere")
	}
	for _, x := range all[:9] {
		put(x)
	}
	last := []doc.PublicKey{all[9].author().Device}
	if got := members(); !slices.Equal(got, last) {
		t.Errorf("the key is told to %d devices", len(got))
	}
	if got := g.fed(); !slices.Equal(got, last) {
		t.Errorf("%d devices have a place", len(got))
	}
	awaitChange(t, g.host.n, "a new key", func() bool { return g.host.epochNow() >= 2 })
	// Who was put out comes again with what it showed before, and is told the same; with a new claim it is the last to come.
	x := all[0]
	again := func() {
		t.Helper()
		x.forget()
		x.boxes = nil
		if m := x.joins(g.relays[0].Room(g.host.id)); !isAccept(m) {
			t.Fatalf("again: %+v", m)
		}
	}
	again()
	put(x)
	x.claim = show(x)
	again()
	put(all[9])
	if got := members(); !slices.Equal(got, []doc.PublicKey{x.author().Device}) {
		t.Errorf("the key is told to %d devices", len(got))
	}
}

// revokes has the host revoke tickets of its first offer.
func (g *gathering) revokes(serials ...uint32) {
	g.t.Helper()
	revokeAt(g.t, g.host, serials...)
}

func revokeAt(t *testing.T, host *Room, serials ...uint32) {
	t.Helper()
	host.mu.Lock()
	listings, _ := host.papers.all.All()
	host.mu.Unlock()
	e, err := ledger.ParseEntry(listings[0].Offer)
	if err != nil {
		t.Fatal(err)
	}
	_, err = host.n.shop.store.Append(time.Now(), func(*ledger.Books) ([]ledger.Draft, error) {
		return []ledger.Draft{{Body: &ledger.Revoke{Offer: e.ID, Serials: serials, Reason: ledger.ReasonHost}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whose ticket is revoked is out, gets no key any more, and does not come in again.
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
	g.revokes(0)
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
	again := g.tries(bo, g.host.View().Link)
	awaitChange(t, bo, "Bo to be out again", func() bool { return again.Phase() == Failed })
	if again.hasKey() {
		t.Error("Bo was told the key")
	}
}

// Attack: a node that hears on whatever it is told, with a ticket that was good when it came. From a second after the host has revoked
// it no relay sends it anything, nor lets it in again.
func TestRevokedAtEveryRelay(t *testing.T) {
	g := plantAs(t, Start{Access: room.ByTicket, Sale: Sale{Price: fiveEuro, Seats: 20, Credit: ledger.Money{Amount: 1500, Cur: "EUR"}}}, 3, 4, 4, 4)
	g.tone(g.host, 440)
	bo := startNode(t, "Bo", nil)
	var all []*intruder
	var last []chan time.Time
	for i, n := range g.relays {
		g.buys(bo)
		ticket, holder := bo.ticketTo(g.host.id, time.Now())
		x := newIntruder(t, n.Room(g.host.id))
		x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
		if m := x.joins(n.Room(g.host.id)); !isAccept(m) {
			t.Fatalf("at relay %d: %+v", i, m)
		}
		x.awaitBox("the key", func(b relay.Box) bool { return len(b.Sealed) > 0 })
		first, end := make(chan struct{}), make(chan time.Time, 1)
		go func() { // it reads on as long as anything comes
			var p relay.Packet
			var at time.Time
			for x.link.Receive(&p) == nil {
				if at.IsZero() {
					close(first)
				}
				at = time.Now()
			}
			end <- at
		}()
		<-first
		all, last = append(all, x), append(last, end)
	}
	at := time.Now()
	g.revokes(0, 1, 2)
	for i, x := range all {
		x.letGo("one whose ticket is void")
		x.link.Close()
		sound := (<-last[i]).Sub(at)
		t.Logf("relay %d sent nothing more after %v", i+1, sound)
		if sound > time.Second {
			t.Errorf("relay %d sent sound for %v", i+1, sound)
		}
		x.forget()
		if no, ok := x.joins(g.relays[i].Room(g.host.id)).(relay.Refuse); !ok || no.Code != "ticket_only" {
			t.Errorf("back at relay %d: %+v", i+1, no)
		}
	}
	if got := g.fed(); len(got) != 0 {
		t.Errorf("%d devices have a place", len(got))
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

// A room by ticket breaks off, and days go by. The host is asked, puts it off, and opens it again when they like: ticket and link are good.
func TestRoomByTicketIsOpenedAgain(t *testing.T) {
	home := t.TempDir()
	ana := startMortal(t, home, "Ana", anywhere)
	start := byTicket
	start.Title, start.Language = "Long evening", "en"
	hosted, err := ana.StartRoom(start)
	if err != nil {
		t.Fatal(err)
	}
	bo := startNode(t, "Bo", nil)
	g := &gathering{t: t, host: hosted, guests: make(map[string]*Room)}
	g.buys(bo)
	ref, path := hosted.id.String(), ana.home.roomPath(hosted.id)
	ana.crash(t)
	long := time.Now().Add(-3 * 24 * time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	ana = startMortal(t, home, "Ana", anywhere)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	if rooms := ana.Resume(nil); len(rooms) != 0 {
		t.Error("it was opened without anybody's word")
	}
	if _, err := ana.Market(); err != nil {
		t.Fatal(err)
	}
	sale := func() SaleView {
		t.Helper()
		list, err := ana.Sales()
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[0]
	}
	if s := sale(); s.State != saleWaits || !s.Asks {
		t.Errorf("%+v", s)
	}
	texts := ana.Notices()
	if len(texts) != 1 {
		t.Fatalf("the host reads %q", texts)
	}
	for _, what := range []string{"salon host --again " + ref[:10], "salon ticket reschedule", "salon ticket cancel", "salon ticket close"} {
		if !strings.Contains(texts[0], what) {
			t.Errorf("%q does not say %q", texts[0], what)
		}
	}
	later := time.Now().Add(time.Hour).UnixMilli()
	if _, err := ana.OfferTickets(ref, Terms{Starts: &later}); err != nil {
		t.Fatal(err)
	}
	if s := sale(); s.Asks || len(ana.Notices()) != 0 {
		t.Errorf("put off, and still asked: %+v", s)
	}
	for _, no := range []string{"", "zz", "Another evening"} {
		if _, err := ana.TakeUp(no); code(err) != "nothing_to_take_up" {
			t.Errorf("%q: %v", no, err)
		}
	}
	again, err := ana.TakeUp("Long evening")
	if err != nil || again.id != hosted.id {
		t.Fatal(err)
	}
	if _, err := ana.TakeUp(ref); code(err) != "nothing_to_take_up" {
		t.Errorf("twice: %v", err)
	}
	if s := sale(); s.State != saleRuns {
		t.Errorf("%+v", s)
	}
	g.host = again
	r := g.tries(bo, again.View().Link)
	awaitChange(t, bo, "Bo to have the key", r.hasKey)
}
