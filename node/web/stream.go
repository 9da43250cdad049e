package web

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"salon/node"
	"salon/node/rtc"
	"salon/relay"
	"salon/room"
	"salon/room/opus"
)

// Frames is the media type of the shell's audio streams: each frame an unsigned varint length and as many bytes of one
// 20 ms Opus packet; length 0 is a frame that was lost.
const Frames = "application/x-salon-frames"

const (
	maxFrame    = opus.MaxPacket
	streamHolds = 250 // frames, five seconds
	maxStreams  = 16
)

// whip publishes a browser's microphone into the room.
func (s *Server) whip(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	s.rtc.ServeWHIP(w, r, s.publishing(r, rm))
}

// whep plays to a browser what its person should hear.
func (s *Server) whep(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	s.rtc.ServeWHEP(w, r, s.playing(rm))
}

// publishSocket and playSocket do the same over a WebSocket, for a page that finds no WebRTC path to us.
func (s *Server) publishSocket(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	s.rtc.ServeTicket(w, r, rtc.Publish, s.publishing(r, rm))
}

func (s *Server) playSocket(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	s.rtc.ServeTicket(w, r, rtc.Play, s.playing(rm))
}

func (s *Server) publishing(r *http.Request, rm *node.Room) rtc.Offer {
	return s.offer(rm, func(l relay.Link) error { return rm.Publish(r.Context(), l) })
}

func (s *Server) playing(rm *node.Room) rtc.Offer {
	return s.offer(rm, func(l relay.Link) error { rm.Play(l); return nil })
}

// offer is how the room's sound is negotiated.
func (s *Server) offer(rm *node.Room, take func(relay.Link) error) rtc.Offer {
	return rtc.Offer{Stereo: rm.Mode() == room.Concert, OnSession: func(l *rtc.Session) error {
		if err := take(l); err != nil {
			u := node.Explain(err)
			return &rtc.Refusal{Status: statusOf(u.Code), Name: u.Code, Text: u.Text}
		}
		return nil
	}}
}

type framesTaken struct {
	Frames uint64 `json:"frames"` // 20 ms each
}

// speak publishes frames from the request's body until it ends, or until the person is no longer on stage.
func (s *Server) speak(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	l := &bodyLink{in: bufio.NewReaderSize(r.Body, 4<<10), done: make(chan struct{})}
	if err := rm.Publish(r.Context(), l); err != nil {
		fail(w, err)
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // this body comes as fast as the person speaks
	<-l.done
	writeJSON(w, http.StatusOK, framesTaken{l.received.Load()})
	// What the client still sends is not waited for.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now())
}

// listen sends frames as they are played until the client goes or the room is over.
func (s *Server) listen(w http.ResponseWriter, r *http.Request, rm *node.Room) {
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		s.refused.add("api_too_many_streams")
		writeError(w, http.StatusServiceUnavailable, "too_many_streams", "Too many recordings run at once. End one first.")
		return
	}
	defer s.streams.Add(-1)
	l := newFrameQueue()
	defer l.Close()
	rm.Play(l)
	l.stream(w, r)
}

// stream writes frames until the client goes or the queue is closed. If the queue was closed because the client is too
// slow, it aborts the answer, so that what was sent is not taken for the whole.
func (l *frameQueue) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", Frames)
	w.WriteHeader(http.StatusOK)
	rc := http.NewResponseController(w)
	if rc.Flush() != nil {
		return
	}
	write := func(b []byte) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, err := w.Write(b)
		return err == nil && (len(l.out) > 0 || rc.Flush() == nil)
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case b := <-l.out:
			if !write(b) {
				return
			}
		case <-l.done:
			if l.dropped.Load() > 0 {
				panic(http.ErrAbortHandler)
			}
			for len(l.out) > 0 && write(<-l.out) { // what was said before the room ended
			}
			return
		}
	}
}

// A bodyLink is a microphone that reads frames from a request's body.
type bodyLink struct {
	in       *bufio.Reader
	number   uint64
	buf      [maxFrame]byte
	frames   [1]relay.Frame
	received atomic.Uint64
	once     sync.Once
	done     chan struct{}
}

func (l *bodyLink) Receive(p *relay.Packet) error {
	for {
		select {
		case <-l.done:
			return io.EOF
		default:
		}
		n, err := binary.ReadUvarint(l.in)
		if err == nil && n > maxFrame {
			err = errors.New("frame too long")
		}
		if err == nil && n > 0 {
			_, err = io.ReadFull(l.in, l.buf[:n])
		}
		if err != nil {
			l.Close()
			return io.EOF
		}
		l.number++
		if n == 0 {
			continue // lost: the gap in the numbers tells
		}
		l.frames[0] = relay.Frame{Number: l.number, Sealed: l.buf[:n]}
		*p = relay.Packet{Frames: l.frames[:]}
		l.received.Add(1)
		return nil
	}
}

func (l *bodyLink) Send(*relay.Packet) {}

func (l *bodyLink) Stats() relay.LinkStats { return relay.LinkStats{Received: l.received.Load()} }

func (l *bodyLink) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// A frameQueue is a player that keeps encoded frames for a response. A reader too slow for five seconds of sound has
// gone: it is ended, for a recording with a hole in its middle would look whole.
type frameQueue struct {
	out     chan []byte
	next    uint64
	sent    atomic.Uint64
	dropped atomic.Uint64
	once    sync.Once
	done    chan struct{}
}

func newFrameQueue() *frameQueue {
	return &frameQueue{out: make(chan []byte, streamHolds), done: make(chan struct{})}
}

// Send is called by one goroutine at a time.
func (l *frameQueue) Send(p *relay.Packet) {
	for _, f := range p.Frames {
		var b []byte
		for lost := f.Number - l.next; lost > 0 && lost < streamHolds; lost-- {
			b = append(b, 0)
		}
		l.next = f.Number + 1
		b = binary.AppendUvarint(b, uint64(len(f.Sealed)))
		b = append(b, f.Sealed...)
		select {
		case l.out <- b:
			l.sent.Add(1)
		default:
			l.dropped.Add(1)
			l.Close()
		}
	}
}

func (l *frameQueue) Receive(*relay.Packet) error {
	<-l.done
	return io.EOF
}

func (l *frameQueue) Stats() relay.LinkStats {
	return relay.LinkStats{Sent: l.sent.Load(), Dropped: l.dropped.Load()}
}

func (l *frameQueue) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}
