package node

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/multiformats/go-multiaddr"
)

// inbound opens connections from an address at once, n at most, and returns how many were allowed.
func inbound(t *testing.T, rm network.ResourceManager, n int, addr func(i int) string) int {
	t.Helper()
	for i := range n {
		m, err := multiaddr.NewMultiaddr(addr(i))
		if err != nil {
			t.Fatal(err)
		}
		scope, err := rm.OpenConnection(network.DirInbound, false, m)
		if err != nil {
			return i
		}
		t.Cleanup(scope.Done)
	}
	return n
}

// behind is one address with many ports, as a NAT shows it.
func behind(ip string) func(i int) string {
	return func(i int) string { return fmt.Sprintf("%s/udp/%d/quic-v1", ip, 10000+i) }
}

// TestLimitsAreFinite: an audience behind one address is let in, a flood is not, from wherever it comes.
func TestLimitsAreFinite(t *testing.T) {
	fresh := func() (network.ResourceManager, *counters, Options) {
		o := Options{Home: t.TempDir(), counts: newCounters()}
		if err := o.setDefaults(); err != nil {
			t.Fatal(err)
		}
		rm, err := newLimits(o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { rm.Close() })
		return rm, o.counts, o
	}

	// What made limits of our own necessary: libp2p's refuse the ninth.
	theirs, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(rcmgr.DefaultLimits.AutoScale()), rcmgr.WithMetricsDisabled())
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if n := inbound(t, theirs, 64, behind("/ip4/203.0.113.7")); n >= 64 {
		t.Errorf("libp2p's own limits let %d in: ours may be needed no more", n)
	}

	for _, ip := range []string{"/ip4/203.0.113.7", "/ip6/2001:db8::7"} {
		rm, counts, o := fresh()
		if n := inbound(t, rm, 10*o.MaxPerSubnet, behind(ip)); n < 64 || n > o.MaxPerSubnet {
			t.Errorf("%d connections from %s, want 64 to %d", n, ip, o.MaxPerSubnet)
		}
		if counts.Snapshot()["limit_connection"] == 0 {
			t.Errorf("the refusal is not counted: %v", counts.Snapshot())
		}
		if n := inbound(t, rm, 1, behind("/ip4/198.51.100.1")); n != 1 {
			t.Error("a flood from one address shuts out another")
		}
	}
	// One who owns a whole IPv6 /56 has many addresses.
	rm, _, o := fresh()
	if n := inbound(t, rm, 10*o.MaxPerSubnet, func(i int) string {
		return fmt.Sprintf("/ip6/2001:db8:0:%x::1/udp/4773/quic-v1", i%256)
	}); n > o.MaxPerSubnet {
		t.Errorf("%d connections from one /56, want at most %d", n, o.MaxPerSubnet)
	}
	for name, addr := range map[string]func(i int) string{
		"loopback":       behind("/ip4/127.0.0.1"),
		"IPv6 loopback":  behind("/ip6/::1"),
		"many addresses": func(i int) string { return fmt.Sprintf("/ip4/198.51.%d.%d/udp/4773/quic-v1", i/250, 1+i%250) },
	} {
		rm, _, o := fresh()
		if n := inbound(t, rm, 10*o.MaxPeers, addr); n > 2*o.MaxPeers {
			t.Errorf("%s: %d connections, want at most %d", name, n, 2*o.MaxPeers)
		}
	}
}
