package ledger

import (
	"fmt"

	"salon/ledger/doc"
)

// Who was paid and gives no receipt can still be shown to have been: with the quote their device asked for this money, in return for
// that, and on a rail with proofs of its own (the preimage of an invoice, which nobody has before it is paid) whoever has that proof has
// paid it. All of that is in the payer's hands. It accuses nobody by itself: the money may have come, and the node not.

// MaxRemittance is the length of a Remittance in bytes.
const MaxRemittance = 16 << 10

// A Remitted is what a Remittance shows, but for the rail's proof: that, its rail verifies.
type Remitted struct {
	Order   Order
	OrderID ID
	Quote   Quote
	QuoteID ID
	Proof   []byte
}

// ParseRemittance decodes, and checks nothing else: see Open.
func ParseRemittance(raw []byte) (Remittance, error) {
	var r Remittance
	if len(raw) > MaxRemittance {
		return r, fmt.Errorf("%w: a payment of %d bytes", doc.ErrTooLarge, len(raw))
	}
	return r, doc.Unmarshal(raw, &r)
}

// Encode is the way back from ParseRemittance.
func (r Remittance) Encode() ([]byte, error) { return doc.Marshal(r) }

// Open checks every signature: that of the payer on the order, of a device on the quote for it, and that this device may take money for
// the payee. It asks nobody, and needs no ledger.
func (r Remittance) Open() (Remitted, error) {
	o, order, err := OpenDocument[Order](r.Order)
	if err != nil {
		return Remitted{}, err
	}
	q, quote, err := OpenDocument[Quote](r.Quote)
	if err != nil {
		return Remitted{}, err
	}
	if err := q.answers(o, order); err != nil {
		return Remitted{}, err
	}
	if q.Rail == IOURail {
		return Remitted{}, mismatch("an IOU is the payer's own word")
	}
	if err := checkProof(r.Proof); err != nil {
		return Remitted{}, err
	}
	pay, e := Pay{Order: order, Quote: quote, Cert: r.Cert}, Entry{Time: q.Time}
	if len(r.Allot) > 0 {
		e.Docs = [][]byte{r.Offer, r.Allot}
		for i, id := range []*ID{&pay.Offer, &pay.Allot} {
			one, err := ParseEntry(e.Docs[i])
			if err != nil {
				return Remitted{}, err
			}
			*id = one.ID
		}
	}
	if err := pay.entitled(e, o, q); err != nil {
		return Remitted{}, err
	}
	return Remitted{Order: o, OrderID: order, Quote: q, QuoteID: quote, Proof: r.Proof}, nil
}

// Remit makes what shows a payment of this ledger, from its Pay entry.
func Remit(paying Entry, proof []byte) (Remittance, error) {
	pay, ok := paying.Body.(*Pay)
	if !ok {
		return Remittance{}, fmt.Errorf("%w: %s", ErrKind, paying.Kind)
	}
	r := Remittance{Order: paying.Docs[0], Quote: paying.Docs[1], Cert: pay.Cert, Offer: []byte{}, Allot: []byte{}, Proof: proof}
	if n := len(paying.Docs); !pay.Allot.IsZero() {
		r.Offer, r.Allot = paying.Docs[n-2], paying.Docs[n-1]
	}
	return r, nil
}
