package market_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lightning"
)

// Attack: the host takes the money, and denies it: there is no receipt and no ticket, and her books have no sale. What the buyer has shows
// anybody that she was paid, with nothing of hers and no node to ask; and what is put together of other payments shows nothing.
func TestPaymentThatIsDenied(t *testing.T) {
	w, net, ana, bo := withNodes(t, false)
	ctx, alice, want := within(t), net.alice, bo.wantsFor(ana, 1)
	pays := func() ledger.ID {
		t.Helper()
		w.breakAt(&cut{at: 5}) // after the money, before the question what it brought
		if _, err := bo.Buy(ctx, want); err == nil {
			t.Fatal("it was not cut off")
		}
		w.breakAt(nil)
		open, err := bo.Unfinished()
		if err != nil || len(open) == 0 {
			t.Fatalf("%+v, %v", open, err)
		}
		return open[len(open)-1].Order
	}
	order, another := pays(), pays()
	ana.stop()
	if err := bo.Resume(ctx); err == nil || net.Moved() != 2 || alice.Received() != 5_000_000 || len(bo.tickets()) != 0 || ana.kinds()[ledger.KindSale] != 0 {
		t.Fatalf("the attack is none: %v, money moved %d times, %d tickets, %v", err, net.Moved(), len(bo.tickets()), ana.kinds())
	}

	r, err := bo.Remitted(ctx, order, nil)
	if err != nil {
		t.Fatal(err)
	}
	// From here on nothing is asked of anybody.
	shows := func(r ledger.Remittance) (ledger.Remitted, error) {
		paid, err := r.Open()
		if err == nil {
			err = lightning.Verify(market.BillOf(paid), false, paid.Proof)
		}
		return paid, err
	}
	paid, err := shows(r)
	if err != nil || paid.OrderID != order || paid.Order.Payee != ana.person || paid.Quote.By != ana.device() || paid.Quote.Total() != sat(2500) {
		t.Fatalf("%+v, %v", paid, err)
	}
	other, err := bo.Remitted(ctx, another, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]ledger.Remittance{
		"the preimage of another payment": {Order: r.Order, Quote: r.Quote, Cert: r.Cert, Proof: other.Proof},
		"another order":                   {Order: other.Order, Quote: r.Quote, Cert: r.Cert, Proof: r.Proof},
		"the quote for another order":     {Order: r.Order, Quote: other.Quote, Cert: r.Cert, Proof: other.Proof},
		"half a preimage":                 {Order: r.Order, Quote: r.Quote, Cert: r.Cert, Proof: r.Proof[:16]},
		"bo says that he is ana":          {Order: r.Order, Quote: r.Quote, Cert: bo.id.Cert(), Proof: r.Proof},
	} {
		if _, err := shows(bad); err == nil {
			t.Errorf("%s: it shows", name)
		}
	}
	for i := range r.Proof {
		bad := r
		bad.Proof = bytes.Clone(r.Proof)
		bad.Proof[i] ^= 1
		if _, err := shows(bad); !errors.Is(err, ledger.ErrMismatch) {
			t.Errorf("byte %d of the preimage changed: %v", i, err)
		}
	}
	// She thinks better of it. What has a receipt needs no other proof.
	ana.crash()
	if err := bo.Resume(ctx); err != nil || len(bo.tickets()) != 2 {
		t.Errorf("%v, %d tickets", err, len(bo.tickets()))
	}
	if _, err := bo.Remitted(ctx, order, nil); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("with a receipt: %v", err)
	}
}

// What was not paid, or by a rail without proofs, shows nothing.
func TestNothingRemitted(t *testing.T) {
	w, net, ana, bo := withNodes(t, false)
	ctx, bob, want := within(t), net.bob, bo.wantsFor(ana, 1)
	net.Hold(true)
	bo.givesUp(ctx, want, func() bool { return bo.begun() && bob.Calls("POST /v2/router/send") > 0 })
	net.Underway(ctx, t)
	open, err := bo.Unfinished()
	if err != nil || len(open) != 1 {
		t.Fatalf("%+v, %v", open, err)
	}
	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, err := bo.Remitted(soon, open[0].Order, nil); err == nil {
		t.Error("a payment that is on its way was made")
	}
	if _, err := bo.Remitted(ctx, open[0].Order, make([]byte, 32)); !errors.Is(err, ledger.ErrMismatch) {
		t.Errorf("with a preimage that is none: %v", err)
	}
	if _, err := bo.Remitted(ctx, ledger.ID{1}, nil); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("of nothing: %v", err)
	}
	net.Release()
	di, cy := w.settle(4), w.settle(3)
	di.evening(50, eur(500))
	w.bank.Hold(true)
	cy.givesUp(ctx, cy.wants(di, "bank"), cy.begun)
	if open, err = cy.Unfinished(); err != nil || len(open) != 1 {
		t.Fatalf("%+v, %v", open, err)
	}
	if _, err := cy.Remitted(ctx, open[0].Order, nil); !errors.Is(err, market.ErrNoProof) {
		t.Errorf("by a bank: %v", err)
	}
}
