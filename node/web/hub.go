package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"salon/ledger/doc"
	"salon/node"
	"salon/room"
)

const (
	hubKeeps    = 512 // events a page may have missed
	hubClients  = 32
	clientHolds = 256
	keepAlive   = 15 * time.Second
	mergeFor    = 50 * time.Millisecond // changes within are told as one
)

// A hub tells every open page what changed. A page that lost its connection asks for what it missed.
type hub struct {
	s    *Server
	stop func()
	done chan struct{}
	wg   sync.WaitGroup
	poke chan struct{} // holds one

	chats map[room.ID]uint64 // how far the chat of each room was told; run's alone

	mu      sync.Mutex // guards the fields below
	closed  bool
	last    uint64
	kept    []message
	clients map[*client]bool
	dirty   dirty
}

// dirty is what changed since it was last told.
type dirty struct {
	status, people, rooms bool
	room                  map[room.ID]bool
}

type message struct {
	id    uint64 // 0: not kept, not replayed
	event string
	data  []byte
}

// A levelsEvent says how loud the people of a room are, several times a second.
type levelsEvent struct {
	Room   room.ID                 `json:"room"`
	Levels map[doc.PublicKey]uint8 `json:"levels"` // -dBov
}

// A reactionsEvent says how many of each came since the last.
type reactionsEvent struct {
	Room   room.ID           `json:"room"`
	Counts map[string]uint32 `json:"counts"`
}

// A qualityEvent says how well a room is heard, every second.
type qualityEvent struct {
	Room room.ID `json:"room"`
	node.QualityView
}

// A leftEvent names a room that we are in no longer.
type leftEvent struct {
	ID room.ID `json:"id"`
}

type client struct {
	out chan message
	// late is closed when the client cannot keep up: it will come back and ask for what it missed.
	late chan struct{}
	once sync.Once
}

func newHub(s *Server) *hub {
	h := &hub{s: s, done: make(chan struct{}), poke: make(chan struct{}, 1), clients: make(map[*client]bool), chats: make(map[room.ID]uint64)}
	h.dirty.room = make(map[room.ID]bool)
	// Ids begin where the clock stands, so that an id from before a restart is never taken for one of now.
	h.last = uint64(time.Now().UnixMilli()) << 8
	h.stop = s.n.Watch(h.note)
	h.wg.Go(h.run)
	return h
}

func (h *hub) close() {
	h.stop()
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	h.closed = true
	close(h.done)
	h.mu.Unlock()
	h.wg.Wait()
}

// note is called by the node with locks held: it only marks what to look at.
func (h *hub) note(c node.Change) {
	h.mu.Lock()
	switch c.Kind {
	case node.StatusChanged:
		h.dirty.status = true
	case node.PeopleChanged:
		h.dirty.people = true
	case node.RoomsChanged:
		h.dirty.rooms = true
	case node.RoomChanged:
		h.dirty.room[c.Room] = true
	case node.LevelsHeard:
		if len(h.clients) > 0 {
			if b, err := json.Marshal(levelsEvent{c.Room, c.Levels}); err == nil {
				h.sendLocked(message{event: "levels", data: b})
			}
		}
		h.mu.Unlock()
		return
	case node.ReactionsHeard:
		if b, err := json.Marshal(reactionsEvent{c.Room, c.Reactions}); err == nil {
			h.sendLocked(message{event: "reactions", data: b})
		}
		h.mu.Unlock()
		return
	case node.TipShown:
		if b, err := json.Marshal(tipEvent{c.Room, *c.Tip}); err == nil {
			h.keepLocked(message{event: "tip", data: b})
		}
		h.mu.Unlock()
		return
	}
	h.mu.Unlock()
	select {
	case h.poke <- struct{}{}:
	default:
	}
}

// run turns marks into events.
func (h *hub) run() {
	t := time.NewTimer(0)
	<-t.C
	quality := time.NewTicker(time.Second)
	defer quality.Stop()
	for {
		select {
		case <-h.done:
			return
		case <-quality.C:
			h.tellQuality()
			continue
		case <-h.poke:
		}
		h.flush()
		t.Reset(mergeFor)
		select {
		case <-h.done:
			return
		case <-t.C:
		}
	}
}

func (h *hub) flush() {
	h.mu.Lock()
	d := h.dirty
	h.dirty = dirty{room: make(map[room.ID]bool)}
	h.mu.Unlock()
	if d.status {
		h.tell("status", h.s.status())
	}
	if d.people {
		h.tell("people", h.s.people())
	}
	if d.rooms {
		h.tell("rooms", h.s.rooms())
	}
	for id := range d.room {
		if r := h.s.n.Room(id); r != nil {
			h.tell("room", r.View())
			h.tellChat(r)
		} else {
			h.tell("left", leftEvent{id})
			delete(h.chats, id)
		}
	}
}

// tellChat tells what is new in a room's chat. Only run calls it.
func (h *hub) tellChat(r *node.Room) {
	lines, next := r.Chat(h.chats[r.ID()])
	h.chats[r.ID()] = next
	if len(lines) > 0 {
		h.tell("chat", chatLines{r.ID(), lines, next})
	}
}

// tellQuality tells how well each room is heard. It is not kept: the next second has another.
func (h *hub) tellQuality() {
	h.mu.Lock()
	watched := len(h.clients) > 0
	h.mu.Unlock()
	if !watched {
		return
	}
	for _, r := range h.s.n.Rooms() {
		if r.Phase() != node.Live {
			continue
		}
		b, err := json.Marshal(qualityEvent{r.ID(), r.View().Quality})
		if err != nil {
			continue // our own types: cannot be
		}
		h.mu.Lock()
		h.sendLocked(message{event: "quality", data: b})
		h.mu.Unlock()
	}
}

// tell sends an event to every page and keeps it for those who come back.
func (h *hub) tell(event string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return // our own types: cannot be
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keepLocked(message{event: event, data: b})
}

// keepLocked sends an event under the next number, and keeps it.
func (h *hub) keepLocked(m message) {
	h.last++
	m.id = h.last
	h.kept = append(h.kept, m)
	if len(h.kept) > hubKeeps {
		h.kept = append(h.kept[:0], h.kept[len(h.kept)-hubKeeps:]...)
	}
	h.sendLocked(m)
}

func (h *hub) sendLocked(m message) {
	for c := range h.clients {
		select {
		case c.out <- m:
		default:
			if m.id != 0 { // a lost level is drawn over in a moment, a lost event is not
				c.once.Do(func() { close(c.late) })
			}
		}
	}
}

// join adds a client and returns what it must be told first: what it missed, or everything.
func (h *hub) join(after uint64) (*client, []message, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.clients) >= hubClients {
		return nil, nil, false
	}
	c := &client{out: make(chan message, clientHolds), late: make(chan struct{})}
	h.clients[c] = true
	var first []message
	switch oldest := h.last - uint64(len(h.kept)); {
	case after == 0:
	case after >= oldest && after <= h.last:
		for _, m := range h.kept {
			if m.id > after {
				first = append(first, m)
			}
		}
		return c, first, true
	default:
		first = append(first, message{event: "reset", data: []byte("{}")})
	}
	// The state is read after the client was added: what changes meanwhile comes as an event as well.
	return c, append(first, message{id: h.last}), true
}

func (h *hub) leave(c *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
}

// serve streams events (text/event-stream) until the page goes.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	c, first, ok := h.join(after)
	if !ok {
		h.s.refused.add("api_too_many_pages")
		writeError(w, http.StatusServiceUnavailable, "too_many_pages", "Too many pages are open. Close some.")
		return
	}
	defer h.leave(c)
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	write := func(m message) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if m.id != 0 {
			fmt.Fprintf(w, "id: %d\n", m.id)
		}
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", m.event, m.data)
		return rc.Flush() == nil
	}
	for _, m := range first {
		if m.event == "" {
			for _, m := range h.everything(m.id) {
				if !write(m) {
					return
				}
			}
			continue
		}
		if !write(m) {
			return
		}
	}
	if rc.Flush() != nil {
		return
	}
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		select {
		case m := <-c.out:
			if !write(m) {
				return
			}
		case <-alive.C:
			_ = rc.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := w.Write([]byte(": alive\n\n")); err != nil || rc.Flush() != nil {
				return
			}
		case <-c.late:
			return
		case <-h.done:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// everything is the whole state as events. Only the last bears the id from which the page may later go on: one that
// loses its connection before gets everything again.
func (h *hub) everything(id uint64) []message {
	var out []message
	add := func(event string, v any) {
		if b, err := json.Marshal(v); err == nil {
			out = append(out, message{event: event, data: b})
		}
	}
	add("status", h.s.status())
	add("people", h.s.people())
	add("rooms", h.s.rooms())
	for _, r := range h.s.n.Rooms() {
		add("room", r.View())
		if lines, next := r.Chat(0); len(lines) > 0 {
			add("chat", chatLines{r.ID(), lines, next})
		}
	}
	out[len(out)-1].id = id
	return out
}
