package node

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	joinTimeout = 5 * time.Second
	seatGrace   = 10 * time.Second // how long a seat waits for a speaker whose connection broke
	parkedMax   = 64               // media streams that came before their join was answered
	countsEvery = time.Second

	controlRate, controlBurst = 20, 200
	deadAfter                 = 15 * time.Second // without a ping: children ping every two seconds
)

// hosting is what only the host of a room has. Room.mu guards the fields.
type hosting struct {
	children map[peer.ID]*child
	parked   map[peer.ID]parked
	replay   *room.Replay
	absent   map[peer.ID]*time.Timer // devices with a seat or a hand whose connection broke
	told     uint32                  // listener count last sent
	door     door
	news     chan struct{} // holds one: announce soon
}

// parked is a media stream whose join is still to be answered.
type parked struct {
	link *streamLink
	came time.Time
}

// A child is a node that hears the room from us.
type child struct {
	id     peer.ID
	author doc.Author
	name   string
	ctl    *controlConn
	heard  time.Time // last message
	left   bool      // it said so
	loss   float64   // share of frames it lost, by its own word, smoothed

	allowance allowance // of its reader alone
}

// An allowance is how many control messages a child may send: controlRate a second, and controlBurst at once. Nobody who
// uses a page comes near it.
type allowance struct {
	left float64
	at   time.Time
}

func (a *allowance) take(now time.Time) bool {
	if a.at.IsZero() {
		a.left = controlBurst
	} else {
		a.left = min(controlBurst, a.left+controlRate*now.Sub(a.at).Seconds())
	}
	a.at = now
	a.left--
	return a.left >= 0
}

// welcome serves the control stream of a node that wants in. It returns when the child is gone.
func (r *Room) welcome(ctx context.Context, s network.Stream, ctl *controlConn, j relay.Join) {
	id := s.Conn().RemotePeer()
	c, refuse := r.admit(id, ctl, j)
	if refuse != nil {
		r.n.counts.Add("join_refused_" + refuse.Code)
		ctl.Finish(*refuse)
		return
	}
	defer r.n.protect(id)()
	defer r.dismiss(c, nil)
	stop := context.AfterFunc(ctx, ctl.Close)
	defer stop()
	for {
		m, err := ctl.Receive()
		if err != nil {
			if errors.Is(err, relay.ErrControl) || errors.Is(err, errTooLong) {
				r.n.counts.Add("control_malformed")
			}
			return
		}
		if bye := r.hear(c, m); bye {
			return
		}
	}
}

// admit decides on a join and, if it is granted, makes the joiner a child before any event can pass it by.
func (r *Room) admit(id peer.ID, ctl *controlConn, j relay.Join) (*child, *relay.Refuse) {
	device, err := deviceOf(id)
	if err != nil {
		return nil, &relay.Refuse{Code: "identity", Text: "This node does not name its device."}
	}
	cert, err := doc.OpenCert(j.Cert, time.Now())
	if err != nil || cert.Device != device {
		return nil, &relay.Refuse{Code: "identity", Text: "The certificate is not of this device, or your clock is wrong."}
	}
	name, err := room.CleanName(j.Name)
	if err != nil {
		name = "Guest " + cert.Person.Short()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase.Over() {
		return nil, &relay.Refuse{Code: "ended", Text: "This room has ended."}
	}
	if r.state.IsRemoved(cert.Person) {
		return nil, &relay.Refuse{Code: "removed", Text: "The host removed you from this room."}
	}
	if r.state.Locked && !r.letsIn(cert.Person) {
		return nil, &relay.Refuse{Code: "locked", Text: "The host has locked this room: nobody new comes in just now."}
	}
	old := r.host.children[id]
	if old == nil && len(r.host.children) >= r.n.o.MaxListeners {
		return nil, &relay.Refuse{Code: "full", Text: "This room is full. Try again later."}
	}
	charter, err := room.SignCharter(r.n.id(), r.charter)
	if err != nil {
		return nil, &relay.Refuse{Code: "internal", Text: "The host could not answer."}
	}
	snapshot, err := room.SignSnapshot(r.n.id(), r.state)
	if err != nil {
		return nil, &relay.Refuse{Code: "internal", Text: "The host could not answer."}
	}
	if old != nil {
		old.ctl.Close() // the same device came back before its old connection was given up
	}
	c := &child{id: id, author: doc.Author{Person: cert.Person, Device: device}, name: name, ctl: ctl, heard: time.Now()}
	r.host.children[id] = c
	if t := r.host.absent[id]; t != nil {
		t.Stop()
		delete(r.host.absent, id)
	}
	ctl.Send(relay.Accept{Depth: 1, Path: [][]byte{[]byte(r.n.host.ID())}, Charter: charter, Snapshot: snapshot})
	ctl.Send(relay.Counts{Listeners: r.audience()})
	if p, ok := r.host.parked[id]; ok {
		delete(r.host.parked, id)
		r.attach(c, p.link)
	}
	r.listeners = r.audience()
	r.n.roomChanged(r)
	return c, nil
}

// letsIn reports whether somebody may come into the locked room: who is in it, or was a moment ago. r.mu is held.
func (r *Room) letsIn(p doc.PublicKey) bool {
	_, hand := r.state.HandOf(p)
	if hand || r.state.RoleOf(p) != room.Listener || r.host.door.wasInside(p, time.Now()) {
		return true
	}
	for _, c := range r.host.children {
		if c.author.Person == p {
			return true
		}
	}
	return false
}

// nameOf is what somebody who is connected calls themselves. r.mu is held.
func (r *Room) nameOf(p doc.PublicKey) string {
	for _, c := range r.host.children {
		if c.author.Person == p {
			return c.name
		}
	}
	return ""
}

// takeMedia gives a child its media link; one that comes before its join is answered waits a moment.
func (r *Room) takeMedia(id peer.ID, l *streamLink) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.host.children[id]; c != nil && !r.phase.Over() {
		r.attach(c, l)
		return
	}
	if r.phase.Over() {
		l.Close()
		return
	}
	if _, again := r.host.parked[id]; !again && len(r.host.parked) >= parkedMax {
		// The oldest makes room: those of whoever means to join wait for a moment only.
		oldest := id
		for other, p := range r.host.parked {
			if oldest == id || p.came.Before(r.host.parked[oldest].came) {
				oldest = other
			}
		}
		r.unpark(oldest)
	}
	if old, ok := r.host.parked[id]; ok {
		old.link.Close()
	}
	r.host.parked[id] = parked{l, time.Now()}
	time.AfterFunc(joinTimeout, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.host.parked[id].link == l {
			r.unpark(id)
		}
	})
}

// unpark lets a media stream go that nobody joined for. r.mu is held.
func (r *Room) unpark(id peer.ID) {
	r.n.counts.Add("media_without_join")
	r.host.parked[id].link.Close()
	delete(r.host.parked, id)
}

// attach starts feeding a child. r.mu is held.
func (r *Room) attach(c *child, l *streamLink) {
	p := relay.Peer(c.id)
	r.media.setLink(p, l)
	var err error
	r.media.do(func(t *relay.Tree, now time.Time) {
		t.RemoveChild(p) // a link anew starts with a burst anew
		err = t.AddChild(p, now)
	})
	if err != nil {
		r.n.counts.Add("child_refused")
		l.Close()
		return
	}
	r.settleChild(c)
	r.wg.Go(func() {
		if err := r.media.carry(p, l); errors.Is(err, relay.ErrTrespass) {
			r.n.counts.Add("child_trespassed")
			r.dismiss(c, &relay.Bye{Code: "not_allowed", Text: "Your node kept sending more sound than it may."})
		}
		s := l.Stats()
		r.n.counts.AddMany("packet_malformed", s.Malformed)
		r.n.counts.AddMany("packet_unsent", s.Dropped)
	})
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
	if !c.allowance.take(now) {
		r.n.counts.Add("control_flood")
		return true
	}
	var said said
	if m, ok := m.(relay.Command); ok { // signatures are checked before the room waits for us
		said.command, said.author, said.err = room.OpenCommand(m.Payload, now)
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
	case relay.Bye:
		c.left = true
		if r.host.children[c.id] == c {
			r.forget(c)
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

// decide runs the rule book and tells everyone. r.mu is held.
func (r *Room) decide(by doc.Author, c room.Command, now time.Time) error {
	ev, err := r.state.Decide(by, c, now)
	if err != nil {
		return err
	}
	return r.commit(ev)
}

// commit applies an event of ours and carries out what follows. r.mu is held.
func (r *Room) commit(ev room.Event) error {
	raw, err := room.SignEvent(r.n.id(), ev)
	if err != nil {
		return err
	}
	msg, err := relay.EncodeControl(relay.Event{Payload: raw})
	if err != nil {
		return err
	}
	effects, err := r.state.Apply(ev)
	if err != nil {
		return err
	}
	for _, c := range r.host.children {
		c.ctl.sendRaw(msg)
	}
	r.settle()
	for _, e := range effects {
		switch e := e.(type) {
		case room.Drop:
			r.host.door.removed(e.Person, r.nameOf(e.Person), r.state.Removed)
			for _, c := range r.host.children {
				if c.author.Person == e.Person {
					r.wg.Go(func() { r.dismiss(c, &relay.Bye{Code: "removed", Text: "The host removed you from this room."}) })
				}
			}
		case room.Closed:
			for _, c := range r.host.children {
				r.wg.Go(func() { r.dismiss(c, &relay.Bye{Code: "ended", Text: "The host ended the room."}) })
			}
			r.setPhase(Ended, "You ended the room.")
		}
	}
	r.announceSoon()
	return nil
}

// dismiss takes a child out: with a word if bye is set, else because it is gone.
func (r *Room) dismiss(c *child, bye *relay.Bye) {
	if bye != nil {
		c.ctl.Part(*bye)
	} else {
		c.ctl.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host.children[c.id] != c {
		return
	}
	delete(r.host.children, c.id)
	r.media.dropLink(relay.Peer(c.id))
	r.media.do(func(t *relay.Tree, _ time.Time) { t.RemoveChild(relay.Peer(c.id)) })
	r.listeners = r.audience()
	r.n.roomChanged(r)
	if r.phase.Over() {
		return
	}
	if !c.left && !r.state.IsRemoved(c.author.Person) {
		r.host.door.broke(c.author.Person, time.Now())
	}
	if r.host.absent[c.id] != nil {
		return
	}
	seat, _ := r.state.SeatOf(c.author.Person)
	hand, _ := r.state.HandOf(c.author.Person)
	if seat.Device != c.author.Device && hand.Device != c.author.Device && !r.state.IsInvited(c.author.Person) {
		return
	}
	// A broken connection often comes back: seat, hand and invitation wait a little for it.
	r.host.absent[c.id] = time.AfterFunc(seatGrace, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.host.absent[c.id] == nil || r.phase.Over() {
			return
		}
		delete(r.host.absent, c.id)
		r.forget(c)
	})
}

// forget gives up what a child that is gone had in the room. What it does not have is refused, which is as well. r.mu is
// held.
func (r *Room) forget(c *child) {
	now := time.Now()
	_ = r.decide(c.author, room.Command{Room: r.id, Kind: room.Leave, Time: now.UnixMilli()}, now)
	for _, other := range r.host.children {
		if other != c && other.author.Person == c.author.Person {
			return // an invitation is the person's, who is still here
		}
	}
	_ = r.decide(r.n.author(), room.Command{Room: r.id, Kind: room.Decline, To: c.author.Person, Time: now.UnixMilli()}, now)
}

// Audience lists who listens, for the host alone: the others know only how many. One who is here with two devices is
// one; the error says that the room is somebody else's.
func (r *Room) Audience() ([]ListenerView, error) {
	if r.host == nil {
		return nil, &UserError{Code: "not_allowed", Text: "Only the host sees who listens."}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []ListenerView{}
	seen := make(map[doc.PublicKey]bool)
	for _, c := range r.host.children {
		p := c.author.Person
		if seen[p] || r.state.RoleOf(p) != room.Listener || r.state.IsRemoved(p) {
			continue
		}
		seen[p] = true
		_, hand := r.state.HandOf(p)
		list = append(list, ListenerView{PersonView{p, c.name}, hand, r.state.IsInvited(p)})
	}
	slices.SortFunc(list, func(a, b ListenerView) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Person.String(), b.Person.String()))
	})
	return list, nil
}

// audience counts the people who listen: everyone connected who is not on stage. r.mu is held.
func (r *Room) audience() uint32 {
	people := make(map[doc.PublicKey]bool, len(r.host.children))
	for _, c := range r.host.children {
		if r.state.RoleOf(c.author.Person) == room.Listener {
			people[c.author.Person] = true
		}
	}
	return uint32(len(people))
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
			r.everySecond(time.Now())
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
		if msg, err := relay.EncodeControl(relay.Counts{Listeners: r.listeners}); err == nil {
			for _, c := range r.host.children {
				c.ctl.sendRaw(msg)
			}
		}
		r.n.roomChanged(r)
		r.announceSoon()
	}
	r.voice.expectLoss(r.worstLoss())
	for _, c := range r.host.children {
		if now.Sub(c.heard) > deadAfter {
			r.n.counts.Add("child_silent")
			c.ctl.Close() // its reader ends and dismisses it
		}
	}
}

// worstLoss is what the listener loses who loses most, by their own word; a tenth of them may be wrong, or lie. r.mu is
// held.
func (r *Room) worstLoss() float64 {
	var losses []float64
	for _, c := range r.host.children {
		if r.state.RoleOf(c.author.Person) == room.Listener {
			losses = append(losses, c.loss)
		}
	}
	if len(losses) == 0 {
		return 0
	}
	slices.Sort(losses)
	return losses[len(losses)-1-len(losses)/10]
}

func (r *Room) announceSoon() {
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
	r.mu.Lock()
	charter := r.charter
	r.mu.Unlock()
	link := r.n.shareLink(charter) // made anew: this machine may have come into another network
	r.mu.Lock()
	r.link = link
	now := time.Now()
	version = max(version+1, uint64(now.UnixMilli()))
	ttl := r.n.o.AnnounceEvery * 5 / 2
	a := room.Announcement{
		Room: r.id, Nonce: r.charter.Nonce, Host: r.charter.Host, HostName: r.n.displayName(),
		Title: r.charter.Title, Language: r.charter.Language, Mode: r.charter.Mode, Access: r.charter.Access,
		Listeners: r.listeners, Speakers: uint32(len(r.state.Seats)),
		Version: version, Time: now.UnixMilli(), Expires: now.Add(ttl).UnixMilli(), Ended: ended, Locked: r.state.Locked, Entries: link.Addrs,
	}
	r.mu.Unlock()
	r.n.publish(a)
	return version
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
