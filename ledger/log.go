package ledger

import (
	"fmt"
	"time"

	"salon/ledger/doc"
)

// A Head is where a log stands: what the next entry must follow. The zero Head waits for an Open.
type Head struct {
	Log    ID
	Size   uint64 // entries
	Last   ID     // the newest entry
	Time   int64  // its time
	Person Key
	Device Key
	Epoch  uint32
	Before ID // the log of the epoch before
}

// Follow checks that e is the next entry (invariant I1), signed by the device of the log (I2), and returns the head
// with it. It knows nothing of the books.
func (h Head) Follow(e Entry) (Head, error) {
	next, err := h.place(e)
	if err == nil {
		err = e.Verify(next.Device)
	}
	if err != nil {
		return h, err
	}
	return next, nil
}

// place is Follow without the signature, which is checked elsewhere on all cores at once.
func (h Head) place(e Entry) (Head, error) {
	if h.Size == 0 {
		open, ok := e.Body.(*Opened)
		if !ok {
			return h, fmt.Errorf("%w: a log begins with an open entry", ErrChain)
		}
		c, err := open.cert(e.Time)
		if err != nil {
			return h, err
		}
		return Head{Log: e.ID, Size: 1, Last: e.ID, Time: e.Time, Person: c.Person, Device: c.Device, Epoch: open.Epoch, Before: open.Before}, nil
	}
	switch {
	case e.Log != h.Log:
		return h, fmt.Errorf("%w: it belongs to log %s, not to %s", ErrChain, e.Log.Short(), h.Log.Short())
	case e.Seq != h.Size:
		return h, fmt.Errorf("%w: height %d after %d entries", ErrChain, e.Seq, h.Size)
	case e.Prev != h.Last:
		return h, fmt.Errorf("%w: entry %d does not name entry %d", ErrChain, e.Seq, h.Size-1)
	case e.Time < h.Time:
		return h, fmt.Errorf("%w: entry %d is older than the one before", ErrChain, e.Seq)
	}
	h.Size, h.Last, h.Time = h.Size+1, e.ID, e.Time
	return h, nil
}

func (*Opened) Kind() Kind    { return KindOpen }
func (*Opened) names() []name { return nil }

func (o *Opened) check() error {
	if (o.Epoch == 0) != o.Before.IsZero() || o.Epoch >= 1<<(32-epochBits) {
		return fieldError("epoch %d", o.Epoch)
	}
	if len(o.Last) > maxCheckpoint || o.Epoch == 0 && len(o.Last) > 0 {
		return fieldError("a checkpoint of %d bytes", len(o.Last))
	}
	return nil
}

// cert opens the certificate as of the entry's own time: it says who the device spoke for when the log began.
func (o *Opened) cert(at int64) (doc.Cert, error) { return doc.OpenCert(o.Cert, time.UnixMilli(at)) }
