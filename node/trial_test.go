package node

import (
	"testing"
	"time"

	"salon/relay"
)

// A path is a link of which a test says what becomes of datagrams.
type path struct {
	relay.Link
	udp  bool
	loss float64
	sent int
}

func (p *path) Strain(datagrams int) bool {
	if p.udp {
		p.sent += datagrams
	}
	return p.udp
}

func (p *path) Stats() relay.LinkStats { return relay.LinkStats{UDP: p.udp, Loss: p.loss} }

// goOn is one step of the trial over a link.
func (r *Room) goOn(over relay.Link, now time.Time) (passed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var id relay.Peer
	var real relay.Link
	r.media.drive(func(p *relay.Place, _ time.Time) {
		id = p.Parent()
		real, r.media.links[id] = r.media.links[id], over
	})
	passed = r.tried(trialChildren, now)
	r.media.drive(func(*relay.Place, time.Time) { r.media.links[id] = real })
	return passed
}

// Nobody carries a room whose uplink did not take what the first children need.
func TestUplinkIsTried(t *testing.T) {
	g := plant(t, 1)
	bo := g.join("Bo")
	if err := bo.n.SetVolunteer(Volunteering{On: true}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, c := range []struct {
		name   string
		over   *path
		steps  int // until it is over
		passes bool
		sends  int // at least
	}{
		{"that takes all", &path{udp: true}, trialSteps + trialWait + 1, true, trialLeast},
		{"that loses a little", &path{udp: true, loss: trialLoss}, trialSteps + trialWait + 1, true, trialLeast},
		{"that loses too much", &path{udp: true, loss: 2 * trialLoss}, trialSteps + trialWait + 1, false, trialLeast},
		{"by a stream", &path{}, 1, false, 0},
	} {
		before := bo.n.Counts()
		for i := 1; i <= c.steps; i++ {
			if now = now.Add(time.Second); bo.goOn(c.over, now) != (c.passes && i == c.steps) {
				t.Errorf("one %s: step %d of %d", c.name, i, c.steps)
			}
		}
		after := bo.n.Counts()
		if passed, failed := after["volunteer_tried"] > before["volunteer_tried"], after["volunteer_narrow"] > before["volunteer_narrow"]; passed != c.passes || failed == c.passes {
			t.Errorf("one %s: passed %v, failed %v", c.name, passed, failed)
		}
		if v := bo.n.Volunteer(); v.Narrow == c.passes || c.over.sent < c.sends {
			t.Errorf("one %s: %d datagrams were sent, and it says %+v", c.name, c.over.sent, v)
		}
		bo.mu.Lock()
		again := bo.lends.next.Sub(now)
		bo.mu.Unlock()
		if !c.passes && again != volunteerAfter {
			t.Errorf("one %s: tried again %v after", c.name, again)
		}
	}
	// Of another parent's path nothing is known.
	first, second := &path{udp: true}, &path{udp: true}
	bo.goOn(first, now)
	for range trialSteps + trialWait {
		if bo.goOn(second, now) {
			t.Error("half of it went to another parent")
		}
	}
	if !bo.goOn(second, now) || second.sent < trialLeast {
		t.Errorf("%d datagrams went to the new parent, and it has not passed", second.sent)
	}
	// What two need in a concert is more.
	if talk, concert := trialDatagrams(trialChildren, talkCost), trialDatagrams(trialChildren, concertCost); talk < trialLeast || concert*trialSize*8 < trialChildren*concertCost*1000*trialSteps*9/10 {
		t.Errorf("%d and %d datagrams", talk, concert)
	}
	if one, many := trialDatagrams(1, concertCost), trialDatagrams(100, concertCost); one*trialSize*8 > concertCost*1000*trialSteps || many != trialDatagrams(trialChildren, concertCost) {
		t.Errorf("%d datagrams where one child may be fed, %d where a hundred may", one, many)
	}
}

// What costs upload is tried again only when there may be something to learn: not soon after it was found good, and ever more rarely
// while it is too narrow.
func TestUplinkIsTriedRarely(t *testing.T) {
	g := plant(t, 1)
	bo := g.join("Bo")
	now := time.Now()
	good := &path{udp: true}
	// until has the trial go on until it is over, and returns whether it passed and what was sent.
	until := func(over *path) (passed bool, sent int) {
		before := over.sent
		for range trialSteps + trialWait + 1 {
			if now = now.Add(time.Second); bo.goOn(over, now) {
				return true, over.sent - before
			}
		}
		return false, over.sent - before
	}
	if passed, sent := until(good); !passed || sent < trialLeast {
		t.Fatalf("passed %v after %d datagrams", passed, sent)
	}
	for range 5 { // the parent says every minute that nobody reaches us
		now = now.Add(volunteerAgain)
		if passed, sent := until(good); !passed || sent != 0 {
			t.Errorf("a minute after it passed it is tried with %d datagrams: %v", sent, passed)
		}
	}
	good.udp = false
	if passed, _ := until(good); passed {
		t.Error("it passes by a path that takes no datagrams any more")
	}
	good.udp = true
	if passed, sent := until(good); !passed || sent < trialLeast {
		t.Errorf("when the path takes some again %d datagrams are sent: %v", sent, passed)
	}
	now = now.Add(trialHolds)
	if passed, sent := until(good); !passed || sent < trialLeast {
		t.Errorf("long after it passed %d datagrams are sent: %v", sent, passed)
	}
	narrow := &path{udp: true, loss: 2 * trialLoss}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 16, 16} {
		passed, _ := until(narrow)
		bo.mu.Lock()
		again := bo.lends.next.Sub(now)
		bo.mu.Unlock()
		if passed || again != want*volunteerAfter {
			t.Errorf("failed %d times, it is tried again after %v", i+1, again)
		}
	}
	// Its owner switches it off, mends something, and on again.
	for _, on := range []bool{true, false, true} {
		if err := bo.n.SetVolunteer(Volunteering{On: on}); err != nil {
			t.Fatal(err)
		}
	}
	bo.mu.Lock()
	if !bo.lends.next.IsZero() || bo.lends.failed != 0 {
		t.Errorf("switched on anew, it is tried at %v, as if it had failed %d times", bo.lends.next, bo.lends.failed)
	}
	bo.mu.Unlock()
	if passed, _ := until(&path{udp: true}); !passed {
		t.Error("it does not pass after it failed")
	}
	until(narrow)
	bo.mu.Lock()
	defer bo.mu.Unlock()
	if again := bo.lends.next.Sub(now); again != volunteerAfter {
		t.Errorf("after it passed in between it is tried again after %v", again)
	}
}
