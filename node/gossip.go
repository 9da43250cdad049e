package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/room"
)

// Announcements travel on one topic a language; a language without a topic of its own uses the last, "und".
var topicLanguages = []string{"en", "fr", "fa", "de", "es", "pt", "zh", "ja", "hi", "ar", "und"}

func topicName(language string) string {
	if !slices.Contains(topicLanguages, language) {
		language = "und"
	}
	return "salon/1/rooms/" + language
}

// gossip floods announcements through the mesh. Audio never comes here.
type gossip struct {
	self   peer.ID
	topics map[string]*pubsub.Topic
	subs   []*pubsub.Subscription
	counts *counters
}

// newGossip joins the topics. take checks and keeps one announcement; its error decides what becomes of the message.
func newGossip(ctx context.Context, h host.Host, counts *counters, take func(raw []byte) error) (*gossip, error) {
	score, thresholds := scoring()
	ps, err := pubsub.NewGossipSub(ctx, h,
		// Off, a message published before the mesh has formed is never delivered at all.
		pubsub.WithFloodPublish(true),
		// Announcements are signed by their host; a second signature by whoever publishes adds bytes and no trust.
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithMessageIdFn(func(m *pb.Message) string {
			sum := sha256.Sum256(m.Data)
			return string(sum[:20])
		}),
		pubsub.WithMaxMessageSize(4<<10),
		pubsub.WithMaxControlMessageSize(64<<10),
		pubsub.WithPeerOutboundQueueSize(128),
		pubsub.WithValidateQueueSize(256),
		pubsub.WithValidateThrottle(512),
		pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(
			pubsub.NewAllowlistSubscriptionFilter(allTopics()...), 4*len(topicLanguages))),
		pubsub.WithPeerScore(score, thresholds),
	)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	g := &gossip{self: h.ID(), topics: make(map[string]*pubsub.Topic), counts: counts}
	for _, name := range allTopics() {
		if err := ps.RegisterTopicValidator(name, g.validator(take), pubsub.WithValidatorTimeout(time.Second)); err != nil {
			return nil, fmt.Errorf("gossip %s: %w", name, err)
		}
		t, err := ps.Join(name)
		if err != nil {
			return nil, fmt.Errorf("gossip %s: %w", name, err)
		}
		sub, err := t.Subscribe()
		if err != nil {
			return nil, fmt.Errorf("gossip %s: %w", name, err)
		}
		g.topics[name] = t
		g.subs = append(g.subs, sub)
	}
	return g, nil
}

func allTopics() []string {
	names := make([]string, len(topicLanguages))
	for i, l := range topicLanguages {
		names[i] = topicName(l)
	}
	return names
}

// validator takes the announcement as it checks it: what passes is what we keep, once.
func (g *gossip) validator(take func(raw []byte) error) pubsub.ValidatorEx {
	return func(_ context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
		if from == g.self {
			return pubsub.ValidationAccept
		}
		if len(m.Data) > room.MaxAnnouncement {
			g.counts.Add("announcement_too_long")
			return pubsub.ValidationReject
		}
		err := take(m.Data)
		switch {
		case err == nil:
			return pubsub.ValidationAccept
		case isHostile(err):
			g.counts.Add("announcement_refused")
			return pubsub.ValidationReject
		default:
			g.counts.Add("announcement_ignored")
			return pubsub.ValidationIgnore
		}
	}
}

// Publish floods one announcement to everyone we know.
func (g *gossip) Publish(ctx context.Context, language string, raw []byte) error {
	return g.topics[topicName(language)].Publish(ctx, raw)
}

// Run empties the subscriptions: the validator has already taken what matters.
func (g *gossip) Run(ctx context.Context) {
	done := make(chan struct{})
	for _, s := range g.subs {
		go func() {
			for {
				if _, err := s.Next(ctx); err != nil {
					done <- struct{}{}
					return
				}
			}
		}()
	}
	for range g.subs {
		<-done
	}
	for _, t := range g.topics {
		if err := t.Close(); err != nil && !errors.Is(err, context.Canceled) {
			g.counts.Add("topic_close_failed")
		}
	}
}

// scoring are the start values of research/relay.md D12: invalid messages cost a peer its place in ten bad ones,
// mesh delivery is not scored (low, bursty traffic makes it misfire).
func scoring() (*pubsub.PeerScoreParams, *pubsub.PeerScoreThresholds) {
	topic := func() *pubsub.TopicScoreParams {
		return &pubsub.TopicScoreParams{
			SkipAtomicValidation: true,
			TopicWeight:          1,
			TimeInMeshWeight:     0.01, TimeInMeshQuantum: time.Second, TimeInMeshCap: 100,
			FirstMessageDeliveriesWeight: 1, FirstMessageDeliveriesDecay: 0.9, FirstMessageDeliveriesCap: 50,
			InvalidMessageDeliveriesWeight: -100, InvalidMessageDeliveriesDecay: 0.9,
		}
	}
	p := &pubsub.PeerScoreParams{
		SkipAtomicValidation:        true,
		Topics:                      make(map[string]*pubsub.TopicScoreParams),
		AppSpecificScore:            func(peer.ID) float64 { return 0 },
		IPColocationFactorWeight:    -1, // a school behind one NAT is not a crowd of sybils yet
		IPColocationFactorThreshold: 64,
		IPColocationFactorWhitelist: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
		BehaviourPenaltyWeight: -10, BehaviourPenaltyThreshold: 6, BehaviourPenaltyDecay: 0.9,
		DecayInterval: 10 * time.Second, DecayToZero: 0.01, RetainScore: 10 * time.Minute,
	}
	for _, name := range allTopics() {
		p.Topics[name] = topic()
	}
	return p, &pubsub.PeerScoreThresholds{
		SkipAtomicValidation: true,
		GossipThreshold:      -50, PublishThreshold: -100, GraylistThreshold: -200, AcceptPXThreshold: 100, OpportunisticGraftThreshold: 1,
	}
}
