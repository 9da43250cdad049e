package node

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"

	"salon/node/udp"
)

// quicOn makes libp2p's QUIC run on the sockets of m. Whoever tells libp2p how to make this one part has to give it the rest
// too, which is as in config/config.go of v0.51: without it connections are not limited before their handshake, and the
// sockets outlive the host.
func quicOn(m *udp.Mux) any {
	return func(
		reset quic.StatelessResetKey, tokens quic.TokenGeneratorKey, limits network.ResourceManager, life fx.Lifecycle,
	) (*quicreuse.ConnManager, error) {
		cm, err := quicreuse.NewConnManager(reset, tokens,
			quicreuse.OverrideListenUDP(m.Listen),
			quicreuse.VerifySourceAddress(limits.VerifySourceAddress),
			quicreuse.ConnContext(func(ctx context.Context, from *quic.ClientInfo) (context.Context, error) {
				addr, err := quicreuse.ToQuicMultiaddr(from.RemoteAddr, quic.Version1)
				if err != nil {
					addr = nil // the limits of all connections still hold
				}
				scope, err := limits.OpenConnection(network.DirInbound, false, addr)
				if err != nil {
					return ctx, err
				}
				ctx = network.WithConnManagementScope(ctx, scope)
				context.AfterFunc(ctx, scope.Done)
				return ctx, nil
			}))
		if err != nil {
			return nil, err
		}
		life.Append(fx.StopHook(cm.Close))
		return cm, nil
	}
}
