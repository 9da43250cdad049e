package ledger

import (
	"errors"
	"testing"
	"time"
)

func TestTicketIsSold(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(3, eur(500)))
	sold, err := ana.buy(bo, offer, 2)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := OpenDocument[Receipt](sold.Receipt)
	if err != nil || r.Paid != eur(1000) || r.By != ana.key.Public() {
		t.Errorf("receipt %+v, %v", r, err)
	}
	for i, raw := range sold.Tickets {
		tk, _, err := OpenDocument[Ticket](raw)
		if err != nil || tk.Serial != uint32(i) || tk.Gen != 1 || tk.Holder != bo.Public() || tk.Room != hall {
			t.Errorf("ticket %+v, %v", tk, err)
		}
		if len(raw) > 200 {
			t.Errorf("a ticket of %d bytes", len(raw))
		}
	}
	for account, want := range map[Account]Amount{Asset("card"): 1000, IncomeTickets: -1000, ExpenseShares: 20, Pool(hall): -20} {
		if got := ana.balance(account); got != want {
			t.Errorf("%s is %d, want %d", account, got, want)
		}
	}
	if s := ana.state(offer.ID); s.Issued != 2 || s.Reserved != 0 {
		t.Errorf("%d issued, %d reserved", s.Issued, s.Reserved)
	}
}

// The last seats: who comes too late is told so, and pays nothing.
func TestSoldOut(t *testing.T) {
	ana := newNode(t, 1)
	offer := ana.must(evening(3, eur(500)))
	if _, err := ana.buy(seed(2), offer, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.buy(seed(3), offer, 2); !errors.Is(err, ErrSoldOut) {
		t.Errorf("two of one seat left: %v", err)
	}
	// A hold counts as gone while it holds.
	order, _ := ana.order(seed(3), ana.person.Public(), offer, 1)
	if _, _, err := ana.quote(order, byCard); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.buy(seed(4), offer, 1); !errors.Is(err, ErrSoldOut) {
		t.Errorf("a seat that is held: %v", err)
	}
	// More seats can be added, and are sold.
	more := evening(4, eur(500))
	more.First, more.Version = offer.ID, 2
	offer = ana.must(more)
	if _, err := ana.buy(seed(4), offer, 1); err != nil {
		t.Error(err)
	}
}

// Attack: holds that are never paid. They lapse, and nothing of the offer is lost.
func TestHoldsLapse(t *testing.T) {
	ana := newNode(t, 1)
	offer := ana.must(evening(20, eur(500)))
	for i := range uint32(20) {
		order, _ := ana.order(seed(100+i), ana.person.Public(), offer, 1)
		if _, _, err := ana.quote(order, byCard); err != nil {
			t.Fatal(err)
		}
		ana.now = ana.now.Add(time.Second)
	}
	if n := ana.left(offer.ID); n != 0 {
		t.Fatalf("%d seats left while all are held", n)
	}
	ana.now = noon.Add(HoldFor - time.Millisecond)
	if n := ana.left(offer.ID); n != 0 {
		t.Errorf("%d seats left just before the first hold lapses", n)
	}
	ana.now = noon.Add(HoldFor)
	if n := ana.left(offer.ID); n != 1 {
		t.Errorf("%d seats left when the first hold lapses", n)
	}
	ana.now = noon.Add(HoldFor + time.Minute)
	if n := ana.left(offer.ID); n != 20 {
		t.Errorf("%d seats left when all holds have lapsed", n)
	}
	seen := map[uint32]bool{}
	for i := range uint32(20) {
		sold, err := ana.buy(seed(200+i), offer, 1)
		if err != nil {
			t.Fatalf("seat %d: %v", i, err)
		}
		tk, _, _ := OpenDocument[Ticket](sold.Tickets[0])
		seen[tk.Serial] = true
	}
	if len(seen) != 20 {
		t.Errorf("%d serials sold", len(seen))
	}
}

func TestLatePayment(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(1, eur(500)))
	order, _ := ana.order(bo, ana.person.Public(), offer, 1)
	_, quote, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	ana.now = ana.now.Add(HoldFor)
	t.Run("others are left", func(t *testing.T) {
		copied := ana.copy(t)
		sold, err := copied.sell(Payment{Quote: quote, Proof: []byte("late")})
		if err != nil || len(sold.Tickets) != 1 {
			t.Errorf("%d tickets, %v", len(sold.Tickets), err)
		}
	})
	// Somebody else takes the seat: there is a receipt without a ticket, and the money goes back.
	if _, err := ana.buy(seed(3), offer, 1); err != nil {
		t.Fatal(err)
	}
	sold, err := ana.sell(Payment{Quote: quote, Proof: []byte("late")})
	if err != nil || len(sold.Tickets) != 0 {
		t.Fatalf("%d tickets, %v", len(sold.Tickets), err)
	}
	if s := ana.state(offer.ID); s.Issued != 1 {
		t.Errorf("%d of 1 seat issued", s.Issued)
	}
	before := ana.balance(Asset("card"))
	if _, err := ana.try(func(b *Books) ([]Draft, error) {
		return b.GiveBack(receiptID(sold.Receipt), "card", []byte("back"), ReasonLate)
	}); err != nil {
		t.Fatal(err)
	}
	if got := before - ana.balance(Asset("card")); got != 500 {
		t.Errorf("%d went back", got)
	}
}

// Asking again is not buying again: orders, quotes and payments may all be repeated after a crash.
func TestRepeats(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(5, eur(500)))
	order, _ := ana.order(bo, ana.person.Public(), offer, 1)
	raw, quote, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	size := ana.books.Size
	again, _, err := ana.quote(order, byCard)
	if err != nil || string(again) != string(raw) || ana.books.Size != size {
		t.Errorf("asked again: %v, %d entries more", err, ana.books.Size-size)
	}
	sold, err := ana.sell(Payment{Quote: quote, Proof: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	size = ana.books.Size
	twice, err := ana.sell(Payment{Quote: quote, Proof: []byte("1")})
	if err != nil || string(twice.Receipt) != string(sold.Receipt) || len(twice.Tickets) != 1 || string(twice.Tickets[0]) != string(sold.Tickets[0]) {
		t.Errorf("paid again: %v", err)
	}
	if again, _, err := ana.quote(order, byCard); err != nil || string(again) != string(raw) || ana.books.Size != size {
		t.Errorf("ordered again after paying: %v", err)
	}
}

// After its hold has lapsed an order is quoted anew. If the first quote is paid after all, the order is done with.
func TestQuotedAgain(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(5, eur(500)))
	order, _ := ana.order(bo, ana.person.Public(), offer, 1)
	_, first, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	ana.now = ana.now.Add(HoldFor)
	_, again, err := ana.quote(order, byCard)
	if err != nil || again == first {
		t.Fatalf("the same quote, %v", err)
	}
	if sold, err := ana.sell(Payment{Quote: first, Proof: []byte("late")}); err != nil || len(sold.Tickets) != 1 {
		t.Fatalf("%d tickets, %v", len(sold.Tickets), err)
	}
	ana.now = ana.now.Add(HoldFor)
	if _, third, err := ana.quote(order, byCard); err != nil || third != first {
		t.Errorf("quoted after it was paid: %v", err)
	}
	if n := ana.left(offer.ID); n != 4 {
		t.Errorf("%d seats are left", n)
	}
}

// Attack: code gone wrong appends what its own rules would not make. The books refuse it too.
func TestReservationsThatAreRefused(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(5, eur(500)))
	order, orderID := ana.order(bo, ana.person.Public(), offer, 1)
	tip, tipID := ana.order(bo, seed(7).Public(), Entry{}, 1, func(o *Order) { o.Purpose, o.Price = ForTip, eur(5) })
	good := Quote{Order: orderID, By: ana.key.Public(), Rail: "card", Price: eur(500), Serials: []uint32{0}, Time: noon.UnixMilli(), Expires: noon.Add(HoldFor).UnixMilli()}
	for _, c := range []struct {
		name   string
		change func(*Quote)
		want   error
	}{
		{"seats that are not the next", func(q *Quote) { q.Serials[0] = 3 }, ErrMismatch},
		{"more seats", func(q *Quote) { q.Serials = []uint32{0, 1} }, ErrMismatch},
		{"held for longer", func(q *Quote) { q.Expires++ }, ErrMismatch},
		{"from another time", func(q *Quote) { q.Time--; q.Expires-- }, ErrMismatch},
		{"a period", func(q *Quote) { q.From, q.Through = 1, 2 }, ErrMismatch},
		{"less money", func(q *Quote) { q.Price.Amount-- }, ErrMismatch},
		{"a tip to somebody else", func(q *Quote) { q.Order, q.Price, q.Serials = tipID, eur(5), nil }, ErrMismatch},
		{"as it should be", func(*Quote) {}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := good
			q.Serials = []uint32{0}
			c.change(&q)
			raw, id, err := Sign(ana.key, q)
			if err != nil {
				t.Fatal(err)
			}
			about := order
			if q.Order == tipID {
				about = tip
			}
			x := ana.copy(t)
			if _, err := x.add(&Reserve{Order: q.Order, Quote: id}, about, raw); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if c.want == nil {
				q.Request = "another"
				raw, id, _ := Sign(ana.key, q)
				x.refuses(ErrDuplicate, &Reserve{Order: orderID, Quote: id}, about, raw)
			}
		})
	}
	eve := seed(9)
	q := good
	q.By = eve.Public()
	raw, id, _ := Sign(eve, q)
	ana.refuses(ErrSigner, &Reserve{Order: orderID, Quote: id}, order, raw)
}

func TestOrdersThatAreRefused(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	o := evening(5, eur(500))
	o.PerBuyer, o.SaleFrom, o.SaleTo = 2, noon.Add(time.Minute).UnixMilli(), noon.Add(time.Hour).UnixMilli()
	offer := ana.must(o)
	for _, c := range []struct {
		name   string
		after  time.Duration
		count  uint32
		terms  Terms
		change func(*Order)
		want   error
	}{
		{"before the sale", 0, 1, byCard, func(*Order) {}, ErrNotOnSale},
		{"after the sale", time.Hour, 1, byCard, func(o *Order) { o.Expires += 1000 }, ErrNotOnSale},
		{"more than one may have", 2 * time.Minute, 3, byCard, func(*Order) {}, ErrLimit},
		{"less money", 2 * time.Minute, 1, byCard, func(o *Order) { o.Price.Amount-- }, ErrMismatch},
		{"other money", 2 * time.Minute, 1, byCard, func(o *Order) { o.Price.Cur = "USD" }, ErrMismatch},
		{"to somebody else", 2 * time.Minute, 1, byCard, func(o *Order) { o.Payee = seed(9).Public() }, ErrMismatch},
		{"no such offer", 2 * time.Minute, 1, byCard, func(o *Order) { o.Offer[0]++ }, ErrUnknown},
		{"a subscription", 2 * time.Minute, 1, byCard, func(o *Order) { o.Purpose = ForSubscription }, ErrMismatch},
		{"expired", 2 * time.Minute, 1, byCard, func(o *Order) { o.Expires = noon.Add(time.Minute).UnixMilli(); o.Time = noon.UnixMilli() }, ErrExpired},
		{"by IOU, a stranger", 2 * time.Minute, 1, Terms{Rail: IOURail}, func(*Order) {}, ErrCredit},
		{"by IOU, beyond the credit", 2 * time.Minute, 2, Terms{Rail: IOURail, Credit: 999}, func(*Order) {}, ErrCredit},
		{"by IOU, beyond the credit with the fee", 2 * time.Minute, 2, Terms{Rail: IOURail, Credit: 1000, Fee: 1}, func(*Order) {}, ErrCredit},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := ana.copy(t)
			x.now = noon.Add(c.after)
			order, _ := x.order(bo, x.person.Public(), offer, c.count, c.change)
			if _, _, err := x.quote(order, c.terms); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if s := x.state(offer.ID); s.Reserved != 0 {
				t.Errorf("%d seats held", s.Reserved)
			}
		})
	}
	ana.now = noon.Add(2 * time.Minute)
	if _, err := ana.buy(bo, offer, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.buy(bo, offer, 1); !errors.Is(err, ErrLimit) {
		t.Errorf("a third one: %v", err)
	}
}

// What an offer states of tax is on its receipts, in the version that was ordered, and in the lines of the books.
func TestTaxIsOnTheReceipt(t *testing.T) {
	ana := newNode(t, 1)
	o := evening(5, eur(500))
	o.Tax = "incl. 19 % VAT"
	offer := ana.must(o)
	for _, want := range []string{"incl. 19 % VAT", ""} {
		sold, err := ana.buy(seed(2), offer, 1)
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := OpenDocument[Receipt](sold.Receipt)
		if err != nil || r.Tax != want {
			t.Errorf("the receipt states %q, not %q, %v", r.Tax, want, err)
		}
		e, err := parseRecord(ana.index.records[len(ana.index.records)-1])
		if err != nil {
			t.Fatal(err)
		}
		l, err := ana.books.line(e)
		if err != nil || l.Tax != want {
			t.Errorf("the line states %q, not %q, %v", l.Tax, want, err)
		}
		next := *o
		next.First, next.Version, next.Tax = offer.ID, 2, ""
		if want != "" {
			offer = ana.must(&next)
		}
	}
}

// Attack: a seller, or code gone wrong, appends a sale that its quote does not bear out (invariants I8 and I10).
func TestSalesThatAreRefused(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(5, eur(500)))
	first, err := ana.buy(bo, offer, 1)
	if err != nil {
		t.Fatal(err)
	}
	paid, _, _ := OpenDocument[Receipt](first.Receipt)
	order, orderID := ana.order(bo, ana.person.Public(), offer, 1)
	_, quote, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	receipt := Receipt{Order: orderID, Quote: quote, By: ana.key.Public(), Rail: "card", Proof: []byte("2"), Paid: eur(500), Time: ana.now.UnixMilli()}
	ticket := offer.Body.(*Offer).TicketFor(1, 1, bo.Public(), ana.key.Public())
	for _, c := range []struct {
		name    string
		receipt func(*Receipt)
		ticket  func(*Ticket)
		want    error
	}{
		{"less money", func(r *Receipt) { r.Paid.Amount-- }, nil, ErrMismatch},
		{"more money", func(r *Receipt) { r.Paid.Amount++ }, nil, ErrMismatch},
		{"dollars for euros", func(r *Receipt) { r.Paid.Cur = "USD" }, nil, ErrMismatch},
		{"another rail", func(r *Receipt) { r.Rail = "lnd" }, nil, ErrMismatch},
		{"a tax that the offer does not state", func(r *Receipt) { r.Tax = "incl. 19 % VAT" }, nil, ErrMismatch},
		{"another order", func(r *Receipt) { r.Order[0]++ }, nil, ErrUnknown},
		{"a payment that backs another receipt", func(r *Receipt) { r.Proof = paid.Proof }, nil, ErrPaid},
		{"a seat that is taken", nil, func(t *Ticket) { t.Serial = 0; t.Gen = 2 }, ErrMismatch},
		{"a seat that was not quoted", nil, func(t *Ticket) { t.Serial = 2 }, ErrMismatch},
		{"a generation too far", nil, func(t *Ticket) { t.Gen = 2 }, ErrGeneration},
		{"another room", nil, func(t *Ticket) { t.Room[0]++ }, ErrMismatch},
		{"another class", nil, func(t *Ticket) { t.Class++ }, ErrMismatch},
		{"a longer evening", nil, func(t *Ticket) { t.NotAfter++ }, ErrMismatch},
		{"for somebody else", nil, func(t *Ticket) { t.Holder = seed(3).Public() }, ErrMismatch},
		{"as it should be", nil, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := ana.copy(t)
			r, tk := receipt, ticket
			if c.receipt != nil {
				c.receipt(&r)
			}
			if c.ticket != nil {
				c.ticket(&tk)
			}
			rawR, idR, err := Sign(ana.key, r)
			if err != nil {
				t.Fatal(err)
			}
			rawT, idT, err := Sign(ana.key, tk)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := x.add(&Sale{Receipt: idR, Tickets: []ID{idT}}, rawR, rawT); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestGifts(t *testing.T) {
	ana := newNode(t, 1)
	offer := ana.must(evening(2, eur(500)))
	give := func(holders ...Key) error {
		_, err := ana.try(func(b *Books) (d []Draft, err error) {
			_, d, err = b.Give(ana.key, offer.ID, holders...)
			return d, err
		})
		return err
	}
	if err := give(seed(2).Public(), seed(3).Public(), seed(4).Public()); !errors.Is(err, ErrSoldOut) {
		t.Errorf("three gifts of two seats: %v", err)
	}
	if err := give(seed(2).Public()); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.buy(seed(3), offer, 2); !errors.Is(err, ErrSoldOut) {
		t.Errorf("a gift takes no seat: %v", err)
	}
	if len(ana.accounts()) != 0 {
		t.Errorf("a gift is money: %v", ana.accounts())
	}
}

// Clocks that are ten minutes apart: whoever's is wrong, a purchase comes about whole, or is refused before any money moves.
func TestClocksOfSellerAndBuyer(t *testing.T) {
	for _, c := range []struct {
		name          string
		seller, buyer time.Duration
		quote, pay    error
	}{
		{"the same", 0, 0, nil, nil},
		{"the seller is ahead", 10 * time.Minute, 0, nil, nil},
		{"the seller is behind", -10 * time.Minute, 0, nil, ErrExpired},
		{"the buyer is ahead", 0, 10 * time.Minute, nil, ErrExpired},
		{"the buyer is behind", 0, -10 * time.Minute, nil, nil},
		{"they are an hour apart", time.Hour, 0, ErrExpired, nil},
	} {
		ana, bo := newNode(t, 1), newNode(t, 2)
		offer := ana.must(evening(5, eur(500)))
		ana.now, bo.now = ana.now.Add(time.Hour+c.seller), bo.now.Add(time.Hour+c.buyer)
		order, id := bo.order(bo.key, ana.person.Public(), offer, 1)
		quote, quoteID, err := ana.quote(order, byCard)
		if !errors.Is(err, c.quote) {
			t.Errorf("%s: quoted %v, want %v", c.name, err, c.quote)
		}
		if err != nil {
			continue
		}
		if _, err = bo.add(&Pay{Order: id, Quote: quoteID, Cert: ana.cert()}, order, quote); !errors.Is(err, c.pay) {
			t.Errorf("%s: paid %v, want %v", c.name, err, c.pay)
		}
		if err != nil {
			if len(bo.accounts()) != 0 {
				t.Errorf("%s: it was refused, and in the books are %v", c.name, bo.accounts())
			}
			continue
		}
		sold, err := ana.sell(Payment{Quote: quoteID, Proof: []byte("1")})
		if err != nil {
			t.Fatal(err)
		}
		bo.must(&Got{Receipt: receiptID(sold.Receipt), Tickets: ticketIDs(sold.Tickets)}, docs(sold.Receipt, sold.Tickets...)...)
		mirrored(t, bo, ana)
	}
}
