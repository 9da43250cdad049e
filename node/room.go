package node

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// A Room is one room this node is in, as its host, as a guest, or as a relay, which is a guest that feeds others. Its state is the rule book's; what differs between
// host and guest is where commands go: the host decides, a guest asks.
type Room struct {
	n      *Node
	id     room.ID
	media  *media
	voice  *voice
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup

	host    *hosting  // in a room of ours, else nil
	guest   *visiting // in somebody else's, else nil
	carries *carrying // in one that we carry for others, else nil
	feeds   *feeding  // where we are host or relay, else nil

	mu        sync.Mutex // guards the fields below; taken before media's and voice's
	demo      bool
	charter   room.Charter
	link      room.Link
	state     *room.State // nil until the first snapshot came
	phase     Phase
	reason    string
	listeners uint32
	names     names // of those met here
	reacting  reacting
	tally     tally
}

var errOver = &UserError{Code: "over", Text: "This room is over."}

// ID names the room.
func (r *Room) ID() room.ID { return r.id }

// sound makes the parts that carry and play sound.
func (r *Room) sound() {
	r.voice = newVoice(r.id, r.host != nil, r.n)
	r.voice.deaf = r.carries != nil && !r.n.o.Relay.Opens
	// Twice as many as we may feed: a relay comes before the listener goes whose place it takes.
	r.media = newMedia(relay.Options{Fanout: 2 * r.n.o.MaxChildren, Bundle: audienceBundle}, r.voice)
	r.voice.media = r.media
	r.voice.levels = func(levels map[doc.PublicKey]uint8) {
		r.n.watch.tell(Change{Kind: LevelsHeard, Room: r.id, Levels: levels})
	}
	r.voice.changed = r.changed
	if r.guest != nil {
		r.voice.distrust = r.distrust
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
	r.mu.Unlock()
	for _, part := range append(parts, r.media.run, r.voice.run) {
		r.wg.Go(func() { part(ctx) })
	}
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
	if r.host != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.phase.Over() {
			return errOver
		}
		return r.decide(r.n.author(), c, now)
	}
	return r.ask(ctx, c)
}

// settle brings everything that depends on the state into line with it. r.mu is held.
func (r *Room) settle() {
	if r.state == nil {
		return
	}
	if r.feeds != nil {
		r.settleChildren()
	}
	if r.carries != nil {
		r.tellPresence() // who has a place is to be told at once
	}
	if r.guest != nil {
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
		rt.programKey = r.state.Program.Device
	}
	if r.voice.deaf {
		return rt // it verifies the program and opens nothing
	}
	rt.epoch, rt.secret = r.state.KeyEpoch, r.state.Key
	for _, s := range r.state.Seats {
		if s.Device == me.Device {
			rt.slot, rt.incarnation, rt.muted = s.Slot, s.Incarnation, r.silenced(s)
			continue
		}
		rt.seats[s.Slot] = seatRoute{person: s.Person, device: s.Device, name: s.Name, incarnation: s.Incarnation, muted: r.state.Silenced(s), away: s.Away}
	}
	return rt
}

// silenced reports whether nothing of our microphone may leave. r.mu is held.
func (r *Room) silenced(own room.Seat) bool {
	return r.state.Silenced(own) || r.guest != nil && r.guest.consent.closed()
}

// Publish makes l our microphone: its frames are 20 ms Opus packets. It needs a seat on stage.
func (r *Room) Publish(ctx context.Context, l relay.Link) error {
	if !r.seated() {
		return &UserError{Code: "not_on_stage", Text: "Raise a hand first: only people on stage can speak."}
	}
	r.mu.Lock()
	r.voice.askIncarnation(r.state.Incarnation)
	r.mu.Unlock()
	if err := r.command(ctx, room.Command{Kind: room.Publish}); err != nil && !errors.Is(err, room.ErrNoChange) {
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
	depth := 0
	if r.guest != nil {
		r.mu.Lock()
		depth = r.guest.depth
		r.mu.Unlock()
	}
	return r.voice.hearStats(depth)
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
