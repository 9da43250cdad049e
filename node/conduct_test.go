package node

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
)

// crowded is a hosted room and a way to let one more device of somebody in, as far as the room knows.
func crowded(t *testing.T) (*Room, func(p doc.PublicKey) *child) {
	t.Helper()
	hosted, err := startNode(t, "Ana", nil).StartRoom(Start{Title: "Crowded", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	return hosted, func(p doc.PublicKey) *child {
		n++
		a, _ := newPipe()
		c := &child{id: peer.ID(binary.BigEndian.AppendUint64(nil, n)), ctl: newControlConn(a, nil), heard: time.Now()}
		c.author = doc.Author{Person: p, Device: doc.PublicKey{byte(n), byte(n >> 8), 1}}
		hosted.mu.Lock()
		defer hosted.mu.Unlock()
		c.conduct = hosted.conductOf(p)
		hosted.host.children[c.id] = c
		return c
	}
}

// gone takes a device out again.
func (r *Room) gone(c *child) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c.ctl.Close()
	delete(r.host.children, c.id)
}

// More devices, and coming back, are no more commands and reactions.
func TestAllowancesAreThePersons(t *testing.T) {
	hosted, in := crowded(t)
	eve, bo := doc.PublicKey{1}, doc.PublicKey{2}
	now := time.Now()
	commands, reactions := 0, uint32(0)
	for range 3 * devicesMax {
		c := in(eve)
		for range commandBurst {
			if hosted.mayCommand(c, now) {
				commands++
			}
		}
		hosted.mu.Lock()
		before := hosted.reacting.sum[0]
		hosted.takeReactions(c, []uint32{1 << 31}, now)
		reactions += hosted.reacting.sum[0] - before
		hosted.mu.Unlock()
		hosted.gone(c)
	}
	if commands != commandBurst || reactions != reactBurst {
		t.Errorf("%d commands and %d reactions of one person, want %d and %d", commands, reactions, commandBurst, reactBurst)
	}
	if !hosted.mayCommand(in(bo), now) {
		t.Error("another person is made to wait")
	}
	if now = now.Add(time.Second); !hosted.mayCommand(in(eve), now) {
		t.Error("a second later there is still no command to be had")
	}
}

// What is beyond the allowance is answered, and its signatures are not looked at.
func TestCommandsBeyondTheAllowanceAreNotOpened(t *testing.T) {
	hosted, in := crowded(t)
	c := in(doc.PublicKey{1})
	for range commandBurst + 10 {
		if hosted.hear(c, relay.Command{ID: 1, Payload: []byte("no command at all")}) {
			t.Fatal("put out")
		}
	}
	if n := hosted.n.Counts(); n["command_malformed"] < commandBurst || n["command_flood"] == 0 {
		t.Errorf("counts %v", n)
	}
}

// Who floods is out with all devices, for longer each time, and begins anew after a while without.
func TestWhoFloodsStaysOut(t *testing.T) {
	hosted, in := crowded(t)
	eve, bo := doc.PublicKey{1}, doc.PublicKey{2}
	isOut := func(p doc.PublicKey, now time.Time) bool {
		hosted.mu.Lock()
		defer hosted.mu.Unlock()
		return hosted.isOut(p, now)
	}
	now := time.Now()
	other, first, second := in(bo), in(eve), in(eve)
	put := false
	for range controlBurst + 100 {
		put = put || hosted.hear(first, relay.Ping{})
	}
	if !put {
		t.Fatal("a flood goes unseen")
	}
	<-first.ctl.done
	<-second.ctl.done
	select {
	case <-other.ctl.done:
		t.Error("somebody else is put out as well")
	default:
	}
	if !isOut(eve, now) || isOut(eve, now.Add(2*outFor)) || isOut(bo, now) {
		t.Errorf("out: %v, after twice the time %v, somebody else %v", isOut(eve, now), isOut(eve, now.Add(2*outFor)), isOut(bo, now))
	}
	hosted.gone(first)
	hosted.gone(second)

	now = now.Add(2 * outFor)
	for _, want := range []time.Duration{2 * outFor, 4 * outFor, 8 * outFor, 16 * outFor, outMost, outMost} {
		hosted.throwOut(eve, now)
		hosted.throwOut(eve, now.Add(time.Second)) // by what another device still sent
		if !isOut(eve, now.Add(want-1)) || isOut(eve, now.Add(want)) {
			t.Errorf("not out for %s", want)
		}
		now = now.Add(want)
		hosted.mu.Lock()
		hosted.forgive(now)
		hosted.mu.Unlock()
	}
	now = now.Add(forgiven + time.Second)
	hosted.mu.Lock()
	hosted.forgive(now)
	if _, still := hosted.host.conduct[eve]; still {
		t.Error("who is gone is remembered for good")
	}
	hosted.mu.Unlock()
	hosted.throwOut(eve, now)
	if !isOut(eve, now.Add(outFor-1)) || isOut(eve, now.Add(outFor)) {
		t.Error("not forgiven")
	}
}

// Any number of people may come and go: few are remembered, and never fewer than are here.
func TestConductIsBounded(t *testing.T) {
	hosted, _ := crowded(t)
	hosted.mu.Lock()
	defer hosted.mu.Unlock()
	bo := hosted.conductOf(doc.PublicKey{2})
	bo.floods = 3
	id := peer.ID("bo")
	hosted.host.children[id] = &child{id: id, author: doc.Author{Person: doc.PublicKey{2}}, conduct: bo}
	for i := range uint64(2 * maxConduct) {
		p := doc.PublicKey{1}
		binary.BigEndian.PutUint64(p[1:], i)
		hosted.conductOf(p)
	}
	if n := len(hosted.host.conduct); n != maxConduct {
		t.Errorf("%d people are remembered, want %d", n, maxConduct)
	}
	if hosted.conductOf(doc.PublicKey{2}) != bo {
		t.Error("who is here was forgotten")
	}
	delete(hosted.host.children, id)
}

// A node that was put out comes back by itself once it may.
func TestOnesOwnNodeComesBackAfterAFlood(t *testing.T) {
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Too much", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(t.Context(), hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	hosted.throwOut(bo.Person(), time.Now())
	awaitChange(t, bo, "the break", func() bool { return joined.Phase() == Reconnecting })
	awaitChange(t, bo, "the way back", func() bool { return joined.Phase() == Live })
	if n := ana.Counts(); n["join_refused_flood"] == 0 || n["child_recalled"] > 0 {
		t.Errorf("let in at once, or called: %v", n)
	}
	if err := joined.Do(t.Context(), Action{Kind: "say", Text: "Sorry."}); err != nil {
		t.Errorf("%v", err)
	}
}
