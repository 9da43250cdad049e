package udp

// windowSize is how far behind the newest a datagram may arrive: ten seconds of the busiest stage link.
const windowSize = 1024

// A window knows which counters have come, as RFC 4303 does in section 3.4.3. The zero window has seen none.
type window struct {
	next     uint64                  // one more than the highest that came
	received uint64                  // how many came
	seen     [windowSize / 64]uint64 // of the last windowSize below next, by counter modulo windowSize
}

// expand makes a counter whole: of those with this low half, it is the nearest to the next one that is due.
func (w *window) expand(low uint32) uint64 {
	c := w.next&^(1<<32-1) | uint64(low)
	switch {
	case c+1<<31 < w.next:
		c += 1 << 32
	case c > w.next+1<<31 && c >= 1<<32:
		c -= 1 << 32
	}
	return c
}

// fresh reports whether c has not come yet and is not too old to tell.
func (w *window) fresh(c uint64) bool {
	return c >= w.next || w.next-c <= windowSize && w.seen[c%windowSize/64]&(1<<(c%64)) == 0
}

// take marks what is fresh as come.
func (w *window) take(c uint64) {
	if c >= w.next {
		if c-w.next >= windowSize {
			clear(w.seen[:])
		} else {
			for i := w.next; i < c; i++ {
				w.seen[i%windowSize/64] &^= 1 << (i % 64)
			}
		}
		w.next = c + 1
	}
	w.seen[c%windowSize/64] |= 1 << (c % 64)
	w.received++
}
