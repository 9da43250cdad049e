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

// A controlConn carries the reliable, ordered messages of relay/control.go over one stream.
type controlConn struct {
	s    byteStream
	in   *bufio.Reader
	out  chan []byte
	done chan struct{}
	once sync.Once
	fin  sync.WaitGroup
	over chan struct{} // closed when Receive has failed
	last sync.Once     // closes over
}

func newControlConn(s byteStream, in *bufio.Reader) *controlConn {
	if in == nil {
		in = bufio.NewReaderSize(s, readAhead)
	}
	c := &controlConn{s: s, in: in, out: make(chan []byte, controlQueue), done: make(chan struct{}), over: make(chan struct{})}
	c.fin.Go(c.write)
	return c
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
	select {
	case c.out <- b:
	default:
		c.Close()
	}
}

func (c *controlConn) write() {
	for {
		select {
		case <-c.done:
			return
		case b, ok := <-c.out:
			if !ok || b == nil { // Finish: everything before it is written
				c.s.Close()
				return
			}
			buf := writeBuffers.Get().(*[]byte)
			*buf = appendMessage((*buf)[:0], b)
			_ = c.s.SetWriteDeadline(time.Now().Add(10 * time.Second))
			if _, err := c.s.Write(*buf); err != nil {
				c.Close()
				return
			}
			writeBuffers.Put(buf)
		}
	}
}

// Receive reads the next message. Anything unreadable ends the connection.
func (c *controlConn) Receive() (any, error) {
	b, err := readMessage(c.in, nil, maxControl)
	if err != nil {
		c.last.Do(func() { close(c.over) })
		return nil, err
	}
	return relay.DecodeControl(b)
}

// Finish sends what is queued and m, then closes, waiting no longer than a second.
func (c *controlConn) Finish(m any) {
	c.Send(m)
	c.finish()
	written := make(chan struct{})
	go func() { c.fin.Wait(); close(written) }()
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-written:
		c.once.Do(func() { close(c.done) })
	case <-t.C:
		c.Close() // it reads nothing: its stream must not outlive us
	}
}

// finish has the stream closed once all that is queued is written.
func (c *controlConn) finish() {
	select {
	case c.out <- nil:
	default:
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
