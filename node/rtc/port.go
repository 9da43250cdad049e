package rtc

import (
	"errors"
	"net"
	"net/netip"
	"sync"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"

	"salon/node/udp"
)

// A Port is one UDP port for all sessions of an endpoint, so that a firewall needs one opening. What is played leaves by it
// in batches.
type Port struct {
	ice.UDPMux
	wg sync.WaitGroup

	mu           sync.Mutex // guards what the senders hold, and the counts
	senders      map[netip.AddrPort]*udp.Sender
	full, failed uint64
}

// Listen opens a port over UDP, on one address or, if at has none, on every one that this machine has now.
func Listen(at netip.AddrPort) (*Port, error) {
	std, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	l := &listening{Net: std}
	wanted := func(ip net.IP) bool {
		if !at.Addr().IsUnspecified() {
			a, ok := netip.AddrFromSlice(ip)
			return ok && a.Unmap() == at.Addr().Unmap()
		}
		return !ip.IsLinkLocalUnicast() // these need a zone, which no candidate has
	}
	mux, err := ice.NewMultiUDPMuxFromPort(int(at.Port()), ice.UDPMuxFromPortWithLoopback(), ice.UDPMuxFromPortWithNet(l),
		ice.UDPMuxFromPortWithIPFilter(wanted))
	if err != nil {
		return nil, err
	}
	if len(l.sockets) == 0 {
		return nil, errors.Join(errors.New("no such address on this machine"), mux.Close())
	}
	p := &Port{UDPMux: mux, senders: make(map[netip.AddrPort]*udp.Sender)}
	for _, c := range l.sockets {
		s := udp.NewSender(c, &p.mu, &p.full, &p.failed)
		p.senders[c.LocalAddr().(*net.UDPAddr).AddrPort()] = s
		p.wg.Go(s.Run)
	}
	return p, nil
}

// Close closes the port after its sessions.
func (p *Port) Close() error {
	for _, s := range p.senders {
		s.Close()
	}
	p.wg.Wait()
	return p.UDPMux.Close()
}

// sender is what sends from a local address; nil if the port has no such.
func (p *Port) sender(at netip.AddrPort) *udp.Sender {
	if p == nil {
		return nil
	}
	return p.senders[at]
}

// listening keeps the sockets that pion opens by it.
type listening struct {
	*stdnet.Net
	sockets []*net.UDPConn
}

// ListenUDP implements transport.Net.
func (l *listening) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, at)
	if err == nil {
		l.sockets = append(l.sockets, c)
	}
	return c, err
}
