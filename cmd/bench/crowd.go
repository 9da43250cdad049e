package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"salon/node"
	"salon/relay"
)

const (
	crowdSize   = 200
	crowdWithin = 5 * time.Second
	crowdAim    = 2000 // ms, the slowest twentieth
	crowdBelow  = 20   // that the host feeds itself; relays feed the others
	crowdRelays = 2
)

// crowdTime is how long each of many waits who come at once to a room whose host feeds few of them: most are sent on to a relay.
// They all take this computer's time, which is most of what they wait for.
func crowdTime(ctx context.Context, o options) (rows []row, err error) {
	ns := &nodes{dir: o.dir}
	defer func() { err = errors.Join(err, ns.close()) }()
	var relays []string
	for i := range crowdRelays {
		n, err := ns.startWith(node.Options{Name: fmt.Sprint("Relay ", i+1), Relay: &node.Relay{Open: true, Listeners: crowdSize}})
		if err != nil {
			return nil, err
		}
		relays = append(relays, n.Status().Addrs[0])
	}
	host, err := ns.startWith(node.Options{Name: hostName, MaxChildren: crowdBelow, Relays: relays})
	if err != nil {
		return nil, err
	}
	hosted, err := host.StartRoom(node.Start{Title: benchRoomName, Language: "en"})
	if err != nil {
		return nil, err
	}
	for _, n := range ns.list[:crowdRelays] {
		carries := func() bool { r := n.Room(hosted.ID()); return r != nil && r.Phase() == node.Live }
		if err := await(ctx, n, "a relay to carry the room", carries); err != nil {
			return nil, err
		}
	}
	link := hosted.View().Link
	var crowd []*node.Node
	for range crowdSize {
		n, err := ns.startWith(node.Options{Name: listenerName, Hidden: true})
		if err != nil {
			return nil, err
		}
		crowd = append(crowd, n)
	}
	took, failed := make([]float64, crowdSize), make([]error, crowdSize)
	var all sync.WaitGroup
	for i, n := range crowd {
		all.Go(func() {
			if failed[i] = pause(ctx, crowdWithin*time.Duration(i)/crowdSize); failed[i] == nil {
				took[i], failed[i] = firstFrame(ctx, n, link)
			}
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	return []row{
		{what: fmt.Sprintf("one of %d within %v, by share link", crowdSize, crowdWithin), unit: "ms", values: took},
		{what: "  the slowest twentieth, from", unit: "ms", values: []float64{quantile(took, 0.95)}, aim: crowdAim},
	}, nil
}

// firstFrame joins a room and says how many ms it took until the first verified frame.
func firstFrame(ctx context.Context, n *node.Node, link string) (took float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*patience)
	defer cancel()
	began := time.Now()
	r, err := n.Join(ctx, link) // which in a crowd may still be waiting for a place
	if err != nil {
		return 0, err
	}
	g := &glance{ear: &ear{closed: make(chan struct{})}, first: make(chan time.Time, 1)}
	r.Play(g)
	select {
	case at := <-g.first:
		return ms(at.Sub(began)), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s: %s", r.Phase(), r.View().Reason)
	}
}

// A glance is a player that notes when the first packet came, and looks into none.
type glance struct {
	*ear
	first chan time.Time // holds one
}

func (g *glance) Send(*relay.Packet) {
	select {
	case g.first <- time.Now():
	default:
	}
}
