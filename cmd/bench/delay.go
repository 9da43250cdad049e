package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"salon/node"
)

const (
	delayRounds   = 11
	delayBeeps    = 2           // a round
	stageAim      = 60          // ms, the median
	beyondAim     = 120         // ms more than what the listener's buffer is there for
	settleAfter   = time.Second // what is under way is still heard
	hostName      = "Bench host"
	speakerName   = "Bench speaker"
	otherName     = "Bench speaker's hearer"
	listenerName  = "Bench listener"
	benchRoomName = "Bench"
)

// soundDelay sends beeps through a room and looks for them where they come out. A speaker talks to the host, to another
// speaker by way of the host, and to a listener; all hear the same beeps, so they are measured side by side. A beep is
// found in the packets that are handed in and in those that come out by the same detector: between the two lie the
// node's buffers, mixers and encoders, and not the browser's. Each round starts the microphone anew, at another moment
// of the 20 ms of the nodes' clocks, and is silent for 1.4 s: a stage's buffer comes down to what the path needs in the
// first pause after it has seen a second of it.
func soundDelay(ctx context.Context, o options) (rows []row, err error) {
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
	link := hosted.View().Link
	var guests []*node.Room
	for _, name := range []string{speakerName, otherName, listenerName} {
		n, err := ns.start(name)
		if err != nil {
			return nil, err
		}
		r, err := enter(ctx, n, link)
		if err != nil {
			return nil, err
		}
		if name != listenerName {
			if err := seat(ctx, hosted, n, r); err != nil {
				return nil, err
			}
		}
		guests = append(guests, r)
	}
	speaker, listener := guests[0], guests[2]
	hearers := []*node.Room{hosted, guests[1], listener}
	ears := make([]*ear, len(hearers))
	for i, r := range hearers {
		if ears[i], err = newEar(); err != nil {
			return nil, err
		}
		r.Play(ears[i])
	}

	stage := row{what: "stage: speaker to host", unit: "ms", aim: stageAim}
	far := row{what: "stage: speaker to speaker, by way of the host", unit: "ms", aim: stageAim}
	audience := row{what: "audience: speaker to listener", unit: "ms"}
	beyond := row{what: "  beyond the listener's buffer", unit: "ms", aim: beyondAim}
	stageBuffer := row{what: "  buffering at the host", unit: "ms"}
	said := 0
	for range delayRounds {
		b, err := newBeeper(delayBeeps)
		if err != nil {
			return nil, err
		}
		if err := speaker.Publish(ctx, b); err != nil {
			return nil, err
		}
		select {
		case <-b.last:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		stageBuffer.values = append(stageBuffer.values, float64(hosted.View().Quality.BufferMS))
		if err := pause(ctx, settleAfter); err != nil {
			return nil, err
		}
		beeps := b.said.take()
		said += len(beeps)
		stage.values = append(stage.values, delays(beeps, ears[0].heard.take())...)
		far.values = append(far.values, delays(beeps, ears[1].heard.take())...)
		buffer := float64(listener.Stats().BufferMS)
		for _, ms := range delays(beeps, ears[2].heard.take()) {
			audience.values = append(audience.values, ms)
			beyond.values = append(beyond.values, ms-buffer)
		}
	}
	audience.aim = beyondAim + median(audience.values) - median(beyond.values)
	for _, r := range []row{stage, far, audience} {
		if len(r.values) == 0 {
			return nil, fmt.Errorf("none of %d beeps was heard: %s", said, r.what)
		}
	}
	return []row{stage, stageBuffer, far, audience, beyond}, nil
}
