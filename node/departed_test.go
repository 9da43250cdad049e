package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"salon/ledger/doc"
)

// A noting context notes the contexts made of it that have not ended.
type noting struct {
	context.Context
	mu   sync.Mutex // guards the field below
	open map[*int]bool
}

func (*noting) Value(any) any { return nil }

func (c *noting) AfterFunc(func()) (stop func() bool) {
	key := new(int)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[key] = true
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.open, key)
		return true
	}
}

// A spyHost notes what is subscribed to on its bus.
type spyHost struct {
	host.Host
	bus *spyBus
}

func (h spyHost) EventBus() event.Bus { return h.bus }

type spyBus struct {
	event.Bus
	mu sync.Mutex // guards the field below
	to [][]any
}

func (b *spyBus) Subscribe(to any, opts ...event.SubscriptionOpt) (event.Subscription, error) {
	b.mu.Lock()
	b.to = append(b.to, to.([]any))
	b.mu.Unlock()
	return b.Bus.Subscribe(to, opts...)
}

// Peers come, gossip and go, dozens of them: of none is anything kept that a relay would have of thousands, but for a while
// where it was. Of one that sent what was forged it is known that it did.
func TestNothingIsKeptOfPeersThatLeft(t *testing.T) {
	const crowd, atOnce = 36, 6
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	parent := &noting{Context: ctx, open: make(map[*int]bool)}
	refuses := func(peer.ID, []byte) error { return errOld }
	forged := func(peer.ID, []byte) error { return doc.ErrSignature }
	scores := make(chan []peer.ID, 1) // whom gossipsub has something to say about
	relay := loopHost(t, 1, "/ip4/127.0.0.1/udp/0/quic-v1")
	start := func(ctx context.Context, h host.Host, take func(peer.ID, []byte) error, more ...pubsub.Option) (*gossip, func()) {
		g, err := newGossip(ctx, h, newCounters(), take, refuses, more...)
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan struct{})
		go func() { g.Run(ctx); close(ran) }()
		return g, func() { <-ran }
	}
	spy := spyHost{relay, &spyBus{Bus: relay.EventBus()}}
	g, ended := start(parent, spy, forged, pubsub.WithPeerScoreInspect(func(of map[peer.ID]float64) {
		select {
		case <-scores:
		default:
		}
		scores <- slices.Collect(maps.Keys(of))
	}, 50*time.Millisecond))
	defer ended()
	defer cancel()
	meets, err := g.topics[topicName("en")].EventHandler()
	if err != nil {
		t.Fatal(err)
	}
	protected := func(id peer.ID) bool { return relay.ConnManager().IsProtected(id, "") }
	within := time.Now().Add(time.Minute)
	until := func(what string, f func() bool) {
		t.Helper()
		for !f() {
			if time.Now().After(within) {
				t.Fatalf("waited in vain for %s", what)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}

	var met []peer.ID
	for range crowd / atOnce {
		var hosts []host.Host
		var ends []func()
		theirs, leave := context.WithCancel(ctx)
		for range atOnce {
			h := loopHost(t, byte(len(met)+2), "/ip4/127.0.0.1/udp/0/quic-v1")
			who, ends1 := start(theirs, h, refuses)
			meet(t, h, relay)
			met, hosts, ends = append(met, h.ID()), append(hosts, h), append(ends, ends1)
			if len(met) == 1 { // the liar
				until("what is forged to arrive", func() bool {
					if err := who.Publish(ctx, "en", fmt.Appendf(nil, "forged at %d", time.Now().UnixNano())); err != nil {
						t.Fatal(err)
					}
					return g.counts.Snapshot()["announcement_refused"] >= 3
				})
			}
		}
		for joined := 0; joined < atOnce; {
			if e, err := meets.NextPeerEvent(ctx); err != nil {
				t.Fatal(err)
			} else if e.Type == pubsub.PeerJoin {
				joined++
			}
		}
		// Their connections are protected once they are in the mesh, which has room for some of them.
		until("a mesh", func() bool { return slices.ContainsFunc(met[len(met)-atOnce:], protected) })
		until("everybody to have said where they are", func() bool {
			return !slices.ContainsFunc(hosts, func(h host.Host) bool { return len(relay.Peerstore().Addrs(h.ID())) == 0 })
		})
		leave()
		for i, h := range hosts {
			ends[i]()
			// Libp2p tells that it listens nowhere any more, where it still can: of whom that is heard no place is kept.
			if err := errors.Join(h.Network().ClosePeer(relay.ID()), h.Close()); err != nil {
				t.Fatal(err)
			}
		}
	}
	until("all to be gone", func() bool { return len(relay.Network().Conns()) == 0 })
	until("gossip to forget all but the liar", func() bool { return slices.Equal(<-scores, met[:1]) })
	until("no connection to be protected", func() bool { return !slices.ContainsFunc(met, protected) })
	until("no context to be left", func() bool {
		parent.mu.Lock()
		defer parent.mu.Unlock()
		return len(parent.open) == 0
	})
	for _, id := range met {
		until("a peer to be gone", func() bool { return relay.Network().Connectedness(id) == network.NotConnected })
		if len(relay.Peerstore().Addrs(id)) == 0 {
			t.Error("it is forgotten at once where a peer was")
		}
		relay.Peerstore().UpdateAddrs(id, addrsKept, 1) // those that are kept for so long end now
		if left := relay.Peerstore().Addrs(id); len(left) != 0 {
			t.Errorf("%v are known for longer than %v", left, addrsKept)
		}
	}
	stays := loopHost(t, 100, "/ip4/127.0.0.1/udp/0/quic-v1")
	meet(t, stays, relay)
	forgetExpired(relay)
	for _, id := range relay.Peerstore().PeersWithAddrs() {
		if id != relay.ID() && id != stays.ID() {
			t.Errorf("there is a place for addresses of %v, who left", id)
		}
	}
	until("what gossip subscribes to", func() bool {
		spy.bus.mu.Lock()
		defer spy.bus.mu.Unlock()
		return len(spy.bus.to) >= 2
	})
	for _, to := range spy.bus.to {
		if slices.ContainsFunc(to, isA[*event.EvtPeerConnectednessChanged]) && len(to) > 1 {
			t.Errorf("gossip keeps the records of peers: it asks for %v", to)
		}
	}
	if addrsKept == peerstore.TempAddrTTL {
		t.Error("libp2p takes this for what it forgets at once")
	}
}
