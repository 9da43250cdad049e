package rtc

import (
	"net"
	"net/netip"
	"time"

	"salon/node/udp"
)

const (
	// restFrom is how many sessions of a port play before it rests. The page of a person's own node never waits.
	restFrom = 16
	// restMost is how long it rests if nothing is sent, which wakes it every 20 ms.
	restMost = 30 * time.Millisecond
)

// A portConn is a socket of a port, as pion reads it. Each client of many asks now and then whether we are there (ICE), and
// says how it hears us (RTCP). Read as they come, these wake the process hundreds of times a second, which costs more than
// they do, and as much as a third of what is sent. So the socket rests between two reads while many play: until what was due
// has been sent, for which the process is awake anyway. While anybody is about to connect it reads at once.
//
// A client's media is dropped here, unless somebody publishes: nothing follows from a player's reports (player), and to find
// that out below pion takes three goroutines.
type portConn struct {
	*net.UDPConn
	p    *Port
	in   *udp.Reader
	idle <-chan struct{} // all was sent
	rest *time.Timer
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter. One goroutine of pion's calls it.
func (c *portConn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		if c.in.Left() == 0 && c.rests() {
			c.rest.Reset(restMost)
			select {
			case <-c.idle:
				c.rest.Stop()
			case <-c.rest.C:
			}
		}
		n, from, err := c.in.Next(b)
		if err == nil && n > 0 && isMedia(b[0]) && c.p.publishing.Load() == 0 {
			continue
		}
		return n, from, err
	}
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (c *portConn) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return c.WriteToUDPAddrPort(b, to)
}

// rests tells whether nobody minds waiting.
func (c *portConn) rests() bool {
	return c.p.playing.Load() >= restFrom && c.p.meeting.Load() == 0 && c.p.publishing.Load() == 0
}

// isMedia tells RTP and RTCP by their first byte (RFC 7983).
func isMedia(first byte) bool { return first >= 128 && first <= 191 }

func stoppedTimer() *time.Timer {
	t := time.NewTimer(0)
	<-t.C
	return t
}
