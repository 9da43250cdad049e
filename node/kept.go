package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

// What the home keeps of each room that this node is in, so that a crash takes nobody out of it: a file a room, replaced
// at every change, gone when the room is over or left. When a file was written last says when the node was alive last.

const (
	keptVersion = 1
	keptEvery   = 5 * time.Second // how often a file is marked as that of a room that lives
	keptMost    = 2 * maxRooms    // files looked at

	// holdLed is how long a host may come back to a room that somebody may have led meanwhile.
	holdLed = 12 * time.Hour

	// holdSold is how long a host may take up a room by ticket again, in which nobody waits any more: who has a ticket may come back.
	holdSold = 30 * 24 * time.Hour

	keptSuffix    = ".json"
	damagedSuffix = ".damaged"
)

// A kept is one such file.
type kept struct {
	Version int        `json:"version"`
	Host    *keptHost  `json:"host,omitempty"`  // of a room of ours,
	Guest   *keptGuest `json:"guest,omitempty"` // or of somebody else's
}

// A keptHost is all that a host needs to lead its room on.
type keptHost struct {
	Snapshot []byte                   `json:"snapshot"`         // the state, an open room's key in it; signed, so that it is whole or refused
	Keys     map[uint32][32]byte      `json:"keys,omitempty"`   // of a closed room, by epoch
	Link     [32]byte                 `json:"link,omitzero"`    // the secret of the invitation to it
	Inside   []doc.PublicKey          `json:"inside,omitempty"` // who was connected: they come in again, also if the room is locked
	Names    map[doc.PublicKey]string `json:"names,omitempty"`  // of the removed
	Barred   []doc.PublicKey          `json:"barred,omitempty"` // of them, those who were removed for being blocked

	Successors []string `json:"successors,omitempty"` // who may lead the room meanwhile: addresses, with their names

	Outs []keptOut `json:"outs,omitempty"` // relays that carry it no more

	// Tail are events that whoever leads the room next may not know, signed: see keptTail.
	Tail [][]byte `json:"tail,omitempty"`
}

// A keptGuest is how we were in somebody's room.
type keptGuest struct {
	Link   string `json:"link"`
	Title  string `json:"title"`
	Mode   string `json:"mode"`
	Placed bool   `json:"placed"` // with a seat or a raised hand
	Asked  bool   `json:"asked"`  // as in consent
	Muted  bool   `json:"muted"`
	HoldMS int64  `json:"hold_ms"` // how long the room holds a place

	Led *keptLed `json:"led,omitempty"` // while we led it in its host's place
}

// A keptLed is all that whoever leads a room in its host's place needs to lead it on.
type keptLed struct {
	Charter []byte `json:"charter"` // signed by the host
	keptHost
}

// An Unfinished is a room that this node was in when it was last ended without a farewell.
type Unfinished struct {
	Room  room.ID
	Title string
	Mode  room.Mode
	Ours  bool

	kept
	taken bool        // by somebody who takes it up
	alive time.Time   // when the node was, last
	state *room.State // of a room of ours, or that we led; else nil
	link  room.Link   // of somebody else's
}

// Named reports whether the room has a title, as a person would write it.
func (u *Unfinished) Named(title string) bool {
	clean, err := room.CleanTitle(title)
	return err == nil && clean == u.Title
}

// hold is how long the room may be taken up again.
func (u *Unfinished) hold() time.Duration {
	if u.Host != nil {
		if len(u.Host.Successors) > 0 {
			return holdLed
		}
		return holdTime(u.state.Charter)
	}
	return min(time.Duration(u.Guest.HoldMS)*time.Millisecond, holdMost)
}

// isLate reports whether nobody waits in the room any more. A time ahead of ours means that the clock was set back.
func (u *Unfinished) isLate(now time.Time) bool { return now.Sub(u.alive).Abs() > u.hold() }

// isGone reports whether the room cannot be taken up again at all.
func (u *Unfinished) isGone(now time.Time) bool {
	return u.isLate(now) && !(u.isSold() && now.Sub(u.alive).Abs() <= holdSold)
}

// isSold reports whether it is a room of ours by ticket.
func (u *Unfinished) isSold() bool { return u.Ours && u.state.Charter.Access == room.ByTicket }

func (h *Home) roomPath(id room.ID) string {
	return filepath.Join(h.path("rooms"), id.String()+keptSuffix)
}

// keepRoom stores a room; if durable, so that a power cut does not lose it.
func (h *Home) keepRoom(id room.ID, k kept, durable bool) error {
	k.Version = keptVersion
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(h.path("rooms"), 0o700); err != nil {
		return err
	}
	return replaceFile(h.roomPath(id), b, durable)
}

// roomLives marks a stored room as that of a node that lives.
func (h *Home) roomLives(id room.ID, now time.Time) error {
	return os.Chtimes(h.roomPath(id), now, now)
}

// forgetRoom removes a stored room: it is over, or we left it.
func (h *Home) forgetRoom(id room.ID) error {
	err := os.Remove(h.roomPath(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return errors.Join(err, syncFolder(h.path("rooms")))
}

// keptRooms reads what is stored. Rooms in which nobody waits any more, and what a crash left half-written, are removed.
// A file that cannot be understood is set aside under another name and told of in damaged.
func (h *Home) keptRooms(now time.Time) (rooms []Unfinished, damaged []error) {
	dir, err := os.Open(h.path("rooms"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []error{err}
	}
	defer dir.Close()
	names, err := dir.Readdirnames(0)
	if err != nil {
		return nil, []error{err}
	}
	for _, name := range names {
		path := filepath.Join(h.path("rooms"), name)
		switch {
		case strings.HasSuffix(name, damagedSuffix):
			continue
		case !strings.HasSuffix(name, keptSuffix):
			_ = os.Remove(path) // was being written
			continue
		case len(rooms) == keptMost:
			return rooms, damaged
		}
		u, err := h.readKept(path, now)
		if err != nil {
			aside := path + damagedSuffix
			if e := os.Rename(path, aside); e != nil {
				aside = path
			}
			damaged = append(damaged, fmt.Errorf("%s: %w", aside, err))
			continue
		}
		if u.isGone(now) {
			_ = os.Remove(path)
			continue
		}
		rooms = append(rooms, u)
	}
	return rooms, damaged
}

const maxKept = 2 << 20 // bytes of a file

var errKept = errors.New("not a room of this version of salon")

func (h *Home) readKept(path string, now time.Time) (Unfinished, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Unfinished{}, err
	}
	if info.Size() > maxKept {
		return Unfinished{}, errKept
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Unfinished{}, err
	}
	u := Unfinished{alive: info.ModTime()}
	if u.Room, err = room.ParseID(strings.TrimSuffix(filepath.Base(path), keptSuffix)); err != nil {
		return Unfinished{}, err
	}
	if err := json.Unmarshal(b, &u.kept); err != nil {
		return Unfinished{}, err
	}
	switch {
	case u.Version != keptVersion, (u.Host == nil) == (u.Guest == nil):
		return Unfinished{}, errKept
	case u.Guest != nil:
		if err := u.readGuest(); err != nil {
			return u, err
		}
		if u.Guest.Led != nil && u.readLed(h.Identity().Author(), now) != nil {
			u.Guest.Led = nil // our place in it is good all the same
		}
		return u, nil
	}
	return u, u.readHost(h.Identity().Author(), now)
}

func (u *Unfinished) readGuest() (err error) {
	if u.link, err = room.ParseLink(u.Guest.Link); err != nil {
		return err
	}
	if u.link.Room != u.Room {
		return errKept
	}
	u.Title = u.Guest.Title
	u.Mode, err = room.ParseMode(u.Guest.Mode)
	return err
}

// readLed reads the state of a room that we led in its host's place.
func (u *Unfinished) readLed(own doc.Author, now time.Time) error {
	c, err := room.OpenCharter(u.Guest.Led.Charter, now)
	if err != nil {
		return err
	}
	s, author, err := room.OpenSnapshot(u.Guest.Led.Snapshot, now)
	if err != nil {
		return err
	}
	if author != own || s.Leader() != own || c.Room != u.Room || !reflect.DeepEqual(c, s.Charter) || s.Ended {
		return errKept
	}
	u.state = s
	return nil
}

func (u *Unfinished) readHost(own doc.Author, now time.Time) error {
	s, author, err := room.OpenSnapshot(u.Host.Snapshot, now)
	if err != nil {
		return err
	}
	if author != own || s.Charter.Host != own.Person || s.Program.Device != own.Device || s.Charter.Room != u.Room || s.Ended {
		return errKept
	}
	u.Ours, u.Title, u.Mode, u.state = true, s.Charter.Title, s.Charter.Mode, s
	return nil
}
