package ledger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup writes all entries to a file, while the ledger is in use. It is a segment. Notes are not in it.
func (s *Store) Backup(path string) (uint64, error) { return s.backup(osFiles{}, path) }

func (s *Store) backup(fs files, path string) (uint64, error) {
	records, err := s.records()
	if err != nil {
		return 0, err
	}
	return uint64(len(records)), writeSegment(fs, path, records)
}

// Restore makes a ledger from a backup, in a directory that has none, and opens the next epoch: the log that was backed
// up may have grown since, and to append to it would sign two different things in one place. newest is the newest
// checkpoint of that log that anybody holds, nil if nobody does. What was on sale has to be offered again.
func Restore(o Options, backup string, newest []byte) (*Store, error) {
	fs := o.fs()
	for _, name := range []string{databaseName, segmentName} {
		if _, err := os.Stat(filepath.Join(o.Dir, name)); !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s has a ledger", os.ErrExist, o.Dir)
		}
	}
	r, err := replaySegment(fs, backup)
	if err != nil {
		return nil, fmt.Errorf("backup: %w", err)
	}
	head := r.books.Head
	if head.Size == 0 {
		return nil, fmt.Errorf("%w: backup: it is empty", ErrCorrupt)
	}
	if newest != nil {
		c, err := SignedBy(newest, head.Device)
		if err != nil {
			return nil, err
		}
		if c.Log != head.Log {
			return nil, fmt.Errorf("%w: the checkpoint is of another log", ErrMismatch)
		}
		if c.Size <= head.Size {
			if err := r.consistent(c); err != nil {
				return nil, err
			}
		}
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := writeSegment(fs, filepath.Join(o.Dir, segmentName), r.index.records); err != nil {
		return nil, err
	}
	if err := rebuildDatabase(fs, o.Dir, r); err != nil {
		return nil, err
	}
	s, err := openFiles(o)
	if err != nil {
		return nil, err
	}
	if err := s.nextEpoch(o, head, newest); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) nextEpoch(o Options, head Head, newest []byte) error {
	_, err := s.Append(o.Now, func(*Books) ([]Draft, error) {
		return []Draft{{Body: &Opened{Cert: o.Cert, Epoch: head.Epoch + 1, Before: head.Log, Last: newest}}}, nil
	})
	return err
}
