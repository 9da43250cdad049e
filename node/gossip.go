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

// offersTopic is where relays say what they offer.
const offersTopic = "salon/1/relays"

// gossip floods announcements through the mesh. Audio never comes here.
type gossip struct {
	self   peer.ID
	topics map[string]*pubsub.Topic
	subs   []*pubsub.Subscription
	counts *counters
}

// newGossip joins the topics. take checks and keeps one announcement, takeOffer one offer of a relay; the error decides what
// becomes of the message. More options are a test's.
func newGossip(ctx context.Context, h host.Host, counts *counters, take, takeOffer func(from peer.ID, raw []byte) error, more ...pubsub.Option) (*gossip, error) {
	score, thresholds := scoring()
	ps, err := pubsub.NewGossipSub(childless{ctx}, h, append([]pubsub.Option{
		// Off, a message published before the mesh has formed is never delivered at all.
		pubsub.WithFloodPublish(true),
		// Announcements are signed by their host; a second signature by whoever publishes adds bytes and no trust.
		pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
		pubsub.WithMessageIdFn(func(m *pb.Message) string {
			sum := sha256.Sum256(m.Data)
			return string(sum[:20])
		}),
		pubsub.WithMaxMessageSize(4 << 10),
		pubsub.WithMaxControlMessageSize(64 << 10),
		pubsub.WithPeerOutboundQueueSize(128),
		pubsub.WithValidateQueueSize(256),
		pubsub.WithValidateThrottle(512),
		pubsub.WithSubscriptionFilter(pubsub.WrapLimitSubscriptionFilter(
			pubsub.NewAllowlistSubscriptionFilter(allTopics()...), 4*len(allTopics()))),
		pubsub.WithPeerScore(score, thresholds),
		pubsub.WithRawTracer(departures{h.ConnManager()}),
	}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	g := &gossip{self: h.ID(), topics: make(map[string]*pubsub.Topic), counts: counts}
	for _, name := range allTopics() {
		takes := take
		if name == offersTopic {
			takes = takeOffer
		}
		if err := ps.RegisterTopicValidator(name, g.validator(takes), pubsub.WithValidatorTimeout(time.Second)); err != nil {
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
	names := []string{offersTopic}
	for _, l := range topicLanguages {
		names = append(names, topicName(l))
	}
	return names
}

// validator takes the announcement as it checks it: what passes is what we keep, once.
func (g *gossip) validator(take func(from peer.ID, raw []byte) error) pubsub.ValidatorEx {
	return func(_ context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
		if from == g.self {
			return pubsub.ValidationAccept
		}
		if len(m.Data) > max(room.MaxAnnouncement, room.MaxOffer) {
			g.counts.Add("announcement_too_long")
			return pubsub.ValidationReject
		}
		err := take(from, m.Data)
		switch {
		case err == nil:
			return pubsub.ValidationAccept
		case isHostile(err):
			g.counts.Add("announcement_refused")
			return pubsub.ValidationReject
		case errors.Is(err, errFlood):
			// No crime of the one who passes it on: it may be the host that announces too often.
			g.counts.Add("announcement_flood")
			return pubsub.ValidationIgnore
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

// PublishOffer floods what a relay offers.
func (g *gossip) PublishOffer(ctx context.Context, raw []byte) error {
	return g.topics[offersTopic].Publish(ctx, raw)
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

// What peers are judged by. Gossipsub multiplies a weight with the square of how many messages of a peer were invalid
// lately, so one costs 25, two 100, three 225, four 400. One alone has no consequence; two end the exchange of message
// IDs; at three the peer is graylisted, at four also one that has earned all the goodwill there is, which is 72: in each of
// 12 topics 5 for what it was first to bring and 1 for its time in the mesh. A tenth of what is held against it is
// forgotten every 10 s: who sent four is heard again within a minute, who sent thirty within four.
const (
	scoreEvery    = 10 * time.Second
	scoreDecay    = 0.9
	invalidWeight = -25
	firstWeight   = 0.1  // a message that came by this peer first; at most 50 count
	meshWeight    = 0.01 // a second in the mesh; at most 100 count
	innocent      = 0.01 // everybody has this

	noGossipBelow  = -50
	noPublishBelow = -100
	graylistBelow  = -200
)

// scoring are the start values of research/relay.md D12, but for the weights above. Mesh delivery is not scored: low,
// bursty traffic makes it misfire.
func scoring() (*pubsub.PeerScoreParams, *pubsub.PeerScoreThresholds) {
	topic := func() *pubsub.TopicScoreParams {
		return &pubsub.TopicScoreParams{
			SkipAtomicValidation: true,
			TopicWeight:          1,
			TimeInMeshWeight:     meshWeight, TimeInMeshQuantum: time.Second, TimeInMeshCap: 100,
			FirstMessageDeliveriesWeight: firstWeight, FirstMessageDeliveriesDecay: scoreDecay, FirstMessageDeliveriesCap: 50,
			InvalidMessageDeliveriesWeight: invalidWeight, InvalidMessageDeliveriesDecay: scoreDecay,
		}
	}
	p := &pubsub.PeerScoreParams{
		SkipAtomicValidation: true,
		Topics:               make(map[string]*pubsub.TopicScoreParams),
		// Gossipsub remembers whoever leaves for RetainScore, unless the score is above 0: with this, only those against whom
		// something is held, and not each listener who came by. For as long as it remembers them, they also count among
		// those of their IP address.
		AppSpecificScore: func(peer.ID) float64 { return innocent }, AppSpecificWeight: 1,
		IPColocationFactorWeight:    -1,
		IPColocationFactorThreshold: 128, // as many as Options.MaxPerSubnet lets in
		IPColocationFactorWhitelist: []*net.IPNet{
			{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}, {IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
		},
		BehaviourPenaltyWeight: -10, BehaviourPenaltyThreshold: 6, BehaviourPenaltyDecay: scoreDecay,
		DecayInterval: scoreEvery, DecayToZero: 0.01, RetainScore: 10 * time.Minute,
	}
	for _, name := range allTopics() {
		p.Topics[name] = topic()
	}
	return p, &pubsub.PeerScoreThresholds{
		SkipAtomicValidation: true,
		GossipThreshold:      noGossipBelow, PublishThreshold: noPublishBelow, GraylistThreshold: graylistBelow, AcceptPXThreshold: 100, OpportunisticGraftThreshold: 1,
	}
}
