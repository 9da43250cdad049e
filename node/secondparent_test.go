package node

import (
	"fmt"
	"slices"
	"testing"

	"salon/node/busy"
)

// An orphaning is a test in which somebody's parent dies. On a machine that kept everybody waiting the second parent may be silent for
// so long that it is rightly given up too: then it is done again, with other nodes, three times at most.
type orphaning struct {
	*testing.T
	last  bool
	again bool
}

func orphan(t *testing.T, test func(t *orphaning)) {
	beside(t)
	const tries = 3
	for try := 1; ; try++ {
		o := orphaning{last: try == tries}
		t.Run(fmt.Sprintf("try %d", try), func(t *testing.T) {
			o.T = t
			test(&o)
		})
		if !o.again || t.Failed() {
			return
		}
	}
}

// goOn lets who dies die, and waits until they all are where they are to go on. It is false if they came there or elsewhere as newcomers
// because of the machine.
func (t *orphaning) goOn(die func(), to func(*Room) bool, rooms ...*Room) bool {
	watch := busy.Begin()
	was := make(map[*Room]string)
	for _, r := range rooms {
		was[r] = r.Stats().Parent
	}
	newcomer := func(r *Room) bool {
		s := r.Stats()
		return s.Parent != "" && s.Parent != was[r] && s.Resumes == 0
	}
	die()
	for _, r := range rooms {
		awaitChange(t.T, r.n, "it to go on with the second parent", func() bool { return (to(r) || newcomer(r)) && r.Phase() == Live })
	}
	machine := watch.Stop()
	for _, r := range rooms {
		if r.Stats().Resumes > 0 {
			continue
		}
		if t.again = !machine.HadTime() && !t.last; t.again {
			t.Logf("done again: %v", machine)
			return false
		}
		t.Errorf("%s has come as a newcomer, and %v", r.n.name, machine)
	}
	return true
}

// A second parent knows who would come, counts them for nobody, sends away whom the host removes, and brings all that
// happened when the first parent dies.
func TestSecondParent(t *testing.T) { orphan(t, secondParent) }

func secondParent(o *orphaning) {
	t := o.T
	g := plant(t, 2, 8, 8)
	g.tone(g.host, 440)
	bo, eve := g.join("Bo"), g.join("Eve")
	atBo := g.listen(bo)
	atBo.hears(t, "Bo to hear Ana", true, 50)
	for name, r := range g.guests {
		awaitChange(t, r.n, "a second parent of "+name, func() bool { return g.hasSecond(r) })
	}
	g.all("two listeners", func(v RoomView) bool { return v.Listeners == 2 })
	knowing := func(who *Room) (relays int) {
		for _, n := range g.relays {
			r := n.Room(g.host.id)
			r.mu.Lock()
			if r.feeds.children[who.n.host.ID()] != nil {
				relays++
			}
			r.mu.Unlock()
		}
		return relays
	}
	if n := knowing(eve); n != 2 {
		t.Errorf("%d relays know Eve", n)
	}
	g.do(g.host, about("remove", eve))
	awaitChange(t, eve.n, "Eve to be out", func() bool { return eve.Phase() == Removed })
	delete(g.guests, "Eve")
	for _, n := range g.relays {
		awaitChange(t, n, "both relays to have let her go", func() bool { return knowing(eve) == 0 })
	}
	g.do(bo, Action{Kind: "raise_hand"})
	g.all("the hand", func(v RoomView) bool { return len(v.Hands) == 1 })

	awaitChange(t, bo.n, "Bo to have a second parent still", func() bool { return g.hasSecond(bo) })
	dead := g.fedBy(bo)
	dies := func() {
		dead.crash(t)
		g.relays = slices.DeleteFunc(g.relays, func(n *Node) bool { return n == dead })
		g.do(g.host, Action{Kind: "slow", Seconds: 7}) // Bo is not told by who feeds him
	}
	if !o.goOn(dies, func(r *Room) bool { return g.fedBy(r) == g.relays[0] && r.View().Slow == 7 }, bo) {
		return
	}
	atBo.hears(t, "Bo to hear Ana still", true, 50)
	g.all("one listener, with his hand up", func(v RoomView) bool { return v.Listeners == 1 && len(v.Hands) == 1 && v.Hands[0].Name == "Bo" })
	g.do(bo, Action{Kind: "lower_hand"})
	g.all("the hand to go down", func(v RoomView) bool { return len(v.Hands) == 0 })
}

// Beside the only relay the host is everybody's second parent, for as many as it has places for, and the relay that of those
// whom the host feeds. When the relay dies they go on with the host.
func TestSecondParentBesideTheOnlyRelay(t *testing.T) { orphan(t, secondParentBesideTheOnlyRelay) }

func secondParentBesideTheOnlyRelay(o *orphaning) {
	t := o.T
	g := plant(t, 1, 8)
	g.tone(g.host, 440)
	bo, cy := g.join("Bo"), g.join("Cy")
	atBo, atCy := g.listen(bo), g.listen(cy)
	for _, r := range []*Room{bo, cy} {
		if at := g.fedBy(r); at != g.relays[0] {
			t.Fatal("somebody is not below the relay")
		}
	}
	atBo.hears(t, "Bo to hear Ana", true, 50)
	g.host.mu.Lock()
	g.host.n.o.MaxChildren = 4
	g.host.offer()
	g.host.mu.Unlock()
	dan := g.join("Dan")
	atDan := g.listen(dan)
	atDan.hears(t, "Dan to hear Ana", true, 50)
	second := map[*Node]*Node{g.relays[0]: g.host.n, g.host.n: g.relays[0]}
	for name, r := range g.guests {
		awaitChange(t, r.n, "a second parent of "+name, func() bool { return r.Stats().Warm == second[g.fedBy(r)].host.ID().String() })
	}
	g.all("three listeners", func(v RoomView) bool { return v.Listeners == 3 })

	dies := func() {
		g.relays[0].crash(t)
		g.relays = slices.Delete(g.relays, 0, 1)
	}
	if !o.goOn(dies, func(r *Room) bool { return g.fedBy(r) == g.host.n }, bo, cy) {
		return
	}
	atBo.hears(t, "Bo to hear Ana still", true, 50)
	atCy.hears(t, "Cy to hear Ana still", true, 50)
	atDan.hears(t, "Dan to hear Ana still", true, 50)
	g.all("three listeners still", func(v RoomView) bool { return v.Listeners == 3 })
}
