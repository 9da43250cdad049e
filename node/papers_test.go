package node

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// hasPapers reports whether a node can check tickets to its room.
func (r *Room) hasPapers() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.papers.gate != nil
}

// buys has a node buy a ticket to the room.
func (s *succession) buys(n *Node) {
	s.t.Helper()
	(&gathering{t: s.t, host: s.host}).buys(n)
}

// TestCoHostLeadsARoomByTicket: whoever leads a room by ticket in its host's place lets in whom the host would, and nobody else. Who is
// in hears on, and whose ticket is void is out, also if it was revoked by a host who is a guest.
func TestCoHostLeadsARoomByTicket(t *testing.T) {
	s := startSuccessionAs(t, byTicket)
	link := s.host.View().Link
	eve, fay, gus := startNode(t, "Eve", nil), startNode(t, "Fay", nil), startNode(t, "Gus", nil)
	s.buys(fay)
	s.buys(gus)
	gusHas, _ := gus.ticketTo(s.host.id, time.Now())
	tk, _, err := ledger.OpenDocument[ledger.Ticket](gusHas)
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, s.bo.n, "Bo to have the papers", s.bo.hasPapers)
	check := func(r *Room, raw []byte) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		_, err := r.papers.gate.Check(raw, time.Now())
		return err
	}
	// The attack, as long as Bo does not know: what was revoked is good. Then it is not, before Bo leads and after.
	if err := check(s.bo, gusHas); err != nil {
		t.Errorf("a ticket that is good: %v", err)
	}
	revokeAt(t, s.host, tk.Serial)
	awaitChange(t, s.bo.n, "Bo to know that Gus's ticket is void", func() bool { return check(s.bo, gusHas) != nil })

	s.ana.crash(t)
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	s.danHears.hears(t, "Dan to hear Bo again", true, 25)
	link = s.bo.View().Link
	enters := func(n *Node) *Room {
		t.Helper()
		r, err := n.Join(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		awaitChange(t, n, "the answer at the door", func() bool { return r.Phase() != Connecting })
		return r
	}
	for _, n := range []*Node{eve, gus} {
		if v := enters(n).View(); v.Phase != Failed || !strings.Contains(v.Reason, "ticket") {
			t.Errorf("%s comes in: %s, %q", n.displayName(), v.Phase, v.Reason)
		}
	}
	atFay := enters(fay)
	awaitChange(t, fay, "Fay to have the key", atFay.hasKey)
	members := func(n int) func() bool {
		return func() bool {
			s.bo.mu.Lock()
			defer s.bo.mu.Unlock()
			return len(s.bo.host.keyholder.members) == n
		}
	}
	awaitChange(t, s.bo.n, "Cy and Dan to have shown their tickets again", members(3))
	was := s.dan.epochNow()
	awaitChange(t, s.dan.n, "a new key, which whom Ana had put out is not told", func() bool { return s.dan.epochNow() > was && s.dan.hasKey() })
	s.danHears.hears(t, "Dan to hear Bo under the new key", true, 100)
	for name, r := range map[string]*Room{"Cy": s.cy, "Dan": s.dan, "Fay": atFay} {
		awaitChange(t, r.n, name+" to have the new key", func() bool { return r.Phase() == Live && r.hasKey() })
	}
}

// TestRevokedUnderACoHost: a host who has handed the room over is a guest, and can still say which tickets are void.
func TestRevokedUnderACoHost(t *testing.T) {
	s := startSuccessionAs(t, byTicket)
	defer func() {
		if err := s.ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	raw, _ := s.cy.n.ticketTo(s.host.id, time.Now())
	tk, _, err := ledger.OpenDocument[ledger.Ticket](raw)
	if err != nil {
		t.Fatal(err)
	}
	s.do(s.host, Action{Kind: "hand_over", Person: s.boIs})
	s.ledBy(s.boIs, s.host, s.bo, s.cy, s.dan)
	awaitChange(t, s.bo.n, "Cy to be known to Bo", func() bool {
		s.bo.mu.Lock()
		defer s.bo.mu.Unlock()
		_, in := s.bo.host.keyholder.members[s.cy.n.author().Device]
		return in
	})
	revokeAt(t, s.host, tk.Serial)
	awaitChange(t, s.cy.n, "Cy to be out", func() bool { return s.cy.Phase().Over() })
	if v := s.cy.View(); !strings.Contains(v.Reason, "ticket") {
		t.Errorf("Cy is told %q", v.Reason)
	}
	awaitChange(t, s.dan.n, "Dan to be in still", func() bool { return s.dan.Phase() == Live })
}

// TestRevokedByAHostWhoLeft: a host who has handed the room over and is not in it can say so, too.
func TestRevokedByAHostWhoLeft(t *testing.T) {
	s := startSuccessionAs(t, byTicket)
	defer func() {
		if err := s.ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	raw, _ := s.cy.n.ticketTo(s.host.id, time.Now())
	tk, _, err := ledger.OpenDocument[ledger.Ticket](raw)
	if err != nil {
		t.Fatal(err)
	}
	s.do(s.host, Action{Kind: "hand_over"})
	s.do(s.host, Action{Kind: "leave"})
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	awaitChange(t, s.ana, "Ana to see who leads her room", func() bool {
		l, ok := s.ana.dir.Get(s.host.id, time.Now())
		return ok && l.device == s.bo.n.author().Device && s.ana.Room(s.host.id) == nil
	})
	revokeAt(t, s.host, tk.Serial)
	awaitChange(t, s.cy.n, "Cy to be out", func() bool { return s.cy.Phase().Over() })
	if v := s.cy.View(); !strings.Contains(v.Reason, "ticket") {
		t.Errorf("Cy is told %q", v.Reason)
	}
	awaitChange(t, s.dan.n, "Dan to be in still", func() bool { return s.dan.Phase() == Live })
	// Attack: a stranger shows a list of their own.
	eve := doc.NewPrivateKey()
	forged, _, err := ledger.Sign(eve, ledger.Revocations{Room: ledger.Room(s.host.id), Epoch: 9, Void: []uint8{0}, By: eve.Public(), Time: time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	x := newIntruder(t, s.bo)
	ctl := newControlConn(x.open(protoControl, nil), nil)
	defer ctl.Close()
	ctl.Send(relay.Papers{Room: s.host.id, Void: forged})
	m, err := ctl.Receive()
	if no, ok := m.(relay.Refuse); !ok || no.Code != "untrusted" {
		t.Errorf("a stranger's list: %+v, %v", m, err)
	}
}

// Attack: papers that nobody asked for, or that somebody else signed. They change nothing.
func TestPapersOfAStranger(t *testing.T) {
	g := plantAs(t, byTicket, 2, 8)
	relayed := g.relays[0].Room(g.host.id)
	ticket, holder := g.holding()
	x := newIntruder(t, relayed)
	x.claim = x.claimOf(room.Claim{Ticket: ticket, Held: room.Held(holder, g.host.id, x.author())})
	if m := x.joins(relayed); !isAccept(m) {
		t.Fatalf("%+v", m)
	}
	relayed.mu.Lock()
	version := relayed.papers.version
	listings, void := relayed.papers.all.All()
	relayed.mu.Unlock()
	good := paperMessages(listings, void)[0]
	eve := doc.NewPrivateKey()
	forged, _, err := ledger.Sign(eve, ledger.Revocations{Room: ledger.Room(g.host.id), Epoch: 9, Void: []uint8{0}, By: eve.Public(), Time: time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	x.ctl.Send(good)
	awaitCount(t, g.relays[0], "papers_unasked", 1) // of a listener none are taken
	if err := relayed.takePapers(relay.Papers{Void: forged}, nil, time.Now()); err == nil {
		t.Error("a stranger's list of void tickets was taken")
	}
	other := good
	other.Listings = slices.Clone(good.Listings)
	other.Listings[0].Offer = bytes.Clone(other.Listings[0].Offer)
	other.Listings[0].Offer[len(other.Listings[0].Offer)-1] ^= 1
	if err := relayed.takePapers(other, nil, time.Now()); err == nil {
		t.Error("an offer that the host did not sign was taken")
	}
	if err := relayed.takePapers(good, nil, time.Now()); err != nil {
		t.Errorf("what is known already: %v", err)
	}
	relayed.mu.Lock()
	defer relayed.mu.Unlock()
	if relayed.papers.version != version || len(relayed.feeds.children) == 0 {
		t.Errorf("version %d after %d, %d children", relayed.papers.version, version, len(relayed.feeds.children))
	}
}

func TestPaperMessages(t *testing.T) {
	of := func(n int) ledger.Listing { return ledger.Listing{Cert: []byte{1}, Offer: make([]byte, n)} }
	void := []byte{2}
	for name, c := range map[string]struct {
		listings []ledger.Listing
		void     []byte
		want     []int // listings in each message
	}{
		"nothing":             {nil, nil, nil},
		"a list alone":        {nil, void, []int{0}},
		"one":                 {[]ledger.Listing{of(100)}, void, []int{1}},
		"many":                {slices.Repeat([]ledger.Listing{of(10)}, relay.MaxListings+1), void, []int{relay.MaxListings, 1}},
		"large":               {slices.Repeat([]ledger.Listing{of(40 << 10)}, 3), void, []int{1, 1, 1}},
		"a list that is long": {[]ledger.Listing{of(100)}, make([]byte, 100<<10), []int{1, 0}},
	} {
		got := paperMessages(c.listings, c.void)
		var sizes []int
		for i, m := range got {
			sizes = append(sizes, len(m.Listings))
			if b, err := relay.EncodeControl(m); err != nil {
				t.Errorf("%s: message %d of %d bytes: %v", name, i, len(b), err)
			}
			if last := i == len(got)-1; (len(m.Void) > 0) != (last && len(c.void) > 0) {
				t.Errorf("%s: the list is in message %d of %d", name, i, len(got))
			}
		}
		if !slices.Equal(sizes, c.want) {
			t.Errorf("%s: %v, want %v", name, sizes, c.want)
		}
	}
}
