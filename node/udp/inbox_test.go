package udp

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// What waits comes out in order, whatever comes and goes, and the inbox is no longer than what waited at once.
func TestInboxIsAsLongAsNeeded(t *testing.T) {
	in := newInbox()
	rng := rand.New(rand.NewPCG(1, 2))
	put, took := uint32(0), uint32(0)
	add := func() {
		if in.put(binary.BigEndian.AppendUint32(nil, put)) {
			took++ // the oldest went
		}
		put++
	}
	take := func() {
		if got := binary.BigEndian.Uint32(in.take()); got != took {
			t.Fatalf("took %d, want %d", got, took)
		}
		took++
	}
	for range 10 * inboxSize {
		add()
		take()
	}
	if len(in.ring) != 2 {
		t.Errorf("for one at a time there are %d places", len(in.ring))
	}
	for range 100 {
		for range rng.IntN(2 * inboxSize) {
			add()
		}
		for range rng.IntN(int(put-took) + 1) {
			take()
		}
	}
	if len(in.ring) != inboxSize {
		t.Errorf("for many there are %d places", len(in.ring))
	}
}

// What many needed is given back when there is nothing more.
func TestInboxGivesBackWhatABurstTook(t *testing.T) {
	in := newInbox()
	for _, n := range []int{restKeeps, inboxSize} {
		for range 2 {
			for i := range n {
				in.put([]byte{byte(i)})
			}
			for i := range n {
				if got := in.take(); got[0] != byte(i) {
					t.Fatalf("took %d, want %d", got[0], i)
				}
			}
			if !in.rest(func() {}) {
				t.Fatal("there is something")
			}
			if n == restKeeps && len(in.ring) == 0 || len(in.ring) > restKeeps {
				t.Errorf("after %d there are %d places", n, len(in.ring))
			}
		}
	}
}

// Whoever rests is woken once, by what comes or by the end, and does not rest while there is something.
func TestInboxWakes(t *testing.T) {
	in, woken := newInbox(), 0
	wake := func() { woken++ }
	for i := range 3 {
		if !in.rest(wake) {
			t.Fatal("there is something already")
		}
		in.put([]byte{1})
		in.put([]byte{2})
		if woken != i+1 {
			t.Fatalf("woken %d times by packet %d", woken, i+1)
		}
		for want := range byte(2) {
			if in.rest(wake) {
				t.Fatal("it rests although there is something")
			}
			if got := in.take(); got[0] != want+1 {
				t.Fatalf("took %d, want %d", got[0], want+1)
			}
		}
	}
	if !in.rest(wake) {
		t.Fatal("there is something already")
	}
	in.end()
	if woken != 4 || in.rest(wake) || in.take() != nil {
		t.Fatalf("woken %d times, at the end the last", woken)
	}
}
