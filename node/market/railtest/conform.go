package railtest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// A Bench is a rail under test, with both halves connected, and what surrounds it.
type Bench struct {
	Payee market.Payee
	Payer market.Payer
	// Bill makes an order, has it quoted with Payee's invoice, and returns what is to be paid.
	Bill func(t *testing.T) market.Bill
	// Book does what a market does with a payment that has settled.
	Book func(t *testing.T, b market.Bill, ev market.Event)
	// Back makes an address that the payer takes money back at. nil if the rail needs none.
	Back func(t *testing.T) string
	// Restart ends both halves and begins them anew.
	Restart func(t *testing.T)
}

// Conform holds a rail to what the market builds on.
func Conform(t *testing.T, open func(t *testing.T) *Bench) {
	run := func(name string, test func(t *testing.T, ctx context.Context, b *Bench)) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			test(t, ctx, open(t))
		})
	}
	run("an order has one invoice", oneInvoice)
	run("nobody has paid yet", unpaid)
	run("a payment arrives, and stays", arrives)
	run("paying twice is paying once", once)
	run("payments are told apart", apart)
	run("a call that was given up says nothing of the payment", givenUp)
	run("who watches hears, and may stop", watching)
	run("a refund is sent once", refunded)
}

func oneInvoice(t *testing.T, ctx context.Context, b *Bench) {
	bill := b.Bill(t)
	r := market.Request{Ref: bill.Ref, Amount: bill.Total, Expires: bill.Expires}
	first := must(b.Payee.Create(ctx, r))(t)
	b.Restart(t)
	if again := must(b.Payee.Create(ctx, r))(t); again != first || first.Request != bill.Request {
		t.Errorf("%+v and %+v, in the bill %q", first, again, bill.Request)
	}
}

func unpaid(t *testing.T, ctx context.Context, b *Bench) {
	if ev := must(b.Payee.Lookup(ctx, ledger.ID{1}))(t); ev.State != market.Unknown {
		t.Errorf("an order that nobody made is %s", ev.State)
	}
	if ev := must(b.Payee.Lookup(ctx, b.Bill(t).Ref))(t); ev.State != market.Open {
		t.Errorf("an order that nobody paid is %s", ev.State)
	}
}

// pay pays and books a bill.
func (b *Bench) pay(ctx context.Context, t *testing.T, bill market.Bill) market.Event {
	t.Helper()
	ev := must(b.Payer.Pay(ctx, bill))(t)
	if taker, ok := b.Payee.(market.Taker); ok {
		ev = must(taker.Take(ctx, bill, ev.Proof))(t)
	} else {
		ev = b.settled(ctx, t, bill.Ref)
	}
	if ev.Ref != bill.Ref || ev.State != market.Settled || ev.Received != bill.Total || len(ev.Proof) == 0 {
		t.Fatalf("the payee sees %+v", ev)
	}
	b.Book(t, bill, ev)
	return b.settled(ctx, t, bill.Ref)
}

// settled waits until a payment has.
func (b *Bench) settled(ctx context.Context, t *testing.T, ref ledger.ID) market.Event {
	t.Helper()
	for {
		ev := must(b.Payee.Lookup(ctx, ref))(t)
		switch ev.State {
		case market.Settled:
			return ev
		case market.Failed, market.Unknown:
			t.Fatalf("a payment is %s", ev.State)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("a payment is still %s", ev.State)
		case <-time.After(10 * time.Millisecond): // a rail may be another process, which is asked
		}
	}
}

func arrives(t *testing.T, ctx context.Context, b *Bench) {
	bill := b.Bill(t)
	before := b.pay(ctx, t, bill)
	b.Restart(t)
	if after := b.settled(ctx, t, bill.Ref); !bytes.Equal(after.Proof, before.Proof) || after.Received != bill.Total {
		t.Errorf("after a restart %+v, before %+v", after, before)
	}
}

func once(t *testing.T, ctx context.Context, b *Bench) {
	bill := b.Bill(t)
	before := b.pay(ctx, t, bill)
	b.Restart(t)
	for range 2 {
		if ev := must(b.Payer.Pay(ctx, bill))(t); ev.State == market.Failed {
			t.Error("a payment that has settled fails when it is asked for again")
		}
	}
	if after := b.settled(ctx, t, bill.Ref); !bytes.Equal(after.Proof, before.Proof) || after.Received != before.Received {
		t.Errorf("paid again: %+v, before %+v", after, before)
	}
}

func apart(t *testing.T, ctx context.Context, b *Bench) {
	one, two := b.Bill(t), b.Bill(t)
	a := b.pay(ctx, t, one)
	if ev := must(b.Payee.Lookup(ctx, two.Ref))(t); ev.State != market.Open {
		t.Errorf("the other is %s", ev.State)
	}
	if c := b.pay(ctx, t, two); bytes.Equal(a.Proof, c.Proof) {
		t.Error("two payments have one proof")
	}
}

func givenUp(t *testing.T, ctx context.Context, b *Bench) {
	bill := b.Bill(t)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if ev, err := b.Payer.Pay(gone, bill); err == nil && ev.State == market.Failed {
		t.Error("given up is not failed")
	}
	b.pay(ctx, t, bill)
}

func watching(t *testing.T, ctx context.Context, b *Bench) {
	watch, cancel := context.WithCancel(ctx)
	defer cancel()
	heard, done := make(chan market.Event, 100), make(chan error, 1)
	go func() {
		done <- b.Payee.Watch(watch, func(ev market.Event) error {
			heard <- ev
			return nil
		})
	}()
	next := func() market.Event {
		select {
		case ev := <-heard:
			return ev
		case <-ctx.Done():
			t.Fatal("nothing is heard")
		}
		return market.Event{}
	}
	if ev := next(); ev.Ref != (ledger.ID{}) {
		t.Errorf("it begins with %+v", ev)
	}
	bill := b.Bill(t)
	b.pay(ctx, t, bill)
	if _, told := b.Payee.(market.Taker); !told {
		for next().Ref != bill.Ref {
		}
	}
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
	case <-ctx.Done():
		t.Error("it does not end")
	}
	stop := errors.New("stop")
	if err := b.Payee.Watch(ctx, func(market.Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("it does not end with whoever listens, but with %v", err)
	}
}

func refunded(t *testing.T, ctx context.Context, b *Bench) {
	r, can := b.Payee.(market.Refunder)
	if !can {
		t.Skip("this rail sends nothing back")
	}
	bill := b.Bill(t)
	paid := b.pay(ctx, t, bill)
	to := ""
	if _, same := b.Payee.(market.Checkout); same {
		to = string(paid.Proof)
	}
	if b.Back != nil {
		to = b.Back(t)
	}
	where := func(want ...market.State) {
		t.Helper()
		tracker, can := b.Payee.(market.Tracker)
		if !can { // what it may have sent nobody may send by hand
			return
		}
		if ev := must(tracker.Returned(ctx, bill.Quote, bill.Total, to))(t); !slices.Contains(want, ev.State) {
			t.Errorf("the refund is %s", ev.State)
		}
	}
	where(market.Unknown)
	first := must(r.Refund(ctx, bill.Quote, bill.Total, to))(t)
	b.Restart(t)
	r = b.Payee.(market.Refunder)
	where(first.State, market.Settled)
	if again := must(r.Refund(ctx, bill.Quote, bill.Total, to))(t); again.State != first.State || again.State == market.Failed || again.Received != first.Received {
		t.Errorf("%+v, and again %+v", first, again)
	}
}

// must returns a value, or ends the test.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
