package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/mod/sumdb/tlog"

	"salon/ledger/doc"
)

// The files of a ledger, in its directory.
const (
	databaseName = "ledger.db"
	segmentName  = "ledger.segment"
)

// The buckets of the database.
var (
	bucketRecords = []byte("records")     // number, big endian -> record
	bucketHashes  = []byte("hashes")      // epoch (4), index as tlog has it (8) -> hash
	bucketIndex   = []byte("index")       // see books.go
	bucketOwn     = []byte("checkpoints") // log -> our newest checkpoint, with the cosignatures that came
	bucketSeen    = []byte("seen")        // log -> the newest checkpoint of somebody else's log
)

var buckets = [][]byte{bucketRecords, bucketHashes, bucketIndex, bucketOwn, bucketSeen}

// maxBatch bounds how many appends share one transaction.
const maxBatch = 1024

// A Store is a ledger on disk: the log, its tree and the books in one database, and a segment beside it. One process has
// it open at a time. Its methods may be called at once by many.
type Store struct {
	key doc.PrivateKey
	dir string
	fs  files
	db  *bbolt.DB

	queueing sync.Mutex // guards the field below; taken for moments only
	queue    []*request

	mu     sync.Mutex // held over a commit; guards the fields below
	seg    *segment
	broken error // nothing is appended any more
}

type request struct {
	now     time.Time
	decide  func(*Books) ([]Draft, error)
	entries []Entry
	err     error
	done    bool // under Store.mu
}

// A Draft is an entry before it has its place in the log.
type Draft struct {
	Body Body
	Docs [][]byte // as Body names them
}

// Options say where a ledger is, and whose.
type Options struct {
	Dir  string
	Key  doc.PrivateKey // the device's
	Cert []byte         // lets the device speak for its person; used to begin a new ledger
	Now  time.Time      // the time of the first entry of a new ledger

	files files // nil means those of the system
}

func (o Options) fs() files {
	if o.files == nil {
		return osFiles{}
	}
	return o.files
}

// Open opens a ledger, and begins one where there is none. What a crash took off the segment is put back; other damage
// is refused, and is for Fsck.
func Open(o Options) (*Store, error) {
	s, err := openFiles(o)
	if err != nil {
		return nil, err
	}
	if err := s.begin(o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func openFiles(o Options) (*Store, error) {
	if err := os.MkdirAll(filepath.Join(o.Dir, notesName), 0o700); err != nil {
		return nil, err
	}
	db, err := openDatabase(filepath.Join(o.Dir, databaseName), false)
	if err != nil {
		return nil, err
	}
	seg, err := openSegment(o.fs(), filepath.Join(o.Dir, segmentName), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{key: o.Key, dir: o.Dir, fs: o.fs(), db: db, seg: seg}
	err = s.match()
	if err == nil {
		err = o.fs().syncDir(o.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openDatabase opens and prepares a database. One that is damaged may make bbolt panic, or read where no file is.
func openDatabase(path string, readOnly bool) (db *bbolt.DB, err error) {
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
	if err := checkSize(db, opened); err != nil || readOnly {
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return db, nil
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

// match brings the segment to where the database is.
func (s *Store) match() error {
	n, err := s.seg.scan(nil)
	if err != nil {
		var damage *DamageError
		if !errors.As(err, &damage) || !damage.Torn {
			return err
		}
		if err := s.seg.cut(); err != nil {
			return err
		}
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		records := tx.Bucket(bucketRecords)
		total := count(records)
		if n > total {
			return fmt.Errorf("%w: the database has %d entries, the segment %d", ErrCorrupt, total, n)
		}
		if n > 0 && !bytes.Equal(records.Get(number(n-1)), s.seg.last) {
			return fmt.Errorf("%w: entry %d is another in the database than in the segment", ErrCorrupt, n-1)
		}
		var missing [][]byte
		for i := n; i < total; i++ {
			missing = append(missing, records.Get(number(i)))
			if len(missing) == maxBatch || i == total-1 {
				if err := s.seg.append(missing); err != nil {
					return err
				}
				missing = missing[:0]
			}
		}
		return nil
	})
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// count is how many records there are: their numbers have no gaps.
func count(records *bbolt.Bucket) uint64 {
	last, _ := records.Cursor().Last()
	if len(last) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(last) + 1
}

// begin checks whose ledger it is, or makes the first entry.
func (s *Store) begin(o Options) error {
	var head Head
	if err := s.View(func(b *Books) error { head = b.Head; return nil }); err != nil {
		return err
	}
	switch {
	case head.Size > 0 && o.Key.IsZero(): // to look at
		return nil
	case head.Size > 0 && head.Device != o.Key.Public():
		return fmt.Errorf("%w: the ledger is of device %s", ErrSigner, head.Device.Short())
	case head.Size > 0:
		return nil
	case o.Key.IsZero():
		return fmt.Errorf("%w: there is no ledger", os.ErrNotExist)
	}
	_, err := s.Append(o.Now, func(*Books) ([]Draft, error) {
		return []Draft{{Body: &Opened{Cert: o.Cert}}}, nil
	})
	return err
}

// Close closes the files.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.broken, ErrClosed) {
		return nil
	}
	err := errors.Join(s.seg.sync(), s.seg.close(), s.db.Close())
	s.broken = ErrClosed
	return err
}

// Append lets decide look at the books and say what to append, all of it or, if one draft is refused, nothing. When it
// returns the entries are on disk. decide must do nothing else: it may not call the store, and its answer may be thrown away.
//
// Calls at the same time share a transaction.
func (s *Store) Append(now time.Time, decide func(*Books) ([]Draft, error)) ([]Entry, error) {
	r := &request{now: now, decide: decide}
	s.queueing.Lock()
	s.queue = append(s.queue, r)
	s.queueing.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	for !r.done {
		s.queueing.Lock()
		n := min(len(s.queue), maxBatch)
		batch := slices.Clone(s.queue[:n])
		s.queue = slices.Delete(s.queue, 0, n)
		s.queueing.Unlock()
		s.commit(batch)
	}
	return r.entries, r.err
}

// commit appends a batch in one transaction.
func (s *Store) commit(batch []*request) {
	if s.broken == nil {
		s.broken = s.try(batch)
	}
	for _, r := range batch {
		if r.done = true; s.broken != nil && r.err == nil && !written(r) {
			r.entries, r.err = nil, s.broken
		}
	}
}

// written reports whether a request's entries are on disk.
func written(r *request) bool { return len(r.entries) > 0 && r.entries[0].raw != nil }

// try returns an error if the store can no longer be trusted to know what is on disk.
func (s *Store) try(batch []*request) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	defer tx.Rollback() // after a commit it has nothing to do
	all := newDraft(txIndex{tx}, count(tx.Bucket(bucketRecords)))
	w, err := newWriter(tx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	notes := map[ID][]byte{}
	for _, r := range batch {
		one := newDraft(all, all.first+uint64(len(all.records)))
		r.entries, r.err = s.decide(one, r)
		if r.err != nil {
			r.entries = nil
			continue
		}
		one.keep()
		all.records = append(all.records, one.records...)
		for _, e := range r.entries {
			maps.Copy(notes, e.notes)
			if err := w.leaf(e); err != nil {
				return fmt.Errorf("%w: %w", ErrBroken, err)
			}
		}
	}
	if len(all.records) == 0 {
		return nil
	}
	if err := writeNotes(s.fs, s.dir, notes); err != nil {
		return s.fail(batch, err)
	}
	if err := w.write(all); err != nil {
		return s.fail(batch, err)
	}
	if err := tx.Commit(); err != nil {
		return s.fail(batch, err)
	}
	// The entries are durable, whatever happens to the second copy: the callers hear of success, and later ones of this.
	if err := s.seg.append(all.records); err != nil {
		return fmt.Errorf("%w: segment: %w", ErrBroken, err)
	}
	return nil
}

// update writes something that is no entry. After a commit that failed nobody knows what is on disk.
func (s *Store) update(f func(tx *bbolt.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it has nothing to do
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		s.broken = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return s.broken
}

// fail takes back what a batch was told.
func (s *Store) fail(batch []*request, err error) error {
	for _, r := range batch {
		r.entries = nil
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// decide runs one request on top of a draft of the index.
func (s *Store) decide(d *draft, r *request) ([]Entry, error) {
	b, err := newBooks(d)
	if err != nil {
		return nil, err
	}
	b.Now = max(b.Time, r.now.UnixMilli())
	drafts, err := r.decide(b)
	if err == nil {
		err = b.err
	}
	if err != nil {
		return nil, err
	}
	clear(d.values) // looking may have given back what had lapsed; only entries change the books
	if b, err = newBooks(d); err != nil {
		return nil, err
	}
	var entries []Entry
	for _, draft := range drafts {
		e, err := b.append(s.key, max(b.Time, r.now.UnixMilli()), draft)
		if err != nil {
			return nil, err
		}
		e.notes = e.takeNotes()
		record, err := e.record()
		if err != nil {
			return nil, err
		}
		if len(record) > maxRecord {
			return nil, fmt.Errorf("%s: %w: %d bytes", e.Kind, doc.ErrTooLarge, len(record))
		}
		d.records = append(d.records, record)
		entries = append(entries, e)
	}
	return entries, nil
}

// append signs an entry, checks it as one of somebody else's, and takes it into the books.
func (b *Books) append(k doc.PrivateKey, at int64, d Draft) (Entry, error) {
	head := b.Head
	if d.Body.Kind() == KindOpen {
		head = Head{Time: b.Time}
	}
	e, err := signEntry(k, head, at, d.Body, d.Docs)
	if err != nil {
		return e, err
	}
	if err := e.checkDocs(); err != nil {
		return e, err
	}
	if err := e.verifyDocs(k.Public()); err != nil {
		return e, err
	}
	if err := b.apply(e); err != nil {
		return e, err
	}
	if b.Device != k.Public() {
		return e, ErrSigner
	}
	return e, nil
}

// View shows the books as they are. f may keep nothing of b, and what it changes is thrown away.
func (s *Store) View(f func(b *Books) error) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		b, err := newBooks(newDraft(txIndex{tx}, count(tx.Bucket(bucketRecords))))
		if err != nil {
			return err
		}
		if err := f(b); err != nil {
			return err
		}
		return b.err
	})
}

// Entries calls f with the entries from number n on, of all epochs, until it returns false.
func (s *Store) Entries(n uint64, f func(n uint64, e Entry) bool) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketRecords).Cursor()
		for k, v := c.Seek(number(n)); k != nil; k, v = c.Next() {
			e, err := parseRecord(bytes.Clone(v))
			if err != nil {
				return fmt.Errorf("%w: record %d: %w", ErrCorrupt, binary.BigEndian.Uint64(k), err)
			}
			if !f(binary.BigEndian.Uint64(k), e) {
				return nil
			}
		}
		return nil
	})
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

// records returns all records, as they are at one moment.
func (s *Store) records() ([][]byte, error) {
	var all [][]byte
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRecords).ForEach(func(_, v []byte) error {
			all = append(all, bytes.Clone(v))
			return nil
		})
	})
	return all, err
}
