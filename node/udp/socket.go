package udp

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	readBatch = 16
	// readSize is more than any datagram that QUIC or a link sends: quic-go reads 1452 bytes at most.
	readSize = 1500

	// What waits when a socket's sender wakes leaves in bursts of at least burstLeast, spread over burstSteps times burstPause,
	// which is less than the 20 ms until there is more: a NIC, a home router or a receiver's buffer takes those better than a
	// thousand datagrams at once.
	burstLeast = 64
	burstSteps = 6
	burstPause = 2 * time.Millisecond
)

// A Socket is a UDP socket that QUIC reads from as if it were its own: links' datagrams are taken out before.
type Socket struct {
	*net.UDPConn
	m    *Mux
	pack batcher
	once sync.Once
	done chan struct{}
	wake chan struct{} // holds one: there is something to send

	// Only who reads, which is QUIC's one reader, uses these.
	in    []ipv4.Message
	quics []int // those of in that are QUIC's and not handed over yet

	out queue // Mux.mu guards it
}

func (m *Mux) newSocket(c *net.UDPConn) *Socket {
	s := &Socket{UDPConn: c, m: m, pack: newBatcher(c), done: make(chan struct{}), wake: make(chan struct{}, 1)}
	m.mu.Lock()
	m.sockets = append(m.sockets, s)
	m.mu.Unlock()
	m.wg.Go(s.send)
	return s
}

// Close closes the socket; links that ran on it go on by their streams, while those last.
func (s *Socket) Close() error {
	s.once.Do(func() {
		s.m.forget(s)
		close(s.done)
	})
	return s.UDPConn.Close()
}

// ReadBatch reads QUIC's next packets into ms. quic-go calls it where it knows batches (Linux, macOS, FreeBSD). Only
// one goroutine may read.
func (s *Socket) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	if s.in == nil {
		s.in = make([]ipv4.Message, readBatch)
		slab := make([]byte, readBatch*(readSize+oobSize))
		for i := range s.in {
			s.in[i].Buffers = [][]byte{slab[:readSize:readSize]}
			s.in[i].OOB = slab[readSize : readSize+oobSize : readSize+oobSize]
			slab = slab[readSize+oobSize:]
		}
		s.quics = make([]int, 0, readBatch)
	}
	for len(s.quics) == 0 {
		n, err := s.pack.ReadBatch(s.in, flags)
		if err != nil {
			return 0, err
		}
		s.sort(s.in[:n])
	}
	n := min(len(ms), len(s.quics))
	for i := range n {
		from, to := &s.in[s.quics[i]], &ms[i]
		to.N = copy(to.Buffers[0], from.Buffers[0][:from.N])
		to.NN = copy(to.OOB, from.OOB[:from.NN])
		to.Flags, to.Addr = from.Flags, from.Addr
	}
	s.quics = append(s.quics[:0], s.quics[n:]...)
	return n, nil
}

// oobSize is what quic-go has for control messages.
const oobSize = 128

// sort gives links what is theirs and notes what is QUIC's.
func (s *Socket) sort(ms []ipv4.Message) {
	locked := false
	for i := range ms {
		b := ms[i].Buffers[0][:ms[i].N]
		if isQUIC(b) {
			s.quics = append(s.quics, i)
			continue
		}
		if !locked {
			s.m.mu.Lock()
			locked = true
		}
		if from, ok := ms[i].Addr.(*net.UDPAddr); ok {
			s.m.receive(b, from.AddrPort())
		}
	}
	if locked {
		s.m.mu.Unlock()
	}
}

// ReadFrom reads QUIC's next packet into b. quic-go calls it where it knows no batches (Windows).
func (s *Socket) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := s.UDPConn.ReadFromUDPAddrPort(b)
		if err != nil || isQUIC(b[:n]) {
			return n, net.UDPAddrFromAddrPort(from), err
		}
		s.m.mu.Lock()
		s.m.receive(b[:n], from)
		s.m.mu.Unlock()
	}
}

// isQUIC tells QUIC's packets by RFC 9000's fixed bit, which only version negotiation may lack: its form bit is set.
func isQUIC(b []byte) bool { return len(b) == 0 || b[0] >= 0x40 }

// send sends what is queued, in bursts, until the socket is closed.
func (s *Socket) send() {
	pause := time.NewTimer(0)
	<-pause.C
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		}
		for steps := burstSteps; ; steps-- {
			if !s.burst(steps) {
				break
			}
			pause.Reset(burstPause)
			select {
			case <-s.done:
				return
			case <-pause.C:
			}
		}
	}
}

// burst sends what is due when so many steps are left, and reports whether more waits.
func (s *Socket) burst(steps int) (more bool) {
	s.m.mu.Lock()
	n := s.out.size
	if steps > 1 {
		n = max(n/steps, burstLeast)
	}
	for n > 0 && s.out.size > 0 {
		ms := s.out.next(n)
		s.m.mu.Unlock()
		failed := s.write(ms)
		s.m.mu.Lock()
		s.m.counts[unsent] += failed
		s.out.sent()
		n -= len(ms)
	}
	more = s.out.size > 0
	s.m.mu.Unlock()
	return more
}

// write sends all of ms, and counts those that the system refuses.
func (s *Socket) write(ms []ipv4.Message) (failed uint64) {
	for len(ms) > 0 {
		n, err := s.pack.write(ms)
		if err != nil || n < 1 {
			failed++
			n = 1
		}
		ms = ms[n:]
	}
	return failed
}

// A place is where datagrams of a link go, and from where.
type place struct {
	at   netip.AddrPort
	addr *net.UDPAddr // the same
	oob  []byte       // names the address that they leave from; nil where only one can be
}

func (s *Socket) placeOf(remote *net.UDPAddr, local net.IP) place {
	p := place{at: plain(remote.AddrPort()), addr: remote}
	if s.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() && !local.IsUnspecified() {
		p.oob = sourceOf(local)
	}
	return p
}

// plain is an address as it compares: IPv4 is IPv4, however it is written.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
