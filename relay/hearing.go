package relay

import (
	"math"
	"time"
)

// A Hearing is how a crowd heard the last minute: how many of it heard how large a share, and how many were how far behind.
// Hearings are added up on the way to the host, which would not be true of averages. The zero Hearing is nobody's.
//
//   - Adding is associative and commutative: the shape of the tree does not show in the sum.
//   - A Hearing that is bounded to n listeners tells of n at most, whatever it told before.
type Hearing struct {
	Shares [len(heardSteps)]uint32 // listeners who heard at least this step's share, and less than the one before
	Delays [len(delaySteps)]uint32 // listeners who were no further behind than this step, and further than the one before
}

// heardSteps are shares of the minute in parts of ten thousand: fine where a loss begins to be heard, and coarse below.
var heardSteps = [...]uint16{10000, 9990, 9980, 9950, 9900, 9800, 9500, 9000, 7500, 5000, 0}

// delaySteps are in ms, fine where listeners are.
var delaySteps = [...]uint16{50, 100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 1000, 1250, 1500, 2000, 3000, 5000, math.MaxUint16}

// poorBelow is the first step of heardSteps at which somebody hears poorly.
const poorBelow = 6

// hearingVersion is of the two lists of steps.
const hearingVersion = 1

// HeardOne is the Hearing of one listener, who heard so many frames, missed so many, and was this far behind; 0 if that is
// not known.
func HeardOne(heard, missed uint64, behind time.Duration) (h Hearing) {
	if heard+missed == 0 {
		return h
	}
	share := float64(heard) / float64(heard+missed) * 10000
	for i, step := range heardSteps {
		if share >= float64(step) {
			h.Shares[i] = 1
			break
		}
	}
	if behind > 0 {
		h.Delays[delayStep(behind)] = 1
	}
	return h
}

func delayStep(d time.Duration) int {
	for i, step := range delaySteps {
		if d <= time.Duration(step)*time.Millisecond {
			return i
		}
	}
	return len(delaySteps) - 1
}

// Add returns the sum of two crowds.
func (h Hearing) Add(o Hearing) Hearing {
	addUp(h.Shares[:], o.Shares[:])
	addUp(h.Delays[:], o.Delays[:])
	return h
}

// addUp adds up to as much as can be held: sums of that are the same in any order.
func addUp(to, from []uint32) {
	for i, n := range from {
		to[i] += min(n, math.MaxUint32-to[i])
	}
}

// Times returns the Hearing of n who all heard alike.
func (h Hearing) Times(n uint32) Hearing {
	for _, list := range [][]uint32{h.Shares[:], h.Delays[:]} {
		for i, v := range list {
			list[i] = uint32(min(uint64(v)*uint64(n), math.MaxUint32))
		}
	}
	return h
}

// Bound returns h of at most n listeners, cut down evenly: whoever claims to speak for more than they are counted for is not
// believed.
func (h Hearing) Bound(n uint32) Hearing {
	boundTo(h.Shares[:], uint64(n))
	boundTo(h.Delays[:], uint64(n))
	return h
}

func boundTo(list []uint32, most uint64) {
	total := sum(list)
	if total <= most {
		return
	}
	for i, v := range list {
		list[i] = uint32(uint64(v) * most / total) // below 2^32 * 2^32, and rounded down
	}
}

func sum(list []uint32) (total uint64) {
	for _, n := range list {
		total += uint64(n)
	}
	return total
}

// Listeners is of how many h tells.
func (h Hearing) Listeners() uint64 { return sum(h.Shares[:]) }

// Poor is how many of them heard less than 98 %.
func (h Hearing) Poor() uint64 { return sum(h.Shares[poorBelow:]) }

// Typical returns a share of the minute and how many of the crowd, 0 to 1, heard that much: the largest share that nearly
// everybody heard or, if many heard little, how many heard 95 %.
func (h Hearing) Typical() (share, of float64) {
	const nearly, decent = 0.95, 9500
	all := h.Listeners()
	if all == 0 {
		return 0, 0
	}
	var reached uint64
	for i, step := range heardSteps {
		reached += uint64(h.Shares[i])
		share, of = float64(step)/10000, float64(reached)/float64(all)
		if of >= nearly || step <= decent {
			break
		}
	}
	return share, of
}

// Behind is how far a share q of the crowd is behind at most, 0 if nobody knows. It is reckoned evenly within a step.
func (h Hearing) Behind(q float64) time.Duration {
	want := q * float64(sum(h.Delays[:]))
	if want <= 0 {
		return 0
	}
	var below float64
	from := time.Duration(0)
	for i, n := range h.Delays {
		to := time.Duration(delaySteps[i]) * time.Millisecond
		if i == len(delaySteps)-1 {
			return from // and more
		}
		if here := float64(n); below+here >= want && n > 0 {
			return from + time.Duration((want-below)/here*float64(to-from))
		}
		below += float64(n)
		from = to
	}
	return from
}

// Message is h as it goes up.
func (h Hearing) Message() Quality {
	return Quality{Version: hearingVersion, Shares: trim(h.Shares[:]), Delays: trim(h.Delays[:])}
}

// trim leaves out the zeros at the end.
func trim(list []uint32) []uint32 {
	n := len(list)
	for n > 0 && list[n-1] == 0 {
		n--
	}
	return append([]uint32{}, list[:n]...)
}

// Hearing reads what came from below; ok is false if its steps are not ours.
func (q Quality) Hearing() (h Hearing, ok bool) {
	if q.Version != hearingVersion || len(q.Shares) > len(h.Shares) || len(q.Delays) > len(h.Delays) {
		return h, false
	}
	copy(h.Shares[:], q.Shares)
	copy(h.Delays[:], q.Delays)
	return h, true
}
