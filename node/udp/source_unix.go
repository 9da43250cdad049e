//go:build !windows

package udp

import (
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// sourceOf is the control message with which a datagram leaves from ip (IP_PKTINFO, IPV6_PKTINFO). A machine with several
// addresses would choose for itself, and the peer, or the NAT before it, would not know the sender.
func sourceOf(ip net.IP) []byte {
	if v4 := ip.To4(); v4 != nil {
		return (&ipv4.ControlMessage{Src: v4}).Marshal()
	}
	return (&ipv6.ControlMessage{Src: ip}).Marshal()
}
