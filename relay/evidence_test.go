package relay

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"
)

// evidenceOf is what a listener says about eve, with the frames and auths given.
func evidenceOf(t *testing.T, room [16]byte, frames []Frame, auths ...*Auth) Evidence {
	t.Helper()
	pkt := Packet{Frames: frames}
	for _, a := range auths {
		pkt.Auths = append(pkt.Auths, *a)
	}
	e, err := Evidence{Against: []byte("eve"), Packet: pkt.Append(nil)}.Sign(listener(t, 1), room, noon)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Only what its source cannot have sent shows something, and only by the signed word of somebody.
func TestEvidenceIsChecked(t *testing.T) {
	said := speak(Program, kidA, keyA, 100, AuthBatch)
	good, auth := said.frames[2], said.auths[0]
	altered := good
	altered.Sealed = append(bytes.Clone(good.Sealed), 7)
	far := altered
	far.Number += AuthBatch
	elsewhere := altered
	elsewhere.Slot = 3
	forged := auth.Clone()
	forged.Hashes[1][0] ^= 1
	foreign := speak(Program, kidA+1, keyA, 100, AuthBatch).auths[0]
	one := func(f Frame) []Frame { return []Frame{f} }
	for _, c := range []struct {
		name string
		e    Evidence
		what string // "" for nothing
	}{
		{"an altered frame", evidenceOf(t, theRoom, one(altered), auth), Altered},
		{"an auth that nobody signed", evidenceOf(t, theRoom, nil, forged), Forged},
		{"a frame that is sound", evidenceOf(t, theRoom, one(good), auth), ""},
		{"a frame that is not in the auth", evidenceOf(t, theRoom, one(far), auth), ""},
		{"a frame of another slot", evidenceOf(t, theRoom, one(elsewhere), auth), ""},
		{"a frame and an auth that nobody signed", evidenceOf(t, theRoom, one(altered), forged), ""},
		{"an auth that is sound", evidenceOf(t, theRoom, nil, auth), ""},
		{"an auth of a source that is not known", evidenceOf(t, theRoom, nil, foreign), ""},
		{"two auths", evidenceOf(t, theRoom, nil, forged, forged), ""},
		{"a frame alone", evidenceOf(t, theRoom, one(altered)), ""},
		{"of another room", evidenceOf(t, fill(0x53), one(altered), auth), ""},
		{"turned against another", func() Evidence {
			e := evidenceOf(t, theRoom, one(altered), auth)
			e.Against = []byte("ann")
			return e
		}(), ""},
		{"with another packet", func() Evidence {
			e := evidenceOf(t, theRoom, one(good), auth)
			e.Packet = evidenceOf(t, theRoom, one(altered), auth).Packet
			return e
		}(), ""},
		{"without a word", Evidence{Against: []byte("eve"), Packet: evidenceOf(t, theRoom, one(altered), auth).Packet}, ""},
	} {
		proof, err := c.e.Open(theRoom, keysOf(kidA, keyA), noon)
		if (err == nil) != (c.what != "") || proof.What != c.what {
			t.Errorf("%s shows %q, %v", c.name, proof.What, err)
		}
		if err == nil && (proof.By != listener(t, 1).Author() || proof.Auth == nil || (proof.Frame == nil) != (c.what == Forged)) {
			t.Errorf("%s: %+v", c.name, proof)
		}
	}
	e := evidenceOf(t, theRoom, one(altered), auth)
	for i := range e.Word { // whatever a relay alters on the way, it is nobody's word any more
		bad := e
		bad.Word = bytes.Clone(e.Word)
		bad.Word[i] ^= 0x20
		if _, err := bad.Open(theRoom, keysOf(kidA, keyA), noon); err == nil {
			t.Fatalf("byte %d of the word may be altered", i)
		}
	}
	for _, at := range []time.Duration{-time.Hour, time.Hour} {
		if _, err := e.Open(theRoom, keysOf(kidA, keyA), noon.Add(at)); !errors.Is(err, ErrEvidence) {
			t.Errorf("%s later: %v", at, err)
		}
	}
	if len(e.Word) > maxWord/2 {
		t.Errorf("a word has %d bytes", len(e.Word))
	}
}

// Of many who are deceived at once, a relay's parent hears some at once; who carries nobody may say it once a second.
func TestEvidenceOfManyAtOnce(t *testing.T) {
	for carry, atOnce := range map[uint32]int{0: 1, 8: accusedAtOnce} {
		p := newTestPlace(PlaceOptions{Root: true, Fanout: 4})
		p.join("kid", Join{Carry: carry})
		p.done()
		say := func(want int) {
			t.Helper()
			for range 3 * accusedAtOnce {
				p.hear("kid", Evidence{Against: []byte("eve"), Packet: []byte{packetByte}})
			}
			if got := len(slices.DeleteFunc(p.done(), func(s string) bool { return s != "accuse eve by kid" })); got != want {
				t.Errorf("of one that carries %d, %d are heard, want %d", carry, got, want)
			}
		}
		say(atOnce)
		p.tree.advance(time.Second)
		say(1)
	}
}

func FuzzEvidence(f *testing.F) {
	said := speak(Program, kidA, keyA, 100, AuthBatch)
	altered := said.frames[2]
	altered.Sealed = append(bytes.Clone(altered.Sealed), 7)
	pkt := Packet{Frames: []Frame{altered}, Auths: []Auth{*said.auths[0]}}
	e, err := Evidence{Against: []byte("eve"), Packet: pkt.Append(nil)}.Sign(listener(f, 1), theRoom, noon)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.Against, e.Packet, e.Word)
	f.Add(e.Against, e.Packet[:40], []byte{})
	f.Fuzz(func(t *testing.T, against, packet, word []byte) {
		proof, err := Evidence{Against: against, Packet: packet, Word: word}.Open(theRoom, keysOf(kidA, keyA), noon)
		if err == nil && (proof.What != Altered || !bytes.Equal(packet, e.Packet) || !bytes.Equal(against, e.Against)) {
			t.Errorf("%+v is shown by what nobody signed", proof)
		}
		_, _ = examine(packet, theRoom, keysOf(kidA, keyA))
	})
}
