package relay

import (
	"errors"
	"math/bits"
	"slices"
	"time"
)

var (
	// ErrFull means the tree has as many children as its options allow.
	ErrFull = errors.New("relay: no place for another child")
	// ErrPeer means that a peer is not known, or that it is the parent and cannot be a child too.
	ErrPeer = errors.New("relay: peer is not a child")
	// ErrTrespass means that a peer keeps sending in slots that it may not send in, or far more than it may.
	ErrTrespass = errors.New("relay: peer keeps sending where it may not, or more than it may")
)

const (
	trespassGrace = 5 * time.Second // after a peer's rights changed: what it had sent before is still on its way
	trespassMax   = 64              // frames and auths that a peer may send after that without the right to
)

// What a peer may send in a slot that it may send in, beside its rights. Only what is new costs anything: copies of what
// is here, and what is too old, are dropped before.
const (
	// frameCost admits 100 frames a second, twice what a source makes: what was asked for again comes beside what is new.
	// At once it admits as many as the ring holds: all of an outage that can still be mended.
	frameCost = FrameDuration / 2
	// authCost admits 25 auths a second, three times what a source makes, which signs early where its sound has a gap, and
	// Options.Ring's worth of that at once. An auth is dear: whoever plays it verifies a signature.
	authCost = AuthBatch * FrameDuration / 3

	// floodGrace is how much sound too much may come at once and be no crime, only dropped: a TCP connection that hung hands
	// over all that its buffers held, and one that is silent for longer has been given up. This excess is forgotten as fast
	// as a source makes frames. Who exceeds that too is a trespasser: at 1,000 frames a second after one second, at 150
	// never, but then at most 100 of them go on.
	floodGrace = 15 * time.Second
)

// Options configures New. The zero value works.
type Options struct {
	Fanout  int           // children at most; 0 means 8, negative means none
	Ring    time.Duration // how much of each stream is kept; 0 means 2 s
	Burst   time.Duration // how much of a stream a new subscriber gets at once; 0 means 300 ms, negative none
	Bundle  int           // frames a packet for children that hear only the program; 0 means 1, at most AuthBatch
	Retry   time.Duration // between two requests for the same frame; 0 means 80 ms
	Retries int           // requests for one frame at most; 0 means 6, which with Retry spans the longest buffer
	Beacon  time.Duration // between two beacons of a stream that paused; 0 means 100 ms
}

func (o Options) withDefaults() Options {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	def(&o.Ring, 2*time.Second)
	def(&o.Burst, 300*time.Millisecond)
	def(&o.Retry, 80*time.Millisecond)
	def(&o.Beacon, 100*time.Millisecond)
	if o.Fanout == 0 {
		o.Fanout = 8
	}
	if o.Retries == 0 {
		o.Retries = 6
	}
	o.Ring = max(o.Ring, 2*AuthBatch*FrameDuration)
	o.Bundle = min(max(o.Bundle, 1), AuthBatch)
	return o
}

// Out is what a Tree asks its caller to carry out, during the call that causes it. It must not call the tree back.
type Out interface {
	// Send sends p to a peer. p is valid only during the call.
	Send(to Peer, p *Packet)
	// Deliver hands over a frame that came in, once. f.Sealed is valid only during the call. resent means that the frame
	// had been missed and was asked for.
	Deliver(f Frame, from Peer, resent bool)
	// DeliverAuth hands over an auth that came in, once. a is valid only during the call.
	DeliverAuth(a *Auth, from Peer)
}

// A Tree is this node's place in the room: one parent (none at the root), and children. Its caller serialises every
// call; it has no lock.
type Tree struct {
	opt     Options
	out     Out
	frames  int // a ring's length
	peers   map[Peer]*peer
	order   []*peer // the same, in the order in which they came; the parent is one of them
	parent  *peer
	streams [MaxSlot + 1]*stream
	waiting []ref           // auths that wait for the frame that completes them, to travel with it
	epoch   time.Time       // of every pace: when the first peer came
	paces   map[Peer]*paces // of the peers, and of those that left and have still to wait
	pkt     Packet
	stats   counters
}

// A peer is a child, or the parent.
type peer struct {
	id    Peer
	sub   uint32              // slots it hears
	allow uint32              // slots it may send us
	ruled time.Time           // when allow last changed
	wrong int                 // frames and auths it sent since without the right to or far too many, those in grace excepted
	paces *paces              // by slot
	seen  [MaxSlot + 1]uint64 // numbers below had their turn when it last unsubscribed
	loss  float64             // share of what we send that does not arrive
	pend  []ref               // what the next packet will hold
	since time.Time           // when the first of pend came

	budget   float64 // frames it may still ask for
	budgetAt time.Time
	beaconAt time.Time // when the next beacons are due
}

// A pace is what a peer has used of what it may send in one slot. Each field is when, since Tree.epoch, all of it may be
// used again.
type pace struct {
	frames, auths time.Duration
	excess        time.Duration // of floodGrace
}

type paces [MaxSlot + 1]pace

// A ref is a frame and, or, an auth on its way to a peer. It is looked up again when it leaves, because the ring
// may have moved on.
type ref struct {
	slot        Slot
	frame, auth bool
	again       bool // because the peer asked
	number      uint64
}

// New returns a tree without parent and children that acts through out.
func New(opt Options, out Out) *Tree {
	opt = opt.withDefaults()
	return &Tree{opt: opt, out: out, frames: int(opt.Ring / FrameDuration), peers: map[Peer]*peer{}, paces: map[Peer]*paces{}}
}

// SetParent makes p the peer that feeds us and to whom our own and our children's frames go up; the empty Peer means
// none. The parent may send in every slot until Allow says otherwise. What is in the rings stays, and what is missing
// from them is asked of the new parent at once.
func (t *Tree) SetParent(p Peer, now time.Time) {
	if t.parent != nil {
		if t.parent.id == p {
			return
		}
		t.remove(t.parent)
		t.parent = nil
	}
	if p == "" {
		return
	}
	if child := t.peers[p]; child != nil {
		t.remove(child)
	}
	t.parent = t.add(p, now)
	t.parent.allow = AllSlots
	for _, s := range t.streams {
		if s == nil || s.from != nil {
			continue
		}
		for i := range s.ring {
			if e := &s.ring[i]; !e.askAt.IsZero() {
				e.askAt, e.tries = now, 0
			}
		}
	}
}

// AddChild adds a peer that we feed; it hears nothing before Subscribe and may send nothing before Allow. Adding a child
// again changes nothing. The error is ErrFull or ErrPeer.
func (t *Tree) AddChild(p Peer, now time.Time) error {
	switch have := t.peers[p]; {
	case p == "" || have != nil && have == t.parent:
		return ErrPeer
	case have != nil:
		return nil
	case t.Children() >= t.opt.Fanout:
		return ErrFull
	}
	t.add(p, now)
	return nil
}

// RemoveChild forgets a child.
func (t *Tree) RemoveChild(p Peer) {
	if c := t.peers[p]; c != nil && c != t.parent {
		t.remove(c)
	}
}

// Children is how many children there are.
func (t *Tree) Children() int {
	if t.parent != nil {
		return len(t.order) - 1
	}
	return len(t.order)
}

func (t *Tree) add(id Peer, now time.Time) *peer {
	p := &peer{id: id, ruled: now, budgetAt: now, beaconAt: now, paces: t.pacesOf(id, now)}
	p.budget = t.budget(p)
	t.peers[id] = p
	t.order = append(t.order, p)
	return p
}

// pacesOf returns what a peer has used so far: leaving and coming back allows nothing anew. It forgets peers that left
// and need not wait, so that what is kept is bounded by the rights that were granted.
func (t *Tree) pacesOf(id Peer, now time.Time) *paces {
	if t.epoch.IsZero() {
		t.epoch = now
	}
	at := now.Sub(t.epoch)
	for other, used := range t.paces {
		if t.peers[other] == nil && used.over(at) {
			delete(t.paces, other)
		}
	}
	if t.paces[id] == nil {
		t.paces[id] = new(paces)
	}
	return t.paces[id]
}

// over reports whether everything may be used again.
func (p *paces) over(at time.Duration) bool {
	for i := range p {
		if max(p[i].frames, p[i].auths, p[i].excess) > at {
			return false
		}
	}
	return true
}

func (t *Tree) remove(p *peer) {
	delete(t.peers, p.id)
	t.order = slices.DeleteFunc(t.order, func(q *peer) bool { return q == p })
	for _, s := range t.streams {
		if s == nil {
			continue
		}
		if s.from == p {
			s.from = nil
		}
		for i := range s.ring {
			if s.ring[i].from == p {
				s.ring[i].from = nil
			}
		}
	}
}

// Subscribe sets which slots a child hears. Streams that are new to it start at once with what was last heard in them
// (Options.Burst), auths included. The error is ErrPeer.
func (t *Tree) Subscribe(id Peer, slots uint32, now time.Time) error {
	p := t.peers[id]
	if p == nil || p == t.parent {
		return ErrPeer
	}
	gained, left := slots&^p.sub, p.sub&^slots
	p.sub = slots
	p.budget = min(p.budget+float64(t.frames*bits.OnesCount32(gained)), t.budget(p))
	for slot := range t.streams {
		s := t.streams[slot]
		switch {
		case s == nil || !s.started:
		case left&(1<<slot) != 0:
			p.seen[slot] = s.head + 1
		case gained&(1<<slot) != 0:
			t.burst(p, Slot(slot), s, now)
		}
	}
	t.flush(p)
	return nil
}

func (t *Tree) burst(p *peer, slot Slot, s *stream, now time.Time) {
	n := uint64(max(t.opt.Burst, 0) / FrameDuration)
	start := max(s.oldest(), p.seen[slot])
	if s.head >= n {
		start = max(start, s.head-n+1)
	}
	for i := start; i <= s.head && n > 0; i++ {
		e := s.find(i)
		if e != nil && (e.here || e.hasAuth) && e.from != p && now.Sub(e.came) <= t.opt.Ring {
			p.pend = append(p.pend, ref{slot: slot, number: i, frame: e.here, auth: e.hasAuth})
		}
		if i == noNumber {
			break
		}
	}
}

// Allow sets which slots a child or the parent may send us. The error is ErrPeer.
func (t *Tree) Allow(id Peer, slots uint32, now time.Time) error {
	p := t.peers[id]
	if p == nil {
		return ErrPeer
	}
	if slots != p.allow {
		p.allow, p.ruled, p.wrong = slots, now, 0
	}
	return nil
}

// Reset forgets a stream, whose next frame may then have any number: for when what came before turned out to be forged.
func (t *Tree) Reset(slot Slot) {
	if slot <= MaxSlot {
		t.streams[slot] = nil
	}
}

// What the loss on a link changes.
const (
	// lossSome is chance: a lost packet then takes one frame with it, not a bundle.
	lossSome = 0.03
	// lossMuch is a path that is full: packets are as few as they can be, and less of what was lost is sent again.
	lossMuch = 0.10
)

// SetLoss says what share of the packets for a peer was lost of late, 0 to 1. The error is ErrPeer.
func (t *Tree) SetLoss(id Peer, share float64) error {
	p := t.peers[id]
	if p == nil {
		return ErrPeer
	}
	p.loss = share
	return nil
}

// bundle is how many frames a packet for p waits for. Only the audience waits: its buffer covers it.
func (t *Tree) bundle(p *peer) int {
	if p.sub != bit(Program) || p.loss > lossSome && p.loss <= lossMuch {
		return 1
	}
	return t.opt.Bundle
}

// stream returns the stream of a slot, made when it is first needed.
func (t *Tree) stream(slot Slot) *stream {
	if t.streams[slot] == nil {
		t.streams[slot] = newStream(t.frames)
	}
	return t.streams[slot]
}
