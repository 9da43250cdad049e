package relay

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

var (
	theRoom = fill(0x52)
	start   = time.UnixMilli(1_790_000_000_000)
	keyA    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	keyB    = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
)

const kidA = 0x1_03_000005

func pub(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// keysOf is a key function that knows one source.
func keysOf(kid uint64, k ed25519.PrivateKey) func(uint64) (ed25519.PublicKey, bool) {
	return func(asked uint64) (ed25519.PublicKey, bool) { return pub(k), asked == kid }
}

// sealedFrame is a frame whose content tells slot and number.
func sealedFrame(slot Slot, number uint64) Frame {
	f := Frame{Slot: slot, Number: number}
	f.Sealed = append(f.AppendMeta([]byte("sealed ")), bytes.Repeat([]byte{byte(number)}, 80)...)
	return f
}

// speech is what a source sent: frames, and the auths that cover them.
type speech struct {
	frames []Frame
	auths  []*Auth
}

func speak(slot Slot, kid uint64, key ed25519.PrivateKey, first uint64, n int) speech {
	s := NewSigner(theRoom, slot, kid, key)
	var said speech
	for i := range n {
		f := sealedFrame(slot, first+uint64(i))
		said.frames = append(said.frames, f)
		if a, ok := s.Add(f, start.Add(time.Duration(i)*FrameDuration)); ok {
			said.auths = append(said.auths, a)
		}
	}
	if a, ok := s.Flush(); ok {
		said.auths = append(said.auths, a)
	}
	return said
}

// hear gives everything to a verifier, frames first, and returns what came out and the first error.
func hear(v *Verifier, frames []Frame, auths []*Auth) (out []Verified, first error) {
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	var err error
	for _, f := range frames {
		out, err = v.AddFrame(out, f, start)
		note(err)
	}
	for _, a := range auths {
		out, err = v.AddAuth(out, a, start)
		note(err)
	}
	return out, first
}

func verifier() *Verifier { return NewVerifier(theRoom, 3, keysOf(kidA, keyA)) }

func badReason(err error) string {
	var bad *BadError
	if errors.As(err, &bad) {
		return bad.Reason
	}
	return ""
}

func TestSignerSignsEverySixFrames(t *testing.T) {
	said := speak(3, kidA, keyA, 100, 15)
	if len(said.auths) != 3 {
		t.Fatalf("%d auths of 15 frames", len(said.auths))
	}
	var prev [16]byte
	for i, a := range said.auths {
		n := []int{6, 6, 3}[i]
		want := Auth{Slot: 3, KID: kidA, First: 100 + 6*uint64(i), FirstCTR: 6 * uint64(i),
			Time: start.Add(6 * time.Duration(i) * FrameDuration).UnixMicro(), Prev: prev, Hashes: a.Hashes, Sig: a.Sig}
		if !reflect.DeepEqual(*a, want) || len(a.Hashes) != n {
			t.Errorf("auth %d: %+v\nwant %+v", i, *a, want)
		}
		prev = a.Digest()
	}
}

func TestSignerClosesABatchAtAGap(t *testing.T) {
	s := NewSigner(theRoom, 3, kidA, keyA)
	s.Add(sealedFrame(3, 10), start)
	s.Add(sealedFrame(3, 11), start)
	a, ok := s.Add(sealedFrame(3, 20), start)
	if !ok || a.First != 10 || len(a.Hashes) != 2 {
		t.Fatalf("at the gap: %+v, %v", a, ok)
	}
	if a, ok = s.Flush(); !ok || a.First != 20 || a.FirstCTR != 2 || len(a.Hashes) != 1 {
		t.Fatalf("after it: %+v, %v", a, ok)
	}
	if _, ok = s.Flush(); ok {
		t.Error("signed nothing")
	}
}

func TestWhatTheSourceSignedComesOutOnce(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		said := speak(3, kidA, keyA, 1000, 60)
		// Frames and auths in any order, each up to three times.
		var items []any
		for range 1 + rng.IntN(3) {
			for i := range said.frames {
				items = append(items, said.frames[i])
			}
			for _, a := range said.auths {
				items = append(items, a)
			}
		}
		rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		v := verifier()
		var out []Verified
		for _, item := range items {
			var err error
			switch x := item.(type) {
			case Frame:
				out, err = v.AddFrame(out, x, start)
			case *Auth:
				out, err = v.AddAuth(out, x, start)
			}
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if len(out) != len(said.frames) {
			t.Fatalf("seed %d: %d of %d frames came out: %+v", seed, len(out), len(said.frames), v.Stats())
		}
		seen := map[uint64]bool{}
		for _, g := range out {
			i := g.Number - 1000
			want := Verified{said.frames[i], kidA, i, start.Add(time.Duration(i) * FrameDuration)}
			if !g.Captured.Equal(want.Captured) || !reflect.DeepEqual(g.Frame, want.Frame) || g.KID != want.KID || g.CTR != i || seen[i] {
				t.Fatalf("seed %d: %+v, want %+v", seed, g, want)
			}
			seen[i] = true
		}
	}
}

func TestNothingUnsignedComesOut(t *testing.T) {
	other := speak(3, kidA, keyB, 1, 12)
	elsewhere := func() speech {
		s := NewSigner(fill(0x99), 3, kidA, keyA)
		var said speech
		for i := range uint64(6) {
			f := sealedFrame(3, 1+i)
			said.frames = append(said.frames, f)
			if a, ok := s.Add(f, start); ok {
				said.auths = append(said.auths, a)
			}
		}
		return said
	}()
	for name, c := range map[string]struct {
		change func(s *speech)
		out    int
		reason string
	}{
		"a bit of a frame flipped": {func(s *speech) { s.frames[4].Sealed[9] ^= 1 }, 11, "hash"},
		"a frame cut short":        {func(s *speech) { s.frames[4].Sealed = s.frames[4].Sealed[:20] }, 11, "hash"},
		"a frame made longer":      {func(s *speech) { s.frames[4].Sealed = append(s.frames[4].Sealed, 0) }, 11, "hash"},
		"two frames swapped": {func(s *speech) {
			s.frames[1].Sealed, s.frames[8].Sealed = s.frames[8].Sealed, s.frames[1].Sealed
		}, 10, "hash"},
		"a frame under another number": {func(s *speech) { s.frames[11].Number = 2; s.frames = s.frames[11:] }, 0, "hash"},
		"a frame of another slot":      {func(s *speech) { s.frames[0].Slot = 4 }, 11, "slot"},
		"an empty frame":               {func(s *speech) { s.frames[0].Sealed = nil }, 11, "shape"},
		"no auth at all":               {func(s *speech) { s.auths = nil }, 0, ""},
		"signed by another":            {func(s *speech) { *s = other }, 0, "signature"},
		"signed in another room":       {func(s *speech) { *s = elsewhere }, 0, "signature"},
		"the signature flipped":        {func(s *speech) { s.auths[0].Sig[7] ^= 0x10 }, 6, "signature"},
		"the time changed":             {func(s *speech) { s.auths[1].Time++ }, 6, "signature"},
		"the counter changed":          {func(s *speech) { s.auths[1].FirstCTR++ }, 6, "signature"},
		"the chain cut":                {func(s *speech) { s.auths[1].Prev = [16]byte{} }, 6, "signature"},
		"an auth renumbered":           {func(s *speech) { s.auths[1].First++ }, 6, "signature"},
		"an auth made shorter":         {func(s *speech) { s.auths[1].Hashes = s.auths[1].Hashes[:5] }, 6, "signature"},
		"an auth for another slot":     {func(s *speech) { s.auths[1].Slot = 4 }, 6, "slot"},
		"an auth of nothing":           {func(s *speech) { s.auths[1].Hashes = nil }, 6, "shape"},
		"an auth around the end":       {func(s *speech) { s.auths[1].First = 1<<64 - 3 }, 6, "shape"},
		"another KID":                  {func(s *speech) { s.auths[1].KID = 77 }, 6, ""}, // older than the room's: stale
	} {
		for _, authsFirst := range []bool{false, true} {
			said := speak(3, kidA, keyA, 1, 12)
			c.change(&said)
			v := verifier()
			var out []Verified
			var err error
			if authsFirst {
				var more []Verified
				out, err = hear(v, nil, said.auths)
				var err2 error
				more, err2 = hear(v, said.frames, nil)
				out = append(out, more...)
				if err == nil {
					err = err2
				}
			} else {
				out, err = hear(v, said.frames, said.auths)
			}
			if len(out) != c.out || badReason(err) != c.reason {
				t.Errorf("%s (auths first: %v): %d came out, want %d; %v, want %q", name, authsFirst, len(out), c.out, err, c.reason)
			}
			if wantBad := c.reason != ""; (v.Stats().Bad > 0) != wantBad {
				t.Errorf("%s: stats %+v", name, v.Stats())
			}
			for _, g := range out {
				if want := sealedFrame(3, g.Number); !reflect.DeepEqual(g.Frame, want) {
					t.Errorf("%s: %d came out altered", name, g.Number)
				}
			}
		}
	}
}

func TestEveryByteOfAnAuthIsSigned(t *testing.T) {
	said := speak(3, kidA, keyA, 1, 6)
	good := (&Packet{Auths: []Auth{*said.auths[0]}}).Append(nil)
	for i := range good {
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			var p Packet
			if p.Parse(b) != nil || len(p.Auths) != 1 {
				continue
			}
			v := NewVerifier(theRoom, 3, func(uint64) (ed25519.PublicKey, bool) { return pub(keyA), true })
			if out, _ := hear(v, said.frames, []*Auth{&p.Auths[0]}); len(out) != 0 {
				t.Fatalf("byte %d bit %d flipped: %d frames came out", i, bit, len(out))
			}
		}
	}
}

func TestEvidenceHoldsTheFrameAndTheAuth(t *testing.T) {
	said := speak(3, kidA, keyA, 1, 6)
	said.frames[2].Sealed[0] ^= 1
	_, err := hear(verifier(), said.frames, said.auths)
	var bad *BadError
	if !errors.As(err, &bad) || bad.Auth == nil || bad.Frame == nil {
		t.Fatalf("%v", err)
	}
	if !reflect.DeepEqual(*bad.Frame, said.frames[2]) || !reflect.DeepEqual(bad.Auth, said.auths[0]) {
		t.Errorf("evidence %+v", bad)
	}
	// Anyone can check it: the auth verifies, and the frame is not what it signed.
	if out, err := hear(verifier(), []Frame{*bad.Frame}, []*Auth{bad.Auth}); len(out) != 0 || badReason(err) != "hash" {
		t.Errorf("evidence does not stand: %v", err)
	}
}

func TestASourceThatTellsTwoStoriesIsFound(t *testing.T) {
	one := speak(3, kidA, keyA, 1, 12)
	two := NewSigner(theRoom, 3, kidA, keyA)
	var other []*Auth
	for i := range uint64(12) {
		f := sealedFrame(3, 1+i)
		f.Sealed = append(f.Sealed, 'x')
		if a, ok := two.Add(f, start); ok {
			other = append(other, a)
		}
	}
	for name, auths := range map[string][]*Auth{
		"the same frames twice":    {one.auths[0], other[0]},
		"a break in the chain":     {one.auths[0], other[1]},
		"a break, the later first": {other[1], one.auths[0]},
	} {
		_, err := hear(verifier(), nil, auths)
		var bad *BadError
		if !errors.As(err, &bad) || bad.Reason != "chain" || bad.Auth == nil || bad.Other == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADroppedAuthThatIsSentAgainVerifies(t *testing.T) {
	said := speak(3, kidA, keyA, 1, 18)
	v := verifier()
	out, err := hear(v, said.frames, []*Auth{said.auths[0], said.auths[2]})
	if err != nil || len(out) != 12 {
		t.Fatalf("without the second auth: %d, %v", len(out), err)
	}
	out, err = v.AddAuth(nil, said.auths[1], start.Add(time.Second))
	if err != nil || len(out) != 6 || out[0].Number != 7 || out[5].Number != 12 {
		t.Fatalf("when it came: %d, %v", len(out), err)
	}
}

func TestAForgedFrameDoesNotKeepOutTheTrueOne(t *testing.T) {
	said := speak(3, kidA, keyA, 1, 6)
	forged := said.frames[3]
	forged.Sealed = []byte("forged")
	v := verifier()
	frames := append(append([]Frame{}, said.frames[:3]...), forged, said.frames[4], said.frames[5])
	out, err := hear(v, frames, said.auths)
	if len(out) != 5 || badReason(err) != "hash" {
		t.Fatalf("%d, %v", len(out), err)
	}
	if out, err = v.AddFrame(nil, said.frames[3], start); err != nil || len(out) != 1 {
		t.Fatalf("the true one: %d, %v", len(out), err)
	}
}

func TestReplayAfterARestart(t *testing.T) {
	before, after := speak(3, kidA, keyA, 1000, 12), speak(3, kidA+1, keyA, 900, 12)
	v := NewVerifier(theRoom, 3, func(kid uint64) (ed25519.PublicKey, bool) { return pub(keyA), true })
	if out, err := hear(v, before.frames, before.auths); err != nil || len(out) != 12 {
		t.Fatal(err)
	}
	// The slot's next source counts from lower; its auths open the way for its frames.
	for i, a := range after.auths {
		out, err := v.AddAuth(nil, a, start)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range after.frames[6*i : 6*i+6] {
			if out, err = v.AddFrame(out, f, start); err != nil {
				t.Fatal(err)
			}
		}
		if len(out) != 6 {
			t.Fatalf("batch %d: %d frames", i, len(out))
		}
	}
	for _, said := range []speech{before, after} {
		if out, err := hear(v, said.frames, said.auths); err != nil || len(out) != 0 {
			t.Errorf("again: %d came out, %v", len(out), err)
		}
	}
}

func TestReplayFarBehind(t *testing.T) {
	said := speak(3, kidA, keyA, 1, 3*verifyRing)
	v := verifier()
	var n int
	for i, a := range said.auths {
		out, err := hear(v, said.frames[6*i:6*i+6], []*Auth{a})
		if err != nil {
			t.Fatal(err)
		}
		n += len(out)
	}
	if n != len(said.frames) {
		t.Fatalf("%d came out", n)
	}
	if out, err := hear(v, said.frames, said.auths); err != nil || len(out) != 0 {
		t.Errorf("again: %d came out, %v", len(out), err)
	}
}

func TestAnAuthWaitsForItsKey(t *testing.T) {
	known := false
	v := NewVerifier(theRoom, 3, func(uint64) (ed25519.PublicKey, bool) { return pub(keyA), known })
	said := speak(3, kidA, keyA, 1, 6)
	if out, err := hear(v, said.frames, said.auths); err != nil || len(out) != 0 {
		t.Fatalf("%d, %v", len(out), err)
	}
	known = true
	if out, err := v.Tick(nil, start.Add(time.Second)); err != nil || len(out) != 6 {
		t.Fatalf("with the key: %d, %v", len(out), err)
	}
}

func TestVerifierIsBounded(t *testing.T) {
	v := NewVerifier(theRoom, 3, func(uint64) (ed25519.PublicKey, bool) { return nil, false })
	now := start
	for i := range uint64(10_000) {
		f := sealedFrame(3, i*7919)
		if _, err := v.AddFrame(nil, f, now); err != nil {
			t.Fatal(err)
		}
		if _, err := v.AddAuth(nil, &Auth{Slot: 3, KID: i, First: i, Hashes: [][16]byte{{}}, Sig: fillSig(byte(i))}, now); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.parked) > verifyParked {
		t.Errorf("%d auths wait for a key", len(v.parked))
	}
	if out, err := v.Tick(nil, now.Add(verifyWait+1)); err != nil || len(out) != 0 {
		t.Error(err)
	}
	s := v.Stats()
	if s.Expired != 10_000 || s.UnknownKey != 10_000 || len(v.parked) != 0 {
		t.Errorf("%+v, %d parked", s, len(v.parked))
	}
}

func BenchmarkAuthSign(b *testing.B) { // per frame
	s := NewSigner(theRoom, 3, kidA, keyA)
	f := sealedFrame(3, 0)
	b.ReportAllocs()
	for b.Loop() {
		s.Add(f, start)
		f.Number++
	}
}

func BenchmarkAuthVerify(b *testing.B) { // per frame
	said := speak(3, kidA, keyA, 0, 6000)
	v := verifier()
	var out []Verified
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i == len(said.frames) {
			b.StopTimer()
			v, i = verifier(), 0
			b.StartTimer()
		}
		out, _ = v.AddFrame(out[:0], said.frames[i], start)
		if i++; i%AuthBatch == 0 {
			var err error
			if out, err = v.AddAuth(out[:0], said.auths[i/AuthBatch-1], start); err != nil || len(out) != AuthBatch {
				b.Fatal(len(out), err)
			}
		}
	}
}

// A source that goes on under a new key loses nothing: the last frames under the old one, and their auths, may come after the
// first under the new. But the old key signs nothing from there on.
func TestNewKeyInterruptsNothing(t *testing.T) {
	const kidB = kidA + 1<<32
	both := func(kid uint64) (ed25519.PublicKey, bool) { return pub(keyA), kid == kidA || kid == kidB }
	old, next := speak(3, kidA, keyA, 100, 15), speak(3, kidB, keyA, 115, 12)
	type step func(v *Verifier, out []Verified) ([]Verified, error)
	frames := func(fs []Frame) (all []step) {
		for _, f := range fs {
			all = append(all, func(v *Verifier, out []Verified) ([]Verified, error) { return v.AddFrame(out, f, start) })
		}
		return all
	}
	auths := func(as []*Auth) (all []step) {
		for _, a := range as {
			all = append(all, func(v *Verifier, out []Verified) ([]Verified, error) { return v.AddAuth(out, a, start) })
		}
		return all
	}
	join := func(parts ...[]step) (all []step) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for name, steps := range map[string][]step{
		"in order":                join(frames(old.frames), auths(old.auths), frames(next.frames), auths(next.auths)),
		"the old auth late":       join(frames(old.frames), auths(old.auths[:2]), frames(next.frames), auths(next.auths), auths(old.auths[2:])),
		"an old frame late":       join(frames(old.frames[:14]), auths(old.auths), frames(next.frames), auths(next.auths), frames(old.frames[14:])),
		"most that is old late":   join(frames(old.frames[:6]), auths(old.auths[:1]), frames(next.frames), auths(next.auths), frames(old.frames[6:]), auths(old.auths[1:])),
		"the second new auth":     join(frames(old.frames), auths(old.auths[:2]), frames(next.frames), auths(next.auths[1:]), auths(old.auths[2:]), auths(next.auths[:1])),
		"auths before the frames": join(auths(old.auths), auths(next.auths), frames(next.frames), frames(old.frames)),
	} {
		v := NewVerifier(theRoom, 3, both)
		var out []Verified
		for _, s := range steps {
			var err error
			if out, err = s(v, out); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		came := make(map[uint64]uint64)
		for _, f := range out {
			came[f.Number] = f.KID
		}
		for n := uint64(100); n < 127; n++ {
			want := uint64(kidA)
			if n >= 115 {
				want = kidB
			}
			if came[n] != want {
				t.Errorf("%s: frame %d came out under %x, want %x", name, n, came[n], want)
			}
		}
		if len(out) != 27 {
			t.Errorf("%s: %d frames came out", name, len(out))
		}
		// More under the old key, by somebody who kept it and the source's own signature key even.
		late := speak(3, kidA, keyA, 127, 6)
		if got, err := hear(v, late.frames, late.auths); len(got) != 0 || err != nil {
			t.Errorf("%s: %d frames under the old key after the new one began, %v", name, len(got), err)
		}
	}
}

// Two lead a room at once, and number their frames alike: what fits the other's word only is no evidence, and what the later
// one signs comes out. A relay that makes an altered frame look like another's gains two seconds.
func TestFramesOfTwoSources(t *testing.T) {
	const kidB = kidA + 1
	of := func(kid uint64, f Frame) Frame {
		f.Sealed = append([]byte{byte(kid)}, f.Sealed...)
		return f
	}
	say := func(kid uint64, key ed25519.PrivateKey) (said speech) {
		s := NewSigner(theRoom, 3, kid, key)
		for i := range uint64(12) {
			f := of(kid, sealedFrame(3, 100+i))
			said.frames = append(said.frames, f)
			if a, ok := s.Add(f, start.Add(time.Duration(i)*FrameDuration)); ok {
				said.auths = append(said.auths, a)
			}
		}
		return said
	}
	known := map[uint64]ed25519.PublicKey{kidA: pub(keyA)}
	fresh := func() *Verifier {
		v := NewVerifier(theRoom, 3, func(kid uint64) (ed25519.PublicKey, bool) { k, ok := known[kid]; return k, ok })
		v.KID = func(sealed []byte) (uint64, bool) { return kidA&^0xff | uint64(sealed[0]), true }
		return v
	}
	a, b := say(kidA, keyA), say(kidB, keyB)
	doubted := func(err error) {
		t.Helper()
		if err != nil && badReason(err) != "source" {
			t.Errorf("taken for forged: %v", err)
		}
	}
	for _, order := range []string{"the first's word before the second's frames", "the second's frames before the first's word"} {
		v := fresh()
		var err error
		if order[4] == 'f' {
			_, err = v.AddAuth(nil, a.auths[0], start)
			doubted(err)
		}
		for _, f := range b.frames {
			_, err = v.AddFrame(nil, f, start)
			doubted(err)
		}
		_, err = v.AddAuth(nil, a.auths[0], start)
		doubted(err)
		known[kidB] = pub(keyB)
		var out []Verified
		for _, auth := range b.auths {
			out, err = v.AddAuth(out, auth, start)
			doubted(err)
		}
		if len(out) != 12 || out[0].KID != kidB || out[11].Number != 111 {
			t.Errorf("%s: %d frames of the second came out", order, len(out))
		}
		_, err = v.Tick(nil, start.Add(verifyWait+1))
		doubted(err)
		delete(known, kidB)
	}

	v := fresh()
	if _, err := v.AddAuth(nil, a.auths[0], start); err != nil {
		t.Fatal(err)
	}
	forged := of(0x77, sealedFrame(3, 102))
	if _, err := v.AddFrame(nil, forged, start); badReason(err) != "source" {
		t.Fatalf("at first: %v", err)
	}
	if _, err := v.AddFrame(nil, forged, start.Add(verifyWait+1)); badReason(err) != "hash" {
		t.Errorf("after two seconds: %v", err)
	}
	for i := range 2 * verifyDoubts {
		_, err := v.AddFrame(nil, of(uint64(0x77+i), sealedFrame(3, 102)), start)
		if want := []string{"source", "hash"}[i/verifyDoubts]; badReason(err) != want {
			t.Fatalf("of many, frame %d: %v", i, err)
		}
	}
	if out, err := v.AddFrame(nil, a.frames[2], start); err != nil || len(out) != 1 {
		t.Errorf("what the auth is of: %d came out, %v", len(out), err)
	}
}

// While two lead a room, for as long as that takes, most have heard of one of them alone. What the other signs, who may lead too,
// is no evidence against whoever passes it on, be it a burst; what nobody signs is, soon.
func TestFramesOfARivalAreNoEvidence(t *testing.T) {
	const kidB, kidC = kidA + 1, kidA + 2
	say := func(kid uint64, key ed25519.PrivateKey, n int) (said speech) {
		s := NewSigner(theRoom, 3, kid, key)
		for i := range uint64(n) {
			f := sealedFrame(3, 100+i)
			f.Sealed = append([]byte{byte(kid)}, f.Sealed...)
			said.frames = append(said.frames, f)
			if a, ok := s.Add(f, start.Add(time.Duration(i)*FrameDuration)); ok {
				said.auths = append(said.auths, a)
			}
		}
		return said
	}
	const frames = 50 * AuthBatch
	a, b, c := say(kidA, keyA, frames), say(kidB, keyB, frames), say(kidC, keyB, frames)
	v := NewVerifier(theRoom, 3, keysOf(kidA, keyA))
	v.KID = func(sealed []byte) (uint64, bool) { return kidA&^0xff | uint64(sealed[0]), true }
	v.Rivals = func() []ed25519.PublicKey { return []ed25519.PublicKey{nil, pub(keyB)} }
	passed := func(said speech, from, to int, signed bool) (got string) {
		for i, auth := range a.auths[from:to] {
			now := start.Add(time.Duration(from+i) * AuthBatch * FrameDuration)
			if _, err := v.Tick(nil, now); err != nil {
				t.Fatal(err)
			}
			if _, err := v.AddAuth(nil, auth, now); err != nil {
				t.Fatal(err)
			}
			for _, f := range said.frames[(from+i)*AuthBatch:][:AuthBatch] {
				if _, err := v.AddFrame(nil, f, now); err != nil && got != "hash" {
					got = badReason(err)
				}
			}
			if !signed {
				continue
			}
			if out, err := v.AddAuth(nil, said.auths[from+i], now); len(out) != 0 || err != nil {
				t.Fatalf("of a rival %d frames came out, %v", len(out), err)
			}
		}
		return got
	}
	if got := passed(b, 0, 30, true); got != "source" {
		t.Errorf("a rival's frames are evidence of %q", got)
	}
	if got := passed(b, 30, 50, false); got != "hash" {
		t.Errorf("frames that name a rival who is silent by now are evidence of %q", got)
	}
	if got := passed(c, 0, 3, false); got != "source" {
		t.Errorf("at first, what nobody signed yet is evidence of %q", got)
	}
}

// Two devices of one person may have come to one KID while both led the room. What the other one sends does not come out, and is no
// evidence against whoever passes it on, whichever comes first of its frames and signatures; what nobody signs is, soon.
func TestFramesOfATwinAreNoEvidence(t *testing.T) {
	const auths = 50
	a, b := speak(Program, kidA, keyA, 100, auths*AuthBatch), speech{}
	twin := NewSigner(theRoom, Program, kidA, keyB)
	for i, f := range a.frames {
		f.Sealed = append([]byte{byte(i)}, f.Sealed...) // it mixes what it hears itself
		b.frames = append(b.frames, f)
		if auth, ok := twin.Add(f, start); ok {
			b.auths = append(b.auths, auth)
		}
	}
	altered := speech{frames: b.frames}
	at := func(i int) time.Time { return start.Add(time.Duration(i) * AuthBatch * FrameDuration) }
	verifier := func(twins ...ed25519.PublicKey) *Verifier {
		v := NewVerifier(theRoom, Program, keysOf(kidA, keyA))
		v.KID = func([]byte) (uint64, bool) { return kidA, true }
		v.Twins = func() []ed25519.PublicKey { return append(twins, nil, pub(keyA)) }
		return v
	}
	// pass passes on what both say, the twin's first, and returns why what it passed on was bad, if it was.
	pass := func(v *Verifier, twin speech, from, to int) (reasons []string) {
		note := func(err error) {
			if err != nil && !slices.Contains(reasons, badReason(err)) {
				reasons = append(reasons, badReason(err))
			}
		}
		for i := from; i < to; i++ {
			out, err := v.Tick(nil, at(i))
			note(err)
			for _, f := range twin.frames[i*AuthBatch:][:AuthBatch] {
				_, err := v.AddFrame(nil, f, at(i))
				note(err)
			}
			if i < len(twin.auths) {
				got, err := v.AddAuth(nil, twin.auths[i], at(i))
				note(err)
				out = append(out, got...)
			}
			got, err := v.AddAuth(nil, a.auths[i], at(i))
			note(err)
			out = append(out, got...)
			for _, f := range a.frames[i*AuthBatch:][:AuthBatch] {
				got, err := v.AddFrame(nil, f, at(i))
				note(err)
				out = append(out, got...)
			}
			for _, f := range out {
				if n := f.Number - 100; !bytes.Equal(f.Sealed, a.frames[n].Sealed) {
					t.Fatalf("frame %d of the other came out", f.Number)
				}
			}
		}
		return reasons
	}
	if got := pass(verifier(pub(keyB)), b, 0, auths); !slices.Equal(got, []string{"source"}) {
		t.Errorf("a twin's sound is evidence of %q", got)
	}
	if got := pass(verifier(), b, 0, 1); !slices.Contains(got, "hash") || !slices.Contains(got, "signature") {
		t.Errorf("of one who cannot be a source it is evidence of %q", got)
	}
	v := verifier(pub(keyB))
	if got := pass(v, altered, 0, 4); !slices.Equal(got, []string{"source"}) {
		t.Errorf("at first, what nobody signed yet is evidence of %q", got)
	}
	if got := pass(v, altered, 25, auths); !slices.Equal(got, []string{"hash"}) {
		t.Errorf("after a while, what nobody signed is evidence of %q", got)
	}
	v = verifier(pub(keyB))
	pass(v, b, 0, 10)
	again := speech{frames: b.frames, auths: slices.Repeat(b.auths[9:10], auths)}
	if got := pass(v, again, 30, auths); !slices.Contains(got, "hash") {
		t.Errorf("with one signature of a twin, sent again and again, altered sound is evidence of %q", got)
	}
}
