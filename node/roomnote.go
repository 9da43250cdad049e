package node

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"salon/node/market"
	"salon/room"
)

// A roomNote is what a home keeps of a room that tickets were bought to, for their buyer to read, and to find the way there:
// a ticket names its room by ID alone. None of it is proof of anything, and it may be erased.
type roomNote struct {
	Room  room.ID    `json:"room"`
	Title string     `json:"title"`
	Host  PersonView `json:"host"`
	Link  string     `json:"link"`
}

const roomNotesMost = 256 // the oldest are forgotten

// roomNotes are those of the home, the newest last. What cannot be read is none.
func (h *Home) roomNotes() []roomNote {
	b, err := os.ReadFile(h.path("tickets.json"))
	if err != nil {
		return nil
	}
	var notes []roomNote
	if json.Unmarshal(b, &notes) != nil {
		return nil
	}
	return notes
}

func (h *Home) keepRoomNote(note roomNote) error {
	h.settingsMu.Lock()
	defer h.settingsMu.Unlock()
	notes := slices.DeleteFunc(h.roomNotes(), func(n roomNote) bool { return n.Room == note.Room })
	notes = append(notes, note)
	b, err := json.MarshalIndent(notes[max(0, len(notes)-roomNotesMost):], "", "\t")
	if err != nil {
		return err
	}
	return writeFile(h.path("tickets.json"), append(b, '\n'))
}

// lookedAt are rooms that were looked at before going in, the latest last: a wish for tickets to one names it, though its host is
// gone. Nothing is kept on disk for looking.
type lookedAt struct {
	mu   sync.Mutex // guards the field below; taken last
	list []roomNote // at most lookedAtMost
}

const lookedAtMost = 64

func (l *lookedAt) add(note roomNote) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(slices.DeleteFunc(l.list, func(n roomNote) bool { return n.Room == note.Room }), note)
	l.list = slices.Delete(l.list, 0, max(0, len(l.list)-lookedAtMost))
}

// of is what was seen of a room, the zero note if nothing was.
func (l *lookedAt) of(id room.ID) roomNote {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.IndexFunc(l.list, func(n roomNote) bool { return n.Room == id }); i >= 0 {
		return l.list[i]
	}
	return roomNote{}
}

// begun reports whether a purchase that did not end well may still bring tickets: the seller has not refused it.
func begun(err error) bool {
	return errors.Is(err, market.ErrPending) || explain(sellerError(err)).Code == errUnreachable.Code
}

// noteRoom keeps what is known of a room that one has bought tickets to, and may ask its host. Where that fails the tickets are
// as good.
func (n *Node) noteRoom(ctx context.Context, link room.Link, ask bool) {
	note := n.knownRoom(link.Room, nil, time.Now())
	if note.Title == "" && ask {
		if a, _, err := n.look(ctx, link); err == nil {
			note.Title, note.Host = a.Title, PersonView{a.Host, a.HostName}
		}
	}
	note.Room, note.Link = link.Room, link.String()
	if note.Host.Person.IsZero() {
		note.Host.Person = link.Host
	}
	if err := n.home.keepRoomNote(note); err != nil {
		n.o.Log.Warn("note of a room", "err", err)
	}
	n.learnContacts()
}

// knownRoom is what is announced of a room now or, if it is not, what was noted, or seen.
func (n *Node) knownRoom(id room.ID, notes []roomNote, now time.Time) roomNote {
	var note roomNote
	if i := slices.IndexFunc(notes, func(n roomNote) bool { return n.Room == id }); i >= 0 {
		note = notes[i]
	}
	if seen := n.lookedAt.of(id); note.Title == "" && seen.Title != "" {
		note.Title, note.Host = seen.Title, seen.Host
	}
	if l, ok := n.dir.Get(id, now); ok {
		note.Title, note.Host = l.ann.Title, PersonView{l.ann.Host, l.ann.HostName}
	}
	return note
}
