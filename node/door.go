package node

import (
	"maps"
	"time"

	"salon/ledger/doc"
)

// cameFrom is how long a locked room lets somebody back in whose connection broke.
const cameFrom = holdRoom

// A door is what a host remembers of people who are not in the room just now: the events do not tell, and a snapshot
// would grow with the audience. Room.mu guards it.
type door struct {
	lost map[doc.PublicKey]time.Time // whose connection broke, and when
}

func newDoor() door {
	return door{lost: make(map[doc.PublicKey]time.Time)}
}

// broke notes that somebody lost the connection, or may come back for another reason, and forgets those who have been gone for too long.
func (d *door) broke(p doc.PublicKey, now time.Time) {
	maps.DeleteFunc(d.lost, func(_ doc.PublicKey, at time.Time) bool { return now.Sub(at) > cameFrom })
	d.lost[p] = now
}

// wasInside reports whether somebody lost the connection a short while ago.
func (d *door) wasInside(p doc.PublicKey, now time.Time) bool {
	at, ok := d.lost[p]
	return ok && now.Sub(at) <= cameFrom
}
