package relay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestThreeAreAskedAndTheFirstIsTaken(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("ann", "bo", "cyd", "dee"), p.now())
	want(t, "at once", len(p.done()), 1)
	p.run(90*time.Millisecond, "")
	want(t, "within the stagger", len(p.done()), 0)
	p.run(500*time.Millisecond, "")
	want(t, "in all, until one answers", len(p.done()), 2)
	first := p.trials[1].id
	p.hear(first, accept(string(first), "root"))
	want(t, "parent", p.Parent(), first)
	want(t, "depth", p.Depth(), 2)
	for _, did := range p.done() {
		if !strings.HasPrefix(did, "part ") || strings.Contains(did, string(first)) {
			t.Errorf("did %s", did)
		}
	}
}

func TestRedirectsAreFollowedThreeTimes(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("r0"), p.now())
	for hop := range 4 {
		p.hear(Peer(fmt.Sprint("r", hop)), Redirect{To: doors(Peer(fmt.Sprint("r", hop+1)))})
		p.run(10*time.Millisecond, "")
	}
	want(t, "asked", p.done(), []string{"dial r0", "part r0", "dial r1", "part r1", "dial r2", "part r2", "dial r3", "part r3"})
	want(t, "in vain", p.InVain(), 1)
	p.run(500*time.Millisecond, "")
	want(t, "after a pause", p.done(), []string{"dial r0"})
}

func TestAFullRoomIsNotRunOver(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("root"), p.now())
	asked := 0
	for range 1000 { // both answer at once, for 10 s
		for _, did := range p.done() {
			switch did {
			case "dial root":
				asked++
				p.hear("root", Redirect{To: doors("ann")})
			case "dial ann":
				p.hear("ann", Refuse{Code: "full"})
			}
		}
		p.run(10*time.Millisecond, "")
	}
	if asked < 5 || asked > 100 {
		t.Errorf("the root was asked %d times", asked)
	}
	if p.InVain() < asked-1 {
		t.Errorf("asked %d times, %d of them in vain", asked, p.InVain())
	}
}

func TestWhoIsToldToWaitAsksAgain(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("ann"), p.now())
	p.hear("ann", Wait{Millis: 250})
	p.done()
	p.run(240*time.Millisecond, "")
	want(t, "before", p.done(), nil)
	p.run(20*time.Millisecond, "")
	want(t, "then", p.done(), []string{"dial ann"})
}

func TestWhoIsToldToWaitAgainAndAgainAsksLessOften(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("ann"), p.now())
	var asked []time.Duration
	began := p.now()
	for range 500 {
		for _, did := range p.done() {
			if did == "dial ann" {
				asked = append(asked, p.now().Sub(began))
				p.hear("ann", Wait{Millis: 200})
			}
		}
		if len(p.trials) == 0 {
			break
		}
		p.run(10*time.Millisecond, "")
	}
	want(t, "asked after", asked, []time.Duration{0, 200 * time.Millisecond, 600 * time.Millisecond, 1400 * time.Millisecond, 2200 * time.Millisecond})
	want(t, "and gives up", p.did, []string{"part ann late"})
}

func TestWhoHasItsTurnSomewhereTakesNoneElsewhere(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("ann", "bo"), p.now())
	first := p.trials[0].id
	p.hear(first, Wait{Millis: 400})
	p.done()
	p.run(390*time.Millisecond, "")
	want(t, "until its turn", p.done(), nil)
	p.run(20*time.Millisecond, "")
	want(t, "then it asks again, and the next too", len(p.done()), 2)
}

func TestWhoReachesNobodyAsksFewAtATime(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("a", "b", "c", "d", "e", "f", "g", "h"), p.now())
	p.hear("a", Wait{Millis: 1}) // one of them has no place either, and says so again and again
	count := func(d time.Duration) (n int) {
		for range d / (10 * time.Millisecond) {
			p.run(10*time.Millisecond, "")
			for _, did := range p.done() {
				if strings.HasPrefix(did, "dial") {
					n++
				}
				if did == "dial a" {
					p.hear("a", Wait{Millis: 200})
				}
			}
		}
		return n
	}
	count(10 * time.Second)
	if n := count(10 * time.Second); n < 10 || n > 40 {
		t.Errorf("%d questions in 10 s", n)
	}
}

func TestNobodyAnswers(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("ann"), p.now())
	for range 5 {
		p.run(10*time.Millisecond, "")
		p.Gone("ann", p.now())
	}
	p.done()
	p.run(20*time.Second, "")
	if n := len(p.done()); n < 8 || n > 60 { // each a dial, and a part when it did not answer
		t.Errorf("%d deeds in 20 s", n)
	}
}

func TestWhenBothParentsAreGoneOthersAreAsked(t *testing.T) {
	p := settled(t, PlaceOptions{})
	warm := p.Warm()
	p.hear("ann", Others{To: doors("gran")})
	p.run(180*time.Millisecond, "")
	want(t, "first the warm one", p.done(), []string{"tell " + string(warm) + " Resume"})
	p.run(130*time.Millisecond, "")
	want(t, "then whom the parent told of", p.done()[0], "dial gran")
	p.hear("gran", accept("gran", "root"))
	p.run(20*time.Millisecond, "")
	want(t, "not before it delivers", p.Parent(), "ann")
	p.feed("gran")
	p.run(10*time.Millisecond, "")
	want(t, "parent", p.Parent(), "gran")
	p.Gone("gran", p.now())
	p.run(10*time.Millisecond, "")
	want(t, "no parent", p.Parent(), "")
	if did := strings.Join(p.done(), ", "); !strings.Contains(did, "Resume") && !strings.Contains(did, "dial") {
		t.Errorf("did %s", did)
	}
}

func TestWhoLostItsParentDoesNotWaitForTheDead(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("ann"), p.now())
	p.hear("ann", accept("ann", "root"))
	p.Seek(doors("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"), p.now())
	p.run(200*time.Millisecond, "ann")
	p.Gone("ann", p.now())
	p.done()
	p.run(soonIn, "")
	want(t, "asked at first", len(p.trials), maxTrials)
	p.run(400*time.Millisecond, "")
	if n := len(p.trials); n < 2*maxTrials || n > allTrials {
		t.Errorf("%d asked", n)
	}
}

// Half the room was cut off, and all that can be asked there wait for each other. Then the way is open again, and the first word
// from the other side is that of a parent who took us for gone.
func TestWhoWasCutOffAsksTheParentThatComesBack(t *testing.T) {
	for _, says := range []string{"bye", "gone"} {
		p := newTestPlace(PlaceOptions{})
		p.Seek(doors("root"), p.now())
		p.hear("root", accept("root"))
		p.run(200*time.Millisecond, "root")
		p.Seek(doors("root", "ann", "bo"), p.now())
		for range 12 * 100 {
			p.run(10*time.Millisecond, "")
			for _, id := range []Peer{"ann", "bo"} {
				if p.trial(id) >= 0 {
					p.hear(id, Wait{Millis: 200})
				}
			}
		}
		want(t, "parent", p.Parent(), "root")
		p.done()
		switch says {
		case "bye":
			p.hear("root", Bye{Code: "silent"})
		case "gone":
			p.Gone("root", p.now())
		}
		p.run(stagger, "")
		if p.trial("root") < 0 {
			t.Errorf("after its %s: did %v", says, p.done())
		}
	}
}

func TestAWarmParentThatIsTooDeepIsReplaced(t *testing.T) {
	p := newTestPlace(PlaceOptions{Fanout: 4})
	p.Seek(doors("ann"), p.now())
	p.hear("ann", accept("ann", "root"))
	p.Seek(doors("bo"), p.now())
	want(t, "asked", p.asksWarm("ann"), "bo")
	p.hear("bo", accept("bo", "far", "farther", "root"))
	p.Seek(doors("bo", "cyd"), p.now())
	p.run(1500*time.Millisecond, "ann")
	want(t, "who carries nobody leaves it at that", p.joins["cyd"].Warm, false)
	p.tree.Receive("bo", &Packet{Beacons: []Beacon{{Program, 1000}}}, p.now())
	p.join("kid", Join{})
	want(t, "asked", p.asksWarm("ann"), "cyd")
	want(t, "no deeper than this", p.warmAsked.Depth, 2)
	want(t, "kept until then", p.Warm(), "bo")
	p.hear("cyd", accept("cyd", "root"))
	want(t, "warm", p.Warm(), "cyd")
}

func TestAWarmParentIsOnAnotherPath(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("bo"), p.now())
	p.hear("bo", accept("bo", "ann", "root"))
	p.Seek(doors("cyd"), p.now())
	want(t, "asked", p.asksWarm("bo"), "cyd")
	want(t, "to be avoided", p.warmAsked.Avoid, [][]byte{[]byte("bo"), []byte("ann")})
	p.hear("cyd", accept("cyd", "root"))
	want(t, "warm", p.Warm(), "cyd")
	p.hear("cyd", Path{Depth: 3, Path: accept("cyd", "ann", "root").Path})
	want(t, "it moved below ann too", p.Warm(), "")
}

func TestWhoSinksWithChildrenLooksForABetterPlaceSoon(t *testing.T) {
	for _, fed := range []bool{true, false} {
		p := settled(t, PlaceOptions{Fanout: 4})
		if fed {
			p.join("kid", Join{})
		}
		p.hear("ann", Path{Path: accept("ann", "new", "root").Path})
		p.hear("ann", Others{To: doors("new")})
		p.done()
		p.run(sinkEvery/2+50*time.Millisecond, "ann")
		want(t, fmt.Sprintf("asks the one above, with children: %v", fed), slices.Contains(p.done(), "dial new climb"), fed)
	}
}

func TestWhoIsAtTheEdgeLooksForABetterPlaceNowAndThen(t *testing.T) {
	for _, c := range []struct {
		path []string
		want bool
	}{{[]string{"ann", "a", "b", "root"}, true}, {[]string{"ann", "a", "root"}, false}} {
		p := newTestPlace(PlaceOptions{})
		p.Seek(doors("ann"), p.now())
		p.hear("ann", accept(c.path...))
		p.Seek(doors("door"), p.now())
		asked := 0
		for range 120 {
			p.run(time.Second, "ann")
			for _, did := range p.done() {
				switch did {
				case "dial door climb":
					asked++
					p.hear("door", Refuse{})
				case "dial door warm":
					p.hear("door", Refuse{})
				}
			}
		}
		if (asked > 0) != c.want || asked > 10 {
			t.Errorf("at depth %d: asked %d times in two minutes", p.Depth(), asked)
		}
	}
}

// Whoever the root feeds has a second parent too, a hop deeper: the way from the root may break.
func TestWhomTheRootFeedsFindsASecondParent(t *testing.T) {
	p := newTestPlace(PlaceOptions{Fanout: 4})
	p.Seek(doors("root"), p.now())
	p.hear("root", accept("root"))
	p.join("kid", Join{})
	p.Seek(doors("root", "ann", "bo"), p.now())
	id := p.asksWarm("root")
	if id != "ann" && id != "bo" {
		t.Fatalf("asked %q", id)
	}
	want(t, "nobody is avoided", p.warmAsked, Join{Carry: 4, Warm: true, Depth: 2})
	ann := newTestPlace(PlaceOptions{Fanout: 4, Self: id})
	ann.Seek(doors("root"), ann.now())
	ann.hear("root", accept("root"))
	answer := ann.join("me", p.warmAsked)
	want(t, "a relay beside it", answer, any(accept(string(id), "root")))
	p.hear(id, answer)
	p.done()
	for range 12 {
		p.tree.Receive(id, &Packet{Beacons: []Beacon{{Program, 1000}}}, p.now())
		p.run(500*time.Millisecond, "root")
	}
	want(t, "no other is looked for, though a child would sink", []any{p.done(), p.Warm()}, []any{[]string(nil), id})
}
