package room

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"testing"

	"salon/ledger/doc"
)

const keyCheckVector = "4adde4db0fee962c64a02293d3b96b80a53d501cbd13d8123c8e5dc1f75499b8"

func boxKey(t testing.TB, seed byte) BoxKey {
	t.Helper()
	k, err := ecdh.X25519().NewPrivateKey(append([]byte{seed << 3}, make([]byte, 31)...))
	if err != nil {
		t.Fatal(err)
	}
	key, err := boxKeyOf(k)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestBox(t *testing.T) {
	s, dan, k := closed(t), danA.first(), boxKey(t, 1)
	room := s.Charter.Room
	seal := func(to BoxKey, id ID, epoch uint32, who doc.Author, key [32]byte) []byte {
		t.Helper()
		box, err := SealBox(to.Public(), id, epoch, who, key)
		if err != nil || len(box) != BoxSize {
			t.Fatalf("%d bytes, %v", len(box), err)
		}
		return box
	}
	for epoch, want := range map[uint32][32]byte{1: roomKey, 2: nextKey} {
		if got, err := s.OpenBox(k, epoch, dan, seal(k, room, epoch, dan, want)); err != nil || got != want {
			t.Errorf("epoch %d: %x, %v", epoch, got, err)
		}
	}
	good := seal(k, room, 2, dan, nextKey)
	for name, box := range map[string][]byte{
		"to another device's key": seal(boxKey(t, 2), room, 2, dan, nextKey),
		"for another person":      seal(k, room, 2, doc.Author{Person: fayA.person(), Device: dan.Device}, nextKey),
		"for another device":      seal(k, room, 2, danA.second(), nextKey),
		"of another room":         seal(k, ID{1}, 2, dan, nextKey),
		"of another epoch":        seal(k, room, 1, dan, nextKey),
		"with another key":        seal(k, room, 2, dan, roomKey),
		"with a relay's own key":  seal(k, room, 2, dan, [32]byte{99}),
		"longer":                  append(good[:len(good):len(good)], 0),
		"nothing":                 nil,
	} {
		if key, err := s.OpenBox(k, 2, dan, box); !errors.Is(err, ErrBox) || key != [32]byte{} {
			t.Errorf("a box %s: %x, %v", name, key, err)
		}
	}
	flipEveryByte(t, good, func(b []byte) error { _, err := s.OpenBox(k, 2, dan, b); return err })
	for _, to := range [][32]byte{{}, {1}} { // points of small order
		if _, err := SealBox(to, room, 2, dan, nextKey); !errors.Is(err, ErrBox) {
			t.Errorf("sealed to %x: %v", to, err)
		}
	}
}

// What a box is bound to, byte for byte, and by RFC 9180 alone.
func TestBoxBytes(t *testing.T) {
	s, dan := closed(t), danA.first()
	secret := append([]byte{1 << 3}, make([]byte, 31)...)
	info := unhex(t, fmt.Sprintf("%x 00 %x 00000002 04%062x 0401%060x", "salon/box/1", [16]byte(s.Charter.Room), 0, 0))
	private, err := hpke.DHKEM(ecdh.X25519()).NewPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	k := boxKey(t, 1)
	box, err := SealBox(k.Public(), s.Charter.Room, 2, dan, nextKey)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.AES128GCM(), info, box); err != nil || [32]byte(got) != nextKey {
		t.Errorf("opens by hand to %x, %v", got, err)
	}
	if box, err = hpke.Seal(private.PublicKey(), hpke.HKDFSHA256(), hpke.AES128GCM(), info, nextKey[:]); err != nil {
		t.Fatal(err)
	}
	if got, err := s.OpenBox(k, 2, dan, box); err != nil || got != nextKey {
		t.Errorf("made by hand it opens to %x, %v", got, err)
	}
	// SHA-256 of "salon/key-check/1", 0, the room, epoch 2, the key
	if got := fmt.Sprintf("%x", KeyCheck(ID{1, 2, 3}, 2, [32]byte{43})); got != keyCheckVector {
		t.Errorf("check %s", got)
	}
}

func FuzzBox(f *testing.F) {
	s, k, dan := closed(f), boxKey(f, 1), danA.first()
	good, err := SealBox(k.Public(), s.Charter.Room, 2, dan, nextKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(make([]byte, BoxSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		if key, err := s.OpenBox(k, 2, dan, b); err == nil && key != nextKey {
			t.Errorf("%x opens to %x", b, key)
		}
	})
}

func BenchmarkSealBox(b *testing.B) {
	to, who := boxKey(b, 1).Public(), danA.first()
	for b.Loop() {
		if _, err := SealBox(to, ID{1}, 2, who, nextKey); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenBox(b *testing.B) {
	s, k, dan := closed(b), boxKey(b, 1), danA.first()
	box, err := SealBox(k.Public(), s.Charter.Room, 2, dan, nextKey)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.OpenBox(k, 2, dan, box); err != nil {
			b.Fatal(err)
		}
	}
}

// A device that asked for no key is sent boxes all the same by whoever likes to.
func TestBoxWithoutAKeyToOpenIt(t *testing.T) {
	s := staffed(t)
	if _, err := s.OpenBox(BoxKey{}, 1, anaA.first(), make([]byte, BoxSize)); !errors.Is(err, ErrBox) {
		t.Errorf("opened with no key: %v", err)
	}
}
