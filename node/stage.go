package node

import (
	"cmp"
	"crypto/ed25519"
	"slices"
	"strings"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/mix"
	"salon/room/opus"
	"salon/room/seal"
)

const (
	talkingLevel = 60 // -dBov: quieter than this is not shown as talking
	// stagePast is longer than any buffer of the stage. A lost frame that is found when nothing newer has come for so long
	// would be a word out of time, as from before a mute that is over.
	stagePast = 300 * time.Millisecond
	// unsignedMost is a second of frames. A few are honest: those before a mute, whose batch was never full.
	unsignedMost = 50
)

// A stage is what people on stage hear of each other: each stream in its own buffer, mixed here, without one's own.
// At the host it also makes the program. voice.mu guards it.
type stage struct {
	in      [maxSlots]*voiceIn // by slot; nil where nobody publishes
	monitor *mixdown           // what this person hears; nil until somebody listens
	program *programOut        // at the host, once it may publish
	ownIn   *voiceIn           // at the host: our own microphone, in the program only
}

// A voiceIn is one stream of the stage. Its sound is read once a tick and mixed from there as often as need be.
type voiceIn struct {
	person      doc.PublicKey
	name        string
	slot        uint8
	incarnation uint32
	from        seal.Source
	muted       bool
	away        bool
	forged      bool                // a batch of it did not verify: nothing more of this incarnation is heard
	signed      relay.VerifierStats // when last looked
	unsigned    uint64              // frames in a row whose signature never came
	src         *mix.Source
	verifier    *relay.Verifier
	verified    []relay.Verified // reused
	arrived     time.Time
	pcm         []float32
	heard       *mix.Input // in monitor
	mixed       *mix.Input // in the program
}

// Channels makes a voiceIn a mix.Reader of what was read in this tick.
func (in *voiceIn) Channels() int { return in.src.Channels() }

// Read copies this tick's sound.
func (in *voiceIn) Read(pcm []float32, _ time.Time) { copy(pcm, in.pcm) }

func newVoiceIn(v *voice, slot uint8) (*voiceIn, error) {
	dec, err := opus.NewDecoder(v.channels())
	if err != nil {
		return nil, err
	}
	return &voiceIn{
		slot: slot, src: mix.NewSource(dec, v.channels(), mix.Stage()),
		pcm: make([]float32, mix.FrameSamples*v.channels()),
	}, nil
}

// A mixdown is a mixer and the encoder behind it.
type mixdown struct {
	mixer   *mix.Mixer
	encoder *opus.Encoder
	pcm     []float32
	packet  [opus.MaxPacket]byte
}

func newMixdown(o opus.Options) (*mixdown, error) {
	enc, err := opus.NewEncoder(o)
	if err != nil {
		return nil, err
	}
	return &mixdown{mixer: mix.NewMixer(o.Channels), encoder: enc, pcm: make([]float32, mix.FrameSamples*o.Channels)}, nil
}

// next mixes and encodes one frame; the packet is valid until the next call.
func (m *mixdown) next(now time.Time) ([]byte, error) {
	m.mixer.Mix(m.pcm, now)
	n, err := m.encoder.Encode(m.pcm, m.packet[:])
	return m.packet[:n], err
}

// programOut seals, signs and numbers the host's mix.
type programOut struct {
	*mixdown
	sealer
	loss  int       // percent, that the encoder expects
	first uint64    // number that it began with
	from  time.Time // it is silent until then: somebody else's goes on so long
	until uint64    // number at which it ends, once somebody else's begins there; 0 for never
}

// A sealer turns sound into signed frames of one stream.
type sealer struct {
	sender      *seal.Sender
	signer      *relay.Signer
	source      seal.Source // we, and what we began with
	slot        uint8
	incarnation uint32
	epoch       uint32 // of the room key
	secret      [32]byte
	number      uint64 // of the next frame
	plain       []byte
}

// start begins a new incarnation, if there is a key. Numbers go on, and begin where the clock stands so that they exceed
// those of whoever had the slot before.
func (s *sealer) start(v *voice, slot uint8, incarnation uint32, start room.Start, now time.Time) bool {
	s.number = max(s.number, relay.FirstNumber(now))
	epoch, secret, ok := v.sealing(now)
	if ok {
		s.slot, s.incarnation, s.source = slot, incarnation, seal.Source{Device: v.device.Public(), Start: start}
		s.begin(v, epoch, secret)
	}
	return ok
}

// seal makes the next frame. Its bytes are its own: the tree keeps them.
func (s *sealer) seal(sound *room.Sound, captured time.Time) (outgoing, error) {
	var err error
	if s.plain, err = room.AppendSound(s.plain[:0], sound); err != nil {
		return outgoing{}, err
	}
	f := relay.Frame{Slot: s.slot, Number: s.number}
	var meta [16]byte
	if f.Sealed, _, err = s.sender.Seal(make([]byte, 0, len(s.plain)+48), f.AppendMeta(meta[:0]), s.plain); err != nil {
		return outgoing{}, err
	}
	s.number++
	a, _ := s.signer.Add(f, captured)
	return outgoing{frame: f, auth: a}, nil
}

// outgoing is a frame for the tree, to be published without voice.mu, and the auth that it completed, if any; last is that of
// the frames before it, if it is the first under a new key.
type outgoing struct {
	frame relay.Frame
	auth  *relay.Auth
	last  *relay.Auth
}

// follow brings the streams in line with the routing.
func (s *stage) follow(v *voice) {
	for slot := range s.in {
		in := s.in[slot]
		seat, seated := v.route.seats[uint8(slot)]
		if in != nil && (!seated || !v.mixes() || seat.incarnation != in.incarnation || seat.source() != in.from) {
			s.drop(uint8(slot))
			in = nil
		}
		if !seated || seat.incarnation == 0 || !v.mixes() {
			continue
		}
		if in == nil {
			in = s.open(v, uint8(slot), seat)
			if in == nil {
				continue
			}
		}
		in.name, in.muted, in.away = seat.name, seat.muted, seat.away
		if in.heard != nil {
			in.heard.SetGain(v.volumeOf(seat.person))
		}
	}
	if !v.hearsStage() {
		s.stopMonitor()
	}
	if v.hosting && v.route.program != 0 && (s.program == nil || s.program.incarnation != v.route.program || s.program.source.Start != v.route.programStart) {
		s.startProgram(v)
	}
	if s.ownIn != nil {
		s.ownIn.slot = v.route.slot
	}
}

func (s *stage) open(v *voice, slot uint8, seat seatRoute) *voiceIn {
	in, err := newVoiceIn(v, slot)
	if err != nil {
		v.log.Error("decoder", "err", err)
		return nil
	}
	in.person, in.incarnation, in.from = seat.person, seat.incarnation, seat.source()
	in.verifier = relay.NewVerifier(v.room, slot, func(kid uint64) (ed25519.PublicKey, bool) {
		epoch, s, inc := seal.SplitKID(kid)
		return seat.device[:], v.takes(epoch, time.Now()) && s == slot && inc == seat.incarnation
	})
	if s.monitor != nil {
		in.heard = s.monitor.mixer.Add(in, v.volumeOf(seat.person))
	}
	if s.program != nil {
		in.mixed = s.program.mixer.Add(in, 1)
	}
	s.in[slot] = in
	return in
}

func (s *stage) drop(slot uint8) {
	in := s.in[slot]
	clear(in.pcm)
	if s.monitor != nil && in.heard != nil {
		s.monitor.mixer.Remove(in.heard)
	}
	if s.program != nil && in.mixed != nil {
		s.program.mixer.Remove(in.mixed)
	}
	s.in[slot] = nil
}

func (s *stage) startProgram(v *voice) {
	if s.program == nil {
		m, err := newMixdown(v.profile())
		if err != nil {
			v.log.Error("encoder", "err", err)
			return
		}
		s.program = &programOut{mixdown: m}
		for _, in := range s.in {
			if in != nil {
				in.mixed = m.mixer.Add(in, 1)
			}
		}
		if s.ownIn, err = newVoiceIn(v, v.route.slot); err != nil {
			v.log.Error("decoder", "err", err)
			return
		}
		m.mixer.Add(s.ownIn, 1)
	}
	if !v.starts.awaits(v.route.programStart) {
		v.counts.Add("program_repeated")
		return
	}
	if !s.program.start(v, relay.Program, v.route.program, v.route.programStart, time.Now()) {
		v.counts.Add("program_without_key")
		return
	}
	v.starts.spend(v.route.programStart)
	if next := v.next; next.number != 0 { // where the one before ends, by whatever clock it counted
		s.program.number, s.program.from, v.next = next.number, next.at, lastFrame{}
	}
	s.program.first, s.program.until = s.program.number, 0
}

// frame takes a frame of somebody on stage: heard at once, verified behind.
func (s *stage) frame(v *voice, f relay.Frame, resent bool, now time.Time) {
	if int(f.Slot) >= len(s.in) || s.in[f.Slot] == nil {
		v.counts.Add("stage_frame_not_allowed")
		return
	}
	in := s.in[f.Slot]
	if in.muted || in.forged {
		v.counts.Add("stage_frame_muted")
		return
	}
	// Before it is opened: the key of an open room is public, and the opener remembers only the latest incarnations, from
	// which frames of invented ones would displace the true.
	kid, _, _, err := seal.ParseHeader(f.Sealed)
	if epoch, slot, incarnation := seal.SplitKID(kid); err != nil || !v.takes(epoch, now) || slot != f.Slot || incarnation != in.incarnation {
		v.counts.Add("stage_frame_of_another")
		return
	}
	if _, _, ok := v.open(f, in.from); !ok {
		return
	}
	v.came = true
	if resent && now.Sub(in.arrived) > stagePast {
		v.counts.Add("stage_frame_late")
	} else {
		in.arrived = now
		in.src.Push(f.Number, v.sound.Opus, now)
	}
	in.verified, err = in.verifier.AddFrame(in.verified[:0], f, now)
	in.judge(v, err)
}

func (s *stage) auth(v *voice, a *relay.Auth, now time.Time) {
	if int(a.Slot) >= len(s.in) || s.in[a.Slot] == nil || s.in[a.Slot].forged {
		return
	}
	in := s.in[a.Slot]
	var err error
	in.verified, err = in.verifier.AddAuth(in.verified[:0], a, now)
	in.judge(v, err)
}

// judge mutes a source whose signatures do not fit.
func (in *voiceIn) judge(v *voice, err error) {
	if err != nil && !in.forged {
		in.forged = true
		v.counts.Add("stage_forged")
		v.log.Warn("stage stream forged", "slot", in.slot, "err", err)
	}
}

// stopMonitor forgets the mix that nobody listens to: its mixer lets go of a stream only when it mixes.
func (s *stage) stopMonitor() {
	s.monitor = nil
	for _, in := range s.in {
		if in != nil {
			in.heard = nil
		}
	}
}

// demandSignatures mutes a source that is heard and does not sign: nobody could be held to what it says.
func (in *voiceIn) demandSignatures(v *voice) {
	st := in.verifier.Stats()
	if st.Verified > in.signed.Verified {
		in.unsigned = 0
	}
	in.unsigned += st.Expired - in.signed.Expired
	in.signed = st
	if in.unsigned > unsignedMost && !in.forged {
		in.forged = true
		v.counts.Add("stage_unsigned")
	}
}

// tickStage makes the 20 ms that begin at now, which is on the mixer's clock: the program, if we are the host, and
// what this person hears, if they are on stage.
func (v *voice) tickStage(now time.Time) {
	v.mu.Lock()
	s := &v.stage
	if !v.mixes() {
		v.mu.Unlock()
		return
	}
	for _, in := range s.in {
		if in != nil {
			in.src.Read(in.pcm, now)
			var err error
			in.verified, err = in.verifier.Tick(in.verified[:0], now)
			in.judge(v, err)
			in.demandSignatures(v)
		}
	}
	if s.ownIn != nil {
		s.ownIn.src.Read(s.ownIn.pcm, now)
	}
	var out outgoing
	var err error
	if s.program != nil && s.program.until != 0 && s.program.number >= s.program.until {
		s.stopProgram()
	}
	if s.program != nil && s.program.sender != nil && !now.Before(s.program.from) {
		out, err = s.nextProgram(v, now)
		if err != nil {
			v.log.Error("program frame", "err", err)
		}
		if s.program.until != 0 && s.program.number >= s.program.until && out.auth == nil {
			out.auth, _ = s.program.signer.Flush() // the last: nothing comes that would complete a batch
		}
	}
	if len(v.out.list) == 0 {
		s.stopMonitor()
	} else if v.hearsStage() {
		if s.monitor == nil {
			s.startMonitor(v)
		}
		if s.monitor != nil {
			if packet, err := s.monitor.next(now); err == nil {
				v.out.send(packet, 0)
			}
		}
	}
	v.mu.Unlock()
	if out.frame.Sealed != nil {
		v.media.publish(out.frame, out.last, out.auth)
	}
}

// stopProgram ends the program: somebody else makes it.
func (s *stage) stopProgram() {
	s.program, s.ownIn = nil, nil
	for _, in := range s.in {
		if in != nil {
			in.mixed = nil
		}
	}
}

func (s *stage) nextProgram(v *voice, now time.Time) (outgoing, error) {
	last, _ := s.program.rekey(v, now)
	packet, err := s.program.next(now)
	if err != nil {
		return outgoing{}, err
	}
	v.guests.send(packet, 0)
	sound := room.Sound{Level: mix.Level(s.program.pcm), Opus: packet}
	for _, in := range s.in {
		sound.Talking = appendTalker(sound.Talking, in)
	}
	sound.Talking = appendTalker(sound.Talking, s.ownIn)
	slices.SortFunc(sound.Talking, func(a, b room.Talker) int { return cmp.Compare(a.Level, b.Level) })
	sound.Talking = sound.Talking[:min(len(sound.Talking), room.MaxTalking)]
	out, err := s.program.seal(&sound, now)
	out.last = last
	return out, err
}

func appendTalker(list []room.Talker, in *voiceIn) []room.Talker {
	if in == nil || in.src.Level() > talkingLevel {
		return list
	}
	return append(list, room.Talker{Slot: in.slot, Level: in.src.Level()})
}

// expectLoss has the program carry as much error correction as the listener needs who loses most.
func (v *voice) expectLoss(share float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	o := v.profile()
	if percent := max(o.LossPercent, int(100*share)); o.FEC && v.stage.program != nil && percent != v.stage.program.loss {
		v.stage.program.loss = percent
		if err := v.stage.program.encoder.SetLoss(percent); err != nil {
			v.log.Error("expected loss", "err", err)
		}
	}
}

// startMonitor begins the mix for this person: over loopback to a browser, so richer than what the room sends.
func (s *stage) startMonitor(v *voice) {
	o := opus.Options{Channels: v.channels(), Bitrate: 64000 * v.channels(), Complexity: 7}
	m, err := newMixdown(o)
	if err != nil {
		v.log.Error("encoder", "err", err)
		return
	}
	s.monitor = m
	for _, in := range s.in {
		if in != nil {
			in.heard = m.mixer.Add(in, v.volumeOf(in.person))
		}
	}
}

// levels fills in how loud everybody on stage is, ourselves included.
func (s *stage) levels(v *voice, levels map[doc.PublicKey]uint8, now time.Time) {
	for _, in := range s.in {
		if in != nil {
			levels[in.person] = in.src.Level()
		}
	}
	if v.mic.link != nil {
		levels[v.me] = v.mic.levelAt(now)
	}
}

// quality sums up the worst of the streams.
func (s *stage) quality(v *voice, now time.Time) QualityView {
	q := QualityView{State: "good", Text: "Sound is clear."}
	var missed []string
	for _, in := range s.in {
		if in == nil || in.muted || in.away {
			continue
		}
		st := in.src.Stats()
		q.BufferMS = max(q.BufferMS, int(st.Target.Milliseconds()))
		q.DelayMS = max(q.DelayMS, int(st.Delay.Milliseconds()))
		if all := st.Played + st.Concealed + st.FEC; all > 0 {
			q.Concealed = max(q.Concealed, float64(st.Concealed)/float64(all))
		}
		if in.forged {
			q.State, q.Text = "poor", "Somebody's sound was tampered with on the way and is not played."
		} else if !in.arrived.IsZero() && now.Sub(in.arrived) > silentFor && in.src.Playing() {
			missed = append(missed, in.name)
		}
	}
	switch {
	case v.mender.wrong:
		q.State, q.Text = "silent", v.mender.trouble(now)
	case len(missed) > 0:
		q.State, q.Text = "silent", "No sound arrives from "+strings.Join(missed, ", ")+"."
	}
	return q
}
