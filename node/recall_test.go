package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

func TestRecalls(t *testing.T) {
	const most = 3 * recalling
	c := make(recalls)
	for i := range 2 * most {
		c.lose(peer.ID(fmt.Sprint(i)), most, noon)
	}
	if len(c) != most {
		t.Fatalf("%d are remembered, want %d", len(c), most)
	}
	if ids := c.due(holdRoom, noon); len(ids) != 0 {
		t.Errorf("%d are called at once", len(ids))
	}
	now := noon.Add(recallWait)
	first := c.due(holdRoom, now)
	if len(first) != recalling || len(c.due(holdRoom, now)) != 0 {
		t.Fatalf("%d are called together", len(first))
	}
	for _, id := range first {
		c.called(id, now)
	}
	if second := c.due(holdRoom, now); len(second) != recalling || second[0] == first[0] {
		t.Errorf("%d others are called then", len(second))
	}

	// One that never answers, and one that came back.
	c = make(recalls)
	c.lose("gone", most, noon)
	c.lose("back", most, noon)
	delete(c, "back")
	var calls []time.Duration
	for d := time.Duration(0); d < 2*holdRoom; d += time.Second {
		for _, id := range c.due(holdRoom, noon.Add(d)) {
			if id != "gone" {
				t.Errorf("calls %q", id)
			}
			calls = append(calls, d)
			c.called(id, noon.Add(d))
		}
	}
	if len(calls) < 8 || len(calls) > 12 || calls[len(calls)-1] > holdRoom || len(c) != 0 {
		t.Errorf("called at %v; %d are remembered", calls, len(c))
	}
}

func TestConnectionsOfAnAddressThatIsGone(t *testing.T) {
	var have []multiaddr.Multiaddr
	for _, s := range []string{"/ip4/127.0.0.1", "/ip4/192.0.2.7", "/ip6/2001:db8::7"} {
		have = append(have, multiaddr.StringCast(s))
	}
	for s, want := range map[string]bool{
		"/ip4/192.0.2.7/tcp/4773": false, "/ip4/192.0.2.8/tcp/4773": true, "/ip6/2001:db8::7/tcp/4773": false,
		"/ip6/2001:db8::8/tcp/4773": true, "/ip4/0.0.0.0/udp/4773/quic-v1": false, "/ip4/127.0.0.1/udp/4773/quic-v1": false,
		"/ip4/192.0.2.8/udp/4773/quic-v1": true, "/dns/example.org/tcp/4773": false, "/ip4/127.0.0.2/tcp/4773": false,
	} {
		if got := isStale(multiaddr.StringCast(s), have); got != want {
			t.Errorf("%s is stale: %v", s, got)
		}
	}
}
