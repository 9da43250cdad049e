package seal

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

// counting is n bytes from a number up.
func counting(from, n int) (b []byte) {
	for i := range n {
		b = append(b, byte(from+i))
	}
	return b
}

// TestSourceVector is what another implementation of HKDF, of RFC 9605 and of AES-GCM (Python's hmac and cryptography) makes of a
// room key, a source and a frame.
func TestSourceVector(t *testing.T) {
	key := [32]byte(counting(0, 32))
	from := Source{Device: [32]byte(counting(32, 32)), Start: [16]byte(counting(64, 16))}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	equal(t, "key of the source", from.base(key), unhex("3dfaa0862c22923bfe260c0db034ccacf5450c8a1c479f528f63a869c1f459c4"))
	meta := append([]byte{2}, 0, 0, 0, 0, 0, 0, 0x03, 0xe8)
	s := NewSender(key, from, NewKID(3, 2, 65))
	s.next = 5
	frame, _, err := s.Seal(nil, meta, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "frame", frame, unhex("c503020000410b2f33b89ce6aff6cbc9e22b3a39009d529c05e9d7"))
	o := NewOpener()
	if err := o.SetEpoch(3, key); err != nil {
		t.Fatal(err)
	}
	if got, _, _, err := o.Open(nil, from, meta, frame); err != nil || string(got) != "hello" {
		t.Errorf("opened %q, %v", got, err)
	}
}

// Every bit of a source makes another key of it.
func TestSourcesShareNoKey(t *testing.T) {
	seen := map[string]bool{string(device.base(secret)): true}
	try := func(from Source) {
		t.Helper()
		if k := string(from.base(secret)); seen[k] {
			t.Errorf("%+v shares a key", from)
		} else {
			seen[k] = true
		}
	}
	for i := range 32 * 8 {
		from := device
		from.Device[i/8] ^= 1 << (i % 8)
		try(from)
	}
	for i := range 16 * 8 {
		from := device
		from.Start[i/8] ^= 1 << (i % 8)
		try(from)
	}
}

// Two sources of one KID are heard side by side, each of its frames once, and so is a third. Of those before it nothing opens any
// more: what of theirs was opened is forgotten.
func TestSourcesOfOneKID(t *testing.T) {
	o := opener(t, 1)
	var from [3]Source
	var senders [3]*Sender
	for i := range from {
		from[i] = Source{Device: [32]byte{byte(i + 1)}}
		senders[i] = NewSender(secret, from[i], NewKID(1, 3, 64))
	}
	open := func(i int, frame []byte, want error) {
		t.Helper()
		got, _, _, err := o.Open(nil, from[i], meta, frame)
		if !errors.Is(err, want) || want == nil && !bytes.Equal(got, voice) {
			t.Fatalf("of source %d: %d bytes, %v, want %v", i, len(got), err, want)
		}
	}
	before := NewSender(secret, from[0], NewKID(1, 3, 63))
	early := sealed(t, before)
	open(0, early, nil)
	var frames [2][]byte
	for range 10 {
		for i := range frames {
			frames[i] = sealed(t, senders[i])
			open(i, frames[i], nil)
			open(i, frames[i], ErrReplay)
			open(1-i, frames[i], []error{ErrOpen, ErrReplay}[i]) // of a counter that the other has not come to yet, or has
		}
	}
	third := sealed(t, senders[2])
	open(2, third, nil)
	open(2, third, ErrReplay)
	open(1, sealed(t, senders[1]), nil) // its last
	open(0, sealed(t, senders[0]), ErrReplay)
	open(0, early, ErrReplay)
	open(0, sealed(t, before), ErrReplay)
}

// Several led a room at once, and those whose incarnations are higher lost: who follows the others then hears what begins under lower
// ones, each frame once, however often.
func TestIncarnationsGoOnFromLower(t *testing.T) {
	o := opener(t, 1)
	var old [][]byte
	var by []Source
	begin := func(incarnation uint32) {
		t.Helper()
		from := Source{Start: [16]byte{byte(len(by)), 1}}
		f := sealed(t, NewSender(secret, from, NewKID(1, 0, incarnation)))
		if _, _, _, err := o.Open(nil, from, meta, f); err != nil {
			t.Fatalf("incarnation %d: %v", incarnation, err)
		}
		old, by = append(old, f), append(by, from)
		for i, f := range old {
			if _, _, _, err := o.Open(nil, by[i], meta, f); !errors.Is(err, ErrReplay) {
				t.Fatalf("after incarnation %d the frame of source %d again: %v", incarnation, i, err)
			}
		}
	}
	for _, incarnation := range []uint32{64, 4225, 8385} {
		begin(incarnation)
	}
	for i := range uint32(3 * maxEnded) { // the host, who never heard of the two
		begin(128 + 64*i)
	}
	if n := len(o.find(1).slots[0].ended); n != maxEnded {
		t.Errorf("%d that are over are remembered", n)
	}
}
