package node

import (
	"bufio"
	"sync"
	"time"

	"salon/relay"
)

// controlQueue is how many control messages may wait for a neighbour. One that cannot take them is not keeping up
// with the room and is let go: it will come back with a snapshot.
const controlQueue = 256

// A controlConn carries the reliable, ordered messages of relay/control.go over one stream. While there is nothing to write
// it has neither a goroutine nor a buffer for that: there is one for each listener, and most are silent most of the time.
type controlConn struct {
	s    byteStream
	in   *bufio.Reader
	done chan struct{}
	once sync.Once
	fin  chan struct{} // closed when all has been written after finish
	over chan struct{} // closed when Receive has failed
	last sync.Once     // closes over

	mu      sync.Mutex // guards the fields below
	queue   [][]byte   // encoded messages, controlQueue at most
	writing bool       // write runs
	ending  bool       // nothing more is queued
}

func newControlConn(s byteStream, in *bufio.Reader) *controlConn {
	if in == nil {
		in = bufio.NewReaderSize(s, readAhead)
	}
	return &controlConn{s: s, in: in, done: make(chan struct{}), fin: make(chan struct{}), over: make(chan struct{})}
}

// Send queues a message; a full queue closes the connection. It never blocks.
func (c *controlConn) Send(m any) {
	b, err := relay.EncodeControl(m)
	if err != nil {
		c.Close() // only a message of ours that is too long comes here
		return
	}
	c.sendRaw(b)
}

// sendRaw queues an encoded message, so that one encoding serves all children.
func (c *controlConn) sendRaw(b []byte) {
	c.mu.Lock()
	full := len(c.queue) >= controlQueue
	if !full && !c.ending && !c.closed() {
		c.queue = append(c.queue, b)
		c.start()
	}
	c.mu.Unlock()
	if full {
		c.Close()
	}
}

func (c *controlConn) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// start has somebody write what is queued. c.mu is held.
func (c *controlConn) start() {
	if !c.writing {
		c.writing = true
		go c.write()
	}
}

// write writes what is queued, and ends when that is done.
func (c *controlConn) write() {
	for {
		buf := writeBuffers.Get().(*[]byte)
		more, last := c.take(buf)
		if !more {
			writeBuffers.Put(buf)
			if last {
				c.s.Close() // without the lock: on TCP it waits for a peer that reads nothing
				close(c.fin)
			}
			return
		}
		_ = c.s.SetWriteDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.s.Write(*buf); err != nil {
			c.Close()
			return // writing stays true: nobody is to try again
		}
		writeBuffers.Put(buf)
	}
}

// take moves messages that wait to buf. more reports whether there were any; else nobody writes from now on, and last is whether
// nobody will.
func (c *controlConn) take(buf *[]byte) (more, last bool) {
	const enough = 1 << 10
	*buf = (*buf)[:0]
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed() {
		c.queue, c.writing = nil, false
		return false, false
	}
	n := 0
	for ; n < len(c.queue) && len(*buf) < enough; n++ {
		*buf = appendMessage(*buf, c.queue[n])
		c.queue[n] = nil
	}
	if c.queue = c.queue[n:]; len(c.queue) == 0 {
		c.queue = nil
	}
	c.writing = n > 0
	return n > 0, n == 0 && c.ending
}

// Receive reads the next message. Anything unreadable ends the connection.
func (c *controlConn) Receive() (any, error) {
	b, err := c.read()
	if err != nil {
		return nil, err
	}
	return relay.DecodeControl(b)
}

// read reads the next message as it came.
func (c *controlConn) read() ([]byte, error) {
	b, err := readMessage(c.in, nil, maxControl)
	if err != nil {
		c.last.Do(func() { close(c.over) })
	}
	return b, err
}

// Finish sends what is queued and m, then closes, waiting no longer than a second.
func (c *controlConn) Finish(m any) {
	c.Send(m)
	c.finish()
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-c.fin:
		c.once.Do(func() { close(c.done) })
	case <-c.done:
	case <-t.C:
		c.Close() // it reads nothing: its stream must not outlive us
	}
}

// finish has the stream closed once all that is queued is written.
func (c *controlConn) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ending {
		c.ending = true
		c.start()
	}
}

// Part says m, a Bye, and waits up to a second until the other side, having read it, ends the stream: a node that closes
// its whole connection sooner takes back what it said. Somebody must be in Receive meanwhile. It reports whether the other
// side did.
func (c *controlConn) Part(m any) (heard bool) {
	c.Send(m)
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-c.over:
		heard = true
	case <-t.C:
	}
	c.Close()
	return heard
}

// Close ends the connection at once. It never blocks, and may be called under a lock.
func (c *controlConn) Close() {
	c.once.Do(func() {
		close(c.done)
		go c.s.Reset() // on TCP it waits for a peer that reads nothing
	})
}
