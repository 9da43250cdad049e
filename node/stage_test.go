package node

import (
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/mix"
	"salon/room/seal"
)

// hostRouting is what the host, person 1, knows: its own seat is slot 1.
func hostRouting(t testing.TB, mode room.Mode, seats map[uint8]seatRoute) routing {
	return routing{mode: mode, program: 1, programKey: device(t, 1), slot: 1, incarnation: 1, seats: seats, epoch: testEpoch, secret: testSecret}
}

// opened verifies and opens what a voice sent in one slot, as a listener does, and returns its packets.
func opened(t testing.TB, frames []relay.Frame, slot relay.Slot, sound func(room.Sound)) (packets [][]byte) {
	t.Helper()
	o := seal.NewOpener()
	if err := o.SetEpoch(testEpoch, testSecret); err != nil {
		t.Fatal(err)
	}
	who := uint32(slot)
	if slot == relay.Program {
		who = 1
	}
	for _, f := range frames {
		if f.Slot != slot {
			continue
		}
		plain, _, _, err := o.Open(nil, sourceOf(t, who), f.AppendMeta(nil), f.Sealed)
		if err != nil {
			t.Fatalf("frame %d: %v", f.Number, err)
		}
		var s room.Sound
		if err := room.ParseSound(plain, &s); err != nil {
			t.Fatalf("frame %d: %v", f.Number, err)
		}
		if sound != nil {
			sound(s)
		}
		packets = append(packets, s.Opus)
	}
	return packets
}

// The program has a frame for every tick, whether or not anybody speaks, and the host signed each.
func TestProgramHasAFrameForEveryTick(t *testing.T) {
	beside(t)
	for _, mode := range []room.Mode{room.Talk, room.Concert} {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, 1, true, hostRouting(t, mode, map[uint8]seatRoute{2: seat(t, 2, 1)}))
			bo := newSource(t, 2, mode, 2, 1, 600)
			now := noon
			const ticks = 150
			var levels []uint8
			channels := map[room.Mode]int{room.Talk: 1, room.Concert: 2}[mode]
			var numbers []uint64
			var signed int
			for part := range 3 {
				for range ticks {
					if part == 1 {
						r.hear(bo.next(t, now), now)
					}
					r.tickStage(now)
					now = now.Add(mix.FrameDuration)
				}
				frames, auths := r.sent.take()
				n := 0
				for _, f := range frames {
					if f.Slot == relay.Program {
						numbers = append(numbers, f.Number)
						n++
					}
				}
				if n != ticks {
					t.Errorf("part %d: %d frames in %d ticks", part, n, ticks)
				}
				for _, a := range auths {
					signed += len(a.Hashes)
				}
				talkers := 0
				levels = loudness(t, channels, opened(t, frames, relay.Program, func(s room.Sound) { talkers += len(s.Talking) }))
				if tail := levels[ticks/2:]; part == 1 && !allLoud(tail) || part != 1 && !allSilent(tail) {
					t.Errorf("part %d: levels %v", part, tail)
				}
				if (talkers > ticks/2) != (part == 1) {
					t.Errorf("part %d: %d frames with a talker", part, talkers)
				}
			}
			for i, n := range numbers {
				if n != numbers[0]+uint64(i) {
					t.Fatalf("number %d after %d", n, numbers[i-1])
				}
			}
			if signed != 3*ticks {
				t.Errorf("%d of %d frames signed", signed, 3*ticks)
			}
		})
	}
}

// A speaker hears the others, and nothing that came under another key, slot, incarnation or epoch.
func TestStageTakesOnlyTheSeatsOwnFrames(t *testing.T) {
	beside(t)
	for _, c := range []struct {
		name  string
		from  func(t *testing.T) *source
		slot  uint8 // of the frame's header, if not the source's
		count string
	}{
		{"the seat's own", func(t *testing.T) *source { return newSource(t, 2, room.Talk, 2, 4, 440) }, 0, ""},
		{"an older incarnation", func(t *testing.T) *source { return newSource(t, 2, room.Talk, 2, 3, 440) }, 0, "stage_frame_of_another"},
		{"one that was not handed out", func(t *testing.T) *source { return newSource(t, 2, room.Talk, 2, 5, 440) }, 0, "stage_frame_of_another"},
		{"an empty slot", func(t *testing.T) *source { return newSource(t, 2, room.Talk, 6, 4, 440) }, 0, "stage_frame_not_allowed"},
		{"a slot that cannot be", func(t *testing.T) *source { return newSource(t, 2, room.Talk, 200, 4, 440) }, 0, "stage_frame_not_allowed"},
		{"moved to another slot", func(t *testing.T) *source { return newSource(t, 2, room.Talk, 3, 4, 440) }, 2, "stage_frame_of_another"},
		{"our own slot", func(t *testing.T) *source { return newSource(t, 2, room.Talk, 1, 1, 440) }, 0, "stage_frame_not_allowed"},
		{"the program", func(t *testing.T) *source { return newSource(t, 1, room.Talk, 0, 1, 440) }, 0, "none"},
		{"a seat that does not publish", func(t *testing.T) *source { return newSource(t, 3, room.Talk, 3, 0, 440) }, 0, "stage_frame_not_allowed"},
		{"another epoch", func(t *testing.T) *source {
			s := newSource(t, 2, room.Talk, 2, 4, 440)
			v := newVoice(testRoom, false, soundless(t, 2))
			v.route = routing{epoch: testEpoch + 1, secret: testSecret}
			s.start(v, 2, 4, room.Start{}, noon)
			return s
		}, 0, "stage_frame_of_another"},
		{"another room's key", func(t *testing.T) *source {
			s := newSource(t, 2, room.Talk, 2, 4, 440)
			v := newVoice(testRoom, false, soundless(t, 2))
			v.route = routing{epoch: testEpoch, secret: [32]byte{66}}
			s.start(v, 2, 4, room.Start{}, noon)
			return s
		}, 0, "frame_unsealed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 1, true, hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 4), 3: seat(t, 3, 0)}))
			player := newTap()
			r.addOutput(player)
			s := c.from(t)
			now := noon
			const ticks = 60
			for range ticks {
				out := s.next(t, now)
				if c.slot != 0 {
					out.frame.Slot = c.slot
				}
				r.frame(out.frame, false, now)
				r.tickStage(now)
				now = now.Add(mix.FrameDuration)
			}
			heard, _ := player.take()
			sent, _ := r.sent.take()
			ear, program := loudness(t, 1, payloads(heard)), loudness(t, 1, opened(t, sent, relay.Program, nil))
			if len(ear) != ticks || len(program) != ticks {
				t.Fatalf("%d frames for the ear and %d of the program in %d ticks", len(ear), len(program), ticks)
			}
			if c.count == "" {
				if !allLoud(ear[ticks/2:]) || !allLoud(program[ticks/2:]) {
					t.Errorf("not heard: %v; counts %v", ear, r.counts.Snapshot())
				}
				return
			}
			if !allSilent(ear) || !allSilent(program) {
				t.Errorf("heard: %v, %v", ear, program)
			}
			if c.count != "none" && r.count(c.count) != ticks {
				t.Errorf("counts %v, want %d %s", r.counts.Snapshot(), ticks, c.count)
			}
		})
	}
}

// play runs the host's stage for a while with what each source says, and returns how loud ear and program are.
func (r *rig) play(t *testing.T, now *time.Time, ticks int, player *tap, say func(now time.Time)) (ear, program []uint8) {
	t.Helper()
	for range ticks {
		say(*now)
		r.tickStage(*now)
		*now = now.Add(mix.FrameDuration)
	}
	heard, _ := player.take()
	sent, _ := r.sent.take()
	return loudness(t, 1, payloads(heard)), loudness(t, 1, opened(t, sent, relay.Program, nil))
}

func TestMutedSourceIsSilent(t *testing.T) {
	seats := map[uint8]seatRoute{2: seat(t, 2, 1)}
	r := newRig(t, 1, true, hostRouting(t, room.Talk, seats))
	player := newTap()
	r.addOutput(player)
	bo := newSource(t, 2, room.Talk, 2, 1, 600)
	now := noon
	say := func(now time.Time) { r.hear(bo.next(t, now), now) }
	if ear, program := r.play(t, &now, 60, player, say); !allLoud(ear[30:]) || !allLoud(program[30:]) {
		t.Fatalf("not heard: %v, %v", ear, program)
	}
	muted := seat(t, 2, 1)
	muted.muted = true
	r.update(hostRouting(t, room.Talk, map[uint8]seatRoute{2: muted}))
	ear, program := r.play(t, &now, 60, player, say)
	if !allSilent(ear[15:]) || !allSilent(program[15:]) {
		t.Errorf("a muted source that sends anyway is heard 300 ms later: %v, %v", ear, program)
	}
	if r.count("stage_frame_muted") != 60 {
		t.Errorf("counts %v", r.counts.Snapshot())
	}
	r.update(hostRouting(t, room.Talk, seats))
	if ear, program := r.play(t, &now, 60, player, say); !allLoud(ear[30:]) || !allLoud(program[30:]) {
		t.Errorf("not heard again: %v, %v", ear, program)
	}
	if r.count("stage_forged") != 0 {
		t.Error("a pause was taken for forgery")
	}
	// Gone from the stage is gone at once.
	r.update(hostRouting(t, room.Talk, nil))
	if ear, program := r.play(t, &now, 60, player, say); !allSilent(ear[2:]) || !allSilent(program[2:]) {
		t.Errorf("heard after leaving: %v, %v", ear, program)
	}
}

// Who is muted by the person's own list is not in what that person hears, wherever the slider stands, and in the program as
// before; the list changes it in the middle of a word, for those who sat down before and after.
func TestMutedForMeIsNotInTheMonitor(t *testing.T) {
	beside(t)
	seats := map[uint8]seatRoute{2: seat(t, 2, 1)}
	r := newRig(t, 1, true, hostRouting(t, room.Talk, seats))
	r.people = openPeople(t, testHome(t, t.TempDir()))
	player := newTap()
	r.addOutput(player)
	bo := newSource(t, 2, room.Talk, 2, 1, 600)
	now := noon
	hears := func(what string, want bool) {
		t.Helper()
		ear, program := r.play(t, &now, 60, player, func(now time.Time) { r.hear(bo.next(t, now), now) })
		if tail := ear[30:]; want && !allLoud(tail) || !want && !allSilent(tail) {
			t.Errorf("%s: the ear hears %v, want it heard: %t", what, tail, want)
		}
		if !allLoud(program[30:]) {
			t.Errorf("%s: the program lacks it: %v", what, program[30:])
		}
	}
	list := func(blocked, muted bool) {
		t.Helper()
		if _, err := r.people.Set(Mark{PersonView: PersonView{person(t, 2), "Bo"}, Blocked: blocked, Muted: muted}); err != nil {
			t.Fatal(err)
		}
		r.heed()
	}
	hears("not listed", true)
	list(false, true)
	hears("muted", false)
	r.setVolume(person(t, 2), 2)
	hears("muted, slider at the end", false)
	if v := r.volume(person(t, 2)); v != 2 {
		t.Errorf("the slider stands at %v", v)
	}
	r.update(hostRouting(t, room.Talk, nil)) // away and back
	r.update(hostRouting(t, room.Talk, seats))
	hears("muted, with a new seat", false)
	list(false, false)
	hears("forgotten", true)
	list(true, false)
	hears("blocked", false)
	list(false, false)
	hears("unblocked", true)
}

// Frames of incarnations that were never handed out do not spoil the slot for those that follow: the room's key is public.
func TestInventedIncarnationsDoNotSpoilASlot(t *testing.T) {
	r := newRig(t, 1, true, hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 1)}))
	player := newTap()
	r.addOutput(player)
	now := noon
	for _, incarnation := range []uint32{1<<24 - 1, 1<<24 - 2} {
		eve := newSource(t, 2, room.Talk, 2, incarnation, 600)
		r.play(t, &now, 10, player, func(now time.Time) { r.hear(eve.next(t, now), now) })
	}
	r.update(hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 3, 2)}))
	cy := newSource(t, 3, room.Talk, 2, 2, 600)
	if ear, _ := r.play(t, &now, 60, player, func(now time.Time) { r.hear(cy.next(t, now), now) }); !allLoud(ear[30:]) {
		t.Errorf("who has the slot now is not heard: %v, counts %v", ear, r.counts.Snapshot())
	}
}

// Who speaks and never signs is heard for the seconds that a signature may take, and no more. A mute in the middle of a
// batch, again and again, is no such thing.
func TestUnsignedSourceIsMuted(t *testing.T) {
	beside(t)
	seats := map[uint8]seatRoute{2: seat(t, 2, 1)}
	r := newRig(t, 1, true, hostRouting(t, room.Talk, seats))
	player := newTap()
	r.addOutput(player)
	bo := newSource(t, 2, room.Talk, 2, 1, 600)
	now := noon
	muted := seat(t, 2, 1)
	muted.muted = true
	for range 30 {
		r.play(t, &now, 15, player, func(now time.Time) { r.hear(bo.next(t, now), now) })
		r.update(hostRouting(t, room.Talk, map[uint8]seatRoute{2: muted}))
		r.play(t, &now, 2, player, func(now time.Time) { bo.next(t, now) })
		r.update(hostRouting(t, room.Talk, seats))
	}
	r.play(t, &now, 150, player, func(now time.Time) { r.hear(bo.next(t, now), now) })
	if r.count("stage_unsigned") != 0 {
		t.Fatalf("mutes were taken for missing signatures: %v", r.counts.Snapshot())
	}
	ear, program := r.play(t, &now, 250, player, func(now time.Time) { r.hear(outgoing{frame: bo.next(t, now).frame}, now) })
	if !allSilent(ear[200:]) || !allSilent(program[200:]) {
		t.Errorf("heard without a signature for five seconds: %v", ear)
	}
	if r.count("stage_unsigned") != 1 {
		t.Errorf("counts %v", r.counts.Snapshot())
	}
}

// A mix that nobody listens to keeps nothing of the streams that come and go.
func TestUnheardMixKeepsNothing(t *testing.T) {
	r := newRig(t, 1, true, hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 1)}))
	player := newTap()
	r.addOutput(player)
	r.tickStage(noon)
	r.removeOutput(t, player)
	r.tickStage(noon.Add(mix.FrameDuration))
	if r.stage.monitor != nil {
		t.Error("the mix is still there")
	}
	again := newTap()
	r.addOutput(again)
	bo := newSource(t, 2, room.Talk, 2, 1, 600)
	now := noon.Add(2 * mix.FrameDuration)
	if ear, _ := r.play(t, &now, 60, again, func(now time.Time) { r.hear(bo.next(t, now), now) }); !allLoud(ear[30:]) {
		t.Errorf("not heard by a player who comes later: %v", ear)
	}
}

// removeOutput ends a player and waits until it is let go.
func (r *rig) removeOutput(t *testing.T, l *tap) {
	t.Helper()
	gone := make(chan struct{}, 1)
	r.changed = func() { gone <- struct{}{} } // before anybody looks
	l.Close()
	if _, on := r.attached(); !on {
		return
	}
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Fatal("the player is still there")
	}
}

// Whoever has the room's key can seal a frame; only the seat's device can sign it. A bad batch mutes its source, and
// nobody else.
func TestForgedBatchMutesItsSource(t *testing.T) {
	beside(t)
	for name, forge := range map[string]func(t *testing.T, r *rig, bo, eve *source, now time.Time){
		"signed by another device": func(t *testing.T, r *rig, _, eve *source, now time.Time) { r.hear(eve.next(t, now), now) },
		"a frame put in place of one that was signed": func(t *testing.T, r *rig, bo, eve *source, now time.Time) {
			r.hear(outgoing{frame: eve.next(t, now).frame, auth: bo.next(t, now).auth}, now)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, true, hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 1), 3: seat(t, 3, 1)}))
			player := newTap()
			r.addOutput(player)
			bo, cy := newSource(t, 2, room.Talk, 2, 1, 600), newSource(t, 3, room.Talk, 3, 1, 500)
			eve := newSource(t, 66, room.Talk, 2, 1, 600) // Bo's slot and the room's key, of which Bo's is made, her own signature
			eve.sender = seal.NewSender(testSecret, sourceOf(t, 2), seal.NewKID(testEpoch, 2, 1))
			now := noon
			for range 100 {
				eve.next(t, now) // her counters were not used before
			}
			if ear, _ := r.play(t, &now, 60, player, func(now time.Time) { r.hear(bo.next(t, now), now) }); !allLoud(ear[30:]) {
				t.Fatalf("not heard: %v", ear)
			}
			eve.number = bo.number
			ear, program := r.play(t, &now, 60, player, func(now time.Time) { forge(t, r, bo, eve, now) })
			// A batch is 120 ms, the buffer a little more.
			if !allSilent(ear[25:]) || !allSilent(program[25:]) {
				t.Errorf("heard half a second later: %v, %v", ear, program)
			}
			if r.count("stage_forged") != 1 {
				t.Errorf("counts %v", r.counts.Snapshot())
			}
			if q := r.quality(); q.State != "poor" {
				t.Errorf("quality %+v", q)
			}
			if ear, _ := r.play(t, &now, 60, player, func(now time.Time) { r.hear(cy.next(t, now), now) }); !allLoud(ear[30:]) {
				t.Errorf("another source is not heard: %v", ear)
			}
			// A new incarnation is a new beginning.
			r.update(hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 2), 3: seat(t, 3, 1)}))
			bo = newSource(t, 2, room.Talk, 2, 2, 600)
			if ear, _ := r.play(t, &now, 60, player, func(now time.Time) { r.hear(bo.next(t, now), now) }); !allLoud(ear[30:]) {
				t.Errorf("not heard after starting anew: %v", ear)
			}
		})
	}
}

// What a speaker sends is not trusted to be Opus, nor sound.
func TestStageTakesAnyBytes(t *testing.T) {
	r := newRig(t, 1, true, hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 1)}))
	player := newTap()
	r.addOutput(player)
	bo := newSource(t, 2, room.Talk, 2, 1, 600)
	now := noon
	n := 0
	ear, program := r.play(t, &now, 100, player, func(now time.Time) {
		opus := [][]byte{{}, {0xff}, make([]byte, 1275), {0xff, 0xff, 0xff, 0xff}, []byte("not opus at all")}[n%5]
		n++
		out, err := bo.seal(&room.Sound{Opus: opus}, now)
		if err != nil {
			return
		}
		r.hear(out, now)
	})
	if len(ear) != 100 || len(program) != 100 {
		t.Errorf("%d and %d frames in 100 ticks", len(ear), len(program))
	}
	// Well sealed, and no sound inside.
	kid := seal.NewKID(testEpoch, 2, 1)
	s := seal.NewSender(testSecret, sourceOf(t, 2), kid)
	f := relay.Frame{Slot: 2, Number: relay.FirstNumber(now) + 500}
	for range 200 {
		if _, _, err := s.Seal(nil, f.AppendMeta(nil), nil); err != nil {
			t.Fatal(err)
		}
	}
	f.Sealed, _, _ = s.Seal(nil, f.AppendMeta(nil), []byte{1})
	r.frame(f, false, now)
	if r.count("frame_malformed") != 1 {
		t.Errorf("counts %v", r.counts.Snapshot())
	}
}

// The page shows everybody on stage, oneself included, under the person's own name.
func TestStageLevels(t *testing.T) {
	r := newRig(t, 1, true, hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 1), 3: seat(t, 3, 1)}))
	var told map[doc.PublicKey]uint8
	r.levels = func(l map[doc.PublicKey]uint8) { told = l }
	bo := newSource(t, 2, room.Talk, 2, 1, 600)
	mine := newSource(t, 1, room.Talk, 1, 1, 300)
	mic := newTap()
	defer mic.Close()
	r.setMic(mic)
	now := noon
	for i := range uint64(60) {
		r.hear(bo.next(t, now), now)
		r.speak(mic, relay.Frame{Number: i, Sealed: mine.packet(t)}, now)
		r.tickStage(now)
		now = now.Add(mix.FrameDuration)
	}
	r.tellLevels(now)
	if len(told) != 3 || told[person(t, 1)] > loud || told[person(t, 2)] > loud || told[person(t, 3)] < silent {
		t.Errorf("levels %v", told)
	}
}

func TestVolumeIsForOnesOwnEarOnly(t *testing.T) {
	r := newRig(t, 1, true, hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 1)}))
	player := newTap()
	r.addOutput(player)
	r.setVolume(person(t, 2), 0)
	bo := newSource(t, 2, room.Talk, 2, 1, 600)
	now := noon
	ear, program := r.play(t, &now, 60, player, func(now time.Time) { r.hear(bo.next(t, now), now) })
	if !allSilent(ear[30:]) || !allLoud(program[30:]) {
		t.Errorf("ear %v, program %v", ear, program)
	}
}
