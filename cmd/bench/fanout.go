package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	fanoutRounds = 11
	fanoutWindow = 480 * time.Millisecond // 24 frames, 8 bundles, 4 auths; about as long as a link takes from ask to ask
	fanoutAim    = 1.2                    // times what the bare loop takes
)

// fanoutSizes are how many children a relay has: a laptop with a good line, and a server.
var fanoutSizes = []int{250, 1000}

// fanoutCost is what it takes to give one stream to many children by UDP: the tree, sealing, and the socket, beside a loop
// that only calls sendto, as often and in the same bursts. Each is a process of its own; so is whoever receives.
func fanoutCost(ctx context.Context, o options) (rows []row, err error) {
	ear, err := startTool(ctx, asEar)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, ear.leave()) }()
	var at earAddrs
	if err := ear.out.Decode(&at); err != nil {
		return nil, fmt.Errorf("the ear: %w", err)
	}
	for _, n := range fanoutSizes {
		more, err := fanoutOf(ctx, at, n)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// fanoutOf measures one size, the two ways of bundling and the two loops in turn.
func fanoutOf(ctx context.Context, at earAddrs, children int) (rows []row, err error) {
	orders := []fanOrder{
		{Ear: at, Children: children, Bundle: 1}, {Ear: at, Children: children, Bundle: 1, Bare: true},
		{Ear: at, Children: children, Bundle: 3}, {Ear: at, Children: children, Bundle: 3, Bare: true},
	}
	fans := make([]*tool, len(orders))
	for i, order := range orders {
		if fans[i], err = startTool(ctx, asFan); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, fans[i].leave()) }()
		if _, err := fans[i].ask(order); err != nil {
			return nil, err
		}
	}
	var used, packets [4][]float64 // CPU in µs; packets
	lost := row{what: fmt.Sprintf("%d children: datagrams lost", children), unit: "%"}
	for range fanoutRounds {
		for i, f := range fans {
			r, err := f.ask(fanOrder{Run: fanoutWindow})
			if err != nil {
				return nil, err
			}
			used[i], packets[i] = append(used[i], float64(r.CPU.Nanoseconds())/1e3), append(packets[i], float64(r.Packets))
			if !orders[i].Bare {
				lost.values = append(lost.values, 100*r.Lost)
			}
		}
	}
	each := func(i int) []float64 {
		out := make([]float64, fanoutRounds)
		for k := range out {
			out[k] = used[i][k] / packets[i][k]
		}
		return out
	}
	seconds := fanoutWindow.Seconds() * float64(children)
	listener := row{what: fmt.Sprintf("%d children, 3 frames a packet: CPU a listener-second", children), unit: "µs"}
	ratio := row{what: "  times 16.7 packets of the bare loop", unit: "x", aim: fanoutAim}
	for k := range fanoutRounds {
		ours, bare := used[2][k]/seconds, used[3][k]/packets[3][k]*50/3
		listener.values, listener.raw = append(listener.values, ours), append(listener.raw, bare)
		ratio.values = append(ratio.values, ours/bare)
	}
	packet := row{what: fmt.Sprintf("%d children, 1 frame a packet: CPU a packet", children), unit: "µs", values: each(0), raw: each(1)}
	perPacket := row{what: "  times a packet of the bare loop", unit: "x", aim: fanoutAim}
	for k := range fanoutRounds {
		perPacket.values = append(perPacket.values, packet.values[k]/packet.raw[k])
	}
	rate := row{what: "  packets a listener-second", values: []float64{median(packets[2]) / seconds}}
	return []row{packet, perPacket, listener, ratio, rate, lost}, nil
}

// A tool is this program in another process, for a part of a measurement: it is told and tells in lines of JSON, and
// goes when there are none to come.
type tool struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startTool(ctx context.Context, as string) (*tool, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	t := &tool{cmd: exec.CommandContext(ctx, self, as)}
	t.cmd.Stderr = os.Stderr
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = json.NewDecoder(out)
	return t, t.cmd.Start()
}

// ask gives an order and waits for what the tool says.
func (t *tool) ask(order any) (r fanReport, err error) {
	if err = json.NewEncoder(t.in).Encode(order); err == nil {
		err = t.out.Decode(&r)
	}
	return r, err
}

func (t *tool) leave() error {
	t.in.Close()
	return t.cmd.Wait()
}
