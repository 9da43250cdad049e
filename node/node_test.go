package node

import (
	"context"
	"io"
	"math"
	"sync"
	"testing"
	"time"

	"salon/relay"
	"salon/room/mix"
	"salon/room/opus"
)

// startNode runs a node on loopback that is closed with the test.
func startNode(t *testing.T, name string, change func(*Options)) *Node {
	t.Helper()
	beside(t)
	o := Options{Home: t.TempDir(), Name: name, NoMDNS: true, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"}}
	if change != nil {
		change(&o)
	}
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n.ctx.Err() != nil {
			return // the test has crashed it
		}
		if err := n.Close(); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	return n
}

// awaitChange runs cond at every change of the node until it holds.
func awaitChange(t *testing.T, n *Node, what string, cond func() bool) {
	t.Helper()
	poke := make(chan struct{}, 1)
	stop := n.Watch(func(Change) {
		select {
		case poke <- struct{}{}:
		default:
		}
	})
	defer stop()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-poke:
		case <-deadline:
			t.Fatalf("waited 20 s for %s; counts %v", what, n.Counts())
		}
	}
}

// tone is a microphone that plays a sine until closed, 50 packets a second.
type tone struct {
	hz     float64
	level  float64 // of full scale
	enc    *opus.Encoder
	n      uint64
	next   time.Time
	closed chan struct{}
	once   sync.Once
}

func newTone(t *testing.T, hz float64) *tone {
	t.Helper()
	enc, err := opus.NewEncoder(opus.Talk())
	if err != nil {
		t.Fatal(err)
	}
	return &tone{hz: hz, level: 0.3, enc: enc, next: time.Now(), closed: make(chan struct{})}
}

func (s *tone) Receive(p *relay.Packet) error {
	wait := time.NewTimer(time.Until(s.next))
	defer wait.Stop()
	select {
	case <-s.closed:
		return io.EOF
	case <-wait.C:
	}
	s.next = s.next.Add(mix.FrameDuration)
	pcm := make([]float32, mix.FrameSamples)
	for i := range pcm {
		at := float64(s.n)*mix.FrameSamples + float64(i)
		pcm[i] = float32(s.level * math.Sin(2*math.Pi*s.hz*at/mix.SampleRate))
	}
	buf := make([]byte, opus.MaxPacket)
	k, err := s.enc.Encode(pcm, buf)
	if err != nil {
		return err
	}
	*p = relay.Packet{Frames: []relay.Frame{{Number: s.n, Sealed: buf[:k]}}}
	s.n++
	return nil
}

func (s *tone) Send(*relay.Packet)     {}
func (s *tone) Stats() relay.LinkStats { return relay.LinkStats{} }
func (s *tone) Close() error           { s.once.Do(func() { close(s.closed) }); return nil }

// ear is a player that hands the level of each frame to the test.
type ear struct {
	dec    *opus.Decoder
	levels chan uint8
	closed chan struct{}
	once   sync.Once
}

func newEar(t *testing.T) *ear {
	t.Helper()
	dec, err := opus.NewDecoder(1)
	if err != nil {
		t.Fatal(err)
	}
	return &ear{dec: dec, levels: make(chan uint8, 4096), closed: make(chan struct{})}
}

func (e *ear) Send(p *relay.Packet) {
	pcm := make([]float32, 6*mix.FrameSamples)
	for _, f := range p.Frames {
		if n, err := e.dec.Decode(f.Sealed, pcm); err == nil {
			select {
			case e.levels <- mix.Level(pcm[:n]):
			default:
			}
		}
	}
}

func (e *ear) Receive(*relay.Packet) error { <-e.closed; return io.EOF }
func (e *ear) Stats() relay.LinkStats      { return relay.LinkStats{} }
func (e *ear) Close() error                { e.once.Do(func() { close(e.closed) }); return nil }

// hears waits for n frames in a row at which loud is as wanted.
func (e *ear) hears(t *testing.T, what string, loud bool, n int) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	row, most, all, wanted := 0, 0, 0, 0
	for row < n {
		select {
		case l := <-e.levels:
			all++
			if (l < 30) == loud {
				row++
				wanted++
				most = max(most, row)
			} else {
				row = 0
			}
		case <-deadline:
			t.Fatalf("waited 15 s for %s: of %d frames %d were as wanted, at most %d in a row", what, all, wanted, most)
		}
	}
}

// forget leaves alone what was heard until now.
func (e *ear) forget() {
	for len(e.levels) > 0 {
		<-e.levels
	}
}

// await looks at cond with every frame that comes, loud or not: for what nothing tells of, the sound is the clock.
func (e *ear) await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	e.forget()
	deadline := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-e.levels:
		case <-deadline:
			t.Fatalf("waited 20 s for %s", what)
		}
	}
}

// testRoomIsFoundHeardAndSpokenIn is the whole path: announced, found by title, joined, heard; a hand raised, granted,
// heard by the host; muted and heard no more; ended.
func testRoomIsFoundHeardAndSpokenIn(t *testing.T) {
	ctx := context.Background()
	ana := startNode(t, "Ana", nil)
	bo := startNode(t, "Bo", func(o *Options) { o.Peers = []string{ana.Status().Addrs[0]} })

	hosted, err := ana.StartRoom(Start{Title: "Kitchen talk", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if err := hosted.Publish(ctx, newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	anaHears := newEar(t)
	hosted.Play(anaHears)

	awaitChange(t, bo, "the room to be found", func() bool { return len(bo.Directory()) == 1 })
	joined, err := bo.Join(ctx, "kitchen")
	if err != nil {
		t.Fatal(err)
	}
	if p := joined.Phase(); p != Live {
		t.Fatalf("phase %s after joining: %+v", p, joined.View())
	}
	boHears := newEar(t)
	joined.Play(boHears)
	boHears.hears(t, "Bo to hear Ana", true, 50)
	anaHears.hears(t, "Ana to hear nothing of herself", false, 50)

	if err := joined.Publish(ctx, newTone(t, 600)); err == nil {
		t.Fatal("a listener may publish")
	}
	if err := joined.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, ana, "the hand", func() bool { return len(hosted.View().Hands) == 1 })
	if err := joined.Do(ctx, Action{Kind: "grant", Person: bo.Person()}); err == nil {
		t.Fatal("a listener granted itself the stage")
	}
	if err := hosted.Do(ctx, Action{Kind: "grant", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the seat", func() bool { return joined.View().Me.Role == "speaker" })
	if err := joined.Publish(ctx, newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	anaHears.hears(t, "Ana to hear Bo", true, 50)
	boHears.hears(t, "Bo to hear Ana on stage", true, 50)

	if err := hosted.Do(ctx, Action{Kind: "mute", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	anaHears.hears(t, "Ana to hear nothing of the muted Bo", false, 50)
	if err := joined.Do(ctx, Action{Kind: "unmute"}); err != nil {
		t.Fatal(err)
	}
	anaHears.hears(t, "Ana to hear Bo again", true, 25)
	if err := joined.Do(ctx, Action{Kind: "return"}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the audience", func() bool { return joined.View().Me.Role == "listener" })
	boHears.hears(t, "Bo to hear the program again", true, 50)

	if err := hosted.Do(ctx, Action{Kind: "end"}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the end", func() bool { return joined.Phase() == Ended })
	awaitChange(t, bo, "the room to leave the list", func() bool { return len(bo.Directory()) == 0 })
	s := joined.Stats()
	if s.Concealed != 0 || s.Verified == 0 || s.Expected == 0 {
		t.Errorf("stats %+v", s)
	}
	t.Logf("stats %+v; counts at the host %v, at the guest %v", s, ana.Counts(), bo.Counts())
}
