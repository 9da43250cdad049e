package node

import (
	"maps"
	"sync"
)

// counters counts what was refused or dropped, each under a constant name, so that nothing vanishes unseen.
type counters struct {
	mu sync.Mutex // guards the field below
	n  map[string]uint64
}

func newCounters() *counters { return &counters{n: make(map[string]uint64)} }

// Add counts one under name, which must be a constant of the code: never a peer's bytes.
func (c *counters) Add(name string) {
	c.mu.Lock()
	c.n[name]++
	c.mu.Unlock()
}

// AddMany counts k under name.
func (c *counters) AddMany(name string, k uint64) {
	if k == 0 {
		return
	}
	c.mu.Lock()
	c.n[name] += k
	c.mu.Unlock()
}

// Snapshot copies all counts.
func (c *counters) Snapshot() map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}
