package node

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// A volunteer is a listener's node that carries rooms which it hears for others too, if its person lets it. It asks its parent
// for that when it has been in a room for a minute and its uplink was tried (see trial.go), on the connection that there is, and
// the host says whether it may. Who volunteers can forge nothing and hears no more than before; it can drop and delay, for which
// its children leave it. So listeners may carry a room that everybody may hear, unless its host wants none, and no other.

const (
	volunteerAfter = time.Minute      // in a room: most who leave do so early
	volunteerAgain = volunteerAfter   // after a no
	volunteerSoon  = 5 * time.Second  // after no answer
	volunteersMost = 4096             // of one room, at its host
	carriesMost    = 64               // that a volunteer is taken to carry, whatever it says: places above go to whoever carries many
	doorsMost      = 2                // tried, to see whether somebody can be reached
	withdrawWithin = 10 * time.Second // that children get to move when we carry a room no more

	volunteerUsual, volunteerLeast, volunteerTop = 1000, concertCost, 100_000 // kbit/s
)

// lending is what a person lends of their upload to the rooms that they hear, in all of these together.
type lending struct {
	mu     sync.Mutex // guards the fields below; taken last
	after  time.Duration
	kbps   int // at most; 0: nothing
	growth relay.Growth
	places int // children that we dare to feed
	looked time.Time
	rooms  map[room.ID]lent

	unreachable bool // says a parent
	narrow      bool // what the first children need did not arrive when it was tried last
	steps       int  // in which it is tried
}

// A lent is what one room takes.
type lent struct {
	fed  int     // children
	cost int     // kbit/s that each takes
	loss float64 // of what is sent to them
}

// wait is how long somebody is in a room before they carry it.
func (l *lending) wait() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.after
}

// limit is how much may be lent, in kbit/s.
func (l *lending) limit() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kbps
}

// heard notes whether others can reach us, by a parent's answer, and reports whether that is news.
func (l *lending) heard(code string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.unreachable
	l.unreachable = code == codeUnreachable
	return l.unreachable != was
}

// share notes what a room takes and returns how many children it may have.
func (l *lending) share(id room.ID, x lent, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rooms[id] = x
	fed, loss := 0, 0.0
	for _, x := range l.rooms {
		fed, loss = fed+x.fed, max(loss, x.loss)
	}
	if now.Sub(l.looked) >= lossEvery {
		l.looked, l.places = now, l.growth.Look(fed, loss, now)
	}
	free, spare := l.places, l.kbps
	for other, x := range l.rooms {
		if other != id {
			free, spare = free-x.fed, spare-x.fed*x.cost
		}
	}
	return max(min(free, spare/x.cost), 0)
}

// forget notes that a room takes nothing any more, and reports whether it did.
func (l *lending) forget(id room.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, did := l.rooms[id]
	delete(l.rooms, id)
	return did
}

// lends is how it stands with carrying a room for others that we came to hear. Room.mu guards it.
type lends struct {
	on     bool      // we carry it
	since  time.Time // that we have been in it without a break; zero while we are not
	asking time.Time // when the question went that waits for its answer; zero if none does
	next   time.Time // when it may be asked again
	most   int       // children that we offered to feed last
	ending time.Time // since when the children are to go; zero while they may stay
	loss   float64   // of what is sent to the children
	told   int       // children, as the page knows
	trial  trial     // of our uplink
	failed int       // trials in a row
	sent   map[relay.Peer]relay.LinkStats
}

// mayLend reports whether this room may be carried by us who hear it: not while we speak, or may have to lead it at any moment.
// r.mu is held.
func (r *Room) mayLend() bool {
	return r.host == nil && r.state != nil && !r.carried && r.n.relay == nil && !r.phase.Over() && !r.state.IsClosed() &&
		r.mySeat() == nil && !r.mayLead() && r.n.lending.limit() > 0
}

// lend looks whether we carry the room for others from now on, or no more. r.mu is held.
func (r *Room) lend(now time.Time) {
	if r.host != nil || r.guest == nil || r.carried {
		return
	}
	l := &r.lends
	switch {
	case r.phase != Live || r.guest.ctl == nil:
		l.since = time.Time{}
	case l.since.IsZero():
		l.since = now
	}
	may := r.mayLend()
	if !l.on {
		ready := may && r.carries == nil && l.asking.IsZero() && !now.Before(l.next) && !l.since.IsZero() && now.Sub(l.since) >= r.n.lending.wait()
		if n := 0; ready {
			if n = r.lendable(0, now); n > 0 && r.tried(n, now) {
				r.volunteer(r.guest.ctl, n, now)
			}
		}
		return
	}
	fed := 0
	r.media.drive(func(p *relay.Place, _ time.Time) { fed = p.Feeds() })
	if fed != l.told {
		l.told = fed
		r.lendable(fed, now)
		r.lendingChanged()
	}
	switch {
	case may:
		l.ending = time.Time{}
		l.loss = r.lossBelow()
	case l.ending.IsZero():
		l.ending = now // the children are asked to go, one after the other, as there are no places any more
	case fed == 0 || now.Sub(l.ending) >= withdrawWithin && (r.n.lending.limit() == 0 || r.state.IsClosed()): // else there is no hurry
		r.stopLending()
	}
}

// lendable is how many children we may feed who hear the room ourselves. r.mu is held.
func (r *Room) lendable(fed int, now time.Time) int {
	l := &r.lends
	if l.most = r.n.lending.share(r.id, lent{fed, costOf(r.charter.Mode), l.loss}, now); !l.ending.IsZero() {
		l.most = 0
	}
	return l.most
}

// lossBelow is what most of those whom we feed lose at least on the way from us: what but one of them loses says more of that
// one's downlink. r.mu is held.
func (r *Room) lossBelow() float64 {
	was, sent := r.lends.sent, make(map[relay.Peer]relay.LinkStats)
	var losses []float64
	r.media.drive(func(p *relay.Place, _ time.Time) {
		for id := range r.media.below {
			l := r.media.links[id]
			if l == nil || !p.Fed(id) {
				continue
			}
			s := l.Stats()
			sent[id] = s
			loss := s.Loss
			if b, known := was[id]; known && s.Dropped > b.Dropped && s.Sent >= b.Sent { // by a stream, what is too slow is dropped here
				dropped := float64(s.Dropped - b.Dropped)
				loss = max(loss, dropped/(dropped+float64(s.Sent-b.Sent)))
			}
			losses = append(losses, loss)
		}
	})
	r.lends.sent = sent
	if len(losses) == 0 {
		return 0
	}
	slices.Sort(losses)
	return losses[(len(losses)-1)/2]
}

// volunteer asks a parent whether we may carry the room. r.mu is held.
func (r *Room) volunteer(ctl *controlConn, carry int, now time.Time) {
	r.lends.asking = now
	r.guest.nextID++
	id := r.guest.nextID
	r.guest.waiting[id] = waiting{func(m any) { r.volunteered(ctl, m, time.Now()) }, now.Add(2 * joinTimeout), ctl}
	ctl.Send(relay.Volunteer{ID: id, Carry: uint32(carry)})
}

// volunteered takes a parent's answer. r.mu is held.
func (r *Room) volunteered(ctl *controlConn, m any, now time.Time) {
	l := &r.lends
	l.asking = time.Time{}
	if r.guest.ctl != ctl || r.host != nil || r.phase.Over() {
		return // follow asks the next one
	}
	a, ok := m.(relay.Answer)
	if !ok || a.Code != "" {
		l.next = now.Add(volunteerAgain)
		if a.Code == errNotConnected.Code {
			l.next = now.Add(volunteerSoon)
		}
		if r.n.lending.heard(a.Code) {
			r.n.watch.tell(Change{Kind: StatusChanged})
		}
		r.n.counts.Add("volunteer_refused")
		r.stopLending()
		return
	}
	r.n.lending.heard("")
	if !l.on {
		r.startLending()
	}
	r.tellAnew() // what came before the answer it may have left alone
	r.carries.asking = false
	r.askSnapshot()
}

// startLending makes us who hear the room one that carries it. r.mu is held.
func (r *Room) startLending() {
	if r.feeds == nil {
		r.feeds = newFeeding()
	}
	r.carries = newCarrying()
	r.lends.on, r.lends.ending, r.lends.loss, r.lends.sent = true, time.Time{}, 0, nil
	r.media.drive(func(*relay.Place, time.Time) { r.media.carries = true })
	r.offer()
	r.n.o.Log.Info("carries a room that it hears", "room", r.id.String())
	r.wg.Go(func() {
		records := r.n.openRecords(r.id)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.tally.records == nil {
			r.tally.records = records
		}
	})
	r.lendingChanged()
}

// stopLending makes us one again that only hears the room. r.mu is held.
func (r *Room) stopLending() {
	if !r.lends.on {
		return
	}
	for id, c := range r.feeds.children {
		delete(r.feeds.children, id)
		r.vacate(c)
		r.feeds.below.dropVia(c)
		r.wg.Go(func() { c.ctl.Part(relay.Bye{Code: "gone", Text: "This listener carries the room no more."}) })
	}
	r.carries = nil
	r.lends = lends{since: r.lends.since, next: r.lends.next, trial: r.lends.trial}
	r.n.lending.forget(r.id)
	r.media.drive(func(p *relay.Place, _ time.Time) {
		r.media.carries = false
		p.Offer(0)
	})
	if r.guest.ctl != nil {
		r.guest.nextID++
		r.guest.ctl.Send(relay.Volunteer{ID: r.guest.nextID})
	}
	r.lendingChanged()
}

// lendingChanged tells the page. r.mu is held.
func (r *Room) lendingChanged() {
	r.changed()
	r.n.watch.tell(Change{Kind: StatusChanged})
}

// hearVolunteer answers a listener who would carry the room for others, or does no more. r.mu is held.
func (r *Room) hearVolunteer(c *child, m relay.Volunteer, now time.Time) {
	if r.feeds.children[c.id] != c || c.warm || r.state == nil {
		return
	}
	if m.Carry == 0 {
		r.setCarry(c, 0)
		c.ctl.Send(relay.Answer{ID: m.ID})
		return
	}
	if !c.questions.take(now, whoRate, whoBurst) {
		u := explain(room.ErrBusy)
		c.ctl.Send(relay.Answer{ID: m.ID, Code: u.Code, Text: u.Text})
		return
	}
	m.Carry = min(m.Carry, carriesMost)
	c.volunteer = true
	if !manet.IsPublicAddr(c.at) { // on our own network, as those are whom we send there
		r.decideVolunteer(c, m, now)
		return
	}
	doors := doorsAt(c.at, r.n.host.Peerstore().Addrs(c.id))
	r.wg.Go(func() {
		open := anyOpen(r.n.ctx, doors)
		r.mu.Lock()
		defer r.mu.Unlock()
		switch {
		case r.feeds.children[c.id] != c || c.warm || r.state == nil || r.host == nil && r.carries == nil:
		case !open:
			c.ctl.Send(relay.Answer{ID: m.ID, Code: codeUnreachable, Text: "Others cannot reach your node."})
		default:
			r.decideVolunteer(c, m, time.Now())
		}
	})
}

// codeUnreachable is the code of a no to a volunteer whom nobody could reach: behind a router that lets nobody in, say.
const codeUnreachable = "unreachable"

// doorsAt are the addresses that others could come in by to a node which we know to be at another: those of TCP, where one need
// not be who one is to find out whether somebody listens.
func doorsAt(at multiaddr.Multiaddr, addrs []multiaddr.Multiaddr) (doors []multiaddr.Multiaddr) {
	ip, err := manet.ToIP(at)
	if err != nil {
		return nil
	}
	for _, m := range addrs {
		other, err := manet.ToIP(m)
		if _, no := m.ValueForProtocol(multiaddr.P_TCP); err == nil && no == nil && other.Equal(ip) && len(doors) < doorsMost {
			doors = append(doors, m)
		}
	}
	return doors
}

// anyOpen reports whether somebody listens at one of these addresses.
func anyOpen(ctx context.Context, doors []multiaddr.Multiaddr) bool {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	for _, m := range doors {
		var d manet.Dialer
		if c, err := d.DialContext(ctx, m); err == nil {
			c.Close()
			return true
		}
	}
	return false
}

// decideVolunteer has the host say whether a listener may carry the room. r.mu is held.
func (r *Room) decideVolunteer(c *child, m relay.Volunteer, now time.Time) {
	up := uint32(min(now.Sub(c.since)/time.Second, 1<<20))
	if r.host != nil {
		a := r.answerVolunteer(c.author, m.Carry, up, now)
		if a.Code == "" {
			r.setCarry(c, m.Carry)
		}
		a.ID = m.ID
		c.ctl.Send(a)
		return
	}
	r.askAbove(func(id uint64) any {
		return relay.Admit{ID: id, Person: c.author.Person, Device: c.author.Device, Carry: m.Carry, Up: up}
	}, func(answer any) {
		a, ok := answer.(relay.Answer)
		if !ok || r.feeds.children[c.id] != c {
			return
		}
		if a.Code == "" {
			r.setCarry(c, m.Carry)
		}
		a.ID = m.ID
		c.ctl.Send(a)
	})
}

// answerVolunteer decides, where the room is led, whether somebody may come in, and carry it; up is for how many seconds the
// parent has fed a listener who volunteers, 0 for whoever does not. r.mu is held.
func (r *Room) answerVolunteer(who doc.Author, carry, up uint32, now time.Time) (a relay.Answer) {
	if up > 0 && time.Duration(up)*time.Second >= r.n.lending.wait() && r.wantsVolunteers() && len(r.host.volunteers) < volunteersMost && !r.carriesNoMore(who.Device, now) {
		r.host.volunteers[who.Device] = true
	}
	if no := r.refuses(who, carry, false, now); no != nil {
		a.Code, a.Text = no.Code, no.Text
	}
	return a
}

// wantsVolunteers reports whether listeners may carry the room. r.mu is held.
func (r *Room) wantsVolunteers() bool {
	return r.host != nil && !r.n.o.NoVolunteers && r.state != nil && !r.state.IsClosed()
}

// isVolunteer reports whether a device is a listener's that may carry the room. r.mu is held.
func (r *Room) isVolunteer(device doc.PublicKey) bool {
	return r.wantsVolunteers() && r.host.volunteers[device]
}

// mayVolunteer reports whether a device may come with those whom it carries: who leads since a moment ago does not know whom
// the leader before let do so. r.mu is held.
func (r *Room) mayVolunteer(device doc.PublicKey, now time.Time) bool {
	if now.Before(r.heir.grace) && r.wantsVolunteers() && len(r.host.volunteers) < volunteersMost && !r.carriesNoMore(device, now) {
		r.host.volunteers[device] = true
	}
	return r.isVolunteer(device)
}

// setCarry takes notice that a child carries so many from now on, or none. What it is itself, a listener, it names among those
// below it. r.mu is held.
func (r *Room) setCarry(c *child, carry uint32) {
	before := c.carry
	c.carry = carry
	r.media.drive(func(p *relay.Place, _ time.Time) { p.Carries(relay.Peer(c.id), carry) })
	switch {
	case before == 0 && carry > 0:
		if c.listeners = 1; r.state.OnStage(c.author.Person) {
			c.listeners = 0
		}
		r.feeds.below.add(relay.Guest{Person: c.author.Person, Device: c.author.Device, Name: c.name}, c)
	case before > 0 && carry == 0:
		r.feeds.below.drop(c.author.Device, c) // as a child it is here still
		r.goneBelow(r.feeds.below.dropVia(c))
		c.listeners, c.tally = 0, childTally{}
	}
	r.settleChild(c)
	r.listenersChanged()
	if r.host == nil {
		r.presenceSoon()
	}
}

// Volunteer is what this node lends, and to whom.
func (n *Node) Volunteer() VolunteerView {
	on, kbps := n.home.Volunteer()
	n.lending.mu.Lock()
	defer n.lending.mu.Unlock()
	v := VolunteerView{On: on, KBPS: kbps, Unreachable: on && n.lending.unreachable, Narrow: on && n.lending.narrow}
	for _, x := range n.lending.rooms {
		if v.Feeds += x.fed; x.fed > 0 {
			v.Rooms++
		}
	}
	return v
}

// SetVolunteer switches it on or off. Whom we feed when it is switched off moves elsewhere first.
func (n *Node) SetVolunteer(v Volunteering) error {
	on, kbps := v.On, v.KBPS
	was, usual := n.home.Volunteer()
	if kbps != 0 && (kbps < volunteerLeast || kbps > volunteerTop) {
		return &UserError{Code: "bad_limit", Text: fmt.Sprintf("The limit is from %d to %d kbit/s.", volunteerLeast, volunteerTop)}
	}
	if on && n.relay != nil {
		return &UserError{Code: "is_relay", Text: "This node is a relay, and carries rooms anyhow."}
	}
	if kbps == 0 {
		kbps = usual
	}
	if err := n.home.SetVolunteer(on, kbps); err != nil {
		return err
	}
	n.lend(on, kbps)
	if on && !was {
		for _, r := range n.Rooms() {
			r.tryAnew()
		}
	}
	n.watch.tell(Change{Kind: StatusChanged})
	return nil
}

// lend takes up how much may be lent.
func (n *Node) lend(on bool, kbps int) {
	if !on || n.relay != nil {
		kbps = 0
	}
	n.lending.mu.Lock()
	defer n.lending.mu.Unlock()
	n.lending.kbps = kbps
}

// A VolunteerView is what a person lends of their upload to the rooms that they hear, and what comes of it now.
type VolunteerView struct {
	On    bool `json:"on"`
	KBPS  int  `json:"kbps"`  // at most, once it is on
	Feeds int  `json:"feeds"` // listeners' nodes, in all rooms together
	Rooms int  `json:"rooms"` // that they hear

	Unreachable bool `json:"unreachable"` // others cannot reach us, said who was asked last
	Narrow      bool `json:"narrow"`      // our uplink did not take what the first would need, when it was tried last
}
