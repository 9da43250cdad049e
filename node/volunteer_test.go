package node

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"

	"salon/relay"
	"salon/room"
)

// soon has a node volunteer, and let others, after a second in a room.
func soon(n *Node) *Node {
	n.lending.mu.Lock()
	defer n.lending.mu.Unlock()
	n.lending.after, n.lending.steps = time.Second, 1
	return n
}

// volunteers joins somebody who volunteers, and waits until the host knows of their places.
func (g *grove) volunteers(name string) *Room {
	g.t.Helper()
	r := g.join(name)
	if err := soon(r.n).SetVolunteer(Volunteering{On: true}); err != nil {
		g.t.Fatal(err)
	}
	g.awaitPlaces(2)
	if r.n.Counts()["volunteer_tried"] == 0 {
		g.t.Errorf("%s carries the room, and its uplink was never tried", name)
	}
	return r
}

// awaitPlaces waits until the host knows of so many places below it.
func (g *grove) awaitPlaces(want int) {
	g.t.Helper()
	awaitChange(g.t, g.host.n, "the host to know of places", func() bool {
		g.host.mu.Lock()
		defer g.host.mu.Unlock()
		return g.host.placesBelow() == want
	})
}

// parent is who feeds a guest.
func (g *grove) parent(r *Room) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range g.guests {
		if other.n.host.ID() == r.guest.parent {
			return other.n.displayName()
		}
	}
	return "Ana"
}

// A listener's node feeds others, who hear, are counted and named, speak and leave as anywhere; its person does too.
func TestListenerCarriesTheRoom(t *testing.T) {
	g := plant(t, 1)
	soon(g.host.n)
	g.tone(g.host, 440)
	bo := g.volunteers("Bo")
	cy := g.join("Cy")
	if who := g.parent(cy); who != "Bo" {
		t.Fatalf("Cy is fed by %s", who)
	}
	for name, r := range g.guests {
		g.listen(r).hears(t, name+" to hear Ana", true, 50)
	}
	g.all("two listeners", func(v RoomView) bool { return v.Listeners == 2 })
	for _, r := range []*Room{g.host, bo, cy} {
		awaitNames(t, r, "Ana", "Bo", "Cy")
	}
	awaitChange(t, bo.n, "what Bo lends", func() bool {
		v := bo.n.Volunteer()
		return v.On && v.Feeds == 1 && v.Rooms == 1
	})
	if v := cy.n.Volunteer(); v.On || v.Feeds != 0 {
		t.Errorf("Cy, who never said so, lends %+v", v)
	}

	atAna, atBo := g.listen(g.host), g.listen(bo)
	g.do(g.host, Action{Kind: "mute"})
	g.do(cy, Action{Kind: "raise_hand"})
	g.all("the hand", func(v RoomView) bool { return len(v.Hands) == 1 && v.Hands[0].Name == "Cy" })
	g.do(g.host, about("grant", cy))
	g.all("the seat", func(v RoomView) bool { return len(v.Stage) == 2 && v.Listeners == 1 })
	g.tone(cy, 600)
	atAna.hears(t, "Ana to hear Cy", true, 50)
	atBo.hears(t, "Bo to hear Cy", true, 50)
	g.do(cy, Action{Kind: "leave"})
	delete(g.guests, "Cy")
	g.all("the seat to be free", func(v RoomView) bool { return len(v.Stage) == 1 && v.Listeners == 1 })

	g.do(bo, Action{Kind: "leave"})
	delete(g.guests, "Bo")
	g.all("nobody", func(v RoomView) bool { return v.Listeners == 0 })
	awaitNames(t, g.host, "Ana")
}

// Who switches it off is a listener as any other, and those whom it fed hear on elsewhere.
func TestListenerCarriesTheRoomNoMore(t *testing.T) {
	g := plant(t, 2, 1)
	soon(g.host.n)
	g.tone(g.host, 440)
	bo := g.join("Bo")
	at := g.listen(bo)
	at.hears(t, "Bo to hear Ana", true, 50)
	var feeds string
	cy := g.join("Cy")
	for _, r := range []*Room{bo, cy} {
		if err := soon(r.n).SetVolunteer(Volunteering{On: true}); err != nil {
			t.Fatal(err)
		}
	}
	g.awaitPlaces(4)
	dan := g.join("Dan")
	if feeds = g.parent(dan); feeds == "Ana" {
		t.Fatal("Dan is fed by Ana, or a relay")
	}
	atDan := g.listen(dan)
	atDan.hears(t, "Dan to hear Ana", true, 50)
	for _, r := range []*Room{bo, cy} {
		if r.n.displayName() != feeds {
			continue
		}
		if err := r.n.SetVolunteer(Volunteering{}); err != nil {
			t.Fatal(err)
		}
		awaitChange(t, r.n, "the end of it", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return !r.lends.on && r.carries == nil
		})
		if r.n.Volunteer() != (VolunteerView{KBPS: volunteerUsual}) {
			t.Errorf("it lends %+v", r.n.Volunteer())
		}
	}
	awaitChange(t, dan.n, "Dan to be fed by the other", func() bool { return dan.Phase() == Live && g.parent(dan) != feeds })
	atDan.hears(t, "Dan to hear on", true, 50)
	at.hears(t, "Bo to hear on", true, 50)
	g.all("three listeners", func(v RoomView) bool { return v.Listeners == 3 })
	awaitNames(t, g.host, "Ana", "Bo", "Cy", "Dan")
}

// A parent that was asked for a place before its child volunteered learns it when it feeds it.
func TestVolunteerMovesToItsWarmParent(t *testing.T) {
	g := plant(t, 2, 1, 1)
	soon(g.host.n)
	g.tone(g.host, 440)
	bo := g.join("Bo")
	at := g.listen(bo)
	awaitChange(t, bo.n, "Bo's second parent", func() bool { return g.hasSecond(bo) })
	if err := soon(bo.n).SetVolunteer(Volunteering{On: true}); err != nil {
		t.Fatal(err)
	}
	g.awaitPlaces(3)
	first, second := g.relays[0], g.relays[1]
	if g.fedBy(bo) != first {
		first, second = second, first
	}
	first.crash(t)
	r := second.Room(g.host.id)
	awaitChange(t, second, "the other relay to know that Bo carries", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		c := r.feeds.children[bo.n.host.ID()]
		return c != nil && !c.warm && c.carry > 0
	})
	g.awaitPlaces(2)
	at.hears(t, "Bo to hear on", true, 50)
	g.all("Bo", func(v RoomView) bool { return v.Listeners == 1 })
	awaitNames(t, g.host, "Ana", "Bo")
}

// Who leads since a moment ago takes a volunteer with all whom it feeds.
func TestVolunteerStaysWhenTheLeaderChanges(t *testing.T) {
	bo := startNode(t, "Bo", nil)
	g := plantAs(t, Start{CoHosts: []PersonView{{bo.Person(), "Bo"}}}, 1)
	soon(g.host.n)
	g.tone(g.host, 440)
	atBo, err := bo.Join(t.Context(), g.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	g.do(atBo, Action{Kind: "accept"})
	awaitChange(t, bo, "the seat", atBo.seated)
	if err := atBo.Publish(t.Context(), newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	cy := g.volunteers("Cy")
	dan := g.join("Dan")
	if who := g.parent(dan); who != "Cy" {
		t.Fatalf("Dan is fed by %s", who)
	}
	ear := g.listen(dan)
	ear.hears(t, "Dan to hear Ana", true, 25)
	for _, r := range []*Room{atBo, cy, dan} {
		awaitChange(t, r.n, "the successor to be known", func() bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			return len(r.heir.others) == 1 && (!r.mayLead() || r.prepared())
		})
	}
	g.host.n.crash(t)
	s := &succession{t: t}
	s.ledBy(bo.Person(), atBo, cy, dan)
	ear.hears(t, "Dan to hear Bo", true, 50)
	awaitChange(t, bo, "Cy to carry the room on", func() bool {
		atBo.mu.Lock()
		defer atBo.mu.Unlock()
		c := atBo.feeds.children[cy.n.host.ID()]
		return c != nil && !c.warm && c.carry > 0 && atBo.isVolunteer(cy.n.author().Device)
	})
	awaitChange(t, bo, "both to listen", func() bool { return atBo.View().Listeners == 2 })
}

// Who is on stage keeps their uplink for that: nobody new is fed, and who is need not go anywhere in a hurry.
func TestVolunteerOnStage(t *testing.T) {
	g := plant(t, 1)
	soon(g.host.n)
	g.tone(g.host, 440)
	bo := g.volunteers("Bo")
	cy := g.join("Cy")
	atCy := g.listen(cy)
	atCy.hears(t, "Cy to hear Ana", true, 25)
	g.do(bo, Action{Kind: "raise_hand"})
	g.all("the hand", func(v RoomView) bool { return len(v.Hands) == 1 })
	g.do(g.host, about("grant", bo))
	g.all("the seat", func(v RoomView) bool { return len(v.Stage) == 2 && v.Listeners == 1 })
	g.awaitPlaces(0)
	g.do(g.host, Action{Kind: "mute"})
	atCy.hears(t, "silence at Cy", false, 50)
	g.tone(bo, 600)
	atCy.hears(t, "Cy to hear Bo, who feeds it", true, 50)
	if who := g.parent(cy); who != "Bo" {
		t.Errorf("Cy is fed by %s", who)
	}
	g.do(bo, Action{Kind: "return"})
	g.all("the seat to be free", func(v RoomView) bool { return len(v.Stage) == 1 && v.Listeners == 2 })
	g.awaitPlaces(1)
}

// Nobody carries a room without its host's leave, too early, or where nobody can reach them.
func TestVolunteersAreRefused(t *testing.T) {
	beside(t)
	for _, c := range []struct {
		name        string
		change      func(g *grove, bo *Room)
		unreachable bool
	}{
		{"who came just now", func(g *grove, _ *Room) {
			g.host.n.lending.mu.Lock()
			defer g.host.n.lending.mu.Unlock()
			g.host.n.lending.after = time.Hour
		}, false},
		{"where the host wants none", func(g *grove, _ *Room) {
			g.host.mu.Lock()
			defer g.host.mu.Unlock()
			g.host.n.o.NoVolunteers = true
		}, false},
		{"whom nobody can reach", func(g *grove, bo *Room) {
			g.host.mu.Lock()
			defer g.host.mu.Unlock()
			g.host.feeds.children[bo.n.host.ID()].at = multiaddr.StringCast("/ip4/8.8.8.8/udp/4773/quic-v1") // its router's
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := plant(t, 1)
			soon(g.host.n)
			bo := g.join("Bo")
			c.change(g, bo)
			if err := soon(bo.n).SetVolunteer(Volunteering{On: true}); err != nil {
				t.Fatal(err)
			}
			awaitCount(t, bo.n, "volunteer_refused", 1)
			if v := bo.n.Volunteer(); !v.On || v.Unreachable != c.unreachable || v.Narrow {
				t.Errorf("it says %+v", v)
			}
			bo.mu.Lock()
			defer bo.mu.Unlock()
			if bo.lends.on || bo.carries != nil || bo.phase != Live {
				t.Errorf("it carries: %v, %v, %s", bo.lends.on, bo.carries, bo.phase)
			}
		})
	}
}

// What somebody says that they carry is taken with a grain of salt, and taken back.
func TestVolunteersWord(t *testing.T) {
	g := plant(t, 1)
	bo := g.join("Bo")
	device := bo.n.author().Device
	r := g.host
	r.mu.Lock()
	defer r.mu.Unlock()
	c, now := r.feeds.children[bo.n.host.ID()], time.Now()
	for _, step := range []struct {
		what      string
		since     time.Time
		says      uint32
		carries   uint32
		volunteer bool
	}{
		{"a moment after it came", now.Add(-volunteerAfter + time.Second), 2, 0, false},
		{"after a minute", now.Add(-volunteerAfter), 2, 2, true},
		{"too many", now, 1 << 31, carriesMost, true},
		{"none", now, 0, 0, true},
		{"none, twice", now, 0, 0, true},
		{"again, on a new connection", now, 3, 3, true},
	} {
		c.since = step.since
		r.hearVolunteer(c, relay.Volunteer{ID: 1, Carry: step.says}, now)
		if c.carry != step.carries || r.isVolunteer(device) != step.volunteer {
			t.Errorf("%s: it carries %d, and is a volunteer: %v", step.what, c.carry, r.isVolunteer(device))
		}
		if listed := r.feeds.below.guests[device] != nil; listed != (c.carry > 0) || r.audience() != 1 {
			t.Errorf("%s: among those below it: %v, of %d listeners", step.what, listed, r.audience())
		}
	}
}

// What is lent is lent to all rooms together, and costs no more than the limit.
func TestLending(t *testing.T) {
	now := time.Now()
	l := lending{kbps: 5 * talkCost, rooms: make(map[room.ID]lent)}
	share := func(id byte, fed, cost int) int { return l.share(room.ID{id}, lent{fed, cost, 0}, now) }
	for _, c := range []struct {
		what          string
		id            byte
		fed, cost     int
		places, wants int // as measured, and for the room
	}{
		{"all that was measured", 1, 0, talkCost, 3, 3},
		{"no more than the limit", 1, 0, talkCost, 9, 5},
		{"a concert costs more", 1, 0, concertCost, 9, 1},
		{"what it has is its own", 1, 2, talkCost, 3, 3},
		{"what another has is not", 2, 0, talkCost, 3, 1},
		{"nor of the limit", 2, 0, talkCost, 9, 3},
		{"when the other grows there is none", 1, 5, talkCost, 3, 3},
		{"and no less than none", 2, 0, talkCost, 3, 0},
	} {
		l.places, l.looked = c.places, now
		if got := share(c.id, c.fed, c.cost); got != c.wants {
			t.Errorf("%s: %d, want %d", c.what, got, c.wants)
		}
	}
	l.forget(room.ID{1})
	if got := share(2, 0, talkCost); got != 3 {
		t.Errorf("after the other has gone: %d", got)
	}
}

// Who says that others come in by some address is not taken at their word, nor can they have us knock at somebody else's.
func TestDoors(t *testing.T) {
	list := func(texts ...string) (list []multiaddr.Multiaddr) {
		for _, s := range texts {
			list = append(list, multiaddr.StringCast(s))
		}
		return list
	}
	doors := doorsAt(list("/ip4/203.0.113.7/udp/4773/quic-v1")[0], list(
		"/ip4/192.168.1.2/tcp/4773", "/ip4/203.0.113.8/tcp/4773", "/ip4/203.0.113.7/udp/4773/quic-v1", "/ip4/203.0.113.7/tcp/4773",
		"/ip4/203.0.113.7/tcp/1", "/ip4/203.0.113.7/tcp/2",
	))
	if want := list("/ip4/203.0.113.7/tcp/4773", "/ip4/203.0.113.7/tcp/1"); !slices.EqualFunc(doors, want, multiaddr.Multiaddr.Equal) {
		t.Errorf("doors %v, want %v", doors, want)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := list(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port))
	if !anyOpen(t.Context(), at) {
		t.Error("nobody answers where somebody listens")
	}
	l.Close()
	if anyOpen(t.Context(), at) || anyOpen(t.Context(), nil) {
		t.Error("somebody answers where nobody listens")
	}
}

func TestVolunteerIsRemembered(t *testing.T) {
	h, err := OpenHome(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	check := func(what string, wantOn bool, want int) {
		t.Helper()
		if on, kbps := h.Volunteer(); on != wantOn || kbps != want {
			t.Errorf("%s: %v, %d", what, on, kbps)
		}
	}
	check("at first", false, volunteerUsual)
	if err := h.SetVolunteer(true, 500); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SetName("Bo"); err != nil {
		t.Fatal(err)
	}
	check("after a name", true, 500)
	if err := h.SetVolunteer(false, 1<<30); err != nil {
		t.Fatal(err)
	}
	check("beyond all limits", false, volunteerUsual)
	if h.Name() != "Bo" {
		t.Errorf("the name is %q", h.Name())
	}
}
