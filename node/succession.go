package node

import (
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// Who leads a room may change while everybody stays in it. Whoever leads from then on says so with an event: when nobody
// does (standby.go), when the leader asks for it, or when the host comes back. Whoever led becomes a guest of the new leader,
// and goes on feeding those whom it fed, as a relay does.

const (
	logMost    = 1024 // events
	handWithin = 3 * time.Second

	// handAhead is how many frames ahead a program begins that is handed over: the old one ends there.
	handAhead  = 50
	partWithin = 2 * time.Second       // of those below, when we go
	partEvery  = 10 * time.Millisecond // it is looked whether they are gone
	// shareFor is how long two programs may come, the old one and its successor's.
	shareFor     = 3 * time.Second
	publishTries = 20
	publishEvery = 500 * time.Millisecond
	// lockedGrace is for how long whoever leads lets people do what the leader before would have let them do, who alone knew:
	// carry the room for others, and come into a locked one if the leader before was gone too soon to tell who was inside.
	lockedGrace = 10 * time.Second
	// insideMost is how many people are told of who are inside, and remembered.
	insideMost = 4096
)

// An heir is what a node keeps that may lead the room, or has led it. Room.mu guards it.
type heir struct {
	charters []signedCharter  // by the host: that of the state, and such as may be about to be
	events   []logged         // the latest
	others   []peer.AddrInfo  // whoever may lead when nobody does, in this order, as the leader says
	told     relay.Successors // as we told everybody below
	carriers [][]byte         // relays that the host asked to carry the room
	tail     [][]byte         // events for whoever leads now, when we are in; as tellTail
	shared   uint64           // the last event that both of us have
	telling  *controlConn     // by which the first part of the tail is on its way
	owes     bool             // what we did when we led, before this node was started again, is still to become that
	asked    uint64           // number at which our program is to begin, if we were asked to lead; else 0
	askedAt  time.Time
	offered  peer.ID                // whom we asked to lead
	news     chan struct{}          // closed when what we are changes
	grace    time.Time              // of lockedGrace
	inside   map[doc.PublicKey]bool // the people in the room, as the leader says; nil if it has not
	insideBy *uplink                // by which it said so
	// Of those who led, and met somebody else who does: whom they had inside is told, and awaited, and until then nobody is sent
	// away from a locked room for good.
	insideOurs []doc.PublicKey
	awaits     bool
	hint       peer.AddrInfo // who may lead too, as we heard
	claims     allowance     // of strangers
	outs       allowance     // of relays put out, as others tell
	back       time.Time     // when the node was started again, that had led the room
	led        doc.PublicKey // device that led the room when last looked
	before     doc.PublicKey // device that led it before us: its program goes on to where ours begins
	host       peer.AddrInfo // where the host led last
	floor      floor         // beyond which we hand out incarnations when we lead, and the epoch after which we do
	reserved   floor         // up to which the home knows of both
	used       bool          // we have led since; what is reserved holds for that alone
	preparing  bool
	renewed    room.Term // under which we last asked for an incarnation of our own accord
	still      stillness // vigil: of who leads
	warned     time.Time // vigil: when the leader was last asked for a sign of life
	gone       bool      // vigil: it gave none
}

// A logged is an event, who led then, and its signed form.
type logged struct {
	room.Told
	raw []byte
}

// logEvent remembers an event that led to our state. r.mu is held.
func (r *Room) logEvent(ev room.Event, raw []byte) {
	h := &r.heir
	if h.events = append(h.events, logged{room.Told{Event: ev, Leader: r.state.Program.Device}, raw}); len(h.events) > logMost {
		h.events = slices.Clone(h.events[len(h.events)-logMost/2:])
	}
}

// A signedCharter is a charter and its signed form.
type signedCharter struct {
	room.Charter
	raw []byte
}

const chartersMost = 8

// logCharter remembers a charter that the host signed. Two devices of the host's may sign two of one version. r.mu is held.
func (r *Room) logCharter(c room.Charter, raw []byte) {
	if c.Compare(r.charter) < 0 || r.knownCharter(c) != nil {
		return
	}
	h := &r.heir
	if len(h.charters) >= chartersMost {
		h.charters = slices.DeleteFunc(h.charters, func(s signedCharter) bool { return !reflect.DeepEqual(s.Charter, r.charter) })
	}
	h.charters = append(h.charters, signedCharter{c, raw})
}

// knownCharter is the signed form of a charter, nil if we do not have it. r.mu is held.
func (r *Room) knownCharter(c room.Charter) []byte {
	for _, s := range r.heir.charters {
		if reflect.DeepEqual(s.Charter, c) {
			return s.raw
		}
	}
	return nil
}

var errNoCharter = errors.New("node: no charter that the host signed")

// signedCharter is the room's charter, signed by its host. r.mu is held.
func (r *Room) signedCharter() ([]byte, error) {
	if r.n.Person() == r.charter.Host {
		return room.SignCharter(r.n.id(), r.charter)
	}
	raw := r.knownCharter(r.charter)
	if raw == nil {
		return nil, errNoCharter
	}
	return raw, nil
}

// roleChanged wakes whoever waits for what we are to change. r.mu is held.
func (r *Room) roleChanged() {
	if r.heir.news != nil {
		close(r.heir.news)
		r.heir.news = nil
	}
}

// roleNews is closed when what we are changes. r.mu is held.
func (r *Room) roleNews() <-chan struct{} {
	if r.heir.news == nil {
		r.heir.news = make(chan struct{})
	}
	return r.heir.news
}

// leader is where the room is led, as far as we know.
func (r *Room) leader() peer.AddrInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.guest.host
}

// obey takes notice of who leads the room by its state. r.mu is held.
func (r *Room) obey() {
	id, err := peerOf(r.state.Program.Device)
	if err != nil || r.guest == nil || r.host != nil {
		return
	}
	if r.guest.host.ID != id {
		to := peer.AddrInfo{ID: id, Addrs: r.n.addrsOf(id)}
		for _, p := range append(r.heir.others, r.heir.host) {
			if p.ID == id && len(to.Addrs) == 0 {
				to.Addrs = p.Addrs
			}
		}
		r.guest.host, r.link.Device, r.link.Addrs, r.heir.telling = to, r.state.Program.Device, nil, nil
		for _, m := range to.Addrs {
			r.link.Addrs = append(r.link.Addrs, m.Bytes())
		}
		r.guest.changed()
	}
	r.heir.back = time.Time{} // somebody leads
	stand := r.mayLead()
	r.media.drive(func(p *relay.Place, now time.Time) {
		p.Source(relay.Peer(id))
		p.Inherit(stand, now)
	})
	r.heir.led = r.state.Program.Device
	if r.state.Term.Order == 0 {
		r.heir.host = r.guest.host
	}
	if r.guest.ctl != nil && r.guest.parent == r.guest.host.ID {
		r.tellInsideUp()
		if stand {
			r.tellOuts(r.guest.ctl, time.Now())
		}
	}
	r.tellTail()
	if r.voice.setStandby(stand); stand {
		r.prepare()
	}
	r.renewMicrophone()
}

// mayLead reports whether we lead the room if nobody else does. r.mu is held.
func (r *Room) mayLead() bool {
	if r.state == nil || r.host != nil || r.carried || r.leaving {
		return false
	}
	_, may := r.state.TakesOverAfter(r.n.author())
	return may
}

// hostPerson is whose room it is.
func (r *Room) hostPerson() doc.PublicKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.charter.Host
}
