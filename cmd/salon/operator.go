package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"salon/node"
	"salon/node/metrics"
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
