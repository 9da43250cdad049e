package rtc

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/pion/ice/v4"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"

	"salon/node/udp"
)

// A Port is one UDP port for all sessions of an endpoint, so that a firewall needs one opening. What is played leaves by it
// in batches, and what many players send is read in batches (portConn).
type Port struct {
	ice.UDPMux
	wg sync.WaitGroup

	playing, meeting, publishing atomic.Int32 // sessions: Play, those of them that are not connected yet, and Publish

	senders map[netip.AddrPort]*udp.Sender

	mu           sync.Mutex // guards what the senders hold, and the counts
	full, failed uint64
}

// Listen opens a port over UDP, on one address or, if at has none, on every one that this machine has now.
func Listen(at netip.AddrPort) (*Port, error) {
	std, err := stdnet.NewNet()
	if err != nil {
		return nil, err
	}
	p := &Port{senders: make(map[netip.AddrPort]*udp.Sender)}
	wanted := func(ip net.IP) bool {
		if !at.Addr().IsUnspecified() {
			a, ok := netip.AddrFromSlice(ip)
			return ok && a.Unmap() == at.Addr().Unmap()
		}
		return !ip.IsLinkLocalUnicast() // these need a zone, which no candidate has
	}
	mux, err := ice.NewMultiUDPMuxFromPort(int(at.Port()), ice.UDPMuxFromPortWithLoopback(), ice.UDPMuxFromPortWithNet(listening{std, p}),
		ice.UDPMuxFromPortWithIPFilter(wanted))
	if err != nil {
		return nil, err
	}
	if len(p.senders) == 0 {
		return nil, errors.Join(errors.New("no such address on this machine"), mux.Close())
	}
	p.UDPMux = mux
	for _, s := range p.senders {
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

// listening opens the sockets of a port for pion.
type listening struct {
	*stdnet.Net
	p *Port
}

// ListenUDP implements transport.Net.
func (l listening) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	s := udp.NewSender(c, &l.p.mu, &l.p.full, &l.p.failed)
	l.p.senders[c.LocalAddr().(*net.UDPAddr).AddrPort()] = s
	return &portConn{UDPConn: c, p: l.p, in: udp.NewReader(c), idle: s.Idle(), rest: stoppedTimer()}, nil
}
