package node

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	deadAfter      = hostGone // without a message: children ping every two seconds
	deadCarryAfter = 2 * time.Second
	countsEvery    = time.Second

	controlRate, controlBurst = 20, 200 // control messages of a child: a second, and at once

	// A relay passes on what many people do.
	carryFactor = 25
)

// feeding is what a node has that feeds others in a room: its host, or a relay. Room.mu guards the fields.
type feeding struct {
	children map[peer.ID]*child
	parked   map[peer.ID]mediaStream // whose join is still to be answered
	conduct  map[doc.PublicKey]*conduct
	told     uint32 // listener count that everybody was told last, unlike if some were told another
	below    below
	fed      int                      // children that a relay feeds, as counted in its node
	kbps     int                      // that these and its guests cost, likewise
	free     uint32                   // places at and below a relay, as watchers were told last
	ways     map[doc.PublicKey]*child // to the devices that have the key of a closed room, or ask for it
}

func newFeeding() *feeding {
	return &feeding{
		children: make(map[peer.ID]*child), parked: make(map[peer.ID]mediaStream), conduct: make(map[doc.PublicKey]*conduct), below: newBelow(), ways: make(map[doc.PublicKey]*child),
	}
}

// unlike is no listener count.
const unlike = ^uint32(0)

// A child is a node that hears the room from us, or would if the one that feeds it failed.
type child struct {
	id     peer.ID
	author doc.Author
	name   string
	ctl    *controlConn
	at     multiaddr.Multiaddr    // by its connection
	since  time.Time              // when it came
	joined time.Time              // when it asked to come: a join of its device that is older has been given up
	stream time.Time              // when the stream came that takes it the sound: likewise
	heard  time.Time              // last message
	left   bool                   // it said so
	moved  bool                   // it said that another feeds it
	warm   bool                   // another feeds it: here it is nobody, and hears nothing but what keeps its place
	from   *child                 // through whom it was heard a moment ago; nil if through nobody
	inside map[doc.PublicKey]bool // whom it was told of, of those inside; nil if of nobody
	loss   float64                // share of frames it lost, by its own word, smoothed
	report relay.Report

	ticket ledger.Ticket // that it came in with, if it did
	claim  []byte        // with which it showed it
	asked  room.Term     // under which the key was asked for with that, by us if not by itself
	due    time.Time     // when we ask; zero if there is nothing to ask
	out    bool          // it is about to go, and hears nothing more
	sent   bool          // away: it is told why, or was
	papers uint64        // version of those that it was told of, 0 for none

	// Of one that carries the room for others:
	carry     uint32 // how many it offered to carry; 0 for a child that does not; Room.mu guards it
	volunteer bool   // it is a listener's, who asked: what only a relay sends may be on its way while it must not carry
	listeners uint32 // below it

	allowance allowance // of its reader alone: control messages; nobody who uses a page comes near it
	commands  allowance // likewise: commands of people below it
	questions allowance // of people below it; Room.mu guards it
	asks      allowance // for the key, its own or of devices below it; Room.mu guards it
	shows     allowance // of its reader alone: papers
	conduct   *conduct  // of its person; Room.mu guards what it points to
	tally     childTally
}

// factor is how much more than one person's node a child may send. Room.mu is held.
func (c *child) factor() float64 {
	if c.carry > 0 {
		return carryFactor
	}
	return 1
}

// settleChildren grants every child what its role allows, and no more. r.mu is held.
func (r *Room) settleChildren() {
	r.settleHeirs(nil)
	for _, c := range r.feeds.children {
		r.settleChild(c)
	}
}

// settleChild grants a child its rights. r.mu is held.
func (r *Room) settleChild(c *child) {
	hears, sends := r.rights(c)
	id := relay.Peer(c.id)
	r.media.drive(func(p *relay.Place, now time.Time) {
		if l, ok := r.media.links[id].(interface{ Quiet(bool) }); ok {
			l.Quiet(sends == 0)
		}
		p.Hears(id, hears, now)
		_ = r.media.tree.Allow(id, sends, now) // one without a media link yet is settled by attach
	})
}

// rights are the slots that a child hears and those that it may send: what is its own and, if it carries the room, what
// those below it need; it hears the stage when somebody there is on it, and sends what they may send. r.mu is held.
func (r *Room) rights(c *child) (hears, sends uint32) {
	hears = 1 << relay.Program
	for _, led := range [...]doc.PublicKey{r.state.Program.Device, r.heir.before} {
		if led == c.author.Device || r.feeds.below.isVia(led, c) {
			sends |= 1 << relay.Program // from where the room is led, or was, if that is below us for the moment
		}
	}
	if r.carriesHeir(c) {
		hears = relay.AllSlots
	}
	for _, s := range r.state.Seats {
		switch {
		case s.Device == c.author.Device:
			if hears != relay.AllSlots && c.carry == 0 { // below it they hear the program
				hears &^= 1 << relay.Program
			}
			hears = (hears | relay.AllSlots&^(1<<relay.Program)) &^ (1 << s.Slot) // the stage, never oneself
		case r.feeds.below.isVia(s.Device, c) && !r.isChild(s.Device), // what a child sends it sends itself
			r.cameFrom(s.Device, c): // the relay may have said by now that it is gone, and yet have words of it under way
			hears = relay.AllSlots
		default:
			continue
		}
		if slot, _, ok := r.state.MaySend(s.Device); ok {
			sends |= 1 << slot
		}
	}
	if r.state.IsRemoved(c.author.Person) || c.out {
		return 0, 0 // at once: its connection ends a moment later
	}
	return hears, sends
}

// comesWithin is for how long what somebody said may come through whom they were fed by before.
const comesWithin = 2 * time.Second

// noteMove notes through whom a child was heard so far, by whose word it was there: what it said may be on its way there yet.
// r.mu is held.
func (r *Room) noteMove(c *child) {
	g := r.feeds.below.guests[c.author.Device]
	if g == nil {
		return
	}
	c.from = g.via
	time.AfterFunc(comesWithin, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if c.from = nil; r.feeds.children[c.id] == c && !r.phase.Over() {
			r.settleChildren()
		}
	})
}

// cameFrom reports whether a device that is a child's was fed through another a moment ago. r.mu is held.
func (r *Room) cameFrom(device doc.PublicKey, through *child) bool {
	for _, c := range r.feeds.children {
		if c.from == through && c.author.Device == device {
			return true
		}
	}
	return false
}

// settleHeirs keeps places for those who may lead the room next: for one device of each, who came first; newcomer, if there is
// one, is about to be a child. r.mu is held.
func (r *Room) settleHeirs(newcomer *child) {
	var heirs []*child
	if r.host != nil {
		for _, c := range r.feeds.children {
			if r.state.Leads(c.author.Person) && !c.left {
				heirs = append(heirs, c)
			}
		}
		slices.SortFunc(heirs, func(a, b *child) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.id, b.id)) })
		if newcomer != nil && r.state.Leads(newcomer.author.Person) {
			heirs = append(heirs, newcomer)
		}
	}
	var ids []relay.Peer
	for i, c := range heirs {
		if !slices.ContainsFunc(heirs[:i], func(h *child) bool { return h.author.Person == c.author.Person }) {
			ids = append(ids, relay.Peer(c.id))
		}
	}
	r.media.drive(func(p *relay.Place, _ time.Time) { p.Heirs(ids) })
}

// carriesHeir reports whether a child, or somebody below it, leads the room if nobody else does: they hear all of it, to be
// ready. r.mu is held.
func (r *Room) carriesHeir(c *child) bool {
	if r.state.Leads(c.author.Person) {
		return true
	}
	for _, g := range r.heirsBelow() {
		if g.via == c {
			return true
		}
	}
	return false
}

// heirsBelow are those below us who lead the room if nobody else does, by device. Few are, of many. r.mu is held.
func (r *Room) heirsBelow() map[doc.PublicKey]*guest {
	b := &r.feeds.below
	some := b.people[r.state.Charter.Host] > 0
	for _, h := range r.state.Charter.CoHosts {
		some = some || b.people[h.Person] > 0
	}
	if !some {
		return nil
	}
	heirs := make(map[doc.PublicKey]*guest)
	for device, g := range b.guests {
		if r.state.Leads(g.Person) {
			heirs[device] = g
		}
	}
	return heirs
}

// hear takes one control message of a child and reports whether it was the last.
func (r *Room) hear(c *child, m any) (bye bool) {
	now := time.Now()
	r.mu.Lock()
	carries, factor := c.carry > 0, c.factor() // they change when it volunteers
	r.mu.Unlock()
	if !c.allowance.take(now, factor*controlRate, factor*controlBurst) {
		r.n.counts.Add("control_flood")
		r.throwOut(c.author.Person, now)
		return true
	}
	if m, ok := m.(relay.Ask); ok {
		r.hearAsk(c, m, now)
	}
	if m, ok := m.(relay.Papers); ok {
		r.hearPapers(c, m, now)
	}
	var tip ledger.Tip
	var tipErr error
	if m, ok := m.(relay.Tip); ok {
		tip, tipErr = r.openTipBelow(c, m.Payload, now) // signatures are checked before the room waits for us
	}
	var said said
	if m, ok := m.(relay.Command); ok {
		said = r.openCommand(c, carries, m.Payload, now) // signatures are checked before the room waits for us
	}
	var served served
	if m, ok := m.(relay.Served); ok {
		served = c.openServed(m, now) // likewise
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil && r.carries == nil {
		return false // we feed nobody any more
	}
	c.heard = now
	switch m := m.(type) {
	case relay.Ping:
		// By the host's clock, whoever answers: what is heard is as old as that says.
		if offset, ok := r.voice.hostClock(); ok || !r.carried {
			t := now.Add(offset).UnixMicro()
			c.ctl.Send(relay.Pong{T0: m.T0, T1: t, T2: t})
		}
	case relay.Command:
		r.takeCommand(c, m, said, now)
	case relay.Report:
		c.hears(m)
	case relay.Reactions:
		r.takeReactions(c, m.Counts, now)
	case relay.Who:
		r.answerWho(c, m, now)
	case relay.Load, relay.Rest, relay.Drain, relay.Evidence:
		r.tellPlaceBelow(c, m)
	case relay.Resume:
		if r.carried {
			r.offer() // many may come at once, here and in other rooms
		}
		r.tellPlaceBelow(c, m)
		r.bringUpToDate(c, m.HaveSeq)
	case relay.Volunteer:
		r.hearVolunteer(c, m, now)
	case relay.Ask, relay.Papers: // heard above
	case relay.Tip:
		if tipErr == nil {
			r.passTip(m.Payload, tip, now)
		}
	case relay.Boxes:
		r.takeKept(c, m, now)
	case relay.Event:
		r.takeProposal(c, m, now)
	case relay.Lead:
		r.noteLead(c, m)
	case relay.Tail:
		r.takeTail(c, m, now)
	case relay.Inside:
		r.hearInside(c, m, now)
	case relay.PutOut: // of who led
		if r.host != nil && r.state.Leads(c.author.Person) {
			r.wg.Go(func() { r.takeOut(m, now) })
		}
	case relay.Charter:
		if charter, err := room.OpenCharter(m.Payload, now); err == nil && charter.Room == r.id && charter.Host == c.author.Person && charter.Host == r.charter.Host {
			r.logCharter(charter, m.Payload)
		}
	case relay.Bye:
		c.left, c.moved = m.Code == "left", m.Code != "left"
		r.tellPlaceBelow(c, m)
		if c.left && r.host != nil && r.feeds.children[c.id] == c {
			r.forget(c.author, c)
		}
		return true
	default:
		if !r.hearTally(c, m, served) && (c.carry == 0 || !r.hearRelay(c, m, now)) {
			r.n.counts.Add("control_unexpected")
			return !c.volunteer
		}
	}
	return false // also when the room is over: dismiss is saying so
}

// tellPlaceBelow hands a child's message to the place, and takes notice of whether it is fed then. r.mu is held.
func (r *Room) tellPlaceBelow(c *child, m any) {
	if r.feeds.children[c.id] != c {
		return
	}
	id, was := relay.Peer(c.id), c.warm
	r.media.drive(func(p *relay.Place, now time.Time) {
		p.Control(id, m, now)
		c.warm = !p.Fed(id)
	})
	if c.carry > 0 {
		r.changed() // there may be more places below, or fewer
	}
	if c.warm == was {
		return
	}
	if c.warm {
		r.goneBelow(r.feeds.below.dropVia(c))
		c.listeners = 0
	}
	if !c.warm {
		c.asked = room.Term{}
		r.noteMove(c)
		r.tellPapers(nil)
	}
	r.settleChild(c)
	r.listenersChanged()
	r.recount()
	switch {
	case r.host == nil:
		r.presenceSoon()
	case !c.warm:
		r.greet(c.author)
	}
}

// bringUpToDate tells a child that was warm so far what happened after the last event it knows. r.mu is held.
func (r *Room) bringUpToDate(c *child, have uint64) {
	if c.warm || r.state == nil {
		return
	}
	defer c.ctl.Send(relay.Counts{Listeners: r.listeners})
	if r.listeners != r.feeds.told {
		r.feeds.told = unlike // this one knows another: everybody is told again
	}
	switch {
	case r.host != nil && (have != r.state.Seq || time.Now().Before(r.heir.grace)): // what it has may be of another history, as long
		charter, snapshot, err := r.signedState()
		if err != nil {
			r.n.o.Log.Error("snapshot", "err", err)
			return
		}
		c.ctl.Send(relay.Snapshot{Charter: charter, Payload: snapshot})
	case r.host == nil:
		since := r.carries.since
		if len(since) > sinceMost {
			return // a new snapshot is on its way, and comes to everybody
		}
		if have < r.carries.from {
			c.ctl.Send(relay.Snapshot{Charter: r.carries.charter, Payload: r.carries.snapshot})
		}
		for _, p := range since {
			if p.seq > have {
				c.ctl.sendRaw(p.raw)
			}
		}
	}
}

// byeMoved is the code of the Bye of a node that another feeds now.
const byeMoved = "moved"

// hearRelay takes a control message that only a child sends that carries the room. r.mu is held.
func (r *Room) hearRelay(c *child, m any, now time.Time) (known bool) {
	switch m := m.(type) {
	case relay.Counts:
		c.listeners = min(m.Listeners, mostBelow)
		r.listenersChanged()
		if r.carries != nil {
			r.presenceSoon() // the counts go with it
		}
	case relay.Present:
		r.takePresent(c, m)
	case relay.Way:
		r.takeWay(c, m)
	case relay.Admit:
		r.answerAdmit(c, m)
	case relay.Snapshot:
		r.answerSnapshot(c, now)
	default:
		return false
	}
	return true
}

// hears takes a child's word on what it lost.
func (c *child) hears(m relay.Report) {
	if m.Expected == 0 {
		return
	}
	m.Concealed = min(m.Concealed, m.Expected)
	c.loss += (float64(m.Concealed)/float64(m.Expected) - c.loss) / 4
	const most = 1 << 32 // far beyond what can be heard in two seconds: sums of them do not overflow
	c.report.Expected += min(m.Expected, most)
	c.report.Received += min(m.Received, most)
	c.report.Resent += min(m.Resent, most)
	c.report.Concealed += min(m.Concealed, most)
	c.report.Late += min(m.Late, most)
}

// said is a command that came from below, opened.
type said struct {
	command room.Command
	author  doc.Author
	err     error
}

// openCommand checks a command that a child sent, which carries the room or does not. What comes through another relay a relay
// leaves to the host.
func (r *Room) openCommand(c *child, carries bool, payload []byte, now time.Time) (s said) {
	if carries && !r.leads() {
		return s
	}
	mine := r.mayCommand(c, now)
	if carries {
		mine = c.commands.take(now, carryFactor*commandRate, carryFactor*commandBurst)
	}
	if !mine {
		s.err = room.ErrBusy
		return s
	}
	s.command, s.author, s.err = room.OpenCommand(payload, now)
	if s.err != nil {
		return s
	}
	switch {
	case !carries && s.author != c.author:
		s.err = errOfAnother
	case carries && !r.authorMay(s.author.Person, now):
		s.err = room.ErrBusy
	}
	return s
}

// takeCommand has a child's command decided and answered. r.mu is held.
func (r *Room) takeCommand(c *child, m relay.Command, s said, now time.Time) {
	if r.host != nil || s.err != nil {
		c.ctl.Send(r.answer(m.ID, s, now))
		return
	}
	r.passUp(c, m.ID, func(id uint64) any { return relay.Command{ID: id, Payload: m.Payload} })
}

// broadcast sends a message to every child that is fed. r.mu is held.
func (r *Room) broadcast(m any) {
	b, err := relay.EncodeControl(m)
	if err != nil {
		r.n.o.Log.Error("broadcast", "err", err) // a message of ours that is too long
		return
	}
	r.broadcastRaw(b)
}

// broadcastRaw sends an encoded message to every child that is fed. r.mu is held.
func (r *Room) broadcastRaw(b []byte) {
	for _, c := range r.feeds.children {
		if !c.warm {
			c.ctl.sendRaw(b)
		}
	}
}

// carryOut does what an event means for the children: who was removed goes at once, and so does everybody when the room
// is over. r.mu is held.
func (r *Room) carryOut(ev room.Event, effects []room.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case room.Drop:
			for _, c := range r.feeds.children {
				if c.author.Person == e.Person {
					r.sendAway(c, relay.Bye{Code: "removed", Text: "The host removed you from this room."})
				}
			}
		case room.Closed:
			text := r.names.view(ev.By).Name + " ended the room."
			for _, c := range r.feeds.children {
				r.sendAway(c, relay.Bye{Code: "ended", Text: text})
			}
		}
	}
}

// audience counts the people who listen: everybody connected here who is not on stage, guests without a node included, and
// those whom the relays below us count. Somebody with devices in two places counts twice. r.mu is held.
func (r *Room) audience() uint32 {
	people := make(map[doc.PublicKey]bool, len(r.feeds.children))
	n := uint32(0)
	for _, c := range r.feeds.children {
		if c.warm {
			continue
		}
		if c.carry > 0 {
			n = min(n+c.listeners, mostBelow)
		} else if !r.state.OnStage(c.author.Person) {
			people[c.author.Person] = true
		}
	}
	if r.hearsToo() && !r.state.OnStage(r.n.Person()) {
		n++ // we listen too
	}
	return n + uint32(len(people)+r.voice.guestCount())
}

// listenersChanged counts the audience anew. r.mu is held.
func (r *Room) listenersChanged() {
	if r.host != nil {
		r.listeners = r.audience()
	}
	r.n.roomChanged(r)
}

// lookAtChildren gives up those who are silent, and forgets what time has healed. r.mu is held.
func (r *Room) lookAtChildren(now time.Time) {
	r.forgive(now)
	for _, c := range r.feeds.children {
		if c.warm {
			continue // the place looks after them
		}
		patience := deadAfter
		if c.carry > 0 {
			patience = deadCarryAfter // it pings more often: whoever it carried comes to us, and is not to be sent back to it
		}
		if now.Sub(c.heard) > patience {
			r.n.counts.Add("child_silent")
			c.ctl.Close() // its reader ends and dismisses it
			r.wg.Go(func() { r.n.cut(c.id, r) })
		}
	}
}

// worstLoss is what the listener loses who loses most, by their own word; a tenth of them may be wrong, or lie. What a
// relay tells is the mean of those below it. r.mu is held.
func (r *Room) worstLoss() float64 {
	var losses []float64
	for _, c := range r.feeds.children {
		if !c.warm && !r.state.OnStage(c.author.Person) {
			losses = append(losses, c.loss)
		}
	}
	if len(losses) == 0 {
		return 0
	}
	slices.Sort(losses)
	return losses[len(losses)-1-len(losses)/10]
}
