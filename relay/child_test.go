package relay

import (
	"fmt"
	"testing"
	"time"
)

func TestAFullParentNamesItsChildren(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 2})
	want(t, "depth", p.Depth(), 0)
	want(t, "ann", p.join("ann", Join{Carry: 4}), any(Accept{Depth: 1, Path: [][]byte{[]byte("me")}}))
	p.join("bo", Join{Carry: 4})
	answer, _ := p.join("cyd", Join{}).(Redirect)
	want(t, "cyd is told of", len(answer.To), 2)
	p.hear("ann", Load{})
	p.hear("bo", Load{})
	answer, _ = p.join("cyd", Join{}).(Redirect)
	want(t, "where there is no room near, far is better than nowhere", len(answer.To), 2)
	p.hear("bo", Load{Hops: 1, Free: 3, All: 3})
	want(t, "who has room below", p.join("cyd", Join{}), any(Redirect{To: []Entry{{Peer: []byte("bo"), Free: 3}}}))
	alone := newTestPlace(PlaceOptions{Root: true, Fanout: 1})
	alone.join("ann", Join{})
	want(t, "nowhere", alone.join("bo", Join{}), any(Refuse{Code: "full"}))
}

func TestAListenerMayCarryOthersLater(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 1})
	p.join("ann", Join{})
	p.hear("ann", Load{Free: 2, All: 2})
	want(t, "who was not asked to has no places", p.join("bo", Join{}), any(Refuse{Code: "full"}))
	want(t, "nor any to tell of", p.Load().All, uint32(0))
	p.Carries("ann", 2)
	p.hear("ann", Load{Free: 2, All: 2})
	want(t, "who has", p.join("bo", Join{}), any(Redirect{To: []Entry{{Peer: []byte("ann"), Free: 2}}}))
	p.Carries("ann", 0)
	want(t, "who had", p.join("bo", Join{}), any(Refuse{Code: "full"}))
}

func TestWhoCarriesManyTakesThePlaceOfWhoCarriesNone(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 2})
	p.join("ann", Join{})
	p.join("bo", Join{Carry: 8})
	p.done()
	if _, ok := p.join("relay", Join{Carry: 64}).(Accept); !ok {
		t.Fatal("no place for a relay")
	}
	want(t, "ann is asked to move", p.did, []string{"tell ann Drain"})
	want(t, "to the relay", p.told["ann"], []any{Drain{To: doors("relay")}})
	want(t, "fed, for the moment", p.Feeds(), 3)
	p.hear("ann", Bye{Code: "moved"})
	want(t, "fed", p.Feeds(), 2)
}

// What an operator allows is not more for a moment: neither for whoever carries many, nor for those who lost another parent.
func TestBoundIsKept(t *testing.T) {
	p := settled(t, PlaceOptions{Fanout: 2})
	p.Bound(2)
	p.join("ann's", Join{})
	p.join("bo", Join{})
	p.join("cyd", Join{Warm: true})
	p.done()
	if _, no := p.join("relay", Join{Carry: 64}).(Refuse); !no {
		t.Error("a relay took a place that there is not")
	}
	p.hear("cyd", Resume{})
	want(t, "fed", p.Feeds(), 2)
	p.Bound(3)
	p.Offer(3)
	p.join("dan", Join{Warm: true})
	p.hear("dan", Resume{})
	want(t, "fed, when there may be more", p.Feeds(), 3)
	p.Bound(1)
	want(t, "who has too many offers no place", p.Load().Free, uint32(0))
	p.done()
	p.run(2*easeEvery, "ann")
	want(t, "who is asked to move while there are too many", p.done(), []string{"tell ann's Drain", "tell bo Drain"})
}

// Two relays may each have only the other to go to, and one of them cannot: it is the other's second parent.
func TestWhereOneCannotMoveAnotherIsAsked(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 1})
	p.join("ann", Join{Carry: 2})
	p.join("bo", Join{Carry: 3, Warm: true})
	p.hear("ann", Load{Free: 1, All: 1})
	p.hear("bo", Resume{})
	p.hear("bo", Load{Free: 2, All: 2})
	want(t, "fed, for the moment", p.Feeds(), 2)
	p.done()
	p.run(moveEvery, "")
	want(t, "who carries least is asked first", p.done(), []string{"tell ann Drain"})
	p.run(moveEvery, "")
	want(t, "and if it stays", p.done(), []string{"tell bo Drain"})
	p.run(moveEvery, "")
	want(t, "and then", p.done(), []string{"tell ann Drain"})
	p.hear("bo", Bye{Code: "moved"})
	p.hear("ann", Load{Free: 1, All: 1})
	p.done()
	p.run(moveEvery, "")
	want(t, "once there are not too many", p.done(), []string(nil))
}

func TestWhoCarriesFewMakesNobodyMoveUnlessThePlacesBelowAreTooDeep(t *testing.T) {
	full := func(path ...string) *testPlace {
		p := newTestPlace(PlaceOptions{Fanout: 16, Admit: 1})
		p.Seek(doors("up"), p.now())
		p.hear("up", accept(path...))
		for i := range 15 {
			p.join(Peer(fmt.Sprint("kid ", i)), Join{})
		}
		p.join("bo", Join{Carry: 8})
		p.done()
		return p
	}
	p := full("up")
	want(t, "a place below is as good", p.join("ann", Join{Carry: 2}), any(Redirect{To: []Entry{{Peer: []byte("bo"), Free: 8}}}))
	if _, ok := p.join("relay", Join{Carry: 32}).(Accept); !ok || len(p.done()) == 0 {
		t.Error("nobody moved for a relay")
	}
	p = full("up", "root")
	if _, ok := p.join("ann", Join{Carry: 2}).(Accept); !ok || len(p.done()) == 0 {
		t.Error("nobody moved for one who could carry nobody a hop deeper")
	}
	p = full("up", "higher", "root")
	if _, ok := p.join("relay", Join{Carry: 32}).(Redirect); !ok {
		t.Error("somebody moved for a relay that can carry nobody here either")
	}
}

func TestARelayBelongsNearTheRootHoweverManyThatFeeds(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 200, Admit: 1})
	for i := range 199 {
		p.tree.advance(time.Millisecond)
		p.join(Peer(fmt.Sprint("kid ", i)), Join{})
	}
	for _, id := range []Peer{"relay", "another"} {
		p.tree.advance(time.Millisecond)
		if _, ok := p.join(id, Join{Carry: 64}).(Accept); !ok {
			t.Errorf("no place for %s", id)
		}
	}
}

func TestARelayIsSentWhereSomebodyMakesRoomForIt(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 2})
	p.join("relay", Join{Carry: 64})
	p.join("ann", Join{Carry: 40})
	p.hear("relay", Load{Hops: 1, Free: 100, All: 100})
	p.hear("ann", Load{Hops: 2, Free: 100, All: 100})
	named := map[string]bool{}
	for range 50 {
		r, _ := p.join("late", Join{Carry: 64}).(Redirect)
		for _, e := range r.To[:1] {
			named[string(e.Peer)] = true
		}
	}
	want(t, "who is named first", named, map[string]bool{"relay": true, "ann": true})
	r, _ := p.join("leaf", Join{}).(Redirect)
	want(t, "who carries nobody goes where there is room", len(r.To), 1)
}

func TestAPlaceThatIsTooDeepIsTheLastResort(t *testing.T) {
	p := newTestPlace(PlaceOptions{Fanout: 4})
	p.Seek(doors("c"), p.now())
	p.hear("c", accept("c", "b", "a", "root"))
	w, _ := p.join("kid", Join{}).(Wait)
	if d := time.Duration(w.Millis) * time.Millisecond; d < deepWait || d > deepWait+10*time.Millisecond {
		t.Errorf("waits %v", d)
	}
	p.run(deepWait+10*time.Millisecond, "c")
	want(t, "in the end", p.join("kid", Join{}), any(accept("me", "c", "b", "a", "root")))
}

func TestNobodyBelowSinksBecauseWeMakeWay(t *testing.T) {
	for _, kidMoves := range []bool{true, false} {
		p := settled(t, PlaceOptions{Fanout: 4})
		p.join("kid", Join{})
		p.done()
		p.hear("ann", Drain{To: doors("relay")})
		p.run(20*time.Millisecond, "ann")
		p.hear("relay", accept("relay", "ann", "root"))
		both := func(d time.Duration) {
			for range d / (10 * time.Millisecond) {
				p.run(10*time.Millisecond, "ann")
				if p.now().Sub(start)%FrameDuration == 0 {
					p.feed("relay")
				}
			}
		}
		p.told["kid"] = nil
		both(200 * time.Millisecond)
		want(t, "the child is told to go first", p.told["kid"], []any{Drain{To: doors("relay")}})
		want(t, "parent", p.Parent(), "ann")
		want(t, "a newcomer", p.join("late", Join{}), any(Redirect{To: doors("relay")}))
		if kidMoves {
			p.hear("kid", Bye{Code: "moved"})
			both(20 * time.Millisecond)
		} else {
			both(yieldTime)
		}
		want(t, "parent", p.Parent(), "relay")
	}
	p := settled(t, PlaceOptions{Fanout: 4})
	p.join("kid", Join{})
	p.hear("ann", Drain{To: doors("beside")})
	p.run(20*time.Millisecond, "ann")
	p.hear("beside", accept("beside", "root"))
	p.told["kid"] = nil
	for range 20 {
		p.run(10*time.Millisecond, "ann")
		p.feed("beside")
	}
	want(t, "as near to the root as before", p.Parent(), "beside")
	for _, m := range p.told["kid"] {
		if _, ok := m.(Drain); ok {
			t.Error("the child is told to go, though it would not sink")
		}
	}
}

func TestAWarmChildCostsNothingUntilItResumes(t *testing.T) {
	p := settled(t, PlaceOptions{Fanout: 1})
	p.join("fed", Join{})
	want(t, "warm", p.join("kid", Join{Warm: true}), any(Accept{Depth: 3, Path: accept("me", "ann", "root").Path}))
	want(t, "avoided", p.join("else", Join{Warm: true, Avoid: [][]byte{[]byte("ann")}}), any(Refuse{Code: "full"}))
	p.tree.sent = nil
	p.run(time.Second, "ann")
	want(t, "frames", len(p.tree.numbers("kid", Program)), 0)
	beacons := 0
	for _, s := range p.tree.sent {
		if s.to == "kid" {
			beacons += len(s.p.Beacons)
		}
	}
	want(t, "beacons a second", beacons, 2)
	next := uint64(p.now().Sub(start)/FrameDuration) + 1000 - 19
	p.tree.sent = nil
	p.hear("kid", Resume{Next: []Next{{Program, next}}})
	want(t, "from the frame it named, beside the one that is fed", p.tree.numbers("kid", Program), upTo(next, next+19))
	want(t, "fed", p.Feeds(), 2)
	p.hear("kid", Rest{})
	want(t, "fed", p.Feeds(), 1)
	p.run(time.Second, "ann")
	want(t, "not fed any more", p.tree.numbers("kid", Program), upTo(next, next+19))
}

// At the root a second parent is found by those who have no other, as long as there is a place for each of them.
func TestTheRootIsTheSecondParentBelowTheOnlyRelay(t *testing.T) {
	root := newTestPlace(PlaceOptions{Root: true, Fanout: 4, Admit: 1})
	below := Join{Warm: true, Avoid: [][]byte{[]byte("relay")}, Depth: 2}
	taken := Accept{Depth: 1, Path: [][]byte{[]byte("me")}}
	root.join("relay", Join{Carry: 64})
	for _, kid := range []Peer{"bo", "cyd", "dee"} {
		want(t, "warm", root.join(kid, below), any(taken))
	}
	want(t, "without a place for it", root.join("eve", below), any(Refuse{Code: "full"}))
	below.Carry = 6
	want(t, "who makes places", root.join("fay", below), any(taken))
	below.Carry = 0
	want(t, "who comes for a place finds it", root.join("gus", Join{}), any(taken))
	root.tree.sent = nil
	root.Gone("relay", root.now())
	for _, kid := range []Peer{"bo", "cyd", "dee", "fay"} {
		root.hear(kid, Resume{})
	}
	want(t, "all go on", root.Feeds(), 5)
	want(t, "a relay that comes back has a place", root.join("relay", Join{Carry: 64}), any(taken))

	root = newTestPlace(PlaceOptions{Root: true, Fanout: 4, Admit: 1})
	root.join("relay", Join{Carry: 64})
	root.join("another", Join{Carry: 64})
	want(t, "another relay is named first", root.join("bo", below), any(Redirect{To: []Entry{{Peer: []byte("another"), Free: 64}}}))
	below.Depth = 0
	want(t, "and when it was asked in vain", root.join("bo", below), any(taken))
}

// A newcomer may wait with those who wait for the root already, where the caller says so; who carries others may not.
func TestANewcomerWaitsBelowWhoHasNoParent(t *testing.T) {
	p := settled(t, PlaceOptions{Fanout: 4})
	p.Gone(p.Warm(), p.now())
	p.Gone("ann", p.now())
	wait := any(Wait{Millis: uint32(lostWait.Milliseconds())})
	want(t, "without", p.join("bob", Join{}), wait)
	p.Hold(true)
	want(t, "who carries others", p.join("big", Join{Carry: 8}), wait)
	want(t, "a newcomer", p.join("bob", Join{}), any(accept("me", "ann", "root")))
	want(t, "is told", p.told["bob"], []any{Stall{}})
	want(t, "as a second parent", p.join("else", Join{Warm: true}), any(Refuse{Code: "full"}))
	p.Hold(false)
	want(t, "without, again", p.join("eve", Join{}), wait)

	p = newTestPlace(PlaceOptions{Fanout: 4})
	p.Hold(true)
	want(t, "where there was never a way to the root", p.join("bob", Join{}), wait)
}

func TestACrowdIsLetInOneByOne(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 100, Admit: 5 * time.Millisecond})
	waits := map[Peer]time.Duration{}
	for i := range 60 {
		id := Peer(fmt.Sprint("kid ", i))
		if w, ok := p.join(id, Join{}).(Wait); ok {
			waits[id] = time.Duration(w.Millis) * time.Millisecond
		}
	}
	want(t, "wait", len(waits), 60-admitAtOnce-1)
	p.tree.advance(250 * time.Millisecond)
	for id, w := range waits {
		if w > 250*time.Millisecond {
			t.Errorf("%s waits %v", id, w)
		}
		if _, ok := p.join(id, Join{}).(Accept); !ok {
			t.Errorf("%s waited in vain", id)
		}
	}
}

func TestAMoveIsAnnouncedBelow(t *testing.T) {
	p := settled(t, PlaceOptions{Fanout: 4})
	p.join("kid", Join{})
	p.join("warm kid", Join{Warm: true})
	p.hear("ann", Path{Depth: 3, Path: accept("ann", "dee", "root").Path})
	for _, id := range []Peer{"kid", "warm kid"} {
		var last Path
		for _, m := range p.told[id] {
			if path, ok := m.(Path); ok {
				last = path
			}
		}
		want(t, string(id), last, Path{Depth: 4, Path: accept("me", "ann", "dee", "root").Path})
	}
}

func TestAChildThatSaysNothingIsForgotten(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 4})
	p.join("dead", Join{})
	p.join("alive", Join{})
	for range 20 {
		p.run(time.Second, "")
		p.hear("alive", Load{})
	}
	want(t, "fed", p.Feeds(), 1)
	want(t, "did", p.done(), []string{"part dead silent"})
}

func TestANodeThatGoesHasItsChildrenMove(t *testing.T) {
	p := settled(t, PlaceOptions{Fanout: 4})
	p.join("kid", Join{})
	p.done()
	want(t, "before", p.Drained(p.now()), false)
	p.Drain(p.now())
	want(t, "did", p.done(), []string{"tell ann Drain", "tell kid Drain"})
	want(t, "a newcomer", p.join("late", Join{}), any(Refuse{Code: "full"}))
	want(t, "waits for its child", p.Drained(p.now()), false)
	p.hear("kid", Bye{Code: "moved"})
	want(t, "drained", p.Drained(p.now()), true)
}

func TestWhoeverCarriesOthersMovesFirst(t *testing.T) {
	p := settled(t, PlaceOptions{Fanout: 4})
	p.join("leaf", Join{})
	p.join("relay", Join{Carry: 8})
	p.done()
	p.Drain(p.now())
	want(t, "at once", p.done(), []string{"tell ann Drain", "tell relay Drain"})
	p.hear("relay", Bye{Code: "moved"})
	p.done()
	p.run(10*time.Millisecond, "ann")
	want(t, "when the relay has moved", p.done(), []string{"tell leaf Drain"})

	p = settled(t, PlaceOptions{Fanout: 4})
	p.join("leaf", Join{})
	p.join("relay", Join{Carry: 8})
	p.Drain(p.now())
	p.run(carriersFirst, "ann")
	want(t, "when the relay does not move", count(p.done(), "tell leaf Drain"), 1)
	p.run(drainTime, "ann")
	again := p.done()
	want(t, "asked again", [2]int{count(again, "tell leaf Drain"), count(again, "tell relay Drain")}, [2]int{1, 1})
}

func count(did []string, what string) (n int) {
	for _, d := range did {
		if d == what {
			n++
		}
	}
	return n
}

func TestThePlaceOfWhoeverGoesIsFree(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 1})
	p.join("going", Join{Carry: 8})
	if answer, ok := p.join("early", Join{Carry: 8}).(Redirect); !ok {
		t.Errorf("a full parent answers %T", answer)
	}
	p.hear("going", Drain{})
	if answer, ok := p.join("next", Join{Carry: 8}).(Accept); !ok {
		t.Errorf("a parent of a child that goes answers %T", answer)
	}
	want(t, "a third, who would be sent to the others", p.join("late", Join{}), any(Redirect{To: []Entry{{Peer: []byte("next"), Free: 8}}}))
	p.hear("going", Bye{Code: "moved"})
	want(t, "fed", p.Feeds(), 1)
	if answer, ok := p.join("fourth", Join{}).(Redirect); !ok {
		t.Errorf("a full parent answers %T", answer)
	}
}

func TestEvidenceGoesUpToTheHost(t *testing.T) {
	e := Evidence{Against: []byte("eve"), Packet: []byte{packetByte}}
	p := settled(t, PlaceOptions{Fanout: 4})
	p.join("kid", Join{})
	p.done()
	for range 10 {
		p.hear("kid", e)
	}
	want(t, "up, once a second", p.done(), []string{"tell ann Evidence"})
	root := newTestPlace(PlaceOptions{Root: true, Fanout: 4})
	root.join("kid", Join{})
	root.hear("kid", e)
	want(t, "at the host", root.done(), []string{"accuse eve by kid"})
}
