package udp

import (
	"crypto/cipher"
	"crypto/rand"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"salon/relay"
)

// A Stream is what a link begins on: whole messages, in order, as long as the connection lasts, and a queue that drops
// its oldest. Stats counts what it sent and dropped.
type Stream interface {
	Send(p *relay.Packet)
	// SendMessage sends what is not a packet.
	SendMessage(b []byte)
	// Next blocks for the next message, valid until the next call. Any error is the end.
	Next() ([]byte, error)
	Stats() relay.LinkStats
	Close() error
}

// A patientStream can be waited at for a while only.
type patientStream interface {
	Stream
	// Await blocks until Next would not, but no longer than d: then ok is false, and nothing is lost.
	Await(d time.Duration) (ok bool)
}

const (
	// restAfter is how long nothing comes by a stream before nobody waits there any more, where nobody need; see Quiet.
	restAfter = 2 * time.Second
	// ridesFor is how long it is believed that the other end sends datagrams, since it last asked as one who does: it asks every
	// second and more often.
	ridesFor = 2 * silence
	// malformedMost is how many packets in a row may not parse before the link is closed.
	malformedMost = 16
	// challengeEvery is how soon another address is challenged.
	challengeEvery = 2 * tick
	// idleTicks is how many ticks without a packet make a link idle: nothing comes by for an echo to ride with.
	idleTicks = 2
)

// A Link is a relay.Link by stream and datagrams.
type Link struct {
	m      *Mux
	socket *Socket
	conn   Conn
	stream Stream
	opener bool // of the stream
	in     *inbox
	once   sync.Once

	sent, received, dropped, malformed, duplicate atomic.Uint64

	// Mux.mu guards the fields below.
	quiet      bool      // see Quiet
	reading    bool      // read runs
	rode       time.Time // when the peer last asked as one who sends datagrams; zero if it has asked as one who does not since
	mine       offer
	peer       uint32      // its link id
	seal, open cipher.AEAD // nil until the other's offer is there, and after the end
	counter    uint64      // of the next datagram
	window     window
	echo       echo
	idle       int // ticks since a packet was sent by UDP
	local      net.IP
	remote     net.Addr // as QUIC last had it
	to         Place    // where datagrams go
	probe      probe
	strain     strain
}

// A probe asks an address whether the peer is there. The zero probe asks nobody.
type probe struct {
	came time.Time
	to   Place
	ask  uint64
}

// NewLink makes the link of a stream of conn. Who opened the stream is the opener. The link closes the stream. The error is
// ErrNoSocket, and the stream then stays the caller's.
func (m *Mux) NewLink(conn Conn, stream Stream, opener bool) (*Link, error) {
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return nil, ErrNoSocket
	}
	l := &Link{m: m, conn: conn, stream: stream, opener: opener, in: newInbox(), local: local.IP}
	rand.Read(l.mine.salt[:])
	m.mu.Lock()
	l.socket = m.socketAt(local)
	if l.socket == nil {
		m.mu.Unlock()
		return nil, ErrNoSocket
	}
	m.add(l)
	l.follow()
	l.reading = true
	hello := l.mine.append(nil)
	m.mu.Unlock()
	stream.SendMessage(hello)
	go l.read()
	return l, nil
}

// Quiet says that what the other end sends may wait for as long as both ends send datagrams: it has no right to send sound, and
// all else fits into a datagram. Then nobody waits at the stream, of which there is one for each listener. That the other end
// closes the link shows within a second in that it answers no datagram, and that it has to send by the stream in how it asks.
func (l *Link) Quiet(yes bool) {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.quiet = yes; !yes {
		l.rouse()
	}
}

// rests reports whether nobody need read the stream: both ends send datagrams. A path may carry them one way only, or lose so
// many that one end gives them up before the other. Mux.mu is held.
func (l *Link) rests(now time.Time) bool {
	return l.quiet && l.echo.up && now.Sub(l.rode) < ridesFor
}

// rouse has somebody read the stream. Mux.mu is held.
func (l *Link) rouse() {
	if !l.reading {
		l.reading = true
		go l.read()
	}
}

// attends waits for the next message, or the end, of the stream. It reports whether to read it: if not, nobody does from now on.
// Of who opened the stream there are few, and all of the sound comes to it.
func (l *Link) attends() bool {
	s, ok := l.stream.(patientStream)
	for ok && !l.opener && !s.Await(restAfter) {
		l.m.mu.Lock()
		l.reading = !l.rests(l.m.now)
		reading := l.reading
		l.m.mu.Unlock()
		if !reading {
			return false
		}
	}
	return true
}

// read takes what comes by the stream until that ends, or nobody need wait for it.
func (l *Link) read() {
	for l.attends() {
		b, err := l.stream.Next()
		switch {
		case err != nil:
			l.leave()
			l.in.end()
			return
		case IsOffer(b):
			l.meet(parseOffer(b))
		case !l.in.wait(b[:min(len(b), relay.MaxPacket+1)]): // what is longer is no packet, and need not be kept to be refused
			return
		}
	}
}

// meet takes the other end's offer, once.
func (l *Link) meet(theirs offer) {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.seal != nil {
		l.malformed.Add(1)
		return
	}
	if l.m.links[l.mine.link] != l {
		return // the socket was closed meanwhile
	}
	var err error
	if l.opener {
		l.seal, l.open, err = keys(l.conn, &l.mine, &theirs)
	} else {
		l.open, l.seal, err = keys(l.conn, &theirs, &l.mine)
	}
	if err != nil {
		l.drop()
		return
	}
	l.peer = theirs.link
	now := time.Now()
	l.echo, l.idle = echo{since: now, due: true}, idleTicks
	l.speak(now)
}

// leave ends the datagrams of the link, but not the link.
func (l *Link) leave() {
	l.m.mu.Lock()
	l.drop()
	l.m.mu.Unlock()
}

// drop is leave with Mux.mu held.
func (l *Link) drop() {
	if l.m.links[l.mine.link] == l {
		delete(l.m.links, l.mine.link)
		l.m.order = slices.DeleteFunc(l.m.order, func(o *Link) bool { return o == l })
	}
	l.seal, l.open, l.echo, l.strain = nil, nil, echo{}, strain{}
	l.rouse()
}

// Send implements relay.Link. A packet that is too long for a datagram goes by the stream.
func (l *Link) Send(p *relay.Packet) {
	l.m.mu.Lock()
	taken := l.echo.up && l.ride(p)
	l.m.mu.Unlock()
	if taken {
		l.sent.Add(1)
	} else {
		l.stream.Send(p)
	}
}

// ride sends p in a datagram, with what is due of the echo if that fits too.
func (l *Link) ride(p *relay.Packet) bool {
	c := l.echo.next(&l.window, l.m.now)
	if l.emit(c, p, &l.to) {
		l.echo.sent(c, l.m.now)
	} else if c == (content{}) || !l.emit(content{}, p, &l.to) {
		return false
	}
	l.idle = 0
	return true
}

// speak sends what is due of the echo by itself. While it is down an ask fills the datagram: a path too narrow for the
// longest that we send is then never taken for one that works.
func (l *Link) speak(now time.Time) {
	if c := l.echo.next(&l.window, now); c != (content{}) {
		c.padding = c.ask != 0 && !l.echo.up
		l.emit(c, nil, &l.to)
		l.echo.sent(c, now)
	}
}

// emit queues a datagram of c and p, which may be nil, and reports whether they fit. Mux.mu is held.
func (l *Link) emit(c content, p *relay.Packet, to *Place) bool {
	out := l.socket.out
	b := c.append(header{l.peer, uint32(l.counter)}.append(out.Slot()))
	if p != nil {
		b = p.Append(b)
	}
	const most = maxDatagram - tagSize
	if len(b) > most {
		return false
	}
	if c.padding {
		clear(b[len(b):most])
		b = b[:most]
	}
	putNonce(&l.m.nonce, l.counter)
	out.Add(l.seal.Seal(b[:headerSize], l.m.nonce[:], b[headerSize:], b[:headerSize]), to, &l.dropped)
	l.counter++
	return true
}

// Strain sends datagrams that hold nothing and are as long as the longest within a second, so that Stats.Loss tells what becomes of
// so many. It reports whether it does: where packets leave by the stream there is nothing to be learned.
func (l *Link) Strain(datagrams int) bool {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if !l.echo.up {
		return false
	}
	l.strain.add(datagrams)
	return true
}

// pull sends what is due of a strain. Mux.mu is held.
func (l *Link) pull() {
	if !l.echo.up {
		l.strain = strain{} // it tells nothing of a path that is closed
	}
	n, last := l.strain.next()
	for range n {
		l.emit(content{padding: true}, nil, &l.to)
	}
	l.echo.due = l.echo.due || last // an answer says how many came
}

// look is called every tick. Mux.mu is held.
func (l *Link) look(now time.Time) {
	if l.seal == nil {
		return
	}
	if l.echo.look(now) {
		l.m.counts[down]++
	}
	l.pull()
	if !l.rests(now) {
		l.rouse()
	}
	if l.idle++; l.idle >= idleTicks {
		l.speak(now)
	}
}

// follow goes where QUIC has found the peer.
func (l *Link) follow() {
	r := l.conn.RemoteAddr()
	if r == l.remote {
		return
	}
	if addr, ok := r.(*net.UDPAddr); ok {
		l.remote, l.to = r, l.socket.placeOf(addr, l.local)
	}
}

// receive takes a datagram that is not QUIC's. m.mu is held.
func (m *Mux) receive(b []byte, from netip.AddrPort) {
	h, ok := parseHeader(b)
	if !ok {
		m.counts[stray]++
		return
	}
	l := m.links[h.link]
	switch {
	case l == nil:
		m.counts[unknownLink]++
		return
	case l.open == nil:
		m.counts[early]++
		return
	}
	counter := l.window.expand(h.counter)
	if !l.window.fresh(counter) {
		m.counts[replayed]++
		l.duplicate.Add(1)
		return
	}
	putNonce(&m.nonce, counter)
	var err error
	if m.plain, err = l.open.Open(m.plain[:0], m.nonce[:], b[headerSize:], b[:headerSize]); err != nil {
		m.counts[forged]++
		return
	}
	newest := counter >= l.window.next
	l.window.take(counter)
	c, rest, err := parseContent(m.plain)
	if err != nil {
		m.counts[malformed]++
		l.malformed.Add(1)
		return
	}
	l.hear(c, plain(from), newest)
	if !c.padding && len(rest) > 0 && l.in.put(rest) {
		m.counts[inboxFull]++
	}
}

// hear takes the echo of a datagram that the peer sealed, and where it came from.
func (l *Link) hear(c content, from netip.AddrPort, newest bool) {
	now := l.m.now
	if a := c.answer.ask; a != 0 {
		if a == l.probe.ask && from == l.probe.to.at {
			l.m.counts[moved]++
			l.to, l.probe = l.probe.to, probe{}
		} else if l.echo.answered(c.answer, now) {
			l.m.counts[up]++
		}
	}
	if from != l.to.at && newest && now.Sub(l.probe.came) >= challengeEvery {
		l.challenge(from, now)
	}
	if c.ask != 0 {
		l.echo.owed = c.ask
		if l.rode = now; c.padding { // see speak
			l.rode = time.Time{}
		}
		if l.idle >= idleTicks {
			l.echo.soon(now)
			l.speak(now)
		}
	}
}

// challenge asks an address for what only the peer can read. Nothing else goes there before it answers. A datagram that
// was overtaken challenges nobody (RFC 9000, section 9.3): it may come from where the peer was before.
func (l *Link) challenge(from netip.AddrPort, now time.Time) {
	l.m.counts[challenged]++
	l.probe = probe{came: now, to: l.socket.placeOf(net.UDPAddrFromAddrPort(from), l.local), ask: random()}
	l.emit(content{ask: l.probe.ask}, nil, &l.probe.to)
}

// Receive implements relay.Link.
func (l *Link) Receive(p *relay.Packet) error {
	for range malformedMost {
		b := l.in.take()
		if b == nil {
			return io.EOF
		}
		if p.Parse(b) == nil {
			l.received.Add(1)
			return nil
		}
		l.malformed.Add(1)
	}
	l.Close()
	return io.EOF
}

// Rest reports whether Receive would block. If so, wake is called once, as soon as it would no more, so that nobody need wait
// there meanwhile. It is called under locks of the link, and must not block. What Receive returned last is not valid any more.
func (l *Link) Rest(wake func()) bool { return l.in.rest(wake) }

// Stats implements relay.Link.
func (l *Link) Stats() relay.LinkStats {
	s := l.stream.Stats()
	s.Sent += l.sent.Load()
	s.Received = l.received.Load()
	s.Dropped += l.dropped.Load()
	s.Malformed += l.malformed.Load()
	s.Duplicate = l.duplicate.Load()
	l.m.mu.Lock()
	s.UDP, s.Loss = l.echo.up, l.echo.loss
	l.m.mu.Unlock()
	return s
}

// Close implements relay.Link.
func (l *Link) Close() error {
	var err error
	l.once.Do(func() {
		l.leave()
		l.in.close()
		err = l.stream.Close()
	})
	return err
}
