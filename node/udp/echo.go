package udp

import "time"

const (
	// tick is how often links are looked at. An ask or answer that no packet has carried for so long travels alone.
	tick = 50 * time.Millisecond
	// askEvery is how long after an ask the next is due, once that was answered: there is time for several more before silence
	// is over. Answers are what a link costs its parent beside packets, since asks, and answers the other way, ride with those.
	askEvery = 450 * time.Millisecond
	// askCalm is the same on a path that loses less than calmLoss and answers within calmTrip: fewer tries are enough there.
	askCalm  = 700 * time.Millisecond
	calmLoss = 0.01
	calmTrip = 2 * tick
	// askAgain is how soon what was not answered is asked again.
	askAgain = 2 * tick
	// askRarely is how often a path that stays closed is tried.
	askRarely = 2 * time.Second
	// silence is how long an end goes on without an answer before it falls back to the stream.
	silence = time.Second
	// lossSpan is how many datagrams a measurement of loss takes, at least: one in five seconds of speech is noise.
	lossSpan = 32
)

// An echo is what one end knows of the path to the other: pure, time comes in. It is up while datagrams are known to
// arrive, and to be answered.
type echo struct {
	up    bool
	since time.Time // when up changed, or it began

	ask    uint64        // is to be answered; 0: none
	asked  time.Time     // when that was first sent
	again  time.Time     // when it was last sent
	answer time.Time     // when an ask was answered last
	trip   time.Duration // from ask to answer, to a tick
	due    bool          // the next datagram asks

	owed uint64 // the other's ask; 0: none

	last answer // the newest, which measured came from
	loss float64
}

// look is called every tick. It reports whether up changed.
func (e *echo) look(now time.Time) (changed bool) {
	if e.up && now.Sub(e.answer) >= silence {
		e.up, e.since = false, now
		changed = true
	}
	switch {
	case e.ask == 0:
		e.due = e.due || now.Sub(e.asked) >= e.every()
	case e.up:
		e.due = e.due || now.Sub(e.again) >= askAgain
	default:
		e.due = e.due || now.Sub(e.again) >= min(max(now.Sub(e.since)/8, askAgain), askRarely)
	}
	return changed
}

// soon makes an ask due before its time, because a datagram leaves by itself anyway.
func (e *echo) soon(now time.Time) {
	e.due = e.due || e.ask == 0 && now.Sub(e.asked) >= e.every()/2
}

// every is how long after an ask the next is due.
func (e *echo) every() time.Duration {
	if e.loss < calmLoss && e.trip <= calmTrip {
		return askCalm
	}
	return askEvery
}

// next is what the next datagram may carry.
func (e *echo) next(w *window, now time.Time) (c content) {
	if e.due {
		if e.ask == 0 {
			e.ask, e.asked = random(), now
		}
		c.ask = e.ask
	}
	if e.owed != 0 {
		c.answer = answer{ask: e.owed, received: w.received, highest: w.next - 1}
	}
	return c
}

// sent is called when a datagram has carried what next returned.
func (e *echo) sent(c content, now time.Time) {
	if c.ask != 0 {
		e.due, e.again = false, now
	}
	if c.answer.ask != 0 {
		e.owed = 0
	}
}

// answered takes an answer. It reports whether up changed.
func (e *echo) answered(a answer, now time.Time) (changed bool) {
	if e.ask == 0 || a.ask != e.ask {
		return false
	}
	e.ask, e.answer, e.trip = 0, now, now.Sub(e.asked)
	if e.up {
		e.measure(a)
		return false
	}
	e.up, e.since, e.last, e.loss = true, now, a, 0 // what was lost while it was down says nothing of now
	return true
}

// measure learns how much of what was sent has arrived.
func (e *echo) measure(a answer) {
	if a.highest < e.last.highest || a.received < e.last.received {
		return
	}
	sent, came := a.highest-e.last.highest, a.received-e.last.received
	if sent < lossSpan {
		return
	}
	lost := 1 - min(float64(came)/float64(sent), 1) // what was overtaken may come later, and then be one too many
	e.loss += (lost - e.loss) / 2
	e.last = a
}
