package seal

import "math/bits"

// The SFrame header (RFC 9605, 4.3). A value below 8 lies in the config byte; a larger one follows it, big endian, in as
// few bytes as it needs, and the config byte holds that number less one.
//
//	bit   7  6 5 4  3  2 1 0
//	      X    K    Y    C      then KID if X, then CTR if Y

// MaxHeader is the longest header in bytes.
const MaxHeader = 1 + 8 + 8

// AppendHeader appends the header of a key ID and a counter.
func AppendHeader(b []byte, kid, ctr uint64) []byte {
	b = append(b, field(kid)<<4|field(ctr))
	b = appendLong(b, kid)
	return appendLong(b, ctr)
}

// ParseHeader reads the header that b begins with: key ID, counter, and its own length n. The error is ErrHeader.
func ParseHeader(b []byte) (kid, ctr uint64, n int, err error) {
	if len(b) == 0 {
		return 0, 0, 0, ErrHeader
	}
	kid, n, ok := parseField(b[0]>>4, b, 1)
	if !ok {
		return 0, 0, 0, ErrHeader
	}
	ctr, n, ok = parseField(b[0]&0x0f, b, n)
	if !ok {
		return 0, 0, 0, ErrHeader
	}
	return kid, ctr, n, nil
}

// field is a value's half of the config byte.
func field(v uint64) byte {
	if v < 8 {
		return byte(v)
	}
	return 8 | byte(size(v)-1)
}

func size(v uint64) int { return (bits.Len64(v) + 7) / 8 }

func appendLong(b []byte, v uint64) []byte {
	if v < 8 {
		return b
	}
	for i := size(v) - 1; i >= 0; i-- {
		b = append(b, byte(v>>(8*i)))
	}
	return b
}

// parseField reads a value whose half of the config byte is f and whose long form, if it has one, lies at b[n]. It returns where
// the next one lies. A long form that is not the shortest is refused, as the RFC demands.
func parseField(f byte, b []byte, n int) (uint64, int, bool) {
	if f < 8 {
		return uint64(f), n, true
	}
	end := n + int(f&7) + 1
	if end > len(b) {
		return 0, 0, false
	}
	var v uint64
	for _, c := range b[n:end] {
		v = v<<8 | uint64(c)
	}
	return v, end, field(v) == f
}
