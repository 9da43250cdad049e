package node

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/relay"
	"salon/room"
	"salon/room/mix"
	"salon/room/seal"
)

var nextSecret = [32]byte{8}

// rekeyed is a routing after the room was given its next key; told says whether we have it.
func rekeyed(r routing, from uint64, told bool) routing {
	r.epoch, r.old, r.secret, r.from, r.lead = r.epoch+1, r.secret, [32]byte{}, from, time.Second
	if told {
		r.secret = nextSecret
	}
	return r
}

// epochOf is the epoch that a frame was sealed in.
func epochOf(t *testing.T, f relay.Frame) uint32 {
	t.Helper()
	kid, _, _, err := seal.ParseHeader(f.Sealed)
	if err != nil {
		t.Fatal(err)
	}
	epoch, _, _ := seal.SplitKID(kid)
	return epoch
}

// A listener hears every frame while the room's key changes, whenever the box comes that the frames can wait for. Who has the
// old key alone opens nothing from the number on at which the new one begins.
func TestNewKeyConcealsNothing(t *testing.T) {
	beside(t)
	const ticks, announced = 300, 100
	for _, c := range []struct {
		name     string
		told     int // at which tick the box comes; the key holds from about 150 on
		lateAuth int // by how many ticks auths come late
		repaired int // and by how many more the last one under the old key
	}{
		{"the box comes at once", announced, 0, 0},
		{"the box comes just before", 149, 0, 0},
		{"the box comes a little late", 158, 0, 0},
		{"auths come late", 120, 5, 0},
		{"all comes late", 158, 5, 0},
		{"the last auth is lost, and repaired", 120, 0, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			hosting := hostRouting(t, room.Talk, nil)
			host := newRig(t, 1, true, hosting)
			hosting.epoch, hosting.secret = testEpoch, testSecret
			r, player, route := listener(t)
			removed := seal.NewOpener()
			if err := removed.SetEpoch(testEpoch, testSecret); err != nil {
				t.Fatal(err)
			}
			var from, opened, kept uint64
			type due struct {
				at   int
				auth *relay.Auth
			}
			var auths []due
			now := noon
			step := func(i int) {
				switch i {
				case announced:
					from = host.programNumber() + 50
					host.updateAt(rekeyed(hosting, from, true), now)
				case announced + 1:
					r.updateAt(rekeyed(route, from, false), now)
				case c.told + 2:
					r.updateAt(rekeyed(route, from, true), now)
				}
				if i < ticks {
					host.tickStage(now)
				}
				host.media.do(func(tree *relay.Tree, _ time.Time) { tree.Tick(time.Now()) })
				frames, said := host.sent.take()
				for _, a := range said {
					at := i + c.lateAuth
					if from != 0 && a.Last() == from-1 {
						at += c.repaired
					}
					auths = append(auths, due{at, a})
				}
				for _, f := range frames {
					want := uint32(testEpoch)
					if from != 0 && f.Number >= from {
						want++
					}
					if got := epochOf(t, f); got != want {
						t.Fatalf("frame %d, %d from the number on, has epoch %d, want %d", f.Number, int64(f.Number-from), got, want)
					}
					switch _, _, _, err := removed.Open(nil, sourceOf(t, 1), f.AppendMeta(nil), f.Sealed); {
					case err == nil && want != testEpoch:
						t.Errorf("the removed opens frame %d, which is %d after the activation", f.Number, f.Number-from)
						opened++
					case err == nil:
						kept++
					case want == testEpoch:
						t.Errorf("frame %d: %v", f.Number, err)
					case !errors.Is(err, seal.ErrEpoch):
						t.Errorf("frame %d: %v", f.Number, err)
					}
					r.frame(f, false, now)
				}
				auths = slices.DeleteFunc(auths, func(d due) bool {
					if d.at <= i {
						r.auth(d.auth, now)
					}
					return d.at <= i
				})
				r.tickProgram(now)
				r.forgetKeys(now)
				host.forgetKeys(now)
				now = now.Add(mix.FrameDuration)
			}
			for i := range ticks + 150 {
				step(i)
			}
			heard, _ := player.take()
			s := r.hearStats()
			if len(heard) != ticks || s.Concealed != 0 || s.Verified != ticks {
				t.Errorf("%d frames of %d were heard; %+v; counts %v", len(heard), ticks, s, r.counts.Snapshot())
			}
			for i, f := range heard {
				if f.Number != uint64(i) {
					t.Fatalf("frame %d has number %d: some are missing", i, f.Number)
				}
			}
			if opened != 0 || kept != 150 {
				t.Errorf("the removed opened %d frames after the activation and %d before", opened, kept)
			}
			// And when nothing under it can come any more, the old key is forgotten.
			if err := r.opener.SetEpoch(testEpoch, testSecret); !errors.Is(err, seal.ErrEpoch) {
				t.Errorf("the old key is taken again: %v", err)
			}
		})
	}
}

// A listener without the key holds what comes, no more than may wait, and says so.
func TestNoKeyNoSound(t *testing.T) {
	route := routing{mode: room.Talk, program: 1, programKey: device(t, 1), epoch: testEpoch}
	r, player := newRig(t, 2, false, routing{mode: room.Talk}), newTap()
	r.addOutput(player)
	r.opener = *seal.NewOpener()
	r.updateAt(route, noon)
	program := newSource(t, 1, room.Talk, relay.Program, 1, 440)
	now := noon
	for range 3 * heldMost {
		r.hear(program.next(t, now), now)
		r.tickProgram(now)
		now = now.Add(mix.FrameDuration)
	}
	r.mu.Lock()
	held, q := len(r.program.held), r.qualityNow(now)
	r.mu.Unlock()
	if heard, _ := player.take(); len(heard) != 0 || held != heldMost || q.State != "waiting" {
		t.Errorf("%d frames heard, %d held, quality %+v", len(heard), held, q)
	}
	if r.count("frame_without_key") == 0 || r.count("frame_unsealed") != 0 {
		t.Errorf("counts %v", r.counts.Snapshot())
	}
	route.secret = testSecret
	r.updateAt(route, now)
	for range 50 {
		r.tickProgram(now)
		now = now.Add(mix.FrameDuration)
	}
	if heard, _ := player.take(); len(heard) == 0 {
		t.Error("nothing is heard when the key has come")
	}
}

// Where two led at once, each gave the room keys of their own: who was led by the one that changed them more often hears the other, and
// seals for them with the next incarnation.
func TestKeysOfWhoWonAreLower(t *testing.T) {
	route := routing{mode: room.Talk, slot: 2, incarnation: 1, epoch: testEpoch, secret: testSecret}
	r := newRig(t, 2, false, routing{mode: room.Talk})
	r.mic.starts = starts{{}, {1}}
	mic, src := newTap(), newSource(t, 2, room.Talk, 2, 1, 440)
	defer mic.Close()
	r.setMic(mic)
	number, now := uint64(0), noon
	say := func(ticks int) (last uint32) {
		for range ticks {
			r.speak(mic, relay.Frame{Number: number, Sealed: src.packet(t)}, now)
			frames, _ := r.sent.take()
			for _, f := range frames {
				last = epochOf(t, f)
			}
			r.forgetKeys(now)
			number, now = number+1, now.Add(mix.FrameDuration)
		}
		return last
	}
	r.updateAt(route, now)
	say(50)
	won := rekeyed(route, 0, true)
	won.secret, won.old = [32]byte{88}, [32]byte{}
	for i := range 2 {
		secret := [32]byte{9, byte(i)}
		route = rekeyed(route, 0, true)
		route.secret = secret
		r.updateAt(route, now)
		if got := say(200); got != testEpoch+1+uint32(i) {
			t.Fatalf("sealed in epoch %d", got)
		}
	}
	seat := &room.Seat{Incarnation: 1}
	if r.unpublished(&room.State{KeyEpoch: route.epoch, Key: route.secret}, seat) {
		t.Error("it begins anew though nothing happened")
	}
	if !r.unpublished(&room.State{KeyEpoch: won.epoch, Key: won.secret}, seat) {
		t.Error("nobody is asked for a new incarnation")
	}
	won.incarnation, won.start = 2, room.Start{1}
	r.updateAt(won, now)
	if got := say(100); got != won.epoch {
		t.Errorf("sealed in epoch %d, want %d", got, won.epoch)
	}
	if n := r.count("key_epoch_refused"); n != 0 {
		t.Errorf("%d keys are refused", n)
	}
	ana := seal.Source{Device: device(t, 1)}
	var meta [8]byte
	frame, _, err := seal.NewSender(won.secret, ana, seal.NewKID(won.epoch, 1, 1)).Seal(nil, meta[:], []byte("sound"))
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, _, _, err := r.opener.Open(nil, ana, meta[:], frame); err != nil {
		t.Errorf("what the other side seals does not open: %v", err)
	}
}

// Somebody on stage goes over to the new key a while after hearing of it, loses no frame and uses no counter twice; the old key
// they seal under for a moment more if they were not told the new one, and are then silent.
func TestSpeakerChangesKeys(t *testing.T) {
	for _, told := range []bool{true, false} {
		t.Run(fmt.Sprintf("told %v", told), func(t *testing.T) {
			r := newRig(t, 2, false, routing{mode: room.Talk})
			route := routing{mode: room.Talk, slot: 2, incarnation: 1, epoch: testEpoch, secret: testSecret}
			r.mic.starts = starts{{}}
			r.updateAt(route, noon)
			mic := newTap()
			defer mic.Close()
			r.setMic(mic)
			src := newSource(t, 2, room.Talk, 2, 1, 440)
			seen := make(map[string]bool)
			signed := make(map[uint64]uint64) // by number, the KID of its auth
			now := noon
			for i := range 300 {
				if i == 100 {
					r.updateAt(rekeyed(route, 0, told), now)
				}
				r.speak(mic, relay.Frame{Number: uint64(i), Sealed: src.packet(t)}, now)
				frames, auths := r.sent.take()
				for _, a := range auths {
					for n := a.First; n <= a.Last(); n++ {
						signed[n] = a.KID
					}
				}
				want := uint32(testEpoch)
				switch {
				case i >= 150 && told:
					want++
				case i >= 250:
					if len(frames) != 0 {
						t.Fatalf("tick %d: %d frames without a key that anybody takes", i, len(frames))
					}
				}
				if want != 0 && (told || i < 250) && (len(frames) != 1 || epochOf(t, frames[0]) != want) {
					t.Fatalf("tick %d: %d frames, want one of epoch %d", i, len(frames), want)
				}
				for _, f := range frames {
					kid, ctr, _, _ := seal.ParseHeader(f.Sealed)
					if key := fmt.Sprint(kid, " ", ctr); seen[key] {
						t.Fatalf("tick %d: key and counter %s twice", i, key)
					} else {
						seen[key] = true
					}
				}
				now = now.Add(mix.FrameDuration)
			}
			// Every frame before the last batch is signed, those just before the change too.
			if n := len(signed); told && n < 294 || !told && n < 244 {
				t.Errorf("%d frames are signed", n)
			}
		})
	}
}

// On stage the old key is taken for a moment after the new one holds, and not longer.
func TestStageTakesTheOldKeyForAMoment(t *testing.T) {
	route := hostRouting(t, room.Talk, map[uint8]seatRoute{2: seat(t, 2, 1)})
	route.slot = 3 // somebody else on stage, not the host
	r := newRig(t, 3, false, route)
	route.epoch, route.secret = testEpoch, testSecret
	bo := newSource(t, 2, room.Talk, 2, 1, 600)
	now := noon
	r.updateAt(rekeyed(route, 0, true), now)
	taken := 0
	for range 200 { // 4 s: one until the key holds, two more, and one
		was := r.count("stage_frame_of_another")
		r.hear(bo.next(t, now), now)
		if r.count("stage_frame_of_another") == was {
			taken++
		}
		now = now.Add(mix.FrameDuration)
	}
	if taken != 150 {
		t.Errorf("%d frames under the old key were taken, want 150: until it is over, and 2 s more", taken)
	}
}

// Who led a closed room too, and gave it more keys, leaves people for whom ours is over: they are given a new one, once.
func TestWhoLedTooAndGaveMoreKeys(t *testing.T) {
	boNode := startNode(t, "Bo", nil)
	s := byInvitation
	s.CoHosts = []PersonView{{boNode.Person(), "Bo"}}
	r := gather(t, s).host
	r.mu.Lock()
	was, reign := r.state.KeyEpoch, r.state.Term.Reign
	theirs := r.state.Clone()
	ev, err := theirs.TakeOver(boNode.author(), 0, 0, time.Now())
	if err == nil {
		_, err = theirs.Apply(ev)
	}
	if err != nil {
		t.Fatal(err)
	}
	theirs.KeyEpoch = was + 2
	meet := func() {
		t.Helper()
		if err := r.meetLeader(peer.AddrInfo{}, relay.Claim{}, theirs); err != nil || r.host == nil {
			t.Fatalf("who led too leads on: %v", err)
		}
	}
	for range 3 {
		meet()
	}
	if got := r.state.Term.Reign; got != reign+1 {
		t.Errorf("reign %d", got)
	}
	r.mu.Unlock()
	awaitChange(t, r.n, "a new key", func() bool { return r.epochNow() == was+1 })
}
