package metrics

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"salon/node"
	"salon/room"
)

func newNode(t *testing.T) *node.Node {
	t.Helper()
	n, err := node.New(node.Options{Home: t.TempDir(), Hidden: true, NoMDNS: true, Listen: []string{"/ip4/127.0.0.1/udp/0/quic-v1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n
}

func serve(t *testing.T, n *node.Node) *Server {
	t.Helper()
	s, err := New(n, "127.0.0.1:0", "v1.2.3")
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

// get asks for a path, under another host name if that is not empty.
func get(t *testing.T, s *Server, path, host string) (code int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	a, err := http.DefaultClient.Do(r)
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

// sees waits until the metrics have every one of the lines.
func sees(t *testing.T, s *Server, lines ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, body := get(t, s, "/metrics", "")
		missing := ""
		for _, l := range lines {
			if !strings.Contains(body, "\n"+l+"\n") {
				missing = l
			}
		}
		if missing == "" {
			return body
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no line %q in:\n%s", missing, body)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A room shows at its host and at its guest, and tells nothing of the people in it.
func TestMetricsOfARoom(t *testing.T) {
	host, guest := newNode(t), newNode(t)
	r, err := host.StartRoom(node.Start{Title: "Plumage and song", Language: "en", Mode: room.Talk})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guest.Join(t.Context(), r.View().Link); err != nil {
		t.Fatal(err)
	}
	id := r.ID().String()
	all := sees(t, serve(t, host), `salon_rooms{role="host"} 1`, `salon_rooms{role="guest"} 0`,
		`salon_room_children{room="`+id+`"} 1`, `salon_room_listeners{room="`+id+`"} 1`, `salon_peers 0`, `salon_room_relays{room="`+id+`"} 0`,
		`salon_info{device="`+host.Status().Device.String()+`",version="v1.2.3"} 1`)
	for _, private := range []string{"Plumage", host.Person().String(), guest.Person().String(), guest.Status().Device.String()} {
		if strings.Contains(all, private) {
			t.Errorf("the metrics have %q in them", private)
		}
	}
	sees(t, serve(t, host), `salon_audience_told{room="`+id+`"} 1`, `salon_audience_poor{room="`+id+`"} 0`) // within seconds
	g := serve(t, guest)
	sees(t, g, `salon_rooms{role="host"} 0`, `salon_rooms{role="guest"} 1`, `salon_room_children{room="`+id+`"} 0`)
	_, before := get(t, g, "/metrics", "")
	for more := false; !more; { // sound goes on
		_, now := get(t, g, "/metrics", "")
		more = value(t, now, `salon_relay_frames_total{fate="received",room="`+id+`"}`) != value(t, before, `salon_relay_frames_total{fate="received",room="`+id+`"}`)
	}
}

func value(t *testing.T, body, name string) string {
	t.Helper()
	_, after, ok := strings.Cut(body, "\n"+name+" ")
	if !ok {
		t.Fatalf("no %s in:\n%s", name, body)
	}
	v, _, _ := strings.Cut(after, "\n")
	return v
}

// The names are what Prometheus's own tools ask for.
func TestNames(t *testing.T) {
	n := newNode(t)
	if _, err := n.StartRoom(node.Start{Title: "Kitchen", Language: "en", Mode: room.Talk}); err != nil {
		t.Fatal(err)
	}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(&collector{n, "dev"})
	problems, err := testutil.GatherAndLint(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestHealth(t *testing.T) {
	n := newNode(t)
	s := serve(t, n)
	if code, body := get(t, s, "/healthz", ""); code != 200 || body != `{"status":"ok"}`+"\n" {
		t.Errorf("a node that is well: %d %s", code, body)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if code, body := get(t, s, "/healthz", ""); code != 503 || !strings.Contains(body, `"status":"failing","reason":"the node is ending"`) {
		t.Errorf("a node that has ended: %d %s", code, body)
	}
}

// What a browser asks for another site is not answered.
func TestForeignHost(t *testing.T) {
	s := serve(t, newNode(t))
	for host, want := range map[string]int{"rebound.example": 403, "rebound.example:80": 403, "192.0.2.7": 403, "localhost:9473": 200, "127.0.0.1": 200, "[::1]:1": 200} {
		for _, path := range []string{"/metrics", "/healthz"} {
			if code, _ := get(t, s, path, host); code != want {
				t.Errorf("%s asked of %s: %d, want %d", path, host, code, want)
			}
		}
	}
	if code, _ := get(t, s, "/api/v1/status", ""); code != 404 {
		t.Errorf("the API: %d", code)
	}
}

func TestBadAddress(t *testing.T) {
	n := newNode(t)
	if _, err := New(n, "9473", "dev"); !errors.Is(err, node.ErrOption) {
		t.Errorf("no host: %v", err)
	}
	s := serve(t, n)
	if _, err := New(n, strings.TrimPrefix(s.URL(), "http://"), "dev"); err == nil || errors.Is(err, node.ErrOption) {
		t.Errorf("an address in use: %v", err)
	}
}
