package node

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"salon/relay"
)

func TestControlIsOrderedAndFinishDeliversAll(t *testing.T) {
	a, b := newPipe()
	x, y := newControlConn(a, nil), newControlConn(b, nil)
	defer y.Close()
	const n = 50
	for i := range uint64(n) {
		x.Send(relay.Answer{ID: i})
	}
	finished := make(chan struct{})
	go func() { x.Finish(relay.Bye{Code: "ended"}); close(finished) }()
	for i := range uint64(n) {
		if m, err := y.Receive(); err != nil || m.(relay.Answer).ID != i {
			t.Fatalf("message %d: %+v, %v", i, m, err)
		}
	}
	if m, err := y.Receive(); err != nil || m.(relay.Bye).Code != "ended" {
		t.Fatalf("the last: %+v, %v", m, err)
	}
	if m, err := y.Receive(); err == nil {
		t.Fatalf("after the last: %+v", m)
	}
	<-finished
	x.Send(relay.Ping{}) // does nothing, and does not panic
	x.Close()
}

// A neighbour that takes nothing is let go, and nobody waits for it.
func TestControlQueueThatIsFullCloses(t *testing.T) {
	a, b := newPipe()
	c := newControlConn(a, nil)
	for range 2 * controlQueue { // some are with the writer
		c.Send(relay.Ping{})
	}
	for _, end := range []chan struct{}{c.done, a.closed} { // the stream a moment after the connection
		select {
		case <-end:
		case <-time.After(20 * time.Second):
			t.Fatal("the connection is still open")
		}
	}
	if _, err := newControlConn(b, nil).Receive(); err == nil {
		t.Fatal("the stream is still open")
	}
}

// There is one connection for each listener: while nothing is to be written, nothing of it waits.
func TestSilentStreamsHaveNoWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe()
		c, l, other := newControlConn(a, nil), newStreamLink(a, nil), newControlConn(b, nil)
		for i := range int64(3) {
			c.Send(relay.Ping{T0: i})
			if m, err := other.Receive(); err != nil || m != (relay.Ping{T0: i}) {
				t.Fatalf("message %d: %+v, %v", i, m, err)
			}
			l.SendMessage([]byte{1})
			if m, err := readMessage(other.in, nil, 1); err != nil || m[0] != 1 {
				t.Fatalf("packet %d: %v, %v", i, m, err)
			}
			synctest.Wait()
			if c.writing || c.queue != nil || l.writing || len(l.queue) > 4 {
				t.Fatalf("after message %d: %v, %d, %v, %d", i, c.writing, len(c.queue), l.writing, len(l.queue))
			}
		}
		c.Close()
		other.Close()
	})
}

// Finish waits a second for a neighbour that reads nothing; then the stream is reset, or its reader and both ends'
// memory would stay until the connection goes.
func TestControlFinishDoesNotWaitForTheDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe()
		c := newControlConn(a, nil)
		begun := time.Now()
		c.Finish(relay.Bye{Code: "removed"})
		if d := time.Since(begun); d > time.Second {
			t.Errorf("waited %v", d)
		}
		if _, err := c.Receive(); err == nil {
			t.Error("the stream is still open")
		}
		b.Close()
		<-c.done
	})
}

func TestControlEndsAtWhatItCannotRead(t *testing.T) {
	for name, wire := range map[string][]byte{
		"a message that is too long": appendMessage(nil, make([]byte, maxControl+1)),
		"garbage":                    appendMessage(nil, []byte{0xff, 0xff}),
		"nothing":                    appendMessage(nil, nil),
		"half a message":             appendMessage(nil, []byte{1, 2, 3})[:2],
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newPipe()
			c := newControlConn(b, nil)
			defer c.Close()
			go func() { a.Write(wire); a.Close() }()
			if m, err := c.Receive(); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("%+v, %v", m, err)
			}
		})
	}
}
