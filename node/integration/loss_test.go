package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestTwoPercentLoss: with every fiftieth datagram lost in both directions, 999 of 1000 frames are heard, over UDP.
func TestTwoPercentLoss(t *testing.T) {
	t.Parallel()
	salon(t)
	const seed = 20261121
	// The host's port must be known to the proxy, and only the proxy's to the listener: a free port, asked for and let go.
	probe, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	target := probe.LocalAddr().(*net.UDPAddr)
	probe.Close()
	proxy := newLossy(t, target, 0.02, seed)

	host := start(t, t.TempDir(), "host", "--title", "Far away", "--play", voiceA, "--loop", "--no-mdns",
		"--listen", fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", target.Port),
		"--announce", fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", proxy.port()))
	link := "salon:" + host.line("salon:")
	listener := start(t, t.TempDir(), append([]string{"listen", link, "--for", "30s", "--json"}, overQUIC...)...)
	listener.wantExit(0, 30*time.Second+patience)
	if code, _ := host.interrupt(); code != 0 {
		t.Errorf("the host's exit code is %d", code)
	}

	s := readStats(t, listener)
	up, down, lost := proxy.up.Load(), proxy.down.Load(), proxy.lost.Load()
	t.Logf("seed %d; %+v; the proxy passed %d datagrams up, %d down, and lost %d", seed, s, up, down, lost)
	if s.Expected < 1400 {
		t.Fatalf("%d frames expected in 30 s: the test listens to nothing", s.Expected)
	}
	if heard := 1 - float64(s.Concealed)/float64(s.Expected); heard < 0.999 {
		t.Errorf("%.4f of the frames were heard, want 0.999 or more", heard)
	}
	if total := float64(up + down + lost); float64(lost) < 0.01*total || down < 400 {
		t.Errorf("%d of %.0f datagrams were lost, %d came down: the listener did not come by the proxy", lost, total, down)
	}
	// 30 s of sound are 500 bundles, and three times as many packets if the host finds that single frames are better.
	if fast := proxy.fast.Load(); fast < 400 {
		t.Errorf("only %d datagrams came down beside QUIC's: sound went by the stream", fast)
	}
}

// A lossy is a UDP proxy that loses datagrams at random, in both directions.
type lossy struct {
	front  *net.UDPConn
	target *net.UDPAddr
	share  float64
	wg     sync.WaitGroup

	up, down, lost atomic.Uint64
	fast           atomic.Uint64 // of those down, not QUIC's

	mu   sync.Mutex // guards the fields below
	dice *rand.Rand
	back map[string]*net.UDPConn // by client
}

// newLossy passes datagrams to target and back until the test ends.
func newLossy(t *testing.T, target *net.UDPAddr, share float64, seed uint64) *lossy {
	t.Helper()
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l := &lossy{front: front, target: target, share: share, dice: rand.New(rand.NewPCG(seed, seed)), back: make(map[string]*net.UDPConn)}
	l.wg.Go(l.serve)
	t.Cleanup(func() {
		front.Close()
		l.mu.Lock()
		for _, b := range l.back {
			b.Close()
		}
		l.mu.Unlock()
		l.wg.Wait()
	})
	return l
}

func (l *lossy) port() int { return l.front.LocalAddr().(*net.UDPAddr).Port }

// loses throws the dice for one datagram.
func (l *lossy) loses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dice.Float64() >= l.share {
		return false
	}
	l.lost.Add(1)
	return true
}

func (l *lossy) serve() {
	buf := make([]byte, 64<<10)
	for {
		n, client, err := l.front.ReadFromUDP(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || l.loses() {
			continue
		}
		if back := l.to(client); back != nil {
			if _, err := back.Write(buf[:n]); err == nil {
				l.up.Add(1)
			}
		}
	}
}

// to is the socket that stands for a client.
func (l *lossy) to(client *net.UDPAddr) *net.UDPConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.back[client.String()]; b != nil {
		return b
	}
	b, err := net.DialUDP("udp4", nil, l.target)
	if err != nil {
		return nil
	}
	l.back[client.String()] = b
	l.wg.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := b.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil || l.loses() {
				continue
			}
			if _, err := l.front.WriteToUDP(buf[:n], client); err == nil {
				l.down.Add(1)
				if n > 0 && buf[0] < 0x40 {
					l.fast.Add(1)
				}
			}
		}
	})
	return b
}
