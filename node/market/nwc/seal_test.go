package nwc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The example of NIP-44, and its longest text that has a length of two bytes.
func TestSealVectors(t *testing.T) {
	one, two := newKey([32]byte{31: 1}), newKey([32]byte{31: 2})
	talk, err := one.With(two.Public())
	if err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d"); !bytes.Equal(talk[:], want) {
		t.Errorf("%x", talk)
	}
	if other, err := two.With(one.Public()); err != nil || other != talk {
		t.Errorf("from the other side %x, %v", other, err)
	}
	nonce := []byte(strings.Repeat("\x00", 31) + "\x01")
	const want = "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABee0G5VSK0/9YypIObAtDKfYEAjD35uVkHyB0F4DwrcNaCXlCWZKaArsGrY6M9wnuTMxWfp1RTN9Xga8no+kF5Vsb"
	sealed, err := talk.seal([]byte("a"), nonce)
	if err != nil || sealed != want {
		t.Errorf("%s, %v", sealed, err)
	}
	if text, err := talk.Open(want); err != nil || string(text) != "a" {
		t.Errorf("%q, %v", text, err)
	}
	sealed, err = talk.seal(bytes.Repeat([]byte("a"), maxText), nonce)
	if sum := sha256.Sum256([]byte(sealed)); err != nil || hex.EncodeToString(sum[:]) != "6d8c2810d1e870fbaa1f0a0937126cca837a15f9260e27060c331d70a3c0bc84" {
		t.Errorf("%x, %v", sum, err)
	}
	if text, err := talk.Open(sealed); err != nil || len(text) != maxText {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	for _, bad := range [][]byte{nil, make([]byte, maxText+1)} {
		if _, err := talk.Seal(bad); err == nil {
			t.Errorf("%d bytes are sealed", len(bad))
		}
	}
}

// Attack: a relay that changes what is sealed.
func TestChangedSeals(t *testing.T) {
	one, two := newKey([32]byte{31: 1}), newKey([32]byte{31: 2})
	talk, err := one.With(two.Public())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := talk.Seal([]byte("pay"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		c := byte('A')
		if sealed[i] == c {
			c = 'B'
		}
		if text, err := talk.Open(sealed[:i] + string(c) + sealed[i+1:]); err == nil {
			t.Fatalf("character %d changed, and it opens: %q", i, text)
		}
		if _, err := talk.Open(sealed[:i]); err == nil {
			t.Fatalf("%d characters open", i)
		}
	}
}

// A signature of BIP-340 holds for the event and for no other.
func TestChangedEvents(t *testing.T) {
	k := newKey([32]byte{31: 3})
	if k.Public() != "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9" { // vector 0 of BIP-340
		t.Errorf("%s", k.Public())
	}
	e, err := k.Sign(23194, [][]string{{"p", "a\"b\\c\n"}, {"x"}}, "tab\tand <&> \u2028")
	if err != nil || e.Verify() != nil {
		t.Fatalf("%v, %v", err, e.Verify())
	}
	for name, change := range map[string]func(*Event){
		"content": func(e *Event) { e.Content += "!" },
		"kind":    func(e *Event) { e.Kind++ },
		"time":    func(e *Event) { e.CreatedAt++ },
		"tags":    func(e *Event) { e.Tags = e.Tags[:1] },
		"author":  func(e *Event) { e.PubKey = newKey([32]byte{31: 4}).Public() },
		"id":      func(e *Event) { e.ID = strings.Repeat("00", 32) },
		"sig":     func(e *Event) { e.Sig = strings.Repeat("00", 64) },
		"no sig":  func(e *Event) { e.Sig = "x" },
		"no key":  func(e *Event) { e.PubKey = "" },
	} {
		bad := e
		change(&bad)
		if bad.Verify() == nil {
			t.Errorf("another %s, and it holds", name)
		}
	}
}

func FuzzOpen(f *testing.F) {
	talk, err := newKey([32]byte{31: 1}).With(newKey([32]byte{31: 2}).Public())
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := talk.Seal([]byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Fuzz(func(t *testing.T, s string) {
		if text, err := talk.Open(s); err == nil && s != sealed {
			t.Errorf("%q opens: %q", s, text)
		}
	})
}
