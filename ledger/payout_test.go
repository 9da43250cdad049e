package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"salon/ledger/doc"
)

// payOut makes debts of the shares of some, and returns their slips.
func (x *node) payOut(least Amount, to ...Party) [][]byte {
	x.t.Helper()
	entries, err := x.try(func(b *Books) ([]Draft, error) { return b.PayOut(x.key, "EUR", to, least) })
	if err != nil {
		x.t.Fatal(err)
	}
	if len(entries) == 0 {
		return nil
	}
	return entries[0].Docs
}

// earns takes slips in, with nothing twice.
func (x *node) earns(from *node, slips ...[]byte) {
	x.t.Helper()
	for _, raw := range slips {
		_, id, err := OpenDocument[Slip](raw)
		if err != nil {
			x.t.Fatal(err)
		}
		if _, err := x.add(&Earned{Slip: id, Cert: from.cert()}, raw); err != nil && !errors.Is(err, ErrDuplicate) {
			x.t.Fatal(err)
		}
		x.refuses(ErrDuplicate, &Earned{Slip: id, Cert: from.cert()}, raw)
	}
}

// paysTo says that all is paid that somebody is owed, and returns that word; nil if nothing is.
func (x *node) paysTo(to *node, means string) []byte {
	x.t.Helper()
	var raw []byte
	x.nonce++
	if _, err := x.try(func(b *Books) (d []Draft, err error) {
		raw, d, err = b.Pays(x.key, "EUR", to.person.Public(), 0, means, "", [16]byte{x.nonce})
		return d, err
	}); err != nil {
		x.t.Fatal(err)
	}
	return raw
}

// confirms has both book that it came.
func (x *node) confirms(from *node, settle []byte) {
	x.t.Helper()
	c, docs := x.confirmation(settle)
	x.must(c, docs...)
	from.refuses(ErrSigner, c, docs...)
	c.Cert = newNode(x.t, 99).cert()
	from.refuses(ErrSigner, c, docs...)
	c.Cert = x.cert()
	from.must(c, docs...)
	from.refuses(ErrDuplicate, c, docs...)
}

// confirmation is what a creditor books.
func (x *node) confirmation(settle []byte) (*Clear, [][]byte) {
	x.t.Helper()
	_, id, err := OpenDocument[Settle](settle)
	if err != nil {
		x.t.Fatal(err)
	}
	settled, settledID, err := Sign(x.key, Settled{Settle: id, By: x.key.Public(), Time: x.now.UnixMilli()})
	if err != nil {
		x.t.Fatal(err)
	}
	return &Clear{Settle: id, Settled: settledID}, docs(settle, settled)
}

// evened is that what one owes of shares is what the other is owed.
func evened(t interface{ Errorf(string, ...any) }, host, of *node) {
	owes, owed := host.balance(Payable(of.person.Public())), of.balance(Receivable(host.key.Public()))
	if owes+owed != 0 {
		t.Errorf("one owes %d, the other is owed %d", -owes, owed)
	}
	for _, x := range []*node{host, of} {
		var all Amount
		for _, a := range x.accounts() {
			all += a
		}
		if byAccounts, byLines := x.gained(); all != 0 || byAccounts != byLines {
			t.Errorf("the accounts sum to %d and gained %d, the lines %d", all, byAccounts, byLines)
		}
	}
}

func shared(n uint32, price Amount, split ...Share) *Offer {
	o := evening(n, eur(price))
	o.Split, o.PerBuyer = split, 0
	return o
}

// A co-host's share, from the sale to the money, in the books of both.
func TestPayout(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	cohost := Party{CutCoHost, bo.person.Public()}
	offer := ana.must(shared(9, 1000, Share{Cut: CutCoHost, To: cohost.To, BasisPoints: 1000}))
	if _, err := ana.buy(seed(3), offer, 3); err != nil {
		t.Fatal(err)
	}
	if slips := ana.payOut(301, cohost); slips != nil {
		t.Fatal("less than the least was paid out")
	}
	slips := ana.payOut(300, cohost)
	if again := ana.payOut(1, cohost); again != nil {
		t.Fatal("paid out twice")
	}
	bo.earns(ana, slips...)
	if bo.balance(IncomeShares) != -300 || ana.balance(ShareOf(cohost.To)) != 0 {
		t.Errorf("%v, %v", bo.accounts(), ana.accounts())
	}
	evened(t, ana, bo)

	word := ana.paysTo(bo, "bank")
	if again := ana.paysTo(bo, "bank"); again != nil {
		t.Fatal("paid twice while it is on its way")
	}
	if ana.balance(Transit(cohost.To)) != 300 || ana.balance(Payable(cohost.To)) != -300 {
		t.Errorf("on its way: %v", ana.accounts())
	}
	bo.confirms(ana, word)
	evened(t, ana, bo)
	if bo.balance(Asset("bank")) != 300 || bo.balance(Receivable(ana.key.Public())) != 0 || ana.balance(Payable(cohost.To)) != 0 || ana.balance(Transit(cohost.To)) != 0 {
		t.Errorf("paid: %v, %v", bo.accounts(), ana.accounts())
	}
	ana.copy(t)
	bo.copy(t)
}

// What is on its way is not failed: it comes back only if somebody says that no money moved, and counts if it came after all.
func TestUnpaid(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	offer := ana.must(shared(9, 1000, Share{Cut: CutCoHost, To: bo.person.Public(), BasisPoints: 5000}))
	if _, err := ana.buy(seed(3), offer, 2); err != nil {
		t.Fatal(err)
	}
	bo.earns(ana, ana.payOut(1, Party{CutCoHost, bo.person.Public()})...)
	first := ana.paysTo(bo, "bank")
	_, id, _ := OpenDocument[Settle](first)
	ana.must(&Unpaid{Settle: id, Reason: ReasonFailed})
	ana.refuses(ErrUnknown, &Unpaid{Settle: id, Reason: ReasonFailed})
	if ana.balance(Transit(bo.person.Public())) != 0 || ana.balance(Asset("bank")) != 0 {
		t.Errorf("it is still on its way: %v", ana.accounts())
	}
	bo.confirms(ana, first) // it went through after all
	evened(t, ana, bo)
	if left := ana.books.Due("EUR", bo.person.Public()); left != (Due{Owed: 1000, Cleared: 1000}) {
		t.Errorf("%+v", left)
	}
	ana.refuses(ErrUnknown, &Unpaid{Settle: id, Reason: ReasonFailed})
}

// Attack: more than is owed is paid out or on its way; slips for somebody else, by somebody else, and that say something else.
func TestPayoutsThatAreRefused(t *testing.T) {
	ana, bo, eve := newNode(t, 1), newNode(t, 2), newNode(t, 9)
	to := bo.person.Public()
	offer := ana.must(shared(9, 1000, Share{Cut: CutCoHost, To: to, BasisPoints: 1000}))
	if _, err := ana.buy(seed(3), offer, 1); err != nil {
		t.Fatal(err)
	}
	slip := func(k doc.PrivateKey, change func(*Slip)) ([]byte, ID) {
		s := Slip{By: k.Public(), To: to, Cut: CutCoHost, Cur: "EUR", Total: 100, Change: 100, Number: ana.books.Total, Time: ana.now.UnixMilli()}
		change(&s)
		raw, id, err := Sign(k, s)
		if err != nil {
			t.Fatal(err)
		}
		return raw, id
	}
	none := func(*Slip) {}
	payout := func(a Amount, id ID) *Payout {
		return &Payout{Cur: "EUR", Legs: []Leg{{Cut: CutCoHost, To: to, Amount: a}}, Slips: []ID{id}}
	}
	raw, id := slip(ana.key, none)
	ana.refuses(ErrTooMuch, payout(101, id), raw)
	ana.refuses(ErrTooMuch, payout(-1, id), raw)
	ana.refuses(ErrMismatch, payout(99, id), raw)
	for name, change := range map[string]func(*Slip){
		"another total":    func(s *Slip) { s.Total++ },
		"another person":   func(s *Slip) { s.To = eve.person.Public() },
		"another cut":      func(s *Slip) { s.Cut = CutFund },
		"another currency": func(s *Slip) { s.Cur = "USD" },
		"another number":   func(s *Slip) { s.Number++ },
	} {
		other, otherID := slip(ana.key, change)
		if _, err := ana.add(payout(100, otherID), other); !errors.Is(err, ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	byEve, byEveID := slip(eve.key, none)
	ana.refuses(ErrMismatch, payout(100, byEveID), byEve)
	bo.refuses(ErrSigner, &Earned{Slip: byEveID, Cert: ana.cert()}, byEve)
	eve.refuses(ErrSigner, &Earned{Slip: id, Cert: ana.cert()}, raw)
	own, ownID := slip(bo.key, none)
	bo.refuses(ErrSigner, &Earned{Slip: ownID, Cert: bo.cert()}, own)
	forged := bytes.Clone(raw)
	forged[len(forged)-1]++
	bo.refuses(doc.ErrSignature, &Earned{Slip: id, Cert: ana.cert()}, forged)

	ana.must(payout(100, id), raw)
	settle := func(k doc.PrivateKey, a Amount) ([]byte, ID) {
		raw, id, err := Sign(k, Settle{Debtor: k.Public(), Creditor: to, Money: eur(a), Means: "bank"})
		if err != nil {
			t.Fatal(err)
		}
		return raw, id
	}
	more, moreID := settle(ana.key, 101)
	ana.refuses(ErrTooMuch, &Paid{Settle: moreID}, more)
	hers, hersID := settle(eve.key, 100)
	ana.refuses(ErrSigner, &Paid{Settle: hersID}, hers)
	ana.refuses(ErrUnknown, &Unpaid{Settle: moreID, Reason: ReasonFailed})
	all, allID := settle(ana.key, 100)
	ana.must(&Paid{Settle: allID}, all)
	ana.refuses(ErrDuplicate, &Paid{Settle: allID}, all)
}

// A refund takes a share back wherever it is: as long as it waits, as long as it is a debt, and once it is paid from the shares
// that come next.
func TestRefundsTakeSharesBack(t *testing.T) {
	ana, bo := newNode(t, 1), newNode(t, 2)
	party := Party{CutCoHost, bo.person.Public()}
	offer := ana.must(shared(50, 1000, Share{Cut: CutCoHost, To: party.To, BasisPoints: 1000}))
	sell := func() ID {
		sold, err := ana.buy(seed(3), offer, 1)
		if err != nil {
			t.Fatal(err)
		}
		return receiptID(sold.Receipt)
	}
	refund := func(receipt ID, n byte) {
		if _, err := ana.try(func(b *Books) ([]Draft, error) { return b.GiveBack(receipt, "card", []byte{n}, ReasonHost) }); err != nil {
			t.Fatal(err)
		}
	}
	one, two, three := sell(), sell(), sell()
	refund(one, 1) // it waits: it is as if it had not been
	bo.earns(ana, ana.payOut(1, party)...)
	if bo.balance(IncomeShares) != -200 {
		t.Errorf("of two tickets: %d", bo.balance(IncomeShares))
	}
	refund(two, 2) // it is a debt: the debt is less
	bo.earns(ana, ana.payOut(1, party)...)
	evened(t, ana, bo)
	if bo.balance(IncomeShares) != -100 || ana.balance(ShareOf(party.To)) != 0 {
		t.Errorf("of one ticket: %d, %d", bo.balance(IncomeShares), ana.balance(ShareOf(party.To)))
	}
	bo.confirms(ana, ana.paysTo(bo, "bank"))
	refund(three, 3) // it is paid: they keep it until there is more
	if slips := ana.payOut(1, party); slips != nil || ana.balance(ShareOf(party.To)) != 100 {
		t.Errorf("%d slips, and %d is to be made up for", len(slips), ana.balance(ShareOf(party.To)))
	}
	for range 3 {
		sell()
	}
	bo.earns(ana, ana.payOut(1, party)...)
	evened(t, ana, bo)
	if left := ana.books.Due("EUR", party.To).Left(); left != 200 || bo.balance(IncomeShares) != -300 {
		t.Errorf("of three more, less the one that was paid: %d, in all %d", left, bo.balance(IncomeShares))
	}
}

// ascends puts parts in the order in which a division has them.
func ascends(parts ...Part) []Part {
	slices.SortFunc(parts, func(a, b Part) int { return bytes.Compare(a.To[:], b.To[:]) })
	return parts
}

func (x *node) divides(room Room, parts ...Part) bool {
	x.t.Helper()
	entries, err := x.try(func(b *Books) ([]Draft, error) { return b.Divides(room, "EUR", ascends(parts...)) })
	if err != nil {
		x.t.Fatal(err)
	}
	return len(entries) > 0
}

// Small shares add up over the rooms, and none is lost.
func TestPool(t *testing.T) {
	ana := newNode(t, 1)
	a, b := seed(20).Public(), seed(21).Public()
	for room := range byte(3) {
		o := evening(50, eur(40))
		o.Room = Room{room + 1}
		offer := ana.must(o)
		for i := range uint32(3) {
			if _, err := ana.buy(seed(10+i), offer, 1); err != nil {
				t.Fatal(err)
			}
		}
		// 2 % of 40 is 0.8: one unit each time.
		if came, divided := ana.books.Pooled(o.Room, "EUR"); came != 3 || divided != 0 {
			t.Fatalf("%d came into the pool, %d is divided", came, divided)
		}
		ana.refuses(ErrTooMuch, &Divide{Room: o.Room, Money: eur(4), Parts: []Part{{To: a, Weight: 1}}})
		if ana.divides(o.Room); !ana.divides(o.Room, Part{To: a, Weight: 999}, Part{To: b, Weight: 500}) {
			t.Fatal("not divided")
		}
		if ana.divides(o.Room, Part{To: a, Weight: 999}, Part{To: b, Weight: 500}) || ana.balance(Pool(o.Room)) != 0 {
			t.Errorf("divided twice: %v", ana.accounts())
		}
	}
	if ana.balance(Carried(a)) != -6 || ana.balance(Carried(b)) != -3 {
		t.Errorf("%v", ana.accounts())
	}
	if slips := ana.payOut(5, Party{CutRelays, a}, Party{CutRelays, b}); len(slips) != 1 || ana.balance(Carried(b)) != -3 {
		t.Errorf("%d slips, %v", len(slips), ana.accounts())
	}
}

// What nobody has carried is the host's, until somebody shows that they did.
func TestPoolOfNobody(t *testing.T) {
	ana := newNode(t, 1)
	offer := ana.must(shared(9, 1000, Share{Cut: CutRelays, BasisPoints: 1000}))
	if _, err := ana.buy(seed(3), offer, 3); err != nil {
		t.Fatal(err)
	}
	ana.divides(hall, Part{To: ana.person.Public(), Weight: 1})
	if ana.balance(ExpenseShares) != 0 || ana.balance(Pool(hall)) != 0 {
		t.Errorf("nobody: %v", ana.accounts())
	}
	a := seed(20).Public()
	ana.divides(hall, Part{To: a, Weight: 5})
	if ana.balance(ExpenseShares) != 300 || ana.balance(Carried(a)) != -300 {
		t.Errorf("somebody: %v", ana.accounts())
	}
}

// Records that come late, and money that goes back, are as if they had been known from the start.
func TestDividedAnew(t *testing.T) {
	ana := newNode(t, 1)
	a, b := seed(20).Public(), seed(21).Public()
	offer := ana.must(shared(9, 1000, Share{Cut: CutRelays, BasisPoints: 1000}))
	sold, err := ana.buy(seed(3), offer, 3)
	if err != nil {
		t.Fatal(err)
	}
	ana.divides(hall, Part{To: a, Weight: 7})
	if ana.payOut(1, Party{CutRelays, a}); ana.balance(Payable(a)) != -300 {
		t.Errorf("%v", ana.accounts())
	}
	ana.divides(hall, Part{To: a, Weight: 1}, Part{To: b, Weight: 2})
	if ana.balance(Carried(a)) != 200 || ana.balance(Carried(b)) != -200 {
		t.Errorf("late records: %v", ana.accounts())
	}
	if _, err := ana.try(func(b *Books) ([]Draft, error) {
		return b.GiveBack(receiptID(sold.Receipt), "card", []byte("1"), ReasonHost)
	}); err != nil {
		t.Fatal(err)
	}
	ana.divides(hall, Part{To: a, Weight: 1}, Part{To: b, Weight: 2})
	ana.payOut(1, Party{CutRelays, a}, Party{CutRelays, b})
	if len(ana.accounts()) != 0 {
		t.Errorf("after a whole refund: %v", ana.accounts())
	}
}

// However a pool is divided, again and again: the parts are what one division by the last word would give, whatever the order in
// which the relays were named, and sum to all that came.
func TestDividingIsByTheLastWord(t *testing.T) {
	computes(t)
	rapid.Check(t, func(rt *rapid.T) {
		ana := newNode(t, 1)
		offer := ana.must(shared(500, Amount(rapid.Int64Range(1, 999).Draw(rt, "price")), Share{Cut: CutRelays, BasisPoints: rapid.Uint16Range(1, 10000).Draw(rt, "share")}))
		var last []Part
		for range rapid.IntRange(1, 4).Draw(rt, "times") {
			if _, err := ana.buy(seed(3), offer, rapid.Uint32Range(1, 5).Draw(rt, "tickets")); err != nil {
				rt.Fatal(err)
			}
			last = nil
			for n := range rapid.Uint32Range(1, 6).Draw(rt, "relays") {
				last = append(last, Part{To: seed(20 + n).Public(), Weight: rapid.Uint64Range(1, 1<<40).Draw(rt, "weight")})
			}
			last = rapid.Permutation(last).Draw(rt, "order")
			ana.divides(hall, last...)
		}
		came, divided := ana.books.Pooled(hall, "EUR")
		weights := make([]uint64, len(last))
		for i, p := range ascends(last...) {
			weights[i] = p.Weight
		}
		want, err := divide(came, weights)
		if err != nil || divided != came {
			rt.Fatalf("%d of %d is divided, %v", divided, came, err)
		}
		var sum Amount
		for i, p := range last {
			sum -= ana.balance(Carried(p.To))
			if -ana.balance(Carried(p.To)) != want[i] {
				rt.Fatalf("%s has %d, want %d", p.To.Short(), -ana.balance(Carried(p.To)), want[i])
			}
		}
		if sum != came {
			rt.Fatalf("%d was given of %d", sum, came)
		}
	})
}

// Random lives of a share: whatever is sold, refunded, paid out, paid, lost and confirmed, and in whatever order slips come, nobody is
// paid more than was owed, what was earned is what was said last, and in the end nothing is lost.
func TestSharesAlwaysAddUp(t *testing.T) {
	computes(t)
	rapid.Check(t, func(rt *rapid.T) {
		ana, bo := newNode(t, 1), newNode(t, 2)
		to := bo.person.Public()
		parties := []Party{{CutCoHost, to}, {CutRelays, to}}
		bp := []uint16{rapid.Uint16Range(1, 5000).Draw(rt, "co-host"), rapid.Uint16Range(1, 5000).Draw(rt, "relays")}
		offer := ana.must(shared(1000, Amount(rapid.Int64Range(1, 999).Draw(rt, "price")), Share{Cut: CutCoHost, To: to, BasisPoints: bp[0]}, Share{Cut: CutRelays, BasisPoints: bp[1]}))
		var receipts []ID
		var words [][]byte
		n := byte(0)
		confirm := func(word []byte) {
			if s, _, _ := OpenDocument[Settle](word); bo.balance(Receivable(ana.key.Public())) >= s.Money.Amount {
				c, docs := bo.confirmation(word)
				bo.must(c, docs...)
				c.Cert = bo.cert()
				ana.must(c, docs...)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"sell": func(rt *rapid.T) {
				sold, err := ana.buy(seed(3), offer, rapid.Uint32Range(1, 3).Draw(rt, "count"))
				if err != nil {
					rt.Fatal(err)
				}
				receipts = append(receipts, receiptID(sold.Receipt))
			},
			"refund": func(rt *rapid.T) {
				if len(receipts) == 0 {
					return
				}
				n++
				i := rapid.IntRange(0, len(receipts)-1).Draw(rt, "receipt")
				if _, err := ana.try(func(b *Books) ([]Draft, error) {
					return b.GiveBack(receipts[i], "card", []byte{1, n}, ReasonHost)
				}); err != nil {
					rt.Fatal(err)
				}
				receipts = slices.Delete(receipts, i, i+1)
			},
			"divide": func(*rapid.T) { ana.divides(hall, Part{To: to, Weight: 5}) },
			"payout": func(rt *rapid.T) {
				bo.earns(ana, ana.payOut(Amount(rapid.Int64Range(1, 300).Draw(rt, "least")), parties...)...)
			},
			"pay": func(*rapid.T) {
				if word := ana.paysTo(bo, "bank"); word != nil {
					words = append(words, word)
				}
			},
			"confirm": func(*rapid.T) {
				if len(words) > 0 {
					confirm(words[0])
					words = words[1:]
				}
			},
			"": func(rt *rapid.T) {
				evened(rt, ana, bo)
				d := ana.books.Due("EUR", to)
				if d.Left() < 0 || d.Going < 0 || d.Cleared < 0 || -ana.balance(Payable(to)) != d.Owed-d.Cleared || ana.balance(Transit(to)) != d.Going {
					rt.Fatalf("%+v, %v", d, ana.accounts())
				}
			},
		})
		for _, word := range words {
			confirm(word)
		}
		ana.divides(hall, Part{To: to, Weight: 5})
		bo.earns(ana, ana.payOut(1, parties...)...)
		if word := ana.paysTo(bo, "bank"); word != nil {
			bo.confirms(ana, word)
		}
		evened(rt, ana, bo)
		waits := -ana.balance(ShareOf(to)) - ana.balance(Carried(to))
		if all := ana.balance(ExpenseShares); all != -bo.balance(IncomeShares)+waits || waits > 0 {
			rt.Fatalf("%d were given away, %d came, %d wait", all, -bo.balance(IncomeShares), waits)
		}
		ana.copy(t)
		bo.copy(t)
	})
}

func TestLeast(t *testing.T) {
	for cur, want := range map[Currency]string{"EUR": "1.00 EUR", "JPY": "1 JPY", "KWD": "1.000 KWD", Bitcoin: "1000 sat"} {
		if got := fmt.Sprint(Money{Amount: Least(cur), Cur: cur}); got != want {
			t.Errorf("least of %s is %s, want %s", cur, got, want)
		}
	}
}
