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
	Fanout  int           // children that are fed, at most; 0 means 8, negative means none
	Ring    time.Duration // how much of each stream is kept; 0 means 2 s
	Burst   time.Duration // how much of a stream a new subscriber gets at once; 0 means 300 ms, negative none
	Bundle  int           // frames a packet for children that hear only the program; 0 means 1, at most AuthBatch
	Retry   time.Duration // between two requests for the same frame; 0 means 80 ms
	Retries int           // requests for one frame at most; 0 means 6, which with Retry spans the longest buffer
	Beacon  time.Duration // between two beacons of a stream that paused; 0 means 100 ms
	Warm    time.Duration // between two beacons to a warm child; 0 means 500 ms
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
	def(&o.Warm, 500*time.Millisecond)
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

// A Tree carries the sound at this node: from a parent (none at the root), and a spare one, to children. Its caller
// serialises every call; it has no lock.
type Tree struct {
	opt     Options
	out     Out
	frames  int // a ring's length
	peers   map[Peer]*peer
	order   []*peer // the same, in the order in which they came; the parents are among them
	parent  *peer
	spare   *peer
	strange bool  // the spare parent is below another root: what it has of our streams is not what we miss
	warm    int   // children that are not fed
	lane    *peer // where our lane ends; nil if we have none
	aside   int   // peers at either end of a lane
	streams [MaxSlot + 1]*stream
	waiting []ref           // auths that wait for the frame that completes them, to travel with it
	epoch   time.Time       // of every pace: when the first peer came
	paces   map[Peer]*paces // of the peers, and of those that left and have still to wait
	pkt     Packet
	stats   counters
}

// A peer is a child, or a parent.
type peer struct {
	id    Peer
	sub   uint32         // slots it hears
	aside bool           // it is at one end of a lane and no neighbour
	warm  uint32         // slots of which it gets beacons alone; 0 for a child that is fed
	rtt   time.Duration  // zero while unknown
	allow uint32         // slots it may send us
	ruled time.Time      // when allow last changed
	wrong int            // frames and auths it sent since without the right to or far too many, those in grace excepted
	paces *paces         // by slot
	seen  bySlot[uint64] // numbers below had their turn when it last unsubscribed
	loss  float64        // share of what we send that does not arrive
	pend  []ref          // what the next packet will hold
	since time.Time      // when the first of pend came

	budget   float64 // frames it may still ask for
	budgetAt time.Time
	beaconAt time.Time // when the next beacons are due

	heard  time.Time      // when its last packet came
	fed    time.Time      // when its last frame came, new or not
	flows  time.Time      // since when frames come without a long pause
	news   time.Time      // when its last new frame came that was not asked for
	have   bySlot[uint64] // the last number of each stream, by its beacons
	haveAt time.Time      // when the last of these came
}

// A pace is what a peer has used of what it may send in one slot. Each field is when, since Tree.epoch, all of it may be
// used again.
type pace struct {
	frames, auths time.Duration
	excess        time.Duration // of floodGrace
}

type paces struct{ bySlot[pace] }

// A bySlot holds something for each slot up to the highest that was ever of interest: a listener has no more than the program,
// and sends nothing, and there are thousands of listeners.
type bySlot[T any] []T

// at is what there is for a slot, to be changed.
func (b *bySlot[T]) at(slot Slot) *T {
	if n := int(slot) + 1 - len(*b); n > 0 {
		*b = append(*b, make([]T, n)...)
	}
	return &(*b)[slot]
}

// of is what there is for a slot.
func (b bySlot[T]) of(slot Slot) (v T) {
	if int(slot) < len(b) {
		v = b[slot]
	}
	return v
}

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
// none. The parent may send in every slot until Allow says otherwise. If p is the spare parent, the two change places.
// What is in the rings stays, and what is missing from them is asked of the new parent at once.
func (t *Tree) SetParent(p Peer, now time.Time) {
	switch {
	case t.parent != nil && t.parent.id == p:
		return
	case p != "" && t.spare != nil && t.spare.id == p:
		t.parent, t.spare = t.spare, t.parent
	default:
		t.parent = t.replace(t.parent, p, now)
	}
	if t.parent == nil {
		return
	}
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

// SetSpare makes p a second parent, which may send like the first; the empty Peer means none. Nothing goes up to it. It is
// asked for what the first did not send again. The parent cannot be spare too.
func (t *Tree) SetSpare(p Peer, now time.Time) {
	if p != "" && (t.spare != nil && t.spare.id == p || t.parent != nil && t.parent.id == p) {
		return
	}
	t.spare = t.replace(t.spare, p, now)
}

// replace puts p, unless it is empty, in the place of a parent.
func (t *Tree) replace(old *peer, p Peer, now time.Time) *peer {
	if old != nil {
		t.remove(old)
	}
	if p == "" {
		return nil
	}
	if child := t.peers[p]; child != nil {
		t.remove(child)
	}
	parent := t.add(p, now)
	parent.allow = AllSlots
	return parent
}

func (t *Tree) isParent(p *peer) bool { return p == t.parent || p == t.spare }

// AddChild adds a peer that we feed; it hears nothing before Subscribe or Resume and may send nothing before Allow. Adding
// a child again changes nothing; a warm one is warm no more. The error is ErrFull or ErrPeer.
func (t *Tree) AddChild(p Peer, now time.Time) error {
	have := t.peers[p]
	switch {
	case p == "" || have != nil && t.isParent(have):
		return ErrPeer
	case have != nil && have.warm == 0 && !have.aside:
		return nil
	case t.Children() >= t.opt.Fanout:
		return ErrFull
	case have != nil && have.aside:
		t.join(have)
	case have != nil:
		have.warm = 0
		t.warm--
	default:
		t.add(p, now)
	}
	return nil
}

// AddWarm adds a child that others feed: of the slots given it gets a beacon now and then, and what it asks for. A child
// that was fed is so no more. The error is ErrPeer.
func (t *Tree) AddWarm(id Peer, slots uint32, now time.Time) error {
	p := t.peers[id]
	switch {
	case id == "" || slots == 0 || p != nil && t.isParent(p):
		return ErrPeer
	case p == nil:
		p = t.add(id, now)
		t.warm++
	case p.warm == 0:
		t.join(p)
		if err := t.Subscribe(id, 0, now); err != nil {
			return err
		}
		t.warm++
	}
	p.warm = slots
	p.budget = t.budget(p)
	return nil
}

// RemoveChild forgets a child, warm or not.
func (t *Tree) RemoveChild(p Peer) {
	if c := t.peers[p]; c != nil && !t.isParent(c) && !c.aside {
		t.remove(c)
	}
}

// Children is how many children are fed.
func (t *Tree) Children() int {
	n := len(t.order) - t.warm - t.aside
	if t.parent != nil {
		n--
	}
	if t.spare != nil {
		n--
	}
	return n
}

// SetRTT tells how far away a child is, so that it is not sent again what it asked for before it could have come.
func (t *Tree) SetRTT(p Peer, rtt time.Duration) {
	if c := t.peers[p]; c != nil {
		c.rtt = rtt
	}
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
	for _, used := range p.bySlot {
		if max(used.frames, used.auths, used.excess) > at {
			return false
		}
	}
	return true
}

func (t *Tree) remove(p *peer) {
	delete(t.peers, p.id)
	t.order = slices.DeleteFunc(t.order, func(q *peer) bool { return q == p })
	if p.warm != 0 {
		t.warm--
	}
	t.join(p)
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

// Subscribe sets which slots a child that is fed hears. Streams that are new to it start at once with what was last heard
// in them (Options.Burst), auths included. The error is ErrPeer.
func (t *Tree) Subscribe(id Peer, slots uint32, now time.Time) error {
	return t.Resume(id, slots, nil, now)
}

// Resume is Subscribe for a child that was fed by somebody else so far: a stream that next names starts with the number
// given, or with what the ring holds after it.
func (t *Tree) Resume(id Peer, slots uint32, next []Next, now time.Time) error {
	p := t.peers[id]
	if p == nil || t.isParent(p) || p.warm != 0 || p.aside {
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
			*p.seen.at(Slot(slot)) = s.head + 1
		case gained&(1<<slot) != 0:
			n := uint64(max(t.opt.Burst, 0) / FrameDuration)
			start := p.seen.of(Slot(slot))
			if s.head >= n {
				start = max(start, s.head-n+1)
			}
			for _, next := range next {
				if next.Slot == Slot(slot) {
					start, n = next.Number, 1
				}
			}
			if n > 0 {
				t.burst(p, Slot(slot), s, start, now)
			}
		}
	}
	t.flush(p)
	p.pend = nil // a burst is many times longer than what goes together afterwards
	return nil
}

// burst sends what the ring holds from start on.
func (t *Tree) burst(p *peer, slot Slot, s *stream, start uint64, now time.Time) {
	for i := max(s.oldest(), start); i <= s.head; i++ {
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

// From is who sent the frame of a number, and whether that is known; its own frames are from the empty Peer.
func (t *Tree) From(slot Slot, number uint64) (Peer, bool) {
	if slot <= MaxSlot && t.streams[slot] != nil {
		if e := t.streams[slot].find(number); e != nil && e.here && e.from != nil {
			return e.from.id, true
		}
	}
	return "", false
}

// Reject forgets a frame that turned out to be forged, and asks for it anew.
func (t *Tree) Reject(slot Slot, number uint64, now time.Time) {
	if slot > MaxSlot || t.streams[slot] == nil {
		return
	}
	s := t.streams[slot]
	if e := s.find(number); e != nil && e.here {
		e.here, e.from, e.tries = false, nil, 0
		e.askAt = now
		s.missing++
	}
}

// resetFrom resets the streams that a peer sends, and reports which.
func (t *Tree) resetFrom(p *peer) (slots []Slot) {
	for slot, s := range t.streams {
		if s != nil && s.started && s.from == p {
			t.Reset(Slot(slot))
			slots = append(slots, Slot(slot))
		}
	}
	return slots
}

// RejectAuth forgets an auth that turned out to be forged; its frames need another.
func (t *Tree) RejectAuth(a *Auth) {
	if !a.valid() || t.streams[a.Slot] == nil {
		return
	}
	s := t.streams[a.Slot]
	e := s.find(a.Last())
	if e == nil || !e.hasAuth || e.auth.Sig != a.Sig {
		return
	}
	e.hasAuth, e.authSent = false, false
	s.uncover(a)
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
