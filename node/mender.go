package node

import (
	"fmt"
	"time"
)

const (
	pongWithin   = 500 * time.Millisecond // a connection that does not answer for so long does not carry anything
	firstWithin  = time.Second            // of a path that is new, to bring its first sound
	streamWithin = time.Second            // of a new stream, to bring sound before the connection is given up
	mendPause    = 2 * time.Second        // between two repairs after that; doubled each time
	mendPauseMax = 30 * time.Second
	mendedAfter  = 5 * time.Second // of sound: the next trouble is a new one
	stageSilence = 2 * time.Second // of everybody on stage who was heard before: worth a new stream
	shownFor     = time.Second     // what a repair is told for, however quickly it mends

	// lookMost is how much of the time since its last look a mender takes for time in which nothing came: while this
	// machine slept, or was too busy to look, nothing could.
	lookMost = 200 * time.Millisecond
)

// A repair is what is to be done about a path that carries nothing.
type repair uint8

const (
	noRepair      repair = iota
	newStream            // for the sound, on the same connection
	newConnection        // to the host
)

// signs are what a path has shown since the last look.
type signs struct {
	sound bool // came
	pong  bool // came
	due   bool // sound must come without a pause: the program does
	hoped bool // sound should come: somebody on stage publishes who was heard before
	rtt   time.Duration
}

// A mender watches the path from the host and says when it must be mended, and how. Of the program every frame is due, so
// that 500 ms without one are a fact. On stage all may rightly be silent: there it is the host's answer to a ping that is
// missed. It has no clock; the zero mender has seen nothing yet.
type mender struct {
	looked time.Time     // last
	came   bool          // sound, on this path
	quiet  time.Duration // since sound came
	mute   time.Duration // since sound or a pong came
	good   time.Duration // for which sound came without a break
	rested time.Duration // since the last repair
	missed time.Duration // since somebody on stage, who was hoped for all that time, was heard
	tries  int           // repairs since all was well
	last   repair
	pinged time.Duration // since the last ping of ours

	now   signs     // of the last look
	lost  time.Time // when sound came last, or should have begun to
	wrong bool      // there is something to tell
}

// begin is called with each new connection.
func (m *mender) begin(now time.Time) {
	if m.lost.IsZero() {
		m.lost = now
	}
	// On stage, where the host's answer was missed, the connection is that answer.
	*m = mender{looked: now, lost: m.lost, tries: m.tries, last: m.last, now: m.now, wrong: m.wrong && m.now.due}
}

// look takes in what happened since the last look and says what to do, a ping included.
func (m *mender) look(now time.Time, s signs) (do repair, ping bool) {
	spent := min(max(now.Sub(m.looked), 0), lookMost)
	if s.due && !m.now.due { // only now
		m.came, m.quiet = false, 0
	}
	m.looked, m.now = now, s
	m.quiet, m.mute, m.good, m.rested, m.pinged = m.quiet+spent, m.mute+spent, m.good+spent, m.rested+spent, m.pinged+spent
	if s.sound {
		m.came, m.quiet, m.lost = true, 0, now
		m.wrong = m.wrong && m.rested < shownFor
		if m.good >= mendedAfter {
			m.tries, m.last = 0, noRepair
		}
	} else if m.quiet >= silentFor {
		m.good = 0
	}
	if s.sound || s.pong {
		m.mute = 0
	}
	if m.missed += spent; s.sound || !s.hoped {
		m.missed = 0
	}
	if m.quiet < silentFor {
		return noRepair, false
	}
	switch {
	case s.due && m.came, m.dead():
		m.wrong = true
	case !s.due && !s.hoped:
		m.wrong = false
	}
	if ping = m.pinged >= silentFor; ping {
		m.pinged = 0
	}
	if do = m.repair(s); do != noRepair {
		m.tries, m.last, m.rested, m.wrong = m.tries+1, do, 0, true
	}
	return do, ping
}

func (m *mender) repair(s signs) repair {
	first := silentFor
	if !m.came {
		first = firstWithin
	}
	switch {
	case m.dead() && (m.last != newConnection || m.rested >= m.pause()):
		return newConnection // no stream can be better than the connection under it
	case s.due && m.last == noRepair && m.quiet >= first:
		return newStream
	case s.due && m.last == newStream && m.rested >= streamWithin:
		return newConnection
	case s.due && m.last == newConnection && m.rested >= m.pause() && m.quiet >= first:
		return newConnection
	case m.missed >= stageSilence && (m.tries == 0 || m.rested >= m.pause()):
		return newStream
	}
	return noRepair
}

// dead reports whether the host did not answer the ping that the first silence was followed by.
func (m *mender) dead() bool { return m.mute >= silentFor+max(pongWithin, 2*m.now.rtt) }

// pause is how long the next repair waits for the last one: a host that sends nothing is not to be run over.
func (m *mender) pause() time.Duration {
	return min(mendPause<<min(max(m.tries-1, 0), 8), mendPauseMax)
}

// trouble says in words what is wrong and what is being done, or returns "".
func (m *mender) trouble(now time.Time) string {
	if !m.wrong {
		return ""
	}
	from := "the host"
	if !m.now.due {
		from = "the stage"
	}
	text := fmt.Sprintf("No sound has arrived from %s for %s", from, seconds(now.Sub(m.lost)))
	switch {
	case m.dead():
		text += ", and the host does not answer."
	case m.tries > 2:
		text += ", though the host answers."
	default:
		text += "."
	}
	switch wait := m.pause() - m.rested; {
	case m.last == newStream:
		text += fmt.Sprintf(" Opening a new path (try %d).", m.tries)
	case m.last == newConnection && wait > 0 && m.rested >= streamWithin:
		text += fmt.Sprintf(" Connecting anew in %s (try %d).", seconds(wait), m.tries+1)
	default:
		text += fmt.Sprintf(" Connecting anew (try %d).", max(m.tries, 1))
	}
	return text
}

// seconds is a time in words, in whole seconds and at least one.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%d s", max(int(d.Round(time.Second)/time.Second), 1))
}
