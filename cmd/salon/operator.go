package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	neturl "net/url"
	"strings"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/metrics"
	"salon/node/web/guest"
)

// A logFormat is a flag: how to write the log.
type logFormat string

func (l *logFormat) Set(v string) error {
	if v != "text" && v != "json" {
		return errors.New("it is text or json")
	}
	*l = logFormat(v)
	return nil
}

func (l *logFormat) String() string { return string(*l) }

// Type is what the help shows.
func (l *logFormat) Type() string { return "text|json" }

// logger writes to w what the flags ask for; nil without any of them.
func (f *flags) logger(w io.Writer) *slog.Logger {
	if f.log == "" && !f.verbose {
		return nil
	}
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if f.verbose {
		o.Level = slog.LevelDebug
	}
	if f.log == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// guestsFlags say where people with only a browser are served; nowhere if the address is empty.
type guestsFlags struct {
	addr string
	max  int
	url  string
}

func (g *guestsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.addr, "guests", "", "serve a page to listen on, for people without salon, on IP:PORT (TCP and UDP) such as 0.0.0.0:8080")
	cmd.Flags().IntVar(&g.max, "max-guests", guest.DefaultMax, "how many of them at once")
	cmd.Flags().StringVar(&g.url, "guests-url", "", "how they reach that page from outside, such as https://radio.example")
}

// serve starts serving and says where. Without an address s is nil.
func (g *guestsFlags) serve(out io.Writer, n *node.Node) (s *guest.Server, url string, err error) {
	if g.addr == "" {
		if g.url != "" {
			return nil, "", usagef("--guests-url says where the page of --guests is: give that too")
		}
		return nil, "", nil
	}
	if g.max < 1 {
		return nil, "", usagef("--max-guests %d: at least 1", g.max)
	}
	if u, err := neturl.Parse(g.url); g.url != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, "", usagef("--guests-url %s: want an address such as https://radio.example", g.url)
	}
	if s, err = guest.New(n, guest.Options{Addr: g.addr, Max: g.max}); err != nil {
		return nil, "", err
	}
	url = s.URL()
	if g.url != "" {
		url = strings.TrimRight(g.url, "/")
	}
	fmt.Fprintf(out, "Guests: %s/r/ROOM\n", url)
	return s, url, nil
}

// A metricsFlag is where a node's metrics are served; empty for nowhere.
type metricsFlag struct{ addr string }

func (m *metricsFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&m.addr, "metrics", "", "serve Prometheus metrics at /metrics, and /healthz, on HOST:PORT such as 127.0.0.1:9473; they need no key")
}

// serve starts serving and says where; close ends it.
func (m *metricsFlag) serve(out io.Writer, n *node.Node) (close func() error, err error) {
	if m.addr == "" {
		return func() error { return nil }, nil
	}
	s, err := metrics.New(n, m.addr, version)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "Metrics: %s/metrics and %s/healthz\n", s.URL(), s.URL())
	return s.Close, nil
}
