package udp

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// ErrNoSocket means a connection that does not run on a socket of this Mux.
var ErrNoSocket = errors.New("udp: the connection is not on a socket of ours")

// A Conn is what a link needs of a QUIC connection.
type Conn interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr // where the peer is now, which may change
	// Export is the TLS exporter: the same bytes at both ends, and nowhere else.
	Export(label string, context []byte, length int) ([]byte, error)
}

// A Mux shares the sockets of one node's QUIC between QUIC and links. The zero Mux is ready.
type Mux struct {
	wg sync.WaitGroup // of senders and of the clock

	mu      sync.Mutex // guards the fields below, and those of sockets and links that say so
	sockets []*Socket
	links   map[uint32]*Link // by the id in datagrams to us
	order   []*Link          // the same
	ticking bool
	now     time.Time // of the last tick: near enough for what the hot path notes
	plain   []byte    // opened datagrams, one at a time
	nonce   [12]byte
	counts  [reasons]uint64
}

type reason uint8

const (
	stray reason = iota
	unknownLink
	early
	forged
	replayed
	malformed
	inboxFull
	queueFull
	unsent
	challenged
	moved
	up
	down
	reasons
)

var reasonNames = [reasons]string{"stray", "unknown_link", "early", "forged", "replayed", "malformed",
	"inbox_full", "queue_full", "unsent", "challenged", "moved", "up", "down"}

// Counts counts datagrams that went no further, by reason, and what became of links:
//
//	stray         not QUIC's and not a link's: such as what punches holes
//	unknown_link  of a link that there is not, or not any more
//	early         before the peer's offer
//	forged        not sealed by the peer
//	replayed      a second time, or too late to tell
//	malformed     sealed by the peer and yet not as wire.go has it
//	inbox_full    dropped because nobody received
//	queue_full    dropped because the socket took no more
//	unsent        refused by the system
//	challenged    addresses from which a sealed datagram came, and which were asked whether it was the peer
//	moved         of these, those that the peer answered from
//	up, down      links that took to datagrams, and that fell back to their stream
func (m *Mux) Counts() map[string]uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]uint64, reasons)
	for r, name := range reasonNames {
		out[name] = m.counts[r]
	}
	return out
}

// Listen opens a socket as net.ListenUDP does, for QUIC to read from and write to as if it were its own.
func (m *Mux) Listen(network string, laddr *net.UDPAddr) (net.PacketConn, error) {
	c, err := net.ListenUDP(network, laddr)
	if err != nil {
		return nil, err
	}
	return m.newSocket(c), nil
}

// socketAt finds the socket that a connection with a local address runs on: one bound to it, or else to every address of
// its family. m.mu is held.
func (m *Mux) socketAt(local *net.UDPAddr) *Socket {
	var every *Socket
	for _, s := range m.sockets {
		bound := s.LocalAddr().(*net.UDPAddr)
		switch {
		case bound.Port != local.Port:
		case bound.IP.Equal(local.IP):
			return s
		case bound.IP.IsUnspecified() && (bound.IP.To4() != nil) == (local.IP.To4() != nil):
			every = s
		}
	}
	return every
}

// Close closes the sockets that QUIC has not, and returns when all that ran for them is over.
func (m *Mux) Close() error {
	m.mu.Lock()
	left := slices.Clone(m.sockets)
	m.mu.Unlock()
	var err error
	for _, s := range left {
		err = errors.Join(err, s.Close())
	}
	m.wg.Wait()
	return err
}

// forget takes a socket out that is to be closed.
func (m *Mux) forget(s *Socket) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sockets = slices.DeleteFunc(m.sockets, func(o *Socket) bool { return o == s })
	for _, l := range slices.Clone(m.order) {
		if l.socket == s {
			if l.echo.up {
				m.counts[down]++
			}
			l.drop()
		}
	}
}

// random is a random number other than 0.
func random() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:])
		if x := binary.BigEndian.Uint64(b[:]); x != 0 {
			return x
		}
	}
}

// add gives a link its id, and the Mux a clock while there are links. m.mu is held.
func (m *Mux) add(l *Link) {
	for l.mine.link == 0 || m.links[l.mine.link] != nil {
		l.mine.link = uint32(random())
	}
	if m.links == nil {
		m.links = make(map[uint32]*Link)
	}
	m.links[l.mine.link] = l
	m.order = append(m.order, l)
	if !m.ticking {
		m.ticking = true
		m.now = time.Now()
		m.wg.Go(m.tick)
	}
}

// followTicks is how many ticks it takes until a link notices that QUIC has found the peer elsewhere. The peer's own
// datagrams tell sooner.
const followTicks = 10

// tick looks at every link again and again until there are none.
func (m *Mux) tick() {
	t := time.NewTicker(tick)
	defer t.Stop()
	for i := 0; ; i++ {
		now := <-t.C
		m.mu.Lock()
		m.now = now
		if len(m.links) == 0 {
			m.ticking = false
			m.mu.Unlock()
			return
		}
		for _, l := range m.order {
			if i%followTicks == 0 {
				l.follow()
			}
			l.look(now)
		}
		m.mu.Unlock()
	}
}
