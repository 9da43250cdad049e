package node

import (
	"time"

	"salon/relay"
)

const (
	sampleEvery = 5 * time.Second
	minuteLasts = time.Minute
	leastHeard  = uint64(time.Second / relay.FrameDuration) // below, a listener has nothing to tell yet
)

// A tick is what had been counted by some time. Its numbers grow.
type tick struct {
	at            time.Time
	heard, missed uint64 // frames of the program that were played here, and that were not
	late          uint64 // of those that were played, how late all together, in ms
	timed         uint64 // of how many that is known
	came, asked   uint64 // frames that came to the tree, and those of them that had been asked for or were given up
}

// A minute is what was counted in the last minute, by samples.
type minute struct{ ticks []tick }

// due reports whether the next sample is.
func (m *minute) due(now time.Time) bool {
	return len(m.ticks) == 0 || now.Sub(m.ticks[len(m.ticks)-1].at) >= sampleEvery
}

// add takes a sample, and forgets those that the minute does not need any more.
func (m *minute) add(t tick) {
	m.ticks = append(m.ticks, t)
	for len(m.ticks) > 2 && t.at.Sub(m.ticks[1].at) >= minuteLasts || len(m.ticks) > 2*int(minuteLasts/sampleEvery) {
		m.ticks = m.ticks[1:]
	}
}

// sum is what was counted within the minute.
func (m *minute) sum() (t tick) {
	if len(m.ticks) < 2 {
		return t
	}
	from, to := m.ticks[0], m.ticks[len(m.ticks)-1]
	less := func(a, b uint64) uint64 { return a - min(a, b) }
	return tick{
		heard: less(to.heard, from.heard), missed: less(to.missed, from.missed), late: less(to.late, from.late), timed: less(to.timed, from.timed),
		came: less(to.came, from.came), asked: less(to.asked, from.asked),
	}
}

// hearing is how one listener heard the minute.
func (t tick) hearing() relay.Hearing {
	if t.heard+t.missed < leastHeard {
		return relay.Hearing{}
	}
	var behind time.Duration
	if t.timed > 0 {
		behind = time.Duration(t.late/t.timed) * time.Millisecond
	}
	return relay.HeardOne(t.heard, t.missed, behind)
}

// loss is the share of frames that did not come by themselves, in parts of ten thousand.
func (t tick) loss() uint16 {
	if t.came == 0 {
		return 0
	}
	return uint16(min(t.asked, t.came) * 10000 / t.came)
}

// tick counts what this node's person was played of the program. What has been due since sound broke off is missed too,
// though nobody knows yet what it was.
func (v *voice) tick(now time.Time) tick {
	v.mu.Lock()
	defer v.mu.Unlock()
	a := &v.program
	t := tick{at: now, heard: a.heard, missed: a.lost, late: a.late, timed: a.timed}
	if silent := now.Sub(a.played); !v.onStage() && a.next != 0 && silent > silentFor {
		t.missed += uint64(silent / relay.FrameDuration)
	}
	return t
}
