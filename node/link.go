package node

import (
	"bufio"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/quic-go/quic-go"

	"salon/node/udp"
	"salon/relay"
)

// newLink makes the link of a media stream, which takes to UDP by itself where the connection is QUIC's. Over TCP it stays
// on the stream. in is as for newStreamLink; opener says that we opened the stream.
func (n *Node) newLink(s network.Stream, in *bufio.Reader, opener bool) relay.Link {
	stream := newStreamLink(s, in)
	var c *quic.Conn
	if !s.Conn().As(&c) {
		return stream
	}
	l, err := n.udp.NewLink(quicConn{c}, stream, opener)
	if err != nil {
		n.counts.Add("udp_unavailable")
		return stream
	}
	return l
}

// A quicConn is a QUIC connection as package udp needs it. RemoteAddr is that of the connection: libp2p's RemoteMultiaddr
// stays what it was when the peer's address changes.
type quicConn struct{ *quic.Conn }

func (c quicConn) Export(label string, context []byte, length int) ([]byte, error) {
	state := c.ConnectionState().TLS
	return state.ExportKeyingMaterial(label, context, length)
}

var _ udp.Conn = quicConn{}

// transport is what a guest's sound goes over now. r.mu is held.
func (r *Room) transport() string {
	if r.guest == nil || r.guest.up == nil {
		return ""
	}
	r.media.mu.Lock()
	link := r.guest.up.link
	r.media.mu.Unlock()
	switch {
	case link == nil:
		return ""
	case link.Stats().UDP:
		return "udp"
	}
	return "stream"
}
