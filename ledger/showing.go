package ledger

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"salon/ledger/doc"
)

// What is shown of a log to somebody who shall not see its entries: whose it is, how long, and that it only grew.

// An Origin says whose a log is. The log's first entry says it, and its ID is that of the log, so that nobody speaks for
// somebody else's.
type Origin struct {
	Log    ID
	Person Key
	Device Key
	Epoch  uint32
	Before ID // the log of the epoch before
	Time   int64
}

// maxOrigin bounds a first entry that a witness keeps: a certificate, and a checkpoint of the log before it.
const maxOrigin = 4 << 10

// OpenOrigin reads the first entry of a log, and verifies it.
func OpenOrigin(raw []byte) (Origin, error) {
	if len(raw) > maxOrigin {
		return Origin{}, fmt.Errorf("origin: %w: %d bytes", doc.ErrTooLarge, len(raw))
	}
	e, err := ParseEntry(raw)
	if err != nil {
		return Origin{}, err
	}
	h, err := Head{}.Follow(e)
	return Origin{Log: h.Log, Person: h.Person, Device: h.Device, Epoch: h.Epoch, Before: h.Before, Time: e.Time}, err
}

// A Growth is a checkpoint, and the proof that it grew from a smaller size, at which the root was Root.
type Growth struct {
	_          struct{} `cbor:",toarray"`
	Checkpoint []byte
	Root       tlog.Hash
	Proof      tlog.TreeProof
}

const (
	growthKind = "growth"
	maxShown   = 4 << 10 // bytes of a checkpoint that is shown: each of its signatures is verified, which takes its time
	maxPath    = 64      // hashes: the tree of 2^63 entries has no more levels
)

func readGrowth(raw []byte) (g Growth, err error) {
	if len(raw) > maxShown+maxPath*40 {
		return g, fmt.Errorf("growth: %w: %d bytes", doc.ErrTooLarge, len(raw))
	}
	if err := doc.Unmarshal(raw, &g); err != nil {
		return g, fmt.Errorf("growth: %w", err)
	}
	return g, g.check()
}

func (g Growth) check() error {
	if len(g.Checkpoint) > maxShown {
		return fmt.Errorf("growth: %w: a checkpoint of %d bytes", doc.ErrTooLarge, len(g.Checkpoint))
	}
	if len(g.Proof) > maxPath {
		return fmt.Errorf("growth: %w: %d hashes", doc.ErrTooLarge, len(g.Proof))
	}
	return nil
}

// follows checks that a checkpoint has a beginning of that size, whose root is Root.
func (g Growth) follows(from uint64, to Checkpoint) error {
	if from == 0 || from > to.Size || len(g.Proof) > maxPath {
		return fmt.Errorf("%w: growth from %d to %d", ErrMismatch, from, to.Size)
	}
	if err := tlog.CheckTree(g.Proof, int64(to.Size), to.Root, int64(from), g.Root); err != nil {
		return fmt.Errorf("%w: growth from %d to %d: %w", ErrMismatch, from, to.Size, err)
	}
	return nil
}

// A Showing is what somebody shows of a log: mostly its owner, but it may be anybody to whom it was shown.
type Showing struct {
	_      struct{} `cbor:",toarray"`
	Open   []byte   // the first entry
	From   uint64   // the size that it is proven to have grown from; 0 if nothing is proven
	Growth Growth
}

// A ForkProof is a fork as it is shown to others: it says itself against whom it is.
type ForkProof struct {
	_    struct{} `cbor:",toarray"`
	Kind Fork
	Open []byte // of the log, or of one of the two
	A, B []byte
}

// Verify checks a proof, and says whose device was caught.
func (p ForkProof) Verify() (Origin, error) {
	o, err := OpenOrigin(p.Open)
	if err != nil {
		return o, err
	}
	if p.Kind != ForkCheckpoints && p.Kind != ForkGrowth && p.Kind != ForkLogs {
		return o, fmt.Errorf("%w: fork %d", ErrKind, p.Kind)
	}
	if len(p.A) > maxShown || len(p.B) > maxShown+maxPath*40 {
		return o, fmt.Errorf("fork: %w", doc.ErrTooLarge)
	}
	if p.Kind != ForkLogs {
		c, err := OpenCheckpoint(p.A)
		if err != nil {
			return o, err
		}
		if c.Log != o.Log {
			return o, errNoFork
		}
	}
	return o, ProveFork(p.Kind, o.Device, p.A, p.B)
}

// A ForkedError is that somebody was caught.
type ForkedError struct{ Proof ForkProof }

func (e *ForkedError) Error() string { return ErrFrozen.Error() }
func (e *ForkedError) Unwrap() error { return ErrFrozen }

// A KeptError says what was seen before of a log. If that is longer than what was shown, this is an old copy; else who shows
// must prove that it grew from there.
type KeptError struct{ Kept []byte }

func (e *KeptError) Error() string { return "ledger: not proven to grow from what was seen of it" }

// ErrUnproven means that a log was not proven to grow from what was seen before.
var ErrUnproven = errors.New("ledger: a log that is not proven to have grown from what was seen of it")

func (e *KeptError) Unwrap() error { return ErrUnproven }

// Read opens what is shown of a log, and verifies all but that it grew.
func (s Showing) Read() (Origin, Checkpoint, error) {
	o, err := OpenOrigin(s.Open)
	if err != nil {
		return o, Checkpoint{}, err
	}
	if err := s.Growth.check(); err != nil {
		return o, Checkpoint{}, err
	}
	c, err := SignedBy(s.Growth.Checkpoint, o.Device)
	if err == nil && c.Log != o.Log {
		err = mismatch("a checkpoint of another log")
	}
	return o, c, err
}

// Judge is the rule of a witness: given what it has kept of the log of that device and epoch, nil if nothing, may it sign what
// is shown? It says the same whenever it is asked.
func (s Showing) Judge(kept *Sighting) error {
	o, c, err := s.Read()
	if err != nil || kept == nil {
		return err
	}
	before, err := OpenOrigin(kept.Open)
	if err != nil {
		return fmt.Errorf("%w: what was kept: %w", ErrCorrupt, err)
	}
	if before.Device != o.Device || before.Epoch != o.Epoch {
		return fmt.Errorf("%w: kept of another log", ErrCorrupt)
	}
	forked := func(kind Fork, a, b []byte) error {
		return &ForkedError{ForkProof{Kind: kind, Open: kept.Open, A: a, B: b}}
	}
	if before.Log != o.Log {
		return forked(ForkLogs, kept.Open, s.Open)
	}
	from, err := SignedBy(kept.Checkpoint, o.Device)
	if err != nil {
		return fmt.Errorf("%w: what was kept: %w", ErrCorrupt, err)
	}
	switch {
	case from.Size == c.Size && from.Root == c.Root:
		return nil
	case from.Size == c.Size:
		return forked(ForkCheckpoints, kept.Checkpoint, s.Growth.Checkpoint)
	case from.Size > c.Size || s.From != from.Size:
		return &KeptError{kept.Checkpoint}
	}
	if err := s.Growth.follows(from.Size, c); err != nil {
		return err
	}
	if s.Growth.Root == from.Root {
		return nil
	}
	raw, err := doc.Marshal(s.Growth)
	if err != nil {
		return err
	}
	return forked(ForkGrowth, kept.Checkpoint, raw)
}

// Checkpoints are those that a proof is made of.
func (p ForkProof) Checkpoints() [][]byte {
	switch p.Kind {
	case ForkCheckpoints:
		return [][]byte{p.A, p.B}
	case ForkGrowth:
		if g, err := readGrowth(p.B); err == nil {
			return [][]byte{p.A, g.Checkpoint}
		}
	}
	return nil
}

// IsOf reports whether a proof is about a log: that one was shown in two versions, or is one of two.
func (p ForkProof) IsOf(log ID) bool {
	for _, raw := range [][]byte{p.Open, p.A, p.B} {
		if e, err := ParseEntry(raw); err == nil && e.Log == log {
			return true
		}
	}
	return false
}
