package node

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"sync"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/mix"
	"salon/room/opus"
	"salon/room/seal"
)

const (
	levelsEvery = 100 * time.Millisecond
	maxSlots    = 32
)

// A voice is the sounding side of one room at this node: what comes in is verified, opened and buffered, what the
// person says is sealed and signed, and what they should hear goes to the players. It knows who may speak from the
// routing it is given, and nothing else of the rules.
type voice struct {
	room    room.ID
	deaf    bool          // nothing is opened: we carry it for others
	me      doc.PublicKey // the person of this node
	device  doc.PrivateKey
	log     *slog.Logger
	counts  *counters
	people  *People // whom the person does not want to hear
	media   *media
	levels  func(map[doc.PublicKey]uint8) // called ten times a second while something sounds
	changed func()                        // called when players, microphone or quality changed

	closing sync.WaitGroup // links on their way out; run alone adds to it and waits

	mu      sync.Mutex // guards the fields below; taken after media's
	hosting bool       // we lead the room: the program is mixed here
	standby bool       // we may have to at any moment
	stoodBy time.Time  // since when
	mode    room.Mode
	route   routing
	before  programRoute // whose program it was before that of route
	newest  programRoute // the last program that route named
	anew    bool         // the tree is to forget the program, whose numbers may begin anew
	last    lastFrame    // of the program
	next    lastFrame    // where a program of ours is to begin, and when; zero for at once
	pongAt  time.Time    // when the last answer to a ping came
	heardAt time.Time    // when anything of the stage came, or the path began
	opener  seal.Opener
	epochs  epochs
	starts  starts // of a program of ours
	plain   []byte // reused for opened frames
	sound   room.Sound
	stage   stage
	program audience
	mic     microphone
	out     outputs
	guests  outputs      // of the program, whatever this person hears
	stopped bool         // nothing is taken any more
	forged  uint32       // slots whose stream turned out to be forged and must be begun anew by run
	aside   []relay.Link // to be closed by run: closing a browser's session waits for it
	volumes map[doc.PublicKey]float32
	offset  time.Duration // the host's clock less ours
	rtt     time.Duration // of the ping that offset is from; 0 means none yet
	stale   bool          // offset is by the word of who was our parent: the next ping counts, however slow it is
	said    string        // quality last told, in words
	mender  mender        // of the path from the host
	came    bool          // sound, since the mender looked
	ponged  bool          // likewise
}

// routing is what the state of a room means for its sound.
type routing struct {
	mode        room.Mode     // never changes once known
	deaf        bool          // nothing of it can be opened here
	epoch       uint32        // of the room's latest key
	secret      [32]byte      // the key; zero if we have not been told (yet)
	old         [32]byte      // that of the epoch before, likewise
	from        uint64        // number of the program's first frame under the latest
	lead        time.Duration // how long before that it was told of, about
	program     uint32        // incarnation of slot 0, 0 means none
	programKey  doc.PublicKey
	rivals      []ed25519.PublicKey // of the devices that may make the program, where two histories of the room go on at once
	twins       []ed25519.PublicKey // those of them that may be the leader's own
	seats       map[uint8]seatRoute // the others on stage, by slot
	slot        uint8               // ours; 0 means in the audience
	incarnation uint32              // ours; 0 means not publishing
	muted       bool

	programStart, start room.Start // of slot 0, and ours
}

// A programRoute is a program's incarnation, the key that signs it, and what it began with.
type programRoute struct {
	incarnation uint32
	key         doc.PublicKey
	start       room.Start
}

// programRoute is the program's of now.
func (r *routing) programRoute() programRoute {
	return programRoute{r.program, r.programKey, r.programStart}
}

// A lastFrame is the latest of the program and when it came.
type lastFrame struct {
	number uint64
	at     time.Time
}

type seatRoute struct {
	person, device doc.PublicKey
	name           string
	incarnation    uint32
	start          room.Start
	muted          bool
	away           bool
}

// source is who seals what comes from the seat.
func (s *seatRoute) source() seal.Source { return seal.Source{Device: s.device, Start: s.start} }

// setStandby has us take the stage's streams too, to be ready for the program.
func (v *voice) setStandby(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.standby != on {
		v.standby, v.stoodBy = on, time.Now()
		v.stage.follow(v)
	}
}

// quietSince is for how long nothing has come from who leads, by sound or by an answer.
func (v *voice) quietSince(now time.Time) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.heardAt
	for _, at := range []time.Time{v.pongAt, v.last.at} {
		if at.After(last) {
			last = at
		}
	}
	return now.Sub(last)
}

// programQuiet is for how long nothing of the program has come.
func (v *voice) programQuiet(now time.Time) time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	last := v.last.at
	if last.IsZero() {
		last = v.heardAt
	}
	if v.stoodBy.After(last) { // on stage we did not hear it before
		last = v.stoodBy
	}
	return now.Sub(last)
}

// onStageNow reports whether we hear the stage rather than the program.
func (v *voice) onStageNow() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.onStage()
}

// lastNumber is that of the last frame of the program that came.
func (v *voice) lastNumber() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.last.number
}

// goesOnAt reports whether the program may be handed over to us at a number: a little ahead of where it stands by now. While on
// stage, we may have heard nothing of it for long.
func (v *voice) goesOnAt(number uint64, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	missed := uint64(max(now.Sub(v.last.at), 0) / relay.FrameDuration)
	return number > v.last.number && (v.last.number == 0 || number-v.last.number <= missed+3*handAhead)
}

// nextNumber is that of the next frame of our program, or of what would be ours.
func (v *voice) nextNumber() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.stage.program != nil:
		return v.stage.program.number
	case v.next.number != 0:
		return v.next.number
	}
	return v.last.number + 1
}

// makesProgram reports whether frames of the program come from here.
func (v *voice) makesProgram() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.stage.program != nil
}

// firstNumber is that with which our program began.
func (v *voice) firstNumber() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stage.program == nil {
		return 0
	}
	return v.stage.program.first
}

// beginAt has a program of ours begin with a number, and then.
func (v *voice) beginAt(number uint64, at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.next = lastFrame{number, at}
}

// lead has us make the program, beginning with number where somebody else's ends, or if it is 0, where it broke off.
func (v *voice) lead(number uint64, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hosting, v.standby = true, false
	if v.last.number != 0 {
		missed := uint64(max(now.Sub(v.last.at), 0) / relay.FrameDuration)
		v.next = lastFrame{v.last.number + 1 + missed, now}
		if number > v.next.number {
			v.next = lastFrame{number, now.Add(time.Duration(number-v.next.number) * relay.FrameDuration)}
		}
	} else if number != 0 {
		v.next = lastFrame{number, now.Add(handAhead * relay.FrameDuration)}
	}
	v.stage.follow(v)
}

// follow has us make the program no more, from number on, where somebody else's begins.
func (v *voice) follow(number uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hosting, v.next = false, lastFrame{}
	now := time.Now()
	v.heardAt = now
	if p := v.stage.program; p != nil {
		v.last = lastFrame{p.number - 1, now}
		// One that has begun, or counts by another clock, leaves nothing to do.
		if p.until = number; p.number >= number || number-p.number > 3*handAhead {
			v.stage.stopProgram()
		}
	}
	v.program.reset(v)
	v.stage.follow(v)
}

// unpublished reports whether there is a microphone that the seat in a state does not know of, or that went on under a key of another
// history of the room: it never goes back to one from before that, but begins anew.
func (v *voice) unpublished(s *room.State, seat *room.Seat) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	m := &v.mic
	if m.link == nil || seat == nil {
		return false
	}
	ahead := m.epoch > s.KeyEpoch || m.epoch == s.KeyEpoch && !s.IsKey(m.epoch, m.secret)
	return ahead || seat.Incarnation == 0 || seat.Incarnation != m.incarnation || seat.Start != m.source.Start
}

func newVoice(id room.ID, hosting bool, n *Node) *voice {
	v := &voice{room: id, hosting: hosting, me: n.author().Person, device: n.id().Device(), log: n.o.Log, counts: n.counts, people: n.people, volumes: make(map[doc.PublicKey]float32)}
	v.program.reset(v)
	return v
}

// channels is how many the room's sound has.
func (v *voice) channels() int {
	if v.mode == room.Concert {
		return 2
	}
	return 1
}

func (v *voice) profile() opus.Options {
	if v.mode == room.Concert {
		return opus.Concert()
	}
	return opus.Talk()
}

// update follows the room's state.
func (v *voice) update(r routing) { v.updateAt(r, time.Now()) }

func (v *voice) updateAt(r routing, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	was := v.route
	v.route = r
	v.mode = r.mode
	if v.deaf = v.deaf || r.deaf; !v.deaf {
		v.followKeys(was, now)
	}
	if was.program != 0 && was.programRoute() != r.programRoute() {
		v.before = was.programRoute()
	}
	if now, last := r.programRoute(), v.newest; r.program != 0 {
		// Of another history of the room: what came of the one before is not to stand in its way. Two devices of one person may have
		// handed out the same incarnation.
		if r.program < last.incarnation || r.program == last.incarnation && now != last {
			v.program.reset(v)
			v.anew = true
		}
		v.newest = now
	}
	v.stage.follow(v)
	v.mic.follow(v)
	if (was.slot == 0) != (r.slot == 0) {
		v.mender = mender{}
		v.mender.begin(now)
		v.program.reset(v) // what was buffered before we went on stage, or came back, is not to be heard now
	}
}

// onStage reports whether we hear the stage rather than the program.
func (v *voice) onStage() bool { return v.route.slot != 0 }

// mixes reports whether we take the streams of the stage: to hear them, or to make the program of them, now or soon.
func (v *voice) mixes() bool {
	return v.onStage() || v.hosting || v.standby || v.stage.program != nil
}

// hearsStage reports whether the person of this node hears the stage rather than the program.
func (v *voice) hearsStage() bool { return v.onStage() || v.hosting }

// frame takes what the tree delivers.
func (v *voice) frame(f relay.Frame, resent bool, now time.Time) (j judgement) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if f.Slot != relay.Program {
		v.heardAt = now
	} else if f.Number > v.last.number || now.Sub(v.last.at) > silentFor {
		v.last = lastFrame{f.Number, now}
	}
	switch {
	case f.Slot == relay.Program && !v.hearsStage():
		return v.program.frame(v, f, resent, now)
	case f.Slot == relay.Program:
		v.came = v.came || v.standby // who stands by hears it too, and of the stage what comes by lanes may come first
		j.verified = v.standby       // it is not looked at here: nobody hears it, and who passes it on is no forger
	case f.Slot != relay.Program && v.mixes():
		v.stage.frame(v, f, resent, now)
	}
	return j
}

// beside takes a frame that a speaker sent us straight, which says nothing of the path from who leads.
func (v *voice) beside(f relay.Frame, resent bool, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if came := v.came; f.Slot != relay.Program && v.mixes() {
		v.stage.frame(v, f, resent, now)
		v.came = came
	}
}

func (v *voice) auth(a *relay.Auth, now time.Time) (j judgement) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case a.Slot == relay.Program && !v.hearsStage():
		return v.program.auth(v, a, now)
	case a.Slot != relay.Program && v.mixes():
		v.stage.auth(v, a, now)
	}
	return j
}

// due reports whether the program must come without a pause.
func (v *voice) due() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.isDue()
}

func (v *voice) isDue() bool {
	return (!v.onStage() || v.standby) && !v.hosting && v.route.program != 0
}

// open unseals a frame and parses it into v.sound, whose bytes are valid until the next call.
func (v *voice) open(f relay.Frame, from seal.Source) (kid, ctr uint64, ok bool) {
	var meta [relay.MetaSize]byte
	plain, kid, ctr, err := v.opener.Open(v.plain[:0], from, f.AppendMeta(meta[:0]), f.Sealed)
	if err != nil {
		v.counts.Add("frame_unsealed")
		return 0, 0, false
	}
	v.plain = plain
	if err := room.ParseSound(plain, &v.sound); err != nil {
		v.counts.Add("frame_malformed")
		return 0, 0, false
	}
	return kid, ctr, true
}

// programVerifyKey is the key that signs the program under kid.
func (v *voice) programVerifyKey(kid uint64) (ed25519.PublicKey, bool) {
	_, slot, incarnation := seal.SplitKID(kid)
	switch {
	case slot != relay.Program || incarnation == 0:
		return nil, false
	case incarnation == v.route.program:
		return v.route.programKey[:], true
	case incarnation == v.before.incarnation && (v.route.program == 0 || incarnation < v.route.program):
		// Until a frame of the one after it has come: it is on its way yet. One that is higher is of a history that is given up:
		// were anything of it taken still, all that is lower would be over.
		return v.before.key[:], true
	}
	return nil, false
}

// programSource is who sealed the program under kid.
func (v *voice) programSource(kid uint64) (from seal.Source, ok bool) {
	_, _, incarnation := seal.SplitKID(kid)
	for _, p := range []programRoute{v.route.programRoute(), v.before} {
		if incarnation != 0 && p.incarnation == incarnation {
			return seal.Source{Device: p.key, Start: p.start}, true
		}
	}
	return from, false
}

const (
	playEvery = mix.FrameDuration / 4
	deafEvery = 5 * mix.FrameDuration // where nothing is opened: there may be many such rooms, and each waking costs
)

// run gives out sound until ctx ends: 50 times a second, by the clock and not by what arrives.
func (v *voice) run(ctx context.Context) {
	every := playEvery
	tick := time.NewTicker(every)
	defer tick.Stop()
	next := time.Now()
	lastLevels := next
	for {
		select {
		case <-ctx.Done():
			v.stop()
			return
		case <-tick.C:
		}
		now := time.Now()
		// By the wall clock too: the other one stands still while the machine sleeps.
		if behind := now.Round(0).Sub(next.Round(0)); now.Sub(next) > time.Second || behind.Abs() > time.Second {
			next = now // what is past is past
		}
		for ; !next.After(now); next = next.Add(mix.FrameDuration) {
			v.tickStage(next)
		}
		v.tickProgram(now)
		v.forgetKeys(now)
		v.closeAside()
		v.renounce()
		if now.Sub(lastLevels) >= levelsEvery {
			lastLevels = now
			v.tellLevels(now)
		}
		if pace := v.pace(); pace != every {
			every = pace
			tick.Reset(every)
		}
	}
}

// pace is how often it looks whether sound is due.
func (v *voice) pace() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.deaf && !v.mixes() {
		return deafEvery
	}
	return playEvery
}

// stop ends microphone and players.
func (v *voice) stop() {
	v.mu.Lock()
	v.setAside(v.mic.swap(nil))
	for _, o := range []*outputs{&v.out, &v.guests} {
		for _, player := range o.list {
			v.setAside(player.link)
		}
		o.list = nil
	}
	v.stopped = true
	v.mu.Unlock()
	v.closeAside()
	v.closing.Wait()
}

// renounce begins anew the streams of the stage that were forged: one whose true frames lost their numbers to forged ones
// cannot go on.
func (v *voice) renounce() {
	v.mu.Lock()
	forged, anew := v.forged, v.anew
	v.forged, v.anew = 0, false
	v.mu.Unlock()
	if anew {
		v.media.do(func(t *relay.Tree, _ time.Time) { t.Reset(relay.Program) })
	}
	if forged == 0 {
		return
	}
	v.media.do(func(t *relay.Tree, _ time.Time) {
		for slot := range relay.Slot(maxSlots) {
			if forged&(1<<slot) != 0 {
				t.Reset(slot)
			}
		}
	})
}

// setAside leaves a link to be closed without locks. v.mu is held.
func (v *voice) setAside(l relay.Link) {
	if l != nil {
		v.aside = append(v.aside, l)
	}
}

func (v *voice) closeAside() {
	v.mu.Lock()
	links := v.aside
	v.aside = nil
	v.mu.Unlock()
	for _, l := range links {
		v.closing.Go(func() { l.Close() }) // a browser's takes its time, which the sound has not
	}
}

// addOutput starts a player of what this person should hear; it is let go when its link ends.
func (v *voice) addOutput(l relay.Link) { v.play(&v.out, l) }

// addGuest starts a player of the program, likewise.
func (v *voice) addGuest(l relay.Link) { v.play(&v.guests, l) }

func (v *voice) play(o *outputs, l relay.Link) {
	v.mu.Lock()
	stopped := v.stopped
	if !stopped {
		o.add(l)
	}
	v.mu.Unlock()
	if stopped {
		l.Close()
		return
	}
	go func() {
		var p relay.Packet
		for l.Receive(&p) == nil { // a player says nothing: this ends when the link does
			p = relay.Packet{}
		}
		v.mu.Lock()
		gone := o.remove(l)
		v.mu.Unlock()
		if gone {
			v.changed()
		}
	}()
}

// attached reports whether a microphone and a player are connected.
func (v *voice) attached() (mic, player bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mic.link != nil, len(v.out.list) > 0
}

// guestCount is how many hear the program from this node without a node of their own.
func (v *voice) guestCount() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.guests.list)
}

func (v *voice) setVolume(p doc.PublicKey, gain float32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.volumes[p]; known || len(v.volumes) < 1024 {
		v.volumes[p] = gain
	}
	v.stage.follow(v)
}

// heed takes up that the person's own list has changed.
func (v *voice) heed() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stage.follow(v)
}

// volume is where somebody's slider stands.
func (v *voice) volume(p doc.PublicKey) float32 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.chosen(p)
}

func (v *voice) chosen(p doc.PublicKey) float32 {
	if g, ok := v.volumes[p]; ok {
		return g
	}
	return 1
}

// volumeOf is how loud somebody is mixed for the person of this node, wherever the slider stands. The program, which is
// for everybody, does not ask.
func (v *voice) volumeOf(p doc.PublicKey) float32 {
	if v.people.Mutes(p) {
		return 0
	}
	return v.chosen(p)
}

// clock learns how the host's clock stands to ours from one ping (as NTP does, RFC 5905 section 8): t0 and now are ours,
// t1 and t2 the host's, all but now in unix microseconds. The quickest ping is the most exact.
func (v *voice) clock(t0, t1, t2 int64, now time.Time) {
	t3 := now.UnixMicro()
	rtt := time.Duration((t3-t0)-(t2-t1)) * time.Microsecond
	if rtt < 0 || rtt > 10*time.Second {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ponged, v.pongAt = true, now
	if v.rtt != 0 && !v.stale && rtt > v.rtt+v.rtt/4 {
		v.rtt += v.rtt / 64 // so that an old best does not rule for ever
		return
	}
	v.rtt, v.stale = max(rtt, time.Microsecond), false
	v.offset = time.Duration((t1-t0)+(t2-t3)) / 2 * time.Microsecond
}

// hostClock is how far the host's clock is ahead of ours, if that is known.
func (v *voice) hostClock() (offset time.Duration, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hosting {
		return 0, true
	}
	return v.offset, v.rtt != 0
}

// tellLevels reports who is heard how loud.
func (v *voice) tellLevels(now time.Time) {
	v.mu.Lock()
	levels := make(map[doc.PublicKey]uint8)
	if v.hearsStage() {
		v.stage.levels(v, levels, now)
	} else {
		v.program.levels(v, levels, now)
	}
	q := v.qualityNow(now)
	news := q.Text != v.said
	v.said = q.Text
	v.mu.Unlock()
	if len(levels) > 0 && v.levels != nil {
		v.levels(levels)
	}
	if news && v.changed != nil {
		v.changed()
	}
}
