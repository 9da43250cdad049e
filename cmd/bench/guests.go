package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	guestChildren = 250
	guestRounds   = 11
	guestWindow   = 600 * time.Millisecond
	guestAim      = 6   // µs a packet
	guestMemory   = 200 // kB
)

// guestCost is what it takes to play to many browsers by WHEP: by node/rtc, by pion's peer connections as others use them,
// a loop that only calls sendto, and one that also seals what it sends. Each is a process of its own, and so are the browsers, which are pion's here: their part
// is not in the numbers.
func guestCost(ctx context.Context, o options) (rows []row, err error) {
	browsers, err := startTool(ctx, asBrowsers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, browsers.leave()) }()
	heard := func(order browsersOrder) (r browsersReport, err error) {
		if err = json.NewEncoder(browsers.in).Encode(order); err == nil {
			err = browsers.out.Decode(&r)
		}
		return r, err
	}
	ears, err := heard(browsersOrder{Sockets: guestChildren})
	if err != nil {
		return nil, err
	}
	var bare [2]*tool // that only sends, and that also seals
	for i := range bare {
		if bare[i], err = startTool(ctx, asFan); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, bare[i].leave()) }()
		order := fanOrder{Ear: earAddrs{Ears: ears.Sockets}, Children: guestChildren, Bundle: 1, Bare: true, Size: bareGuest, Seal: i == 1}
		if _, err := bare[i].ask(order); err != nil {
			return nil, err
		}
	}

	ways := []struct {
		name string
		pion bool
	}{{"node/rtc", false}, {"pion's tracks", true}}
	var played [2]*tool
	memory := make([]row, len(ways))
	for i, way := range ways {
		g, err := startTool(ctx, asGallery)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, g.leave()) }()
		played[i] = g
		var url string
		if err := json.NewEncoder(g.in).Encode(galleryOrder{Pion: way.pion}); err != nil {
			return nil, err
		}
		if err := g.out.Decode(&url); err != nil {
			return nil, fmt.Errorf("the gallery: %w", err)
		}
		if _, err := heard(browsersOrder{Galleries: []string{url}, Each: 10}); err != nil { // what the first of all takes is not theirs
			return nil, err
		}
		if _, err := g.ask(galleryOrder{Run: guestWindow}); err != nil {
			return nil, err
		}
		before, err := residentOf(g.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		if _, err := heard(browsersOrder{Galleries: []string{url}, Each: guestChildren - 10}); err != nil {
			return nil, err
		}
		for range 3 {
			if _, err := g.ask(galleryOrder{Run: guestWindow}); err != nil {
				return nil, err
			}
		}
		after, err := residentOf(g.cmd.Process.Pid)
		if err != nil {
			return nil, err
		}
		memory[i] = row{what: "memory (RSS) a browser, " + way.name, unit: "kB", values: []float64{(after - before) / (guestChildren - 10)}}
	}
	memory[0].aim = guestMemory
	var cost [4][]float64 // µs a packet: ours, pion's, bare, bare and sealed
	lost := row{what: "packets lost", unit: "%"}
	for range guestRounds {
		for i, ask := range []func() (fanReport, error){
			func() (fanReport, error) { return played[0].ask(galleryOrder{Run: guestWindow}) },
			func() (fanReport, error) { return played[1].ask(galleryOrder{Run: guestWindow}) },
			func() (fanReport, error) { return bare[0].ask(fanOrder{Run: guestWindow}) },
			func() (fanReport, error) { return bare[1].ask(fanOrder{Run: guestWindow}) },
		} {
			before, err := heard(browsersOrder{})
			if err != nil {
				return nil, err
			}
			r, err := ask()
			if err != nil {
				return nil, err
			}
			cost[i] = append(cost[i], float64(r.CPU.Nanoseconds())/1e3/float64(r.Packets))
			if i == 0 {
				if err := pause(ctx, 50*time.Millisecond); err != nil { // the last are on their way
					return nil, err
				}
				now, err := heard(browsersOrder{})
				if err != nil {
					return nil, err
				}
				lost.values = append(lost.values, 100*(1-float64(now.Packets-before.Packets)/float64(r.Packets)))
			}
		}
	}
	return append([]row{
		{what: fmt.Sprintf("%d browsers: CPU a packet, node/rtc", guestChildren), unit: "µs", values: cost[0], raw: cost[2], aim: guestAim},
		{what: "  beside the loop that also seals by SRTP", unit: "µs", values: cost[0], raw: cost[3]},
		{what: "  that loop beside the one that only sends", unit: "µs", values: cost[3], raw: cost[2]},
		{what: "  pion's tracks", unit: "µs", values: cost[1], raw: cost[2]},
		lost,
	}, memory...), nil
}
