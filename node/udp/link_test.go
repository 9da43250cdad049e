package udp

import (
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"salon/relay"
	"salon/relay/linktest"
)

// lets is the fate of a path on which nothing happens.
func lets(int) linktest.Fate { return linktest.Fate{} }

// over makes a link over a lossy path.
func over(t testing.TB, network string, fate func(int) linktest.Fate) (la, lb *Link, p *lossyPath) {
	t.Helper()
	a, b := newEnd(t, network, loopbacks[network]), newEnd(t, network, loopbacks[network])
	p = newLossyPath(t, network, a, b, fate)
	la, lb = join(t, a, b, p.front.LocalAddr(), p.back.Load().LocalAddr())
	return la, lb, p
}

func bothUp(la, lb *Link) func() bool {
	return func() bool { return la.Stats().UDP && lb.Stats().UDP }
}

func TestLink(t *testing.T) {
	overLoopbacks(t, func(t *testing.T, network string) {
		linktest.Run(t, linktest.Maker{New: func(t *testing.T, fate func(int) linktest.Fate) linktest.Pair {
			la, lb, _ := over(t, network, fate)
			until(t, "datagrams", bothUp(la, lb))
			return linktest.Pair{A: la, B: lb}
		}})
	})
}

// beacon sends a number, and receives tells the numbers that come.
func beacon(l *Link, n uint64) {
	l.Send(&relay.Packet{Beacons: []relay.Beacon{{Slot: 1, Last: n}}})
}

func receives(t *testing.T, l *Link, want uint64) {
	t.Helper()
	var p relay.Packet
	if err := l.Receive(&p); err != nil || len(p.Beacons) != 1 || p.Beacons[0].Last != want {
		t.Fatalf("%+v, %v; want beacon %d", p, err, want)
	}
}

// A link whose datagrams are blocked goes by its stream, takes to datagrams when they pass, and falls back when they stop.
func TestLinkGoesToUDPAndBack(t *testing.T) {
	var blocked atomic.Bool
	blocked.Store(true)
	la, lb, _ := over(t, "udp4", func(int) linktest.Fate { return linktest.Fate{Drop: blocked.Load()} })
	beacon(la, 1)
	receives(t, lb, 1)
	beacon(lb, 2)
	receives(t, la, 2)
	if la.Stats().UDP || lb.Stats().UDP {
		t.Error("datagrams are sent before any echo")
	}
	if la.Strain(1) {
		t.Error("a path that nobody answers by is tried")
	}
	for range 2 {
		blocked.Store(false)
		until(t, "datagrams", bothUp(la, lb))
		sent := la.sent.Load()
		beacon(la, 3)
		receives(t, lb, 3)
		if la.sent.Load() != sent+1 {
			t.Error("the packet did not go by UDP")
		}
		blocked.Store(true)
		began := time.Now()
		until(t, "the stream", func() bool { return !la.Stats().UDP && !lb.Stats().UDP })
		if took := time.Since(began); took > 3*silence { // the limit is the echo's, with its own test: here the machine may be busy
			t.Errorf("fell back after %v", took)
		}
		beacon(la, 4)
		receives(t, lb, 4)
	}
	if la.m.Counts()["up"] != 2 || la.m.Counts()["down"] != 2 {
		t.Errorf("%v", la.m.Counts())
	}
}

// A path too narrow for the longest datagram is not taken, though short ones pass.
func TestLinkStaysOffANarrowPath(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	p := newLossyPath(t, "udp4", a, b, lets)
	p.most.Store(maxDatagram - 1)
	la, lb := join(t, a, b, p.front.LocalAddr(), p.back.Load().LocalAddr())
	until(t, "asks", func() bool {
		la.m.mu.Lock()
		defer la.m.mu.Unlock()
		return la.counter > 5
	})
	beacon(la, 1)
	receives(t, lb, 1)
	if la.Stats().UDP || lb.Stats().UDP {
		t.Error("it was taken")
	}
}

// What is sent to try a path tells how much of it is lost, and nobody is given it.
func TestStrainTellsWhatIsLost(t *testing.T) {
	overLoopbacks(t, func(t *testing.T, network string) {
		for every, want := range map[int]struct{ least, most float64 }{0: {0, 0}, 4: {0.15, 0.3}} {
			var n, lost atomic.Int64
			la, lb, _ := over(t, network, func(unit int) linktest.Fate {
				if every > 0 && n.Load() > 0 && unit%every == 0 {
					lost.Add(1)
					return linktest.Fate{Drop: true}
				}
				return linktest.Fate{}
			})
			until(t, "datagrams", bothUp(la, lb))
			left := func() uint64 {
				la.m.mu.Lock()
				defer la.m.mu.Unlock()
				return la.counter
			}
			for range 2 { // a second each
				n.Add(1)
				before := left()
				if !la.Strain(4 * lossSpan) {
					t.Fatal("nothing is sent")
				}
				if n := left() - before; n >= 4*lossSpan {
					t.Errorf("all %d left at once", n)
				}
				until(t, "the last answer", func() bool {
					la.m.mu.Lock()
					defer la.m.mu.Unlock()
					return la.strain.ticks == 0 && la.echo.ask == 0 && !la.echo.due
				})
				if n := left() - before; n < 4*lossSpan {
					t.Errorf("only %d left", n)
				}
			}
			if got := la.Stats().Loss; got < want.least || got > want.most {
				t.Errorf("every %d. is lost (%d were), and the loss is %v", every, lost.Load(), got)
			}
			n.Store(0) // nothing is lost any more
			beacon(la, 7)
			receives(t, lb, 7)
		}
	})
}

// A packet that fits no datagram goes by the stream, also while others go by UDP.
func TestLongPacketsGoByTheStream(t *testing.T) {
	la, lb, _ := over(t, "udp4", lets)
	until(t, "datagrams", bothUp(la, lb))
	for i, frames := range []int{1, 2} {
		want := make([]relay.Frame, frames)
		for k := range want {
			want[k] = relay.Frame{Slot: 1, Number: uint64(k), Sealed: make([]byte, relay.PacketSize-20)}
		}
		la.Send(&relay.Packet{Frames: want})
		var p relay.Packet
		if err := lb.Receive(&p); err != nil || len(p.Frames) != frames {
			t.Fatalf("%d frames arrived as %d, %v", frames, len(p.Frames), err)
		}
		if got := la.sent.Load(); got != 1 {
			t.Errorf("after packet %d, %d were sent by UDP", i, got)
		}
	}
}

func goesTo(l *Link) netip.AddrPort {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	return l.to.at
}

func addrPort(a net.Addr) netip.AddrPort { return plain(a.(*net.UDPAddr).AddrPort()) }

// A new address has to answer before anything goes there.
func TestAnotherAddressIsChallenged(t *testing.T) {
	overLoopbacks(t, func(t *testing.T, network string) {
		la, lb, p := over(t, network, lets)
		until(t, "datagrams", bothUp(la, lb))
		first := goesTo(lb)

		p.rebind(false)
		until(t, "challenges", func() bool { return lb.m.Counts()["challenged"] >= 3 })
		if goesTo(lb) != first || lb.m.Counts()["moved"] != 0 {
			t.Fatal("redirected to an address that did not answer")
		}
		if !la.Stats().UDP || !lb.Stats().UDP {
			t.Error("fell back though the old address still works")
		}

		there := p.rebind(true)
		until(t, "the answer", func() bool { return goesTo(lb) == addrPort(there) })
		beacon(lb, 5)
		receives(t, la, 5)
		if got := lb.m.Counts()["moved"]; got != 1 {
			t.Errorf("moved %d times", got)
		}
	})
}

// A datagram that was copied on its way and comes again from elsewhere is a replay; one that was held back challenges nobody.
func TestCopiesChallengeNobody(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	la, lb := joined(t, a, b)
	a.mux.mu.Lock()
	held := header{la.peer, uint32(la.counter)}.append(nil)
	putNonce(&a.mux.nonce, la.counter)
	held = la.seal.Seal(held, a.mux.nonce[:], (&content{}).append(nil), held)
	la.counter++
	a.mux.mu.Unlock()
	beacon(la, 1)
	receives(t, lb, 1)
	x := stranger(t, "udp4")
	before := b.count(replayed)
	for range 2 {
		if _, err := x.WriteToUDP(held, b.addr()); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the copy", func() bool { return b.count(replayed) == before+1 })
	if b.count(challenged) != 0 {
		t.Error("a datagram that was overtaken is taken for a new address")
	}
}

// When QUIC has found the peer elsewhere, datagrams go there.
func TestLinkFollowsQUIC(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	_, lb := joined(t, a, b)
	x := stranger(t, "udp4")
	b.conn.moveTo(x.LocalAddr())
	until(t, "the move", func() bool { return goesTo(lb) == addrPort(x.LocalAddr()) })
}

// Who is not on a socket of ours cannot have a link; who is on one of several has that one.
func TestLinkFindsItsSocket(t *testing.T) {
	every, one := newEnd(t, "udp4", nil), newEnd(t, "udp4", loopbacks["udp4"])
	x, _ := newFakeStreams()
	for name, c := range map[string]struct {
		m    *Mux
		addr net.Addr
		want *Socket
	}{
		"bound to it":    {one.mux, one.addr(), one.s},
		"bound to all":   {every.mux, &net.UDPAddr{IP: loopbacks["udp4"], Port: every.addr().Port}, every.s},
		"other family":   {every.mux, &net.UDPAddr{IP: loopbacks["udp6"], Port: every.addr().Port}, nil},
		"other port":     {one.mux, &net.UDPAddr{IP: loopbacks["udp4"], Port: 1}, nil},
		"not UDP at all": {one.mux, &net.TCPAddr{IP: loopbacks["udp4"], Port: one.addr().Port}, nil},
	} {
		l, err := c.m.NewLink(&fakeConn{local: c.addr, remote: every.addr()}, x, true)
		if (err != nil) != (c.want == nil) || l != nil && l.socket != c.want {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

// A link outlives its socket, by the stream.
func TestLinkOutlivesItsSocket(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	la, lb := joined(t, a, b)
	a.s.Close()
	beacon(la, 1)
	receives(t, lb, 1)
	if la.Stats().UDP {
		t.Error("datagrams by a closed socket")
	}
}

// A patient is a stream at which one can wait for a while, which takes no time: what there is now, or nothing.
type patient struct {
	*fakeStream
	held   []byte
	vainly atomic.Int64 // times that nothing came
}

func (s *patient) Await(time.Duration) bool {
	if s.held != nil {
		return true
	}
	select {
	case s.held = <-s.in:
		return true
	case <-s.closed:
		return true
	case <-time.After(time.Millisecond):
		s.vainly.Add(1)
		return false
	}
}

func (s *patient) Next() ([]byte, error) {
	if b := s.held; b != nil {
		s.held = nil
		return b, nil
	}
	return s.fakeStream.Next()
}

// Nobody waits at the stream of a quiet link while it has datagrams; what comes by the stream is taken again as soon as there
// are none, or it is quiet no more, and its end is noticed then.
func TestQuietLinkHasNoReader(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	var blocked atomic.Bool
	p := newLossyPath(t, "udp4", a, b, func(int) linktest.Fate { return linktest.Fate{Drop: blocked.Load()} })
	x, y := newFakeStreams()
	la, lb := joinBy(t, a, b, p.front.LocalAddr(), p.back.Load().LocalAddr(), x, &patient{fakeStream: y})
	reading := func() bool {
		lb.m.mu.Lock()
		defer lb.m.mu.Unlock()
		return lb.reading
	}
	rests := func() bool { return !reading() }
	lb.Quiet(true)
	until(t, "datagrams", bothUp(la, lb))
	until(t, "nobody to wait at the stream", rests)
	beacon(la, 1)
	receives(t, lb, 1)

	lb.Quiet(false)
	beacon := (&relay.Packet{Beacons: []relay.Beacon{{Last: 2}}}).Append(nil)
	la.stream.SendMessage(beacon)
	receives(t, lb, 2)
	lb.Quiet(true)
	la.stream.SendMessage(beacon)
	receives(t, lb, 2)
	until(t, "nobody to wait at the stream", rests)

	blocked.Store(true)
	until(t, "no datagrams", func() bool { return !la.Stats().UDP && !lb.Stats().UDP })
	la.stream.SendMessage(beacon)
	receives(t, lb, 2)
	blocked.Store(false)
	until(t, "datagrams", bothUp(la, lb))
	until(t, "nobody to wait at the stream", rests)

	la.Close() // what it answered by datagrams ends
	var pkt relay.Packet
	if err := lb.Receive(&pkt); err == nil {
		t.Error("the end of the stream was not noticed")
	}
}

// What is too long for a packet is refused, and takes no memory until then.
func TestTooLongMessageIsNotKept(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	la, lb := joined(t, a, b)
	la.stream.SendMessage(make([]byte, 16<<10))
	la.stream.SendMessage((&relay.Packet{Beacons: []relay.Beacon{{Last: 1}}}).Append(nil))
	receives(t, lb, 1)
	if n := lb.Stats().Malformed; n != 1 {
		t.Errorf("%d were malformed, want 1", n)
	}
	lb.in.mu.Lock()
	defer lb.in.mu.Unlock()
	for _, b := range append(lb.in.ring, lb.in.out) {
		if cap(b) > 2*relay.MaxPacket {
			t.Errorf("%d bytes are kept", cap(b))
		}
	}
}

// Who has datagrams waits at the stream of a quiet end that has none itself: all that this sends comes there.
func TestQuietEndWithoutDatagramsIsHeard(t *testing.T) {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	p := newLossyPath(t, "udp4", a, b, lets)
	p.most.Store(maxDatagram - 1)
	p.oneWay.Store(true)
	x, y := newFakeStreams()
	at := &patient{fakeStream: y}
	la, lb := joinBy(t, a, b, p.front.LocalAddr(), p.back.Load().LocalAddr(), x, at)
	lb.Quiet(true)
	until(t, "datagrams one way", func() bool { return lb.Stats().UDP })
	looked := at.vainly.Load()
	until(t, "somebody to wait at the stream as before", func() bool { return at.vainly.Load() >= looked+2 }) // the first may have begun earlier
	beacon(la, 1)
	receives(t, lb, 1)
	if la.Stats().UDP {
		t.Fatal("there are datagrams both ways")
	}
	p.most.Store(0)
	until(t, "datagrams", bothUp(la, lb))
	until(t, "nobody to wait at the stream", func() bool {
		lb.m.mu.Lock()
		defer lb.m.mu.Unlock()
		return !lb.reading
	})
	beacon(la, 2)
	receives(t, lb, 2)
}

// A queue that nobody empties drops its oldest and counts them; what is sent meanwhile is not touched.
func TestQueueDropsItsOldest(t *testing.T) {
	var all uint64
	var dropped atomic.Uint64
	q := queue{full: &all}
	add := func(n int) { q.add(append(q.slot(), byte(n>>8), byte(n)), &Place{}, &dropped) }
	add(0)
	add(1)
	sending := q.next(2)
	const n = queueMost + 3
	for i := 2; i < n; i++ {
		add(i)
	}
	if b := sending[1].Buffers[0]; len(b) != 2 || b[1] != 1 {
		t.Errorf("what is being sent became %x", b)
	}
	q.sent()
	var got []int
	for q.size > 0 {
		for _, m := range q.next(1000) {
			got = append(got, int(m.Buffers[0][0])<<8|int(m.Buffers[0][1]))
		}
		q.sent()
	}
	if int(dropped.Load())+len(got)+2 != n || all != dropped.Load() {
		t.Errorf("%d dropped, %d counted, %d left of %d", dropped.Load(), all, len(got), n)
	}
	for i, x := range got {
		if x != n-len(got)+i {
			t.Fatalf("%v are left: not the freshest, in order", got)
		}
	}
}

// Datagrams take as much memory as they are long, which is used again, and given back when a crowd has been served.
func TestQueueIsAsLargeAsNeeded(t *testing.T) {
	var all uint64
	var dropped atomic.Uint64
	q := queue{full: &all}
	next, sent := 0, 0
	add := func(n, long int) {
		for range n {
			b := append(q.slot(), byte(next>>16), byte(next>>8), byte(next))
			q.add(b[:long], &Place{}, &dropped)
			next++
		}
	}
	send := func(n int) {
		for _, m := range q.next(n) {
			if b := m.Buffers[0]; int(b[0])<<16|int(b[1])<<8|int(b[2]) != sent {
				t.Fatalf("datagram %d became %x", sent, b[:3])
			}
			sent++
		}
		q.sent()
	}
	pages := func() int { return q.used + len(q.free) }
	const children, long = 1000, 350
	for range 3 * lookEvery {
		add(children/2, long)
		send(children / 4) // some are sent while others come
		add(children/2, long)
		for q.size > 0 {
			send(400)
		}
	}
	if need := children*long/pageSize + 1; pages() > need*5/4 {
		t.Errorf("%d pages for what fits in %d", pages(), need)
	}
	few := pages()
	add(3*children, maxDatagram)
	for q.size > 0 {
		send(400)
	}
	many := pages()
	for range 2 * lookEvery {
		add(children/10, long)
		for q.size > 0 {
			send(400)
		}
	}
	if got := pages(); many < 8*few || got > few/5 {
		t.Errorf("%d pages, in a crowd %d, with a tenth of the children afterwards %d", few, many, got)
	}
	if all != 0 || dropped.Load() != 0 {
		t.Errorf("%d were dropped", all)
	}
}

// upForGood is a link that sends datagrams to somebody who never reads them.
func upForGood(t testing.TB) *Link {
	a, b := newEnd(t, "udp4", loopbacks["udp4"]), newEnd(t, "udp4", loopbacks["udp4"])
	la, _ := joined(t, a, b)
	deaf := stranger(t, "udp4")
	_ = deaf.SetReadBuffer(1 << 12)
	a.mux.mu.Lock()
	defer a.mux.mu.Unlock()
	la.to = la.socket.placeOf(deaf.LocalAddr().(*net.UDPAddr), la.local)
	la.echo.answer = time.Now().Add(time.Hour)
	return la
}

func bundle() *relay.Packet {
	f := relay.Frame{Slot: relay.Program, Number: 1, Sealed: make([]byte, 120)}
	return &relay.Packet{Frames: []relay.Frame{f, f, f}}
}

// Sending costs no memory: not to queue, and not to send.
func TestSendAllocatesNothing(t *testing.T) {
	l := upForGood(t)
	p := bundle()
	if n := testing.AllocsPerRun(10_000, func() { l.Send(p) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func BenchmarkSend(b *testing.B) {
	l := upForGood(b)
	p := bundle()
	b.ReportAllocs()
	b.SetBytes(int64(len(p.Append(nil))))
	for b.Loop() {
		l.Send(p)
	}
}

// What one packet costs without the system: sealed, opened, checked and received.
func BenchmarkSealAndReceive(b *testing.B) {
	x, y := newEnd(b, "udp4", loopbacks["udp4"]), newEnd(b, "udp4", loopbacks["udp4"])
	la, lb := joined(b, x, y)
	from := x.addr().AddrPort()
	p := bundle()
	var got relay.Packet
	b.ReportAllocs()
	for b.Loop() {
		x.mux.mu.Lock()
		q := &la.socket.out.out
		la.ride(p)
		sealed := q.ring[(q.head+q.size-1)%len(q.ring)].Buffers[0]
		q.size--
		q.release((q.head + q.size) % len(q.ring))
		x.mux.mu.Unlock()
		y.mux.mu.Lock()
		y.mux.receive(sealed, from)
		y.mux.mu.Unlock()
		if err := lb.Receive(&got); err != nil {
			b.Fatal(err)
		}
	}
}
