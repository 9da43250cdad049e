package market_test

import (
	"errors"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/railtest"
)

// bench puts a rail between two nodes, of which one has made an offer.
func bench(t *testing.T, name string, price ledger.Money, open func(payee, payer *party) (market.Payee, market.Payer)) *railtest.Bench {
	w := newTown(t)
	ana, bo := w.settle(1), w.settle(2)
	offer := ana.evening(50, price)
	b := &railtest.Bench{}
	b.Restart = func(*testing.T) {
		ana.crash()
		bo.crash()
		b.Payee, b.Payer = open(ana, bo)
	}
	b.Payee, b.Payer = open(ana, bo)
	nonce := byte(0)
	b.Bill = func(t *testing.T) market.Bill {
		t.Helper()
		nonce++
		now := time.Now()
		o := ledger.Order{Purpose: ledger.ForTickets, Offer: offer.ID, Payee: ana.person, Buyer: bo.device(), Count: 1, Price: price,
			Nonce: [16]byte{nonce}, Time: now.UnixMilli(), Expires: now.Add(time.Minute).UnixMilli()}
		raw, id, err := ledger.Sign(bo.id.Device(), o)
		if err != nil {
			t.Fatal(err)
		}
		inv, err := b.Payee.Create(t.Context(), market.Request{Ref: id, Amount: o.Price, Expires: now.Add(ledger.HoldFor)})
		if err != nil {
			t.Fatal(err)
		}
		var rawQuote []byte
		_, err = ana.store.Append(now, func(books *ledger.Books) (d []ledger.Draft, err error) {
			rawQuote, d, err = books.Quote(ana.id.Device(), raw, nil, ledger.Terms{Rail: name, Request: inv.Request, Fee: inv.Fee, Credit: 100_000})
			return d, err
		})
		if err != nil {
			t.Fatal(err)
		}
		q, quote, err := ledger.OpenDocument[ledger.Quote](rawQuote)
		if err != nil {
			t.Fatal(err)
		}
		return market.Bill{Ref: id, Quote: quote, Request: q.Request, Total: q.Total(), Buyer: bo.id.Device(), Creditor: ana.person,
			Time: time.UnixMilli(q.Time), Expires: time.UnixMilli(q.Expires)}
	}
	b.Book = func(t *testing.T, bill market.Bill, ev market.Event) {
		t.Helper()
		p := ledger.Payment{Quote: bill.Quote, Proof: ev.Proof, Cost: ev.Cost, Credit: 100_000}
		if name == ledger.IOURail {
			p.IOU = ev.Proof
		}
		_, err := ana.store.Append(time.Now(), func(books *ledger.Books) (d []ledger.Draft, err error) {
			_, d, err = books.Sell(ana.id.Device(), p)
			return d, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestIOUConforms(t *testing.T) {
	railtest.Conform(t, func(t *testing.T) *railtest.Bench {
		return bench(t, ledger.IOURail, eur(500), func(payee, payer *party) (market.Payee, market.Payer) {
			return market.NewIOU(payee.store, payee.id.Device()), market.NewIOU(payer.store, payer.id.Device())
		})
	})
}

func TestFakeConforms(t *testing.T) {
	railtest.Conform(t, func(t *testing.T) *railtest.Bench {
		return bench(t, "bank", eur(500), func(payee, _ *party) (market.Payee, market.Payer) { return payee.town.bank, payee.town.bank })
	})
}

// Attack: an IOU for another quote, another sum, another creditor, or signed by nobody.
func TestIOUsThatAreRefused(t *testing.T) {
	iou := &market.IOU{}
	bo, ana := seed(2), seed(1).Public()
	bill := market.Bill{Ref: ledger.ID{1}, Quote: ledger.ID{2}, Total: eur(500), Buyer: bo, Creditor: ana, Time: time.Now()}
	good, err := iou.Pay(t.Context(), bill)
	if err != nil {
		t.Fatal(err)
	}
	if ev, err := iou.Take(t.Context(), bill, good.Proof); err != nil || ev.State != market.Settled {
		t.Fatalf("%+v, %v", ev, err)
	}
	for name, change := range map[string]func(*market.Bill){
		"another quote":    func(b *market.Bill) { b.Quote[0]++ },
		"less":             func(b *market.Bill) { b.Total = eur(499) },
		"another currency": func(b *market.Bill) { b.Total.Cur = "USD" },
		"another creditor": func(b *market.Bill) { b.Creditor = seed(9).Public() },
	} {
		other := bill
		change(&other)
		ev, err := iou.Pay(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := iou.Take(t.Context(), bill, ev.Proof); !errors.Is(err, ledger.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range good.Proof {
		bad := append([]byte(nil), good.Proof...)
		bad[i] ^= 1
		if _, err := iou.Take(t.Context(), bill, bad); err == nil {
			t.Errorf("byte %d changed, and taken", i)
		}
	}
}

// Attack: several purchases at once, each within the credit. And who has settled has credit again, which takes the signatures of both.
func TestCreditAndSettlement(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.credit = 999
	ana.evening(50, eur(500))
	want := bo.wants(ana, ledger.IOURail)
	want.Known = true
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := bo.Buy(ctx, want)
			errs <- err
		}()
	}
	a, b := <-errs, <-errs
	if (a == nil) == (b == nil) || !errors.Is(errors.Join(a, b), ledger.ErrCredit) {
		t.Fatalf("%v and %v", a, b)
	}
	if owes, owed := bo.debts(ana); owes != 500 || owed != 500 {
		t.Errorf("owes %d, is owed %d", owes, owed)
	}

	rail := func(p *party) *market.IOU { return market.NewIOU(p.store, p.id.Device()) }
	settle := func(a ledger.Amount) []byte {
		raw, err := rail(bo).Settle(bo.id.Device(), ledger.Settle{Creditor: ana.person, Money: eur(a), Means: "cash", Nonce: [16]byte{byte(a)}, Time: time.Now().UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if _, err := rail(ana).Confirm(settle(501), time.Now()); !errors.Is(err, ledger.ErrTooMuch) {
		t.Errorf("more than is owed: %v", err)
	}
	raw := settle(500)
	if _, err := rail(bo).Confirm(raw, time.Now()); !errors.Is(err, ledger.ErrSigner) {
		t.Errorf("the debtor confirms: %v", err)
	}
	_, forged, err := ledger.OpenDocument[ledger.Settle](raw)
	if err != nil {
		t.Fatal(err)
	}
	byEve, _, err := ledger.Sign(seed(9), ledger.Settled{Settle: forged, By: seed(9).Public(), Time: time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	if err := rail(bo).Cleared(raw, byEve, time.Now()); !errors.Is(err, ledger.ErrSigner) {
		t.Errorf("somebody else confirms: %v", err)
	}
	settled, err := rail(ana).Confirm(raw, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ana.crash()
	again, err := rail(ana).Confirm(raw, time.Now())
	if err != nil || string(again) != string(settled) {
		t.Errorf("confirmed again: another answer, %v", err)
	}
	for range 2 {
		if err := rail(bo).Cleared(raw, settled, time.Now()); err != nil {
			t.Error(err)
		}
		bo.crash()
	}
	if owes, owed := bo.debts(ana); owes != 0 || owed != 0 {
		t.Errorf("owes %d, is owed %d", owes, owed)
	}
	if ana.balance(ledger.Asset("cash")) != 500 || bo.balance(ledger.Asset("cash")) != -500 {
		t.Error("the cash is not in the books")
	}
	if _, err := bo.Buy(ctx, want); err != nil {
		t.Errorf("with credit again: %v", err)
	}
}

// Nobody has credit unless the host says so.
func TestNoCredit(t *testing.T) {
	w := newTown(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.credit = 0
	ana.evening(50, eur(500))
	if _, err := bo.Buy(within(t), bo.wants(ana, ledger.IOURail)); !errors.Is(err, ledger.ErrCredit) {
		t.Errorf("%v", err)
	}
	if n := bo.kinds(); len(n) != 0 {
		t.Errorf("%v", n)
	}
}
