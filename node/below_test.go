package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
)

func key(i, kind int) doc.PublicKey { return doc.PublicKey{byte(i), byte(i >> 8), byte(kind), 1} }

// A relay's word on who is below it is bounded, fit to be shown, and of nobody below another relay.
func TestPresentIsBounded(t *testing.T) {
	g := gather(t, Start{})
	r := g.host
	r.mu.Lock()
	defer r.mu.Unlock()
	relays := make([]*child, 2)
	for i := range relays {
		id := peer.ID(fmt.Sprint("relay", i))
		relays[i] = &child{id: id, author: doc.Author{Person: key(i, 9), Device: key(i, 8)}, carry: 8, ctl: newControlConn(closedStream(t), nil)}
		r.host.children[id] = relays[i]
		defer delete(r.host.children, id)
	}
	for i := 0; i < 2*guestsMost; i += relay.MaxGuests {
		var m relay.Present
		for k := range relay.MaxGuests {
			m.Here = append(m.Here, relay.Guest{Person: key(i+k, 1), Device: key(i+k, 2), Name: strings.Repeat("\x1b", 100)})
		}
		r.takePresent(relays[0], m)
	}
	b := &r.feeds.below
	if len(b.guests) != guestsMost || len(b.people) != guestsMost || b.via[relays[0]] != guestsMost || r.n.counts.Snapshot()["present_too_many"] == 0 {
		t.Errorf("%d guests, %d people", len(b.guests), len(b.people))
	}
	if name := r.nameOf(key(3, 1)); name != "Guest "+key(3, 1).Short() {
		t.Errorf("shown as %q", name)
	}
	r.takePresent(relays[0], relay.Present{Here: []relay.Guest{{Name: "Nobody"}}, Gone: []doc.PublicKey{{}, key(1<<14, 2)}})
	if len(b.guests) != guestsMost {
		t.Errorf("%d guests", len(b.guests))
	}
	// One who moves to another relay is there, whatever the first says afterwards.
	bo := relay.Guest{Person: key(5, 1), Device: key(5, 2), Name: "Bo"}
	r.takePresent(relays[1], relay.Present{Here: []relay.Guest{bo}})
	r.takePresent(relays[0], relay.Present{Gone: []doc.PublicKey{bo.Device}})
	if !b.isVia(bo.Device, relays[1]) || r.devices(bo.Person) != 1 || r.nameOf(bo.Person) != "Bo" {
		t.Error("Bo is not below the second relay")
	}
	// One who asks both for a place stays with the first, when the second takes back that it feeds them.
	eve := relay.Guest{Person: key(6, 1), Device: key(6, 2), Name: "Eve"}
	r.takePresent(relays[1], relay.Present{Here: []relay.Guest{eve}})
	r.takePresent(relays[1], relay.Present{Gone: []doc.PublicKey{eve.Device}})
	if !b.isVia(eve.Device, relays[0]) || r.devices(eve.Person) != 1 || b.via[relays[1]] != 1 {
		t.Error("Eve is not below the first relay")
	}
	if gone := b.dropVia(relays[0]); len(gone) != guestsMost-1 || len(b.guests) != 1 || len(b.people) != 1 || len(b.via) != 1 {
		t.Errorf("%d went with the first relay; left are %d guests, %d people, %d relays", len(gone), len(b.guests), len(b.people), len(b.via))
	}
	b.dropVia(relays[1])
	if len(b.guests)+len(b.people)+len(b.via) != 0 {
		t.Errorf("left are %+v", b)
	}
}

// A relay gets no more of the stage, and sends no more of it, than those need who are below it.
func TestRelayHasRightsOfThoseBelow(t *testing.T) {
	g := gather(t, Start{}, "Bo", "Cy")
	bo := g.guests["Bo"]
	g.do(bo, Action{Kind: "raise_hand"})
	g.do(g.host, about("grant", bo))
	g.all("the seat", func(v RoomView) bool { return len(v.Stage) == 2 })
	g.do(bo, Action{Kind: "unmute"})
	said := newTone(t, 600)
	defer said.Close()
	if err := bo.Publish(t.Context(), said); err != nil {
		t.Fatal(err)
	}
	r := g.host
	c := func() *child { // Cy, taken for a relay
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.host.children[g.guests["Cy"].n.host.ID()]
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	c.carry = 8
	if h, s := r.rights(c); h != 1<<relay.Program || s != 0 {
		t.Errorf("with nobody on stage below: hears %b, sends %b", h, s)
	}
	seat := r.state.Seats[1]
	r.takePresent(c, relay.Present{Here: []relay.Guest{{Person: seat.Person, Device: seat.Device, Name: "Bo"}}})
	if h, s := r.rights(c); h != 1<<relay.Program || s != 0 {
		t.Errorf("with Bo beside it, whom it claims: hears %b, sends %b", h, s)
	}
	id := bo.n.host.ID()
	beside := r.host.children[id]
	delete(r.host.children, id)
	defer func() { r.host.children[id] = beside }()
	if h, s := r.rights(c); h != relay.AllSlots || s != 1<<seat.Slot {
		t.Errorf("with Bo below: hears %b, sends %b", h, s)
	}
	r.takePresent(c, relay.Present{Gone: []doc.PublicKey{seat.Device}})
	if h, s := r.rights(c); h != 1<<relay.Program || s != 0 {
		t.Errorf("without Bo: hears %b, sends %b", h, s)
	}
	c.carry = 0
}
