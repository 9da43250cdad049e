package lndtest

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// Sign writes an invoice for the simulated network, over msat or, if that is 0, over any amount.
func Sign(key *secp256k1.PrivateKey, msat int64, hash [32]byte, purpose []byte, at time.Time, expiry uint64) string {
	prefix := "lnsb"
	if msat > 0 {
		prefix += fmt.Sprint(msat*10, "p")
	}
	words := bigEndian(uint64(at.Unix()), 7)
	add := func(tag byte, data []byte) {
		words = append(words, tag, byte(len(data)>>5), byte(len(data)&31))
		words = append(words, data...)
	}
	const p, h, x = 1, 23, 6
	add(p, regroup(hash[:]))
	if len(purpose) > 0 {
		add(h, regroup(purpose))
	}
	add(x, bigEndian(expiry, 7))
	digest := sha256.Sum256(append([]byte(prefix), bytesOf(words)...))
	sig := ecdsa.SignCompact(key, digest[:], true)
	words = append(words, regroup(append(sig[1:65:65], sig[0]-31))...)
	return prefix + "1" + letters(append(words, checksum(prefix, words)...))
}

func bigEndian(n uint64, words int) []byte {
	out := make([]byte, words)
	for i := range out {
		out[words-1-i] = byte(n >> (5 * i) & 31)
	}
	return out
}

// regroup splits bytes into words of 5 bits, the last filled up with zeros.
func regroup(b []byte) (words []byte) {
	for i := 0; i < len(b)*8; i += 5 {
		w := byte(0)
		for j := i; j < i+5; j++ {
			w <<= 1
			if j < len(b)*8 {
				w |= b[j/8] >> (7 - j%8) & 1
			}
		}
		words = append(words, w)
	}
	return words
}

// bytesOf is the way back, the last byte filled up with zeros.
func bytesOf(words []byte) []byte {
	out := make([]byte, (len(words)*5+7)/8)
	for i := range len(words) * 5 {
		out[i/8] |= words[i/5] >> (4 - i%5) & 1 << (7 - i%8)
	}
	return out
}

func letters(words []byte) string {
	var s strings.Builder
	for _, w := range words {
		s.WriteByte("qpzry9x8gf2tvdw0s3jn54khce6mua7l"[w])
	}
	return s.String()
}

// checksum is that of BIP 173.
func checksum(prefix string, words []byte) []byte {
	var all []byte
	for _, c := range []byte(prefix) {
		all = append(all, c>>5)
	}
	all = append(all, 0)
	for _, c := range []byte(prefix) {
		all = append(all, c&31)
	}
	all = append(append(all, words...), make([]byte, 6)...)
	sum := uint32(1)
	for _, w := range all {
		top := sum >> 25
		sum = sum&(1<<25-1)<<5 ^ uint32(w)
		for i, g := range []uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	return bigEndian(uint64(sum^1), 6)
}
