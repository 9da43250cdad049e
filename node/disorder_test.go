package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/node/busy"
	"salon/relay"
	"salon/room"
)

// disorderSeed, set in the environment, repeats a run of TestHostileCommands.
const disorderSeed = "SALON_TEST_SEED"

// A command as it travels, with nobody to check that it makes sense.
type rawCommand struct {
	Room    room.ID       `cbor:"1,keyasint"`
	Kind    room.Kind     `cbor:"2,keyasint"`
	To      doc.PublicKey `cbor:"3,keyasint,omitzero"`
	Name    string        `cbor:"4,keyasint,omitempty"`
	Program bool          `cbor:"5,keyasint,omitempty"`
	Time    int64         `cbor:"6,keyasint"`
	Nonce   uint64        `cbor:"7,keyasint"`
	Text    string        `cbor:"8,keyasint,omitempty"`
	Ref     uint64        `cbor:"9,keyasint,omitempty"`
	Place   uint8         `cbor:"10,keyasint,omitempty"`
	Seconds uint16        `cbor:"11,keyasint,omitempty"`
}

// kinds are as many kinds of command as there are, and some more that nobody knows.
var kinds = func() int {
	n := 1
	for !strings.HasPrefix(room.Kind(n).String(), "unknown") {
		n++
	}
	return n + 2
}()

// allowed are the commands that anybody may give, about themselves.
var allowed = []room.Kind{room.RaiseHand, room.LowerHand, room.Accept, room.Decline, room.Publish, room.Mute, room.Unmute, room.Return,
	room.Leave, room.Say, room.Erase, room.LayStick}

// A disorder is a room with honest people in it, and one person after another who is not.
type disorder struct {
	*testing.T
	hosted *Room
	honest []*Room // replicas: a co-host, a speaker, one with a hand up, a listener
	other  room.ID // a room of the same host
	ear    *ear
	led    int // how often the co-host has led

	eve     doc.PrivateKey
	devices []*intruder
	eves    map[doc.PublicKey]bool // all there have been
	used    [][]byte               // commands that were sent
	fates   map[string]int         // of commands, by the answer's code
	steps   []string               // of this sequence
}

// others is what a room is to everybody but Eve, and the lines of the chat that are theirs.
func (d *disorder) others(s *room.State) (standing *room.State, lines []room.Line) {
	c := s.Clone()
	isEve := func(p doc.PublicKey) bool { return d.eves[p] }
	c.Seats = slices.DeleteFunc(c.Seats, func(s room.Seat) bool { return isEve(s.Person) })
	c.Hands = slices.DeleteFunc(c.Hands, func(h room.Hand) bool { return isEve(h.Person) })
	c.Invited = slices.DeleteFunc(c.Invited, isEve)
	c.Removed = slices.DeleteFunc(c.Removed, isEve)
	lines = slices.DeleteFunc(c.Chat, func(l room.Line) bool { return isEve(l.Person) })
	c.Chat, c.Seq, c.Time, c.Incarnation = nil, 0, 0, 0 // go on with whatever Eve may do
	return c, lines
}

// unled is a room without what changes when its host leads it again.
func unled(s *room.State) *room.State {
	c := s.Clone()
	c.Term, c.Past, c.Charter.Version, c.Charter.Renewed, c.Program = room.Term{}, nil, 0, 0, room.Program{Device: c.Program.Device}
	for i := range c.Seats {
		c.Seats[i].Incarnation, c.Seats[i].Start = 0, [len(c.Seats[i].Start)]byte{}
	}
	return c
}

func (d *disorder) note(format string, args ...any) {
	d.steps = append(d.steps, fmt.Sprintf(format, args...))
}

func (d *disorder) do(r *Room, a Action) error {
	err := r.Do(d.Context(), a)
	d.note("%s %s %s: %v", r.n.displayName(), a.Kind, a.Person.Short(), err)
	return err
}

// must is do for what cannot fail.
func (d *disorder) must(r *Room, a Action) {
	d.Helper()
	switch err := d.do(r, a); {
	case errors.Is(err, errNotConnected):
		does(d.T, r, a)
	case err != nil:
		d.Fatalf("%s by %s: %v %s", a.Kind, r.n.displayName(), err, r.View().Reason)
	}
}

// come lets Eve in with one more device, a new Eve if there is none.
func (d *disorder) come() {
	if len(d.devices) == 0 {
		d.eve = doc.NewPrivateKey()
		d.eves[d.eve.Public()] = true
	}
	x := newIntruderOf(d.T, d.hosted, d.eve)
	_, in := x.join().(relay.Accept)
	d.note("device %d joins: %v", len(d.devices), in)
	if in {
		d.devices = append(d.devices, x)
	} else {
		x.host.Close()
	}
}

// leave lets Eve go for good.
func (d *disorder) leave() {
	for _, x := range d.devices {
		x.host.Close()
		<-x.gone
	}
	d.devices = nil
}

// payload is a signed command, or something like it.
func (d *disorder) payload(dice *rand.Rand, as *doc.Identity) (raw []byte, nonce uint64) {
	nonce = dice.Uint64()
	people := []doc.PublicKey{{}, d.eve.Public(), d.hosted.n.Person()}
	for _, r := range d.honest {
		people = append(people, r.n.Person())
	}
	c := rawCommand{Room: d.hosted.id, Kind: room.Kind(dice.IntN(kinds)), Time: time.Now().UnixMilli(), Nonce: nonce}
	if dice.IntN(2) == 0 {
		c.Kind = allowed[dice.IntN(len(allowed))]
	}
	// What the kind has, as a rule: else hardly any would get to the rules.
	some := func(often int) bool { return dice.IntN(often) == 0 }
	switch c.Kind {
	case room.RaiseHand, room.Accept:
		c.Name = "Eve"
	case room.LowerHand, room.Grant, room.Return, room.Mute, room.Unmute, room.Remove, room.Readmit, room.Invite, room.Decline, room.Withdraw, room.PassStick,
		room.Away, room.Back:
		if c.To = people[dice.IntN(len(people))]; some(2) {
			c.To = d.eve.Public()
		}
	case room.Appoint, room.PlaceHand:
		c.To, c.Place = people[dice.IntN(len(people))], uint8(1+dice.IntN(4))
		if c.Kind == room.Appoint {
			c.Name = "Eve"
		}
	case room.Publish:
		c.Program = some(2)
	case room.Say:
		c.Name, c.Text = "Eve", fmt.Sprint("hello ", dice.IntN(100))
	case room.Pin, room.Erase:
		c.Ref = 1 + dice.Uint64N(d.seq())
		if c.Kind == room.Pin && some(2) {
			c.Ref, c.Name, c.Text = 0, "Eve", "hello"
		}
	case room.Slow:
		c.Seconds = uint16(dice.IntN(room.MaxSlow))
	}
	// And now and then something that it does not have, or that nobody should take.
	if some(6) {
		switch dice.IntN(10) {
		case 0:
			c.To = people[dice.IntN(len(people))]
		case 1:
			c.Name = []string{"", "\x1b[2J", strings.Repeat("n", 200), "Ana"}[dice.IntN(4)]
		case 2:
			c.Text = []string{"\x00", strings.Repeat("t", 1900), "\u202egpj.exe", "hello"}[dice.IntN(4)]
		case 3:
			c.Ref = dice.Uint64()
		case 4:
			c.Place = uint8(dice.Uint32())
		case 5:
			c.Seconds = uint16(dice.Uint32())
		case 6:
			c.Program = true
		case 7:
			c.Time = []int64{-1, 0, 1 << 62, c.Time - 200_000, c.Time + 200_000}[dice.IntN(5)]
		case 8:
			c.Room = d.other
		case 9:
			c.Room[dice.IntN(len(c.Room))] ^= 1
		}
	}
	kind := "command"
	if some(20) {
		kind = []string{"event", "charter", "snapshot", "cert"}[dice.IntN(4)]
	}
	raw, err := as.Sign(kind, c)
	if err != nil {
		d.Fatal(err)
	}
	d.note("%v %+v as a %s", c.Kind, c, kind)
	return raw, nonce
}

// send sends one message from a device of Eve's.
func (d *disorder) send(dice *rand.Rand, x *intruder) {
	id := x.id
	switch dice.IntN(12) {
	case 0: // another device of the same person
		id = d.devices[dice.IntN(len(d.devices))].id
	case 1: // somebody else's device
		id = append(slices.Clone(d.honest), d.hosted)[dice.IntN(len(d.honest)+1)].n.id()
	}
	raw, nonce := d.payload(dice, id)
	switch dice.IntN(20) {
	case 0:
		if len(d.used) > 0 {
			raw = d.used[dice.IntN(len(d.used))]
			d.note("  no, one that was sent before")
		}
	case 1:
		raw = bytes.Clone(raw)
		for range 1 + dice.IntN(3) {
			raw[dice.IntN(len(raw))] ^= byte(1 << dice.IntN(8))
		}
		d.note("  changed")
	case 2:
		raw = raw[:dice.IntN(len(raw))]
		d.note("  cut to %d bytes", len(raw))
	case 3:
		raw = append(raw, make([]byte, 1<<dice.IntN(17))...)
		d.note("  grown to %d bytes", len(raw))
	}
	if len(d.used) < 256 {
		d.used = append(d.used, raw)
	} else {
		d.used[dice.IntN(len(d.used))] = raw
	}
	x.ctl.Send(relay.Command{ID: nonce, Payload: raw})
}

// mischief is any message but a command; most end the connection.
func (d *disorder) mischief(dice *rand.Rand, x *intruder) {
	noise := make([]byte, 1+dice.IntN(300))
	for i := range noise {
		noise[i] = byte(dice.Uint32())
	}
	messages := []any{
		relay.Event{Payload: noise}, relay.Charter{Payload: noise}, relay.Counts{Listeners: 1 << 31}, relay.Join{Version: relay.ControlVersion, Room: d.hosted.id, Name: "Eve", Cert: x.id.Cert()},
		relay.Look{Room: d.hosted.id}, relay.Accept{Depth: 1}, relay.Refuse{Code: "full"}, relay.Answer{ID: 1}, relay.Bye{Code: "ended"},
		relay.Report{Expected: 1, Concealed: 1 << 62}, relay.Reactions{Counts: make([]uint32, 100)}, relay.Who{Search: string(noise), After: "\xff"}, noise,
		relay.Redirect{To: []relay.Entry{{Peer: noise, Addrs: [][]byte{noise}}}}, relay.Path{Depth: 255, Path: [][]byte{noise}}, relay.Snapshot{},
		relay.Present{Here: []relay.Guest{{Person: x.author().Person, Device: x.author().Device, Name: string(noise)}}, Gone: []doc.PublicKey{d.hosted.n.author().Device}},
		relay.Admit{ID: 1, Person: x.author().Person, Carry: 1 << 31}, relay.Carry{Charter: noise}, relay.Resume{Next: []relay.Next{{Slot: 255, Number: 1 << 63}}, HaveSeq: 1 << 63}, relay.Rest{}, relay.Load{Hops: 255, Free: 1 << 31, All: 1 << 31}, relay.Evidence{Against: noise, Packet: noise},
	}
	m := messages[dice.IntN(len(messages))]
	d.note("%T", m)
	if b, raw := m.([]byte); raw {
		x.ctl.sendRaw(b)
	} else if b, err := relay.EncodeControl(m); err == nil {
		x.ctl.sendRaw(b)
	}
}

// done waits until the host has dealt with all that a device sent, or has let it go.
func (d *disorder) done(x *intruder) (in bool) {
	d.Helper()
	x.mu.Lock()
	want := x.pongs + 1
	x.mu.Unlock()
	x.ctl.Send(relay.Ping{})
	late := time.After(20 * time.Second)
	for {
		x.mu.Lock()
		pongs, news := x.pongs, x.news
		for nonce, code := range x.answers {
			d.fates[code]++
			delete(x.answers, nonce)
		}
		x.mu.Unlock()
		if pongs >= want {
			return true
		}
		select {
		case <-news:
		case <-x.gone:
			d.note("a device is let go")
			return false
		case <-late:
			d.Fatal("the host has not answered for 20 s")
		}
	}
}

// seq is the number of the last event.
func (d *disorder) seq() uint64 {
	d.hosted.mu.Lock()
	defer d.hosted.mu.Unlock()
	return d.hosted.state.Seq
}

// bytesOf is a replica's state, and what it has heard last.
func (d *disorder) bytesOf(r *Room) (last heardEvent, b []byte) {
	d.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := r.state.Bytes()
	if err != nil {
		d.Fatal(err)
	}
	return heardEvent{r.state.Term, r.state.Seq}, b
}

// A heardEvent is the last that a replica has heard: each history has its own numbers.
type heardEvent struct {
	term room.Term
	seq  uint64
}

// agree waits until everybody's replica is as far as the host's, and compares them.
func (d *disorder) agree() {
	d.Helper()
	for _, r := range d.honest {
		var got, want []byte
		awaitChange(d.T, r.n, "the last event", func() bool {
			var at, last heardEvent
			at, got = d.bytesOf(r)
			last, want = d.bytesOf(d.hosted)
			return at == last
		})
		if !bytes.Equal(got, want) {
			d.Errorf("%s has another state than the host: %x, want %x", r.n.displayName(), got, want)
		}
	}
}

// all waits until everybody honest is in the room: on a busy machine a node may take its connection for broken.
func (d *disorder) all() {
	d.Helper()
	for _, r := range d.honest {
		awaitChange(d.T, r.n, "to be in the room", func() bool { return r.Phase() == Live })
		awaitChange(d.T, d.hosted.n, "everybody to be in the room", func() bool {
			d.hosted.mu.Lock()
			defer d.hosted.mu.Unlock()
			seat, _ := d.hosted.state.SeatOf(r.n.Person())
			return !seat.Away && d.hosted.devices(r.n.Person()) == 1
		})
	}
}

// sequence is one sequence of what Eve does and what the host does to her, and what must be so afterwards.
func (d *disorder) sequence(dice *rand.Rand) {
	d.steps = nil
	settings := [][2]string{{"lock", "unlock"}, {"close_hands", "open_hands"}, {"close_chat", "open_chat"}, {"stage_only", "stage_open"},
		{"stick_out", "stick_in"}, {"record_on", "record_off"}}
	setting := settings[dice.IntN(len(settings))]
	if len(d.devices) == 0 || len(d.devices) < 3 && dice.IntN(2) == 0 {
		d.come()
	}
	d.must(d.hosted, Action{Kind: setting[0]})
	d.all()
	d.hosted.mu.Lock()
	before, linesBefore := d.others(d.hosted.state)
	d.hosted.mu.Unlock()

	out := false
	for range 8 + dice.IntN(18) {
		if len(d.devices) == 0 {
			break
		}
		x := d.devices[dice.IntN(len(d.devices))]
		switch n := dice.IntN(100); {
		case n < 85:
			d.send(dice, x)
		case n < 88:
			d.mischief(dice, x)
		case n < 98: // what the host does to Eve alone
			kind := []string{"grant", "invite", "return", "mute", "lower_hand", "decline"}[dice.IntN(6)]
			_ = d.do(d.hosted, Action{Kind: kind, Person: d.eve.Public()})
		case n == 98 && !out:
			d.must(d.hosted, Action{Kind: "remove", Person: d.eve.Public()})
			out = true
		}
	}
	stay := d.devices[:0]
	for _, x := range d.devices {
		if d.done(x) && !out {
			stay = append(stay, x)
		} else {
			x.host.Close()
			<-x.gone
		}
	}
	if d.devices = stay; out && len(d.devices) > 0 {
		d.Error("Eve was removed and is still here")
	}

	d.all()
	d.hosted.mu.Lock()
	after, lines := d.others(d.hosted.state)
	d.hosted.mu.Unlock()
	if before.Term != after.Term { // the host was silent for so long that the co-host led: see TestHostileCommands
		d.led++
		before, after = unled(before), unled(after)
	}
	if b, a := fmt.Sprintf("%+v", *before), fmt.Sprintf("%+v", *after); b != a {
		d.Errorf("the others had\n%s\nand now have\n%s", b, a)
	}
	if n := len(linesBefore) - len(lines); n < 0 || !slices.Equal(linesBefore[n:], lines) {
		d.Errorf("the others' lines were\n%+v\nand now are\n%+v", linesBefore, lines)
	}
	d.agree()
	d.must(d.hosted, Action{Kind: setting[1]})
}

// TestHostileCommands: whatever somebody without rights sends, in whatever order and from however many devices, it changes
// nothing of anybody else's, everybody agrees on what the room is, and the room goes on.
func TestHostileCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many seconds")
	}
	const sequences = 200
	seed := rand.Uint64()
	if s := os.Getenv(disorderSeed); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	ana := startNode(t, "Ana", nil)
	hosted, err := ana.StartRoom(Start{Title: "Open house", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := ana.StartRoom(Start{Title: "Another house", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	d := &disorder{T: t, hosted: hosted, other: other.id, ear: newEar(t), eves: make(map[doc.PublicKey]bool), fates: make(map[string]int)}
	for _, name := range []string{"Bo", "Cy", "Di", "Ed"} {
		r, err := startNode(t, name, nil).Join(ctx, hosted.View().Link)
		if err != nil || r.Phase() != Live {
			t.Fatalf("join: %v", err)
		}
		d.honest = append(d.honest, r)
	}
	bo, cy, di, ed := d.honest[0], d.honest[1], d.honest[2], d.honest[3]
	d.must(hosted, Action{Kind: "cohost", Person: bo.n.Person()})
	d.must(bo, Action{Kind: "accept"})
	d.must(cy, Action{Kind: "raise_hand"})
	d.must(hosted, Action{Kind: "grant", Person: cy.n.Person()})
	d.must(di, Action{Kind: "raise_hand"})
	d.must(hosted, Action{Kind: "invite", Person: ed.n.Person()})
	d.must(hosted, Action{Kind: "pin", Text: "Be kind."})
	ed.Play(d.ear)
	if err := hosted.Publish(ctx, newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, cy.n, "Cy's seat", cy.seated) // the host knows of it before Cy does
	if err := cy.Publish(ctx, newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	d.ear.hears(t, "Ed to hear Ana", true, 25)
	reacted := make(chan struct{}, 64)
	defer hosted.n.Watch(func(c Change) {
		if c.Kind == ReactionsHeard && c.Reactions[room.Emoji[7]] > 0 {
			select {
			case reacted <- struct{}{}:
			default:
			}
		}
	})()
	otherLast, _ := d.bytesOf(other)

	i, watch := 0, busy.Begin()
	defer func() {
		if r := watch.Stop(); d.led > 0 && r.HadTime() {
			t.Errorf("the co-host has led %d times, and %v", d.led, r)
		}
		if t.Failed() {
			t.Logf("%s=%d repeats it; sequence %d was\n%s", disorderSeed, seed, i, strings.Join(d.steps, "\n"))
		}
	}()
	began := time.Now()
	for ; i < sequences && !t.Failed(); i++ {
		if i%2 == 0 { // a person has only so many commands
			d.leave()
		}
		d.sequence(rand.New(rand.NewPCG(seed, uint64(i))))
		// Honest people still can what they could; each has only so many lines at once.
		who := d.honest[i/10%len(d.honest)]
		switch i % 10 {
		case 1, 6:
			d.must(ed, Action{Kind: "raise_hand"})
			d.must(bo, Action{Kind: "lower_hand", Person: ed.n.Person()})
		case 3:
			d.must(who, Action{Kind: "say", Text: "Never mind her."})
		case 5:
			for tries, seen := 0, false; !seen; tries++ { // one that is on its way when a connection breaks is lost
				d.must(who, Action{Kind: "react", Emoji: room.Emoji[7]})
				select {
				case <-reacted:
					seen = true
				case <-time.After(5 * time.Second):
					if tries == 4 {
						t.Fatal("no reaction arrives")
					}
				}
			}
		case 9:
			d.ear.forget()
			d.ear.hears(t, "Ed to hear the stage", true, 3)
		}
	}
	d.leave()
	t.Logf("%s=%d: %d sequences in %.1f s by %d people; answers %v; counts %v", disorderSeed, seed, sequences, time.Since(began).Seconds(), len(d.eves), d.fates, ana.Counts())
	d.ear.hears(t, "Ed to hear the stage", true, 25)
	if t.Failed() {
		return
	}
	if last, _ := d.bytesOf(other); last != otherLast {
		t.Errorf("the other room is at event %v, was at %v", last, otherLast)
	}
	if d.fates[""] < 20 || len(d.fates) < 8 {
		t.Errorf("too few commands got to the rules: %v", d.fates)
	}
}
