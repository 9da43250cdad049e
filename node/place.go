package node

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"

	"salon/relay"
)

const (
	// answerWithin is what a peer that is dialled has to answer a Join: a connection to it may have to be made first, and a
	// relay may have to ask the host.
	answerWithin = dialTimeout

	// vainMost is how often everybody known is asked for a place in a room that we have not been in, and crowdedFor for how
	// long where there may be one in a moment.
	vainMost   = 3
	crowdedFor = 7 * time.Second

	goneFor = 300 * time.Millisecond // without a parent, while another is being made one: nobody need be told before

	// A parent that stalls says so every second.
	stallShown = 1500 * time.Millisecond // after which the way to the host counts as lost
	stallOver  = 2500 * time.Millisecond // after its last word
)

// placeOut is a room as its place sees it: called under media.mu.
type placeOut Room

// Dial has visit connect to a peer, or sends j over the connection that there is.
func (o *placeOut) Dial(to relay.Entry, j relay.Join) {
	m, id := o.media, relay.Peer(to.Peer)
	if m.carries {
		j.Carry = max(j.Carry, 1)
	}
	if u := m.above[id]; u != nil {
		j.HaveSeq = o.guest.have.Load()
		u.ask(j)
		return
	}
	p, err := addrInfoOf(to)
	if err != nil {
		return // it is no libp2p node: the place waits in vain
	}
	u := newUplink(o.n.ctx, p, j)
	m.above[id] = u
	m.dials = append(m.dials, u)
	m.told()
}

// Tell sends a control message to a parent, or to a child.
func (o *placeOut) Tell(to relay.Peer, m any) {
	switch x := m.(type) {
	case relay.Resume:
		x.HaveSeq = o.guest.have.Load()
		m, o.media.resumed = x, true
	case relay.Drain:
		m = relay.Drain{To: o.n.reachable(x.To)}
	case relay.Others:
		m = relay.Others{To: o.n.reachable(x.To)}
	case relay.Evidence:
		if len(x.Word) == 0 { // our own
			e, err := x.Sign(o.n.id(), o.id, time.Now())
			if err != nil {
				o.n.o.Log.Error("evidence", "err", err)
				return
			}
			m = e
		}
	}
	if u := o.media.above[to]; u != nil {
		u.send(m)
	} else if ctl := o.media.below[to]; ctl != nil {
		ctl.Send(m)
	}
}

// Part ends the connection to a peer.
func (o *placeOut) Part(from relay.Peer, code string) {
	m, r := o.media, (*Room)(o)
	if code == "bad" || code == "unsigned" {
		o.n.counts.Add("carrier_forged")
		o.n.o.Log.Warn("neighbour passed on what nobody signed", "room", o.id.String(), "peer", peer.ID(from).String())
	}
	if u := m.above[from]; u != nil {
		delete(m.above, from)
		if u.link != nil && m.links[from] == u.link {
			delete(m.links, from)
		}
		r.wg.Go(func() { r.partWith(u, code) })
	} else if ctl := m.below[from]; ctl != nil {
		delete(m.below, from)
		r.wg.Go(func() { ctl.Part(relay.Bye{Code: code}) }) // its reader ends and dismisses it
	}
}

// addrInfoOf is where an Entry says that a node is.
func addrInfoOf(e relay.Entry) (peer.AddrInfo, error) {
	id, err := peer.IDFromBytes(e.Peer)
	p := peer.AddrInfo{ID: id}
	for _, b := range e.Addrs {
		if m, err := multiaddr.NewMultiaddrBytes(b); err == nil {
			p.Addrs = append(p.Addrs, m)
		}
	}
	return p, err
}

// entryOf is where others can reach a node.
func entryOf(p peer.AddrInfo) relay.Entry {
	e := relay.Entry{Peer: []byte(p.ID)}
	for _, m := range p.Addrs {
		e.Addrs = append(e.Addrs, m.Bytes())
	}
	return e
}

// reachable is a list of nodes with the addresses that they have now, without those of which none is known.
func (n *Node) reachable(list []relay.Entry) []relay.Entry {
	to := make([]relay.Entry, 0, len(list))
	for _, e := range list {
		if addrs := n.addrsOf(peer.ID(e.Peer)); len(addrs) > 0 {
			e.Addrs = entryOf(peer.AddrInfo{Addrs: addrs}).Addrs
		}
		if e.Addrs = e.Addrs[:min(len(e.Addrs), relay.MaxAddrs)]; len(e.Addrs) > 0 {
			to = append(to, e)
		}
	}
	return to
}

// rttOf is how far away the other end of a connection is; 0 if that is not known.
func rttOf(c network.Conn) time.Duration {
	var q *quic.Conn
	if !c.As(&q) {
		return 0
	}
	return q.ConnectionStats().SmoothedRTT
}

// seek tells the place where the room may be entered. A relay asks the host, whose word it is where relays are; others only
// when the host has been out of reach for a while.
func (r *Room) seek() {
	r.findParent()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil {
		r.seekAnew()
	}
}

// visit keeps us in somebody's room until it is over or ctx ends.
func (r *Room) visit(ctx context.Context) {
	defer r.guest.decided.Do(func() { close(r.guest.ready) })
	defer r.partAll()
	t := time.NewTicker(mendEvery)
	defer t.Stop()
	s := sitting{last: time.Now()}
	r.waits(&s, time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.media.news:
			r.dial(ctx)
			r.follow()
			r.waits(&s, time.Now())
		case <-t.C:
			now := time.Now()
			r.follow()
			r.sit(&s, now)
			r.waits(&s, now)
		}
	}
}

// dial begins the connections that the place asked for.
func (r *Room) dial(ctx context.Context) {
	r.media.mu.Lock()
	dials := r.media.dials
	r.media.dials = nil
	r.media.mu.Unlock()
	for _, u := range dials {
		stop := context.AfterFunc(ctx, u.end)
		r.wg.Go(func() {
			defer stop()
			r.attend(u)
		})
	}
}

// follow takes notice of who feeds us now.
func (r *Room) follow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, g := r.media, r.guest
	m.mu.Lock()
	s := m.position()
	u := m.above[s.parent]
	warmed, carries := u != nil && u.join.Warm, u != nil && u.join.Carry > 0
	if u != nil && u != g.up {
		u.heard = time.Now() // a warm parent has nothing to say
		if u.count != nil {
			r.listeners = *u.count
		}
	}
	resumed := m.resumed // also if it fed us all the while, as far as we have seen
	m.resumed = false
	m.mu.Unlock()
	if s == g.at && g.up == u && !resumed || r.phase.Over() || r.host != nil {
		return
	}
	g.at = s
	switch {
	case g.up == u:
		if u != nil && r.carries != nil && resumed {
			r.tellAnew()
		}
	case u == nil:
		g.up, g.ctl, g.lost = nil, nil, time.Now()
		if s.warm == "" {
			r.setPhase(Reconnecting, "")
		}
	case r.state == nil: // its answer is still being read
		g.at = position{}
		return
	default:
		if warmed {
			r.keys.moved(time.Now())
		}
		g.up, g.ctl, g.parent, g.lost, g.attempt = u, u.ctl, u.to.ID, time.Time{}, 0
		r.account(g.parent, time.Now())
		r.voice.newPath(time.Now())
		g.ctl.Send(relay.Ping{T0: time.Now().UnixMicro()})
		if r.lends.on && !carries {
			r.volunteer(g.ctl, max(r.lends.most, 1), time.Now()) // it was asked for a place before we volunteered
		}
		if r.carries != nil {
			r.tellAnew()
		}
		r.setPhase(Live, "")
		if r.obey(); r.heir.asked != 0 {
			r.wg.Go(r.propose)
		}
		r.settle()
		g.decided.Do(func() { close(g.ready) })
	}
	r.changed()
}

// A sitting is what visit remembers from one look at our place to the next.
type sitting struct {
	last   time.Time // look
	pinged time.Time // when the parent was
	sought time.Time // when the place was last told where to seek
	told   HearStats // as the parent knows it
	vain   int       // rounds, when last looked
	lost   time.Time // when the way to the host was, when last looked
}

// sit looks after the path from our parent: relay.Place leaves a silent parent where there is another, and what is left to do
// is to mend the path to the only one.
func (r *Room) sit(s *sitting, now time.Time) {
	slept := now.Round(0).Sub(s.last.Round(0))-now.Sub(s.last) > sleptFor
	s.last = now
	r.mu.Lock()
	u := r.guest.up
	r.mu.Unlock()
	if u == nil {
		return
	}
	if slept {
		r.n.counts.Add("path_woken")
		r.giveUp(u)
		return
	}
	r.report(s, u, now)
	heard, stalled := r.lastHeard(u, now)
	if now.Sub(heard) > hostGone {
		r.giveUp(u)
		return
	}
	r.noteStall(stalled, now)
	if stalled > 0 {
		r.voice.newPath(now) // what is broken lies behind it
		return
	}
	do, ping := r.voice.lookAtPath(now)
	if ping {
		u.ctl.Send(relay.Ping{T0: now.UnixMicro()})
	}
	switch do {
	case newStream:
		r.n.counts.Add("path_new_stream")
		r.wg.Go(func() { r.newStream(u) })
	case newConnection:
		r.n.counts.Add("path_new_connection")
		r.giveUp(u)
	}
}

// giveUp ends a connection that carries nothing, and what lies beneath it.
func (r *Room) giveUp(u *uplink) {
	r.n.cut(u.to.ID, r)
	u.ctl.Close()
}

// report tells our parent that we are there, and how we hear.
func (r *Room) report(s *sitting, u *uplink, now time.Time) {
	r.mu.Lock()
	carries := r.carries != nil
	r.mu.Unlock()
	every := pingEvery
	if carries {
		every = pingCarry
	}
	if now.Sub(s.pinged) < every {
		return
	}
	s.pinged = now
	u.ctl.Send(relay.Ping{T0: now.UnixMicro()})
	if carries {
		return // it reports what its children lose
	}
	h, told := r.voice.hearStats(), s.told
	s.told = h
	if told != (HearStats{}) {
		u.ctl.Send(relay.Report{Expected: h.Expected - told.Expected, Received: h.Received - told.Received, Resent: h.Resent - told.Resent, Concealed: h.Concealed - told.Concealed})
	}
}

// noteStall takes notice that our parent hears nothing itself, and for how long.
func (r *Room) noteStall(stalled time.Duration, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.guest.up == nil:
	case stalled > stallShown && r.guest.lost.IsZero():
		r.guest.lost = now
		r.setPhase(Reconnecting, "")
	case stalled == 0 && !r.guest.lost.IsZero():
		r.guest.lost, r.guest.attempt = time.Time{}, 0
		r.setPhase(Live, "")
	}
}

// waits looks after how long there has been no way to the host, and gives up in the end.
func (r *Room) waits(s *sitting, now time.Time) {
	vain := 0
	r.media.drive(func(p *relay.Place, _ time.Time) { vain = p.InVain() })
	r.mu.Lock()
	g := r.guest
	since, fed, been := g.lost, g.up != nil, r.phase == Live || r.phase == Reconnecting
	r.mu.Unlock()
	if since != s.lost || !fed && (vain > s.vain || now.Sub(s.sought) > time.Second) {
		s.sought = now
		r.seek()
	}
	s.lost, s.vain = since, vain
	if since.IsZero() {
		return
	}
	lost := now.Sub(since)
	if vain > 0 {
		g.decided.Do(func() { close(g.ready) })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host != nil {
		return
	}
	why := cmp.Or(g.why, errNobody)
	hold := holdTime(r.charter)
	switch {
	case lost > hold:
		r.setPhase(Ended, fmt.Sprintf("The host has been gone for %d minutes.", int(hold.Minutes())))
	case fed:
	case been && lost > goneFor:
		g.attempt = vain + 1
		r.setPhase(Reconnecting, "")
	case been:
	case isCrowded(why) && vain >= vainMost && lost > crowdedFor:
		r.setPhase(Failed, why.Error())
	case !isCrowded(why) && vain >= vainMost:
		r.setPhase(Failed, fmt.Sprintf("The room cannot be reached: %v. Is the host's computer on, and on the same network?", why))
	}
}

// partAll ends every connection to a parent, and to who may be one.
func (r *Room) partAll() {
	r.media.mu.Lock()
	defer r.media.mu.Unlock()
	for _, u := range r.media.above {
		u.end()
	}
}
