package web

import (
	"context"
	"net/http"
	"sync"
	"time"

	"salon/node"
	"salon/node/demo"
	"salon/room"
)

// A demoRunner runs "Hear it work", one at a time.
type demoRunner struct {
	s *Server

	mu     sync.Mutex         // guards the fields below
	cancel context.CancelFunc // nil when none runs
	done   chan struct{}
}

type demoStarted struct {
	Room room.ID `json:"room"` // which the node is in
}

func (d *demoRunner) start(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(context.Background())
	d.mu.Lock()
	if d.cancel != nil {
		d.mu.Unlock()
		cancel()
		writeError(w, http.StatusConflict, "demo_runs", "The demo is running already.")
		return
	}
	done := make(chan struct{})
	d.cancel, d.done = cancel, done
	d.mu.Unlock()
	in := make(chan room.ID, 1)
	failed := make(chan error, 1)
	go func() {
		defer close(done)
		failed <- demo.Run(ctx, d.s.n, func(s demo.Step) { d.s.hub.tell("demo", s) }, func(rm *node.Room) { in <- rm.ID() })
		cancel()
		d.mu.Lock()
		d.cancel = nil
		d.mu.Unlock()
	}()
	select {
	case id := <-in:
		writeJSON(w, http.StatusCreated, demoStarted{id})
	case err := <-failed:
		fail(w, err)
	case <-time.After(15 * time.Second):
		writeError(w, http.StatusGatewayTimeout, "demo_slow", "The demo did not start within 15 seconds.")
		cancel()
	}
}

func (d *demoRunner) end(w http.ResponseWriter, _ *http.Request) {
	d.stop()
	w.WriteHeader(http.StatusNoContent)
}

// stop ends a running demo and waits for it.
func (d *demoRunner) stop() {
	d.mu.Lock()
	cancel, done := d.cancel, d.done
	d.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}
