package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"salon/ledger/doc"
)

// gateOf makes a gate of a node's room.
func gateOf(x *node, offer Entry, sellers ...Seller) *Gate {
	o := offer.Body.(*Offer)
	return NewGate(hall, x.key.Public(), []Class{{o.Class, time.UnixMilli(o.Starts), time.UnixMilli(o.Ends)}}, sellers)
}

func (x *node) revocations(offer ID) []byte {
	r, err := x.books.Revocations(x.now, hall, offer)
	if err != nil {
		x.t.Fatal(err)
	}
	raw, _, err := Sign(x.key, r)
	if err != nil {
		x.t.Fatal(err)
	}
	return raw
}

func TestGate(t *testing.T) {
	ana, bo, cy, eve := newNode(t, 1), seed(2), seed(3), seed(9)
	offer := ana.must(evening(10, eur(500)))
	sold, err := ana.buy(bo, offer, 2)
	if err != nil {
		t.Fatal(err)
	}
	ticket, kept := sold.Tickets[0], sold.Tickets[1]
	at := time.UnixMilli(offer.Body.(*Offer).Starts).Add(time.Minute)
	g := gateOf(ana, offer)
	if _, err := g.Check(ticket, at); err != nil {
		t.Fatalf("a good ticket: %v", err)
	}
	t.Run("forgeries", func(t *testing.T) {
		tk, _, _ := OpenDocument[Ticket](ticket)
		by := func(k doc.PrivateKey, change func(*Ticket)) []byte {
			c := tk
			c.By = k.Public()
			change(&c)
			_, raw, err := sign(k, "ticket", c)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		_, claimed, _ := sign(eve, "ticket", tk) // says that the host signed it
		_, other, _ := sign(ana.key, "quote", tk)
		for _, c := range []struct {
			name string
			raw  []byte
			want error
		}{
			{"signed by a stranger", by(eve, func(*Ticket) {}), ErrSigner},
			{"signed by a stranger in the host's name", claimed, doc.ErrSignature},
			{"signed as something else", other, doc.ErrSignature},
			{"another room", by(ana.key, func(t *Ticket) { t.Room[0]++ }), ErrWrongRoom},
			{"a class that is not", by(ana.key, func(t *Ticket) { t.Class = 7 }), ErrUnknown},
			{"generation 0", by(ana.key, func(t *Ticket) { t.Gen = 0 }), ErrField},
			{"nothing", nil, doc.ErrEncoding},
		} {
			if _, err := g.Check(c.raw, at); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		for i := range ticket {
			flipped := append([]byte(nil), ticket...)
			flipped[i] ^= 0x20
			if _, err := g.Check(flipped, at); err == nil {
				t.Errorf("a ticket with byte %d flipped", i)
			}
		}
	})
	t.Run("clocks", func(t *testing.T) {
		starts, ends := time.UnixMilli(offer.Body.(*Offer).Starts), time.UnixMilli(offer.Body.(*Offer).Ends)
		for _, c := range []struct {
			name string
			at   time.Time
			want error
		}{
			{"two minutes early", starts.Add(-doc.Skew), nil},
			{"ten minutes early", starts.Add(-10 * time.Minute), ErrTooEarly},
			{"two minutes after", ends.Add(doc.Skew), nil},
			{"ten minutes after", ends.Add(10 * time.Minute), ErrTooLate},
		} {
			if _, err := g.Check(ticket, c.at); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
	})
	t.Run("given away and revoked", func(t *testing.T) {
		first := ana.revocations(offer.ID)
		transfer, _, _ := Sign(bo, Transfer{Ticket: ticketIDs([][]byte{ticket})[0], By: bo.Public(), To: cy.Public(), Time: noon.UnixMilli()})
		var moved []byte
		if _, err := ana.try(func(b *Books) (d []Draft, err error) {
			moved, d, err = b.Transfer(ana.key, transfer)
			return d, err
		}); err != nil {
			t.Fatal(err)
		}
		// The attack, as long as the gate has not heard: both get in.
		if _, err := g.Check(ticket, at); err != nil {
			t.Errorf("before the list: %v", err)
		}
		list := ana.revocations(offer.ID)
		if err := g.Update(list); err != nil {
			t.Fatal(err)
		}
		if err := g.Update(first); !errors.Is(err, ErrRolledBack) {
			t.Errorf("the list from before: %v", err)
		}
		if _, err := g.Check(ticket, at); !errors.Is(err, ErrRevoked) {
			t.Errorf("the old holder: %v", err)
		}
		for _, raw := range [][]byte{moved, kept} {
			if _, err := g.Check(raw, at); err != nil {
				t.Errorf("a good ticket: %v", err)
			}
		}
		// Attack: who has given a ticket away, or never had it, gives it away.
		for _, k := range []doc.PrivateKey{bo, eve} {
			raw, _, _ := Sign(k, Transfer{Ticket: ticketIDs([][]byte{moved})[0], By: k.Public(), To: seed(8).Public()})
			if _, err := ana.try(func(b *Books) (d []Draft, err error) {
				_, d, err = b.Transfer(ana.key, raw)
				return d, err
			}); !errors.Is(err, ErrSigner) {
				t.Errorf("given away by another than its holder: %v", err)
			}
		}
		ana.must(&Revoke{Offer: offer.ID, Serials: []uint32{1}, Reason: ReasonAbuse})
		if err := g.Update(ana.revocations(offer.ID)); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Check(kept, at); !errors.Is(err, ErrRevoked) {
			t.Errorf("a revoked one: %v", err)
		}
		// Attack: an old list that knows of nothing.
		if err := g.Update(first); !errors.Is(err, ErrRolledBack) {
			t.Errorf("an old list: %v", err)
		}
		r, _, _ := OpenDocument[Revocations](list)
		r.By, r.Epoch = eve.Public(), 99
		byEve, _, _ := Sign(eve, r)
		if err := g.Update(byEve); !errors.Is(err, ErrSigner) {
			t.Errorf("a stranger's list: %v", err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestRevocationList(t *testing.T) {
	for _, c := range []struct {
		name, gens string
		want       map[place]uint32
	}{
		{"nothing", "", map[place]uint32{}},
		{"serial 0 at its second", "00 00 02", map[place]uint32{{0, 0}: 2}},
		{"two of a class, one of another", "00 05 02 00 03 04 01 00 02", map[place]uint32{{0, 5}: 2, {0, 8}: 4, {1, 0}: 2}},
		{"a large serial", "03 9f8d06 02", map[place]uint32{{3, 99_999}: 2}},
	} {
		got, err := Revocations{Gens: unhex(t, c.gens)}.least()
		if err != nil || len(got) != len(c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		for at, gen := range c.want {
			if got[at] != gen {
				t.Errorf("%s: %v is %d, want %d", c.name, at, got[at], gen)
			}
		}
	}
	for name, gens := range map[string]string{
		"cut off":                "00 05",
		"longer than needed":     "00 8500 02",
		"generation 1":           "00 05 01",
		"a serial twice":         "00 05 02 00 00 03",
		"classes back":           "01 05 02 00 05 02",
		"class 256":              "8002 05 02",
		"serial 100000":          "00 a08d06 02",
		"serials that add up":    "00 9f8d06 02 00 9f8d06 02",
		"a number that is large": "00 ffffffffffffffffff01 02",
		"a number without end":   "00 ffffffffffffffffffffff 02",
	} {
		if got, err := (Revocations{Gens: unhex(t, gens)}).least(); !errors.Is(err, doc.ErrEncoding) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// What came back is written as the difference to the end of the one before.
func TestReturnedList(t *testing.T) {
	for _, c := range []struct {
		name, back string
		want       []span
	}{
		{"nothing", "", nil},
		{"three from serial 7", "00 07 03", []span{{0, 7, 10}}},
		{"two of a class, one of another", "00 07 03 00 02 01 01 00 02", []span{{0, 7, 10}, {0, 12, 13}, {1, 0, 2}}},
		{"all", "03 00 a08d06", []span{{3, 0, 100_000}}},
	} {
		if got, err := (Revocations{Back: unhex(t, c.back)}).back(); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	for name, back := range map[string]string{
		"cut off":              "00 05",
		"longer than needed":   "00 8500 02",
		"none":                 "00 05 00",
		"two that touch":       "00 05 02 00 00 03",
		"classes back":         "01 05 02 00 05 02",
		"class 256":            "8002 05 02",
		"serial 100000":        "00 a08d06 02",
		"beyond the last":      "00 01 a08d06",
		"serials that add up":  "00 9f8d06 01 00 9f8d06 01",
		"a number that wraps":  "00 05 ffffffffffffffffff01",
		"a number without end": "00 ffffffffffffffffffff 02",
	} {
		if got, err := (Revocations{Back: unhex(t, back)}).back(); !errors.Is(err, doc.ErrEncoding) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Attack: a seller gives seats back, and then signs tickets for them, or for seats that were refunded or given to somebody. The host's
// list says that these are not the seller's any more; without that every relay would let them in.
func TestTicketsForSeatsThatWentBack(t *testing.T) {
	cohost := seed(3).Public()
	host, seller, offer, allot := allotted(t, cohost)
	var held []ID
	for n := range uint32(2) { // of serials 6 and 7, which are not free when the seller gives up
		order, _ := seller.order(seed(20+n), cohost, offer, 1)
		_, quote, err := seller.quote(order, byCard)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, quote)
	}
	report, docs, err := seller.soldBy(t, cohost, offer, 10, 1) // serial 8
	if err != nil {
		t.Fatal(err)
	}
	host.must(report, docs...)
	giveUp := func() {
		t.Helper()
		var raw []byte
		if _, err := seller.try(func(b *Books) (d []Draft, err error) { raw, d, err = b.GiveUp(seller.key, allot.ID); return d, err }); err != nil {
			t.Fatal(err)
		}
		_, id, err := OpenDocument[Return](raw)
		if err != nil {
			t.Fatal(err)
		}
		host.must(&Reclaim{Return: id}, raw)
	}
	at := time.UnixMilli(offer.Body.(*Offer).Starts).Add(time.Minute)
	sellers := []Seller{{Device: seller.key.Public(), From: 6, To: 10}}
	signed := func(serial, gen uint32) []byte {
		raw, _, err := Sign(seller.key, offer.Body.(*Offer).TicketFor(serial, gen, seed(66).Public(), seller.key.Public()))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	check := func(when string, raw []byte, want error) {
		t.Helper()
		list := host.revocations(offer.ID)
		g := gateOf(host, offer, sellers...)
		if err := g.Update(list); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Check(raw, at); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", when, err, want)
		}
	}
	check("what the seller may sell", signed(9, 1), nil)
	before, err := host.books.Revoked(offer.ID)
	if err != nil {
		t.Fatal(err)
	}
	giveUp()
	if after, err := host.books.Revoked(offer.ID); err != nil || after <= before {
		t.Errorf("relays do not hear of it: list %d after list %d, %v", after, before, err)
	}
	check("sold before it gave up", docs[3], nil)
	check("held when it gave up", signed(6, 1), nil)
	check("given back", signed(9, 1), ErrRevoked)
	check("given back, of another epoch", signed(9, 1<<epochBits+1), ErrRevoked)
	if _, err := seller.sell(Payment{Quote: held[0], Proof: []byte("1")}); err != nil { // serial 6
		t.Fatal(err)
	}
	seller.now = seller.now.Add(HoldFor)
	giveUp()
	check("held, and paid in time", signed(6, 1), nil)
	check("held, and not paid", signed(7, 1), ErrRevoked)

	// The attack: a list that says only which generations are good lets it pass.
	r, _, err := OpenDocument[Revocations](host.revocations(offer.ID))
	if err != nil {
		t.Fatal(err)
	}
	r.Back = nil
	silent, _, err := Sign(host.key, r)
	if err != nil {
		t.Fatal(err)
	}
	g := gateOf(host, offer, sellers...)
	if err := g.Update(silent); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Check(signed(7, 1), at); err != nil {
		t.Errorf("the attack is none: %v", err)
	}

	// The host sells what came back, and refunds what the seller sold: both seats are the host's.
	sold, err := host.buy(seed(30), offer, 8)
	if err != nil {
		t.Fatal(err)
	}
	check("sold by the host", sold.Tickets[7], nil)
	check("the same seat by the seller", signed(9, 1), ErrRevoked)
	host.must(&Revoke{Offer: offer.ID, Serials: []uint32{8}, Reason: ReasonHost})
	for _, gen := range []uint32{1, 2, 3, 1<<epochBits + 1} {
		check(fmt.Sprint("refunded, and signed anew as ", gen), signed(8, gen), ErrRevoked)
	}
	for _, gen := range []uint32{2, 7} {
		check(fmt.Sprint("a seat that it has, as ", gen), signed(6, gen), ErrRevoked)
	}
}

func BenchmarkGateCheck(b *testing.B) {
	ana := newNode(b, 1)
	offer := ana.must(evening(10, eur(500)))
	sold, err := ana.buy(seed(2), offer, 1)
	if err != nil {
		b.Fatal(err)
	}
	at := time.UnixMilli(offer.Body.(*Offer).Starts)
	g := gateOf(ana, offer)
	for b.Loop() {
		if _, err := g.Check(sold.Tickets[0], at); err != nil {
			b.Fatal(err)
		}
	}
}
