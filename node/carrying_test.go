package node

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// A grove is a room of Ana's, whose node feeds few, and relays that carry it.
type grove struct {
	*gathering
	relays []*Node
}

// plant opens a room whose host feeds as many as own says, and relays as many as feeds says, one for each number.
func plant(t *testing.T, own int, feeds ...int) *grove {
	t.Helper()
	return plantAs(t, Start{}, own, feeds...)
}

// plantAs is plant, of a room that is as s says.
func plantAs(t *testing.T, s Start, own int, feeds ...int) *grove {
	t.Helper()
	s.Title, s.Language = "Grove", "en"
	g := &grove{gathering: &gathering{t: t, guests: make(map[string]*Room)}}
	var addrs []string
	for _, most := range feeds {
		n, err := New(Options{Home: t.TempDir(), NoMDNS: true, Listen: []string{anywhere}, Relay: &Relay{Open: true}, MaxChildren: most})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if n.ctx.Err() == nil { // else the test has crashed it
				n.Close()
			}
		})
		g.relays = append(g.relays, n)
		addrs = append(addrs, n.Status().Addrs[0])
	}
	ana := startNode(t, "Ana", func(o *Options) { o.MaxChildren, o.Relays = own, addrs })
	var err error
	if g.host, err = ana.StartRoom(s); err != nil {
		t.Fatal(err)
	}
	for i, n := range g.relays {
		awaitChange(t, n, "relay "+string('1'+rune(i)), func() bool { r := n.Room(g.host.id); return r != nil && r.Phase() == Live })
	}
	places := min(own-len(feeds), 0) // a relay that is no child of the host takes a place at another
	for _, most := range feeds {
		places += most
	}
	awaitChange(t, ana, "the host to know of all places", func() bool {
		g.host.mu.Lock()
		defer g.host.mu.Unlock()
		known := 0
		g.host.media.drive(func(p *relay.Place, _ time.Time) { known = int(p.Load().All) - max(own-p.Feeds(), 0) })
		return known == places
	})
	if s.Access == room.ByTicket {
		for _, n := range g.relays {
			awaitChange(t, n, "the relay to have the papers", func() bool { return n.Room(g.host.id).hasPapers() })
		}
	}
	return g
}

// tone publishes a sine from a room, until the test ends.
func (g *grove) tone(r *Room, hz float64) {
	g.t.Helper()
	said := newTone(g.t, hz)
	g.t.Cleanup(func() { said.Close() })
	if err := r.Publish(g.t.Context(), said); err != nil {
		g.t.Fatal(err)
	}
}

// fedBy is who feeds a guest.
func (g *grove) fedBy(r *Room) *Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range append([]*Node{g.host.n}, g.relays...) {
		if n.host.ID() == r.guest.parent {
			return n
		}
	}
	return nil
}

// hasSecond reports whether a guest's second parent is a relay, and not the one that feeds it. The host may be, where none has answered.
func (g *grove) hasSecond(r *Room) bool {
	warm := r.Stats().Warm
	return slices.ContainsFunc(g.relays, func(n *Node) bool { return n != g.fedBy(r) && n.host.ID().String() == warm })
}

func (g *grove) listen(r *Room) *ear {
	e := newEar(g.t)
	r.Play(e)
	return e
}

// Below two relays, one below the other, people hear, are counted and named, speak, are muted and removed as anywhere.
func TestRoomBelowRelays(t *testing.T) {
	g := plant(t, 1, 3, 3)
	g.tone(g.host, 440)
	bo, cy, dan, eve := g.join("Bo"), g.join("Cy"), g.join("Dan"), g.join("Eve")
	depths := map[int]int{}
	for name, r := range g.guests {
		g.listen(r).hears(t, name+" to hear Ana", true, 50)
		depths[r.Stats().Depth]++
		if s := r.Stats(); s.DelayP50MS > 2000 || s.DelayP50MS == 0 {
			t.Errorf("%s hears with a delay of %d ms: the clock is not the host's", name, s.DelayP50MS)
		}
	}
	if depths[1] != 0 || depths[2] == 0 || depths[3] == 0 {
		t.Errorf("guests by depth %v, want none at 1, some at 2 and 3", depths)
	}
	g.all("four listeners", func(v RoomView) bool { return v.Listeners == 4 })
	for _, r := range []*Room{g.host, dan} {
		awaitNames(t, r, "Ana", "Bo", "Cy", "Dan", "Eve")
	}
	for _, n := range g.relays {
		if r := n.Room(g.host.id); !reflect.ValueOf(r.voice.opener).IsZero() {
			t.Error("a relay holds the room's key")
		}
	}

	atAna := g.listen(g.host)
	atCy := g.listen(cy)
	g.do(bo, Action{Kind: "raise_hand"})
	g.all("the hand", func(v RoomView) bool { return len(v.Hands) == 1 && v.Hands[0].Name == "Bo" })
	g.do(g.host, about("grant", bo))
	g.all("the seat", func(v RoomView) bool { return len(v.Stage) == 2 })
	g.tone(bo, 600)
	g.do(g.host, Action{Kind: "mute"})
	atAna.hears(t, "Ana to hear Bo", true, 50)
	atCy.hears(t, "Cy to hear Bo", true, 50)
	g.do(g.host, about("mute", bo))
	atAna.hears(t, "nothing of the muted Bo at Ana", false, 50)
	atCy.hears(t, "nothing of the muted Bo at Cy", false, 50)
	g.do(bo, Action{Kind: "unmute"})
	atCy.hears(t, "Cy to hear Bo again", true, 25)

	g.do(dan, Action{Kind: "say", Text: "hello"})
	g.all("the line", func(v RoomView) bool { return true })
	awaitChange(t, eve.n, "the line at Eve", func() bool {
		eve.mu.Lock()
		defer eve.mu.Unlock()
		return len(eve.state.Chat) == 1 && eve.state.Chat[0].Name == "Dan"
	})
	g.refused(eve, about("grant", eve), "not_allowed")

	g.do(g.host, about("remove", eve))
	awaitChange(t, eve.n, "Eve to be out", func() bool { return eve.Phase() == Removed })
	delete(g.guests, "Eve")
	g.all("two listeners", func(v RoomView) bool { return v.Listeners == 2 })
	if r, err := eve.n.Join(t.Context(), g.host.View().Link); err != nil || r.Phase() != Removed {
		t.Errorf("the removed Eve comes back: %v, %s", err, r.Phase())
	}
	g.do(bo, Action{Kind: "leave"})
	delete(g.guests, "Bo")
	g.all("the seat to be free", func(v RoomView) bool { return len(v.Stage) == 1 })
	g.do(g.host, Action{Kind: "end"})
	g.all("the end", func(v RoomView) bool { return v.Phase == Ended })
}

// awaitNames waits until the list of people holds exactly these.
func awaitNames(t *testing.T, r *Room, want ...string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		list, next, err := r.People(t.Context(), "", "")
		if err != nil || next != "" {
			t.Fatalf("people: %q, %v", next, err)
		}
		var names []string
		for _, f := range list {
			names = append(names, f.Name)
		}
		if slices.Equal(names, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the people are %v, want %v", names, want)
		}
		time.Sleep(rosterLasts / 4) // the list is made anew once a second, and nothing tells when
	}
}

// Whoever is below a relay is told that the room has ended, and not that the relay is gone too: they would leave it without their word on
// what it carried.
func TestBelowRelayTheEndIsTheReason(t *testing.T) {
	g := plant(t, 1, 8)
	at := g.relays[0].Room(g.host.id)
	x := newIntruder(t, at)
	if m, in := x.joins(at).(relay.Accept); !in {
		t.Fatalf("the relay answers %+v", m)
	}
	g.do(g.host, Action{Kind: "end"})
	x.letGo("the end")
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Equal(x.byes, []string{"ended"}) {
		t.Errorf("told %v", x.byes)
	}
}

// A relay carries nothing for a host whom its operator did not list, and nobody joins there.
func TestRelayWithoutPermissionCarriesNothing(t *testing.T) {
	beside(t)
	for name, o := range map[string]*Relay{
		"no relay":      nil,
		"nobody listed": {},
		"others listed": {Hosts: []string{doc.NewPrivateKey().Public().String()}},
	} {
		t.Run(name, func(t *testing.T) {
			n := startNode(t, "", func(opt *Options) { opt.Relay = o })
			ana := startNode(t, "Ana", func(opt *Options) { opt.Relays, opt.MaxChildren = []string{n.Status().Addrs[0]}, 1 })
			hosted, err := ana.StartRoom(Start{Title: "Uncarried", Language: "en"})
			if err != nil {
				t.Fatal(err)
			}
			awaitCount(t, ana, "carrier_refused", 1)
			if len(n.Rooms()) != 0 {
				t.Fatal("it is in the room")
			}
			link, err := room.ParseLink(hosted.View().Link)
			if err != nil {
				t.Fatal(err)
			}
			link.Device = n.author().Device
			link.Addrs = nil
			for _, m := range n.host.Addrs() {
				link.Addrs = append(link.Addrs, m.Bytes())
			}
			r, err := startNode(t, "Bo", nil).Join(context.Background(), link.String())
			if err != nil || r.Phase() != Ended {
				t.Errorf("joining there: %v, %s", err, r.Phase())
			}
			if c := n.Counts()["join_no_room"]; c == 0 {
				t.Errorf("counts %v", n.Counts())
			}
		})
	}
}

// awaitCount waits until a node has counted something so many times.
func awaitCount(t *testing.T, n *Node, name string, times uint64) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); n.Counts()[name] < times; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s for %d of %s; counts %v", times, name, n.Counts())
		}
	}
}

// A node that the host did not ask is no relay of its room, whatever it offers.
func TestNobodyCarriesUnasked(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	n := startNode(t, "", func(o *Options) { o.Relay = &Relay{Open: true} })
	hosted, err := ana.StartRoom(Start{Title: "Unasked", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	link, err := room.ParseLink(hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.carry(link); err != nil {
		t.Fatal(err)
	}
	awaitCount(t, ana, "join_refused_not_asked", 1)
	hosted.mu.Lock()
	defer hosted.mu.Unlock()
	if len(hosted.host.children) != 0 {
		t.Error("it is a child")
	}
}

// When a relay dies, whoever it fed is fed by another, or the host, and hears; a seat waits.
func TestRelayDies(t *testing.T) {
	g := plant(t, 1, 8, 8)
	g.tone(g.host, 440)
	bo, cy := g.join("Bo"), g.join("Cy")
	atBo, atCy := g.listen(bo), g.listen(cy)
	atBo.hears(t, "Bo to hear Ana", true, 50)
	atCy.hears(t, "Cy to hear Ana", true, 50)
	g.do(bo, Action{Kind: "raise_hand"})
	g.do(g.host, about("grant", bo))
	g.all("the seat", func(v RoomView) bool { return len(v.Stage) == 2 })
	dead := g.fedBy(bo)
	if dead == g.host.n {
		t.Fatal("Bo is not below a relay")
	}
	began := time.Now()
	dead.crash(t)
	g.relays = slices.DeleteFunc(g.relays, func(n *Node) bool { return n == dead })
	awaitChange(t, bo.n, "Bo to be fed by another", func() bool { return bo.Phase() == Live && g.fedBy(bo) != nil && g.fedBy(bo) != dead })
	t.Logf("fed by another after %s", time.Since(began).Round(time.Millisecond))
	atCy.hears(t, "Cy to hear Ana again", true, 50)
	g.all("the seat to be taken", func(v RoomView) bool { return len(v.Stage) == 2 && !v.Stage[1].Away && v.Stage[1].Name == "Bo" })
}

// A tampering is a link that alters what it sends.
type tampering struct{ relay.Link }

func (l tampering) Send(p *relay.Packet) {
	bad := relay.Packet{Auths: p.Auths, Beacons: p.Beacons, Resends: p.Resends}
	for _, f := range p.Frames {
		f.Sealed = slices.Clone(f.Sealed)
		f.Sealed[len(f.Sealed)-1] ^= 1
		bad.Frames = append(bad.Frames, f)
	}
	l.Link.Send(&bad)
}

// tamper has a relay alter what it sends to somebody.
func tamper(at, to *Room) {
	m, id := at.media, relay.Peer(to.n.host.ID())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links[id] = tampering{m.links[id]}
}

// Whoever is fed altered sound plays none of it, leaves that relay for another, and does not come back to it.
func TestRelayThatAltersIsLeft(t *testing.T) {
	g := plant(t, 2, 8, 8)
	g.tone(g.host, 440)
	bo := g.join("Bo")
	atBo := g.listen(bo)
	atBo.hears(t, "Bo to hear Ana", true, 50)
	bad := g.fedBy(bo)
	if bad == g.host.n {
		t.Fatal("Bo is not below a relay")
	}
	tamper(bad.Room(g.host.id), bo)
	awaitCount(t, bo.n, "carrier_forged", 1)
	awaitCount(t, g.host.n, "carrier_accused", 1)
	awaitChange(t, bo.n, "another relay", func() bool { return bo.Phase() == Live && g.fedBy(bo) != bad })
	atBo.hears(t, "Bo to hear Ana again", true, 50)
}

// Nobody is fed by a node that they feed, nor further from the host than four hops.
func TestWayToTheHost(t *testing.T) {
	g := plant(t, 1, 8)
	r := g.relays[0].Room(g.host.id)
	self, host, far := []byte(r.n.host.ID()), []byte(g.host.n.host.ID()), []byte("far")
	way := func(hops int, more ...[]byte) relay.Path {
		p := relay.Path{Depth: uint8(hops), Path: [][]byte{host}}
		for len(p.Path) < hops-len(more) {
			p.Path = append(p.Path, far)
		}
		p.Path = append(p.Path, more...)
		return p
	}
	tell := func(p relay.Path) {
		r.mu.Lock()
		up := r.guest.up
		r.mu.Unlock()
		if up == nil {
			t.Fatal("nobody feeds it")
		}
		if err := r.hearAbove(up, p); err != nil {
			t.Fatal(err)
		}
	}
	for name, w := range map[string]relay.Path{
		"through itself":           way(3, self, far),
		"of too many hops":         way(relay.MaxDepth + 1),
		"of no hop":                {},
		"that begins with another": {Depth: 2, Path: [][]byte{far, host}},
	} {
		r.mu.Lock()
		was := r.guest.up
		r.mu.Unlock()
		tell(w)
		awaitChange(t, r.n, "the way "+name+" to be left, and another to be found", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return r.phase == Live && r.guest.up != nil && r.guest.up != was
		})
	}
	bo := g.join("Bo")
	tell(way(3))
	awaitChange(t, bo.n, "the longer way", func() bool { return bo.Stats().Depth == 4 })
	tell(way(4))
	var load relay.Load
	r.media.drive(func(p *relay.Place, _ time.Time) { load = p.Load() })
	if load.All != 0 {
		t.Errorf("a relay four hops away offers %d places", load.All)
	}
}

// In a locked room whoever lost their relay comes in at another, and nobody new does.
func TestLockedRoomBelowRelays(t *testing.T) {
	g := plant(t, 2, 8, 8)
	bo := g.join("Bo")
	g.all("one listener", func(v RoomView) bool { return v.Listeners == 1 })
	awaitNames(t, g.host, "Ana", "Bo")
	g.do(g.host, Action{Kind: "lock"})
	dead := g.fedBy(bo)
	dead.crash(t)
	awaitChange(t, bo.n, "another place", func() bool { return bo.Phase() == Live && g.fedBy(bo) != dead })
	r, err := startNode(t, "Cy", nil).Join(t.Context(), g.host.View().Link)
	if err != nil || r.Phase() != Failed {
		t.Errorf("somebody new comes in: %v, %s", err, r.Phase())
	}
}

// However much happens, whoever comes late to a relay gets the host's word whole, and no relay keeps more than it may.
func TestManyEventsBelowRelays(t *testing.T) {
	g := plant(t, 1, 2, 8)
	g.join("Bo")
	g.join("Cy")
	const events = 3 * sinceMost
	for i := range events {
		g.do(g.host, Action{Kind: "slow", Seconds: i + 1})
		if i == events/2 {
			g.join("Dan")
		}
	}
	g.join("Eve")
	g.all("the last event", func(v RoomView) bool { return v.Slow == events })
	for i, n := range g.relays {
		r := n.Room(g.host.id)
		r.mu.Lock()
		if c := r.carries; len(c.since) > 4*sinceMost || c.seq != r.state.Seq {
			t.Errorf("relay %d keeps %d events up to %d, and is at %d", i, len(c.since), c.seq, r.state.Seq)
		}
		r.mu.Unlock()
		if c := n.Counts(); c["control_flood"] > 0 {
			t.Errorf("relay %d: %v", i, c)
		}
	}
}

// A host whose node was killed finds its relays and their listeners again.
func TestHostComesBackToItsRelays(t *testing.T) {
	n := startNode(t, "", func(o *Options) { o.Relay = &Relay{Open: true} })
	home, listen := t.TempDir(), anywhere
	lead := func() *Node {
		ana, err := New(Options{Home: home, Name: "Ana", NoMDNS: true, Listen: []string{listen}, MaxChildren: 1, Relays: []string{n.Status().Addrs[0]}})
		if err != nil {
			t.Fatal(err)
		}
		listen = ana.at()
		return ana
	}
	ana := lead()
	hosted, err := ana.StartRoom(Start{Title: "Cut short", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	link := hosted.View().Link
	awaitChange(t, n, "the relay to carry the room", func() bool { r := n.Room(hosted.id); return r != nil && r.Phase() == Live })
	var guests []*Room
	defer func() {
		for _, r := range guests {
			if v := r.View(); t.Failed() {
				t.Logf("%s: %s, %d hands, reign %d, led at %s, %+v", r.n.displayName(), v.Phase, len(v.Hands), r.reign(), r.leader().ID, r.Stats())
			}
		}
	}()
	for _, name := range []string{"Bo", "Cy"} {
		r, err := startNode(t, name, nil).Join(t.Context(), link)
		if err != nil {
			t.Fatal(err)
		}
		awaitChange(t, r.n, name+" to be let in", func() bool { return r.Phase() == Live && r.Stats().Depth == 2 })
		guests = append(guests, r)
	}
	if err := guests[0].Do(t.Context(), Action{Kind: "raise_hand"}); err != nil {
		t.Fatal(err)
	}
	ana.crash(t)
	for _, r := range guests {
		awaitChange(t, r.n, "the loss to be noticed", func() bool { return r.Phase() == Reconnecting })
	}
	ana = lead()
	defer ana.Close()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms taken up again", len(rooms))
	}
	for _, r := range guests {
		awaitChange(t, r.n, "everybody below the relay again", func() bool { return r.Phase() == Live && r.Stats().Depth == 2 && len(r.View().Hands) == 1 })
	}
	if err := rooms[0].Publish(t.Context(), newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	for _, r := range guests {
		e := newEar(t)
		r.Play(e)
		e.hears(t, "the host after its return", true, 50)
	}
}

// reign is that of the state as a room knows it.
func (r *Room) reign() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil {
		return 0
	}
	return r.state.Term.Reign
}
