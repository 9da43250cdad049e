package node

import (
	"fmt"
	"sync/atomic"
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
	awaitCount(t, n, "carry_refused_full", 1)
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
			awaitCount(t, n, "join_refused_not_served", 1)
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

// What a relay may send it sends to all rooms together, guests with only a browser included.
func TestRelayKeepsToItsBandwidth(t *testing.T) {
	n := startNode(t, "", func(o *Options) {
		o.Relay = &Relay{Open: true, Opens: true, Bandwidth: 2*talkCost + 1}
	})
	// offers waits until the relay feeds so many, in all, and has so many places in each room.
	offers := func(children int, free uint32) {
		t.Helper()
		awaitChange(t, n, fmt.Sprint(children, " children, and places for ", free), func() bool {
			v, err := n.Relayed()
			ok := err == nil && v.Children == children
			for _, r := range v.Rooms {
				ok = ok && r.Free == free
			}
			return ok
		})
	}
	var guests []*Room
	join := func(name string, to *Room) *Room {
		t.Helper()
		r, err := startNode(t, name, nil).Join(t.Context(), to.View().Link)
		if err != nil {
			t.Fatal(err)
		}
		guests = append(guests, r)
		return r
	}
	var rooms []*Room
	for i, name := range []string{"Ana", "Zoe"} {
		host := startNode(t, name, func(o *Options) { o.MaxChildren, o.Relays = 1, []string{n.Status().Addrs[0]} })
		r, err := host.StartRoom(Start{Title: name + "'s", Language: "en"})
		if err != nil {
			t.Fatal(err)
		}
		awaitChange(t, n, "the relay to carry "+name+"'s room", func() bool { at := n.Room(r.id); return at != nil && at.Phase() == Live })
		rooms = append(rooms, r)
		offers(i, 2-uint32(i))
		join(name+"'s guest", r)
	}
	offers(2, 0)
	at := n.Room(rooms[0].id)
	if err := at.PlayToGuest(newEar(t)); err != errGuestsFull {
		t.Errorf("a guest beside two listeners: %v", err)
	}
	guests[0].n.leave(guests[0])
	offers(1, 1)
	gil := newEar(t)
	if err := at.PlayToGuest(gil); err != nil {
		t.Errorf("a guest beside one listener: %v", err)
	}
	offers(1, 0)
	gil.Close()
	offers(1, 1)
	// Watchers are told of places that change, and of no others.
	var told atomic.Int64
	stop := n.Watch(func(c Change) {
		if c.Kind == RoomChanged && c.Room == at.id {
			told.Add(1)
		}
	})
	at.mu.Lock()
	at.offer()
	for i, more := range []int64{0, talkCost, 0, -talkCost} {
		n.sends.Add(more) // as another room would
		before := told.Load()
		if at.offer(); told.Load() > before != (more != 0) {
			t.Errorf("offer %d: watchers were told %d times, with %d kbit/s more sent elsewhere", i, told.Load()-before, more)
		}
	}
	at.mu.Unlock()
	stop()
	for _, r := range rooms {
		r.n.leave(r)
	}
	awaitChange(t, n, "nothing to be sent any more", func() bool { return n.sends.Load() == 0 && n.feeds.Load() == 0 })
}
