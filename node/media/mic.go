package media

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"salon/relay"
)

// A Mic plays a Source at its own pace, 50 packets a second by the clock of this machine, as if somebody spoke it. It is
// a relay.Link that only receives.
type Mic struct {
	src      Source
	start    time.Time // of packet 0
	n        uint64
	frames   [1]relay.Frame
	received atomic.Uint64
	err      error // of the source; read after Done
	once     sync.Once
	closed   chan struct{}
	done     chan struct{}
	began    sync.Once // whether Receive or Close was first: who reads the source closes it
	ended    sync.Once
}

// NewMic takes over src; the first packet is due at once.
func NewMic(src Source) *Mic {
	return &Mic{src: src, closed: make(chan struct{}), done: make(chan struct{})}
}

// Receive waits for the next packet to be due. After the last it returns io.EOF.
func (m *Mic) Receive(p *relay.Packet) error {
	m.began.Do(func() { m.start = time.Now() })
	wait := time.NewTimer(time.Until(m.start.Add(time.Duration(m.n) * relay.FrameDuration)))
	defer wait.Stop()
	select {
	case <-m.closed:
	case <-wait.C:
	}
	select {
	case <-m.closed: // also when a packet was due at that moment
		m.end(nil)
		return io.EOF
	default:
	}
	packet, err := m.src.Next()
	if err != nil {
		m.end(err)
		return io.EOF
	}
	m.frames[0] = relay.Frame{Number: m.n, Sealed: slices.Clone(packet)}
	m.n++
	m.received.Add(1)
	*p = relay.Packet{Frames: m.frames[:]}
	return nil
}

func (m *Mic) end(err error) {
	m.ended.Do(func() {
		if err != nil && err != io.EOF {
			m.err = err
		}
		_ = m.src.Close() // read only: nothing is lost
		close(m.done)
	})
}

// Done is closed when the last packet was received or the mic was closed and noticed it.
func (m *Mic) Done() <-chan struct{} { return m.done }

// Err is why the source ended early; nil at its proper end.
func (m *Mic) Err() error {
	select {
	case <-m.done:
		return m.err
	default:
		return nil
	}
}

// Send does nothing: a file cannot hear.
func (m *Mic) Send(*relay.Packet) {}

// Stats counts packets.
func (m *Mic) Stats() relay.LinkStats { return relay.LinkStats{Received: m.received.Load()} }

// Close ends the mic; a blocked Receive returns io.EOF.
func (m *Mic) Close() error {
	m.once.Do(func() {
		close(m.closed)
		m.began.Do(func() { m.end(nil) })
	})
	return nil
}
