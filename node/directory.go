package node

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

const (
	directorySize = 4096 // rooms known at once
	roomsPerHost  = 4    // live rooms one person may announce
	keptPerHost   = 20   // rooms of one person, those that have just ended included
)

// Why an announcement that holds was not taken. Neither is held against the peer that sent it.
var (
	errCrowded = errors.New("node: too many rooms")
	errOld     = errors.New("node: announcement not newer than the one known")
)

// A directory holds the newest announcement of every room that is live as far as we heard.
// Rooms leave it when their announcement expires; an ended room stays, unlisted, until then, so that an
// announcement still on its way cannot bring it back: a room ends once.
type directory struct {
	mu    sync.Mutex // guards the field below
	rooms map[room.ID]listing
}

type listing struct {
	ann    room.Announcement
	device doc.PublicKey
	raw    []byte
	since  time.Time // first heard of
	until  time.Time // when to forget it
}

func newDirectory() *directory { return &directory{rooms: make(map[room.ID]listing)} }

// Take checks raw from cheap to dear and keeps it. It reports the room's listing and whether it is news to a reader.
func (d *directory) Take(raw []byte, now time.Time) (changed bool, err error) {
	a, author, err := room.ParseAnnouncement(raw)
	if err != nil {
		return false, err
	}
	if err := a.CheckTime(now); err != nil {
		return false, err
	}
	if err := d.fits(a); err != nil {
		return false, err
	}
	if err := room.VerifyAnnouncement(raw, now); err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fitsLocked(a); err != nil {
		return false, err // another one was faster
	}
	old, known := d.rooms[a.Room]
	l := listing{ann: *a, device: author.Device, raw: slices.Clone(raw), since: now, until: a.Until(now)}
	if known {
		l.since = old.since
	}
	d.rooms[a.Room] = l
	if !known {
		return !a.Ended, nil
	}
	return !sameToReader(old.ann, *a), nil
}

func sameToReader(a, b room.Announcement) bool {
	return a.Ended == b.Ended && a.Title == b.Title && a.HostName == b.HostName && a.Listeners == b.Listeners && a.Speakers == b.Speakers && a.Mode == b.Mode
}

func (d *directory) fits(a *room.Announcement) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fitsLocked(a)
}

func (d *directory) fitsLocked(a *room.Announcement) error {
	if old, ok := d.rooms[a.Room]; ok {
		if old.ann.Version >= a.Version || old.ann.Ended {
			return errOld
		}
		return nil
	}
	if len(d.rooms) >= directorySize {
		return errCrowded
	}
	live, kept := 0, 0
	for _, l := range d.rooms {
		if l.ann.Host == a.Host {
			kept++
			if !l.ann.Ended {
				live++
			}
		}
	}
	if kept >= keptPerHost || !a.Ended && live >= roomsPerHost {
		return errCrowded
	}
	return nil
}

// Expire forgets rooms whose announcement ran out and reports whether a listed one was among them.
func (d *directory) Expire(now time.Time) (changed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, l := range d.rooms {
		if now.After(l.until) {
			delete(d.rooms, id)
			changed = changed || !l.ann.Ended
		}
	}
	return changed
}

// Live lists the rooms one can join, newest first.
func (d *directory) Live(now time.Time) []listing {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []listing
	for _, l := range d.rooms {
		if !l.ann.Ended && !now.After(l.until) {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b listing) int {
		return cmp.Or(b.since.Compare(a.since), cmp.Compare(a.ann.Room.String(), b.ann.Room.String()))
	})
	return out
}

// Get finds a live room.
func (d *directory) Get(id room.ID, now time.Time) (listing, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.rooms[id]
	return l, ok && !l.ann.Ended && !now.After(l.until)
}

// versions is what we tell a peer we have.
func (d *directory) versions() map[room.ID]uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make(map[room.ID]uint64, len(d.rooms))
	for id, l := range d.rooms {
		out[id] = l.ann.Version
	}
	return out
}

// Missing returns announcements that a peer which has those versions lacks, at most max.
func (d *directory) Missing(have map[room.ID]uint64, max int, now time.Time) [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out [][]byte
	for id, l := range d.rooms {
		if len(out) == max {
			break
		}
		if v, ok := have[id]; (!ok || v < l.ann.Version) && !now.After(l.until) {
			out = append(out, l.raw)
		}
	}
	return out
}
