package linktest

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"salon/relay"
)

// A wire carries units one way between two memory links, with the fate that a test decides.
type wire struct {
	fate func(unit int) Fate
	to   *memory

	mu      sync.Mutex // guards the fields below
	units   int
	stalled bool
	queue   []unit // while stalled
	late    []late
}

type unit struct {
	counter uint64
	bytes   []byte
}

type late struct {
	unit
	due int
}

const queueLimit = 256

// A memory is a Link through memory. broken names what it does wrong, if anything.
type memory struct {
	broken string
	frames bool // carries frames only
	out    *wire

	mu     sync.Mutex // guards the fields below
	more   *sync.Cond
	in     []unit
	seen   map[uint64]bool
	next   uint64
	closed bool
	stats  relay.LinkStats
}

func newMemory(broken string, frames bool, fate func(int) Fate) *memory {
	l := &memory{broken: broken, frames: frames, seen: map[uint64]bool{}}
	l.more = sync.NewCond(&l.mu)
	l.out = &wire{fate: fate}
	return l
}

func (l *memory) Send(p *relay.Packet) {
	l.mu.Lock()
	if l.closed && l.broken != "panics after close" {
		l.mu.Unlock()
		return
	}
	l.next++
	l.stats.Sent++
	u := unit{l.next, p.Append(nil)}
	if l.frames {
		u.bytes = (&relay.Packet{Frames: p.Frames}).Append(nil)
	}
	closed := l.closed
	l.mu.Unlock()
	if closed {
		panic("send after close")
	}
	if l.broken == "alters" && u.counter%100 == 50 {
		u.bytes[len(u.bytes)-1] ^= 1
	}
	l.out.carry(u, l)
}

func (w *wire) carry(u unit, from *memory) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.stalled && from.broken == "blocks" && len(w.queue) == queueLimit {
		w.mu.Unlock()
		time.Sleep(time.Millisecond) // a broken link may be slow
		w.mu.Lock()
	}
	if w.stalled {
		if len(w.queue) == queueLimit {
			if from.broken == "keeps the oldest" {
				return
			}
			w.queue = w.queue[1:]
			from.mu.Lock()
			from.stats.Dropped++
			from.mu.Unlock()
		}
		w.queue = append(w.queue, u)
		return
	}
	fate := w.fate(w.units)
	w.units++
	if !fate.Drop {
		if fate.Behind > 0 {
			w.late = append(w.late, late{u, w.units + fate.Behind})
		} else {
			w.to.arrive(u)
		}
		if fate.Twice {
			w.to.arrive(u)
		}
	}
	var rest []late
	for _, l := range w.late {
		if l.due <= w.units {
			w.to.arrive(l.unit)
		} else {
			rest = append(rest, l)
		}
	}
	w.late = rest
}

func (w *wire) stall(stalled bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stalled = stalled
	if !stalled {
		for _, u := range w.queue {
			w.to.arrive(u)
		}
		w.queue = nil
	}
}

func (l *memory) arrive(u unit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen[u.counter] && l.broken != "doubles" {
		l.stats.Duplicate++
		return
	}
	l.seen[u.counter] = true
	l.in = append(l.in, u)
	l.more.Signal()
}

func (l *memory) Receive(p *relay.Packet) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for len(l.in) == 0 && (!l.closed || l.broken == "hangs") {
			l.more.Wait()
		}
		if l.closed && l.broken == "says nothing of the end" {
			return io.ErrUnexpectedEOF
		}
		if l.closed && l.broken != "hangs" {
			return io.EOF
		}
		u := l.in[0]
		l.in = l.in[1:]
		if l.broken == "mixes old and new" {
			var fresh relay.Packet
			if fresh.Parse(u.bytes) == nil {
				p.Frames, p.Beacons = fresh.Frames, append(p.Beacons, fresh.Beacons...)
				p.Auths, p.Resends = append(p.Auths, fresh.Auths...), append(p.Resends, fresh.Resends...)
				l.stats.Received++
				return nil
			}
		}
		if p.Parse(u.bytes) == nil {
			l.stats.Received++
			return nil
		}
		l.stats.Malformed++
	}
}

func (l *memory) Stats() relay.LinkStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

func (l *memory) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.more.Broadcast()
	return nil
}

func pass(int) Fate { return Fate{} }

// makers of memory links, broken in the way named.
func datagrams(broken string) Maker {
	return Maker{New: func(_ *testing.T, fate func(int) Fate) Pair {
		a, b := newMemory(broken, false, fate), newMemory(broken, false, pass)
		a.out.to, b.out.to = b, a
		return Pair{A: a, B: b}
	}}
}

func stream(broken string) Maker {
	return Maker{Reliable: true, New: func(*testing.T, func(int) Fate) Pair {
		a, b := newMemory(broken, false, pass), newMemory(broken, false, pass)
		a.out.to, b.out.to = b, a
		return Pair{A: a, B: b, Stall: a.out.stall}
	}}
}

func framesOnly(broken string) Maker {
	m := datagrams(broken)
	make := m.New
	m.FramesOnly = true
	m.New = func(t *testing.T, fate func(int) Fate) Pair {
		p := make(t, fate)
		p.A.(*memory).frames = true
		return p
	}
	return m
}

func TestDatagramLink(t *testing.T)   { Run(t, datagrams("")) }
func TestStreamLink(t *testing.T)     { Run(t, stream("")) }
func TestFramesOnlyLink(t *testing.T) { Run(t, framesOnly("")) }

// TestBrokenLinksFail runs the suite in a process of its own for each way to be broken, and expects it to fail there.
func TestBrokenLinksFail(t *testing.T) {
	if broken := os.Getenv("LINKTEST_BROKEN"); broken != "" {
		patience = 6 * time.Second
		switch os.Getenv("LINKTEST_KIND") {
		case "stream":
			Run(t, stream(broken))
		default:
			Run(t, datagrams(broken))
		}
		return
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, c := range []struct{ broken, kind, test, fails string }{
		{"alters", "datagrams", "Loss", "arrived altered"},
		{"doubles", "datagrams", "Duplication", "arrived twice"},
		{"blocks", "stream", "Outage", "Send blocked"},
		{"keeps the oldest", "stream", "Outage", "dropped nothing"},
		{"hangs", "stream", "CloseUnblocksReceive", "did not unblock"},
		{"says nothing of the end", "stream", "CloseUnblocksReceive", "want io.EOF"},
		{"panics after close", "stream", "CloseUnblocksReceive", "send after close"},
		{"mixes old and new", "stream", "EveryRecordArrives", "a beacon arrived as"},
	} {
		t.Run(c.broken, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestBrokenLinksFail$/^"+c.test+"$", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), "LINKTEST_BROKEN="+c.broken, "LINKTEST_KIND="+c.kind)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), c.fails) {
				t.Errorf("%v, and the output does not say %q:\n%s", err, c.fails, out)
			}
		})
	}
}
