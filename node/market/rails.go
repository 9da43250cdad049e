package market

import (
	"context"
	"maps"
	"sync"

	"salon/ledger"
)

// rails are the ways of paying of a node. They come and go while it runs: what was begun by one that is gone waits until it is back.
type rails struct {
	mu      sync.Mutex       // guards the fields below
	list    map[string]*Rail // what a pointer points to does not change
	changed chan struct{}    // closed at the next change
}

func newRails(list map[string]Rail) *rails {
	r := &rails{list: map[string]*Rail{}, changed: make(chan struct{})}
	for name, rail := range list {
		r.list[name] = &rail
	}
	return r
}

// set puts a rail in the place of the one by that name; nil takes it away.
func (r *rails) set(name string, rail *Rail) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rail == nil {
		delete(r.list, name)
	} else {
		r.list[name] = rail
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *rails) get(name string) (Rail, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if rail := r.list[name]; rail != nil {
		return *rail, true
	}
	return Rail{}, false
}

// payer and payee are the halves of a rail; nil if it has not that one, or is gone.
func (r *rails) payer(name string) Payer { rail, _ := r.get(name); return rail.Payer }
func (r *rails) payee(name string) Payee { rail, _ := r.get(name); return rail.Payee }

// all are those of now, and what is closed when that is no longer so.
func (r *rails) all() (map[string]*Rail, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.list), r.changed
}

// SetRail takes up a way of paying, from now on and while the market runs, or puts another in its place. That of IOUs stays.
func (m *Market) SetRail(name string, r Rail) {
	if name != ledger.IOURail {
		m.rails.set(name, &r)
	}
}

// RemoveRail puts a way of paying down. A payment that is under way by it stays pending, and goes on once there is a rail of that
// name again.
func (m *Market) RemoveRail(name string) {
	if name != ledger.IOURail {
		m.rails.set(name, nil)
	}
}

// watchRails hears of payments by every rail that there is, until ctx ends. When it returns it hears of none.
func (m *Market) watchRails(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	type watch struct {
		rail *Rail
		stop context.CancelFunc
	}
	running := map[string]watch{}
	defer func() {
		for _, w := range running {
			w.stop()
		}
	}()
	for {
		list, changed := m.rails.all()
		for name, w := range running {
			if list[name] != w.rail {
				w.stop()
				delete(running, name)
			}
		}
		for name, r := range list {
			if _, on := running[name]; on || r.Payee == nil {
				continue
			}
			inner, stop := context.WithCancel(ctx)
			running[name] = watch{r, stop}
			all.Go(func() { m.watchRail(inner, name, r.Payee) })
			if c, ok := r.Payee.(Checkout); ok {
				all.Go(func() { m.watchDisputes(inner, name, c) })
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// watchRail hears of payments by one rail until ctx ends.
func (m *Market) watchRail(ctx context.Context, name string, p Payee) {
	every(ctx, watchAgain, func() {
		err := p.Watch(ctx, func(ev Event) error {
			if ev.Ref.IsZero() { // from here on nothing is missed
				return m.reconcile(ctx, name)
			}
			return m.heard(ctx, ev.Ref)
		})
		if err != nil && ctx.Err() == nil {
			m.log.Warn("rail not watched", "rail", name, "err", err)
		}
	})
}
