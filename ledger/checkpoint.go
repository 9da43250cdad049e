package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"salon/ledger/doc"
)

// A Checkpoint says how long a log is, and the root of its tree (RFC 6962, over the entries' bytes without signatures).
// It travels as a signed note (golang.org/x/mod/sumdb/note), so that others can add their signatures to it:
//
//	salon/ledger-checkpoint/1/<log, hex>
//	<size>
//	<root, base64>
//	<time, unix milliseconds>
//
//	— <key of the log's device> <signature>
//	— <key of a witness> <cosignature, see cosignature.go>
//
// The name of a signer is its key, so that who reads a note needs no list of keys to verify it.
type Checkpoint struct {
	Log     ID
	Size    uint64
	Root    tlog.Hash
	Time    int64
	Signers []Key      // who say that the log is theirs, and whose signatures verify
	Seen    []Cosigner // who have seen the log grow to this, likewise
}

const (
	checkpointKind   = "checkpoint"
	checkpointOrigin = "salon/ledger-checkpoint/1/"
	maxCheckpoint    = 16 << 10
	noteAlgorithm    = 1 // Ed25519
)

func (c Checkpoint) text() string {
	return fmt.Sprintf("%s%s\n%d\n%s\n%d\n", checkpointOrigin, c.Log, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]), c.Time)
}

// SignCheckpoint makes a note of a checkpoint.
func SignCheckpoint(k doc.PrivateKey, c Checkpoint) ([]byte, error) {
	if c.Size == 0 || c.Log.IsZero() {
		return nil, fieldError("a checkpoint of nothing")
	}
	return note.Sign(&note.Note{Text: c.text()}, noteSigner{k})
}

// OpenCheckpoint reads a checkpoint and verifies every signature on it.
func OpenCheckpoint(raw []byte) (Checkpoint, error) {
	_, c, err := readCheckpoint(raw)
	return c, err
}

// SignedBy is OpenCheckpoint for a log whose device is known: without its signature a checkpoint says nothing.
func SignedBy(raw []byte, device Key) (Checkpoint, error) {
	c, err := OpenCheckpoint(raw)
	if err == nil && !slices.Contains(c.Signers, device) {
		err = fmt.Errorf("checkpoint: %w", ErrSigner)
	}
	return c, err
}

// Witnesses counts who else than the log's own device has seen it.
func (c Checkpoint) Witnesses(device Key) int {
	n := 0
	for _, w := range c.Seen {
		if w.By != device {
			n++
		}
	}
	return n
}

func readCheckpoint(raw []byte) (*note.Note, Checkpoint, error) {
	if len(raw) > maxCheckpoint {
		return nil, Checkpoint{}, fmt.Errorf("checkpoint: %w: %d bytes", doc.ErrTooLarge, len(raw))
	}
	n, err := note.Open(raw, keysAreNames{})
	if err != nil {
		return nil, Checkpoint{}, fmt.Errorf("checkpoint: %w: %w", doc.ErrSignature, err)
	}
	if len(n.UnverifiedSigs) > 0 {
		return nil, Checkpoint{}, fmt.Errorf("checkpoint: %w: a signer that is no key", doc.ErrSignature)
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return nil, Checkpoint{}, err
	}
	for _, s := range n.Sigs {
		if err := c.signed(s); err != nil {
			return nil, Checkpoint{}, err
		}
	}
	return n, c, nil
}

func parseCheckpoint(text string) (Checkpoint, error) {
	var c Checkpoint
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[4] != "" {
		return c, fmt.Errorf("checkpoint: %w: %d lines", doc.ErrEncoding, len(lines))
	}
	log, err1 := hex.DecodeString(strings.TrimPrefix(lines[0], checkpointOrigin))
	size, err2 := strconv.ParseUint(lines[1], 10, 63)
	root, err3 := base64.StdEncoding.DecodeString(lines[2])
	at, err4 := strconv.ParseInt(lines[3], 10, 64)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return c, fmt.Errorf("checkpoint: %w: %w", doc.ErrEncoding, err)
	}
	copy(c.Log[:], log)
	copy(c.Root[:], root)
	c.Size, c.Time = size, at
	if c.text() != text || size == 0 { // one value, one text
		return c, fmt.Errorf("checkpoint: %w", doc.ErrEncoding)
	}
	return c, checkTimes(at)
}

// Grows checks that a log only grew from one checkpoint to another, by a proof that its owner gives. If it did not, the
// two are a fork: at one size by themselves, else together with the entries.
func (c Checkpoint) Grows(from Checkpoint, proof tlog.TreeProof) error {
	switch {
	case c.Log != from.Log:
		return mismatch("checkpoints of two logs")
	case c.Size < from.Size:
		return fmt.Errorf("%w: %d entries, %d were there", ErrRolledBack, c.Size, from.Size)
	case c.Size == from.Size && c.Root == from.Root:
		return nil
	case c.Size == from.Size:
		return ErrFrozen
	}
	if err := tlog.CheckTree(proof, int64(c.Size), c.Root, int64(from.Size), from.Root); err != nil {
		return fmt.Errorf("%w: %w", ErrFrozen, err)
	}
	return nil
}

// Includes checks, by a proof, that an entry is in the log at its height.
func (c Checkpoint) Includes(e Entry, proof tlog.RecordProof) error {
	if e.Log != c.Log || e.Seq >= c.Size {
		return fmt.Errorf("%w: entry %d", ErrUnknown, e.Seq)
	}
	if err := tlog.CheckRecord(proof, int64(c.Size), c.Root, int64(e.Seq), e.leaf()); err != nil {
		return fmt.Errorf("%w: entry %d: %w", ErrMismatch, e.Seq, err)
	}
	return nil
}

// leaf is the entry's hash in the tree.
func (e Entry) leaf() tlog.Hash { return tlog.RecordHash(e.signed.Body) }

func keyHash(k Key, algorithm byte) uint32 {
	h := sha256.New()
	h.Write([]byte(k.String() + "\n"))
	h.Write([]byte{algorithm})
	h.Write(k[:])
	return binary.BigEndian.Uint32(h.Sum(nil))
}

type noteSigner struct{ key doc.PrivateKey }

func (s noteSigner) Name() string    { return s.key.Public().String() }
func (s noteSigner) KeyHash() uint32 { return keyHash(s.key.Public(), noteAlgorithm) }
func (s noteSigner) Sign(msg []byte) ([]byte, error) {
	if !strings.HasPrefix(string(msg), checkpointOrigin) {
		return nil, ErrKind
	}
	return ed25519.Sign(s.key.Ed25519(), msg), nil
}

type noteVerifier Key

func (v noteVerifier) Name() string                { return Key(v).String() }
func (v noteVerifier) KeyHash() uint32             { return keyHash(Key(v), noteAlgorithm) }
func (v noteVerifier) Verify(msg, sig []byte) bool { return ed25519.Verify(v[:], msg, sig) }

type keysAreNames struct{}

func (keysAreNames) Verifier(name string, hash uint32) (note.Verifier, error) {
	k, err := doc.ParsePublicKey(name)
	if err == nil && k.String() == name {
		switch hash {
		case keyHash(k, noteAlgorithm):
			return noteVerifier(k), nil
		case keyHash(k, cosignatureAlgorithm):
			return cosignatureVerifier(k), nil
		}
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

// Same reports whether two checkpoints say the same, whoever signed them.
func (c Checkpoint) Same(d Checkpoint) bool { return c.text() == d.text() }
