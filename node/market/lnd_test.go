package market_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/node/market/railtest"
)

func sat(n ledger.Amount) ledger.Money { return ledger.Money{Amount: 1000 * n, Cur: ledger.Bitcoin} }

// lightning is the rail of a party at its own node of a network.
func (p *party) lightning(at *lndtest.Node, spent *lndtest.File, pays bool) market.Rail {
	p.town.t.Helper()
	c := lnd.Config{REST: at.URL(), Cert: at.Cert(), Macaroon: lndtest.InvoiceOnly}
	if pays {
		c.Macaroon, c.Pays, c.MaxPayment, c.MaxDay = lndtest.Admin, true, sat(10_000), sat(50_000)
	}
	rail, err := lnd.New(c, lnd.Options{Key: p.id.Device(), Spent: spent})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return rail
}

func TestLndConforms(t *testing.T) {
	railtest.Conform(t, func(t *testing.T) *railtest.Bench {
		net := &lndtest.Network{}
		alice, bob := net.New(t), net.New(t)
		var spentA, spentB lndtest.File
		var payer market.Payer
		b := bench(t, lnd.Name, sat(2500), func(a, b *party) (market.Payee, market.Payer) {
			payer = b.lightning(bob, &spentB, true).Payer
			return a.lightning(alice, &spentA, true).Payee, payer
		})
		b.Back = func(t *testing.T) string {
			to, err := payer.(market.Backer).Back(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return to
		}
		return b
	})
}

// withLightning puts the party behind a node of a network, for good.
func (p *party) withLightning(at *lndtest.Node, pays bool) {
	var spent lndtest.File
	p.rails = func() map[string]market.Rail {
		return map[string]market.Rail{lnd.Name: p.lightning(at, &spent, pays)}
	}
	p.crash()
}

// withNodes is a host who sells tickets for 2500 sat, and a buyer who pays by Lightning, each behind a node of a network of two.
func withNodes(t testing.TB, hostPays bool) (w *town, net *nodes, ana, bo *party) {
	t.Helper()
	w, net = newTown(t), &nodes{Network: &lndtest.Network{}}
	net.alice, net.bob = net.New(t), net.New(t)
	ana, bo = w.settle(1), w.settle(2)
	ana.withLightning(net.alice, hostPays)
	bo.withLightning(net.bob, true)
	ana.evening(50, sat(2500))
	return w, net, ana, bo
}

// nodes are a network of two: the host's node, and the buyer's.
type nodes struct {
	*lndtest.Network
	alice, bob *lndtest.Node
}

// wantsFor is what somebody orders who pays so many tickets by Lightning.
func (p *party) wantsFor(seller *party, n uint32) market.Want {
	want := p.wants(seller, lnd.Name)
	want.Price, want.Count = sat(2500*ledger.Amount(n)), n
	return want
}

// Bought by Lightning: the host only receives, and the books of both say the same. Nobody pays euros in this way, and the shelf says so.
func TestBuyingByLightning(t *testing.T) {
	w, ctx, net := newTown(t), within(t), &lndtest.Network{}
	ana, bo := w.settle(1), w.settle(2)
	alice, bob := net.New(t), net.New(t)
	bob.Fee(7)
	ana.withLightning(alice, false)
	bo.withLightning(bob, true)
	ana.run()
	offer := ana.evening(50, sat(2500))
	euros := ana.evening(50, eur(500), func(o *ledger.Offer) { o.Class = 1 })

	list, err := bo.Shelf(ctx, ana.device(), ana.person, hall)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, l := range list {
		want := []string{ledger.IOURail, lnd.Name} // the bank has euros alone
		if l.ID == euros.ID {
			want = []string{"bank", ledger.IOURail}
		}
		if !slices.Equal(l.Rails, want) {
			t.Errorf("%s is paid by %v", l.Offer.Price, l.Rails)
		}
	}
	want := bo.wants(ana, lnd.Name)
	want.Class = 1
	if _, err := bo.Buy(ctx, want); !errors.Is(err, market.ErrCurrency) {
		t.Errorf("euros by Lightning: %v", err)
	}
	want.Class, want.Price, want.Count = 0, sat(12_500), 5
	if _, err := bo.Buy(ctx, want); !errors.Is(err, market.ErrSpending) || net.Moved() != 0 || bo.kinds()[ledger.KindPay] != 0 {
		t.Errorf("beyond the limit: %v; money moved %d times", err, net.Moved())
	}
	want.Price, want.Count = sat(7500), 3
	got, err := bo.Buy(ctx, want)
	if err != nil || len(got.Tickets) != 3 || net.Moved() != 1 {
		t.Fatalf("%+v, %v; money moved %d times", got, err, net.Moved())
	}
	if s := ana.seats(offer); s.Issued != 3 {
		t.Errorf("%+v", s)
	}
	if in, out, fee := ana.has(ledger.Asset(lnd.Name)), bo.has(ledger.Asset(lnd.Name)), bo.has(ledger.ExpenseRail); in != 7_500_000 || out != -7_500_007 || fee != 7 {
		t.Errorf("in %d, out %d, of which fees %d", in, out, fee)
	}
}

// The buyer and then the host end between payment and receipt. Both go on from their disks, and money moves once.
func TestLightningAcrossCrashes(t *testing.T) {
	w, net, ana, bo := withNodes(t, false)
	ctx, bob, want := within(t), net.bob, bo.wantsFor(ana, 1)
	// Message 6 is the seller's answer to the payment. Then the buyer's own lnd is not heard either, of refund address and payment.
	for i, at := range []int{5, 6} {
		w.breakAt(&cut{at: at})
		bob.Lose(2 * i)
		if _, err := bo.Buy(ctx, want); err == nil {
			t.Error("the stream broke, and the tickets are there")
		}
		bo.crash()
		ana.crash()
		if err := bo.Resume(ctx); err != nil {
			t.Errorf("resumed: %v", err)
		}
		if n := len(bo.tickets()); n != i+1 || net.Moved() != i+1 {
			t.Errorf("%d tickets, and money moved %d times", n, net.Moved())
		}
	}
}

// A payment that waits in the network is pending, and neither failed nor sent again. It arrives, or it fails and is void.
func TestLightningThatIsHeld(t *testing.T) {
	_, net, ana, bo := withNodes(t, false)
	ctx, want := within(t), bo.wantsFor(ana, 1)
	for _, end := range []func(){net.Release, net.Fail} {
		net.Hold(true)
		sent := make(chan error, 1)
		go func() {
			_, err := bo.Buy(ctx, want)
			sent <- err
		}()
		net.Underway(ctx, t)
		net.Hold(false)
		end()
		<-sent
	}
	if n := len(bo.tickets()); n != 1 || net.Moved() != 1 || bo.kinds()[ledger.KindVoid] != 1 {
		t.Errorf("%d tickets, money moved %d times, %v", n, net.Moved(), bo.kinds())
	}
}

// What comes beyond the price goes back to the buyer's node, from a host whose node may pay. The address for it came with the order.
func TestLightningThatIsTooMuch(t *testing.T) {
	_, net, ana, bo := withNodes(t, true)
	ctx, alice, bob, want := within(t), net.alice, net.bob, bo.wantsFor(ana, 1)
	alice.More(500_000)
	got, err := bo.Buy(ctx, want)
	if err != nil || len(got.Tickets) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if back := bob.Received(); back != 500_000 || net.Moved() != 2 {
		t.Errorf("%d msat came back, and money moved %d times", back, net.Moved())
	}
}

// Two tickets of one order are refunded at different times, and the buyer's invoice serves once: the second refund is not sent there, the
// host is told that another invoice is needed, and may pay that by hand. Both at once need one invoice.
func TestSecondRefundNeedsAnotherInvoice(t *testing.T) {
	for _, apart := range []bool{true, false} {
		_, net, ana, bo := withNodes(t, true)
		ctx, bob, want := within(t), net.bob, bo.wantsFor(ana, 2)
		got, err := bo.Buy(ctx, want)
		if err != nil || len(got.Tickets) != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		if !apart {
			if _, err := ana.Refund(ctx, got.Tickets, byHost); err != nil || bob.Received() != 5_000_000 || len(ana.dues()) != 0 {
				t.Errorf("at once: %v, %d came, due %+v", err, bob.Received(), ana.dues())
			}
			continue
		}
		if _, err := ana.Refund(ctx, got.Tickets[:1], byHost); err != nil {
			t.Fatal(err)
		}
		if _, err := ana.Refund(ctx, got.Tickets[1:], byHost); !errors.Is(err, market.ErrServed) || !errors.Is(err, market.ErrNoWayBack) {
			t.Errorf("the second: %v", err)
		}
		due := ana.dues()
		if len(due) != 1 || !due[0].ByHand || !errors.Is(due[0].Err, market.ErrServed) || due[0].Money != sat(2500) || bob.Received() != 2_500_000 {
			t.Fatalf("%d msat came, due %+v", bob.Received(), due)
		}
		if err := ana.SentBack(ctx, due[0].Receipt); err != nil || len(ana.dues()) != 0 {
			t.Errorf("by hand: %v, %+v", err, ana.dues())
		}
	}
}

// The buyer gives another invoice, which the host's wallet pays, once: a restart on the way, the same one again, or one more that is given for the
// same money do not move it twice.
func TestRefundToAnotherInvoice(t *testing.T) {
	for _, crash := range []bool{false, true} {
		_, net, ana, bo := withNodes(t, true)
		ctx, bob, want := within(t), net.bob, bo.wantsFor(ana, 2)
		got, err := bo.Buy(ctx, want)
		if err != nil || len(got.Tickets) != 2 {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, err := ana.Refund(ctx, got.Tickets[:1], byHost); err != nil {
			t.Fatal(err)
		}
		if _, err := ana.Refund(ctx, got.Tickets[1:], byHost); !errors.Is(err, market.ErrServed) {
			t.Fatalf("the second: %v", err)
		}
		receipt := ana.dues()[0].Receipt
		invoice := func() string {
			t.Helper()
			to, err := bo.rails()[lnd.Name].Payer.(market.Backer).Back(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return to
		}
		order, err := ana.orderRefund(receipt)
		if err != nil {
			t.Fatal(err)
		}
		for name, bad := range map[string]string{"the one that has served": order, "none": "hello"} {
			if err := ana.SendAnew(ctx, receipt, false, bad); !errors.Is(err, market.ErrOtherInvoice) || bob.Received() != 2_500_000 {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := ana.SendAnew(ctx, receipt, true, invoice()); !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("of a surplus: %v", err)
		}
		to := invoice()
		net.Hold(true)
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		err = ana.SendAnew(short, receipt, false, to)
		cancel()
		if err == nil || len(ana.dues()) != 1 {
			t.Fatalf("it hangs in the network: %v, due %+v", err, ana.dues())
		}
		if crash {
			ana.crash()
		}
		if err := ana.SendAnew(ctx, receipt, false, invoice()); !errors.Is(err, market.ErrSentAnew) {
			t.Errorf("one more, while that may be paid: %v", err)
		}
		short, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
		err = ana.SentBack(short, receipt)
		cancel()
		if err == nil {
			t.Error("a person says that they have sent it, while the wallet does")
		}
		net.Hold(false)
		net.Release()
		if crash { // it is known to the wallet alone
			if err := ana.PayBack(ctx); err == nil || len(ana.dues()) != 1 {
				t.Errorf("by itself: %v, due %+v", err, ana.dues())
			}
			err = ana.SendAnew(ctx, receipt, false, to)
		} else {
			err = ana.PayBack(ctx)
		}
		if err != nil || len(ana.dues()) != 0 || bob.Received() != 5_000_000 {
			t.Errorf("%v, %d msat came, due %+v", err, bob.Received(), ana.dues())
		}
		if err := ana.SendAnew(ctx, receipt, false, to); !errors.Is(err, ledger.ErrUnknown) || bob.Received() != 5_000_000 {
			t.Errorf("once it is back: %v, %d msat came", err, bob.Received())
		}
	}
}

// orderRefund is the invoice for money back that came with the order of a receipt.
func (p *party) orderRefund(receipt ledger.ID) (to string, err error) {
	err = p.store.View(func(b *ledger.Books) error {
		o, err := b.OrderOf(receipt)
		to = o.Refund
		return err
	})
	return to, err
}
