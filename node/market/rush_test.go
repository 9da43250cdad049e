package market_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"salon/ledger"
	"salon/node/market"
)

// A thousand people want a ticket at once, from three sellers with fifty seats between them, who crash at any moment, as do the
// buyers' nodes. In the end fifty have one and owe for it, and nobody else owes anything. (One seeded run with fewer people here;
// SALON_SOAK=1 makes it a hundred of a thousand, from the seed SALON_SEED on.)
func TestRushAtThreeSellers(t *testing.T) {
	runs, people := 1, 150
	if testing.Short() {
		people = 60
	}
	first := 0
	if os.Getenv("SALON_SOAK") != "" {
		runs, people = 100, 1000
		if seed := os.Getenv("SALON_SEED"); seed != "" {
			var err error
			if first, err = strconv.Atoi(seed); err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	for run := first; run < runs; run++ {
		synctest.Test(t, func(t *testing.T) { rush(t, uint64(run), people) })
		if t.Failed() {
			t.Fatalf("seed %d", run)
		}
		t.Logf("seed %d: fifty of %d, %v so far", run, people, time.Since(began).Round(time.Second))
	}
}

func rush(t *testing.T, seed uint64, people int) {
	const seats, nodes = 50, 10
	w, ctx := newTown(t), t.Context()
	ana, di, box := w.settle(1), w.settle(4), w.settleAt(1, 1099)
	di.sells[ana.person] = true
	offer := ana.evening(seats, eur(500), func(o *ledger.Offer) { o.Ends += 24 * time.Hour.Milliseconds() })
	ana.lends(ctx, di, di.person, 15, 12*time.Hour)
	ana.lends(ctx, box, ana.person, 15, 12*time.Hour)
	sellers := []*party{ana, di, box}
	var buyers []*party
	for n := range uint32(nodes) {
		buyers = append(buyers, w.settle(100+n))
	}
	random := rand.New(rand.NewPCG(seed, 1))
	wants := make([]market.Want, people)
	for i := range wants {
		order := random.Perm(3)
		wants[i] = buyers[0].at(sellers[order[0]], sellers[order[1]], sellers[order[2]])
		wants[i].Host = ana.person
	}
	var group sync.WaitGroup
	jobs := make(chan int)
	for range 32 {
		group.Go(func() {
			for n := range jobs {
				p := buyers[n%nodes]
				p.moving.RLock() // a node crashes between two purchases; its sellers, at any time
				_, err := p.Buy(ctx, wants[n])
				p.moving.RUnlock()
				if err != nil && !clean(err) {
					t.Errorf("seed %d, buyer %d: %v", seed, n, err)
				}
			}
		})
	}
	for n := range people {
		jobs <- n
		switch random.IntN(40) {
		case 0:
			sellers[random.IntN(3)].crash()
		case 1:
			buyers[random.IntN(nodes)].crash()
		}
	}
	close(jobs)
	group.Wait()
	// What was begun goes on, and what was held and not bought is for sale again.
	settle := func() {
		for _, p := range append(slices.Clone(buyers), sellers...) {
			p.crash()
		}
		for _, p := range buyers {
			if err := p.Resume(ctx); err != nil {
				t.Errorf("seed %d, %s: %v", seed, p.name, err)
			}
		}
	}
	settle()
	time.Sleep(ledger.HoldFor)
	for {
		_, err := buyers[0].Buy(ctx, wants[0])
		if errors.Is(err, ledger.ErrSoldOut) {
			break
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	settle()
	if err := ana.Sync(ctx); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	serials, owes := map[uint32]bool{}, ledger.Amount(0)
	for _, p := range buyers {
		for _, tk := range p.tickets() {
			if serials[tk.Serial] {
				t.Errorf("seed %d: serial %d twice", seed, tk.Serial)
			}
			serials[tk.Serial] = true
		}
		if p.balance(ledger.Transit(ana.person)) != 0 || p.balance(ledger.Transit(di.person)) != 0 {
			t.Errorf("seed %d: money of %s is on its way", seed, p.name)
		}
		owes -= p.balance(ledger.Payable(ana.person)) + p.balance(ledger.Payable(di.person))
	}
	if s := ana.seats(offer); len(serials) != seats || s != (ledger.Seats{Issued: seats}) || owes != seats*500 {
		t.Errorf("seed %d: %d tickets, %+v, buyers owe %d", seed, len(serials), s, owes)
	}
	if a, b := di.balance(ledger.Payable(ana.person)), ana.balance(ledger.Receivable(di.person)); a+b != 0 || ana.balance(ledger.IncomeTickets) != -seats*500 {
		t.Errorf("seed %d: the co-host owes %d, the host is owed %d, and has earned %d", seed, -a, b, -ana.balance(ledger.IncomeTickets))
	}
}

// clean reports whether a purchase ended in a way that costs nothing, or goes on by itself.
func clean(err error) bool {
	for _, one := range []error{ledger.ErrSoldOut, market.ErrUnreached, market.ErrSeller, market.ErrBusy, market.ErrPending} {
		if errors.Is(err, one) {
			return true
		}
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe)
}
