package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"salon/node"
)

// patience is how long anything may take that is not itself measured.
const patience = 10 * time.Second

// nodes are real nodes in this process, on loopback only.
type nodes struct {
	dir  string
	list []*node.Node
}

func (ns *nodes) start(name string, peers ...string) (*node.Node, error) {
	return ns.startWith(node.Options{Name: name, Peers: peers})
}

// startWith starts a node with a home of its own, which hears of others only what it is told.
func (ns *nodes) startWith(o node.Options) (*node.Node, error) {
	home, err := os.MkdirTemp(ns.dir, "node-")
	if err != nil {
		return nil, err
	}
	o.Home, o.NoMDNS, o.Listen = home, true, loopback()
	n, err := node.New(o)
	if err == nil {
		ns.list = append(ns.list, n)
	}
	return n, err
}

// close ends all at once: each takes a moment to say that it goes.
func (ns *nodes) close() error {
	failed := make([]error, len(ns.list))
	var all sync.WaitGroup
	for i, n := range ns.list {
		all.Go(func() { failed[i] = n.Close() })
	}
	all.Wait()
	return errors.Join(failed...)
}

func loopback() []string { return []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"} }

// await looks at cond at every change of n until it holds.
func await(ctx context.Context, n *node.Node, what string, cond func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poke := make(chan struct{}, 1)
	stop := n.Watch(func(node.Change) {
		select {
		case poke <- struct{}{}:
		default:
		}
	})
	defer stop()
	for !cond() {
		select {
		case <-poke:
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, ctx.Err())
		}
	}
	return nil
}

// enter joins a room and reports an error unless it is in.
func enter(ctx context.Context, n *node.Node, ref string) (*node.Room, error) {
	r, err := n.Join(ctx, ref)
	if err != nil {
		return nil, err
	}
	if p := r.Phase(); p != node.Live {
		return nil, fmt.Errorf("joining ended in phase %q: %s", p, r.View().Reason)
	}
	return r, nil
}

// seat brings a guest on stage.
func seat(ctx context.Context, hosted *node.Room, guest *node.Node, r *node.Room) error {
	if err := r.Do(ctx, node.Action{Kind: "raise_hand"}); err != nil {
		return err
	}
	if err := hosted.Do(ctx, node.Action{Kind: "grant", Person: guest.Person()}); err != nil {
		return err
	}
	return await(ctx, guest, "the stage", func() bool { return r.View().Me.Role == "speaker" })
}

// pause waits for d unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
