package market_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/stripe/stripetest"
)

// The node was away for two days in which pages were paid: all of them are heard, though a session is there of another account.
func TestPagesPaidWhileAway(t *testing.T) {
	at, other, kept := stripetest.New(t), stripetest.New(t), &lndtest.File{}
	p := account(t, at, kept).Payee
	r := market.Request{Amount: eur(500), Expires: time.Now().Add(time.Minute)}
	want := []ledger.ID{{1}, {2}, {3}}
	for _, r.Ref = range want {
		inv, err := p.Create(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if err := at.Pay(inv.Request); err != nil {
			t.Fatal(err)
		}
	}
	r.Ref = ledger.ID{4}
	for range 9 { // so that its name is none of the first account
		if _, err := account(t, other, &lndtest.File{}).Payee.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		r.Ref[1]++
	}
	if _, err := account(t, other, kept).Payee.Create(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	raw, err := kept.Read()
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		List []map[string]any `json:"list"`
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all.List {
		s["made"] = time.Now().Add(-48 * time.Hour).UnixMilli()
	}
	if raw, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if err := kept.Write(raw); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	var heard []ledger.ID
	err = account(t, at, kept).Payee.Watch(ctx, func(ev market.Event) error {
		if ev.State == market.Settled && !slices.Contains(heard, ev.Ref) {
			if heard = append(heard, ev.Ref); len(heard) == len(want) {
				cancel()
			}
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || len(heard) != len(want) {
		t.Errorf("heard of %d, %v", len(heard), err)
	}
}

// Anybody pays by hand what is asked.
type anyHand struct{}

func (anyHand) Check(market.Bill) error          { return nil }
func (anyHand) Verify(market.Bill, []byte) error { return nil }

// A buyer was away for days, and nothing was paid: the purchase ends, though the seller's rail has forgotten that it ever asked.
func TestForgottenByTheRail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t)
		ana, bo := w.settle(1), w.settle(2)
		said := &stating{Payee: w.bank}
		ana.rails = func() map[string]market.Rail { return map[string]market.Rail{"bank": {Payee: said, Cur: "EUR"}} }
		bo.rails = func() map[string]market.Rail { return map[string]market.Rail{"bank": {Hand: anyHand{}, Cur: "EUR"}} }
		ana.crash()
		bo.crash()
		ana.evening(5, eur(500))
		want := bo.wants(ana, "bank")
		want.ByHand = true
		if _, err := bo.Buy(t.Context(), want); !errors.Is(err, market.ErrPending) {
			t.Fatal(err)
		}
		said.state.Store(int32(market.Unknown))
		time.Sleep(ledger.HoldFor + 23*time.Hour) // it may still be found
		if err := bo.Resume(t.Context()); !errors.Is(err, market.ErrPending) {
			t.Errorf("after a day: %v", err)
		}
		time.Sleep(2 * time.Hour)
		if err := bo.Resume(t.Context()); !errors.Is(err, ledger.ErrExpired) {
			t.Errorf("then: %v", err)
		}
		if list, err := bo.Unfinished(); err != nil || len(list) != 0 || bo.balance(ledger.Transit(ana.person)) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
