// Package web serves a person's page and the loopback API that it, and the shell, call.
//
//   - Every API request proves the home's secret, or brings a word that was given out for it, once and for a short time; one
//     without, or from another site, or to another host name, does nothing.
//   - Nothing here trusts the page: the node decides what a person may do.
//   - The page is embedded and asks no other host for anything.
package web

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"salon/node"
	"salon/node/rtc"
)

//go:embed dist
var dist embed.FS

// DefaultAddr is where the page lives unless something else has the port.
const DefaultAddr = "127.0.0.1:7766"

// Options configures New.
type Options struct {
	Addr         string // host:port of a loopback address; "" means DefaultAddr, or a free port if that is taken
	Version      string // of the program
	Guests       string // address of the page for people with only a browser, which package guest serves; "" for none
	LoopbackOnly bool   // browsers on this machine reach us by loopback only; for tests

	bodyWithin time.Duration // a request's body must have arrived by then; 0 means 5 s
}

// A Server is the page and the API of one node.
type Server struct {
	n       *node.Node
	o       Options
	secret  [32]byte // its hash: comparing takes the same time whatever is wrong
	key     string
	l       net.Listener
	http    *http.Server
	rtc     *rtc.Endpoint
	hub     *hub
	demo    demoRunner
	checks  checks
	entered entries
	passes  passes
	refused *counts
	streams atomic.Int32 // recordings under way
	wg      sync.WaitGroup
}

// New listens and serves; the address and the secret are in the home directory for the shell's commands.
func New(n *node.Node, o Options) (*Server, error) {
	if o.bodyWithin == 0 {
		o.bodyWithin = 5 * time.Second
	}
	key, err := n.Home().Secret()
	if err != nil {
		return nil, err
	}
	l, err := listen(o.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{n: n, o: o, secret: sha256.Sum256([]byte(key)), key: key, l: l, refused: newCounts()}
	s.rtc = rtc.New(rtc.Options{Log: n.Log(), LoopbackOnly: o.LoopbackOnly, BodyWithin: o.bodyWithin, Socket: socketPath + "?ticket=", Refuse: refuseMedia})
	s.hub = newHub(s)
	s.demo.s, s.checks.s = s, s
	s.http = &http.Server{
		Handler:           s.guard(s.routes()),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	s.wg.Go(func() { _ = s.http.Serve(l) })
	if err := n.Home().SetAPI(s.URL()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// listen takes the default address only if it is free: a second node on the machine gets another.
func listen(addr string) (net.Listener, error) {
	if addr == "" {
		if l, err := net.Listen("tcp", DefaultAddr); err == nil {
			return l, nil
		}
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("%w: --web %s: want HOST:PORT such as %s", node.ErrOption, addr, DefaultAddr)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%w: --web %s: the page and its API are for this machine only; use a loopback address such as %s, and an ssh tunnel from elsewhere", node.ErrOption, addr, DefaultAddr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("the page cannot be served: %w", err)
	}
	return l, nil
}

// URL is the server's address without the secret.
func (s *Server) URL() string { return "http://" + s.l.Addr().String() }

// PageURL opens the page: the secret travels in the fragment, which no browser sends anywhere.
func (s *Server) PageURL() string { return s.URL() + "/#key=" + s.key }

// Close stops serving, ends demos and sound checks, and returns after the last goroutine.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	s.hub.close()
	s.demo.stop()
	s.checks.closeAll()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	err = errors.Join(err, s.rtc.Close())
	s.wg.Wait()
	return err
}

// guard lets nothing through that another site, another machine or another program could have sent.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		// Also for a request that is refused: the server reads what is left of its body before the next one.
		if r.Body != http.NoBody {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.o.bodyWithin))
		}
		// A name that resolves to this machine, set by another site, must not reach us (DNS rebinding).
		if !isLocal(r.Host) {
			s.refuse(w, "foreign_host", "This address is not salon's. Open the page at "+s.URL()+".")
			return
		}
		if o := r.Header.Get("Origin"); o != "" {
			u, err := url.Parse(o)
			if err != nil || u.Scheme != "http" || u.Host != r.Host {
				s.refuse(w, "foreign_origin", "Another site asked for this; nothing was done.")
				return
			}
		}
		// Another port of this machine is the same site to a browser, and another program to us.
		if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" && strings.HasPrefix(r.URL.Path, "/api/") {
			s.refuse(w, "foreign_site", "Another site asked for this; nothing was done.")
			return
		}
		if strings.HasPrefix(r.URL.Path, "/api/") && r.URL.Path != redeemPath && r.URL.Path != socketPath {
			token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			sum := sha256.Sum256([]byte(token))
			if !bearer || subtle.ConstantTimeCompare(sum[:], s.secret[:]) != 1 {
				s.refuse(w, "no_key", "The key is missing or wrong. Open the page with the address that salon printed.")
				return
			}
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}

// socketPath is where a page opens the WebSocket of a session. It asks for no key, which browsers cannot send with one, but
// for the ticket that somebody with the key was given.
const socketPath = "/api/v1/socket"

// isLocal reports whether a Host header names this machine. The port may be another than ours, at the near end of a
// tunnel, or left out, when it is 80; a page on another port is told by its Origin.
func isLocal(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	if name == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

func (s *Server) refuse(w http.ResponseWriter, code, text string) {
	s.refused.add("api_" + code)
	writeError(w, http.StatusForbidden, code, text)
}

// refuseMedia tells of a refused WHIP or WHEP request as the rest of the API does.
func refuseMedia(w http.ResponseWriter, _ *http.Request, r *rtc.Refusal) {
	writeError(w, r.Status, r.Name, r.Text)
}

// A refused request is answered with an errorAnswer: a constant for programs, and words for a person.
type errorAnswer struct {
	Error errorWords `json:"error"`
}

type errorWords struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func writeError(w http.ResponseWriter, status int, code, text string) {
	writeJSON(w, status, errorAnswer{errorWords{code, text}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client went: nobody is left to tell
}

// files serves the embedded page; it holds no secret and needs none.
func files() http.Handler {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	server := http.FileServerFS(sub)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			writeError(w, http.StatusMethodNotAllowed, "method", "Only GET works here.")
			return
		}
		w.Header().Set("Cache-Control", "no-cache")
		server.ServeHTTP(w, r)
	})
}
