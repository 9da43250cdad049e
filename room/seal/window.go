package seal

// A window remembers which of the latest counters were used, as a ring of words (RFC 6479): moving it on clears whole
// words and shifts nothing.
type window struct {
	words [ReplayWindow/64 + 1]uint64 // one more than the window needs: the newest word is only partly behind the head
	next  uint64                      // one more than the highest counter marked; 0: none yet, or the very last was
	full  bool                        // the very last counter was marked
}

// has reports whether a counter was marked, or is too old to know.
func (w *window) has(ctr uint64) bool {
	switch {
	case w.full && ctr <= ^uint64(0)-ReplayWindow, !w.full && ctr < w.next && w.next-ctr > ReplayWindow:
		return true
	case !w.full && ctr >= w.next:
		return false
	}
	return w.words[w.word(ctr)]&(1<<(ctr%64)) != 0
}

// mark marks a counter that has says is new.
func (w *window) mark(ctr uint64) {
	if !w.full && ctr >= w.next {
		from := w.next / 64
		if w.next%64 != 0 {
			from++ // the word that next lies in is in use
		}
		for word, n := from, 0; word <= ctr/64 && n < len(w.words); word, n = word+1, n+1 {
			w.words[word%uint64(len(w.words))] = 0
		}
		if ctr/64 >= from && ctr/64-from >= uint64(len(w.words)) {
			w.words = [len(w.words)]uint64{}
		}
		w.next = ctr + 1
		w.full = w.next == 0
	}
	w.words[w.word(ctr)] |= 1 << (ctr % 64)
}

func (w *window) word(ctr uint64) uint64 { return ctr / 64 % uint64(len(w.words)) }
