package relay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// testPlace is a place that notes what it asks for, as words: "dial ann warm", "tell ann Resume", "part ann moved".
type testPlace struct {
	*Place
	tree  *testTree
	did   []string
	joins map[Peer]Join
	told  map[Peer][]any

	warmAsked Join // the last that asksWarm saw
}

func newTestPlace(opt PlaceOptions) *testPlace {
	if opt.Self == "" {
		opt.Self = "me"
	}
	p := &testPlace{tree: newTestTree(Options{}), joins: map[Peer]Join{}, told: map[Peer][]any{}}
	p.Place = NewPlace(opt, p.tree.Tree, p)
	p.Due(true, p.now())
	return p
}

func (p *testPlace) now() time.Time { return p.tree.now }

func (p *testPlace) Dial(to Entry, j Join) {
	id := Peer(to.Peer)
	p.joins[id] = j
	what := "dial " + string(id)
	switch {
	case j.Warm:
		what += " warm"
	case j.Depth > 0:
		what += " climb"
	}
	p.did = append(p.did, what)
}

func (p *testPlace) Tell(to Peer, m any) {
	p.told[to] = append(p.told[to], m)
	p.did = append(p.did, fmt.Sprintf("tell %s %s", to, strings.TrimPrefix(fmt.Sprintf("%T", m), "relay.")))
}

func (p *testPlace) Part(from Peer, code string) {
	p.did = append(p.did, strings.TrimSpace("part "+string(from)+" "+code))
}

func (p *testPlace) Accuse(by Peer, e Evidence) {
	p.did = append(p.did, fmt.Sprintf("accuse %s by %s", e.Against, by))
}

// done returns what was asked for since the last call, without the words that tell how many places there are.
func (p *testPlace) done() []string {
	var did []string
	for _, d := range p.did {
		if !strings.HasSuffix(d, " Load") {
			did = append(did, d)
		}
	}
	p.did = nil
	return did
}

// run ticks through a time, in which a peer sends a frame every 20 ms, unless it is the empty one.
func (p *testPlace) run(d time.Duration, feeds Peer) {
	for range d / (10 * time.Millisecond) {
		p.tree.advance(10 * time.Millisecond)
		if feeds != "" && p.now().Sub(start)%FrameDuration == 0 {
			p.feed(feeds)
		}
		p.tree.Tick(p.now())
		p.Tick(p.now())
	}
}

// feed has a peer send the frame of this moment.
func (p *testPlace) feed(from Peer) {
	n := uint64(p.now().Sub(start)/FrameDuration) + 1000
	p.tree.Receive(from, &Packet{Frames: []Frame{sealedFrame(Program, n)}}, p.now())
	p.Verified(p.now())
}

func (p *testPlace) hear(from Peer, m any) { p.Control(from, m, p.now()) }

func door(id Peer) Entry { return Entry{Peer: []byte(id)} }

func doors(ids ...Peer) (list []Entry) {
	for _, id := range ids {
		list = append(list, door(id))
	}
	return list
}

// accept is an Accept by the first of the path.
func accept(path ...string) Accept {
	a := Accept{Depth: uint8(len(path))}
	for _, id := range path {
		a.Path = append(a.Path, []byte(id))
	}
	return a
}

// join is a child's Join, and Welcome if it is accepted.
func (p *testPlace) join(id Peer, j Join) any {
	a := p.Join(door(id), j, Slots(Program), 50*time.Millisecond, p.now())
	if _, ok := a.(Accept); ok {
		p.Welcome(id, p.now())
	}
	return a
}

// asksWarm runs until a peer is asked to be a warm parent, and returns which.
func (p *testPlace) asksWarm(feeds Peer) Peer {
	for range 300 {
		p.run(10*time.Millisecond, feeds)
		for id, j := range p.joins {
			if j.Warm {
				delete(p.joins, id)
				p.warmAsked = j
				return id
			}
		}
	}
	return ""
}

// settled is a place below ann, with bo warm.
func settled(t *testing.T, opt PlaceOptions) *testPlace {
	t.Helper()
	p := newTestPlace(opt)
	p.Seek(doors("ann"), p.now())
	p.hear("ann", accept("ann", "root"))
	p.Seek(doors("ann", "bo", "cyd"), p.now())
	id := p.asksWarm("ann")
	p.hear(id, accept(string(id), "root"))
	for p.run(100*time.Millisecond, "ann"); p.now().Sub(start)%FrameDuration != 0; {
		p.run(10*time.Millisecond, "ann") // so that ann's last frame came just now
	}
	if p.Parent() != "ann" || p.Warm() == "" {
		t.Fatalf("parent %q, warm %q after %v", p.Parent(), p.Warm(), p.done())
	}
	p.done()
	return p
}

// TestAPlaceSurvivesAnything sends everything from everybody at any time, and looks at what must be true all the same.
func TestAPlaceSurvivesAnything(t *testing.T) {
	names := []Peer{"ann", "bo", "cyd", "dee", "eve", "fay", "gus", "hal", "me", "root", ""}
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		p := newTestPlace(PlaceOptions{Fanout: int(seed % 5), Root: seed%8 == 7, Seed: seed})
		if p.Inherit(seed%3 == 0, p.now()); p.opt.Root {
			p.Heirs([]Peer{"ann", "bo"})
		}
		p.Source([]Peer{"root", "cyd"}[seed%2])
		one := func() Peer { return names[rng.IntN(len(names))] }
		some := func() (list []Entry) {
			for range rng.IntN(12) {
				list = append(list, door(one()))
			}
			return list
		}
		path := func() (raw [][]byte) {
			for range rng.IntN(10) {
				raw = append(raw, []byte(one()))
			}
			return raw
		}
		for range 3000 {
			id := one()
			switch rng.IntN(20) {
			case 0:
				p.Seek(some(), p.now())
			case 1, 2:
				p.join(id, Join{Carry: rng.Uint32() >> rng.IntN(32), Warm: rng.IntN(2) == 0, Avoid: path(), Depth: uint8(rng.IntN(6))})
			case 3, 4:
				p.hear(id, accept(string(id), "x", "root"))
			case 5:
				p.hear(id, Accept{Path: path()})
			case 6:
				p.hear(id, Redirect{To: some()})
			case 7:
				p.hear(id, Path{Path: append([][]byte{[]byte(id)}, path()...)})
			case 8:
				p.hear(id, Resume{Next: []Next{{uint8(rng.Uint32()), rng.Uint64()}}})
			case 9:
				p.hear(id, []any{Rest{}, Stall{}, Refuse{}, Bye{}, Wait{Millis: rng.Uint32()}, Others{To: some()}, Evidence{Against: []byte(one())}}[rng.IntN(7)])
			case 10:
				p.hear(id, Load{uint8(rng.Uint32()), rng.Uint32(), rng.Uint32()})
			case 11:
				p.hear(id, Drain{To: some()})
			case 12:
				p.hear(id, Retract{uint8(rng.Uint32()), rng.Uint64(), noNumber})
			case 13:
				p.Gone(id, p.now())
			case 14:
				p.Blame(id, badHash(uint64(p.now().Sub(start)/FrameDuration)+1000), p.now())
			case 15:
				if rng.IntN(50) == 0 {
					p.Drain(p.now())
				}
			default:
				p.run(time.Duration(rng.IntN(8))*10*time.Millisecond, []Peer{p.Parent(), p.Warm(), id}[rng.IntN(3)])
			}
			fed := 0
			for _, c := range p.order {
				if c.fed {
					fed++
				}
				if p.upper(c.id) != nil || p.by[c.id] != c {
					t.Fatalf("seed %d: %s is a child and a parent, or unknown", seed, c.id)
				}
			}
			switch {
			case p.Feeds() != fed || p.tree.Children() != fed || fed > p.tree.opt.Fanout:
				t.Fatalf("seed %d: %d children fed, the place says %d, the tree %d of %d", seed, fed, p.Feeds(), p.tree.Children(), p.tree.opt.Fanout)
			case p.tree.parent.peer() != p.Parent() || p.tree.spare.peer() != p.Warm():
				t.Fatalf("seed %d: parents %q and %q, in the tree %q and %q", seed, p.Parent(), p.Warm(), p.tree.parent.peer(), p.tree.spare.peer())
			case p.Parent() != "" && p.Parent() == p.Warm():
				t.Fatalf("seed %d: one parent twice", seed)
			case len(p.trials) > allTrials+2 || len(p.queue) > 64 || len(p.others) > MaxEntries || len(p.evidence) > 8:
				t.Fatalf("seed %d: %d asked, %d to ask, %d others, %d pieces of evidence", seed, len(p.trials), len(p.queue), len(p.others), len(p.evidence))
			case p.hot != nil && slices.Contains(p.hot.path, "me"):
				t.Fatalf("seed %d: a loop", seed)
			}
			p.did = nil
			clear(p.told)
		}
	}
}

func (p *peer) peer() Peer {
	if p == nil {
		return ""
	}
	return p.id
}
