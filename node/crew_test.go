package node

import (
	"sync"
	"testing"
	"testing/synctest"
)

// fill gives the crew as many as may wait for more to do, who are idle as soon as they are back from it.
func (c *crew) fill() {
	var all sync.WaitGroup
	last := make(chan struct{})
	all.Add(int(crewIdle))
	for range crewIdle {
		c.do(func() {
			all.Done()
			<-last
		})
	}
	all.Wait()
	close(last)
}

// However many things last at once, each is done; afterwards few wait for more, and none after close.
func TestCrewIsNeverBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew()
		c.fill()
		synctest.Wait()
		if idle := c.idle.Load(); idle != crewIdle {
			t.Errorf("%d of a full crew wait for more, want %d", idle, crewIdle)
		}
		n := int(3*crewIdle) + 5
		for range 3 {
			var all sync.WaitGroup
			last := make(chan struct{})
			all.Add(n)
			for range n {
				c.do(func() {
					all.Done()
					<-last
				})
			}
			all.Wait() // for ever, if one waited for another
			close(last)
			synctest.Wait()
			if idle := c.idle.Load(); idle != crewIdle {
				t.Errorf("%d wait for more, want %d", idle, crewIdle)
			}
		}
		c.close()
		c.close()
	})
}

// What comes up for those who are idle takes no memory.
func TestCrewAllocatesNothing(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	c := newCrew()
	defer c.close()
	done := make(chan struct{})
	f := func() { done <- struct{}{} }
	one := func() {
		for c.idle.Load() == 0 { // it says that it is before it is
			c.do(f)
			<-done
		}
		c.do(f)
		<-done
	}
	one()
	if n := testing.AllocsPerRun(1000, one); n > 0.5 {
		t.Errorf("%v allocations", n)
	}
}
