package node

import (
	"reflect"
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
	return wordsAbout(t, r, id, people, doc.NewPrivateKey())
}

// wordsAbout are wordsAgainst that somebody else than the source signed it.
func wordsAbout(t *testing.T, r *Room, id peer.ID, people int, signer doc.PrivateKey) (words []relay.Evidence, by []*doc.Identity) {
	t.Helper()
	r.mu.Lock()
	kid := seal.NewKID(r.state.KeyEpoch, relay.Program, r.state.Program.Incarnation)
	r.mu.Unlock()
	stranger := relay.NewSigner(r.id, relay.Program, kid, signer.Ed25519())
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

// vouched is the news that a relay is put out, by words whose authors a node says are in the room.
func vouched(t *testing.T, r *Room, by *Node, id peer.ID, words []relay.Evidence) relay.PutOut {
	t.Helper()
	out, err := relay.PutOut{Peer: []byte(id), Words: words}.Vouched(by.id(), r.id)
	if err != nil {
		t.Fatal(err)
	}
	return out
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
	return vouched(t, r, r.n, id, words)
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

// TestPutOutOutlastsAHostAlone: a host who is started again, while nobody led the room, knows which relays were put out, by how many,
// and for how long.
func TestPutOutOutlastsAHostAlone(t *testing.T) {
	g := plantAs(t, Start{}, 8, 8, 8)
	bad, good := g.relays[0], g.relays[1]
	accuse(t, g.host, bad.host.ID())
	awaitChange(t, good, "the news", good.Room(g.host.id).hasOut(bad.host.ID()))
	awaitKept(t, g.host.n, g.host.id, func(k kept) bool { return len(k.Host.Outs) == 1 })
	before := g.host.View().Accused
	home, at := g.host.n.home.Dir, g.host.n.at()
	g.host.n.crash(t)

	ana, err := New(Options{Home: home, NoMDNS: true, Listen: []string{at}, Relays: []string{bad.Status().Addrs[0], good.Status().Addrs[0]}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms taken up", len(rooms))
	}
	if !rooms[0].hasOut(bad.host.ID())() || rooms[0].hasOut(good.host.ID())() {
		t.Error("another relay is out now")
	}
	if l := rooms[0].View().Accused; !reflect.DeepEqual(l, before) || len(l) != 1 || !l[0].Out || l[0].People != 2 {
		t.Errorf("the host was told %+v, and is %+v", before, l)
	}
	awaitChange(t, good, "the other relay to be back", func() bool { r := good.Room(rooms[0].id); return r != nil && r.Phase() == Live })
	rooms[0].mu.Lock()
	if rooms[0].askedToCarry(bad.author().Device) {
		t.Error("it is asked again")
	}
	rooms[0].mu.Unlock()
}

// What was kept of a put-out holds for as long as it would have, and nothing damaged is taken for one.
func TestKeptPutOutExpires(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	hosted, err := ana.StartRoom(Start{Title: "Kept", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := peerOf(device(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	words, _ := wordsAgainst(t, hosted, id, 2)
	now := time.Now()
	hosted.mu.Lock()
	defer hosted.mu.Unlock()
	hosted.outs = map[peer.ID]putOut{id: {relay.PutOut{Peer: []byte(id), Words: words}, now}}
	list := hosted.keptOuts(now)
	if len(list) != 1 || len(hosted.keptOuts(now.Add(accusedFor+time.Second))) != 0 {
		t.Fatalf("kept is %+v", list)
	}
	damaged := list[0]
	damaged.Told = damaged.Told[:len(damaged.Told)-1]
	ahead := list[0]
	ahead.At += time.Hour.Milliseconds()
	for name, c := range map[string]struct {
		kept  keptOut
		after time.Duration
		want  bool
	}{
		"at once":                      {list[0], 0, true},
		"just before it is over":       {list[0], relay.OutFor(2) - time.Second, true},
		"when it is over":              {list[0], relay.OutFor(2) + time.Second, false},
		"damaged":                      {damaged, 0, false},
		"after the clock was put back": {ahead, 0, false},
		"of somebody who has no name":  {keptOut{At: list[0].At}, 0, false},
	} {
		hosted.outs, hosted.host.accused = nil, make(map[peer.ID]*accused)
		hosted.reopenOuts([]keptOut{c.kept}, now.Add(c.after))
		if got := hosted.isPutOut(id, now.Add(c.after)); got != c.want || len(hosted.host.accused) != len(hosted.outs) {
			t.Errorf("%s: put out %v", name, got)
		}
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
	bo.takeOut(vouched(t, bo, g.host.n, bad.host.ID(), words), time.Now())
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
		bo.takeOut(vouched(t, bo, g.host.n, id, list), time.Now())
		if bo.hasOut(id)() {
			t.Fatalf("by %s it is out", name)
		}
	}
	for name, out := range map[string]relay.PutOut{
		"people for whom nobody vouches":       {Peer: []byte(id), Words: words},
		"people for whom a listener vouches":   vouched(t, bo, bo.n, id, words),
		"people for whom the relay vouches":    vouched(t, bo, fed, id, words),
		"others than the host has vouched for": {Peer: []byte(id), Words: words, Vouch: vouched(t, bo, g.host.n, id, other).Vouch},
	} {
		bo.takeOut(out, time.Now())
		if bo.hasOut(id)() {
			t.Fatalf("by %s it is out", name)
		}
	}
	if g.fedBy(bo) != fed {
		t.Error("Bo left it")
	}
	bo.takeOut(vouched(t, bo, g.host.n, id, words), time.Now())
	if !bo.hasOut(id)() {
		t.Error("and by two it is not")
	}
}

// For how long a relay is out is for those to say who left it: by two a few minutes, by more longer, counted from when they spoke. News
// of fewer takes nothing back, and whoever passes it on again does not make it longer.
func TestHowLongARelayIsOut(t *testing.T) {
	r := gather(t, Start{}).host
	id, err := peerOf(device(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	words, _ := wordsAgainst(t, r, id, relay.MaxWords)
	now := time.Now()
	left := func() time.Duration {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.outs[id].until().Sub(now).Round(time.Minute)
	}
	for _, c := range []struct {
		words int
		want  time.Duration
	}{{2, 5 * time.Minute}, {3, 20 * time.Minute}, {2, 20 * time.Minute}, {4, time.Hour}, {3, time.Hour}} {
		r.takeOut(vouched(t, r, r.n, id, words[:c.words]), now)
		if got := left(); got != c.want {
			t.Errorf("by %d people it is out for %s, want %s", c.words, got, c.want)
		}
	}
	r.mu.Lock()
	if v := r.accusedViews(now); len(v) != 1 || v[0].People != relay.MaxWords || !v[0].Out {
		t.Errorf("where the room is led they see %+v", v)
	}
	delete(r.outs, id)
	r.mu.Unlock()
	later := now.Add(10 * time.Minute)
	r.takeOut(vouched(t, r, r.n, id, words[:2]), later)
	if r.mu.Lock(); r.isPutOut(id, later) {
		t.Error("what two said ten minutes ago puts it out once more")
	}
	r.mu.Unlock()
}

// Attack: two people have as many relays put out as are remembered, so that nobody can put out theirs. It lasts for as long as they are
// believed.
func TestRelaysThatAreBackShieldNone(t *testing.T) {
	r := gather(t, Start{}).host
	id, err := peerOf(device(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	words, _ := wordsAgainst(t, r, id, 2)
	now := time.Now()
	for name, c := range map[string]struct {
		ago time.Duration
		out bool
	}{
		"while they are out": {relay.OutFor(2) - time.Minute, false},
		"when they are back": {relay.OutFor(2) + time.Minute, true},
	} {
		r.mu.Lock()
		r.outs = make(map[peer.ID]putOut)
		for i := range outsMost {
			r.outs[peer.ID(rune('a'+i))] = putOut{relay.PutOut{Words: words}, now.Add(-c.ago)}
		}
		r.mu.Unlock()
		r.takeOut(vouched(t, r, r.n, id, words), now)
		r.mu.Lock()
		if got := r.isPutOut(id, now); got != c.out {
			t.Errorf("%s: another is out: %v", name, got)
		}
		r.outs = nil
		r.mu.Unlock()
	}
}
