package seal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

var (
	secret = [32]byte{1, 2, 3}
	device = Source{Device: [32]byte{4, 5}, Start: [16]byte{6}}
	meta   = []byte{0, 0, 0, 0, 0, 0, 0, 0, 42}
	voice  = bytes.Repeat([]byte{0xfc, 0x12, 0x99}, 40)
)

func sealed(t testing.TB, s *Sender) []byte {
	t.Helper()
	b, _, err := s.Seal(nil, meta, voice)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func opener(t testing.TB, epochs ...uint32) *Opener {
	t.Helper()
	o := NewOpener()
	for _, e := range epochs {
		if err := o.SetEpoch(e, secret); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestWhatWasAlteredDoesNotOpen(t *testing.T) {
	for suite := AES128CTRHMACSHA256Tag80; suite <= AES256GCMSHA512; suite++ {
		k, err := NewKey(suite, NewKID(1, 2, 3), secret[:])
		if err != nil {
			t.Fatal(err)
		}
		good := k.Seal(nil, 9, meta, voice)
		if got, err := k.Open(nil, meta, good); err != nil || !bytes.Equal(got, voice) {
			t.Fatalf("suite %d: %x, %v", suite, got, err)
		}
		for i := range good {
			for bit := range 8 {
				bad := bytes.Clone(good)
				bad[i] ^= 1 << bit
				if _, err := k.Open(nil, meta, bad); err == nil {
					t.Fatalf("suite %d: byte %d bit %d flipped, and it opened", suite, i, bit)
				}
			}
		}
		for n := range good {
			if _, err := k.Open(nil, meta, good[:n]); err == nil {
				t.Fatalf("suite %d: cut to %d bytes, and it opened", suite, n)
			}
		}
		for i := range meta {
			other := bytes.Clone(meta)
			other[i]++
			if _, err := k.Open(nil, other, good); !errors.Is(err, ErrOpen) {
				t.Fatalf("suite %d: other metadata: %v", suite, err)
			}
		}
	}
}

func TestWhatWasSealedUnderAnotherKeyDoesNotOpen(t *testing.T) {
	o := opener(t, 1)
	other := secret
	other[31]++
	for name, s := range map[string]*Sender{
		"another room key": NewSender(other, device, NewKID(1, 1, 1)),
		"unknown epoch":    NewSender(secret, device, NewKID(2, 1, 1)),
		"impossible slot":  NewSender(secret, device, NewKID(1, 32, 1)),
	} {
		if got, _, _, err := o.Open(nil, device, meta, sealed(t, s)); err == nil || len(got) != 0 {
			t.Errorf("%s: opened to %d bytes, %v", name, len(got), err)
		}
	}
	k, _ := NewKey(Default, 7, secret[:])
	if _, err := k.Open(nil, meta, sealed(t, NewSender(secret, device, 8))); !errors.Is(err, ErrKID) {
		t.Errorf("another KID: %v", err)
	}
}

func TestKIDsOfOneRoomKeyShareNoDerivedKey(t *testing.T) {
	seen := map[string]uint64{}
	for epoch := range uint32(3) {
		for slot := range uint8(32) {
			for incarnation := range uint32(3) {
				kid := NewKID(epoch, slot, incarnation)
				key, salt, err := derive(Default, kid, secret[:])
				if err != nil {
					t.Fatal(err)
				}
				if other, ok := seen[string(key)+string(salt)]; ok {
					t.Fatalf("KIDs %x and %x share a key", kid, other)
				}
				seen[string(key)+string(salt)] = kid
			}
		}
	}
}

func TestKIDPutsItsPartsBackOut(t *testing.T) {
	kid := NewKID(0xdeadbeef, 31, 0xabcdef)
	if kid != 0xdeadbeef_1f_abcdef {
		t.Errorf("KID %x", kid)
	}
	if e, s, i := SplitKID(kid); e != 0xdeadbeef || s != 31 || i != 0xabcdef {
		t.Errorf("split into %x %d %x", e, s, i)
	}
}

func TestSenderNeverUsesACounterTwice(t *testing.T) {
	s := NewSender(secret, device, NewKID(1, 0, 1))
	for want := range uint64(1000) {
		b, ctr, err := s.Seal(nil, meta, voice)
		_, inHeader, _, _ := ParseHeader(b)
		if err != nil || ctr != want || inHeader != want {
			t.Fatalf("frame %d: counter %d, %d in the header, %v", want, ctr, inHeader, err)
		}
	}
	s.next = ^uint64(0)
	if _, ctr, err := s.Seal(nil, meta, voice); err != nil || ctr != ^uint64(0) {
		t.Fatalf("last counter: %d, %v", ctr, err)
	}
	for range 2 {
		if b, _, err := s.Seal(nil, meta, voice); !errors.Is(err, ErrSpent) || len(b) != 0 {
			t.Fatalf("after the last counter: %d bytes, %v", len(b), err)
		}
	}
}

func TestWhatOpenedOnceDoesNotOpenAgain(t *testing.T) {
	o := opener(t, 1)
	s := NewSender(secret, device, NewKID(1, 3, 5))
	var frames [][]byte
	for range 3 * ReplayWindow {
		frames = append(frames, sealed(t, s))
	}
	rng := rand.New(rand.NewPCG(1, 2))
	order := rng.Perm(ReplayWindow) // any order within the window is fine
	for _, i := range order {
		if _, kid, ctr, err := o.Open(nil, device, meta, frames[i]); err != nil || kid != s.KID() || ctr != uint64(i) {
			t.Fatalf("frame %d: KID %x counter %d, %v", i, kid, ctr, err)
		}
	}
	for i := ReplayWindow; i < len(frames); i += 7 {
		if _, _, _, err := o.Open(nil, device, meta, frames[i]); err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
	}
	for i := range ReplayWindow {
		if _, _, _, err := o.Open(nil, device, meta, frames[i]); !errors.Is(err, ErrReplay) {
			t.Fatalf("frame %d again: %v", i, err)
		}
	}
	if err := o.SetEpoch(1, secret); err != nil { // must not forget what was opened
		t.Fatal(err)
	}
	if _, _, _, err := o.Open(nil, device, meta, frames[ReplayWindow]); !errors.Is(err, ErrReplay) {
		t.Fatalf("after the epoch was set again: %v", err)
	}
}

func TestReplayAfterNewIncarnationsAndEpochs(t *testing.T) {
	o := opener(t, 1, 2)
	var old [][]byte
	for incarnation := range uint32(5) {
		f := sealed(t, NewSender(secret, device, NewKID(1, 3, incarnation)))
		if _, _, _, err := o.Open(nil, device, meta, f); err != nil {
			t.Fatalf("incarnation %d: %v", incarnation, err)
		}
		old = append(old, f)
	}
	late := NewSender(secret, device, NewKID(1, 3, 3))
	sealed(t, late)
	if _, _, _, err := o.Open(nil, device, meta, sealed(t, late)); err != nil {
		t.Errorf("a late frame of the last incarnation but one: %v", err)
	}
	for i, f := range old {
		if _, _, _, err := o.Open(nil, device, meta, f); !errors.Is(err, ErrReplay) {
			t.Errorf("incarnation %d again: %v", i, err)
		}
	}
	o.DropEpoch(1)
	if err := o.SetEpoch(1, secret); !errors.Is(err, ErrEpoch) {
		t.Errorf("a dropped epoch came back: %v", err)
	}
	if _, _, _, err := o.Open(nil, device, meta, old[4]); !errors.Is(err, ErrEpoch) {
		t.Errorf("a frame of a dropped epoch: %v", err)
	}
	if _, _, _, err := o.Open(nil, device, meta, sealed(t, NewSender(secret, device, NewKID(2, 3, 6)))); err != nil {
		t.Errorf("the epoch after it: %v", err)
	}
}

// Where two led at once, each gave the room keys of their own: who is led by the one whose epochs are lower hears them, though keys of
// those numbers are over. What is over stays so.
func TestEpochsGoOnFromLower(t *testing.T) {
	o := opener(t, 1)
	theirs := func(epoch uint32) [32]byte { return [32]byte{7, byte(epoch)} }
	ours, firstSecret := [32]byte{8}, secret
	for e := uint32(2); e < 5; e++ {
		if err := o.SetEpoch(e, theirs(e)); err != nil {
			t.Fatal(err)
		}
		o.DropEpoch(e - 1)
	}
	if err := o.SetEpoch(2, ours); err != nil {
		t.Fatalf("the key of who won: %v", err)
	}
	if _, _, _, err := o.Open(nil, device, meta, sealed(t, NewSender(ours, device, NewKID(2, 3, 6)))); err != nil {
		t.Errorf("a frame under it: %v", err)
	}
	for e := uint32(1); e < 4; e++ {
		secret := theirs(e)
		if e == 1 {
			secret = firstSecret
		}
		if err := o.SetEpoch(e, secret); !errors.Is(err, ErrEpoch) {
			t.Errorf("the key of epoch %d, which is over: %v", e, err)
		}
	}
	for e := uint32(5); e < 5+2*maxOver; e++ {
		if err := o.SetEpoch(e, theirs(e)); err != nil {
			t.Fatal(err)
		}
		o.DropEpoch(e)
	}
	if len(o.over) != maxOver {
		t.Errorf("%d keys are remembered", len(o.over))
	}
	for _, e := range []uint32{2, 5, 4 + maxOver, 4 + 2*maxOver} {
		if err := o.SetEpoch(e, theirs(e)); !errors.Is(err, ErrEpoch) {
			t.Errorf("the key of epoch %d, which was over long ago: %v", e, err)
		}
	}
}

func TestOpenerIsBounded(t *testing.T) {
	o := opener(t, 5)
	for e := uint32(6); e < 20; e++ {
		if err := o.SetEpoch(e, secret); err != nil {
			t.Fatal(err)
		}
	}
	if len(o.epochs) != MaxEpochs || o.epochs[0].epoch != 16 {
		t.Errorf("%d epochs, from %d", len(o.epochs), o.epochs[0].epoch)
	}
	if err := o.SetEpoch(3, secret); !errors.Is(err, ErrEpoch) {
		t.Errorf("an epoch older than all: %v", err)
	}
	// Frames that do not open leave nothing behind, whatever KID they claim.
	forger := [32]byte{9}
	for i := range uint32(1000) {
		if _, _, _, err := o.Open(nil, device, meta, sealed(t, NewSender(forger, device, NewKID(16, 1, i)))); !errors.Is(err, ErrOpen) {
			t.Fatal(err)
		}
	}
	if o.epochs[0].slots[1].live != ([2]*source{}) {
		t.Error("a forged frame left a key behind")
	}
}

func TestWindowAgreesWithASet(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 200 {
		var w window
		seen := map[uint64]bool{}
		var top uint64
		base := uint64(0)
		if round%4 == 0 {
			base = ^uint64(0) - 3000
		}
		for range 500 {
			ctr := base + rng.Uint64N(3000)
			if rng.IntN(50) == 0 {
				ctr = base + rng.Uint64N(3001)
			}
			old := len(seen) > 0 && ctr < top && top-ctr >= ReplayWindow
			if got, want := w.has(ctr), seen[ctr] || old; got != want {
				t.Fatalf("round %d: has(%d) = %v, want %v (top %d)", round, ctr, got, want, top)
			}
			if !w.has(ctr) {
				w.mark(ctr)
				seen[ctr] = true
				top = max(top, ctr)
			}
		}
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	s, o := NewSender(secret, device, NewKID(1, 1, 1)), opener(t, 1)
	buf, out := make([]byte, 0, 512), make([]byte, 0, 512)
	if n := testing.AllocsPerRun(1000, func() {
		b, _, err := s.Seal(buf[:0], meta, voice)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := o.Open(out[:0], device, meta, b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzHeader(f *testing.F) {
	for _, b := range [][]byte{{}, {0}, {0x77}, {0x8f}, {0x88, 8, 8}, {0xff, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8}, {0x88, 7, 8}} {
		f.Add(b)
	}
	o := opener(f, 0, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, _, _, err := o.Open(nil, device, meta, b); err == nil {
			t.Fatalf("%x opened", b)
		}
		kid, ctr, n, err := ParseHeader(b)
		if err != nil {
			return
		}
		if again := AppendHeader(nil, kid, ctr); !bytes.Equal(again, b[:n]) {
			t.Fatalf("%x parses and encodes to %x", b[:n], again)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	s := NewSender(secret, device, NewKID(1, 1, 1))
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Seal(buf[:0], meta, voice); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s, o := NewSender(secret, device, NewKID(1, 1, 1)), opener(b, 1)
	frames := make([][]byte, 4096)
	for i := range frames {
		frames[i] = sealed(b, s)
	}
	out := make([]byte, 0, 512)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i%len(frames) == 0 { // every frame opens once: start over with a new keyring
			b.StopTimer()
			o = opener(b, 1)
			b.StartTimer()
		}
		if _, _, _, err := o.Open(out[:0], device, meta, frames[i%len(frames)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
