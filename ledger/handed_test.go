package ledger

import "testing"

// A ticket changes hands in three ledgers: the host's, and those of who gave it and who got it. Each takes it once, and only who it is from or
// for.
func TestHanded(t *testing.T) {
	ana, bo, cy, eve := newNode(t, 1), newNode(t, 2), newNode(t, 3), newNode(t, 9)
	offer := ana.must(evening(5, eur(500)))
	order, id := bo.order(bo.key, ana.person.Public(), offer, 1)
	bought := deal(t, bo, ana, order, id).sold.Tickets[0]
	give := func(to Key) (transfer, ticket []byte, body *Handed) {
		t.Helper()
		transfer, trID, err := Sign(bo.key, Transfer{Ticket: ticketIDs([][]byte{bought})[0], By: bo.key.Public(), To: to, Time: bo.now.UnixMilli()})
		if err != nil {
			t.Fatal(err)
		}
		x := ana.copy(t)
		if _, err := x.try(func(b *Books) (d []Draft, err error) {
			ticket, d, err = b.Transfer(ana.key, transfer)
			return d, err
		}); err != nil {
			t.Fatal(err)
		}
		return transfer, ticket, &Handed{Transfer: trID, Ticket: ticketIDs([][]byte{ticket})[0]}
	}
	transfer, ticket, body := give(cy.person.Public())
	_, other, _ := give(eve.key.Public())
	got := &Handed{Ticket: body.Ticket}

	// Attack: who has nothing to do with it takes it in, or gives it away.
	eve.refuses(ErrSigner, got, ticket)
	eve.refuses(ErrUnknown, body, transfer, ticket)
	bo.refuses(ErrSigner, got, ticket)
	bo.refuses(ErrMismatch, &Handed{Transfer: body.Transfer, Ticket: ticketIDs([][]byte{other})[0]}, transfer, other)

	bo.must(body, transfer, ticket)
	bo.refuses(ErrDuplicate, body, transfer, ticket)
	cy.must(got, ticket)
	cy.refuses(ErrDuplicate, got, ticket)
	// Bo has it no more: he cannot give it to another, whatever some host signs.
	again, againID, err := Sign(bo.key, Transfer{Ticket: ticketIDs([][]byte{bought})[0], By: bo.key.Public(), To: eve.key.Public(), Time: bo.now.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	bo.refuses(ErrUnknown, &Handed{Transfer: againID, Ticket: ticketIDs([][]byte{other})[0]}, again, other)
	for _, x := range []*node{bo, cy} {
		x.copy(t)
	}
	mirrored(t, bo, ana)
}
