package market_test

import (
	"errors"
	"fmt"
	"testing"

	"salon/ledger"
	"salon/node/market"
)

// The host cancels while somebody buys, and the stream breaks at each message, before or after it is delivered; then both nodes crash.
// Whatever was paid is back, once, nobody owes anything, and no ticket is good.
func TestCancelWhileSomebodyBuys(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		for _, after := range []bool{false, true} {
			for at := 1; at <= 7; at++ {
				t.Run(fmt.Sprintf("%s, message %d, delivered %v", rail, at, after), func(t *testing.T) {
					w, ctx := newTown(t), within(t)
					ana, bo := w.settle(1), w.settle(2)
					ana.evening(5, eur(500))
					w.breakAt(&cut{at: at, after: after})
					_, _ = bo.Buy(ctx, bo.wants(ana, rail))
					if n := w.messages(); n < at {
						t.Fatalf("the purchase takes %d messages", n)
					}
					w.breakAt(nil)
					if _, err := ana.Cancel(ctx, hall, false); err != nil {
						t.Fatal(err)
					}
					ana.crash()
					bo.crash()
					for range 2 { // what was held then may be paid now: that goes back as well
						if err := bo.Resume(ctx); err != nil && !errors.Is(err, ledger.ErrCancelled) {
							t.Fatalf("going on: %v", err)
						}
						if err := errors.Join(ana.PayBack(ctx), bo.News(ctx)); err != nil {
							t.Fatal(err)
						}
					}
					if a, b, c := bo.balance(ledger.Asset("bank")), bo.balance(ledger.ExpenseTickets), bo.balance(ledger.Transit(ana.person)); a != 0 || b != 0 || c != 0 {
						t.Errorf("the buyer has %d on the account, spent %d, and %d is on its way", a, b, c)
					}
					if owes, owed := bo.debts(ana); owes != 0 || owed != 0 || ana.balance(ledger.Asset("bank")) != 0 || ana.balance(ledger.IncomeTickets) != 0 {
						t.Errorf("owes %d, is owed %d, and the host has %d", owes, owed, ana.balance(ledger.Asset("bank")))
					}
					for id, is := range bo.mine() {
						if is != "void" {
							t.Errorf("ticket %s is %s", id.Short(), is)
						}
					}
					if n, back := w.bank.Moved(), len(w.bank.Refunds()); n != back || n > 1 {
						t.Errorf("money moved %d times, and %d times back", n, back)
					}
					w.books(ana, bo)
				})
			}
		}
	}
}

// A debt is settled, and the stream breaks at each message of what the two say of it; then both nodes crash. It is in both books or in
// none, and in the end in both, once.
func TestSettleCrashAtEveryStep(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			broke := false
			t.Run(fmt.Sprintf("message %d, delivered %v", at, after), func(t *testing.T) {
				w, ctx := newTown(t), within(t)
				ana, bo := w.settle(1), w.settle(2)
				ana.evening(5, eur(500))
				bo.buys(ctx, ana, ledger.IOURail, 2)
				w.breakAt(&cut{at: at, after: after})
				said := bo.Settle(ctx, ana.person, eur(600), "cash")
				var claims []market.Claim
				if claims = ana.Claims(); len(claims) > 0 {
					if err := ana.Received(claims[0]); err != nil {
						t.Fatal(err)
					}
				}
				_ = bo.News(ctx)
				broke = w.messages() >= at
				w.breakAt(nil)
				ana.crash()
				bo.crash()
				if len(claims) == 0 { // what was lost is said again
					if said == nil {
						t.Error("it was not said, and nobody says so")
					}
					if err := bo.Settle(ctx, ana.person, eur(600), "cash"); err != nil {
						t.Fatal(err)
					}
					if err := ana.Received(ana.Claims()[0]); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					if err := bo.News(ctx); err != nil {
						t.Fatal(err)
					}
				}
				if owes, owed := bo.debts(ana); owes != 400 || owed != 400 || ana.balance(ledger.Asset("cash")) != 600 || bo.balance(ledger.Asset("cash")) != -600 {
					t.Errorf("owes %d, is owed %d; the host has %d", owes, owed, ana.balance(ledger.Asset("cash")))
				}
				w.books(ana, bo)
			})
			if !broke {
				if at < 4 {
					t.Errorf("it takes %d messages", at-1)
				}
				break
			}
		}
	}
}
