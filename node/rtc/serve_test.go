package rtc

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// plainOffer is an offer to publish of which every line can be changed in a test.
const plainOffer = `v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:abcd
a=ice-pwd:abcdefghijklmnopqrstuvwx
a=fingerprint:sha-256 01:82:98:85:A3:89:7D:D7:33:3F:00:36:63:63:51:02:99:5B:02:BF:44:8D:3C:A9:8E:58:51:A1:73:0D:50:3F
a=setup:actpass
a=rtcp-mux
a=sendonly
a=rtpmap:111 opus/48000/2
a=fmtp:111 minptime=10;useinbandfec=1
`

func TestOfferRefused(t *testing.T) {
	with := func(old, new string) string { return strings.Replace(plainOffer, old, new, 1) }
	const video = "m=video 9 UDP/TLS/RTP/SAVPF 102\nc=IN IP4 0.0.0.0\na=mid:1\na=sendonly\na=rtpmap:102 H264/90000\n"
	s := newSite(t, Options{ConnectWithin: time.Hour})
	for _, tt := range []struct {
		name, path, offer string
		code              int
	}{
		{"", "/whip", plainOffer, 201},
		{"", "/whip", with("a=sendonly", "a=sendrecv"), 201},
		{"", "/whip", with("a=sendonly\n", ""), 201},
		{"", "/whip", plainOffer + video, 201}, // OBS sends a picture as well
		{"", "/whip", plainOffer + "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\na=candidate:rubbish\na=candidate:\na=end-of-candidates\n", 201},
		{"", "/whip", plainOffer + "a=candidate:1 1 udp 2130706431 e7ae-5b.local 9 typ host\n", 201},
		{"", "/whep", with("a=sendonly", "a=recvonly"), 201},
		{"malformed_sdp", "/whip", "", 400},
		{"malformed_sdp", "/whip", "hello", 400},
		{"malformed_sdp", "/whip", plainOffer[:12], 400},
		{"too_many_media", "/whip", plainOffer + strings.Repeat(video, 8), 400},
		{"not_one_track", "/whip", plainOffer[:strings.Index(plainOffer, "m=")], 422},
		{"not_one_track", "/whip", plainOffer + plainOffer[strings.Index(plainOffer, "m="):], 422},
		{"not_audio", "/whip", plainOffer + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:1\n", 422},
		{"no_opus", "/whip", with("opus/48000/2", "PCMU/8000"), 422},
		{"no_opus", "/whip", with("a=rtpmap:111 opus/48000/2\n", ""), 422},
		{"wrong_direction", "/whip", with("a=sendonly", "a=recvonly"), 422},
		{"wrong_direction", "/whip", with("a=sendonly", "a=inactive"), 422},
		{"wrong_direction", "/whep", plainOffer, 422},
		{"too_many_candidates", "/whip", plainOffer + strings.Repeat("a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\n", 65), 400},
		{"not_negotiable", "/whip", with("a=ice-ufrag:abcd\n", ""), 422},
		{"not_negotiable", "/whip", with("a=fingerprint:sha-256 ", "a=x:"), 422},
		{"not_negotiable", "/whip", with("a=mid:0\n", ""), 422},
	} {
		before := s.endpoint.Stats()
		code, _, body := s.do(t, http.MethodPost, tt.path, sdpType, tt.offer)
		if code != tt.code {
			t.Errorf("%s: %d %s for\n%s", tt.name, code, body, tt.offer)
		}
		after := s.endpoint.Stats()
		if tt.name != "" && (after.Refused[tt.name] != before.Refused[tt.name]+1 || after.Open != before.Open) {
			t.Errorf("%s: not counted, or left open: %+v", tt.name, after)
		}
	}
}

func TestRequests(t *testing.T) {
	s := newSite(t, Options{})
	huge := strings.Repeat("a=x\n", 10<<20/4)
	for _, tt := range []struct {
		name, method, path, contentType, body string
		code                                  int
	}{
		{"too_large", "POST", "/whip", sdpType, huge, 413},
		{"too_large", "POST", "/whep", sdpType, huge, 413},
		{"wrong_type", "POST", "/whip", "application/json", "{}", 415},
		{"wrong_type", "POST", "/whip", "", plainOffer, 415},
		{"wrong_type", "POST", "/whip", "application/json", huge, 415},
		{"wrong_method", "GET", "/whip", "", "", 405},
		{"wrong_method", "PUT", "/whep", sdpType, plainOffer, 405},
		{"wrong_method", "POST", "/api/v1/media/none", sdpType, plainOffer, 405},
		{"unknown_session", "PATCH", "/api/v1/media/none", trickleType, "", 404},
		{"unknown_session", "DELETE", "/api/v1/media/none", "", "", 404},
		{"", "OPTIONS", "/whip", "", "", 204},
		{"", "OPTIONS", "/api/v1/media/none", "", "", 204},
		{"", "POST", "/whip", "Application/SDP; charset=utf-8", plainOffer, 201},
	} {
		before := s.endpoint.Stats().Refused[tt.name]
		code, header, body := s.do(t, tt.method, tt.path, tt.contentType, tt.body)
		if code != tt.code || tt.code >= 400 && len(body) < 10 {
			t.Errorf("%s %s: %d %q", tt.method, tt.path, code, body)
		}
		if (code == 405 || code == 204) && header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.path)
		}
		if tt.name != "" && s.endpoint.Stats().Refused[tt.name] != before+1 {
			t.Errorf("%s not counted", tt.name)
		}
	}
}

func TestTrickle(t *testing.T) {
	s := newSite(t, Options{ConnectWithin: time.Hour})
	_, header, _ := s.do(t, http.MethodPost, "/whip", sdpType, plainOffer)
	at, etag := header.Get("Location"), header.Get("ETag")
	const one = "a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n"
	for _, tt := range []struct {
		name, contentType, body, match string
		code                           int
	}{
		{"one", trickleType, "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" + one + "a=end-of-candidates\r\n", etag, 204},
		{"no If-Match", trickleType, one, "", 204},
		{"end only", trickleType, "a=end-of-candidates\r\n", etag, 204},
		{"a candidate that makes no sense", trickleType, "a=candidate:what\r\n", etag, 204},
		{"another session's", trickleType, one, `"other"`, 412},
		{"no candidates", sdpType, one, etag, 415},
		{"rubbish", trickleType, "{}", etag, 400},
		{"ICE restart", trickleType, "a=ice-ufrag:efgh\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n" + one, "*", 422},
		{"too many", trickleType, strings.Repeat(one, maxCandidates), etag, 422},
		{"too large", trickleType, strings.Repeat("a=x\n", maxBody/4+1), etag, 413},
	} {
		if code, _, body := s.do(t, http.MethodPatch, at, tt.contentType, tt.body, "If-Match", tt.match); code != tt.code {
			t.Errorf("%s: %d %s", tt.name, code, body)
		}
	}
	if s.endpoint.Stats().Dropped["bad_candidate"] != 1 {
		t.Errorf("%+v", s.endpoint.Stats())
	}
}

func TestSlowBody(t *testing.T) {
	s := newSite(t, Options{BodyWithin: 50 * time.Millisecond})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /whip HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 1000\r\n\r\nv=0")
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestTimeout || s.endpoint.Stats().Refused["too_slow"] != 1 {
		t.Error(resp.Status, s.endpoint.Stats())
	}
}

// However many clients hold a request half sent, only so many are read, and the rest are told at once.
func TestManySlowRequests(t *testing.T) {
	e := New(Options{BodyWithin: time.Hour, LoopbackOnly: true})
	defer e.Close()
	post := func(body io.Reader) int {
		r := httptest.NewRequest(http.MethodPost, "/whip", body)
		r.Header.Set("Content-Type", sdpType)
		w := httptest.NewRecorder()
		e.ServeWHIP(w, r, Offer{})
		return w.Code
	}
	var slow sync.WaitGroup
	var ends []*io.PipeWriter
	for range maxRequests {
		r, w := io.Pipe()
		ends = append(ends, w)
		slow.Go(func() {
			if code := post(r); code != http.StatusBadRequest {
				t.Errorf("a slow one: %d", code)
			}
		})
		if _, err := w.Write([]byte("hello")); err != nil { // returns once the handler reads
			t.Fatal(err)
		}
	}
	for range 1000 - maxRequests {
		if code := post(strings.NewReader(plainOffer)); code != http.StatusServiceUnavailable {
			t.Fatalf("one more: %d", code)
		}
	}
	for _, w := range ends {
		w.Close()
	}
	slow.Wait()
	if st := e.Stats(); st.Refused["too_many_requests"] != 1000-maxRequests || st.Refused["malformed_sdp"] != maxRequests || st.Open != 0 {
		t.Errorf("%+v", st)
	}
}

// A thousand offers whose clients never come: few sessions, and nothing left of them afterwards.
func TestThousandOffers(t *testing.T) {
	const places = 8
	s := newSite(t, Options{MaxSessions: places, ConnectWithin: time.Hour})
	before := runtime.NumGoroutine()
	ok := 0
	for range 1000 {
		switch code, _, body := s.do(t, http.MethodPost, "/whip", sdpType, plainOffer); code {
		case http.StatusCreated:
			ok++
		case http.StatusServiceUnavailable:
		default:
			t.Fatal(code, body)
		}
	}
	st := s.endpoint.Stats()
	if ok != places || st.Open != places || st.Refused["too_many_sessions"] != 1000-places {
		t.Errorf("%d accepted, %+v", ok, st)
	}
	s.endpoint.Close()
	if st := s.endpoint.Stats(); st.Open != 0 || st.Ended["endpoint_closed"] != places {
		t.Errorf("%+v", st)
	}
	s.Client().CloseIdleConnections()
	// pion's own goroutines end a moment after its Close.
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before+10 {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}

// No body brings the endpoint down or leaves a session behind.
func FuzzBody(f *testing.F) {
	f.Add(plainOffer, false)
	f.Add(strings.Replace(plainOffer, "sendonly", "recvonly", 1), true)
	f.Add(strings.Replace(plainOffer, "opus/48000/2", "opus/48000", 1), false)
	f.Add(plainOffer+"a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\na=ssrc:1 cname:x\na=msid:a b\na=rid:h send\na=simulcast:send h\n", false)
	f.Add("a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\na=ice-ufrag:abcd\r\n", true)
	f.Add("", false)
	e := New(Options{LoopbackOnly: true})
	f.Cleanup(func() { e.Close() })
	f.Fuzz(func(t *testing.T, body string, play bool) {
		post := func(serve func(http.ResponseWriter, *http.Request), method, contentType string) int {
			r := httptest.NewRequest(method, "/", strings.NewReader(body))
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			serve(w, r)
			return w.Code
		}
		var opened []*Session
		o := Offer{OnSession: func(s *Session) error { opened = append(opened, s); return nil }}
		code := post(func(w http.ResponseWriter, r *http.Request) {
			if play {
				e.ServeWHEP(w, r, o)
			} else {
				e.ServeWHIP(w, r, o)
			}
		}, http.MethodPost, sdpType)
		if (code == http.StatusCreated) != (len(opened) == 1) {
			t.Fatalf("%d with %d sessions", code, len(opened))
		}
		for _, s := range opened {
			post(func(w http.ResponseWriter, r *http.Request) { e.ServeSession(w, r, s.ID()) }, http.MethodPatch, trickleType)
			s.Close()
		}
		if n := e.Stats().Open; n != 0 {
			t.Fatalf("%d left open", n)
		}
	})
}
