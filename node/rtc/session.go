package rtc

import (
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/webrtc/v4"

	"salon/relay"
)

// Why a session ended; see Session.Err.
var (
	ErrClosed         = errors.New("rtc: session closed by the node")
	ErrDeleted        = errors.New("rtc: session ended by the client")
	ErrNeverConnected = errors.New("rtc: client never connected")
	ErrGone           = errors.New("rtc: client has gone")
	ErrRefused        = errors.New("rtc: session refused")
	ErrEndpointClosed = errors.New("rtc: endpoint closed")
	ErrGarbage        = errors.New("rtc: client sent what is no sound")
)

// endName is the name under which an end is counted.
func endName(err error) string {
	switch {
	case errors.Is(err, ErrDeleted):
		return "deleted"
	case errors.Is(err, ErrNeverConnected):
		return "never_connected"
	case errors.Is(err, ErrGone):
		return "gone"
	case errors.Is(err, ErrRefused):
		return "refused"
	case errors.Is(err, ErrEndpointClosed):
		return "endpoint_closed"
	case errors.Is(err, ErrGarbage):
		return "garbage"
	default:
		return "closed"
	}
}

// A Kind is the direction of a session.
type Kind uint8

// Publish sends its client's microphone to the node; Play sends the node's sound to its client.
const (
	Publish Kind = iota + 1
	Play
)

// String is "publish" or "play".
func (k Kind) String() string {
	if k == Publish {
		return "publish"
	}
	return "play"
}

// queued is how many frames wait in a session, at most: a second, for the end of a DTX gap brings half of one at once.
const queued = 50

// A Session is one client in one direction. It is a relay.Link of plain Opus frames (Frame.Sealed is an Opus packet of
// 20 ms), which carries frames and nothing else.
type Session struct {
	id          string
	kind        Kind
	stereo      bool
	e           *Endpoint
	log         *slog.Logger
	pc          *webrtc.PeerConnection // of a Publish session; nil over a WebSocket
	player      *player                // of a Play session, likewise
	ufrag       string                 // of the client's offer
	ssrc        uint32                 // of what a Play session sends, and its payload type
	payloadType uint8
	ticket      *[32]byte // sum of what opens the WebSocket; nil without one, and once it is used; the endpoint guards it

	frames *queue // received and not taken, or to be sent
	taken  item   // what Receive last returned

	mu      sync.Mutex      // guards the start of readers against their end, and conn
	ended   bool            // no more readers
	conn    *websocket.Conn // nil without a WebSocket, or before it is open
	readers sync.WaitGroup  // goroutines that read from or write to pc, player or conn

	connected   chan struct{}
	connectOnce sync.Once
	stopping    chan struct{} // closed first; err is set before
	stopOnce    sync.Once
	err         error
	done        chan struct{} // closed last

	candidates atomic.Int32 // taken from the client, bounded
	reading    atomic.Bool  // a track has been taken
	level      atomic.Uint32

	sent, received, lost, malformed, duplicate atomic.Uint64
}

var _ relay.Link = (*Session)(nil)

func newSession(e *Endpoint, kind Kind, stereo bool) *Session {
	id := newID()
	s := &Session{
		id: id, kind: kind, stereo: stereo, e: e,
		log:       e.opts.Log.With("session", id[:6], "kind", kind.String()),
		frames:    newQueue(queued),
		connected: make(chan struct{}),
		stopping:  make(chan struct{}),
		done:      make(chan struct{}),
	}
	s.level.Store(levelUnknown)
	return s
}

// ID names the session in its resource's path. Nobody can guess it.
func (s *Session) ID() string { return s.id }

// Kind is the direction.
func (s *Session) Kind() Kind { return s.kind }

// Stereo tells whether two channels were agreed on.
func (s *Session) Stereo() bool { return s.stereo }

// Connected is closed once media can flow.
func (s *Session) Connected() <-chan struct{} { return s.connected }

// Done is closed once the session has ended and released everything.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err tells why the session ended (ErrDeleted, ErrGone, ...); nil while it lasts.
func (s *Session) Err() error {
	select {
	case <-s.stopping:
		return s.err
	default:
		return nil
	}
}

// Close ends the session, if it has not ended, and waits until it has released everything.
func (s *Session) Close() error {
	s.stop(ErrClosed)
	<-s.done
	return nil
}

const levelUnknown = 1 << 8

// Level is the loudness of the last packet that a publisher sent, as its browser measured it (RFC 6464: 0 is the
// loudest, 127 is silence, in -dBov). It is false for a client that does not say.
func (s *Session) Level() (uint8, bool) {
	l := s.level.Load()
	return uint8(l), l != levelUnknown
}

// Stats counts frames. Dropped frames are in Endpoint.Stats by name, over all sessions.
func (s *Session) Stats() relay.LinkStats {
	return relay.LinkStats{
		Sent:      s.sent.Load(),
		Received:  s.received.Load(),
		Dropped:   s.lost.Load(),
		Malformed: s.malformed.Load(),
		Duplicate: s.duplicate.Load(),
	}
}

// Receive waits for the next frame of a publisher and puts it into p. Numbers begin at 0 and go up by one every 20 ms of
// the publisher's time; Slot is 0. The bytes are valid until the next call. It returns io.EOF once the session has ended.
// One goroutine at a time may call it.
func (s *Session) Receive(p *relay.Packet) error {
	*p = relay.Packet{Frames: p.Frames[:0]}
	for s.kind == Publish && s.Err() == nil {
		if s.frames.pop(&s.taken) {
			p.Frames = append(p.Frames, relay.Frame{Number: s.taken.number, Sealed: s.taken.payload})
			s.received.Add(1)
			return nil
		}
		select {
		case <-s.frames.ready:
		case <-s.stopping:
			return io.EOF
		}
	}
	<-s.stopping
	return io.EOF
}

// Send plays the frames of p, in any slot, to the client; it copies what it needs and never blocks. A frame's number is
// its place in time, so numbers must go up by one every 20 ms and never restart. Whatever else is in p is ignored.
func (s *Session) Send(p *relay.Packet) {
	if s.Err() != nil {
		return
	}
	for _, f := range p.Frames {
		switch {
		case s.kind != Play:
			s.drop("wrong_direction")
		case len(f.Sealed) == 0 || len(f.Sealed) > maxPayload:
			s.drop("bad_size")
		case s.player != nil && s.player.send(f.Number, f.Sealed):
		default:
			if s.frames.push(f.Number, f.Sealed) {
				s.drop("queue_full")
			}
		}
	}
}

// unsent counts a frame of a player that was not to be sent.
func (s *Session) unsent(why string) {
	if why == dropDuplicate {
		s.duplicate.Add(1)
	}
	s.drop(why)
}

// drop counts a frame that goes no further.
func (s *Session) drop(name string) {
	s.lost.Add(1)
	s.e.dropped.add(name)
}

// stop begins the end; only the first reason counts.
func (s *Session) stop(why error) {
	s.stopOnce.Do(func() {
		s.err = why
		close(s.stopping)
	})
}

// run lives as long as the session and releases what it held.
func (s *Session) run() {
	timer := time.NewTimer(s.e.opts.ConnectWithin)
	defer timer.Stop()
	select {
	case <-s.connected:
		<-s.stopping
	case <-s.stopping:
	case <-timer.C:
		// Both may be ready by now, and a session that did connect must not be taken for one that did not.
		select {
		case <-s.connected:
			<-s.stopping
		default:
			s.stop(ErrNeverConnected)
		}
	}
	s.release()
	s.e.ended.add(endName(s.err))
	s.e.forget(s)
	s.log.Info("session ended", "why", s.err, "sent", s.sent.Load(), "received", s.received.Load())
	close(s.done)
	s.e.running.Done()
}

// abandon ends a session that never ran.
func (s *Session) abandon(why error) {
	s.stop(why)
	s.release()
	s.e.forget(s)
	close(s.done)
	s.e.running.Done()
}

func (s *Session) release() {
	var err error
	switch {
	case s.pc != nil:
		err = s.pc.Close()
		if s.e.opts.Port != nil {
			s.e.opts.Port.publishing.Add(-1)
		}
	case s.player != nil:
		err = s.player.close()
	}
	if err != nil {
		s.log.Debug("close", "err", err)
	}
	s.mu.Lock()
	s.ended = true
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		s.hangUp(conn)
	}
	s.readers.Wait()
}

// read starts a goroutine that the session waits for; pion may ask for one while the session ends.
func (s *Session) read(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.readers.Go(f)
	}
}

// stateChanged is pion's callback.
func (s *Session) stateChanged(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		s.connect()
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		// A failed one could come back by an ICE restart; asking the page to post again is as quick, and simpler.
		s.stop(ErrGone)
	}
}

// keep lets go of all but the newest n of the frames that wait for the client: they are old.
func (s *Session) keep(n int) {
	for range s.frames.keep(n) {
		s.drop("before_connected")
	}
}

// connect notes that media can flow.
func (s *Session) connect() {
	s.connectOnce.Do(func() {
		s.log.Debug("connected")
		close(s.connected)
	})
}
