package market_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// Random lives of a host, a co-host who is paid for itself, and two buyers: they buy, refund and cancel in any order, with a bank that
// closes, loses answers, is slow, or wants a person; streams break, and nodes go away and come back. In the end everything that is due
// has gone back, once; and the books of all parties mirror each other (I7, I12, I13). SALON_SOAK=1 makes it a hundred lives.
func TestMoneyBackAlwaysAddsUp(t *testing.T) {
	lives := uint64(8)
	if os.Getenv("SALON_SOAK") != "" {
		lives = 100
	}
	for seed := range lives {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { live(t, rand.New(rand.NewPCG(seed, 5))) })
	}
}

func live(t *testing.T, random *rand.Rand) {
	w, ctx := newTown(t), within(t)
	ana, di, bo, cy := w.settle(1), w.settle(4), w.settle(2), w.settle(3)
	di.sells[ana.person] = true
	ana.evening(12, eur(500), func(o *ledger.Offer) { o.Starts = time.Now().UnixMilli() })
	ana.lends(ctx, di, di.person, 6, time.Hour)
	nodes, buyers, sellers := []*party{ana, di, bo, cy}, []*party{bo, cy}, []*party{ana, di}
	expected := func(err error) { // whatever goes wrong has a reason that a person is told
		for _, one := range []error{market.ErrUnreached, market.ErrSeller, market.ErrOnItsWay, market.ErrNoWayBack, market.ErrOthersOwe, market.ErrBusy,
			ledger.ErrSoldOut, ledger.ErrCancelled, ledger.ErrUnknown, ledger.ErrNotOnSale, net.ErrClosed, io.ErrClosedPipe, io.EOF} {
			if errors.Is(err, one) {
				return
			}
		}
		if err != nil {
			t.Errorf("a step: %v", err)
		}
	}
	back := func() { // everybody is there, and the bank works
		w.breakAt(nil)
		w.bank.Down(false)
		w.bank.Lose(false)
		w.bank.Slow(false)
		w.bank.ByHand(false)
		for _, p := range nodes {
			p.crash()
		}
	}
	for range 30 {
		switch random.IntN(14) {
		case 0, 1, 2, 3:
			p, s := buyers[random.IntN(2)], sellers[random.IntN(2)]
			n := ledger.Amount(1 + random.IntN(3))
			want := wantOf(p.wants(s, []string{ledger.IOURail, "bank"}[random.IntN(2)]), ana)
			want.Count, want.Price = uint32(n), eur(500*n)
			if p.ctx.Err() == nil && s.ctx.Err() == nil {
				_, err := p.Buy(ctx, want)
				expected(err)
			}
		case 4, 5, 6:
			if ana.ctx.Err() == nil {
				seats, err := ana.Seats(hall)
				if err != nil {
					t.Fatal(err)
				}
				seats = slices.DeleteFunc(seats, func(s market.Seat) bool { return s.Void })
				if len(seats) > 0 {
					_, err := ana.Refund(ctx, []ledger.ID{seats[random.IntN(len(seats))].Ticket}, byHost)
					expected(err)
				}
			}
		case 7:
			if ana.ctx.Err() == nil {
				expected(errors.Join(ana.Sync(ctx), ana.PayBack(ctx)))
			}
		case 8:
			p := nodes[random.IntN(4)]
			p.stop() // until it comes back
		case 9:
			nodes[random.IntN(4)].crash()
		case 10:
			w.breakAt(&cut{at: 1 + random.IntN(12), after: random.IntN(2) == 0})
		case 11:
			on := random.IntN(2) == 0
			[]func(bool){w.bank.Down, w.bank.Lose, w.bank.Slow, w.bank.ByHand}[random.IntN(4)](on)
		case 12:
			w.bank.EndRefunds([]market.State{market.Settled, market.Failed}[random.IntN(2)])
		case 13:
			for _, p := range buyers {
				if p.ctx.Err() == nil {
					expected(errors.Join(p.Resume(ctx), p.News(ctx)))
				}
			}
		}
	}
	back()
	if random.IntN(2) == 0 {
		_, err := ana.Cancel(ctx, hall, false)
		expected(err)
	}
	for range 4 {
		w.bank.EndRefunds(market.Settled)
		for _, p := range buyers {
			expected(p.Resume(ctx))
		}
		expected(errors.Join(ana.Sync(ctx), ana.PayBack(ctx), di.PayBack(ctx), ana.PayBack(ctx)))
		for _, p := range buyers {
			expected(p.News(ctx))
		}
	}
	for _, p := range sellers {
		if list := p.dues(); len(list) != 0 {
			t.Errorf("%s: still due: %+v", p.name, list)
		}
	}
	var sum, spent, owes, owed, paid ledger.Amount
	for _, p := range nodes {
		if n, err := p.store.Verify(); err != nil {
			t.Errorf("%s: entry %d: %v", p.name, n, err)
		}
		all, err := p.store.Balances()
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range all {
			sum += b.Money.Amount
		}
	}
	for _, p := range buyers {
		spent += p.balance(ledger.ExpenseTickets)
		paid -= p.balance(ledger.Asset("bank"))
		for _, s := range sellers {
			a, b := p.debts(s)
			owes, owed = owes+a, owed+b
		}
		if a := p.balance(ledger.Transit(ana.person)) + p.balance(ledger.Transit(di.person)); a != 0 {
			t.Errorf("%s: %d is on its way", p.name, a)
		}
	}
	if sum != 0 || owes != owed {
		t.Errorf("all books sum to %d; they owe %d, and %d is owed", sum, owes, owed)
	}
	if a, b := -di.balance(ledger.Payable(ana.person)), ana.balance(ledger.Receivable(di.person)); a != b {
		t.Errorf("the co-host owes %d, the host is owed %d", a, b)
	}
	if has := ana.balance(ledger.Asset("bank")) + di.balance(ledger.Asset("bank")); has != paid {
		t.Errorf("buyers paid %d, and sellers have %d", paid, has)
	}
	if earned := -ana.balance(ledger.IncomeTickets); earned != spent {
		t.Errorf("buyers spent %d, the host earned %d", spent, earned)
	}
	var refunds ledger.Amount
	for _, m := range w.bank.Refunds() {
		refunds += m.Amount
	}
	if moved := w.bank.Received() - refunds; moved != paid {
		t.Errorf("the bank moved %d in all, the books say %d", moved, paid)
	}
}
