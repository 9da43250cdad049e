package node

import (
	"time"

	"github.com/multiformats/go-multiaddr"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

const (
	// namesMost is how many people a relay names to its parent beside those with a place, and as many more as these may
	// be: of an audience of thousands the list holds some, while the count holds all.
	namesMost  = 1024
	guestsMost = namesMost + room.MaxSeats + room.MaxHands + room.MaxInvited*devicesMax

	// mostBelow bounds the numbers that a relay claims: far beyond any audience, and sums of them do not overflow.
	mostBelow = 1 << 24
)

// below is who is in the room through the relays below us, as far as these name them. Room.mu guards it.
type below struct {
	guests map[doc.PublicKey]*guest // by device
	people map[doc.PublicKey]int    // with how many devices
	via    map[*child]int           // how many of guests each relay names
}

// A guest is somebody whom a relay feeds.
type guest struct {
	relay.Guest
	via *child
}

func (g *guest) author() doc.Author { return doc.Author{Person: g.Person, Device: g.Device} }

func newBelow() below {
	return below{guests: make(map[doc.PublicKey]*guest), people: make(map[doc.PublicKey]int), via: make(map[*child]int)}
}

// isVia reports whether a device is fed through a child.
func (b *below) isVia(device doc.PublicKey, c *child) bool {
	g := b.guests[device]
	return g != nil && g.via == c
}

// add notes that a device is fed through a child, wherever it was before: it may have moved. It reports whether there is a
// place for it.
func (b *below) add(g relay.Guest, c *child) bool {
	if b.via[c] >= guestsMost && !b.isVia(g.Device, c) {
		return false
	}
	b.drop(g.Device)
	b.guests[g.Device] = &guest{g, c}
	b.people[g.Person]++
	b.via[c]++
	return true
}

// drop forgets a device.
func (b *below) drop(device doc.PublicKey) {
	g := b.guests[device]
	if g == nil {
		return
	}
	delete(b.guests, device)
	if b.people[g.Person]--; b.people[g.Person] == 0 {
		delete(b.people, g.Person)
	}
	if b.via[g.via]--; b.via[g.via] == 0 {
		delete(b.via, g.via)
	}
}

// dropVia forgets everybody who is fed through a child, and returns them.
func (b *below) dropVia(c *child) (gone []doc.Author) {
	for device, g := range b.guests {
		if g.via == c {
			gone = append(gone, g.author())
			b.drop(device)
		}
	}
	return gone
}

// takePresent takes a relay's word on who is below it. A relay that lies can have the stage's sound sent to it, and spoil
// what another relay sends for a seat below that one; it cannot make sound that the seat's device did not sign, nor give up
// anybody's place: who leaves one says so under their own signature. r.mu is held.
func (r *Room) takePresent(c *child, m relay.Present) {
	if r.feeds.children[c.id] != c || c.warm {
		return
	}
	b := &r.feeds.below
	var came, gone []doc.Author
	for _, d := range m.Gone {
		if g := b.guests[d]; g != nil && g.via == c { // else it is with another relay by now
			gone = append(gone, g.author())
			b.drop(d)
		}
	}
	for _, g := range m.Here[:min(len(m.Here), relay.MaxGuests)] {
		if g.Person.IsZero() || g.Device.IsZero() || g.Device == r.n.author().Device {
			continue
		}
		name, err := room.CleanName(g.Name)
		if err != nil {
			name = "Guest " + g.Person.Short()
		}
		g.Name = name
		if _, err := multiaddr.NewMultiaddr(g.At); err != nil || len(g.At) > relay.MaxAt || !r.state.Leads(g.Person) {
			g.At = ""
		}
		if !b.add(g, c) {
			r.n.counts.Add("present_too_many")
			continue
		}
		came = append(came, doc.Author{Person: g.Person, Device: g.Device})
		r.names.learn(g.Person, name)
	}
	r.settleChildren()
	if r.host != nil {
		r.tellSuccessors()
	}
	r.cameBelow(came)
	r.goneBelow(gone)
}

// cameBelow is called with those who are new below us. r.mu is held, and at the host let go while something is written.
func (r *Room) cameBelow(came []doc.Author) {
	if r.host == nil {
		r.presenceSoon()
		return
	}
	for _, who := range came {
		r.greet(who)
		if r.n.people.Blocks(who.Person) {
			r.wg.Go(func() { r.heed(who.Person) }) // no relay knows whom we block
		}
	}
}

// goneBelow is called with those below us whose connection ended. r.mu is held.
func (r *Room) goneBelow(gone []doc.Author) {
	if r.host == nil {
		r.presenceSoon()
		return
	}
	now := time.Now()
	for _, who := range gone {
		if !r.state.IsRemoved(who.Person) {
			r.host.door.broke(who.Person, now)
		}
	}
}

// isHere reports whether a device is connected, here or below us. r.mu is held.
func (r *Room) isHere(device doc.PublicKey) bool {
	return r.feeds.below.guests[device] != nil || r.isChild(device)
}

// isChild reports whether a device is our own, or a child's of ours. r.mu is held.
func (r *Room) isChild(device doc.PublicKey) bool {
	if device == r.n.author().Device {
		return true
	}
	for _, c := range r.feeds.children {
		if c.author.Device == device && !c.warm {
			return true
		}
	}
	return false
}
