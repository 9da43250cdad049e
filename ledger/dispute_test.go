package ledger

import (
	"errors"
	"testing"

	"salon/ledger/doc"
)

// A disputed payment freezes its tickets, wherever they went, and no other's; won they are good again, lost they are void, and the money is
// gone as if it had been refunded.
func TestDispute(t *testing.T) {
	for _, end := range []DisputeState{DisputeWon, DisputeLost} {
		t.Run(end.String(), func(t *testing.T) {
			ana, bo, cy := newNode(t, 1), seed(2), seed(3)
			offer := ana.must(evening(10, eur(500)))
			sold, err := ana.buy(bo, offer, 2)
			if err != nil {
				t.Fatal(err)
			}
			other, err := ana.buy(cy, offer, 1)
			if err != nil {
				t.Fatal(err)
			}
			receipt := receiptID(sold.Receipt)
			_, ticket, _ := OpenDocument[Ticket](sold.Tickets[0])
			raw, _, err := Sign(bo, Transfer{Ticket: ticket, By: bo.Public(), To: cy.Public(), Time: ana.now.UnixMilli()})
			if err != nil {
				t.Fatal(err)
			}
			var moved []byte
			if _, err := ana.try(func(b *Books) (d []Draft, err error) { moved, d, err = b.Transfer(ana.key, raw); return d, err }); err != nil {
				t.Fatal(err)
			}
			before := ana.balance(ExpenseRail)
			gate := NewGate(hall, ana.key.Public(), []Class{{Number: 0, Starts: noon, Ends: noon.Add(1000 * 3600e9)}}, nil, ana.now)
			good := func(when string, raw []byte, want bool) {
				t.Helper()
				list, err := ana.books.Revocations(ana.now, hall, offer.ID)
				if err != nil {
					t.Fatal(err)
				}
				signed, _, err := Sign(ana.key, list)
				if err != nil {
					t.Fatal(err)
				}
				if err := gate.Update(signed); err != nil {
					t.Fatal(err)
				}
				tk, _, err := OpenDocument[Ticket](raw)
				if err != nil {
					t.Fatal(err)
				}
				if err := gate.Standing(tk); (err == nil) != want {
					t.Errorf("%s: seat %d: %v", when, tk.Serial, err)
				}
			}
			good("before", moved, true)
			d := func(state DisputeState) *Dispute {
				return &Dispute{Receipt: receipt, Ref: "du_1", State: state, Money: eur(1000)}
			}
			ana.refuses(ErrUnknown, d(end))
			ana.must(d(DisputeOpened))
			ana.refuses(ErrDuplicate, d(DisputeOpened))
			second := d(DisputeOpened)
			second.Ref = "du_2"
			ana.refuses(ErrDuplicate, second)
			good("open", moved, false)
			good("open", sold.Tickets[1], false)
			good("open, somebody else's", other.Tickets[0], true)
			ana.refuses(ErrDisputed, &Refund{Receipt: receipt, Money: eur(1), Rail: "card", Reason: ReasonHost})
			_, tid, _ := OpenDocument[Ticket](moved)
			again, _, err := Sign(cy, Transfer{Ticket: tid, By: cy.Public(), To: bo.Public(), Time: ana.now.UnixMilli()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ana.try(func(b *Books) (d []Draft, err error) { _, d, err = b.Transfer(ana.key, again); return d, err }); err == nil {
				t.Error("a disputed ticket is given away")
			}
			if end == DisputeLost {
				ana.refuses(ErrSeat, d(end)) // its seats must be taken first
			}
			contest := Contest{Receipt: receipt, Ref: "du_1", State: end, Money: eur(1000), Cost: 15}
			for range 2 {
				if _, err := ana.try(func(b *Books) ([]Draft, error) { return b.Contest(contest) }); err != nil {
					t.Fatal(err)
				}
			}
			good("ended", moved, end == DisputeWon)
			good("ended", sold.Tickets[1], end == DisputeWon)
			good("ended, somebody else's", other.Tickets[0], true)
			ana.refuses(ErrDuplicate, d(DisputeOpened)) // each once
			if ana.balance(ExpenseRail) != before+15 {
				t.Errorf("the rail's fee is not booked: %d, before %d", ana.balance(ExpenseRail), before)
			}
			if end == DisputeWon && ana.balance(IncomeTickets) != -1500 || end == DisputeLost && ana.balance(IncomeTickets) != -500 {
				t.Errorf("income %d", ana.balance(IncomeTickets))
			}
			if s := ana.state(offer.ID); end == DisputeLost && s.Issued != 1 || end == DisputeWon && s.Issued != 3 {
				t.Errorf("%d seats issued", s.Issued)
			}
			ana.copy(t)
		})
	}
}

// Attack: disputes that no rail can have, and of receipts that are not ours.
func TestDisputesThatAreRefused(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(10, eur(500)))
	sold, err := ana.buy(bo, offer, 1)
	if err != nil {
		t.Fatal(err)
	}
	good := Dispute{Receipt: receiptID(sold.Receipt), Ref: "du_1", State: DisputeOpened, Money: eur(500)}
	for _, c := range []struct {
		why    error
		change func(*Dispute)
	}{
		{ErrUnknown, func(d *Dispute) { d.Receipt[0]++ }},
		{ErrTooMuch, func(d *Dispute) { d.Money.Amount++ }},
		{ErrCurrency, func(d *Dispute) { d.Money.Cur = "USD" }},
		{ErrField, func(d *Dispute) { d.Ref = "" }},
		{ErrField, func(d *Dispute) { d.State = 4 }},
		{ErrField, func(d *Dispute) { d.State = 0 }},
		{ErrField, func(d *Dispute) { d.Cost = 1 }},
		{ErrUnknown, func(d *Dispute) { d.State = DisputeWon }},
	} {
		d := good
		c.change(&d)
		ana.refuses(c.why, &d)
	}
	ana.must(&good)
}

// What a second device sold is the host's to book, who has the money: its seats are frozen and void like any other, and the device that sold
// them books nothing.
func TestDisputeOfWhatASecondDeviceSold(t *testing.T) {
	host, seller, offer, _ := allotted(t, Key{})
	report, docs, err := seller.soldBy(t, host.person.Public(), offer, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	host.must(report, docs...)
	ticket, _, err := OpenDocument[Ticket](docs[3])
	if err != nil {
		t.Fatal(err)
	}
	opened := Dispute{Receipt: report.Receipt, Ref: "du_1", State: DisputeOpened, Money: eur(1000)}
	seller.refuses(ErrSigner, &opened)
	gate := NewGate(hall, host.key.Public(), []Class{{Number: 0, Starts: noon, Ends: noon.Add(1000 * 3600e9)}}, []Seller{{Device: seller.key.Public(), From: 6, To: 10}}, host.now)
	for _, c := range []struct {
		ref   string
		state DisputeState
		good  bool
	}{{"du_1", DisputeOpened, false}, {"du_1", DisputeWon, true}, {"du_2", DisputeLost, false}} {
		contest := func(b *Books) ([]Draft, error) {
			return b.Contest(Contest{Receipt: report.Receipt, Ref: c.ref, State: c.state, Money: eur(1000)})
		}
		if entries, err := host.try(contest); err != nil || len(entries) == 0 {
			t.Fatalf("%s: %d entries, %v", c.state, len(entries), err)
		}
		if entries, err := seller.try(contest); err != nil || len(entries) != 0 {
			t.Errorf("%s: the seller books %d entries, %v", c.state, len(entries), err)
		}
		list, err := host.books.Revocations(host.now, hall, offer.ID)
		if err != nil {
			t.Fatal(err)
		}
		raw, _, err := Sign(host.key, list)
		if err != nil {
			t.Fatal(err)
		}
		if err := gate.Update(raw); err != nil {
			t.Fatal(err)
		}
		if err := gate.Standing(ticket); (err == nil) != c.good {
			t.Errorf("%s: at the door: %v", c.state, err)
		}
	}
	if host.balance(IncomeTickets) != 0 || host.balance(Pool(hall)) != 0 {
		t.Errorf("the host has %v", host.accounts())
	}
	host.copy(t)
}

// A co-host who was paid loses a dispute: the host hears of it, and what the co-host owes, the shares and the seats are as if the money had
// been sent back. What the rail keeps is the co-host's. A dispute that is not lost, or of somebody else, moves nothing.
func TestDisputeLostByASeller(t *testing.T) {
	for _, disputed := range []Amount{1000, 400} {
		cohost := seed(3).Public()
		host, seller, offer, _ := allotted(t, cohost)
		report, docs, err := seller.soldBy(t, cohost, offer, 10, 2)
		if err != nil {
			t.Fatal(err)
		}
		host.must(report, docs...)
		contest := func(state DisputeState) []Entry {
			t.Helper()
			entries, err := seller.try(func(b *Books) ([]Draft, error) {
				return b.Contest(Contest{Receipt: report.Receipt, Ref: "du_1", State: state, Money: eur(disputed), Cost: 15})
			})
			if err != nil {
				t.Fatal(err)
			}
			return entries
		}
		follow := func(raw []byte) error {
			_, err := host.try(func(b *Books) ([]Draft, error) { return b.Follow(raw) })
			return err
		}
		if err := follow(contest(DisputeOpened)[0].Raw()); !errors.Is(err, ErrMismatch) {
			t.Errorf("it is not decided: %v", err)
		}
		list := contest(DisputeLost)
		lost := list[len(list)-1]
		forged, err := signEntry(newNode(t, 9).key, host.books.Head, host.now.UnixMilli(), lost.Body, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := follow(forged.Raw()); !errors.Is(err, doc.ErrSignature) {
			t.Errorf("a stranger's word: %v", err)
		}
		if err := follow(lost.Raw()); err != nil {
			t.Fatal(err)
		}
		if err := follow(lost.Raw()); !errors.Is(err, ErrDuplicate) {
			t.Errorf("twice: %v", err)
		}
		left := 1000 - disputed
		if a, b := -seller.balance(Payable(host.person.Public())), host.balance(Receivable(cohost)); a != left || b != left {
			t.Errorf("the seller owes %d, the host is owed %d, want %d", a, b, left)
		}
		if host.balance(IncomeTickets) != -left || host.balance(Pool(hall)) != -left/50 || host.balance(ExpenseRail) != 0 || seller.balance(ExpenseRail) != 15 {
			t.Errorf("host %v, seller %v", host.accounts(), seller.accounts())
		}
		if s := host.state(offer.ID); s.Issued != 0 {
			t.Errorf("%d seats are good", s.Issued)
		}
		host.copy(t)
		seller.copy(t)
	}
}
