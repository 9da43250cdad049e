package relay

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// PlaceOptions configures NewPlace. The zero value is a listener that carries nobody.
type PlaceOptions struct {
	Self   Peer          // this node
	Root   bool          // it is the host: it has no parent and seeks none
	Fanout int           // children it offers to feed; for a moment, while places are scarce, half as many more: but see Bound
	Depth  int           // as deep as a child is wanted, in hops from the root; 0 means 4
	Bundle int           // frames a packet that are expected from a parent; 0 means 3
	Admit  time.Duration // between two children that are let in, on average; 0 means 5 ms
	Answer time.Duration // from a peer that was dialled; 0 means 1 s
	Seed   uint64        // of every choice by chance
}

const (
	silenceSlack  = 80 * time.Millisecond  // beyond the bundle interval; one lost packet is no silence
	stallSlack    = 25 * time.Millisecond  // beyond that, for each hop from the parent to the root: its Stall comes first
	stallWait     = 250 * time.Millisecond // what a parent that stalls gets to mend itself
	unsignedLimit = 600 * time.Millisecond // sound that nobody signed is no sound
	resumeWithin  = 120 * time.Millisecond // of a warm parent, before others are asked too
	yieldTime     = time.Second            // that children get to move to a new parent before we do
	maxPath       = 8                      // peers from a node to the root; more is a loop in the making
)

// PlaceOut is what a Place asks its caller to carry out, during the call that causes it. It must not call the place back.
type PlaceOut interface {
	// Dial connects to a peer and sends it j, of which Carry, Warm, Avoid and Depth are set. What it answers, and that it
	// cannot be reached, comes back as Control and Gone. Where there is a connection j is sent once more over that.
	Dial(to Entry, j Join)
	// Tell sends a control message to a peer.
	Tell(to Peer, m any)
	// Part ends the connection to a peer, after a Bye with this code if it is not empty.
	Part(from Peer, code string)
	// Accuse hands over, at the root, what somebody below says that a peer did.
	Accuse(by Peer, e Evidence)
}

// A Place is this node's place in a room's tree: it finds parents, keeps a second one warm, moves to it when the first
// fails, and lets children in. It drives a Tree, and only it may change that tree's parents and children. Its caller
// serialises every call to both; a Place has no lock and reads no clock. Always:
//
//   - The old parent is kept until the new one delivers.
//   - A parent whose path to the root names this node is none.
//   - A peer that passed on what its source did not sign gets no place here for a while, neither above nor below.
//   - Whoever is told to go elsewhere is told where, unless there is nowhere.
//   - Whoever may lead the room next has a place directly below the root.
//
// The caller hands it what happens: Seek with the entry points, Join for a child's Join that the rules of the room allow,
// Welcome once the child has its Accept, Control for the other messages named in PlaceOut and control.go, Gone when a
// connection ended, Verified and Blame for what a Verifier says, Due when the program begins and ends, and Tick.
type Place struct {
	opt  PlaceOptions
	tree *Tree
	out  PlaceOut
	rng  *rand.Rand

	source   Peer   // who makes the program, if that is known
	path     []Peer // from the parent up to the root
	due      bool   // sound must come without a pause
	dueSince time.Time
	bans     map[Peer]ban
	bound    int // children that there may ever be
	stats    PlaceStats

	seeker
	parents
	children
	successors
}

// PlaceStats counts what a Place did since it was made.
type PlaceStats struct {
	Joined    uint64 // places found with no parent there
	Resumed   uint64 // moves to another parent because the one there failed
	Moved     uint64 // moves while all was well
	Improved  uint64 // of these, tried because the other parent was clearly better
	Stalls    uint64 // times that the sound stopped
	Loops     uint64 // parents refused or left because their path named this node
	Bans      uint64 // peers that passed on what nobody signed
	Excused   uint64 // peers that did so, said that it came from above, and were believed
	Admitted  uint64 // children let in, to be fed
	Redirects uint64 // children told to ask others
	Waits     uint64 // children told to wait
	Refused   uint64 // children turned away
}

// NewPlace returns a place without parents and children that drives t, whose limit of children it sets.
func NewPlace(opt PlaceOptions, t *Tree, out PlaceOut) *Place {
	if opt.Depth == 0 {
		opt.Depth = 4
	}
	if opt.Bundle == 0 {
		opt.Bundle = 3
	}
	if opt.Admit == 0 {
		opt.Admit = 5 * time.Millisecond
	}
	if opt.Answer == 0 {
		opt.Answer = time.Second
	}
	p := &Place{
		opt: opt, tree: t, out: out,
		rng:      rand.New(rand.NewPCG(opt.Seed, 0x73616c6f6e)),
		bans:     map[Peer]ban{},
		bound:    math.MaxInt,
		seeker:   seeker{failed: map[Peer]time.Time{}},
		children: children{by: map[Peer]*child{}, turns: map[Peer]time.Time{}},
	}
	p.Offer(opt.Fanout)
	return p
}

// Offer says how many children the node offers to feed from now on, and the tree's limit with it.
func (p *Place) Offer(fanout int) {
	p.opt.Fanout = min(max(fanout, 0), p.bound)
	p.tree.opt.Fanout = p.most() + len(p.heirs)
}

// Bound says that no more than most children are fed, not for a moment either. Without it there is no such bound.
func (p *Place) Bound(most int) {
	p.bound = max(most, 0)
	p.Offer(p.opt.Fanout)
}

// Source says who makes the program. What that peer passes on itself is nobody else's doing: it is never banned.
func (p *Place) Source(id Peer) { p.source = id }

// Lead makes this node the root: it parts with its parents and has none from now on.
func (p *Place) Lead(now time.Time) {
	p.opt.Root, p.sought, p.draining = true, false, false
	p.stopSeeking()
	for _, t := range p.trials {
		p.out.Part(t.id, "moved")
	}
	p.trials = nil
	for _, u := range []*upper{p.warm, p.hot} {
		if u != nil {
			p.out.Part(u.id, "moved")
		}
	}
	p.warm, p.hot, p.path, p.others = nil, nil, nil, nil
	p.tree.SetSpare("", now)
	p.tree.SetParent("", now)
	p.troubled, p.seeking = false, false
	p.announce()
}

// Follow makes the root a node that is led from elsewhere: Seek says where. Its children stay.
func (p *Place) Follow(now time.Time) {
	p.opt.Root, p.seekAt, p.nextAt = false, now, now
	clear(p.failed)
	p.Heirs(nil)
}

// Depth is how many hops away the root is; -1 while there is no place.
func (p *Place) Depth() int {
	if !p.placed() {
		return -1
	}
	return len(p.path)
}

// Parent is who feeds this node, and Warm who would; the empty Peer if nobody.
func (p *Place) Parent() Peer { return p.hot.peer() }

// Warm is the parent that would feed this node next; the empty Peer if nobody.
func (p *Place) Warm() Peer { return p.warm.peer() }

// Path is the way to the root, from the parent on. Without a parent it is the last one.
func (p *Place) Path() []Peer { return slices.Clone(p.path) }

// InVain is how often a way to a place was tried to its end in vain since there was one last.
func (p *Place) InVain() int { return p.rounds + p.led }

// Stalls reports whether the sound should come, and does not.
func (p *Place) Stalls() bool { return p.due && p.troubled }

// Stats returns the counts.
func (p *Place) Stats() PlaceStats { return p.stats }

// Remembers is how many notes on other peers this node keeps, those of its tree included: a few for each that it has to do
// with, and for each that it had to do with lately.
func (p *Place) Remembers() int {
	return len(p.bans) + len(p.failed) + len(p.turns) + len(p.trials) + len(p.queue) + len(p.entries) + len(p.others) +
		len(p.by) + len(p.heirs) + len(p.evidence) + len(p.tree.peers) + len(p.tree.paces)
}

// Due says whether sound must come without a pause, as the program does: then its absence is a fact, and the parent is left
// for it. On a stage where all may be silent only Gone says that a parent failed.
func (p *Place) Due(due bool, now time.Time) {
	if due && !p.due {
		p.dueSince = now
	}
	p.due = due
}

// Tick looks at everything that depends on time. Call it every 5 to 25 ms, beside the tree's Tick.
func (p *Place) Tick(now time.Time) {
	if !p.opt.Root {
		p.mend(now)
		p.search(now)
	}
	p.tend(now)
}

// Control takes a control message that came from a parent, a child, or a peer that was dialled: Accept, Redirect, Wait,
// Refuse, Path, Others, Stall, Drain, Retract, Load, Resume, Rest or Evidence. Others, and those from a peer that may not
// send them, it leaves alone.
func (p *Place) Control(from Peer, m any, now time.Time) {
	if c := p.by[from]; c != nil {
		p.hearChild(c, m, now)
		return
	}
	if i := p.trial(from); i >= 0 {
		p.hearTrial(i, m, now)
		return
	}
	if u := p.upper(from); u != nil {
		p.hearParent(u, m, now)
	}
}

// Gone says that the connection to a peer ended, or could not be made.
func (p *Place) Gone(from Peer, now time.Time) {
	if c := p.by[from]; c != nil {
		p.dropChild(c)
	}
	if i := p.trial(from); i >= 0 {
		p.fail(i, now)
	}
	if u := p.upper(from); u != nil {
		p.lose(u, now)
		p.askAgain(u, now)
	}
}

// placed reports whether there is a way to the root.
func (p *Place) placed() bool { return p.opt.Root || p.hot != nil }

// setPath notes where the parent is and tells the children.
func (p *Place) setPath(now time.Time) {
	var path []Peer
	if p.hot != nil {
		path = append([]Peer{p.hot.id}, p.hot.path...)
	}
	if slices.Equal(path, p.path) || path == nil {
		return // while there is no parent, the old path is the best guess of whom to avoid
	}
	sank := len(path) > p.opt.Depth || len(path) > len(p.path) && p.fed > 0
	moved := len(path) != len(p.path)
	p.path = path
	p.announce()
	if moved {
		p.climbTry = 0
		p.climbLater(now)
	}
	if soon := now.Add(sinkEvery/4 + time.Duration(p.rng.Int64N(int64(sinkEvery/4)))); sank && p.climbAt.After(soon) {
		p.climbAt, p.climbTry = soon, 0
	}
}

// down is the path that children are told.
func (p *Place) down() [][]byte {
	path := make([][]byte, 0, len(p.path)+1)
	path = append(path, []byte(p.opt.Self))
	for _, q := range p.path {
		path = append(path, []byte(q))
	}
	return path
}

// readPath is the path of a parent, from a message that says it of its child. ok is whether it can be.
func (p *Place) readPath(from Peer, raw [][]byte) (path []Peer, ok bool) {
	if len(raw) == 0 || len(raw) > maxPath || Peer(raw[0]) != from {
		return nil, false
	}
	for _, b := range raw[1:] {
		if Peer(b) == p.opt.Self {
			p.stats.Loops++
			return nil, false
		}
		path = append(path, Peer(b))
	}
	return path, true
}
