package bolt11

import (
	"fmt"
	"strings"
)

// alphabet has the letter of each word of 5 bits.
const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// bech32 takes a string apart into its prefix and its words, without the checksum, which it verifies (BIP 173, but of any length).
func bech32(s string) (prefix string, words []byte, err error) {
	lower := strings.ToLower(s)
	if s != lower && s != strings.ToUpper(s) {
		return "", nil, fmt.Errorf("%w: large and small letters", ErrInvoice)
	}
	at := strings.LastIndexByte(lower, '1')
	if at < 1 || len(lower)-at-1 < checksumWords {
		return "", nil, fmt.Errorf("%w: too short", ErrInvoice)
	}
	prefix = lower[:at]
	for _, c := range []byte(lower[at+1:]) {
		w := strings.IndexByte(alphabet, c)
		if w < 0 {
			return "", nil, fmt.Errorf("%w: byte %#x", ErrInvoice, c)
		}
		words = append(words, byte(w))
	}
	sum := uint32(1)
	for _, c := range []byte(prefix) {
		if c < '!' || c > '~' {
			return "", nil, fmt.Errorf("%w: byte %#x", ErrInvoice, c)
		}
		sum = polymod(sum, c>>5)
	}
	sum = polymod(sum, 0)
	for _, c := range []byte(prefix) {
		sum = polymod(sum, c&31)
	}
	for _, w := range words {
		sum = polymod(sum, w)
	}
	if sum != 1 {
		return "", nil, fmt.Errorf("%w: checksum", ErrInvoice)
	}
	return prefix, words[:len(words)-checksumWords], nil
}

// polymod takes the next word into the checksum.
func polymod(sum uint32, w byte) uint32 {
	top := sum >> 25
	sum = sum&0x1ffffff<<5 ^ uint32(w)
	for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}
