package node

import "time"

// An allowance is how much of something may still be done: it fills up with time. The zero allowance is full.
type allowance struct {
	left float64
	at   time.Time // of the last take
}

// take uses one, if there is one: rate come back in a second, and at most burst are saved up.
func (a *allowance) take(now time.Time, rate, burst float64) bool {
	if a.at.IsZero() {
		a.left = burst
	} else {
		a.left = min(burst, a.left+rate*now.Sub(a.at).Seconds())
	}
	a.at = now
	if a.left < 1 {
		return false
	}
	a.left--
	return true
}
