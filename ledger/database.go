package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/mod/sumdb/tlog"
)

// The buckets of the database.
var (
	bucketRecords = []byte("records")     // number, big endian -> record
	bucketHashes  = []byte("hashes")      // epoch (4), index as tlog has it (8) -> hash
	bucketIndex   = []byte("index")       // see books.go
	bucketOwn     = []byte("checkpoints") // log -> our newest checkpoint, with the cosignatures that came
)

var buckets = [][]byte{bucketRecords, bucketHashes, bucketIndex, bucketOwn}

// openDatabase opens and prepares a database.
func openDatabase(path string, readOnly bool) (*bbolt.DB, error) {
	db, err := openBolt(path, readOnly)
	if err != nil || readOnly {
		return db, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// openBolt opens a database. One that is damaged may make bbolt panic, or read where no file is.
func openBolt(path string, readOnly bool) (db *bbolt.DB, err error) {
	var opened *os.File
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			letGo(opened)
			db, err = nil, fmt.Errorf("%w: database: %v", ErrCorrupt, r)
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      time.Millisecond, // one that another process has open is refused at once, rather than waited for
		ReadOnly:     readOnly,
		NoStatistics: true,
		OpenFile: func(path string, flag int, mode os.FileMode) (f *os.File, err error) {
			f, err = os.OpenFile(path, flag, mode)
			opened = f
			return f, err
		},
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrInUse
	case errors.Is(err, os.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: database: %w", ErrCorrupt, err)
	}
	if err := checkSize(db, opened); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// checkSize refuses a database that is cut off: it is mapped into memory, and reading past its end ends the process.
func checkSize(db *bbolt.DB, f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > st.Size() {
			return fmt.Errorf("%w: database: %d of %d bytes are there", ErrCorrupt, st.Size(), tx.Size())
		}
		return nil
	})
}

// ErrInUse means that another process has the ledger open.
var ErrInUse = errors.New("ledger: in use by another process; a node that runs has its ledger open")

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// count is how many records there are: their numbers have no gaps.
func count(records *bbolt.Bucket) uint64 {
	last, _ := records.Cursor().Last()
	if len(last) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(last) + 1
}

// txIndex is the index in a transaction.
type txIndex struct{ tx *bbolt.Tx }

func (t txIndex) get(key string) []byte { return t.tx.Bucket(bucketIndex).Get([]byte(key)) }

// put panics only for a key that is too long or a transaction that is read-only: bugs of ours.
func (t txIndex) put(key string, value []byte) {
	var err error
	if value == nil {
		err = t.tx.Bucket(bucketIndex).Delete([]byte(key))
	} else {
		err = t.tx.Bucket(bucketIndex).Put([]byte(key), value)
	}
	if err != nil {
		panic(err)
	}
}

func (t txIndex) record(n uint64) []byte {
	return bytes.Clone(t.tx.Bucket(bucketRecords).Get(number(n)))
}

// writer writes what a batch appends.
type writer struct {
	records, hashes *bbolt.Bucket
	tx              *bbolt.Tx
	epoch           uint32
	next            map[int64]tlog.Hash // of this transaction and epoch, not yet written
	pending         [][2][]byte
}

func newWriter(tx *bbolt.Tx) (*writer, error) {
	b, err := newBooks(txIndex{tx})
	if err != nil {
		return nil, err
	}
	w := &writer{records: tx.Bucket(bucketRecords), hashes: tx.Bucket(bucketHashes), tx: tx, epoch: b.Epoch, next: map[int64]tlog.Hash{}}
	// Keys only ever ascend, so pages may be filled.
	w.records.FillPercent, w.hashes.FillPercent = 0.98, 0.98
	return w, nil
}

// leaf adds an entry to the tree.
func (w *writer) leaf(e Entry) error {
	if open, ok := e.Body.(*Opened); ok {
		w.epoch, w.next = open.Epoch, map[int64]tlog.Hash{}
	}
	hashes, err := tlog.StoredHashesForRecordHash(int64(e.Seq), e.leaf(), tlog.HashReaderFunc(w.read))
	if err != nil {
		return err
	}
	at := tlog.StoredHashIndex(0, int64(e.Seq))
	for i, h := range hashes {
		w.next[at+int64(i)] = h
		w.pending = append(w.pending, [2][]byte{hashKey(w.epoch, at+int64(i)), bytes.Clone(h[:])})
	}
	return nil
}

func hashKey(epoch uint32, index int64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, epoch), uint64(index))
}

func (w *writer) read(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		h, ok := w.next[at]
		if !ok {
			raw := w.hashes.Get(hashKey(w.epoch, at))
			if copy(h[:], raw) != len(h) {
				return nil, fmt.Errorf("%w: hash %d of the tree", ErrCorrupt, at)
			}
		}
		list[i] = h
	}
	return list, nil
}

// write puts everything into the transaction.
func (w *writer) write(d *draft) error {
	for i, record := range d.records {
		if err := w.records.Put(number(d.first+uint64(i)), record); err != nil {
			return err
		}
	}
	for _, p := range w.pending {
		if err := w.hashes.Put(p[0], p[1]); err != nil {
			return err
		}
	}
	index := w.tx.Bucket(bucketIndex)
	for _, key := range slices.Sorted(maps.Keys(d.values)) {
		value := d.values[key]
		if value == nil {
			if err := index.Delete([]byte(key)); err != nil {
				return err
			}
			continue
		}
		if err := index.Put([]byte(key), value); err != nil {
			return err
		}
	}
	return nil
}
