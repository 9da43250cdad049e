package node

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"salon/relay"
)

const (
	// Tree and place look at what depends on time when somebody works on them anyway, since to wake up for nothing else costs 100 us
	// and more of a processor: mediaTick after they did last, give or take mediaSoon, and at the end of that in any case.
	mediaTick = relay.FrameDuration
	mediaSoon = relay.FrameDuration / 4
	// mediaHurry is how often while something is missing; first after mediaSoon.
	mediaHurry = relay.FrameDuration / 2
	// lossEvery is how often the tree is told what the links lose.
	lossEvery = time.Second
)

// media drives one room's relay.Tree and relay.Place: links in, links out, what is for us to the sink, and who is above and
// below us.
type media struct {
	sink mediaSink
	news chan struct{} // holds one: our position has changed, or somebody is to be dialled

	mu      sync.Mutex // guards the fields below; calls into the sink and to relay.PlaceOut happen under it
	tree    *relay.Tree
	place   *relay.Place
	links   map[relay.Peer]relay.Link
	above   map[relay.Peer]*uplink      // to parents, and to those who were asked to be one
	below   map[relay.Peer]*controlConn // from children
	lanes   map[relay.Link]bool         // that end here: heard to their end, also beside another link from there
	dials   []*uplink                   // of above, not begun yet
	carries bool                        // others are to be fed, though we do not lead
	resumed bool                        // a parent was asked to feed us again, and has forgotten whom we named
	bad     []verdict                   // to be told to the place when the tree is at rest
	seen    position                    // as told by news
	ticked  time.Time
	hurry   bool        // something is missing
	over    bool        // run has ended
	timer   *time.Timer // when to tick at the latest

	carried map[relay.Peer]*carriedBy // by parents
}

// A mediaSink hears every frame that reaches this node. Its calls must be quick.
type mediaSink interface {
	frame(f relay.Frame, resent bool, now time.Time) judgement
	beside(f relay.Frame, resent bool, now time.Time) // by a lane
	auth(a *relay.Auth, now time.Time) judgement
	due() bool // the program must come without a pause
}

// A judgement is what something that came showed about the program.
type judgement struct {
	verified bool            // some of it is its source's
	bad      *relay.BadError // some of it is not; nil if there is none of that
}

// A verdict is about what a neighbour passed on; the empty peer means that the tree knows who.
type verdict struct {
	from relay.Peer
	bad  *relay.BadError
}

// A position is where in the tree we are.
type position struct {
	parent, warm relay.Peer // empty if there is none
	depth        int        // hops from the host; -1 without a parent
}

func newMedia(tree relay.Options, place relay.PlaceOptions, sink mediaSink, out relay.PlaceOut) *media {
	m := &media{
		sink: sink, news: make(chan struct{}, 1), timer: time.NewTimer(mediaTick), links: make(map[relay.Peer]relay.Link),
		above: make(map[relay.Peer]*uplink), lanes: make(map[relay.Link]bool), below: make(map[relay.Peer]*controlConn), carried: make(map[relay.Peer]*carriedBy),
	}
	m.tree = relay.New(tree, (*mediaOut)(m))
	m.place = relay.NewPlace(place, m.tree, out)
	m.seen = m.position()
	return m
}

// mediaOut is media as its tree sees it: called under mu.
type mediaOut media

func (m *mediaOut) Send(to relay.Peer, p *relay.Packet) {
	if l := m.links[to]; l != nil {
		l.Send(p)
	}
}

func (m *mediaOut) Deliver(f relay.Frame, from relay.Peer, resent bool) {
	if c := m.carried[from]; c != nil {
		c.frames++
		c.bytes += uint64(len(f.Sealed))
	}
	now := time.Now()
	if m.tree.IsSpeaker(from) {
		m.sink.beside(f, resent, now)
		return
	}
	(*media)(m).judge(from, m.sink.frame(f, resent, now), now)
}

func (m *mediaOut) DeliverAuth(a *relay.Auth, from relay.Peer) {
	now := time.Now()
	j := m.sink.auth(a, now)
	if j.bad != nil && j.bad.Reason == "hash" {
		from = "" // the auth is good: it is the frame that is not
	}
	(*media)(m).judge(from, j, now)
}

// judge takes up what the sink found. mu is held.
func (m *media) judge(from relay.Peer, j judgement, now time.Time) {
	if j.verified {
		m.place.Verified(now)
	}
	if j.bad != nil {
		m.bad = append(m.bad, verdict{from, j.bad})
	}
}

// found takes up what the sink found later. No lock is held.
func (m *media) found(j judgement) {
	if j == (judgement{}) {
		return
	}
	m.drive(func(_ *relay.Place, now time.Time) { m.judge("", j, now) })
}

// do runs f on the tree.
func (m *media) do(f func(t *relay.Tree, now time.Time)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m.tree, time.Now())
}

// drive runs f on the place.
func (m *media) drive(f func(p *relay.Place, now time.Time)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	f(m.place, now)
	m.settle(now)
}

// settle tells the place what was found out about its neighbours, and the room that its position has changed. mu is held.
func (m *media) settle(now time.Time) {
	for i := 0; i < len(m.bad); i++ {
		v := m.bad[i]
		if v.from == "" && v.bad.Frame != nil {
			v.from, _ = m.tree.From(v.bad.Frame.Slot, v.bad.Frame.Number)
		}
		m.place.Blame(v.from, v.bad, now)
	}
	m.bad = m.bad[:0]
	if s := m.position(); s != m.seen {
		m.seen = s
		m.told()
	}
}

// told has the room look at its position.
func (m *media) told() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// position is where we are. mu is held.
func (m *media) position() position {
	return position{m.place.Parent(), m.place.Warm(), m.place.Depth()}
}

// publish sends one frame of ours, and the auths that it completed, into the tree.
func (m *media) publish(f relay.Frame, auths ...*relay.Auth) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, a := range auths {
		if a != nil {
			m.tree.PublishAuth(a, now) // first, so that it rides with the frame that completes it
		}
	}
	m.tree.Publish(f, now)
	m.look(now)
}

// look ticks if it is time, and else sees to it that it is done in time. mu is held.
func (m *media) look(now time.Time) {
	every := mediaTick - mediaSoon
	if m.hurry {
		every = mediaHurry
	}
	switch {
	case m.over:
	case now.Sub(m.ticked) >= every:
		m.tick(now)
	case !m.hurry && m.tree.Missing(now):
		m.hurry = true
		m.timer.Reset(mediaSoon)
	}
}

// tick does what depends on time, and says when to do it next. mu is held.
func (m *media) tick(now time.Time) {
	m.ticked = now
	m.tree.Tick(now)
	m.place.Due(m.sink.due(), now)
	m.place.Tick(now)
	m.settle(now)
	did := m.hurry
	m.hurry = m.tree.Missing(now) || m.place.Stalls()
	switch {
	case !m.hurry:
		m.timer.Reset(mediaTick + mediaSoon)
	case did:
		m.timer.Reset(mediaHurry)
	default:
		m.timer.Reset(mediaSoon)
	}
}

// carry reads packets from a neighbour's link until the link ends, or with relay.ErrTrespass, then takes the link out.
func (m *media) carry(p relay.Peer, l relay.Link) error {
	var pkt relay.Packet
	var err error
	for err == nil && l.Receive(&pkt) == nil {
		err = m.receive(p, l, &pkt)
	}
	m.parted(p, l)
	return err
}

// receive takes one packet from a neighbour. The error is relay.ErrTrespass.
func (m *media) receive(p relay.Peer, l relay.Link, pkt *relay.Packet) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.links[p] != l && !m.lanes[l] {
		return nil
	}
	now := time.Now()
	err := m.tree.Receive(p, pkt, now)
	m.settle(now)
	m.look(now)
	return err
}

// parted closes a link and takes it out.
func (m *media) parted(p relay.Peer, l relay.Link) {
	l.Close()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.lanes, l)
	if m.links[p] == l {
		delete(m.links, p)
	}
}

// A restful link tells when there is something to be received: nobody need wait for it.
type restful interface {
	relay.Link
	Rest(wake func()) bool
}

// carryFrom is carry for a child, of which there are many, and most send nothing: where the link allows that, it takes no
// goroutine but while something comes. It returns at once; over is called at the end, with what carry returns.
func (m *media) carryFrom(crew *crew, p relay.Peer, l relay.Link, over func(error)) {
	rests, ok := l.(restful)
	if !ok {
		crew.do(func() { over(m.carry(p, l)) })
		return
	}
	c := &carrier{m: m, from: p, link: rests, over: over}
	run := c.run
	c.wake = func() { crew.do(run) }
	c.wake()
}

// A carrier is one carryFrom.
type carrier struct {
	m    *media
	from relay.Peer
	link restful
	over func(error)
	wake func() // has run called
}

// packets are what is received into for a moment.
var packets = sync.Pool{New: func() any { return new(relay.Packet) }}

// run takes what came.
func (c *carrier) run() {
	pkt := packets.Get().(*relay.Packet)
	defer packets.Put(pkt)
	for !c.link.Rest(c.wake) {
		var err error
		ended := c.link.Receive(pkt) != nil
		if !ended {
			err = c.m.receive(c.from, c.link, pkt)
		}
		if ended || err != nil {
			c.m.parted(c.from, c.link)
			c.over(err)
			return
		}
	}
}

// setLink makes l the way to p; an older one is closed, but not a lane: words are on their way by that.
func (m *media) setLink(p relay.Peer, l relay.Link) {
	m.mu.Lock()
	old := m.links[p]
	if m.lanes[old] {
		old = nil
	}
	m.links[p] = l
	m.mu.Unlock()
	if old != nil {
		old.Close()
	}
}

// dropLink closes the way to p, if any.
func (m *media) dropLink(p relay.Peer) {
	m.mu.Lock()
	l := m.links[p]
	delete(m.links, p)
	m.mu.Unlock()
	if l != nil {
		l.Close()
	}
}

// run ticks the tree and the place until ctx ends, then closes every link.
func (m *media) run(ctx context.Context) {
	loss := time.NewTicker(lossEvery)
	defer m.timer.Stop()
	defer loss.Stop()
	for {
		select {
		case <-ctx.Done():
			m.mu.Lock()
			links := slices.AppendSeq(slices.Collect(maps.Values(m.links)), maps.Keys(m.lanes))
			m.links = make(map[relay.Peer]relay.Link)
			m.over = true
			m.mu.Unlock()
			for _, l := range links {
				l.Close()
			}
			return
		case <-m.timer.C:
			m.mu.Lock()
			m.tick(time.Now())
			m.mu.Unlock()
		case <-loss.C:
			m.mu.Lock()
			for p, l := range m.links {
				_ = m.tree.SetLoss(p, l.Stats().Loss) // who is no peer any more loses nothing
			}
			m.mu.Unlock()
		}
	}
}
