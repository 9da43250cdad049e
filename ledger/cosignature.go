package ledger

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"salon/ledger/doc"
)

// A witness signs that it has seen a log grow to a checkpoint, and when, as https://c2sp.org/tlog-cosignature says for
// Ed25519. In the note it is a signature of type 4, which is
//
//	offset  size  field, big endian
//	0       8     time, unix seconds
//	8       64    Ed25519 signature of: "cosignature/v1\n", "time <decimal>\n", the note's text
//
// It is not the signature of a log's own device (type 1) in another place: what a witness has signed is never proof that it
// showed two logs of its own.
const (
	cosignatureAlgorithm = 4
	cosignatureSize      = 8 + ed25519.SignatureSize
	maxCosignatures      = 8 // of one checkpoint that we keep
)

// A Cosigner is somebody who has seen a log, and when.
type Cosigner struct {
	By   Key
	Time int64 // unix seconds
}

func cosigned(text string, at uint64) []byte {
	return fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text)
}

// Cosign adds a cosignature to a checkpoint. It is for a witness that has seen the log grow to it, and for nobody else.
func Cosign(k doc.PrivateKey, raw []byte, now time.Time) ([]byte, error) {
	n, _, err := readCheckpoint(raw)
	if err != nil {
		return nil, err
	}
	return note.Sign(n, cosigner{k, uint64(max(now.Unix(), 0))})
}

// bare is a checkpoint with the signatures of a few alone.
func bare(raw []byte, of ...Key) ([]byte, error) {
	n, _, err := readCheckpoint(raw)
	if err != nil {
		return nil, err
	}
	n.Sigs = slices.DeleteFunc(n.Sigs, func(s note.Signature) bool {
		return !slices.ContainsFunc(of, func(k Key) bool { return k.String() == s.Name })
	})
	return note.Sign(n)
}

// Joined is a checkpoint with what somebody has cosigned of it besides, unless it has maxCosignatures. What else came with that is
// left out: a witness could invent others.
func Joined(raw, more []byte, by Key) ([]byte, error) {
	n, c, err := readCheckpoint(raw)
	if err != nil {
		return nil, err
	}
	other, d, err := readCheckpoint(more)
	if err != nil {
		return nil, err
	}
	if c.text() != d.text() {
		return nil, fmt.Errorf("%w: checkpoints of two sizes or logs", ErrMismatch)
	}
	i := slices.IndexFunc(other.Sigs, func(s note.Signature) bool {
		return s.Name == by.String() && s.Hash == keyHash(by, cosignatureAlgorithm)
	})
	if i < 0 {
		return nil, fmt.Errorf("%w: not cosigned by %s", ErrSigner, by.Short())
	}
	if len(c.Seen) < maxCosignatures && !slices.ContainsFunc(c.Seen, func(w Cosigner) bool { return w.By == by }) {
		n.Sigs = append(n.Sigs, other.Sigs[i])
	}
	return note.Sign(n)
}

// signed takes in a signature of a checkpoint that was verified.
func (c *Checkpoint) signed(s note.Signature) error {
	k, err := doc.ParsePublicKey(s.Name)
	if err != nil {
		return err
	}
	if s.Hash == keyHash(k, noteAlgorithm) {
		c.Signers = append(c.Signers, k)
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(raw) != 4+cosignatureSize {
		return fmt.Errorf("cosignature: %w", doc.ErrEncoding)
	}
	c.Seen = append(c.Seen, Cosigner{k, int64(binary.BigEndian.Uint64(raw[4:]))})
	return nil
}

type cosigner struct {
	key doc.PrivateKey
	at  uint64
}

func (s cosigner) Name() string    { return s.key.Public().String() }
func (s cosigner) KeyHash() uint32 { return keyHash(s.key.Public(), cosignatureAlgorithm) }
func (s cosigner) Sign(msg []byte) ([]byte, error) {
	if !strings.HasPrefix(string(msg), checkpointOrigin) {
		return nil, ErrKind
	}
	return append(binary.BigEndian.AppendUint64(nil, s.at), ed25519.Sign(s.key.Ed25519(), cosigned(string(msg), s.at))...), nil
}

type cosignatureVerifier Key

func (v cosignatureVerifier) Name() string    { return Key(v).String() }
func (v cosignatureVerifier) KeyHash() uint32 { return keyHash(Key(v), cosignatureAlgorithm) }
func (v cosignatureVerifier) Verify(msg, sig []byte) bool {
	if len(sig) != cosignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	return at <= math.MaxInt64 && ed25519.Verify(v[:], cosigned(string(msg), at), sig[8:])
}
