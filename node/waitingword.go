package node

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/relay"
)

// A co-host who led the room vouches for people whom the leader after them may not know, and whom nobody could tell from keys that
// were made up. So each of these is believed when they are in the room here: most are a moment after the co-host.

const (
	waitingMost = outsMost * relay.MaxWords
	// waitingFor is how long somebody is waited for who spoke where a co-host led: who was in the room is back within seconds.
	waitingFor = time.Minute
)

// A waitingWord is somebody's, checked but for whether they are in the room.
type waitingWord struct {
	relay.Proof
	until time.Time
}

type waitingWords []waitingWord

// add has words wait; where there are too many the oldest are forgotten.
func (l *waitingWords) add(words []relay.Proof, now time.Time) {
	for _, w := range words {
		*l = slices.DeleteFunc(*l, func(o waitingWord) bool {
			return o.By == w.By && string(o.Evidence.Against) == string(w.Evidence.Against)
		})
		*l = append(*l, waitingWord{w, now.Add(waitingFor)})
	}
	*l = slices.Delete(*l, 0, max(0, len(*l)-waitingMost))
}

// settleOuts believes those of the words that wait whose authors are in the room by now. r.mu is held.
func (r *Room) settleOuts(now time.Time) {
	r.host.waitingOuts = slices.DeleteFunc(r.host.waitingOuts, func(w waitingWord) bool {
		id := peer.ID(w.Evidence.Against)
		device, err := deviceOf(id)
		if err != nil || !r.inRoom(w.By, now) {
			return err != nil || now.After(w.until)
		}
		a := r.accusedAt(id, device, now)
		a.what, a.last = w.What, now
		r.believe(id, a, w.Proof, w.At, now)
		return true
	})
}
