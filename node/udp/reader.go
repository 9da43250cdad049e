package udp

import (
	"errors"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
)

// readerBatch is how many datagrams a Reader takes from the system at once.
const readerBatch = 32

// A Reader reads the datagrams of one UDP socket, many in one system call where the system has such a call. One goroutine may
// use it.
type Reader struct {
	c    *net.UDPConn
	pack batcher
	in   []ipv4.Message // what was read and not taken yet
	read []ipv4.Message // into which the next are read
}

// NewReader makes a reader of c, which stays its owner's.
func NewReader(c *net.UDPConn) *Reader {
	r := &Reader{c: c, pack: newBatcher(c), read: make([]ipv4.Message, readerBatch)}
	slab := make([]byte, readerBatch*readSize)
	for i := range r.read {
		r.read[i].Buffers = [][]byte{slab[i*readSize : (i+1)*readSize : (i+1)*readSize]}
	}
	return r
}

// Left is how many datagrams were read with the last one, and can be had without the system.
func (r *Reader) Left() int { return len(r.in) }

// Next copies the next datagram into b, and waits for it. What is longer than b or readSize loses its end.
func (r *Reader) Next(b []byte) (n int, from netip.AddrPort, err error) {
	for {
		if len(r.in) > 0 {
			m := &r.in[0]
			r.in = r.in[1:]
			if at, ok := m.Addr.(*net.UDPAddr); ok {
				return copy(b, m.Buffers[0][:m.N]), plain(at.AddrPort()), nil
			}
			continue
		}
		got, err := r.pack.ReadBatch(r.read, 0)
		if errors.Is(err, errors.ErrUnsupported) {
			return r.c.ReadFromUDPAddrPort(b)
		}
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		r.in = r.read[:got]
	}
}
