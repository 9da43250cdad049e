package relay

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"time"
)

// A Verified is a frame that its source signed.
type Verified struct {
	Frame
	KID      uint64    // under which the source says it sealed the frame; the opened frame must agree
	CTR      uint64    // likewise
	Captured time.Time // by the source's clock
}

// A BadError is evidence that whoever passed on a frame or an auth altered it, or that its source tells two stories.
type BadError struct {
	Reason string // constant: shape, slot, signature, hash, source, chain; source is no evidence: the frame may be another source's
	Frame  *Frame // the frame that does not fit Auth, if it is one
	Auth   *Auth  // the auth that the frame does not fit, or that is bad itself
	Other  *Auth  // the auth by the same source that Auth contradicts, for chain
}

func (e *BadError) Error() string { return "relay: bad " + e.Reason }

// VerifierStats counts frames and auths since the verifier was made.
type VerifierStats struct {
	Verified   uint64 // frames that came out
	Bad        uint64 // frames and auths refused with a BadError
	Expired    uint64 // frames dropped because no auth came for them in time
	Duplicate  uint64 // frames and auths that had come before
	Stale      uint64 // frames and auths of an older KID, or too old
	UnknownKey uint64 // auths dropped because no key for their KID became known in time
}

const (
	verifyWait   = 2 * time.Second // how long a frame waits for its auth, and an auth for its key
	verifyRing   = 256             // frames that wait; more than verifyWait holds, so that a burst fits too
	verifyWindow = 128             // how far below the newest verified frame one may still be verified
	verifyRecent = 32              // auths remembered, to check the chain
	verifyParked = 16              // auths that wait for a key
	verifyHeard  = 8               // KIDs under which something was signed lately
	verifyDoubts = 4               // KIDs of which nobody knows yet whether anybody signs under them
	doubtKept    = time.Minute     // since when such a KID was last seen
	twinWait     = verifyWait / 4  // a signature is this far behind its first frame at most, on any way
	heardAgain   = verifyWait / 4  // between two looks at the signatures of a KID whose frames do not come out
)

// A Verifier lets through the frames of one stream that its source signed, each once. Its caller serialises every call.
type Verifier struct {
	// Check checks signatures; nil means ed25519.Verify. A simulator's thousands of verifiers share what they found out.
	Check func(key ed25519.PublicKey, message, sig []byte) bool
	// KID reads under which KID a frame says it was sealed. With it, a frame that an auth of another KID does not fit is no
	// evidence at once: while two lead a room, both number their frames alike. nil: it is.
	KID func(sealed []byte) (kid uint64, ok bool)
	// Rivals are the keys of those who may be sources too, under KIDs that nobody has told us of: while two lead a room, most
	// have heard of one alone. What they sign does not come out, and is no evidence against whoever passes it on. nil: nobody.
	Rivals func() []ed25519.PublicKey
	// Twins are the keys of those who may be sources under the KID of the source itself: two devices of one person that lead a room at
	// once may have come to one. What they sign, and a frame that may be theirs, is likewise no evidence. nil: nobody.
	Twins func() []ed25519.PublicKey

	room  [16]byte
	slot  Slot
	key   func(kid uint64) (ed25519.PublicKey, bool)
	stats VerifierStats

	kid    uint64 // the newest that signed anything
	before uint64 // the one before, while what it signed may still come; older ones are over
	begins uint64 // the lowest number that kid signed: before signs none from there on
	next   uint64 // one more than the highest number verified
	done   [verifyWindow / 64]uint64
	ring   [verifyRing]waiting
	recent [verifyRecent]*Auth
	slots  int // recent ever filled
	parked []parked
	heard  []sighting
	doubts []sighting
	twin   sighting // under the KID of a source: another's signature, or what may be of one

	hash hasher
	buf  []byte
}

// A waiting is a frame without its auth, or an auth's word on a frame that is not here.
type waiting struct {
	number uint64
	sealed []byte // nil: not here
	hash   [16]byte
	came   time.Time
	auth   *Auth // nil: none yet
}

// A parked auth waits for the key of its KID: the event that tells it travels beside the sound, not before it.
type parked struct {
	auth *Auth
	came time.Time
}

// A sighting is of a KID: the first and last time, and up to which number something was signed.
type sighting struct {
	kid         uint64
	first, last time.Time
	number      uint64
}

// NewVerifier returns the verifier of one slot of a room. key tells whose signature the frames of a KID must bear, if
// that is known; it is asked for every auth, so that a right can end.
func NewVerifier(room [16]byte, slot Slot, key func(kid uint64) (ed25519.PublicKey, bool)) *Verifier {
	return &Verifier{room: room, slot: slot, key: key}
}

// Stats returns the counts.
func (v *Verifier) Stats() VerifierStats { return v.stats }

// AddFrame takes a frame, copies it, and appends it to dst if its auth is here already; then what is appended is the
// caller's to keep. The error is nil or a *BadError; a frame that merely comes late or twice is none.
func (v *Verifier) AddFrame(dst []Verified, f Frame, now time.Time) ([]Verified, error) {
	switch {
	case f.Slot != v.slot:
		return dst, v.bad(&BadError{Reason: "slot", Frame: cloneFrame(f)})
	case !f.valid() || f.Number == noNumber:
		return dst, v.bad(&BadError{Reason: "shape", Frame: cloneFrame(f)})
	case v.isDone(f.Number):
		v.stats.Duplicate++
		return dst, nil
	case v.isOld(f.Number):
		v.stats.Stale++
		return dst, nil
	}
	w := v.place(f.Number)
	hash := v.hash.sum(f)
	switch {
	case w.auth != nil:
		if w.auth.Hashes[f.Number-w.auth.First] != hash {
			err, later := v.misfit(cloneFrame(f), w.auth, now)
			if later {
				w.sealed, w.hash, w.came = append([]byte(nil), f.Sealed...), hash, now
			}
			return dst, err
		}
		w.sealed = append([]byte(nil), f.Sealed...)
		return v.release(dst, w), nil
	case w.sealed != nil:
		// Of two different frames with one number, the first stays: which is forged, the auth will tell.
		v.stats.Duplicate++
		return dst, nil
	}
	w.sealed, w.hash, w.came = append([]byte(nil), f.Sealed...), hash, now
	return dst, nil
}

// AddAuth takes an auth, copies it, and appends the frames that it verifies to dst, in order and the caller's to keep.
// The error is nil or a *BadError; with "hash" the other frames of the auth are still appended.
func (v *Verifier) AddAuth(dst []Verified, a *Auth, now time.Time) ([]Verified, error) {
	switch {
	case !a.valid() || a.Last() == noNumber || a.FirstCTR+uint64(len(a.Hashes)) < a.FirstCTR:
		return dst, v.bad(&BadError{Reason: "shape", Auth: a.Clone()})
	case a.Slot != v.slot:
		return dst, v.bad(&BadError{Reason: "slot", Auth: a.Clone()})
	case v.isOver(a.KID, a.Last()) || v.isOld(a.Last()) && a.KID <= v.kid:
		v.vouch(a, now)
		v.stats.Stale++
		return dst, nil
	}
	digest := a.Digest()
	for _, r := range v.recent {
		if r != nil && r.KID == a.KID && r.First == a.First && r.Digest() == digest {
			v.stats.Duplicate++
			return dst, nil
		}
	}
	key, ok := v.key(a.KID)
	if !ok || len(key) != ed25519.PublicKeySize {
		v.vouch(a, now)
		v.park(a, now)
		return dst, nil
	}
	if !v.isSigned(a, key) {
		if v.isTwins(a, key) {
			if t := &v.twin; t.kid != a.KID || a.Last() > t.number { // what is sent again says nothing
				*t = sighting{a.KID, now, now, a.Last()}
			}
			v.stats.Stale++
			return dst, nil
		}
		return dst, v.bad(&BadError{Reason: "signature", Auth: a.Clone()})
	}
	v.hear(a, now)
	a = a.Clone()
	if other := v.contradicts(a, digest); other != nil {
		return dst, v.bad(&BadError{Reason: "chain", Auth: a, Other: other})
	}
	switch {
	case a.KID > v.kid && a.First < v.next: // the slot's new source counts from lower; what it did not sign cannot come back
		v.kid, v.before, v.begins = a.KID, 0, a.First
		v.next, v.done = a.First, [len(v.done)]uint64{}
	case a.KID > v.kid: // it goes on, under a new key: the last frames under the old one may still be under way
		v.kid, v.before, v.begins = a.KID, v.kid, a.First
	case a.KID == v.kid:
		v.begins = min(v.begins, a.First)
	}
	v.recent[v.slots%verifyRecent] = a
	v.slots++
	return v.apply(dst, a, now)
}

// apply verifies the frames of an auth that are here and keeps its word for those that are not.
func (v *Verifier) apply(dst []Verified, a *Auth, now time.Time) ([]Verified, error) {
	var first error
	for i := range a.Hashes {
		number := a.First + uint64(i)
		if v.isDone(number) || v.isOld(number) {
			continue
		}
		w := v.place(number)
		w.auth = a
		if w.sealed == nil {
			continue
		}
		if w.hash != a.Hashes[i] {
			err, later := v.misfit(&Frame{Slot: v.slot, Number: number, Sealed: w.sealed}, a, now)
			if first == nil || isSource(first) {
				first = err
			}
			if !later {
				w.sealed = nil
			}
			continue
		}
		dst = v.release(dst, w)
	}
	return dst, first
}

// misfit is what a frame means that an auth with its number does not fit. later: it may be of the source after the auth's, and
// waits for its own.
func (v *Verifier) misfit(f *Frame, a *Auth, now time.Time) (err error, later bool) {
	e := &BadError{Reason: "hash", Frame: f, Auth: a}
	if v.KID == nil {
		return v.bad(e), false
	}
	kid, ok := v.KID(f.Sealed)
	if ok && kid == a.KID && v.mayBeTwin(kid, now) {
		e.Reason = "source"
		return e, false
	}
	if !ok || kid == a.KID || !v.mayBeSource(kid, now) {
		return v.bad(e), false
	}
	e.Reason = "source"
	return e, kid > a.KID
}

// mayBeSource reports whether a frame may be of a source of another KID: somebody signed under that a moment ago, or may yet
// turn out to. Nobody gains more by inventing KIDs, or by naming those of sources that are over, than a few moments a minute.
func (v *Verifier) mayBeSource(kid uint64, now time.Time) bool {
	for _, h := range v.heard {
		if h.kid == kid && now.Sub(h.last) <= verifyWait {
			return true
		}
	}
	for i := range v.doubts {
		if d := &v.doubts[i]; d.kid == kid && now.Sub(d.last) <= doubtKept {
			d.last = now
			return now.Sub(d.first) <= verifyWait
		}
	}
	v.doubts = slices.DeleteFunc(v.doubts, func(d sighting) bool { return now.Sub(d.last) > doubtKept })
	if len(v.doubts) == verifyDoubts {
		return false
	}
	v.doubts = append(v.doubts, sighting{kid: kid, first: now, last: now})
	return true
}

// isTwins reports whether somebody else than the source signed an auth under its KID who may.
func (v *Verifier) isTwins(a *Auth, source ed25519.PublicKey) bool {
	return v.Twins != nil && slices.ContainsFunc(v.Twins(), func(key ed25519.PublicKey) bool {
		return len(key) == ed25519.PublicKeySize && !bytes.Equal(key, source) && v.isSigned(a, key)
	})
}

// mayBeTwin reports whether a frame that names the source's KID may be a twin's: one signed under that a moment ago, or may yet turn
// out to, since the frames come before the signature. That is believed for one moment a minute.
func (v *Verifier) mayBeTwin(kid uint64, now time.Time) bool {
	source, ok := v.key(kid)
	if !ok || v.Twins == nil || !slices.ContainsFunc(v.Twins(), func(key ed25519.PublicKey) bool {
		return len(key) == ed25519.PublicKeySize && !bytes.Equal(key, source)
	}) {
		return false
	}
	t := &v.twin
	if t.kid != kid {
		*t = sighting{kid: kid, first: now}
	} else if now.Sub(t.last) > doubtKept {
		t.first = now
	}
	t.last = now
	return now.Sub(t.first) <= twinWait
}

// hear notes that a source signed under a KID.
func (v *Verifier) hear(a *Auth, now time.Time) {
	oldest := 0
	for i := range v.heard {
		if h := &v.heard[i]; h.kid == a.KID {
			h.last, h.number = now, max(h.number, a.Last())
			return
		}
		if v.heard[i].last.Before(v.heard[oldest].last) {
			oldest = i
		}
	}
	s := sighting{a.KID, now, now, a.Last()}
	if len(v.heard) < verifyHeard {
		v.heard = append(v.heard, s)
	} else {
		v.heard[oldest] = s
	}
}

// vouch hears a source whose frames do not come out: it is over, or one that we were not told of. What is sent again says nothing.
func (v *Verifier) vouch(a *Auth, now time.Time) {
	for _, h := range v.heard {
		if h.kid == a.KID && (now.Sub(h.last) < heardAgain || a.Last() <= h.number) {
			return
		}
	}
	var keys []ed25519.PublicKey
	if key, ok := v.key(a.KID); ok {
		keys = append(keys, key)
	}
	if v.Rivals != nil {
		keys = append(keys, v.Rivals()...)
	}
	for _, key := range keys {
		if len(key) == ed25519.PublicKeySize && v.isSigned(a, key) {
			v.hear(a, now)
			return
		}
	}
}

func (v *Verifier) isSigned(a *Auth, key ed25519.PublicKey) bool {
	v.buf = a.signedBytes(v.buf[:0], v.room)
	if v.Check != nil {
		return v.Check(key, v.buf, a.Sig[:])
	}
	return ed25519.Verify(key, v.buf, a.Sig[:])
}

func isSource(err error) bool {
	e, ok := err.(*BadError)
	return ok && e.Reason == "source"
}

// contradicts returns an earlier auth by the same source that cannot stand beside a, if there is one.
func (v *Verifier) contradicts(a *Auth, digest [16]byte) *Auth {
	end := a.FirstCTR + uint64(len(a.Hashes))
	for _, r := range v.recent {
		if r == nil || r.KID != a.KID {
			continue
		}
		rEnd := r.FirstCTR + uint64(len(r.Hashes))
		switch {
		case rEnd == a.FirstCTR && (a.Prev != r.Digest() || a.First <= r.Last()),
			end == r.FirstCTR && (r.Prev != digest || r.First <= a.Last()),
			r.FirstCTR < end && a.FirstCTR < rEnd,
			r.First <= a.Last() && a.First <= r.Last():
			return r
		}
	}
	return nil
}

// Tick drops what waited too long, and appends what a key that became known verifies. Call it every few frames.
func (v *Verifier) Tick(dst []Verified, now time.Time) ([]Verified, error) {
	for i := range v.ring {
		if w := &v.ring[i]; w.sealed != nil && now.Sub(w.came) > verifyWait {
			v.stats.Expired++
			w.sealed = nil
		}
	}
	var first error
	if len(v.parked) == 0 {
		return dst, nil
	}
	again := v.parked
	v.parked = nil
	for _, p := range again {
		switch _, ok := v.key(p.auth.KID); {
		case ok:
			var err error
			dst, err = v.AddAuth(dst, p.auth, now)
			if first == nil {
				first = err
			}
		case now.Sub(p.came) > verifyWait:
			v.stats.UnknownKey++
		default:
			v.parked = append(v.parked, p)
		}
	}
	return dst, first
}

func (v *Verifier) park(a *Auth, now time.Time) {
	for _, p := range v.parked {
		if p.auth.Sig == a.Sig && p.auth.First == a.First {
			v.stats.Duplicate++
			return
		}
	}
	if len(v.parked) == verifyParked {
		v.parked = v.parked[:copy(v.parked, v.parked[1:])]
		v.stats.UnknownKey++
	}
	v.parked = append(v.parked, parked{a.Clone(), now})
}

// place returns the entry of a number, taken from whichever number had it.
func (v *Verifier) place(number uint64) *waiting {
	w := &v.ring[number%verifyRing]
	if w.number != number {
		if w.sealed != nil {
			v.stats.Expired++
		}
		*w = waiting{number: number}
	} else if w.auth != nil && v.isOver(w.auth.KID, number) {
		w.auth = nil
	}
	return w
}

// release appends a frame that is here and fits its auth.
func (v *Verifier) release(dst []Verified, w *waiting) []Verified {
	i := w.number - w.auth.First
	dst = append(dst, Verified{
		Frame:    Frame{Slot: v.slot, Number: w.number, Sealed: w.sealed},
		KID:      w.auth.KID,
		CTR:      w.auth.FirstCTR + i,
		Captured: time.UnixMicro(w.auth.Time).Add(time.Duration(i) * FrameDuration),
	})
	v.stats.Verified++
	v.mark(w.number)
	*w = waiting{number: w.number}
	return dst
}

// isOver reports whether a KID may not sign a number any more.
func (v *Verifier) isOver(kid, number uint64) bool {
	return kid < v.kid && (kid != v.before || number >= v.begins)
}

// isOld reports whether a number is so far below the newest that nobody knows any more whether it came.
func (v *Verifier) isOld(number uint64) bool {
	return number < v.next && v.next-number > verifyWindow
}

func (v *Verifier) isDone(number uint64) bool {
	return number < v.next && !v.isOld(number) && v.done[number/64%uint64(len(v.done))]&(1<<(number%64)) != 0
}

// mark notes that a number came out. It clears the marks of the numbers that leave the window.
func (v *Verifier) mark(number uint64) {
	if number >= v.next {
		if number-v.next >= verifyWindow {
			v.done = [len(v.done)]uint64{}
		} else {
			for n := v.next; n <= number; n++ {
				v.done[n/64%uint64(len(v.done))] &^= 1 << (n % 64)
			}
		}
		v.next = number + 1
	}
	v.done[number/64%uint64(len(v.done))] |= 1 << (number % 64)
}

func (v *Verifier) bad(err *BadError) error {
	v.stats.Bad++
	return err
}

func cloneFrame(f Frame) *Frame {
	f.Sealed = append([]byte(nil), f.Sealed...)
	return &f
}
