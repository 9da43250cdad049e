package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"salon/node"
	"salon/node/load"
)

// asHost is the argument with which part room starts this program as the room's host, so that the operating system can
// tell what the host alone costs.
const asHost = "host"

// A hostMark is what the host says of itself at a moment.
type hostMark struct {
	At           time.Time
	User, System time.Duration // CPU since the process began
	Traffic      node.Traffic
	Counts       map[string]uint64
}

// runHost hosts a room in which every hand is granted and the host listens, as in a page. It writes the room's link, then
// a mark for every line that it reads, and goes when there are none to come.
func runHost(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "salon-bench-host-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ns := &nodes{dir: dir}
	defer func() { err = errors.Join(err, ns.close()) }()
	n, err := ns.start(hostName)
	if err != nil {
		return err
	}
	r, err := n.StartRoom(node.Start{Title: benchRoomName, Language: "en"})
	if err != nil {
		return err
	}
	r.Play(newSink())
	hands := make(chan struct{}, 1)
	defer n.Watch(func(c node.Change) {
		if c.Kind == node.RoomChanged {
			select {
			case hands <- struct{}{}:
			default:
			}
		}
	})()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hands:
			}
			for _, h := range r.View().Hands {
				if err := r.Do(ctx, node.Action{Kind: "grant", Person: h.Person}); err != nil && ctx.Err() == nil {
					fmt.Fprintf(os.Stderr, "bench host: grant: %v\n", err)
				}
			}
		}
	}()
	say := json.NewEncoder(out)
	if err := say.Encode(r.View().Link); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		m := hostMark{At: time.Now(), Traffic: r.Traffic(), Counts: n.Counts()}
		m.User, m.System = load.OwnTimes()
		if err := say.Encode(m); err != nil {
			return err
		}
	}
	return nil
}

// A hostProcess is a process with runHost.
type hostProcess struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
	link string
}

func startHost(ctx context.Context) (*hostProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	h := &hostProcess{cmd: exec.CommandContext(ctx, self, asHost)}
	h.cmd.Stderr = os.Stderr
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	h.out = json.NewDecoder(out)
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	if err := h.out.Decode(&h.link); err != nil {
		return nil, errors.Join(fmt.Errorf("the host process: %w", err), h.leave())
	}
	return h, nil
}

func (h *hostProcess) mark() (m hostMark, err error) {
	if _, err = h.in.Write([]byte{'\n'}); err == nil {
		err = h.out.Decode(&m)
	}
	return m, err
}

func (h *hostProcess) leave() error {
	h.in.Close()
	return h.cmd.Wait()
}
