package rtc

import (
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// logFactory gives pion's logs to ours, at debug level: what pion warns of (a browser that closed, a packet for a
// session that has ended) is everyday life here, and what matters comes back as an error.
type logFactory struct{ log *slog.Logger }

// NewLogger serves one part of pion.
func (f logFactory) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{f.log.With("pion", scope)}
}

type pionLog struct{ log *slog.Logger }

func (l pionLog) Trace(string)          {}
func (l pionLog) Tracef(string, ...any) {}
func (l pionLog) Debug(string)          {}
func (l pionLog) Debugf(string, ...any) {}
func (l pionLog) Info(string)           {}
func (l pionLog) Infof(string, ...any)  {}

func (l pionLog) Warn(msg string)             { l.log.Debug("pion warns", "text", msg) }
func (l pionLog) Warnf(f string, args ...any) { l.Warn(fmt.Sprintf(f, args...)) }
func (l pionLog) Error(msg string)            { l.log.Debug("pion errs", "text", msg) }
func (l pionLog) Errorf(f string, args ...any) {
	l.Error(fmt.Sprintf(f, args...))
}
