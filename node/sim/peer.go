package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"salon/relay"
)

// A peer is one node: its real tree, place and verifier, and what it heard.
type peer struct {
	w      *world
	index  int // among all peers there ever were
	id     relay.Peer
	entry  relay.Entry
	fanout int  // children it offers to carry
	flawed bool // its line is bad
	tree   *relay.Tree
	place  *relay.Place
	ver    *relay.Verifier
	out    []relay.Verified // memory of ver's
	bad    []verdict        // what ver found out during a call to tree
	lie    *liar            // nil for an honest peer
	live   int              // its place among the living
	dead   bool
	up     map[*peer]*conn // connections that it dialled
	down   map[*peer]*conn // that others dialled
	leaves bool            // it drains

	hearing
	playing
}

// hearing is what came out of a peer's verifier.
type hearing struct {
	born    ms
	heardAt ms     // when the first frame came out; 0 before
	first   uint64 // its number
	head    uint64 // the highest number that came out
	newAt   ms     // when that came out
	onTime  uint64
	late    uint64
	wrong   uint64     // frames that the source never made
	recent  [32]uint64 // numbers on time, by number modulo the length
	gapEnd  ms         // when the last long pause ended that a killing or partition caused; one that begins a while later is chance
}

type verdict struct {
	from relay.Peer
	err  *relay.BadError
}

// A conn is a connection, at one end.
type conn struct {
	id   int
	last ms // when the last control message over it arrives at the other end

	sent, lost int     // packets for a child, since its loss was last measured
	loss       float64 // as a link measures it
}

// measure learns what a link loses, as the real one does.
func (c *conn) measure() {
	if c.sent >= lossSpan {
		c.loss += (float64(c.lost)/float64(c.sent) - c.loss) / 2
		c.sent, c.lost = 0, 0
	}
}

// idOf makes an ID as long as a libp2p peer ID, from which the peer is found again.
func idOf(index int) relay.Peer {
	b := make([]byte, 38)
	binary.BigEndian.PutUint32(b, uint32(index))
	return relay.Peer(b)
}

func (w *world) find(id relay.Peer) *peer {
	if len(id) != 38 {
		return nil
	}
	i := int(id[0])<<24 | int(id[1])<<16 | int(id[2])<<8 | int(id[3])
	if i >= len(w.peers) {
		return nil
	}
	return w.peers[i]
}

// newPeer makes a peer that does nothing yet. Index 0 is the host.
func (w *world) newPeer(fanout int) *peer {
	p := &peer{w: w, index: len(w.peers), id: idOf(len(w.peers)), fanout: fanout, up: map[*peer]*conn{}, down: map[*peer]*conn{}}
	p.entry = relay.Entry{Peer: []byte(p.id), Addrs: [][]byte{make([]byte, 28)}} // as long as an IPv4 QUIC address with a port, and one more
	p.tree = relay.New(relay.Options{Bundle: w.o.Bundle, Fanout: max(fanout, 1)}, p)
	p.place = relay.NewPlace(relay.PlaceOptions{Self: p.id, Root: p.index == 0, Fanout: fanout, Bundle: w.o.Bundle, Seed: w.o.Seed<<20 + uint64(p.index)}, p.tree, p)
	p.born = w.now
	p.live = len(w.alive)
	w.peers = append(w.peers, p)
	w.alive = append(w.alive, p)
	phase := &w.phases[p.index%len(w.phases)]
	*phase = append(*phase, p)
	return p
}

// die takes a peer out of the world. Nobody is told.
func (p *peer) die() {
	w := p.w
	if p.dead {
		return
	}
	w.tally(p)
	p.dead = true
	if p.heardAt > 0 {
		w.listening--
	}
	last := w.alive[len(w.alive)-1]
	w.alive[p.live], last.live = last, p.live
	w.alive = w.alive[:len(w.alive)-1]
	phase := &w.phases[p.index%len(w.phases)]
	*phase = slices.DeleteFunc(*phase, func(q *peer) bool { return q == p })
	p.tree, p.place, p.ver, p.out, p.up, p.down, p.lie = nil, nil, nil, nil, nil, nil, nil // the dead weigh little
	w.at(w.now+forgetAfter, func() {
		w.peers[p.index] = nil
		for _, q := range w.alive {
			delete(q.up, p)
			delete(q.down, p)
		}
	})
}

// tick is what a node does every few milliseconds.
func (p *peer) tick() {
	now := p.w.time()
	p.tree.Tick(now)
	p.place.Tick(now)
	if p.ver != nil && p.w.now%500 < p.w.o.tick() {
		var err error
		if p.out, err = p.ver.Tick(p.out[:0], now); err != nil {
			p.accuse("", err)
		}
		p.hear()
	}
	if p.w.now%lossEvery < p.w.o.tick() {
		for q, c := range p.down {
			c.measure()
			_ = p.tree.SetLoss(q.id, c.loss) // who is no child is left alone
		}
	}
	if p.index > 0 && p.w.now%announceEvery < p.w.o.tick() && !p.leaves {
		p.place.Seek(p.w.entries(), now)
	}
	if p.w.now%20 < p.w.o.tick() {
		p.play()
	}
	p.judge()
	if p.leaves && p.place.Drained(now) {
		p.goodbye()
	}
}

// Send implements relay.Out.
func (p *peer) Send(to relay.Peer, pkt *relay.Packet) {
	q := p.w.find(to)
	if q == nil || p.lie != nil && p.lie.send(q, pkt) {
		return
	}
	p.w.fly(p, q, pkt, 0)
}

// Deliver implements relay.Out.
func (p *peer) Deliver(f relay.Frame, from relay.Peer, _ bool) {
	if p.ver == nil {
		return
	}
	p.arrived(f.Number)
	var err error
	if p.out, err = p.ver.AddFrame(p.out[:0], f, p.w.time()); err != nil {
		p.accuse(from, err)
	}
	p.hear()
}

// DeliverAuth implements relay.Out.
func (p *peer) DeliverAuth(a *relay.Auth, from relay.Peer) {
	if p.ver == nil {
		return
	}
	var err error
	if p.out, err = p.ver.AddAuth(p.out[:0], a, p.w.time()); err != nil {
		bad := err.(*relay.BadError)
		if bad.Reason == "hash" {
			from = "" // the auth is good: who sent the frame is asked of the tree
		}
		p.accuse(from, err)
	}
	p.hear()
}

func (p *peer) accuse(from relay.Peer, err error) {
	p.bad = append(p.bad, verdict{from, err.(*relay.BadError)})
}

// judge tells the place what the verifier found out, once the tree is at rest.
func (p *peer) judge() {
	for i := 0; i < len(p.bad); i++ {
		v := p.bad[i]
		if v.from == "" && v.err.Frame != nil {
			v.from, _ = p.tree.From(v.err.Frame.Slot, v.err.Frame.Number)
		}
		p.place.Blame(v.from, v.err, p.w.time())
	}
	p.bad = p.bad[:0]
}

// hear takes what came out of the verifier.
func (p *peer) hear() {
	w := p.w
	for i := range p.out {
		f := &p.out[i].Frame
		if _, ok := w.src.same(f); !ok {
			p.wrong++
			continue
		}
		p.place.Verified(w.time())
		p.take(f.Number)
		if p.heardAt == 0 {
			p.heardAt, p.first, p.newAt = w.now, f.Number, w.now
			w.joined(p)
		}
		inTime := f.Number >= p.first && w.now <= w.dueAt(f.Number)
		if inTime {
			w.second(f.Number).OnTime++
		}
		switch {
		case f.Number < max(p.first, w.counted):
		case inTime:
			p.onTime++
			p.recent[f.Number%uint64(len(p.recent))] = f.Number
		default:
			p.late++
		}
		if f.Number > p.head {
			p.head = f.Number
			if w.now-p.newAt > longPause && p.newAt < max(w.struck, p.gapEnd)+1000 {
				p.gapEnd = w.now
			}
			p.newAt = w.now
		}
	}
	p.out = p.out[:0]
}

// join has a new peer look for a place.
func (p *peer) join() {
	p.place.Due(true, p.w.time())
	p.place.Seek(p.w.entries(), p.w.time())
}

// leave has a peer go the polite way.
func (p *peer) leave() {
	p.leaves = true
	p.place.Drain(p.w.time())
}

// goodbye ends every connection and the peer.
func (p *peer) goodbye() {
	for _, q := range sorted(p.up) {
		p.w.part(p, q, p.up, "left")
	}
	for _, q := range sorted(p.down) {
		p.w.part(p, q, p.down, "left")
	}
	p.die()
}

func sorted(m map[*peer]*conn) []*peer {
	list := make([]*peer, 0, len(m))
	for q := range m {
		list = append(list, q)
	}
	slices.SortFunc(list, func(a, b *peer) int { return a.index - b.index })
	return list
}

// Dial implements relay.PlaceOut: a round trip for the handshake, and then the Join.
func (p *peer) Dial(to relay.Entry, j relay.Join) {
	w, q := p.w, p.w.find(relay.Peer(to.Peer))
	if q == nil {
		return // nobody answers
	}
	j.Version, j.Room, j.Name = relay.ControlVersion, w.src.state.Charter.Room, "Somebody"
	c := p.up[q]
	if c == nil {
		w.conns++
		w.dials++
		c = &conn{id: w.conns, last: w.now + w.handshake(p, q)}
		p.up[q] = c
	}
	w.post(p, q, c, j)
}

// Tell implements relay.PlaceOut.
func (p *peer) Tell(to relay.Peer, m any) {
	q := p.w.find(to)
	if q == nil {
		return
	}
	if c := p.up[q]; c != nil {
		p.w.post(p, q, c, m)
	} else if c := p.down[q]; c != nil {
		p.w.post(p, q, c, m)
	}
}

// Part implements relay.PlaceOut.
func (p *peer) Part(from relay.Peer, code string) {
	q := p.w.find(from)
	switch {
	case q == nil:
	case p.up[q] != nil:
		p.w.part(p, q, p.up, code)
	case p.down[q] != nil:
		p.w.part(p, q, p.down, code)
	}
}

// Accuse implements relay.PlaceOut.
func (p *peer) Accuse(relay.Peer, relay.Evidence) { p.w.res.Accused++ }

// hearControl takes a control message that arrived, as node does.
func (p *peer) hearControl(from *peer, id int, m any) {
	now := p.w.time()
	if j, ok := m.(relay.Join); ok {
		c := p.down[from]
		if c == nil || c.id != id {
			c = &conn{id: id}
			p.down[from] = c
		}
		answer := p.place.Join(from.entry, j, relay.Slots(relay.Program), p.w.rtt(p, from), now)
		switch a := answer.(type) {
		case relay.Accept:
			if !j.Warm {
				a.Charter, a.Snapshot = p.w.src.charter, p.w.src.snapshot
			}
			p.w.post(p, from, c, a)
			p.place.Welcome(from.id, now)
		case relay.Wait:
			p.w.post(p, from, c, a)
		default:
			p.w.post(p, from, c, a)
		}
		return
	}
	c := p.up[from]
	if c == nil || c.id != id {
		if c = p.down[from]; c == nil || c.id != id {
			return // of a connection that is over
		}
	}
	if m == (closed{}) {
		delete(p.up, from)
		delete(p.down, from)
		p.place.Gone(from.id, now)
		p.judge()
		return
	}
	if a, ok := m.(relay.Accept); ok && p.ver == nil && len(a.Charter) > 0 {
		state, err := p.w.notary.enter(a.Charter, a.Snapshot, now)
		if err != nil {
			panic(err) // nobody in this world alters it
		}
		p.ver = relay.NewVerifier(state.Charter.Room, relay.Program, programKey(state))
		p.ver.Check = p.w.notary.check
	}
	p.place.Control(from.id, m, now)
	p.judge()
}

// closed is what the other end of a connection hears last.
type closed struct{}

// hearPacket takes a packet that arrived.
func (p *peer) hearPacket(from *peer, pkt *relay.Packet) {
	if err := p.tree.Receive(from.id, pkt, p.w.time()); err != nil && from.lie == nil {
		p.w.res.Trespasses++
	}
	p.judge()
}

// time is the virtual time as the real code sees it.
func (w *world) time() time.Time { return epoch.Add(time.Duration(w.now) * time.Millisecond) }
