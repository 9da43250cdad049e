package node

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// hosting is what only the host of a room has. Room.mu guards the fields.
type hosting struct {
	*feeding
	replay      *room.Replay
	absent      absences
	recalls     recalls
	roster      roster
	notice      notice // what the last announcement said
	sight       sight
	door        door
	news        chan struct{} // holds one: announce soon
	keeper      keeper
	keyholder   keyholder
	tickets     ticketDoor
	subscribers subscriberDoor
	asked       map[peer.ID]*asked // relays
	accused     map[peer.ID]*accused
	evidence    allowance
	waitingOuts waitingWords
	retelling   room.Retelling // of the tails of others
	tails       allowance      // of events of those
	// volunteers are the listeners' devices that may carry the room for others, as long as it is open to everybody.
	volunteers map[doc.PublicKey]bool
}

func (r *Room) newHosting() *hosting {
	return &hosting{
		feeding: r.feeds, replay: &room.Replay{}, asked: make(map[peer.ID]*asked), accused: make(map[peer.ID]*accused), volunteers: make(map[doc.PublicKey]bool),
		absent: make(absences), recalls: make(recalls), door: newDoor(holdTime(r.charter)), news: make(chan struct{}, 1), keeper: newKeeper(&r.mu), keyholder: newKeyholder(),
	}
}

var errOfAnother = errors.New("node: a command that somebody else signed")

// answer decides on a signed command that came from below. r.mu is held.
func (r *Room) answer(id uint64, s said, now time.Time) relay.Answer {
	err := s.err
	switch {
	case errors.Is(err, room.ErrBusy):
		r.n.counts.Add("command_flood")
	case errors.Is(err, errOfAnother):
		r.n.counts.Add("command_of_another")
		err = room.ErrNotAllowed
	case err != nil:
		r.n.counts.Add("command_malformed")
	default:
		if err = r.host.replay.Check(s.author, s.command, now); err != nil {
			r.n.counts.Add("command_replayed")
			break
		}
		err = r.decide(s.author, s.command, now)
	}
	if err == nil {
		return relay.Answer{ID: id}
	}
	u := explain(err)
	return relay.Answer{ID: id, Code: u.Code, Text: u.Text}
}

// decide runs the rule book and tells everyone. r.mu is held; it is let go while the event is written, when nothing else
// is decided but everything else may change.
func (r *Room) decide(by doc.Author, c room.Command, now time.Time) error {
	if !r.turn() {
		return errNotConnected // whoever leads it now is still to be found
	}
	ev, err := r.state.Decide(by, c, now)
	if err != nil {
		return err
	}
	return r.commit(ev)
}

// commit keeps an event of ours, applies it and carries out what follows. r.mu is held as for decide.
func (r *Room) commit(ev room.Event) error {
	raw, err := room.SignEvent(r.n.id(), ev)
	if err != nil {
		return err
	}
	msg, err := relay.EncodeControl(relay.Event{Payload: raw})
	if err != nil {
		return err
	}
	next := r.state.Clone()
	effects, err := next.Apply(ev)
	if err != nil {
		return err
	}
	for _, e := range effects {
		if e, ok := e.(room.Drop); ok {
			r.host.door.removed(e.Person, next.Removed)
		}
	}
	if err := r.keep(next, ev, raw); err != nil {
		return err
	}
	r.state = next
	r.logEvent(ev, raw)
	chartered := slices.ContainsFunc(effects, func(e room.Effect) bool { return e == room.Chartered{} })
	if r.charter = next.Charter; chartered {
		// First, so that whoever knows of it can show it: a co-host must, to lead on.
		charter, err := room.SignCharter(r.n.id(), r.charter)
		if err != nil {
			return err
		}
		r.broadcast(relay.Charter{Payload: charter})
	}
	r.broadcastRaw(msg)
	if chartered {
		r.tellSuccessors()
	}
	r.settle()
	r.carryOut(ev, effects)
	for _, e := range effects {
		switch e := e.(type) {
		case room.Closed:
			r.setPhase(Ended, r.endedBy(ev.By))
		case room.Drop:
			r.shutOut(e.Person)
		case room.Begun:
			if err := r.publishProgram(time.Now()); err != nil {
				return err
			}
		}
	}
	if ev.Kind == room.Lock && r.host != nil {
		r.host.door.locked = time.Now()
	}
	if ev.Kind == room.Readmit {
		r.host.door.readmitted(ev.To, time.Now())
	}
	r.announceSoon()
	return nil
}

// publishProgram begins the mix for the audience. r.mu is held.
func (r *Room) publishProgram(now time.Time) error {
	return r.decide(r.n.author(), room.Command{Room: r.id, Kind: room.Publish, Program: true, Start: r.voice.askProgram(), Time: now.UnixMilli()}, now)
}

// endedBy is why the room is over, for this node's person. r.mu is held.
func (r *Room) endedBy(p doc.PublicKey) string {
	if p == r.n.Person() {
		return "You ended the room."
	}
	return r.names.view(p).Name + " ended the room."
}

// tend runs a hosted room's clock: counts to the children, dead children, announcements.
func (r *Room) tend(ctx context.Context) {
	second := time.NewTicker(countsEvery)
	defer second.Stop()
	r.mu.Lock()
	if r.host == nil {
		r.mu.Unlock()
		return
	}
	news := r.host.news
	r.mu.Unlock()
	var version uint64
	announce := time.NewTimer(0)
	defer announce.Stop()
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			r.mu.Lock()
			ended := r.state.Ended || r.charter.Host == r.n.Person()
			r.mu.Unlock()
			if ended {
				r.announce(version, true) // unless somebody else leads it on
			}
			return
		case <-second.C:
			now := time.Now()
			r.renewSubscribers(now)
			r.everySecond(now)
			r.sweep(now)
			r.recall(ctx, now)
			r.recruit(ctx, now)
			r.stayKept(now)
		case <-news:
			// A burst of changes is one announcement, at most two a second.
			announce.Reset(max(0, 500*time.Millisecond-time.Since(last)))
		case <-announce.C:
			last = time.Now()
			version = r.announce(version, false)
			every := r.n.o.AnnounceEvery
			announce.Reset(every - every/10 + rand.N(every/5))
		}
	}
}

func (r *Room) everySecond(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		return
	}
	r.listeners = r.audience()
	if r.listeners != r.feeds.told {
		r.feeds.told = r.listeners
		r.broadcast(relay.Counts{Listeners: r.listeners})
		r.n.roomChanged(r)
		r.announceSoon()
	}
	if r.state.Waiting && now.UnixMilli() >= r.state.Charter.Starts && !r.phase.Over() {
		if err := r.decide(r.n.author(), room.Command{Room: r.id, Kind: room.Begin, Time: now.UnixMilli()}, now); err != nil {
			r.n.o.Log.Error("doors", "err", err)
		}
	}
	if !r.state.Waiting && r.state.Program.Incarnation == 0 && !r.phase.Over() {
		// The doors are open, and the home could not be written to then.
		if err := r.publishProgram(now); err != nil {
			r.n.o.Log.Error("program", "err", err)
		}
	}
	if r.host == nil {
		return // while something was written somebody else began to lead
	}
	r.tellSuccessors()
	r.tellInside()
	r.doubt(now)
	r.settleOuts(now)
	r.seeCallers(now)
	if r.host == nil {
		return
	}
	r.voice.expectLoss(r.worstLoss())
	r.lookAtChildren(now)
	r.offer()
}

// A notice is what somebody who sees the room in a list would notice of it.
type notice struct {
	name                        string
	listeners, speakers, relays int
	locked, stageOnly, waiting  bool
}

// notice is what there is to announce. r.mu is held.
func (r *Room) notice() notice {
	n := notice{r.n.displayName(), int(r.listeners), len(r.state.Seats), len(r.relayEntries()), r.state.Locked, r.state.StageOnly, r.state.Waiting}
	if n.listeners > 20 { // one more or less of many can wait for the next announcement
		for unit := 1; ; unit *= 10 {
			if n.listeners < 200*unit {
				n.listeners -= n.listeners % (10 * unit)
				break
			}
		}
	}
	return n
}

// announceSoon asks for an announcement, if there is something new to say. r.mu is held.
func (r *Room) announceSoon() {
	if r.host == nil || r.notice() == r.host.notice {
		return
	}
	select {
	case r.host.news <- struct{}{}:
	default:
	}
}

// announce publishes the room as it stands; version is the last one used.
func (r *Room) announce(version uint64, ended bool) uint64 {
	if r.n.o.Hidden {
		return version
	}
	a := r.announcement(version, ended)
	r.mu.Lock()
	if r.host == nil {
		r.mu.Unlock()
		return version
	}
	r.host.notice = r.notice()
	r.mu.Unlock()
	r.n.publish(a)
	return a.Version
}

// announcement describes the room as it stands; version is the last one used.
func (r *Room) announcement(version uint64, ended bool) room.Announcement {
	r.mu.Lock()
	charter, relays := r.charter, append(r.relayEntries(), r.otherEntries()...)
	r.mu.Unlock()
	link := r.n.shareLink(charter, relays) // made anew: this machine may have come into another network
	r.mu.Lock()
	defer r.mu.Unlock()
	link.Secret = r.keys.link
	if r.host != nil {
		r.link = link
	}
	now := time.Now()
	ttl := r.n.o.AnnounceEvery * 5 / 2
	a := room.Announcement{
		Room: r.id, Nonce: r.charter.Nonce, Host: r.charter.Host, HostName: r.hostName(),
		Title: r.charter.Title, Language: r.charter.Language, Mode: r.charter.Mode, Access: r.charter.Access,
		Listeners: r.listeners, Speakers: uint32(len(r.state.Seats)), Version: max(version+1, uint64(now.UnixMilli())),
		Time: now.UnixMilli(), Expires: now.Add(ttl).UnixMilli(), Ended: ended, Locked: r.state.Locked, StageOnly: r.state.StageOnly,
		Entries: link.Addrs,
	}
	if r.host != nil {
		a.Price = r.papers.price
	}
	if r.state.Waiting {
		a.Starts = r.charter.Starts
	}
	for _, s := range r.charter.CoHosts {
		a.Successors = append(a.Successors, s.Person)
	}
	return a
}

// hostName is what the host is called. r.mu is held.
func (r *Room) hostName() string {
	if r.charter.Host == r.n.Person() {
		return r.n.displayName()
	}
	return r.names.view(r.charter.Host).Name
}

// entriesRelays is how many of a room's entry points are relays.
const entriesRelays = 3

// relayEntries are relays as entry points, with their names: those that were listed for this node, and those that feed on us
// and have most places. r.mu is held.
func (r *Room) relayEntries() [][]byte {
	list := r.n.listedRelays()
	for _, c := range r.openRelays(entriesRelays + len(r.n.relays)) {
		listed := slices.ContainsFunc(r.n.relays, func(p peer.AddrInfo) bool { return p.ID == c.ID })
		if !listed && len(list) < entriesRelays {
			list = appendEntry(list, c.Addrs[0], c.ID)
		}
	}
	return list
}

// listedRelays are the relays that were listed for this node, as entry points.
func (n *Node) listedRelays() (list [][]byte) {
	for _, p := range n.relays {
		if len(p.Addrs) > 0 && len(list) < entriesRelays {
			list = appendEntry(list, p.Addrs[0], p.ID)
		}
	}
	return list
}

func appendEntry(list [][]byte, at multiaddr.Multiaddr, id peer.ID) [][]byte {
	name, err := multiaddr.NewComponent("p2p", id.String())
	if err != nil {
		return list // it has no such name
	}
	return append(list, at.AppendComponent(name).Bytes())
}

// entryPoints are the addresses a room's link carries, at most limit, loopback only when there is nothing else: to
// another machine it would name that machine.
func (n *Node) entryPoints(limit int) []multiaddr.Multiaddr {
	addrs := rankAddrs(n.host.Addrs())
	if i := slices.IndexFunc(addrs, manet.IsIPLoopback); i > 0 {
		addrs = addrs[:i] // ranked last
	}
	return addrs[:min(len(addrs), limit)]
}
