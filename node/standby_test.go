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
