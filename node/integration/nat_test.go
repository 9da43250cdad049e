package integration

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const crowdSize = 64

// TestCrowdBehindOneAddress: 64 nodes of one school, behind one NAT address, all get into one room, over QUIC and over
// TCP. libp2p's own limits would refuse the ninth; loopback is exempt from them, so that namespaces are needed.
func TestCrowdBehindOneAddress(t *testing.T) {
	t.Parallel()
	salon(t)
	hostNS, crowdNS := newNAT(t)

	cmd := exec.Command("ip", "netns", "exec", hostNS, salon(t), "host", "--title", "Assembly", "--no-mdns", "--home", t.TempDir(),
		"--listen", "/ip4/10.77.1.2/udp/4773/quic-v1", "--listen", "/ip4/10.77.1.2/tcp/4773")
	host := startCommand(t, "", cmd)
	link := "salon:" + host.line("salon:")

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	crowd := exec.Command("ip", "netns", "exec", crowdNS, self)
	crowd.Env = append(os.Environ(), crowdLink+"="+link)
	p := startCommand(t, "", crowd)
	p.wantExit(0, time.Minute)
	t.Log(p.out())
	if code, _ := host.interrupt(); code != 0 {
		t.Errorf("the host's exit code is %d", code)
	}
}

// newNAT makes three network namespaces in a row: a host's, a NAT's, and a crowd's behind it. Without nft and iptables
// the crowd is at the NAT itself: the host sees the same, one address.
func newNAT(t *testing.T) (hostNS, crowdNS string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no ip command: install iproute2")
	}
	name := func(what string) string { return fmt.Sprintf("salon-%d-%s", os.Getpid(), what) }
	hostNS, natNS, crowdNS := name("host"), name("nat"), name("crowd")
	ip := func(args string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v\n%s", args, err, out)
		}
	}
	for _, ns := range []string{hostNS, natNS, crowdNS} {
		if out, err := exec.Command("ip", "netns", "add", ns).CombinedOutput(); err != nil {
			t.Skipf("no network namespaces here: %v\n%s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", ns).Run() })
		ip("-n " + ns + " link set lo up")
	}
	wire := func(a, addrA, b, addrB string) {
		ip(fmt.Sprintf("link add to-%s netns %s type veth peer name to-%s netns %s", b[len(b)-4:], a, a[len(a)-4:], b))
		for _, end := range [][3]string{{a, b, addrA}, {b, a, addrB}} {
			dev := "to-" + end[1][len(end[1])-4:]
			ip(fmt.Sprintf("-n %s addr add %s/24 dev %s", end[0], end[2], dev))
			ip(fmt.Sprintf("-n %s link set %s up", end[0], dev))
		}
	}
	wire(hostNS, "10.77.1.2", natNS, "10.77.1.1")
	wire(crowdNS, "10.77.2.2", natNS, "10.77.2.1")
	ip("-n " + crowdNS + " route add default via 10.77.2.1")

	inside := func(args ...string) error {
		out, err := exec.Command("ip", append([]string{"netns", "exec", natNS}, args...)...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
		}
		return err
	}
	err := errors.Join(
		inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"),
		inside("sh", "-c", `if command -v nft >/dev/null; then
			nft add table ip nat && nft add chain ip nat post '{ type nat hook postrouting priority 100 ; }' && nft add rule ip nat post ip saddr 10.77.2.0/24 masquerade
		else
			iptables -t nat -A POSTROUTING -s 10.77.2.0/24 -j MASQUERADE
		fi`),
	)
	if err != nil {
		t.Logf("no masquerading here, the crowd shares the NAT's address instead: %v", err)
		return hostNS, natNS
	}
	return hostNS, crowdNS
}

// crowdLink is set in the environment of a process that is to be the crowd.
const crowdLink = "SALON_TEST_CROWD"

// crowd joins a room 64 times, each time as another person on another node, and stays until all are in and counted.
func crowd(link string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	l, err := room.ParseLink(link)
	if err != nil {
		return err
	}
	joined := make(chan error, crowdSize)
	all := make(chan struct{}, crowdSize)
	for i := range crowdSize {
		go func() { joined <- member(ctx, l, i, all) }()
	}
	for in := range crowdSize {
		if err := <-joined; err != nil {
			return fmt.Errorf("after %d: %w", in, err)
		}
	}
	for range crowdSize {
		select {
		case <-all:
		case <-ctx.Done():
			return fmt.Errorf("not all of %d are counted in", crowdSize)
		}
	}
	fmt.Printf("%d listeners behind one address\n", crowdSize)
	return nil
}

// member is one of the crowd. It returns once it is in, and says so to all once the host counts everybody.
func member(ctx context.Context, l room.Link, i int, all chan<- struct{}) error {
	device, person := doc.NewPrivateKey(), doc.NewPrivateKey()
	now := time.Now()
	cert, err := doc.SignCert(person, doc.Cert{
		Person: person.Public(), Device: device.Public(), Label: "laptop", NotBefore: now.Add(-time.Hour).Unix(), NotAfter: now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return err
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(device.Ed25519())
	if err != nil {
		return err
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.NoListenAddrs, libp2p.Transport(libp2pquic.NewTransport), libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New), libp2p.ResourceManager(&network.NullResourceManager{}), libp2p.DisableMetrics())
	if err != nil {
		return err
	}
	hostKey, err := crypto.UnmarshalEd25519PublicKey(l.Device[:])
	if err != nil {
		return err
	}
	to := peer.AddrInfo{}
	if to.ID, err = peer.IDFromPublicKey(hostKey); err != nil {
		return err
	}
	for _, b := range l.Addrs {
		m, err := multiaddr.NewMultiaddrBytes(b)
		if err != nil {
			return err
		}
		if _, err := m.ValueForProtocol(multiaddr.P_TCP); (err == nil) == (i%2 == 0) {
			to.Addrs = append(to.Addrs, m)
		}
	}
	if err := h.Connect(ctx, to); err != nil {
		return err
	}
	s, err := h.NewStream(ctx, to.ID, "/salon/room/4")
	if err != nil {
		return err
	}
	join, err := relay.EncodeControl(relay.Join{Version: relay.ControlVersion, Room: l.Room, Name: fmt.Sprint("Pupil ", i), Cert: cert})
	if err != nil {
		return err
	}
	in := bufio.NewReader(s)
	for accepted := false; !accepted; {
		if _, err := s.Write(append(binary.AppendUvarint(nil, uint64(len(join))), join...)); err != nil {
			return err
		}
		first, err := receive(in)
		if err != nil {
			return err
		}
		switch m := first.(type) {
		case relay.Accept:
			accepted = true
		case relay.Wait: // so many come at once
			select {
			case <-time.After(time.Duration(m.Millis) * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return fmt.Errorf("the host answered %+v", first)
		}
	}
	go func() {
		for {
			m, err := receive(in)
			if err != nil {
				return
			}
			if c, ok := m.(relay.Counts); ok && c.Listeners == crowdSize {
				all <- struct{}{}
				return
			}
		}
	}()
	return nil
}

func receive(in *bufio.Reader) (any, error) {
	n, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	if n > relay.MaxControl {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(in, b); err != nil {
		return nil, err
	}
	return relay.DecodeControl(b)
}
