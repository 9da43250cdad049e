package market

import (
	"context"
	"errors"
	"fmt"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
)

// An IOU is the rail that is always there: the buyer signs that it owes, and the host gives credit. Everything that it knows
// is in the ledger. Nothing was paid until both have signed the settlement.
type IOU struct {
	store *ledger.Store
	key   doc.PrivateKey // the device's
}

// NewIOU makes the rail of a ledger, whose device key is given.
func NewIOU(store *ledger.Store, key doc.PrivateKey) *IOU { return &IOU{store: store, key: key} }

// Create has nothing to ask for: the quote says it all.
func (*IOU) Create(context.Context, Request) (Invoice, error) { return Invoice{}, nil }

// Lookup says what the books say.
func (u *IOU) Lookup(_ context.Context, ref ledger.ID) (Event, error) {
	return Booked(u.store, ledger.IOURail, ref)
}

// Booked is all that the books say of a payment, which is all that a Taker knows.
func Booked(store *ledger.Store, rail string, ref ledger.ID) (Event, error) {
	ev := Event{Ref: ref}
	err := store.View(func(b *ledger.Books) error {
		quote, known := b.QuoteOf(ref)
		if !known {
			return nil
		}
		d, err := b.Deal(quote)
		if err != nil || d.Quote.Rail != rail {
			return err
		}
		if ev.State = Open; d.Sold == nil {
			return nil
		}
		r, _, err := ledger.OpenDocument[ledger.Receipt](d.Sold.Receipt)
		ev.State, ev.Received, ev.Proof = Settled, r.Paid, r.Proof
		return err
	})
	return ev, err
}

// Watch has no news: they come with the buyers.
func (*IOU) Watch(ctx context.Context, f func(Event) error) error {
	if err := f(Event{}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// Take takes an IOU for a bill. Whether the buyer has the credit, the books say when it is booked.
func (*IOU) Take(_ context.Context, b Bill, raw []byte) (Event, error) {
	u, _, err := ledger.OpenDocument[ledger.IOU](raw)
	if err != nil {
		return Event{}, err
	}
	if u.Quote != b.Quote || u.Creditor != b.Creditor || u.Money != b.Total {
		return Event{}, fmt.Errorf("%w: the IOU is for something else", ledger.ErrMismatch)
	}
	return Event{Ref: b.Ref, State: Settled, Received: u.Money, Proof: raw}, nil
}

// Pay signs the IOU of a bill, the same bytes each time.
func (*IOU) Pay(_ context.Context, b Bill) (Event, error) {
	raw, _, err := ledger.Sign(b.Buyer, ledger.IOU{Quote: b.Quote, Debtor: b.Buyer.Public(), Creditor: b.Creditor, Money: b.Total, Time: b.Time.UnixMilli()})
	return Event{Ref: b.Ref, State: Settled, Received: b.Total, Proof: raw}, err
}

// Refund has nothing to send: the entry in the ledger takes the debt back.
func (*IOU) Refund(_ context.Context, ref ledger.ID, m ledger.Money, _ string) (Event, error) {
	return Event{Ref: ref, State: Settled, Received: m}, nil
}

// Settle is the debtor's word that a debt was paid outside of salon. It counts once the creditor has confirmed it.
func (*IOU) Settle(debtor doc.PrivateKey, s ledger.Settle) ([]byte, error) {
	s.Debtor = debtor.Public()
	raw, _, err := ledger.Sign(debtor, s)
	return raw, err
}

// Confirm is the creditor's: it books the payment, and returns what the debtor needs to book it too. Confirming twice is
// confirming once.
func (u *IOU) Confirm(rawSettle []byte, now time.Time) ([]byte, error) {
	settle, id, err := ledger.OpenDocument[ledger.Settle](rawSettle)
	if err != nil {
		return nil, err
	}
	var rawSettled []byte
	_, err = u.store.Append(now, func(b *ledger.Books) ([]ledger.Draft, error) {
		if settle.Creditor != b.Person {
			return nil, fmt.Errorf("%w: the debt is somebody else's", ledger.ErrSigner)
		}
		var settled ledger.ID
		var err error
		rawSettled, settled, err = ledger.Sign(u.key, ledger.Settled{Settle: id, By: u.key.Public(), Time: b.Now})
		return []ledger.Draft{{Body: &ledger.Clear{Settle: id, Settled: settled}, Docs: [][]byte{rawSettle, rawSettled}}}, err
	})
	if errors.Is(err, ledger.ErrDuplicate) {
		return u.confirmed(id)
	}
	return rawSettled, err
}

// confirmed finds what was answered then.
func (u *IOU) confirmed(settle ledger.ID) (settled []byte, err error) {
	err = u.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		if c, ok := e.Body.(*ledger.Clear); ok && c.Settle == settle {
			settled = e.Docs[1]
		}
		return settled == nil
	})
	return settled, err
}

// Cleared books the settlement at the debtor. Booking it twice is booking it once.
func (u *IOU) Cleared(rawSettle, rawSettled []byte, now time.Time) error {
	_, settle, err := ledger.OpenDocument[ledger.Settle](rawSettle)
	if err != nil {
		return err
	}
	_, settled, err := ledger.OpenDocument[ledger.Settled](rawSettled)
	if err != nil {
		return err
	}
	_, err = u.store.Append(now, func(b *ledger.Books) ([]ledger.Draft, error) {
		if b.IsSettled(settle) {
			return nil, nil
		}
		return []ledger.Draft{{Body: &ledger.Clear{Settle: settle, Settled: settled}, Docs: [][]byte{rawSettle, rawSettled}}}, nil
	})
	return err
}
