package relay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// testPlace is a place that notes what it asks for, as words: "dial ann warm", "tell ann Resume", "part ann moved".
type testPlace struct {
	*Place
	tree  *testTree
	did   []string
	joins map[Peer]Join
	told  map[Peer][]any

	warmAsked Join // the last that asksWarm saw
}

func newTestPlace(opt PlaceOptions) *testPlace {
	if opt.Self == "" {
		opt.Self = "me"
	}
	p := &testPlace{tree: newTestTree(Options{}), joins: map[Peer]Join{}, told: map[Peer][]any{}}
	p.Place = NewPlace(opt, p.tree.Tree, p)
	p.Due(true, p.now())
	return p
}

func (p *testPlace) now() time.Time { return p.tree.now }

func (p *testPlace) Dial(to Entry, j Join) {
	id := Peer(to.Peer)
	p.joins[id] = j
	what := "dial " + string(id)
	switch {
	case j.Warm:
		what += " warm"
	case j.Depth > 0:
		what += " climb"
	}
	p.did = append(p.did, what)
}

func (p *testPlace) Tell(to Peer, m any) {
	p.told[to] = append(p.told[to], m)
	p.did = append(p.did, fmt.Sprintf("tell %s %s", to, strings.TrimPrefix(fmt.Sprintf("%T", m), "relay.")))
}

func (p *testPlace) Part(from Peer, code string) {
	p.did = append(p.did, strings.TrimSpace("part "+string(from)+" "+code))
}

func (p *testPlace) Accuse(by Peer, e Evidence) {
	p.did = append(p.did, fmt.Sprintf("accuse %s by %s", e.Against, by))
}

// done returns what was asked for since the last call, without the words that tell how many places there are.
func (p *testPlace) done() []string {
	var did []string
	for _, d := range p.did {
		if !strings.HasSuffix(d, " Load") {
			did = append(did, d)
		}
	}
	p.did = nil
	return did
}

// run ticks through a time, in which a peer sends a frame every 20 ms, unless it is the empty one.
func (p *testPlace) run(d time.Duration, feeds Peer) {
	for range d / (10 * time.Millisecond) {
		p.tree.advance(10 * time.Millisecond)
		if feeds != "" && p.now().Sub(start)%FrameDuration == 0 {
			p.feed(feeds)
		}
		p.tree.Tick(p.now())
		p.Tick(p.now())
	}
}

// feed has a peer send the frame of this moment.
func (p *testPlace) feed(from Peer) {
	n := uint64(p.now().Sub(start)/FrameDuration) + 1000
	p.tree.Receive(from, &Packet{Frames: []Frame{sealedFrame(Program, n)}}, p.now())
	p.Verified(p.now())
}

func (p *testPlace) hear(from Peer, m any) { p.Control(from, m, p.now()) }

func door(id Peer) Entry { return Entry{Peer: []byte(id)} }

func doors(ids ...Peer) (list []Entry) {
	for _, id := range ids {
		list = append(list, door(id))
	}
	return list
}

// accept is an Accept by the first of the path.
func accept(path ...string) Accept {
	a := Accept{Depth: uint8(len(path))}
	for _, id := range path {
		a.Path = append(a.Path, []byte(id))
	}
	return a
}

// join is a child's Join, and Welcome if it is accepted.
func (p *testPlace) join(id Peer, j Join) any {
	a := p.Join(door(id), j, Slots(Program), 50*time.Millisecond, p.now())
	if _, ok := a.(Accept); ok {
		p.Welcome(id, p.now())
	}
	return a
}

// asksWarm runs until a peer is asked to be a warm parent, and returns which.
func (p *testPlace) asksWarm(feeds Peer) Peer {
	for range 300 {
		p.run(10*time.Millisecond, feeds)
		for id, j := range p.joins {
			if j.Warm {
				delete(p.joins, id)
				p.warmAsked = j
				return id
			}
		}
	}
	return ""
}

// settled is a place below ann, with bo warm.
func settled(t *testing.T, opt PlaceOptions) *testPlace {
	t.Helper()
	p := newTestPlace(opt)
	p.Seek(doors("ann"), p.now())
	p.hear("ann", accept("ann", "root"))
	p.Seek(doors("ann", "bo", "cyd"), p.now())
	id := p.asksWarm("ann")
	p.hear(id, accept(string(id), "root"))
	for p.run(100*time.Millisecond, "ann"); p.now().Sub(start)%FrameDuration != 0; {
		p.run(10*time.Millisecond, "ann") // so that ann's last frame came just now
	}
	if p.Parent() != "ann" || p.Warm() == "" {
		t.Fatalf("parent %q, warm %q after %v", p.Parent(), p.Warm(), p.done())
	}
	p.done()
	return p
}

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

func TestAParentWhosePathNamesUsIsNone(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("ann"), p.now())
	p.hear("ann", accept("ann", "bo", "me", "root"))
	want(t, "parent", p.Parent(), "")
	want(t, "did", p.done(), []string{"dial ann", "part ann loop"})
	for _, path := range [][]string{{"ann", "me", "root"}, {"bo", "root"}, {}} {
		p := settled(t, PlaceOptions{})
		p.hear("ann", Path{Depth: 3, Path: accept(path...).Path})
		want(t, "parent", p.Parent(), "")
		want(t, "loop", p.did[0], "part ann loop")
	}
	p = settled(t, PlaceOptions{Fanout: 2})
	want(t, "a child above us", p.join("root", Join{}), any(Refuse{Code: "loop"}))
	want(t, "our parent", p.join("ann", Join{}), any(Refuse{Code: "loop"}))
	want(t, "ourselves", p.join("me", Join{}), any(Refuse{Code: "loop"}))
}

func TestTheOldParentIsKeptUntilTheNewOneDelivers(t *testing.T) {
	p := settled(t, PlaceOptions{})
	warm := p.Warm()
	last := uint64(p.now().Sub(start)/FrameDuration) + 1000
	p.run(160*time.Millisecond, "") // a bundle and 80 ms, and 25 ms for the hop between ann and the root
	want(t, "a pause", p.done(), nil)
	p.run(20*time.Millisecond, "")
	want(t, "silence", p.done(), []string{"tell " + string(warm) + " Resume"})
	want(t, "from the next frame on", p.told[warm][len(p.told[warm])-1], any(Resume{Next: []Next{{Program, last + 1}}}))
	want(t, "the old one is kept", p.Parent(), "ann")
	p.run(50*time.Millisecond, "")
	p.feed(warm)
	p.run(10*time.Millisecond, "")
	want(t, "the new one delivers", p.Parent(), warm)
	want(t, "the old one, which is silent but there", []any{p.Warm(), p.done()}, []any{Peer("ann"), []string{"tell ann Rest"}})
}

// A Resume goes by a stream, where what is lost is sent again late. Until the warm parent feeds us, it is asked for its frames by datagram.
func TestAWarmParentThatHearsLateIsAskedForFrames(t *testing.T) {
	p := settled(t, PlaceOptions{})
	warm, last := p.Warm(), uint64(p.now().Sub(start)/FrameDuration)+1000
	other := newTestTree(Options{})
	other.now = p.now().Add(-FrameDuration)
	if err := other.AddWarm("me", Slots(Program), other.now); err != nil {
		t.Fatal(err)
	}
	p.run(260*time.Millisecond, "")
	want(t, "is asked to feed us, and not yet for frames", p.tree.asked(warm), nil)
	p.run(20*time.Millisecond, "")
	other.publish(Program, last-2, last+14)
	want(t, "did", p.done(), []string{"tell " + string(warm) + " Resume"})
	asked := p.tree.asked(warm)
	want(t, "asked for", asked, []Range{{Slot: Program, From: last + 1, To: last + 100}})

	other.Receive("me", &Packet{Resends: asked}, p.now())
	other.Tick(p.now())
	want(t, "all that there is comes", other.numbers("me", Program), []uint64{
		last + 1, last + 2, last + 3, last + 4, last + 5, last + 6, last + 7, last + 8, last + 9, last + 10, last + 11, last + 12, last + 13, last + 14})
	for _, s := range other.sent {
		p.tree.Receive(warm, &s.p, p.now())
	}
	p.run(10*time.Millisecond, "")
	want(t, "goes on there", p.Parent(), warm)
	p.tree.sent = nil
	p.run(120*time.Millisecond, "")
	want(t, "asked for after that", p.tree.asked(warm), nil)
}

func TestAParentThatComesBackIsNotLeft(t *testing.T) {
	p := settled(t, PlaceOptions{})
	warm := p.Warm()
	p.run(180*time.Millisecond, "")
	p.done()
	p.run(100*time.Millisecond, "ann")
	want(t, "did", p.done(), []string{"tell " + string(warm) + " Rest"})
	want(t, "parent", p.Parent(), "ann")
}

func TestChildrenOfAStalledParentWait(t *testing.T) {
	p := settled(t, PlaceOptions{Fanout: 4})
	p.join("kid", Join{})
	p.done()
	p.run(150*time.Millisecond, "")
	p.hear("ann", Stall{})
	want(t, "it is passed on", p.done(), []string{"tell kid Stall"})
	p.run(200*time.Millisecond, "")
	p.hear("ann", Stall{}) // gains no time
	want(t, "waits", p.done(), nil)
	p.run(70*time.Millisecond, "")
	want(t, "acts", p.done(), []string{"tell " + string(p.Warm()) + " Resume"})
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

// twoParents is a place below ann that has bo warm.
func twoParents(t *testing.T, opt PlaceOptions, boPath []string) *testPlace {
	t.Helper()
	p := newTestPlace(opt)
	p.Seek(doors("ann"), p.now())
	p.hear("ann", accept("ann", "root"))
	p.Seek(doors("bo"), p.now())
	want(t, "asked", p.asksWarm("ann"), "bo")
	p.hear("bo", accept(boPath...))
	return p
}

// watchOn runs until bo is asked to feed us, or a time is over. Ann is so many frames later than bo, and of what she sends
// every so manyeth is lost, and comes later. Of bo's beacons, two a second, every so manyeth is lost. 0 means none.
func (p *testPlace) watchOn(late, lost uint64, beaconsLost int, d time.Duration) {
	for i := range int(d / FrameDuration) {
		p.tree.advance(FrameDuration)
		n := uint64(p.now().Sub(start)/FrameDuration) + 1000
		if lost == 0 || n%lost != 0 {
			p.tree.Receive("ann", &Packet{Frames: []Frame{sealedFrame(Program, n)}}, p.now())
		} else if n > 1100 {
			p.tree.Receive("ann", &Packet{Frames: []Frame{sealedFrame(Program, n-lost)}}, p.now())
		}
		p.Verified(p.now())
		if i%100 == 0 {
			p.hear("kid", Load{}) // if there is one, it lives
		}
		if i%25 == 0 && (beaconsLost == 0 || i/25%beaconsLost != 0) {
			p.tree.Receive("bo", &Packet{Beacons: []Beacon{{Program, n + late}}}, p.now())
		}
		p.tree.Tick(p.now())
		p.Tick(p.now())
		if slices.Contains(p.did, "tell bo Resume") {
			return
		}
	}
}

func TestAParentThatIsClearlyWorseIsLeft(t *testing.T) {
	near, far := []string{"bo", "root"}, []string{"bo", "x", "root"}
	for _, c := range []struct {
		name             string
		opt              PlaceOptions
		path             []string
		late, lost       uint64
		beaconsLost      int
		moves, withChild bool
	}{
		{"as good", PlaceOptions{}, near, 0, 0, 0, false, false},
		{"a little late", PlaceOptions{}, near, 5, 0, 0, false, false},
		{"late", PlaceOptions{}, near, 10, 0, 0, true, false},
		{"late, but the other one loses as much as comes", PlaceOptions{}, near, 10, 0, 2, false, false},
		{"loses a little", PlaceOptions{}, near, 0, 20, 0, false, false},
		{"loses much", PlaceOptions{}, near, 0, 5, 0, true, false},
		{"the other one loses as much", PlaceOptions{}, near, 0, 5, 5, false, false},
		{"the other one is deeper", PlaceOptions{}, far, 10, 0, 0, true, false},
		{"and a child would sink", PlaceOptions{Fanout: 4}, far, 10, 0, 0, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := twoParents(t, c.opt, c.path)
			if c.withChild {
				p.join("kid", Join{})
			}
			p.watchOn(c.late, c.lost, c.beaconsLost, compareFor+time.Second)
			want(t, "bo is asked", slices.Contains(p.done(), "tell bo Resume"), c.moves)
			want(t, "parent", p.Parent(), "ann")
		})
	}
}

func TestADrainedChildMovesBeforeItGoes(t *testing.T) {
	for _, to := range [][]Entry{nil, doors("dee")} {
		p := settled(t, PlaceOptions{})
		next := p.Warm()
		p.hear("ann", Drain{To: to})
		p.run(20*time.Millisecond, "ann")
		if to != nil {
			next = "dee"
			want(t, "did", p.done(), []string{"dial dee"})
			p.hear("dee", accept("dee", "root"))
		} else {
			want(t, "did", p.done(), []string{"tell " + string(next) + " Resume"})
		}
		for range 20 {
			p.run(10*time.Millisecond, "ann")
			if p.now().Sub(start)%FrameDuration == 0 {
				p.feed(next)
			}
		}
		want(t, "parent", p.Parent(), next)
		want(t, "the old one", p.did[len(p.did)-2:], []string{"part ann moved", "tell " + string(next) + " Load"})
		want(t, "frames missed", p.tree.Stats().Lost, 0)
	}
}

// A parent that is late is left for one that is not, without a pause; one that is as late as the other is not.
func TestALateParentIsLeft(t *testing.T) {
	for _, ahead := range []uint64{0, 12} {
		p := settled(t, PlaceOptions{})
		warm := p.Warm()
		p.told = map[Peer][]any{}
		send := func(from Peer, pkt Packet) {
			p.tree.Receive(from, &pkt, p.now())
			p.Verified(p.now())
		}
		for range 40 * time.Second / (10 * time.Millisecond) {
			p.tree.advance(10 * time.Millisecond)
			since := p.now().Sub(start)
			n := uint64(since/FrameDuration) + 1000
			switch asked := slices.ContainsFunc(p.told[warm], func(m any) bool { _, ok := m.(Resume); return ok }); {
			case since%FrameDuration != 0:
			case asked:
				send(warm, Packet{Frames: []Frame{sealedFrame(Program, n+ahead)}})
			default:
				send("ann", Packet{Frames: []Frame{sealedFrame(Program, n)}})
				if since%(500*time.Millisecond) == 0 {
					send(warm, Packet{Beacons: []Beacon{{Program, n + ahead}}})
				}
			}
			p.Tick(p.now())
		}
		want(t, "moves", p.Stats().Moved, min(ahead, 1))
		want(t, "stalls", p.Stats().Stalls, 0)
	}
}

func badHash(n uint64) *BadError {
	f := sealedFrame(Program, n)
	return &BadError{Reason: "hash", Frame: &f, Auth: speak(Program, kidA, keyA, n, 6).auths[0]}
}

func TestAParentThatForgesIsLeftAndTheHostIsTold(t *testing.T) {
	p := settled(t, PlaceOptions{Fanout: 4})
	warm := p.Warm()
	p.join("kid", Join{})
	p.done()
	n := uint64(p.now().Sub(start)/FrameDuration) + 1000
	p.feed("ann")
	p.Blame("ann", badHash(n), p.now())
	want(t, "children hear of it", p.told["kid"][len(p.told["kid"])-1], any(Retract{From: n, To: n}))
	p.tree.sent = nil
	p.run(10*time.Millisecond, "ann")
	want(t, "the frame is asked for again", p.tree.asked("ann"), []Range{{Slot: Program, From: n, To: n}})
	want(t, "at once", p.done(), []string{"tell kid Retract", "tell kid Stall", "tell " + string(warm) + " Resume"})
	p.run(100*time.Millisecond, "ann")
	want(t, "condemned", p.done(), []string{"part ann bad"})
	want(t, "parent", p.Parent(), "")
	p.run(20*time.Millisecond, "")
	p.feed(warm)
	p.run(10*time.Millisecond, "")
	want(t, "parent", p.Parent(), warm)
	var e Evidence
	for _, m := range p.told[warm] {
		if ev, ok := m.(Evidence); ok {
			e = ev
		}
	}
	var pkt Packet
	if err := pkt.Parse(e.Packet); err != nil || string(e.Against) != "ann" || len(pkt.Frames) != 1 || len(pkt.Auths) != 1 {
		t.Errorf("evidence %+v, %+v, %v", e, pkt, err)
	}
	want(t, "ann as a child", p.join("ann", Join{}), any(Refuse{Code: "bad"}))
}

func TestAForgerIsCondemnedThoughWeHaveMovedSince(t *testing.T) {
	p := settled(t, PlaceOptions{})
	warm := p.Warm()
	n := uint64(p.now().Sub(start)/FrameDuration) + 1000
	p.feed("ann")
	p.Blame("ann", badHash(n), p.now())
	p.run(10*time.Millisecond, "")
	p.run(20*time.Millisecond, warm)
	want(t, "parent", p.Parent(), warm)
	want(t, "ann has a moment to say that she was deceived", p.Warm(), Peer("ann"))
	p.run(100*time.Millisecond, warm)
	want(t, "warm", p.Warm(), "")
	want(t, "ann as a child", p.join("ann", Join{}), any(Refuse{Code: "bad"}))
	want(t, "bans", p.Stats().Bans, 1)
}

func TestWhoWasDeceivedItselfIsExcused(t *testing.T) {
	p := settled(t, PlaceOptions{})
	n := uint64(p.now().Sub(start)/FrameDuration) + 1000
	p.Blame("ann", badHash(n), p.now())
	p.hear("ann", Retract{From: n, To: n})
	p.run(300*time.Millisecond, "ann")
	want(t, "excused", []any{p.Parent(), p.Stats().Excused, p.Stats().Bans}, []any{Peer("ann"), uint64(1), uint64(0)})
	p.run(time.Second, "ann")
	p.Blame("ann", badHash(n+50), p.now())
	p.hear("ann", Retract{From: n + 50, To: n + 50})
	p.run(110*time.Millisecond, "ann")
	want(t, "not twice, with the same parent", p.Stats().Bans, 1)
}

func TestSoundThatNobodySignsIsNoSound(t *testing.T) {
	p := settled(t, PlaceOptions{})
	for range 80 {
		p.tree.advance(10 * time.Millisecond)
		n := uint64(p.now().Sub(start)/FrameDuration) + 1000
		p.tree.Receive("ann", &Packet{Frames: []Frame{sealedFrame(Program, n)}}, p.now())
		p.Tick(p.now())
	}
	if did := strings.Join(p.done(), ", "); !strings.Contains(did, "part ann unsigned") {
		t.Errorf("did %s", did)
	}
	p = settled(t, PlaceOptions{})
	p.run(5*time.Second, "")
	p.tree.Receive("ann", &Packet{Frames: []Frame{sealedFrame(Program, 2000)}}, p.now())
	p.run(10*time.Millisecond, "")
	want(t, "a parent that is merely silent for long is kept, also when it comes back", []any{p.Parent(), len(p.bans)}, []any{Peer("ann"), 0})
}

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

func TestBansAreBoundedAndLongerEachTime(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	for i := range 3 * maxBans {
		p.ban(Peer(fmt.Sprint("eve ", i)), p.now())
	}
	want(t, "bans", len(p.bans), maxBans)
	for range 3 {
		p.ban("eve", p.now())
	}
	p.tree.advance(64*banFor - time.Second)
	want(t, "banned", p.banned("eve", p.now()), true)
	p.tree.advance(2 * time.Second)
	want(t, "banned", p.banned("eve", p.now()), false)
}

// TestAPlaceSurvivesAnything sends everything from everybody at any time, and looks at what must be true all the same.
func TestAPlaceSurvivesAnything(t *testing.T) {
	names := []Peer{"ann", "bo", "cyd", "dee", "eve", "fay", "gus", "hal", "me", "root", ""}
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		p := newTestPlace(PlaceOptions{Fanout: int(seed % 5), Root: seed%8 == 7, Seed: seed})
		if p.Inherit(seed%3 == 0, p.now()); p.opt.Root {
			p.Heirs([]Peer{"ann", "bo"})
		}
		p.Source([]Peer{"root", "cyd"}[seed%2])
		one := func() Peer { return names[rng.IntN(len(names))] }
		some := func() (list []Entry) {
			for range rng.IntN(12) {
				list = append(list, door(one()))
			}
			return list
		}
		path := func() (raw [][]byte) {
			for range rng.IntN(10) {
				raw = append(raw, []byte(one()))
			}
			return raw
		}
		for range 3000 {
			id := one()
			switch rng.IntN(20) {
			case 0:
				p.Seek(some(), p.now())
			case 1, 2:
				p.join(id, Join{Carry: rng.Uint32() >> rng.IntN(32), Warm: rng.IntN(2) == 0, Avoid: path(), Depth: uint8(rng.IntN(6))})
			case 3, 4:
				p.hear(id, accept(string(id), "x", "root"))
			case 5:
				p.hear(id, Accept{Path: path()})
			case 6:
				p.hear(id, Redirect{To: some()})
			case 7:
				p.hear(id, Path{Path: append([][]byte{[]byte(id)}, path()...)})
			case 8:
				p.hear(id, Resume{Next: []Next{{uint8(rng.Uint32()), rng.Uint64()}}})
			case 9:
				p.hear(id, []any{Rest{}, Stall{}, Refuse{}, Bye{}, Wait{Millis: rng.Uint32()}, Others{To: some()}, Evidence{Against: []byte(one())}}[rng.IntN(7)])
			case 10:
				p.hear(id, Load{uint8(rng.Uint32()), rng.Uint32(), rng.Uint32()})
			case 11:
				p.hear(id, Drain{To: some()})
			case 12:
				p.hear(id, Retract{uint8(rng.Uint32()), rng.Uint64(), noNumber})
			case 13:
				p.Gone(id, p.now())
			case 14:
				p.Blame(id, badHash(uint64(p.now().Sub(start)/FrameDuration)+1000), p.now())
			case 15:
				if rng.IntN(50) == 0 {
					p.Drain(p.now())
				}
			default:
				p.run(time.Duration(rng.IntN(8))*10*time.Millisecond, []Peer{p.Parent(), p.Warm(), id}[rng.IntN(3)])
			}
			fed := 0
			for _, c := range p.order {
				if c.fed {
					fed++
				}
				if p.upper(c.id) != nil || p.by[c.id] != c {
					t.Fatalf("seed %d: %s is a child and a parent, or unknown", seed, c.id)
				}
			}
			switch {
			case p.Feeds() != fed || p.tree.Children() != fed || fed > p.tree.opt.Fanout:
				t.Fatalf("seed %d: %d children fed, the place says %d, the tree %d of %d", seed, fed, p.Feeds(), p.tree.Children(), p.tree.opt.Fanout)
			case p.tree.parent.peer() != p.Parent() || p.tree.spare.peer() != p.Warm():
				t.Fatalf("seed %d: parents %q and %q, in the tree %q and %q", seed, p.Parent(), p.Warm(), p.tree.parent.peer(), p.tree.spare.peer())
			case p.Parent() != "" && p.Parent() == p.Warm():
				t.Fatalf("seed %d: one parent twice", seed)
			case len(p.trials) > allTrials+2 || len(p.queue) > 64 || len(p.others) > MaxEntries || len(p.evidence) > 8:
				t.Fatalf("seed %d: %d asked, %d to ask, %d others, %d pieces of evidence", seed, len(p.trials), len(p.queue), len(p.others), len(p.evidence))
			case p.hot != nil && slices.Contains(p.hot.path, "me"):
				t.Fatalf("seed %d: a loop", seed)
			}
			p.did = nil
			clear(p.told)
		}
	}
}

func (p *peer) peer() Peer {
	if p == nil {
		return ""
	}
	return p.id
}

// While two lead a room, a parent may be below the other one, whose sound nobody told us of: it is left, and is a forger only
// if that is so again soon; and it is not asked for what is missing.
func TestAParentBelowAnotherRoot(t *testing.T) {
	p := settled(t, PlaceOptions{})
	warm := p.Warm()
	want(t, "one tree", p.tree.strange, false)
	p.hear(warm, Path{Path: [][]byte{[]byte(warm), []byte("another")}})
	p.run(20*time.Millisecond, "ann")
	want(t, "two trees", p.tree.strange, true)

	for i, code := range []string{"strange", "unsigned"} {
		p = settled(t, PlaceOptions{})
		p.Source("another")
		if i == 1 {
			p.forgive("ann", p.now())
		}
		for range 80 {
			p.tree.advance(10 * time.Millisecond)
			n := uint64(p.now().Sub(start)/FrameDuration) + 1000
			p.tree.Receive("ann", &Packet{Frames: []Frame{sealedFrame(Program, n)}}, p.now())
			p.Tick(p.now())
		}
		if did := strings.Join(p.done(), ", "); !strings.Contains(did, "part ann "+code) {
			t.Errorf("did %s", did)
		}
		want(t, "banned", p.banned("ann", p.now()), i == 1)
	}
}
