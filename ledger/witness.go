package ledger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"salon/ledger/doc"
)

// Limits of what a witness keeps. Logs cost nothing to invent: of the ones that strangers have just begun, the oldest goes for a
// new one; one that has grown for a while stays, and so does that of somebody whom this node knows.
const (
	MaxSightings = 4096
	maxForks     = 1024 // devices that were caught
	maxMet       = 4096 // devices whose person is remembered
	youngFor     = time.Hour
	SharedCommit = 2 * time.Millisecond // within which what many ask for shares a commit
)

// ErrFull means that a witness has no place for another log.
var ErrFull = errors.New("ledger: this witness has seen as many logs as it can keep")

var (
	bucketLogs   = []byte("logs")   // device, epoch (4) -> Sighting
	bucketCaught = []byte("forks")  // device -> ForkProof
	bucketProven = []byte("proven") // receipt -> Proven
	bucketMet    = []byte("met")    // device -> Met
	bucketAhead  = []byte("ahead")  // log of ours -> the newest checkpoint of it that somebody else has
)

// WitnessOptions say where a Witness keeps what it sees, and who it is.
type WitnessOptions struct {
	Path string
	Key  doc.PrivateKey // of the device, to cosign with
	// Known says whether somebody is known here, whose logs do not give way to those of strangers; nil means nobody.
	Known func(person Key) bool
	Most  int // logs; 0 means MaxSightings
}

// A Witness remembers how far it has seen other people's logs, and signs that. What it has signed once it never contradicts:
// it is on disk before it is returned. It knows sizes and roots, and no entry but the first. Its methods may be called at once by many.
type Witness struct {
	o  WitnessOptions
	db *bbolt.DB

	mu   sync.Mutex // guards the fields below
	logs map[logKey]seenLog
	bad  map[Key]Key // device that was caught -> its person
}

// logKey is whose log it is: a device has one an epoch.
type logKey struct {
	device Key
	epoch  uint32
}

func (k logKey) bytes() []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(k.device[:]), k.epoch)
}

type seenLog struct {
	person      Key
	first, last int64
}

// OpenWitness opens what a witness has seen, nothing yet if there is no file.
func OpenWitness(o WitnessOptions) (*Witness, error) {
	if o.Most == 0 {
		o.Most = MaxSightings
	}
	db, err := openBolt(o.Path, false)
	if err != nil {
		return nil, err
	}
	db.MaxBatchDelay = SharedCommit
	w := &Witness{o: o, db: db, logs: map[logKey]seenLog{}, bad: map[Key]Key{}}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketLogs, bucketCaught, bucketProven, bucketMet, bucketAhead} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		if err := tx.Bucket(bucketCaught).ForEach(func(_, v []byte) error {
			var p ForkProof
			if err := doc.Unmarshal(v, &p); err != nil {
				return fmt.Errorf("%w: a proof: %w", ErrCorrupt, err)
			}
			o, err := OpenOrigin(p.Open)
			if err != nil {
				return fmt.Errorf("%w: a proof: %w", ErrCorrupt, err)
			}
			w.bad[o.Device] = o.Person
			return nil
		}); err != nil {
			return err
		}
		return tx.Bucket(bucketLogs).ForEach(func(_, v []byte) error {
			var s Sighting
			if err := doc.Unmarshal(v, &s); err != nil {
				return fmt.Errorf("%w: what a witness saw: %w", ErrCorrupt, err)
			}
			o, err := OpenOrigin(s.Open)
			if err != nil {
				return fmt.Errorf("%w: what a witness saw: %w", ErrCorrupt, err)
			}
			w.logs[logKey{o.Device, o.Epoch}] = seenLog{o.Person, s.First, s.Last}
			return nil
		})
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return w, nil
}

// Close closes the file.
func (w *Witness) Close() error { return w.db.Close() }

// Size is how many logs were seen and are kept.
func (w *Witness) Size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.logs)
}

// Show signs what is shown of a log, if the log only grew since it was seen last: that is on disk before it is returned. A
// KeptError and a ForkedError say what stands against it. The answer says nothing of the growth: it is as much shown as signed.
func (w *Witness) Show(s Showing, now time.Time) (signed []byte, err error) {
	o, c, err := s.Read()
	if err != nil {
		return nil, err
	}
	if o.Device == w.o.Key.Public() {
		return nil, fmt.Errorf("%w: one is no witness of oneself", ErrSigner)
	}
	key := logKey{o.Device, o.Epoch}
	kept, err := w.kept(key)
	if err != nil {
		return nil, err
	}
	if kept != nil { // most that is asked for needs no write
		if err := s.Judge(kept); err != nil {
			return nil, w.caught(err)
		}
		if k, err := OpenCheckpoint(kept.Checkpoint); err == nil && k.Same(c) {
			return kept.Checkpoint, nil
		}
	}
	plain, err := bare(s.Growth.Checkpoint, o.Device)
	if err != nil {
		return nil, err
	}
	if signed, err = Cosign(w.o.Key, plain, now); err != nil {
		return nil, err
	}
	if err := w.place(key, o.Person, now); err != nil {
		return nil, err
	}
	fresh := Sighting{Open: s.Open, Checkpoint: signed, First: now.UnixMilli(), Last: now.UnixMilli()}
	var judged error
	err = w.db.Batch(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketLogs)
		var before *Sighting // it may be newer by now
		if raw := bucket.Get(key.bytes()); raw != nil {
			before = new(Sighting)
			if err := doc.Unmarshal(raw, before); err != nil {
				return fmt.Errorf("%w: what a witness saw: %w", ErrCorrupt, err)
			}
		}
		if judged = s.Judge(before); judged != nil {
			return nil // of many that share a commit, none is to fail for another
		}
		if before != nil {
			fresh.First = before.First
		}
		raw, err := doc.Marshal(fresh)
		if err != nil {
			return err
		}
		return bucket.Put(key.bytes(), raw)
	})
	if err = errors.Join(err, judged); err != nil {
		return nil, w.caught(err)
	}
	w.mu.Lock()
	w.logs[key] = seenLog{o.Person, fresh.First, fresh.Last}
	w.mu.Unlock()
	return signed, nil
}

// place makes room for a log, if need be.
func (w *Witness) place(key logKey, person Key, now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.logs[key]; known {
		return nil
	}
	if len(w.logs) >= w.o.Most {
		var out logKey
		oldest := int64(-1)
		for k, l := range w.logs {
			young := l.last-l.first < youngFor.Milliseconds()
			if young && !w.knows(l.person) && (oldest < 0 || l.last < oldest) {
				out, oldest = k, l.last
			}
		}
		if oldest < 0 {
			return ErrFull
		}
		if err := w.db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(bucketLogs).Delete(out.bytes()) }); err != nil {
			return err
		}
		delete(w.logs, out)
	}
	w.logs[key] = seenLog{person, now.UnixMilli(), now.UnixMilli()}
	return nil
}

func (w *Witness) knows(person Key) bool { return w.o.Known != nil && w.o.Known(person) }

func (w *Witness) kept(key logKey) (*Sighting, error) {
	return fetch[Sighting](w, bucketLogs, key.bytes())
}

// fetch reads a value, nil if there is none.
func fetch[T any](w *Witness, bucket, key []byte) (v *T, err error) {
	err = w.db.View(func(tx *bbolt.Tx) error {
		raw := tx.Bucket(bucket).Get(key)
		if raw == nil {
			return nil
		}
		v = new(T)
		if err := doc.Unmarshal(bytes.Clone(raw), v); err != nil {
			return fmt.Errorf("%w: what a witness saw: %w", ErrCorrupt, err)
		}
		return nil
	})
	return v, err
}

func (w *Witness) put(bucket, key []byte, v any) error {
	raw, err := doc.Marshal(v)
	if err != nil {
		return err
	}
	return w.db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(key, raw) })
}

// caught keeps the proof if somebody was.
func (w *Witness) caught(err error) error {
	var f *ForkedError
	if errors.As(err, &f) {
		if _, bad := w.TakeFork(f.Proof); bad != nil {
			return errors.Join(err, bad)
		}
	}
	return err
}

// TakeFork verifies and keeps a proof against a device, whoever has it from whom. The first against each stays. It says whether it is
// the first.
func (w *Witness) TakeFork(p ForkProof) (first bool, err error) {
	o, err := p.Verify()
	if err != nil {
		return false, err
	}
	raw, err := doc.Marshal(p)
	if err != nil {
		return false, err
	}
	w.mu.Lock()
	_, known := w.bad[o.Device]
	full := len(w.bad) >= maxForks && !w.knows(o.Person)
	if !known && !full {
		w.bad[o.Device] = o.Person
	}
	w.mu.Unlock()
	switch {
	case known:
		return false, nil
	case full:
		return false, ErrFull
	}
	err = w.db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(bucketCaught).Put(o.Device[:], raw) })
	if err != nil {
		w.mu.Lock()
		delete(w.bad, o.Device)
		w.mu.Unlock()
	}
	return err == nil, err
}

// Fork is the proof against a device, nil if there is none.
func (w *Witness) Fork(device Key) (*ForkProof, error) {
	return fetch[ForkProof](w, bucketCaught, device[:])
}

// Of lists what was seen of the logs of a person, or a device, the newest first: at most so many.
func (w *Witness) Of(who Key, most int) ([]Sighting, error) {
	w.mu.Lock()
	var keys []logKey
	for k, l := range w.logs {
		if l.person == who || k.device == who {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b logKey) int {
		return cmp.Or(cmp.Compare(w.logs[b].last, w.logs[a].last), bytes.Compare(a.device[:], b.device[:]), cmp.Compare(b.epoch, a.epoch))
	})
	w.mu.Unlock()
	var list []Sighting
	for _, k := range keys[:min(len(keys), most)] {
		s, err := w.kept(k)
		if err != nil {
			return nil, err
		}
		if s != nil { // it may have gone meanwhile
			list = append(list, *s)
		}
	}
	return list, nil
}

// ForksOf lists the proofs against the devices of a person, or a device: at most so many.
func (w *Witness) ForksOf(who Key, most int) (list []ForkProof, err error) {
	w.mu.Lock()
	var devices []Key
	for device, person := range w.bad {
		if (person == who || device == who) && len(devices) < most {
			devices = append(devices, device)
		}
	}
	w.mu.Unlock()
	slices.SortFunc(devices, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	for _, device := range devices {
		p, err := w.Fork(device)
		if err != nil {
			return nil, err
		}
		if p != nil { // it may be about to be written
			list = append(list, *p)
		}
	}
	return list, nil
}
