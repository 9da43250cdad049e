package rtc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// A session over a WebSocket is for a page that finds no WebRTC path to the node beside it: browsers use no loopback
// address for that, so a laptop with every network off has none. Each binary message, in either direction, is one Opus
// packet of 20 ms, and nothing else is ever sent. TCP loses none and keeps their order, so they bear no numbers.

const (
	closeWithin = 500 * time.Millisecond // for the client's answer to our goodbye
	socketHolds = 16 << 10               // bytes that wait in the system for a slow page; the rest waits, and ages, in our queue
)

// A Ticket is what the client of a session over a WebSocket is told.
type Ticket struct {
	Socket string `json:"socket"` // where to open it
}

// ServeTicket answers a request for a session over a WebSocket with the address to open it at. A browser cannot send a
// key with a WebSocket; the address stands for it, and is good once and for as long as a session may take to connect.
func (e *Endpoint) ServeTicket(w http.ResponseWriter, r *http.Request, kind Kind, o Offer) {
	e.serve(w, r, func() *Refusal {
		word := rand.Text()
		s := newSession(e, kind, o.Stereo)
		s.ticket = new(sha256.Sum256([]byte(word)))
		if no := e.admit(s); no != nil {
			return no
		}
		go s.run()
		if no := e.handOver(s, o); no != nil {
			return no
		}
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Location", e.opts.Resource+s.id)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(Ticket{e.opts.Socket + word}) // a client that has gone never connects
		return nil
	})
}

// ServeSocket opens the WebSocket of a session to whoever has its ticket.
func (e *Endpoint) ServeSocket(w http.ResponseWriter, r *http.Request, ticket string) {
	e.serve(w, r, func() *Refusal {
		s := e.redeem(ticket)
		if s == nil {
			return refusal(http.StatusForbidden, "no_ticket", "This address was used before, or too late. Ask for another.")
		}
		var no *Refusal
		up := websocket.Upgrader{
			HandshakeTimeout: e.opts.BodyWithin,
			ReadBufferSize:   2 << 10,
			WriteBufferSize:  2 << 10,
			Error: func(_ http.ResponseWriter, _ *http.Request, _ int, err error) {
				no = refusal(http.StatusBadRequest, "no_websocket", "Open this address as a WebSocket, from the page of the node: "+err.Error()+".")
			},
		}
		conn, err := up.Upgrade(w, r, nil)
		if err != nil {
			s.stop(ErrNeverConnected)
			return no // nil if there is nobody left to tell
		}
		s.attach(conn)
		return nil
	})
}

// redeem finds the session of a ticket, for the only time. It compares sums, so that the time it takes tells nothing.
func (e *Endpoint) redeem(word string) *Session {
	sum := sha256.Sum256([]byte(word))
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.sessions {
		if s.ticket != nil && *s.ticket == sum {
			s.ticket = nil
			return s
		}
	}
	return nil
}

// attach gives a session its client.
func (s *Session) attach(conn *websocket.Conn) {
	if tcp, ok := conn.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(socketHolds) // a system that will not has more waiting
	}
	s.mu.Lock()
	late := s.ended
	if !late {
		s.conn = conn
		s.readers.Go(func() { s.readSocket(conn) })
		s.readers.Go(func() { s.writeSocket(conn) })
	}
	s.mu.Unlock()
	if late {
		say(conn, s.Err())
		conn.Close()
	}
}

// readSocket takes what the client sends until it goes.
func (s *Session) readSocket(conn *websocket.Conn) {
	alive := func() { _ = conn.SetReadDeadline(time.Now().Add(s.e.opts.GoneAfter)) } // fails on a closed one, as reading will
	conn.SetPongHandler(func(string) error {
		alive()
		return nil
	})
	alive()
	var (
		o      opusPacket
		number uint64
		pace   pace
		b      [maxPayload + 1]byte
	)
	for {
		kind, r, err := conn.NextReader()
		if err != nil {
			s.stop(whyGone(err))
			return
		}
		if s.Err() != nil {
			continue // only the client's goodbye is waited for
		}
		alive()
		n, _ := io.ReadFull(r, b[:]) // an error is the next NextReader's too
		switch {
		case s.kind != Publish, kind != websocket.BinaryMessage, n > maxPayload, !o.parse(b[:n]), o.samples() != frameSamples:
			s.dropReceived(dropMalformed)
			s.stop(ErrGarbage)
		case !pace.allows(time.Now()) && !s.e.opts.unpaced:
			s.drop("too_fast")
		default:
			s.emit(number, b[:n])
			number++
		}
	}
}

// whyGone tells a client that said goodbye from one that vanished.
func whyGone(err error) error {
	if websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived) {
		return ErrDeleted
	}
	return ErrGone
}

// writeSocket sends what is queued, and looks whether the client is there, until the session ends.
func (s *Session) writeSocket(conn *websocket.Conn) {
	s.keep(0) // in one burst they would only make the client's buffer long
	s.connect()
	look := time.NewTicker(s.e.opts.GoneAfter / 5)
	defer look.Stop()
	var ready <-chan struct{}
	if s.kind == Play {
		ready = s.frames.ready
	}
	var (
		place placing
		o     opusPacket
		it    item
	)
	send := func(packet []byte) {
		_ = conn.SetWriteDeadline(time.Now().Add(s.e.opts.GoneAfter)) // never fails
		if conn.WriteMessage(websocket.BinaryMessage, packet) != nil {
			s.drop("write")
			s.stop(ErrGone)
		}
	}
	for {
		select {
		case <-ready:
			for s.Err() == nil && s.frames.pop(&it) {
				// It may be another's: a browser's decoder stops at what is no Opus.
				if !o.parse(it.payload) || o.samples() != frameSamples {
					s.drop(dropMalformed)
					continue
				}
				missing, gap, why := place.next(it.number, it.payload)
				if why != "" {
					if why == dropDuplicate {
						s.duplicate.Add(1)
					}
					s.drop(why)
					continue
				}
				s.sent.Add(1) // before it goes, so that whoever receives it finds it counted
				for ; missing > 0; missing-- {
					send([]byte{gap})
				}
				send(it.payload)
			}
		case now := <-look.C:
			// Failing, it ends what reads as well.
			_ = conn.WriteControl(websocket.PingMessage, nil, now.Add(s.e.opts.GoneAfter))
		case <-s.stopping:
			return
		}
	}
}

// hangUp says goodbye, and why, and waits a moment for the answer: a connection that is closed on what it has not read is
// reset, and the goodbye lost with it.
func (s *Session) hangUp(conn *websocket.Conn) {
	say(conn, s.err)
	giveUp := time.AfterFunc(closeWithin, func() { conn.Close() })
	s.readers.Wait()
	giveUp.Stop()
	conn.Close()
}

// say tells the client why the session ended.
func say(conn *websocket.Conn, why error) {
	code, text := goodbye(why)
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(closeWithin))
}

// goodbye is the end of a session in the words of RFC 6455 section 7.4.1.
func goodbye(why error) (code int, text string) {
	switch {
	case errors.Is(why, ErrGarbage):
		return websocket.CloseInvalidFramePayloadData, "Send Opus packets of 20 ms, one a binary message, and only to publish."
	case errors.Is(why, ErrEndpointClosed):
		return websocket.CloseGoingAway, "The node shuts down."
	}
	return websocket.CloseNormalClosure, ""
}

// A pace lets 50 frames a second through, a little more for the client's clock, and once five seconds' worth for a page
// that was held up. The zero pace has let none through.
type pace struct{ due time.Time }

func (p *pace) allows(now time.Time) bool {
	const frame, ahead = 18 * time.Millisecond, 5 * time.Second
	if p.due.Before(now) {
		p.due = now
	}
	if p.due.Sub(now) > ahead-frame {
		return false // and owes nothing for it
	}
	p.due = p.due.Add(frame)
	return true
}

// A placing closes gaps in the numbers of frames with packets that every decoder conceals: a client to whom frames bear no
// numbers would close them by playing ahead of its time. The zero placing has placed none.
type placing struct {
	begun   bool
	awaited uint64
	toc     byte // of the last frame
}

// next tells how many gap packets come before a frame, or why it is not sent. Over a second of lost frames is a new start:
// what is concealed so long is silent anyway.
func (p *placing) next(number uint64, payload []byte) (missing int, gap byte, why string) {
	if p.begun {
		switch ahead := int64(number - p.awaited); {
		case ahead == -1:
			return 0, 0, dropDuplicate
		case ahead < 0:
			return 0, 0, dropLate
		case ahead <= maxJump:
			missing = int(ahead)
		}
	}
	gap = opusGap(p.toc)
	p.begun, p.awaited, p.toc = true, number+1, payload[0]
	return missing, gap, ""
}
