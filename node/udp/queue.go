package udp

import "golang.org/x/net/ipv4"

const (
	queueFirst = 32   // slots that a queue begins with
	queueMost  = 4096 // slots that it grows to: a thousand children, four packets each
)

// A queue holds the datagrams that are to leave by one socket, in the order in which they came: a ring of slots on one
// slab, which is used again and again. A full queue drops its oldest, which is all that waits: whoever looks that far
// behind has sent nothing for many ticks, and stale sound is worth less than fresh sound.
type queue struct {
	ring []ipv4.Message // what the kernel is given; Buffers is the part of the slot that is in use
	slab []byte
	who  []*Link
	head int
	size int
	busy int // of size, those that are being sent, outside the lock
}

// slot is where the next datagram goes: an empty slice of maxDatagram bytes. Another call without add returns the same.
func (q *queue) slot() []byte {
	if q.size == len(q.ring) {
		if !q.grow() {
			for i := q.busy; i < q.size; i++ {
				l := q.who[(q.head+i)%len(q.ring)]
				l.dropped.Add(1)
				l.m.counts[queueFull]++
			}
			q.size = q.busy
		}
	}
	at := (q.head + q.size) % len(q.ring) * maxDatagram
	return q.slab[at : at : at+maxDatagram]
}

// add queues the datagram that slot's bytes have become.
func (q *queue) add(b []byte, l *Link, to *place) {
	at := (q.head + q.size) % len(q.ring)
	m := &q.ring[at]
	m.Buffers[0], m.OOB, m.Addr = b, to.oob, to.addr
	q.who[at] = l
	q.size++
}

// grow makes room for twice as many, if it may. What is being sent meanwhile is sent from the old memory.
func (q *queue) grow() bool {
	n := max(2*len(q.ring), queueFirst)
	if n > queueMost {
		return false
	}
	old := *q
	q.ring, q.slab, q.who, q.head = make([]ipv4.Message, n), make([]byte, n*maxDatagram), make([]*Link, n), 0
	buffers := make([][]byte, n)
	for i := range q.ring {
		q.ring[i].Buffers = buffers[i : i+1 : i+1]
		if i < old.size {
			from := (old.head + i) % len(old.ring)
			m := &old.ring[from]
			b := append(q.slab[i*maxDatagram:i*maxDatagram], m.Buffers[0]...)
			q.ring[i].Buffers[0], q.ring[i].OOB, q.ring[i].Addr = b, m.OOB, m.Addr
			q.who[i] = old.who[from]
		}
	}
	return true
}

// next returns up to n of those that wait, to be sent outside the lock, and then to be told by sent.
func (q *queue) next(n int) []ipv4.Message {
	q.busy = min(n, q.size, len(q.ring)-q.head)
	return q.ring[q.head : q.head+q.busy]
}

// sent lets go of what next returned.
func (q *queue) sent() {
	q.head = (q.head + q.busy) % len(q.ring)
	q.size -= q.busy
	q.busy = 0
}
