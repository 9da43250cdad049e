package node

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/adrg/xdg"
	"github.com/multiformats/go-multiaddr"

	"salon/node/udp"
	"salon/room"
)

// Options configures New. The zero value works: a person's node on a laptop.
type Options struct {
	Home     string   // keys, peer book, name; "" means "salon" under the platform's data directory
	Name     string   // display name to store; "" keeps the stored one
	Listen   []string // multiaddrs; nil means port 4773 (a free one if taken) on all addresses, QUIC and TCP
	Announce []string // multiaddrs told to others instead of the ones we listen on; nil means those
	Peers    []string // multiaddrs with /p2p/ID, or share links, dialled at start and kept connected
	NoMDNS   bool     // do not look for nodes on the local network, and do not answer
	Hidden   bool     // never announce rooms, never gossip: for the demo's nodes

	MaxPeers     int // connections kept, 0 means 256, or 56 more than it may feed; more are refused, twice as many in passing
	MaxPerSubnet int // inbound connections from one IPv4 address or IPv6 /56, 0 means 128: a school behind one NAT
	MaxChildren  int // nodes that one room feeds here, 0 means 200; beyond, relays do

	Relays []string // multiaddrs with /p2p/ID, asked to carry every room that we host
	Relay  *Relay   // makes this node one that carries rooms of others; nil means it does not

	Volunteer    *Volunteering // whether to carry rooms that we hear for others, to store; nil keeps the stored choice
	NoVolunteers bool          // lets no listener carry our rooms for others

	AnnounceEvery time.Duration // 0 means 10 s, at most 24 s; an announcement expires after 2.5 times that
	Log           *slog.Logger  // nil means discard

	counts     *counters // of the node that New makes
	udp        *udp.Mux  // shares QUIC's sockets with media; nil means that they are QUIC's alone
	portBefore int       // where it listened before, if not at defaultPort; 0 means nowhere
}

// A Relay is what a node's operator lets it carry for others. The zero Relay carries nothing. People are named by key, or as
// the operator's list of people calls them.
type Relay struct {
	Open      bool     // rooms of every host who asks
	Hosts     []string // rooms of these people
	Allow     []string // feeds these people alone; nil means everybody
	Deny      []string // feeds everybody but these
	Rooms     int      // at once, 0 means 8
	Listeners int      // nodes that it feeds in all rooms together, 0 means 200
	Bandwidth int      // kbit/s that it may send in all rooms together, guests included, 0 means what Listeners need
	Opens     bool     // opens the sound of open rooms, for guests with only a browser: it could then listen
}

// Volunteering is a person's choice about the rooms that they hear.
type Volunteering struct {
	On   bool // others may get them from here
	KBPS int  // kbit/s of upload that this may take; 0 keeps the stored limit
}

// DefaultHome is where a person's node lives unless Options.Home says otherwise.
func DefaultHome() string { return filepath.Join(xdg.DataHome, "salon") }

// defaultPort is fixed so that peer books and share links survive a restart.
const defaultPort = 4773

// Others take announcements of a room no oftener than every roomEvery, and none that lives longer than room.MaxLifetime,
// which is 2.5 times AnnounceEvery.
const announceLeast, announceMost = time.Second / 2, room.MaxLifetime * 2 / 5

// ErrOption means that an option cannot be meant: wrong usage rather than a failure.
var ErrOption = errors.New("wrong option")

func (o *Options) setDefaults() error {
	if o.Home == "" {
		o.Home = DefaultHome()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	fed := 200
	if o.Relay != nil {
		limits := *o.Relay
		limits.Rooms = defaultTo(limits.Rooms, 8)
		limits.Listeners = defaultTo(limits.Listeners, fed)
		if limits.Rooms < 1 || limits.Listeners < 1 || limits.Bandwidth < 0 || limits.Rooms > maxRooms {
			return fmt.Errorf("%w: a relay's limits: rooms %d (at most %d), listeners %d, bandwidth %d", ErrOption, limits.Rooms, maxRooms, limits.Listeners, limits.Bandwidth)
		}
		if limits.Bandwidth > 0 && limits.Bandwidth < talkCost {
			return fmt.Errorf("%w: a relay's bandwidth of %d kbit/s feeds nobody: one listener needs %d, in a concert %d", ErrOption, limits.Bandwidth, talkCost, concertCost)
		}
		o.Relay, fed = &limits, limits.Listeners
	}
	o.MaxChildren = defaultTo(o.MaxChildren, fed)
	o.MaxPeers = defaultTo(o.MaxPeers, max(256, max(fed, o.MaxChildren)+56))
	o.MaxPerSubnet = defaultTo(o.MaxPerSubnet, 128)
	o.AnnounceEvery = defaultTo(o.AnnounceEvery, 10*time.Second)
	if o.MaxPeers < 1 || o.MaxPerSubnet < 1 || o.MaxChildren < 1 {
		return fmt.Errorf("%w: limits must be positive: max peers %d, per subnet %d, children %d", ErrOption, o.MaxPeers, o.MaxPerSubnet, o.MaxChildren)
	}
	if o.AnnounceEvery < announceLeast || o.AnnounceEvery > announceMost {
		return fmt.Errorf("%w: announce every %v: from %v to %v are possible", ErrOption, o.AnnounceEvery, announceLeast, announceMost)
	}
	for _, list := range [][]string{o.Listen, o.Announce} {
		for _, a := range list {
			if _, err := multiaddr.NewMultiaddr(a); err != nil {
				return fmt.Errorf("%w: %q is not a multiaddr such as /ip4/0.0.0.0/udp/%d/quic-v1: %w", ErrOption, a, defaultPort, err)
			}
		}
	}
	return nil
}

func defaultTo[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
