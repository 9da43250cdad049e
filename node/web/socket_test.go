package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"salon/node"
)

// socket asks for a WebSocket at a path, as the page does, and returns its address.
func (s *site) socket(path string) string {
	s.t.Helper()
	var answer struct{ Socket string }
	s.call("POST", path, "", http.StatusCreated, &answer)
	if !strings.HasPrefix(answer.Socket, socketPath+"?ticket=") || strings.Contains(answer.Socket, s.key) {
		s.t.Fatalf("the socket is at %q", answer.Socket)
	}
	return answer.Socket
}

// dial opens a WebSocket as the page would: browsers always say where they are.
func (s *site) dial(address string, change func(http.Header)) (*websocket.Conn, *http.Response, error) {
	h := http.Header{"Origin": {s.URL()}, "Sec-Fetch-Site": {"same-origin"}}
	if change != nil {
		change(h)
	}
	conn, resp, err := websocket.DefaultDialer.DialContext(s.t.Context(), "ws"+strings.TrimPrefix(s.URL(), "http")+address, h)
	if err == nil {
		s.t.Cleanup(func() { conn.Close() })
		_ = conn.SetReadDeadline(time.Now().Add(patience))
	}
	return conn, resp, err
}

// open expects it to work.
func (s *site) open(path string) *websocket.Conn {
	s.t.Helper()
	conn, _, err := s.dial(s.socket(path), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// Without the key a WebSocket opens only with a ticket that was issued for the key, once, and only in a page of ours.
func TestSocketTakesATicket(t *testing.T) {
	s := newSite(t, Options{})
	where := "/api/v1/rooms/" + s.startRoom().ID.String() + "/socket/play"
	get := func(path string, change func(*http.Request)) *http.Request {
		r := s.request("GET", path, "")
		r.Header.Del("Authorization")
		if change != nil {
			change(r)
		}
		return r
	}
	good := s.socket(where)
	for code, change := range map[string]func(*http.Request){
		"foreign_host":   func(r *http.Request) { r.Host = "evil.example" },
		"foreign_origin": func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"foreign_site":   func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
	} {
		if got := s.refusal(get(good, change), http.StatusForbidden); got != code {
			t.Errorf("refused as %s, want %s", got, code)
		}
	}
	for _, path := range []string{socketPath, socketPath + "?ticket=", good[:len(good)-5], socketPath + "?ticket=" + s.key, socketPath + "?key=" + s.key} {
		if got := s.refusal(get(path, nil), http.StatusForbidden); got != "no_ticket" {
			t.Errorf("%s is refused as %s", path, got)
		}
	}
	for _, path := range []string{socketPath + "/", "/api/v1/x/../socket", strings.Replace(good, "socket", "status", 1)} {
		if got := s.refusal(get(path, nil), http.StatusForbidden); got != "no_key" {
			t.Errorf("%s is refused as %s", path, got)
		}
	}
	if _, _, err := s.dial(good, nil); err != nil { // what was refused before did not use it up
		t.Errorf("a good ticket: %v", err)
	}
	if _, resp, err := s.dial(good, nil); err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a used ticket: %v", err)
	}
	var counts map[string]uint64
	s.call("GET", "/api/v1/counts", "", http.StatusOK, &counts)
	if counts["media_refused_no_ticket"] != 6 || counts["api_foreign_origin"] != 1 {
		t.Errorf("counts %v", counts)
	}
}

// A room's sound goes over WebSockets as it goes over WebRTC, and where it may not go it is said before.
func TestSocketCarriesTheRoom(t *testing.T) {
	s := newSite(t, Options{})
	events := s.events("")
	id := s.startRoom().ID.String()
	where := "/api/v1/rooms/" + id + "/socket/"
	is := func(publishing, playing bool) {
		t.Helper()
		for v := (node.RoomView{}); ; events.next() { // each change is told
			s.call("GET", "/api/v1/rooms/"+id, "", http.StatusOK, &v)
			if v.Me.Publishing == publishing && v.Me.Playing == playing {
				return
			}
		}
	}
	publish, play := s.open(where+"publish"), s.open(where+"play")
	is(true, true)
	// A host who is alone hears silence, but hears it: 50 frames a second.
	for range 3 {
		if err := publish.WriteMessage(websocket.BinaryMessage, []byte{0xf8, 0xff, 0xfe}); err != nil {
			t.Fatal(err)
		}
		kind, packet, err := play.ReadMessage()
		if err != nil || kind != websocket.BinaryMessage || len(packet) == 0 {
			t.Fatalf("%x, %v", packet, err)
		}
	}
	publish.Close()
	is(false, true)
	if err := s.open(where+"publish").WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	is(false, true)

	s.call("POST", "/api/v1/rooms/"+id+"/do", `{"action":"end"}`, http.StatusOK, nil)
	for {
		if _, _, err := play.ReadMessage(); err != nil {
			if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
				t.Errorf("the page is told %v", err)
			}
			break
		}
	}
	if got := s.refusal(s.request("POST", where+"publish", ""), http.StatusForbidden); got != "not_on_stage" {
		t.Errorf("publishing into a room that is over is refused as %s", got)
	}
	if got := s.refusal(s.request("POST", "/api/v1/check/9/socket/play", ""), http.StatusNotFound); got != "no_check" {
		t.Errorf("a sound check that is over is refused as %s", got)
	}
}

func TestCloseEndsSockets(t *testing.T) {
	s := newSite(t, Options{})
	conn := s.open("/api/v1/rooms/" + s.startRoom().ID.String() + "/socket/publish")
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway, websocket.CloseNormalClosure) {
		t.Errorf("the page is told %v", err)
	}
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("Close hangs")
	}
}
