// Package guest is a door for people with only a browser: a page that plays an open room of this node, at /r/ROOM.
//
//   - It is apart from the page of this node's person and its API: another listener, another port, no key, and nothing that
//     could change anything. A guest hears, and is told what everybody may know of the room.
//   - This node opens the sound for its guests, so that it could listen too; the page says so.
//   - Guests, their requests and their bodies are bounded, in all and from one address.
package guest

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"salon/node"
	"salon/node/rtc"
	"salon/room"
)

//go:embed dist
var dist embed.FS

// GoneAfter is how long a guest may be silent before it has gone. Asking whether one is there costs as much as ten packets
// of sound, and a guest that went without a word does no harm.
const GoneAfter = 15 * time.Second

// DefaultMax is how many guests are served at once unless Options say otherwise.
const DefaultMax = 100

// Options configures New.
type Options struct {
	Addr string // host:port, TCP for the page and UDP for the sound
	Max  int    // guests at once; 0 means DefaultMax
}

// A Server serves guests.
type Server struct {
	n    *node.Node
	l    net.Listener
	port *rtc.Port
	rtc  *rtc.Endpoint
	http *http.Server
	most int // sessions from one address
	wg   sync.WaitGroup

	mu   sync.Mutex // guards the field below
	from map[netip.Addr]int
}

// New listens and serves. The error wraps node.ErrOption if the address is none.
func New(n *node.Node, o Options) (*Server, error) {
	if o.Max == 0 {
		o.Max = DefaultMax
	}
	host, _, err := net.SplitHostPort(o.Addr)
	if ip, bad := netip.ParseAddr(host); err != nil || host != "" && host != "localhost" && (bad != nil || ip.Zone() != "") {
		return nil, fmt.Errorf("%w: --guests %s: want IP:PORT such as 0.0.0.0:8080", node.ErrOption, o.Addr)
	}
	l, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("guests cannot be served: %w", err)
	}
	port, err := rtc.Listen(l.Addr().(*net.TCPAddr).AddrPort()) // the same over UDP
	if err != nil {
		return nil, errors.Join(fmt.Errorf("guests cannot be served: %w", err), l.Close())
	}
	// At least a household, at most a quarter of all places.
	s := &Server{n: n, l: l, port: port, most: max(8, o.Max/4), from: make(map[netip.Addr]int)}
	s.rtc = rtc.New(rtc.Options{Log: n.Log(), Port: port, GoneAfter: GoneAfter, MaxSessions: o.Max, Resource: "/session/"})
	s.http = &http.Server{
		Handler: s.guard(s.routes()), ErrorLog: slog.NewLogLogger(n.Log().Handler(), slog.LevelDebug),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
	}
	s.wg.Go(func() { _ = s.http.Serve(l) })
	return s, nil
}

// URL is where the server is, without a path: on every address of this machine at the first that others may know.
func (s *Server) URL() string {
	at := s.l.Addr().(*net.TCPAddr)
	if !at.IP.IsUnspecified() {
		return "http://" + at.String()
	}
	all, _ := net.InterfaceAddrs() // without them there is only this machine
	return "http://" + net.JoinHostPort(outside(all), strconv.Itoa(at.Port))
}

// outside is the address by which others reach this machine: the first of IPv4, else of IPv6, else its name for itself.
func outside(all []net.Addr) string {
	host := "localhost"
	for _, a := range all {
		switch n, ok := a.(*net.IPNet); {
		case !ok || !n.IP.IsGlobalUnicast():
		case n.IP.To4() != nil:
			return n.IP.String()
		case host == "localhost":
			host = n.IP.String()
		}
	}
	return host
}

// Close sends the guests away and returns after the last goroutine.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	err = errors.Join(err, s.rtc.Close(), s.port.Close())
	s.wg.Wait()
	return err
}

func (s *Server) routes() http.Handler {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /static/{file}", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, sub, r.PathValue("file")) })
	mux.HandleFunc("GET /r/{room}", func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, sub, "guest.html") })
	mux.HandleFunc("GET /r/{room}/about", s.about)
	mux.HandleFunc("/r/{room}/whep", s.play)
	mux.HandleFunc("/session/{id}", func(w http.ResponseWriter, r *http.Request) { s.rtc.ServeSession(w, r, r.PathValue("id")) })
	return mux
}

// guard says to browsers what these pages may do: nothing but what they bring.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "no-cache")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

// room finds the room of a request.
func (s *Server) room(r *http.Request) (*node.Room, error) {
	id, err := room.ParseID(r.PathValue("room"))
	if err == nil {
		if rm := s.n.Room(id); rm != nil {
			return rm, nil
		}
	}
	return nil, &node.UserError{Code: "no_room", Text: "This room has ended, or it is not served here."}
}

func (s *Server) about(w http.ResponseWriter, r *http.Request) {
	rm, err := s.room(r)
	var v node.GuestView
	if err == nil {
		v, err = rm.GuestView()
	}
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// play answers a WHEP offer with the room's program.
func (s *Server) play(w http.ResponseWriter, r *http.Request) {
	rm, err := s.room(r)
	if err != nil {
		refuse(w, err)
		return
	}
	s.rtc.ServeWHEP(w, r, rtc.Offer{Stereo: rm.Mode() == room.Concert, OnSession: func(l *rtc.Session) error {
		leave, ok := s.enter(r)
		if !ok {
			return &rtc.Refusal{Status: http.StatusTooManyRequests, Name: "too_many_guests", Text: "Too many listen from your network already."}
		}
		if err := rm.PlayToGuest(l); err != nil {
			leave()
			u := node.Explain(err)
			return &rtc.Refusal{Status: http.StatusForbidden, Name: u.Code, Text: u.Text}
		}
		s.wg.Go(func() { <-l.Done(); leave() })
		return nil
	}})
}

// enter counts a guest of an address, unless it has enough; leave takes it back.
func (s *Server) enter(r *http.Request) (leave func(), ok bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil, false
	}
	from := at.Addr().Unmap()
	if from.Is6() { // a home has a whole /64
		from = netip.PrefixFrom(from, 64).Masked().Addr()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from[from] >= s.most && !from.IsLoopback() { // on loopback is whatever stands before us
		return nil, false
	}
	s.from[from]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.from[from]--; s.from[from] == 0 {
			delete(s.from, from)
		}
	}, true
}

// refuse answers a page with words for a person.
func refuse(w http.ResponseWriter, err error) {
	u := node.Explain(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": u.Code, "text": u.Text})
}
