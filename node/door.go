package node

import (
	"maps"
	"slices"
	"time"

	"salon/ledger/doc"
	"salon/relay"
)

// A door is what a host remembers of people who are not in the room just now: the events do not tell, and a snapshot
// would grow with the audience. Room.mu guards it.
type door struct {
	hold   time.Duration               // how long a locked room lets somebody back in
	lost   map[doc.PublicKey]time.Time // whose connection broke, and when
	barred map[doc.PublicKey]bool      // who was removed for being blocked, and comes back with the end of that

	callers []caller  // before a locked room
	locked  time.Time // when that was
}

// lockTakes is how long a relay may take to hear of a lock, and to name whom it let in before.
const lockTakes = 2 * time.Second

func newDoor(hold time.Duration) door {
	return door{hold: hold, lost: make(map[doc.PublicKey]time.Time), barred: make(map[doc.PublicKey]bool)}
}

// maxLost is how many are remembered who lost the connection: keys are free, and one peer may come and go under any number.
const maxLost = 1024

// broke notes that somebody lost the connection, or may come back for another reason, and forgets those who have been gone
// for too long, or longest where there are too many.
func (d *door) broke(p doc.PublicKey, now time.Time) {
	maps.DeleteFunc(d.lost, func(_ doc.PublicKey, at time.Time) bool { return now.Sub(at) > d.hold })
	if _, known := d.lost[p]; !known && len(d.lost) >= maxLost {
		longest := p
		for other, at := range d.lost {
			if longest == p || at.Before(d.lost[longest]) {
				longest = other
			}
		}
		delete(d.lost, longest)
	}
	d.lost[p] = now
}

// wasInside reports whether somebody lost the connection a short while ago.
func (d *door) wasInside(p doc.PublicKey, now time.Time) bool {
	at, ok := d.lost[p]
	return ok && now.Sub(at) <= d.hold
}

// removed notes that somebody must stay out; of others than those in list it forgets that they were barred.
func (d *door) removed(p doc.PublicKey, list []doc.PublicKey) {
	delete(d.lost, p)
	maps.DeleteFunc(d.barred, func(p doc.PublicKey, _ bool) bool { return !slices.Contains(list, p) })
}

// readmitted notes that somebody was let back in, which also means into a locked room.
func (d *door) readmitted(p doc.PublicKey, now time.Time) {
	delete(d.barred, p)
	d.broke(p, now)
}

// A caller is somebody whom a relay names in a locked room, and who may have come in there or not.
type caller struct {
	relay *child
	guest relay.Guest
}

// beforeLock takes notice of somebody whom a relay let into a locked room without asking. A relay that does so on purpose gains
// them nothing: they are not in the room for us, and of a closed one they get no key. r.mu is held.
func (r *Room) beforeLock(c *child, g relay.Guest) {
	if r.awaitsInside(time.Now()) {
		if len(r.host.door.callers) < guestsMost {
			r.host.door.callers = append(r.host.door.callers, caller{c, g})
		}
		return
	}
	r.n.counts.Add("present_past_lock")
	r.n.o.Log.Warn("a relay let somebody into the locked room", "room", r.id.String(), "relay", c.id.String(), "person", g.Person.String())
	if r.state.IsClosed() {
		r.sendBoxes([]relay.Box{{Device: g.Device, Code: "locked"}})
	}
}

// seeCallers looks at those again of whom it was not known whether they were inside. r.mu is held.
func (r *Room) seeCallers(now time.Time) {
	if r.host == nil || len(r.host.door.callers) == 0 || r.awaitsInside(now) {
		return
	}
	list := r.host.door.callers
	r.host.door.callers = nil
	for _, x := range list {
		if r.host != nil {
			r.takePresent(x.relay, relay.Present{Here: []relay.Guest{x.guest}})
		}
	}
}

// lockIsNew reports whether somebody below may have come in before the lock though we hear of them only now. r.mu is held.
func (r *Room) lockIsNew(now time.Time) bool { return now.Sub(r.host.door.locked) <= lockTakes }
