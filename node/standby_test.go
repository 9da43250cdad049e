package node

import (
	"math"
	"os"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// Whoever did not run for a while takes the leader for gone no sooner than they have listened for as long as that takes; whoever
// runs, at once.
func TestWhoSleptDoesNotJudge(t *testing.T) {
	now := noon
	var s stillness
	look := func(quiet, since time.Duration) time.Duration {
		now = now.Add(since)
		return s.look(quiet, now)
	}
	for quiet := watchEvery; quiet <= goneAfter; quiet += watchEvery {
		if got := look(quiet, watchEvery); got != quiet {
			t.Fatalf("of %v of silence %v count", quiet, got)
		}
	}
	for _, c := range []struct{ quiet, since, want time.Duration }{
		{10 * time.Millisecond, watchEvery, 10 * time.Millisecond}, // a sign of life
		{2 * time.Second, 1990 * time.Millisecond, 10*time.Millisecond + listenedMost},
		{2*time.Second + watchEvery, watchEvery, 10*time.Millisecond + listenedMost + watchEvery},
		{watchEvery, watchEvery, watchEvery}, // what came meanwhile
		{watchEvery + 3*listenedMost, 3 * listenedMost, watchEvery + listenedMost},
	} {
		if got := look(c.quiet, c.since); got != c.want {
			t.Errorf("%v after the last look, of %v of silence %v count, want %v", c.since, c.quiet, got, c.want)
		}
	}
	// A machine that is always too busy takes longer, and gets there.
	looks := 0
	for quiet := time.Duration(0); look(quiet, 4*listenedMost) < goneAfter && looks < 100; looks++ {
		quiet += 4 * listenedMost
	}
	if want := int(goneAfter/listenedMost) + 1; looks > want {
		t.Errorf("%d looks, each late, want %d", looks, want)
	}
}

// A home never lets the same be handed out twice, or led under twice, by whoever crashes in between.
func TestFloor(t *testing.T) {
	h, err := OpenHome(t.TempDir(), noon)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	id := room.ID{7}
	before, now, err := h.reserve(id, floor{640, 2})
	if err != nil || before != (floor{}) || now != (floor{640 + floorBlock, 3}) {
		t.Fatalf("%+v, %+v, %v", before, now, err)
	}
	// Another time, from a state that never saw that one.
	again, next, err := h.reserve(id, floor{64, 0})
	if err != nil || again != now || next != (floor{now.Incarnation + floorBlock, 4}) {
		t.Errorf("%+v after %+v, %v", again, now, err)
	}
	if other, _, err := h.reserve(room.ID{8}, floor{}); err != nil || other != (floor{}) {
		t.Errorf("another room begins beyond %+v, %v", other, err)
	}
	if _, most, err := h.reserve(id, floor{room.MaxIncarnation, 0}); err != nil || most.Incarnation > room.MaxIncarnation {
		t.Errorf("%+v, %v", most, err)
	}
	h.forgetFloors(time.Now().Add(floorKept - time.Hour))
	if f, err := h.floorOf(id); err != nil || f == (floor{}) {
		t.Errorf("forgotten within a year: %+v, %v", f, err)
	}
	// Damaged, it lets nobody begin at 0.
	if err := os.WriteFile(h.floorPath(id), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.reserve(id, floor{}); err == nil {
		t.Error("reserved beyond what nobody knows")
	}
	h.forgetFloors(time.Now().Add(floorKept + time.Hour))
	if _, err := os.Stat(h.floorPath(id)); !os.IsNotExist(err) {
		t.Errorf("kept for ever: %v", err)
	}
}

// Somebody on stage who becomes a co-host hears the program from then on: that it did not come before is no sign that nobody
// leads, and that nobody looks at its signatures no sign that it is forged.
func TestStandbyOnStage(t *testing.T) {
	program := routing{mode: room.Talk, program: 64, programKey: doc.PublicKey{1}}
	v := newRig(t, 1, false, program)
	now := time.Now()
	v.frame(relay.Frame{Slot: relay.Program, Number: 1000, Sealed: []byte{1}}, false, now.Add(-time.Hour))
	program.slot = 2
	v.update(program)
	if quiet := v.programQuiet(now); quiet != time.Hour {
		t.Fatalf("quiet for %v", quiet)
	}
	v.setStandby(true)
	if quiet := v.programQuiet(now); quiet > 0 {
		t.Errorf("quiet for %v", quiet)
	}
	if !v.due() {
		t.Error("nothing is due")
	}
	if j := v.frame(relay.Frame{Slot: relay.Program, Number: 1001, Sealed: []byte{1}}, false, now); !j.verified || j.bad != nil {
		t.Errorf("judged %+v", j)
	}
}

// Where a co-host has used up all that there is to hand out, nobody prepares for more again and again, and nothing begins anew.
func TestNothingIsLeftToHandOut(t *testing.T) {
	h, id := startNode(t, "Ana", nil).home, room.ID{7}
	for range 2 {
		_, now, err := h.reserve(id, floor{room.MaxIncarnation, math.MaxUint32})
		if err != nil || now != (floor{room.MaxIncarnation, math.MaxUint32}) || !now.isLast() {
			t.Errorf("reserved %+v, %v", now, err)
		}
	}
	g := gather(t, Start{}, "Bo")
	bo := g.guests["Bo"]
	g.do(g.host, about("cohost", bo))
	awaitChange(t, bo.n, "Bo to be ready", func() bool {
		bo.mu.Lock()
		defer bo.mu.Unlock()
		return bo.prepared()
	})
	bo.mu.Lock()
	defer bo.mu.Unlock()
	state := bo.state
	defer func() { bo.state = state }()
	for name, change := range map[string]func(*room.State){
		"incarnations": func(s *room.State) { s.Incarnation = room.MaxIncarnation },
		"epochs":       func(s *room.State) { s.Term.Epoch = math.MaxUint32 },
	} {
		bo.state = state.Clone()
		change(bo.state)
		bo.takeOver(time.Now())
		if bo.heir.preparing || bo.host != nil {
			t.Errorf("without %s Bo prepares, or leads", name)
		}
	}
}
