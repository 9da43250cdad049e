package room

import (
	"container/heap"
	"time"

	"salon/ledger/doc"
)

// Limits of Replay.
const (
	maxRemembered       = 1 << 16 // commands, about 5 MB
	maxRememberedPerson = 512     // commands of one person in four minutes: more than fingers make
)

// Replay refuses commands that are stale or were seen before. It remembers each command for as long as its time
// would let it in again. When it is full it refuses, because forgetting early would let a replay in.
// The zero value is ready; its caller serialises every call.
type Replay struct {
	seen      map[remembered]struct{}
	perPerson map[Person]int
	expiry    expiries
	floor     int64 // unix milliseconds: a command up to this time may have been forgotten
}

type remembered struct {
	person Person
	device Device
	nonce  uint64
}

type expiring struct {
	key  remembered
	time int64 // of the command, unix milliseconds
}

// Check returns nil the first time it sees a fresh command, and remembers it. Call it after the signature was verified:
// else a stranger could use up a device's nonces.
func (r *Replay) Check(by doc.Author, c Command, now time.Time) error {
	ms, skew := now.UnixMilli(), doc.Skew.Milliseconds()
	switch {
	case c.Time < ms-skew, c.Time <= r.floor: // the second when our clock was set back
		return ErrStale
	case c.Time > ms+skew:
		return ErrFuture
	}
	for len(r.expiry) > 0 && r.expiry[0].time < ms-skew {
		old := heap.Pop(&r.expiry).(expiring)
		r.forget(old.key)
		r.floor = max(r.floor, old.time)
	}
	key := remembered{by.Person, by.Device, c.Nonce}
	if _, ok := r.seen[key]; ok {
		return ErrReplay
	}
	if len(r.seen) >= maxRemembered || r.perPerson[by.Person] >= maxRememberedPerson {
		return ErrBusy
	}
	if r.seen == nil {
		r.seen, r.perPerson = map[remembered]struct{}{}, map[Person]int{}
	}
	r.seen[key] = struct{}{}
	r.perPerson[by.Person]++
	heap.Push(&r.expiry, expiring{key, c.Time})
	return nil
}

func (r *Replay) forget(key remembered) {
	delete(r.seen, key)
	if r.perPerson[key.person]--; r.perPerson[key.person] == 0 {
		delete(r.perPerson, key.person)
	}
}

// expiries is a heap, the oldest on top: commands do not arrive in the order of their times.
type expiries []expiring

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].time < e[j].time }
func (e expiries) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *expiries) Push(x any)        { *e = append(*e, x.(expiring)) }
func (e *expiries) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
