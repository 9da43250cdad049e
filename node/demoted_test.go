package node

import (
	"testing"
	"time"

	"salon/relay"
	"salon/room"
)

// Whoever is muted or sent off the stage is heard no more within a second, whatever their node sends: the relay that feeds them takes
// it no more.
func TestDemotedBelowRelay(t *testing.T) {
	g := plant(t, 2, 8, 8)
	bo := g.join("Bo")
	anaHears, boHears := g.listen(g.host), g.listen(bo)
	at := g.relays[0]
	if g.fedBy(bo) == at {
		at = g.relays[1] // what is said has both relays to pass
	}
	carried := at.Room(g.host.id)
	x := newIntruder(t, carried)
	m := x.join()
	for range 100 { // on a busy machine the relay looks for its own place now and then
		if no, refused := m.(relay.Refuse); !refused || no.Code != codeEarly {
			break
		}
		awaitChange(t, at, "the relay to be in its place again", func() bool {
			carried.mu.Lock()
			defer carried.mu.Unlock()
			no := carried.refuses(x.author(), 0, false, time.Now())
			return no == nil || no.Code != codeEarly
		})
		x.forget()
		m = x.join()
	}
	if !isAccept(m) {
		t.Fatalf("at the relay's door: %+v", m)
	}
	me := x.author().Person
	x.command(room.Command{Kind: room.RaiseHand, Name: "Eve"})
	x.await("the hand", func(s *room.State) bool { _, up := s.HandOf(me); return up })
	g.do(g.host, Action{Kind: "grant", Person: me})
	last := uint32(0)
	for _, how := range []string{"mute", "return"} {
		x.command(room.Command{Kind: room.Publish, Start: room.NewStart()})
		var seat room.Seat
		x.await("an incarnation", func(s *room.State) bool { seat, _ = s.SeatOf(me); return seat.Incarnation > last })
		last = seat.Incarnation
		stop := x.shout(seat.Slot, seat.Slot, seat.Incarnation)
		anaHears.hears(t, "Ana to hear Eve, who may speak", true, 25)
		boHears.hears(t, "Bo to hear Eve, who may speak", true, 25)

		before, began := at.Counts()["relay_not_allowed"], time.Now()
		g.do(g.host, Action{Kind: how, Person: me})
		anaHears.await(t, how+" at the relay", func() bool { return at.Counts()["relay_not_allowed"] > before })
		took := time.Since(began)
		t.Logf("%s: the relay took nothing more after %v", how, took)
		if took > time.Second {
			t.Errorf("%s took effect at the relay after %v", how, took)
		}
		anaHears.hears(t, how+": Ana to hear no more of Eve", false, 10)
		boHears.hears(t, how+": Bo to hear no more of Eve", false, 10)
		stop()
		if how == "mute" {
			x.command(room.Command{Kind: room.Unmute})
			x.await("to be unmuted", func(s *room.State) bool { seat, _ := s.SeatOf(me); return !seat.Muted })
		}
	}
}
