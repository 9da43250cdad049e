package web

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"salon/node"
	"salon/node/rtc"
	"salon/relay"
)

const (
	checkFor   = 5 * time.Second
	checkLives = 2 * time.Minute
	checksMax  = 4
)

// checks are the sound checks that are open: five seconds of a microphone, through everything a listener's sound goes
// through, and back to the ear.
type checks struct {
	s    *Server
	next atomic.Uint64

	mu   sync.Mutex // guards the field below
	open map[string]*check
}

type check struct {
	id   string
	s    *Server
	path *node.SoundPath
	end  *time.Timer

	mu     sync.Mutex // guards the fields below
	begun  time.Time
	level  int // loudest so far, dBFS
	heard  [][]byte
	links  []relay.Link
	ready  bool
	closed bool
}

// checkEvent is what a page is told.
type checkEvent struct {
	ID     string `json:"id"`
	Phase  string `json:"phase"` // recording, ready, playing, done
	LeftMS int64  `json:"left_ms"`
	Level  int    `json:"level"` // dBFS, the loudest frame
}

var errCheckOver = &rtc.Refusal{Status: http.StatusNotFound, Name: "no_check", Text: "This sound check is over. Start another."}

type checkCreated struct {
	ID string `json:"id"`
}

func (cs *checks) create(w http.ResponseWriter, _ *http.Request) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.open == nil {
		cs.open = make(map[string]*check)
	}
	if len(cs.open) >= checksMax {
		writeError(w, http.StatusServiceUnavailable, "too_many_checks", "Too many sound checks are open. Close one first.")
		return
	}
	c := &check{id: fmt.Sprint(cs.next.Add(1)), s: cs.s, level: -127}
	c.path = cs.s.n.NewSoundPath(c.arrived)
	c.end = time.AfterFunc(checkLives, func() { cs.close(c.id) })
	cs.open[c.id] = c
	writeJSON(w, http.StatusCreated, checkCreated{c.id})
}

func (cs *checks) get(w http.ResponseWriter, r *http.Request) *check {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c := cs.open[r.PathValue("id")]
	if c == nil {
		refuseMedia(w, r, errCheckOver)
	}
	return c
}

func (cs *checks) remove(w http.ResponseWriter, r *http.Request) {
	if c := cs.get(w, r); c != nil {
		cs.close(c.id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func (cs *checks) close(id string) {
	cs.mu.Lock()
	c := cs.open[id]
	delete(cs.open, id)
	cs.mu.Unlock()
	if c != nil {
		c.close()
	}
}

func (cs *checks) closeAll() {
	cs.mu.Lock()
	ids := make([]string, 0, len(cs.open))
	for id := range cs.open {
		ids = append(ids, id)
	}
	cs.mu.Unlock()
	for _, id := range ids {
		cs.close(id)
	}
}

func (cs *checks) whip(w http.ResponseWriter, r *http.Request) {
	if c := cs.get(w, r); c != nil {
		c.s.rtc.ServeWHIP(w, r, rtc.Offer{OnSession: c.record})
	}
}

func (cs *checks) whep(w http.ResponseWriter, r *http.Request) {
	if c := cs.get(w, r); c != nil {
		c.s.rtc.ServeWHEP(w, r, rtc.Offer{OnSession: c.play})
	}
}

func (cs *checks) publishSocket(w http.ResponseWriter, r *http.Request) {
	if c := cs.get(w, r); c != nil {
		c.s.rtc.ServeTicket(w, r, rtc.Publish, rtc.Offer{OnSession: c.record})
	}
}

func (cs *checks) playSocket(w http.ResponseWriter, r *http.Request) {
	if c := cs.get(w, r); c != nil {
		c.s.rtc.ServeTicket(w, r, rtc.Play, rtc.Offer{OnSession: c.play})
	}
}

// record reads the microphone into the sound path until five seconds have come out of it.
func (c *check) record(l *rtc.Session) error {
	if !c.keep(l) {
		return errCheckOver
	}
	c.s.wg.Go(func() {
		var p relay.Packet
		for l.Receive(&p) == nil {
			for _, f := range p.Frames {
				c.path.Speak(f.Sealed, time.Now())
			}
			if c.full() {
				break
			}
		}
		l.Close()
	})
	return nil
}

// arrived takes one frame that went the whole way.
func (c *check) arrived(opus []byte, level uint8) {
	now := time.Now()
	c.mu.Lock()
	if c.ready || c.closed {
		c.mu.Unlock()
		return
	}
	if c.begun.IsZero() {
		c.begun = now
	}
	c.heard = append(c.heard, slices.Clone(opus))
	c.level = max(c.level, -int(level))
	n := len(c.heard)
	left := checkFor - time.Duration(n)*relay.FrameDuration
	c.ready = left <= 0
	e := checkEvent{c.id, "recording", max(left, 0).Milliseconds(), c.level}
	c.mu.Unlock()
	if e.LeftMS == 0 {
		e.Phase = "ready"
	}
	if n%6 == 0 || e.Phase == "ready" {
		c.s.hub.tell("check", e)
	}
}

func (c *check) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready || c.closed
}

// play sends what was recorded at the pace it was said.
func (c *check) play(l *rtc.Session) error {
	c.mu.Lock()
	heard, ready, level := c.heard, c.ready, c.level
	c.mu.Unlock()
	if !ready {
		return &rtc.Refusal{Status: http.StatusConflict, Name: "check_not_ready", Text: "Record five seconds first."}
	}
	if !c.keep(l) {
		return errCheckOver
	}
	c.s.wg.Go(func() {
		defer l.Close()
		select {
		case <-l.Connected():
		case <-l.Done():
			return
		}
		c.s.hub.tell("check", checkEvent{c.id, "playing", checkFor.Milliseconds(), level})
		t := time.NewTicker(relay.FrameDuration)
		defer t.Stop()
		for i, b := range heard {
			l.Send(&relay.Packet{Frames: []relay.Frame{{Number: uint64(i), Sealed: b}}})
			select {
			case <-l.Done():
				return
			case <-t.C:
			}
		}
		// The last frames wait in the browser's buffer for a moment.
		select {
		case <-l.Done():
		case <-time.After(300 * time.Millisecond):
		}
		c.s.hub.tell("check", checkEvent{c.id, "done", 0, level})
	})
	return nil
}

// keep notes a link so that it ends with the check.
func (c *check) keep(l relay.Link) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.links = append(c.links, l)
	return true
}

func (c *check) close() {
	c.end.Stop()
	c.mu.Lock()
	c.closed = true
	links := c.links
	c.mu.Unlock()
	for _, l := range links {
		l.Close()
	}
}
