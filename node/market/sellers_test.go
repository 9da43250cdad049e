package market_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/framed"
	"salon/node/market"
)

// lends lets a device sell seats of the host's, and fails the test if it does not get them.
func (p *party) lends(ctx context.Context, to *party, payee ledger.Key, seats uint32, lasts time.Duration) ledger.ID {
	p.town.t.Helper()
	id, err := p.Lend(ctx, hall, 0, to.device(), payee, seats, time.Now().Add(lasts))
	if err != nil {
		p.town.t.Fatal(err)
	}
	return id
}

// at is one ticket at 5 EUR in the host's room, whoever of these sells it.
func (p *party) at(host *party, others ...*party) market.Want {
	w := p.wants(host, ledger.IOURail)
	for _, o := range others {
		w.Others = append(w.Others, o.device())
	}
	return w
}

// While the host sleeps a co-host sells, and takes the money. Awake, the host hears of it: the books of both say the same, and
// the gate lets the buyers in. A refund goes back through both.
func TestCoHostSellsForASleepingHost(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
	di.sells[ana.person] = true
	offer := ana.evening(10, eur(500), func(o *ledger.Offer) { o.Starts = time.Now().UnixMilli() })
	ana.lends(ctx, di, di.person, 4, time.Hour)
	if err := ana.Sync(ctx); err != nil || di.kinds()[ledger.KindAdopt] != 1 {
		t.Errorf("asked again: %v, %v", err, di.kinds())
	}
	list, err := bo.Sellers(ctx, ana.device(), ana.person, hall)
	if err != nil || len(list) != 1 || list[0] != di.device() || len(bo.met[di.device()]) != 1 {
		t.Fatalf("sellers %v, %v, %v", list, bo.met, err)
	}
	ana.stop()
	for range 2 {
		if got, err := bo.Buy(ctx, bo.at(ana, di)); err != nil || len(got.Tickets) != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if owes, owed := bo.debts(di); owes != 1000 || owed != 1000 || di.balance(ledger.Payable(ana.person)) != -1000 {
		t.Errorf("owes %d, is owed %d, and owes the host %d", owes, owed, -di.balance(ledger.Payable(ana.person)))
	}
	ana.crash()
	for range 2 {
		if err := ana.Sync(ctx); err != nil {
			t.Fatal(err)
		}
		ana.crash()
	}
	if n := ana.kinds(); n[ledger.KindReport] != 2 || ana.balance(ledger.Receivable(di.person)) != 1000 || ana.balance(ledger.IncomeTickets) != -1000 {
		t.Errorf("the host's books: %v, is owed %d", n, ana.balance(ledger.Receivable(di.person)))
	}
	if s := ana.seats(offer); s != (ledger.Seats{Issued: 2, Left: 6}) {
		t.Errorf("%+v", s)
	}
	raw, _, err := bo.Ticket(hall, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	check := func(want error) {
		t.Helper()
		gate, err := ana.Gate(hall, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gate.Check(raw, time.Now()); !errors.Is(err, want) {
			t.Errorf("at the door: %v, want %v", err, want)
		}
	}
	check(nil)
	_, second, err := ledger.OpenDocument[ledger.Ticket](raw)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if backs, err := ana.Refund(ctx, []ledger.ID{second}, byHost); err != nil || len(backs) != 1 || backs[0].Money != eur(500) {
			t.Fatalf("%+v, %v", backs, err)
		}
	}
	if a, b := di.balance(ledger.Payable(ana.person)), ana.balance(ledger.Receivable(di.person)); a != -500 || b != 500 {
		t.Errorf("after a refund the seller owes %d, the host is owed %d", -a, b)
	}
	if n := di.kinds()[ledger.KindRefund] + ana.kinds()[ledger.KindRefund]; n != 2 {
		t.Errorf("%d refunds in two books", n)
	}
	check(ledger.ErrRevoked)
	// The refunded seat is the host's, and what was not sold comes back on demand.
	if err := ana.TakeBack(ctx, di.device()); err != nil {
		t.Fatal(err)
	}
	if s := ana.seats(offer); s != (ledger.Seats{Issued: 1, Left: 9}) {
		t.Errorf("taken back: %+v", s)
	}
	if _, err := bo.Buy(ctx, bo.wants(di, ledger.IOURail)); err == nil {
		t.Error("sold after it was taken back")
	}
	if list, err := bo.Sellers(ctx, ana.device(), ana.person, hall); err != nil || len(list) != 0 {
		t.Errorf("sellers %v, %v", list, err)
	}
}

// A second device of the host sells on the host's account: the buyer owes the host, and the host's books say so once it is awake.
func TestSecondDeviceSells(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, box, bo := w.settle(1), w.settleAt(1, 1099), w.settle(2)
	box.credit = 0
	ana.evening(10, eur(500))
	ana.lends(ctx, box, ana.person, 4, time.Hour)
	if box.credit != ana.credit {
		t.Errorf("the credit is %d", box.credit)
	}
	ana.stop()
	if got, err := bo.Buy(ctx, bo.at(ana, box)); err != nil || len(got.Tickets) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	ana.crash()
	if err := ana.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if owes, owed := bo.debts(ana); owes != 500 || owed != 500 || ana.balance(ledger.IncomeTickets) != -500 || box.balance(ledger.IncomeTickets) != 0 {
		t.Errorf("owes %d, is owed %d", owes, owed)
	}
}

// Where the host is sold out it says who is not, and the buyer goes on there. A price that has changed is no reason to.
func TestNextSeller(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
	di.sells[ana.person] = true
	offer := ana.evening(3, eur(500))
	ana.lends(ctx, di, di.person, 2, time.Hour)
	for n := range 3 {
		if _, err := bo.Buy(ctx, bo.at(ana)); err != nil {
			t.Fatalf("ticket %d: %v", n, err)
		}
	}
	if _, err := bo.Buy(ctx, bo.at(ana)); !errors.Is(err, ledger.ErrSoldOut) {
		t.Errorf("one more than there are: %v", err)
	}
	more := *offer.Body.(*ledger.Offer)
	more.First, more.Version, more.Price = offer.ID, 2, eur(600)
	ana.append(&more)
	before := len(di.kinds())
	var changed *market.TermsError
	if _, err := bo.Buy(ctx, bo.at(ana, di)); !errors.As(err, &changed) || changed.Now != eur(600) {
		t.Errorf("at the old price: %v", err)
	}
	if n := len(di.kinds()); n != before {
		t.Error("the next seller was asked")
	}
	if err := ana.Sync(ctx); err != nil || di.kinds()[ledger.KindAdopt] != 2 {
		t.Errorf("the seller's price: %v, %v", err, di.kinds())
	}
	if n := bo.kinds()[ledger.KindPay]; n != 3 {
		t.Errorf("%d payments", n)
	}
}

// After its end an allotment comes back by itself: at once what nobody holds, and later what was held and not bought.
func TestAllotmentEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newTown(t), t.Context()
		ana, di, bo := w.settle(1), w.settle(4), w.settle(2)
		di.sells[ana.person] = true
		offer := ana.evening(5, eur(500), func(o *ledger.Offer) { o.Ends += 24 * time.Hour.Milliseconds() })
		ana.lends(ctx, di, di.person, 3, time.Hour)
		ana.stop()
		time.Sleep(time.Hour - time.Minute)
		w.breakAt(&cut{at: 5})
		if _, err := bo.Buy(ctx, wantOf(bo.wants(di, ledger.IOURail), ana)); err == nil {
			t.Fatal("it was not cut off")
		}
		w.breakAt(nil)
		time.Sleep(time.Minute)
		ana.crash()
		if _, err := bo.Buy(ctx, wantOf(bo.wants(di, ledger.IOURail), ana)); err == nil {
			t.Error("sold after the end")
		}
		for _, want := range []uint32{4, 5} {
			if err := ana.Sync(ctx); err != nil {
				t.Fatal(err)
			}
			if s := ana.seats(offer); s.Left != want {
				t.Errorf("%+v, want %d left", s, want)
			}
			time.Sleep(ledger.HoldFor)
		}
	})
}

// wantOf is a want of a host's room.
func wantOf(w market.Want, host *party) market.Want { w.Host = host.person; return w }

// Attack: seats that nobody asked this node to sell; and what a host asks its sellers, asked by somebody else.
func TestWhatOnlyAHostMayAsk(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, di, eve := w.settle(1), w.settle(4), w.settle(9)
	ana.evening(10, eur(500))
	if _, err := ana.Lend(ctx, hall, 0, di.device(), di.person, 4, time.Now().Add(time.Hour)); !errors.Is(err, market.ErrNotYours) {
		t.Errorf("to somebody who does not sell for this host: %v", err)
	}
	if n, m := di.kinds(), ana.kinds(); len(n) != 0 || m[ledger.KindAllot] != 0 {
		t.Errorf("%v, and at the host's %v", n, m)
	}
	di.sells[ana.person], eve.sells[ana.person] = true, true
	// The stream breaks before the seller has its seats: it gets them the next time.
	w.breakAt(&cut{at: 3})
	if _, err := ana.Lend(ctx, hall, 0, di.device(), di.person, 4, time.Now().Add(time.Hour)); err != nil || di.kinds()[ledger.KindAdopt] != 0 {
		t.Fatalf("cut off: %v, %v", err, di.kinds())
	}
	w.breakAt(nil)
	if err := ana.Sync(ctx); err != nil || di.kinds()[ledger.KindAdopt] != 1 {
		t.Fatalf("once it does: %v, %v", err, di.kinds())
	}
	if _, err := ana.Lend(ctx, hall, 0, di.device(), di.person, 4, time.Now().Add(time.Hour)); !errors.Is(err, ledger.ErrDuplicate) {
		t.Errorf("a second allotment: %v", err)
	}
	if _, err := ana.Lend(ctx, hall, 0, eve.device(), eve.person, 7, time.Now().Add(time.Hour)); !errors.Is(err, ledger.ErrSoldOut) {
		t.Errorf("more than there are: %v", err)
	}
	var allot ledger.Entry
	if err := ana.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		if e.Kind == ledger.KindAllot {
			allot = e
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	type account struct {
		_     struct{} `cbor:",toarray"`
		Allot ledger.ID
		After uint64
		End   bool
	}
	for _, c := range []struct {
		who  *party
		kind byte // of the answer
	}{{eve, 9}, {ana, 34}} {
		body, err := doc.Marshal(account{Allot: allot.ID, End: c.who == eve})
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.who.dialAs(c.who.name)(ctx, di.device())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(framed.Append(nil, append([]byte{33}, body...))); err != nil {
			t.Fatal(err)
		}
		answer := make([]byte, 2)
		if _, err := io.ReadFull(s, answer); err != nil || answer[1] != c.kind {
			t.Errorf("%s is answered %x, %v", c.who.name, answer, err)
		}
		s.Close()
	}
	if n := di.kinds()[ledger.KindReclaim]; n != 0 {
		t.Errorf("%d returns", n)
	}
}
