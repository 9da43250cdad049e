//go:build !windows && !linux

package udp

import (
	"net"

	"golang.org/x/net/ipv4"
)

// A batcher gives the kernel datagrams by x/net, which knows batches of them on none of these systems: one write each.
type batcher struct{ *ipv4.PacketConn }

// newBatcher serves IPv4 and IPv6: the messages of both are the same.
func newBatcher(c *net.UDPConn) batcher { return batcher{ipv4.NewPacketConn(c)} }

// write sends some of ms, at least one, and returns how many. After an error the first was not sent.
func (b batcher) write(ms []ipv4.Message) (int, error) { return b.WriteBatch(ms, 0) }
