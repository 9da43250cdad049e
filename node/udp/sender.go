package udp

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"
)

const (
	// SlotSize is the longest datagram that a Sender takes.
	SlotSize = maxDatagram

	queueFirst = 32   // slots that a queue begins with
	queueMost  = 4096 // slots that it grows to: a thousand children, four packets each

	// What waits when a socket's sender wakes leaves in bursts of at least burstLeast, spread over burstSteps times burstPause,
	// which is less than the 20 ms until there is more: a NIC, a home router or a receiver's buffer takes those better than a
	// thousand datagrams at once.
	burstLeast = 64
	burstSteps = 6
	burstPause = 2 * time.Millisecond
)

// A Sender sends the datagrams of many by one UDP socket: from memory that it uses again, many in one system call, and in bursts.
// Its owner's lock guards it, which it lets go of while the system takes a burst.
type Sender struct {
	pack   batcher
	mu     *sync.Mutex // the owner's; guards out and the two counters
	out    queue
	failed *uint64       // refused by the system
	wake   chan struct{} // holds one: there is something to send
	idle   chan struct{} // holds one: all was sent
	once   sync.Once
	done   chan struct{}
}

// NewSender makes a sender by c, which stays its owner's, guarded by mu. It adds to full those of its datagrams that were
// dropped because the socket took no more, and to failed those that the system refused.
func NewSender(c *net.UDPConn, mu *sync.Mutex, full, failed *uint64) *Sender {
	return &Sender{pack: newBatcher(c), mu: mu, out: queue{full: full}, failed: failed, wake: make(chan struct{}, 1), idle: make(chan struct{}, 1), done: make(chan struct{})}
}

// Idle holds something after all that was queued has been sent: the process is awake, and nothing hurries.
func (s *Sender) Idle() <-chan struct{} { return s.idle }

// Slot is where the next datagram goes: an empty slice of SlotSize bytes. Another call without Add returns the same. The
// owner's lock is held from here to Add.
func (s *Sender) Slot() []byte { return s.out.slot() }

// Add queues the datagram that Slot's bytes have become. If it is dropped before it is sent, dropped counts it. What to
// holds must not change while there is something to send.
func (s *Sender) Add(b []byte, to *Place, dropped *atomic.Uint64) {
	s.out.add(b, to, dropped)
	signal(s.wake)
}

// Close ends Run.
func (s *Sender) Close() { s.once.Do(func() { close(s.done) }) }

// Run sends what is queued, in bursts, until Close.
func (s *Sender) Run() {
	pause := time.NewTimer(0)
	<-pause.C
	for {
		select {
		case <-s.done:
			return
		case <-s.wake:
		}
		for steps := burstSteps; ; steps-- {
			if !s.burst(steps) {
				signal(s.idle)
				break
			}
			pause.Reset(burstPause)
			select {
			case <-s.done:
				return
			case <-pause.C:
			}
		}
	}
}

// burst sends what is due when so many steps are left, and reports whether more waits.
func (s *Sender) burst(steps int) (more bool) {
	s.mu.Lock()
	n := s.out.size
	if steps > 1 {
		n = max(n/steps, burstLeast)
	}
	for n > 0 && s.out.size > 0 {
		ms := s.out.next(n)
		s.mu.Unlock()
		failed := s.write(ms)
		s.mu.Lock()
		*s.failed += failed
		s.out.sent()
		n -= len(ms)
	}
	more = s.out.size > 0
	s.mu.Unlock()
	return more
}

// write sends all of ms, and counts those that the system refuses.
func (s *Sender) write(ms []ipv4.Message) (failed uint64) {
	for len(ms) > 0 {
		n, err := s.pack.write(ms)
		if err != nil || n < 1 {
			failed++
			n = 1
		}
		ms = ms[n:]
	}
	return failed
}

// A Place is where datagrams go, and from where.
type Place struct {
	at   netip.AddrPort
	addr *net.UDPAddr // the same
	oob  []byte       // names the address that they leave from; nil where only one can be
}

// PlaceAt is an address to which datagrams of a socket go that is bound to one itself.
func PlaceAt(a netip.AddrPort) *Place {
	return &Place{at: plain(a), addr: net.UDPAddrFromAddrPort(plain(a))}
}

// A queue holds the datagrams that are to leave by one socket, in the order in which they came: a ring of them, in pages of
// memory, which are used again and again. A full queue drops its oldest, which is all that waits: whoever looks that far
// behind has sent nothing for many ticks, and stale sound is worth less than fresh sound.
type queue struct {
	ring []ipv4.Message   // what the kernel is given; Buffers is the part of the page that is in use
	on   []*page          // where each is
	who  []*atomic.Uint64 // counts the drop
	head int
	size int
	busy int     // of size, those that are being sent, outside the lock
	full *uint64 // counts all drops

	last *page   // where the next datagram goes; nil if there is none yet
	free []*page // nobody's
	most int     // pages that were in use at once since they were looked at last
	used int     // pages in use, last included
	left int     // times the queue gets empty until they are looked at
}

// A page is memory for datagrams, one after another. Most are a fraction of the longest: to each the room of the longest, the
// queue of a thousand children would be a megabyte.
type page struct {
	b    []byte
	end  int // of what is in use
	held int // datagrams
}

const (
	pageSize = 8 << 10
	// lookEvery is how many times the queue gets empty, which is every few milliseconds, until pages go that were not used
	// meanwhile.
	lookEvery = 512
)

// slot is where the next datagram goes: an empty slice of maxDatagram bytes. Another call without add returns the same.
func (q *queue) slot() []byte {
	if q.size == len(q.ring) {
		if !q.grow() {
			for i := q.busy; i < q.size; i++ {
				at := (q.head + i) % len(q.ring)
				q.who[at].Add(1)
				*q.full++
				q.release(at)
			}
			q.size = q.busy
		}
	}
	if q.last == nil || pageSize-q.last.end < maxDatagram {
		q.turn()
	}
	end := q.last.end
	return q.last.b[end : end : end+maxDatagram]
}

// turn begins a page.
func (q *queue) turn() {
	if n := len(q.free); n > 0 {
		q.last, q.free[n-1] = q.free[n-1], nil
		q.free = q.free[:n-1]
	} else {
		q.last = &page{b: make([]byte, pageSize)}
	}
	q.used++
	q.most = max(q.most, q.used)
}

// add queues the datagram that slot's bytes have become.
func (q *queue) add(b []byte, to *Place, dropped *atomic.Uint64) {
	at := (q.head + q.size) % len(q.ring)
	m := &q.ring[at]
	m.Buffers[0], m.OOB, m.Addr = b, to.oob, to.addr
	q.who[at], q.on[at] = dropped, q.last
	q.last.end += len(b)
	q.last.held++
	q.size++
}

// grow makes room for twice as many, if it may. The datagrams stay where they are.
func (q *queue) grow() bool {
	n := max(2*len(q.ring), queueFirst)
	if n > queueMost {
		return false
	}
	old := *q
	q.ring, q.on, q.who, q.head = make([]ipv4.Message, n), make([]*page, n), make([]*atomic.Uint64, n), 0
	buffers := make([][]byte, n)
	for i := range q.ring {
		q.ring[i].Buffers = buffers[i : i+1 : i+1]
		if i < old.size {
			from := (old.head + i) % len(old.ring)
			m := &old.ring[from]
			q.ring[i].Buffers[0], q.ring[i].OOB, q.ring[i].Addr = m.Buffers[0], m.OOB, m.Addr
			q.who[i], q.on[i] = old.who[from], old.on[from]
		}
	}
	return true
}

// next returns up to n of those that wait, to be sent outside the lock, and then to be told by sent.
func (q *queue) next(n int) []ipv4.Message {
	q.busy = min(n, q.size, len(q.ring)-q.head, queueMost-1) // one is left where the next can go
	return q.ring[q.head : q.head+q.busy]
}

// sent lets go of what next returned.
func (q *queue) sent() {
	for i := range q.busy {
		q.release(q.head + i) // next does not go round the end
	}
	q.head = (q.head + q.busy) % len(q.ring)
	q.size -= q.busy
	q.busy = 0
	if q.size == 0 {
		q.look()
	}
}

// release lets go of the memory of one datagram.
func (q *queue) release(at int) {
	p := q.on[at]
	q.on[at], q.ring[at].Buffers[0] = nil, nil
	if p.held--; p.held > 0 {
		return
	}
	p.end = 0
	if p != q.last {
		q.free = append(q.free, p)
		q.used--
	}
}

// look lets pages go that were not needed for a while: a crowd that comes is sent ten times as much as when it is there.
func (q *queue) look() {
	if q.left--; q.left > 0 {
		return
	}
	keep := min(max(q.most-q.used, 0), len(q.free))
	clear(q.free[keep:])
	q.free = q.free[:keep]
	q.left, q.most = lookEvery, q.used
}
