package ledger

import (
	"errors"
	"slices"
	"testing"

	"salon/ledger/doc"
)

// Who pays a subscription keeps the terms as the creator has signed them, whatever is changed later. Those of something else are refused, and so
// are those of somebody else.
func TestTermsOfASubscription(t *testing.T) {
	ana, bo, eve := newNode(t, 1), newNode(t, 2), newNode(t, 3)
	tier := func(name string, price Money) *Offer {
		return &Offer{Version: 1, Name: name, Price: price, Period: 30 * 24 * 3600, Perks: "A room a month"}
	}
	fans, patrons, hers := ana.must(tier("Friends", eur(300))), ana.must(tier("Patrons", eur(300))), eve.must(tier("Friends", eur(300)))
	tickets := ana.must(evening(50, eur(300)))
	subscribes := func(o *Order) { o.Purpose = ForSubscription }
	order, orderID := bo.order(bo.key, ana.person.Public(), fans, 1, subscribes)
	quote, quoteID, err := ana.quote(order, byCard)
	if err != nil {
		t.Fatal(err)
	}
	pay := Pay{Order: orderID, Quote: quoteID, Cert: ana.cert(), Offer: fans.ID}
	for name, c := range map[string]struct {
		terms Entry
		err   error
	}{"another tier": {patrons, ErrMismatch}, "somebody else's": {hers, doc.ErrSignature}, "tickets": {tickets, ErrMismatch}} {
		wrong := pay
		wrong.Offer = c.terms.ID
		t.Run(name, func(*testing.T) { bo.refuses(c.err, &wrong, order, quote, c.terms.Raw()) })
	}
	seat, seatID := bo.order(bo.key, ana.person.Public(), tickets, 1)
	quoted, quotedID, err := ana.quote(seat, byCard)
	if err != nil {
		t.Fatal(err)
	}
	bo.refuses(ErrMismatch, &Pay{Order: seatID, Quote: quotedID, Cert: ana.cert(), Offer: tickets.ID}, seat, quoted, tickets.Raw())
	bo.must(&pay, order, quote, fans.Raw())

	// A later version asks for its own price, and not for what was seen.
	ana.must(&Offer{First: fans.ID, Version: 2, Name: "Friends", Price: eur(400), Period: 30 * 24 * 3600})
	again, _ := bo.order(bo.key, ana.person.Public(), fans, 1, subscribes)
	if _, _, err := ana.quote(again, byCard); !errors.Is(err, ErrMismatch) {
		t.Errorf("the earlier version is still sold: %v", err)
	}
}

// Offers that say nothing of perks, and payments that keep no terms, are the bytes that they were before there were any.
func TestWireBeforeTerms(t *testing.T) {
	for bytes, value := range map[string]any{
		"b1 01 #01 02 02 03 $03 04 04 05 63636172 06 82 1903e8 63455552 07 07 08 08 09 09 0a 0a 0b 0b 0c 0c 0d 0d 0e 0e 0f 81 83 02 #00 18c8 10 10 11 63636172": &Offer{
			First: fill32[ID](1), Version: 2, Room: fill16[Room](3), Class: 4, Name: "car", Price: eur(1000), Seats: 7, PerBuyer: 8, SaleFrom: 9,
			SaleTo: 10, Starts: 11, Ends: 12, RefundTo: 13, Period: 14, Split: []Share{{Cut: CutRelays, BasisPoints: 200}}, FirstFree: 16, Tax: "car"},
		"a3 01 #01 02 #02 05 41 05": &Pay{Order: fill32[ID](1), Quote: fill32[ID](2), Cert: []byte{5}},
	} {
		want := vector(t, bytes)
		if got, err := doc.Marshal(value); err != nil || !slices.Equal(got, want) {
			t.Errorf("%x, %v, want %x", got, err, want)
		}
	}
}
