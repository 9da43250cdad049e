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
