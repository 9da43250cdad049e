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

// listener is person 2 in the audience of person 1's room, with a player.
func listener(t *testing.T) (*rig, *tap, routing) {
	t.Helper()
	route := routing{mode: room.Talk, program: 1, programKey: device(t, 1), epoch: testEpoch, secret: testSecret,
		seats: map[uint8]seatRoute{1: seat(t, 1, 1), 5: seat(t, 5, 1)}}
	r := newRig(t, 2, false, route)
	player := newTap()
	r.addOutput(player)
	return r, player, route
}

// listen gives what say returns, one for each 20 ms, to the voice, then lets all time pass that a buffer could hold.
func (r *rig) listen(ticks int, say func(now time.Time)) {
	now := noon
	for i := range ticks + 100 {
		if i < ticks {
			say(now)
		}
		r.tickProgram(now)
		now = now.Add(mix.FrameDuration)
	}
}

func TestAudienceHearsTheProgram(t *testing.T) {
	r, player, _ := listener(t)
	program := newSource(t, 1, room.Talk, relay.Program, 1, 440)
	said := map[string]bool{}
	const n = 120 // whole batches
	r.listen(n, func(now time.Time) {
		packet := program.packet(t)
		said[string(packet)] = true
		out, err := program.seal(&room.Sound{Level: 10, Opus: packet}, now)
		if err != nil {
			t.Fatal(err)
		}
		r.hear(out, now)
	})
	heard, _ := player.take()
	if len(heard) != n {
		t.Fatalf("%d frames of %d", len(heard), n)
	}
	for i, f := range heard {
		if f.Number != uint64(i) || !said[string(f.Sealed)] {
			t.Fatalf("frame %d has number %d, or is not what was said", i, f.Number)
		}
	}
	s := r.hearStats()
	if s.Expected != n || s.Received != n || s.Verified != n || s.Concealed != 0 || s.Resent != 0 {
		t.Errorf("stats %+v", s)
	}
}

// Nothing is played that the host did not sign, however well it is sealed: in an open room everybody has the key.
func TestAudiencePlaysNothingUnverified(t *testing.T) {
	beside(t)
	for _, c := range []struct {
		name    string
		say     func(t *testing.T, r *rig, host, eve *source, now time.Time)
		forged  bool // the neighbour that passed it on is to be left
		counted string
	}{
		{"frames without a signature", func(t *testing.T, r *rig, host, _ *source, now time.Time) {
			r.frame(host.next(t, now).frame, false, now)
		}, false, ""},
		{"signatures without frames", func(t *testing.T, r *rig, host, _ *source, now time.Time) {
			if a := host.next(t, now).auth; a != nil {
				r.auth(a, now)
			}
		}, false, ""},
		{"signed by another device", func(t *testing.T, r *rig, _, eve *source, now time.Time) { r.hear(eve.next(t, now), now) }, true, "program_forged"},
		{"another's frames beside the host's signatures", func(t *testing.T, r *rig, host, eve *source, now time.Time) {
			r.hear(outgoing{frame: eve.next(t, now).frame, auth: host.next(t, now).auth}, now)
		}, true, "program_forged"},
		{"altered on the way", func(t *testing.T, r *rig, host, _ *source, now time.Time) {
			out := host.next(t, now)
			out.frame.Sealed[len(out.frame.Sealed)-1] ^= 1
			r.hear(out, now)
		}, true, "program_forged"},
		{"renumbered on the way", func(t *testing.T, r *rig, host, _ *source, now time.Time) {
			out := host.next(t, now)
			out.frame.Number++
			r.hear(out, now)
		}, true, "program_forged"},
		{"signatures altered on the way", func(t *testing.T, r *rig, host, _ *source, now time.Time) {
			out := host.next(t, now)
			if out.auth != nil {
				out.auth.Time++
			}
			r.hear(out, now)
		}, true, "program_forged"},
		{"a speaker's stream", func(t *testing.T, r *rig, _, _ *source, now time.Time) {
			t.Helper()
			r.hear(outgoing{frame: relay.Frame{Slot: 5, Number: 1, Sealed: []byte{1}}}, now)
		}, false, ""},
		// Signed as it should be, and wrong inside: the host itself is not trusted to be sane.
		{"a label that is not the frame's", func(t *testing.T, r *rig, host, _ *source, now time.Time) {
			sound, err := room.AppendSound(nil, &room.Sound{Opus: host.packet(t)})
			if err != nil {
				t.Fatal(err)
			}
			f := relay.Frame{Slot: relay.Program, Number: host.number}
			kid := seal.NewKID(testEpoch, 5, 1) // a speaker's
			s := seal.NewSender(testSecret, sourceOf(t, 1), kid)
			for range host.number - relay.FirstNumber(noon) {
				s.Seal(nil, nil, nil)
			}
			if f.Sealed, _, err = s.Seal(nil, f.AppendMeta(nil), sound); err != nil {
				t.Fatal(err)
			}
			host.number++
			a, _ := host.signer.Add(f, now)
			r.hear(outgoing{frame: f, auth: a}, now)
		}, false, "program_mislabelled"},
		{"no sound inside", func(t *testing.T, r *rig, host, _ *source, now time.Time) {
			f := relay.Frame{Slot: relay.Program, Number: host.number}
			var err error
			if f.Sealed, _, err = host.sender.Seal(nil, f.AppendMeta(nil), []byte{0xff}); err != nil {
				t.Fatal(err)
			}
			host.number++
			a, _ := host.signer.Add(f, now)
			r.hear(outgoing{frame: f, auth: a}, now)
		}, false, "frame_malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, player, _ := listener(t)
			host := newSource(t, 1, room.Talk, relay.Program, 1, 440)
			eve := newSource(t, 66, room.Talk, relay.Program, 1, 600)
			r.listen(120, func(now time.Time) { c.say(t, r, host, eve, now) })
			if heard, _ := player.take(); len(heard) != 0 {
				t.Errorf("%d frames were played", len(heard))
			}
			if r.blames() != c.forged {
				t.Errorf("blamed: %v; counts %v", !c.forged, r.counts.Snapshot())
			}
			if c.counted != "" && r.count(c.counted) == 0 {
				t.Errorf("counts %v, want %s", r.counts.Snapshot(), c.counted)
			}
		})
	}
}

// A liar among the neighbours costs a listener no frame of the host's, once they come by another way.
func TestAudienceHearsTheHostInSpiteOfForgeries(t *testing.T) {
	r, player, _ := listener(t)
	host, eve := newSource(t, 1, room.Talk, relay.Program, 1, 440), newSource(t, 66, room.Talk, relay.Program, 1, 600)
	said := map[string]bool{}
	const n = 120
	var again []outgoing
	r.listen(n, func(now time.Time) {
		packet := host.packet(t)
		said[string(packet)] = true
		out, err := host.seal(&room.Sound{Opus: packet}, now)
		if err != nil {
			t.Fatal(err)
		}
		r.hear(outgoing{frame: eve.next(t, now).frame, auth: out.auth}, now) // hers came first
		if again = append(again, out); out.auth != nil {
			for _, o := range again {
				r.frame(o.frame, true, now)
			}
			again = nil
		}
	})
	heard, _ := player.take()
	if len(heard) != n {
		t.Errorf("%d frames of %d; counts %v", len(heard), n, r.counts.Snapshot())
	}
	for _, f := range heard {
		if !said[string(f.Sealed)] {
			t.Fatal("not what the host said")
		}
	}
	if s := r.hearStats(); s.Resent != n {
		t.Errorf("stats %+v", s)
	}
}

// A lost frame is a gap in the player's numbers and in the counts; one that comes twice or late is none.
func TestAudienceCountsWhatIsLost(t *testing.T) {
	r, player, _ := listener(t)
	host := newSource(t, 1, room.Talk, relay.Program, 1, 440)
	i, lost := 0, 0
	r.listen(300, func(now time.Time) {
		out := host.next(t, now)
		if i++; i > 50 && i%10 == 0 {
			lost++
			if out.auth != nil {
				r.auth(out.auth, now)
			}
			return
		}
		r.hear(out, now)
		r.frame(out.frame, true, now)
	})
	heard, _ := player.take()
	if len(heard) != 300-lost || heard[len(heard)-1].Number != 298 {
		t.Errorf("%d frames, the last is %d; %d of 300 were lost", len(heard), heard[len(heard)-1].Number, lost)
	}
	// The last one was lost as well, which nobody can know yet.
	if s := r.hearStats(); int(s.Concealed) != lost-1 || s.Expected != s.Concealed+uint64(len(heard)) {
		t.Errorf("stats %+v, lost %d", s, lost)
	}
	if q := r.qualityNow(noon.Add(6 * time.Second)); q.State != "poor" {
		t.Errorf("quality %+v", q)
	}
}

// A host that comes back with a new incarnation is heard; one that nobody handed out is not.
func TestAudienceFollowsIncarnations(t *testing.T) {
	r, player, route := listener(t)
	now := noon
	part := func(incarnation uint32) int {
		host := newSource(t, 1, room.Talk, relay.Program, incarnation, 440)
		host.number = relay.FirstNumber(now)
		for range 60 {
			r.hear(host.next(t, now), now)
			r.tickProgram(now)
			now = now.Add(mix.FrameDuration)
		}
		for range 60 {
			r.tickProgram(now)
			now = now.Add(mix.FrameDuration)
		}
		heard, _ := player.take()
		return len(heard)
	}
	if n := part(1); n != 60 {
		t.Errorf("%d frames of 60", n)
	}
	if n := part(2); n != 0 {
		t.Errorf("%d frames of an incarnation that was not handed out", n)
	}
	route.program = 3
	r.update(route)
	if n := part(3); n != 60 {
		t.Errorf("%d frames of 60 of the new incarnation", n)
	}
	if n := part(1); n != 0 {
		t.Errorf("%d frames of the old incarnation", n)
	}
	if r.count("program_forged") != 0 {
		t.Errorf("counts %v", r.counts.Snapshot())
	}
}

// Whoever leads the room again may go on from a history that knows less: what still comes of the one that knew more does not
// stand in its way.
func TestAudienceFollowsAnEarlierHistory(t *testing.T) {
	r, player, route := listener(t)
	now := noon
	hear := func(from *source, frames int) {
		for range frames {
			r.hear(from.next(t, now), now)
			r.tickProgram(now)
			now = now.Add(mix.FrameDuration)
		}
	}
	route.program = 5
	r.update(route)
	later := newSource(t, 1, room.Talk, relay.Program, 5, 440)
	later.number = relay.FirstNumber(now)
	hear(later, 60)
	route.program = 3
	r.update(route)
	earlier := newSource(t, 1, room.Talk, relay.Program, 3, 440)
	earlier.number = later.number
	hear(later, 3*relay.AuthBatch)
	earlier.number += 3 * relay.AuthBatch
	player.take()
	hear(earlier, 100)
	if heard, _ := player.take(); len(heard) < 50 {
		t.Errorf("%d frames of 100 of who leads again", len(heard))
	}
}

// A second device of the host's led, and was gone; the first leads on from what it knew, under the same incarnation and by another
// clock. It is heard at once, and nobody is blamed.
func TestAudienceFollowsTheOtherDevice(t *testing.T) {
	r, player, route := listener(t)
	now := noon
	hear := func(from *source, frames int) {
		for range frames {
			r.hear(from.next(t, now), now)
			r.tickProgram(now)
			now = now.Add(mix.FrameDuration)
		}
	}
	route.program, route.programKey = 5, device(t, 100)
	r.update(route)
	phone := newSource(t, 100, room.Talk, relay.Program, 5, 440)
	phone.number = relay.FirstNumber(now.Add(20 * time.Second))
	hear(phone, 20*relay.AuthBatch)
	route.programKey = device(t, 1)
	r.update(route)
	laptop := newSource(t, 1, room.Talk, relay.Program, 5, 440)
	laptop.number = relay.FirstNumber(now)
	player.take()
	hear(laptop, 100)
	if heard, _ := player.take(); len(heard) < 50 || r.blames() {
		t.Errorf("%d frames of 100 of who leads again; counts %v", len(heard), r.counts.Snapshot())
	}
}

// Who talks is shown while it is heard, and falls silent once.
func TestAudienceLevels(t *testing.T) {
	r, _, _ := listener(t)
	host := newSource(t, 1, room.Talk, relay.Program, 1, 440)
	var told map[doc.PublicKey]uint8
	r.levels = func(l map[doc.PublicKey]uint8) { told = l }
	now := noon
	for i := range 100 {
		sound := room.Sound{Level: 10, Opus: host.packet(t)}
		if i < 50 {
			sound.Talking = []room.Talker{{Slot: 5, Level: 20}, {Slot: 9, Level: 7}} // nobody sits at 9
		}
		out, err := host.seal(&sound, now)
		if err != nil {
			t.Fatal(err)
		}
		r.hear(out, now)
		r.tickProgram(now)
		told = nil
		r.tellLevels(now)
		if i == 45 && (len(told) != 1 || told[person(t, 5)] != 20) {
			t.Errorf("while they talk: %v", told)
		}
		now = now.Add(mix.FrameDuration)
	}
	if told != nil {
		t.Errorf("long after: %v", told)
	}
	if len(r.program.said) != 0 {
		t.Errorf("still said to talk: %v", r.program.said)
	}
}

func TestAudienceDelayAndQuality(t *testing.T) {
	r, _, _ := listener(t)
	if q := r.quality(); q.State != "waiting" {
		t.Errorf("before the first frame: %+v", q)
	}
	r.clock(noon.UnixMicro(), noon.UnixMicro()+5000, noon.UnixMicro()+5000, noon.Add(10*time.Millisecond)) // the clocks agree
	host := newSource(t, 1, room.Talk, relay.Program, 1, 440)
	const way = 40 * time.Millisecond
	r.listen(200, func(now time.Time) { r.hear(host.next(t, now.Add(-way)), now) })
	s := r.hearStats()
	if want := s.BufferMS + int(way.Milliseconds()); s.DelayP50MS < want-40 || s.DelayP50MS > want+40 || s.DelayP99MS < s.DelayP50MS {
		t.Errorf("stats %+v, want about %d ms", s, want)
	}
	last := noon.Add(199 * mix.FrameDuration)
	if q := r.qualityNow(last); q.State != "good" || q.BufferMS == 0 {
		t.Errorf("%+v", q)
	}
	if q := r.qualityNow(last.Add(silentFor + time.Millisecond)); q.State != "silent" {
		t.Errorf("half a second later: %+v", q)
	}
}

// Concert packets reach the player bit for bit, as talk's do: the listener's node decodes nothing.
func TestAudienceInConcert(t *testing.T) {
	route := routing{mode: room.Concert, program: 1, programKey: device(t, 1)}
	r := newRig(t, 2, false, route)
	player := newTap()
	r.addOutput(player)
	host := newSource(t, 1, room.Concert, relay.Program, 1, 440)
	var said [][]byte
	r.listen(60, func(now time.Time) {
		said = append(said, host.packet(t))
		out, err := host.seal(&room.Sound{Opus: said[len(said)-1]}, now)
		if err != nil {
			t.Fatal(err)
		}
		r.hear(out, now)
	})
	heard, _ := player.take()
	if len(heard) != 60 {
		t.Fatalf("%d frames of 60", len(heard))
	}
	for i, f := range heard {
		if !bytes.Equal(f.Sealed, said[i]) {
			t.Fatalf("frame %d was changed", i)
		}
	}
}
