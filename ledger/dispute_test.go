package ledger

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

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
			gate := gateOf(ana, offer)
			good := func(when string, raw []byte, want bool) {
				t.Helper()
				if err := gate.Update(ana.revocations(offer.ID)); err != nil {
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
	gate := gateOf(host, offer, Seller{Device: seller.key.Public(), From: 6, To: 10})
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
		if err := gate.Update(host.revocations(offer.ID)); err != nil {
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
// been sent back. What the rail keeps is the co-host's. The word of somebody else moves nothing.
func TestDisputeLostByASeller(t *testing.T) {
	for _, c := range []struct {
		disputed Amount
		opened   bool // the host heard of it before it was lost
	}{{1000, false}, {1000, true}, {400, false}, {400, true}} {
		disputed, opened := c.disputed, c.opened
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
		if opened {
			if err := follow(contest(DisputeOpened)[0].Raw()); err != nil {
				t.Fatal(err)
			}
			if host.balance(Receivable(cohost)) != 1000 {
				t.Errorf("it is not decided, and the host is owed %d", host.balance(Receivable(cohost)))
			}
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
		if s := host.state(offer.ID); s.Issued != uint32(left/500) {
			t.Errorf("%d seats are good", s.Issued)
		}
		host.copy(t)
		seller.copy(t)
	}
}

// While money that a co-host took is disputed, the host's list says that its tickets are void, and nobody else's; won, they are good again.
// The host believes the seller alone, each word once, and not for ever.
func TestDisputeOpenedAtASeller(t *testing.T) {
	cohost := seed(3).Public()
	host, seller, offer, _ := allotted(t, cohost)
	var tickets []Ticket
	var reports []*Report
	for buyer := range uint32(2) {
		report, docs, err := seller.soldBy(t, cohost, offer, 10+buyer, 1)
		if err != nil {
			t.Fatal(err)
		}
		host.must(report, docs...)
		tk, _, err := OpenDocument[Ticket](docs[3])
		if err != nil {
			t.Fatal(err)
		}
		tickets, reports = append(tickets, tk), append(reports, report)
	}
	gate := gateOf(host, offer, Seller{Device: seller.key.Public(), From: 6, To: 10})
	door := func(when string, want error) {
		t.Helper()
		if err := gate.Update(host.revocations(offer.ID)); err != nil {
			t.Fatal(err)
		}
		if err := gate.Standing(tickets[0]); !errors.Is(err, want) {
			t.Errorf("%s: at the door: %v, want %v", when, err, want)
		}
		if err := gate.Standing(tickets[1]); err != nil {
			t.Errorf("%s: somebody else's: %v", when, err)
		}
	}
	told := func(ref string, state DisputeState) Entry {
		t.Helper()
		entries, err := seller.try(func(b *Books) ([]Draft, error) {
			return b.Contest(Contest{Receipt: reports[0].Receipt, Ref: ref, State: state, Money: eur(500), Cost: 15})
		})
		if err != nil || len(entries) != 1 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		return entries[0]
	}
	follow := func(raw []byte) error {
		_, err := host.try(func(b *Books) ([]Draft, error) { return b.Follow(raw) })
		return err
	}
	before, err := host.books.Revoked(offer.ID)
	if err != nil {
		t.Fatal(err)
	}
	opened := told("du_1", DisputeOpened)
	forged, err := signEntry(newNode(t, 9).key, host.books.Head, host.now.UnixMilli(), opened.Body, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := follow(forged.Raw()); !errors.Is(err, doc.ErrSignature) {
		t.Errorf("a stranger's word: %v", err)
	}
	host.refuses(ErrSigner, &Dispute{Receipt: reports[0].Receipt, Ref: "du_1", State: DisputeOpened, Money: eur(500)})
	host.refuses(ErrMismatch, &Dispute{Receipt: reports[1].Receipt, Ref: "du_1", State: DisputeOpened, Money: eur(500), Of: opened.ID}, opened.Raw())
	door("before", nil)
	if err := follow(opened.Raw()); err != nil {
		t.Fatal(err)
	}
	door("open", ErrRevoked)
	if after, err := host.books.Revoked(offer.ID); err != nil || after == before {
		t.Errorf("the list is number %d before and %d after, %v: no relay would ask for it", before, after, err)
	}
	if err := follow(opened.Raw()); !errors.Is(err, ErrDuplicate) {
		t.Errorf("told again: %v", err)
	}
	won := told("du_1", DisputeWon)
	if err := follow(won.Raw()); err != nil {
		t.Fatal(err)
	}
	door("won", nil)
	if err := follow(opened.Raw()); !errors.Is(err, ErrDuplicate) {
		t.Errorf("told again after it was won: %v", err)
	}
	if host.balance(ExpenseRail) != 0 || seller.balance(ExpenseRail) != 15 || host.balance(Receivable(cohost)) != 1000 {
		t.Errorf("host %v, seller %v", host.accounts(), seller.accounts())
	}
	// Attack: a seller that invents disputes without end, to fill the host's log.
	for n := range maxContests {
		err := follow(told(fmt.Sprintf("du_%d", n+2), DisputeOpened).Raw())
		if n == maxContests-1 {
			if !errors.Is(err, ErrTooMuch) {
				t.Errorf("dispute %d: %v", n+2, err)
			}
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := follow(told(fmt.Sprintf("du_%d", n+2), DisputeWon).Raw()); err != nil {
			t.Fatal(err)
		}
	}
	door("at the end", nil)
	host.copy(t)
	seller.copy(t)
}

// A disputed payment for a subscription opens no room while that is open, neither by its period nor by the days of grace; what was paid
// before does. Won, all is as it was; lost, the period is gone.
func TestDisputedSubscription(t *testing.T) {
	for _, end := range []DisputeState{DisputeWon, DisputeLost} {
		t.Run(end.String(), func(t *testing.T) {
			ana, bo := newNode(t, 1), seed(2)
			fans := ana.must(&Offer{Version: 1, Name: "Friends", Price: eur(300), Period: 30 * 24 * 3600})
			periods := func() ID {
				t.Helper()
				return ana.subscribes(bo, fans, 1)
			}
			opens := func(when string, at time.Time, want bool) {
				t.Helper()
				if got := ana.books.Subscription(fans.ID, bo.Public()).Open(at); got != want {
					t.Errorf("%s: open %t, want %t: %+v", when, got, want, ana.books.Subscription(fans.ID, bo.Public()))
				}
			}
			contest := func(receipt ID, ref string, state DisputeState) {
				t.Helper()
				if _, err := ana.try(func(b *Books) ([]Draft, error) {
					return b.Contest(Contest{Receipt: receipt, Ref: ref, State: state, Money: eur(300)})
				}); err != nil {
					t.Fatal(err)
				}
			}
			start, month := ana.now, 30*24*time.Hour
			first := periods()
			second := periods()
			contest(second, "du_1", DisputeOpened)
			opens("the month before", start.Add(month-time.Hour), true)
			opens("the disputed month", start.Add(month+time.Hour), false)
			contest(first, "du_2", DisputeOpened)
			opens("both disputed", start.Add(time.Hour), false)
			contest(first, "du_2", DisputeWon)
			opens("one of two is won", start.Add(month-time.Hour), true)
			opens("one of two is won", start.Add(month+time.Hour), false)
			contest(second, "du_1", end)
			opens("ended", start.Add(month-time.Hour), true)
			opens("ended", start.Add(2*month-time.Hour), end == DisputeWon)
			opens("the days of grace of what was lost", start.Add(month+time.Hour), end == DisputeWon)
			opens("the days of grace of what was won", start.Add(2*month+time.Hour), end == DisputeWon)
			third := periods()
			want := start.Add(2 * month)
			if end == DisputeWon {
				want = want.Add(month)
			}
			if s := ana.books.Subscription(fans.ID, bo.Public()); !s.Through.Equal(want) || s.Ended || s.Disputed {
				t.Errorf("renewed after it: %+v, want %s", s, want)
			}
			contest(third, "du_3", DisputeOpened)
			s := ana.books.Subscription(fans.ID, bo.Public())
			leave, _, err := Sign(bo, Leave{Offer: fans.ID, By: bo.Public(), Through: want.UnixMilli()})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ana.try(func(b *Books) ([]Draft, error) { return b.Unsubscribe(leave) }); err != nil {
				t.Errorf("left while it is disputed, by what the subscriber knows: %v, %+v", err, s)
			}
			ana.copy(t)
		})
	}
}

// A dispute of a part takes as many seats as it has paid for, and no more: first those that the buyer still has, the last of them first.
// While it is open these are frozen, and lost they are void.
func TestDisputeOfAPart(t *testing.T) {
	for _, c := range []struct {
		name     string
		disputed Amount
		good     []uint32 // of seats 0 to 3; seat 3 was given to somebody
	}{
		{"a cent", 1, []uint32{0, 1, 3}},
		{"one seat", 500, []uint32{0, 1, 3}},
		{"a cent more than a seat", 501, []uint32{0, 3}},
		{"all but one", 1500, []uint32{3}},
		{"all but a cent", 1999, nil},
		{"all", 2000, nil},
	} {
		for _, end := range []DisputeState{DisputeWon, DisputeLost} {
			t.Run(c.name+", "+end.String(), func(t *testing.T) {
				ana, bo, cy := newNode(t, 1), seed(2), seed(3)
				offer := ana.must(evening(10, eur(500)))
				sold, err := ana.buy(bo, offer, 4)
				if err != nil {
					t.Fatal(err)
				}
				receipt := receiptID(sold.Receipt)
				tickets := sold.Tickets
				_, last, _ := OpenDocument[Ticket](tickets[3])
				raw, _, err := Sign(bo, Transfer{Ticket: last, By: bo.Public(), To: cy.Public(), Time: ana.now.UnixMilli()})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := ana.try(func(b *Books) (d []Draft, err error) { tickets[3], d, err = b.Transfer(ana.key, raw); return d, err }); err != nil {
					t.Fatal(err)
				}
				gate := gateOf(ana, offer)
				standing := func() (good []uint32) {
					t.Helper()
					if err := gate.Update(ana.revocations(offer.ID)); err != nil {
						t.Fatal(err)
					}
					for _, raw := range tickets {
						tk, _, err := OpenDocument[Ticket](raw)
						if err != nil {
							t.Fatal(err)
						}
						if gate.Standing(tk) == nil {
							good = append(good, tk.Serial)
						}
					}
					return good
				}
				contest := func(state DisputeState) {
					t.Helper()
					if _, err := ana.try(func(b *Books) ([]Draft, error) {
						return b.Contest(Contest{Receipt: receipt, Ref: "du_1", State: state, Money: eur(c.disputed)})
					}); err != nil {
						t.Fatal(err)
					}
				}
				contest(DisputeOpened)
				if got := standing(); !slices.Equal(got, c.good) {
					t.Errorf("while it is open %v are good, want %v", got, c.good)
				}
				if end == DisputeLost {
					ana.refuses(ErrSeat, &Dispute{Receipt: receipt, Ref: "du_1", State: DisputeLost, Money: eur(c.disputed)})
				}
				contest(end)
				want := c.good
				if end == DisputeWon {
					want = []uint32{0, 1, 2, 3}
				}
				if got := standing(); !slices.Equal(got, want) {
					t.Errorf("in the end %v are good, want %v", got, want)
				}
				if n := ana.state(offer.ID).Issued; int(n) != len(want) {
					t.Errorf("%d are issued, want %d", n, len(want))
				}
				ana.copy(t)
			})
		}
	}
}

// A seller that says for ever that what it took is disputed, or of which nothing is heard any more, holds nothing back after half a year:
// neither by one dispute nor by one after the other. What the host's own rail says counts for as long as it says so.
func TestDisputeThatNeverEnds(t *testing.T) {
	cohost := seed(3).Public()
	host, seller, offer, _ := allotted(t, cohost)
	report, docs, err := seller.soldBy(t, cohost, offer, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	host.must(report, docs...)
	says := func(ref string, state DisputeState) {
		t.Helper()
		entries, err := seller.try(func(b *Books) ([]Draft, error) {
			return b.Contest(Contest{Receipt: report.Receipt, Ref: ref, State: state, Money: eur(500)})
		})
		if err != nil || len(entries) != 1 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		if _, err := host.try(func(b *Books) ([]Draft, error) { return b.Follow(entries[0].Raw()) }); err != nil {
			t.Fatal(err)
		}
	}
	disputed := func(when string, receipt ID, want bool) {
		t.Helper()
		if _, err := host.try(func(b *Books) ([]Draft, error) {
			if got := b.Disputed(receipt); got != want {
				t.Errorf("%s: disputed %v", when, got)
			}
			if frozen, err := b.FrozenSeats(receipt); err != nil || (len(frozen) > 0) != want {
				t.Errorf("%s: %v are frozen, %v", when, frozen, err)
			}
			return nil, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	own, err := host.buy(seed(7), offer, 1)
	if err != nil {
		t.Fatal(err)
	}
	host.must(&Dispute{Receipt: receiptID(own.Receipt), Ref: "du_9", State: DisputeOpened, Money: eur(500)})
	start := host.now
	says("du_1", DisputeOpened)
	host.now = start.Add(ToldFor / 2)
	disputed("after three months", report.Receipt, true)
	says("du_1", DisputeWon)
	disputed("once it is won", report.Receipt, false)
	says("du_2", DisputeOpened)
	disputed("the next", report.Receipt, true)
	host.now = start.Add(ToldFor - time.Hour)
	disputed("almost half a year after the first", report.Receipt, true)
	host.now = start.Add(ToldFor + time.Hour)
	disputed("half a year after the first", report.Receipt, false)
	disputed("what our own rail says", receiptID(own.Receipt), true)
	host.copy(t)
}

// Attack: who subscribes disputes all but a cent of it, and hears on for the cent. Of a part that is lost the periods are off that it had paid
// for, and so they are while it is open.
func TestSubscriptionDisputedInPart(t *testing.T) {
	month := 30 * 24 * time.Hour
	for _, c := range []struct {
		disputed Amount // of three months at 3 EUR
		left     int    // months
	}{{1, 2}, {300, 2}, {301, 1}, {600, 1}, {899, 0}, {900, 0}} {
		for _, end := range []DisputeState{DisputeWon, DisputeLost} {
			ana, bo := newNode(t, 1), seed(2)
			fans := ana.must(&Offer{Version: 1, Name: "Friends", Price: eur(300), Period: 30 * 24 * 3600})
			receipt := ana.subscribes(bo, fans, 3)
			whole := ana.books.Subscription(fans.ID, bo.Public()).Through
			through := func(when string, off int) {
				t.Helper()
				if s := ana.books.Subscription(fans.ID, bo.Public()); !s.Through.Equal(whole.Add(-time.Duration(off) * month)) {
					t.Errorf("%d disputed, %s: paid through %s, want %d months less than %s", c.disputed, when, s.Through, off, whole)
				}
			}
			contest := func(state DisputeState) {
				t.Helper()
				if _, err := ana.try(func(b *Books) ([]Draft, error) {
					return b.Contest(Contest{Receipt: receipt, Ref: "du_1", State: state, Money: eur(c.disputed)})
				}); err != nil {
					t.Fatal(err)
				}
			}
			contest(DisputeOpened)
			through("open", 3-c.left)
			contest(end)
			if end == DisputeWon {
				through("won", 0)
			} else if through("lost", 3-c.left); c.disputed < 900 {
				ana.must(&Refund{Receipt: receipt, Money: eur(900 - c.disputed), Rail: "card", Reason: ReasonHost})
				through("the rest refunded", 3)
			}
			ana.copy(t)
		}
	}
}
