// Package rtc is how a browser on this machine talks and listens: WHIP (RFC 9725) to publish a microphone, WHEP to
// play what the room says, both over pion. Any other WHIP or WHEP client works as well. A page that finds no path for these
// has a WebSocket instead (socket.go).
//
// A session is one client in one direction, and a relay.Link of plain Opus frames: the node seals what it receives and
// opens what it sends. Always:
//
//   - Frames from a publisher come in order, each number once, 20 ms each; a number that never comes was lost.
//   - A session that does not connect, and one whose browser has gone, ends by itself within a bound.
//   - Sending never blocks: a full queue drops its oldest frame.
//   - Bodies, sessions, requests at once, candidates and queues are bounded; each refusal and drop is counted by name.
//
// Who may publish or play, and from which origin, is decided by the caller before it calls here.
package rtc

import (
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pion/transport/v4"
)

// Options configures New. The zero value works.
type Options struct {
	MaxSessions   int           // open at once, connected or not; 0 means 32
	ConnectWithin time.Duration // a session not connected by then ends; 0 means 15 s
	GoneAfter     time.Duration // a connected client silent for so long (no media, no STUN) has gone; 0 means 5 s
	BodyWithin    time.Duration // a request's body must have arrived by then; 0 means 5 s
	LoopbackOnly  bool          // offer loopback addresses only; else those of every interface as well
	Port          *Port         // what all sessions share; nil means sockets of each one's own
	Resource      string        // path before a session's id in Location; "" means "/api/v1/media/"
	Socket        string        // address of ServeSocket, before the ticket; "" means "/api/v1/socket?ticket="

	// Refuse answers a request that is not served. Nil means the text as text/plain.
	Refuse func(http.ResponseWriter, *http.Request, *Refusal)
	Log    *slog.Logger // nil means discard

	net     transport.Net // tests: another network
	unpaced bool          // tests: sound over a WebSocket may come faster than it is said
}

func (o *Options) setDefaults() {
	if o.MaxSessions <= 0 {
		o.MaxSessions = 32
	}
	if o.ConnectWithin <= 0 {
		o.ConnectWithin = 15 * time.Second
	}
	if o.GoneAfter <= 0 {
		o.GoneAfter = 5 * time.Second
	}
	if o.BodyWithin <= 0 {
		o.BodyWithin = 5 * time.Second
	}
	if o.Resource == "" {
		o.Resource = "/api/v1/media/"
	}
	if o.Socket == "" {
		o.Socket = "/api/v1/socket?ticket="
	}
	if o.Refuse == nil {
		o.Refuse = refuseAsText
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// An Endpoint holds all browser sessions of a node. It is safe for concurrent use.
type Endpoint struct {
	opts     Options
	requests chan struct{} // a place for each request that may be under way
	refused  *counters
	ended    *counters
	dropped  *counters

	running sync.WaitGroup // one for each session that has not released everything

	mu       sync.Mutex // guards the fields below
	sessions map[string]*Session
	opened   uint64
	closed   bool
}

// New makes an endpoint. It opens no socket before the first session.
func New(o Options) *Endpoint {
	o.setDefaults()
	return &Endpoint{
		opts:     o,
		requests: make(chan struct{}, maxRequests),
		refused:  newCounters(),
		ended:    newCounters(),
		dropped:  newCounters(),
		sessions: make(map[string]*Session),
	}
}

// Close ends every session, waits until each has released its sockets, and refuses what comes after.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	e.closed = true
	open := make([]*Session, 0, len(e.sessions))
	for _, s := range e.sessions {
		open = append(open, s)
	}
	e.mu.Unlock()
	for _, s := range open {
		s.stop(ErrEndpointClosed)
	}
	e.running.Wait()
	return nil
}

// Stats is what an endpoint has done since New. The names in its maps are constants of this package.
type Stats struct {
	Open    int               // sessions now, connected or not
	Opened  uint64            // sessions that were ever answered
	Refused map[string]uint64 // requests, by why
	Ended   map[string]uint64 // sessions, by why
	Dropped map[string]uint64 // packets and frames of all sessions, by why
}

// Stats returns the counts so far.
func (e *Endpoint) Stats() Stats {
	e.mu.Lock()
	open, opened := len(e.sessions), e.opened
	e.mu.Unlock()
	dropped := e.dropped.snapshot()
	if p := e.opts.Port; p != nil {
		p.mu.Lock()
		dropped["port_full"], dropped["refused"] = p.full, p.failed
		p.mu.Unlock()
	}
	return Stats{
		Open: open, Opened: opened,
		Refused: e.refused.snapshot(), Ended: e.ended.snapshot(), Dropped: dropped,
	}
}

// Session finds an open session.
func (e *Endpoint) Session(id string) (*Session, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, ok := e.sessions[id]
	return s, ok
}

// admit gives s one of the bounded places.
func (e *Endpoint) admit(s *Session) *Refusal {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return refusal(http.StatusServiceUnavailable, "closing", "This node is shutting down; start it again.")
	}
	if len(e.sessions) >= e.opts.MaxSessions {
		return refusal(http.StatusServiceUnavailable, "too_many_sessions",
			"Too many pages are connected to this node; close one, or wait a few seconds and try again.")
	}
	e.sessions[s.id] = s
	e.running.Add(1)
	return nil
}

// forget gives its place back.
func (e *Endpoint) forget(s *Session) {
	e.mu.Lock()
	delete(e.sessions, s.id)
	e.mu.Unlock()
}

// newID makes the name of a session, which nobody can guess: it is all that PATCH and DELETE ask for.
func newID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: it ends the process first
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// counters counts under names that are constants of this package, never a client's bytes.
type counters struct {
	mu sync.Mutex // guards the field below
	n  map[string]uint64
}

func newCounters() *counters { return &counters{n: make(map[string]uint64)} }

func (c *counters) add(name string) {
	c.mu.Lock()
	c.n[name]++
	c.mu.Unlock()
}

func (c *counters) snapshot() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}
