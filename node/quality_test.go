package node

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

func TestAudienceWords(t *testing.T) {
	for want, v := range map[string]AudienceView{
		"98 % of 1,240 listeners heard 99.8 % of the last minute, 320 ms behind.":        {Listeners: 1240, Told: 1240, Of: 0.989, Heard: 0.998, DelayMS: 320},
		"100 % of 1 listener heard all of the last minute.":                              {Listeners: 1, Told: 1, Of: 1, Heard: 1},
		"60 % of 500 of 1,234,567 listeners heard 95 % of the last minute, 9 ms behind.": {Listeners: 1234567, Told: 500, Of: 0.6, Heard: 0.95, DelayMS: 9},
		"99 % of 100 listeners heard all of the last minute.":                            {Listeners: 100, Told: 91, Of: 0.999, Heard: 1},
	} {
		if got := v.words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// populated is a hosted room with children that are there in name alone.
func populated(t *testing.T, children ...*child) *Room {
	t.Helper()
	r := gather(t, Start{}).host
	r.mu.Lock()
	for i, c := range children {
		c.id, c.heard, c.ctl = peer.ID(rune('a'+i)), time.Now(), newControlConn(closedStream(t), nil)
		c.author = doc.Author{Person: key(i, 1), Device: key(i, 2)}
		r.host.children[c.id] = c
	}
	r.mu.Unlock()
	t.Cleanup(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range children {
			delete(r.host.children, c.id)
		}
	})
	return r
}

// Whatever relays and listeners say, they speak for as many as they are counted for.
func TestAudienceIsBounded(t *testing.T) {
	honest, liar, one := &child{carry: 8, listeners: 95}, &child{carry: 8, listeners: 4}, &child{}
	r := populated(t, honest, liar, one)
	well, badly := relay.HeardOne(3000, 0, 320*time.Millisecond), relay.HeardOne(0, 3000, time.Hour)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listenersChanged(); r.listeners != 100 || r.audienceView() != nil {
		t.Fatalf("%d listeners, of whom %+v", r.listeners, r.audienceView())
	}
	for _, told := range []struct {
		by *child
		h  relay.Hearing
	}{{honest, well.Times(95)}, {liar, badly.Times(1 << 31)}, {one, badly.Times(1 << 31)}} {
		if !r.hearTally(told.by, told.h.Message(), served{}) {
			t.Fatal("it is not taken")
		}
	}
	v := r.audienceView()
	if v.Listeners != 100 || v.Told != 100 || v.Poor != 5 || v.Heard != 1 || v.Of != 0.95 || v.DelayMS < 300 || v.DelayMS > 350 {
		t.Errorf("they heard %+v", v)
	}
	r.hearTally(honest, relay.Quality{Version: 9}, served{})
	if again := r.audienceView(); *again != *v || r.n.counts.Snapshot()["quality_foreign"] != 1 {
		t.Errorf("after a report of another version they heard %+v", again)
	}
}

// A relay's word on the tree below it is bounded and fit to be shown, and not of itself or of how many it is counted for.
func TestBranchesAreBounded(t *testing.T) {
	far, none := &child{carry: 8, listeners: 7, name: "Far"}, &child{carry: 8, name: "None"}
	r := populated(t, far, none, &child{name: "Listener"})
	r.mu.Lock()
	if r.hearTally(r.host.children["c"], relay.Branches{}, served{}) {
		t.Error("a listener's word on relays is taken")
	}
	r.hearTally(far, relay.Branches{List: []relay.Branch{
		{Device: key(77, 7), Name: "Somebody else", Listeners: 1 << 31, Leaves: 3, Poor: 9, Loss: 60000, RTT: 2000},
		{Up: 0, Device: key(5, 5), Name: "\x1b", Listeners: 1 << 31, Leaves: 1 << 31},
		{Up: 1, Device: key(6, 6), Name: "Farthest"},
	}, More: 2}, served{})
	r.listenersChanged()
	r.mu.Unlock()
	v, err := r.Tree()
	if err != nil || len(v.Nodes) != 5 || v.More != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
	want := []TreeNode{
		{Up: -1, Device: r.n.author().Device, Name: "Ana", Leaves: 1, Relays: 2, Listeners: 8},
		{Up: 0, Depth: 1, Device: far.author.Device, Name: "Far", Leaves: 3, Relays: 1, Listeners: 7, Poor: 7, Loss: 1, RTTMS: 2},
		{Up: 0, Depth: 1, Device: none.author.Device, Name: "None"},
		{Up: 1, Depth: 2, Device: key(5, 5), Name: "Relay " + key(5, 5).Short(), Relays: 1, Listeners: 7, Leaves: 7*devicesMax + room.MaxSeats},
		{Up: 3, Depth: 3, Device: key(6, 6), Name: "Farthest"},
	}
	for i, n := range v.Nodes {
		if n != want[i] {
			t.Errorf("node %d is\n%+v, want\n%+v", i, n, want[i])
		}
	}
	if v.Total != 5+2+1+3+7*devicesMax+room.MaxSeats {
		t.Errorf("%d nodes in all", v.Total)
	}
}

// Below two relays, one below the other: the host sees how everybody hears and by which way they are fed, and so do they.
func TestTreeIsSeen(t *testing.T) {
	g := plant(t, 1, 2, 3)
	g.tone(g.host, 440)
	bo, cy, dan := g.join("Bo"), g.join("Cy"), g.join("Dan")
	for _, r := range []*Room{bo, cy, dan} {
		g.listen(r).hears(t, "Ana to be heard", true, 50)
	}
	awaitChange(t, g.host.n, "all to have told how they hear", func() bool {
		a := g.host.View().Quality.Audience
		return a != nil && a.Told == 3
	})
	a := g.host.View().Quality.Audience
	t.Log(a.Text)
	if a.Listeners != 3 || a.Of < 0.5 || a.Heard < 0.9 || a.DelayMS < 20 || a.DelayMS > 2000 {
		t.Errorf("they heard %+v", a)
	}
	var v TreeView
	awaitChange(t, g.host.n, "the tree", func() bool {
		var err error
		if v, err = g.host.Tree(); err != nil {
			t.Fatal(err)
		}
		// For a moment the host may feed a relay too many that lost its parent.
		return len(v.Nodes) == 3 && v.Nodes[2].Up == 1 && v.Nodes[1].Leaves+v.Nodes[2].Leaves == 3 && v.Nodes[1].RTTMS > 0 && v.Nodes[2].RTTMS > 0
	})
	t.Logf("%+v", v)
	if v.Nodes[0].Device != g.host.n.author().Device || v.Nodes[1].Up != 0 || v.Nodes[2].Up != 1 || v.Nodes[0].Leaves != 0 || v.Nodes[0].Relays != 1 ||
		v.Nodes[0].Listeners != 3 || v.Nodes[1].Listeners != 3 || v.Nodes[2].Listeners != v.Nodes[2].Leaves || v.More != 0 || v.Total != 6 {
		t.Errorf("the tree is %+v", v)
	}
	if _, err := bo.Tree(); Explain(err).Code != "not_allowed" {
		t.Errorf("a listener asks for the tree: %v", err)
	}
	for name, r := range g.guests {
		depth := r.Stats().Depth
		var way []HopView
		awaitChange(t, r.n, "the way of "+name, func() bool {
			way = r.View().Quality.Way
			return len(way) == depth && way[len(way)-2].RTTMS > 0 && way[len(way)-1].RTTMS > 0
		})
		if way[depth-1].Name != "Ana" || way[0].Name == "Ana" {
			t.Errorf("%s is fed by %+v", name, way)
		}
	}
	if g.host.View().Quality.Way != nil || bo.View().Quality.Audience != nil {
		t.Error("the host has a way, or a listener an audience")
	}
}
