package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// WriteBackup writes the same to somebody who may be slow, while the ledger is in use: all entries that there are when it
// is called.
func (s *Store) WriteBackup(w io.Writer) (uint64, error) {
	var total uint64
	if err := s.View(func(b *Books) error { total = b.Total; return nil }); err != nil {
		return 0, err
	}
	buf := []byte(segmentMagic)
	for n := range total {
		record := s.record(n)
		if record == nil {
			return n, fmt.Errorf("%w: record %d", ErrUnknown, n)
		}
		if buf = appendFrame(buf, record); len(buf) < windowSize && n < total-1 {
			continue
		}
		if _, err := w.Write(buf); err != nil {
			return n, err
		}
		buf = buf[:0]
	}
	return total, nil
}

// KeepBackup writes to path what WriteBackup wrote, and reads it back: every record and signature is verified before the
// file has its name. What is there is replaced only if it is an older backup of the same ledger, else it is os.ErrExist.
func KeepBackup(path string, from io.Reader) (Health, error) {
	return keepBackup(osFiles{}, path, from)
}

func keepBackup(fs files, path string, from io.Reader) (Health, error) {
	fresh := path + ".new"
	if err := fs.remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Health{}, err
	}
	var h Health
	err := copyFile(fs, fresh, from)
	if err == nil {
		h, err = checkBackup(fs, fresh)
	}
	if err == nil {
		err = older(fs, path, fresh)
	}
	if err == nil {
		err = fs.rename(fresh, path)
	}
	if err != nil {
		_ = fs.remove(fresh) // what is wrong is said already
		return h, err
	}
	return h, fs.syncDir(filepath.Dir(path))
}

// older refuses to lose a file that is not an older backup of the same ledger: one that begins with the same entry, and is no
// longer. Nothing there is older than anything.
func older(fs files, path, fresh string) error {
	old, oldSize, err := firstRecord(fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: it is no backup: %w", os.ErrExist, err)
	}
	first, size, err := firstRecord(fs, fresh)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(old, first):
		return fmt.Errorf("%w: it is a backup of another ledger", os.ErrExist)
	case oldSize > size:
		return fmt.Errorf("%w: it is a backup with more entries", os.ErrExist)
	}
	return nil
}

// firstRecord reads the first record of a segment, and how long that is.
func firstRecord(fs files, path string) ([]byte, int64, error) {
	s, err := openSegment(fs, path, os.O_RDONLY)
	if err != nil {
		return nil, 0, err
	}
	defer s.close()
	size, err := s.f.size()
	if err != nil {
		return nil, 0, err
	}
	record, err := (&window{f: s.f, size: size}).frame(int64(len(segmentMagic)))
	return record, size, err
}

func copyFile(fs files, path string, from io.Reader) error {
	f, err := fs.open(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.NewOffsetWriter(f, 0), from)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// CheckBackup verifies a backup, every record and signature, and says what is in it.
func CheckBackup(path string) (Health, error) { return checkBackup(osFiles{}, path) }

func checkBackup(fs files, path string) (Health, error) {
	r, err := replaySegment(fs, path)
	h := Health{Entries: uint64(len(r.index.records)), Head: r.books.Head}
	if err != nil {
		return h, fmt.Errorf("backup: %w", err)
	}
	if h.Entries == 0 {
		return h, fmt.Errorf("%w: backup: it is empty", ErrCorrupt)
	}
	return h, nil
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
		// Who else has signed it is left out: the first entry is what witnesses are shown, and is to be short.
		if newest, err = bare(newest, head.Device); err != nil {
			return nil, err
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
