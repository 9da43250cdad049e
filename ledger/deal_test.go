package ledger

import (
	"errors"
	"testing"
	"time"

	"salon/ledger/doc"
)

func TestDeal(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	offer := ana.must(evening(5, eur(500)))
	order, orderID := bo.order(bo.key, ana.person.Public(), offer, 2)
	if _, known := ana.books.QuoteOf(orderID); known {
		t.Error("a quote before there is one")
	}
	_, quote, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	if q, known := ana.books.QuoteOf(orderID); !known || q != quote {
		t.Errorf("quote %s, want %s", q.Short(), quote.Short())
	}
	d, err := ana.books.Deal(quote)
	if err != nil || d.Sold != nil || d.Order.Buyer != bo.key.Public() || d.Quote.Order != orderID {
		t.Errorf("before it is paid: %+v, %v", d, err)
	}
	sold, err := ana.sell(Payment{Quote: quote, Proof: orderID[:]})
	if err != nil {
		t.Fatal(err)
	}
	if d, err = ana.books.Deal(quote); err != nil || d.Sold == nil || string(d.Sold.Receipt) != string(sold.Receipt) || len(d.Sold.Tickets) != 2 {
		t.Errorf("once it is paid: %+v, %v", d, err)
	}
	if _, err := bo.books.Deal(quote); !errors.Is(err, ErrUnknown) {
		t.Errorf("somebody else's quote: %v", err)
	}
}

func TestPaying(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	offer := ana.must(evening(5, eur(500)))
	order, orderID := bo.order(bo.key, ana.person.Public(), offer, 1)
	if _, begun := bo.books.Paying(orderID); begun {
		t.Error("a payment before it was begun")
	}
	p := deal(t, bo, ana, order, orderID)
	want := Paying{Quote: p.quoteID, Progress: Done, Receipt: receiptID(p.sold.Receipt)}
	if got, _ := bo.books.Paying(orderID); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A listing tells a stranger who sells what for whom, and nobody can make one for somebody else.
func TestListing(t *testing.T) {
	ana, bo, eve := newNode(t, 1), newNode(t, 2), newNode(t, 9)
	offer := ana.must(evening(50, eur(500)))
	allot := ana.must(&Allot{Offer: offer.ID, Seller: bo.key.Public(), Payee: bo.person.Public(), From: 40, To: 50, Expires: noon.Add(time.Hour).UnixMilli()})
	own := Listing{Cert: ana.cert(), Offer: offer.Raw()}
	got, err := own.Open(noon)
	if err != nil || got.ID != offer.ID || got.Host != ana.person.Public() || got.Payee != got.Host || got.Seller != ana.key.Public() {
		t.Errorf("%+v, %v", got, err)
	}
	lent := own
	lent.Allot = allot.Raw()
	if got, err = lent.Open(noon); err != nil || got.Host != ana.person.Public() || got.Payee != bo.person.Public() || got.Seller != bo.key.Public() {
		t.Errorf("an allotment: %+v, %v", got, err)
	}
	other := eve.must(evening(50, eur(1)))
	for _, c := range []struct {
		name string
		l    Listing
		at   time.Time
		want error
	}{
		{"under another's certificate", Listing{Cert: eve.cert(), Offer: offer.Raw()}, noon, doc.ErrSignature},
		{"no offer", Listing{Cert: ana.cert(), Offer: allot.Raw()}, noon, ErrMismatch},
		{"an allotment of another offer", Listing{Cert: eve.cert(), Offer: other.Raw(), Allot: allot.Raw()}, noon, doc.ErrSignature},
		{"an allotment that has ended", lent, noon.Add(time.Hour), ErrExpired},
		{"nothing", Listing{}, noon, doc.ErrEncoding},
	} {
		if _, err := c.l.Open(c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}
