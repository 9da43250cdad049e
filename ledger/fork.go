package ledger

import (
	"bytes"
	"fmt"
)

// A Fork says in which way somebody signed two different things in one place.
type Fork uint8

// The forks.
const (
	ForkEntries     Fork = iota + 1 // two entries at one height of one log
	ForkTickets                     // two tickets for one seat, of one generation
	ForkCheckpoints                 // two roots of one log at one size
	ForkReceipts                    // two receipts for one payment
	ForkGrowth                      // two roots of one log at one size: one was signed, the other is in a longer checkpoint that was
	ForkLogs                        // two logs of one epoch
	forks
)

// ProveFork checks that a and b together are proof against by. Who holds such a proof needs to believe nobody.
func ProveFork(kind Fork, by Key, a, b []byte) error {
	switch kind {
	case ForkEntries:
		return forkedEntries(by, a, b)
	case ForkTickets:
		return forkedTickets(by, a, b)
	case ForkCheckpoints:
		return forkedCheckpoints(by, a, b)
	case ForkReceipts:
		return forkedReceipts(by, a, b)
	case ForkGrowth:
		return forkedGrowth(by, a, b)
	case ForkLogs:
		return forkedLogs(by, a, b)
	}
	return fmt.Errorf("%w: fork %d", ErrKind, kind)
}

var errNoFork = fmt.Errorf("%w: no fork", ErrMismatch)

func forkedEntries(by Key, a, b []byte) error {
	x, err := ParseEntry(a)
	if err != nil {
		return err
	}
	y, err := ParseEntry(b)
	if err != nil {
		return err
	}
	if x.Log != y.Log || x.Seq != y.Seq || x.ID == y.ID {
		return errNoFork
	}
	if err := x.Verify(by); err != nil {
		return err
	}
	return y.Verify(by)
}

func forkedTickets(by Key, a, b []byte) error {
	x, xID, err := OpenDocument[Ticket](a)
	if err != nil {
		return err
	}
	y, yID, err := OpenDocument[Ticket](b)
	if err != nil {
		return err
	}
	if x.By != by || y.By != by {
		return ErrSigner
	}
	if x.seatOf() != y.seatOf() || xID == yID {
		return errNoFork
	}
	return nil
}

func forkedCheckpoints(by Key, a, b []byte) error {
	x, err := SignedBy(a, by)
	if err != nil {
		return err
	}
	y, err := SignedBy(b, by)
	if err != nil {
		return err
	}
	if x.Log != y.Log || x.Size != y.Size || x.Root == y.Root {
		return errNoFork
	}
	return nil
}

// forkedGrowth is of a log that did not grow out of what was shown of it before. That the other beginning is in the longer
// one, the proof of growth says, which nobody needs to have signed: it leads to a root that was.
func forkedGrowth(by Key, a, b []byte) error {
	short, err := SignedBy(a, by)
	if err != nil {
		return err
	}
	g, err := readGrowth(b)
	if err != nil {
		return err
	}
	long, err := SignedBy(g.Checkpoint, by)
	if err != nil {
		return err
	}
	if short.Log != long.Log || short.Size >= long.Size || g.Root == short.Root {
		return errNoFork
	}
	return g.follows(short.Size, long)
}

// forkedLogs is of a device that began anew in an epoch that it had begun: a new log is for the next one.
func forkedLogs(by Key, a, b []byte) error {
	x, err := OpenOrigin(a)
	if err != nil {
		return err
	}
	y, err := OpenOrigin(b)
	if err != nil {
		return err
	}
	if x.Device != by || y.Device != by {
		return ErrSigner
	}
	if x.Epoch != y.Epoch || x.Log == y.Log {
		return errNoFork
	}
	return nil
}

// forkedReceipts is of a payee that tells two buyers that one payment was theirs.
func forkedReceipts(by Key, a, b []byte) error {
	x, _, err := OpenDocument[Receipt](a)
	if err != nil {
		return err
	}
	y, _, err := OpenDocument[Receipt](b)
	if err != nil {
		return err
	}
	if x.By != by || y.By != by {
		return ErrSigner
	}
	if x.Rail != y.Rail || !bytes.Equal(x.Proof, y.Proof) || x.Quote == y.Quote {
		return errNoFork
	}
	return nil
}

func (*Freeze) Kind() Kind { return KindFreeze }

func (f *Freeze) names() []name {
	kind := [forks]string{ForkEntries: entryKind, ForkTickets: Ticket{}.kind(), ForkCheckpoints: checkpointKind, ForkReceipts: Receipt{}.kind(),
		ForkGrowth: checkpointKind, ForkLogs: entryKind}[f.Fork%forks]
	if f.Fork == ForkGrowth {
		return []name{{kind, f.A}, {growthKind, f.B}}
	}
	return []name{{kind, f.A}, {kind, f.B}}
}

func (f *Freeze) check() error {
	if f.Fork == 0 || f.Fork >= forks || f.By.IsZero() || f.A == f.B {
		return fieldError("fork %d", f.Fork)
	}
	return nil
}

// apply remembers not to buy from a device again that was caught.
func (f *Freeze) apply(b *Books, e Entry) error {
	if err := ProveFork(f.Fork, f.By, e.Docs[0], e.Docs[1]); err != nil {
		return err
	}
	b.save(keyFrozen+bytesOf(f.By), true)
	return b.err
}

// Frozen reports whether a device was caught signing two things in one place.
func (b *Books) Frozen(device Key) bool {
	frozen, _ := load[bool](b, keyFrozen+bytesOf(device))
	return frozen
}
