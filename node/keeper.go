package node

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

// A keeper keeps a room of ours in the home, one write at a time. Room.mu guards it, and is let go for each write.
type keeper struct {
	writing bool
	written *sync.Cond // with Room.mu: writing became false
	last    keptHost   // as written last, without the snapshot
	marked  time.Time  // when the file was last marked as that of a room that lives
}

func newKeeper(mu *sync.Mutex) keeper { return keeper{written: sync.NewCond(mu)} }

// turn waits until nothing is being written. Room.mu is held, and let go meanwhile.
func (k *keeper) turn() {
	for k.writing {
		k.written.Wait()
	}
}

// turn waits until nothing is being written, and reports whether the room is still led here. r.mu is held, and let go
// meanwhile.
func (r *Room) turn() bool {
	if r.host != nil {
		r.host.keeper.turn()
	}
	return r.host != nil
}

// write runs f without Room.mu, which is held before and after.
func (r *Room) write(f func() error) error {
	k := &r.host.keeper
	k.writing = true
	r.mu.Unlock()
	err := f()
	r.mu.Lock()
	k.writing = false
	k.written.Broadcast()
	return err
}

// keep stores the room as it is to be after an event, before anybody hears of it; one that has ended it forgets. So does a co-host who
// leads it: with nobody else to do so, it is lost until the host is back. Without
// it no incarnation and no key is given out: after a crash the same epoch would be given another. Anything else goes on in a room that a
// crash would then take back a little. raw is the event, signed, if there is one. Room.mu is held as for decide.
func (r *Room) keep(next *room.State, ev room.Event, raw []byte) error {
	id, home := r.id, r.n.home
	var err error
	ours := next.Charter.Host == r.n.Person()
	if !ours && next.Incarnation > r.heir.reserved.Incarnation { // what must not be handed out again outlasts the room's own file
		var now floor
		at := floor{next.Incarnation, next.Term.Epoch}
		if err = r.write(func() (err error) { _, now, err = home.reserve(id, at); return err }); err == nil {
			r.heir.reserved = now
		}
	}
	if err == nil && next.Ended {
		err = r.write(func() error { return home.forgetRoom(id) })
	} else if err == nil {
		beside := r.keptBeside(next, logged{room.Told{Event: ev, Leader: next.Program.Device}, raw})
		k := beside
		var guest keptGuest
		var charter []byte
		if !ours {
			guest, charter = r.keptAsGuest(), r.knownCharter(next.Charter)
		}
		r.host.keeper.last = keptHost{} // until it is written
		err = r.write(func() (err error) {
			if k.Snapshot, err = room.SignSnapshot(home.Identity(), next); err != nil {
				return err
			}
			all := kept{Host: &k}
			if !ours {
				guest.Led = &keptLed{charter, k}
				all = kept{Guest: &guest}
			}
			return home.keepRoom(id, all, mustLast(ev))
		})
		if err == nil {
			r.host.keeper.last = beside
		}
	}
	if err == nil {
		return nil
	}
	r.n.counts.Add("room_unkept")
	r.n.o.Log.Error("room not kept", "room", id.String(), "err", err)
	if ev.Kind != room.Publish && ev.Kind != room.Resumed && ev.Kind != room.Rekey {
		return nil
	}
	return &UserError{Code: "home_unwritable", Text: fmt.Sprintf("salon cannot write to its folder %s: %v. Make room on the disk, and try again.", home.Dir, err)}
}

// mustLast reports whether an event must outlast a power cut: it gives out an incarnation, or takes a right away. All
// others outlast the end of the process, for less than half the cost.
func mustLast(ev room.Event) bool {
	switch ev.Kind {
	case room.Publish, room.Resumed, room.Remove, room.MuteAll, room.Lock, room.Appoint, room.Withdraw,
		room.Strike, room.Relink, room.Rekey, room.Entrust, room.Relieve:
		return true
	case room.Mute, room.Return: // what one does to oneself can be done again
		return ev.By != ev.To
	}
	return false
}

// keptBeside is what is kept beside a state, which a last event led to if it is not logged yet. r.mu is held.
func (r *Room) keptBeside(s *room.State, last ...logged) keptHost {
	k := keptHost{Inside: sortedKeys(r.inside()), Barred: sortedKeys(r.host.door.barred), Successors: r.keptSuccessors()}
	k.Outs, k.Tail = r.keptOuts(time.Now()), r.keptTail(s, last...)
	if s.IsClosed() {
		k.Keys, k.Link = maps.Clone(r.keys.secrets), r.keys.link
	}
	for _, p := range s.Removed {
		if k.Names == nil {
			k.Names = make(map[doc.PublicKey]string)
		}
		k.Names[p] = r.names.view(p).Name
	}
	return k
}

// inside are the people who may come in again after a crash, as into a locked room. r.mu is held.
func (r *Room) inside() map[doc.PublicKey]bool {
	now := time.Now()
	people := r.present().people
	for p := range r.host.door.lost {
		if r.host.door.wasInside(p, now) {
			people[p] = true
		}
	}
	return people
}

func sortedKeys(m map[doc.PublicKey]bool) []doc.PublicKey { return sorted(maps.Keys(m)) }

func sorted(keys iter.Seq[doc.PublicKey]) []doc.PublicKey {
	return slices.SortedFunc(keys, func(a, b doc.PublicKey) int { return slices.Compare(a[:], b[:]) })
}

// stayKept marks the stored room as that of a node that lives, and notes who came and went since.
func (r *Room) stayKept(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.host == nil || now.Sub(r.host.keeper.marked) < keptEvery || !r.turn() || r.phase.Over() {
		return
	}
	k := &r.host.keeper
	k.marked = now
	err := os.ErrNotExist
	if reflect.DeepEqual(k.last, r.keptBeside(r.state)) {
		err = r.write(func() error { return r.n.home.roomLives(r.id, now) })
	}
	if errors.Is(err, os.ErrNotExist) && !r.state.Ended {
		_ = r.keep(r.state, room.Event{}, nil) // it says so itself
	}
}
