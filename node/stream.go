package node

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"salon/node/udp"
	"salon/relay"
)

// streamQueue is how many packets wait for a slow connection: half a second of a stage of five.
const streamQueue = 128

// readAhead is how much of a stream is read at once. There are two streams for each listener, and messages that are longer
// are read in one piece anyway.
const readAhead = 256

// writeBuffers are what messages are put together in, for one write. Most streams are silent most of the time. The buffer of
// a write that failed does not come back: a stream that was reset may still hold it.
var writeBuffers = sync.Pool{New: func() any { return new([]byte) }}

// packetBuffers are what packets wait in. A stream keeps none: once there are datagrams, it is idle.
var packetBuffers = sync.Pool{New: func() any { return new([]byte) }}

// byteStream is what a stream link needs of a libp2p stream.
type byteStream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	Reset() error
}

// A streamLink is a relay.Link over one reliable stream, of QUIC or TCP alike. It always works; its price is that a
// lost datagram delays the packets behind it. What the stream cannot take in time waits in a short queue that drops
// its oldest: stale audio is worth less than fresh audio.
type streamLink struct {
	s    byteStream
	in   *bufio.Reader
	buf  []byte
	done chan struct{}
	once sync.Once
	run  func() // write, made once: to start it allocates nothing

	mu      sync.Mutex // guards the fields below
	queue   []*[]byte  // ring of encoded packets, of packetBuffers; as long as there ever waited
	head    int
	size    int
	writing bool // write runs: not while there is nothing to write

	sent, received, dropped, malformed atomic.Uint64
}

// newStreamLink starts carrying packets over s. in must be the reader of s if some of it was read ahead, else nil.
func newStreamLink(s byteStream, in *bufio.Reader) *streamLink {
	l := &streamLink{s: s, in: lean(s, in), done: make(chan struct{})}
	l.run = l.write
	return l
}

// lean reads s on from where in is, if that is not nil, and no further ahead than readAhead.
func lean(s io.Reader, in *bufio.Reader) *bufio.Reader {
	if in != nil && in.Buffered() > 0 {
		ahead, _ := in.Peek(in.Buffered())
		s = io.MultiReader(bytes.NewReader(bytes.Clone(ahead)), s)
	}
	return bufio.NewReaderSize(timely{s}, readAhead)
}

// A timely reader tells that the time is over only if there was nothing to read. A bufio.Reader would keep it beside what was read
// until then, for the next who reads, who gave no time.
type timely struct{ io.Reader }

func (r timely) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// Send queues a copy of p. It never blocks.
func (l *streamLink) Send(p *relay.Packet) { l.put(p.Append) }

// SendMessage queues what is not a packet.
func (l *streamLink) SendMessage(b []byte) {
	l.put(func(to []byte) []byte { return append(to, b...) })
}

// put queues what add appends.
func (l *streamLink) put(add func([]byte) []byte) {
	l.mu.Lock()
	switch {
	case l.size == streamQueue:
		l.pop()
		l.dropped.Add(1)
	case l.size == len(l.queue):
		l.grow()
	}
	b := packetBuffers.Get().(*[]byte)
	if *b = add((*b)[:0]); len(*b) > maxMedia {
		l.mu.Unlock()
		l.dropped.Add(1)
		return
	}
	l.queue[(l.head+l.size)%len(l.queue)] = b
	l.size++
	if !l.writing {
		l.writing = true
		go l.run()
	}
	l.mu.Unlock()
}

// grow makes room for more packets to wait. l.mu is held.
func (l *streamLink) grow() {
	longer := make([]*[]byte, min(max(2*len(l.queue), 4), streamQueue))
	n := copy(longer, l.queue[l.head:])
	copy(longer[n:], l.queue[:l.head])
	l.queue, l.head = longer, 0
}

// pop lets go of the oldest packet. l.mu is held.
func (l *streamLink) pop() {
	packetBuffers.Put(l.queue[l.head])
	l.queue[l.head] = nil
	l.head = (l.head + 1) % len(l.queue)
	l.size--
}

// write is the only writer of the stream, while it runs. It gathers what waits into one write: one datagram, one system call.
func (l *streamLink) write() {
	for {
		out := writeBuffers.Get().(*[]byte)
		n := l.take(out)
		if n == 0 {
			writeBuffers.Put(out)
			return
		}
		// A connection that takes nothing for so long is dead; until then the queue above stays fresh.
		_ = l.s.SetWriteDeadline(time.Now().Add(10 * time.Second))
		l.sent.Add(uint64(n)) // before the other side can have them
		if _, err := l.s.Write(*out); err != nil {
			l.Close()
			return // writing stays true: nobody is to try again
		}
		writeBuffers.Put(out)
	}
}

// take moves packets that wait to out. It returns how many there were; after none, nobody writes.
func (l *streamLink) take(out *[]byte) (n int) {
	*out = (*out)[:0]
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.done:
		return 0
	default:
	}
	for ; l.size > 0 && len(*out) < 4<<10; n++ {
		*out = appendMessage(*out, *l.queue[l.head])
		l.pop()
	}
	l.writing = n > 0
	return n
}

// Receive reads the next packet into p, whose slices alias a buffer that the next call reuses.
// A packet that cannot be parsed is counted and skipped; a stream that sends many is closed.
func (l *streamLink) Receive(p *relay.Packet) error {
	for range 16 {
		b, err := l.Next()
		if err != nil {
			return io.EOF
		}
		if err := p.Parse(b); err == nil {
			l.received.Add(1)
			return nil
		}
		if !udp.IsOffer(b) { // which comes where the peer could and we cannot
			l.malformed.Add(1)
		}
	}
	l.Close()
	return io.EOF
}

// Await waits for the next message for a while. Then ok is false; true says also that there will be none.
func (l *streamLink) Await(d time.Duration) (ok bool) {
	if l.in.Buffered() > 0 {
		return true
	}
	_ = l.s.SetReadDeadline(time.Now().Add(d))
	_, err := l.in.Peek(1) // of a message that begins, the rest is waited for in Next
	_ = l.s.SetReadDeadline(time.Time{})
	return !errors.Is(err, os.ErrDeadlineExceeded)
}

// Next reads the next message, a packet or not, into a buffer that the next call reuses. An error is the end.
func (l *streamLink) Next() ([]byte, error) {
	b, err := readMessage(l.in, l.buf, maxMedia)
	if err != nil {
		l.Close()
		if errors.Is(err, errTooLong) {
			l.malformed.Add(1)
		}
		return nil, err
	}
	l.buf = b
	return b, nil
}

// Stats counts packets since the start.
func (l *streamLink) Stats() relay.LinkStats {
	return relay.LinkStats{Sent: l.sent.Load(), Received: l.received.Load(), Dropped: l.dropped.Load(), Malformed: l.malformed.Load()}
}

// Close ends the link without waiting; a blocked Receive returns io.EOF.
func (l *streamLink) Close() error {
	l.once.Do(func() {
		close(l.done)
		go l.s.Reset() // on TCP it waits for a peer that reads nothing
	})
	return nil
}
