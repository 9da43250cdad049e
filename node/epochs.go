package node

import (
	"time"

	"salon/relay"
	"salon/room/seal"
)

// A closed room gets a new key now and then (see rotation.go): the program is sealed under it from the frame on that the state
// names, and everybody on stage begins with it about then. What was sealed under the old key is opened for keyOverlap longer.

// keyOverlap is how long the old key of a room still opens what comes late.
const keyOverlap = 2 * time.Second

// heldMost is how many frames wait for the key that opens them: as many as the room's sound is kept of.
const heldMost = 100

// epochs are a voice's keys over time. voice.mu guards it.
type epochs struct {
	turn   time.Time // when we begin to seal under the latest key, if not by the program's number
	opened time.Time // when something first opened under the latest key; zero if nothing has
	over   bool      // the old one is forgotten
}

// followKeys takes up the room's keys as the routing has them; was is the routing before.
func (v *voice) followKeys(was routing, now time.Time) {
	r, none := &v.route, [32]byte{}
	if r.epoch != was.epoch {
		v.epochs = epochs{turn: now}
		if r.old != none && was.epoch != 0 {
			v.epochs.turn = now.Add(r.lead)
		}
	}
	news := false
	learn := func(epoch uint32, secret, had [32]byte) {
		if secret == none || secret == had && r.epoch == was.epoch {
			return
		}
		if err := v.opener.SetEpoch(epoch, secret); err != nil {
			v.counts.Add("key_epoch_refused")
			return
		}
		news = true
	}
	if !v.epochs.over {
		learn(r.epoch-1, r.old, was.old)
	}
	learn(r.epoch, r.secret, was.secret)
	if news {
		v.program.retry(v, now)
	}
}

// sealing is the key under which we seal now.
func (v *voice) sealing(now time.Time) (epoch uint32, secret [32]byte, ok bool) {
	r, none := &v.route, [32]byte{}
	due := !now.Before(v.epochs.turn)
	if p := v.stage.program; p != nil {
		due = p.number >= r.from
	}
	switch {
	case r.old != none && !due,
		r.old != none && r.secret == none && now.Before(v.epochs.turn.Add(keyOverlap)): // nobody takes it for longer
		return r.epoch - 1, r.old, true
	case r.secret != none:
		return r.epoch, r.secret, true
	}
	return 0, none, false
}

// takes reports whether frames of the stage that were sealed in an epoch are taken.
func (v *voice) takes(epoch uint32, now time.Time) bool {
	return epoch == v.route.epoch || v.route.old != [32]byte{} && epoch+1 == v.route.epoch && now.Before(v.epochs.turn.Add(keyOverlap))
}

// awaits reports whether a frame was sealed under a key of the room that we are still to be told.
func (v *voice) awaits(f relay.Frame) bool {
	kid, _, _, err := seal.ParseHeader(f.Sealed)
	if err != nil {
		return false
	}
	switch epoch, _, _ := seal.SplitKID(kid); {
	case epoch > v.route.epoch: // the event that tells of it comes beside the sound
		return true
	case epoch == v.route.epoch:
		return v.route.secret == [32]byte{}
	default:
		return epoch+1 == v.route.epoch && v.route.old == [32]byte{} && v.route.secret == [32]byte{}
	}
}

// forgetKeys forgets the old key when nothing that it opens can come any more.
func (v *voice) forgetKeys(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	since := v.epochs.opened
	if v.onStage() {
		since = v.epochs.turn
	}
	if v.route.old == [32]byte{} || v.epochs.over || since.IsZero() || now.Sub(since) < keyOverlap {
		return
	}
	if p := v.stage.program; p != nil && p.number < v.route.from {
		return
	}
	v.epochs.over = true
	v.opener.DropEpoch(v.route.epoch - 1)
}

// rekey begins anew under the key that holds now, if that is another than the sealer's, and returns the auth of the last frames
// under the old one, if there are any without. It reports whether there is a key.
func (s *sealer) rekey(v *voice, now time.Time) (last *relay.Auth, ok bool) {
	epoch, secret, ok := v.sealing(now)
	if !ok || s.sender == nil || epoch <= s.epoch { // never back: a counter would be used again
		return nil, ok
	}
	last, _ = s.signer.Flush()
	s.begin(v, epoch, secret)
	return last, true
}

// begin begins to seal in an epoch, with counters from 0.
func (s *sealer) begin(v *voice, epoch uint32, secret [32]byte) {
	kid := seal.NewKID(epoch, s.slot, s.incarnation)
	s.epoch, s.secret = epoch, secret
	s.sender, s.signer = seal.NewSender(secret, s.source, kid), relay.NewSigner(v.room, s.slot, kid, v.device.Ed25519())
}

// programNumber is the number of the program's next frame, 0 if we do not make it.
func (v *voice) programNumber() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if p := v.stage.program; p != nil && p.sender != nil {
		return p.number
	}
	return 0
}
