package relay

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// An Evidence is as good as the word of who sends it, for anybody can break a frame that was sound. So it bears that word,
// signed, and whoever passes it on can neither make one up nor turn it against another.

// A word is what the author of an Evidence signs.
type word struct {
	Room    [16]byte `cbor:"1,keyasint"`
	Against []byte   `cbor:"2,keyasint"` // as in the Evidence
	Packet  [16]byte `cbor:"3,keyasint"` // SHA-256 of the Evidence's, truncated
	Time    int64    `cbor:"4,keyasint"` // unix ms by its author's clock
}

const (
	kindWord = "evidence"
	maxWord  = 700 // bytes

	// wordLasts is how long an Evidence may be on its way: it waits where there is no way up.
	wordLasts = time.Minute
)

// ErrEvidence means an Evidence that shows nothing.
var ErrEvidence = errors.New("relay: not evidence")

// What an Evidence shows.
const (
	Altered = "altered" // a frame that is not the one its source signed
	Forged  = "forged"  // an auth that its source did not sign
)

// Sign adds the word of who says it.
func (e Evidence) Sign(id *doc.Identity, room [16]byte, now time.Time) (Evidence, error) {
	var err error
	e.Word, err = id.Sign(kindWord, word{room, e.Against, digestPacket(e.Packet), now.UnixMilli()})
	return e, err
}

func digestPacket(b []byte) [16]byte {
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

// A Proof is an Evidence that was opened.
type Proof struct {
	Evidence Evidence
	What     string     // Altered or Forged
	By       doc.Author // who says so
	At       time.Time  // when, by their clock
	Frame    *Frame     // nil if it was forged
	Auth     *Auth
}

// Keys say whose signature what was sealed under a KID bears, if that is known.
type Keys = func(kid uint64) (ed25519.PublicKey, bool)

// IsSignedBy reports whether one of these keys signed the auth. Of those who may have led a room too it is no evidence: two devices of
// one person may have come to one KID.
func (p Proof) IsSignedBy(keys []ed25519.PublicKey, room [16]byte) bool {
	msg := p.Auth.signedBytes(nil, room)
	return slices.ContainsFunc(keys, func(key ed25519.PublicKey) bool {
		return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, msg, p.Auth.Sig[:])
	})
}

// Open checks what can be checked of an Evidence about a room: that its author signed it lately, and that what it holds is
// not what the source sent. key is as in NewVerifier; without the source's key it shows nothing.
func (e Evidence) Open(room [16]byte, key Keys, now time.Time) (Proof, error) {
	return e.open(room, key, wordLasts, now)
}

// open is Open of a word that may be as old as within.
func (e Evidence) open(room [16]byte, key Keys, within time.Duration, now time.Time) (Proof, error) {
	var w word
	if len(e.Word) > maxWord || len(e.Packet) > MaxPacket {
		return Proof{}, fmt.Errorf("%w: %d bytes, and a word of %d", ErrEvidence, len(e.Packet), len(e.Word))
	}
	if _, err := doc.Peek(e.Word, &w); err != nil {
		return Proof{}, err
	}
	age := now.Sub(time.UnixMilli(w.Time))
	if w.Room != room || Peer(w.Against) != Peer(e.Against) || w.Packet != digestPacket(e.Packet) || age > within+doc.Skew || age < -doc.Skew {
		return Proof{}, fmt.Errorf("%w: the word is about something else", ErrEvidence)
	}
	proof, err := examine(e.Packet, room, key)
	if err != nil {
		return Proof{}, err
	}
	proof.Evidence, proof.At, w = e, time.UnixMilli(w.Time), word{}
	proof.By, err = doc.Open(kindWord, e.Word, now, &w)
	return proof, err
}

// examine finds out what a packet shows.
func examine(packet []byte, room [16]byte, key func(kid uint64) (ed25519.PublicKey, bool)) (Proof, error) {
	var pkt Packet
	if err := pkt.Parse(packet); err != nil {
		return Proof{}, err
	}
	if len(pkt.Auths) != 1 || len(pkt.Frames) > 1 {
		return Proof{}, fmt.Errorf("%w: %d frames and %d auths", ErrEvidence, len(pkt.Frames), len(pkt.Auths))
	}
	a := &pkt.Auths[0]
	signer, ok := key(a.KID)
	if !ok || len(signer) != ed25519.PublicKeySize {
		return Proof{}, fmt.Errorf("%w: of a source that is not known", ErrEvidence)
	}
	signed := ed25519.Verify(signer, a.signedBytes(nil, room), a.Sig[:])
	switch {
	case !signed && len(pkt.Frames) == 0:
		return Proof{What: Forged, Auth: a}, nil
	case !signed || len(pkt.Frames) == 0:
		return Proof{}, fmt.Errorf("%w: a frame and no auth, or an auth that is good", ErrEvidence)
	}
	f := &pkt.Frames[0]
	if f.Slot != a.Slot || f.Number < a.First || f.Number > a.Last() {
		return Proof{}, fmt.Errorf("%w: the auth is not of the frame", ErrEvidence)
	}
	var h hasher
	if h.sum(*f) == a.Hashes[f.Number-a.First] {
		return Proof{}, fmt.Errorf("%w: the frame is its source's", ErrEvidence)
	}
	return Proof{What: Altered, Frame: f, Auth: a}, nil
}
