package node

import (
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/seal"
)

// wordsAgainst are what so many people say of a relay in a room that is led at r: that it passed on what nobody signed.
func wordsAgainst(t *testing.T, r *Room, id peer.ID, people int) (words []relay.Evidence, by []*doc.Identity) {
	t.Helper()
	r.mu.Lock()
	kid := seal.NewKID(r.state.KeyEpoch, relay.Program, r.state.Program.Incarnation)
	r.mu.Unlock()
	stranger := relay.NewSigner(r.id, relay.Program, kid, doc.NewPrivateKey().Ed25519())
	stranger.Add(relay.Frame{Slot: relay.Program, Number: 100, Sealed: []byte("sealed by somebody else")}, time.Now())
	auth, ok := stranger.Flush()
	if !ok {
		t.Fatal("no auth")
	}
	packet := relay.Packet{Auths: []relay.Auth{*auth}}
	for range people {
		who, err := newDevice(doc.NewPrivateKey())
		if err != nil {
			t.Fatal(err)
		}
		e, err := relay.Evidence{Against: []byte(id), Packet: packet.Append(nil)}.Sign(who, r.id, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		words, by = append(words, e), append(by, who)
	}
	return words, by
}

// accuse has two people of the room say of a relay, where the room is led, that it deceived them.
func accuse(t *testing.T, r *Room, id peer.ID) relay.PutOut {
	t.Helper()
	words, by := wordsAgainst(t, r, id, 2)
	r.mu.Lock()
	key := r.sources()
	for i, e := range words {
		r.host.door.broke(by[i].Author().Person, time.Now()) // they were here a moment ago
		proof, err := e.Open(r.id, key, time.Now())
		if err != nil {
			t.Error(err)
		}
		r.weigh(id, proof, time.Now())
	}
	out := r.isPutOut(id, time.Now())
	r.mu.Unlock()
	if !out {
		t.Fatal("the relay is not put out")
	}
	return relay.PutOut{Peer: []byte(id), Words: words}
}

func (r *Room) hasOut(id peer.ID) func() bool {
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.isPutOut(id, time.Now())
	}
}

// TestPutOutOutlastsTheLeader: everybody knows of a relay that was put out, whoever leads next keeps it out, and so does the host who
// comes back.
func TestPutOutOutlastsTheLeader(t *testing.T) {
	boNode := startNode(t, "Bo", nil)
	g := plantAs(t, Start{CoHosts: []PersonView{{boNode.Person(), "Bo"}}}, 8, 8, 8)
	atBo, err := boNode.Join(t.Context(), g.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	bad, good := g.relays[0], g.relays[1]
	awaitChange(t, boNode, "Bo to be ready", func() bool {
		atBo.mu.Lock()
		defer atBo.mu.Unlock()
		return atBo.prepared()
	})
	awaitChange(t, g.host.n, "Bo to be known as successor", func() bool { return g.host.View().Successor != nil })
	accuse(t, g.host, bad.host.ID())
	for _, r := range []*Room{atBo, good.Room(g.host.id)} {
		awaitChange(t, r.n, "the news", r.hasOut(bad.host.ID()))
	}
	awaitChange(t, bad, "the relay to have gone", func() bool { r := bad.Room(g.host.id); return r == nil || r.Phase().Over() })

	home, at := g.host.n.home.Dir, g.host.n.at()
	g.host.n.crash(t)
	s := &succession{t: t}
	s.ledBy(boNode.Person(), atBo)
	atBo.mu.Lock()
	if out, again := atBo.isPutOut(bad.host.ID(), time.Now()), atBo.askedToCarry(bad.author().Device); !out || again {
		t.Errorf("where Bo leads it is out: %v, may come back: %v", out, again)
	}
	atBo.mu.Unlock()

	ana := startMortal(t, home, "Ana", at)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms taken up", len(rooms))
	}
	s.ledBy(ana.Person(), rooms[0], atBo)
	awaitChange(t, ana, "the host to know of it", rooms[0].hasOut(bad.host.ID()))
	if l := rooms[0].View().Accused; len(l) != 1 || !l[0].Out || l[0].People != 2 || l[0].Device != bad.author().Device {
		t.Errorf("the host is told %+v", l)
	}
}

// TestWhoIsFedByAPutOutRelay: who hears that their relay was put out leaves it at once, whoever brings the news, and does not come back.
func TestWhoIsFedByAPutOutRelay(t *testing.T) {
	g := plant(t, 2, 8, 8)
	g.tone(g.host, 440)
	bo := g.join("Bo")
	ear := g.listen(bo)
	ear.hears(t, "Bo to hear Ana", true, 25)
	bad := g.fedBy(bo)
	if bad == g.host.n {
		t.Fatal("Bo is not below a relay")
	}
	words, _ := wordsAgainst(t, g.host, bad.host.ID(), 2)
	bo.takeOut(relay.PutOut{Peer: []byte(bad.host.ID()), Words: words}, time.Now())
	awaitChange(t, bo.n, "another to feed Bo", func() bool { return bo.Phase() == Live && g.fedBy(bo) != nil && g.fedBy(bo) != bad })
	ear.hears(t, "Bo to hear Ana again", true, 25)
	if n := bo.n.Counts()["out_heard"]; n != 1 {
		t.Errorf("heard %d times", n)
	}
}

// Attack: a co-host who leads, or a relay, names a relay of the host's put out, with what words it has. Nobody believes it.
func TestNobodyPutsOutAlone(t *testing.T) {
	g := plant(t, 2, 8, 8)
	bo := g.join("Bo")
	fed := g.fedBy(bo)
	id := fed.host.ID()
	words, by := wordsAgainst(t, g.host, id, 2)
	other, _ := wordsAgainst(t, g.host, g.host.n.host.ID(), 2)
	again, err := relay.Evidence{Against: []byte(id), Packet: words[0].Packet}.Sign(by[0], bo.id, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	old, err := relay.Evidence{Against: []byte(id), Packet: words[0].Packet}.Sign(by[1], bo.id, time.Now().Add(-2*accusedFor))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := relay.Evidence{Against: []byte(id), Packet: words[0].Packet}.Sign(by[1], room.ID{1}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	altered := words[1]
	altered.Packet = slices.Concat(altered.Packet[:len(altered.Packet)-1], []byte{altered.Packet[len(altered.Packet)-1] ^ 1})
	for name, list := range map[string][]relay.Evidence{
		"nobody's word":          nil,
		"one word":               words[:1],
		"two of one person":      {words[0], again},
		"about another":          other,
		"of another room":        {words[0], elsewhere},
		"of long ago":            {words[0], old},
		"that was altered":       {words[0], altered},
		"more than there may be": slices.Repeat(words, relay.MaxWords),
	} {
		bo.takeOut(relay.PutOut{Peer: []byte(id), Words: list}, time.Now())
		if bo.hasOut(id)() {
			t.Fatalf("by %s it is out", name)
		}
	}
	if g.fedBy(bo) != fed {
		t.Error("Bo left it")
	}
	bo.takeOut(relay.PutOut{Peer: []byte(id), Words: words}, time.Now())
	if !bo.hasOut(id)() {
		t.Error("and by two it is not")
	}
}
