package rtc

import "sync"

// item is a frame in a queue.
type item struct {
	number  uint64
	payload []byte
}

// A queue holds a bounded number of frames and drops the oldest when full: stale audio is worth less than fresh audio.
// It owns its buffers, and allocates nothing once they have grown.
type queue struct {
	ready chan struct{} // holds one after a push

	mu   sync.Mutex // guards the fields below
	ring []item
	head int // oldest
	n    int
}

func newQueue(size int) *queue {
	return &queue{ready: make(chan struct{}, 1), ring: make([]item, size)}
}

// push copies a frame in, and tells whether the oldest had to go.
func (q *queue) push(number uint64, payload []byte) (dropped bool) {
	q.mu.Lock()
	if q.n == len(q.ring) {
		q.head = (q.head + 1) % len(q.ring)
		q.n--
		dropped = true
	}
	it := &q.ring[(q.head+q.n)%len(q.ring)]
	it.number = number
	it.payload = append(it.payload[:0], payload...)
	q.n++
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return dropped
}

// pop exchanges the oldest frame for it, whose buffer the queue then owns.
func (q *queue) pop(it *item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		return false
	}
	*it, q.ring[q.head] = q.ring[q.head], *it
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return true
}

// keep forgets all frames but the newest n, and returns how many.
func (q *queue) keep(n int) (forgotten int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	forgotten = max(q.n-n, 0)
	q.head = (q.head + forgotten) % len(q.ring)
	q.n -= forgotten
	return forgotten
}
