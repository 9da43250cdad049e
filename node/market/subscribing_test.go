package market_test

import (
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd/lndtest"
)

// A subscription that is asked for again, after an error or by a second click, is paid once. Another click is another period.
func TestSubscribedOnce(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.tier("Friends", eur(300))
	want := bo.subscribes(ana, "Friends", "bank", 1, eur(300))
	want.Nonce = [16]byte{7}
	first, err := bo.Subscribe(ctx, want)
	if err != nil {
		t.Fatal(err)
	}
	bo.crash()
	again, err := bo.Subscribe(ctx, want)
	if err != nil || again.Order != first.Order || again.Receipt != first.Receipt || again.Offer != first.Offer || w.bank.Moved() != 1 {
		t.Errorf("%+v after %+v, %v, money moved %d times", again, first, err, w.bank.Moved())
	}
	want.Nonce = [16]byte{8}
	if _, err := bo.Subscribe(ctx, want); err != nil || w.bank.Moved() != 2 || bo.subscription().Count != 1 || bo.subscription().Period != month*time.Second {
		t.Errorf("%v, money moved %d times, %+v", err, w.bank.Moved(), bo.subscription())
	}
}

// A person pays a subscription by a wallet elsewhere: it begins by itself when the money has come, also after a crash in between.
func TestSubscribedByHand(t *testing.T) {
	w, ctx := newTown(t), within(t)
	net := &lndtest.Network{}
	alice, phone := net.New(t), net.New(t)
	ana, bo := w.settle(1), w.settle(2)
	receivesAt(t, ana, alice)
	byWallet(bo)
	sum := ledger.Money{Amount: 1_000_000, Cur: ledger.Bitcoin}
	ana.tier("Friends", sum)
	ana.run()
	want := bo.subscribes(ana, "Friends", "lnd", 1, sum)
	want.ByHand, want.Nonce = true, [16]byte{7}
	b, err := bo.Subscribe(ctx, want)
	if !errors.Is(err, market.ErrPending) || b.Order.IsZero() {
		t.Fatalf("%+v, %v", b, err)
	}
	if again, err := bo.Subscribe(ctx, want); !errors.Is(err, market.ErrPending) || again.Order != b.Order {
		t.Errorf("a second click: %+v, %v", again, err)
	}
	list, err := bo.Unfinished()
	if err != nil || len(list) != 1 || list[0].Purpose != ledger.ForSubscription || !list[0].ByHand {
		t.Fatalf("%+v, %v", list, err)
	}
	if mine, err := bo.Subscriptions(); err != nil || len(mine) != 0 {
		t.Errorf("before it is paid: %+v, %v", mine, err)
	}
	phone.Pays(ctx, t, list[0].Request)
	bo.crash()
	bo.run()
	bo.until(ctx, "it does not begin", func() bool {
		mine, err := bo.Subscriptions()
		return err == nil && len(mine) == 1
	})
	if mine, theirs := bo.subscription(), ana.subscriber(); !mine.Through.Equal(theirs.Through) || net.Moved() != 1 {
		t.Errorf("%+v and %+v, money moved %d times", mine, theirs, net.Moved())
	}
}
