package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"salon/node"
	"salon/room"
)

func newNode(t *testing.T) *node.Node {
	t.Helper()
	n, err := node.New(node.Options{Home: t.TempDir(), Name: "Ana", Hidden: true, NoMDNS: true, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func serve(t *testing.T, n *node.Node, most int) *Server {
	t.Helper()
	s, err := New(n, Options{Addr: "127.0.0.1:0", Max: most})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func start(t *testing.T, n *node.Node) *node.Room {
	t.Helper()
	r, err := n.StartRoom(node.Start{Title: "Tea", Language: "en", Mode: room.Talk})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	a, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// A player is a guest that counts the packets it gets.
type player struct {
	pc     *webrtc.PeerConnection
	code   int
	text   string
	at     string // resource
	packet chan int
}

// listen plays a room, and reports a refusal in code and text.
func listen(t *testing.T, s *Server, room string) *player {
	t.Helper()
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	p := &player{pc: pc, packet: make(chan int, 100)}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			pkt, _, err := track.ReadRTP()
			if err != nil {
				close(p.packet)
				return
			}
			select {
			case p.packet <- len(pkt.Payload):
			default:
			}
		}
	})
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	a, err := http.Post(s.URL()+"/r/"+room+"/whep", "application/sdp", strings.NewReader(offer.SDP))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	p.code, p.text, p.at = a.StatusCode, string(body), a.Header.Get("Location")
	if p.code == http.StatusCreated {
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.text}); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// hears waits for n packets.
func (p *player) hears(t *testing.T, n int) {
	t.Helper()
	if p.code != http.StatusCreated {
		t.Fatalf("refused: %d %s", p.code, p.text)
	}
	late := time.After(20 * time.Second)
	for range n {
		select {
		case _, ok := <-p.packet:
			if !ok {
				t.Fatal("the sound ended")
			}
		case <-late:
			t.Fatal("no sound")
		}
	}
}

// ends waits until nothing comes any more because the node said so.
func (p *player) ends(t *testing.T) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case _, ok := <-p.packet:
			if !ok {
				return
			}
		case <-late:
			t.Fatal("the sound goes on")
		}
	}
}

// until waits for news of a node that make cond hold.
func until(t *testing.T, n *node.Node, what string, cond func() bool) {
	t.Helper()
	changed := make(chan struct{}, 1)
	stop := n.Watch(func(node.Change) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer stop()
	late := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-changed:
		case <-late:
			t.Fatalf("waited for %s", what)
		}
	}
}

// listeners waits for the room to count so many.
func listeners(t *testing.T, n *node.Node, r *node.Room, want uint32) {
	t.Helper()
	until(t, n, fmt.Sprint(want, " listeners"), func() bool { return r.View().Listeners == want })
}

// A guest hears, is counted, and is let go with the room; many share one socket.
func TestGuestsHear(t *testing.T) {
	n := newNode(t)
	s, r := serve(t, n, 0), start(t, n)
	first, second := listen(t, s, r.ID().String()), listen(t, s, r.ID().String())
	first.hears(t, 20)
	second.hears(t, 20)
	listeners(t, n, r, 2)
	code, body := get(t, s.URL()+"/r/"+r.ID().String()+"/about")
	var about node.GuestView
	if err := json.Unmarshal([]byte(body), &about); err != nil || code != 200 {
		t.Fatalf("%d %s: %v", code, body, err)
	}
	if about.Title != "Tea" || about.Host != (node.GuestName{Name: "Ana"}) || len(about.Stage) != 1 || about.Stage[0] != about.Host || about.Listeners != 2 || about.Phase != node.Live {
		t.Errorf("a guest is told %+v", about)
	}

	del, err := http.NewRequest(http.MethodDelete, s.URL()+first.at, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := http.DefaultClient.Do(del); err != nil || a.StatusCode != 200 {
		t.Errorf("leaving: %v %v", a, err)
	}
	first.ends(t)
	listeners(t, n, r, 1)
	second.hears(t, 20)

	if err := r.Do(t.Context(), node.Action{Kind: "end"}); err != nil {
		t.Fatal(err)
	}
	second.ends(t)
	if code, _ := get(t, s.URL()+"/r/"+r.ID().String()+"/about"); code != 200 { // it says that the room is over
		t.Errorf("the room that ended: %d", code)
	}
	if late := listen(t, s, r.ID().String()); late.code != http.StatusForbidden {
		t.Errorf("a room that ended lets in: %d %s", late.code, late.text)
	}
}

// A relay that opens sound for guests serves the rooms that it carries, and its guests are counted at the host; one that does
// not tells nobody of them.
func TestGuestsOfARelay(t *testing.T) {
	for _, opens := range []bool{true, false} {
		relay, err := node.New(node.Options{Home: t.TempDir(), NoMDNS: true, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, Relay: &node.Relay{Open: true, Opens: opens}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = relay.Close() })
		host, err := node.New(node.Options{Home: t.TempDir(), Name: "Ana", NoMDNS: true, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}, Relays: []string{relay.Status().Addrs[0]}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = host.Close() })
		r := start(t, host)
		until(t, relay, "the relay to carry the room", func() bool { c := relay.Room(r.ID()); return c != nil && c.Phase() == node.Live })
		s := serve(t, relay, 0)
		p := listen(t, s, r.ID().String())
		if !opens {
			if p.code != http.StatusForbidden {
				t.Errorf("a relay that opens nothing: %d %s", p.code, p.text)
			}
			continue
		}
		p.hears(t, 50)
		listeners(t, host, r, 1)
	}
}

// Who comes to a locked room, to none, or is one too many, is told why.
func TestGuestsRefused(t *testing.T) {
	n := newNode(t)
	s, r := serve(t, n, 1), start(t, n)
	id := r.ID().String()
	for _, none := range []string{"nothing", strings.Repeat("a", 26), "%2e%2e", id[1:]} {
		if p := listen(t, s, none); p.code != http.StatusNotFound {
			t.Errorf("room %s: %d %s", none, p.code, p.text)
		}
		if code, body := get(t, s.URL()+"/r/"+none+"/about"); code != http.StatusNotFound || !strings.Contains(body, "ended, or it is not served here") {
			t.Errorf("about room %s: %d %s", none, code, body)
		}
	}
	in := listen(t, s, id)
	in.hears(t, 1)
	if p := listen(t, s, id); p.code != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d %s", p.code, p.text)
	}
	if err := r.Do(t.Context(), node.Action{Kind: "lock"}); err != nil {
		t.Fatal(err)
	}
	in.hears(t, 20) // who is in stays
	if p := listen(t, serve(t, n, 0), id); p.code != http.StatusForbidden || !strings.Contains(p.text, "locked") {
		t.Errorf("a locked room: %d %s", p.code, p.text)
	}
}

// This door leads to nothing else.
func TestNothingElse(t *testing.T) {
	n := newNode(t)
	s, r := serve(t, n, 0), start(t, n)
	for path, want := range map[string]int{"/": 404, "/api/v1/status": 404, "/api/v1/rooms": 404, "/static/": 404, "/static/../guest.go": 404,
		"/static/guest.js": 200, "/static/guest.css": 200, "/r/" + r.ID().String(): 200, "/session/none": 405} {
		if code, _ := get(t, s.URL()+path); code != want {
			t.Errorf("%s: %d, want %d", path, code, want)
		}
	}
	a, err := http.Post(s.URL()+"/r/"+r.ID().String()+"/whep", "application/sdp", strings.NewReader("v=0\r\nrubbish"))
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode < 400 || a.StatusCode >= 500 {
		t.Errorf("rubbish: %s", a.Status)
	}
}

func TestBadAddress(t *testing.T) {
	for _, addr := range []string{"8080", "example.org:80", "127.0.0.1"} {
		if _, err := New(newNode(t), Options{Addr: addr}); !errors.Is(err, node.ErrOption) {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// The link that is shown leads to this machine from outside, by IPv6 if that is all there is.
func TestOutside(t *testing.T) {
	for want, texts := range map[string][]string{
		"localhost":   {"127.0.0.1/8", "::1/128", "fe80::1/64"},
		"192.0.2.7":   {"127.0.0.1/8", "2001:db8::7/64", "192.0.2.7/24", "192.0.2.8/24"},
		"2001:db8::7": {"::1/128", "fe80::1/64", "2001:db8::7/64", "2001:db8::8/64"},
	} {
		var all []net.Addr
		for _, s := range texts {
			ip, n, err := net.ParseCIDR(s)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, &net.IPNet{IP: ip, Mask: n.Mask})
		}
		if got := outside(all); got != want {
			t.Errorf("%v: %s, want %s", texts, got, want)
		}
	}
}
