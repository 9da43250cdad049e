package node

import (
	"bufio"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	joinTimeout = 5 * time.Second
	parkedMax   = 256             // media streams that came before their join was answered
	parkedFor   = 2 * joinTimeout // in a crowd one is told to wait
	devicesMax  = 8               // of one person
)

// A mediaStream is what takes a child its sound. It may be there before its join is answered.
type mediaStream struct {
	link relay.Link
	came time.Time // when it had said which room it is for
}

// serveControl is the handler of every control stream: its first message says which room.
func (n *Node) serveControl(s network.Stream) (stay func()) {
	ctl := newControlConn(s, nil)
	defer func() {
		if stay == nil {
			ctl.Close()
		}
	}()
	late := time.AfterFunc(joinTimeout, func() {
		n.counts.Add("join_slow")
		ctl.Close()
	})
	m, err := ctl.Receive()
	came := time.Now()
	if !late.Stop() {
		return nil
	}
	if look, ok := m.(relay.Look); ok {
		n.show(ctl, room.ID(look.Room))
		return nil
	}
	if m, ok := m.(relay.Claim); ok {
		n.serveClaim(ctl, s.Conn().RemotePeer(), m)
		return nil
	}
	if m, ok := m.(relay.Carry); ok {
		n.serveCarry(ctl, s.Conn().RemotePeer(), m)
		return nil
	}
	if m, ok := m.(relay.Papers); ok {
		n.servePapers(ctl, s.Conn().RemotePeer(), m)
		return nil
	}
	j, ok := m.(relay.Join)
	if err != nil || !ok {
		n.counts.Add("join_malformed")
		return nil
	}
	r := n.fedSoon(n.ctx, room.ID(j.Room), !j.Warm)
	if r == nil && n.resumes(room.ID(j.Room)) {
		n.counts.Add("join_early")
		ctl.Finish(relay.Refuse{Code: codeEarly, Text: "The host is just coming back."})
		return nil
	}
	if r == nil {
		n.counts.Add("join_no_room")
		ctl.Finish(relay.Refuse{Code: "no_room", Text: "This room has ended, or it is not to be had here."})
		return nil
	}
	return r.welcome(n.ctx, s, ctl, j, came)
}

// serveMedia is the handler of every media stream.
func (n *Node) serveMedia(s network.Stream) (stay func()) {
	in := bufio.NewReaderSize(s, 8<<10)
	_ = s.SetReadDeadline(time.Now().Add(joinTimeout))
	b, err := readMessage(in, nil, len(room.ID{}))
	came := time.Now()
	_ = s.SetReadDeadline(time.Time{})
	if err != nil || len(b) != len(room.ID{}) {
		n.counts.Add("media_malformed")
		s.Reset()
		return nil
	}
	r := n.fedSoon(n.ctx, room.ID(b), true)
	if r == nil {
		n.counts.Add("media_no_room")
		s.Reset()
		return nil
	}
	r.takeMedia(s.Conn().RemotePeer(), mediaStream{n.newLink(s, in, false), came})
	return nil
}

// welcome answers a node that wants in, and asked when came says. stay serves its control stream, if it is let in, until the child is gone.
func (r *Room) welcome(ctx context.Context, s network.Stream, ctl *controlConn, j relay.Join, came time.Time) (stay func()) {
	c, no := r.admit(ctx, s.Conn(), ctl, j, came)
	for c == nil {
		switch m := no.(type) {
		case relay.Refuse:
			r.n.counts.Add("join_refused_" + m.Code)
			ctl.Finish(no)
			return nil
		case relay.Wait:
			r.n.counts.Add("join_told_to_wait")
			ctl.Send(no)
		default:
			r.n.counts.Add("join_redirected")
			ctl.Finish(no)
			return nil
		}
		late := time.AfterFunc(joinTimeout, ctl.Close)
		m, err := ctl.Receive()
		again, ok := m.(relay.Join)
		if !late.Stop() || err != nil || !ok {
			return nil // it found another place
		}
		j = again
		c, no = r.admit(ctx, s.Conn(), ctl, j, time.Now())
	}
	if len(j.Claim) > 0 && !j.Warm { // a warm child asks when it has moved here
		r.hearAsk(c, relay.Ask{Device: c.author.Device, Claim: j.Claim, Key: j.Key}, time.Now())
	}
	return func() { r.attendTo(ctx, c) }
}

// attendTo serves a child's control stream until the child is gone.
func (r *Room) attendTo(ctx context.Context, c *child) {
	ctl := c.ctl
	defer ctl.Close()
	defer r.n.protect(c.id)()
	defer r.dismiss(c, nil)
	stop := context.AfterFunc(ctx, ctl.Close)
	defer stop()
	a := attendant{r: r, c: c}
	take := a.take
	for a.err == nil && !a.bye {
		if a.raw, a.err = ctl.read(); a.err == nil {
			a.busy.Add(1)
			r.n.crew.do(take)
			a.busy.Wait()
		}
	}
	if errors.Is(a.err, relay.ErrControl) || errors.Is(a.err, errTooLong) {
		r.n.counts.Add("control_malformed")
	}
}

// An attendant has a child's messages taken, one after another, by the crew: who reads them waits most of the time, and keeps a
// stack that is large enough for reading alone.
type attendant struct {
	r    *Room
	c    *child
	raw  []byte // the message
	err  error
	bye  bool           // it was the last
	busy sync.WaitGroup // while it is taken
}

// take takes a message.
func (a *attendant) take() {
	defer a.busy.Done()
	m, err := relay.DecodeControl(a.raw)
	if err != nil {
		a.err = err
		return
	}
	a.bye = a.r.hear(a.c, m)
}

// admit decides on a join and, if it is granted, makes the joiner a child before any event can pass it by. Otherwise no is
// the Refuse, Redirect or Wait to be answered.
func (r *Room) admit(ctx context.Context, conn network.Conn, ctl *controlConn, j relay.Join, came time.Time) (c *child, no any) {
	id := conn.RemotePeer()
	device, err := deviceOf(id)
	if err != nil {
		return nil, relay.Refuse{Code: "identity", Text: "This node does not name its device."}
	}
	cert, err := doc.OpenCert(j.Cert, time.Now())
	if err != nil || cert.Device != device {
		return nil, relay.Refuse{Code: "identity", Text: "The certificate is not of this device, or your clock is wrong."}
	}
	name, err := room.CleanName(j.Name)
	if err != nil {
		name = "Guest " + cert.Person.Short()
	}
	author := doc.Author{Person: cert.Person, Device: device}
	if r.carried && !r.n.relay.serves(cert.Person) {
		return nil, relay.Refuse{Code: "not_served", Text: "This relay does not serve you."}
	}
	var shown room.Claim
	if len(j.Claim) > 0 {
		claim, by, err := room.OpenClaim(j.Claim, time.Now())
		if err != nil || by != author {
			return nil, relay.Refuse{Code: "identity", Text: "What this node shows at the door is not of this device, or your clock is wrong."}
		}
		shown = claim
	}
	asked, no := r.askAbout(ctx, author, j.Carry)
	if no != nil {
		return nil, no
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if refuse := r.refuses(author, j.Carry, asked, now); refuse != nil {
		return nil, *refuse
	}
	if r.isVolunteer(device) {
		j.Carry = min(j.Carry, carriesMost)
	}
	ticket, shut := r.enters(author, shown, now)
	if shut != nil && j.Carry == 0 {
		return nil, *shut
	}
	old := r.feeds.children[id]
	if old != nil && old.joined.After(came) {
		return nil, relay.Refuse{Code: "again", Text: "Your node has come again since."}
	}
	if r.state.StageOnly && len(r.state.Seats) >= room.MaxSeats && !r.state.OnStage(cert.Person) && !r.state.Leads(cert.Person) && j.Carry == 0 {
		return nil, relay.Refuse{Code: "full", Text: "Everybody here is on stage, and the stage is full. Try again later."}
	}
	if old == nil && j.Carry == 0 && r.feeds.below.guests[device] == nil && r.devices(cert.Person) >= devicesMax {
		return nil, relay.Refuse{Code: "devices", Text: "You are in this room with too many devices. Leave it on one of them first."}
	}
	c = &child{id: id, author: author, name: name, at: conn.RemoteMultiaddr(), ctl: ctl, heard: now, since: now, joined: came, carry: j.Carry, warm: j.Warm, conduct: r.conductOf(cert.Person), ticket: ticket}
	if c.claim = j.Claim; !c.warm {
		c.asked = r.state.Term // welcome sees to it
	}
	if old != nil {
		old.ctl.Close() // the same device came back before its old connection was given up
		r.goneBelow(r.feeds.below.dropVia(old))
		delete(r.feeds.children, id)
	}
	r.offer()
	if no := r.givePlace(c, j, rttOf(conn)); no != nil {
		if old != nil {
			r.vacate(old)
			r.listenersChanged()
		}
		return nil, no
	}
	r.feeds.children[id] = c
	if !c.warm {
		r.noteMove(c)
	}
	r.names.learn(cert.Person, name)
	if p, ok := r.feeds.parked[id]; ok {
		delete(r.feeds.parked, id)
		r.attach(c, p)
	} else if old != nil { // the stream may have been faster than the join
		c.stream = old.stream
		r.serve(c)
	}
	r.recount()
	if c.warm {
		return c, nil
	}
	r.listenersChanged()
	r.tellHeir(c)
	r.tellPapers(nil)
	ctl.Send(relay.Counts{Listeners: r.listeners})
	if r.listeners != r.feeds.told {
		r.feeds.told = unlike // this one knows another: everybody is told again
	}
	if r.host != nil {
		delete(r.host.recalls, id)
		if r.state.Leads(cert.Person) {
			r.tellSuccessors() // whoever leads may be gone before the second is over
			r.tellInside()
		}
		r.greet(c.author)
	} else {
		r.presenceSoon()
	}
	return c, nil
}

// givePlace asks the place for one, and answers the child if there is one. r.mu is held.
func (r *Room) givePlace(c *child, j relay.Join, rtt time.Duration) (no any) {
	id := relay.Peer(c.id)
	hears, _ := r.rights(c)
	entry := entryOf(peer.AddrInfo{ID: c.id, Addrs: r.n.addrsOf(c.id)})
	if r.state.Leads(c.author.Person) {
		r.settleHeirs(c)
	}
	newcomer := j.HaveSeq == 0 || r.state.IsKeeper(c.author.Person)
	hold := newcomer && r.keepsDoor(c.author.Person)
	r.media.drive(func(p *relay.Place, now time.Time) {
		p.Hold(hold)
		answer := p.Join(entry, j, hears, rtt, now)
		a, ok := answer.(relay.Accept)
		if !ok {
			no = answer
			return
		}
		var since []passed
		if !c.warm {
			var err error
			if a, since, err = r.acceptance(a); err != nil {
				p.Gone(id, now)
				no = relay.Refuse{Code: "internal", Text: "The host could not answer."}
				return
			}
		}
		c.ctl.Send(a) // before anything that the place tells its children from now on
		for _, m := range since {
			c.ctl.sendRaw(m.raw)
		}
		r.media.below[id] = c.ctl
	})
	switch m := no.(type) {
	case relay.Redirect:
		if m.To = r.n.reachable(m.To); len(m.To) > 0 {
			return m
		}
		return r.noPlace("full")
	case relay.Refuse:
		if m.Text == "" {
			return r.noPlace(m.Code)
		}
	}
	return no
}

// noPlace says why there is none, to a person. r.mu is held.
func (r *Room) noPlace(code string) relay.Refuse {
	m := relay.Refuse{Code: code, Text: "There is no place for your node here just now."}
	if code == "full" {
		m.Text = "This room is full. Try again later."
		if r.hasRelays() {
			m.Code = codeCrowded
		}
	}
	return m
}

// codeCrowded is the code of a Refuse where there may be a place in a moment: at a relay that is just coming, or was just
// told of somebody who left.
const codeCrowded = "crowded"

// codeEarly is the code of a Refuse of who is in the room again in a moment, or can ask the host again.
const codeEarly = "early"

// hasRelays reports whether relays carry our room, or are to. r.mu is held.
func (r *Room) hasRelays() bool {
	if len(r.n.relays) > 0 && r.host != nil {
		return true
	}
	for _, c := range r.feeds.children {
		if c.carry > 0 {
			return true
		}
	}
	return false
}

// refuses says why somebody may not come in, if so. asked means that the host let them in who alone can know. r.mu is held.
func (r *Room) refuses(who doc.Author, carry uint32, asked bool, now time.Time) *relay.Refuse {
	switch {
	case r.phase.Over():
		return &relay.Refuse{Code: "ended", Text: "This room has ended."}
	case r.state == nil, r.host == nil && r.carries == nil, r.carries != nil && (r.phase != Live && !r.keepsDoor(who.Person) || r.carries.snapshot == nil || len(r.carries.since) > sinceMost):
		return &relay.Refuse{Code: codeEarly, Text: "This relay is not in the room just now."}
	case r.n.people.Blocks(who.Person) && r.host != nil:
		return &relay.Refuse{Code: "blocked", Text: "The host does not let you in."}
	case r.state.IsRemoved(who.Person):
		return &relay.Refuse{Code: "removed", Text: "The host removed you from this room."}
	case r.isOut(who.Person, now):
		return &relay.Refuse{Code: "flood", Text: "Your node sent far too much and was put out. It may come back in a moment."}
	case carry > 0 && !asked && !r.askedToCarry(who.Device) && !r.mayVolunteer(who.Device, now) && !r.state.Leads(who.Person): // who led it carries those who stayed
		return &relay.Refuse{Code: "not_asked", Text: "The host did not ask this relay to carry the room."}
	case (carry == 0 || r.isVolunteer(who.Device)) && r.state.Locked && !asked && !r.letsIn(who.Person):
		if r.awaitsInside(now) {
			return &relay.Refuse{Code: codeEarly, Text: "The host is just coming back, and is told who was inside."}
		}
		return &relay.Refuse{Code: "locked", Text: "The host has locked this room: nobody new comes in just now."}
	}
	return nil
}

// acceptance is what a newcomer is told: the Accept, and what happened since its snapshot. r.mu is held.
func (r *Room) acceptance(a relay.Accept) (_ relay.Accept, since []passed, err error) {
	if r.host == nil {
		a.Charter, a.Snapshot = r.carries.charter, r.carries.snapshot
		return a, r.carries.since, nil
	}
	a.Charter, a.Snapshot, err = r.signedState()
	return a, nil, err
}

// signedState is the room's charter, signed by its host, and its state, signed by us who lead. r.mu is held.
func (r *Room) signedState() (charter, snapshot []byte, err error) {
	if charter, err = r.signedCharter(); err != nil {
		return nil, nil, err
	}
	snapshot, err = room.SignSnapshot(r.n.id(), r.state)
	return charter, snapshot, err
}

// devices counts those that somebody is here with, or below us. What carries the room for others is none. r.mu is held.
func (r *Room) devices(p doc.PublicKey) int {
	n := r.feeds.below.people[p]
	for _, c := range r.feeds.children {
		if c.author.Person == p && c.carry == 0 && !c.warm {
			n++
		}
	}
	return n
}

// letsIn reports whether somebody may come into the locked room: who is in it, or was a moment ago. r.mu is held.
func (r *Room) letsIn(p doc.PublicKey) bool {
	now := time.Now()
	return r.holds(p) || r.host != nil && (now.Before(r.heir.grace) && r.heir.inside == nil || r.host.door.wasInside(p, now))
}

// nameOf is what somebody who is connected, or has a place that waits, calls themselves. r.mu is held.
func (r *Room) nameOf(p doc.PublicKey) string {
	for _, c := range r.feeds.children {
		if c.author.Person == p {
			return c.name
		}
	}
	if r.feeds.below.people[p] > 0 {
		return r.names.view(p).Name // learned when they came
	}
	if seat, ok := r.state.SeatOf(p); ok {
		return seat.Name
	}
	hand, _ := r.state.HandOf(p)
	return hand.Name
}

// takeMedia gives a child its media link; one that comes before its join is answered waits a moment. Whoever waited here for us to
// lead may have tried several times, and be let on in any order: the latest counts.
func (r *Room) takeMedia(id peer.ID, m mediaStream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, before := r.feeds.children[id], r.feeds.parked[id]
	switch {
	case r.phase.Over() || before.came.After(m.came) || c != nil && c.stream.After(m.came):
		m.link.Close()
		return
	case c != nil:
		r.attach(c, m)
		return
	}
	if before.link == nil && len(r.feeds.parked) >= parkedMax {
		// The oldest makes room: those of whoever means to join wait for a moment only.
		oldest := id
		for other, p := range r.feeds.parked {
			if oldest == id || p.came.Before(r.feeds.parked[oldest].came) {
				oldest = other
			}
		}
		r.unpark(oldest)
	}
	if before.link != nil {
		before.link.Close()
	}
	r.feeds.parked[id] = m
	time.AfterFunc(parkedFor, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.feeds.parked[id].link == m.link {
			r.unpark(id)
		}
	})
}

// unpark lets a media stream go that nobody joined for. r.mu is held.
func (r *Room) unpark(id peer.ID) {
	r.n.counts.Add("media_without_join")
	r.feeds.parked[id].link.Close()
	delete(r.feeds.parked, id)
}

// attach starts feeding a child. r.mu is held.
func (r *Room) attach(c *child, m mediaStream) {
	p, l := relay.Peer(c.id), m.link
	c.stream = m.came
	r.media.setLink(p, l)
	r.serve(c)
	r.wg.Add(1)
	r.media.carryFrom(r.n.crew, p, l, func(err error) {
		defer r.wg.Done()
		if errors.Is(err, relay.ErrTrespass) {
			r.n.counts.Add("child_trespassed")
			r.dismiss(c, &relay.Bye{Code: "not_allowed", Text: "Your node kept sending more sound than it may."})
		}
		s := l.Stats()
		r.n.counts.AddMany("packet_malformed", s.Malformed)
		r.n.counts.AddMany("packet_unsent", s.Dropped)
	})
}

// serve begins to feed a child by the link that it has now. r.mu is held.
func (r *Room) serve(c *child) {
	r.media.drive(func(p *relay.Place, now time.Time) { p.Welcome(relay.Peer(c.id), now) })
	r.settleChild(c)
}

// vacate gives up a child's place. r.mu is held.
func (r *Room) vacate(c *child) {
	id := relay.Peer(c.id)
	r.media.dropLink(id)
	r.media.drive(func(p *relay.Place, now time.Time) {
		if r.media.below[id] == c.ctl {
			delete(r.media.below, id)
		}
		p.Gone(id, now)
	})
	r.recount()
}

// sendAway has a child go, and tells it why. The first reason is the one: a relay that lets everybody go because the room has ended
// says that it has ended, and not only that the relay is gone. r.mu is held.
func (r *Room) sendAway(c *child, bye relay.Bye) {
	if c.sent {
		return
	}
	c.sent = true
	r.wg.Go(func() { r.dismiss(c, &bye) })
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
	if r.feeds.children[c.id] != c {
		return
	}
	delete(r.feeds.children, c.id)
	r.vacate(c)
	gone := r.feeds.below.dropVia(c)
	r.loseWays(c)
	r.listenersChanged()
	if r.phase.Over() {
		return
	}
	r.settleChildren()
	r.goneBelow(gone)
	if r.host != nil && !c.left && !c.warm && !r.state.IsRemoved(c.author.Person) {
		r.host.door.broke(c.author.Person, time.Now())
		if bye == nil && !c.moved && !r.isOut(c.author.Person, time.Now()) { // whoever was sent away comes back on their own, if at all
			r.host.recalls.lose(c.id, r.n.o.MaxChildren, time.Now())
		}
	}
}
