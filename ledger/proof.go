package ledger

import (
	"bytes"
	"fmt"
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

// Cosigned keeps what a witness has signed of a checkpoint of ours, if that is the newest.
func (s *Store) Cosigned(raw []byte, by Key) error {
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
		both, err := Joined(own.Get(c.Log[:]), raw, by)
		if err != nil {
			return err
		}
		if err := own.Put(witnessedKey(c.Log), both); err != nil {
			return err
		}
		return own.Put(c.Log[:], both)
	})
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

// witnessedKey is where the newest checkpoint of a log is that anybody has cosigned: the next one is signed before it is.
func witnessedKey(log ID) []byte { return append(log[:], 'w') }

// Newest returns our newest checkpoint of this log with the cosignatures that came, nil if none was signed.
func (s *Store) Newest() ([]byte, error) {
	return s.checkpointAt(func(log ID) []byte { return log[:] })
}

// Witnessed returns the newest checkpoint of this log that others have cosigned, nil if there is none.
func (s *Store) Witnessed() ([]byte, error) { return s.checkpointAt(witnessedKey) }

func (s *Store) checkpointAt(key func(log ID) []byte) ([]byte, error) {
	var raw []byte
	err := s.db.View(func(tx *bbolt.Tx) error {
		b, err := newBooks(txIndex{tx})
		if err == nil {
			raw = bytes.Clone(tx.Bucket(bucketOwn).Get(key(b.Log)))
		}
		return err
	})
	return raw, err
}

// CheckSeen holds this log to a checkpoint of it that somebody else has. If it is behind that one, or another, then this is an old
// copy, and to go on would sign two different things in one place. The way out is a new epoch, by Restore.
func (s *Store) CheckSeen(raw []byte) error {
	c, err := SignedBy(raw, s.key.Public())
	if err != nil {
		return err
	}
	var log ID
	var size uint64
	if err := s.View(func(b *Books) error { log, size = b.Log, b.Size; return nil }); err != nil {
		return err
	}
	if c.Log != log {
		return nil
	}
	if c.Size > size {
		return fmt.Errorf("%w: %d entries here, %d there", ErrRolledBack, size, c.Size)
	}
	root, err := s.root(c.Size)
	if err != nil {
		return err
	}
	if root != c.Root {
		return fmt.Errorf("%w: its first %d entries were others when they were signed", ErrRolledBack, c.Size)
	}
	return nil
}

// Doubt ends all writing, for a log that CheckSeen refuses: each further entry would be proof against this device.
func (s *Store) Doubt(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = err
	}
}

// root is that of the first entries of this log.
func (s *Store) root(size uint64) (root tlog.Hash, err error) {
	err = s.tree(size, func(r tlog.HashReader) (err error) {
		root, err = tlog.TreeHash(int64(size), r)
		return err
	})
	return root, err
}
