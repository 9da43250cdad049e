// Package node is one person's salon: it finds rooms, hosts and joins them, and carries their sound.
//
// It wires the pure cores of room, relay and ledger to libp2p, to clocks and to files. Always:
//
//   - Whoever starts a goroutine waits for it; Close returns after the last.
//   - Locks are taken in this order: Room.mu, media.mu, voice.mu; every other lock is taken last and alone. Nothing that
//     blocks runs under any.
//   - Every queue and table that a peer can fill is bounded, and what does not fit is counted.
//   - A room's rights are enforced where its bytes arrive, never asked for.
//   - Only the host decides. A relay hands on what the host signed, byte for byte, and opens no sound.
package node

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"salon/ledger/doc"
	"salon/node/alike"
	"salon/node/market"
	"salon/node/udp"
	"salon/node/witness"
	"salon/relay"
	"salon/room"
)

// maxRooms is how many rooms a node may be in at once, ended ones that were not left included.
const maxRooms = 16

// farewellTime is what gossip needs to reach the neighbours' nodes.
const farewellTime = 300 * time.Millisecond

// A Node is one person on one device.
type Node struct {
	o      Options
	home   *Home
	host   host.Host
	book   *peerBook
	people *People
	passes *passes
	dir    *directory
	gossip *gossip // nil when hidden
	counts *counters
	udp    udp.Mux
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup
	crew   *crew
	watch  watchers
	relays []peer.AddrInfo // to be asked to carry our rooms
	feeds  atomic.Int64    // children in all rooms that we carry
	sends  atomic.Int64    // kbit/s that these cost, and guests there
	viewed atomic.Uint64   // the order of the last view

	emptied  chan struct{} // holds one: the last of them has gone
	offers   *offers
	offering chan struct{} // holds one: say soon what we offer
	draining atomic.Bool
	relay    *policy // nil if we are no relay
	lending  lending
	shop     shop
	witness  witnessing
	sealing  sync.Mutex // held while keys are exported; taken first
	payers   *payerBook
	handing  chan struct{} // holds one: hand over soon what was carried
	carriage *carriageBook
	lookedAt lookedAt
	contacts atomic.Pointer[alike.Known] // whose names others may not bear unremarked

	mu    sync.Mutex // guards the fields below
	name  string
	rooms map[room.ID]*Room
	peers map[peer.ID]bool // connected nodes of salon
	// unfinished are the rooms that a crash left, which nobody has taken up again yet.
	unfinished []Unfinished
	notices    []string
	near       map[peer.ID]bool // peers that answered on the local network
	// blockedRooms are not carried here, whoever asks; the last is the latest.
	blockedRooms []room.ID
	// farewell is until when a node that closes stays, so that an ended room is gone everywhere at once.
	farewell time.Time
}

// New starts a node. It is ready to be dialled when New returns.
func New(o Options) (*Node, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	home, err := OpenHome(o.Home, time.Now())
	if err != nil {
		return nil, err
	}
	n := &Node{o: o, home: home, crew: newCrew(), emptied: make(chan struct{}, 1), offering: make(chan struct{}, 1), handing: make(chan struct{}, 1), payers: openPayers(home), carriage: newCarriageBook(), offers: newOffers(), lending: lending{after: volunteerAfter, steps: trialSteps, rooms: make(map[room.ID]lent)}, near: make(map[peer.ID]bool), dir: newDirectory(), counts: newCounters(), rooms: make(map[room.ID]*Room), peers: make(map[peer.ID]bool)}
	n.o.counts, n.o.udp = n.counts, &n.udp
	n.viewed.Store(uint64(time.Now().UnixMicro())) // so that no node counts where one before it did
	n.ctx, n.stop = context.WithCancel(context.Background())
	if err := n.start(); err != nil {
		n.Close()
		return nil, err
	}
	n.o.Log.Info("node started", "device", n.author().Device, "addrs", n.host.Addrs())
	return n, nil
}

func (n *Node) start() error {
	var err error
	n.findKept(time.Now())
	n.home.forgetFloors(time.Now())
	n.name = n.home.Name()
	if n.o.Name != "" {
		if n.name, err = n.home.SetName(n.o.Name); err != nil {
			return fmt.Errorf("%w: %w", ErrOption, err)
		}
	}
	seeds, err := parsePeers(n.o.Peers)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOption, err)
	}
	if n.relays, err = parsePeers(n.o.Relays); err != nil {
		return fmt.Errorf("%w: %w", ErrOption, err)
	}
	if n.people, err = OpenPeople(n.home, time.Now()); err != nil {
		n.o.Log.Warn("list of people damaged", "err", err)
	}
	n.learnContacts()
	n.shop.sellers, n.shop.gather = openSellers(n.home), wantedGather
	if n.passes, err = openPasses(n.home); err != nil {
		n.o.Log.Warn("passes damaged", "err", err)
	}
	if err := n.readBlockedRooms(); err != nil && n.o.Relay != nil {
		return err
	}
	if n.relay, err = newPolicy(n.o.Relay, n.people); err != nil {
		return fmt.Errorf("%w: %w", ErrOption, err)
	}
	if v := n.o.Volunteer; v != nil {
		if err := n.SetVolunteer(*v); err != nil {
			return fmt.Errorf("%w: %w", ErrOption, err)
		}
	}
	n.lend(n.home.Volunteer())
	if n.book, err = openPeerBook(n.home.path("peers.json")); err != nil {
		return err
	}
	n.o.portBefore = n.home.Port()
	if n.host, err = newHost(n.o, n.id().Device()); err != nil {
		return err
	}
	if port := portOf(n.host); len(n.o.Listen) == 0 && port != defaultPort && port != n.o.portBefore {
		if err := n.home.SetPort(port); err != nil {
			n.o.Log.Warn("port not kept", "err", err)
		}
	}
	n.host.SetStreamHandler(protoControl, func(s network.Stream) { n.serve(s, n.serveControl) })
	for _, before := range controlBefore {
		n.host.SetStreamHandler(before, func(s network.Stream) {
			n.serve(s, func(s network.Stream) func() { n.serveOld(s); return nil })
		})
	}
	n.host.SetStreamHandler(protoMedia, func(s network.Stream) { n.serve(s, n.serveMedia) })
	n.newWitnessing()
	n.openShop()
	for proto, serve := range map[protocol.ID]func(network.Stream){market.Protocol: n.serveTicket, protoLane: n.serveLane, witness.Protocol: n.serveWitness} {
		n.host.SetStreamHandler(proto, func(s network.Stream) {
			n.serve(s, func(s network.Stream) func() { serve(s); return nil })
		})
	}
	n.wg.Go(n.tendShares)
	n.wg.Go(func() { runForget(n.ctx, n.host) })
	if n.o.Hidden {
		return nil
	}
	n.host.SetStreamHandler(protoDirectory, func(s network.Stream) {
		n.serve(s, func(s network.Stream) func() { serveDirectory(s, n.dir, n.counts); return nil })
	})
	if n.gossip, err = newGossip(n.ctx, n.host, n.counts, n.take, n.takeOffer); err != nil {
		return err
	}
	n.wg.Go(func() { n.gossip.Run(n.ctx) })
	if n.relay != nil {
		n.wg.Go(n.offer)
	}
	return n.discover(seeds)
}

// serve runs a stream handler as one of the node's goroutines. What f returns, if anything, lasts as long as a child does: it
// gets a goroutine of its own, with a small stack. What it took to let the child in needs one of several times its size.
func (n *Node) serve(s network.Stream, f func(network.Stream) (stay func())) {
	n.mu.Lock()
	closing := n.ctx.Err() != nil
	if !closing {
		n.wg.Add(1)
	}
	n.mu.Unlock()
	if closing {
		s.Reset()
		return
	}
	stay := f(s)
	if stay == nil {
		n.wg.Done()
		return
	}
	go func() {
		defer n.wg.Done()
		stay()
	}()
}

// Close ends hosted rooms, leaves the others, and returns when everything has stopped, within about two seconds.
func (n *Node) Close() error {
	n.mu.Lock()
	rooms := make([]*Room, 0, len(n.rooms))
	for _, r := range n.rooms {
		rooms = append(rooms, r)
	}
	n.mu.Unlock()
	var wg sync.WaitGroup
	for _, r := range rooms {
		wg.Go(func() { n.leave(r) })
	}
	wg.Wait()
	n.mu.Lock()
	farewell := n.farewell
	n.mu.Unlock()
	time.Sleep(time.Until(farewell)) // nothing to be waited for tells when gossip has been sent
	n.mu.Lock()
	n.stop()
	n.mu.Unlock()
	var err error
	if n.host != nil {
		err = n.host.Close()
	}
	err = errors.Join(err, n.udp.Close())
	n.wg.Wait()
	n.crew.close()
	if n.book != nil {
		err = errors.Join(err, n.book.Save())
	}
	err = errors.Join(err, n.closeShop(), n.closeWitness())
	n.home.Close()
	n.o.Log.Info("node ended", "err", err)
	return err
}

func (n *Node) id() *doc.Identity { return n.home.Identity() }

func (n *Node) author() doc.Author { return n.home.Identity().Author() }

// Home is the folder the node lives in.
func (n *Node) Home() *Home { return n.home }

// Log is where the node writes what happens.
func (n *Node) Log() *slog.Logger { return n.o.Log }

// Person is whose node this is.
func (n *Node) Person() doc.PublicKey { return n.author().Person }

// displayName is what others see: the chosen name, or Guest and the key's first letters.
func (n *Node) displayName() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.name != "" {
		return n.name
	}
	return "Guest " + n.author().Person.Short()
}

// SetName changes the display name; rooms show it from the next join or raised hand on.
func (n *Node) SetName(name string) error {
	clean, err := n.home.SetName(name)
	if err != nil {
		return &UserError{Code: "bad_name", Text: fmt.Sprintf("A name has 1 to %d visible characters, fewer in scripts that need more bytes.", room.MaxName)}
	}
	n.mu.Lock()
	n.name = clean
	n.mu.Unlock()
	n.learnContacts()
	n.watch.tell(Change{Kind: StatusChanged})
	return nil
}

// nonce is a random number for a command.
func (n *Node) nonce() uint64 {
	var b [8]byte
	rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:])
}

// Status is the node at a glance. Version and Guests are the caller's to fill in.
func (n *Node) Status() Status {
	order := n.viewed.Add(1)
	a := n.author()
	n.mu.Lock()
	s := Status{Order: order, Person: a.Person, Short: a.Person.Short(), Device: a.Device, Name: n.name, Peers: len(n.peers), Nearby: !n.o.NoMDNS && !n.o.Hidden, Addrs: []string{}, Notices: slices.Clone(n.notices)}
	n.mu.Unlock()
	s.Volunteer = n.Volunteer()
	for _, m := range n.entryPoints(8) {
		s.Addrs = append(s.Addrs, m.String()+"/p2p/"+n.host.ID().String())
	}
	return s
}

// Counts are what was refused or dropped so far, each under a constant name, those of the rooms' relays and of UDP included.
func (n *Node) Counts() map[string]uint64 {
	out := n.counts.Snapshot()
	for name, c := range n.udp.Counts() {
		out["udp_"+name] = c
	}
	for _, r := range n.Rooms() {
		r.media.do(func(t *relay.Tree, _ time.Time) {
			for name, c := range t.Stats().Drops {
				out["relay_"+name] += c
			}
			for name, c := range placeCounts(r.media.place.Stats()) {
				out["place_"+name] += c
			}
		})
	}
	return out
}

// take keeps an announcement that a neighbour brought, or one of ours, if it holds and tells who watches.
func (n *Node) take(from peer.ID, raw []byte) error {
	changed, err := n.dir.Take(from, raw, time.Now())
	if changed {
		n.watch.tell(Change{Kind: RoomsChanged})
	}
	return err
}

// publish signs an announcement of ours and sends it into the mesh.
func (n *Node) publish(a room.Announcement) {
	raw, err := room.SignAnnouncement(n.id(), a)
	if err != nil {
		n.o.Log.Error("announcement", "room", a.Room.String(), "err", err)
		return
	}
	if err := n.take("", raw); err != nil {
		n.o.Log.Warn("own announcement", "room", a.Room.String(), "err", err)
	}
	if err := n.gossip.Publish(context.WithoutCancel(n.ctx), a.Language, raw); err != nil {
		n.counts.Add("announcement_unsent")
	}
	if a.Ended {
		n.mu.Lock()
		n.farewell = time.Now().Add(farewellTime)
		n.mu.Unlock()
	}
}

// Directory lists the live rooms we know of, but for those of people whom this person blocks.
func (n *Node) Directory() []RoomCard {
	out := []RoomCard{}
	for _, l := range n.dir.Live(time.Now()) {
		a := l.ann
		if n.people.Blocks(a.Host) {
			continue
		}
		r := n.Room(a.Room)
		out = append(out, RoomCard{
			ID: a.Room, Title: a.Title, Mode: a.Mode.String(), Language: a.Language,
			Host: PersonView{a.Host, a.HostName}, Listeners: a.Listeners, Speakers: a.Speakers, Started: l.since.UnixMilli(),
			Mine: a.Host == n.author().Person, Joined: r != nil && !r.Phase().Over(), Locked: a.Locked, StageOnly: a.StageOnly, Starts: a.Starts,
			Access: a.Access.String(), Price: a.Price, Caution: n.caution(a.Host, a.HostName, nil),
		})
	}
	return out
}

// Rooms are the rooms we are in.
func (n *Node) Rooms() []*Room {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]*Room, 0, len(n.rooms))
	for _, r := range n.rooms {
		out = append(out, r)
	}
	return out
}

// Room is a room we are in, or nil.
func (n *Node) Room(id room.ID) *Room {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.rooms[id]
}

// hosted is a room of ours that lives, or nil.
func (n *Node) hosted(id room.ID) *Room {
	if r := n.Room(id); r != nil && r.leads() {
		return r
	}
	return nil
}

// Find turns what a person typed, a prefix of a room's ID or title, into a live room. Several matches are an error
// that lists them.
func (n *Node) Find(prefix string) (room.ID, error) {
	if id, err := room.ParseID(prefix); err == nil {
		if _, live := n.dir.Get(id, time.Now()); live {
			return id, nil // also one that is not listed: Join says why
		}
	}
	want := strings.ToLower(strings.TrimSpace(prefix))
	var found []RoomCard
	for _, c := range n.Directory() {
		if want != "" && (strings.HasPrefix(c.ID.String(), want) || strings.HasPrefix(strings.ToLower(c.Title), want)) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return room.ID{}, &UserError{Code: "no_room", Text: fmt.Sprintf("There is no live room %q here. List the rooms, or use a share link.", prefix)}
	case 1:
		return found[0].ID, nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d rooms match %q:", len(found), prefix)
	for _, c := range found {
		fmt.Fprintf(&b, "\n  %s  %s (%s)", c.ID.String()[:10], c.Title, c.Host.Name)
	}
	return room.ID{}, &UserError{Code: "ambiguous", Text: b.String()}
}

// Start is how a new room should be.
type Start struct {
	Title, Language string
	Mode            room.Mode
	Starts          time.Time // when the doors open; the zero time means at once
	StageOnly       bool      // everybody may come on stage
	RecordAsks      bool      // recording only while the host says that the room is recorded
	Access          room.Access
	Sale            Sale // of a room by ticket
	CoHosts         []PersonView
	Keepers         []doc.PublicKey // of a closed room's key; see room.State
}

// startsWithin bounds how far ahead a room may be scheduled: its host's node waits for it.
const startsWithin = 366 * 24 * time.Hour

// StartRoom opens a room with us as its host.
func (n *Node) StartRoom(s Start) (*Room, error) {
	now := time.Now()
	var nonce [16]byte
	rand.Read(nonce[:])
	key := room.NewKey() // kept with the room, in one file with the counter of incarnations, and gone with it
	charter, err := room.NewCharter(n.author().Person, s.Title, s.Language, s.Mode, now, nonce)
	if err != nil {
		return nil, &UserError{Code: "bad_room", Text: fmt.Sprintf("A room needs a title of 1 to %d visible characters, fewer in scripts whose characters need more bytes, and a language such as en.", room.MaxTitle)}
	}
	if charter.RecordAsks = s.RecordAsks; !s.Starts.IsZero() {
		if s.Starts.Before(now) || s.Starts.Sub(now) > startsWithin {
			return nil, &UserError{Code: "bad_start", Text: "A room starts in the future, within a year."}
		}
		charter.Starts = s.Starts.UnixMilli()
	}
	charter.Access = s.Access
	r := n.newRoom(charter.Room)
	r.charter = charter
	r.feeds = newFeeding()
	r.host = r.newHosting()
	state, _ := room.Open(charter, n.author(), n.displayName(), key, now)
	r.state, r.phase = state, Live
	r.keys.secrets[state.KeyEpoch] = key
	r.link = n.shareLink(charter, n.listedRelays())
	if s.Access == room.ByTicket {
		if err := n.sell(charter, s.Sale, now); err != nil {
			return nil, err
		}
	}
	if s.Access == room.BySubscription {
		if err := n.offersSubscription(); err != nil {
			return nil, err
		}
	}
	if err := n.add(r); err != nil {
		return nil, err
	}
	if err := r.appoint(s.CoHosts, now); err != nil {
		n.leave(r)
		return nil, err
	}
	if err := r.entrust(s.Keepers, now); err != nil {
		n.leave(r)
		return nil, err
	}
	if err := r.begin(s.StageOnly, now); err != nil {
		return nil, err
	}
	n.keysMatter()
	return r, nil
}

// appoint makes these the co-hosts of a new room of ours.
func (r *Room) appoint(list []PersonView, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range list {
		name, err := room.CleanName(p.Name)
		if err != nil {
			name = "Guest " + p.Person.Short()
		}
		c := room.Command{Room: r.id, Kind: room.Appoint, To: p.Person, Name: name, Time: now.UnixMilli()}
		if err := r.decide(r.n.author(), c, now); errors.Is(err, room.ErrNotAllowed) {
			return &UserError{Code: "bad_cohost", Text: "You cannot be your own co-host. Name somebody else."}
		} else if err != nil && !errors.Is(err, room.ErrNoChange) {
			return err
		}
	}
	return nil
}

// begin publishes the program of a room of ours that was opened or taken up, unless the doors are still closed, and runs
// the room.
func (r *Room) begin(stageOnly bool, now time.Time, parts ...func(context.Context)) error {
	r.renewPapers(now)
	r.renewSubscribers(now)
	var err error
	r.mu.Lock()
	if stageOnly {
		err = r.decide(r.n.author(), room.Command{Room: r.id, Kind: room.StageOnly, Time: now.UnixMilli()}, now)
	}
	if err == nil && r.state.Charter.Access == room.ByInvitation && r.state.Invitation.IsZero() {
		err = r.relink(now)
	}
	if err == nil && !r.state.Waiting {
		err = r.publishProgram(now)
	}
	r.mu.Unlock()
	if err != nil {
		r.n.leave(r)
		return err
	}
	r.run(append(parts, r.tend, r.rotate)...)
	return nil
}

// shareLink is the link of a room of ours that these relays carry, or will.
func (n *Node) shareLink(c room.Charter, relays [][]byte) room.Link {
	l := room.Link{Room: c.Room, Host: c.Host, Device: n.author().Device}
	for _, m := range n.entryPoints(room.MaxEntries - len(relays)) {
		l.Addrs = append(l.Addrs, m.Bytes())
	}
	l.Addrs = append(l.Addrs, relays...)
	return l
}

// Join enters a room by ID, prefix or share link. It returns when the first attempt has ended; the room's phase says how.
func (n *Node) Join(ctx context.Context, ref string) (*Room, error) {
	link, err := n.resolve(ref)
	if err != nil {
		return nil, err
	}
	if r := n.Room(link.Room); n.people.Blocks(link.Host) && (r == nil || r.Phase().Over()) {
		return nil, errHostBlocked
	}
	if r := n.Room(link.Room); r != nil {
		if !r.Phase().Over() {
			return r, r.heardHere()
		}
		n.leave(r)
	}
	if link.Device == n.author().Device {
		return nil, &UserError{Code: "own_room", Text: "This was a room of yours, and it is over."}
	}
	// Whoever was in the room when a crash ended this node comes back to the same place.
	var before *Unfinished
	if u := n.takeKept(func(u Unfinished) bool { return !u.Ours && u.Room == link.Room }, false, time.Now()); len(u) == 1 {
		before = &u[0]
	}
	r, err := n.visit(link, before, false)
	n.dropKept(link.Room)
	if errors.Is(err, errInRoom) {
		if other := n.Room(link.Room); other != nil {
			return other, other.heardHere() // two clicks at once are one
		}
	}
	if err != nil {
		return nil, err
	}
	select {
	case <-r.guest.ready:
	case <-ctx.Done():
	}
	return r, nil
}

// heardHere says why a room that we are in cannot be heard, if so.
func (r *Room) heardHere() error {
	if r.carried {
		return &UserError{Code: "carried", Text: "This node carries that room for others and does not hear it. Listen with another one."}
	}
	return nil
}

// visit begins to enter somebody's room, anew or, if before is not nil, to the place that we had; or to carry it.
func (n *Node) visit(link room.Link, before *Unfinished, carry bool) (*Room, error) {
	host, err := addrInfo(link.Device, nil)
	if err != nil {
		return nil, &UserError{Code: "bad_link", Text: "This link is damaged."}
	}
	r := n.newRoom(link.Room)
	r.link = link
	r.phase = Connecting
	r.guest = newVisiting(host)
	r.guest.know(link.Addrs)
	if l, ok := n.dir.Get(link.Room, time.Now()); ok {
		r.charter.Title, r.charter.Language, r.charter.Mode, r.charter.Access = l.ann.Title, l.ann.Language, l.ann.Mode, l.ann.Access
	}
	r.charter.Room, r.charter.Host = link.Room, link.Host
	if before != nil {
		r.comeBack(before)
	}
	parts := []func(context.Context){r.visit, r.keepVisit, r.tendCarried, r.keepWatch, r.keepLane}
	if carry {
		r.carried, r.feeds, r.carries = true, newFeeding(), newCarrying()
		r.tally.records = n.openRecords(r.id)
		parts = []func(context.Context){r.visit, r.tendCarried, r.keepWatch}
	}
	if err := n.add(r); err != nil {
		return nil, err
	}
	r.shunOuts()
	r.run(parts...)
	return r, nil
}

// resolve finds whom to dial for a reference.
func (n *Node) resolve(ref string) (room.Link, error) {
	ref = strings.TrimSpace(ref)
	if strings.HasPrefix(ref, "salon:") {
		link, err := room.ParseLink(ref)
		if err != nil {
			return room.Link{}, &UserError{Code: "bad_link", Text: "This share link is damaged or cut off. Ask for it again."}
		}
		return link, nil
	}
	id, err := n.Find(ref)
	if err != nil {
		return room.Link{}, err
	}
	l, ok := n.dir.Get(id, time.Now())
	if !ok {
		return room.Link{}, &UserError{Code: "no_room", Text: "This room has just ended."}
	}
	return room.Link{Room: id, Host: l.ann.Host, Device: l.device, Addrs: l.ann.Entries}, nil
}

func (n *Node) newRoom(id room.ID) *Room {
	return &Room{n: n, id: id, cancel: func(error) {}, keys: newKeyring()}
}

var errInRoom = &UserError{Code: "in_room", Text: "You are in this room already."}

// add makes r one of our rooms. Rooms that are over give way to it.
func (n *Node) add(r *Room) error {
	if rooms := n.Rooms(); len(rooms) >= maxRooms {
		for _, old := range rooms {
			if old.Phase().Over() {
				n.leave(old)
			}
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return errors.New("node: closing")
	}
	if n.rooms[r.id] != nil {
		return errInRoom
	}
	if len(n.rooms) >= maxRooms {
		return &UserError{Code: "too_many_rooms", Text: "You are in too many rooms. Leave one first."}
	}
	r.sound()
	n.rooms[r.id] = r
	return nil
}

// leave takes us out of a room: for a host that ends it.
func (n *Node) leave(r *Room) {
	r.mu.Lock()
	r.leaving = true
	r.mu.Unlock()
	if r.leads() && n.Person() != r.hostPerson() {
		// A co-host who goes leaves the room to the next, or to wait for its host.
		ctx, cancel := context.WithTimeout(n.ctx, handWithin)
		if err := r.HandOver(ctx, doc.PublicKey{}); err != nil {
			r.abandon()
		}
		cancel()
	}
	r.mu.Lock()
	leads := r.host != nil
	if leads && !r.phase.Over() && n.Person() == r.charter.Host {
		now := time.Now()
		if err := r.decide(n.author(), room.Command{Room: r.id, Kind: room.End, Time: now.UnixMilli()}, now); err != nil {
			r.setPhase(Ended, "You ended the room.")
		}
	}
	r.mu.Unlock()
	if !leads {
		r.partFromBelow()
		r.leaveRoom()
	}
	if r.leads() && n.Person() != r.hostPerson() {
		r.abandon()
	}
	r.close()
	if leads && n.Person() == r.hostPerson() {
		n.endSale(r.id)
	}
	if err := n.home.forgetRoom(r.id); err != nil {
		n.o.Log.Error("room not forgotten", "room", r.id.String(), "err", err)
	}
	n.mu.Lock()
	if n.rooms[r.id] == r {
		delete(n.rooms, r.id)
	}
	n.mu.Unlock()
	n.watch.tell(Change{Kind: RoomChanged, Room: r.id, Gone: true})
	n.watch.tell(Change{Kind: RoomsChanged})
}

func (n *Node) roomChanged(r *Room) { n.watch.tell(Change{Kind: RoomChanged, Room: r.id}) }

// protect keeps the connection manager from closing a connection that carries a room, until done is called. Each call
// counts by itself: one connection may carry several rooms, and a device that comes back has two for a moment.
func (n *Node) protect(p peer.ID) (done func()) {
	tag := fmt.Sprintf("salon-%d", n.nonce())
	n.host.ConnManager().Protect(p, tag)
	return func() { n.host.ConnManager().Unprotect(p, tag) }
}

// cut closes a connection that carries nothing any more, so that the next attempt dials instead of waiting for it: QUIC
// notices a changed network only after its idle time. It stays if another room than except is live through it.
func (n *Node) cut(p peer.ID, except *Room) {
	for _, r := range n.Rooms() {
		if r != except && r.uses(p) {
			return
		}
	}
	n.counts.Add("connection_cut")
	_ = n.host.Network().ClosePeer(p)
}
