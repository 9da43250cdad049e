package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A salonNode is one running salon.
type salonNode struct {
	Home string
	Page string // address with the key
	Peer string // an address for others

	Guests string // where people with only a browser are served, without /r/ROOM
}

// Origin is the page's address without path and key.
func (n *salonNode) Origin() string {
	origin, _, _ := strings.Cut(n.Page, "/#")
	return origin
}

// Key is the secret of the API.
func (n *salonNode) Key() string {
	_, key, _ := strings.Cut(n.Page, "#key=")
	return key
}

// startNode runs salon on a computer until the test ends. Without a cable it is on loopback only, and told the others.
func startNode(t testing.TB, c computer, name string, others ...*salonNode) *salonNode {
	t.Helper()
	return startNodeWith(t, c, name, nil, others...)
}

// startNodeWith is startNode with more flags.
func startNodeWith(t testing.TB, c computer, name string, flags []string, others ...*salonNode) *salonNode {
	t.Helper()
	home := t.TempDir()
	args := append([]string{"up", "--no-open", "--home", home, "--web", "127.0.0.1:0"}, flags...)
	if name != "" {
		args = append(args, "--name", name)
	}
	if !c.lan {
		args = append(args, "--no-mdns", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1")
		for _, other := range others {
			args = append(args, "--peer", other.Peer)
		}
	}
	cmd := c.command(program, args...)
	cmd.Env = append(os.Environ(), "DISPLAY=", "WAYLAND_DISPLAY=")
	out := must[io.ReadCloser](t)(cmd.StdoutPipe())
	var said words
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n := &salonNode{Home: home}
	ready := make(chan struct{})
	read := make(chan struct{})
	go func() {
		defer close(read)
		told := false
		for lines := bufio.NewScanner(out); lines.Scan(); {
			line := lines.Text()
			fmt.Fprintln(&said, line)
			switch key, value, _ := strings.Cut(line, " "); key {
			case "Page:":
				n.Page = strings.TrimSpace(value)
			case "Guests:":
				n.Guests = strings.TrimSuffix(value, "/r/ROOM")
			case "Peer:":
				if addr := strings.TrimSpace(value); n.Peer == "" && strings.Contains(addr, "/quic-v1/") {
					n.Peer = addr
				}
			case "Stop":
				if !told {
					told = true
					close(ready)
				}
			}
		}
		if !told {
			close(ready)
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		kill := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		<-read
		err := cmd.Wait()
		if !kill.Stop() {
			t.Errorf("salon of %s did not leave when asked", name)
		}
		if err != nil || t.Failed() {
			t.Logf("salon of %s: %v\n%s", name, err, said.String())
		}
	})
	<-ready
	if n.Page == "" {
		t.Fatalf("salon of %q did not start", name)
	}
	return n
}

// words are what a process has said so far.
type words struct {
	mu   sync.Mutex // guards the field below
	text bytes.Buffer
}

func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(b)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// asJSON writes a value into a script.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
