package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"

	"salon/relay"
	"salon/relay/linktest"
)

// A nat is a UDP proxy before a host: the host sees the proxy's addresses, which may change, and datagrams that are not
// QUIC's may be blocked on the way.
type nat struct {
	t      *testing.T
	front  *net.UDPConn
	target *net.UDPAddr
	wg     sync.WaitGroup

	blocked atomic.Bool   // what is below 0x40
	moved   atomic.Bool   // only what is below 0x40 comes through, until some has
	fast    atomic.Uint64 // datagrams below 0x40 that passed

	mu   sync.Mutex // guards the field below
	back map[string]*net.UDPConn
}

// newNAT passes what comes on to a port of loopback that is free.
func newNAT(t *testing.T) *nat {
	t.Helper()
	open := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	probe := open()
	n := &nat{t: t, front: open(), target: probe.LocalAddr().(*net.UDPAddr), back: make(map[string]*net.UDPConn)}
	probe.Close()
	n.wg.Go(n.serve)
	t.Cleanup(func() {
		n.front.Close()
		n.rebind()
		n.wg.Wait()
	})
	return n
}

// behind makes a node that others know at the proxy.
func (n *nat) behind(o *Options) {
	o.Listen = []string{fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", n.target.Port)}
	o.Announce = []string{fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", n.front.LocalAddr().(*net.UDPAddr).Port)}
}

// rebind gives everybody who comes through another address, and lets nothing through to the old one. A link's datagram is the
// first to come from the new one.
func (n *nat) rebind() {
	n.moved.Store(true)
	n.mu.Lock()
	defer n.mu.Unlock()
	for client, c := range n.back {
		c.Close()
		delete(n.back, client)
	}
}

func (n *nat) passes(b []byte) bool {
	if len(b) == 0 || b[0] >= 0x40 {
		return true
	}
	if n.blocked.Load() {
		return false
	}
	n.fast.Add(1)
	return true
}

func (n *nat) serve() {
	for buf := make([]byte, 2048); ; {
		k, client, err := n.front.ReadFromUDP(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || !n.passes(buf[:k]) {
			continue
		}
		if n.moved.Load() { // QUIC's would say where the client is, and who knows that asks nobody
			if k == 0 || buf[0] >= 0x40 {
				continue
			}
			n.moved.Store(false)
		}
		if back := n.to(client); back != nil {
			_, _ = back.Write(buf[:k])
		}
	}
}

func (n *nat) to(client *net.UDPAddr) *net.UDPConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.back[client.String()]; c != nil {
		return c
	}
	c, err := net.DialUDP("udp4", nil, n.target)
	if err != nil {
		return nil
	}
	n.back[client.String()] = c
	n.wg.Go(func() {
		for buf := make([]byte, 2048); ; {
			k, err := c.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil && n.passes(buf[:k]) {
				_, _ = n.front.WriteToUDP(buf[:k], client)
			}
		}
	})
	return c
}

// through is a room of Ana in which she speaks, and Bo listens to it, through a NAT.
func through(t *testing.T, change func(*nat)) (way *nat, ana, bo *Node, joined *Room, ear *ear) {
	t.Helper()
	way = newNAT(t)
	change(way)
	ana, bo = startNode(t, "Ana", way.behind), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Fast", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if err := hosted.Publish(context.Background(), newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	joined, err = bo.Join(context.Background(), hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	ear = newEar(t)
	joined.Play(ear)
	ear.hears(t, "Bo to hear Ana", true, 25)
	return way, ana, bo, joined, ear
}

// hearsBy hears sound until it comes by a transport.
func hearsBy(t *testing.T, r *Room, e *ear, transport string) {
	t.Helper()
	for range 100 {
		e.hears(t, "Bo to hear Ana all the time", true, 10)
		if r.View().Quality.Transport == transport {
			return
		}
	}
	t.Fatalf("sound comes by %s, want %s", r.View().Quality.Transport, transport)
}

// testSoundGoesOverUDP: guest and host move to UDP by themselves.
func testSoundGoesOverUDP(t *testing.T) {
	way, ana, bo, joined, ear := through(t, func(*nat) {})
	hearsBy(t, joined, ear, "udp")
	before := way.fast.Load()
	ear.hears(t, "Bo to hear Ana", true, 50)
	if got := way.fast.Load() - before; got < 10 {
		t.Errorf("%d datagrams carried a second of sound", got)
	}
	if a, b := ana.Counts(), bo.Counts(); a["udp_up"] != 1 || b["udp_up"] != 1 || a["udp_down"]+b["udp_down"]+a["udp_forged"]+b["udp_forged"] != 0 {
		t.Errorf("counts of the host %v, of the guest %v", a, b)
	}
}

// testSoundWithoutUDP: where only QUIC passes, sound goes by the stream; it takes to UDP when that passes, and falls back
// when it stops, without a new connection.
func testSoundWithoutUDP(t *testing.T) {
	way, _, bo, joined, ear := through(t, func(n *nat) { n.blocked.Store(true) })
	if got := joined.View().Quality.Transport; got != "stream" {
		t.Errorf("sound comes by %q", got)
	}
	way.blocked.Store(false)
	hearsBy(t, joined, ear, "udp")
	way.blocked.Store(true)
	awaitStream := func() bool { return joined.View().Quality.Transport == "stream" }
	for !awaitStream() { // while it is neither, what was sent in vain is missing
		<-ear.levels
	}
	ear.hears(t, "Bo to hear Ana again", true, 50)
	if c := bo.Counts(); c["path_new_connection"] != 0 || joined.Phase() != Live {
		t.Errorf("counts %v, phase %s", c, joined.Phase())
	}
}

// testSoundSurvivesRebinding: when a NAT gives a guest another address, the same connection goes on, and sound over UDP with it.
func testSoundSurvivesRebinding(t *testing.T) {
	way, ana, bo, joined, ear := through(t, func(*nat) {})
	hearsBy(t, joined, ear, "udp")
	way.rebind()
	ear.hears(t, "Bo to hear Ana from where he is now", true, 50)
	hearsBy(t, joined, ear, "udp")
	if c := bo.Counts(); c["path_new_connection"] != 0 || joined.Phase() != Live {
		t.Errorf("counts %v, phase %s", c, joined.Phase())
	}
	if c := ana.Counts(); c["udp_challenged"] == 0 {
		t.Errorf("the new address was not challenged: %v", c)
	}
}

// TestSoundOverTCP stays on the stream: there is no socket to share.
func TestSoundOverTCP(t *testing.T) {
	tcp := func(o *Options) { o.Listen = []string{"/ip4/127.0.0.1/tcp/0"} }
	ana, bo := startNode(t, "Ana", tcp), startNode(t, "Bo", tcp)
	hosted, err := ana.StartRoom(Start{Title: "Slow", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(context.Background(), hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	if _, plain := joined.guest.up.link.(*streamLink); !plain || joined.View().Quality.Transport != "stream" {
		t.Errorf("%T, %+v", joined.guest.up.link, joined.View().Quality)
	}
}

func TestFastLinkOverQUIC4(t *testing.T) { fastLinkOverHosts(t, "127.0.0.1") }
func TestFastLinkOverQUIC6(t *testing.T) { fastLinkOverHosts(t, "::1") }

// fastLinkOverHosts holds links over real connections to what a link promises, also with a dial-only socket at one end.
func fastLinkOverHosts(t *testing.T, ip string) {
	beside(t)
	proto := "ip4"
	if ip == "::1" {
		proto = "ip6"
	}
	quic := fmt.Sprintf("/%s/%s/udp/0/quic-v1", proto, ip)
	if c, err := net.ListenPacket("udp", net.JoinHostPort(ip, "0")); err != nil {
		t.Skipf("no %s here: %v", proto, err)
	} else {
		c.Close()
	}
	for name, listen := range map[string]string{"both listen": quic, "one only dials": "/ip4/127.0.0.1/tcp/0"} {
		t.Run(name, func(t *testing.T) {
			x := startNode(t, "X", func(o *Options) { o.Listen = []string{listen} })
			y := startNode(t, "Y", func(o *Options) { o.Listen = []string{quic} })
			in := make(chan network.Stream, 1)
			y.host.SetStreamHandler("/test/1", func(s network.Stream) { in <- s })
			meet(t, x.host, y.host)
			linktest.Run(t, linktest.Maker{Reliable: true, New: func(t *testing.T, _ func(int) linktest.Fate) linktest.Pair {
				out, err := x.host.NewStream(context.Background(), y.host.ID(), "/test/1")
				if err != nil {
					t.Fatal(err)
				}
				a := x.newLink(out, nil, true)
				a.Send(&relay.Packet{Beacons: []relay.Beacon{{Slot: 1, Last: 1}}}) // the stream begins with its first bytes
				b := y.newLink(<-in, nil, false)
				t.Cleanup(func() { a.Close(); b.Close() })
				var p relay.Packet
				if err := b.Receive(&p); err != nil {
					t.Fatal(err)
				}
				for !a.Stats().UDP || !b.Stats().UDP { // until then a beacon goes and comes
					b.Send(&relay.Packet{Beacons: []relay.Beacon{{Slot: 1, Last: 1}}})
					if err := a.Receive(&p); err != nil {
						t.Fatal(err)
					}
				}
				return linktest.Pair{A: a, B: b}
			}})
		})
	}
}
