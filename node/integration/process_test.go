// Package integration runs salon as people do: real processes that know of each other only what went over loopback.
//
// Each process has a home of its own, mDNS off, free ports of 127.0.0.1, and is ended by its own process ID. Tests wait
// for lines, events and exits. They run side by side, a few at once ("make test" says how many): sound is in real time,
// so that they mostly wait, and the processes are built without the race detector.
package integration

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"salon/node/client"
)

// patience is how long anything may take that should happen at once: the machine may be busy.
const patience = 30 * time.Second

// Where a process listens.
var (
	overQUIC = []string{"--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"}
	overTCP  = []string{"--no-mdns", "--listen", "/ip4/127.0.0.1/tcp/0"}
	overBoth = slices.Concat(overQUIC, overTCP[1:])
)

var built struct {
	once sync.Once
	dir  string
	path string
	err  error
}

func TestMain(m *testing.M) {
	if link := os.Getenv(crowdLink); link != "" {
		if err := crowd(link); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// salon is the path of the program, built once with the flags that this test was built with.
func salon(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("runs real processes")
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "salon-integration-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "salon")
		args := []string{"build", "-buildvcs=false", "-o", built.path}
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "-tags" {
					args = append(args, "-tags="+s.Value)
				}
			}
		}
		out, err := exec.Command("go", append(args, "salon/cmd/salon")...).CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// A process is one run of salon.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	home string
	done chan struct{} // closed when it has ended and all it wrote is here

	mu    sync.Mutex // guards the fields below
	lines []string   // of standard output
	news  chan struct{}
	fails bytes.Buffer // standard error
}

// start runs salon on a home. What still runs when the test ends is killed.
func start(t *testing.T, home string, args ...string) *process {
	t.Helper()
	return startCommand(t, home, exec.Command(salon(t), append(args, "--home", home)...))
}

func startCommand(t *testing.T, home string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, home: home, done: make(chan struct{}), news: make(chan struct{})}
	p.cmd.Env = append(p.cmd.Environ(), "DISPLAY=", "WAYLAND_DISPLAY=")
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	fails, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	readers.Go(func() { p.read(out) })
	readers.Go(func() {
		b, _ := io.ReadAll(fails)
		p.mu.Lock()
		p.fails.Write(b)
		p.mu.Unlock()
	})
	go func() {
		readers.Wait()
		_ = p.cmd.Wait() // the exit code says it
		close(p.done)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.done
		if t.Failed() {
			t.Logf("salon %s\n%s\n%s", strings.Join(p.cmd.Args[1:], " "), p.out(), p.err())
		}
	})
	return p
}

func (p *process) read(out io.Reader) {
	for in := bufio.NewScanner(out); in.Scan(); {
		p.mu.Lock()
		p.lines = append(p.lines, in.Text())
		close(p.news)
		p.news = make(chan struct{})
		p.mu.Unlock()
	}
}

// line waits for a line of standard output that starts so, and returns the rest of it.
func (p *process) line(prefix string) string {
	p.t.Helper()
	late := time.After(patience)
	for {
		p.mu.Lock()
		news := p.news
		for _, l := range p.lines {
			if rest, ok := strings.CutPrefix(l, prefix); ok {
				p.mu.Unlock()
				return rest
			}
		}
		p.mu.Unlock()
		select {
		case <-news:
		case <-p.done:
			select {
			case <-news: // its last lines came with its end
				continue
			default:
			}
			p.t.Fatalf("it ended without a line %q; it wrote\n%s\n%s", prefix, p.out(), p.err())
		case <-late:
			p.t.Fatalf("waited %s for a line %q; it wrote\n%s", patience, prefix, p.out())
		}
	}
}

func (p *process) out() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// err is what it wrote to standard error, once it has ended.
func (p *process) err() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fails.String()
}

func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.done: // its ID may be another's by now
	default:
		_ = p.cmd.Process.Signal(s)
	}
}

// wait waits for the end and returns the exit code, -1 if a signal ended it.
func (p *process) wait(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.t.Fatalf("salon %s did not end within %s", strings.Join(p.cmd.Args[1:], " "), within)
		return 0
	}
}

// interrupt sends what Ctrl-C sends, and returns the exit code and how long it took.
func (p *process) interrupt() (int, time.Duration) {
	p.t.Helper()
	began := time.Now()
	p.signal(syscall.SIGINT)
	code := p.wait(patience)
	return code, time.Since(began)
}

// wantExit waits for the end, which must have this exit code.
func (p *process) wantExit(code int, within time.Duration) {
	p.t.Helper()
	if got := p.wait(within); got != code {
		p.t.Fatalf("salon %s: exit code %d, want %d\n%s\n%s", strings.Join(p.cmd.Args[1:], " "), got, code, p.out(), p.err())
	}
}

// up starts a node that stays, and waits until it answers.
func up(t *testing.T, args ...string) *process {
	t.Helper()
	p := start(t, t.TempDir(), append([]string{"up", "--no-open", "--web", "127.0.0.1:0"}, args...)...)
	p.line("Stop with Ctrl-C.")
	return p
}

// api is the loopback API of a process that has said that it is ready.
func (p *process) api() *client.Client {
	p.t.Helper()
	c, err := client.Running(p.t.Context(), p.home)
	if err != nil {
		p.t.Fatalf("the API of %s: %v", p.home, err)
	}
	return c
}

// addr is an address at which a process that stays can be dialled.
func (p *process) addr() string {
	p.t.Helper()
	return strings.TrimSpace(p.line("Peer:"))
}

// await runs cond at once and at every piece of news of a node until it holds.
func await(t *testing.T, c *client.Client, what string, within time.Duration, cond func() (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var failed error
	held := false
	err := c.Events(ctx, func(client.Event) bool {
		held, failed = cond()
		return !held && failed == nil
	})
	if err := errors.Join(err, failed); err != nil || !held {
		t.Fatalf("waited up to %s for %s: %v", within, what, err)
	}
}

// act has a node do something in a room. A node that is just looking for whoever leads the room now says so, and is asked again at
// its next news.
func act(t *testing.T, p *process, id, action, person string) {
	t.Helper()
	c := p.api()
	await(t, c, action, patience, func() (bool, error) {
		err := c.Act(t.Context(), id, action, person)
		if no, refused := errors.AsType[*client.Error](err); refused && no.Code == "not_connected" {
			return false, nil
		}
		return err == nil, err
	})
}
