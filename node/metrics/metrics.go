// Package metrics tells an operator's tools how a node is: Prometheus metrics at /metrics, and at /healthz whether it can
// do its work. It is apart from the page and its API, and needs no key:
//
//   - It changes nothing and tells nothing about people: no names, no titles, no addresses.
//   - On a loopback address it answers to no other host name, so that no web site can read it (DNS rebinding).
package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"salon/node"
)

// A Server serves the metrics of one node.
type Server struct {
	l    net.Listener
	http *http.Server
	wg   sync.WaitGroup
}

// New listens at addr, a host:port, and serves. The error wraps node.ErrOption if addr is none.
func New(n *node.Node, addr, version string) (*Server, error) {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, fmt.Errorf("%w: --metrics %s: want HOST:PORT such as 127.0.0.1:9473", node.ErrOption, addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("metrics cannot be served: %w", err)
	}
	all := prometheus.NewRegistry()
	all.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), &collector{n, version})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(all, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeHealth(w, n.Health()) })
	s := &Server{l: l, http: &http.Server{
		Handler:           guard(l.Addr(), mux),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10,
	}}
	s.wg.Go(func() { _ = s.http.Serve(l) })
	return s, nil
}

// URL is the server's address.
func (s *Server) URL() string { return "http://" + s.l.Addr().String() }

// Close stops serving and returns after the last goroutine.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.wg.Wait()
	return err
}

// guard refuses requests that name another host than this machine, where only this machine can ask.
func guard(at net.Addr, next http.Handler) http.Handler {
	if tcp, ok := at.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Host
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			name = host
		}
		if ip, err := netip.ParseAddr(name); name != "localhost" && (err != nil || !ip.IsLoopback()) {
			http.Error(w, "This address is not salon's.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// writeHealth answers 200 if the node can do its work, else 503 with the reason.
func writeHealth(w http.ResponseWriter, err error) {
	answer := struct {
		Status string `json:"status"` // ok, failing
		Reason string `json:"reason,omitempty"`
	}{Status: "ok"}
	code := http.StatusOK
	if err != nil {
		answer.Status, answer.Reason, code = "failing", err.Error(), http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}
