package nwc

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/bits"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"golang.org/x/crypto/chacha20"
)

// What two keys say to each other is sealed by version 2 of NIP-44: ChaCha20 and HMAC-SHA256, with keys by HKDF of what the two
// have in common and of a nonce. Texts are shorter than 64 KiB here, so that their length has two bytes.

const (
	sealVersion = 2
	nonceSize   = 32
	macSize     = sha256.Size
	maxText     = 1<<16 - 1
	minPadded   = 32
	maxSealed   = (1 + nonceSize + 2 + 1<<16 + macSize + 2) / 3 * 4 // characters
)

var errSeal = errors.New("nwc: a message that nobody sealed for us")

// A Talk is the key that two have in common.
type Talk [32]byte

// With makes what a key has in common with somebody's public key, which is in hex.
func (k Key) With(public string) (t Talk, err error) {
	raw, err := hex.DecodeString(public)
	if err != nil {
		return t, errSeal
	}
	p, err := schnorr.ParsePubKey(raw)
	if err != nil {
		return t, errSeal
	}
	shared := btcec.GenerateSharedSecret(k.secret, p) // the x coordinate alone
	key, err := hkdf.Extract(sha256.New, shared, []byte("nip44-v2"))
	if err != nil {
		return t, err
	}
	return Talk(key), nil
}

// keys are those of one message.
func (t Talk) keys(nonce []byte) (cipher *chacha20.Cipher, mac []byte, err error) {
	all, err := hkdf.Expand(sha256.New, t[:], string(nonce), chacha20.KeySize+chacha20.NonceSize+sha256.Size)
	if err != nil {
		return nil, nil, err
	}
	cipher, err = chacha20.NewUnauthenticatedCipher(all[:chacha20.KeySize], all[chacha20.KeySize:chacha20.KeySize+chacha20.NonceSize])
	return cipher, all[chacha20.KeySize+chacha20.NonceSize:], err
}

// padded is how long a text of n > 0 bytes becomes, so that its length tells little.
func padded(n int) int {
	if n <= minPadded {
		return minPadded
	}
	chunk := minPadded
	if next := 1 << bits.Len(uint(n-1)); next > 256 {
		chunk = next / 8
	}
	return chunk * ((n-1)/chunk + 1)
}

// Seal hides a text of 1 to 65,535 bytes.
func (t Talk) Seal(text []byte) (string, error) {
	nonce := make([]byte, nonceSize)
	rand.Read(nonce)
	return t.seal(text, nonce)
}

func (t Talk) seal(text, nonce []byte) (string, error) {
	if len(text) == 0 || len(text) > maxText {
		return "", errors.New("nwc: a message of no length, or too long")
	}
	cipher, key, err := t.keys(nonce)
	if err != nil {
		return "", err
	}
	body := make([]byte, 2+padded(len(text)))
	binary.BigEndian.PutUint16(body, uint16(len(text)))
	copy(body[2:], text)
	cipher.XORKeyStream(body, body)
	out := append([]byte{sealVersion}, nonce...)
	out = append(out, body...)
	out = append(out, sign(key, nonce, body)...)
	return base64.StdEncoding.EncodeToString(out), nil
}

func sign(key, nonce, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(nonce)
	h.Write(body)
	return h.Sum(nil)
}

// Open reads what Seal hid.
func (t Talk) Open(sealed string) ([]byte, error) {
	if len(sealed) > maxSealed {
		return nil, errSeal
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(raw) < 1+nonceSize+2+minPadded+macSize || raw[0] != sealVersion {
		return nil, errSeal
	}
	nonce, body, mac := raw[1:1+nonceSize], raw[1+nonceSize:len(raw)-macSize], raw[len(raw)-macSize:]
	cipher, key, err := t.keys(nonce)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(sign(key, nonce, body), mac) {
		return nil, errSeal
	}
	cipher.XORKeyStream(body, body)
	n := int(binary.BigEndian.Uint16(body))
	if n == 0 || len(body) != 2+padded(n) {
		return nil, errSeal
	}
	return body[2 : 2+n], nil
}
