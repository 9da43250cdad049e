package node

import (
	"context"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// What is left of a peer once it has gone. A relay meets more people in a month than it could remember: of each, libp2p and
// gossipsub would keep some kilobytes for a quarter of an hour, and some hundred bytes for ever. What peers are judged by is
// kept, where something is held against them; see scoring.

// addrsKept is how long libp2p knows the addresses of a peer that has gone: long enough to dial it again when a connection
// broke. Children that a host lost are known for as long as it calls them (recall.go), and good peers in the peer book.
// It must differ from libp2p's TempAddrTTL of 2 minutes: what has that one is forgotten at once.
const addrsKept = 3 * time.Minute

// libp2p keeps them for 15 minutes, and has no option for it.
func init() { peerstore.RecentlyConnectedAddrTTL = addrsKept }

// departures unprotects the connections of peers that have gone. Gossipsub protects those of its mesh, unprotects them when it
// prunes a peer, and forgets to when the peer goes by itself.
type departures struct {
	connections connmgr.ConnManager
}

// OnClosedOutboundStream is called when a peer has gone.
func (d departures) OnClosedOutboundStream(p peer.ID) {
	for _, name := range allTopics() {
		d.connections.Unprotect(p, "pubsub:"+name)
	}
}

func (departures) OnNewOutboundStream(peer.ID, protocol.ID) {}
func (departures) Join(string)                              {}
func (departures) Leave(string)                             {}
func (departures) Graft(peer.ID, string)                    {}
func (departures) Prune(peer.ID, string)                    {}
func (departures) ValidateMessage(*pubsub.Message)          {}
func (departures) DeliverMessage(*pubsub.Message)           {}
func (departures) RejectMessage(*pubsub.Message, string)    {}
func (departures) DuplicateMessage(*pubsub.Message)         {}
func (departures) ThrottlePeer(peer.ID)                     {}
func (departures) RecvRPC(*pubsub.RPC)                      {}
func (departures) SendRPC(*pubsub.RPC, peer.ID)             {}
func (departures) DropRPC(*pubsub.RPC, peer.ID)             {}
func (departures) UndeliverableMessage(*pubsub.Message)     {}

// A childless context ends like the one it is made of, but contexts made of it do not end with it, and so need not be noted
// by it. Gossipsub makes one for each peer that comes, and ends it only if the peer was not wanted: the note would stay for
// as long as the node runs. Whatever waits for one of these also ends when gossipsub closes the peer's queue, or after a
// second or two by itself.
type childless struct{ context.Context }

// Value hides the context within, which would note its children.
func (childless) Value(any) any { return nil }

// AfterFunc is what package context calls to have a child ended.
func (childless) AfterFunc(func()) (stop func() bool) { return func() bool { return true } }
