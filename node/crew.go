package node

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// A crew does what comes up at many connections that are silent most of the time. A goroutine of each one's own would keep the
// stack that it once needed for as long as the connection lasts; the crew has a few such stacks. It is never busy: what nobody
// is idle for gets a goroutine more.
type crew struct {
	jobs chan func()
	done chan struct{}
	idle atomic.Int32
	once sync.Once
	wg   sync.WaitGroup
}

// crewIdle is how many wait for something to do.
var crewIdle = int32(2 * runtime.GOMAXPROCS(0))

func newCrew() *crew { return &crew{jobs: make(chan func()), done: make(chan struct{})} }

// do has somebody call f soon. It never blocks.
func (c *crew) do(f func()) {
	select {
	case c.jobs <- f:
	default:
		c.wg.Add(1)
		go c.work(f)
	}
}

func (c *crew) work(f func()) {
	defer c.wg.Done()
	for f != nil {
		f()
		f = c.next()
	}
}

// next waits for something to do; nil if there are enough who do.
func (c *crew) next() func() {
	defer c.idle.Add(-1)
	if c.idle.Add(1) > crewIdle {
		return nil
	}
	select {
	case f := <-c.jobs:
		return f
	case <-c.done:
		return nil
	}
}

// close returns when everybody has done what they had to. Nobody calls do any more.
func (c *crew) close() {
	c.once.Do(func() { close(c.done) })
	c.wg.Wait()
}
