package main

import (
	"context"
	"errors"
	"time"

	"salon/node"
)

const (
	joinRounds = 11
	joinAim    = 200 // ms, the median
)

// joinTime is from the click until the first packet reaches a player; all that reaches a player is verified. Two ways
// take turns: a share link opened by a node that has never met the host, and a room picked from the list by a node that
// is connected, as it is after it heard of the room.
func joinTime(ctx context.Context, o options) (rows []row, err error) {
	ns := &nodes{dir: o.dir}
	defer func() { err = errors.Join(err, ns.close()) }()
	host, err := ns.start(hostName)
	if err != nil {
		return nil, err
	}
	hosted, err := host.StartRoom(node.Start{Title: benchRoomName, Language: "en"})
	if err != nil {
		return nil, err
	}
	known, err := ns.start(listenerName, host.Status().Addrs...)
	if err != nil {
		return nil, err
	}
	if err := await(ctx, known, "the room to be found", func() bool { return len(known.Directory()) == 1 }); err != nil {
		return nil, err
	}
	link, id := hosted.View().Link, hosted.ID().String()

	listed := row{what: "from the list, connected: first packet", unit: "ms", aim: joinAim}
	listedIn := row{what: "  of which until the host has let us in", unit: "ms"}
	linked := row{what: "by share link, a stranger: first packet", unit: "ms", aim: joinAim}
	linkedIn := row{what: "  of which until the host has let us in", unit: "ms"}
	for range joinRounds {
		in, first, err := click(ctx, known, id)
		if err != nil {
			return nil, err
		}
		listedIn.values, listed.values = append(listedIn.values, in), append(listed.values, first)
		stranger, err := (&nodes{dir: o.dir}).start(listenerName)
		if err != nil {
			return nil, err
		}
		in, first, err = click(ctx, stranger, link)
		if err := errors.Join(err, stranger.Close()); err != nil {
			return nil, err
		}
		linkedIn.values, linked.values = append(linkedIn.values, in), append(linked.values, first)
	}
	return []row{listed, listedIn, linked, linkedIn}, nil
}

// click joins a room, hears the first packet and leaves; in and first are ms since the click.
func click(ctx context.Context, n *node.Node, ref string) (in, first float64, err error) {
	e, err := newEar()
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	r, err := enter(ctx, n, ref)
	if err != nil {
		return 0, 0, err
	}
	in = ms(time.Since(began))
	r.Play(e)
	select {
	case at := <-e.first:
		first = ms(at.Sub(began))
	case <-ctx.Done():
		err = ctx.Err()
	}
	return in, first, errors.Join(err, r.Do(ctx, node.Action{Kind: "leave"}))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
