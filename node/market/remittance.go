package market

import (
	"context"
	"fmt"

	"salon/ledger"
)

// Remitted makes what shows anybody that a payment was made, of one that has brought neither receipt nor refusal. Where a person has paid
// it by hand, proof is what their wallet shows of it; else our own rail is asked. It changes nothing: the payee is asked on.
func (m *Market) Remitted(ctx context.Context, order ledger.ID, proof []byte) (ledger.Remittance, error) {
	var e ledger.Entry
	open := false
	if err := m.look(func(l *lists) { e, open = l.paying[order] }); err != nil {
		return ledger.Remittance{}, err
	}
	if !open {
		return ledger.Remittance{}, fmt.Errorf("%w: no payment of order %s is open", ledger.ErrUnknown, order.Short())
	}
	o, id, err := ledger.OpenDocument[ledger.Order](e.Docs[0])
	if err != nil {
		return ledger.Remittance{}, err
	}
	q, quote, err := ledger.OpenDocument[ledger.Quote](e.Docs[1])
	if err != nil {
		return ledger.Remittance{}, err
	}
	byHand := m.isByHand(order)
	rail, _ := m.rails.get(q.Rail)
	verifier := rail.verifier(byHand)
	if verifier == nil {
		return ledger.Remittance{}, ErrNoProof
	}
	bill := billOf(o, id, q, quote, m.KeyOf(o))
	if len(proof) == 0 && !byHand {
		ev, err := rail.Payer.Pay(ctx, bill) // asks where it is
		if err != nil {
			return ledger.Remittance{}, err
		}
		if ev.State != Settled {
			return ledger.Remittance{}, ErrPending
		}
		proof = ev.Proof
	}
	if err := verifier.Verify(bill, proof); err != nil {
		return ledger.Remittance{}, err
	}
	return ledger.Remit(e, proof)
}

// BillOf is what a payment that somebody shows was for, to hold its proof to.
func BillOf(r ledger.Remitted) Bill {
	return Bill{Ref: r.OrderID, Quote: r.QuoteID, Request: r.Quote.Request, Total: r.Quote.Total(), Creditor: r.Order.Payee}
}
