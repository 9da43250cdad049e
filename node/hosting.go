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

const (
	countsEvery = time.Second
	deadAfter   = hostGone // without a ping: children ping every two seconds

	controlRate, controlBurst = 20, 200 // control messages of a child: a second, and at once
)

// hosting is what only the host of a room has. Room.mu guards the fields.
type hosting struct {
	children map[peer.ID]*child
	parked   map[peer.ID]parked
	conduct  map[doc.PublicKey]*conduct
	replay   *room.Replay
	absent   absences
	recalls  recalls
	told     uint32 // listener count that everybody was told last, unlike if some were told another
	roster   roster
	notice   notice // what the last announcement said
	sight    sight
	door     door
	news     chan struct{} // holds one: announce soon
	keeper   keeper
}

func (r *Room) newHosting() *hosting {
	return &hosting{
		children: make(map[peer.ID]*child), parked: make(map[peer.ID]parked), conduct: make(map[doc.PublicKey]*conduct), replay: &room.Replay{},
		absent: make(absences), recalls: make(recalls), door: newDoor(holdTime(r.charter)), news: make(chan struct{}, 1), keeper: newKeeper(&r.mu),
	}
}

// unlike is no listener count.
const unlike = ^uint32(0)

// A child is a node that hears the room from us.
type child struct {
	id     peer.ID
	author doc.Author
	name   string
	ctl    *controlConn
	heard  time.Time // last message
	left   bool      // it said so
	loss   float64   // share of frames it lost, by its own word, smoothed

	allowance allowance // of its reader alone: control messages; nobody who uses a page comes near it
	conduct   *conduct  // of its person; Room.mu guards what it points to
}

// settleChildren grants every child what its role allows, and no more. r.mu is held.
func (r *Room) settleChildren() {
	for _, c := range r.host.children {
		r.settleChild(c)
	}
}

func (r *Room) settleChild(c *child) {
	hears, sends := uint32(1)<<relay.Program, uint32(0)
	for _, s := range r.state.Seats {
		if s.Device == c.author.Device {
			hears = ^uint32(0) &^ (1<<relay.Program | 1<<s.Slot) // the stage, never oneself
		}
	}
	if slot, _, ok := r.state.MaySend(c.author.Device); ok {
		sends = 1 << slot
	}
	if r.state.IsRemoved(c.author.Person) {
		hears = 0 // at once: its connection ends a moment later
	}
	p := relay.Peer(c.id)
	r.media.do(func(t *relay.Tree, now time.Time) {
		// Errors mean that the child has no media link yet: attach settles it then.
		_ = t.Subscribe(p, hears, now)
		_ = t.Allow(p, sends, now)
	})
}

// hear takes one control message of a child and reports whether it was the last.
func (r *Room) hear(c *child, m any) (bye bool) {
	now := time.Now()
	if !c.allowance.take(now, controlRate, controlBurst) {
		r.n.counts.Add("control_flood")
		r.throwOut(c.author.Person, now)
		return true
	}
	var said said
	if m, ok := m.(relay.Command); ok {
		if r.mayCommand(c, now) { // signatures are checked before the room waits for us
			said.command, said.author, said.err = room.OpenCommand(m.Payload, now)
		} else {
			said.err = room.ErrBusy
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c.heard = now
	switch m := m.(type) {
	case relay.Ping:
		t := now.UnixMicro()
		c.ctl.Send(relay.Pong{T0: m.T0, T1: t, T2: t})
	case relay.Command:
		c.ctl.Send(r.answer(c, m.ID, said, now))
	case relay.Report:
		if m.Expected > 0 {
			c.loss += (float64(min(m.Concealed, m.Expected))/float64(m.Expected) - c.loss) / 4
		}
	case relay.Reactions:
		r.takeReactions(c, m.Counts, now)
	case relay.Who:
		r.answerWho(c, m, now)
	case relay.Bye:
		c.left = true
		if r.host.children[c.id] == c {
			r.forget(c.author, c)
		}
		return true
	default:
		r.n.counts.Add("control_unexpected")
		return true
	}
	return false // also when the room is over: dismiss is saying so
}

// said is a child's command, opened.
type said struct {
	command room.Command
	author  doc.Author
	err     error
}

// answer decides on a child's signed command. r.mu is held.
func (r *Room) answer(c *child, id uint64, s said, now time.Time) relay.Answer {
	err := s.err
	switch {
	case errors.Is(err, room.ErrBusy):
		r.n.counts.Add("command_flood")
	case err != nil:
		r.n.counts.Add("command_malformed")
	case s.author != c.author:
		r.n.counts.Add("command_of_another")
		err = room.ErrNotAllowed
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
	r.host.keeper.turn()
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
	if err := r.keep(next, ev); err != nil {
		return err
	}
	r.state = next
	for _, c := range r.host.children {
		c.ctl.sendRaw(msg)
	}
	r.settle()
	for _, e := range effects {
		switch e := e.(type) {
		case room.Drop:
			for _, c := range r.host.children {
				if c.author.Person == e.Person {
					r.wg.Go(func() { r.dismiss(c, &relay.Bye{Code: "removed", Text: "The host removed you from this room."}) })
				}
			}
		case room.Closed:
			text := r.names.view(ev.By).Name + " ended the room."
			for _, c := range r.host.children {
				r.wg.Go(func() { r.dismiss(c, &relay.Bye{Code: "ended", Text: text}) })
			}
			r.setPhase(Ended, r.endedBy(ev.By))
		case room.Chartered:
			r.charter = r.state.Charter
			raw, err := room.SignCharter(r.n.id(), r.charter)
			if err != nil {
				return err
			}
			r.broadcast(relay.Charter{Payload: raw})
		case room.Begun:
			if err := r.publishProgram(time.Now()); err != nil {
				return err
			}
		}
	}
	if ev.Kind == room.Readmit {
		r.host.door.readmitted(ev.To, time.Now())
	}
	r.announceSoon()
	return nil
}

// broadcast sends a message to every child. r.mu is held.
func (r *Room) broadcast(m any) {
	b, err := relay.EncodeControl(m)
	if err != nil {
		r.n.o.Log.Error("broadcast", "err", err) // a message of ours that is too long
		return
	}
	for _, c := range r.host.children {
		c.ctl.sendRaw(b)
	}
}

// publishProgram begins the mix for the audience. r.mu is held.
func (r *Room) publishProgram(now time.Time) error {
	return r.decide(r.n.author(), room.Command{Room: r.id, Kind: room.Publish, Program: true, Time: now.UnixMilli()}, now)
}

// endedBy is why the room is over, for this node's person. r.mu is held.
func (r *Room) endedBy(p doc.PublicKey) string {
	if p == r.n.Person() {
		return "You ended the room."
	}
	return r.names.view(p).Name + " ended the room."
}

// audience counts the people who listen: everyone connected who is not on stage, guests without a node included. r.mu is
// held.
func (r *Room) audience() uint32 {
	people := make(map[doc.PublicKey]bool, len(r.host.children))
	for _, c := range r.host.children {
		if !r.state.OnStage(c.author.Person) {
			people[c.author.Person] = true
		}
	}
	return uint32(len(people) + r.voice.guestCount())
}

// tend runs a hosted room's clock: counts to the children, dead children, announcements.
func (r *Room) tend(ctx context.Context) {
	second := time.NewTicker(countsEvery)
	defer second.Stop()
	var version uint64
	announce := time.NewTimer(0)
	defer announce.Stop()
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			r.announce(version, true)
			return
		case <-second.C:
			now := time.Now()
			r.everySecond(now)
			r.sweep(now)
			r.recall(ctx, now)
			r.stayKept(now)
		case <-r.host.news:
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
	r.listeners = r.audience()
	if r.listeners != r.host.told {
		r.host.told = r.listeners
		r.broadcast(relay.Counts{Listeners: r.listeners})
		r.n.roomChanged(r)
		r.announceSoon()
	}
	if r.state.Waiting && now.UnixMilli() >= r.state.Charter.Starts && !r.phase.Over() {
		if err := r.decide(r.n.author(), room.Command{Room: r.id, Kind: room.Begin, Time: now.UnixMilli()}, now); err != nil {
			r.n.o.Log.Error("doors", "err", err)
		}
	}
	r.forgive(now)
	if !r.state.Waiting && r.state.Program.Incarnation == 0 && !r.phase.Over() {
		// The doors are open, and the home could not be written to then.
		if err := r.publishProgram(now); err != nil {
			r.n.o.Log.Error("program", "err", err)
		}
	}
	r.voice.expectLoss(r.worstLoss())
	for _, c := range r.host.children {
		if now.Sub(c.heard) > deadAfter {
			r.n.counts.Add("child_silent")
			c.ctl.Close() // its reader ends and dismisses it
			r.wg.Go(func() { r.n.cut(c.id, r) })
		}
	}
}

// worstLoss is what the listener loses who loses most, by their own word; a tenth of them may be wrong, or lie. r.mu is
// held.
func (r *Room) worstLoss() float64 {
	var losses []float64
	for _, c := range r.host.children {
		if !r.state.OnStage(c.author.Person) {
			losses = append(losses, c.loss)
		}
	}
	if len(losses) == 0 {
		return 0
	}
	slices.Sort(losses)
	return losses[len(losses)-1-len(losses)/10]
}

// A notice is what somebody who sees the room in a list would notice of it.
type notice struct {
	name                       string
	listeners, speakers        int
	locked, stageOnly, waiting bool
}

// notice is what there is to announce. r.mu is held.
func (r *Room) notice() notice {
	n := notice{r.n.displayName(), int(r.listeners), len(r.state.Seats), r.state.Locked, r.state.StageOnly, r.state.Waiting}
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
	if r.notice() == r.host.notice {
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
	r.host.notice = r.notice()
	r.mu.Unlock()
	r.n.publish(a)
	return a.Version
}

// announcement describes the room as it stands; version is the last one used.
func (r *Room) announcement(version uint64, ended bool) room.Announcement {
	r.mu.Lock()
	charter := r.charter
	r.mu.Unlock()
	link := r.n.shareLink(charter) // made anew: this machine may have come into another network
	r.mu.Lock()
	defer r.mu.Unlock()
	r.link = link
	now := time.Now()
	ttl := r.n.o.AnnounceEvery * 5 / 2
	a := room.Announcement{
		Room: r.id, Nonce: r.charter.Nonce, Host: r.charter.Host, HostName: r.n.displayName(),
		Title: r.charter.Title, Language: r.charter.Language, Mode: r.charter.Mode, Access: r.charter.Access,
		Listeners: r.listeners, Speakers: uint32(len(r.state.Seats)), Version: max(version+1, uint64(now.UnixMilli())),
		Time: now.UnixMilli(), Expires: now.Add(ttl).UnixMilli(), Ended: ended, Locked: r.state.Locked, StageOnly: r.state.StageOnly,
		Entries: link.Addrs,
	}
	if r.state.Waiting {
		a.Starts = r.charter.Starts
	}
	return a
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
