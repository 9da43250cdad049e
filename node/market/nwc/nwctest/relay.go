package nwctest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"salon/node/market/nwc"
)

// A relay passes events on to whoever asked for such, twice each, between lines that mean nothing.
type relay struct {
	server *httptest.Server
	take   func(nwc.Event) // hears of requests

	mu      sync.Mutex // guards the fields below
	kept    []nwc.Event
	peers   map[*peer]bool
	changed chan struct{} // closed at the next subscription
}

type peer struct {
	conn    *websocket.Conn
	writing sync.Mutex
	wants   *filter // guarded by relay.mu
}

type filter struct {
	Kinds   []int    `json:"kinds"`
	Authors []string `json:"authors"`
	Request []string `json:"#e"`
	For     []string `json:"#p"`
}

func (f *filter) matches(e nwc.Event) bool {
	return slices.Contains(f.Kinds, e.Kind) && slices.Contains(f.Authors, e.PubKey) &&
		(len(f.Request) == 0 || slices.Contains(f.Request, e.Tag("e"))) && (len(f.For) == 0 || slices.Contains(f.For, e.Tag("p")))
}

func newRelay(t testing.TB, take func(nwc.Event)) *relay {
	r := &relay{take: take, peers: map[*peer]bool{}, changed: make(chan struct{})}
	r.server = httptest.NewServer(r)
	t.Cleanup(func() {
		r.cut()
		r.server.Close()
	})
	return r
}

func (r *relay) url() string { return "ws" + strings.TrimPrefix(r.server.URL, "http") }

// cut ends every connection.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.peers {
		p.conn.Close()
	}
}

// subscribed waits until somebody has asked for events of a kind.
func (r *relay) subscribed(t testing.TB, kind int) {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		r.mu.Lock()
		changed := r.changed
		found := false
		for p := range r.peers {
			found = found || p.wants != nil && slices.Contains(p.wants.Kinds, kind)
		}
		r.mu.Unlock()
		if found {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("nobody asked for events of kind %d", kind)
		}
	}
}

// publish passes an event on. Of one kind that is kept, the last alone is.
func (r *relay) publish(e nwc.Event) {
	r.mu.Lock()
	if e.Kind == 13194 {
		r.kept = []nwc.Event{e}
	}
	var to []*peer
	for p := range r.peers {
		// A relay that lies passes on what nobody asked for.
		if p.wants != nil && (p.wants.matches(e) || e.Kind == 23195 && slices.Contains(p.wants.Kinds, 23195)) {
			to = append(to, p)
		}
	}
	r.mu.Unlock()
	for _, p := range to {
		for range 2 {
			p.say("EVENT", "salon", e)
		}
	}
}

func (p *peer) say(parts ...any) {
	p.writing.Lock()
	defer p.writing.Unlock()
	_ = p.conn.WriteJSON(parts)
}

func (r *relay) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := up.Upgrade(w, q, nil)
	if err != nil {
		return
	}
	p := &peer{conn: conn}
	r.mu.Lock()
	r.peers[p] = true
	r.mu.Unlock()
	var busy sync.WaitGroup
	defer func() {
		r.mu.Lock()
		delete(r.peers, p)
		r.mu.Unlock()
		conn.Close()
		busy.Wait()
	}()
	p.say("NOTICE", "hello")
	for {
		var parts []json.RawMessage
		if err := conn.ReadJSON(&parts); err != nil {
			return
		}
		var what string
		if len(parts) > 0 {
			_ = json.Unmarshal(parts[0], &what)
		}
		switch {
		case what == "REQ" && len(parts) == 3:
			var f filter
			if err := json.Unmarshal(parts[2], &f); err != nil {
				p.say("CLOSED", "salon", "error: no filter")
				return
			}
			r.mu.Lock()
			p.wants = &f
			kept := slices.Clone(r.kept)
			close(r.changed)
			r.changed = make(chan struct{})
			r.mu.Unlock()
			for _, e := range kept {
				if f.matches(e) {
					p.say("EVENT", "salon", e)
				}
			}
			p.say("EOSE", "salon")
		case what == "EVENT" && len(parts) == 2:
			var e nwc.Event
			if err := json.Unmarshal(parts[1], &e); err != nil || e.Verify() != nil {
				p.say("OK", e.ID, false, "invalid: it is not signed")
				continue
			}
			p.say("OK", e.ID, true, "")
			busy.Go(func() { r.take(e) })
		}
	}
}
