package udp

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/ipv4"

	"salon/relay"
	"salon/relay/linktest"
)

// loopbacks are the addresses on which everything is tried.
var loopbacks = map[string]net.IP{"udp4": net.IPv4(127, 0, 0, 1), "udp6": net.IPv6loopback}

// overLoopbacks runs a test over IPv4 and IPv6.
func overLoopbacks(t *testing.T, f func(t *testing.T, network string)) {
	for network, ip := range loopbacks {
		t.Run(network, func(t *testing.T) {
			c, err := net.ListenUDP(network, &net.UDPAddr{IP: ip})
			if err != nil {
				t.Skipf("no %s here: %v", network, err)
			}
			c.Close()
			f(t, network)
		})
	}
}

// A fakeConn is a connection of which both ends know the secret.
type fakeConn struct {
	local  net.Addr
	mu     sync.Mutex // guards the field below
	remote net.Addr
}

func (c *fakeConn) LocalAddr() net.Addr { return c.local }

func (c *fakeConn) RemoteAddr() net.Addr {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.remote
}

func (c *fakeConn) moveTo(a net.Addr) {
	c.mu.Lock()
	c.remote = a
	c.mu.Unlock()
}

func (c *fakeConn) Export(label string, context []byte, n int) ([]byte, error) {
	h := sha256.Sum256(append([]byte(label), context...))
	return h[:n], nil
}

// A fakeStream carries messages within the process.
type fakeStream struct {
	out, in chan []byte
	closed  chan struct{} // by either end
	end     *sync.Once    // closes closed
}

func newFakeStreams() (a, b *fakeStream) {
	x, y, closed, end := make(chan []byte, 64), make(chan []byte, 64), make(chan struct{}), new(sync.Once)
	return &fakeStream{out: x, in: y, closed: closed, end: end}, &fakeStream{out: y, in: x, closed: closed, end: end}
}

func (s *fakeStream) Send(p *relay.Packet) { s.SendMessage(p.Append(nil)) }

func (s *fakeStream) SendMessage(b []byte) {
	for {
		select {
		case s.out <- bytes.Clone(b):
			return
		default:
		}
		select {
		case <-s.out: // the oldest goes
		default:
		}
	}
}

func (s *fakeStream) Next() ([]byte, error) {
	select {
	case b := <-s.in:
		return b, nil
	case <-s.closed:
		return nil, io.EOF
	}
}

func (s *fakeStream) Stats() relay.LinkStats { return relay.LinkStats{} }

func (s *fakeStream) Close() error {
	s.end.Do(func() { close(s.closed) })
	return nil
}

// An end is one node of a pair: a Mux, and a socket that QUIC reads from.
type end struct {
	t     testing.TB
	mux   *Mux
	s     *Socket
	conn  *fakeConn
	quics chan quicPacket // what QUIC was given
}

type quicPacket struct {
	b    string
	oob  int
	from net.Addr
}

func newEnd(t testing.TB, network string, at net.IP) *end {
	t.Helper()
	e := &end{t: t, mux: new(Mux), quics: make(chan quicPacket, 1000)}
	c, err := e.mux.Listen(network, &net.UDPAddr{IP: at})
	if err != nil {
		t.Fatal(err)
	}
	e.s = c.(*Socket)
	_ = e.s.SetReadBuffer(4 << 20)
	read := make(chan struct{})
	go func() {
		defer close(read)
		e.read()
	}()
	t.Cleanup(func() {
		if err := e.mux.Close(); err != nil {
			t.Error(err)
		}
		<-read
	})
	return e
}

// read reads as quic-go does: eight at a time, where it knows batches.
func (e *end) read() {
	if runtime.GOOS == "windows" {
		_, _, _ = e.s.ReadFrom(make([]byte, 1500)) // there is no QUIC in these tests, but for one that is skipped
		return
	}
	ms := make([]ipv4.Message, 8)
	for i := range ms {
		ms[i].Buffers, ms[i].OOB = [][]byte{make([]byte, 1452)}, make([]byte, 128)
	}
	for {
		n, err := e.s.ReadBatch(ms, 0)
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				e.t.Errorf("ReadBatch: %v", err)
			}
			return
		}
		if n == 0 {
			e.t.Error("ReadBatch returned nothing")
		}
		for _, m := range ms[:n] {
			e.quics <- quicPacket{string(m.Buffers[0][:m.N]), m.NN, m.Addr}
		}
	}
}

func (e *end) addr() *net.UDPAddr { return e.s.LocalAddr().(*net.UDPAddr) }

func (e *end) count(r reason) uint64 {
	e.mux.mu.Lock()
	defer e.mux.mu.Unlock()
	return e.mux.counts[r]
}

// until waits for something to become true.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// A lossyPath passes datagrams on between two ends, with a fate for each from A to B.
type lossyPath struct {
	t       testing.TB
	network string
	a       *end
	wg      sync.WaitGroup
	front   *net.UDPConn                // A sends to it
	back    atomic.Pointer[net.UDPConn] // B sends to it
	most    atomic.Int64                // bytes of a datagram that passes; 0: any
	oneWay  atomic.Bool                 // only what A sends is held to that
}

func newLossyPath(t testing.TB, network string, a, b *end, fate func(int) linktest.Fate) *lossyPath {
	t.Helper()
	p := &lossyPath{t: t, network: network, a: a}
	t.Cleanup(p.wg.Wait) // runs after the sockets are closed
	p.front = p.open()
	p.rebind(true)
	p.wg.Go(func() { p.there(b.addr(), fate) })
	return p
}

func (p *lossyPath) open() *net.UDPConn {
	p.t.Helper()
	c, err := net.ListenUDP(p.network, &net.UDPAddr{IP: loopbacks[p.network]})
	if err != nil {
		p.t.Fatal(err)
	}
	_ = c.SetReadBuffer(4 << 20)
	p.t.Cleanup(func() { c.Close() })
	return c
}

// rebind makes what A sends come from a new address, as a NAT does. What B sends there passes only if it answers; what it
// sends to the old one still passes.
func (p *lossyPath) rebind(answers bool) net.Addr {
	p.t.Helper()
	c := p.open()
	p.back.Store(c)
	if answers {
		p.wg.Go(func() { p.home(c) })
	}
	return c.LocalAddr()
}

func (p *lossyPath) passes(n int) bool {
	most := p.most.Load()
	return most == 0 || int64(n) <= most
}

func (p *lossyPath) there(to *net.UDPAddr, fate func(int) linktest.Fate) {
	type late struct {
		b    []byte
		when int
	}
	var held []late
	buf := make([]byte, 2048)
	for unit := 0; ; unit++ {
		n, err := p.front.Read(buf)
		if err != nil {
			return
		}
		f := fate(unit)
		copies := 1
		if f.Twice {
			copies = 2
		}
		if f.Drop || !p.passes(n) {
			copies = 0
		}
		for range copies {
			if f.Behind > 0 {
				held = append(held, late{bytes.Clone(buf[:n]), unit + f.Behind})
				continue
			}
			_, _ = p.back.Load().WriteToUDP(buf[:n], to)
		}
		kept := held[:0]
		for _, h := range held {
			if h.when <= unit {
				_, _ = p.back.Load().WriteToUDP(h.b, to)
			} else {
				kept = append(kept, h)
			}
		}
		held = kept
	}
}

func (p *lossyPath) home(from *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if p.oneWay.Load() || p.passes(n) {
			_, _ = p.front.WriteToUDP(buf[:n], p.a.addr())
		}
	}
}

// join makes a link between two ends, which send to the addresses given.
func join(t testing.TB, a, b *end, toB, toA net.Addr) (la, lb *Link) {
	t.Helper()
	x, y := newFakeStreams()
	return joinBy(t, a, b, toB, toA, x, y)
}

// joinBy is join by the two ends of a stream.
func joinBy(t testing.TB, a, b *end, toB, toA net.Addr, x, y Stream) (la, lb *Link) {
	t.Helper()
	a.conn, b.conn = &fakeConn{local: a.addr(), remote: toB}, &fakeConn{local: b.addr(), remote: toA}
	la, err := a.mux.NewLink(a.conn, x, true)
	if err != nil {
		t.Fatal(err)
	}
	lb, err = b.mux.NewLink(b.conn, y, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { la.Close(); lb.Close() })
	return la, lb
}

// joined is join, and both ends send datagrams.
func joined(t testing.TB, a, b *end) (la, lb *Link) {
	t.Helper()
	la, lb = join(t, a, b, b.addr(), a.addr())
	until(t, "datagrams", func() bool { return la.Stats().UDP && lb.Stats().UDP })
	return la, lb
}
