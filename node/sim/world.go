package sim

import (
	"crypto/ed25519"
	"math/rand/v2"
	"slices"
	"time"

	"salon/relay"
	"salon/room"
)

const (
	longPause     = ms(300)     // without a new frame is heard by somebody
	readyTime     = 2000        // ms that Options.Ready relays have before the crowd comes
	announceEvery = ms(10_000)  // everybody hears where the room can be entered
	forgetAfter   = ms(120_000) // who is dead is nobody: those who had to do with it know by then
	lossEvery     = ms(1000)    // a tree is told what its links lose
	lossSpan      = 32          // packets that a measurement of loss takes, at least
	overhead      = 28 + 25     // bytes of IP, UDP and the sealed link around a packet
	ctlOver       = 28 + 30     // and around a control message: QUIC's headers
)

// A world is everything that is simulated.
type world struct {
	o Options
	wheel
	rng    *rand.Rand
	src    *source
	other  *source // another room, of which liars pass on frames
	notary notary

	peers  []*peer   // by index; nil for those who are long dead
	alive  []*peer   // the host is the first
	phases [][]*peer // by when they tick
	conns  int
	dials  int // connections begun, this second
	pool   []*relay.Packet
	doors  []relay.Entry // the room's entry points, as announced
	cut    map[int]bool  // peers behind a partition; nil for none
	held   []event       // control messages that the partition holds up

	measured  ms     // from when on it is measured
	counted   uint64 // the first frame that is
	res       Result
	joins     []ms
	struck    ms  // when the last killing was, or a partition healed; 0 for never
	listening int // peers that heard something
	liarKey   ed25519.PrivateKey
}

func newWorld(o Options) (*world, error) {
	w := &world{o: o, rng: rand.New(rand.NewPCG(o.Seed, 2))}
	var err error
	if w.src, err = newSource(o.Seed, o.Frame); err != nil {
		return nil, err
	}
	if w.other, err = newSource(o.Seed+1<<40, o.Frame); err != nil {
		return nil, err
	}
	w.notary = notary{signed: map[[64]byte]signed{}, rooms: map[string]*room.State{}}
	w.phases = make([][]*peer, o.tick())
	host := w.newPeer(o.Fanout)
	host.place.Due(true, w.time())
	w.announce()
	return w, nil
}

// chance is true with probability p.
func (w *world) chance(p float64) bool { return p > 0 && w.rng.Float64() < p }

// oneWay is how long something takes from p to q this time.
func (w *world) oneWay(p, q *peer) ms {
	d := w.distance(p, q) / 2
	if p.flawed {
		d += w.o.BadDelay
	}
	return max(ms(d/time.Millisecond)+ms(w.rng.IntN(int(w.o.Jitter/time.Millisecond)+1)), 1)
}

// rtt is the distance of two peers, there and back: the same whenever it is asked for.
func (w *world) rtt(p, q *peer) time.Duration {
	d := w.distance(p, q)
	if p.flawed || q.flawed {
		d += w.o.BadDelay
	}
	return d
}

func (w *world) distance(p, q *peer) time.Duration {
	if w.o.Spread == 0 {
		return w.o.RTT
	}
	a, b := uint64(min(p.index, q.index)), uint64(max(p.index, q.index))
	h := (a*0x9e3779b97f4a7c15 ^ b*0xc2b2ae3d27d4eb4f) * 0xff51afd7ed558ccd
	return w.o.RTT + time.Duration(float64(w.o.Spread)*(float64(h>>40)/(1<<23)-1))
}

// reachable reports whether a partition lies between two peers.
func (w *world) reachable(p, q *peer) bool { return w.cut == nil || w.cut[p.index] == w.cut[q.index] }

// handshake is how long a connection takes: a round trip, and more for what is lost.
func (w *world) handshake(p, q *peer) ms {
	d := w.oneWay(p, q) + w.oneWay(q, p)
	for w.chance(1 - (1-w.o.Loss)*(1-w.o.Loss)) {
		d += 200 // QUIC's first timeout is longer, but there are several packets
	}
	return d
}

// post sends a control message: reliable, in order, and late when something was lost.
func (w *world) post(p, q *peer, c *conn, m any) {
	size := ctlOver
	if _, ok := m.(closed); !ok {
		b, err := relay.EncodeControl(m)
		if err != nil {
			panic(err) // of our own making: a bug
		}
		size += len(b)
	}
	w.count(uint64(size), 0)
	at := max(w.now, c.last) + w.oneWay(p, q)
	if c.last > w.now {
		at = max(c.last+1, w.now+w.oneWay(p, q))
	}
	for w.chance(w.o.Loss) {
		at += ms(w.rtt(p, q)/time.Millisecond)*3/2 + 25 // the sender's probe timeout
	}
	c.last = at
	w.add(event{at: at, to: q, from: p, conn: c.id, msg: m})
}

// part ends a connection.
func (w *world) part(p, q *peer, side map[*peer]*conn, code string) {
	c := side[q]
	delete(side, q)
	if code != "" {
		w.post(p, q, c, relay.Bye{Code: code})
	}
	w.post(p, q, c, closed{})
}

// fly sends a packet, that may be lost.
func (w *world) fly(p, q *peer, pkt *relay.Packet, delay ms) {
	size, audio := w.size(pkt)
	w.count(size-audio, audio)
	lost := w.chance(w.o.Loss) || p.flawed && w.chance(w.o.BadLoss) || !w.reachable(p, q)
	if c := p.down[q]; c != nil {
		c.sent++
		if lost {
			c.lost++
		}
	}
	if lost {
		return
	}
	w.add(event{at: w.now + w.oneWay(p, q) + delay, to: q, from: p, pkt: w.copy(pkt)})
}

// size is how many bytes a packet has on the wire, and how many of them are sound and its auths.
func (w *world) size(pkt *relay.Packet) (size, audio uint64) {
	for i := range pkt.Frames {
		audio += uint64(10 + len(pkt.Frames[i].Sealed))
	}
	for i := range pkt.Auths {
		audio += uint64(115 + 16*len(pkt.Auths[i].Hashes))
	}
	size = audio + uint64(16*len(pkt.Resends)+8*len(pkt.Beacons)+1+overhead)
	if audio > 0 {
		audio += 1 + overhead
	}
	return size, audio
}

func (w *world) count(control, audio uint64) {
	if w.now >= w.measured && w.now < w.end() {
		w.res.ControlBytes += control
		w.res.AudioBytes += audio
	}
}

// copy is a packet that outlives the call; what is the source's own is shared.
func (w *world) copy(pkt *relay.Packet) *relay.Packet {
	var c *relay.Packet
	if n := len(w.pool); n > 0 {
		c, w.pool = w.pool[n-1], w.pool[:n-1]
	} else {
		c = new(relay.Packet)
	}
	for i := range pkt.Frames {
		f, ok := w.src.same(&pkt.Frames[i])
		if !ok {
			f = pkt.Frames[i]
			f.Sealed = slices.Clone(f.Sealed)
		}
		c.Frames = append(c.Frames, f)
	}
	for i := range pkt.Auths {
		a, ok := w.src.sameAuth(&pkt.Auths[i])
		if !ok {
			a = pkt.Auths[i].Clone()
		}
		c.Auths = append(c.Auths, *a)
	}
	c.Resends = append(c.Resends, pkt.Resends...)
	c.Beacons = append(c.Beacons, pkt.Beacons...)
	return c
}

func (w *world) free(pkt *relay.Packet) {
	// Not Reset, which keeps hashes for the next auth to write over: these are the source's.
	clear(pkt.Frames)
	clear(pkt.Auths)
	pkt.Reset()
	w.pool = append(w.pool, pkt)
}

// step does everything that happens in the next millisecond.
func (w *world) step() {
	events := w.next()
	for i := 0; i < len(events); i++ {
		e := &events[i]
		switch {
		case e.do != nil:
			e.do()
		case e.to.dead:
		case e.pkt != nil:
			e.to.hearPacket(e.from, e.pkt)
			w.free(e.pkt)
		case !w.reachable(e.from, e.to):
			w.held = append(w.held, *e) // QUIC sends it again and again
		default:
			e.to.hearControl(e.from, e.conn, e.msg)
		}
	}
	for _, p := range slices.Clone(w.phases[w.now%ms(len(w.phases))]) {
		if !p.dead {
			p.tick()
		}
	}
	host := w.peers[0]
	if w.now == w.end() {
		if a, ok := w.src.signer.Flush(); ok {
			host.tree.PublishAuth(a, w.time()) // of the last frames
		}
		for _, p := range w.alive {
			p.place.Due(false, w.time())
		}
	}
	if w.now%20 == 0 && w.now < w.end() {
		f, a := w.src.frame(w.time())
		if a != nil {
			host.tree.PublishAuth(a, w.time())
		}
		host.tree.Publish(f, w.time())
	}
	if n := w.due(); n > 0 {
		w.second(n).Due += uint64(w.listening)
	}
	if w.now%1000 == 0 {
		w.announce()
		w.survey()
	}
}

// announce renews what a newcomer knows: the host, and some of its children.
func (w *world) announce() {
	host := w.peers[0]
	w.doors = append([]relay.Entry{host.entry}, host.place.EntryPoints(5)...)
}

func (w *world) entries() []relay.Entry { return w.doors }

// at puts off a deed.
func (w *world) at(t ms, do func()) { w.add(event{at: t, do: do}) }

// capacity is how many children a newcomer offers to carry.
func (w *world) capacity() int {
	x := w.rng.Float64()
	switch {
	case x < w.o.Relays:
		return w.o.RelayFanout
	case x < w.o.Relays+w.o.Volunteers:
		return w.o.VolunteerFanout
	}
	return 0
}

// arrive brings a new peer.
func (w *world) arrive(fanout int) *peer {
	p := w.newPeer(fanout)
	p.flawed = fanout > 0 && w.chance(w.o.Bad)
	w.res.Joins++
	p.join()
	return p
}

// depart takes a living peer, but not the host, away: politely every second time.
func (w *world) depart() {
	if len(w.alive) < 2 {
		return
	}
	p := w.alive[1+w.rng.IntN(len(w.alive)-1)]
	if p.leaves {
		return
	}
	w.res.Leaves++
	if w.chance(w.o.Polite) {
		p.leave()
		return
	}
	p.die()
}

// kill takes a share of those who feed others away, without a word.
func (w *world) kill(share float64) {
	var inner []*peer
	for _, p := range w.alive[1:] {
		if p.place.Feeds() > 0 {
			inner = append(inner, p)
		}
	}
	w.rng.Shuffle(len(inner), func(i, j int) { inner[i], inner[j] = inner[j], inner[i] })
	w.struck = w.now
	dead := inner[:int(float64(len(inner))*share)]
	w.orphaned(dead)
	for _, p := range dead {
		p.die()
		w.res.Killed++
	}
	for _, p := range w.alive {
		p.gapEnd, p.newAt = 0, max(p.newAt, w.now-longPause)
	}
}

// partition parts a share of the peers from the rest for a while.
func (w *world) partition(share float64, lasts ms) {
	w.cut = map[int]bool{}
	for _, p := range w.alive[1:] {
		if w.chance(share) {
			w.cut[p.index] = true
		}
	}
	w.res.Parted = len(w.cut)
	w.at(w.now+lasts, func() {
		w.cut, w.struck = nil, w.now
		for _, p := range w.alive {
			p.gapEnd = 0
		}
		for _, e := range w.held {
			e.at = w.now + 100
			w.add(e)
		}
		w.held = nil
	})
}

// dueAt is when a frame must have come out of a verifier.
func (w *world) dueAt(number uint64) ms {
	return ms(number-w.src.first)*20 + 20 + ms(w.o.Deadline/time.Millisecond)
}

// second is the second of the program that a frame is in.
func (w *world) second(number uint64) *Second {
	i := int(number-w.src.first) / 50
	for len(w.res.Seconds) <= i {
		w.res.Seconds = append(w.res.Seconds, Second{})
	}
	return &w.res.Seconds[i]
}

// due is the frame that is due now, 0 if none is.
func (w *world) due() uint64 {
	if ago := w.now - 20 - ms(w.o.Deadline/time.Millisecond); ago >= 0 && ago%20 == 0 && ago < w.end()-20 {
		return w.src.first + uint64(ago)/20
	}
	return 0
}

// joined notes how long a newcomer waited for its first frame.
func (w *world) joined(p *peer) {
	w.joins = append(w.joins, w.now-p.born)
	w.listening++
}

// end is when the program ends.
func (w *world) end() ms { return ms(w.o.For / time.Millisecond) }

// tally adds up what a peer heard, at its end or the world's.
func (w *world) tally(p *peer) {
	if p.index == 0 {
		return
	}
	s := p.tree.Stats()
	w.res.Duplicates += s.Drops["duplicate"]
	w.res.Received += s.Received + s.Auths
	w.res.Recovered += s.Recovered
	w.res.Played += p.played
	w.res.Concealed += p.concealed
	w.res.place(p.place.Stats())
	w.res.Wrong += p.wrong
	if p.heardAt == 0 {
		if w.now-p.born > ms(w.o.Patience/time.Millisecond) {
			w.res.NeverHeard++
		}
		return
	}
	from := max(p.first, w.counted)
	var last uint64 // lower numbers were due
	if passed := w.now - 20 - ms(w.o.Deadline/time.Millisecond); passed > 0 {
		last = w.src.first + uint64(min(passed, w.end()-20))/20
	}
	if last <= from {
		return
	}
	w.res.Due += last - from
	got := p.onTime
	for _, n := range p.recent {
		if n >= last {
			got--
		}
	}
	w.res.OnTime += min(got, last-from)
	w.res.Late += p.late
}
