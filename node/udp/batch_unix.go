//go:build !windows

package udp

import (
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// A batcher gives the kernel many datagrams in one call where it takes them so (Linux), else one.
type batcher struct{ *ipv4.PacketConn }

// newBatcher serves IPv4 and IPv6: the messages of both are the same.
func newBatcher(c *net.UDPConn) batcher { return batcher{ipv4.NewPacketConn(c)} }

// write sends some of ms, at least one, and returns how many. After an error the first was not sent.
func (b batcher) write(ms []ipv4.Message) (int, error) { return b.WriteBatch(ms, 0) }

// sourceOf is the control message with which a datagram leaves from ip (IP_PKTINFO, IPV6_PKTINFO). A machine with several
// addresses would choose for itself, and the peer, or the NAT before it, would not know the sender.
func sourceOf(ip net.IP) []byte {
	if v4 := ip.To4(); v4 != nil {
		return (&ipv4.ControlMessage{Src: v4}).Marshal()
	}
	return (&ipv6.ControlMessage{Src: ip}).Marshal()
}
