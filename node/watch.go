package node

import (
	"sync"

	"salon/ledger/doc"
	"salon/room"
)

// A ChangeKind says what to look at again.
type ChangeKind uint8

const (
	StatusChanged ChangeKind = iota + 1
	RoomsChanged
	RoomChanged
	LevelsHeard
	ReactionsHeard
	PeopleChanged
	TipShown
)

// A Change tells a watcher that something is not as it was; it asks for the new state itself, so that changes may be
// merged.
type Change struct {
	Kind   ChangeKind
	Room   room.ID                 // RoomChanged, LevelsHeard, ReactionsHeard, TipShown
	Gone   bool                    // RoomChanged: we are in it no longer
	Levels map[doc.PublicKey]uint8 // LevelsHeard: -dBov by person; read only

	Reactions map[string]uint32 // ReactionsHeard: how many of each emoji since the last; read only
	Tip       *TipView          // TipShown; read only
}

type watchers struct {
	mu   sync.Mutex // guards the fields below
	next int
	f    map[int]func(Change)
}

// Watch calls f at every change until stop is called. f must be quick and must not call the node: it is called with
// locks held.
func (n *Node) Watch(f func(Change)) (stop func()) {
	w := &n.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		w.f = make(map[int]func(Change))
	}
	id := w.next
	w.next++
	w.f[id] = f
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.f, id)
	}
}

func (w *watchers) tell(c Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.f {
		f(c)
	}
}
