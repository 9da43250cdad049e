package udp

import "time"

// strainTicks is over how many ticks a strain is spread: a second's.
const strainTicks = int(time.Second / tick)

// A strain is what is still to be sent of datagrams that hold nothing, as evenly as ticks allow, as sound is: all at once they would
// tell how long a queue is that some router on the way has, and not what the path takes. The zero strain is over.
type strain struct {
	all, gone int // datagrams
	ticks     int // that it lasts still
}

// add begins one, with what is left of the last.
func (s *strain) add(datagrams int) {
	*s = strain{all: s.all - s.gone + max(datagrams, 0), ticks: strainTicks}
}

// next is how many are due this tick, and whether those are the last.
func (s *strain) next() (datagrams int, last bool) {
	if s.ticks == 0 {
		return 0, false
	}
	s.ticks--
	due := s.all * (strainTicks - s.ticks) / strainTicks
	datagrams, s.gone = due-s.gone, due
	return datagrams, s.ticks == 0
}
