package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// Evidence is who has signed what of one entry of this ledger. All of it was verified again when it was asked for.
type Evidence struct {
	Entry  Entry
	Device Key         // whose log the entry is in
	Signed []Signature // of the entry first, then of its documents, and of the order that it is about
	Seen   []Cosigner  // others who have signed how the log stood, with this entry in it
	Size   uint64      // of the log, as they have seen it; 0 if nobody has
}

// A Signature is one of them.
type Signature struct {
	What string // "entry", the kind of a document, or "certificate"
	ID   ID     // zero for a certificate
	By   Key
	For  Key // the device that a certificate is for
}

// Evidence finds an entry by its ID, or by that of a document in it: a receipt, a ticket. What does not verify is an error
// that is ErrCorrupt.
func (s *Store) Evidence(id ID) (Evidence, error) {
	var ev Evidence
	devices := map[ID]Key{} // of the logs
	err := s.Entries(0, func(_ uint64, e Entry) bool {
		if open, ok := e.Body.(*Opened); ok {
			if c, err := open.cert(e.Time); err == nil {
				devices[e.Log] = c.Device
			}
		}
		if e.ID == id || slices.ContainsFunc(e.Body.names(), func(n name) bool { return n.id == id }) {
			ev.Entry, ev.Device = e, devices[e.Log]
		}
		return ev.Entry.Body == nil
	})
	switch {
	case err != nil:
		return ev, err
	case ev.Entry.Body == nil:
		return ev, fmt.Errorf("%w: %s", ErrUnknown, id.Short())
	}
	if err := ev.Entry.Verify(ev.Device); err != nil {
		return ev, fmt.Errorf("%w: entry %s: %w", ErrCorrupt, ev.Entry.ID.Short(), err)
	}
	ev.Signed = []Signature{{What: entryKind, ID: ev.Entry.ID, By: ev.Device}}
	if err := ev.add(ev.Entry); err != nil {
		return ev, err
	}
	if order := ev.order(); !order.IsZero() {
		var bad error
		if err := s.Entries(0, func(_ uint64, e Entry) bool {
			if e.ID != ev.Entry.ID && ordered(e) == order {
				bad = errors.Join(bad, ev.add(e))
			}
			return bad == nil
		}); err != nil || bad != nil {
			return ev, errors.Join(err, bad)
		}
	}
	ev.Seen, ev.Size, err = s.witnessed(ev.Entry)
	return ev, err
}

// add verifies the documents of an entry, and takes in who signed each.
func (ev *Evidence) add(e Entry) error {
	for i, n := range e.Body.names() {
		open, known := documents[n.kind]
		if !known { // a note, a checkpoint, somebody's entry: what they say is verified where it is used
			continue
		}
		signed, by, err := open(e.Docs[i])
		if err == nil {
			err = signed.verify(by)
		}
		if err != nil {
			return fmt.Errorf("%w: %s %s: %w", ErrCorrupt, n.kind, n.id.Short(), err)
		}
		if one := (Signature{What: n.kind, ID: n.id, By: by}); !slices.Contains(ev.Signed, one) {
			ev.Signed = append(ev.Signed, one)
		}
	}
	if pay, ok := e.Body.(*Pay); ok {
		c, err := doc.OpenCert(pay.Cert, time.UnixMilli(e.Time))
		if err != nil {
			return fmt.Errorf("%w: certificate: %w", ErrCorrupt, err)
		}
		ev.Signed = append(ev.Signed, Signature{What: "certificate", By: c.Person, For: c.Device})
	}
	return nil
}

// order is what the entry is about; zero if it is about none.
func (ev *Evidence) order() ID {
	if id := ordered(ev.Entry); !id.IsZero() {
		return id
	}
	for i, n := range ev.Entry.Body.names() {
		if n.kind == (Receipt{}).kind() {
			if r, _, err := peek[Receipt](ev.Entry.Docs[i]); err == nil {
				return r.Order
			}
		}
	}
	return ID{}
}

// ordered is the order that an entry takes in: a buyer's, or a seller's.
func ordered(e Entry) ID {
	switch b := e.Body.(type) {
	case *Pay:
		return b.Order
	case *Reserve:
		return b.Order
	}
	return ID{}
}

// witnessed lists who else has signed a checkpoint of the log that has the entry in it, and of what size: of the newest
// that anybody has cosigned, whose proof is checked.
func (s *Store) witnessed(e Entry) ([]Cosigner, uint64, error) {
	raw, err := s.Witnessed()
	if err != nil || raw == nil {
		return nil, 0, err
	}
	c, err := OpenCheckpoint(raw)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: checkpoint: %w", ErrCorrupt, err)
	}
	if c.Log != e.Log || e.Seq >= c.Size {
		return nil, 0, nil
	}
	proof, err := s.ProveEntry(e.Seq, c.Size)
	if err != nil {
		return nil, 0, err
	}
	if err := c.Includes(e, proof); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return c.Seen, c.Size, nil
}
