package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"slices"
)

// ctrHMAC is AES-128 in counter mode with a truncated HMAC-SHA-256 (RFC 9605, 4.5.1). Its short tags suit other SFrame
// applications; salon only proves with it that it reads the RFC right.
type ctrHMAC struct {
	block cipher.Block
	mac   hash.Hash
	tag   int
}

// newCTRHMAC takes the encryption key and then the authentication key.
func newCTRHMAC(key []byte, tag int) (*ctrHMAC, error) {
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, err
	}
	return &ctrHMAC{block: block, mac: hmac.New(sha256.New, key[16:]), tag: tag}, nil
}

func (c *ctrHMAC) NonceSize() int { return nonceSize }
func (c *ctrHMAC) Overhead() int  { return c.tag }

// Seal is that of cipher.AEAD; dst must not overlap plaintext.
func (c *ctrHMAC) Seal(dst, nonce, plaintext, aad []byte) []byte {
	start := len(dst)
	dst = slices.Grow(dst, len(plaintext)+c.tag)[:start+len(plaintext)]
	c.crypt(dst[start:], nonce, plaintext)
	return append(dst, c.sum(nonce, aad, dst[start:])...)
}

// Open is that of cipher.AEAD; dst must not overlap sealed.
func (c *ctrHMAC) Open(dst, nonce, sealed, aad []byte) ([]byte, error) {
	n := len(sealed) - c.tag
	if n < 0 || subtle.ConstantTimeCompare(c.sum(nonce, aad, sealed[:n]), sealed[n:]) == 0 {
		return nil, ErrOpen
	}
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	c.crypt(dst[start:], nonce, sealed[:n])
	return dst, nil
}

func (c *ctrHMAC) crypt(dst, nonce, src []byte) {
	var counter [aes.BlockSize]byte
	copy(counter[:], nonce)
	cipher.NewCTR(c.block, counter[:]).XORKeyStream(dst, src)
}

func (c *ctrHMAC) sum(nonce, aad, ciphertext []byte) []byte {
	var lengths [24]byte
	binary.BigEndian.PutUint64(lengths[0:], uint64(len(aad)))
	binary.BigEndian.PutUint64(lengths[8:], uint64(len(ciphertext)))
	binary.BigEndian.PutUint64(lengths[16:], uint64(c.tag))
	c.mac.Reset()
	for _, part := range [][]byte{lengths[:], nonce, aad, ciphertext} {
		c.mac.Write(part)
	}
	return c.mac.Sum(nil)[:c.tag]
}
