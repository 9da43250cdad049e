// Package seal is SFrame (RFC 9605): it seals frames of sound from their source to their hearers. Always:
//
//   - What was altered on the way, or was sealed under another key, number or slot, does not open.
//   - No key and counter ever meet twice: a Sender counts from 0 under a KID and a Source that are its own, and never wraps.
//   - What opened once does not open again.
//   - Bytes from a peer cost at most one derivation of a key, and change nothing unless they open.
//
// A room key is shared by everyone who may hear. It derives one key per Source, which is one start of one device, and that one per
// KID, so sources never share a derived key. That a frame comes from its source, and not from another holder of the room key, is
// what relay's auths show.
//
// The package reads no clock and starts nothing. No type of it is safe for concurrent use.
package seal

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
)

// A Suite is a cipher suite by its number in the IANA registry "SFrame Cipher Suites".
type Suite uint16

// The suites of RFC 9605, 4.5. The last number of a name is the tag's length in bits, for the GCM ones always 128.
const (
	AES128CTRHMACSHA256Tag80 Suite = 1
	AES128CTRHMACSHA256Tag64 Suite = 2
	AES128CTRHMACSHA256Tag32 Suite = 3
	AES128GCMSHA256          Suite = 4
	AES256GCMSHA512          Suite = 5

	// Default is the suite of salon's rooms.
	Default = AES128GCMSHA256
)

var (
	// ErrHeader means bytes that do not begin with an SFrame header in its one shortest form.
	ErrHeader = errors.New("seal: malformed header")
	// ErrSuite means a cipher suite that RFC 9605 does not define.
	ErrSuite = errors.New("seal: unknown cipher suite")
	// ErrOpen means that a frame was altered, or sealed under another key or for other metadata.
	ErrOpen = errors.New("seal: frame does not open")
	// ErrKID means a frame that names another KID than its key's, or one that no source can have.
	ErrKID = errors.New("seal: wrong key ID")
	// ErrEpoch means a room key epoch whose key is not known (yet, or any more).
	ErrEpoch = errors.New("seal: key epoch is not known")
	// ErrReplay means a frame that was opened before, or is too old to know.
	ErrReplay = errors.New("seal: frame was opened before")
	// ErrSpent means a Sender that used its last counter.
	ErrSpent = errors.New("seal: counter is spent")
)

// nonceSize is Nn of every suite, in bytes.
const nonceSize = 12

// sizes of a suite in bytes, and its hash.
type sizes struct {
	key, tag int // Nk, Nt
	hash     func() hash.Hash
}

func (s Suite) sizes() (sizes, error) {
	switch s {
	case AES128CTRHMACSHA256Tag80:
		return sizes{16 + 32, 10, sha256.New}, nil
	case AES128CTRHMACSHA256Tag64:
		return sizes{16 + 32, 8, sha256.New}, nil
	case AES128CTRHMACSHA256Tag32:
		return sizes{16 + 32, 4, sha256.New}, nil
	case AES128GCMSHA256:
		return sizes{16, 16, sha256.New}, nil
	case AES256GCMSHA512:
		return sizes{32, 16, sha512.New}, nil
	}
	return sizes{}, fmt.Errorf("%w: %d", ErrSuite, s)
}

// derive makes the key and salt of a KID from a base key (RFC 9605, 4.4.2).
func derive(suite Suite, kid uint64, base []byte) (key, salt []byte, err error) {
	sz, err := suite.sizes()
	if err != nil {
		return nil, nil, err
	}
	secret, err := hkdf.Extract(sz.hash, base, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("derive key of KID %x: %w", kid, err)
	}
	if key, err = hkdf.Expand(sz.hash, secret, label("key", suite, kid), sz.key); err != nil {
		return nil, nil, fmt.Errorf("derive key of KID %x: %w", kid, err)
	}
	if salt, err = hkdf.Expand(sz.hash, secret, label("salt", suite, kid), nonceSize); err != nil {
		return nil, nil, fmt.Errorf("derive salt of KID %x: %w", kid, err)
	}
	return key, salt, nil
}

func label(what string, suite Suite, kid uint64) string {
	b := []byte("SFrame 1.0 Secret " + what + " ")
	b = binary.BigEndian.AppendUint64(b, kid)
	return string(binary.BigEndian.AppendUint16(b, uint16(suite)))
}
