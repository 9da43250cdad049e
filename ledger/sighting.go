package ledger

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A Sighting is what a witness has seen of a log: the newest checkpoint that it has signed.
type Sighting struct {
	_          struct{} `cbor:",toarray"`
	Open       []byte   // the log's first entry
	Checkpoint []byte   // with the log's own signature, and this witness's
	First      int64    // unix ms: when something of it was seen first
	Last       int64    // when it was last seen to have grown
}

// Read opens a sighting, and verifies all of it but the times.
func (s Sighting) Read() (Origin, Checkpoint, error) { return s.Showing().Read() }

// Showing is a sighting as it is shown on: nothing is proven of where it grew from.
func (s Sighting) Showing() Showing {
	return Showing{Open: s.Open, Growth: Growth{Checkpoint: s.Checkpoint}}
}

// A Proven is a receipt's place in the seller's log: the entry that says that it was paid is in a log whose checkpoint others
// have signed.
type Proven struct {
	_     struct{} `cbor:",toarray"`
	Show  Showing
	Entry []byte           // as the seller signed it, without its documents
	Place tlog.RecordProof // the proof that it is in the log
}

// Check verifies that a device's log has the sale of a receipt. Whether others have seen that log is in the checkpoint, and for
// them to say.
func (p Proven) Check(receipt ID, device Key) (Origin, Checkpoint, Entry, error) {
	o, c, err := p.Show.Read()
	if err != nil {
		return o, c, Entry{}, err
	}
	if o.Device != device {
		return o, c, Entry{}, fmt.Errorf("%w: the log of another device", ErrSigner)
	}
	if len(p.Place) > maxPath {
		return o, c, Entry{}, mismatch("a proof of %d hashes", len(p.Place))
	}
	e, err := ParseEntry(p.Entry)
	if err != nil {
		return o, c, e, err
	}
	sale, ok := e.Body.(*Sale)
	if !ok || sale.Receipt != receipt {
		return o, c, e, mismatch("an entry about something else")
	}
	if err := e.Verify(device); err != nil {
		return o, c, e, err
	}
	return o, c, e, c.Includes(e, p.Place)
}
