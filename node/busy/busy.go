// Package busy tells how busy a machine was while something was measured on it that needs time: what others took is not the fault of what
// was measured.
package busy

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// SpareLeast is the share of the processors' time that was left over where nobody was kept waiting.
	SpareLeast = 0.15
	// LateMost is how late a thread may be that wants nothing but to wake: on a machine with time to spare that is about a millisecond. If it
	// is later than this, so was whoever had to play the next frame: a browser has little more than two frames in store.
	LateMost = 25 * time.Millisecond
)

// A Watch sees how busy the machine is.
type Watch struct {
	before load
	end    chan struct{}
	late   chan time.Duration
}

// Begin begins to watch. Stop has to be called.
func Begin() Watch {
	w := Watch{processors(), make(chan struct{}), make(chan time.Duration)}
	go func() {
		const beat = 5 * time.Millisecond
		var worst time.Duration
		for {
			slept := time.Now()
			select {
			case <-w.end:
				w.late <- worst
				return
			case <-time.After(beat):
				worst = max(worst, time.Since(slept)-beat)
			}
		}
	}()
	return w
}

// Stop returns what was seen since Begin.
func (w Watch) Stop() Report {
	close(w.end)
	return Report{Late: <-w.late, Spare: processors().spare(w.before)}
}

// A Report is how busy a machine was.
type Report struct {
	Late  time.Duration // the longest that a thread was kept waiting
	Spare float64       // share of the processors' time that nobody wanted; 1 where nobody can tell
}

// HadTime reports whether what was late or missing on such a machine is the fault of what was measured.
func (r Report) HadTime() bool { return r.Spare >= SpareLeast && r.Late <= LateMost }

func (r Report) String() string {
	return fmt.Sprintf("the machine had %.0f %% to spare, and was late by %v at most", 100*r.Spare, r.Late.Round(time.Millisecond))
}

// A load is what the processors have done so far, in whatever unit.
type load struct{ all, idle float64 }

// processors reads it where the system tells; elsewhere it is zero.
func processors() load {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return load{}
	}
	l, _ := parseLoad(string(text))
	return l
}

func parseLoad(stat string) (l load, err error) {
	line, _, _ := strings.Cut(stat, "\n")
	words := strings.Fields(line)
	if len(words) < 6 || words[0] != "cpu" {
		return load{}, fmt.Errorf("%q is not what the processors did", line)
	}
	for i, w := range words[1:min(len(words), 9)] { // what guests take is in user already
		n, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return load{}, err
		}
		if l.all += n; i == 3 || i == 4 { // idle, or waiting for a disk
			l.idle += n
		}
	}
	return l, nil
}

// spare is the share of the processors' time that nobody wanted since then. Where nobody can tell it is 1.
func (l load) spare(since load) float64 {
	if l.all == since.all {
		return 1
	}
	return (l.idle - since.idle) / (l.all - since.all)
}
