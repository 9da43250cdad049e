package node

import "time"

const (
	mendEvery = 50 * time.Millisecond
	// sleptFor is how far the wall clock runs ahead of the other one, which stands still while the machine sleeps, before
	// the connection is taken for one of before the sleep.
	sleptFor = 5 * time.Second
)

// newPath is called when a connection to the host begins.
func (v *voice) newPath(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.came, v.ponged, v.heardAt, v.stale = false, false, now, true
	v.mender.begin(now)
}

// lookAtPath says what is to be done about the path from the host.
func (v *voice) lookAtPath(now time.Time) (do repair, ping bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := signs{sound: v.came, pong: v.ponged, rtt: v.rtt}
	v.came, v.ponged = false, false
	if v.onStage() && !v.standby {
		s.hoped = v.stage.hopes()
	} else {
		s.due = v.isDue()
	}
	return v.mender.look(now, s)
}

// forgetProgram begins the program anew, with whatever number it has.
func (v *voice) forgetProgram() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.program.reset(v)
}

// hopes reports whether somebody should be heard: they publish, may speak, are there, and were heard before.
func (s *stage) hopes() bool {
	for _, in := range s.in {
		if in != nil && !in.muted && !in.forged && !in.away && !in.arrived.IsZero() {
			return true
		}
	}
	return false
}
