// Package linktest holds every kind of relay.Link to what a Link promises. Whatever lies beneath loses, reorders, doubles or
// stalls, always:
//
//   - What arrives is what was sent: no frame is altered, and none arrives twice.
//   - Send never blocks; a queue that is full drops its oldest, so that after an outage fresh frames arrive.
//   - Close unblocks Receive, which then returns io.EOF, and may be called twice.
//   - Send, Receive, Stats and Close may be called from several goroutines.
//
// A test never waits for time to pass, only for packets to arrive.
package linktest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"salon/relay"
)

// A Fate is what becomes of one unit that the transport carries from A to B. The zero Fate lets it through.
type Fate struct {
	Drop   bool
	Twice  bool
	Behind int // arrives after this many units that were sent later, if as many come
}

// A Pair is two ends of one connection. Run closes both.
type Pair struct {
	A, B relay.Link
	// Stall, where the transport can, stops (true) and restarts (false) everything from A to B beneath the link, without
	// losing it. Nil: an outage loses what is sent.
	Stall func(stalled bool)
}

// A Maker makes connected pairs of the kind of link under test.
type Maker struct {
	// New returns a connected pair. fate is asked about every unit (datagram, RTP packet) from A to B, in order, from
	// whichever goroutine, until the pair is closed. It must clean up with t.Cleanup.
	New func(t *testing.T, fate func(unit int) Fate) Pair
	// Reliable says that loss, reordering and duplication do not show above the transport: fate is never asked.
	Reliable bool
	// FramesOnly says that the link carries the frames of one stream, in packets of one, renumbered as it likes; that it may put
	// in frames of at most 2 bytes where some are missing; and that nothing else of a packet arrives.
	FramesOnly bool
}

// patience is how long a test waits for a packet before it fails.
var patience = 20 * time.Second

// Run runs every test of the suite.
func Run(t *testing.T, m Maker) {
	t.Run("WhatIsSentArrives", m.delivers)
	t.Run("EveryRecordArrives", m.records)
	t.Run("Loss", m.loses)
	t.Run("Reordering", m.reorders)
	t.Run("Duplication", m.doubles)
	t.Run("Outage", m.outage)
	t.Run("CloseUnblocksReceive", m.closes)
	t.Run("SendIsSafeFromManyGoroutines", m.concurrent)
}

// pair makes a pair that is closed when the test ends, and begins to receive from B.
func (m Maker) pair(t *testing.T, fate func(int) Fate) (Pair, *receiver) {
	t.Helper()
	if fate == nil {
		fate = func(int) Fate { return Fate{} }
	}
	p := m.New(t, fate)
	r := &receiver{t: t, framesOnly: m.FramesOnly, packets: make(chan received, 64), stop: make(chan struct{}), done: make(chan struct{}), seen: map[uint64]bool{}}
	go r.run(p.B)
	t.Cleanup(func() {
		p.A.Close()
		p.B.Close()
		close(r.stop)
		select {
		case <-r.done:
		case <-time.After(patience):
			t.Error("Close did not unblock Receive")
		}
	})
	return p, r
}

// frame is the frame that bears a number: nothing about it could be another's.
func frame(n uint64) relay.Frame {
	size := 40 + int(n*37%300)
	b := make([]byte, size)
	b[0] = 0xfc // as a 20 ms Opus packet of one frame begins, for links that look
	binary.BigEndian.PutUint64(b[1:], n)
	rng := rand.New(rand.NewPCG(n, 1))
	for i := 9; i < size; i++ {
		b[i] = byte(rng.Uint32())
	}
	return relay.Frame{Slot: relay.Program, Number: n, Sealed: b}
}

func send(l relay.Link, n uint64) {
	l.Send(&relay.Packet{Frames: []relay.Frame{frame(n)}})
}

type received struct {
	numbers []uint64     // of the frames
	rest    relay.Packet // without the frames
}

// A receiver receives everything from one end, and checks that no frame is altered or comes twice.
type receiver struct {
	t          *testing.T
	framesOnly bool
	packets    chan received
	stop       chan struct{} // closed when nobody takes packets any more
	seen       map[uint64]bool
	done       chan struct{} // closed when run returned
}

func (r *receiver) run(l relay.Link) {
	defer close(r.done)
	defer close(r.packets)
	for p := (relay.Packet{}); ; {
		if err := l.Receive(&p); err != nil {
			if !errors.Is(err, io.EOF) {
				r.t.Errorf("Receive: %v, want io.EOF", err)
			}
			return
		}
		got := received{rest: relay.Packet{Resends: append([]relay.Range(nil), p.Resends...), Beacons: append([]relay.Beacon(nil), p.Beacons...)}}
		for i := range p.Auths {
			got.rest.Auths = append(got.rest.Auths, *p.Auths[i].Clone())
		}
		for _, f := range p.Frames {
			if r.framesOnly && len(f.Sealed) <= 2 {
				continue
			}
			if n, err := r.check(f); err != nil {
				r.t.Error(err)
			} else {
				got.numbers = append(got.numbers, n)
			}
		}
		select {
		case r.packets <- got:
		case <-r.stop:
		}
	}
}

func (r *receiver) check(f relay.Frame) (uint64, error) {
	if len(f.Sealed) < 9 {
		return 0, fmt.Errorf("a frame of %d bytes arrived, which nobody sent", len(f.Sealed))
	}
	n := binary.BigEndian.Uint64(f.Sealed[1:])
	want := frame(n)
	if !bytes.Equal(f.Sealed, want.Sealed) {
		return 0, fmt.Errorf("frame %d arrived altered", n)
	}
	if !r.framesOnly && (f.Number != n || f.Slot != want.Slot) {
		return 0, fmt.Errorf("frame %d arrived as slot %d number %d", n, f.Slot, f.Number)
	}
	if r.seen[n] {
		return 0, fmt.Errorf("frame %d arrived twice", n)
	}
	r.seen[n] = true
	return n, nil
}

// next returns the next packet that arrives.
func (r *receiver) next() received {
	r.t.Helper()
	select {
	case p, ok := <-r.packets:
		if !ok {
			r.t.Fatal("the link ended")
		}
		return p
	case <-time.After(patience):
		r.t.Fatalf("nothing arrived in %v", patience)
	}
	panic("unreachable")
}

// upTo sends frames from first on, at most ahead more than have arrived or been given up, until one from goal on arrives. It returns
// the numbers that arrived, in order. So a test goes on until it is through, whatever is lost.
func (r *receiver) upTo(l relay.Link, first, goal uint64) (arrived []uint64) {
	r.t.Helper()
	const ahead = 8
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	sent, highest := first, first
	for {
		// What is lost never arrives: every tick lets one more go.
		for ; sent < highest+ahead; sent++ {
			send(l, sent)
		}
		select {
		case p, ok := <-r.packets:
			if !ok {
				r.t.Fatal("the link ended")
			}
			for _, n := range p.numbers {
				arrived = append(arrived, n)
				highest = max(highest, n+1)
				if n >= goal {
					return arrived
				}
			}
		case <-tick.C:
			highest++
		case <-deadline:
			r.t.Fatalf("%d of the frames %d to %d arrived in %v", len(arrived), first, sent, patience)
		}
	}
}

func (m Maker) delivers(t *testing.T) {
	p, r := m.pair(t, nil)
	first := uint64(1 << 20)
	for n := first; n < first+200; n++ {
		send(p.A, n)
		for got := r.next(); len(got.numbers) == 0; got = r.next() {
		}
	}
	if s := p.A.Stats(); s.Sent < 200 || s.Dropped != 0 {
		t.Errorf("sender's stats %+v after 200 packets", s)
	}
	if s := p.B.Stats(); s.Received < 200 || s.Malformed != 0 {
		t.Errorf("receiver's stats %+v after 200 packets", s)
	}
}

func (m Maker) records(t *testing.T) {
	if m.FramesOnly {
		t.Skip("this link carries frames only")
	}
	p, r := m.pair(t, nil)
	auth := relay.Auth{Slot: 3, KID: 5, First: 7, FirstCTR: 1, Time: 99, Prev: [16]byte{1}, Hashes: [][16]byte{{2}, {3}}, Sig: [64]byte{4}}
	want := relay.Packet{
		Auths:   []relay.Auth{auth, auth},
		Resends: []relay.Range{{Slot: 1, From: 2, To: 3}, {Slot: 1, From: 9, To: 9, AuthsOnly: true}},
		Beacons: []relay.Beacon{{Slot: 31, Last: 1<<64 - 1}},
	}
	full := want
	full.Frames = []relay.Frame{frame(1), frame(2), frame(3)}
	p.A.Send(&full)
	got := r.next()
	if !reflect.DeepEqual(got.rest, want) || !reflect.DeepEqual(got.numbers, []uint64{1, 2, 3}) {
		t.Errorf("arrived as %+v", got)
	}
	// The link keeps nothing of what it was given, and what it gives has nothing of before.
	for i := range full.Frames {
		clear(full.Frames[i].Sealed)
	}
	p.A.Send(&relay.Packet{Beacons: []relay.Beacon{{Slot: 1, Last: 1}}})
	if got := r.next(); len(got.numbers)+len(got.rest.Auths)+len(got.rest.Resends) != 0 || len(got.rest.Beacons) != 1 {
		t.Errorf("a beacon arrived as %+v", got)
	}
	// And the other way.
	var back relay.Packet
	p.B.Send(&relay.Packet{Beacons: want.Beacons})
	if err := p.A.Receive(&back); err != nil || !reflect.DeepEqual(back.Beacons, want.Beacons) {
		t.Errorf("back: %+v, %v", back, err)
	}
}

func (m Maker) loses(t *testing.T) {
	if m.Reliable {
		t.Skip("losses do not show on this transport")
	}
	p, r := m.pair(t, func(unit int) Fate { return Fate{Drop: unit%5 == 3} })
	arrived := r.upTo(p.A, 0, 500)
	if len(arrived) == 0 || len(arrived) > 500 {
		t.Errorf("%d frames arrived", len(arrived))
	}
}

func (m Maker) reorders(t *testing.T) {
	if m.Reliable {
		t.Skip("reordering does not show on this transport")
	}
	p, r := m.pair(t, func(unit int) Fate { return Fate{Behind: []int{0, 2, 0, 0, 5}[unit%5]} })
	if arrived := r.upTo(p.A, 0, 500); len(arrived) < 100 {
		t.Errorf("only %d frames arrived", len(arrived))
	}
}

func (m Maker) doubles(t *testing.T) {
	if m.Reliable {
		t.Skip("duplication does not show on this transport")
	}
	p, r := m.pair(t, func(unit int) Fate { return Fate{Twice: unit%2 == 0, Behind: unit % 3} })
	if arrived := r.upTo(p.A, 0, 500); len(arrived) < 100 {
		t.Errorf("only %d frames arrived", len(arrived))
	}
}

// outage stops the transport, sends far more than any queue holds, and starts it again.
func (m Maker) outage(t *testing.T) {
	var mu sync.Mutex
	out := false
	p, r := m.pair(t, func(int) Fate {
		mu.Lock()
		defer mu.Unlock()
		return Fate{Drop: out}
	})
	stall := func(stalled bool) {
		mu.Lock()
		out = stalled
		mu.Unlock()
		if p.Stall != nil {
			p.Stall(stalled)
		}
	}
	arrived := r.upTo(p.A, 0, 50)
	stall(true)
	first, before := arrived[len(arrived)-1]+1000, uint64(100_000)
	if m.FramesOnly {
		before = 3000 // a minute: a longer gap in one stream is another stream
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for n := range before {
			send(p.A, first+n)
		}
	}()
	select {
	case <-sent:
	case <-time.After(patience):
		t.Fatal("Send blocked during an outage")
	}
	if p.Stall != nil && p.A.Stats().Dropped == 0 {
		t.Error("the queue dropped nothing during an outage, or does not count it")
	}
	stall(false)
	fresh := first + before
	r.upTo(p.A, fresh, fresh)
}

func (m Maker) closes(t *testing.T) {
	p := m.New(t, func(int) Fate { return Fate{} })
	for name, l := range map[string]relay.Link{"A": p.A, "B": p.B} {
		ended := make(chan error, 1)
		go func() {
			var packet relay.Packet
			for {
				if err := l.Receive(&packet); err != nil {
					ended <- err
					return
				}
			}
		}()
		if err := l.Close(); err != nil {
			t.Errorf("%s: Close: %v", name, err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, io.EOF) {
				t.Errorf("%s: Receive returned %v, want io.EOF", name, err)
			}
		case <-time.After(patience):
			t.Fatalf("%s: Close did not unblock Receive", name)
		}
		var packet relay.Packet
		if err := l.Receive(&packet); !errors.Is(err, io.EOF) {
			t.Errorf("%s: Receive after Close: %v", name, err)
		}
		send(l, 1) // does nothing, and does not panic
		if err := l.Close(); err != nil {
			t.Errorf("%s: second Close: %v", name, err)
		}
		l.Stats()
	}
}

func (m Maker) concurrent(t *testing.T) {
	p, r := m.pair(t, nil)
	var next uint64
	if m.FramesOnly {
		// One stream has one order, so the senders share it; what counts is that nothing breaks.
		var mu sync.Mutex
		m.together(p.A, func() {
			mu.Lock()
			defer mu.Unlock()
			send(p.A, next)
			next++
		})
	} else {
		var ids atomic.Uint64
		m.together(p.A, func() { send(p.A, ids.Add(1)) })
		next = ids.Load() + 1
	}
	r.upTo(p.A, next, next)
}

// together calls send often from several goroutines, and meanwhile Stats.
func (m Maker) together(l relay.Link, send func()) {
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				send()
				l.Stats()
			}
		})
	}
	all.Wait()
}
