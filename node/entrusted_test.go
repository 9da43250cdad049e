package node

import (
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// The host's node is gone. Below its relay a keeper gives the key to a newcomer with the link, and to nobody else; and when the
// host is back the newcomer hears.
func TestAKeeperLetsNewcomersIn(t *testing.T) {
	carrier := startNode(t, "", func(o *Options) { o.Relay = &Relay{Open: true} })
	options := Options{Home: t.TempDir(), Name: "Ana", NoMDNS: true, Listen: []string{anywhere}, MaxChildren: 1, Relays: []string{carrier.Status().Addrs[0]}}
	ana, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	hosted, err := ana.StartRoom(Start{Title: "Kept", Language: "en", Access: room.ByInvitation})
	if err != nil {
		t.Fatal(err)
	}
	g := &gathering{t: t, host: hosted, guests: make(map[string]*Room)}
	awaitChange(t, carrier, "the relay to carry the room", func() bool { r := carrier.Room(hosted.id); return r != nil && r.Phase() == Live })
	kim, eve := g.join("Kim"), g.join("Eve")
	g.refused(kim, about("keeper", kim), "not_allowed")
	g.do(hosted, about("keeper", kim))
	g.do(hosted, about("remove", eve))
	awaitChange(t, eve.n, "Eve to be out", func() bool { return eve.Phase() == Removed })
	awaitChange(t, kim.n, "Kim to have the new key", func() bool { return kim.epochNow() == 2 && kim.hasKey() })
	if v := kim.View(); len(v.Keepers) != 1 || v.Keepers[0].Person != kim.n.Person() || v.Me.Leads || v.Me.Role != "listener" {
		t.Errorf("keepers %v; Kim is %s, leads: %v", v.Keepers, v.Me.Role, v.Me.Leads)
	}
	link, err := room.ParseLink(hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(n *Node, secret [32]byte) (doc.Author, room.Claim) {
		box, err := room.NewBoxKey()
		if err != nil {
			t.Fatal(err)
		}
		return n.author(), room.Claim{Room: hosted.id, Key: box.Public(), Time: time.Now().UnixMilli(), Invited: room.Invited(secret, hosted.id, n.author())}
	}
	dan, stranger := startNode(t, "Dan", nil), startNode(t, "Faye", nil)
	trusts := func(n *Node, secret [32]byte) int {
		who, claim := shows(n, secret)
		kim.mu.Lock()
		defer kim.mu.Unlock()
		return len(kim.entrusts(who, claim, 0, time.Now()))
	}
	awaitChange(t, kim.n, "Kim to hear Ana", func() bool { return kim.Phase() == Live }) // on a busy machine she may miss her for a moment
	if trusts(dan, link.Secret) != 0 && kim.Phase() == Live {
		t.Error("Kim gives the key while the host is there")
	}

	listen := ana.at()
	ana.crash(t)
	relayed := carrier.Room(hosted.id)
	awaitChange(t, carrier, "the relay to miss the host", func() bool { return relayed.Phase() == Reconnecting })
	awaitChange(t, kim.n, "Kim to miss the host", func() bool { return kim.Phase() == Reconnecting })
	if trusts(dan, link.Secret) == 0 {
		t.Error("Kim does not trust who has the link")
	}
	if trusts(stranger, [32]byte{1}) != 0 || trusts(eve.n, link.Secret) != 0 {
		t.Error("Kim gives the key to a stranger, or to who was removed")
	}
	in, err := dan.Join(t.Context(), link.String())
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, dan, "Dan to have the key", in.hasKey)
	if n := kim.n.Counts()["key_kept"]; n == 0 {
		t.Error("it is not from Kim")
	}
	out, err := eve.n.Join(t.Context(), link.String())
	if err != nil {
		t.Fatal(err)
	}
	awaitCount(t, carrier, "join_refused_removed", 1)
	if out.hasKey() {
		t.Error("who was removed has the key")
	}

	options.Listen = []string{listen}
	if ana, err = New(options); err != nil {
		t.Fatal(err)
	}
	defer ana.Close()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms", len(rooms))
	}
	awaitChange(t, dan, "Dan to be below the host", func() bool { return in.Phase() == Live })
	said := newTone(t, 440)
	defer said.Close()
	if err := rooms[0].Publish(t.Context(), said); err != nil {
		t.Fatal(err)
	}
	ear := newEar(t)
	in.Play(ear)
	ear.hears(t, "Dan to hear Ana", true, 25)
	if v := rooms[0].View(); len(v.Keepers) != 1 {
		t.Errorf("keepers after the host was gone: %v", v.Keepers)
	}
}

// A keeper let in, while nobody led, whom the host does not want: when the host is back the key changes, and they have the old one alone.
func TestKeeperLetInTheUnwanted(t *testing.T) {
	carrier := startNode(t, "", func(o *Options) { o.Relay = &Relay{Open: true} })
	options := Options{Home: t.TempDir(), Name: "Ana", NoMDNS: true, Listen: []string{anywhere}, MaxChildren: 1, Relays: []string{carrier.Status().Addrs[0]}}
	ana, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	hosted, err := ana.StartRoom(Start{Title: "Kept", Language: "en", Access: room.ByInvitation})
	if err != nil {
		t.Fatal(err)
	}
	g := &gathering{t: t, host: hosted, guests: make(map[string]*Room)}
	awaitChange(t, carrier, "the relay to carry the room", func() bool { r := carrier.Room(hosted.id); return r != nil && r.Phase() == Live })
	kim := g.join("Kim")
	g.do(hosted, about("keeper", kim))
	awaitChange(t, kim.n, "Kim to be a keeper", func() bool { return len(kim.View().Keepers) == 1 && kim.hasKey() })
	link, listen := hosted.View().Link, ana.at()
	ana.crash(t)
	relayed := carrier.Room(hosted.id)
	for _, r := range []*Room{relayed, kim} {
		awaitChange(t, r.n, "the host to be missed", func() bool { return r.Phase() == Reconnecting })
	}
	x := newIntruder(t, relayed) // who asks for nothing more, once they have the key
	l, err := room.ParseLink(link)
	if err != nil {
		t.Fatal(err)
	}
	x.claim = x.claimOf(room.Claim{Invited: room.Invited(l.Secret, l.Room, x.author())})
	if m := x.join(); !isAccept(m) {
		t.Fatalf("the relay answered %+v", m)
	}
	x.awaitBox("Kim's box", func(b relay.Box) bool { return len(b.Sealed) > 0 })

	options.Listen = []string{listen}
	if ana, err = New(options); err != nil {
		t.Fatal(err)
	}
	defer ana.Close()
	block(t, ana, PersonView{x.author().Person, "X"}, true)
	was := kim.epochNow()
	rooms := ana.Resume(nil)
	if len(rooms) != 1 {
		t.Fatalf("%d rooms", len(rooms))
	}
	awaitChange(t, kim.n, "Kim to have a new key", func() bool { return kim.epochNow() > was && kim.hasKey() })
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, b := range x.boxes {
		if b.Epoch > was {
			t.Error("who is unwanted has it too")
		}
	}
}

// A keeper whom the host fed goes below a relay when the host is gone, where newcomers come: other listeners wait where they are.
func TestAKeeperComesToTheRelay(t *testing.T) {
	g := plantAs(t, byInvitation, 1, 2)
	eve, faye := g.join("Eve"), g.join("Faye") // the relay is full
	g.host.mu.Lock()
	g.host.n.o.MaxChildren = 4
	g.host.offer()
	g.host.mu.Unlock()
	kim, lou := g.join("Kim"), g.join("Lou")
	for _, r := range []*Room{kim, lou} {
		if g.fedBy(r) != g.host.n {
			t.Fatal("the host does not feed them")
		}
	}
	g.do(g.host, about("keeper", kim))
	g.do(eve, Action{Kind: "leave"})
	g.do(faye, Action{Kind: "leave"})
	delete(g.guests, "Eve")
	delete(g.guests, "Faye")
	relayed := g.relays[0].Room(g.host.id)
	awaitChange(t, kim.n, "Kim to have the key", kim.hasKey)
	awaitChange(t, relayed.n, "the relay to know, and to be empty", func() bool { return len(relayed.View().Keepers) == 1 && relayed.View().Listeners == 2 })
	link := g.host.View().Link
	g.host.n.crash(t)
	awaitChange(t, relayed.n, "the relay to miss the host", func() bool { return relayed.Phase() == Reconnecting })
	dan := startNode(t, "Dan", nil)
	in, err := dan.Join(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	awaitChange(t, dan, "Dan to have the key", in.hasKey)
	relayed.mu.Lock()
	defer relayed.mu.Unlock()
	if c := relayed.feeds.children[lou.n.host.ID()]; relayed.feeds.children[kim.n.host.ID()] == nil || c != nil && !c.warm {
		t.Error("Kim is not below the relay, or Lou is fed there")
	}
}

// Boxes come from below from keepers and relays alone, and reach those they are for; refusals and passes are not theirs to give.
func TestBoxesFromBelow(t *testing.T) {
	g := plantAs(t, byInvitation, 1, 8)
	bo := g.join("Bo")
	relayed := g.relays[0].Room(g.host.id)
	send := func(list ...relay.Box) {
		bo.mu.Lock()
		defer bo.mu.Unlock()
		bo.guest.ctl.Send(relay.Boxes{List: list})
	}
	send(relay.Box{Device: bo.n.author().Device, Epoch: 1, Sealed: make([]byte, room.BoxSize)})
	awaitCount(t, relayed.n, "boxes_refused", 1)
	g.do(g.host, about("keeper", bo))
	awaitChange(t, relayed.n, "the relay to know", func() bool { return len(relayed.View().Keepers) == 1 })
	cy := g.join("Cy")
	awaitChange(t, cy.n, "Cy's key", cy.hasKey)
	device := cy.n.author().Device
	send(relay.Box{Device: device, Code: "removed", Epoch: 9}, relay.Box{Device: device, Epoch: 9, Pass: []byte("no pass"), Sealed: make([]byte, room.BoxSize)})
	awaitCount(t, cy.n, "box_refused", 1) // it is for a key that there is not
	if c := cy.n.Counts(); cy.Phase() != Live || c["pass_refused"] != 0 {
		t.Errorf("%s, %v", cy.Phase(), c)
	}
}
