package ledger

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"salon/ledger/doc"
)

// What a node keeps beside its log, which is no part of it: proofs of receipts, who its witnesses are, and how far others have seen
// its own log.

// KeepProven keeps the proof that a receipt is in its seller's log. The caller has checked it.
func (w *Witness) KeepProven(receipt ID, p Proven) error { return w.put(bucketProven, receipt[:], p) }

// Proven is that proof, nil if there is none.
func (w *Witness) Proven(receipt ID) (*Proven, error) {
	return fetch[Proven](w, bucketProven, receipt[:])
}

// Met is whose a device is that we have met as a witness, as it has shown, and what it calls itself.
type Met struct {
	_    struct{} `cbor:",toarray"`
	Cert []byte
	Name string
}

// Meet remembers a witness. It must have shown a certificate that held when it came.
func (w *Witness) Meet(device Key, m Met) error {
	if old, err := w.met(device); err == nil && old != nil && string(old.Cert) == string(m.Cert) && old.Name == m.Name {
		return nil
	}
	raw, err := doc.Marshal(m)
	if err != nil {
		return err
	}
	return w.db.Batch(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketMet)
		if bucket.Get(device[:]) == nil && bucket.Inspect().KeyN >= maxMet {
			return ErrFull
		}
		return bucket.Put(device[:], raw)
	})
}

func (w *Witness) met(device Key) (*Met, error) { return fetch[Met](w, bucketMet, device[:]) }

// Whose is the person whose device that was when it cosigned, and what they called themselves; nobody if that is not known.
func (w *Witness) Whose(device Key, at time.Time) (Key, string) {
	m, err := w.met(device)
	if err != nil || m == nil {
		return Key{}, ""
	}
	c, err := doc.OpenCert(m.Cert, at)
	if err != nil || c.Device != device {
		return Key{}, ""
	}
	return c.Person, m.Name
}

// Ahead keeps a checkpoint of a log of ours that somebody else had and that stands against what is here.
func (w *Witness) Ahead(log ID, checkpoint []byte) error {
	return w.put(bucketAhead, log[:], checkpoint)
}

// IsAhead is what Ahead kept of a log, nil if nothing.
func (w *Witness) IsAhead(log ID) ([]byte, error) {
	raw, err := fetch[[]byte](w, bucketAhead, log[:])
	if err != nil || raw == nil {
		return nil, err
	}
	return *raw, nil
}

// Showing is how this log stands now, and that it grew from a size; nothing is proven from 0. What is shown is on disk.
func (s *Store) Showing(from uint64, now time.Time) (Showing, error) {
	raw, err := s.Checkpoint(now)
	if err != nil {
		return Showing{}, err
	}
	return s.show(raw, from)
}

func (s *Store) show(raw []byte, from uint64) (show Showing, err error) {
	show.Growth.Checkpoint = raw
	if show.Open, err = s.first(); err != nil || from == 0 {
		return show, err
	}
	c, err := OpenCheckpoint(raw)
	if err != nil {
		return show, err
	}
	if from > c.Size {
		return show, fmt.Errorf("%w: size %d of %d", ErrUnknown, from, c.Size)
	}
	show.From = from
	if show.Growth.Root, err = s.root(from); err != nil {
		return show, err
	}
	show.Growth.Proof, err = s.ProveGrowth(from, c.Size)
	return show, err
}

// first is the first entry of this log.
func (s *Store) first() (raw []byte, err error) {
	err = s.View(func(b *Books) error {
		e, err := b.recorded(b.Total - b.Size)
		raw = e.raw
		return err
	})
	return raw, err
}

// ProveSale proves that a receipt of ours is in the log: in what was cosigned, if it was there by then.
func (s *Store) ProveSale(receipt ID, from uint64, now time.Time) (Proven, error) {
	var p Proven
	var e Entry
	err := s.View(func(b *Books) (err error) {
		at, ok := load[docState](b, keyDoc+receipt.key())
		if !ok {
			return fmt.Errorf("%w: receipt %s", ErrUnknown, receipt.Short())
		}
		if e, err = b.recorded(at.Record); err != nil {
			return err
		}
		if sale, ok := e.Body.(*Sale); !ok || sale.Receipt != receipt {
			return fmt.Errorf("%w: receipt %s is not of a sale here", ErrUnknown, receipt.Short())
		}
		if e.Log != b.Log {
			return fmt.Errorf("%w: receipt %s is of an earlier epoch", ErrRestored, receipt.Short())
		}
		return nil
	})
	if err != nil {
		return p, err
	}
	raw, err := s.Witnessed()
	if err != nil {
		return p, err
	}
	if c, bad := OpenCheckpoint(raw); raw == nil || bad != nil || c.Size <= e.Seq || c.Size < from {
		if raw, err = s.Checkpoint(now); err != nil {
			return p, err
		}
	}
	if p.Show, err = s.show(raw, from); err != nil {
		return p, err
	}
	c, err := OpenCheckpoint(raw)
	if err != nil {
		return p, err
	}
	p.Entry = e.raw
	p.Place, err = s.ProveEntry(e.Seq, c.Size)
	return p, err
}

// IsPromise reports whether others hold what such an entry says: then it matters that they can see it in the log. What this person buys
// is nobody's business.
func (k Kind) IsPromise() bool {
	switch k {
	case KindOffer, KindAllot, KindAdopt, KindReclaim, KindSale, KindReport, KindGift, KindMove, KindRevoke, KindCancel, KindRefund,
		KindDivide, KindPayout, KindPaid, KindDispute:
		return true
	}
	return false
}
