package node

import (
	"bytes"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/mix"
	"salon/room/seal"
)

// twoLead is a room of person 1's that two of their devices lead, in a split: what each knows of it once it has published a
// program, under the same incarnation.
func twoLead(t *testing.T) (states [2]*room.State, devices [2]uint32) {
	t.Helper()
	charter, err := room.NewCharter(person(t, 1), "Split", "en", room.Talk, noon, [16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	devices = [2]uint32{1, 100} // of the second the key alone counts here
	first := doc.Author{Person: person(t, 1), Device: device(t, 1)}
	second := doc.Author{Person: person(t, 1), Device: device(t, 100)}
	states[0], _ = room.Open(charter, first, "Ana", testSecret, noon)
	states[1] = states[0].Clone()
	took, err := states[1].TakeOver(second, 0, 0, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := states[1].Apply(took); err != nil {
		t.Fatal(err)
	}
	return states, devices
}

// publishes has who leads a room by its state publish the program with a start.
func publishes(t *testing.T, s *room.State, start room.Start) {
	t.Helper()
	ev, err := s.Decide(s.Leader(), room.Command{Room: s.Charter.Room, Kind: room.Publish, Program: true, Start: start}, noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(ev); err != nil {
		t.Fatal(err)
	}
}

// Two devices of one person lead a room at once and hand out the same incarnations. What they seal under one KID and one counter
// is sealed under two keys: else one who carries both would have what their sounds differ in, and the key of their tags.
func TestTwoDevicesOfOnePersonSealApart(t *testing.T) {
	states, devices := twoLead(t)
	var rigs [2]*rig
	var frames [2][]relay.Frame
	for i, s := range states {
		rigs[i] = newRig(t, devices[i], true, routing{mode: room.Talk})
		publishes(t, s, rigs[i].askProgram())
		rigs[i].beginAt(1000, noon) // where the program before broke off
		rigs[i].update(routing{
			mode: room.Talk, program: s.Program.Incarnation, programKey: s.Program.Device, programStart: s.Program.Start,
			epoch: testEpoch, secret: testSecret,
		})
		now := noon
		for range 10 {
			rigs[i].tickStage(now)
			now = now.Add(mix.FrameDuration)
		}
		frames[i], _ = rigs[i].sent.take()
	}
	if states[0].Program.Incarnation != states[1].Program.Incarnation || len(frames[0]) != 10 || len(frames[1]) != 10 {
		t.Fatalf("programs %+v and %+v, %d and %d frames", states[0].Program, states[1].Program, len(frames[0]), len(frames[1]))
	}
	for i, f := range frames[0] {
		g := frames[1][i]
		kid, ctr, n, err := seal.ParseHeader(f.Sealed)
		other, same, _, err2 := seal.ParseHeader(g.Sealed)
		if err != nil || err2 != nil || kid != other || ctr != same || f.Number != g.Number {
			t.Fatalf("the two do not meet: KID %x and %x, counter %d and %d", kid, other, ctr, same)
		}
		// Both are silent, so what they seal is the same.
		if bytes.Equal(f.Sealed[n:], g.Sealed[n:]) {
			t.Fatalf("frame %d: key and counter of two devices meet", i)
		}
	}
	// A listener who hears the one opens nothing of the other, nor takes its frames for a replay.
	o := seal.NewOpener()
	if err := o.SetEpoch(testEpoch, testSecret); err != nil {
		t.Fatal(err)
	}
	of := func(s *room.State) seal.Source {
		return seal.Source{Device: s.Program.Device, Start: s.Program.Start}
	}
	for i, f := range frames[0] {
		if _, _, _, err := o.Open(nil, of(states[1]), f.AppendMeta(nil), f.Sealed); err == nil {
			t.Fatal("a frame of the other device opens")
		}
		for side, s := range states {
			if _, _, _, err := o.Open(nil, of(s), f.AppendMeta(nil), frames[side][i].Sealed); err != nil {
				t.Fatalf("frame %d of device %d: %v", i, side, err)
			}
		}
	}
}

// A device that led under an incarnation, and forgot, begins under the same once more: it chooses another start. With one that it
// did not choose, or began with before, it begins nothing.
func TestProgramBeginsOnceWithAStart(t *testing.T) {
	states, devices := twoLead(t)
	r := newRig(t, devices[0], true, routing{mode: room.Talk})
	made := func(start room.Start) int {
		s := states[0].Clone()
		publishes(t, s, start)
		r.update(routing{mode: room.Talk, epoch: testEpoch, secret: testSecret}) // none
		r.update(routing{
			mode: room.Talk, program: s.Program.Incarnation, programKey: s.Program.Device, programStart: s.Program.Start,
			epoch: testEpoch, secret: testSecret,
		})
		r.sent.take()
		r.tickStage(time.Now())
		frames, _ := r.sent.take()
		return len(frames)
	}
	if n := made(room.Start{66}); n != 0 {
		t.Errorf("%d frames with a start of somebody else's", n)
	}
	first, second := r.askProgram(), r.askProgram()
	for _, c := range []struct {
		name  string
		start room.Start
		want  int
	}{{"the second that was asked for", second, 1}, {"the first, whose answer came late", first, 1}} {
		if n := made(c.start); n != c.want {
			t.Errorf("%s: %d frames, want %d", c.name, n, c.want)
		}
	}
	if first == second || len(r.starts) != 1 { // that of the tests' routings
		t.Errorf("starts %x and %x; left are %x", first, second, r.starts)
	}
}

func TestStartsAreBounded(t *testing.T) {
	var s starts
	first := s.ask()
	for range 3 * startsMost {
		s.ask()
	}
	if len(s) != startsMost || s.awaits(first) {
		t.Errorf("%d are awaited, the first too: %v", len(s), s.awaits(first))
	}
}
