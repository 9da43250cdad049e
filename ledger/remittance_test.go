package ledger

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"salon/ledger/doc"
)

// What a payer has shows anybody who asked for the money, and for what. Attack: it is put together from what belongs to others.
func TestRemittance(t *testing.T) {
	ana, bo, eve := newNode(t, 1), newNode(t, 2), newNode(t, 9)
	offer := ana.must(evening(5, eur(500)))
	order, id := bo.order(bo.key, ana.person.Public(), offer, 1)
	quote, quoteID, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	paying := bo.must(&Pay{Order: id, Quote: quoteID, Cert: ana.cert()}, order, quote)
	good, err := Remit(paying, []byte("proof"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseRemittance(raw)
	if err != nil {
		t.Fatal(err)
	}
	got, err := back.Open()
	if err != nil || got.OrderID != id || got.QuoteID != quoteID || got.Order.Payee != ana.person.Public() || got.Quote.Total() != eur(500) || string(got.Proof) != "proof" {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := Remit(offer, nil); !errors.Is(err, ErrKind) {
		t.Errorf("of an offer: %v", err)
	}

	other, otherID := bo.order(bo.key, ana.person.Public(), offer, 1)
	q, _, _ := OpenDocument[Quote](quote)
	quoted := func(by doc.PrivateKey, change func(*Quote)) []byte {
		c := q
		c.By = by.Public()
		change(&c)
		return ok2(Sign(by, c))
	}
	_, forged, _ := sign(eve.key, "quote", q)
	for _, c := range []struct {
		name   string
		change func(*Remittance)
		want   error
	}{
		{"another order", func(r *Remittance) { r.Order = other }, ErrMismatch},
		{"a quote that somebody else made", func(r *Remittance) { r.Quote = quoted(eve.key, func(*Quote) {}) }, ErrSigner},
		{"with a certificate of theirs", func(r *Remittance) {
			r.Quote, r.Cert = quoted(eve.key, func(*Quote) {}), eve.cert()
		}, ErrSigner},
		{"a quote that somebody else signed in her name", func(r *Remittance) { r.Quote = forged }, doc.ErrSignature},
		{"a quote for more", func(r *Remittance) { r.Quote = quoted(ana.key, func(q *Quote) { q.Price = eur(600) }) }, ErrMismatch},
		{"a quote for another order", func(r *Remittance) { r.Quote = quoted(ana.key, func(q *Quote) { q.Order = otherID }) }, ErrMismatch},
		{"an IOU", func(r *Remittance) { r.Quote = quoted(ana.key, func(q *Quote) { q.Rail = IOURail }) }, ErrMismatch},
		{"no proof", func(r *Remittance) { r.Proof = nil }, ErrField},
		{"no certificate", func(r *Remittance) { r.Cert = nil }, doc.ErrEncoding},
	} {
		bad := good
		c.change(&bad)
		if _, err := bad.Open(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for i := range raw[:len(raw)-len("proof")] {
		if r, err := ParseRemittance(flip(raw, i)); err == nil {
			if _, err := r.Open(); err == nil {
				t.Errorf("byte %d changed, and it shows", i)
			}
		}
	}
	if _, err := ParseRemittance(make([]byte, MaxRemittance+1)); !errors.Is(err, doc.ErrTooLarge) {
		t.Errorf("a long one: %v", err)
	}
}

// Paid to who sells for the host: the host's own entries say that they may.
func TestRemittanceToASeller(t *testing.T) {
	host, di, bo := newNode(t, 1), newNode(t, 4), newNode(t, 2)
	offer := host.must(evening(10, eur(500)))
	allot := host.must(&Allot{Offer: offer.ID, Seller: di.key.Public(), Payee: di.person.Public(), From: 5, To: 10, Expires: noon.Add(time.Hour).UnixMilli()})
	di.must(&Adopt{Offer: offer.ID, Allot: allot.ID, Cert: host.cert()}, offer.Raw(), allot.Raw())
	order, id := bo.order(bo.key, di.person.Public(), offer, 1)
	quote, quoteID, err := di.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	paying := bo.must(&Pay{Order: id, Quote: quoteID, Cert: host.cert(), Offer: offer.ID, Allot: allot.ID}, order, quote, offer.Raw(), allot.Raw())
	r, err := Remit(paying, []byte("proof"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Open(); err != nil || got.Order.Payee != di.person.Public() {
		t.Errorf("%+v, %v", got, err)
	}
	other := host.must(&Offer{First: offer.ID, Version: 2, Room: hall, Name: "Evening", Price: eur(600), Seats: 10, PerBuyer: 10,
		Starts: offer.Body.(*Offer).Starts, Ends: offer.Body.(*Offer).Ends})
	for name, bad := range map[string]Remittance{
		"without the allotment":  {Order: r.Order, Quote: r.Quote, Cert: r.Cert, Proof: r.Proof},
		"of another offer":       {Order: r.Order, Quote: r.Quote, Cert: r.Cert, Offer: other.Raw(), Allot: r.Allot, Proof: r.Proof},
		"an offer for the other": {Order: r.Order, Quote: r.Quote, Cert: r.Cert, Offer: r.Offer, Allot: r.Offer, Proof: r.Proof},
	} {
		if _, err := bad.Open(); err == nil {
			t.Errorf("%s: it shows", name)
		}
	}
}

func FuzzRemittance(f *testing.F) {
	f.Add(unhex(f, "86 41 01 41 02 41 03 40 40 41 04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRemittance(b)
		if err != nil {
			return
		}
		if _, err := r.Open(); err == nil {
			t.Error("somebody signed that")
		}
		if out, err := r.Encode(); err != nil || !bytes.Equal(out, b) {
			t.Errorf("%x is %x, %v", b, out, err)
		}
	})
}
