package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/multiformats/go-multiaddr"

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
	partWithin = 2 * time.Second // of those below, when we go
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
	tail     [][]byte         // events for whoever leads now, when we are in
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
		r.guest.host, r.link.Device, r.link.Addrs = to, r.state.Program.Device, nil
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
		for part := range slices.Chunk(r.heir.tail, relay.MaxTail) {
			r.guest.ctl.Send(relay.Tail{Events: part})
		}
		r.heir.tail = nil
	}
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

// renewMicrophone asks for an incarnation when the one that our microphone had is not known to who leads now. r.mu is held.
func (r *Room) renewMicrophone() {
	if r.heir.renewed == r.state.Term {
		return
	}
	first := r.heir.renewed == room.Term{}
	r.heir.renewed = r.state.Term
	if first || !r.voice.unpublished(r.mySeat()) {
		return
	}
	r.voice.askIncarnation(r.state.Incarnation)
	r.wg.Go(func() { r.publishAgain(r.n.ctx) })
}

// publishAgain has whoever leads now take up our microphone. In a change of leader they may be out of reach for a moment.
func (r *Room) publishAgain(ctx context.Context) {
	for range publishTries {
		err := r.command(ctx, room.Command{Kind: room.Publish})
		if err == nil {
			return
		}
		r.n.o.Log.Warn("microphone not taken up again", "room", r.id.String(), "err", err)
		if !errors.Is(err, errNotConnected) {
			return // they do not take it
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(publishEvery):
		}
		r.mu.Lock()
		over := r.host != nil || r.phase.Over() || !r.voice.unpublished(r.mySeat())
		r.mu.Unlock()
		if over {
			return
		}
	}
}

// become makes us who leads the room, by an event of ours. r.mu is held, and let go while something is written.
func (r *Room) become(ev room.Event, raw []byte, now time.Time) error {
	next := r.state.Clone()
	effects, err := next.Apply(ev)
	if err != nil {
		return err
	}
	r.state, r.charter = next, next.Charter
	return r.begun(ev, raw, effects, now)
}

// begun makes us who leads the room as the state says since ev. r.mu is held, as for become.
func (r *Room) begun(ev room.Event, raw []byte, effects []room.Effect, now time.Time) error {
	r.logEvent(ev, raw)
	r.heir.used = true
	if r.feeds == nil {
		r.feeds = newFeeding()
	}
	fed := r.carries != nil
	r.lends = lends{}
	r.carries, r.host = nil, r.newHosting()
	r.heir.grace, r.heir.awaits, r.heir.gone, r.heir.offered, r.heir.insideOurs = now.Add(lockedGrace), false, false, "", nil
	for p := range r.heir.inside { // as if they had lost the connection just now: many have
		r.host.door.lost[p] = now
	}
	r.guest.up, r.guest.ctl, r.guest.parent, r.guest.at, r.guest.lost = nil, nil, "", position{}, time.Time{}
	r.voice.lead(r.heir.asked, now)
	r.heir.asked = 0
	r.media.drive(func(p *relay.Place, now time.Time) {
		r.media.carries = false
		p.Source(relay.Peer(r.n.host.ID()))
		p.Lead(now)
	})
	r.heir.before, r.heir.back = r.heir.led, time.Time{}
	r.shareProgram()
	r.n.o.Log.Info("leads the room", "room", r.id.String(), "reign", ev.Term.Reign, "epoch", ev.Term.Epoch, "order", ev.Term.Order)
	r.setPhase(Live, "")
	r.link = r.n.shareLink(r.charter, r.otherEntries())
	r.act(r.tend, r.seekOthers, r.rotate)
	r.offer()
	if fed {
		if charter, err := r.signedCharter(); err == nil {
			r.broadcast(relay.Charter{Payload: charter})
		}
		r.broadcast(relay.Event{Payload: raw})
	}
	r.settle()
	r.carryOut(ev, effects)
	r.roleChanged()
	if r.state.Waiting {
		return nil
	}
	return r.publishProgram(now)
}

// shareProgram lets the program of who led before come by until ours has begun. r.mu is held.
func (r *Room) shareProgram() {
	r.media.do(func(t *relay.Tree, _ time.Time) { t.Share(relay.Program, true) })
	time.AfterFunc(shareFor, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.host != nil {
			r.heir.before = doc.PublicKey{}
			r.settleChildren()
			r.media.do(func(t *relay.Tree, _ time.Time) { t.Share(relay.Program, false) })
		}
	})
}

// stepDown makes us a guest of who leads now: the state is theirs. What they may not know of ours they are told when we are
// in. number is where their program begins, 0 for at once. r.mu is held, and nothing is being written.
func (r *Room) stepDown(to peer.AddrInfo, s *room.State, number uint64) {
	now := time.Now()
	r.heir.tail, r.heir.insideOurs = r.tailFor(s), sortedKeys(r.inside())
	r.heir.offered, r.heir.inside, r.heir.insideBy = "", nil, nil
	r.host = nil
	if r.guest == nil {
		r.guest = newVisiting(to)
		r.guest.decided.Do(func() { close(r.guest.ready) })
		seat := r.mySeat()
		r.guest.consent = consent{asked: true, muted: seat != nil && seat.Muted, had: seat != nil}
	}
	g := r.guest
	g.host, g.lost, g.up, g.ctl, g.parent, g.at = to, now, nil, nil, "", position{}
	g.have.Store(s.Seq)
	r.link.Device, r.link.Addrs = s.Program.Device, nil
	for _, m := range to.Addrs {
		r.link.Addrs = append(r.link.Addrs, m.Bytes())
	}
	r.carries = newCarrying()
	r.state, r.charter = s, s.Charter
	if c := r.feeds.children[to.ID]; c != nil { // it is to feed us, not we it
		delete(r.feeds.children, to.ID)
		r.goneBelow(r.feeds.below.dropVia(c))
		r.vacate(c)
		r.wg.Go(func() { c.ctl.Part(relay.Bye{Code: byeMoved}) })
	}
	r.voice.follow(number)
	entries := r.entries()
	r.media.drive(func(p *relay.Place, now time.Time) {
		r.media.carries = true
		r.media.tree.Share(relay.Program, true)
		p.Source(relay.Peer(to.ID))
		p.Follow(now)
		p.Seek(entries, now)
	})
	r.n.o.Log.Info("somebody else leads the room", "room", r.id.String(), "leader", to.ID.String(), "reign", s.Term.Reign, "epoch", s.Term.Epoch, "order", s.Term.Order)
	r.act(r.visit, r.keepVisit, r.tendCarried, r.keepWatch, r.keepLane)
	r.settle()
	r.roleChanged()
}

// tailFor are the events that a state does not hold, signed. r.mu is held.
func (r *Room) tailFor(s *room.State) (raw [][]byte) {
	events := make([]room.Told, len(r.heir.events))
	for i, l := range r.heir.events {
		events[i] = l.Told
	}
	for _, ev := range s.Tail(events) {
		for _, l := range r.heir.events {
			if l.Told == ev {
				raw = append(raw, l.raw)
			}
		}
	}
	return raw
}

// takeTail has decided again what somebody did who led, or kept it for who did. r.mu is held, and let go in between.
func (r *Room) takeTail(c *child, m relay.Tail, now time.Time) {
	if r.host == nil || !r.state.Leads(c.author.Person) {
		r.n.counts.Add("tail_refused")
		return
	}
	var events []room.Told
	for _, raw := range m.Events[:min(len(m.Events), relay.MaxTail)] {
		ev, author, err := room.OpenEvent(raw, now)
		if err != nil || ev.Room != r.id || !r.maySubmit(author, &ev) {
			r.n.counts.Add("tail_refused")
			continue
		}
		events = append(events, room.Told{Event: ev, Leader: author.Device})
	}
	if events = r.state.Tail(events); len(events) == 0 {
		return
	}
	r.n.o.Log.Info("decides again what was decided elsewhere", "room", r.id.String(), "events", len(events))
	last := slices.MaxFunc(events, func(a, b room.Told) int { return cmp.Compare(a.Time, b.Time) })
	shift := now.Sub(time.UnixMilli(last.Time)) // what was said in a minute is not too much at once
	room.Resubmit(events, func(by doc.Author, cmd room.Command) uint64 {
		if r.decide(by, cmd, time.UnixMilli(cmd.Time).Add(shift)) != nil || r.host == nil {
			return 0
		}
		return r.state.Seq
	})
}

// maySubmit reports whether somebody who led the room, in the term of an event, may have it decided again. What others did who
// lead too only they could say, but for whom they put out: that counts as done by who led. r.mu is held.
func (r *Room) maySubmit(author doc.Author, ev *room.Event) bool {
	led := r.state.Charter.Host
	if o := int(ev.Term.Order); o > len(r.state.Charter.CoHosts) {
		return false
	} else if o > 0 {
		led = r.state.Charter.CoHosts[o-1].Person
	}
	switch {
	case led != author.Person, ev.Kind == room.Unmute && ev.By != author.Person:
		return false
	case ev.By == author.Person || !r.state.Leads(ev.By):
		return true
	}
	ev.By, ev.Device = author.Person, author.Device
	return ev.Kind == room.Remove || ev.Kind == room.Readmit
}

// hearTail takes events of before we came, from who leads.
func (r *Room) hearTail(m relay.Tail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var before []logged
	for _, raw := range m.Events[:min(len(m.Events), relay.MaxTail)] {
		ev, author, err := room.OpenEvent(raw, time.Now())
		if told := (room.Told{Event: ev, Leader: author.Device}); err == nil && ev.Room == r.id && r.state.Leads(author.Person) && r.state.Holds(told) {
			before = append(before, logged{told, raw})
		}
	}
	r.heir.events = append(before, r.heir.events...)
	slices.SortFunc(r.heir.events, func(a, b logged) int { return int(int64(a.Seq - b.Seq)) })
	r.heir.events = slices.CompactFunc(r.heir.events, func(a, b logged) bool { return a.Seq == b.Seq && a.Term == b.Term })
	if over := len(r.heir.events) - logMost; over > 0 {
		r.heir.events = slices.Delete(r.heir.events, 0, over)
	}
}

// tellHeir tells a co-host who came what it must know to lead one day: who would before it, and what the host may not have
// seen of those who led meanwhile. r.mu is held.
func (r *Room) tellHeir(c *child) {
	if len(r.heir.told.To) > 0 {
		c.ctl.Send(r.heir.told)
	}
	r.tellOuts(c.ctl, time.Now())
	if !r.state.Leads(c.author.Person) || r.state.Term.Epoch == 0 || r.host == nil {
		return
	}
	var raw [][]byte
	for _, l := range r.heir.events {
		if l.Term.Epoch > 0 {
			raw = append(raw, l.raw)
		}
	}
	for part := range slices.Chunk(raw, relay.MaxTail) {
		c.ctl.Send(relay.Tail{Events: part})
	}
}

// tellSuccessors tells everybody below who would lead the room if we were gone, if that has changed. r.mu is held.
func (r *Room) tellSuccessors() {
	if r.host == nil {
		return // somebody else leads by now
	}
	var to []relay.Entry
	for _, s := range r.standbys() {
		e := relay.Entry{Peer: []byte(s.id), Addrs: [][]byte{}}
		for _, m := range s.addrs {
			e.Addrs = append(e.Addrs, m.Bytes())
		}
		if e.Addrs = e.Addrs[:min(len(e.Addrs), relay.MaxAddrs)]; len(e.Addrs) > 0 && len(to) < relay.MaxEntries {
			to = append(to, e)
		}
	}
	carriers := r.heir.carriers
	if r.charter.Host == r.n.Person() {
		carriers = nil
		for id, a := range r.host.asked {
			if a.willing && len(carriers) < relay.MaxCarriers {
				carriers = append(carriers, []byte(id))
			}
		}
		slices.SortFunc(carriers, bytes.Compare)
	}
	same := slices.EqualFunc(carriers, r.heir.told.Carriers, bytes.Equal)
	if same && slices.EqualFunc(to, r.heir.told.To, func(a, b relay.Entry) bool {
		return string(a.Peer) == string(b.Peer) && slices.EqualFunc(a.Addrs, b.Addrs, func(x, y []byte) bool { return string(x) == string(y) })
	}) {
		return
	}
	r.heir.told, r.heir.others, r.heir.carriers = relay.Successors{To: to, Carriers: carriers}, peersOf(to), carriers
	r.broadcast(r.heir.told)
	r.host.keeper.marked = time.Time{} // the home is to know whom to ask, too
	r.n.roomChanged(r)
	r.announceSoon()
}

// located takes notice that it is known now where a node can be reached. A co-host is a child of ours a moment before that, and
// until the others are told where it is, nobody finds it who loses us.
func (r *Room) located(id peer.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feeds == nil || r.state == nil || r.phase.Over() {
		return
	}
	if c := r.feeds.children[id]; c == nil || !r.state.Leads(c.author.Person) {
		return
	}
	if r.host == nil {
		r.presenceSoon()
		return
	}
	r.tellSuccessors()
}

// tellInside tells those who may lead the room next who is inside. r.mu is held.
func (r *Room) tellInside() {
	var people map[doc.PublicKey]bool
	for _, c := range r.feeds.children {
		if !r.state.Leads(c.author.Person) || c.left || c.warm {
			continue
		}
		if people == nil {
			people = r.inside()
		}
		if c.inside == nil {
			c.inside = make(map[doc.PublicKey]bool)
		}
		var here, gone []doc.PublicKey
		for p := range c.inside {
			if !people[p] {
				gone = append(gone, p)
				delete(c.inside, p)
			}
		}
		for p := range people {
			if !c.inside[p] && len(c.inside) < insideMost {
				here = append(here, p)
				c.inside[p] = true
			}
		}
		for len(here)+len(gone) > 0 {
			h, g := min(len(here), relay.MaxInside), min(len(gone), relay.MaxInside)
			c.ctl.Send(relay.Inside{Here: here[:h], Gone: gone[:g]})
			here, gone = here[h:], gone[g:]
		}
	}
}

// takeInside takes a leader's word on who is inside. r.mu is not held.
func (r *Room) takeInside(u *uplink, m relay.Inside) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.heir
	if r.host != nil || u.to.ID != r.guest.host.ID {
		return
	}
	if h.insideBy != u {
		h.inside, h.insideBy = make(map[doc.PublicKey]bool), u // it tells anew
	}
	for _, p := range m.Gone[:min(len(m.Gone), relay.MaxInside)] {
		delete(h.inside, p)
	}
	for _, p := range m.Here[:min(len(m.Here), relay.MaxInside)] {
		if len(h.inside) < insideMost {
			h.inside[p] = true
		}
	}
}

// peersOf are the nodes of a list.
func peersOf(list []relay.Entry) (peers []peer.AddrInfo) {
	for _, e := range list[:min(len(list), relay.MaxEntries)] {
		e.Addrs = e.Addrs[:min(len(e.Addrs), relay.MaxAddrs)]
		if p, err := addrInfoOf(e); err == nil && len(p.Addrs) > 0 {
			peers = append(peers, p)
		}
	}
	return peers
}

// A standby is a node that leads the room if we are gone.
type standby struct {
	author doc.Author
	id     peer.ID
	addrs  []multiaddr.Multiaddr
	child  *child // nil if a relay feeds it
}

// standbys are those that are in the room: our own children, and then one of each person below, as the relays say; in both the
// host's first, then co-hosts'. r.mu is held.
func (r *Room) standbys() (list []standby) {
	own := r.n.author().Device
	for _, c := range r.feeds.children {
		if r.state.Leads(c.author.Person) && c.author.Device != own && !c.left && !c.warm {
			list = append(list, standby{c.author, c.id, r.n.addrsOf(c.id), c})
		}
	}
	named := make(map[doc.PublicKey]bool)
	for device, g := range r.heirsBelow() {
		at, err := multiaddr.NewMultiaddr(g.At)
		id, bad := peerOf(device)
		if r.state.Leads(g.Person) && err == nil && bad == nil && !r.isChild(device) && !named[g.Person] {
			named[g.Person] = true
			list = append(list, standby{g.author(), id, []multiaddr.Multiaddr{at}, nil})
		}
	}
	place := func(s standby) int {
		return slices.IndexFunc(r.state.Charter.CoHosts, func(h room.Successor) bool { return h.Person == s.author.Person })
	}
	far := func(s standby) int {
		if s.child == nil {
			return 1
		}
		return 0
	}
	slices.SortFunc(list, func(a, b standby) int {
		return cmp.Or(far(a)-far(b), cmp.Compare(place(a), place(b)), slices.Compare(a.author.Device[:], b.author.Device[:]))
	})
	return list
}

// takeSuccessors takes a leader's word on who would lead if it were gone. r.mu is not held.
func (r *Room) takeSuccessors(u *uplink, m relay.Successors) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil || r.guest.up != u {
		return
	}
	m.To, m.Carriers = m.To[:min(len(m.To), relay.MaxEntries)], m.Carriers[:min(len(m.Carriers), relay.MaxCarriers)]
	r.heir.others, r.heir.carriers = peersOf(m.To), m.Carriers
	for _, p := range r.heir.others {
		r.n.host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
	}
	r.heir.told = m // whom we feed, now or later, are told too
	if r.carries != nil {
		r.broadcast(m)
	}
	r.guest.changed()
	r.n.roomChanged(r)
	r.seekAnew()
}

// entries is where the room may be entered: where it is led, at relays, and at those who lead it if nobody does. A relay asks
// no other relay of its own accord. r.mu is held.
func (r *Room) entries() (entries []relay.Entry) {
	list := append([]peer.AddrInfo{r.guest.host}, r.heir.others...)
	if r.carries == nil || time.Since(r.guest.lost) >= time.Second {
		list = append(list, r.guest.others...)
	}
	list = append(list, r.heir.hint)
	for i, p := range list {
		known := slices.ContainsFunc(list[:i], func(q peer.AddrInfo) bool { return q.ID == p.ID })
		if p.ID != "" && p.ID != r.n.host.ID() && !known {
			entries = append(entries, entryOf(p))
		}
	}
	return entries
}

// seekAnew tells the place where the room may be entered now. r.mu is held.
func (r *Room) seekAnew() {
	entries := r.entries()
	r.media.drive(func(p *relay.Place, now time.Time) { p.Seek(entries, now) })
}

// otherEntries are the successors as entry points, with their names. r.mu is held.
func (r *Room) otherEntries() (list [][]byte) {
	for _, p := range r.heir.others[:min(len(r.heir.others), 2)] {
		if len(p.Addrs) > 0 && p.ID != r.n.host.ID() {
			list = appendEntry(list, p.Addrs[0], p.ID)
		}
	}
	return list
}

// HandOver has a co-host lead the room, who is in it: the one named, or the next. It returns when that one does.
func (r *Room) HandOver(ctx context.Context, to doc.PublicKey) error {
	r.mu.Lock()
	if r.host == nil || r.phase.Over() {
		r.mu.Unlock()
		return &UserError{Code: "not_leading", Text: "You do not lead this room now."}
	}
	list := r.standbys()
	i := slices.IndexFunc(list, func(s standby) bool { return to.IsZero() || s.author.Person == to })
	if i < 0 {
		r.mu.Unlock()
		return &UserError{Code: "no_successor", Text: "No co-host is in the room who could lead it on. Appoint one, or end it for all."}
	}
	c := list[i].child
	if c == nil { // who is asked through a relay is asked in vain
		name := r.names.view(list[i].author.Person).Name
		r.mu.Unlock()
		return &UserError{Code: "far", Text: fmt.Sprintf("%s hears the room through a relay, and is about to come nearer. Try again in a moment.", name)}
	}
	number := r.voice.nextNumber() + handAhead
	r.heir.offered, r.heir.asked = c.id, number
	news := r.roleNews()
	c.ctl.Send(relay.Lead{Number: number})
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, handWithin)
	defer cancel()
	select {
	case <-news:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		return nil
	}
	r.heir.offered, r.heir.asked = "", 0
	return &UserError{Code: "no_answer", Text: fmt.Sprintf("%s did not take the room over. You still lead it.", r.names.view(c.author.Person).Name)}
}

// TakeBack has the host, who is a guest in their own room, lead it again.
func (r *Room) TakeBack(ctx context.Context) error {
	r.mu.Lock()
	if r.host != nil {
		r.mu.Unlock()
		return nil
	}
	if r.state == nil || r.charter.Host != r.n.Person() || r.guest.ctl == nil {
		r.mu.Unlock()
		return &UserError{Code: "not_host", Text: "Only the host takes a room back, and in it."}
	}
	if r.guest.parent != r.guest.host.ID {
		r.mu.Unlock()
		return &UserError{Code: "far", Text: "You hear the room through a relay. Try again in a moment."}
	}
	news := r.roleNews()
	r.heir.asked, r.heir.askedAt = r.voice.lastNumber()+handAhead, time.Now()
	r.mu.Unlock()
	r.propose()
	ctx, cancel := context.WithTimeout(ctx, handWithin)
	defer cancel()
	select {
	case <-news:
	case <-ctx.Done():
		return errNotConnected
	}
	return nil
}

// takeLead is a leader's request that we lead. We may be just moving from a relay to them: then follow proposes it.
func (r *Room) takeLead(u *uplink, m relay.Lead) {
	r.mu.Lock()
	last := r.voice.lastNumber()
	may := u.to.ID == r.guest.host.ID && r.mayLead() && m.Number > last && (last == 0 || m.Number-last <= 3*handAhead)
	if may {
		r.heir.asked, r.heir.askedAt = m.Number, time.Now()
	}
	r.mu.Unlock()
	if may {
		r.wg.Go(r.propose)
	}
}

// propose sends whoever leads the event with which we would: it takes effect when they send it to everybody. When another
// event was first, witness has it proposed again.
func (r *Room) propose() {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil && !r.prepared() {
		r.prepare() // which proposes when it is done
		return
	}
	if r.host != nil || r.leaving || r.guest.ctl == nil || r.guest.parent != r.guest.host.ID || r.heir.asked == 0 || now.Sub(r.heir.askedAt) > handWithin {
		return
	}
	ev, err := r.nextTerm(now)
	if err != nil {
		return
	}
	raw, err := room.SignEvent(r.n.id(), ev)
	if err != nil {
		return
	}
	if ev.Kind == room.Resumed {
		next := r.state.Clone()
		if _, err := next.Apply(ev); err != nil {
			return
		}
		charter, err := room.SignCharter(r.n.id(), next.Charter)
		if err != nil {
			return
		}
		r.guest.ctl.Send(relay.Charter{Payload: charter})
	}
	number := r.heir.asked
	r.guest.ctl.Send(relay.Lead{Number: number})
	r.guest.ctl.Send(relay.Event{Payload: raw})
}

// nextTerm is the event with which we lead on from the state that we know. r.mu is held.
func (r *Room) nextTerm(now time.Time) (room.Event, error) {
	f := r.heir.floor
	if me := r.n.author(); me.Person == r.charter.Host && r.heir.asked != 0 {
		return r.state.Resume(me, f.Incarnation, now)
	}
	return r.state.TakeOver(r.n.author(), f.Incarnation, f.Epoch, now)
}

// takeProposal takes the event with which a child leads from now on, if we asked it to or it is the host. r.mu is held, and
// let go while something is written.
func (r *Room) takeProposal(c *child, m relay.Event, now time.Time) {
	if !r.turn() {
		return
	}
	ev, author, err := room.OpenEvent(m.Payload, now)
	switch {
	case err != nil || author != c.author || r.state.MaySign(author, ev) != nil:
		r.n.counts.Add("proposal_refused")
		return
	case ev.Kind != room.Resumed && (ev.Kind != room.TookOver || r.heir.offered != c.id):
		r.n.counts.Add("proposal_refused")
		return
	}
	next := r.state.Clone()
	if _, err := next.Apply(ev); err != nil {
		return // something was decided meanwhile: it hears of that, and proposes anew
	}
	charter := r.knownCharter(next.Charter)
	if r.n.Person() != next.Charter.Host && charter == nil {
		return
	}
	r.heir.events = append(r.heir.events, logged{room.Told{Event: ev, Leader: ev.Device}, m.Payload})
	if charter != nil {
		r.broadcast(relay.Charter{Payload: charter})
	}
	r.broadcast(m)
	r.stepDown(peer.AddrInfo{ID: c.id, Addrs: r.n.addrsOf(c.id)}, next, r.heir.asked)
	r.heir.asked = 0
}

// noteLead takes up where a child's program is to begin that proposes to lead. r.mu is held.
func (r *Room) noteLead(c *child, m relay.Lead) {
	if r.host != nil && (r.heir.offered == c.id || c.author.Person == r.charter.Host) {
		r.heir.asked = m.Number
	}
}

// keptSuccessors are the addresses of who may lead the room meanwhile. r.mu is held.
func (r *Room) keptSuccessors() (list []string) {
	for _, p := range r.heir.others {
		for _, m := range p.Addrs {
			list = append(list, m.String()+"/p2p/"+p.ID.String())
		}
	}
	return list
}

// hostPerson is whose room it is.
func (r *Room) hostPerson() doc.PublicKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.charter.Host
}

// abandon leaves a room that we lead for its host to nobody: whoever is in it waits for the host.
func (r *Room) abandon() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil || !r.turn() {
		return
	}
	for _, c := range r.feeds.children {
		c.ctl.Close() // without a word: none is the last
	}
	r.setPhase(Ended, "You left the room, which waits for its host.")
}

// partFromBelow has those go elsewhere whom we feed since we led the room, before we go: whoever leads it now feeds them.
func (r *Room) partFromBelow() {
	t := time.NewTicker(mediaTick)
	defer t.Stop()
	late := time.NewTimer(partWithin)
	defer late.Stop()
	asked := false
	for {
		r.mu.Lock()
		placed := r.guest.ctl != nil && r.carries != nil && r.carries.snapshot != nil
		done := r.carries == nil || r.carried || r.phase.Over() || len(r.feeds.children) == 0 && !r.voice.makesProgram()
		r.mu.Unlock()
		if done {
			return
		}
		if placed && !asked {
			asked = true
			r.drain()
		}
		select {
		case <-t.C:
		case <-late.C:
			return
		case <-r.n.ctx.Done():
			return
		}
	}
}
