package node

import (
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
)

// limitCounts counts what libp2p's resource manager refuses before any of our code sees it. What it allows is not
// counted.
type limitCounts struct{ counts *counters }

// BlockConn does nothing: it hears only of the limits that do not look at addresses.
func (limitCounts) BlockConn(network.Direction, bool) {}

// BlockPeer counts a connection beyond the limits of one peer.
func (l limitCounts) BlockPeer(peer.ID) { l.counts.Add("limit_peer") }

// BlockStream counts a stream beyond the limits.
func (l limitCounts) BlockStream(peer.ID, network.Direction) { l.counts.Add("limit_stream") }

// BlockProtocol counts a stream beyond the limits of its protocol.
func (l limitCounts) BlockProtocol(protocol.ID) { l.counts.Add("limit_protocol") }

// BlockProtocolPeer counts a stream beyond the limits of its protocol for one peer.
func (l limitCounts) BlockProtocolPeer(protocol.ID, peer.ID) { l.counts.Add("limit_protocol") }

// BlockService counts a stream beyond the limits of a service.
func (l limitCounts) BlockService(string) { l.counts.Add("limit_service") }

// BlockServicePeer counts a stream beyond the limits of a service for one peer.
func (l limitCounts) BlockServicePeer(string, peer.ID) { l.counts.Add("limit_service") }

// BlockMemory counts memory beyond the limits.
func (l limitCounts) BlockMemory(int) { l.counts.Add("limit_memory") }

// countedManager counts the connections that a resource manager refuses, for any reason.
type countedManager struct {
	network.ResourceManager
	counts *counters
}

// OpenConnection counts a connection beyond the limits, of all or of its address, in number or in rate.
func (m countedManager) OpenConnection(dir network.Direction, usefd bool, endpoint multiaddr.Multiaddr) (network.ConnManagementScope, error) {
	scope, err := m.ResourceManager.OpenConnection(dir, usefd, endpoint)
	if err != nil {
		m.counts.Add("limit_connection")
	}
	return scope, err
}

func (limitCounts) AllowConn(network.Direction, bool)      {}
func (limitCounts) AllowStream(peer.ID, network.Direction) {}
func (limitCounts) AllowPeer(peer.ID)                      {}
func (limitCounts) AllowProtocol(protocol.ID)              {}
func (limitCounts) AllowService(string)                    {}
func (limitCounts) AllowMemory(int)                        {}
