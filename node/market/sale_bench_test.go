package market_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/nwc/nwctest"
)

// BenchmarkOrderToTicket is from an order to its ticket by each rail that needs nobody outside: books, disk and the talk with lnd or the wallet
// are real, and what a network of channels takes is not there. The aims are for two nodes: 150 ms by IOU, 600 ms by lnd, of 19 in 20. A round is
// some purchases by each rail in turn.
func BenchmarkOrderToTicket(b *testing.B) {
	const many = 10
	type sale struct {
		rail  string
		buy   func(ctx context.Context) error
		times []time.Duration
	}
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	buys := func(rail string, ana, bo *party) *sale {
		want := bo.wants(ana, rail)
		if want.Price = sat(1); rail == ledger.IOURail {
			ana.credit = ledger.MaxAmount
		}
		return &sale{rail: rail, buy: func(ctx context.Context) error {
			_, err := bo.Buy(ctx, want)
			return err
		}}
	}
	seats := func(o *ledger.Offer) { o.Class, o.Seats, o.PerBuyer = 0, 10_000, 0 }
	w := newTown(b)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(1, sat(1), seats)
	sales := []*sale{buys(ledger.IOURail, ana, bo)}

	w, net := newTown(b), &lndtest.Network{}
	ana, bo = w.settle(1), w.settle(2)
	ana.withLightning(net.New(b), false)
	bo.withLightning(net.New(b), true)
	ana.run()
	ana.evening(1, sat(1), seats)
	sales = append(sales, buys(lnd.Name, ana, bo))

	w, net = newTown(b), &lndtest.Network{}
	cy, di := w.settle(1), w.settle(2)
	wallet := nwctest.New(b, net.New(b))
	var issued lndtest.File
	cy.rails = func() map[string]market.Rail {
		return map[string]market.Rail{lnd.Name: cy.connected(wallet, &issued, nil, false)}
	}
	cy.crash()
	di.withLightning(net.New(b), true)
	cy.run()
	wallet.Listened(b)
	cy.evening(1, sat(1), seats)
	elsewhere := buys(lnd.Name, cy, di)
	elsewhere.rail = "nwc"
	sales = append(sales, elsewhere)

	ratios := make([][]float64, len(sales))
	for b.Loop() {
		var half []time.Duration
		for i, s := range sales {
			var took []time.Duration
			for range many {
				began := time.Now()
				if err := s.buy(ctx); err != nil {
					b.Fatalf("%s: %v", s.rail, err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			s.times, half = append(s.times, took...), append(half, took[many/2])
			ratios[i] = append(ratios[i], float64(half[i])/float64(half[0]))
		}
	}
	for i, s := range sales {
		slices.Sort(s.times)
		slices.Sort(ratios[i])
		b.ReportMetric(float64(s.times[len(s.times)*19/20].Microseconds())/1000, s.rail+"-19of20-ms")
		if i > 0 {
			b.ReportMetric(ratios[i][len(ratios[i])/2], s.rail+"/iou")
		}
	}
	b.ReportMetric(0, "ns/op") // all three together say nothing
}
