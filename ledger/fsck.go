package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/tlog"
)

// Health is what Fsck found.
type Health struct {
	Entries  uint64   // that are good
	Head     Head     // after the last of them
	Problems []error  // each says where; empty if all is well
	Repaired []string // what was done about them
}

// replica is a ledger in memory, replayed from records: what the database must be.
type replica struct {
	books *Books
	index *memory
	trees map[uint32]*tree // by epoch

	whole  bool   // every record was good, up to the end
	claims uint64 // how many there should be, as far as the damaged database tells
}

func newReplica() *replica {
	m := newMemory()
	return &replica{books: &Books{ix: m}, index: m, trees: map[uint32]*tree{}}
}

// take takes the next entry, whose signatures are verified.
func (r *replica) take(record []byte, e Entry) error {
	d := newDraft(r.index, uint64(len(r.index.records)))
	b, err := newBooks(d)
	if err != nil {
		return err
	}
	if err := b.apply(e); err != nil {
		return err
	}
	d.keep()
	r.index.records = append(r.index.records, record)
	b.ix = r.index
	r.books = b
	t := r.trees[b.Epoch]
	if t == nil {
		t = &tree{}
		r.trees[b.Epoch] = t
	}
	return t.add(e)
}

// Fsck walks every byte of a ledger that is not open: records, signatures, chain, documents, tree, books, and both
// copies against each other. With repair it writes the damaged copy anew from the other. It needs no key.
//
// What it cannot see is the end of both copies cut off alike: that, a checkpoint that somebody else holds shows.
func Fsck(dir string, repair bool) (Health, error) {
	return fsck(osFiles{}, dir, repair)
}

func fsck(fs files, dir string, repair bool) (Health, error) {
	var rep Health
	dbPath, segPath := filepath.Join(dir, databaseName), filepath.Join(dir, segmentName)

	// Who has it open must close it first, whatever state it is in.
	if db, err := openDatabase(dbPath, true); errors.Is(err, ErrInUse) {
		return rep, err
	} else if err == nil {
		if err := db.Close(); err != nil {
			return rep, err
		}
	}

	fromSegment, segErr := replaySegment(fs, segPath)
	fromDatabase, dbErr := replayDatabase(dbPath)
	seg, db := uint64(len(fromSegment.index.records)), uint64(len(fromDatabase.index.records))
	for n := range min(seg, db) {
		if !bytes.Equal(fromSegment.index.records[n], fromDatabase.index.records[n]) {
			// Both are signed; which one is true, nobody here can say.
			rep.Problems = append(rep.Problems, fmt.Errorf("%w: entry %d is another in the database than in the segment", ErrCorrupt, n))
			return rep, nil
		}
	}
	good := fromDatabase
	if seg > db || seg == db && !fromDatabase.whole {
		good = fromSegment
	}
	rep.Entries, rep.Head = uint64(len(good.index.records)), good.books.Head
	if segErr != nil {
		rep.Problems = append(rep.Problems, segErr)
	} else if seg < db {
		rep.Problems = append(rep.Problems, fmt.Errorf("%w: segment: it ends after %d entries, the database has %d", ErrCorrupt, seg, db))
	}
	if dbErr != nil {
		rep.Problems = append(rep.Problems, dbErr)
	} else if db < seg {
		rep.Problems = append(rep.Problems, fmt.Errorf("%w: database: it ends after %d entries, the segment has %d", ErrCorrupt, db, seg))
	}
	if len(rep.Problems) == 0 || !repair {
		return rep, nil
	}
	// To go on from a log whose end is lost would sign two different things in one place.
	if !good.whole || rep.Entries == 0 || rep.Entries < fromDatabase.claims {
		return rep, fmt.Errorf("%w: no copy is whole; restore a backup, which opens a new epoch", ErrCorrupt)
	}
	if dbErr != nil || db < seg {
		if err := rebuildDatabase(fs, dir, good); err != nil {
			return rep, err
		}
		rep.Repaired = append(rep.Repaired, fmt.Sprintf("database written anew, %d entries", rep.Entries))
	}
	if segErr != nil || seg < db {
		if err := writeSegment(fs, segPath, good.index.records); err != nil {
			return rep, err
		}
		rep.Repaired = append(rep.Repaired, fmt.Sprintf("segment written anew, %d entries", rep.Entries))
	}
	return rep, nil
}

// replaySegment verifies and replays a segment, up to the first damage.
func replaySegment(fs files, path string) (*replica, error) {
	r := newReplica()
	s, err := openSegment(fs, path, os.O_RDONLY)
	if err != nil {
		return r, fmt.Errorf("segment: %w", err)
	}
	defer s.close()
	size, err := s.f.size()
	if err != nil {
		return r, err
	}
	w, at, offsets := &window{f: s.f, size: size}, int64(len(segmentMagic)), []int64{}
	n, err := verifyAll(func() ([]byte, error) {
		if at == size {
			return nil, nil
		}
		record, err := w.frame(at)
		if err == nil {
			offsets = append(offsets, at)
			at += frameHeader + int64(len(record))
		}
		return record, err
	}, func(_ uint64, record []byte, e Entry) error { return r.take(record, e) })
	if err != nil {
		damage := &DamageError{File: "segment", Record: n, Offset: at, Err: err}
		if n < uint64(len(offsets)) {
			damage.Offset = offsets[n]
		}
		if inner := (*DamageError)(nil); errors.As(err, &inner) {
			damage.Err, damage.Torn = inner.Err, inner.Torn
		}
		return r, damage
	}
	r.whole = true
	return r, nil
}

// replayDatabase verifies and replays the records of a database, and then compares everything else in it with what
// follows from them. A damaged file may make bbolt panic, or point outside of it.
func replayDatabase(path string) (r *replica, err error) {
	r = newReplica()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: database: %v", ErrCorrupt, p)
		}
	}()
	db, err := openDatabase(path, true)
	if err != nil {
		return r, err
	}
	defer db.Close()
	return r, db.View(r.replay)
}

// replay verifies and replays the records that a transaction sees, and compares the rest of the database with them.
func (r *replica) replay(tx *bbolt.Tx) error {
	for _, name := range buckets {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: database: bucket %s is missing", ErrCorrupt, name)
		}
	}
	if b, err := newBooks(txIndex{tx}); err == nil {
		r.claims = b.Total
	}
	// Read first, verify then: a page that cannot be read must make this goroutine panic, not another.
	var records [][]byte
	c := tx.Bucket(bucketRecords).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if !bytes.Equal(k, number(uint64(len(records)))) {
			return fmt.Errorf("%w: database: record %d has the number %x", ErrCorrupt, len(records), k)
		}
		records = append(records, bytes.Clone(v))
	}
	rest := records
	n, err := verifyAll(func() ([]byte, error) {
		if len(rest) == 0 {
			return nil, nil
		}
		first := rest[0]
		rest = rest[1:]
		return first, nil
	}, func(_ uint64, record []byte, e Entry) error { return r.take(record, e) })
	if err != nil {
		return &DamageError{File: "database", Record: n, Err: err}
	}
	r.whole = uint64(len(records)) >= r.claims
	if err := r.compare(tx); err != nil {
		return err
	}
	return checkPages(tx)
}

// Verify walks the database while it is in use: every record, signature, hash and line of the books. It returns how many
// entries are good, and what is wrong with the next.
func (s *Store) Verify() (uint64, error) {
	r := newReplica()
	err := s.db.View(r.replay)
	return uint64(len(r.index.records)), err
}

// checkPages lets bbolt look for pages that are lost or used twice.
func checkPages(tx *bbolt.Tx) error {
	var first error
	for err := range tx.Check() {
		if first == nil {
			first = fmt.Errorf("%w: database: %w", ErrCorrupt, err)
		}
	}
	return first
}

// compare holds the index and the tree of a database to those that follow from its records (invariant I9), and its
// checkpoints to that tree.
func (r *replica) compare(tx *bbolt.Tx) error {
	n := 0
	err := tx.Bucket(bucketIndex).ForEach(func(k, v []byte) error {
		if n++; !bytes.Equal(r.index.values[string(k)], v) {
			return fmt.Errorf("%w: database: the books say %x under %q, the entries %x", ErrCorrupt, v, k, r.index.values[string(k)])
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n != len(r.index.values) {
		return fmt.Errorf("%w: database: %d of %d lines of the books are there", ErrCorrupt, n, len(r.index.values))
	}
	hashes := 0
	for _, t := range r.trees {
		hashes += len(t.hashes)
	}
	err = tx.Bucket(bucketHashes).ForEach(func(k, v []byte) error {
		hashes--
		if len(k) != 12 {
			return fmt.Errorf("%w: database: a hash under %x", ErrCorrupt, k)
		}
		epoch, at := binary.BigEndian.Uint32(k), binary.BigEndian.Uint64(k[4:])
		t := r.trees[epoch]
		if t == nil || at >= uint64(len(t.hashes)) || !bytes.Equal(t.hashes[at][:], v) {
			return fmt.Errorf("%w: database: hash %d of epoch %d is not that of the entries", ErrCorrupt, at, epoch)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if hashes != 0 {
		return fmt.Errorf("%w: database: %d hashes of the tree are missing", ErrCorrupt, hashes)
	}
	return tx.Bucket(bucketOwn).ForEach(func(log, raw []byte) error {
		c, err := OpenCheckpoint(raw)
		if err != nil {
			return fmt.Errorf("%w: database: checkpoint of %x: %w", ErrCorrupt, log[:4], err)
		}
		return r.consistent(c)
	})
}

// consistent checks a checkpoint of ours against the entries (invariant I11).
func (r *replica) consistent(c Checkpoint) error {
	for _, t := range r.trees {
		size := int64(c.Size)
		if tlog.StoredHashCount(size) > int64(len(t.hashes)) {
			continue
		}
		if root, err := tlog.TreeHash(size, t); err == nil && root == c.Root {
			return nil
		}
	}
	return fmt.Errorf("%w: checkpoint: at %d entries the log was another", ErrCorrupt, c.Size)
}

// rebuildDatabase writes a database anew, beside the old one, and puts it in its place. Checkpoints are taken along if
// they can be read.
func rebuildDatabase(fs files, dir string, r *replica) error {
	fresh := filepath.Join(dir, databaseName+".new")
	if err := fs.remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := openDatabase(fresh, false)
	if err != nil {
		return err
	}
	kept := readCheckpoints(filepath.Join(dir, databaseName), r)
	err = db.Update(func(tx *bbolt.Tx) error {
		for bucket, values := range kept {
			for k, v := range values {
				if err := tx.Bucket([]byte(bucket)).Put([]byte(k), v); err != nil {
					return err
				}
			}
		}
		return r.write(tx)
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := fs.rename(fresh, filepath.Join(dir, databaseName)); err != nil {
		return err
	}
	return fs.syncDir(dir)
}

// write puts all of a replica into a database.
func (r *replica) write(tx *bbolt.Tx) error {
	w, err := newWriter(tx)
	if err != nil {
		return err
	}
	for epoch, t := range r.trees {
		for i, h := range t.hashes {
			w.pending = append(w.pending, [2][]byte{hashKey(epoch, int64(i)), bytes.Clone(h[:])})
		}
	}
	slices.SortFunc(w.pending, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	return w.write(&draft{values: r.index.values, records: r.index.records})
}

// readCheckpoints saves from a damaged database what no entry tells: which checkpoints were signed.
func readCheckpoints(path string, r *replica) (kept map[string]map[string][]byte) {
	kept = map[string]map[string][]byte{}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { _ = recover() }()
	db, err := openDatabase(path, true)
	if err != nil {
		return kept
	}
	defer db.Close()
	_ = db.View(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketOwn} {
			values := map[string][]byte{}
			kept[string(name)] = values
			bucket := tx.Bucket(name)
			if bucket == nil {
				continue
			}
			err := bucket.ForEach(func(k, v []byte) error {
				c, err := OpenCheckpoint(v)
				if err == nil && r.consistent(c) == nil {
					values[string(k)] = bytes.Clone(v)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return kept
}

// writeSegment writes a segment anew, beside the old one, and puts it in its place.
func writeSegment(fs files, path string, records [][]byte) error {
	fresh := path + ".new"
	if err := fs.remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s, err := openSegment(fs, fresh, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(records, maxBatch) {
		if err := s.append(chunk); err != nil {
			return errors.Join(err, s.close())
		}
	}
	if err := errors.Join(s.sync(), s.close()); err != nil {
		return err
	}
	if err := fs.rename(fresh, path); err != nil {
		return err
	}
	return fs.syncDir(filepath.Dir(path))
}
