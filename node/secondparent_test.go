package node

import (
	"slices"
	"testing"
)

// Beside the only relay the host is everybody's second parent, for as many as it has places for, and the relay that of those
// whom the host feeds. When the relay dies they go on with the host.
func TestSecondParentBesideTheOnlyRelay(t *testing.T) {
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

	g.relays[0].crash(t)
	g.relays = slices.Delete(g.relays, 0, 1)
	for _, r := range []*Room{bo, cy} {
		awaitChange(t, r.n, "it to go on with the second parent", func() bool { return g.fedBy(r) == g.host.n && r.Stats().Resumes > 0 && r.Phase() == Live })
	}
	atBo.hears(t, "Bo to hear Ana still", true, 50)
	atCy.hears(t, "Cy to hear Ana still", true, 50)
	atDan.hears(t, "Dan to hear Ana still", true, 50)
	g.all("three listeners still", func(v RoomView) bool { return v.Listeners == 3 })
}
