package node

import (
	"time"

	"salon/ledger/doc"
	"salon/room"
)

const (
	holdRoom = 2 * time.Minute  // an open room holds its people, and their places, so long
	holdMost = 15 * time.Minute // one that was scheduled

	// awayAfter is how long a place is empty before others see it: a connection that is made anew takes less.
	awayAfter = time.Second
)

// holdTime is how long a room waits for its host, and keeps the place of somebody whose connection broke.
func holdTime(c room.Charter) time.Duration {
	if c.Starts != 0 {
		return holdMost
	}
	return holdRoom
}

// absences are those with a place in the room who are not connected, and since when. A place is a seat or a hand, which
// are of a device, or an invitation, which is a person's and has the zero device here.
type absences map[doc.Author]time.Time

// present is who is connected.
type present struct{ people, devices map[doc.PublicKey]bool }

// has reports whether somebody is connected: with the device, if there is one.
func (p present) has(who doc.Author) bool {
	if who.Device.IsZero() {
		return p.people[who.Person]
	}
	return p.devices[who.Device]
}

// look compares the places in the room with who is there, and says who is to be shown as away, who as back, and whose
// place has waited for longer than hold.
func (a absences) look(s *room.State, here present, hold time.Duration, now time.Time) (away, back []doc.PublicKey, gone []doc.Author) {
	kept := make(absences, len(a))
	since := func(who doc.Author) time.Time {
		at, known := a[who]
		if !known {
			at = now
		}
		kept[who] = at
		return at
	}
	for _, seat := range s.Seats {
		who := doc.Author{Person: seat.Person, Device: seat.Device}
		switch {
		case here.devices[seat.Device]:
			if seat.Away {
				back = append(back, seat.Person)
			}
		case seat.Person != s.Charter.Host && now.Sub(since(who)) >= hold:
			gone = append(gone, who)
		case !seat.Away && now.Sub(since(who)) >= awayAfter:
			away = append(away, seat.Person)
		}
	}
	for _, h := range s.Hands {
		who := doc.Author{Person: h.Person, Device: h.Device}
		if !here.devices[h.Device] && now.Sub(since(who)) >= hold {
			gone = append(gone, who)
		}
	}
	for _, p := range s.Invited {
		who := doc.Author{Person: p}
		if !here.people[p] && now.Sub(since(who)) >= hold {
			gone = append(gone, who)
		}
	}
	clear(a)
	for who, at := range kept {
		a[who] = at
	}
	return away, back, gone
}

// sweep keeps the places of those who are not connected, shows them as away, and gives up those that waited too long.
func (r *Room) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil || r.phase.Over() {
		return
	}
	away, back, gone := r.host.absent.look(r.state, r.present(), holdTime(r.charter), now)
	// Who is here may change while each is written, so that each is looked at again. What the rules know is not so any more
	// they refuse.
	for _, p := range back {
		if r.turn() && r.seatIsHere(p) {
			_ = r.note(room.Back, p, now)
		}
	}
	for _, p := range away {
		if r.turn() && !r.seatIsHere(p) {
			_ = r.note(room.Away, p, now)
			if r.seatIsHere(p) { // since: nobody greeted who was not away yet
				_ = r.note(room.Back, p, now)
			}
		}
	}
	for _, who := range gone {
		if r.turn() && !r.present().has(who) {
			r.forget(who, nil)
		}
	}
}

// seatIsHere reports whether the device of somebody's seat is connected. r.mu is held.
func (r *Room) seatIsHere(p doc.PublicKey) bool {
	seat, ok := r.state.SeatOf(p)
	return ok && r.isHere(seat.Device)
}

// note says where the room is led what became of somebody's place. r.mu is held.
func (r *Room) note(kind room.Kind, p doc.PublicKey, now time.Time) error {
	return r.decide(r.n.author(), room.Command{Room: r.id, Kind: kind, To: p, Time: now.UnixMilli()}, now)
}

// present is who is connected, here or below us, ourselves included. r.mu is held.
func (r *Room) present() present {
	own := r.n.author()
	p := present{people: map[doc.PublicKey]bool{own.Person: true}, devices: map[doc.PublicKey]bool{own.Device: true}}
	for _, c := range r.feeds.children {
		if !c.warm {
			p.people[c.author.Person], p.devices[c.author.Device] = true, true
		}
	}
	for device, g := range r.feeds.below.guests {
		p.people[g.Person], p.devices[device] = true, true
	}
	return p
}

// greet shows somebody who is connected again as back. r.mu is held.
func (r *Room) greet(who doc.Author) {
	if seat, ok := r.state.SeatOf(who.Person); ok && seat.Away && seat.Device == who.Device {
		_ = r.note(room.Back, who.Person, time.Now())
	}
}

// forget gives up what somebody who is gone had in the room; c is the child that went, if it just did. What there is not
// is refused, which is as well. r.mu is held.
func (r *Room) forget(who doc.Author, c *child) {
	now := time.Now()
	if g := r.feeds.below.guests[who.Device]; g != nil && g.via != c {
		return // it has moved to a relay below us
	}
	if !who.Device.IsZero() {
		_ = r.decide(who, room.Command{Room: r.id, Kind: room.Leave, Time: now.UnixMilli()}, now)
	}
	for _, other := range r.feeds.children {
		if other != c && other.author.Person == who.Person {
			return // an invitation is the person's, who is still here
		}
	}
	if r.feeds.below.people[who.Person] > 0 {
		return
	}
	delete(r.host.door.lost, who.Person)
	_ = r.note(room.Decline, who.Person, now)
}
