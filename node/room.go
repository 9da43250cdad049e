package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// A Room is one room this node is in: it leads it, as the host or a co-host does, or is a guest, or a relay, which is a guest
// that feeds others. Its state is the rule book's; what differs is where commands go: who leads decides, a guest asks. Who
// leads may change, and so may what we are.
type Room struct {
	n      *Node
	id     room.ID
	media  *media
	voice  *voice
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	carried bool // we are a relay here

	mu        sync.Mutex // guards the fields below; taken before media's and voice's
	host      *hosting   // while we lead the room, else nil
	guest     *visiting  // once we have been in it while somebody else led it
	carries   *carrying  // while somebody else leads it and we feed others, else nil
	feeds     *feeding   // once we have fed others
	act       func(parts ...func(context.Context))
	rest      func() // ends what act began last
	heir      heir
	demo      bool
	charter   room.Charter
	link      room.Link
	state     *room.State // nil until the first snapshot came
	phase     Phase
	reason    string
	leaving   bool   // we are about to go: we do not begin to lead
	refused   string // code of the last word at the door, if that was no
	listeners uint32
	names     names // of those met here
	keys      keyring
	papers    papers
	lends     lends
	lanes     map[peer.ID]relay.Link // of those on stage, that end here
	reacting  reacting
	tips      tips
	tally     tally
	outs      map[peer.ID]putOut // relays that carry the room no more
	signers   map[uint64]doc.PublicKey
}

var errOver = &UserError{Code: "over", Text: "This room is over."}

// ID names the room.
func (r *Room) ID() room.ID { return r.id }

// sound makes the parts that carry and play sound.
func (r *Room) sound() {
	r.voice = newVoice(r.id, r.host != nil, r.n)
	r.voice.deaf = r.carried && !r.n.o.Relay.Opens
	place := relay.PlaceOptions{Self: relay.Peer(r.n.host.ID()), Root: r.host != nil, Bundle: audienceBundle, Answer: answerWithin, Seed: r.n.nonce()}
	if r.feeds != nil {
		place.Fanout = r.places()
	}
	r.media = newMedia(relay.Options{Bundle: audienceBundle}, place, r.voice, (*placeOut)(r))
	r.voice.media = r.media
	r.voice.levels = func(levels map[doc.PublicKey]uint8) {
		r.n.watch.tell(Change{Kind: LevelsHeard, Room: r.id, Levels: levels})
	}
	r.voice.changed = r.changed
	r.media.carries = r.carries != nil
	if r.guest != nil {
		r.media.place.Source(relay.Peer(r.guest.host.ID))
	}
}

// audienceBundle is how many frames an audience link carries in a packet: 60 ms, which divides packets, headers and
// the CPU that they cost by three.
const audienceBundle = 3

// run starts the room's goroutines; they end when the room is over.
func (r *Room) run(parts ...func(context.Context)) {
	ctx, cancel := context.WithCancelCause(r.n.ctx)
	r.mu.Lock()
	r.cancel = cancel
	if r.phase.Over() {
		cancel(errRoomOver)
	}
	r.rest = func() {}
	r.act = func(parts ...func(context.Context)) {
		r.rest()
		role, rest := context.WithCancel(ctx)
		r.rest = rest
		for _, part := range parts {
			r.wg.Go(func() { part(role) })
		}
	}
	r.act(parts...)
	r.mu.Unlock()
	for _, part := range []func(context.Context){r.media.run, r.voice.run, r.fetchKeys, r.keepTally, r.keepPapers} {
		r.wg.Go(func() { part(ctx) })
	}
}

// leads reports whether the room is led here.
func (r *Room) leads() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.host != nil
}

// minds reports whether this person's own consent counts here: it is, or was, somebody else's room.
func (r *Room) minds() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.guest != nil
}

// close ends the room's goroutines and waits for them.
func (r *Room) close() {
	r.mu.Lock()
	cancel := r.cancel
	r.mu.Unlock()
	cancel(errRoomOver)
	r.wg.Wait()
}

// asksToSpeak reports whether who does this wants to be heard.
func asksToSpeak(k room.Kind) bool { return k == room.RaiseHand || k == room.Accept }

// intend notes what we are about to do to our own place. What we take back is taken back whatever the host says: its
// grant may be on the way, or it may not tell the truth.
func (r *Room) intend(kind room.Kind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state == nil {
		return
	}
	seated := r.mySeat() != nil
	switch {
	case asksToSpeak(kind):
		r.guest.consent.raised()
	case kind == room.LowerHand && !seated, kind == room.Return && seated:
		r.guest.consent.lowered()
	case kind == room.Mute && seated:
		r.guest.consent.shut()
	default:
		return
	}
	r.settle()
}

// agree notes what came of something we did to our own place.
func (r *Room) agree(kind room.Kind, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case asksToSpeak(kind) && err != nil && !r.guest.consent.had:
		r.guest.consent.lowered()
		r.guest.changed()
	case kind == room.Unmute && err == nil:
		r.guest.consent.opened()
		r.settle()
	}
}

// command has the rule book decide on c: here, or at the host.
func (r *Room) command(ctx context.Context, c room.Command) error {
	c.Room = r.id
	now := time.Now()
	c.Time = now.UnixMilli()
	c.Nonce = r.n.nonce()
	r.mu.Lock()
	if r.host == nil {
		r.mu.Unlock()
		return r.ask(ctx, c)
	}
	defer r.mu.Unlock()
	if r.phase.Over() {
		return errOver
	}
	return r.decide(r.n.author(), c, now)
}

// settle brings everything that depends on the state into line with it. r.mu is held.
func (r *Room) settle() {
	if r.state == nil {
		return
	}
	r.settleKeys(time.Now())
	r.noteSigners(r.state)
	if r.feeds != nil {
		r.settleChildren()
	}
	r.settleLanes()
	if r.carries != nil {
		r.tellPresence() // who has a place is to be told at once
	}
	if r.guest != nil {
		r.guest.have.Store(r.state.Seq)
		_, hand := r.state.HandOf(r.n.author().Person)
		r.guest.consent.follow(hand, r.mySeat())
		r.guest.changed()
	}
	r.meet()
	r.voice.update(r.routing())
	r.n.roomChanged(r)
}

// routing is what the sounding side needs to know of the state. r.mu is held.
func (r *Room) routing() routing {
	me := r.n.author()
	rt := routing{mode: r.state.Charter.Mode, program: r.state.Program.Incarnation, seats: make(map[uint8]seatRoute)}
	if ok := r.state.Program.Incarnation != 0; ok {
		rt.programKey, rt.programStart = r.state.Program.Device, r.state.Program.Start
	}
	rt.rivals = r.rivalKeys()
	rt.twins = r.twinKeys(rt.rivals)
	if rt.deaf = r.voice.deaf || r.carried && r.state.IsClosed(); rt.deaf {
		return rt // it verifies the program and opens nothing
	}
	rt.epoch, rt.secret, rt.old = r.state.KeyEpoch, r.keys.secrets[r.state.KeyEpoch], r.keys.secrets[r.state.KeyEpoch-1]
	rt.from, rt.lead = r.state.From, time.Duration(r.state.Lead)*time.Second
	for _, s := range r.state.Seats {
		if s.Device == me.Device {
			rt.slot, rt.incarnation, rt.start, rt.muted = s.Slot, s.Incarnation, s.Start, r.silenced(s)
			continue
		}
		rt.seats[s.Slot] = seatRoute{person: s.Person, device: s.Device, name: s.Name, incarnation: s.Incarnation, start: s.Start, muted: r.state.Silenced(s), away: s.Away}
	}
	return rt
}

// rivalKeys are of the devices that may lead the room beside who does, as far as we know. r.mu is held.
func (r *Room) rivalKeys() (keys []ed25519.PublicKey) {
	add := func(d doc.PublicKey) {
		if !d.IsZero() && !slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return bytes.Equal(k, d[:]) }) {
			keys = append(keys, d[:])
		}
	}
	for _, s := range r.state.Seats {
		if r.state.Leads(s.Person) {
			add(s.Device)
		}
	}
	for _, p := range r.heir.others {
		if d, err := deviceOf(p.ID); err == nil {
			add(d)
		}
	}
	for _, e := range r.state.Past[max(len(r.state.Past)-rivalsPast, 0):] {
		add(e.Device)
	}
	return keys
}

// twinKeys are those of rivals that may be other devices of whoever leads, who hand out the same incarnations: of some nobody here knows
// whose they are. r.mu is held.
func (r *Room) twinKeys(rivals []ed25519.PublicKey) (twins []ed25519.PublicKey) {
	leader := r.state.Leader()
	others := map[doc.PublicKey]bool{leader.Device: true}
	for _, s := range r.state.Seats {
		if s.Person != leader.Person {
			others[s.Device] = true
		}
	}
	for _, e := range r.state.Past {
		if e.Term.Order != r.state.Term.Order {
			others[e.Device] = true
		}
	}
	for _, key := range rivals {
		if !others[doc.PublicKey(key)] {
			twins = append(twins, key)
		}
	}
	return twins
}

// rivalsPast is how many of the leaders before may not know yet that they are.
const rivalsPast = 4

// silenced reports whether nothing of our microphone may leave. r.mu is held.
func (r *Room) silenced(own room.Seat) bool {
	return r.state.Silenced(own) || r.guest != nil && r.guest.consent.closed()
}

// Publish makes l our microphone: its frames are 20 ms Opus packets. It needs a seat on stage.
func (r *Room) Publish(ctx context.Context, l relay.Link) error {
	if !r.seated() {
		return &UserError{Code: "not_on_stage", Text: "Raise a hand first: only people on stage can speak."}
	}
	if err := r.command(ctx, room.Command{Kind: room.Publish, Start: r.voice.askMicrophone()}); err != nil && !errors.Is(err, room.ErrNoChange) {
		return err
	}
	r.voice.setMic(l)
	r.changed()
	return nil
}

// seated reports whether this device has a seat.
func (r *Room) seated() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state != nil && !r.phase.Over() && r.mySeat() != nil
}

// mySeat is this device's seat, or nil. r.mu is held.
func (r *Room) mySeat() *room.Seat {
	me := r.n.author().Device
	i := slices.IndexFunc(r.state.Seats, func(s room.Seat) bool { return s.Device == me })
	if i < 0 {
		return nil
	}
	return &r.state.Seats[i]
}

// Play sends what this person should hear to l as 20 ms Opus frames, until l ends or the room does.
func (r *Room) Play(l relay.Link) {
	r.voice.addOutput(l)
	r.changed()
}

// Stats is what was heard since joining.
func (r *Room) Stats() HearStats {
	s := r.voice.hearStats()
	r.media.drive(func(p *relay.Place, _ time.Time) {
		is := p.Stats()
		s.Depth, s.Parent, s.Warm = len(p.Path()), peerText(p.Parent()), peerText(p.Warm())
		s.Stalls, s.Resumes, s.Moves = is.Stalls, is.Resumed, is.Moved
	})
	return s
}

// peerText is the name of a peer as people see it; "" of none.
func peerText(p relay.Peer) string {
	if p == "" {
		return ""
	}
	return peer.ID(p).String()
}

// ShowAsDemo marks the room as one of "Hear it work" in its views.
func (r *Room) ShowAsDemo() {
	r.mu.Lock()
	r.demo = true
	r.mu.Unlock()
	r.changed()
}

// Mode is what the room's sound is made for; Talk until the host's charter is known.
func (r *Room) Mode() room.Mode {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.charter.Mode
}

// Phase says how we stand with the room.
func (r *Room) Phase() Phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase
}

// changed tells the page to look again.
func (r *Room) changed() { r.n.roomChanged(r) }

// setPhase moves the room on; what is over stays over. r.mu is held.
func (r *Room) setPhase(p Phase, reason string) {
	if r.phase.Over() {
		return
	}
	if r.phase != p {
		r.n.o.Log.Info("room", "room", r.id.String(), "hosted", r.host != nil, "phase", string(p), "reason", reason)
	}
	r.phase, r.reason = p, reason
	if p.Over() {
		r.cancel(errRoomOver)
	}
	r.n.roomChanged(r)
}

var errRoomOver = errors.New("node: the room is over")
