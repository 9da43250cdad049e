package relay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// testTree is a tree that notes what it does.
type testTree struct {
	*Tree
	now   time.Time
	sent  []sent
	heard []heard
	auths []Auth
}

type sent struct {
	to Peer
	p  Packet
}

type heard struct {
	f      Frame
	from   Peer
	resent bool
}

func newTestTree(opt Options) *testTree {
	t := &testTree{now: start}
	t.Tree = New(opt, t)
	return t
}

func clonePacket(p *Packet) (c Packet) {
	for _, f := range p.Frames {
		c.Frames = append(c.Frames, *cloneFrame(f))
	}
	for i := range p.Auths {
		c.Auths = append(c.Auths, *p.Auths[i].Clone())
	}
	c.Resends = append(c.Resends, p.Resends...)
	c.Beacons = append(c.Beacons, p.Beacons...)
	return c
}

func (t *testTree) Send(to Peer, p *Packet) { t.sent = append(t.sent, sent{to, clonePacket(p)}) }
func (t *testTree) Deliver(f Frame, from Peer, resent bool) {
	t.heard = append(t.heard, heard{*cloneFrame(f), from, resent})
}
func (t *testTree) DeliverAuth(a *Auth, from Peer) { t.auths = append(t.auths, *a.Clone()) }

func (t *testTree) advance(d time.Duration) { t.now = t.now.Add(d) }

// join adds a child that hears and may send.
func (t *testTree) join(p Peer, hears, sends uint32) {
	if err := t.AddChild(p, t.now); err != nil {
		panic(err)
	}
	if err := t.Subscribe(p, hears, t.now); err != nil {
		panic(err)
	}
	if err := t.Allow(p, sends, t.now); err != nil {
		panic(err)
	}
}

// numbers are the frames sent to a peer in a slot, in order.
func (t *testTree) numbers(to Peer, slot Slot) (n []uint64) {
	for _, s := range t.sent {
		for _, f := range s.p.Frames {
			if s.to == to && f.Slot == slot {
				n = append(n, f.Number)
			}
		}
	}
	return n
}

func (t *testTree) publish(slot Slot, from, to uint64) {
	for i := from; i <= to; i++ {
		t.Publish(sealedFrame(slot, i), t.now)
		t.advance(FrameDuration)
	}
}

// feed lets a peer send frames, one a packet.
func (t *testTree) feed(from Peer, slot Slot, numbers ...uint64) {
	for _, n := range numbers {
		t.Receive(from, &Packet{Frames: []Frame{sealedFrame(slot, n)}}, t.now)
		t.advance(FrameDuration)
	}
}

func (t *testTree) asked(to Peer) (r []Range) {
	for _, s := range t.sent {
		if s.to == to {
			r = append(r, s.p.Resends...)
		}
	}
	return r
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func upTo(from, to uint64) (n []uint64) {
	for i := from; i <= to; i++ {
		n = append(n, i)
	}
	return n
}

func TestAFrameGoesToEachChildOnceAndNeverBack(t *testing.T) {
	tree := newTestTree(Options{})
	tree.join("ann", AllSlots, Slots(1))
	tree.join("bob", AllSlots, Slots(2))
	tree.join("cyd", Slots(Program), 0)
	tree.feed("ann", 1, 10, 11, 11, 12, 10)
	want(t, "to bob", tree.numbers("bob", 1), []uint64{10, 11, 12})
	want(t, "back to ann", tree.numbers("ann", 1), nil)
	want(t, "to cyd, who does not hear it", tree.numbers("cyd", 1), nil)
	want(t, "delivered", len(tree.heard), 3)
	want(t, "duplicates", tree.Stats().Drops["duplicate"], 2)
	for _, s := range tree.sent {
		for _, f := range s.p.Frames {
			want(t, "content", f, sealedFrame(1, f.Number))
		}
	}
	tree.publish(Program, 5, 7)
	for _, p := range []Peer{"ann", "bob", "cyd"} {
		want(t, "program to "+string(p), tree.numbers(p, Program), []uint64{5, 6, 7})
	}
}

func TestFramesFromBelowGoUpAndThoseFromAboveOnlyDown(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.join("ann", AllSlots, Slots(1))
	tree.publish(2, 1, 3)
	tree.feed("ann", 1, 7)
	tree.feed("host", Program, 9)
	want(t, "own, up", tree.numbers("host", 2), []uint64{1, 2, 3})
	want(t, "own, down", tree.numbers("ann", 2), []uint64{1, 2, 3})
	want(t, "ann's, up", tree.numbers("host", 1), []uint64{7})
	want(t, "the host's, down", tree.numbers("ann", Program), []uint64{9})
	want(t, "the host's, up", tree.numbers("host", Program), nil)
}

func TestAPeerIsHeardOnlyInItsSlots(t *testing.T) {
	tree := newTestTree(Options{})
	tree.join("ann", AllSlots, Slots(1))
	tree.join("bob", AllSlots, 0)
	said := speak(1, kidA, keyA, 1, 6)
	tree.Receive("bob", &Packet{Frames: said.frames, Auths: []Auth{*said.auths[0]}, Beacons: []Beacon{{1, 9}}}, tree.now)
	tree.feed("ann", 2, 1)
	tree.feed("eve", 1, 1)
	want(t, "delivered", len(tree.heard)+len(tree.auths), 0)
	want(t, "sent", len(tree.sent), 0)
	want(t, "not allowed", tree.Stats().Drops["not_allowed"], 6+1+1+1)
	want(t, "unknown", tree.Stats().Drops["unknown_peer"], 1)
	// A right that ends, ends at once.
	tree.feed("ann", 1, 1)
	if err := tree.Allow("ann", 0, tree.now); err != nil {
		t.Fatal(err)
	}
	tree.feed("ann", 1, 2)
	want(t, "delivered", len(tree.heard), 1)
}

func TestATrespasserIsPartedWith(t *testing.T) {
	tree := newTestTree(Options{})
	tree.join("ann", AllSlots, Slots(1))
	tree.advance(time.Minute)
	next := uint64(1)
	send := func(slot Slot, n int) (err error) {
		for ; n > 0; n-- {
			err = tree.Receive("ann", &Packet{Frames: []Frame{sealedFrame(slot, next)}}, tree.now)
			next++
		}
		return err
	}
	want(t, "in her own slot", send(1, 100), nil)
	if err := tree.Allow("ann", 0, tree.now); err != nil {
		t.Fatal(err)
	}
	want(t, "what was on its way when she was muted", send(1, 500), nil)
	tree.advance(trespassGrace + 1)
	want(t, "a little more", send(1, trespassMax), nil)
	if err := tree.Allow("ann", 0, tree.now); err != nil { // says nothing new
		t.Fatal(err)
	}
	want(t, "and more", send(1, 1), ErrTrespass)
	want(t, "and more", send(Program, 1), ErrTrespass)
	if err := tree.Allow("ann", Slots(2), tree.now); err != nil {
		t.Fatal(err)
	}
	want(t, "with other rights", send(2, 100), nil)
	tree.advance(trespassGrace + 1)
	want(t, "in another's slot", send(1, trespassMax+1), ErrTrespass)
	want(t, "delivered", len(tree.heard), 100+100)
}

// sound lets a peer send frames, and the auths that they complete, all at once.
func (t *testTree) sound(from Peer, said speech) error {
	var err error
	for i, f := range said.frames {
		p := Packet{Frames: []Frame{f}}
		if (i+1)%AuthBatch == 0 {
			p.Auths = []Auth{*said.auths[i/AuthBatch]}
		}
		err = errors.Join(err, t.Receive(from, &p, t.now))
	}
	return err
}

func TestAFloodInOnesOwnSlotIsDroppedAndParted(t *testing.T) {
	frames := func(n uint64) *Packet { return &Packet{Frames: []Frame{sealedFrame(1, n)}} }
	auths := func(n uint64) *Packet {
		return &Packet{Auths: []Auth{{Slot: 1, KID: kidA, First: AuthBatch * n, Hashes: make([][16]byte, AuthBatch)}}}
	}
	jumps := func(n uint64) *Packet { return frames(99 * n) } // each pushes nearly everything out of the ring
	for _, c := range []struct {
		name   string
		packet func(n uint64) *Packet
		most   int // in 10 s
	}{
		{"frames", frames, 100 + 10*100},
		{"frames that jump", jumps, 100 + 10*100},
		{"auths", auths, 50 + 10*25},
	} {
		for _, from := range []Peer{"ann", "host"} {
			t.Run(fmt.Sprint(c.name, " from ", from), func(t *testing.T) {
				tree := newTestTree(Options{})
				tree.SetParent("host", tree.now)
				tree.join("ann", AllSlots, Slots(1))
				tree.join("bob", AllSlots, Slots(2))
				var parted time.Duration
				for n := range uint64(10_000) {
					if err := tree.Receive(from, c.packet(n), tree.now); err != nil && parted == 0 {
						want(t, "error", err, ErrTrespass)
						parted = tree.now.Sub(start)
					}
					tree.advance(time.Millisecond)
				}
				got, flooded := len(tree.heard)+len(tree.auths), tree.Stats().Drops["flood"]
				if got > c.most || got < c.most-1 {
					t.Errorf("%d delivered, want %d", got, c.most)
				}
				want(t, "counted", flooded, uint64(10_000-got))
				if n := len(tree.numbers("bob", 1)); n > c.most {
					t.Errorf("%d forwarded", n)
				}
				if from == "ann" && (parted == 0 || parted > 1500*time.Millisecond) || from == "host" && parted != 0 {
					t.Errorf("parted with after %v", parted)
				}
				// Another slot of the same peer, and another peer, are not touched by it.
				tree.feed("host", 7, 1)
				tree.feed("bob", 2, 1)
				want(t, "others", len(tree.heard)+len(tree.auths), got+2)
			})
		}
	}
}

// An honest peer is never parted with, however its sound bunches on the way, and what can still be mended gets through.
func TestAnHonestBurstIsNoFlood(t *testing.T) {
	for _, c := range []struct {
		name      string
		out       time.Duration // of which everything comes at once
		delivered int           // frames of it, at least
	}{
		{"no outage", 0, 0},
		{"an outage as long as the ring", 2 * time.Second, 100},
		{"a long one, from the buffers of TCP", 15 * time.Second, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := newTestTree(Options{})
			tree.join("ann", 0, Slots(1))
			next := uint64(1)
			for range 20 { // again and again
				late := int(c.out / FrameDuration)
				tree.advance(c.out)
				before := len(tree.heard)
				want(t, "burst", tree.sound("ann", speak(1, kidA, keyA, next, late)), nil)
				if got := len(tree.heard) - before; got < c.delivered {
					t.Errorf("%d of %d delivered", got, late)
				}
				next += uint64(late)
				// Sound goes on at once, beside what is asked for again, which comes as fast as the retries allow.
				before = len(tree.heard)
				for range 5 * 50 {
					tree.advance(FrameDuration)
					want(t, "live", tree.sound("ann", speak(1, kidA, keyA, next, 1)), nil)
					next++
				}
				want(t, "live", len(tree.heard)-before, 5*50)
			}
			if late := uint64(c.out / FrameDuration); late <= 100 {
				want(t, "dropped", tree.Stats().Drops["flood"], 0)
			}
		})
	}
}

func TestCopiesAreNoFlood(t *testing.T) {
	tree := newTestTree(Options{})
	tree.join("ann", 0, Slots(1))
	said := speak(1, kidA, keyA, 1000, 600)
	for i := 0; i < 600; i += AuthBatch {
		batch := speech{said.frames[i : i+AuthBatch], said.auths[i/AuthBatch : i/AuthBatch+1]}
		for range 50 {
			want(t, "copies", tree.sound("ann", batch), nil)
		}
		for n := range uint64(300) {
			want(t, "older than the ring", tree.Receive("ann", &Packet{Frames: []Frame{sealedFrame(1, n)}}, tree.now), nil)
		}
		tree.advance(AuthBatch * FrameDuration)
	}
	want(t, "delivered", []int{len(tree.heard), len(tree.auths)}, []int{600, 100})
	want(t, "flood", tree.Stats().Drops["flood"], 0)
}

// What was lost for as long as the ring is asked for and comes in one burst, beside the sound that goes on.
func TestARepairedOutageIsNoFlood(t *testing.T) {
	host, ann := newTestTree(Options{}), newTestTree(Options{})
	host.join("ann", 0, Slots(1))
	ann.SetParent("host", ann.now)
	for i := range uint64(300) {
		ann.Publish(sealedFrame(1, i), ann.now)
		for _, s := range ann.sent {
			if i < 50 || i >= 148 { // an outage of 98 frames
				host.Receive("ann", &s.p, host.now)
			}
		}
		ann.sent = nil
		for range 2 {
			host.advance(10 * time.Millisecond)
			ann.now = host.now
			host.Tick(host.now)
			for _, s := range host.sent {
				ann.Receive("host", &s.p, ann.now)
			}
			host.sent = nil
			ann.Tick(ann.now)
		}
	}
	for _, s := range ann.sent {
		host.Receive("ann", &s.p, host.now)
	}
	want(t, "heard", len(host.heard), 300)
	want(t, "flood", host.Stats().Drops["flood"], 0)
}

func TestLeavingAllowsNothingAnew(t *testing.T) {
	tree := newTestTree(Options{})
	next := uint64(1)
	rejoin := func() {
		tree.RemoveChild("ann")
		tree.join("ann", 0, Slots(1))
		for range 200 {
			tree.Receive("ann", &Packet{Frames: []Frame{sealedFrame(1, next)}}, tree.now)
			next++
		}
	}
	for range 10 {
		rejoin()
	}
	want(t, "at once", len(tree.heard), 100)
	tree.advance(floodGrace)
	rejoin()
	want(t, "later", len(tree.heard), 200)
	// Who need not wait is forgotten.
	for i := range 50 {
		p := Peer(fmt.Sprint("guest ", i))
		tree.join(p, 0, 0)
		tree.RemoveChild(p)
	}
	tree.RemoveChild("ann")
	tree.advance(floodGrace)
	tree.join("bob", 0, 0)
	want(t, "remembered", len(tree.paces), 1)
}

func TestNobodySendsInASlotOfOurs(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.publish(3, 1, 2)
	tree.feed("host", 3, 1<<40)
	tree.publish(3, 3, 4)
	want(t, "sent up", tree.numbers("host", 3), upTo(1, 4))
	want(t, "delivered", len(tree.heard), 0)
	tree.advance(3 * time.Second) // the seat may since be another's
	tree.feed("host", 3, 9)
	want(t, "delivered later", len(tree.heard), 1)
}

func TestChildrenAreLimited(t *testing.T) {
	tree := newTestTree(Options{Fanout: 2})
	tree.SetParent("host", tree.now)
	tree.join("a", 0, 0)
	tree.join("b", 0, 0)
	want(t, "a third", tree.AddChild("c", tree.now), ErrFull)
	want(t, "a again", tree.AddChild("a", tree.now), nil)
	want(t, "the parent", tree.AddChild("host", tree.now), ErrPeer)
	tree.RemoveChild("a")
	want(t, "c now", tree.AddChild("c", tree.now), nil)
	want(t, "children", tree.Children(), 2)
	want(t, "a subscribes", tree.Subscribe("a", 1, tree.now), ErrPeer)
	want(t, "a is allowed", tree.Allow("a", 1, tree.now), ErrPeer)
	want(t, "none", New(Options{Fanout: -1}, tree).AddChild("a", tree.now), ErrFull)
}

func TestANewcomerGetsTheLast300ms(t *testing.T) {
	tree := newTestTree(Options{})
	said := speak(Program, kidA, keyA, 1, 60)
	for i, f := range said.frames {
		if (i+1)%AuthBatch == 0 {
			tree.PublishAuth(said.auths[i/AuthBatch], tree.now)
		}
		tree.Publish(f, tree.now)
		tree.advance(FrameDuration)
	}
	tree.join("ann", Slots(Program), 0)
	want(t, "burst", tree.numbers("ann", Program), upTo(46, 60))
	var auths int
	for _, s := range tree.sent {
		auths += len(s.p.Auths)
		if n := len(s.p.Append(nil)); n > PacketSize {
			t.Errorf("a packet of %d bytes", n)
		}
	}
	want(t, "auths in it", auths, 3) // of the frames 43-48, 49-54, 55-60
	// Leaving and coming back sends nothing twice.
	for _, slots := range []uint32{0, Slots(Program), AllSlots} {
		if err := tree.Subscribe("ann", slots, tree.now); err != nil {
			t.Fatal(err)
		}
	}
	tree.publish(Program, 61, 61)
	want(t, "in all", tree.numbers("ann", Program), upTo(46, 61))
}

func TestABurstMayComeOutOfOrderAndWithGaps(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	said := speak(Program, kidA, keyA, 1, 24)
	tree.Receive("host", &Packet{Frames: said.frames[18:24], Auths: []Auth{*said.auths[3]}}, tree.now)
	tree.Receive("host", &Packet{Frames: said.frames[:6], Auths: []Auth{*said.auths[0]}}, tree.now)
	tree.advance(10 * time.Millisecond)
	tree.Tick(tree.now)
	want(t, "asked", tree.asked("host"), []Range{{Slot: Program, From: 7, To: 18}})
	tree.sent = nil
	tree.Receive("host", &Packet{Frames: said.frames[6:18], Auths: []Auth{*said.auths[1], *said.auths[2]}}, tree.now)
	for range 100 {
		tree.advance(10 * time.Millisecond)
		tree.Tick(tree.now)
	}
	want(t, "asked then", tree.asked("host"), nil)
	want(t, "delivered", []int{len(tree.heard), len(tree.auths)}, []int{24, 4})
}

func TestABurstOfAnEndedStreamIsEmpty(t *testing.T) {
	tree := newTestTree(Options{})
	tree.publish(Program, 1, 60)
	tree.advance(10 * time.Second)
	tree.join("ann", Slots(Program), 0)
	want(t, "burst", tree.numbers("ann", Program), nil)
}

func TestAnAuthRidesWithTheFrameThatCompletesIt(t *testing.T) {
	host, relay := newTestTree(Options{}), newTestTree(Options{})
	host.join("relay", Slots(Program), 0)
	relay.SetParent("host", relay.now)
	relay.join("ann", Slots(Program), 0)
	said := speak(Program, kidA, keyA, 1, 6)
	for i, f := range said.frames {
		if i == 5 {
			host.PublishAuth(said.auths[0], host.now)
		}
		host.Publish(f, host.now)
	}
	for _, s := range host.sent {
		relay.Receive("host", &s.p, relay.now)
	}
	for _, tree := range []*testTree{host, relay} {
		want(t, "packets", len(tree.sent), 6)
		last := tree.sent[5].p
		want(t, "frames of the last", len(last.Frames), 1)
		want(t, "its auths", last.Auths, []Auth{*said.auths[0]})
	}
	want(t, "delivered", relay.auths, []Auth{*said.auths[0]})
	// Without its frame it leaves all the same.
	host.PublishAuth(speak(Program, kidA, keyA, 7, 6).auths[0], host.now)
	want(t, "before the tick", len(host.sent), 6)
	host.Tick(host.now)
	want(t, "after it", len(host.sent), 7)
}

func TestTheAudienceIsBundledAndTheStageIsNot(t *testing.T) {
	tree := newTestTree(Options{Bundle: 3})
	tree.join("audience", Slots(Program), 0)
	tree.join("stage", AllSlots, 0)
	said := speak(Program, kidA, keyA, 1, 12)
	for i, f := range said.frames {
		if (i+1)%AuthBatch == 0 {
			tree.PublishAuth(said.auths[i/AuthBatch], tree.now)
		}
		tree.Publish(f, tree.now)
		tree.advance(FrameDuration)
	}
	shape := map[Peer][]string{}
	for _, s := range tree.sent {
		shape[s.to] = append(shape[s.to], fmt.Sprint(len(s.p.Frames), "+", len(s.p.Auths)))
	}
	want(t, "audience", shape["audience"], []string{"3+0", "3+1", "3+0", "3+1"})
	want(t, "stage", len(shape["stage"]), 12)
	tree.publish(Program, 13, 13)
	want(t, "a lone frame waits", len(tree.numbers("audience", Program)), 12)
	tree.advance(3 * FrameDuration)
	tree.Tick(tree.now)
	want(t, "not for ever", len(tree.numbers("audience", Program)), 13)
}

// Some loss takes single frames rather than bundles; much of it is a full path, which gets the fewest packets, and fewer again.
func TestLossChangesTheBundle(t *testing.T) {
	tree := newTestTree(Options{Bundle: 3})
	tree.join("ann", Slots(Program), 0)
	next := uint64(1)
	for _, c := range []struct{ loss, packets float64 }{{0, 10}, {0.02, 10}, {0.05, 30}, {0.10, 30}, {0.11, 10}, {0.6, 10}, {0, 10}} {
		if err := tree.SetLoss("ann", c.loss); err != nil {
			t.Fatal(err)
		}
		tree.sent = nil
		for range 30 {
			tree.publish(Program, next, next)
			next++
		}
		want(t, fmt.Sprintf("packets at a loss of %v", c.loss), len(tree.sent), int(c.packets))
	}
	if err := tree.SetLoss("bo", 0.5); !errors.Is(err, ErrPeer) {
		t.Errorf("loss of a stranger: %v", err)
	}
}

func TestAFullPathGetsLessAgain(t *testing.T) {
	again := map[float64]int{}
	for _, loss := range []float64{0.05, 0.2} {
		tree := newTestTree(Options{})
		tree.join("ann", Slots(Program), 0)
		if err := tree.SetLoss("ann", loss); err != nil {
			t.Fatal(err)
		}
		tree.publish(Program, 1, 100)
		everything := &Packet{Resends: []Range{{Slot: Program, From: 1, To: 100}}}
		for range 4 { // the first budget is spent
			tree.Receive("ann", everything, tree.now)
		}
		before := tree.Stats().Resent
		for range 100 {
			tree.advance(10 * time.Millisecond)
			tree.Receive("ann", everything, tree.now)
		}
		again[loss] = int(tree.Stats().Resent - before)
	}
	if again[0.05] < 3*again[0.2] || again[0.2] == 0 {
		t.Errorf("frames sent again: %v", again)
	}
}

func TestALostFrameIsAskedForWithinAFrame(t *testing.T) {
	tree := newTestTree(Options{Retry: 80 * time.Millisecond, Retries: 3})
	tree.SetParent("host", tree.now)
	tree.feed("host", Program, 1, 2)
	tree.Receive("host", &Packet{Frames: []Frame{sealedFrame(Program, 6)}}, tree.now)
	tree.Tick(tree.now)
	want(t, "at once, it may be reordering", tree.asked("host"), nil)
	tree.advance(10 * time.Millisecond)
	tree.Tick(tree.now)
	lost := Range{Slot: Program, From: 3, To: 5}
	want(t, "within a frame", tree.asked("host"), []Range{lost})
	tree.Receive("host", &Packet{Frames: []Frame{sealedFrame(Program, 4)}}, tree.now)
	if last := tree.heard[len(tree.heard)-1]; last.f.Number != 4 || !last.resent {
		t.Errorf("delivered %+v", last)
	}
	for range 100 {
		tree.advance(10 * time.Millisecond)
		tree.Tick(tree.now)
	}
	var frames int
	for _, r := range tree.asked("host") {
		if !r.AuthsOnly {
			frames += int(r.To - r.From + 1)
		}
	}
	want(t, "asked in all", frames, 3+2*2)
	s := tree.Stats()
	want(t, "recovered and lost", []uint64{s.Recovered, s.Lost}, []uint64{1, 2})
}

func TestALostAuthIsAskedForAlone(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	said := speak(Program, kidA, keyA, 1, 18)
	for i, f := range said.frames {
		p := Packet{Frames: []Frame{f}}
		if i == 5 || i == 17 {
			p.Auths = []Auth{*said.auths[i/AuthBatch]}
		}
		tree.Receive("host", &p, tree.now)
		tree.advance(FrameDuration)
		tree.Tick(tree.now)
	}
	want(t, "asked", tree.asked("host"), []Range{{Slot: Program, From: 7, To: 12, AuthsOnly: true}})
	tree.Receive("host", &Packet{Auths: []Auth{*said.auths[1]}}, tree.now)
	for range 50 {
		tree.advance(10 * time.Millisecond)
		tree.Tick(tree.now)
	}
	want(t, "asked once", len(tree.asked("host")), 1)
	want(t, "delivered", len(tree.auths), 3)
}

func TestARequestIsAnsweredFromTheRing(t *testing.T) {
	tree := newTestTree(Options{})
	tree.join("ann", Slots(Program), 0)
	said := speak(Program, kidA, keyA, 1, 120)
	for i, f := range said.frames {
		tree.Publish(f, tree.now)
		if (i+1)%AuthBatch == 0 {
			tree.PublishAuth(said.auths[i/AuthBatch], tree.now)
		}
		tree.advance(FrameDuration)
	}
	ask := func(r Range) (frames []uint64, auths []uint64) {
		tree.sent = nil
		tree.Receive("ann", &Packet{Resends: []Range{r}}, tree.now)
		for _, s := range tree.sent {
			for _, a := range s.p.Auths {
				auths = append(auths, a.First)
			}
		}
		return tree.numbers("ann", Program), auths
	}
	frames, auths := ask(Range{Slot: Program, From: 100, To: 103})
	want(t, "frames", frames, upTo(100, 103))
	want(t, "auths that they complete", auths, []uint64{97})
	frames, auths = ask(Range{Slot: Program, From: 104, To: 109, AuthsOnly: true})
	want(t, "frames", frames, nil)
	want(t, "auths that cover them", auths, []uint64{103, 109})
	frames, _ = ask(Range{Slot: Program, From: 0, To: 1 << 63})
	want(t, "everything, which is the last 2 s", frames, upTo(21, 120))
	frames, _ = ask(Range{Slot: 5, From: 0, To: 1})
	want(t, "a slot that ann does not hear", frames, nil)
	want(t, "counted", tree.Stats().Drops["not_subscribed"], 1)
}

func TestRequestsAreLimited(t *testing.T) {
	tree := newTestTree(Options{})
	tree.join("ann", Slots(Program), 0)
	tree.publish(Program, 1, 100)
	tree.sent = nil
	for range 100 {
		tree.Receive("ann", &Packet{Resends: []Range{{Slot: Program, From: 1, To: 100}}}, tree.now)
	}
	if n := len(tree.numbers("ann", Program)); n != 200 {
		t.Errorf("%d frames for 100 greedy requests", n)
	}
	want(t, "limited", tree.Stats().Drops["resend_limited"], 9800)
}

func TestABeaconTellsTheEnd(t *testing.T) {
	host, ann := newTestTree(Options{}), newTestTree(Options{})
	host.join("ann", Slots(1), 0)
	ann.SetParent("host", ann.now)
	host.publish(1, 1, 10)
	for i, s := range host.sent {
		if i < 8 { // the last two are lost
			ann.Receive("host", &s.p, ann.now)
		}
	}
	ann.now = host.now
	var asked bool
	for range 20 {
		host.sent, ann.sent = nil, nil
		host.advance(10 * time.Millisecond)
		host.Tick(host.now)
		for _, s := range host.sent {
			ann.Receive("host", &s.p, host.now)
		}
		ann.Tick(host.now.Add(askAfter))
		for _, s := range ann.sent {
			asked = true
			host.sent = nil
			host.Receive("ann", &s.p, host.now)
			for _, s := range host.sent {
				ann.Receive("host", &s.p, host.now)
			}
		}
	}
	want(t, "asked", asked, true)
	want(t, "heard", len(ann.heard), 10)
	host.sent = nil
	host.advance(5 * time.Second)
	host.Tick(host.now)
	want(t, "beacons of a stream that is long over", len(host.sent), 0)
}

func TestTwoSecondsAreKeptAndNoMore(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.feed("host", Program, upTo(1000, 1150)...)
	tree.feed("host", Program, 1050, 900)
	want(t, "too old", tree.Stats().Drops["too_old"], 2)
	tree.Receive("host", &Packet{Beacons: []Beacon{{Program, 1 << 50}}}, tree.now)
	want(t, "beacon ahead", tree.Stats().Drops["beacon_ahead"], 1)
	want(t, "ring", len(tree.streams[Program].ring), 100)
}

func TestAStreamThatJumpsOrStartsOverIsFollowed(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.feed("host", 1, 10, 11, 100_000, 12)
	want(t, "one frame that is far ahead leads nobody astray", len(tree.heard), 3)
	want(t, "counted", tree.Stats().Drops["leap"], 1)
	tree.advance(leapAfter)
	tree.feed("host", 1, 100_000, 100_001)
	want(t, "jumped ahead after a pause", len(tree.heard), 5)
	tree.advance(3 * time.Second)
	tree.feed("host", 1, 50, 51)
	want(t, "started over after a silence", len(tree.heard), 7)
	tree.advance(leapAfter)
	tree.feed("host", 1, 100_000)
	tree.Reset(1)
	tree.feed("host", 1, 3)
	want(t, "started over after Reset", len(tree.heard), 9)
	want(t, "jumps", tree.Stats().Jumps, 3)
}

func TestANewParentIsAskedForWhatIsMissing(t *testing.T) {
	tree := newTestTree(Options{Retries: 1})
	tree.SetParent("host", tree.now)
	tree.feed("host", Program, 1, 4)
	tree.Tick(tree.now)
	want(t, "the old one", tree.asked("host"), []Range{{Slot: Program, From: 2, To: 3}})
	tree.SetParent("other", tree.now)
	tree.Tick(tree.now)
	want(t, "the new one", tree.asked("other"), []Range{{Slot: Program, From: 2, To: 3}})
	tree.feed("host", Program, 5)
	want(t, "the old one is a stranger", tree.Stats().Drops["unknown_peer"], 1)
}

func TestWhatTheParentDoesNotSendTheSpareOneIsAskedFor(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.SetSpare("other", tree.now)
	tree.feed("host", Program, 1, 2)
	tree.Receive("other", &Packet{Beacons: []Beacon{{Program, 4}}}, tree.now)
	want(t, "a beacon of the spare one asks for nothing", tree.streams[Program].missing, 0)
	tree.feed("host", Program, 5)
	for range 10 {
		tree.advance(10 * time.Millisecond)
		tree.Tick(tree.now)
	}
	lost := []Range{{Slot: Program, From: 3, To: 4}}
	want(t, "first", tree.asked("host"), lost)
	want(t, "then", tree.asked("other"), lost)
	tree.Receive("other", &Packet{Frames: []Frame{sealedFrame(Program, 3), sealedFrame(Program, 4)}}, tree.now)
	want(t, "delivered", len(tree.heard), 5)
	want(t, "of which nothing goes up", tree.numbers("host", Program), nil)
	tree.advance(time.Second)
	tree.sent = nil
	tree.Tick(tree.now)
	want(t, "not even a beacon", slices.IndexFunc(tree.sent, func(s sent) bool { return s.to == "host" }), -1)
	tree.publish(1, 1, 1)
	want(t, "our own goes to the parent", tree.numbers("host", 1), []uint64{1})
	want(t, "and not to the spare one", tree.numbers("other", 1), nil)
	tree.SetParent("other", tree.now)
	tree.publish(1, 2, 2)
	want(t, "they change places", tree.numbers("other", 1), []uint64{2})
	tree.feed("host", Program, 6)
	want(t, "the old one is still heard", len(tree.heard), 6)
	tree.SetSpare("", tree.now)
	tree.feed("host", Program, 7)
	want(t, "until it is dropped", len(tree.heard), 6)
}

func TestAWarmChildGetsBeaconsAndWhatItAsksFor(t *testing.T) {
	tree := newTestTree(Options{Fanout: 1})
	if err := tree.AddWarm("ann", Slots(Program), tree.now); err != nil {
		t.Fatal(err)
	}
	want(t, "fed", tree.Children(), 0)
	tree.publish(Program, 1, 50)
	tree.Tick(tree.now)
	want(t, "beacon", tree.sent, []sent{{"ann", Packet{Beacons: []Beacon{{Program, 50}}}}})
	tree.Receive("ann", &Packet{Resends: []Range{{Slot: Program, From: 7, To: 8}}}, tree.now)
	want(t, "asked for", tree.numbers("ann", Program), []uint64{7, 8})
	want(t, "subscribe", tree.Subscribe("ann", 1, tree.now), ErrPeer)
	want(t, "the parent", func() error { tree.SetParent("host", tree.now); return tree.AddWarm("host", 1, tree.now) }(), ErrPeer)
	want(t, "added", tree.AddChild("ann", tree.now), nil)
	want(t, "fed", tree.Children(), 1)
	tree.sent = nil
	want(t, "resumed", tree.Resume("ann", Slots(Program), []Next{{Program, 41}}, tree.now), nil)
	want(t, "from where it said", tree.numbers("ann", Program), upTo(41, 50))
	want(t, "a second child", tree.AddChild("bo", tree.now), ErrFull)
	want(t, "warm again", tree.AddWarm("ann", Slots(Program), tree.now), nil)
	want(t, "room for a second", tree.AddChild("bo", tree.now), nil)
	tree.RemoveChild("ann")
	want(t, "fed", tree.Children(), 1)
}

func TestWhatIsOnItsWayIsNotSentTwice(t *testing.T) {
	tree := newTestTree(Options{})
	tree.join("ann", Slots(Program), 0)
	tree.SetRTT("ann", 50*time.Millisecond)
	tree.publish(Program, 1, 1)
	ask := &Packet{Resends: []Range{{Slot: Program, From: 1, To: 1}}}
	tree.Receive("ann", ask, tree.now) // 20 ms after it left
	want(t, "sent", tree.numbers("ann", Program), []uint64{1})
	want(t, "counted", tree.Stats().Drops["on_its_way"], 1)
	tree.advance(50 * time.Millisecond)
	tree.Receive("ann", ask, tree.now)
	want(t, "sent", tree.numbers("ann", Program), []uint64{1, 1})
}

func TestWhatWasForgedIsAskedForAnew(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.join("kid", Slots(Program), 0)
	said := speak(Program, kidA, keyA, 1, 6)
	forged := *cloneFrame(said.frames[2])
	forged.Sealed[0] ^= 1
	bad := said.auths[0].Clone()
	bad.Sig[0] ^= 1
	for i, f := range said.frames {
		if i == 2 {
			f = forged
		}
		tree.Receive("host", &Packet{Frames: []Frame{f}}, tree.now)
	}
	tree.Receive("host", &Packet{Auths: []Auth{*bad}}, tree.now)
	from, ok := tree.From(Program, 3)
	want(t, "from", []any{from, ok}, []any{Peer("host"), true})
	tree.Reject(Program, 3, tree.now)
	tree.RejectAuth(bad)
	tree.Tick(tree.now)
	want(t, "asked", tree.asked("host"), []Range{{Slot: Program, From: 3, To: 3}, {Slot: Program, From: 1, To: 2, AuthsOnly: true}})
	tree.sent = nil
	tree.Receive("host", &Packet{Frames: said.frames[2:3], Auths: []Auth{*said.auths[0]}}, tree.now)
	want(t, "to the child", tree.numbers("kid", Program), []uint64{3})
	want(t, "delivered", []int{len(tree.heard), len(tree.auths)}, []int{7, 2})
}

func TestMalformedFramesAreCounted(t *testing.T) {
	tree := newTestTree(Options{})
	tree.join("ann", AllSlots, AllSlots)
	tree.Receive("ann", &Packet{
		Frames:  []Frame{{Slot: 32, Sealed: []byte{1}}, {Slot: 1}, {Slot: 1, Sealed: make([]byte, MaxSealed+1)}},
		Auths:   []Auth{{Slot: 40, Hashes: make([][16]byte, 1)}, {Slot: 1}, {Slot: 1, First: 1<<64 - 1, Hashes: make([][16]byte, 2)}},
		Resends: []Range{{Slot: 99}, {Slot: 1, From: 2, To: 1}},
		Beacons: []Beacon{{Slot: 200, Last: 1}},
	}, tree.now)
	tree.Publish(Frame{Slot: 32, Sealed: []byte{1}}, tree.now)
	tree.PublishAuth(&Auth{}, tree.now)
	want(t, "malformed", tree.Stats().Drops["malformed"], 3+3+2+1+2)
}

func TestTheLastNumbersDoNotWrap(t *testing.T) {
	tree := newTestTree(Options{})
	tree.SetParent("host", tree.now)
	tree.join("ann", AllSlots, 0)
	const last = 1<<64 - 1
	tree.feed("host", 1, last-3, last-2, last, last-1, last)
	tree.Tick(tree.now)
	tree.Receive("ann", &Packet{Resends: []Range{{1, 0, last, false}, {1, 0, last, true}, {1, last, last, true}}}, tree.now)
	tree.Receive("host", &Packet{Beacons: []Beacon{{1, last}}}, tree.now)
	tree.Subscribe("ann", 0, tree.now)
	tree.Subscribe("ann", AllSlots, tree.now)
	want(t, "delivered", len(tree.heard), 4)
}

// TestALossyTreeDeliversEverything runs host, relay and listener over links that lose and reorder a tenth.
func TestALossyTreeDeliversEverything(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 7))
		nodes := map[Peer]*testTree{"host": newTestTree(Options{Bundle: 3}), "relay": newTestTree(Options{Bundle: 3}), "ann": newTestTree(Options{})}
		nodes["host"].join("relay", AllSlots, Slots(2))
		nodes["relay"].SetParent("host", start)
		nodes["relay"].join("ann", AllSlots, Slots(2))
		nodes["ann"].SetParent("relay", start)
		v := NewVerifier(theRoom, Program, keysOf(kidA, keyA))
		up := NewVerifier(theRoom, 2, keysOf(kidA, keyB))
		program, speaker := speak(Program, kidA, keyA, 1, 600), speak(2, kidA, keyB, 1, 600)
		type flight struct {
			from, to Peer
			p        Packet
			at       time.Time
		}
		var air []flight
		var got, gotUp []Verified
		for step := range 2600 {
			now := start.Add(time.Duration(step) * 5 * time.Millisecond)
			if i := step / 4; step%4 == 0 && i < 600 {
				for _, s := range []struct {
					node Peer
					speech
				}{{"host", program}, {"ann", speaker}} {
					if (i+1)%AuthBatch == 0 {
						nodes[s.node].PublishAuth(s.auths[i/AuthBatch], now)
					}
					nodes[s.node].Publish(s.frames[i], now)
				}
			}
			var later []flight
			for _, f := range air {
				if f.at.After(now) {
					later = append(later, f)
				} else {
					nodes[f.to].Receive(f.from, &f.p, now)
				}
			}
			air = later
			for _, name := range []Peer{"host", "relay", "ann"} {
				n := nodes[name]
				n.Tick(now)
				for _, s := range n.sent {
					if rng.IntN(10) > 0 {
						air = append(air, flight{name, s.to, s.p, now.Add(time.Duration(5+rng.IntN(25)) * time.Millisecond)})
					}
				}
				n.sent = nil
			}
			for i := range nodes["ann"].auths {
				got, _ = v.AddAuth(got, &nodes["ann"].auths[i], now)
			}
			for _, h := range nodes["ann"].heard {
				got, _ = v.AddFrame(got, h.f, now)
			}
			for i := range nodes["host"].auths {
				gotUp, _ = up.AddAuth(gotUp, &nodes["host"].auths[i], now)
			}
			for _, h := range nodes["host"].heard {
				gotUp, _ = up.AddFrame(gotUp, h.f, now)
			}
			for _, n := range nodes {
				n.heard, n.auths = nil, nil
			}
		}
		if len(got) < 598 || len(gotUp) < 598 {
			t.Errorf("seed %d: %d and %d of 600 frames verified; ann %+v, %+v; host %+v", seed, len(got), len(gotUp), nodes["ann"].Stats(), v.Stats(), nodes["host"].Stats())
		}
	}
}

// quiet is an Out that does nothing.
type quiet struct{}

func (quiet) Send(Peer, *Packet)        {}
func (quiet) Deliver(Frame, Peer, bool) {}
func (quiet) DeliverAuth(*Auth, Peer)   {}

// fanout feeds a tree with children, one frame a call and an auth every six.
func fanout(tb testing.TB, children int, bundle int) func() {
	tree := New(Options{Fanout: children, Bundle: bundle}, quiet{})
	for i := range children {
		p := Peer(fmt.Sprint("child ", i))
		if err := tree.AddChild(p, start); err != nil {
			tb.Fatal(err)
		}
		if err := tree.Subscribe(p, Slots(Program), start); err != nil {
			tb.Fatal(err)
		}
	}
	tree.SetParent("host", start)
	var p Packet
	auth := *speak(Program, kidA, keyA, 0, 6).auths[0]
	f, now := sealedFrame(Program, 0), start
	step := func() {
		p.Frames = append(p.Frames[:0], f)
		p.Auths = p.Auths[:0]
		if f.Number%AuthBatch == AuthBatch-1 {
			auth.First = f.Number - (AuthBatch - 1)
			p.Auths = append(p.Auths, auth)
		}
		tree.Receive("host", &p, now)
		f.Number++
		now = now.Add(FrameDuration)
		tree.Tick(now)
	}
	for range 300 {
		step() // the ring has its memory
	}
	return step
}

func TestFanOutAllocatesNothing(t *testing.T) {
	for _, bundle := range []int{1, 3} {
		if n := testing.AllocsPerRun(600, fanout(t, 50, bundle)); n != 0 {
			t.Errorf("bundle %d: %v allocations a frame", bundle, n)
		}
	}
}

func BenchmarkFanOut(b *testing.B) {
	for _, bundle := range []int{1, 3} {
		b.Run(fmt.Sprint("bundle=", bundle), func(b *testing.B) {
			const children = 200
			step := fanout(b, children, bundle)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/children, "ns/child")
		})
	}
}
