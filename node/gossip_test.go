package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/room"
)

func TestGossipValidator(t *testing.T) {
	const self, other = peer.ID("self"), peer.ID("other")
	for _, c := range []struct {
		name  string
		from  peer.ID
		size  int
		err   error
		want  pubsub.ValidationResult
		count string
	}{
		{"one that holds", other, 10, nil, pubsub.ValidationAccept, ""},
		{"our own was checked before", self, 10, errors.New("unasked"), pubsub.ValidationAccept, ""},
		{"too long to look at", other, room.MaxAnnouncement + 1, nil, pubsub.ValidationReject, "announcement_too_long"},
		{"as long as allowed", other, room.MaxAnnouncement, nil, pubsub.ValidationAccept, ""},
		{"forged", other, 10, doc.ErrSignature, pubsub.ValidationReject, "announcement_refused"},
		{"not canonical", other, 10, doc.ErrEncoding, pubsub.ValidationReject, "announcement_refused"},
		{"somebody else's room", other, 10, room.ErrRoomID, pubsub.ValidationReject, "announcement_refused"},
		{"too long a life", other, 10, room.ErrLifetime, pubsub.ValidationReject, "announcement_refused"},
		{"late", other, 10, room.ErrStale, pubsub.ValidationIgnore, "announcement_ignored"},
		{"a clock that is ahead", other, 10, room.ErrFuture, pubsub.ValidationIgnore, "announcement_ignored"},
		{"an older version", other, 10, errOld, pubsub.ValidationIgnore, "announcement_ignored"},
		{"one of too many", other, 10, errFlood, pubsub.ValidationIgnore, "announcement_flood"},
		{"no place", other, 10, errCrowded, pubsub.ValidationIgnore, "announcement_ignored"},
		{"wrapped", other, 10, fmt.Errorf("%w: in words", errCrowded), pubsub.ValidationIgnore, "announcement_ignored"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := &gossip{self: self, counts: newCounters()}
			v := g.validator(func(from peer.ID, raw []byte) error {
				if from != c.from || len(raw) != c.size {
					t.Errorf("%d bytes from %q", len(raw), from)
				}
				return c.err
			})
			got := v(context.Background(), c.from, &pubsub.Message{Message: &pb.Message{Data: make([]byte, c.size)}})
			if got != c.want {
				t.Errorf("result %d, want %d", got, c.want)
			}
			want := map[string]uint64{}
			if c.count != "" {
				want[c.count] = 1
			}
			if n := g.counts.Snapshot(); !maps.Equal(n, want) {
				t.Errorf("counts %v, want %v", n, want)
			}
		})
	}
}

func TestEveryLanguageHasATopic(t *testing.T) {
	for lang, want := range map[string]string{"en": "salon/1/rooms/en", "fa": "salon/1/rooms/fa", "tlh": "salon/1/rooms/und", "": "salon/1/rooms/und"} {
		if got := topicName(lang); got != want {
			t.Errorf("topicName(%q) = %s", lang, got)
		}
	}
}

// A few invalid messages graylist whoever forwards them, however well it served before; one alone changes nothing.
func TestGossipScore(t *testing.T) {
	p, limits := scoring()
	best := 0.0
	for _, topic := range p.Topics {
		best += topic.TopicWeight * (topic.TimeInMeshWeight*topic.TimeInMeshCap + topic.FirstMessageDeliveriesWeight*topic.FirstMessageDeliveriesCap)
	}
	one := p.Topics[topicName("en")]
	score := func(invalid float64) float64 { // gossipsub squares their number
		return one.TopicWeight * one.InvalidMessageDeliveriesWeight * invalid * invalid
	}
	if score(1) < limits.GossipThreshold || score(1) < limits.PublishThreshold || score(1) < limits.GraylistThreshold {
		t.Errorf("one invalid message has a consequence: score %v, %+v", score(1), limits)
	}
	if score(2) < limits.GraylistThreshold || score(3) >= limits.GraylistThreshold {
		t.Errorf("graylisted below %v; two invalid messages: %v, three: %v", limits.GraylistThreshold, score(2), score(3))
	}
	if best+score(4) >= limits.GraylistThreshold {
		t.Errorf("who earned %v is not graylisted after four: %v", best, best+score(4))
	}
	for n, after := range map[float64]time.Duration{4: time.Minute, 30: 4 * time.Minute} {
		for range after / p.DecayInterval {
			n *= one.InvalidMessageDeliveriesDecay
		}
		if score(n) < limits.GraylistThreshold {
			t.Errorf("graylisted still %v later: %v", after, score(n))
		}
	}
}

// Three nodes in a line: what holds goes on from the first to the last, what does not stops at the one between.
func TestGossipGoesOnOnlyIfItHolds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type node struct {
		*gossip
		host host.Host
		took chan []byte
	}
	var nodes []node
	for n := range byte(3) {
		d := newDirectory()
		took := make(chan []byte, 256)
		h := loopHost(t, n+1, "/ip4/127.0.0.1/udp/0/quic-v1")
		g, err := newGossip(ctx, h, newCounters(), func(from peer.ID, raw []byte) error {
			_, err := d.Take(from, raw, time.Now())
			if err == nil {
				took <- raw
			}
			return err
		}, func(peer.ID, []byte) error { return errOld })
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan struct{})
		go func() { g.Run(ctx); close(ran) }()
		t.Cleanup(func() { cancel(); <-ran })
		if n > 0 {
			meets, err := nodes[n-1].topics[topicName("en")].EventHandler()
			if err != nil {
				t.Fatal(err)
			}
			meet(t, h, nodes[n-1].host)
			if _, err := meets.NextPeerEvent(ctx); err != nil {
				t.Fatal(err)
			}
		}
		nodes = append(nodes, node{g, h, took})
	}
	ana := testIdentity(t, 1)
	version := uint64(0)
	// Until the mesh has formed, what a node did not write itself may go no further: a host says it again and again.
	heardAtTheEnd := func(n byte) {
		t.Helper()
		again := time.NewTicker(200 * time.Millisecond)
		defer again.Stop()
		late := time.After(20 * time.Second)
		for {
			version++
			if err := nodes[0].Publish(ctx, "en", announced(t, ana, n, version, time.Now(), nil)); err != nil {
				t.Fatal(err)
			}
			select {
			case raw := <-nodes[2].took:
				if a, _, err := room.ParseAnnouncement(raw); err == nil && a.Room == roomOf(ana, n) {
					return
				}
			case <-again.C:
			case <-late:
				t.Fatalf("room %d was not heard at the end of the line", n)
			}
		}
	}
	heardAtTheEnd(1)
	forged := announced(t, ana, 2, 1, time.Now(), nil)
	forged[len(forged)-1] ^= 1
	if err := nodes[0].Publish(ctx, "en", forged); err != nil {
		t.Fatal(err)
	}
	// Others go after the forged one, by the same way; but they are looked at side by side, and may overtake it.
	refused := func() uint64 { return nodes[1].counts.Snapshot()["announcement_refused"] }
	heardAtTheEnd(3)
	for tries := 0; refused() == 0 && tries < 50; tries++ {
		heardAtTheEnd(3)
	}
	if n := refused(); n != 1 {
		t.Errorf("the node between refused %d", n)
	}
	if n := nodes[2].counts.Snapshot()["announcement_refused"]; n != 0 {
		t.Errorf("the last one had to refuse %d", n)
	}
}
