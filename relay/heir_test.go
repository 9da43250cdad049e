package relay

import (
	"slices"
	"testing"
	"time"
)

func TestAnHeirHasAPlaceOfItsOwn(t *testing.T) {
	for _, first := range []Peer{"ann", "relay"} {
		p := newTestPlace(PlaceOptions{Root: true, Fanout: 1})
		p.Heirs([]Peer{"ann"})
		for _, id := range []Peer{first, map[Peer]Peer{"ann": "relay", "relay": "ann"}[first]} {
			carry := map[Peer]uint32{"relay": 4}[id]
			if a, ok := p.join(id, Join{Carry: carry}).(Accept); !ok {
				t.Fatalf("%s first: %s is told %+v", first, id, a)
			}
		}
		want(t, "fed", p.Feeds(), 2)
		want(t, "places", p.Load(), Load{Hops: 1, Free: 4, All: 4})
		want(t, "whoever comes then", p.join("bo", Join{}), any(Redirect{To: []Entry{{Peer: []byte("relay"), Free: 4}}}))
		p.hear("relay", Load{Free: 4, All: 4})
		p.done()
		for range 10 {
			p.run(time.Second, "")
			p.hear("ann", Load{})
			p.hear("relay", Load{Free: 4, All: 4})
		}
		want(t, "nobody is asked to move", p.done(), nil)
		p.join("big", Join{Carry: 64})
		want(t, "nor is the heir for one who carries many", p.done(), []string{"tell relay Drain"})
		p.hear("relay", Bye{Code: "moved"})

		p.done()
		p.Heirs(nil)
		p.run(time.Second, "")
		want(t, "who is no heir any more is one too many", p.done(), []string{"tell ann Drain"})
	}
}

func TestAWarmChildTakesNoPlaceOfAnHeir(t *testing.T) {
	p := newTestPlace(PlaceOptions{Root: true, Fanout: 2})
	p.Heirs([]Peer{"ann"})
	warm := []Peer{"bo", "cyd", "dee", "eve"}
	for _, id := range warm {
		p.join(id, Join{Warm: true})
	}
	for _, id := range warm {
		p.hear(id, Resume{})
	}
	want(t, "fed", p.Feeds(), 2)
	if _, ok := p.join("ann", Join{}).(Accept); !ok {
		t.Error("no place for the heir")
	}
}

// far is an heir below ann, who is below the root, with bo or cyd warm.
func far(t *testing.T) *testPlace {
	t.Helper()
	p := settled(t, PlaceOptions{})
	p.Source("root")
	p.Seek(doors("ann", "bo", "cyd", "root"), p.now())
	p.Inherit(true, p.now())
	p.run(20*time.Millisecond, "ann")
	return p
}

func TestAnHeirMovesToTheRoot(t *testing.T) {
	p := far(t)
	want(t, "asked", p.done(), []string{"dial root climb"})
	want(t, "for a place nearer than this", p.joins["root"].Depth, 2)
	p.hear("root", accept("root"))
	want(t, "kept until the root delivers", p.Parent(), "ann")
	for range 30 {
		p.run(10*time.Millisecond, "ann")
		if p.now().Sub(start)%FrameDuration == 0 {
			p.feed("root")
		}
	}
	want(t, "parent", p.Parent(), "root")
	want(t, "depth", p.Depth(), 1)
	if !slices.Contains(p.done(), "part ann moved") {
		t.Error("the relay is not left")
	}
	p.joins = map[Peer]Join{}
	p.run(20*time.Second, "root")
	if _, asked := p.joins["root"]; asked {
		t.Error("the root is asked by one whom it feeds")
	}
}

func TestAnHeirWhoseWarmParentIsTheRootMovesToIt(t *testing.T) {
	p := newTestPlace(PlaceOptions{})
	p.Seek(doors("ann"), p.now())
	p.hear("ann", accept("ann", "root"))
	p.Seek(doors("ann", "root"), p.now())
	want(t, "asked to be warm", p.asksWarm("ann"), "root")
	p.hear("root", accept("root"))
	p.Source("root")
	p.done()
	p.Inherit(true, p.now())
	p.run(20*time.Millisecond, "ann")
	want(t, "asked", p.done(), []string{"tell root Resume"})
}

func TestAnHeirWithoutAPlaceAtTheRootAsksLessAndLessOften(t *testing.T) {
	p := far(t)
	asked := 0
	for range 120 * 10 {
		for _, did := range p.done() {
			if did == "dial root climb" {
				asked++
				p.hear("root", Refuse{Code: "no_better"})
			}
		}
		p.run(100*time.Millisecond, "ann")
		p.tree.Receive(p.Warm(), &Packet{Beacons: []Beacon{{Program, 1000}}}, p.now())
	}
	if asked < 4 || asked > 10 {
		t.Errorf("asked %d times in two minutes", asked)
	}
	want(t, "parent", p.Parent(), "ann")
}

func TestWhoIsNoHeirStaysBelowARelay(t *testing.T) {
	p := far(t)
	p.hear("root", Refuse{Code: "no_better"})
	p.Inherit(false, p.now())
	p.done()
	p.joins = map[Peer]Join{}
	p.run(20*time.Second, "ann")
	if j, asked := p.joins["root"]; asked && !j.Warm {
		t.Error("the root is asked for a place")
	}
}
