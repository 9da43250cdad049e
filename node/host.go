package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/x/rate"
	"github.com/multiformats/go-multiaddr"

	"salon/ledger/doc"
)

// newHost starts libp2p over QUIC and TCP with the device key as its identity. webrtc-direct and WebTransport stay
// off: browsers do not dial nodes, and both would read the socket that carries media.
func newHost(o Options, device doc.PrivateKey) (host.Host, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(device.Ed25519())
	if err != nil {
		return nil, err
	}
	rm, err := newLimits(o)
	if err != nil {
		return nil, err
	}
	cm, err := connmgr.NewConnManager(o.MaxPeers*3/4, o.MaxPeers, connmgr.WithGracePeriod(20*time.Second))
	if err != nil {
		return nil, err
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.DefaultMuxers,
		libp2p.ResourceManager(rm),
		libp2p.ConnectionManager(cm),
		libp2p.DisableRelay(), // a circuit carries 2 minutes and 128 KiB: never audio
		libp2p.DisableMetrics(),
		libp2p.UserAgent("salon"),
	}
	if o.udp != nil {
		opts = append(opts, libp2p.QUICReuse(quicOn(o.udp)))
	}
	if len(o.Announce) > 0 {
		addrs := make([]multiaddr.Multiaddr, len(o.Announce))
		for i, a := range o.Announce {
			if addrs[i], err = multiaddr.NewMultiaddr(a); err != nil {
				return nil, err
			}
		}
		opts = append(opts, libp2p.AddrsFactory(func([]multiaddr.Multiaddr) []multiaddr.Multiaddr { return addrs }))
	}
	if len(o.Listen) > 0 {
		h, err := libp2p.New(append(opts, libp2p.ListenAddrStrings(o.Listen...))...)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", strings.Join(o.Listen, " "), err)
		}
		return h, nil
	}
	// A second node on this machine gets the port that it had before, if it can: others know it there.
	for _, port := range []int{defaultPort, o.portBefore, freePort()} {
		if port != 0 && portFree(port) {
			if h, err := libp2p.New(append(opts, libp2p.ListenAddrStrings(listenAll(port)...))...); err == nil {
				return h, nil
			}
		}
	}
	return libp2p.New(append(opts, libp2p.ListenAddrStrings(listenAll(0)...))...)
}

// freePort is one that nobody listens at, or 0. Left to libp2p, each transport would have another.
func freePort() int {
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		return 0
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// portOf is where a host listens, over QUIC if it does.
func portOf(h host.Host) int {
	for _, code := range []int{multiaddr.P_UDP, multiaddr.P_TCP} {
		for _, m := range h.Network().ListenAddresses() {
			if s, err := m.ValueForProtocol(code); err == nil {
				port, _ := strconv.Atoi(s)
				return port
			}
		}
	}
	return 0
}

func listenAll(port int) []string {
	return []string{
		fmt.Sprintf("/ip4/0.0.0.0/udp/%d/quic-v1", port), fmt.Sprintf("/ip4/0.0.0.0/tcp/%d", port),
		fmt.Sprintf("/ip6/::/udp/%d/quic-v1", port), fmt.Sprintf("/ip6/::/tcp/%d", port),
	}
}

// portFree asks the kernel: libp2p is content when one of its addresses could be listened on, we want all.
func portFree(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return false
	}
	l.Close()
	u, err := net.ListenPacket("udp", fmt.Sprintf(":%d", port))
	if err != nil {
		return !errors.Is(err, syscall.EADDRINUSE)
	}
	u.Close()
	return true
}

// newLimits derives every limit from Options. libp2p's own defaults refuse audiences: 8 connections from one IPv4
// address, one more each five seconds, and inbound connections by the machine's memory. Loopback, which libp2p
// exempts, is bounded here too.
func newLimits(o Options) (network.ResourceManager, error) {
	conns := 2 * o.MaxPeers // the connection manager trims to MaxPeers; this is the hard stop
	streams := 16 * conns
	system := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(conns), ConnsInbound: rcmgr.LimitVal(conns), ConnsOutbound: rcmgr.LimitVal(conns),
		Streams: rcmgr.LimitVal(streams), StreamsInbound: rcmgr.LimitVal(streams), StreamsOutbound: rcmgr.LimitVal(streams),
		FD: rcmgr.LimitVal(conns + 64), Memory: rcmgr.LimitVal64(64<<20 + conns<<20),
	}
	transient := rcmgr.ResourceLimits{
		Conns: rcmgr.LimitVal(conns / 2), ConnsInbound: rcmgr.LimitVal(conns / 2), ConnsOutbound: rcmgr.LimitVal(conns / 2),
		Streams: rcmgr.LimitVal(2 * conns), StreamsInbound: rcmgr.LimitVal(2 * conns), StreamsOutbound: rcmgr.LimitVal(2 * conns),
		FD: rcmgr.LimitVal(conns / 2), Memory: rcmgr.LimitVal64(32 << 20),
	}
	onePeer := rcmgr.ResourceLimits{
		Conns: 8, ConnsInbound: 8, ConnsOutbound: 8,
		Streams: 128, StreamsInbound: 64, StreamsOutbound: 64, FD: 8, Memory: 16 << 20,
	}
	many := rcmgr.ResourceLimits{
		Streams: rcmgr.LimitVal(streams), StreamsInbound: rcmgr.LimitVal(streams), StreamsOutbound: rcmgr.LimitVal(streams),
		Conns: rcmgr.LimitVal(conns), ConnsInbound: rcmgr.LimitVal(conns), ConnsOutbound: rcmgr.LimitVal(conns),
		FD: rcmgr.LimitVal(conns), Memory: system.Memory,
	}
	limits := rcmgr.PartialLimitConfig{
		System: system, Transient: transient, AllowlistedSystem: system, AllowlistedTransient: transient,
		ServiceDefault: many, ServicePeerDefault: onePeer, ProtocolDefault: many, ProtocolPeerDefault: onePeer,
		PeerDefault: onePeer,
		Conn:        rcmgr.ResourceLimits{Conns: 1, ConnsInbound: 1, ConnsOutbound: 1, FD: 1, Memory: 32 << 20},
		Stream:      rcmgr.ResourceLimits{Streams: 1, StreamsInbound: 1, StreamsOutbound: 1, Memory: 16 << 20},
	}.Build(rcmgr.DefaultLimits.AutoScale())

	// A flash crowd behind one address may come at once and come again within a minute.
	perSecond := float64(o.MaxPerSubnet) / 60
	burst := 2 * o.MaxPerSubnet
	loopback := []rate.PrefixLimit{
		{Prefix: netip.MustParsePrefix("127.0.0.0/8"), Limit: rate.Limit{RPS: float64(conns), Burst: conns}},
		{Prefix: netip.MustParsePrefix("::1/128"), Limit: rate.Limit{RPS: float64(conns), Burst: conns}},
	}
	refused := o.counts
	if refused == nil {
		refused = newCounters()
	}
	rm, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits),
		rcmgr.WithMetricsDisabled(), // those of Prometheus
		rcmgr.WithMetrics(limitCounts{refused}),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: o.MaxPerSubnet}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: o.MaxPerSubnet}, {PrefixLength: 48, ConnCount: 4 * o.MaxPerSubnet}}),
		rcmgr.WithNetworkPrefixLimit(
			[]rcmgr.NetworkPrefixLimit{{Network: netip.MustParsePrefix("127.0.0.0/8"), ConnCount: conns}},
			[]rcmgr.NetworkPrefixLimit{{Network: netip.MustParsePrefix("::1/128"), ConnCount: conns}}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: loopback,
			GlobalLimit:         rate.Limit{RPS: float64(conns), Burst: conns},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: rate.Limit{RPS: perSecond, Burst: burst}}},
				IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: rate.Limit{RPS: perSecond, Burst: burst}}},
				GracePeriod:      time.Minute,
			},
		}))
	return countedManager{rm, refused}, err
}

// peerOf is the libp2p name of a device: its key is the peer ID.
func peerOf(device doc.PublicKey) (peer.ID, error) {
	k, err := crypto.UnmarshalEd25519PublicKey(device[:])
	if err != nil {
		return "", err
	}
	return peer.IDFromPublicKey(k)
}

// deviceOf is the device behind a connection; libp2p has proven that it holds the key.
func deviceOf(p peer.ID) (doc.PublicKey, error) {
	k, err := p.ExtractPublicKey()
	if err != nil {
		return doc.PublicKey{}, err
	}
	raw, err := k.Raw()
	if err != nil || len(raw) != len(doc.PublicKey{}) {
		return doc.PublicKey{}, fmt.Errorf("peer %s has no Ed25519 key", p)
	}
	return doc.PublicKey(raw), nil
}

// connect dials a peer unless it is connected, or is so before the dial ends: it may have dialled us meanwhile.
func connect(ctx context.Context, h host.Host, p peer.AddrInfo) error {
	isConnected := func() bool { return h.Network().Connectedness(p.ID) == network.Connected }
	if p.ID == h.ID() || isConnected() {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	dialled := make(chan error, 1)
	go func() { dialled <- h.Connect(ctx, p) }()
	defer func() { cancel(); <-dialled }()
	look := time.NewTicker(mendEvery)
	defer look.Stop()
	for {
		select {
		case err := <-dialled:
			dialled <- nil
			return err
		case <-look.C:
			if isConnected() {
				return nil
			}
		}
	}
}
