package node

import (
	"crypto/ed25519"
	"errors"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room/mix"
	"salon/room/seal"
)

const (
	notesSize  = 256 // frames between arrival and playing, at 20 ms
	silentFor  = 500 * time.Millisecond
	badShare   = 0.02 // concealed share of the last seconds that one hears
	delaySpan  = 4096 // ms
	recentSpan = 5 * time.Second
)

// An audience is a listener's way from frames to sound: verified, opened, held until due. Nothing unverified is played.
// voice.mu guards it.
type audience struct {
	verifier *relay.Verifier
	verified []relay.Verified // reused
	pacer    *mix.Pacer
	held     []relay.Verified // opened when their key is here; at most heldMost
	notes    [notesSize]note  // what a page shows beside a frame, by number
	next     uint64           // number expected to be played next, 0 before the first
	arrived  time.Time        // last frame
	talking  []talker         // in the frame played last
	played   time.Time        // when that was
	said     map[doc.PublicKey]bool

	received, resent, accepted, heard, lost uint64
	delays                                  [delaySpan]uint32 // by ms, source's microphone to our player
	late, timed                             uint64            // the sum of these in ms, and of how many

	recent     time.Time // start of the span below
	was, wasUp uint64    // lost and heard at its start
	share      float64   // lost share of the last whole span
}

type talker struct{ slot, level uint8 }

// A note is what was sealed and signed beside a frame's sound.
type note struct {
	number   uint64
	captured time.Time
	talking  []talker
}

// reset forgets what is buffered; counts go on.
func (a *audience) reset(v *voice) {
	a.verifier = relay.NewVerifier(v.room, relay.Program, v.programVerifyKey)
	a.verifier.KID, a.verifier.Rivals = sealedUnder, func() []ed25519.PublicKey { return v.route.rivals }
	a.verifier.Twins = func() []ed25519.PublicKey { return v.route.twins }
	a.pacer = mix.NewPacer(mix.Audience())
	a.next = 0
	a.talking = a.talking[:0]
	a.held = nil
}

func (a *audience) frame(v *voice, f relay.Frame, resent bool, now time.Time) judgement {
	a.received++
	if resent {
		a.resent++
	}
	a.arrived = now
	var err error
	a.verified, err = a.verifier.AddFrame(a.verified[:0], f, now)
	return a.judge(v, err, now)
}

// judge takes what has just been verified, and counts what did not verify.
func (a *audience) judge(v *voice, err error, now time.Time) judgement {
	a.take(v, now)
	j := judgement{verified: len(a.verified) > 0}
	switch {
	case !errors.As(err, &j.bad):
	case j.bad.Reason == "source":
		v.counts.Add("program_doubted")
	default:
		v.counts.Add("program_forged")
	}
	return j
}

// sealedUnder is the KID of a sealed frame, as its header says.
func sealedUnder(sealed []byte) (kid uint64, ok bool) {
	kid, _, _, err := seal.ParseHeader(sealed)
	return kid, err == nil
}

func (a *audience) auth(v *voice, au *relay.Auth, now time.Time) judgement {
	var err error
	a.verified, err = a.verifier.AddAuth(a.verified[:0], au, now)
	return a.judge(v, err, now)
}

// take opens what has just been verified.
func (a *audience) take(v *voice, now time.Time) {
	for _, f := range a.verified {
		if v.deaf {
			a.accepted++
			v.came = true
			continue
		}
		if v.awaits(f.Frame) {
			a.hold(v, f)
			continue
		}
		from, ok := v.programSource(f.KID)
		if !ok {
			v.counts.Add("program_of_another") // it waited for its key, and others lead by now
			continue
		}
		kid, ctr, ok := v.open(f.Frame, from)
		if !ok {
			continue
		}
		if kid != f.KID || ctr != f.CTR {
			v.counts.Add("program_mislabelled")
			continue
		}
		if epoch, _, _ := seal.SplitKID(kid); epoch == v.route.epoch && v.epochs.opened.IsZero() {
			v.epochs.opened = now
		}
		a.accepted++
		v.came = true
		n := &a.notes[f.Number%notesSize]
		n.number, n.captured, n.talking = f.Number, f.Captured, n.talking[:0]
		for _, t := range v.sound.Talking {
			n.talking = append(n.talking, talker{t.Slot, t.Level})
		}
		a.pacer.Push(f.Number, v.sound.Opus, now)
	}
}

// hold keeps a frame until its key is here.
func (a *audience) hold(v *voice, f relay.Verified) {
	v.came = true // the path is well
	if len(a.held) == heldMost {
		a.held = a.held[:copy(a.held, a.held[1:])]
		v.counts.Add("frame_without_key")
	}
	a.held = append(a.held, f)
}

// retry opens what waited for a key.
func (a *audience) retry(v *voice, now time.Time) {
	if len(a.held) == 0 {
		return
	}
	was := a.verified
	a.verified, a.held = a.held, nil
	a.take(v, now)
	a.verified = was
}

// tickProgram plays what is due.
func (v *voice) tickProgram(now time.Time) { v.media.found(v.playProgram(now)) }

func (v *voice) playProgram(now time.Time) (j judgement) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hearsStage() {
		return j
	}
	a := &v.program
	var err error
	a.verified, err = a.verifier.Tick(a.verified[:0], now)
	j = a.judge(v, err, now)
	for {
		number, packet, ok := a.pacer.Next(now)
		if !ok {
			break
		}
		lost := uint64(0)
		if a.next != 0 && number > a.next {
			lost = number - a.next
		}
		a.next = number + 1
		a.lost += lost
		a.heard++
		v.out.send(packet, lost)
		v.guests.send(packet, lost)
		if n := &a.notes[number%notesSize]; n.number == number {
			a.talking = append(a.talking[:0], n.talking...)
			a.played = now
			if v.rtt != 0 {
				delay := now.Add(v.offset).Sub(n.captured).Milliseconds()
				delay = min(max(delay, 0), delaySpan-1)
				a.delays[delay]++
				a.late += uint64(delay)
				a.timed++
			}
		}
	}
	if now.Sub(a.recent) >= recentSpan {
		if d := (a.heard - a.wasUp) + (a.lost - a.was); d > 0 {
			a.share = float64(a.lost-a.was) / float64(d)
		}
		a.recent, a.was, a.wasUp = now, a.lost, a.heard
	}
	return j
}

// levels fills in who talks in the frame that is playing. Who fell silent is told once.
func (a *audience) levels(v *voice, levels map[doc.PublicKey]uint8, now time.Time) {
	if now.Sub(a.played) < silentFor {
		for _, t := range a.talking {
			if s, ok := v.route.seats[t.slot]; ok {
				levels[s.person] = t.level
			}
		}
	}
	if a.said == nil {
		a.said = make(map[doc.PublicKey]bool)
	}
	for p := range a.said {
		if _, still := levels[p]; !still {
			delete(a.said, p)
			levels[p] = mix.Silence
		}
	}
	for p, l := range levels {
		if l < mix.Silence {
			a.said[p] = true
		}
	}
}

// hearStats counts what a listener heard.
func (v *voice) hearStats() HearStats {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := &v.program
	s := HearStats{
		Expected: a.heard + a.lost, Received: a.received, Resent: a.resent, Concealed: a.lost, Verified: a.accepted,
		BufferMS: int(a.pacer.Delay().Milliseconds()),
	}
	s.DelayP50MS, s.DelayP99MS = a.delayAt(0.5), a.delayAt(0.99)
	return s
}

// delayAt is the delay in ms that a share q of the frames did not exceed.
func (a *audience) delayAt(q float64) int {
	var total, sum uint64
	for _, n := range a.delays {
		total += uint64(n)
	}
	if total == 0 {
		return 0
	}
	for ms, n := range a.delays {
		if sum += uint64(n); float64(sum) >= q*float64(total) {
			return ms
		}
	}
	return delaySpan
}

// quality is how well we hear, for the page.
func (v *voice) quality() QualityView {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.qualityNow(time.Now())
}

func (v *voice) qualityNow(now time.Time) QualityView {
	if v.hearsStage() {
		return v.stage.quality(v, now)
	}
	a := &v.program
	q := QualityView{State: "good", Text: "Sound is clear.", BufferMS: int(a.pacer.Delay().Milliseconds()), DelayMS: a.delayAt(0.5), Concealed: a.share}
	switch {
	case v.mender.wrong:
		q.State, q.Text = "silent", v.mender.trouble(now)
	case len(a.held) > 0 && now.Sub(a.played) > silentFor:
		q.State, q.Text = "waiting", "Waiting for the room's key, which the host gives."
	case a.arrived.IsZero():
		q.State, q.Text = "waiting", "Waiting for sound from the host."
	case now.Sub(a.arrived) > silentFor:
		q.State, q.Text = "silent", "No sound arrives from the host."
	case a.share > badShare:
		q.State, q.Text = "poor", "The connection loses sound. A cable or a place nearer to the Wi-Fi may help."
	}
	return q
}
