package browser

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// listening are the tests that measure sound, or time. They run first, one after the other, and have the machine to themselves.
var listening = []string{
	"TestBackFromOffline",
	"TestConcert",
	"TestConversation",
	"TestFirstMinute",
	"TestFirstPaint",
	"TestGuestWithOnlyABrowser",
	"TestHearItWork",
	"TestIndependentClient",
	"TestOfflineConcert",
	"TestOfflineConversation",
	"TestOfflineSoundCheck",
	"TestSoundCheck",
	"TestSpeakersNetworkChanges",
}

// long are those of the others that take longest: they begin first, so that none is left when the rest are through.
var long = []string{"TestViews", "TestTickets", "TestCoHost", "TestScheduledRoom", "TestChat", "TestTree"}

// atOnce is how many of the others run at the same time. Browsers wait for each other and for their nodes more than they
// compute: with two, two cores were idle for a third of the time; with four, some tests lost their patience.
const atOnce = 3

// A shard is some of the tests, in a process and a network of their own.
type shard []string

// shards divides the tests that were asked for. There are none if all should run in one process: one test is nothing to divide,
// and profiles, benchmarks and chosen subtests are for whoever looks at one thing.
func shards() (alone shard, beside []shard) {
	for _, name := range []string{"bench", "fuzz", "coverprofile", "cpuprofile", "memprofile", "blockprofile", "mutexprofile", "trace"} {
		if f := flag.Lookup("test." + name); f != nil && f.Value.String() != f.DefValue {
			return nil, nil
		}
	}
	pattern := flag.Lookup("test.run").Value.String()
	if strings.Contains(pattern, "/") {
		return nil, nil
	}
	if pattern == "" {
		pattern = "."
	}
	out, err := exec.Command(os.Args[0], "-test.list="+pattern).Output()
	if err != nil {
		return nil, nil // it says why when it runs
	}
	return divide(strings.Fields(string(out)))
}

func divide(names []string) (alone shard, beside []shard) {
	if len(names) < 2 {
		return nil, nil
	}
	place := func(name string) int { // of a name in long; the others are behind those
		if i := slices.Index(long, name); i >= 0 {
			return i
		}
		return len(long)
	}
	var others []string
	for _, name := range names {
		switch {
		case !strings.HasPrefix(name, "Test"):
		case slices.Contains(listening, name):
			alone = append(alone, name)
		default:
			others = append(others, name)
		}
	}
	slices.SortStableFunc(others, func(a, b string) int { return place(a) - place(b) })
	for _, name := range others {
		beside = append(beside, shard{name})
	}
	return alone, beside
}

// args are those of this process, for some of its tests and what is left of its time. (What go test wants to know of the files
// that a test opens, many processes would write to one place: it then takes nothing from its cache.)
func (s shard) args(left time.Duration) []string {
	var args []string
	flag.Visit(func(f *flag.Flag) {
		if f.Name != "test.run" && f.Name != "test.timeout" && f.Name != "test.testlogfile" {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	args = append(args, "-test.run=^("+strings.Join(s, "|")+")$", "-test.timeout="+left.String())
	return append(args, flag.Args()...)
}

// A division runs the shards.
type division struct {
	deadline time.Time // the zero Time: none
	failFast bool

	mu     sync.Mutex // guards the field below and standard output
	failed bool
}

// runShards runs all tests, in processes that command prepares, and returns the exit code.
func runShards(alone shard, beside []shard, command func(context.Context, ...string) *exec.Cmd) int {
	var d division
	if limit, err := time.ParseDuration(flag.Lookup("test.timeout").Value.String()); err == nil && limit > 0 {
		d.deadline = time.Now().Add(limit)
	}
	d.failFast, _ = strconv.ParseBool(flag.Lookup("test.failfast").Value.String())

	if len(alone) > 0 {
		d.run(alone, os.Stdout, command)
	}
	next := make(chan shard)
	var workers sync.WaitGroup
	for range min(atOnce, len(beside)) {
		workers.Go(func() {
			for s := range next {
				// Its words come in one piece, so that one can read them.
				var words bytes.Buffer
				d.run(s, &words, command)
				d.mu.Lock()
				_, _ = words.WriteTo(os.Stdout)
				d.mu.Unlock()
			}
		})
	}
	for _, s := range beside {
		next <- s
	}
	close(next)
	workers.Wait()

	// "go test -json" wants this mark before what the test process itself says.
	mark := ""
	if flag.Lookup("test.v").Value.String() == "test2json" {
		mark = "\x16"
	}
	if d.failed {
		fmt.Println(mark + "FAIL")
		return 1
	}
	fmt.Println(mark + "PASS")
	return 0
}

// run runs one shard.
func (d *division) run(s shard, out io.Writer, command func(context.Context, ...string) *exec.Cmd) {
	d.mu.Lock()
	over := d.failed && d.failFast
	d.mu.Unlock()
	if over {
		return
	}
	ctx, left := context.Background(), time.Duration(0)
	if !d.deadline.IsZero() {
		left = max(time.Until(d.deadline), time.Millisecond)
		// It ends by itself, and says where it was; unless it does not come so far.
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, d.deadline.Add(20*time.Second))
		defer cancel()
	}
	cmd := command(ctx, s.args(left)...)
	heard := &withoutVerdict{out: out}
	cmd.Stdout, cmd.Stderr = heard, heard // one after the other: it is the same
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	heard.end()
	if err != nil {
		fmt.Fprintf(out, "%s: %v\n", strings.Join(s, ", "), err)
		d.mu.Lock()
		d.failed = true
		d.mu.Unlock()
	}
}

// withoutVerdict passes on what a test process says, line by line, but for the last word on all of its tests: that is for
// whoever has seen all shards.
type withoutVerdict struct {
	out  io.Writer
	rest []byte // of a line that has not ended
}

func (w *withoutVerdict) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		w.line(line)
		w.rest = rest
	}
}

func (w *withoutVerdict) line(line []byte) {
	switch string(bytes.TrimPrefix(line, []byte("\x16"))) {
	case "PASS", "FAIL", "testing: warning: no tests to run":
	default:
		fmt.Fprintf(w.out, "%s\n", line)
	}
}

// end passes on a last line that has no end.
func (w *withoutVerdict) end() {
	if len(w.rest) > 0 {
		w.line(w.rest)
	}
}
