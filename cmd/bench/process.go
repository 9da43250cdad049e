package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"salon/node/client"
)

const (
	startRounds = 11
	startAim    = 300  // ms
	leaveAim    = 2000 // ms
	lookEvery   = time.Millisecond

	idleSettle = 4 * time.Second
	idleRounds = 5
	idleWindow = 2 * time.Second
	idleAim    = 0.5 // % of a core
	memoryAim  = 60  // MB
)

// A process is a 'salon up' on loopback that finds nobody by itself.
type process struct {
	cmd    *exec.Cmd
	page   string
	log    strings.Builder
	served time.Duration // from start to page served
}

// up starts salon and waits until it serves its page.
func up(ctx context.Context, o options, home string, peers ...string) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close() // free a moment ago, and known before salon can tell
	args := []string{"up", "--home", home, "--name", "Bench", "--no-mdns", "--no-open", "--web", addr}
	for _, a := range loopback() {
		args = append(args, "--listen", a)
	}
	for _, p := range peers {
		args = append(args, "--peer", p)
	}
	p := &process{cmd: exec.CommandContext(ctx, o.salon, args...), page: "http://" + addr + "/"}
	p.cmd.Stderr = &p.log
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (make bench builds it)", err)
	}
	for {
		resp, err := http.Get(p.page)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				p.served = time.Since(began)
				return p, nil
			}
			err = errors.New(resp.Status)
		}
		if time.Since(began) > patience || ctx.Err() != nil {
			_, _ = p.leave()
			return nil, fmt.Errorf("salon up does not serve its page: %w; it says %q", err, p.log.String())
		}
		time.Sleep(lookEvery)
	}
}

// leave asks the process to go and says how long that took.
func (p *process) leave() (time.Duration, error) {
	began := time.Now()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		_ = p.cmd.Process.Kill() // Windows has no such signal
	}
	late := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	err := p.cmd.Wait()
	return time.Since(began), err
}

// startTime starts salon again and again: for the first time, with keys to be made, and with a home that exists.
func startTime(ctx context.Context, o options) ([]row, error) {
	again := row{what: "start to page served", unit: "ms", aim: startAim}
	first := row{what: "the first start on a new home", unit: "ms", aim: startAim}
	left := row{what: "SIGINT to the end of the process", unit: "ms", aim: leaveAim}
	for i := range startRounds {
		home := filepath.Join(o.dir, fmt.Sprint("start-", i))
		for _, r := range []*row{&first, &again} {
			p, err := up(ctx, o, home)
			if err != nil {
				return nil, err
			}
			took, err := p.leave()
			if err != nil {
				return nil, fmt.Errorf("salon up, interrupted: %w; it says %q", err, p.log.String())
			}
			r.values = append(r.values, ms(p.served))
			left.values = append(left.values, ms(took))
		}
	}
	return []row{again, first, left}, nil
}

// idleCost watches two nodes that do nothing, at the same time: one that is alone, and one that is connected to a third.
func idleCost(ctx context.Context, o options) (rows []row, err error) {
	var running []*process
	defer func() {
		for _, p := range running {
			_, e := p.leave()
			err = errors.Join(err, e)
		}
	}()
	third, err := up(ctx, o, filepath.Join(o.dir, "third"))
	if err != nil {
		return nil, err
	}
	running = append(running, third)
	c, err := client.Running(ctx, filepath.Join(o.dir, "third"))
	if err != nil {
		return nil, err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return nil, err
	}
	for i, peers := range [][]string{nil, status.Addrs[:1]} {
		p, err := up(ctx, o, filepath.Join(o.dir, fmt.Sprint("idle-", i)), peers...)
		if err != nil {
			return nil, err
		}
		running = append(running, p)
	}
	if err := pause(ctx, idleSettle); err != nil {
		return nil, err
	}
	var cpu, all, own [2]row
	for i, who := range []string{"alone", "connected to one other"} {
		cpu[i] = row{what: "CPU, " + who, unit: "% core", aim: idleAim}
		all[i] = row{what: "memory (RSS), " + who, unit: "MB", aim: memoryAim}
		own[i] = row{what: "  without the program file's pages", unit: "MB"}
	}
	for range idleRounds {
		var before [2]time.Duration
		for i := range before {
			if before[i], err = cpuOf(running[1+i].cmd.Process.Pid); err != nil {
				return nil, err
			}
		}
		began := time.Now()
		if err := pause(ctx, idleWindow); err != nil {
			return nil, err
		}
		for i := range before {
			pid := running[1+i].cmd.Process.Pid
			after, err := cpuOf(pid)
			if err != nil {
				return nil, err
			}
			total, anonymous, err := memoryOf(pid)
			if err != nil {
				return nil, err
			}
			cpu[i].values = append(cpu[i].values, 100*(after-before[i]).Seconds()/time.Since(began).Seconds())
			all[i].values = append(all[i].values, total)
			own[i].values = append(own[i].values, anonymous)
		}
	}
	return []row{cpu[0], cpu[1], all[0], own[0], all[1], own[1]}, nil
}
