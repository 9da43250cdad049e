package udp

import "sync"

// inboxSize is how many packets may wait for Receive: half a second of a stage of five.
const inboxSize = 128

// restKeeps is how many places are kept while somebody rests: what is silent needs no more than what trickles in.
const restKeeps = 8

// An inbox holds what arrived by either way until Receive takes it.
type inbox struct {
	more chan struct{} // holds one: there is something, or an end
	room chan struct{} // holds one: there is room again, or an end

	mu     sync.Mutex // guards the fields below
	ring   [][]byte   // as long as there ever waited, inboxSize at most
	head   int
	size   int
	ended  bool   // nothing more will come
	closed bool   // and nobody wants the rest
	wake   func() // is called when there is something, or an end; nil if nobody rests
	out    []byte // what take returned last, its memory to be used again
}

func newInbox() *inbox {
	return &inbox{more: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put keeps a copy of b and never blocks. It reports whether the oldest had to go for it.
func (in *inbox) put(b []byte) (dropped bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.ended {
		return false
	}
	if in.size == inboxSize {
		in.head = (in.head + 1) % len(in.ring)
		in.size--
		dropped = true
	}
	in.add(b)
	return dropped
}

// wait keeps a copy of b as soon as there is room. It reports whether anybody may still take it.
func (in *inbox) wait(b []byte) bool {
	for {
		in.mu.Lock()
		if in.ended {
			in.mu.Unlock()
			return false
		}
		if in.size < inboxSize {
			in.add(b)
			in.mu.Unlock()
			return true
		}
		in.mu.Unlock()
		<-in.room
	}
}

func (in *inbox) add(b []byte) {
	if in.size == len(in.ring) {
		longer := make([][]byte, min(max(2*len(in.ring), 2), inboxSize))
		n := copy(longer, in.ring[in.head:])
		copy(longer[n:], in.ring[:in.head])
		in.ring, in.head = longer, 0
	}
	at := &in.ring[(in.head+in.size)%len(in.ring)]
	*at = append((*at)[:0], b...)
	in.size++
	in.tell()
}

// tell tells whoever waits in take, or rests. in.mu is held.
func (in *inbox) tell() {
	signal(in.more)
	if wake := in.wake; wake != nil {
		in.wake = nil
		wake()
	}
}

// rest reports whether take would block. If so, wake is called once, when it would no more, and what take returned last is not
// valid any more.
func (in *inbox) rest(wake func()) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.size > 0 || in.ended {
		return false
	}
	in.wake = wake
	if len(in.ring) > restKeeps { // or whoever sent much once would have its memory for ever
		in.ring, in.head, in.out = nil, 0, nil
	}
	return true
}

// take blocks for the next packet, which is valid until the next call. It returns nil after the end.
func (in *inbox) take() []byte {
	for {
		in.mu.Lock()
		if in.size > 0 && !in.closed {
			at := &in.ring[in.head]
			in.out, *at = *at, in.out
			b := in.out
			in.head = (in.head + 1) % len(in.ring)
			in.size--
			in.mu.Unlock()
			signal(in.room)
			return b
		}
		ended := in.ended
		in.mu.Unlock()
		if ended {
			signal(in.more) // for the next call
			return nil
		}
		<-in.more
	}
}

// end lets take give out what there is, and then nil.
func (in *inbox) end() {
	in.mu.Lock()
	in.ended = true
	in.tell()
	in.mu.Unlock()
	signal(in.room)
}

// close has take return nil at once.
func (in *inbox) close() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	in.end()
}
