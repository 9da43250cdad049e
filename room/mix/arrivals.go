package mix

import (
	"slices"
	"time"
)

const (
	// arrivalWindow is how many packets the jitter is measured over: about 10 s, long enough for a 99th percentile.
	arrivalWindow = 512
	// arrivalTrust is how many packets must have come before the measurement is believed rather than Options.Start.
	arrivalTrust = 50
	// arrivalEvery is after how many packets the window is sorted again.
	arrivalEvery = 8
	// steerSlack is for what the reader's speed control leaves over when clocks drift, and for a reader that is late.
	steerSlack = 5 * time.Millisecond
	// Above lossMuch it is worth one more frame of delay to have the packet with the copy in time, until the loss
	// falls below lossLittle.
	lossMuch, lossLittle = 0.005, 0.002
	lossMemory           = 1.0 / 500 // weight of each frame in the loss: 10 s
)

// arrivals measures how unevenly packets come. Each packet has a transit: when it came, less its place in the stream.
// The absolute value means nothing, as the two clocks share no zero; the differences are the jitter, and the slow
// change of the least of them is the drift between the clocks.
type arrivals struct {
	opts    Options
	zero    time.Time // transits count from here
	first   uint64    // and from this packet
	transit [arrivalWindow]time.Duration
	n       int           // how many came since the start
	base    time.Duration // least transit in the window
	want    time.Duration // buffering that the window asks for; 0 until it is known
	loss    float64       // share of frames lost of late
	lossy   bool          // loss is worth waiting for the copies in later packets
	sorted  [arrivalWindow]time.Duration
}

// restart forgets the transits, as after a pause the stream's numbers stand elsewhere in time; the buffering that was
// found right for this path stays until there is a new measurement.
func (a *arrivals) restart() { a.n = 0 }

func (a *arrivals) add(number uint64, at time.Time) {
	t := at.Sub(a.zero) - a.place(number)
	// Of what comes all at once at first, as for somebody who joins, each is a frame less late than the one before it. Only the last of
	// that tells how fast the path is, and none how uneven.
	if a.n == 0 || a.n < arrivalTrust && t < a.base-FrameDuration/2 {
		a.n, a.zero, a.first, t = 0, at, number, 0
	}
	if a.n == 0 || t < a.base {
		a.base = t
	}
	a.transit[a.n%arrivalWindow] = t
	a.n++
	if a.n%arrivalEvery == 0 {
		a.measure()
	}
}

func (a *arrivals) measure() {
	window := a.sorted[:min(a.n, arrivalWindow)]
	copy(window, a.transit[:])
	slices.Sort(window)
	a.base = window[0]
	if a.n >= arrivalTrust {
		// A reader takes whole frames, so a packet may be needed up to a frame before it is heard.
		a.want = window[(len(window)*99)/100] - a.base + FrameDuration + steerSlack
	}
}

// place is when in the stream a packet belongs.
func (a *arrivals) place(number uint64) time.Duration {
	return time.Duration(int64(number-a.first)) * FrameDuration
}

// target is how long after the fastest packet of its time a packet is to be played.
func (a *arrivals) target() time.Duration {
	t := max(a.want, a.opts.Min)
	if a.want == 0 {
		t = a.opts.Start
	}
	if a.lossy {
		t += FrameDuration
	}
	return min(t, a.opts.Max)
}

// heed counts a frame as lost or not. Waiting for a copy is of no use where packets carry none.
func (a *arrivals) heed(lost, copies bool) {
	a.loss *= 1 - lossMemory
	if lost {
		a.loss += lossMemory
	}
	a.lossy = copies && (a.loss > lossMuch || a.lossy && a.loss > lossLittle)
}

// delay is how far behind the fastest packets a packet is, if it is played at that time.
func (a *arrivals) delay(number uint64, at time.Time) time.Duration {
	return at.Sub(a.zero) - a.place(number) - a.base
}
