package udp

import (
	"errors"
	"net"

	"golang.org/x/net/ipv4"
)

// A batcher writes one datagram a call: Windows has no batches. Nor do its reads come this way, quic-go calls ReadFrom there.
type batcher struct{ c *net.UDPConn }

func newBatcher(c *net.UDPConn) batcher { return batcher{c} }

// write sends the first of ms.
func (b batcher) write(ms []ipv4.Message) (int, error) {
	_, err := b.c.WriteTo(ms[0].Buffers[0], ms[0].Addr)
	return 1, err
}

// ReadBatch is never called.
func (batcher) ReadBatch([]ipv4.Message, int) (int, error) { return 0, errors.ErrUnsupported }

// sourceOf is nothing: as quic-go does on Windows, the system is left to choose.
func sourceOf(net.IP) []byte { return nil }
