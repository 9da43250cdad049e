package node

import (
	"io"
	"testing"
	"time"

	"salon/relay"
	"salon/room"
	"salon/room/mix"
)

// speaker is person 2 on stage in slot 2, with a microphone.
func speaker(t *testing.T, change func(*routing)) (*rig, *tap) {
	t.Helper()
	r := newRig(t, 2, false, routing{mode: room.Talk})
	r.mic.starts = starts{{}, {1}, {2}, {3}, {4}}
	r.update(speakerRouting(change))
	mic := newTap()
	t.Cleanup(func() { mic.Close() })
	r.setMic(mic)
	return r, mic
}

func speakerRouting(change func(*routing)) routing {
	r := routing{mode: room.Talk, slot: 2, incarnation: 1, epoch: testEpoch, secret: testSecret}
	if change != nil {
		change(&r)
	}
	return r
}

func TestMicrophoneIsSealedSignedAndNumbered(t *testing.T) {
	r, mic := speaker(t, nil)
	s := newSource(t, 2, room.Talk, 2, 1, 440)
	now := noon
	const n = 60
	for i := range uint64(n) {
		r.speak(mic, relay.Frame{Number: 1000 + i, Sealed: s.packet(t)}, now)
		now = now.Add(mix.FrameDuration)
	}
	frames, auths := r.sent.take()
	if len(frames) != n || len(auths) != n/relay.AuthBatch {
		t.Fatalf("%d frames, %d auths", len(frames), len(auths))
	}
	packets := opened(t, frames, 2, func(s room.Sound) {
		if s.Level > loud && s.Level != mix.Silence {
			t.Errorf("level %d travels with a loud frame", s.Level)
		}
	})
	if !allLoud(loudness(t, 1, packets)[10:]) {
		t.Error("not what was said")
	}
	// Another's verifier takes it as this device's.
	host := newRig(t, 1, true, hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 1)}))
	for i, f := range frames {
		if i%relay.AuthBatch == relay.AuthBatch-1 {
			host.auth(auths[i/relay.AuthBatch], noon)
		}
		host.frame(f, false, noon)
	}
	if got := host.stage.in[2].verifier.Stats().Verified; got != n {
		t.Errorf("%d frames verified; counts %v", got, host.counts.Snapshot())
	}
}

// A frame that was lost before it came here is lost for everybody; a long gap is a new beginning.
func TestMicrophoneGapsArePassedOn(t *testing.T) {
	r, mic := speaker(t, nil)
	s := newSource(t, 2, room.Talk, 2, 1, 440)
	var want []uint64
	next := uint64(0)
	for _, c := range []struct{ number, gap uint64 }{
		{5, 0}, {6, 0}, {9, 2}, {10, 0}, {10 + maxMicGap, maxMicGap - 1}, {11 + 2*maxMicGap, 0}, {3, 0}, {4, 0}, {1 << 63, 0},
	} {
		r.speak(mic, relay.Frame{Number: c.number, Sealed: s.packet(t)}, noon)
		next += c.gap
		want = append(want, next)
		next++
	}
	frames, _ := r.sent.take()
	if len(frames) != len(want) {
		t.Fatalf("%d frames of %d", len(frames), len(want))
	}
	for i, f := range frames {
		if f.Number-frames[0].Number != want[i] {
			t.Errorf("frame %d has number +%d, want +%d", i, f.Number-frames[0].Number, want[i])
		}
	}
}

// Nothing leaves this node of a microphone that is muted, has no seat or no incarnation, or was replaced.
func TestMicrophoneSendsOnlyWhatItMay(t *testing.T) {
	for name, change := range map[string]func(*routing){
		"muted":          func(r *routing) { r.muted = true },
		"no incarnation": func(r *routing) { r.incarnation = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			r, mic := speaker(t, change)
			s := newSource(t, 2, room.Talk, 2, 1, 440)
			for i := range uint64(20) {
				r.speak(mic, relay.Frame{Number: i, Sealed: s.packet(t)}, noon)
			}
			if frames, auths := r.sent.take(); len(frames)+len(auths) != 0 {
				t.Errorf("%d frames and %d auths were sent", len(frames), len(auths))
			}
			r.update(speakerRouting(nil))
			r.speak(mic, relay.Frame{Number: 20, Sealed: s.packet(t)}, noon)
			if frames, _ := r.sent.take(); len(frames) != 1 {
				t.Errorf("%d frames were sent once it may", len(frames))
			}
		})
	}
	t.Run("replaced", func(t *testing.T) {
		r, old := speaker(t, nil)
		s := newSource(t, 2, room.Talk, 2, 1, 440)
		fresh := newTap()
		defer fresh.Close()
		r.setMic(fresh)
		r.closeAside()
		r.closing.Wait()
		if !old.isClosed() {
			t.Error("the old microphone is still open")
		}
		r.speak(old, relay.Frame{Number: 1, Sealed: s.packet(t)}, noon)
		if frames, _ := r.sent.take(); len(frames) != 0 {
			t.Error("the old microphone is heard")
		}
		r.speak(fresh, relay.Frame{Number: 1, Sealed: s.packet(t)}, noon)
		if frames, _ := r.sent.take(); len(frames) != 1 {
			t.Error("the new microphone is not heard")
		}
	})
	t.Run("back in the audience", func(t *testing.T) {
		r, mic := speaker(t, nil)
		r.update(routing{mode: room.Talk, epoch: testEpoch, secret: testSecret})
		r.closeAside()
		r.closing.Wait()
		if on, _ := r.attached(); on || !mic.isClosed() {
			t.Error("the microphone is still open")
		}
		r.speak(mic, relay.Frame{Number: 1, Sealed: []byte{0xf8}}, noon)
		if frames, _ := r.sent.take(); len(frames) != 0 {
			t.Error("a listener's microphone is heard")
		}
	})
}

// Number and counter never meet twice, over mutes and new incarnations: numbers only rise.
func TestMicrophoneNumbersRiseOverIncarnations(t *testing.T) {
	r, mic := speaker(t, nil)
	s := newSource(t, 2, room.Talk, 2, 1, 440)
	last := uint64(0)
	for inc := uint32(1); inc < 5; inc++ {
		r.update(speakerRouting(func(r *routing) { r.incarnation, r.start = inc, room.Start{byte(inc - 1)} }))
		for i := range uint64(10) {
			r.speak(mic, relay.Frame{Number: i, Sealed: s.packet(t)}, noon)
		}
		frames, _ := r.sent.take()
		for _, f := range frames {
			if f.Number <= last {
				t.Fatalf("incarnation %d: number %d after %d", inc, f.Number, last)
			}
			last = f.Number
		}
		if len(frames) != 10 {
			t.Errorf("incarnation %d: %d frames", inc, len(frames))
		}
	}
}

// A host that turns back its own state does not make us use a key and a counter again.
func TestMicrophoneStartsNoIncarnationTwice(t *testing.T) {
	r, mic := speaker(t, func(r *routing) { r.incarnation, r.start = 5, room.Start{1} })
	s := newSource(t, 2, room.Talk, 2, 5, 440)
	say := func() int {
		r.speak(mic, relay.Frame{Number: 1, Sealed: s.packet(t)}, noon)
		frames, _ := r.sent.take()
		return len(frames)
	}
	if say() != 1 {
		t.Fatal("not sent")
	}
	for _, back := range []struct {
		incarnation uint32
		start       room.Start
	}{{5, room.Start{1}}, {4, room.Start{1}}, {6, room.Start{1}}, {6, room.Start{66}}} {
		r.update(routing{mode: room.Talk, epoch: testEpoch, secret: testSecret}) // the audience
		r.setMic(mic)
		r.update(speakerRouting(func(r *routing) { r.incarnation, r.start = back.incarnation, back.start }))
		if n := say(); n != 0 {
			t.Errorf("%d frames under %+v", n, back)
		}
	}
	r.update(speakerRouting(func(r *routing) { r.incarnation, r.start = 5, room.Start{2} })) // of who leads the room too
	if say() != 1 {
		t.Error("what was asked for is not sent")
	}
	if r.count("incarnation_repeated") != 3 {
		t.Errorf("counts %v", r.counts.Snapshot())
	}
}

// Of two who led a closed room at once each gave it a key of its own. A microphone that went on under the one of who lost begins anew:
// nobody has that key, and it never goes back to the one before.
func TestMicrophoneUnderTheKeyOfWhoLostBeginsAnew(t *testing.T) {
	r, _ := speaker(t, nil)
	seat := &room.Seat{Incarnation: 1}
	for _, c := range []struct {
		epoch  uint32
		secret [32]byte
		want   bool
	}{
		{testEpoch, testSecret, false},
		{testEpoch + 1, [32]byte{8}, false}, // it is about to go on under that
		{testEpoch, [32]byte{8}, true},
		{testEpoch - 1, [32]byte{8}, true},
	} {
		if got := r.unpublished(&room.State{KeyEpoch: c.epoch, Key: c.secret}, seat); got != c.want {
			t.Errorf("where the key of epoch %d is %x it begins anew: %v", c.epoch, c.secret[0], got)
		}
	}
}

// A microphone's link that ends is let go, and the page is told.
func TestMicrophoneThatEnds(t *testing.T) {
	r, _ := speaker(t, nil)
	changed := make(chan struct{}, 1)
	r.changed = func() { changed <- struct{}{} }
	s := newSource(t, 2, room.Talk, 2, 1, 440)
	mic := &script{packet: s.packet(t), n: 12}
	r.setMic(mic)
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody is told")
	}
	if on, _ := r.attached(); on {
		t.Error("the microphone is still there")
	}
	if frames, _ := r.sent.take(); len(frames) != 12 {
		t.Errorf("%d frames of 12", len(frames))
	}
}

// A script is a microphone that says one packet n times and ends.
type script struct {
	tap
	packet []byte
	n, at  uint64
}

func (s *script) Receive(p *relay.Packet) error {
	if s.at == s.n {
		return io.EOF
	}
	s.at++
	*p = relay.Packet{Frames: []relay.Frame{{Number: s.at, Sealed: s.packet}}}
	return nil
}

// Whatever a client puts into the body of "speak", the node stays up.
func TestMicrophoneTakesAnyBytes(t *testing.T) {
	r, mic := speaker(t, nil)
	for i, b := range [][]byte{nil, {}, {0xff}, make([]byte, 1275), make([]byte, 1276), make([]byte, 5000)} {
		r.speak(mic, relay.Frame{Number: uint64(i), Sealed: b}, noon)
	}
	frames, _ := r.sent.take()
	for _, f := range frames {
		if len(f.Sealed) > relay.MaxSealed {
			t.Errorf("a frame of %d bytes was sent", len(f.Sealed))
		}
	}
}

// A node that was killed does not know how far it counted under the incarnation that its seat still has: sealing under it
// again would use a key and a counter twice.
func TestMicrophoneStartsOnlyWhatItAskedFor(t *testing.T) {
	r := newRig(t, 2, false, routing{mode: room.Talk})
	r.update(speakerRouting(func(r *routing) { r.incarnation = 5 })) // of the process before
	mic := newTap()
	defer mic.Close()
	r.setMic(mic)
	s := newSource(t, 2, room.Talk, 2, 5, 440)
	say := func() int {
		r.speak(mic, relay.Frame{Number: 1, Sealed: s.packet(t)}, noon)
		frames, _ := r.sent.take()
		return len(frames)
	}
	if n := say(); n != 0 {
		t.Fatalf("%d frames under an incarnation of another process", n)
	}
	asked := r.askMicrophone()
	for _, c := range []struct {
		incarnation uint32
		start       room.Start
		want        int
	}{{5, room.Start{}, 0}, {7, room.Start{66}, 0}, {8, asked, 1}} {
		r.update(speakerRouting(func(r *routing) { r.incarnation, r.start = c.incarnation, c.start }))
		if n := say(); n != c.want {
			t.Errorf("%d frames under incarnation %d, begun with %x", n, c.incarnation, c.start)
		}
	}
}
