package relay

import "time"

// An entry is one frame of a stream: here, or known to be missing, and the auth that it completes.
type entry struct {
	number uint64
	sealed []byte // memory is reused
	from   *peer  // nil for our own
	came   time.Time
	here   bool

	askAt time.Time // when to ask for the missing frame next; zero when it is here or given up
	tries int

	auth     Auth // memory is reused
	hasAuth  bool // auth is the one that this frame completes
	authSent bool
	covered  bool // an auth that covers this frame came
}

// noNumber marks an entry that holds nothing: a frame with this number would be the last one that can be.
const noNumber = ^uint64(0)

// A stream is the last frames of one slot.
type stream struct {
	started bool
	base    uint64    // nothing is known of lower numbers: the stream began here, or jumped to it
	head    uint64    // the highest number known of
	flooded uint64    // the highest number of those that came in too great a number to be taken in
	fresh   time.Time // when the last new frame came
	from    *peer     // who sent it; nil for our own, or when that peer is gone
	own     time.Time // when we last published in it
	shared  bool      // somebody else goes on with what we publish in it
	missing int       // entries with an askAt

	signed  uint64    // lower numbers need no more requests for their auths
	topAuth uint64    // the highest First of an auth that came
	authTry int       // requests so far for the auth of signed
	authAt  time.Time // when to ask for it next

	ring []entry // by number modulo its length
}

func newStream(frames int) *stream { return &stream{ring: make([]entry, frames)} }

func (s *stream) at(number uint64) *entry { return &s.ring[number%uint64(len(s.ring))] }

// oldest is the lowest number that the ring may hold.
func (s *stream) oldest() uint64 {
	if n := uint64(len(s.ring)); s.head >= n {
		return max(s.base, s.head-n+1)
	}
	return s.base
}

// find returns the entry of a number, or nil if nothing is known of it.
func (s *stream) find(number uint64) *entry {
	if !s.started || number > s.head || number < s.oldest() {
		return nil
	}
	if e := s.at(number); e.number == number {
		return e
	}
	return nil
}

// clear empties an entry and keeps its memory.
func (e *entry) clear(number uint64) {
	*e = entry{number: number, sealed: e.sealed[:0], auth: Auth{Hashes: e.auth.Hashes[:0]}}
}

// begin forgets everything and starts at number, which is expected.
func (s *stream) begin(number uint64, askAt time.Time) {
	for i := range s.ring {
		s.ring[i].clear(noNumber)
	}
	s.started, s.base, s.head, s.flooded, s.missing = true, number, number, 0, 0
	s.signed, s.topAuth, s.authTry = number, 0, 0
	s.expect(number, askAt)
}

// expect notes that a frame exists and is to be asked for from askAt on, never if that is zero.
func (s *stream) expect(number uint64, askAt time.Time) {
	e := s.at(number)
	e.clear(number)
	e.askAt = askAt
	if !askAt.IsZero() {
		s.missing++
	}
}

// settle stops asking for a frame.
func (s *stream) settle(e *entry) {
	if !e.askAt.IsZero() {
		e.askAt = time.Time{}
		s.missing--
	}
}

// reach returns the entry of a number, nil if the number is too old. A number beyond the head becomes the head, and the
// ones between are expected. It reports how many frames fell out of the ring unrepaired, and whether the stream jumped
// further than the ring is long, or was silent for as long as the ring holds and started over lower.
func (s *stream) reach(number uint64, askAt time.Time, silent bool) (e *entry, lost uint64, jumped bool) {
	n := uint64(len(s.ring))
	switch {
	case !s.started:
		s.begin(number, askAt)
	case number > s.head && number-s.head >= n, number < s.head && s.head-number >= n && silent:
		lost = uint64(s.missing)
		s.begin(number, askAt)
		jumped = true
	case number > s.head:
		for s.head < number {
			next := s.head + 1
			if old := s.at(next); !old.askAt.IsZero() {
				s.settle(old)
				lost++
			}
			s.expect(next, askAt)
			s.head = next
		}
	case s.head-number >= n:
		return nil, 0, false
	case number < s.base: // a newcomer's burst may come out of order, with gaps
		old := s.base
		for n := number; n < old; n++ {
			s.expect(n, askAt)
		}
		s.base, s.signed = number, min(s.signed, number)
		for n := old; n < old+AuthBatch; n++ { // an auth may have come before the frames that it covers
			if e := s.find(n); e != nil && e.hasAuth {
				s.cover(&e.auth)
			}
		}
	}
	return s.at(number), lost, jumped
}

// cover notes that the frames of an auth need no other.
func (s *stream) cover(a *Auth) {
	for i := range uint64(len(a.Hashes)) {
		if e := s.find(a.First + i); e != nil {
			e.covered = true
		}
	}
	s.topAuth = max(s.topAuth, a.First)
}

// uncover takes back what cover noted: these frames need another auth, and now.
func (s *stream) uncover(a *Auth) {
	for i := range uint64(len(a.Hashes)) {
		if e := s.find(a.First + i); e != nil {
			e.covered = false
		}
	}
	s.signed, s.authTry, s.topAuth = min(s.signed, a.First), 0, min(a.Last()+1, s.head)
	for i := range s.ring {
		if e := &s.ring[i]; e.hasAuth {
			s.topAuth = max(s.topAuth, e.auth.First)
		}
	}
}
