package rtc

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
)

// patience bounds every wait of these tests; none is expected to come near it.
const patience = 20 * time.Second

// A site is an endpoint behind HTTP on loopback: /whip, /whep, /socket/publish, /socket/play and what these lead to.
type site struct {
	*httptest.Server
	endpoint *Endpoint
	sessions chan *Session // each that was accepted
	stereo   bool
	accepted func(*Session) // OnSession calls it, if it is set
	refuse   error          // what OnSession returns
}

func newSite(t testing.TB, o Options) *site {
	t.Helper()
	o.LoopbackOnly = o.net == nil
	if testing.Verbose() {
		o.Log = testLog(t)
	}
	s := &site{endpoint: New(o), sessions: make(chan *Session, 2000)}
	offer := func() Offer {
		return Offer{Stereo: s.stereo, OnSession: func(session *Session) error {
			if s.accepted != nil {
				s.accepted(session)
			}
			s.sessions <- session
			return s.refuse
		}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/whip", func(w http.ResponseWriter, r *http.Request) { s.endpoint.ServeWHIP(w, r, offer()) })
	mux.HandleFunc("/whep", func(w http.ResponseWriter, r *http.Request) { s.endpoint.ServeWHEP(w, r, offer()) })
	mux.HandleFunc("/socket/publish", func(w http.ResponseWriter, r *http.Request) { s.endpoint.ServeTicket(w, r, Publish, offer()) })
	mux.HandleFunc("/socket/play", func(w http.ResponseWriter, r *http.Request) { s.endpoint.ServeTicket(w, r, Play, offer()) })
	mux.HandleFunc("/api/v1/socket", func(w http.ResponseWriter, r *http.Request) {
		s.endpoint.ServeSocket(w, r, r.URL.Query().Get("ticket"))
	})
	mux.HandleFunc("/api/v1/media/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.endpoint.ServeSession(w, r, r.PathValue("id"))
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		s.endpoint.Close()
		s.Server.Close()
	})
	return s
}

// testLog shows a test's log until the test ends; pion's goroutines end a little later.
func testLog(t testing.TB) *slog.Logger {
	w := &untilEnd{to: t.Output()}
	t.Cleanup(w.end)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type untilEnd struct {
	mu sync.Mutex // guards the field below
	to io.Writer
}

func (w *untilEnd) end() {
	w.mu.Lock()
	w.to = io.Discard
	w.mu.Unlock()
}

// Write passes b on.
func (w *untilEnd) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}

// session is the next that was accepted.
func (s *site) session(t testing.TB) *Session {
	t.Helper()
	return receive(t, s.sessions, "a session")
}

func receive[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s", what)
		panic("unreachable")
	}
}

// do sends a request and returns status, header and body.
func (s *site) do(t testing.TB, method, path, contentType, body string, header ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

func quiet() logging.LoggerFactory { return logFactory{slog.New(slog.DiscardHandler)} }

// A peer is a client made of pion, as a browser is one made of libwebrtc.
type peer struct {
	pc        *webrtc.PeerConnection
	track     *webrtc.TrackLocalStaticRTP // to publish with
	got       chan []byte                 // RTP packets played
	connected chan struct{}
	closed    chan struct{}
	location  string
	answer    string
}

func newPeer(t testing.TB, kind Kind, tune func(*webrtc.SettingEngine)) *peer {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.LoggerFactory = quiet()
	if tune == nil {
		se.SetIPFilter(net.IP.IsLoopback)
	} else {
		tune(&se)
	}
	media := &webrtc.MediaEngine{}
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
	// Not the node's own number for Opus, so that it must follow its client's.
	if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: codec, PayloadType: 96}, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: audioLevelURI}, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	p := &peer{pc: pc, got: make(chan []byte, 1000), connected: make(chan struct{}), closed: make(chan struct{})}
	var connected, closed sync.Once // pion may say things twice
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			connected.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateClosed:
			closed.Do(func() { close(p.closed) })
		}
	})
	if kind == Publish {
		if p.track, err = webrtc.NewTrackLocalStaticRTP(codec, "microphone", "browser"); err != nil {
			t.Fatal(err)
		}
		if _, err := pc.AddTransceiverFromTrack(p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio,
		webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			b := make([]byte, maxPacket)
			n, _, err := track.Read(b)
			if err != nil {
				return
			}
			select {
			case p.got <- b[:n]:
			default:
			}
		}
	})
	return p
}

// offer makes an offer as a page does: without waiting for its own addresses.
func (p *peer) offer(t testing.TB) string {
	t.Helper()
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	return offer.SDP
}

// call posts the offer to path and takes the answer.
func (p *peer) call(t testing.TB, s *site, path string) {
	t.Helper()
	code, header, body := s.do(t, http.MethodPost, path, "application/sdp", p.offer(t))
	if code != http.StatusCreated || header.Get("Content-Type") != "application/sdp" || header.Get("ETag") == "" {
		t.Fatalf("POST %s: %d %v\n%s", path, code, header, body)
	}
	p.location, p.answer = header.Get("Location"), body
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: body}); err != nil {
		t.Fatal(err)
	}
}

// dial brings up a peer and its session, both connected.
func dial(t testing.TB, s *site, kind Kind, tune func(*webrtc.SettingEngine)) (*peer, *Session) {
	t.Helper()
	p := newPeer(t, kind, tune)
	path := "/whip"
	if kind == Play {
		path = "/whep"
	}
	p.call(t, s, path)
	session := s.session(t)
	receive(t, p.connected, "connection of the client")
	receive(t, session.Connected(), "connection of the session")
	return p, session
}
