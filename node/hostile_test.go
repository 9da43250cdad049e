package node

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"salon/ledger/doc"
	"salon/node/busy"
	"salon/relay"
	"salon/room"
	"salon/room/seal"
)

// An intruder speaks the protocols of a room, and keeps to its rules only as far as the test says.
type intruder struct {
	t     *testing.T
	id    *doc.Identity
	host  host.Host
	to    peer.ID
	room  room.ID
	ctl   *controlConn
	ms    network.Stream
	link  *streamLink
	gone  chan struct{} // closed when the host let it go
	claim []byte        // shown with the next join
	warm  bool          // which wants a warm place

	mu      sync.Mutex // guards the fields below
	state   *room.State
	answers map[uint64]string // codes, by the command's nonce
	boxes   []relay.Box
	pongs   int
	byes    []string      // codes
	news    chan struct{} // closed and replaced at every message
}

// newDevice is one more device of a person.
func newDevice(person doc.PrivateKey) (*doc.Identity, error) {
	device, now := doc.NewPrivateKey(), time.Now()
	cert, err := doc.SignCert(person, doc.Cert{
		Person: person.Public(), Device: device.Public(), Label: "test",
		NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return nil, err
	}
	return doc.NewIdentity(device, cert)
}

// newStranger is a libp2p node of a device that keeps to no limits and is connected to somebody.
func newStranger(ctx context.Context, id *doc.Identity, to peer.AddrInfo) (host.Host, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(id.Device().Ed25519())
	if err != nil {
		return nil, err
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.Transport(libp2pquic.NewTransport), libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New), libp2p.ResourceManager(&network.NullResourceManager{}), libp2p.DisableMetrics())
	if err != nil {
		return nil, err
	}
	if err := h.Connect(ctx, to); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// newIntruder is a node of nobody's code, and of a new person, that is connected to the room's host.
func newIntruder(t *testing.T, r *Room) *intruder {
	t.Helper()
	return newIntruderOf(t, r, doc.NewPrivateKey())
}

// newIntruderOf is newIntruder, a device of that person.
func newIntruderOf(t *testing.T, r *Room, person doc.PrivateKey) *intruder {
	t.Helper()
	id, err := newDevice(person)
	if err != nil {
		t.Fatal(err)
	}
	h, err := newStranger(t.Context(), id, peer.AddrInfo{ID: r.n.host.ID(), Addrs: r.n.host.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	x := &intruder{t: t, id: id, host: h, to: r.n.host.ID(), room: r.id}
	x.forget()
	return x
}

// forget begins anew, before another join.
func (x *intruder) forget() {
	x.gone, x.news, x.answers, x.pongs = make(chan struct{}), make(chan struct{}), make(map[uint64]string), 0
}

func (x *intruder) author() doc.Author { return x.id.Author() }

// open starts a stream of a protocol and writes b to it.
func (x *intruder) open(p protocol.ID, b []byte) network.Stream {
	x.t.Helper()
	s, err := x.host.NewStream(x.t.Context(), x.to, p)
	if err != nil {
		x.t.Fatal(err)
	}
	if _, err := s.Write(b); err != nil {
		x.t.Fatal(err)
	}
	return s
}

// join asks for a place; it returns the host's answer.
func (x *intruder) join() any {
	x.t.Helper()
	x.ctl = newControlConn(x.open(protoControl, nil), nil)
	ask := relay.Join{Version: relay.ControlVersion, Room: x.room, Name: "Eve", Cert: x.id.Cert(), Claim: x.claim, Warm: x.warm}
	x.ctl.Send(ask)
	x.ms = x.open(protoMedia, appendMessage(nil, x.room[:]))
	x.link = newStreamLink(x.ms, nil)
	m, err := x.ctl.Receive()
	for range 50 {
		w, wait := m.(relay.Wait)
		if err != nil || !wait {
			break
		}
		time.Sleep(time.Duration(w.Millis) * time.Millisecond) // as it was told to
		x.ctl.Send(ask)
		m, err = x.ctl.Receive()
	}
	if err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(func() { x.ctl.Close(); x.link.Close() })
	if a, ok := m.(relay.Accept); ok {
		if x.state, _, err = room.OpenSnapshot(a.Snapshot, time.Now()); err != nil && !x.warm {
			x.t.Fatal(err)
		}
		go x.follow()
		gone, ctl := x.gone, x.ctl
		go func() { // one that is silent would be taken for dead
			for t := time.NewTicker(pingEvery); ; {
				select {
				case <-gone:
					t.Stop()
					return
				case now := <-t.C:
					ctl.Send(relay.Ping{T0: now.UnixMicro()})
				}
			}
		}()
	}
	return m
}

// follow keeps the state that the host tells.
func (x *intruder) follow() {
	defer close(x.gone)
	for {
		m, err := x.ctl.Receive()
		if err != nil {
			return
		}
		x.mu.Lock()
		switch m := m.(type) {
		case relay.Event:
			var ev room.Event
			if ev, _, err = room.OpenEvent(m.Payload, time.Now()); err == nil && !x.warm {
				_, err = x.state.Apply(ev)
			}
		case relay.Answer:
			x.answers[m.ID] = m.Code
		case relay.Boxes:
			x.boxes = append(x.boxes, m.List...)
		case relay.Pong:
			x.pongs++
		case relay.Bye:
			x.byes = append(x.byes, m.Code)
		}
		close(x.news)
		x.news = make(chan struct{})
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// await waits until the state is as wanted.
func (x *intruder) await(what string, cond func(*room.State) bool) {
	x.t.Helper()
	late := time.After(20 * time.Second)
	for {
		x.mu.Lock()
		ok, news := cond(x.state), x.news
		x.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-news:
		case <-x.gone:
			x.mu.Lock()
			defer x.mu.Unlock()
			if !cond(x.state) { // it may have been its last word
				x.t.Fatalf("let go while waiting for %s", what)
			}
			return
		case <-late:
			x.t.Fatalf("waited 20 s for %s", what)
		}
	}
}

// letGo waits for the host to end the connection.
func (x *intruder) letGo(what string) {
	x.t.Helper()
	select {
	case <-x.gone:
	case <-time.After(20 * time.Second):
		x.t.Fatalf("%s: still in the room after 20 s", what)
	}
}

// command sends a signed command.
func (x *intruder) command(c room.Command) {
	x.t.Helper()
	c.Room, c.Time = x.room, time.Now().UnixMilli()
	var nonce [8]byte
	rand.Read(nonce[:])
	c.Nonce = binary.BigEndian.Uint64(nonce[:])
	raw, err := room.SignCommand(x.id, c)
	if err != nil {
		x.t.Fatal(err)
	}
	x.ctl.Send(relay.Command{ID: c.Nonce, Payload: raw})
}

// shout sends a loud tone, sealed with the room's key and signed by the intruder's device, as frames of slot whose KID
// names kidSlot and incarnation, 50 a second until stop is called.
func (x *intruder) shout(slot, kidSlot uint8, incarnation uint32) (stop func()) {
	x.t.Helper()
	x.mu.Lock()
	kid := seal.NewKID(x.state.KeyEpoch, kidSlot, incarnation)
	from := seal.Source{Device: x.state.Program.Device, Start: x.state.Program.Start} // no secret
	for _, seat := range x.state.Seats {
		if seat.Slot == kidSlot {
			from = seal.Source{Device: seat.Device, Start: seat.Start}
		}
	}
	s := sealer{
		sender: seal.NewSender(x.state.Key, from, kid), signer: relay.NewSigner(x.room, slot, kid, x.id.Device().Ed25519()),
		slot: slot, number: relay.FirstNumber(time.Now()),
	}
	x.mu.Unlock()
	loud := newTone(x.t, 2000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		var p relay.Packet
		for loud.Receive(&p) == nil {
			out, err := s.seal(&room.Sound{Level: 5, Opus: p.Frames[0].Sealed}, time.Now())
			if err != nil {
				x.t.Error(err)
				return
			}
			pkt := relay.Packet{Frames: []relay.Frame{out.frame}}
			if out.auth != nil {
				pkt.Auths = []relay.Auth{*out.auth}
			}
			x.link.Send(&pkt)
		}
	}()
	return sync.OnceFunc(func() { loud.Close(); <-done })
}

// silent takes the next n frames of an ear, one second's worth is 50, none of which may be loud.
func (e *ear) silent(t *testing.T, what string, n int) {
	t.Helper()
	for len(e.levels) > 0 {
		<-e.levels
	}
	late := time.After(20 * time.Second)
	for i := range n {
		select {
		case l := <-e.levels:
			if l < 30 {
				t.Fatalf("%s: frame %d has level -%d", what, i, l)
			}
		case <-late:
			t.Fatalf("%s: no frames come", what)
		}
	}
}

// testNobodyHearsAnIntruder: whoever sends without the right to is heard by nobody, counted, and disturbs nobody.
func testNobodyHearsAnIntruder(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many seconds")
	}
	ctx := context.Background()
	ana := startNode(t, "Ana", nil)
	bo, cy := startNode(t, "Bo", nil), startNode(t, "Cy", nil)
	hosted, err := ana.StartRoom(Start{Title: "Open house", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	anaHears, boHears := newEar(t), newEar(t)
	hosted.Play(anaHears)
	enter := func(n *Node) *Room {
		r, err := n.Join(ctx, hosted.View().Link)
		if err != nil || r.Phase() != Live {
			t.Fatalf("join: %v", err)
		}
		return r
	}
	do := func(r *Room, kind string, who doc.PublicKey) {
		t.Helper()
		if err := r.Do(ctx, Action{Kind: kind, Person: who}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	enter(bo).Play(boHears)
	atCy := enter(cy)
	do(atCy, "raise_hand", doc.PublicKey{})
	do(hosted, "grant", cy.Person())
	awaitChange(t, cy, "Cy's seat", atCy.seated)
	if err := atCy.Publish(ctx, newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	boHears.hears(t, "Bo to hear Cy", true, 25)
	do(atCy, "mute", doc.PublicKey{})
	anaHears.hears(t, "Ana to hear nothing", false, 50)
	boHears.hears(t, "Bo to hear nothing", false, 50)

	// unheard: while the intruder shouts, neither the stage nor the audience hears anything, and name counts it.
	unheard := func(what, name string, stop func()) {
		t.Helper()
		before := ana.Counts()[name]
		anaHears.silent(t, what+", on stage", 50)
		boHears.silent(t, what+", in the audience", 50)
		stop()
		if n := ana.Counts()[name] - before; n < 25 {
			t.Errorf("%s: %d counted as %s in a second, want 25 or more; all: %v", what, n, name, ana.Counts())
		}
	}
	listener := func() *intruder {
		t.Helper()
		x := newIntruder(t, hosted)
		if m, ok := x.join().(relay.Accept); !ok {
			t.Fatalf("the host answered %+v", m)
		}
		return x
	}
	eve, hal := listener(), listener()
	cySeat, _ := eve.state.SeatOf(cy.Person())
	unheard("a listener in a free slot", "relay_not_allowed", listener().shout(9, 9, 1))
	unheard("a listener as the program", "relay_not_allowed", listener().shout(relay.Program, relay.Program, eve.state.Program.Incarnation))
	stop := hal.shout(cySeat.Slot, cySeat.Slot, cySeat.Incarnation)
	unheard("a listener in another's slot", "relay_not_allowed", func() {})
	hal.letGo("a listener who keeps sending")
	stop()
	if n := ana.Counts()["child_trespassed"]; n != 1 {
		t.Errorf("%d counted as child_trespassed, want 1", n)
	}

	// With a seat and by the rules the same frames are heard: the tests above do not pass for want of sound.
	me := eve.author().Person
	eve.command(room.Command{Kind: room.RaiseHand, Name: "Eve"})
	eve.await("the hand", func(s *room.State) bool { _, ok := s.HandOf(me); return ok })
	do(hosted, "grant", me)
	eve.command(room.Command{Kind: room.Publish, Start: room.NewStart()})
	var seat room.Seat
	published := func(s *room.State) bool { seat, _ = s.SeatOf(me); return seat.Incarnation != 0 }
	eve.await("an incarnation", published)
	stop = eve.shout(seat.Slot, seat.Slot, seat.Incarnation)
	anaHears.hears(t, "Ana to hear Eve, who may speak", true, 25)
	boHears.hears(t, "Bo to hear Eve, who may speak", true, 25)

	muted := time.Now()
	do(hosted, "mute", me)
	anaHears.hears(t, "Ana to hear no more of the muted Eve", false, 10)
	boHears.hears(t, "Bo to hear no more of the muted Eve", false, 10)
	if took := time.Since(muted); took > time.Second+300*time.Millisecond { // ten frames, and what was buffered
		t.Errorf("muted after %s, want within a second", took)
	}
	unheard("a speaker who was muted", "relay_not_allowed", stop)

	eve.command(room.Command{Kind: room.Unmute})
	eve.await("to be unmuted", func(s *room.State) bool { seat, _ = s.SeatOf(me); return !seat.Muted })
	unheard("a speaker in another's slot", "relay_not_allowed", eve.shout(cySeat.Slot, cySeat.Slot, cySeat.Incarnation))
	unheard("a speaker as another, in the own slot", "stage_frame_of_another", eve.shout(seat.Slot, cySeat.Slot, cySeat.Incarnation))

	do(hosted, "return", me)
	eve.await("the audience", func(s *room.State) bool { _, ok := s.SeatOf(me); return !ok })
	unheard("a speaker who was returned to the audience", "relay_not_allowed", eve.shout(seat.Slot, seat.Slot, seat.Incarnation))

	stop = eve.shout(seat.Slot, seat.Slot, seat.Incarnation)
	do(hosted, "remove", me)
	eve.letGo("removed")
	anaHears.silent(t, "one who was removed", 25)
	boHears.silent(t, "one who was removed", 25)
	stop()
	// Back at once, from the same device.
	if m, ok := eve.join().(relay.Refuse); !ok || m.Code != "removed" {
		t.Errorf("the host answered one who was removed with %+v", m)
	}
	if n := ana.Counts()["join_refused_removed"]; n != 1 {
		t.Errorf("%d joins counted as join_refused_removed, want 1", n)
	}

	// A certificate of somebody else, and a command of somebody else.
	fay := newIntruder(t, hosted)
	fay.id, eve.id = eve.id, fay.id
	if m, ok := fay.join().(relay.Refuse); !ok || m.Code != "identity" {
		t.Errorf("the host answered a borrowed certificate with %+v", m)
	}
	fay.id, eve.id = eve.id, fay.id
	gus := newIntruder(t, hosted)
	if _, ok := gus.join().(relay.Accept); !ok {
		t.Fatal("Gus was not let in")
	}
	borrowed := gus.id
	gus.id = cy.id()
	gus.command(room.Command{Kind: room.Unmute})
	gus.id = borrowed
	gus.command(room.Command{Kind: room.RaiseHand, Name: "Gus"})
	gus.await("the hand", func(s *room.State) bool { _, ok := s.HandOf(gus.author().Person); return ok })
	if n := ana.Counts()["command_of_another"]; n != 1 {
		t.Errorf("%d commands counted as command_of_another, want 1", n)
	}

	do(atCy, "unmute", doc.PublicKey{})
	anaHears.hears(t, "Ana to hear Cy", true, 25)
	boHears.hears(t, "Bo to hear Cy", true, 25)
}

// testRubbish: what is no message ends its stream and nothing else, and is counted under a name.
func testRubbish(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many seconds")
	}
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Open house", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(context.Background(), hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	hears := newEar(t)
	joined.Play(hears)
	if err := hosted.Publish(context.Background(), newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	hears.hears(t, "Bo to hear Ana", true, 25)

	// ended waits until the host has ended a stream.
	ended := func(t *testing.T, s network.Stream) {
		t.Helper()
		_ = s.SetReadDeadline(time.Now().Add(20 * time.Second))
		in := bufio.NewReader(s)
		for {
			if _, err := in.ReadByte(); err != nil {
				var late interface{ Timeout() bool }
				if errors.As(err, &late) && late.Timeout() {
					t.Fatal("the host still holds the stream after 20 s")
				}
				return
			}
		}
	}
	noise := make([]byte, 4000)
	rand.Read(noise)
	huge := binary.AppendUvarint(nil, 1<<40)
	join := func(x *intruder) {
		if _, ok := x.join().(relay.Accept); !ok {
			x.t.Fatal("not let in")
		}
	}
	for _, c := range []struct {
		name, counted string
		send          func(x *intruder) network.Stream // the stream that must end, nil if x must be let go
	}{
		{"noise on a control stream", "join_malformed", func(x *intruder) network.Stream { return x.open(protoControl, append([]byte{200, 1}, noise...)) }},
		{"an endless length on a control stream", "join_malformed", func(x *intruder) network.Stream { return x.open(protoControl, huge) }},
		{"a length that has no end", "join_malformed", func(x *intruder) network.Stream {
			return x.open(protoControl, slices.Repeat([]byte{0xff}, 64))
		}},
		{"an empty message", "join_malformed", func(x *intruder) network.Stream { return x.open(protoControl, []byte{0}) }},
		{"half a join, then nothing", "join_slow", func(x *intruder) network.Stream { return x.open(protoControl, []byte{100, 1, 2, 3}) }},
		{"not a word", "join_slow", func(x *intruder) network.Stream { return x.open(protoControl, []byte{100}) }},
		{"noise on a media stream", "media_malformed", func(x *intruder) network.Stream { return x.open(protoMedia, append([]byte{200, 1}, noise...)) }},
		{"half a room's ID, then nothing", "media_malformed", func(x *intruder) network.Stream { return x.open(protoMedia, []byte{16, 1, 2, 3}) }},
		{"media of no room", "media_no_room", func(x *intruder) network.Stream { return x.open(protoMedia, appendMessage(nil, noise[:16])) }},
		{"media without a join", "media_without_join", func(x *intruder) network.Stream { return x.open(protoMedia, appendMessage(nil, x.room[:])) }},
		{"noise on a lane", "lane_malformed", func(x *intruder) network.Stream { return x.open(protoLane, append([]byte{200, 1}, noise...)) }},
		{"a lane to no room", "lane_refused", func(x *intruder) network.Stream { return x.open(protoLane, appendMessage(nil, noise[:16])) }},
		{"a lane to who does not stand by", "lane_refused", func(x *intruder) network.Stream { return x.open(protoLane, appendMessage(nil, x.room[:])) }},
		{"noise to the directory", "directory_request_malformed", func(x *intruder) network.Stream {
			return x.open(protoDirectory, appendMessage(nil, noise))
		}},
		{"an endless length to the directory", "directory_request_unreadable", func(x *intruder) network.Stream { return x.open(protoDirectory, huge) }},
		{"noise after joining", "control_malformed", func(x *intruder) network.Stream {
			join(x)
			x.ctl.sendRaw(noise)
			return nil
		}},
		{"an endless length after joining", "control_malformed", func(x *intruder) network.Stream {
			join(x)
			_, _ = x.ctl.s.Write(huge)
			return nil
		}},
		{"a message that only a host sends", "control_unexpected", func(x *intruder) network.Stream {
			join(x)
			x.ctl.Send(relay.Accept{Depth: 1})
			return nil
		}},
		{"a message that only a relay sends", "control_unexpected", func(x *intruder) network.Stream {
			join(x)
			x.ctl.Send(relay.Present{Here: []relay.Guest{{Person: x.author().Person, Device: x.author().Device, Name: "Eve"}}})
			return nil
		}},
		{"a host that asks who is no relay", "carry_refused_identity", func(x *intruder) network.Stream {
			m, err := relay.EncodeControl(relay.Carry{Charter: noise})
			if err != nil {
				x.t.Fatal(err)
			}
			return x.open(protoControl, appendMessage(nil, m))
		}},
		{"packets of noise", "packet_malformed", func(x *intruder) network.Stream {
			join(x)
			for range 100 {
				// It may end before all are written.
				_, _ = x.ms.Write(appendMessage(nil, noise[:300]))
			}
			return x.ms
		}},
		{"a packet of endless length", "packet_malformed", func(x *intruder) network.Stream {
			join(x)
			_, _ = x.ms.Write(huge)
			return x.ms
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const tries = 3 // on a machine that kept everybody waiting
			for try := 1; ; try++ {
				lost, watch := joined.Stats().Concealed, busy.Begin()
				x := newIntruder(t, hosted)
				before := ana.Counts()[c.counted]
				if s := c.send(x); s != nil {
					ended(t, s)
				} else {
					x.letGo(c.name)
				}
				// The host counts after it has ended the stream; the count is no event, the sound that goes on is the clock.
				for late := time.After(20 * time.Second); ana.Counts()[c.counted] == before; {
					select {
					case <-hears.levels:
					case <-late:
						t.Fatalf("not counted as %s: %v", c.counted, ana.Counts())
					}
				}
				hears.forget()
				hears.hears(t, "Bo to hear Ana still", true, 25) // more than his buffer holds
				machine := watch.Stop()
				lost = joined.Stats().Concealed - lost
				if lost == 0 {
					return
				}
				if try == tries || machine.HadTime() {
					t.Fatalf("Bo missed %d frames, and %v", lost, machine)
				}
				t.Logf("sent again: Bo missed %d frames, and %v", lost, machine)
			}
		})
	}
}

// TestThousandHalfOpenStreams: streams on which nothing follows are bounded, counted, and given up.
func TestThousandHalfOpenStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many seconds")
	}
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Open house", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(context.Background(), hosted.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	hears := newEar(t)
	joined.Play(hears)
	if err := hosted.Publish(context.Background(), newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	hears.hears(t, "Bo to hear Ana", true, 25)

	const people, each = 20, 50
	opened := make(chan int, people+1)
	knock := func(n int) {
		x := newIntruder(t, hosted)
		go func() {
			ok := 0
			for i := range n {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				s, err := x.host.NewStream(ctx, x.to, []protocol.ID{protoControl, protoMedia, protoDirectory}[i%3])
				if err == nil {
					if _, err = s.Write([]byte{100, 1}); err == nil {
						ok++
					}
				}
				cancel()
			}
			opened <- ok
		}()
	}
	for range people {
		knock(each)
	}
	knock(4 * each) // one alone gets no further than its share
	total := 0
	for range people + 1 {
		select {
		case ok := <-opened:
			total += ok
		case <-time.After(time.Minute):
			t.Fatal("the streams are not opened within a minute")
		}
	}
	hears.hears(t, "Bo to hear Ana meanwhile", true, 50)
	t.Logf("%d streams opened", total)
	if total < people*each/2 {
		t.Errorf("%d streams opened: the test floods nobody", total)
	}
	// All are given up within the join's time, and then there is room for honest people.
	given := func() uint64 {
		c := ana.Counts()
		return c["join_slow"] + c["join_malformed"] + c["media_malformed"] + c["directory_request_unreadable"] + c["limit_stream"] + c["limit_protocol"] + c["limit_peer"]
	}
	for i := 0; given() < people*each; i++ {
		if i == 750 { // 15 s of sound
			t.Fatalf("of %d half-open streams %d were counted: %v", total, given(), ana.Counts())
		}
		<-hears.levels
	}
	if ana.Counts()["limit_stream"]+ana.Counts()["limit_protocol"]+ana.Counts()["limit_peer"] == 0 {
		t.Errorf("one peer opened %d streams and met no limit: %v", 4*each, ana.Counts())
	}
	late := newIntruder(t, hosted)
	if _, ok := late.join().(relay.Accept); !ok {
		t.Error("there is no room for anybody after the flood")
	}
	hears.hears(t, "Bo to hear Ana afterwards", true, 50)
	if s := joined.Stats(); float64(s.Concealed) > 0.01*float64(s.Expected) {
		t.Errorf("Bo missed %d of %d frames", s.Concealed, s.Expected)
	}
	t.Log(ana.Counts())
}
