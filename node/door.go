package node

import (
	"maps"
	"slices"
	"time"

	"salon/ledger/doc"
)

// A door is what a host remembers of people who are not in the room just now: the events do not tell, and a snapshot
// would grow with the audience. Room.mu guards it.
type door struct {
	hold   time.Duration               // how long a locked room lets somebody back in
	lost   map[doc.PublicKey]time.Time // whose connection broke, and when
	barred map[doc.PublicKey]bool      // who was removed for being blocked, and comes back with the end of that
}

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
