package node

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/relay/linktest"
)

// A pipeStream is a byteStream in memory. It shows what a reliable stream can: bytes come in pieces of any size, and
// for a while none come at all.
type pipeStream struct {
	net.Conn
	gate   *gate // nil: always open
	chop   *rand.Rand
	once   sync.Once
	closed chan struct{}
}

func newPipe() (a, b *pipeStream) {
	x, y := net.Pipe()
	return &pipeStream{Conn: x, closed: make(chan struct{})}, &pipeStream{Conn: y, closed: make(chan struct{})}
}

func (s *pipeStream) Write(b []byte) (n int, err error) {
	for n < len(b) {
		if !s.gate.wait(s.closed) {
			return n, io.ErrClosedPipe
		}
		step := len(b) - n
		if s.chop != nil {
			step = min(step, 1+s.chop.IntN(700))
		}
		k, err := s.Conn.Write(b[n : n+step])
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (s *pipeStream) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Conn.Close()
}

func (s *pipeStream) Reset() error { return s.Close() }

// A gate stops whoever waits at it while it is shut. The nil gate is open.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // nil when open, else closed to open it
}

func (g *gate) shut(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if shut == (g.open != nil) {
		return
	}
	if shut {
		g.open = make(chan struct{})
		return
	}
	close(g.open)
	g.open = nil
}

func (g *gate) wait(end <-chan struct{}) bool {
	if g == nil {
		return true
	}
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open == nil {
		return true
	}
	select {
	case <-open:
		return true
	case <-end:
		return false
	}
}

func TestStreamLinkOverAPipe(t *testing.T) {
	beside(t)
	linktest.Run(t, linktest.Maker{Reliable: true, New: func(t *testing.T, _ func(int) linktest.Fate) linktest.Pair {
		a, b := newPipe()
		a.gate, a.chop = &gate{}, rand.New(rand.NewPCG(1, 2))
		pair := linktest.Pair{A: newStreamLink(a, nil), B: newStreamLink(b, nil), Stall: a.gate.shut}
		t.Cleanup(func() { pair.A.Close(); pair.B.Close() })
		return pair
	}})
}

// A lateStream gives out something just when the time is over.
type lateStream struct {
	*pipeStream
	pieces [][]byte
}

func (s *lateStream) Read(b []byte) (n int, err error) {
	if len(s.pieces) == 0 {
		return 0, io.EOF
	}
	if len(s.pieces) > 1 {
		err = os.ErrDeadlineExceeded
	}
	n = copy(b, s.pieces[0])
	s.pieces = s.pieces[1:]
	return n, err
}

// What comes as the time is over for which a stream was waited at is read, and the stream goes on.
func TestAwaitLeavesTheStreamAsItWas(t *testing.T) {
	x, y := newPipe()
	defer y.Close()
	want := []byte("a packet")
	b := appendMessage(nil, want)
	l := newStreamLink(&lateStream{pipeStream: x, pieces: [][]byte{b[:3], b[3:]}}, nil)
	defer l.Close()
	if !l.Await(time.Second) {
		t.Fatal("nothing came")
	}
	if got, err := l.Next(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("then %q came: %v", got, err)
	}
}

func TestStreamLinkOverQUIC(t *testing.T) { linkOverHosts(t, "/ip4/127.0.0.1/udp/0/quic-v1") }
func TestStreamLinkOverTCP(t *testing.T)  { linkOverHosts(t, "/ip4/127.0.0.1/tcp/0") }

// A gatedStream is read only while its gate is open: what is sent meanwhile fills the flow control's window.
type gatedStream struct {
	network.Stream
	gate   *gate
	closed chan struct{}
	once   sync.Once
}

func (s *gatedStream) Read(b []byte) (int, error) {
	if !s.gate.wait(s.closed) {
		return 0, io.EOF
	}
	return s.Stream.Read(b)
}

func (s *gatedStream) Reset() error {
	s.once.Do(func() { close(s.closed) })
	return s.Stream.Reset()
}

func linkOverHosts(t *testing.T, listen string) {
	beside(t)
	x, y := loopHost(t, 1, listen), loopHost(t, 2, listen)
	in := make(chan network.Stream, 1)
	y.SetStreamHandler(protoMedia, func(s network.Stream) { in <- s })
	meet(t, x, y)
	linktest.Run(t, linktest.Maker{Reliable: true, New: func(t *testing.T, _ func(int) linktest.Fate) linktest.Pair {
		out, err := x.NewStream(context.Background(), y.ID(), protoMedia)
		if err != nil {
			t.Fatal(err)
		}
		// As a guest does: the room's ID first, so that the other side's reader may have read ahead.
		if _, err := out.Write(appendMessage(nil, []byte("which room"))); err != nil {
			t.Fatal(err)
		}
		s := &gatedStream{Stream: <-in, gate: &gate{}, closed: make(chan struct{})}
		r := bufio.NewReader(s)
		if b, err := readMessage(r, nil, 100); err != nil || string(b) != "which room" {
			t.Fatalf("%q, %v", b, err)
		}
		pair := linktest.Pair{A: newStreamLink(out, nil), B: newStreamLink(s, r), Stall: s.gate.shut}
		t.Cleanup(func() { pair.A.Close(); pair.B.Close() })
		return pair
	}})
}

// loopHost is a libp2p host as a node makes it, with a device key of that number.
func loopHost(t *testing.T, n byte, listen string) host.Host {
	t.Helper()
	o := Options{Listen: []string{listen}}
	if err := o.setDefaults(); err != nil {
		t.Fatal(err)
	}
	h, err := newHost(o, doc.PrivateKeyFromSeed([32]byte{n}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func meet(t *testing.T, x, y host.Host) {
	t.Helper()
	if err := x.Connect(context.Background(), peer.AddrInfo{ID: y.ID(), Addrs: y.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

func TestStreamLinkSkipsWhatDoesNotParse(t *testing.T) {
	a, b := newPipe()
	l := newStreamLink(b, nil)
	defer l.Close()
	good := (&relay.Packet{Beacons: []relay.Beacon{{Slot: 3, Last: 9}}}).Append(nil)
	go func() {
		var wire []byte
		for range 3 {
			wire = appendMessage(wire, []byte{0xff, 1, 2})
		}
		a.Write(appendMessage(wire, good))
	}()
	var p relay.Packet
	if err := l.Receive(&p); err != nil || len(p.Beacons) != 1 || p.Beacons[0].Last != 9 {
		t.Fatalf("%+v, %v", p, err)
	}
	if s := l.Stats(); s.Malformed != 3 || s.Received != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestStreamLinkLetsGoOfALiar(t *testing.T) {
	for name, wire := range map[string][]byte{
		"many packets that do not parse": func() (b []byte) {
			for range 100 {
				b = appendMessage(b, []byte{0xff})
			}
			return b
		}(),
		"a packet that is too long": appendMessage(nil, make([]byte, maxMedia+1)),
		"a length without end":      []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newPipe()
			l := newStreamLink(b, nil)
			sent := make(chan error, 1)
			go func() {
				_, err := a.Write(wire)
				sent <- err
			}()
			var p relay.Packet
			if err := l.Receive(&p); !errors.Is(err, io.EOF) {
				t.Fatalf("Receive: %v", err)
			}
			<-sent // the stream was reset, so nobody writes for ever
			if _, err := a.Conn.Write([]byte{0}); err == nil {
				t.Error("the stream is still open")
			}
		})
	}
}

// A queue keeps what is freshest, in order.
func TestStreamLinkQueueDropsItsOldest(t *testing.T) {
	a, b := newPipe()
	l := newStreamLink(a, nil)
	defer l.Close()
	const n = 10 * streamQueue
	for i := range uint64(n) {
		l.Send(&relay.Packet{Beacons: []relay.Beacon{{Last: i}}}) // nobody reads: the writer holds the first few
	}
	r := newStreamLink(b, nil)
	defer r.Close()
	var p relay.Packet
	var got []uint64
	for len(got) == 0 || got[len(got)-1] != n-1 {
		if err := r.Receive(&p); err != nil {
			t.Fatal(err)
		}
		got = append(got, p.Beacons[0].Last)
	}
	for i := 1; i < len(got); i++ {
		if got[i] <= got[i-1] {
			t.Fatalf("%d came after %d", got[i], got[i-1])
		}
	}
	if tail := got[max(0, len(got)-streamQueue):]; tail[0] != n-streamQueue {
		t.Errorf("the last %d begin with %d, want %d", streamQueue, tail[0], n-streamQueue)
	}
	if s := l.Stats(); int(s.Dropped)+len(got) != n {
		t.Errorf("%d dropped and %d arrived of %d", s.Dropped, len(got), n)
	}
}

// What was read ahead of a link's first packet is not lost to it.
func TestLinkReadsOn(t *testing.T) {
	var b []byte
	for i := range 3 {
		b = appendMessage(b, bytes.Repeat([]byte{byte(i)}, 3*readAhead/2))
	}
	s := bytes.NewReader(b)
	first := bufio.NewReaderSize(s, 8<<10)
	if _, err := readMessage(first, nil, maxMedia); err != nil {
		t.Fatal(err)
	}
	in := lean(s, first)
	for i := 1; i < 3; i++ {
		m, err := readMessage(in, nil, maxMedia)
		if err != nil || len(m) != 3*readAhead/2 || m[0] != byte(i) {
			t.Fatalf("message %d: %d bytes, %v", i, len(m), err)
		}
	}
}
