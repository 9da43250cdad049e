package node

import (
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// relayKnows waits until a relay of the grove has heard what the host has decided last.
func (g *grove) relayKnows(i int) {
	g.t.Helper()
	g.host.mu.Lock()
	seq := g.host.state.Seq
	g.host.mu.Unlock()
	at := g.relays[i].Room(g.host.id)
	awaitChange(g.t, g.relays[i], "the relay to have heard it", func() bool {
		at.mu.Lock()
		defer at.mu.Unlock()
		return at.state.Seq >= seq
	})
}

// TestPlaceLostIsLookedAtAgain: who came into a closed room by a place in it, and loses that, shows what else they have, or leaves.
func TestPlaceLostIsLookedAtAgain(t *testing.T) {
	beside(t)
	for name, x := range map[string]struct {
		start Start
		code  string
	}{"ticket": {byTicket, "ticket"}, "invitation": {byInvitation, "invitation"}} {
		t.Run(name, func(t *testing.T) {
			g := plantAs(t, x.start, 2, 8)
			bo, cy := startNode(t, "Bo", nil), startNode(t, "Cy", nil)
			for _, n := range []*Node{bo, cy} {
				g.do(g.host, Action{Kind: "admit", Person: n.Person()})
			}
			g.relayKnows(0)
			bare := g.linkWith([32]byte{})
			atBo, atCy := g.tries(bo, bare), g.tries(cy, bare)
			for _, r := range []*Room{atBo, atCy} {
				if r.Phase() != Live {
					t.Fatalf("%s is %s: %s", r.n.displayName(), r.Phase(), r.View().Reason)
				}
				awaitChange(t, r.n, "the key", r.hasKey)
			}
			// Cy has something else by now.
			if name == "ticket" {
				g.buys(cy)
			} else {
				atCy.mu.Lock()
				full, err := room.ParseLink(g.host.View().Link)
				atCy.link.Secret = full.Secret
				atCy.mu.Unlock()
				if err != nil {
					t.Fatal(err)
				}
			}
			was := atCy.epochNow()
			for _, n := range []*Node{bo, cy} {
				g.do(g.host, Action{Kind: "strike", Person: n.Person()})
			}
			awaitChange(t, bo, "Bo to be out", func() bool { return atBo.Phase() == Failed })
			if why := atBo.View().Reason; !strings.Contains(why, x.code) {
				t.Errorf("Bo is told %q", why)
			}
			awaitChange(t, cy, "a new key", func() bool { return atCy.epochNow() > was && atCy.hasKey() })
			awaitChange(t, cy, "Cy to be in still", func() bool { return atCy.Phase() == Live })
			if atBo.epochNow() > was && atBo.hasKey() {
				t.Error("Bo has the key")
			}
		})
	}
}

// TestSilentPlaceLost: a node that says nothing when its person loses their place is out a moment later.
func TestSilentPlaceLost(t *testing.T) {
	g := plantAs(t, byTicket, 2, 8)
	x := newIntruder(t, g.host)
	person := x.author().Person
	g.do(g.host, Action{Kind: "admit", Person: person})
	x.claim = x.claimOf(room.Claim{})
	if m := x.join(); !isAccept(m) {
		t.Fatalf("the host answered %+v", m)
	}
	x.awaitBox("a key", func(b relay.Box) bool { return len(b.Sealed) > 0 })
	g.do(g.host, Action{Kind: "strike", Person: person})
	look := func(now time.Time) (in bool) {
		g.host.mu.Lock()
		defer g.host.mu.Unlock()
		g.host.doubt(now)
		_, in = g.host.host.keyholder.members[x.author().Device]
		return in
	}
	now := time.Now()
	if !look(now) || !look(now.Add(askAfter/2)) {
		t.Error("it has no time to show something else")
	}
	if look(now.Add(askAfter + time.Second)) {
		t.Error("it is still told the key")
	}
	x.awaitBox("a word", func(b relay.Box) bool { return b.Code == errTicketOnly.Code })
}

// Attack: a relay that lets somebody into a locked room. They are not in the room for the host, and get no key.
func TestRelayBringsNobodyPastTheLock(t *testing.T) {
	beside(t)
	for name, start := range map[string]Start{"open": {}, "by invitation": byInvitation} {
		t.Run(name, func(t *testing.T) {
			g := plantAs(t, start, 1, 8)
			bo := g.join("Bo")
			if p := g.fedBy(bo); p != g.relays[0] {
				t.Fatal("Bo is not below the relay")
			}
			awaitChange(t, g.host.n, "the host to know of Bo", func() bool { // else it may be too late for him, as for who is brought past
				g.host.mu.Lock()
				defer g.host.mu.Unlock()
				return g.host.isHere(bo.n.author().Device)
			})
			g.do(g.host, Action{Kind: "lock"})
			g.relayKnows(0)
			relayed := g.relays[0].Room(g.host.id)
			relayed.mu.Lock()
			relayed.state.Locked = false
			relayed.mu.Unlock()
			g.host.mu.Lock()
			if !g.host.lockIsNew(time.Now()) {
				t.Error("who came in before the lock, and is named after it, is kept out")
			}
			g.host.host.door.locked = time.Now().Add(-2 * lockTakes)
			g.host.mu.Unlock()
			x := newIntruder(t, relayed)
			l, err := room.ParseLink(g.host.View().Link)
			if err != nil {
				t.Fatal(err)
			}
			if start.Access == room.ByInvitation {
				x.claim = x.claimOf(room.Claim{Invited: room.Invited(l.Secret, l.Room, x.author())})
			}
			if m := x.join(); !isAccept(m) {
				t.Fatalf("the relay answered %+v", m)
			}
			awaitCount(t, g.host.n, "present_past_lock", 1)
			if start.Access == room.ByInvitation {
				x.awaitBox("a word instead of a key", func(b relay.Box) bool { return b.Code == "locked" })
			}
			g.host.mu.Lock()
			here := g.host.isHere(x.author().Device)
			g.host.mu.Unlock()
			if here {
				t.Error("they are in the room")
			}
			x.mu.Lock()
			for _, b := range x.boxes {
				if len(b.Sealed) > 0 {
					t.Error("they have a key")
				}
			}
			x.mu.Unlock()
			awaitChange(t, bo.n, "Bo to be in the room", func() bool { return bo.Phase() == Live })
		})
	}
}

// TestLockedWhenTheHostIsBack: the host comes back to a room that is locked. Who was inside with the co-host comes in, and nobody else
// does, with whatever papers.
func TestLockedWhenTheHostIsBack(t *testing.T) {
	s := startSuccession(t)
	at := s.ana.at()
	s.ana.crash(t)
	s.ledBy(s.boIs, s.bo, s.cy, s.dan)
	gus, eve := startNode(t, "Gus", nil), startNode(t, "Eve", nil)
	atGus, err := gus.Join(t.Context(), s.bo.View().Link)
	if err != nil || atGus.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	s.do(s.bo, Action{Kind: "lock"})
	defer s.anaIsBack(at)()
	atEve, err := eve.Join(t.Context(), s.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	s.ledBy(s.anaI, s.host, s.bo, s.cy, s.dan, atGus)
	awaitChange(t, eve, "Eve to be told", func() bool { return atEve.Phase() != Connecting })
	if p := atEve.Phase(); p != Failed {
		t.Errorf("Eve is %s", p)
	}
	s.host.mu.Lock()
	defer s.host.mu.Unlock()
	for _, p := range []doc.PublicKey{gus.Person(), s.cy.n.Person()} {
		if !s.host.letsIn(p) {
			t.Errorf("%v would not come in again", p)
		}
	}
	if s.host.letsIn(eve.Person()) {
		t.Error("Eve would come in")
	}
}
