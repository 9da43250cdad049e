package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"salon/ledger/doc"
)

// allotted is a host with an offer of ten seats, the last four of which another device sells.
func allotted(t *testing.T, payee Key) (host, seller *node, offer, allot Entry) {
	t.Helper()
	host, seller = newNode(t, 1), newDevice(t, 3, 1003)
	offer = host.must(evening(10, eur(500)))
	if payee.IsZero() {
		payee = host.person.Public()
	}
	allot = host.must(&Allot{Offer: offer.ID, Seller: seller.key.Public(), Payee: payee, From: 6, To: 10, Expires: noon.Add(time.Hour).UnixMilli()})
	seller.must(&Adopt{Offer: offer.ID, Allot: allot.ID, Cert: certOf(host.person, host.key)}, offer.Raw(), allot.Raw())
	return host, seller, offer, allot
}

// sold is what a seller tells its host of one sale.
func (x *node) soldBy(t *testing.T, payee Key, offer Entry, buyer uint32, count uint32) (*Report, [][]byte, error) {
	t.Helper()
	order, orderID := x.order(seed(buyer), payee, offer, count)
	quote, quoteID, err := x.quote(order, byCard)
	if err != nil {
		return nil, nil, err
	}
	sold, err := x.sell(Payment{Quote: quoteID, Proof: orderID[:]})
	if err != nil {
		return nil, nil, err
	}
	r := &Report{Order: orderID, Quote: quoteID, Receipt: receiptID(sold.Receipt), Tickets: ticketIDs(sold.Tickets)}
	return r, append([][]byte{order, quote, sold.Receipt}, sold.Tickets...), nil
}

// A co-host who takes the money owes it to the host; both books say the same.
func TestAllotment(t *testing.T) {
	cohost := seed(3).Public()
	host, seller, offer, _ := allotted(t, cohost)
	report, docs, err := seller.soldBy(t, cohost, offer, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	if tk, _, _ := OpenDocument[Ticket](docs[3]); tk.Serial != 6 || tk.By != seller.key.Public() {
		t.Errorf("ticket %+v", tk)
	}
	host.must(report, docs...)
	host.refuses(ErrDuplicate, report, docs...)
	if a, b := seller.balance(Payable(host.person.Public())), host.balance(Receivable(cohost)); a != -1000 || b != 1000 {
		t.Errorf("the seller owes %d, the host is owed %d", -a, b)
	}
	if host.balance(IncomeTickets) != -1000 || host.balance(Pool(hall)) != -20 || seller.balance(IncomeTickets) != 0 {
		t.Errorf("host %v, seller %v", host.accounts(), seller.accounts())
	}
	// Relays take the tickets of both, and of a seller only those of its range.
	at := time.UnixMilli(offer.Body.(*Offer).Starts)
	g := gateOf(host, offer, Seller{Device: seller.key.Public(), From: 6, To: 10})
	if _, err := g.Check(docs[3], at); err != nil {
		t.Error(err)
	}
	narrow := gateOf(host, offer, Seller{Device: seller.key.Public(), From: 7, To: 10})
	if _, err := narrow.Check(docs[3], at); !errors.Is(err, ErrSigner) {
		t.Errorf("a ticket from outside the range: %v", err)
	}
	// The host can refund what the seller sold: it asks the seller for that much less.
	host.must(&Revoke{Offer: offer.ID, Serials: []uint32{6, 7}, Reason: ReasonHost})
	refunded, err := seller.try(func(b *Books) ([]Draft, error) { return b.GiveBack(report.Receipt, "card", nil, ReasonHost) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.try(func(b *Books) ([]Draft, error) { return b.Follow(refunded[1].Raw()) }); err != nil {
		t.Fatal(err)
	}
	if len(host.accounts()) != 0 {
		t.Errorf("after the refund: %v", host.accounts())
	}
}

// A second device of the host, or a co-host on its account: the host books the sale, once.
func TestAllotmentOnTheHostsAccount(t *testing.T) {
	host, seller, offer, _ := allotted(t, Key{})
	report, docs, err := seller.soldBy(t, host.person.Public(), offer, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	host.must(report, docs...)
	if len(seller.accounts()) != 0 || host.balance(IncomeTickets) != -500 || host.balance(Asset("card")) != 500 {
		t.Errorf("host %v, seller %v", host.accounts(), seller.accounts())
	}
}

// Seats that are added after the end was allotted are the host's.
func TestMoreSeatsThanAllotted(t *testing.T) {
	host, _, offer, _ := allotted(t, Key{})
	more := evening(12, eur(500))
	more.First, more.Version = offer.ID, 2
	offer = host.must(more)
	sold, err := host.buy(seed(10), offer, 8)
	if err != nil {
		t.Fatal(err)
	}
	var serials []uint32
	for _, raw := range sold.Tickets {
		tk, _, _ := OpenDocument[Ticket](raw)
		serials = append(serials, tk.Serial)
	}
	if !slices.Equal(serials, []uint32{0, 1, 2, 3, 4, 5, 10, 11}) {
		t.Errorf("the host sold %v", serials)
	}
	more.Version, more.Seats = 3, 9
	host.refuses(ErrSeat, more)
}

func TestAllotmentsThatAreRefused(t *testing.T) {
	host, seller, offer, allot := allotted(t, Key{})
	me := seller.key.Public()
	for _, a := range []*Allot{
		{Offer: offer.ID, Seller: me, Payee: me, From: 6, To: 10}, // allotted already
		{Offer: offer.ID, Seller: me, Payee: me, From: 2, To: 5},  // not the end
		{Offer: offer.ID, Seller: me, Payee: me, From: 5, To: 7},  // overlaps
	} {
		host.refuses(ErrSeat, a)
	}
	if _, err := host.buy(seed(10), offer, 6); err != nil {
		t.Fatal(err)
	}
	host.refuses(ErrSeat, &Allot{Offer: offer.ID, Seller: me, Payee: me, From: 5, To: 6}) // sold already
	if _, err := host.buy(seed(11), offer, 1); !errors.Is(err, ErrSoldOut) {
		t.Errorf("the host sells what it allotted: %v", err)
	}
	cert := certOf(host.person, host.key)
	seller.refuses(ErrDuplicate, &Adopt{Offer: offer.ID, Allot: allot.ID, Cert: cert}, offer.Raw(), allot.Raw())
	other := newDevice(t, 4, 1004)
	other.refuses(ErrMismatch, &Adopt{Offer: offer.ID, Allot: allot.ID, Cert: cert}, offer.Raw(), allot.Raw())
	// Attack: an offer in somebody else's name.
	eve := newNode(t, 9)
	forged := eve.must(evening(10, eur(1)))
	forgedAllot := eve.must(&Allot{Offer: forged.ID, Seller: other.key.Public(), Payee: me, From: 6, To: 10})
	if _, err := other.add(&Adopt{Offer: forged.ID, Allot: forgedAllot.ID, Cert: cert}, forged.Raw(), forgedAllot.Raw()); err == nil {
		t.Error("eve's offer passes as ana's")
	}
	seller.now = noon.Add(time.Hour)
	if _, _, err := seller.soldBy(t, host.person.Public(), offer, 12, 1); !errors.Is(err, ErrExpired) {
		t.Errorf("sold after the end of the allotment: %v", err)
	}
	seller.refuses(ErrSigner, &Cancel{Offer: offer.ID, Reason: ReasonHost})
}

// Attack: a seller reports tickets that it had no right to sell.
func TestReportsThatAreRefused(t *testing.T) {
	host, seller, offer, _ := allotted(t, Key{})
	report, docs, err := seller.soldBy(t, host.person.Public(), offer, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	tk, _, _ := OpenDocument[Ticket](docs[3])
	tk.Serial = 2
	raw, id, err := Sign(seller.key, tk)
	if err != nil {
		t.Fatal(err)
	}
	wide := *report
	wide.Tickets = []ID{id}
	host.refuses(ErrSigner, &wide, docs[0], docs[1], docs[2], raw)
	none := *report
	none.Receipt = ID{1}
	host.refuses(ErrDocument, &none, docs...)
	// A seat that is sold is sold again, as its next generation.
	host.must(report, docs...)
	order, orderID := seller.order(seed(11), host.person.Public(), offer, 1)
	sign := func(d Document) ([]byte, ID) {
		raw, id, err := Sign(seller.key, d)
		if err != nil {
			t.Fatal(err)
		}
		return raw, id
	}
	me := seller.key.Public()
	quote, quoteID := sign(Quote{Order: orderID, By: me, Rail: "card", Price: eur(500), Serials: []uint32{6}, Time: noon.UnixMilli(), Expires: noon.Add(HoldFor).UnixMilli()})
	receipt, receiptID := sign(Receipt{Order: orderID, Quote: quoteID, By: me, Rail: "card", Proof: []byte("2"), Paid: eur(500), Time: noon.UnixMilli()})
	ticket, ticketID := sign(offer.Body.(*Offer).TicketFor(6, 2, seed(11).Public(), me))
	host.refuses(ErrSeat, &Report{Order: orderID, Quote: quoteID, Receipt: receiptID, Tickets: []ID{ticketID}}, order, quote, receipt, ticket)
}

// A buyer pays another device than the host's only with the host's word that it may sell these seats.
func TestPayingASeller(t *testing.T) {
	cohost := seed(3).Public()
	host, seller, offer, allot := allotted(t, cohost)
	bo := newNode(t, 2)
	order, orderID := bo.order(bo.key, cohost, offer, 1)
	quote, quoteID, err := seller.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	pay := Pay{Order: orderID, Quote: quoteID, Cert: host.cert(), Offer: offer.ID, Allot: allot.ID}
	q, _, _ := OpenDocument[Quote](quote)
	q.Serials = []uint32{2}
	outside, outsideID, err := Sign(seller.key, q)
	if err != nil {
		t.Fatal(err)
	}
	beyond := pay
	beyond.Quote = outsideID
	bo.refuses(ErrSigner, &beyond, order, outside, offer.Raw(), allot.Raw())
	bare := Pay{Order: orderID, Quote: quoteID, Cert: host.cert()}
	bo.refuses(ErrSigner, &bare, order, quote)
	own := pay
	own.Cert = seller.cert() // who says itself that it may sell
	bo.refuses(doc.ErrSignature, &own, order, quote, offer.Raw(), allot.Raw())
	bo.must(&pay, order, quote, offer.Raw(), allot.Raw())
}

// What a seller gives back is sold again. Without its word it is not, for nobody else knows what it sold.
func TestReturn(t *testing.T) {
	host, seller, offer, allot := allotted(t, Key{})
	report, docs, err := seller.soldBy(t, host.person.Public(), offer, 10, 1)
	if err != nil {
		t.Fatal(err)
	}
	host.must(report, docs...)
	host.now = noon.Add(2 * time.Hour)
	if n := host.left(offer.ID); n != 6 {
		t.Errorf("%d seats after the end of the allotment", n)
	}
	back := func(from uint32) ([]byte, *Reclaim) {
		raw, id, err := Sign(seller.key, Return{Allot: allot.ID, By: seller.key.Public(), From: from, Time: noon.UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		return raw, &Reclaim{Return: id}
	}
	all, reclaimAll := back(6)
	host.refuses(ErrSeat, reclaimAll, all) // one of them was reported as sold
	seller.refuses(ErrSeat, reclaimAll, all)
	rest, reclaim := back(7)
	seller.must(reclaim, rest)
	if _, _, err := seller.soldBy(t, host.person.Public(), offer, 11, 1); !errors.Is(err, ErrExpired) {
		t.Errorf("sold after giving back: %v", err)
	}
	host.must(reclaim, rest)
	host.refuses(ErrDuplicate, reclaim, rest)
	if n := host.left(offer.ID); n != 9 {
		t.Errorf("%d seats after three came back", n)
	}
	forged, forgedID, _ := Sign(seed(9), Return{Allot: allot.ID, By: seed(9).Public(), From: 6})
	host.refuses(ErrSigner, &Reclaim{Return: forgedID}, forged)
}

// What was held when an allotment was given up, and then not bought, comes back too: each seat once, and none that is sold.
func TestReturnOfWhatWasHeld(t *testing.T) {
	host, seller, offer, allot := allotted(t, Key{})
	me := host.person.Public()
	giveUp := func() []byte {
		t.Helper()
		var raw []byte
		if _, err := seller.try(func(b *Books) (d []Draft, err error) { raw, d, err = b.GiveUp(seller.key, allot.ID); return d, err }); err != nil {
			t.Fatal(err)
		}
		return raw
	}
	back := func(raw []byte) (*Reclaim, []byte) {
		_, id, err := OpenDocument[Return](raw)
		if err != nil {
			t.Fatal(err)
		}
		return &Reclaim{Return: id}, raw
	}
	var quotes []ID
	for n := range uint32(3) {
		order, _ := seller.order(seed(20+n), me, offer, 1)
		_, quote, err := seller.quote(order, byCard)
		if err != nil {
			t.Fatal(err)
		}
		quotes = append(quotes, quote)
	}
	first := giveUp() // of serials 6 to 8 none is free yet
	reclaim, raw := back(first)
	host.must(reclaim, raw)
	if n := host.left(offer.ID); n != 7 {
		t.Errorf("%d seats after one came back", n)
	}
	sold, err := seller.sell(Payment{Quote: quotes[1], Proof: []byte("1")}) // paid in time, though the sale is over
	if err != nil || len(sold.Tickets) != 1 {
		t.Fatalf("a seat that was held: %v", err)
	}
	if again := giveUp(); again != nil {
		t.Error("what is held is given back")
	}
	seller.now = seller.now.Add(HoldFor)
	rest := giveUp()
	ret, _, err := OpenDocument[Return](rest)
	if err != nil || !slices.Equal(ret.Free, []uint32{6, 8}) {
		t.Fatalf("%+v, %v", ret, err)
	}
	reclaim, raw = back(rest)
	host.must(reclaim, raw)
	host.refuses(ErrDuplicate, reclaim, raw)
	if n := host.left(offer.ID); n != 9 {
		t.Errorf("%d seats after two more", n)
	}
	if again := giveUp(); again != nil {
		t.Error("it is given back again")
	}
	// Attack: what was given back is sold and reported, or given back once more.
	tk := offer.Body.(*Offer).TicketFor(6, 1, seed(20).Public(), seller.key.Public())
	sign := func(d Document) ([]byte, ID) {
		raw, id, err := Sign(seller.key, d)
		if err != nil {
			t.Fatal(err)
		}
		return raw, id
	}
	order, orderID := seller.order(seed(20), me, offer, 1)
	quote, quoteID := sign(Quote{Order: orderID, By: seller.key.Public(), Rail: "card", Price: eur(500), Serials: []uint32{6}, Time: noon.UnixMilli(), Expires: noon.Add(HoldFor).UnixMilli()})
	receipt, receiptID := sign(Receipt{Order: orderID, Quote: quoteID, By: seller.key.Public(), Rail: "card", Proof: []byte("2"), Paid: eur(500), Time: noon.UnixMilli()})
	ticket, ticketID := sign(tk)
	host.refuses(ErrSeat, &Report{Order: orderID, Quote: quoteID, Receipt: receiptID, Tickets: []ID{ticketID}}, order, quote, receipt, ticket)
	twice, twiceID := sign(Return{Allot: allot.ID, By: seller.key.Public(), From: ret.From, Free: []uint32{6}, Time: 1})
	host.refuses(ErrDuplicate, &Reclaim{Return: twiceID}, twice)
	seller.refuses(ErrSeat, &Reclaim{Return: twiceID}, twice)
	if _, err := host.buy(seed(30), offer, 9); err != nil {
		t.Errorf("the seats that came back: %v", err)
	}
}

// A device may be allotted more once nothing is left of what it had.
func TestAllottedAgain(t *testing.T) {
	host, seller, offer, allot := allotted(t, Key{})
	more := host.must(&Allot{Offer: offer.ID, Seller: seller.key.Public(), Payee: host.person.Public(), From: 3, To: 6, Expires: noon.Add(2 * time.Hour).UnixMilli()})
	adopt := &Adopt{Offer: offer.ID, Allot: more.ID, Cert: host.cert()}
	seller.refuses(ErrDuplicate, adopt, offer.Raw(), more.Raw())
	if _, _, err := seller.soldBy(t, host.person.Public(), offer, 10, 2); err != nil {
		t.Fatal(err)
	}
	if _, err := seller.try(func(b *Books) (d []Draft, err error) { _, d, err = b.GiveUp(seller.key, allot.ID); return d, err }); err != nil {
		t.Fatal(err)
	}
	seller.must(adopt, offer.Raw(), more.Raw())
	_, docs, err := seller.soldBy(t, host.person.Public(), offer, 11, 3)
	if err != nil {
		t.Fatal(err)
	}
	if tk, _, _ := OpenDocument[Ticket](docs[3]); tk.Serial != 3 {
		t.Errorf("sold serial %d", tk.Serial)
	}
	if _, err := seller.try(func(b *Books) (d []Draft, err error) { _, d, err = b.GiveUp(seller.key, allot.ID); return d, err }); err != nil {
		t.Errorf("the first once more: %v", err)
	}
}

// A refunded seat is the host's to sell again, whoever sold it first: two may not.
func TestRefundedSeatOfASeller(t *testing.T) {
	cohost := seed(3).Public()
	host, seller, offer, _ := allotted(t, cohost)
	var docs [][][]byte
	var reports []*Report
	for n := range uint32(4) {
		report, d, err := seller.soldBy(t, cohost, offer, 10+n, 1)
		if err != nil {
			t.Fatal(err)
		}
		reports, docs = append(reports, report), append(docs, d)
	}
	back := func(b *Books) ([]Draft, error) {
		return b.GiveBack(reports[0].Receipt, "card", []byte("back"), ReasonAsked)
	}
	entries, err := seller.try(back)
	if err != nil {
		t.Fatal(err)
	}
	theirs := entries[len(entries)-1]
	if _, _, err := seller.soldBy(t, cohost, offer, 20, 1); !errors.Is(err, ErrSoldOut) {
		t.Errorf("the seller sells it again: %v", err)
	}
	for i := range reports {
		host.must(reports[i], docs[i]...)
	}
	// Attack: the host books what nobody has given back, so that the seller owes less than it has, or another sum, or the same twice.
	if _, err := host.try(back); !errors.Is(err, ErrMismatch) {
		t.Errorf("without the seller's word: %v", err)
	}
	host.must(&Revoke{Offer: offer.ID, Serials: []uint32{6}, Reason: ReasonAsked})
	of := &Refund{Receipt: reports[0].Receipt, Money: eur(500), Rail: "card", Reason: ReasonAsked, Of: theirs.ID}
	less, elsewhere := *of, *of
	less.Money = eur(400)
	elsewhere.Receipt = reports[1].Receipt
	host.refuses(ErrMismatch, &less, theirs.Raw())
	host.refuses(ErrMismatch, &elsewhere, theirs.Raw())
	forged, err := signEntry(seed(9), seller.books.Head, noon.UnixMilli(), theirs.Body, nil)
	if err != nil {
		t.Fatal(err)
	}
	byEve := *of
	byEve.Of = forged.ID
	host.refuses(doc.ErrSignature, &byEve, forged.Raw())
	follow := func(b *Books) ([]Draft, error) { return b.Follow(theirs.Raw()) }
	if _, err := host.try(follow); err != nil {
		t.Fatal(err)
	}
	if _, err := host.try(follow); !errors.Is(err, ErrDuplicate) {
		t.Errorf("twice: %v", err)
	}
	host.refuses(ErrDuplicate, of, theirs.Raw())
	if n := host.left(offer.ID); n != 7 {
		t.Errorf("%d seats", n)
	}
	if a, b := seller.balance(Payable(host.person.Public())), host.balance(Receivable(cohost)); a != -1500 || b != 1500 {
		t.Errorf("the seller owes %d, the host is owed %d", -a, b)
	}
	sold, err := host.buy(seed(30), offer, 7)
	if err != nil {
		t.Fatal(err)
	}
	if tk, _, _ := OpenDocument[Ticket](sold.Tickets[6]); tk.Serial != 6 || tk.Gen != 2 || tk.By != host.key.Public() {
		t.Errorf("%+v", tk)
	}
}

// Host and seller count log epochs of their own: what the seller sold before or after a restore of either is taken.
func TestReportAcrossEpochs(t *testing.T) {
	for _, restored := range []string{"host", "seller"} {
		host, seller, offer, _ := allotted(t, Key{})
		open := func(x *node) {
			x.must(&Opened{Cert: x.cert(), Epoch: x.books.Epoch + 1, Before: x.books.Log})
		}
		sell := func(buyer uint32) (*Report, [][]byte) {
			report, docs, err := seller.soldBy(t, host.person.Public(), offer, buyer, 1)
			if err != nil {
				t.Fatal(err)
			}
			return report, docs
		}
		report, docs := sell(10)
		if restored == "host" {
			open(host)
		} else {
			open(seller)
		}
		tk, _, _ := OpenDocument[Ticket](docs[3])
		for _, gen := range []uint32{2, 1<<31 + 1} { // attack: a generation that leaves none for the next
			tk.Gen = gen
			raw, id, err := Sign(seller.key, tk)
			if err != nil {
				t.Fatal(err)
			}
			wrong := *report
			wrong.Tickets = []ID{id}
			host.refuses(ErrGeneration, &wrong, docs[0], docs[1], docs[2], raw)
		}
		host.must(report, docs...)
	}
}

// On the host's account a seller has no debts in its books: it counts the seats of each buyer against the credit.
func TestCreditOnTheHostsAccount(t *testing.T) {
	host, seller, offer, _ := allotted(t, Key{})
	buy := func(nonce byte) error {
		order, _ := seller.order(seed(10), host.person.Public(), offer, 1, func(o *Order) { o.Nonce[0] = nonce })
		_, quote, err := seller.quote(order, Terms{Rail: IOURail, Credit: 1000})
		if err != nil {
			return err
		}
		iou, _, err := Sign(seed(10), IOU{Quote: quote, Debtor: seed(10).Public(), Creditor: host.person.Public(), Money: eur(500), Time: noon.UnixMilli()})
		if err != nil {
			return err
		}
		_, err = seller.sell(Payment{Quote: quote, IOU: iou, Credit: 1000})
		return err
	}
	for n := range byte(2) {
		if err := buy(n); err != nil {
			t.Fatalf("ticket %d: %v", n, err)
		}
	}
	if err := buy(2); !errors.Is(err, ErrCredit) {
		t.Errorf("beyond the credit: %v", err)
	}
}
