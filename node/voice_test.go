package node

import (
	"context"
	"io"
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/mix"
	"salon/room/opus"
	"salon/room/seal"
)

const testEpoch = 3

var (
	testRoom   = room.ID{9}
	testSecret = [32]byte{7}
)

// soundless is a node without network: enough for the sounding side of a room.
func soundless(t testing.TB, n uint32) *Node {
	t.Helper()
	return &Node{o: Options{Log: slog.New(slog.DiscardHandler)}, home: &Home{id: testIdentity(t, n)}, counts: newCounters()}
}

// nowhere is a relay.PlaceOut of a place that has no neighbours.
type nowhere struct{}

func (nowhere) Dial(relay.Entry, relay.Join)      {}
func (nowhere) Tell(relay.Peer, any)              {}
func (nowhere) Part(relay.Peer, string)           {}
func (nowhere) Accuse(relay.Peer, relay.Evidence) {}

// A rig is a voice without a room around it, and what it sends to a neighbour.
type rig struct {
	*voice
	sent   *tap
	judged []judgement // of what was heard
}

func newRig(t testing.TB, n uint32, hosting bool, r routing) *rig {
	t.Helper()
	v := newVoice(testRoom, hosting, soundless(t, n))
	v.starts = starts{room.Start{}} // as the routings of these tests say it
	v.changed = func() {}
	v.media = newMedia(relay.Options{}, relay.PlaceOptions{Fanout: 8}, v, nowhere{})
	sent := newTap()
	v.media.setLink("neighbour", sent)
	v.media.do(func(tree *relay.Tree, now time.Time) {
		if err := tree.AddChild("neighbour", now); err != nil {
			t.Fatal(err)
		}
		if err := tree.Subscribe("neighbour", relay.AllSlots, now); err != nil {
			t.Fatal(err)
		}
	})
	r.epoch, r.secret = testEpoch, testSecret
	v.update(r)
	return &rig{voice: v, sent: sent}
}

func (r *rig) count(name string) uint64 { return r.counts.Snapshot()[name] }

// A tap keeps what is sent to it.
type tap struct {
	once sync.Once
	done chan struct{}
	news chan struct{} // holds one: something came

	mu     sync.Mutex // guards the fields below
	frames []relay.Frame
	auths  []*relay.Auth
	closed bool
}

func newTap() *tap { return &tap{done: make(chan struct{}), news: make(chan struct{}, 1)} }

func (l *tap) Send(p *relay.Packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range p.Frames {
		f.Sealed = slices.Clone(f.Sealed)
		l.frames = append(l.frames, f)
	}
	for i := range p.Auths {
		l.auths = append(l.auths, p.Auths[i].Clone())
	}
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (l *tap) Receive(*relay.Packet) error { <-l.done; return io.EOF }
func (l *tap) Stats() relay.LinkStats      { return relay.LinkStats{} }
func (l *tap) Close() error {
	l.once.Do(func() {
		l.mu.Lock()
		l.closed = true
		l.mu.Unlock()
		close(l.done)
	})
	return nil
}

func (l *tap) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// take empties the tap.
func (l *tap) take() (frames []relay.Frame, auths []*relay.Auth) {
	l.mu.Lock()
	defer l.mu.Unlock()
	frames, auths, l.frames, l.auths = l.frames, l.auths, nil, nil
	return frames, auths
}

// A source is a stream of one slot: a sine, sealed and signed as a person's node does it.
type source struct {
	sealer
	enc *opus.Encoder
	hz  float64
	n   int
}

func newSource(t testing.TB, n uint32, mode room.Mode, slot uint8, incarnation uint32, hz float64) *source {
	t.Helper()
	v := newVoice(testRoom, false, soundless(t, n))
	v.route = routing{epoch: testEpoch, secret: testSecret}
	v.mode = mode
	enc, err := opus.NewEncoder(v.profile())
	if err != nil {
		t.Fatal(err)
	}
	s := &source{enc: enc, hz: hz}
	s.start(v, slot, incarnation, room.Start{}, noon)
	return s
}

// sourceOf is who seals what that person sends.
func sourceOf(t testing.TB, n uint32) seal.Source { return seal.Source{Device: device(t, n)} }

// packet is the next 20 ms as Opus.
func (s *source) packet(t testing.TB) []byte {
	t.Helper()
	ch := s.enc.Channels()
	pcm := make([]float32, mix.FrameSamples*ch)
	for i := range pcm {
		at := float64(s.n)*mix.FrameSamples + float64(i/ch)
		pcm[i] = 0.3 * float32(math.Sin(2*math.Pi*s.hz*at/mix.SampleRate))
	}
	s.n++
	b := make([]byte, opus.MaxPacket)
	k, err := s.enc.Encode(pcm, b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:k]
}

// next is the next 20 ms as a frame.
func (s *source) next(t testing.TB, now time.Time) outgoing {
	t.Helper()
	out, err := s.seal(&room.Sound{Level: 10, Opus: s.packet(t)}, now)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hear gives the voice a frame and its auth, as the tree does.
func (r *rig) hear(out outgoing, now time.Time) {
	if out.auth != nil {
		r.judged = append(r.judged, r.auth(out.auth, now))
	}
	r.judged = append(r.judged, r.frame(out.frame, false, now))
}

// blames reports whether something that was heard since the last call turned out bad.
func (r *rig) blames() bool {
	bad := slices.ContainsFunc(r.judged, func(j judgement) bool { return j.bad != nil })
	r.judged = nil
	return bad
}

// loudness decodes packets one after the other and returns how loud each is, in -dBov.
func loudness(t testing.TB, channels int, packets [][]byte) (levels []uint8) {
	t.Helper()
	dec, err := opus.NewDecoder(channels)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]float32, 6*mix.FrameSamples*channels)
	for _, p := range packets {
		n, err := dec.Decode(p, pcm)
		if err != nil || n != mix.FrameSamples {
			t.Fatalf("%d samples, %v", n, err)
		}
		levels = append(levels, mix.Level(pcm[:n*channels]))
	}
	return levels
}

// payloads are the packets of frames that were not sealed.
func payloads(frames []relay.Frame) (out [][]byte) {
	for _, f := range frames {
		out = append(out, f.Sealed)
	}
	return out
}

const (
	loud   = 30 // -dBov: quieter is not the sine
	silent = 60
)

func allLoud(levels []uint8) bool {
	return !slices.ContainsFunc(levels, func(l uint8) bool { return l > loud })
}

func allSilent(levels []uint8) bool {
	return !slices.ContainsFunc(levels, func(l uint8) bool { return l < silent })
}

func person(t testing.TB, n uint32) doc.PublicKey { return testIdentity(t, n).Author().Person }
func device(t testing.TB, n uint32) doc.PublicKey { return testIdentity(t, n).Author().Device }

// seat is that person's place on stage, publishing.
func seat(t testing.TB, n uint32, incarnation uint32) seatRoute {
	return seatRoute{person: person(t, n), device: device(t, n), incarnation: incarnation}
}

// The clock makes the program, not what arrives: 50 frames a second, by the very loop that runs in a room.
func TestRunMakes50FramesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, true, routing{mode: room.Talk, program: 1, programKey: device(t, 1), slot: 1})
		player := newTap()
		r.addOutput(player)
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan struct{})
		go func() { r.run(ctx); close(ran) }()
		time.Sleep(10 * time.Second) // of the bubble
		synctest.Wait()
		frames, _ := r.sent.take()
		heard, _ := player.take()
		if n := len(frames); n < 499 || n > 502 {
			t.Errorf("%d frames of the program in 10 s", n)
		}
		if n := len(heard); n < 499 || n > 502 {
			t.Errorf("%d frames for the host's ear in 10 s", n)
		}
		cancel()
		<-ran
		if !player.isClosed() {
			t.Error("the player goes on after the room")
		}
		late := newTap()
		r.addOutput(late)
		mic := newTap()
		r.setMic(mic)
		if !late.isClosed() || !mic.isClosed() {
			t.Error("a room that is over takes a player or a microphone")
		}
	})
}

// After the machine slept, the room goes on from now instead of making up for what is past.
func TestRunDoesNotMakeUpForSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, true, routing{mode: room.Talk, program: 1, programKey: device(t, 1), slot: 1})
		ctx, cancel := context.WithCancel(context.Background())
		ran := make(chan struct{})
		go func() { r.run(ctx); close(ran) }()
		time.Sleep(time.Second)
		lid := &sleepy{tap: newTap()}
		r.addOutput(lid)
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if frames, _ := r.sent.take(); len(frames) > 220 {
			t.Errorf("%d frames in two seconds and a minute's sleep", len(frames))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if frames, _ := r.sent.take(); len(frames) > 110 {
			t.Errorf("%d frames in the second after a minute's sleep", len(frames))
		}
		cancel()
		<-ran
	})
}

// A sleepy player stops the whole node for a minute, as a laptop's lid does.
type sleepy struct {
	*tap
	slept bool
}

func (l *sleepy) Send(*relay.Packet) {
	if !l.slept {
		l.slept = true
		time.Sleep(time.Minute) // of the bubble
	}
}

func TestPlayerThatEndsIsLetGo(t *testing.T) {
	r := newRig(t, 1, false, routing{})
	changed := make(chan struct{}, 1)
	r.changed = func() { changed <- struct{}{} }
	player := newTap()
	r.addOutput(player)
	if _, ok := r.attached(); !ok {
		t.Fatal("no player")
	}
	player.Close()
	<-changed
	if _, ok := r.attached(); ok {
		t.Error("the player is still there")
	}
}

// What a listener hears is one stream, whatever it is made of: its numbers go on over the stage and back.
func TestNumbersGoOnOverTheStageAndBack(t *testing.T) {
	audience := routing{mode: room.Talk, program: 1, programKey: device(t, 1), epoch: testEpoch, secret: testSecret}
	r := newRig(t, 2, false, audience)
	player := newTap()
	r.addOutput(player)
	program := newSource(t, 1, room.Talk, relay.Program, 1, 440)
	hosts := newSource(t, 1, room.Talk, 1, 1, 440)
	now := noon
	var all []relay.Frame
	var parts []int
	part := func(n int, s *source) {
		for range n {
			r.hear(s.next(t, now), now)
			r.tickStage(now)
			r.tickProgram(now)
			now = now.Add(mix.FrameDuration)
		}
		frames, _ := player.take()
		parts = append(parts, len(frames))
		all = append(all, frames...)
	}
	part(100, program)
	onStage := audience
	onStage.slot, onStage.incarnation, onStage.seats = 2, 1, map[uint8]seatRoute{1: seat(t, 1, 1)}
	r.update(onStage)
	part(100, hosts)
	r.update(audience)
	for range 100 {
		program.next(t, now) // the program went on while we were on stage
	}
	part(100, program)
	for i, n := range parts {
		if n < 70 {
			t.Errorf("part %d: %d frames of 100", i, n)
		}
	}
	for i, f := range all {
		if f.Number != uint64(i) {
			t.Fatalf("frame %d has number %d; parts %v", i, f.Number, parts)
		}
	}
	if s := r.hearStats(); s.Concealed != 0 {
		t.Errorf("stats %+v", s)
	}
}

// A second player starts at its own beginning, and both hear the same.
func TestEveryPlayerHasItsOwnNumbers(t *testing.T) {
	var o outputs
	one, two := newTap(), newTap()
	o.add(one)
	o.send([]byte{1}, 0)
	o.send([]byte{2}, 3)
	o.add(two)
	o.send([]byte{3}, 0)
	check := func(l *tap, want ...uint64) {
		t.Helper()
		frames, _ := l.take()
		var got []uint64
		for _, f := range frames {
			got = append(got, f.Number)
		}
		if !slices.Equal(got, want) {
			t.Errorf("numbers %v, want %v", got, want)
		}
	}
	check(one, 0, 4, 5)
	check(two, 0)
	if !o.remove(one) || o.remove(one) {
		t.Error("remove")
	}
	o.send([]byte{4}, 0)
	check(one)
	check(two, 1)
}

// The first ping counts; of the later ones the quickest is the most exact, and nonsense is none.
func TestClock(t *testing.T) {
	r := newRig(t, 2, false, routing{})
	ping := func(there, back, ahead time.Duration) {
		t0 := noon.UnixMicro()
		t1 := noon.Add(there + ahead).UnixMicro()
		r.clock(t0, t1, t1, noon.Add(there+back))
	}
	offset := func(want time.Duration) {
		t.Helper()
		if d := r.offset - want; d.Abs() > time.Millisecond {
			t.Errorf("offset %v, want %v", r.offset, want)
		}
	}
	ping(10*time.Millisecond, 10*time.Millisecond, time.Hour)
	offset(time.Hour)
	ping(100*time.Millisecond, 10*time.Millisecond, time.Hour) // slow: off by 45 ms
	offset(time.Hour)
	ping(5*time.Millisecond, 5*time.Millisecond, 2*time.Hour)
	offset(2 * time.Hour)
	for _, p := range [][3]int64{{math.MinInt64, 0, 0}, {0, math.MinInt64, math.MaxInt64}, {math.MaxInt64, 0, math.MinInt64}, {noon.UnixMicro() + 1, 0, 0}} {
		r.clock(p[0], p[1], p[2], noon)
	}
	offset(2 * time.Hour)
}

// Attack: a parent tells another time than the host's, as if by the quickest of all pings. Whoever is the parent after it is believed at
// once; tickets go by that clock.
func TestClockOfAFormerParent(t *testing.T) {
	r := newRig(t, 2, false, routing{})
	t0 := noon.UnixMicro()
	far := noon.Add(1000 * time.Hour).UnixMicro()
	r.clock(t0, far, far, noon)
	slow := func() {
		t1 := noon.Add(40 * time.Millisecond).UnixMicro()
		r.clock(t0, t1, t1, noon.Add(80*time.Millisecond))
	}
	if slow(); r.offset < 999*time.Hour {
		t.Fatalf("offset %v: a slow ping is believed beside a quick one of the same parent", r.offset)
	}
	r.newPath(noon)
	if slow(); r.offset.Abs() > time.Millisecond {
		t.Errorf("offset %v, by a parent that is one no more", r.offset)
	}
	if offset, known := r.hostClock(); !known || offset.Abs() > time.Millisecond {
		t.Errorf("the host's clock is %v ahead, %t", offset, known)
	}
}

func TestVolumesAreBounded(t *testing.T) {
	r := newRig(t, 2, false, routing{})
	if r.volume(person(t, 1)) != 1 {
		t.Error("a voice nobody changed")
	}
	for n := range 3000 {
		r.setVolume(doc.PublicKey{1, byte(n >> 8), byte(n)}, 0.5)
	}
	if len(r.volumes) > 1024 {
		t.Errorf("%d volumes", len(r.volumes))
	}
	r.setVolume(doc.PublicKey{1, 0, 5}, 2) // a known one can always be changed
	if g := r.volume(doc.PublicKey{1, 0, 5}); g != 2 {
		t.Errorf("volume %v", g)
	}
}

// The routing's KID parts are what the sealing side uses.
func TestSealerStartsAtTheClock(t *testing.T) {
	s := newSource(t, 1, room.Talk, 5, 7, 440)
	out := s.next(t, noon)
	if out.frame.Number != relay.FirstNumber(noon) || out.frame.Slot != 5 {
		t.Errorf("frame %d of slot %d", out.frame.Number, out.frame.Slot)
	}
	kid, ctr, _, err := seal.ParseHeader(out.frame.Sealed)
	if err != nil || kid != seal.NewKID(testEpoch, 5, 7) || ctr != 0 {
		t.Errorf("KID %x, counter %d, %v", kid, ctr, err)
	}
}

// A room is handed over to a number that is a little ahead of where its program stands by now, whenever we heard it last.
func TestProgramGoesOnAt(t *testing.T) {
	v := newRig(t, 1, false, routing{}).voice
	if now := time.Now(); !v.goesOnAt(7, now) {
		t.Error("who never heard the program takes it over nowhere")
	}
	v.last = lastFrame{1000, noon}
	for after, want := range map[time.Duration]map[uint64]bool{
		0:                {1000: false, 1001: true, 1000 + 3*handAhead: true, 1001 + 3*handAhead: false},
		10 * time.Second: {1000: false, 1500 + handAhead: true, 1501 + 3*handAhead: false},
	} {
		for number, want := range want {
			if got := v.goesOnAt(number, noon.Add(after)); got != want {
				t.Errorf("%v after frame 1000, at %d: %v", after, number, got)
			}
		}
	}
}
