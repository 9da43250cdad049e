package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint signs how far the log is. It is on disk, and so is the segment, before it is returned.
func (s *Store) Checkpoint(now time.Time) ([]byte, error) {
	var raw []byte
	err := s.update(func(tx *bbolt.Tx) error {
		if err := s.seg.sync(); err != nil {
			return err
		}
		b, err := newBooks(txIndex{tx})
		if err != nil {
			return err
		}
		w, err := newWriter(tx)
		if err != nil {
			return err
		}
		root, err := tlog.TreeHash(int64(b.Size), tlog.HashReaderFunc(w.read))
		if err != nil {
			return err
		}
		own := tx.Bucket(bucketOwn)
		if old := own.Get(b.Log[:]); old != nil {
			if c, err := OpenCheckpoint(old); err == nil && c.Size == b.Size && c.Root == root {
				raw = bytes.Clone(old) // with the cosignatures that it has
				return nil
			}
		}
		raw, err = SignCheckpoint(s.key, Checkpoint{Log: b.Log, Size: b.Size, Root: root, Time: max(b.Time, now.UnixMilli())})
		if err != nil {
			return err
		}
		return own.Put(b.Log[:], raw)
	})
	return raw, err
}

// Cosigned keeps a checkpoint of ours that came back from a witness, if it is the newest.
func (s *Store) Cosigned(raw []byte) error {
	c, err := SignedBy(raw, s.key.Public())
	if err != nil {
		return err
	}
	return s.update(func(tx *bbolt.Tx) error {
		own := tx.Bucket(bucketOwn)
		old, err := OpenCheckpoint(own.Get(c.Log[:]))
		if err != nil {
			return err
		}
		if old.text() != c.text() {
			return fmt.Errorf("%w: it is not our newest checkpoint", ErrMismatch)
		}
		if len(c.Signers) <= len(old.Signers) {
			return nil
		}
		return own.Put(c.Log[:], raw)
	})
}

// Witness signs a checkpoint of somebody else's log, if the log only grew since the last one that was seen. What it
// signs is on disk before it is returned. An ErrFrozen comes with the checkpoint that this one contradicts.
func (s *Store) Witness(raw []byte, device Key, proof tlog.TreeProof) (cosigned, kept []byte, err error) {
	c, err := SignedBy(raw, device)
	if err != nil {
		return nil, nil, err
	}
	err = s.update(func(tx *bbolt.Tx) error {
		seen := tx.Bucket(bucketSeen)
		key := slices.Concat(c.Log[:], device[:])
		kept = bytes.Clone(seen.Get(key))
		newest, err := see(kept, raw, device, proof)
		if err != nil {
			return err
		}
		return seen.Put(key, newest)
	})
	if err != nil {
		return nil, kept, err
	}
	cosigned, err = Cosign(s.key, raw)
	return cosigned, kept, err
}

// ProveEntry proves that an entry is in the log at a size; with the checkpoint of that size it needs no trust.
func (s *Store) ProveEntry(seq, size uint64) (tlog.RecordProof, error) {
	var p tlog.RecordProof
	err := s.tree(size, func(r tlog.HashReader) (err error) {
		if seq >= size {
			return fmt.Errorf("%w: entry %d of %d", ErrUnknown, seq, size)
		}
		p, err = tlog.ProveRecord(int64(size), int64(seq), r)
		return err
	})
	return p, err
}

// ProveGrowth proves that the log of one size is the beginning of that of another.
func (s *Store) ProveGrowth(from, to uint64) (tlog.TreeProof, error) {
	var p tlog.TreeProof
	err := s.tree(to, func(r tlog.HashReader) (err error) {
		if from == 0 || from > to {
			return fmt.Errorf("%w: size %d of %d", ErrUnknown, from, to)
		}
		p, err = tlog.ProveTree(int64(to), int64(from), r)
		return err
	})
	return p, err
}

func (s *Store) tree(size uint64, f func(tlog.HashReader) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		w, err := newWriter(tx)
		if err != nil {
			return err
		}
		b, err := newBooks(txIndex{tx})
		if err != nil {
			return err
		}
		if size > b.Size {
			return fmt.Errorf("%w: size %d of %d", ErrUnknown, size, b.Size)
		}
		return f(tlog.HashReaderFunc(w.read))
	})
}

// CheckSeen refuses a log that is behind a checkpoint of it that somebody else kept: then this is an old copy, and to
// go on would sign two different things in one place. The way out is a new epoch, by Restore.
func (s *Store) CheckSeen(raw []byte) error {
	c, err := SignedBy(raw, s.key.Public())
	if err != nil {
		return err
	}
	return s.View(func(b *Books) error {
		if c.Log == b.Log && c.Size > b.Size {
			return fmt.Errorf("%w: %d entries here, %d there", ErrRolledBack, b.Size, c.Size)
		}
		return nil
	})
}

// A witness keeps, of every log of somebody else, the newest checkpoint that it has seen. What it has signed once
// it never contradicts.
//
// see returns the checkpoint to keep: the newer one, if the log grew to it. An error that is ErrFrozen means that the
// log's owner has shown two different logs.
func see(kept, raw []byte, device Key, proof tlog.TreeProof) ([]byte, error) {
	c, err := SignedBy(raw, device)
	if err != nil || kept == nil {
		return raw, err
	}
	from, err := SignedBy(kept, device)
	if err != nil {
		return nil, fmt.Errorf("%w: the checkpoint that was kept: %w", ErrCorrupt, err)
	}
	if err := c.Grows(from, proof); err != nil {
		return nil, err
	}
	return raw, nil
}
