package ledger

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salon/ledger/doc"
)

// Invariant I7: never more than was paid, and not for seats that are still good.
func TestRefunds(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(10, eur(333)))
	sold, err := ana.buy(bo, offer, 3)
	if err != nil {
		t.Fatal(err)
	}
	receipt := receiptID(sold.Receipt)
	refund := func(a Amount) *Refund {
		return &Refund{Receipt: receipt, Money: eur(a), Rail: "card", Reason: ReasonAsked}
	}
	ana.refuses(ErrTooMuch, refund(1)) // nothing is revoked
	ana.must(&Revoke{Offer: offer.ID, Serials: []uint32{1}, Reason: ReasonAsked})
	ana.refuses(ErrSeat, &Revoke{Offer: offer.ID, Serials: []uint32{1}, Reason: ReasonAsked})
	ana.refuses(ErrTooMuch, refund(334))
	ana.must(refund(333))
	ana.refuses(ErrTooMuch, refund(1))
	ana.must(&Revoke{Offer: offer.ID, Serials: []uint32{0, 2}, Reason: ReasonAsked})
	ana.refuses(ErrTooMuch, refund(667))
	other := refund(666)
	other.Rail = IOURail
	ana.refuses(ErrMismatch, other)
	other.Rail, other.Money.Cur = "card", "USD"
	ana.refuses(ErrCurrency, other)
	ana.must(refund(666))
	if len(ana.accounts()) != 0 {
		t.Errorf("after a whole refund: %v", ana.accounts())
	}
	// The seats are sold again, at their next generation.
	again, err := ana.buy(seed(3), offer, 10)
	if err != nil {
		t.Fatal(err)
	}
	gens := map[uint32]int{}
	for _, raw := range again.Tickets {
		tk, _, _ := OpenDocument[Ticket](raw)
		gens[tk.Gen]++
	}
	if gens[1] != 7 || gens[2] != 3 {
		t.Errorf("generations %v", gens)
	}
}

// However a refund is cut up, what is left on each account is what the rest of the price would have brought, and after
// all of it nothing is.
func TestRefundsInPartsAddUp(t *testing.T) {
	computes(t)
	rapid.Check(t, func(rt *rapid.T) {
		ana := newNode(t, 1)
		bp := rapid.SliceOfN(rapid.Uint16Range(1, 3000), 0, 3).Draw(rt, "shares")
		o := evening(1, eur(Amount(rapid.Int64Range(1, 2000).Draw(rt, "price"))))
		o.Split = nil
		for i, n := range bp {
			o.Split = append(o.Split, share(CutCoHost, uint32(50+i), n))
		}
		offer := ana.must(o)
		fee := Amount(rapid.Int64Range(0, 30).Draw(rt, "fee"))
		order, _ := ana.order(seed(2), ana.person.Public(), offer, 1)
		_, quote, err := ana.quote(order, Terms{Rail: "card", Fee: fee})
		if err != nil {
			rt.Fatal(err)
		}
		sold, err := ana.sell(Payment{Quote: quote, Proof: []byte("1")})
		if err != nil {
			rt.Fatal(err)
		}
		ana.must(&Revoke{Offer: offer.ID, Serials: []uint32{0}, Reason: ReasonAsked})
		for left := o.Price.Amount + fee; left > 0; {
			a := Amount(rapid.Int64Range(1, int64(left)).Draw(rt, "part"))
			ana.must(&Refund{Receipt: receiptID(sold.Receipt), Money: eur(a), Rail: "card", Reason: ReasonAsked})
			if left -= a; ana.balance(Asset("card")) != left {
				rt.Fatalf("%d is left, the books say %d", left, ana.balance(Asset("card")))
			}
		}
		if len(ana.accounts()) != 0 {
			rt.Errorf("after a whole refund: %v", ana.accounts())
		}
	})
}

// A seller that takes the money for a host's offer gives it back, and owes the host that much less.
func TestRefundBySeller(t *testing.T) {
	cohost := seed(3).Public()
	_, seller, offer, _ := allotted(t, cohost)
	report, _, err := seller.soldBy(t, cohost, offer, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seller.try(func(b *Books) ([]Draft, error) { return b.GiveBack(report.Receipt, "card", []byte("1"), ReasonAsked) }); err != nil {
		t.Fatal(err)
	}
	if len(seller.accounts()) != 0 {
		t.Errorf("after the refund: %v", seller.accounts())
	}
}

// Attack: the payer's books are told of refunds that are none, or not theirs.
func TestRefundsThatAreNotTaken(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	order, id := bo.order(bo.key, ana.person.Public(), Entry{}, 1, func(o *Order) { o.Purpose, o.Price = ForTip, eur(250) })
	p := deal(t, bo, ana, order, id)
	receipt := receiptID(p.sold.Receipt)
	by := func(x *node, body Body) []byte {
		e, err := signEntry(x.key, x.books.Head, x.now.UnixMilli(), body, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e.Raw()
	}
	take := func(want error, raw []byte) {
		t.Helper()
		e, err := ParseEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		bo.refuses(want, &Refunded{Refund: e.ID}, raw)
	}
	good := Refund{Receipt: receipt, Money: eur(250), Rail: IOURail, Reason: ReasonHost}
	more, dollars, other := good, good, good
	more.Money.Amount++
	dollars.Money.Cur = "USD"
	other.Receipt = ID{9}
	take(ErrTooMuch, by(ana, &more))
	take(ErrTooMuch, by(ana, &dollars))
	take(ErrUnknown, by(ana, &other))
	take(ErrMismatch, by(ana, &Cancel{Offer: ID{1}, Reason: ReasonHost}))
	take(doc.ErrSignature, by(newNode(t, 9), &good))
	ana.refuses(ErrUnknown, &other)
}

func TestCancel(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(10, eur(500)))
	var receipts []ID
	for i := range uint32(3) {
		sold, err := ana.buy(seed(10+i), offer, 2)
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, receiptID(sold.Receipt))
	}
	ana.must(&Cancel{Offer: offer.ID, Reason: ReasonCancelled})
	ana.refuses(ErrCancelled, &Cancel{Offer: offer.ID, Reason: ReasonCancelled})
	if _, err := ana.buy(bo, offer, 1); !errors.Is(err, ErrCancelled) {
		t.Errorf("bought after the end: %v", err)
	}
	list, err := ana.books.Revocations(ana.now, hall, offer.ID)
	if err != nil || len(list.Void) != 1 {
		t.Errorf("list %+v, %v", list, err)
	}
	// Everybody is refunded, one by one; a crash in between is picked up.
	for round := range 2 {
		for i, receipt := range receipts {
			_, err := ana.try(func(b *Books) ([]Draft, error) {
				return b.GiveBack(receipt, "card", []byte{byte(i)}, ReasonCancelled)
			})
			if round == 0 && err != nil || round == 1 && !errors.Is(err, ErrDuplicate) {
				t.Errorf("round %d, receipt %d: %v", round, i, err)
			}
		}
	}
	if len(ana.accounts()) != 0 {
		t.Errorf("after all refunds: %v", ana.accounts())
	}
}

// A room that is put off keeps its tickets.
func TestReschedule(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	offer := ana.must(evening(10, eur(500)))
	sold, err := ana.buy(bo, offer, 1)
	if err != nil {
		t.Fatal(err)
	}
	later := evening(10, eur(700))
	later.First, later.Version = offer.ID, 2
	later.Starts += 24 * time.Hour.Milliseconds()
	later.Ends += 24 * time.Hour.Milliseconds()
	second := ana.must(later)
	at := time.UnixMilli(later.Starts).Add(time.Minute)
	g := gateOf(ana, second)
	if _, err := g.Check(sold.Tickets[0], at); err != nil {
		t.Errorf("a ticket of the first day: %v", err)
	}
	// Who orders by what it saw before is told that it changed, and pays nothing.
	if _, err := ana.buy(seed(3), offer, 1); !errors.Is(err, ErrMismatch) {
		t.Errorf("at the old price: %v", err)
	}
	if _, err := ana.buy(seed(3), second, 1); err != nil {
		t.Errorf("at the new price: %v", err)
	}
	for name, change := range map[string]func(*Offer){
		"a version left out": func(o *Offer) { o.Version = 4 },
		"another room":       func(o *Offer) { o.Room[0]++ },
		"another class":      func(o *Offer) { o.Class++ },
		"another currency":   func(o *Offer) { o.Price.Cur = "USD" },
		"a restore":          func(o *Offer) { o.FirstFree = 5 },
	} {
		o := *later
		o.Version = 3
		change(&o)
		if _, err := ana.add(&o); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	fewer := *later
	fewer.Version, fewer.Seats = 3, 1
	ana.refuses(ErrSeat, &fewer)
	fewer.Seats = 2
	ana.must(&fewer)
	if _, err := ana.add(evening(5, eur(1))); !errors.Is(err, ErrDuplicate) {
		t.Errorf("two offers of one class: %v", err)
	}
}

func TestSubscription(t *testing.T) {
	ana, bo := newNode(t, 1), seed(2)
	const month = 30 * 24 * time.Hour
	fans := ana.must(&Offer{Version: 1, Name: "Friends", Price: eur(300), Period: int64(month / time.Second)})
	open := func(at time.Duration) bool {
		return ana.books.Subscription(fans.ID, bo.Public()).Open(noon.Add(at))
	}
	if open(0) {
		t.Error("open to who never paid")
	}
	ana.subscribes(bo, fans, 1)
	if !open(month) || !open(month+Grace-time.Second) || open(month+Grace) {
		t.Error("a month is not a month and its grace")
	}
	ana.now = noon.Add(month - 24*time.Hour) // early, and no day is lost
	receipt := ana.subscribes(bo, fans, 2)
	if !open(3*month+Grace-time.Second) || open(3*month+Grace) {
		t.Error("three months are not three months")
	}
	ana.must(&Unsubscribe{Offer: fans.ID, Buyer: bo.Public()})
	if !open(3*month-time.Second) || open(3*month) {
		t.Error("who ended it has what was paid, and no grace")
	}
	ana.must(&Refund{Receipt: receipt, Money: eur(600), Rail: "card", Reason: ReasonAsked})
	if open(month + Grace) {
		t.Error("what was refunded is still open")
	}
	ana.now = noon.Add(100 * 24 * time.Hour) // late: the days between were not paid, and are not charged
	ana.subscribes(bo, fans, 1)
	if !open(100*24*time.Hour+month) || ana.books.Subscription(fans.ID, bo.Public()).Ended {
		t.Error("coming back does not open")
	}
	ana.refuses(ErrUnknown, &Unsubscribe{Offer: fans.ID, Buyer: seed(3).Public()})
}
