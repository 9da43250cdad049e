package relay

import (
	"crypto/ed25519"
	"crypto/sha256"
	"time"
)

// authDomain keeps a signature over an auth from meaning anything anywhere else.
const authDomain = "salon/auth/1"

// An Auth is the source's signature over up to AuthBatch frames, contiguous in number and in SFrame counter.
type Auth struct {
	Slot     Slot
	KID      uint64     // the SFrame key of these frames: room key epoch, slot, incarnation of the source
	First    uint64     // number of the first frame
	FirstCTR uint64     // SFrame counter of the first frame
	Time     int64      // when the first frame was captured by the source's clock, in unix microseconds
	Prev     [16]byte   // Digest of the previous auth of this KID, zero for the first
	Hashes   [][16]byte // one per frame: SHA-256 over its metadata and sealed bytes, truncated
	Sig      [64]byte   // Ed25519 over domain, room and all of the above
}

// Last is the number of the frame that completes the auth.
func (a *Auth) Last() uint64 { return a.First + uint64(len(a.Hashes)) - 1 }

// Clone is a copy that shares no memory with a.
func (a *Auth) Clone() *Auth {
	c := *a
	c.Hashes = append([][16]byte(nil), a.Hashes...)
	return &c
}

// Digest is what the next auth of the same KID carries as Prev.
func (a *Auth) Digest() [16]byte {
	var buf [maxAuthSize]byte
	b := a.appendSigned(buf[:0])
	b = append(b, a.Sig[:]...)
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

const maxAuthSize = authFixed + 16*AuthBatch + 64

// signedBytes appends the whole of what is signed.
func (a *Auth) signedBytes(b []byte, room [16]byte) []byte {
	b = append(b, authDomain...)
	b = append(b, 0)
	b = append(b, room[:]...)
	return a.appendSigned(b)
}

// A Signer signs the frames of one source under one KID, in the order in which they were sealed.
type Signer struct {
	room [16]byte
	key  ed25519.PrivateKey
	next Auth   // being filled
	ctr  uint64 // SFrame counter of the frame that is added next
	hash hasher
	buf  []byte
}

// NewSigner returns the signer of one KID's frames, whose SFrame counter starts at 0.
func NewSigner(room [16]byte, slot Slot, kid uint64, key ed25519.PrivateKey) *Signer {
	return &Signer{room: room, key: key, next: Auth{Slot: slot, KID: kid}}
}

// Add takes note of the next sealed frame and when its sound was captured. It returns an auth, and true, when the frame
// completes one, and also when the frame does not follow the one before: then the auth is of the frames before it.
// The auth is the caller's to keep.
func (s *Signer) Add(f Frame, captured time.Time) (*Auth, bool) {
	var done *Auth
	if n := len(s.next.Hashes); n > 0 && f.Number != s.next.First+uint64(n) {
		done, _ = s.Flush()
	}
	if len(s.next.Hashes) == 0 {
		s.next.First, s.next.FirstCTR, s.next.Time = f.Number, s.ctr, captured.UnixMicro()
	}
	s.ctr++
	s.next.Hashes = append(s.next.Hashes, s.hash.sum(f))
	if len(s.next.Hashes) == AuthBatch {
		return s.Flush()
	}
	return done, done != nil
}

// Flush signs the frames added since the last auth, if there are any: a source that falls silent calls it.
func (s *Signer) Flush() (*Auth, bool) {
	if len(s.next.Hashes) == 0 {
		return nil, false
	}
	a := s.next
	s.buf = a.signedBytes(s.buf[:0], s.room)
	copy(a.Sig[:], ed25519.Sign(s.key, s.buf))
	s.next = Auth{Slot: a.Slot, KID: a.KID, Prev: a.Digest(), Hashes: make([][16]byte, 0, AuthBatch)}
	return &a, true
}

// A hasher computes frames' hashes in memory of its own.
type hasher struct{ buf []byte }

func (h *hasher) sum(f Frame) [16]byte {
	h.buf = f.AppendMeta(h.buf[:0])
	h.buf = append(h.buf, f.Sealed...)
	sum := sha256.Sum256(h.buf)
	return [16]byte(sum[:16])
}
