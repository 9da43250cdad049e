package node

import (
	"maps"
	"slices"
	"time"

	"salon/ledger/doc"
)

// cameFrom is how long a locked room lets somebody back in whose connection broke.
const cameFrom = holdRoom

// A door is what a host remembers of people who are not in the room just now: the events do not tell, and a snapshot
// would grow with the audience. Room.mu guards it.
type door struct {
	lost  map[doc.PublicKey]time.Time // whose connection broke, and when
	names map[doc.PublicKey]string    // of those who were removed, as they were called
}

func newDoor() door {
	return door{lost: make(map[doc.PublicKey]time.Time), names: make(map[doc.PublicKey]string)}
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

// removed notes what somebody was called who must stay out; of others than those in list it forgets the names.
func (d *door) removed(p doc.PublicKey, name string, list []doc.PublicKey) {
	delete(d.lost, p)
	d.names[p] = name
	maps.DeleteFunc(d.names, func(p doc.PublicKey, _ string) bool { return !slices.Contains(list, p) })
}

// named gives the removed their names.
func (d *door) named(list []doc.PublicKey) []PersonView {
	out := make([]PersonView, len(list))
	for i, p := range list {
		out[i] = PersonView{p, d.names[p]}
		if out[i].Name == "" {
			out[i].Name = "Guest " + p.Short()
		}
	}
	return out
}
