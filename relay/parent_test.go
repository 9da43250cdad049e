package relay

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

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
