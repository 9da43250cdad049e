package room

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"salon/ledger/doc"
)

// The key of a closed room is in no event and no snapshot. Who leads seals it to everybody who may hear, each in a box of their
// own (HPKE, RFC 9180, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM), which relays carry and cannot open.
// A box names no sender. That the key in it is the room's is what the state shows, which holds its Check: a relay that puts a
// key of its own into a box is found out before anything is sealed with it.

// BoxSize is the length of a box in bytes: an ephemeral key, the room key, a tag.
const BoxSize = 32 + 32 + 16

// ErrBox means a box that is not for us, was altered, or does not hold the room's key.
var ErrBox = errors.New("room: the box does not hold the key")

// boxDomain keeps a box from being taken for anything else.
const boxDomain = "salon/box/1"

// boxInfo binds a box to what it is for: domain, 0, room (16 bytes), key epoch (4, big endian), person (32), device (32).
func boxInfo(id ID, epoch uint32, who doc.Author) []byte {
	b := append([]byte(boxDomain), 0)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint32(b, epoch)
	b = append(b, who.Person[:]...)
	return append(b, who.Device[:]...)
}

// NewKey makes a room key.
func NewKey() (key [32]byte) {
	rand.Read(key[:])
	return key
}

// KeyCheck is what the state holds of a closed room's key: it tells who has the key that it is the right one, and who has it
// not nothing.
func KeyCheck(id ID, epoch uint32, key [32]byte) [32]byte {
	b := append([]byte("salon/key-check/1"), 0)
	b = append(b, id[:]...)
	b = binary.BigEndian.AppendUint32(b, epoch)
	return sha256.Sum256(append(b, key[:]...))
}

// checkOf is the check of an epoch's key, zero if the state does not know it (any more).
func (s *State) checkOf(epoch uint32) [32]byte {
	switch {
	case epoch == s.KeyEpoch:
		return s.Check
	case epoch+1 == s.KeyEpoch:
		return s.OldCheck
	}
	return [32]byte{}
}

// IsKey reports whether key is the room's in an epoch that is used now, or will be, or was a moment ago.
func (s *State) IsKey(epoch uint32, key [32]byte) bool {
	if !s.IsClosed() {
		return epoch == s.KeyEpoch && key == s.Key
	}
	check := s.checkOf(epoch)
	return check != [32]byte{} && check == KeyCheck(s.Charter.Room, epoch, key)
}

// A BoxKey opens the boxes of one device in one visit.
type BoxKey struct{ key hpke.PrivateKey }

// NewBoxKey makes a key, whose public half goes into a Claim.
func NewBoxKey() (BoxKey, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return BoxKey{}, err
	}
	return boxKeyOf(k)
}

func boxKeyOf(k *ecdh.PrivateKey) (BoxKey, error) {
	key, err := hpke.NewDHKEMPrivateKey(k)
	return BoxKey{key}, err
}

// Public is the public half.
func (k BoxKey) Public() [32]byte { return [32]byte(k.key.PublicKey().Bytes()) }

// SealBox seals the room key of an epoch to the BoxKey whose public half is to, for nobody but who. The error means that to is
// no such key.
func SealBox(to [32]byte, id ID, epoch uint32, who doc.Author, key [32]byte) ([]byte, error) {
	pub, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(to[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBox, err)
	}
	box, err := hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES128GCM(), boxInfo(id, epoch, who), key[:])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBox, err)
	}
	return box, nil
}

// OpenBox returns the room key of an epoch that was sealed to k for who, if it is that of the room's state. The error wraps
// ErrBox.
func (s *State) OpenBox(k BoxKey, epoch uint32, who doc.Author, box []byte) (key [32]byte, err error) {
	if k.key == nil || len(box) != BoxSize {
		return key, fmt.Errorf("%w: %d bytes", ErrBox, len(box))
	}
	b, err := hpke.Open(k.key, hpke.HKDFSHA256(), hpke.AES128GCM(), boxInfo(s.Charter.Room, epoch, who), box)
	if err != nil {
		return key, fmt.Errorf("%w: %w", ErrBox, err)
	}
	if !s.IsKey(epoch, [32]byte(b)) {
		return key, fmt.Errorf("%w: of epoch %d", ErrBox, epoch)
	}
	return [32]byte(b), nil
}
