package sim

import "salon/relay"

// ms is the virtual time, in milliseconds since the beginning: everything happens on one.
type ms int64

// slots is how far ahead the wheel reaches: beyond the longest delay of a packet.
const slots = 1 << 12

// A wheel holds what is to happen, by time. What happens in one millisecond happens in the order in which it was put in,
// so that one seed makes one trace.
type wheel struct {
	now    ms
	slot   [slots][]event
	later  []event // beyond the wheel's reach, looked through once a turn
	spared [][]event
}

// An event is a packet or control message that arrives, or something else to do.
type event struct {
	at   ms
	to   *peer
	from *peer
	conn int           // of a control message: which connection
	pkt  *relay.Packet // one of these three is set
	msg  any
	do   func()
}

func (w *wheel) add(e event) {
	e.at = max(e.at, w.now+1)
	if e.at-w.now >= slots {
		w.later = append(w.later, e)
		return
	}
	s := &w.slot[e.at%slots]
	if *s == nil && len(w.spared) > 0 {
		*s = w.spared[len(w.spared)-1]
		w.spared = w.spared[:len(w.spared)-1]
	}
	*s = append(*s, e)
}

// next moves on by one millisecond and returns what happens in it, until the next call.
func (w *wheel) next() []event {
	if old := w.slot[w.now%slots]; old != nil {
		clear(old)
		w.spared = append(w.spared, old[:0])
		w.slot[w.now%slots] = nil
	}
	w.now++
	if w.now%slots == 0 {
		rest := w.later
		w.later = nil
		for _, e := range rest {
			w.add(e)
		}
	}
	return w.slot[w.now%slots]
}
