package node

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/seal"
)

var byInvitation = Start{Access: room.ByInvitation}

// secretsOf are the keys of a hosted room, and the secret in its link.
func secretsOf(r *Room) (all [][32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.keys.secrets {
		all = append(all, s)
	}
	return append(all, r.keys.link)
}

func (r *Room) epochNow() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.KeyEpoch
}

// hasKey reports whether a node was told the latest key of its room.
func (r *Room) hasKey() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil {
		return false
	}
	_, ok := r.keys.secrets[r.state.KeyEpoch]
	return ok && r.state.IsClosed()
}

// linkWith is the room's link with another secret, or none.
func (g *gathering) linkWith(secret [32]byte) string {
	g.t.Helper()
	l, err := room.ParseLink(g.host.View().Link)
	if err != nil {
		g.t.Fatal(err)
	}
	l.Secret = secret
	return l.String()
}

// tries joins and returns the room, however that went.
func (g *gathering) tries(n *Node, link string) *Room {
	g.t.Helper()
	r, err := n.Join(g.t.Context(), link)
	if err != nil {
		g.t.Fatal(err)
	}
	awaitChange(g.t, n, "the answer at the door", func() bool { return r.Phase() != Connecting })
	return r
}

// A wiretap keeps every byte of the control streams that a node serves.
type wiretap struct {
	mu  sync.Mutex // guards all
	all bytes.Buffer
}

func (w *wiretap) note(b []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all.Write(b)
}

func (w *wiretap) contains(b []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.all.Bytes(), b)
}

type tappedStream struct {
	network.Stream
	in, out *wiretap // one direction each, so that what is cut in two is found
}

func (s tappedStream) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	s.in.note(b[:n])
	return n, err
}

func (s tappedStream) Write(b []byte) (int, error) {
	s.out.note(b)
	return s.Stream.Write(b)
}

// wiretaps are those at several nodes.
type wiretaps struct {
	mu  sync.Mutex // guards all
	all []*wiretap
}

func (w *wiretaps) list() []*wiretap {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.all)
}

// tap keeps what passes over the control streams that others open to a node from now on.
func (n *Node) tap(taps *wiretaps) {
	n.host.SetStreamHandler(protoControl, func(s network.Stream) {
		in, out := &wiretap{}, &wiretap{}
		taps.mu.Lock()
		taps.all = append(taps.all, in, out)
		taps.mu.Unlock()
		n.serve(tappedStream{s, in, out}, n.serveControl)
	})
}

// A room by invitation, below a relay: who has the link hears, who has not is told so; the guest list lets in without it; and
// of all that passes the relay nothing is a key.
func TestClosedRoomBelowRelay(t *testing.T) {
	var taps wiretaps
	g := &grove{}
	{
		n := startNode(t, "", func(o *Options) { o.Relay = &Relay{Open: true, Opens: true} })
		n.tap(&taps)
		ana := startNode(t, "Ana", func(o *Options) { o.MaxChildren, o.Relays = 1, []string{n.Status().Addrs[0]} })
		ana.tap(&taps)
		g.gathering, g.relays = &gathering{t: t, guests: make(map[string]*Room)}, []*Node{n}
		var err error
		if g.host, err = ana.StartRoom(Start{Title: "Among us", Language: "en", Access: room.ByInvitation}); err != nil {
			t.Fatal(err)
		}
		awaitChange(t, n, "the relay to carry the room", func() bool { r := n.Room(g.host.id); return r != nil && r.Phase() == Live })
	}
	ana, relayed := g.host.n, g.relays[0].Room(g.host.id)
	g.tone(g.host, 440)
	bo, cy := g.join("Bo"), g.join("Cy")
	for name, r := range g.guests {
		g.listen(r).hears(t, name+" to hear Ana", true, 50)
		if r.Stats().Depth != 2 {
			t.Errorf("%s is at depth %d", name, r.Stats().Depth)
		}
		if v := r.View(); v.Access != "invite" {
			t.Errorf("%s sees access %q", name, v.Access)
		}
	}
	if err := relayed.PlayToGuest(newEar(t)); err == nil {
		t.Error("a relay plays a closed room to guests")
	}

	// At the door.
	dan := startNode(t, "Dan", nil)
	for what, link := range map[string]string{"no secret": g.linkWith([32]byte{}), "another secret": g.linkWith([32]byte{1})} {
		if v := g.tries(dan, link).View(); v.Phase != Failed || !strings.Contains(v.Reason, "by invitation") {
			t.Errorf("with %s: %s, %q", what, v.Phase, v.Reason)
		}
	}
	g.do(g.host, Action{Kind: "admit", Person: dan.Person()})
	awaitChange(t, g.relays[0], "the relay to know", func() bool {
		relayed.mu.Lock()
		defer relayed.mu.Unlock()
		return relayed.state.IsListed(dan.Person())
	})
	if v := g.host.View(); len(v.Listed) != 1 || v.Listed[0].Person != dan.Person() {
		t.Errorf("the host's list: %+v", v.Listed)
	}
	if v := bo.View(); len(v.Listed) != 0 {
		t.Errorf("a listener sees the list: %+v", v.Listed)
	}
	atDan := g.tries(dan, g.linkWith([32]byte{}))
	g.guests["Dan"] = atDan
	g.listen(atDan).hears(t, "Dan to hear Ana", true, 25)

	// On stage, through the relay, both ways.
	atAna := g.listen(g.host)
	g.do(bo, Action{Kind: "raise_hand"})
	g.all("the hand", func(v RoomView) bool { return len(v.Hands) == 1 })
	g.do(g.host, about("grant", bo))
	g.all("the seat", func(v RoomView) bool { return len(v.Stage) == 2 })
	g.tone(bo, 600)
	atAna.hears(t, "Ana to hear Bo", true, 50)

	// Cy is removed: a new key, which Cy's node is not told, and nobody else hears a gap.
	heard := tapProgram(t, g.host)
	before := map[string]uint64{"Dan": atDan.Stats().Concealed}
	g.do(g.host, about("remove", cy))
	delete(g.guests, "Cy")
	awaitChange(t, cy.n, "Cy to be out", func() bool { return cy.Phase() == Removed })
	cy.close()
	cys := &cy.voice.opener // with all that Cy's node was ever told
	awaitChange(t, ana, "a new key", func() bool { return g.host.epochNow() == 2 })
	for name, r := range g.guests {
		awaitChange(t, r.n, name+" to be told", func() bool { return r.epochNow() == 2 && r.hasKey() })
	}
	g.host.mu.Lock()
	from, program := g.host.state.From, g.host.state.Program
	g.host.mu.Unlock()
	opened, under := 0, map[uint32]int{}
	for n := uint64(0); n < from+100; {
		f := heard(t)
		n = f.Number
		under[epochOf(t, f)]++
		_, _, _, err := cys.Open(nil, seal.Source{Device: program.Device, Start: program.Start}, f.AppendMeta(nil), f.Sealed)
		if after := f.Number >= from; after != (epochOf(t, f) == 2) || after && !errors.Is(err, seal.ErrEpoch) {
			t.Fatalf("frame %d of those from %d: epoch %d, %v", f.Number, from, epochOf(t, f), err)
		} else if after && err == nil {
			opened++
		}
	}
	if opened != 0 || under[1] == 0 || under[2] < 100 {
		t.Errorf("the removed opened %d frames after the activation; frames by epoch %v", opened, under)
	}
	atAna.hears(t, "Ana to hear Bo under the new key", true, 50)
	g.listen(atDan).hears(t, "Dan to hear under the new key", true, 50)
	t.Logf("Dan missed %d frames over the change", atDan.Stats().Concealed-before["Dan"])
	if c := atDan.n.Counts(); c["frame_unsealed"] != 0 {
		t.Errorf("Dan could not open %d frames", c["frame_unsealed"])
	}

	// What passed the relay.
	for _, secret := range secretsOf(g.host) {
		for _, w := range taps.list() {
			if w.contains(secret[:]) {
				t.Fatal("a key passed the relay")
			}
		}
		if raw, err := relayedBytes(relayed); err != nil || bytes.Contains(raw, secret[:]) {
			t.Fatalf("the relay holds a key, %v", err)
		}
	}
	seen := 0
	person := bo.n.Person()
	for _, w := range taps.list() {
		if w.contains(person[:]) {
			seen++
		}
	}
	if seen < 3 {
		t.Errorf("the taps heard %d streams: this test shows nothing", seen)
	}
	relayed.mu.Lock()
	defer relayed.mu.Unlock()
	if len(relayed.keys.secrets) != 0 || !relayed.voice.deaf {
		t.Error("the relay was told a key, or listens")
	}
}

// relayedBytes is what a relay would tell a newcomer.
func relayedBytes(r *Room) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, since, err := r.acceptance(relay.Accept{})
	if err != nil {
		return nil, err
	}
	b, err := relay.EncodeControl(a)
	for _, m := range since {
		b = append(b, m.raw...)
	}
	return b, err
}

// tapProgram returns what gives the program's frames as the host sends them, one after another.
func tapProgram(t *testing.T, r *Room) func(t *testing.T) relay.Frame {
	t.Helper()
	l := newTap()
	r.media.setLink("tap", l)
	r.media.do(func(tree *relay.Tree, now time.Time) {
		if err := errors.Join(tree.AddChild("tap", now), tree.Subscribe("tap", relay.Slots(relay.Program), now)); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() { r.media.dropLink("tap") })
	var queue []relay.Frame
	return func(t *testing.T) relay.Frame {
		t.Helper()
		for deadline := time.After(20 * time.Second); ; {
			frames, _ := l.take()
			for _, f := range frames {
				if f.Slot == relay.Program {
					queue = append(queue, f)
				}
			}
			if len(queue) > 0 {
				f := queue[0]
				queue = queue[1:]
				return f
			}
			select {
			case <-l.news:
			case <-deadline:
				t.Fatal("no program for 20 s")
			}
		}
	}
}

// A link is renewed: the old one lets nobody new in, and everybody back who was in with it, wherever they have been since.
func TestLinkRenewed(t *testing.T) {
	g := plantAs(t, byInvitation, 1, 8)
	old := g.host.View().Link
	home := t.TempDir()
	first, err := New(Options{Home: home, Name: "Bo", NoMDNS: true, Listen: []string{anywhere}})
	if err != nil {
		t.Fatal(err)
	}
	bo := g.tries(first, old)
	awaitChange(t, first, "Bo's key", bo.hasKey)
	awaitPass := func(n *Node) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); n.passes.of(g.host.id) == nil; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no pass in 20 s")
			}
		}
	}
	awaitPass(first)

	g.refused(bo, Action{Kind: "relink"}, "not_allowed")
	g.do(g.host, Action{Kind: "relink"})
	if now := g.host.View().Link; now == old {
		t.Fatal("the link is the same")
	}
	awaitChange(t, g.relays[0], "the relay to know", func() bool {
		r := g.relays[0].Room(g.host.id)
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.state.Invitation == doc.PrivateKeyFromSeed(g.host.keys.link).Public()
	})
	if v := g.tries(startNode(t, "Cy", nil), old).View(); v.Phase != Failed || !strings.Contains(v.Reason, "by invitation") {
		t.Errorf("with the old link: %s, %q", v.Phase, v.Reason)
	}
	if r := g.join("Dan"); r.Phase() != Live {
		t.Errorf("with the new link: %s", r.Phase())
	}
	// Bo's connection breaks, Bo leaves, Bo's node starts anew.
	bo.mu.Lock()
	up := bo.guest.up
	bo.mu.Unlock()
	up.ctl.Close()
	awaitChange(t, first, "Bo to be back", func() bool { return bo.Phase() == Live && bo.hasKey() })
	g.do(bo, Action{Kind: "leave"})
	bo = g.tries(first, g.linkWith([32]byte{}))
	if awaitChange(t, first, "Bo's key again", bo.hasKey); bo.Phase() != Live {
		t.Errorf("with a pass: %s, %s", bo.Phase(), bo.View().Reason)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := startNode(t, "", func(o *Options) { o.Home = home })
	if bo = g.tries(second, old); bo.Phase() != Live {
		t.Errorf("with a pass, after a restart: %s, %s", bo.Phase(), bo.View().Reason)
	}
	// But no pass opens the door to who was removed.
	g.do(g.host, about("remove", bo))
	awaitChange(t, second, "Bo to be out", func() bool { return bo.Phase() == Removed })
	if r := g.tries(second, g.host.View().Link); r.Phase() != Removed {
		t.Errorf("the removed comes in with a pass: %s", r.Phase())
	}
}

// claimOf is what an intruder shows, with the secret of an invitation.
func (x *intruder) claimOf(c room.Claim) []byte {
	x.t.Helper()
	box, err := room.NewBoxKey()
	if err != nil {
		x.t.Fatal(err)
	}
	c.Room, c.Key, c.Time = x.room, box.Public(), time.Now().UnixMilli()
	raw, err := room.SignClaim(x.id, c)
	if err != nil {
		x.t.Fatal(err)
	}
	return raw
}

// Nobody is let in, by the host or a relay, with a proof that is forged, of another device, or of an old link.
func TestDoorOfClosedRoom(t *testing.T) {
	g := plantAs(t, byInvitation, 2, 8)
	g.host.mu.Lock()
	stale := g.host.keys.link
	g.host.mu.Unlock()
	g.do(g.host, Action{Kind: "relink"})
	relayed := g.relays[0].Room(g.host.id)
	awaitChange(t, g.relays[0], "the relay to know", func() bool {
		relayed.mu.Lock()
		defer relayed.mu.Unlock()
		return relayed.state.Invitation == doc.PrivateKeyFromSeed(g.host.keys.link).Public()
	})
	g.host.mu.Lock()
	secret := g.host.keys.link
	g.host.mu.Unlock()
	for where, at := range map[string]*Room{"host": g.host, "relay": relayed} {
		victim, person := newIntruder(t, at), doc.NewPrivateKey()
		same := newIntruderOf(t, at, person) // another device of the thief's own person
		good := victim.claimOf(room.Claim{Invited: room.Invited(secret, at.id, victim.author())})
		for name, c := range map[string]struct {
			code string
			show func(x *intruder) []byte
		}{
			"nothing":            {"invite_only", func(x *intruder) []byte { return nil }},
			"a claim of nothing": {"invite_only", func(x *intruder) []byte { return x.claimOf(room.Claim{}) }},
			"a forged proof":     {"invite_only", func(x *intruder) []byte { return x.claimOf(room.Claim{Invited: [64]byte{1}}) }},
			"another secret": {"invite_only", func(x *intruder) []byte {
				return x.claimOf(room.Claim{Invited: room.Invited([32]byte{1}, at.id, x.author())})
			}},
			"the old link": {"invite_only", func(x *intruder) []byte {
				return x.claimOf(room.Claim{Invited: room.Invited(stale, at.id, x.author())})
			}},
			"another device's claim": {"identity", func(x *intruder) []byte { return good }},
			"another device's proof": {"invite_only", func(x *intruder) []byte {
				return x.claimOf(room.Claim{Invited: room.Invited(secret, at.id, victim.author())})
			}},
			"the proof of one's own 2nd device": {"invite_only", func(x *intruder) []byte {
				return x.claimOf(room.Claim{Invited: room.Invited(secret, at.id, same.author())})
			}},
			"a proof for another room": {"invite_only", func(x *intruder) []byte {
				return x.claimOf(room.Claim{Invited: room.Invited(secret, room.ID{1}, x.author())})
			}},
			"a pass of one's own making": {"invite_only", func(x *intruder) []byte {
				pass, err := room.SignPass(x.id, room.Pass{Room: at.id, Person: x.author().Person})
				if err != nil {
					t.Fatal(err)
				}
				return x.claimOf(room.Claim{Pass: pass})
			}},
			"rubbish": {"identity", func(x *intruder) []byte { return []byte("rubbish") }},
		} {
			x := newIntruderOf(t, at, person)
			x.claim = c.show(x)
			if m, ok := x.join().(relay.Refuse); !ok || m.Code != c.code {
				t.Errorf("with %s at the %s: %+v", name, where, m)
			}
		}
		victim.claim = good
		if m := victim.join(); !isAccept(m) {
			t.Errorf("with a good proof at the %s: %+v", where, m)
		}
		victim.awaitBox("a box", func(b relay.Box) bool {
			return len(b.Sealed) == room.BoxSize && b.Device == victim.author().Device && len(b.Pass) > 0
		})
	}
}

func isAccept(m any) bool { _, ok := m.(relay.Accept); return ok }

// awaitBox waits until a box came as wanted.
func (x *intruder) awaitBox(what string, cond func(relay.Box) bool) {
	x.t.Helper()
	x.await(what, func(*room.State) bool {
		for _, b := range x.boxes {
			if cond(b) {
				return true
			}
		}
		return false
	})
}

// A relay that lets in whom it likes gives them nothing: whoever has the key decides on each device itself.
func TestRelayThatLetsAnybodyIn(t *testing.T) {
	g := plantAs(t, byInvitation, 1, 8)
	relayed := g.relays[0].Room(g.host.id)
	x := newIntruder(t, relayed)
	relayed.mu.Lock()
	relayed.state.Listed = append(relayed.state.Listed, x.author().Person)
	relayed.mu.Unlock()
	x.claim = x.claimOf(room.Claim{})
	if m := x.join(); !isAccept(m) {
		t.Fatalf("the lying relay answered %+v", m)
	}
	x.awaitBox("a word instead of a key", func(b relay.Box) bool { return b.Code == "invite_only" && len(b.Sealed) == 0 })
	// Nor does it help to ask for somebody else's box, or in somebody else's name.
	bo := g.join("Bo")
	x.ctl.Send(relay.Ask{Device: bo.n.author().Device, Claim: x.claim})
	awaitCount(t, g.relays[0], "ask_of_another", 1)
	bo.mu.Lock()
	others := bo.claim(time.Now())
	bo.mu.Unlock()
	x.ctl.Send(relay.Ask{Device: x.author().Device, Claim: others})
	awaitCount(t, g.host.n, "claim_malformed", 1)
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

// Whoever is removed is out at once, whatever their node does, and at every relay.
func TestRemovedFromClosedRoom(t *testing.T) {
	g := plantAs(t, byInvitation, 2, 8, 8)
	g.host.mu.Lock()
	secret := g.host.keys.link
	g.host.mu.Unlock()
	person := doc.NewPrivateKey()
	var all []*intruder
	for _, n := range g.relays {
		x := newIntruderOf(t, n.Room(g.host.id), person)
		x.claim = x.claimOf(room.Claim{Invited: room.Invited(secret, g.host.id, x.author())})
		all = append(all, x)
	}
	stays := all[0]
	if m := stays.join(); !isAccept(m) {
		t.Fatalf("at the door: %+v", m)
	}
	stays.awaitBox("a box", func(b relay.Box) bool { return len(b.Sealed) > 0 })
	bo := g.join("Bo")
	awaitChange(t, bo.n, "Bo's key", bo.hasKey)
	heard := make(chan time.Time, 1)
	last := make(chan time.Time, 1)
	go func() { // it reads on as long as anything comes
		var p relay.Packet
		var at time.Time
		for stays.link.Receive(&p) == nil {
			at = time.Now()
			select {
			case heard <- at:
			default:
			}
		}
		last <- at
	}()
	<-heard
	at := time.Now()
	g.do(g.host, Action{Kind: "remove", Person: person.Public()})
	stays.letGo("the removed")
	gone := time.Since(at)
	stays.link.Close()
	sound := (<-last).Sub(at)
	t.Logf("nothing more was sent to it after %v, and its connection ended after %v", sound, gone)
	if sound > time.Second || gone > 5*time.Second {
		t.Errorf("it was sent sound for %v, and was connected for %v", sound, gone)
	}
	awaitChange(t, bo.n, "the new key at Bo", func() bool { return bo.epochNow() == 2 && bo.hasKey() })
	for i, x := range all {
		awaitChange(t, g.relays[i], "the removal at the relay", func() bool {
			r := g.relays[i].Room(g.host.id)
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.state.IsRemoved(person.Public())
		})
		x.forget()
		if m, ok := x.join().(relay.Refuse); !ok || m.Code != "removed" {
			t.Errorf("back at relay %d: %+v", i, m)
		}
	}
	stays.mu.Lock()
	defer stays.mu.Unlock()
	for _, b := range stays.boxes {
		if b.Epoch > 1 {
			t.Errorf("the removed was told the key of epoch %d", b.Epoch)
		}
	}
}

// Who misses a box asks for it, and removals in a row are few keys.
func TestMissedBoxAndManyRemovals(t *testing.T) {
	g := plantAs(t, byInvitation, 1, 8)
	g.tone(g.host, 440)
	bo := g.join("Bo")
	awaitChange(t, bo.n, "Bo's key", bo.hasKey)
	g.host.mu.Lock()
	clear(g.host.feeds.ways) // boxes find nobody
	g.host.mu.Unlock()
	began := time.Now()
	for range 20 {
		g.do(g.host, Action{Kind: "remove", Person: doc.NewPrivateKey().Public()})
	}
	took := time.Since(began) // each is on the disk before it is told
	awaitCount(t, bo.n, "key_asked", 1)
	awaitChange(t, g.host.n, "a second new key", func() bool { return g.host.epochNow() >= 3 })
	awaitChange(t, bo.n, "Bo to be told", func() bool { return bo.epochNow() >= 3 && bo.hasKey() })
	g.listen(bo).hears(t, "Bo to hear Ana", true, 25)
	if e, most := g.host.epochNow(), 3+uint32(took/rekeyEvery); e > most {
		t.Errorf("20 removals in %v led to epoch %d, want %d: one key at once, one for the others", took, e, most)
	}
}

// A host that was killed leads its closed room on with the key that it had, and gives it to whoever comes; the link holds.
func TestClosedRoomComesBack(t *testing.T) {
	home := t.TempDir()
	ana := startMortal(t, home, "Ana", anywhere)
	bo := startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Behind doors", Language: "en", Access: room.ByInvitation})
	if err != nil {
		t.Fatal(err)
	}
	link := hosted.View().Link
	atBo, err := bo.Join(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "Bo's key", atBo.hasKey)
	if err := hosted.Do(t.Context(), Action{Kind: "remove", Person: doc.NewPrivateKey().Public()}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the next key", func() bool { return atBo.epochNow() == 2 && atBo.hasKey() })
	before := secretsOf(hosted)
	at := ana.at()
	ana.crash(t)
	ana = startMortal(t, home, "Ana", at)
	defer func() {
		if err := ana.Close(); err != nil {
			t.Error(err)
		}
	}()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 || rooms[0].epochNow() != 2 || !rooms[0].hasKey() {
		t.Fatalf("%d rooms, %v", len(rooms), ana.Notices())
	}
	for i, s := range secretsOf(rooms[0])[2:] {
		if s != before[2+i] {
			t.Error("another link")
		}
	}
	if err := rooms[0].Publish(t.Context(), newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "Bo to be back", func() bool { return atBo.Phase() == Live })
	e := newEar(t)
	atBo.Play(e)
	e.hears(t, "Bo to hear Ana after her return", true, 50)
	cy := startNode(t, "Cy", nil)
	atCy, err := cy.Join(context.Background(), link)
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, cy, "Cy's key", atCy.hasKey)
	// Bo's node is known to the host again, and gets the next key too.
	if err := rooms[0].Do(t.Context(), Action{Kind: "remove", Person: cy.Person()}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the key after that", func() bool { return atBo.epochNow() == 3 && atBo.hasKey() })
	if n := bo.Counts()["key_asked"]; n != 0 {
		t.Errorf("Bo had to ask for it, %d times", n)
	}
}
