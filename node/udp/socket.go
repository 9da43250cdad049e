package udp

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/ipv4"
)

const (
	readBatch = 16
	// readSize is more than any datagram that QUIC or a link sends: quic-go reads 1452 bytes at most.
	readSize = 1500
)

// A Socket is a UDP socket that QUIC reads from as if it were its own: links' datagrams are taken out before.
type Socket struct {
	*net.UDPConn
	m    *Mux
	out  *Sender
	once sync.Once

	// Only who reads, which is QUIC's one reader, uses these.
	in    []ipv4.Message
	quics []int // those of in that are QUIC's and not handed over yet
}

func (m *Mux) newSocket(c *net.UDPConn) *Socket {
	s := &Socket{UDPConn: c, m: m, out: NewSender(c, &m.mu, &m.counts[queueFull], &m.counts[unsent])}
	m.mu.Lock()
	m.sockets = append(m.sockets, s)
	m.mu.Unlock()
	m.wg.Go(s.out.Run)
	return s
}

// Close closes the socket; links that ran on it go on by their streams, while those last.
func (s *Socket) Close() error {
	s.once.Do(func() {
		s.m.forget(s)
		s.out.Close()
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
		n, err := s.out.pack.ReadBatch(s.in, flags)
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

func (s *Socket) placeOf(remote *net.UDPAddr, local net.IP) Place {
	p := Place{at: plain(remote.AddrPort()), addr: remote}
	if s.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() && !local.IsUnspecified() {
		p.oob = sourceOf(local)
	}
	return p
}

// plain is an address as it compares: IPv4 is IPv4, however it is written.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
