package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"salon/ledger/doc"
)

// The files of a ledger, in its directory.
const (
	databaseName = "ledger.db"
	segmentName  = "ledger.segment"
)

// maxBatch bounds how many appends share one transaction.
const maxBatch = 1024

// A Store is a ledger on disk: the log, its tree and the books in one database, and a segment beside it. One process has
// it open at a time. Its methods may be called at once by many.
type Store struct {
	key doc.PrivateKey
	dir string
	fs  files
	db  *bbolt.DB

	queueing sync.Mutex // guards the fields below; taken for moments only
	queue    []*request
	news     chan struct{} // closed with the next entry; nil while nobody waits for it

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
	if slices.ContainsFunc(batch, written) {
		s.queueing.Lock()
		defer s.queueing.Unlock()
		if s.news != nil {
			close(s.news)
			s.news = nil
		}
	}
}

// News is closed when the next entry is on disk.
func (s *Store) News() <-chan struct{} {
	s.queueing.Lock()
	defer s.queueing.Unlock()
	if s.news == nil {
		s.news = make(chan struct{})
	}
	return s.news
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

// record reads one record, nil if there is none. Each is read in a transaction of its own: a long one would keep the
// database from using its pages again.
func (s *Store) record(n uint64) (raw []byte) {
	err := s.db.View(func(tx *bbolt.Tx) error { raw = txIndex{tx}.record(n); return nil })
	if err != nil { // closed meanwhile
		return nil
	}
	return raw
}

// scan calls f with what follows a prefix in every key of the books that has it, in order. It returns how many entries
// those books are of.
func (s *Store) scan(prefix string, f func(b *Books, rest string)) (total uint64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		b, err := newBooks(txIndex{tx})
		if err != nil {
			return err
		}
		total = b.Total
		c := tx.Bucket(bucketIndex).Cursor()
		for k, _ := c.Seek([]byte(prefix)); bytes.HasPrefix(k, []byte(prefix)); k, _ = c.Next() {
			f(b, string(k[len(prefix):]))
		}
		return b.err
	})
	return total, err
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
