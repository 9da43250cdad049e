package rtc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"salon/relay"
	"salon/relay/linktest"
)

// ticket asks for a session over a WebSocket, and returns the address to open it at.
func (s *site) ticket(t testing.TB, kind Kind) (address string, session *Session) {
	t.Helper()
	code, header, body := s.do(t, http.MethodPost, "/socket/"+kind.String(), "", "")
	var answer Ticket
	if err := json.Unmarshal([]byte(body), &answer); code != http.StatusCreated || err != nil {
		t.Fatalf("%d %s", code, body)
	}
	session = s.session(t)
	if header.Get("Location") != "/api/v1/media/"+session.ID() || strings.Contains(answer.Socket, session.ID()) {
		t.Errorf("%v, %s", header, body)
	}
	return "ws" + strings.TrimPrefix(s.URL, "http") + answer.Socket, session
}

// socket connects a client to a session.
func (s *site) socket(t testing.TB, kind Kind) (*websocket.Conn, *Session) {
	t.Helper()
	address, session := s.ticket(t, kind)
	conn, _, err := websocket.DefaultDialer.Dial(address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	receive(t, session.Connected(), "connection")
	return conn, session
}

func TestSocketPublish(t *testing.T) {
	s := newSite(t, Options{})
	conn, session := s.socket(t, Publish)
	const n = 50
	for i := range n {
		if err := conn.WriteMessage(websocket.BinaryMessage, opusOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	var p relay.Packet
	for i := range n {
		if err := session.Receive(&p); err != nil {
			t.Fatal(err)
		}
		if f := p.Frames[0]; len(p.Frames) != 1 || f.Number != uint64(i) || !bytes.Equal(f.Sealed, opusOf(i)) {
			t.Fatalf("frame %d came as %+v", i, p.Frames)
		}
	}
	if st := session.Stats(); st.Received != n || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
	session.Send(&p)
	if s.endpoint.Stats().Dropped["wrong_direction"] != 1 {
		t.Error("a publisher was sent something")
	}
}

// A client hears every 20 ms once and in its place: what is missing is concealed, what comes twice, or
// late, or is no Opus is left out.
func TestSocketPlay(t *testing.T) {
	s := newSite(t, Options{})
	conn, session := s.socket(t, Play)
	const silk = 0x48 // a TOC unlike opusOf's
	for _, row := range []struct {
		number  uint64
		payload []byte
		want    []string // messages
	}{
		{1 << 40, opusOf(0), []string{"f8000055"}},
		{1<<40 + 1, []byte{silk, 1}, []string{"4801"}},
		{1<<40 + 1, opusOf(9), nil},
		{1 << 40, opusOf(9), nil},
		{1<<40 + 4, opusOf(4), []string{"48", "48", "f8000455"}},
		{1<<40 + 5, []byte{0xfb}, nil},
		{1<<40 + 5, []byte{0xf9, 1, 1}, nil}, // 40 ms
		{1<<40 + 5 + maxJump, opusOf(5), append(strings.Split(strings.Repeat("f8 ", maxJump), " ")[:maxJump], "f8000555")},
		{1<<40 + 6 + 2*maxJump + 1, opusOf(6), []string{"f8000655"}},
	} {
		session.Send(&relay.Packet{Frames: []relay.Frame{{Slot: 3, Number: row.number, Sealed: row.payload}}})
		for i, want := range row.want {
			kind, got, err := conn.ReadMessage()
			if err != nil || kind != websocket.BinaryMessage || fmt.Sprintf("%x", got) != want {
				t.Fatalf("frame %d, message %d: %x (kind %d), %v; want %s", row.number-1<<40, i, got, kind, err, want)
			}
		}
	}
	session.Close()
	if st := session.Stats(); st.Sent != 5 || st.Dropped != 4 || st.Duplicate != 1 {
		t.Errorf("%+v", st)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		t.Errorf("the client is told %v", err)
	}
}

// A ticket opens one WebSocket, once, soon, and only to a page of this node.
func TestSocketTicket(t *testing.T) {
	s := newSite(t, Options{})
	dial := func(address string, h http.Header) int {
		conn, resp, err := websocket.DefaultDialer.Dial(address, h)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
		}
		if resp == nil {
			t.Fatal(err)
		}
		return resp.StatusCode
	}
	address, session := s.ticket(t, Play)
	bare, word, _ := strings.Cut(address, "?ticket=")
	if len(word) < 20 {
		t.Errorf("the ticket is %q", word)
	}
	for name, wrong := range map[string]string{
		"none": bare, "empty": bare + "?ticket=", "half": bare + "?ticket=" + word[:10], "the session's name": bare + "?ticket=" + session.ID(),
		"another's": bare + "?ticket=" + strings.Repeat("A", len(word)),
	} {
		if code := dial(wrong, nil); code != http.StatusForbidden {
			t.Errorf("%s: %d", name, code)
		}
	}
	if code := dial(address, nil); code != http.StatusSwitchingProtocols {
		t.Errorf("a good ticket: %d", code)
	}
	receive(t, session.Connected(), "connection")
	if code := dial(address, nil); code != http.StatusForbidden {
		t.Errorf("a used ticket: %d", code)
	}

	address, session = s.ticket(t, Publish)
	if code := dial(address, http.Header{"Origin": {"http://evil.example"}}); code != http.StatusBadRequest {
		t.Errorf("another site: %d", code)
	}
	if code := dial(address, nil); code != http.StatusForbidden {
		t.Errorf("a ticket that another site used up: %d", code)
	}
	receive(t, session.Done(), "end")

	address, session = s.ticket(t, Publish)
	if code, _, _ := s.do(t, http.MethodGet, strings.TrimPrefix(address, "ws"+strings.TrimPrefix(s.URL, "http")), "", ""); code != http.StatusBadRequest {
		t.Errorf("no WebSocket: %d", code)
	}
	receive(t, session.Done(), "end")

	s.refuse = &Refusal{http.StatusConflict, "room_ended", "This room has ended."}
	if code, _, body := s.do(t, http.MethodPost, "/socket/play", "", ""); code != http.StatusConflict || strings.TrimSpace(body) != "This room has ended." {
		t.Errorf("%d %s", code, body)
	}
	receive(t, s.session(t).Done(), "end")
	if st := s.endpoint.Stats(); st.Refused["no_ticket"] != 7 || st.Refused["no_websocket"] != 2 || st.Refused["room_ended"] != 1 || st.Ended["never_connected"] != 2 {
		t.Errorf("%+v", st)
	}
}

func TestSocketThatNeverConnects(t *testing.T) {
	s := newSite(t, Options{ConnectWithin: 20 * time.Millisecond, MaxSessions: 1})
	address, session := s.ticket(t, Play)
	if code, _, body := s.do(t, http.MethodPost, "/socket/play", "", ""); code != http.StatusServiceUnavailable {
		t.Errorf("more sessions than may be: %d %s", code, body)
	}
	receive(t, session.Done(), "end")
	if !errors.Is(session.Err(), ErrNeverConnected) {
		t.Error(session.Err())
	}
	if _, resp, err := websocket.DefaultDialer.Dial(address, nil); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a ticket that is too old: %v", err)
	}
}

// Whatever is no 20 ms of sound to publish ends the session; the client is told why, and it is counted.
func TestSocketGarbage(t *testing.T) {
	for _, row := range []struct {
		name    string
		kind    Kind
		message int
		payload []byte
	}{
		{"text", Publish, websocket.TextMessage, opusOf(1)},
		{"nothing", Publish, websocket.BinaryMessage, nil},
		{"no Opus", Publish, websocket.BinaryMessage, []byte{0xfb}},
		{"10 ms", Publish, websocket.BinaryMessage, []byte{0xf0, 1}},
		{"40 ms", Publish, websocket.BinaryMessage, []byte{0xf9, 1, 1}},
		{"a packet too long", Publish, websocket.BinaryMessage, append([]byte{0xf8}, make([]byte, maxPayload)...)},
		{"two of 10 ms, too long together", Publish, websocket.BinaryMessage, append([]byte{0xf1}, make([]byte, 1400)...)},
		{"10 MB", Publish, websocket.BinaryMessage, append([]byte{0xf8}, make([]byte, 10<<20)...)},
		{"anything to a player", Play, websocket.BinaryMessage, opusOf(1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSite(t, Options{})
			conn, session := s.socket(t, row.kind)
			if row.kind == Publish {
				if err := conn.WriteMessage(websocket.BinaryMessage, opusOf(0)); err != nil {
					t.Fatal(err)
				}
			}
			go func() { _ = conn.WriteMessage(row.message, row.payload) }() // fails if it is long
			_, _, err := conn.ReadMessage()
			if e, ok := errors.AsType[*websocket.CloseError](err); !ok || e.Code != websocket.CloseInvalidFramePayloadData || !strings.Contains(e.Text, "20 ms") {
				t.Errorf("the client is told %v", err)
			}
			receive(t, session.Done(), "end")
			if !errors.Is(session.Err(), ErrGarbage) {
				t.Error(session.Err())
			}
			st := s.endpoint.Stats()
			if st.Ended["garbage"] != 1 || st.Dropped[dropMalformed] != 1 || session.Stats().Malformed != 1 {
				t.Errorf("%+v, %+v", st, session.Stats())
			}
		})
	}
}

// More than 50 frames a second go no further, whoever sends them.
func TestSocketTooFast(t *testing.T) {
	s := newSite(t, Options{})
	conn, session := s.socket(t, Publish)
	const n = 10_000
	for i := range n {
		if err := conn.WriteMessage(websocket.BinaryMessage, opusOf(i)); err != nil {
			t.Fatal(err)
		}
	}
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	receive(t, session.Done(), "end")
	if !errors.Is(session.Err(), ErrDeleted) {
		t.Error(session.Err())
	}
	if dropped := s.endpoint.Stats().Dropped["too_fast"]; dropped < n/2 || dropped > n-250 {
		t.Errorf("%d of %d frames were dropped", dropped, n)
	}
}

func TestPace(t *testing.T) {
	begin := time.Unix(1e9, 0)
	for _, row := range []struct {
		name   string
		after  []time.Duration // of each frame
		passes int
	}{
		{"an hour in time", steady(180_000, 20*time.Millisecond), 180_000},
		{"an hour of a clock that is fast by 200 ppm", steady(180_000, 19_996*time.Microsecond), 180_000},
		{"five seconds at once", steady(250, 0), 250},
		{"ten seconds at once", steady(500, 0), 277},
		{"twice as fast", steady(5000, 10*time.Millisecond), 623},
	} {
		t.Run(row.name, func(t *testing.T) {
			var p pace
			n := 0
			for n < len(row.after) && p.allows(begin.Add(row.after[n])) {
				n++
			}
			if n != row.passes {
				t.Errorf("%d frames pass, want %d", n, row.passes)
			}
		})
	}
}

func steady(n int, every time.Duration) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = time.Duration(i) * every
	}
	return out
}

// A page that does not read never holds up who sends: it loses its oldest frames, and is let go in the end, though it says
// that it is there.
func TestSocketSlowReader(t *testing.T) {
	const goneAfter = time.Second
	s := newSite(t, Options{GoneAfter: goneAfter})
	conn, session := s.socket(t, Play)
	if err := conn.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	go func() {
		for tick := time.NewTicker(goneAfter / 10); ; <-tick.C {
			if conn.WriteControl(websocket.PongMessage, nil, time.Now().Add(patience)) != nil {
				tick.Stop()
				return
			}
		}
	}()
	big := append([]byte{0xf8}, make([]byte, maxPayload-1)...)
	late := time.After(patience)
	for number := uint64(0); session.Err() == nil; number++ {
		session.Send(&relay.Packet{Frames: []relay.Frame{{Number: number, Sealed: big}}})
		select {
		case <-late:
			t.Fatal("the session goes on for ever")
		default:
		}
	}
	receive(t, session.Done(), "end")
	if !errors.Is(session.Err(), ErrGone) {
		t.Error(session.Err())
	}
	if st := s.endpoint.Stats(); st.Dropped["queue_full"] == 0 || st.Ended["gone"] != 1 {
		t.Errorf("%+v", st)
	}
}

// A client that says nothing any more, not even that it is there, has gone.
func TestSocketVanishes(t *testing.T) {
	for _, kind := range []Kind{Publish, Play} {
		s := newSite(t, Options{GoneAfter: 200 * time.Millisecond})
		address, session := s.ticket(t, kind)
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, path, _ := strings.Cut(strings.TrimPrefix(address, "ws://"), "/")
		fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", path, s.Listener.Addr())
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatal(resp, err)
		}
		receive(t, session.Done(), "end")
		if !errors.Is(session.Err(), ErrGone) {
			t.Errorf("%v: %v", kind, session.Err())
		}
	}
}

// A client that is there, and has nothing to say, stays.
func TestSocketStays(t *testing.T) {
	s := newSite(t, Options{GoneAfter: time.Second})
	conn, session := s.socket(t, Publish)
	pings := 0
	enough := make(chan struct{})
	answer := conn.PingHandler()
	conn.SetPingHandler(func(text string) error {
		if pings++; pings == 7 { // longer than it may be silent
			close(enough)
		}
		return answer(text)
	})
	go func() { _, _, _ = conn.ReadMessage() }() // until the test ends
	select {
	case <-enough:
	case <-session.Done():
	}
	if err := session.Err(); err != nil {
		t.Error(err)
	}
}

func TestSocketEnds(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(s *site, conn *websocket.Conn, session *Session)
		want error
		told int // close code
	}{
		{"the page says goodbye", func(_ *site, conn *websocket.Conn, _ *Session) {
			bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			_ = conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(patience))
		}, ErrDeleted, websocket.CloseNormalClosure},
		{"the page deletes it", func(s *site, _ *websocket.Conn, session *Session) {
			r, err := http.NewRequest(http.MethodDelete, s.URL+"/api/v1/media/"+session.ID(), nil)
			if err == nil {
				go s.Client().Do(r) // it answers once the page has said goodbye
			}
		}, ErrDeleted, websocket.CloseNormalClosure},
		{"the node closes it", func(_ *site, _ *websocket.Conn, session *Session) { go session.Close() }, ErrClosed, websocket.CloseNormalClosure},
		{"the node shuts down", func(s *site, _ *websocket.Conn, _ *Session) { go s.endpoint.Close() }, ErrEndpointClosed, websocket.CloseGoingAway},
	} {
		for _, kind := range []Kind{Publish, Play} {
			t.Run(row.name+", "+kind.String(), func(t *testing.T) {
				s := newSite(t, Options{GoneAfter: time.Hour})
				conn, session := s.socket(t, kind)
				row.end(s, conn, session)
				if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, row.told) {
					t.Errorf("the client is told %v", err)
				}
				receive(t, session.Done(), "end")
				if !errors.Is(session.Err(), row.want) {
					t.Error(session.Err())
				}
				if err := session.Receive(&relay.Packet{}); !errors.Is(err, io.EOF) {
					t.Error(err)
				}
			})
		}
	}
}

func TestSocketTakesNoCandidates(t *testing.T) {
	s := newSite(t, Options{})
	_, session := s.socket(t, Play)
	if code, _, body := s.do(t, http.MethodPatch, "/api/v1/media/"+session.ID(), trickleType, "a=candidate:1 1 udp 1 127.0.0.1 1 typ host\r\n"); code != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", code, body)
	}
}

// As in TestLink, between WebSockets: TCP hides what fate does below.
func TestSocketLink(t *testing.T) {
	linktest.Run(t, linktest.Maker{FramesOnly: true, Reliable: true, New: func(t *testing.T, _ func(int) linktest.Fate) linktest.Pair {
		s := newSite(t, Options{unpaced: true})
		hears, a := s.socket(t, Play)
		says, b := s.socket(t, Publish)
		gate := make(chan struct{}, 1)
		gate <- struct{}{}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				kind, packet, err := hears.ReadMessage()
				if err != nil {
					return
				}
				<-gate
				err = says.WriteMessage(kind, packet)
				gate <- struct{}{}
				if err != nil {
					return
				}
			}
		}()
		t.Cleanup(func() {
			hears.Close()
			<-ended
		})
		return linktest.Pair{A: a, B: b, Stall: func(stalled bool) {
			if stalled {
				<-gate
			} else {
				gate <- struct{}{}
			}
		}}
	}})
}
