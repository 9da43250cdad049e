package ledger

import (
	"errors"
	"slices"
	"testing"
	"time"

	"salon/ledger/doc"
)

// With the host's papers anybody's gate says what the host's says, in whatever order they came; and nobody else's papers change that.
func TestPapers(t *testing.T) {
	ana, eve := newNode(t, 1), newNode(t, 9)
	bo, di := seed(2), newNode(t, 4)
	offer := ana.must(evening(10, eur(500)))
	allot := ana.must(&Allot{Offer: offer.ID, Seller: di.key.Public(), Payee: di.person.Public(), From: 6, To: 10, Expires: noon.Add(time.Minute).UnixMilli()})
	sold, err := ana.buy(bo, offer, 2)
	if err != nil {
		t.Fatal(err)
	}
	by := func(k doc.PrivateKey, serial uint32) []byte {
		tk, _, _ := OpenDocument[Ticket](sold.Tickets[0])
		tk.By, tk.Serial = k.Public(), serial
		raw, _, err := Sign(k, tk)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	at := time.UnixMilli(offer.Body.(*Offer).Starts).Add(time.Minute) // the allotment has run out by then
	own := Listing{Cert: ana.cert(), Offer: offer.Raw(), Allot: []byte{}}
	lent := Listing{Cert: ana.cert(), Offer: offer.Raw(), Allot: allot.Raw()}
	first := ana.revocations(offer.ID)
	ana.must(&Revoke{Offer: offer.ID, Serials: []uint32{1}, Reason: ReasonHost})
	newer := ana.revocations(offer.ID)

	says := func(p *Papers) (verdicts [5]error) {
		t.Helper()
		g, err := p.Gate()
		if err != nil {
			t.Fatal(err)
		}
		for i, raw := range [][]byte{sold.Tickets[0], sold.Tickets[1], by(di.key, 7), by(di.key, 5), by(eve.key, 7)} {
			_, verdicts[i] = g.Check(raw, at)
		}
		return verdicts
	}
	merge := func(p *Papers, list []byte, listings ...Listing) bool {
		t.Helper()
		q := p.Empty()
		if err := q.Read(listings, list, at); err != nil {
			t.Fatal(err)
		}
		return p.Merge(q)
	}
	whole := [5]error{nil, ErrRevoked, nil, ErrSigner, ErrSigner}
	same := func(a, b [5]error) bool {
		return slices.EqualFunc(a[:], b[:], func(x, y error) bool { return errors.Is(x, y) })
	}

	p := NewPapers(hall, ana.person.Public())
	if _, err := p.Gate(); !errors.Is(err, ErrUnknown) {
		t.Errorf("without papers: %v", err)
	}
	if !merge(p, nil, own) || !merge(p, first, own) {
		t.Error("what is new is no news")
	}
	if got := says(p); !same(got, [5]error{nil, nil, ErrSigner, ErrSigner, ErrSigner}) {
		t.Errorf("before all were there: %v", got)
	}
	if !merge(p, newer) || !merge(p, nil, lent) || merge(p, newer, own, lent) || merge(p, first) {
		t.Error("what is old is news, or what is new is not")
	}
	if got := says(p); !same(got, whole) {
		t.Errorf("%v", got)
	}
	if l, r := p.News([]Listing{own, lent}, newer); len(l) != 0 || r != nil {
		t.Errorf("%d listings are to be opened again", len(l))
	}
	if _, r := p.News(nil, first); r != nil {
		t.Error("an old list is to be opened")
	}

	// What it tells makes the same gate elsewhere.
	listings, list := p.All()
	there := NewPapers(hall, ana.person.Public())
	if !merge(there, list, listings...) || !same(says(there), whole) {
		t.Errorf("told to another: %v", says(there))
	}

	// A newer version of the offer moves the time; the one before does not move it back.
	later := *offer.Body.(*Offer)
	later.Version, later.First = 2, offer.ID
	later.Starts += 2 * time.Hour.Milliseconds()
	later.Ends += 2 * time.Hour.Milliseconds()
	moved := ana.must(&later)
	if !merge(p, nil, Listing{Cert: ana.cert(), Offer: moved.Raw(), Allot: []byte{}}) || merge(p, nil, own, lent) {
		t.Error("versions")
	}
	if got := says(p); !same(got, [5]error{ErrTooEarly, ErrTooEarly, ErrTooEarly, ErrSigner, ErrSigner}) {
		t.Errorf("once it was put off: %v", got)
	}

	// Attacks: the papers of somebody else, or of another room, or altered, and a list that a stranger signed.
	eves := eve.must(evening(10, eur(1)))
	elsewhere := *evening(10, eur(500))
	elsewhere.Room = Room{7}
	other := ana.must(&elsewhere)
	flipped := slices.Clone(offer.Raw())
	flipped[len(flipped)-1] ^= 1
	r, _, _ := OpenDocument[Revocations](newer)
	r.By, r.Epoch = eve.key.Public(), 99
	byEve, _, err := Sign(eve.key, r)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		listings []Listing
		list     []byte
		want     error
	}{
		"another host's":          {[]Listing{{Cert: eve.cert(), Offer: eves.Raw()}}, nil, ErrSigner},
		"another's, her name":     {[]Listing{{Cert: ana.cert(), Offer: eves.Raw()}}, nil, doc.ErrSignature},
		"of another room":         {[]Listing{{Cert: ana.cert(), Offer: other.Raw()}}, nil, ErrWrongRoom},
		"altered":                 {[]Listing{{Cert: ana.cert(), Offer: flipped}}, nil, doc.ErrSignature},
		"an allotment for offer":  {[]Listing{{Cert: ana.cert(), Offer: allot.Raw()}}, nil, ErrMismatch},
		"an offer for allotment":  {[]Listing{{Cert: ana.cert(), Offer: offer.Raw(), Allot: offer.Raw()}}, nil, ErrMismatch},
		"nothing":                 {[]Listing{{}}, nil, doc.ErrEncoding},
		"a stranger's list":       {nil, byEve, ErrSigner},
		"a list that is rubbish":  {nil, []byte("rubbish"), doc.ErrEncoding},
		"a list, and none before": {nil, slices.Concat(newer, []byte{0}), doc.ErrEncoding},
	} {
		q := p.Empty()
		if err := q.Read(c.listings, c.list, at); !errors.Is(err, c.want) || p.Merge(q) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := NewPapers(hall, ana.person.Public()).Read(nil, newer, at); !errors.Is(err, ErrSigner) {
		t.Errorf("a list of a device that nobody vouched for: %v", err)
	}
	if got := says(p); !same(got, [5]error{ErrTooEarly, ErrTooEarly, ErrTooEarly, ErrSigner, ErrSigner}) {
		t.Errorf("after the attacks: %v", got)
	}
}

// However much a host signs, a node keeps so much of it.
func TestPapersAreBounded(t *testing.T) {
	ana := newNode(t, 1)
	p := NewPapers(hall, ana.person.Public())
	p.device = ana.key.Public()
	for i := range 2 * MaxPapers {
		p.take(paper{Listing: Listing{Offer: []byte{byte(i), byte(i >> 8)}}, first: ID{byte(i), byte(i >> 8)}})
		p.take(paper{Listing: Listing{Offer: []byte{1}, Allot: []byte{byte(i), byte(i >> 8)}}, first: ID{1}})
	}
	if n := len(p.offers) + len(p.allots); n != MaxPapers {
		t.Errorf("%d are kept", n)
	}
}

// A list that says the same at a later time takes the place of the one before; one that is as old, or says less, does not.
func TestListSignedAnew(t *testing.T) {
	ana := newNode(t, 1)
	offer := ana.must(evening(10, eur(500)))
	own := Listing{Cert: ana.cert(), Offer: offer.Raw(), Allot: []byte{}}
	at := func(epoch uint64, d time.Duration) []byte {
		raw, _, err := Sign(ana.key, Revocations{Room: hall, Epoch: epoch, By: ana.key.Public(), Time: noon.Add(d).UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	p := NewPapers(hall, ana.person.Public())
	if err := p.Read([]Listing{own}, at(3, time.Minute), noon); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		list  []byte
		taken bool
	}{
		{"the same", at(3, time.Minute), false},
		{"an older one", at(3, 0), false},
		{"one that says less, though it is of later", at(2, time.Hour), false},
		{"the same, later", at(3, 2*time.Minute), true},
		{"one that says more", at(4, time.Minute), true},
	} {
		_, news := p.News(nil, c.list)
		q := p.Empty()
		if err := q.Read(nil, c.list, noon); err != nil {
			t.Fatal(err)
		}
		if merged := p.Merge(q); (len(news) > 0) != c.taken || merged != c.taken {
			t.Errorf("%s: news %v, taken %v", c.name, len(news) > 0, merged)
		}
	}
	if _, signed := p.Void(); !signed.Equal(noon.Add(time.Minute)) {
		t.Errorf("the newest is of %v", signed)
	}
}
