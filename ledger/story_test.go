package ledger

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"salon/ledger/doc"
)

// paying is one payment between two nodes, by IOU, up to the receipt.
type paying struct {
	order, quote, iou       []byte
	orderID, quoteID, iouID ID
	sold                    Sold
}

// deal goes through a whole payment by IOU, each side in its own books.
func deal(t *testing.T, payer, payee *node, order []byte, orderID ID) paying {
	t.Helper()
	p := paying{order: order, orderID: orderID}
	var err error
	if p.quote, p.quoteID, err = payee.quote(order, Terms{Rail: IOURail, Credit: MaxAmount}); err != nil {
		t.Fatal(err)
	}
	q, _, _ := OpenDocument[Quote](p.quote)
	p.iou, p.iouID, err = Sign(payer.key, IOU{Quote: p.quoteID, Debtor: payer.key.Public(), Creditor: payee.person.Public(), Money: q.Total(), Time: payer.now.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	payer.must(&Pay{Order: orderID, Quote: p.quoteID, IOU: p.iouID, Cert: payee.cert()}, order, p.quote, p.iou)
	if p.sold, err = payee.sell(Payment{Quote: p.quoteID, IOU: p.iou, Credit: MaxAmount}); err != nil {
		t.Fatal(err)
	}
	payer.must(&Got{Receipt: receiptID(p.sold.Receipt), Tickets: ticketIDs(p.sold.Tickets)}, docs(p.sold.Receipt, p.sold.Tickets...)...)
	return p
}

// mirrored is invariants I12 and I13: what one owes, the other is owed, and nothing is on its way.
func mirrored(t *testing.T, payer, payee *node) {
	t.Helper()
	owes, owed := payer.balance(Payable(payee.person.Public())), payee.balance(Receivable(payer.key.Public()))
	if owes+owed != 0 {
		t.Errorf("one owes %d, the other is owed %d", -owes, owed)
	}
	if a := payer.balance(Transit(payee.person.Public())); a != 0 {
		t.Errorf("%d is on its way", a)
	}
	var all Amount
	for _, x := range []*node{payer, payee} {
		for _, a := range x.accounts() {
			all += a
		}
		if byAccounts, byLines := x.gained(); byAccounts != byLines {
			t.Errorf("the accounts say that %d were gained, the lines %d", byAccounts, byLines)
		}
	}
	if all != 0 {
		t.Errorf("the books of both sum to %d", all)
	}
}

// The whole story of ledger.md 8, between two nodes on IOU: five tickets, a tip, a subscription, a refund, a transfer,
// and the debt settled in the end.
func TestStory(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	offer := ana.must(evening(50, eur(500)))
	order, id := bo.order(bo.key, ana.person.Public(), offer, 5)
	five := deal(t, bo, ana, order, id)
	mirrored(t, bo, ana)

	order, id = bo.order(bo.key, ana.person.Public(), Entry{}, 1, func(o *Order) { o.Purpose, o.Price, o.Room = ForTip, eur(250), hall })
	deal(t, bo, ana, order, id)
	if got := ana.balance(IncomeTips); got != -250 {
		t.Errorf("of a tip of 250 the creator has %d", -got)
	}
	mirrored(t, bo, ana)

	fans := ana.must(&Offer{Version: 1, Name: "Friends", Price: eur(300), Period: 30 * 24 * 3600})
	order, id = bo.order(bo.key, ana.person.Public(), fans, 1, func(o *Order) { o.Purpose = ForSubscription })
	deal(t, bo, ana, order, id)
	mirrored(t, bo, ana)
	if sub := ana.books.Subscription(fans.ID, bo.key.Public()); !sub.Open(ana.now.Add(29 * 24 * time.Hour)) {
		t.Errorf("a subscriber has %+v", sub)
	}

	// One ticket goes to Cy.
	cy := seed(3)
	transfer, _, err := Sign(bo.key, Transfer{Ticket: ticketIDs(five.sold.Tickets)[0], By: bo.key.Public(), To: cy.Public(), Time: bo.now.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	var moved []byte
	if _, err := ana.try(func(b *Books) (d []Draft, err error) {
		moved, d, err = b.Transfer(ana.key, transfer)
		return d, err
	}); err != nil {
		t.Fatal(err)
	}
	if tk, _, err := OpenDocument[Ticket](moved); err != nil || tk.Gen != 2 || tk.Holder != cy.Public() || tk.Serial != 0 {
		t.Errorf("ticket %+v, %v", tk, err)
	}
	if _, err := ana.try(func(b *Books) (d []Draft, err error) {
		_, d, err = b.Transfer(ana.key, transfer)
		return d, err
	}); !errors.Is(err, ErrUnknown) {
		t.Errorf("given away twice: %v", err)
	}

	// One comes back.
	ana.must(&Revoke{Offer: offer.ID, Serials: []uint32{4}, Reason: ReasonAsked})
	refund := ana.must(&Refund{Receipt: receiptID(five.sold.Receipt), Money: eur(500), Rail: IOURail, Reason: ReasonAsked})
	bo.must(&Refunded{Refund: refund.ID}, refund.Raw())
	bo.refuses(ErrDuplicate, &Refunded{Refund: refund.ID}, refund.Raw())
	mirrored(t, bo, ana)
	if got := ana.balance(IncomeTickets); got != -2000 {
		t.Errorf("income of four tickets is %d", -got)
	}
	if got := ana.balance(Pool(hall)); got != -40 {
		t.Errorf("the relays' pool is %d", -got)
	}

	// Bo pays what he owes, in cash.
	owed := ana.balance(Receivable(bo.key.Public()))
	if owed != 2000+250+300 {
		t.Errorf("bo owes %d", owed)
	}
	settle, settleID, err := Sign(bo.key, Settle{Debtor: bo.key.Public(), Creditor: ana.person.Public(), Money: eur(owed), Means: "cash", Time: bo.now.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	settled, settledID, err := Sign(ana.key, Settled{Settle: settleID, By: ana.key.Public(), Time: ana.now.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []*node{ana, bo} {
		x.must(&Clear{Settle: settleID, Settled: settledID}, settle, settled)
		x.refuses(ErrDuplicate, &Clear{Settle: settleID, Settled: settledID}, settle, settled)
	}
	mirrored(t, bo, ana)
	if ana.balance(Asset("cash")) != owed || bo.balance(Asset("cash")) != -owed {
		t.Error("the cash is not in the books")
	}
	ana.copy(t)
	bo.copy(t)
}

// Attack: somebody else signs that a debt is settled.
func TestSettlementTakesBoth(t *testing.T) {
	ana, bo, eve := newNode(t, 1), newNode(t, 2), seed(9)
	order, id := bo.order(bo.key, ana.person.Public(), Entry{}, 1, func(o *Order) { o.Purpose, o.Price = ForTip, eur(250) })
	deal(t, bo, ana, order, id)
	settle := func(a Amount) ([]byte, ID) {
		raw, id, err := Sign(bo.key, Settle{Debtor: bo.key.Public(), Creditor: ana.person.Public(), Money: eur(a), Means: "cash", Time: noon.UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		return raw, id
	}
	half, halfID := settle(100)
	byEve, byEveID, _ := Sign(eve, Settled{Settle: halfID, By: eve.Public(), Time: noon.UnixMilli()})
	ana.refuses(ErrSigner, &Clear{Settle: halfID, Settled: byEveID}, half, byEve)
	more, moreID := settle(251)
	byAna, byAnaID, _ := Sign(ana.key, Settled{Settle: moreID, By: ana.key.Public(), Time: noon.UnixMilli()})
	ana.refuses(ErrTooMuch, &Clear{Settle: moreID, Settled: byAnaID}, more, byAna)
	bo.refuses(ErrTooMuch, &Clear{Settle: moreID, Settled: byAnaID}, more, byAna)
	ana.refuses(ErrMismatch, &Clear{Settle: halfID, Settled: byAnaID}, half, byAna)
	// Eve settles between herself and herself what bo owes ana.
	bo.refuses(ErrSigner, &Clear{Settle: halfID, Settled: byEveID}, half, byEve)
	hers, hersID, _ := Sign(eve, Settle{Debtor: eve.Public(), Creditor: ana.person.Public(), Money: eur(100), Means: "cash"})
	toHer, toHerID, _ := Sign(ana.key, Settled{Settle: hersID, By: ana.key.Public()})
	bo.refuses(ErrSigner, &Clear{Settle: hersID, Settled: toHerID}, hers, toHer)
}

// A payment that is pending is not failed: nothing else may be tried for its order, until the rail says that it failed.
func TestPendingIsNotFailed(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	offer := ana.must(evening(5, eur(500)))
	order, orderID := bo.order(bo.key, ana.person.Public(), offer, 1)
	quote, quoteID, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	bo.must(&Pay{Order: orderID, Quote: quoteID, Cert: ana.cert()}, order, quote)
	bo.refuses(ErrDuplicate, &Pay{Order: orderID, Quote: quoteID, Cert: ana.cert()}, order, quote)
	bo.must(&Void{Quote: quoteID, Reason: ReasonFailed})
	bo.refuses(ErrUnknown, &Void{Quote: quoteID, Reason: ReasonFailed})
	if len(bo.accounts()) != 0 {
		t.Errorf("after a payment that failed: %v", bo.accounts())
	}
	bo.must(&Pay{Order: orderID, Quote: quoteID, Cert: ana.cert()}, order, quote)
	sold, err := ana.sell(Payment{Quote: quoteID, Proof: []byte("1"), Cost: 7})
	if err != nil {
		t.Fatal(err)
	}
	got := &Got{Receipt: receiptID(sold.Receipt), Tickets: ticketIDs(sold.Tickets), Cost: 3}
	bo.must(got, docs(sold.Receipt, sold.Tickets...)...)
	bo.refuses(ErrDuplicate, got, docs(sold.Receipt, sold.Tickets...)...)
	bo.refuses(ErrDuplicate, &Pay{Order: orderID, Quote: quoteID, Cert: ana.cert()}, order, quote)
	for x, want := range map[*node]map[Account]Amount{
		ana: {Asset("card"): 493, ExpenseRail: 7, IncomeTickets: -500, ExpenseShares: 10, Pool(hall): -10},
		bo:  {Asset("card"): -503, ExpenseRail: 3, ExpenseTickets: 500},
	} {
		for account, a := range want {
			if got := x.balance(account); got != a {
				t.Errorf("%s is %d, want %d", account, got, a)
			}
		}
	}
}

// The rail said that a payment failed, and then it went through: the receipt still counts, and the money is in the books once.
func TestFailedPaymentGoesThrough(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	offer := ana.must(evening(5, eur(500)))
	for _, rail := range []string{"card", IOURail} {
		order, orderID := bo.order(bo.key, ana.person.Public(), offer, 1)
		quote, quoteID, err := ana.quote(order, Terms{Rail: rail, Credit: MaxAmount})
		if err != nil {
			t.Fatal(err)
		}
		pay, papers, payment := &Pay{Order: orderID, Quote: quoteID, Cert: ana.cert()}, [][]byte{order, quote}, Payment{Quote: quoteID, Proof: orderID[:], Credit: MaxAmount}
		if rail == IOURail {
			iou, iouID, err := Sign(bo.key, IOU{Quote: quoteID, Debtor: bo.key.Public(), Creditor: ana.person.Public(), Money: eur(500)})
			if err != nil {
				t.Fatal(err)
			}
			pay.IOU, papers, payment.IOU = iouID, append(papers, iou), iou
		}
		before := bo.accounts()
		bo.must(pay, papers...)
		bo.must(&Void{Quote: quoteID, Reason: ReasonFailed})
		if got := bo.accounts(); !maps.Equal(got, before) {
			t.Errorf("%s: after the failure %v, before %v", rail, got, before)
		}
		sold, err := ana.sell(payment)
		if err != nil {
			t.Fatal(err)
		}
		eve := newNode(t, 9)
		eve.refuses(ErrUnknown, &Got{Receipt: receiptID(sold.Receipt), Tickets: ticketIDs(sold.Tickets)}, docs(sold.Receipt, sold.Tickets...)...)
		bo.refuses(ErrMismatch, &Got{Receipt: receiptID(sold.Receipt), Tickets: slices.Repeat(ticketIDs(sold.Tickets), 2)}, docs(sold.Receipt, slices.Repeat(sold.Tickets, 2)...)...)
		bo.must(&Got{Receipt: receiptID(sold.Receipt), Tickets: ticketIDs(sold.Tickets)}, docs(sold.Receipt, sold.Tickets...)...)
		mirrored(t, bo, ana)
	}
	if bo.balance(Asset("card")) != -500 || bo.balance(Payable(ana.person.Public())) != -500 || bo.balance(ExpenseTickets) != 1000 {
		t.Errorf("%v", bo.accounts())
	}
}

// Attack: several orders at once, each within the credit.
func TestCreditIsOfAllTogether(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(5, eur(500)))
	var ious []Payment
	for range 2 {
		order, _ := ana.order(bo, ana.person.Public(), offer, 1)
		_, quote, err := ana.quote(order, Terms{Rail: IOURail, Credit: 999})
		if err != nil {
			t.Fatal(err)
		}
		iou, _, err := Sign(bo, IOU{Quote: quote, Debtor: bo.Public(), Creditor: ana.person.Public(), Money: eur(500)})
		if err != nil {
			t.Fatal(err)
		}
		ious = append(ious, Payment{Quote: quote, IOU: iou, Credit: 999})
	}
	if _, err := ana.sell(ious[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.sell(ious[1]); !errors.Is(err, ErrCredit) {
		t.Errorf("the second: %v", err)
	}
	if got := ana.balance(Receivable(bo.Public())); got != 500 {
		t.Errorf("bo owes %d", got)
	}
}

// Every kind of share lands where its party finds it.
func TestShares(t *testing.T) {
	ana := newNode(t, 1)
	o := evening(5, eur(1000))
	cohost, shelter, fund := seed(20).Public(), seed(21).Public(), seed(22).Public()
	o.Split = []Share{{Cut: CutCoHost, To: cohost, BasisPoints: 1000}, {Cut: CutRelays, BasisPoints: 200}, {Cut: CutCharity, To: shelter, BasisPoints: 300}, {Cut: CutFund, To: fund, BasisPoints: 400}}
	if _, err := ana.buy(seed(2), ana.must(o), 1); err != nil {
		t.Fatal(err)
	}
	for account, want := range map[Account]Amount{ShareOf(cohost): -100, Pool(hall): -20, Charity(shelter): -30, Fund(fund): -40, ExpenseShares: 190, IncomeTickets: -1000} {
		if got := ana.balance(account); got != want {
			t.Errorf("%s is %d, want %d", account, got, want)
		}
	}
}

func TestPaymentsThatAreRefused(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	offer := ana.must(evening(5, eur(500)))
	order, orderID := bo.order(bo.key, ana.person.Public(), offer, 1)
	quote, quoteID, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	q, _, _ := OpenDocument[Quote](quote)
	for _, c := range []struct {
		name   string
		change func(*Quote)
		want   error
	}{
		{"another price", func(q *Quote) { q.Price.Amount++ }, ErrMismatch},
		{"another currency", func(q *Quote) { q.Price.Cur = "USD" }, ErrMismatch},
		{"fewer seats", func(q *Quote) { q.Serials = nil }, ErrMismatch},
		{"for another order", func(q *Quote) { q.Order[0]++ }, ErrMismatch},
		{"an IOU, and none is there", func(q *Quote) { q.Rail = IOURail }, ErrMismatch},
		{"expired", func(q *Quote) { q.Expires = q.Time + 1 }, ErrExpired},
	} {
		other := q
		c.change(&other)
		raw, id, err := Sign(ana.key, other)
		if err != nil {
			t.Fatal(err)
		}
		x := bo.copy(t)
		x.now = noon.Add(time.Second)
		if _, err := x.add(&Pay{Order: orderID, Quote: id, Cert: ana.cert()}, order, raw); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	// Attack: the seller did not sign the quote.
	s, forged, err := sign(seed(9), "quote", q)
	if err != nil || s.id != quoteID {
		t.Fatal("not the same quote")
	}
	bo.refuses(doc.ErrSignature, &Pay{Order: orderID, Quote: quoteID, Cert: ana.cert()}, order, forged)
	// Attack: somebody else sells in ana's name, with a certificate of her own or with none.
	eve := newNode(t, 9)
	byEve := q
	byEve.By = eve.key.Public()
	rawE, idE, _ := Sign(eve.key, byEve)
	bo.refuses(ErrSigner, &Pay{Order: orderID, Quote: idE, Cert: eve.cert()}, order, rawE)
	bo.refuses(ErrSigner, &Pay{Order: orderID, Quote: idE, Cert: ana.cert()}, order, rawE)
	bo.refuses(doc.ErrEncoding, &Pay{Order: orderID, Quote: idE}, order, rawE)
	// Attack: an IOU of one quote for another.
	byIOU := q
	byIOU.Rail = IOURail
	rawQ, idQ, _ := Sign(ana.key, byIOU)
	rawU, idU, _ := Sign(bo.key, IOU{Quote: quoteID, Debtor: bo.key.Public(), Creditor: ana.person.Public(), Money: eur(500), Time: noon.UnixMilli()})
	bo.refuses(ErrMismatch, &Pay{Order: orderID, Quote: idQ, IOU: idU, Cert: ana.cert()}, order, rawQ, rawU)
}

// Charity money is not the creator's, and waits until it is paid out.
func TestCharity(t *testing.T) {
	ana, bo, shelter := newNode(t, 1), newNode(t, 2), seed(7).Public()
	order, id := bo.order(bo.key, ana.person.Public(), Entry{}, 1, func(o *Order) { o.Purpose, o.Price, o.Charity = ForCharity, eur(250), shelter })
	deal(t, bo, ana, order, id)
	if got := ana.balance(Charity(shelter)); got != -250 {
		t.Errorf("%d waits for the charity", -got)
	}
	ana.payOut(1, Party{CutCharity, shelter})
	if ana.balance(Charity(shelter)) != 0 || ana.balance(Payable(shelter)) != -250 {
		t.Error("the charity has no slip")
	}
}
