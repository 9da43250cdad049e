package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

// A Key seals and opens the frames of one KID. Only a Sender may seal with it in earnest: it is the Sender that never
// uses a counter twice.
type Key struct {
	kid  uint64
	aead cipher.AEAD
	tag  int
	salt [nonceSize]byte

	nonce [nonceSize]byte // of the call under way, here so that it is not allocated
	aad   []byte
}

// NewKey derives the key of a KID from a base key. The error is ErrSuite.
func NewKey(suite Suite, kid uint64, base []byte) (*Key, error) {
	sz, err := suite.sizes()
	if err != nil {
		return nil, err
	}
	key, salt, err := derive(suite, kid, base)
	if err != nil {
		return nil, err
	}
	k := &Key{kid: kid, tag: sz.tag, salt: [nonceSize]byte(salt)}
	switch suite {
	case AES128GCMSHA256, AES256GCMSHA512:
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, fmt.Errorf("key of KID %x: %w", kid, err)
		}
		if k.aead, err = cipher.NewGCM(block); err != nil {
			return nil, fmt.Errorf("key of KID %x: %w", kid, err)
		}
	default:
		if k.aead, err = newCTRHMAC(key, sz.tag); err != nil {
			return nil, fmt.Errorf("key of KID %x: %w", kid, err)
		}
	}
	return k, nil
}

// KID is the key's ID.
func (k *Key) KID() uint64 { return k.kid }

// Overhead is the most bytes by which a sealed frame is longer than its plaintext.
func (k *Key) Overhead() int { return MaxHeader + k.tag }

// Seal appends to dst the plaintext sealed under a counter, which must never have been used with this key: header,
// ciphertext, tag. meta is authenticated and not sent. With room in dst the GCM suites allocate nothing. dst must not
// overlap plaintext.
func (k *Key) Seal(dst []byte, ctr uint64, meta, plaintext []byte) []byte {
	start := len(dst)
	dst = AppendHeader(dst, k.kid, ctr)
	k.prepare(ctr, dst[start:], meta)
	return k.aead.Seal(dst, k.nonce[:], plaintext, k.aad)
}

// Open appends to dst the plaintext of a sealed frame. With room in dst the GCM suites allocate nothing. The error is
// ErrHeader, ErrKID or ErrOpen. Whether the frame was opened before is the caller's to know.
func (k *Key) Open(dst, meta, sframe []byte) ([]byte, error) {
	kid, ctr, n, err := ParseHeader(sframe)
	if err != nil {
		return dst, err
	}
	if kid != k.kid {
		return dst, ErrKID
	}
	return k.open(dst, ctr, n, meta, sframe)
}

func (k *Key) open(dst []byte, ctr uint64, n int, meta, sframe []byte) ([]byte, error) {
	k.prepare(ctr, sframe[:n], meta)
	out, err := k.aead.Open(dst, k.nonce[:], sframe[n:], k.aad)
	if err != nil {
		return dst, ErrOpen
	}
	return out, nil
}

// prepare sets nonce and additional data for one call of the cipher.
func (k *Key) prepare(ctr uint64, header, meta []byte) {
	k.nonce = k.salt
	tail := k.nonce[nonceSize-8:]
	binary.BigEndian.PutUint64(tail, binary.BigEndian.Uint64(tail)^ctr)
	k.aad = append(append(k.aad[:0], header...), meta...)
}
