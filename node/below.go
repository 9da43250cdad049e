package node

import (
	"slices"
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
	via *child // named it last
	// Others named it before and have not taken that back: one who asks several relays for a place is with each of them for a
	// moment, and who names it last is not always who keeps it.
	others []*child
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

// add notes that a child names a device, whoever named it before: it may have moved. It reports whether there is a place for it.
func (b *below) add(named relay.Guest, c *child) bool {
	g := b.guests[named.Device]
	names := g != nil && (g.via == c || slices.Contains(g.others, c))
	if b.via[c] >= guestsMost && !names {
		return false
	}
	if g == nil {
		g = &guest{via: c}
		b.guests[named.Device] = g
	} else {
		b.forget(g.Person)
		if g.via != c {
			g.others = append(slices.DeleteFunc(g.others, func(o *child) bool { return o == c }), g.via)
			g.via = c
		}
	}
	g.Guest = named
	b.people[named.Person]++
	if !names {
		b.via[c]++
	}
	return true
}

// forget takes one device from somebody.
func (b *below) forget(p doc.PublicKey) {
	if b.people[p]--; b.people[p] == 0 {
		delete(b.people, p)
	}
}

// drop takes back that a child names a device. It reports whether nobody names it now.
func (b *below) drop(device doc.PublicKey, c *child) (gone bool) {
	g := b.guests[device]
	if g == nil || g.via != c && !slices.Contains(g.others, c) {
		return false
	}
	if b.via[c]--; b.via[c] == 0 {
		delete(b.via, c)
	}
	last := len(g.others) - 1
	switch {
	case g.via != c:
		g.others = slices.DeleteFunc(g.others, func(o *child) bool { return o == c })
		return false
	case last >= 0:
		g.via, g.others = g.others[last], g.others[:last]
		return false
	}
	delete(b.guests, device)
	b.forget(g.Person)
	return true
}

// dropVia takes back all that a child named, and returns those whom nobody names now.
func (b *below) dropVia(c *child) (gone []doc.Author) {
	if b.via[c] == 0 {
		return nil
	}
	for device, g := range b.guests {
		if b.drop(device, c) {
			gone = append(gone, g.author())
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
		if g := b.guests[d]; b.drop(d, c) {
			gone = append(gone, g.author())
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
		if now := time.Now(); r.host != nil && r.state.Locked && !r.letsIn(g.Person) && !r.lockIsNew(now) && !r.mayTellInside(c, now) {
			r.beforeLock(c, g)
			continue
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
