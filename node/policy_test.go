package node

import (
	"testing"

	"salon/ledger/doc"
	"salon/room"
)

func TestPolicy(t *testing.T) {
	n := startNode(t, "Ana", nil)
	zoe, eve := doc.NewPrivateKey().Public(), doc.NewPrivateKey().Public()
	if _, err := n.SetPerson(Mark{PersonView: PersonView{zoe, "Zoe"}, Muted: true}); err != nil {
		t.Fatal(err)
	}
	p, err := newPolicy(&Relay{Hosts: []string{"Zoe"}, Deny: []string{eve.String()}, Bandwidth: 650}, n.people)
	if err != nil || len(p.hosts) != 1 || p.hosts[0] != zoe {
		t.Fatalf("%+v, %v", p, err)
	}
	if !p.serves(zoe) || p.serves(eve) {
		t.Error("it serves whom it denies, or not whom it does not")
	}
	if talk, concert, few := p.places(200, room.Talk), p.places(200, room.Concert), p.places(2, room.Talk); talk != 10 || concert != 3 || few != 2 {
		t.Errorf("650 kbit/s are %d places of talk, %d of a concert, %d where two are allowed", talk, concert, few)
	}
	if p, err = newPolicy(&Relay{Allow: []string{zoe.String()}}, n.people); err != nil || !p.serves(zoe) || p.serves(eve) {
		t.Errorf("%+v, %v", p, err)
	}
	for _, name := range []string{"Nobody", "", "zoe"} {
		if _, err := newPolicy(&Relay{Hosts: []string{name}}, n.people); err == nil {
			t.Errorf("%q is taken for somebody", name)
		}
	}
	if p = nil; !p.serves(eve) || p.places(7, room.Concert) != 7 {
		t.Error("who is no relay has a relay's limits")
	}
}

// A relay feeds nobody whom its operator denies, carries no more rooms than it may, and feeds no more than it may in all.
func TestRelayKeepsToItsLimits(t *testing.T) {
	bo, cy, dan := startNode(t, "Bo", nil), startNode(t, "Cy", nil), startNode(t, "Dan", nil)
	n := startNode(t, "", func(o *Options) {
		o.Relay = &Relay{Open: true, Deny: []string{bo.Person().String()}, Rooms: 1, Listeners: 1}
	})
	host := func(name string) *Room {
		ana := startNode(t, name, func(o *Options) { o.MaxChildren, o.Relays = 1, []string{n.Status().Addrs[0]} })
		r, err := ana.StartRoom(Start{Title: name + "'s", Language: "en"})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := host("Ana")
	awaitChange(t, n, "the first room", func() bool { r := n.Room(first.id); return r != nil && r.Phase() == Live })
	host("Zoe")
	awaitCount(t, n, "carry_refused_full")
	if got := len(n.carried()); got != 1 {
		t.Errorf("it carries %d rooms", got)
	}
	for i, guest := range []*Node{bo, cy, dan} {
		r, err := guest.Join(t.Context(), first.View().Link)
		if err != nil {
			t.Fatal(err)
		}
		switch i {
		case 0:
			awaitCount(t, n, "join_refused_not_served")
			guest.leave(r)
		case 1:
			awaitChange(t, guest, "Cy to be let in", func() bool { return r.Phase() == Live && r.Stats().Depth == 2 })
		default:
			awaitChange(t, guest, "Dan to hear that the room is full", func() bool { return r.Phase() == Failed })
		}
	}
	if v, err := n.Relayed(); err != nil || v.Children != 1 || v.Rooms[0].Free != 0 {
		t.Errorf("it carries %+v, %v", v, err)
	}
}
