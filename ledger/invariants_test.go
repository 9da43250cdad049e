package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"salon/ledger/doc"
)

// A life is that of a host and two who buy from her, in their own books: tickets, tips, gifts to a charity and subscriptions, by IOU and
// by card; payments that fail, that are late, that are still on their way; refunds, transfers, debts that are settled. After each step
// everything is checked that the package says is always true of the books of one (I1 to I11), and of the books of all (I12, I13).
type life struct {
	rt      *rapid.T
	ana     *node
	payers  []*node
	shelter Key
	offer   Entry
	fans    Entry
	checked map[*node]int // records so far
	heads   map[*node]Head
	marks   map[*node]Checkpoint // the newest of its tree, not signed: what it says is what counts
	issued  map[seat]ID
	proofs  map[string]ID // of payments, with the receipt that each backs
	paid    []lifePayment
	begun   []lifePayment
	tickets []lifeTicket
	n       uint32
}

type lifePayment struct {
	by      *node
	quote   ID
	order   ID
	total   Amount
	payment Payment
	receipt ID
}

type lifeTicket struct {
	of *node
	id ID
}

// Invariants I1 to I13 over random lives of three. I14, that what others are told is on disk before, is in node/market, where they are.
func TestInvariants(t *testing.T) {
	if raced {
		t.Skip("nothing here runs at once; make test runs it without the race detector")
	}
	rapid.Check(t, func(rt *rapid.T) {
		l := &life{rt: rt, ana: newNode(t, 1), payers: []*node{newNode(t, 2), newNode(t, 3)}, shelter: seed(7).Public(), checked: map[*node]int{},
			heads: map[*node]Head{}, marks: map[*node]Checkpoint{}, issued: map[seat]ID{}, proofs: map[string]ID{}}
		evening := evening(rapid.Uint32Range(1, 9).Draw(rt, "seats"), eur(Amount(rapid.Int64Range(1, 999).Draw(rt, "price"))))
		evening.Split = append(evening.Split, share(CutCoHost, 20, 1234), share(CutFund, 21, 55))
		l.offer = l.ana.must(evening)
		l.fans = l.ana.must(&Offer{Version: 1, Name: "Friends", Price: eur(300), Period: 30 * 24 * 3600})
		rt.Repeat(map[string]func(*rapid.T){
			"pay":      l.pays,
			"go on":    l.goesOn,
			"refund":   l.refunds,
			"transfer": l.transfers,
			"settle":   l.settles,
			"repeat":   l.repeats,
			"wait":     func(rt *rapid.T) { l.wait(time.Duration(rapid.IntRange(0, 7).Draw(rt, "minutes")) * time.Minute) },
			"":         func(*rapid.T) { l.check() },
		})
		for _, x := range l.all() {
			x.copy(t) // I9
		}
	})
}

func (l *life) all() []*node { return append([]*node{l.ana}, l.payers...) }

func (l *life) wait(d time.Duration) {
	for _, x := range l.all() {
		x.now = x.now.Add(d)
	}
}

// fails ends the life for whatever is no refusal that a step may meet.
func (l *life) fails(what string, err error, may ...error) bool {
	for _, one := range may {
		if errors.Is(err, one) {
			return true
		}
	}
	if err != nil {
		l.rt.Fatalf("%s: %v", what, err)
	}
	return false
}

// pays orders something and begins to pay it.
func (l *life) pays(rt *rapid.T) {
	p := l.payers[rapid.IntRange(0, 1).Draw(rt, "payer")]
	l.n++
	number := func(o *Order) { o.Nonce = [16]byte{1, byte(l.n >> 8), byte(l.n)} }
	var order []byte
	var id ID
	switch rapid.SampledFrom([]Purpose{ForTickets, ForTickets, ForTip, ForCharity, ForSubscription}).Draw(rt, "for") {
	case ForTickets:
		order, id = p.order(p.key, l.ana.person.Public(), l.offer, rapid.Uint32Range(1, 3).Draw(rt, "count"), number)
	case ForSubscription:
		order, id = p.order(p.key, l.ana.person.Public(), l.fans, 1, number, func(o *Order) { o.Purpose = ForSubscription })
	case ForTip:
		order, id = p.order(p.key, l.ana.person.Public(), Entry{}, 1, number, func(o *Order) { o.Purpose, o.Price, o.Room = ForTip, eur(250), hall })
	default:
		order, id = p.order(p.key, l.ana.person.Public(), Entry{}, 1, number, func(o *Order) { o.Purpose, o.Price, o.Charity = ForCharity, eur(99), l.shelter })
	}
	terms := Terms{Rail: "card", Request: "card:1", Fee: Amount(rapid.IntRange(0, 9).Draw(rt, "fee"))}
	if rapid.Bool().Draw(rt, "by IOU") {
		terms = Terms{Rail: IOURail, Credit: MaxAmount}
	}
	quote, quoteID, err := l.ana.quote(order, terms)
	if l.fails("quote", err, ErrSoldOut, ErrLimit, ErrNotOnSale) {
		return
	}
	q, _, err := OpenDocument[Quote](quote)
	l.fails("quote", err)
	one := lifePayment{by: p, quote: quoteID, order: id, total: q.Total().Amount, payment: Payment{Quote: quoteID, Proof: id[:], Credit: MaxAmount}}
	pay, papers := &Pay{Order: id, Quote: quoteID, Cert: l.ana.cert()}, [][]byte{order, quote}
	if terms.Rail == IOURail {
		iou, iouID, err := Sign(p.key, IOU{Quote: quoteID, Debtor: p.key.Public(), Creditor: l.ana.person.Public(), Money: q.Total(), Time: p.now.UnixMilli()})
		l.fails("IOU", err)
		pay.IOU, papers, one.payment.IOU = iouID, append(papers, iou), iou
	} else {
		one.payment.Cost = Amount(rapid.IntRange(0, 1).Draw(rt, "cost"))
	}
	_, err = p.add(pay, papers...)
	l.fails("pay", err)
	l.begun = append(l.begun, one)
	if rapid.IntRange(0, 3).Draw(rt, "arrives") > 0 {
		l.goesOn(rt)
	}
}

// goesOn ends a payment: it arrives, or it fails.
func (l *life) goesOn(rt *rapid.T) {
	if len(l.begun) == 0 {
		return
	}
	i := rapid.IntRange(0, len(l.begun)-1).Draw(rt, "which")
	one := l.begun[i]
	l.begun = slices.Delete(l.begun, i, i+1)
	if rapid.IntRange(0, 4).Draw(rt, "fails") == 0 {
		_, err := one.by.add(&Void{Quote: one.quote, Reason: ReasonFailed})
		l.fails("void", err)
		return
	}
	sold, err := l.ana.sell(one.payment)
	l.fails("sell", err)
	one.receipt = receiptID(sold.Receipt)
	_, err = one.by.add(&Got{Receipt: one.receipt, Tickets: ticketIDs(sold.Tickets), Cost: Amount(rapid.IntRange(0, 2).Draw(rt, "payer's cost"))}, docs(sold.Receipt, sold.Tickets...)...)
	l.fails("got", err)
	l.paid = append(l.paid, one)
	for _, raw := range sold.Tickets {
		l.took(one.by, raw)
	}
}

// took holds that no two tickets are of one seat and generation, and that generations go up by one (I6).
func (l *life) took(of *node, raw []byte) {
	tk, id, err := OpenDocument[Ticket](raw)
	l.fails("ticket", err)
	at := tk.seatOf()
	if old, twice := l.issued[at]; twice {
		l.rt.Fatalf("I6: seat %v is of ticket %s and %s", at, old.Short(), id.Short())
	}
	if before := at; at.gen > 1 {
		before.gen--
		if _, known := l.issued[before]; !known {
			l.rt.Fatalf("I6: generation %d of serial %d comes without the one before", at.gen, at.serial)
		}
	}
	l.issued[at] = id
	l.tickets = append(l.tickets, lifeTicket{of, id})
}

// refunds gives money back, and the payer hears of it. To ask for it once more is refused (I7).
func (l *life) refunds(rt *rapid.T) {
	if len(l.paid) == 0 {
		return
	}
	one := l.paid[rapid.IntRange(0, len(l.paid)-1).Draw(rt, "receipt")]
	l.n++
	rail, proof := "card", []byte{2, byte(l.n >> 8), byte(l.n)}
	if one.payment.IOU != nil {
		rail, proof = IOURail, nil
	}
	entries, err := l.ana.try(func(b *Books) ([]Draft, error) { return b.GiveBack(one.receipt, rail, proof, ReasonHost) })
	if l.fails("refund", err, ErrDuplicate) {
		return
	}
	refund := entries[len(entries)-1]
	_, err = one.by.add(&Refunded{Refund: refund.ID}, refund.Raw())
	l.fails("refunded", err)
	one.by.refuses(ErrDuplicate, &Refunded{Refund: refund.ID}, refund.Raw())
	l.ana.refuses(ErrTooMuch, &Refund{Receipt: one.receipt, Money: eur(1), Rail: rail, Reason: ReasonHost})
}

func (l *life) transfers(rt *rapid.T) {
	if len(l.tickets) == 0 {
		return
	}
	i := rapid.IntRange(0, len(l.tickets)-1).Draw(rt, "ticket")
	from, to := l.tickets[i].of, l.payers[0]
	if to == from {
		to = l.payers[1]
	}
	raw, _, err := Sign(from.key, Transfer{Ticket: l.tickets[i].id, By: from.key.Public(), To: to.key.Public(), Time: from.now.UnixMilli()})
	l.fails("transfer", err)
	var moved []byte
	_, err = l.ana.try(func(b *Books) (d []Draft, err error) {
		moved, d, err = b.Transfer(l.ana.key, raw)
		return d, err
	})
	if !l.fails("transfer", err, ErrUnknown, ErrExpired) { // it was given away before, or is void
		l.took(to, moved)
	}
}

// settles pays what somebody owes, in cash. More than that is refused on both sides.
func (l *life) settles(rt *rapid.T) {
	p := l.payers[rapid.IntRange(0, 1).Draw(rt, "debtor")]
	owed := min(l.ana.balance(Receivable(p.key.Public())), -p.balance(Payable(l.ana.person.Public())))
	if owed <= 0 {
		return
	}
	l.n++
	word := func(a Amount, n byte) (*Clear, [][]byte) {
		settle, id, err := Sign(p.key, Settle{Debtor: p.key.Public(), Creditor: l.ana.person.Public(), Money: eur(a), Means: "cash", Nonce: [16]byte{byte(l.n >> 8), byte(l.n), n}, Time: p.now.UnixMilli()})
		l.fails("settle", err)
		settled, settledID, err := Sign(l.ana.key, Settled{Settle: id, By: l.ana.key.Public(), Time: l.ana.now.UnixMilli()})
		l.fails("settled", err)
		return &Clear{Settle: id, Settled: settledID}, [][]byte{settle, settled}
	}
	c, papers := word(Amount(rapid.Int64Range(1, int64(owed)).Draw(rt, "sum")), 1)
	for _, x := range []*node{l.ana, p} {
		_, err := x.add(c, papers...)
		l.fails("clear", err)
		x.refuses(ErrDuplicate, c, papers...)
	}
	c, papers = word(MaxAmount, 2)
	l.ana.refuses(ErrTooMuch, c, papers...)
}

// repeats says again what was said: nothing is booked twice, and no proof backs a second receipt (I10).
func (l *life) repeats(rt *rapid.T) {
	if len(l.paid) == 0 {
		return
	}
	one := l.paid[rapid.IntRange(0, len(l.paid)-1).Draw(rt, "receipt")]
	before := l.ana.books.Total
	sold, err := l.ana.sell(one.payment)
	l.fails("paid again", err)
	if l.ana.books.Total != before || receiptID(sold.Receipt) != one.receipt {
		l.rt.Fatalf("I10: a payment was booked twice")
	}
	if one.payment.IOU != nil || len(l.begun) == 0 {
		return
	}
	other := l.begun[rapid.IntRange(0, len(l.begun)-1).Draw(rt, "another order")]
	if other.payment.IOU == nil {
		other.payment.Proof = one.payment.Proof
		if _, err := l.ana.sell(other.payment); !errors.Is(err, ErrPaid) {
			l.rt.Fatalf("I10: one proof backs two receipts: %v", err)
		}
	}
}

func (l *life) check() {
	for _, x := range l.all() {
		l.checkLog(x)
		l.checkTree(x)
	}
	l.checkSeats()
	l.checkReceipts()
	l.checkMirror()
}

// checkLog holds the entries since the last step to I1 to I4.
func (l *life) checkLog(x *node) {
	for ; l.checked[x] < len(x.index.records); l.checked[x]++ {
		raw := x.index.records[l.checked[x]]
		e, err := parseRecord(raw)
		if err != nil {
			l.rt.Fatalf("I3: %v", err)
		}
		before := l.heads[x]
		head, err := before.Follow(e) // I1: place; I2: signature
		if err == nil {
			err = e.verifyDocs(Key{}) // I2, of the documents
		}
		if err != nil || e.Seq != uint64(l.checked[x]) || e.Prev != before.Last || e.Time < before.Time {
			l.rt.Fatalf("I1, I2: entry %d after %d: %v", e.Seq, before.Size, err)
		}
		if _, err := (Head{Log: before.Log, Size: before.Size, Last: before.Last, Time: before.Time, Device: seed(99).Public()}).Follow(e); e.Seq > 0 && !errors.Is(err, doc.ErrSignature) {
			l.rt.Fatalf("I2: entry %d verifies under another key: %v", e.Seq, err)
		}
		l.heads[x] = head
		again, err := e.record()
		if body, _ := doc.Marshal(e.Body); err != nil || !bytes.Equal(again, raw) || !bytes.Contains(e.Raw(), body) {
			l.rt.Fatalf("I3: entry %d is encoded otherwise: %v", e.Seq, err)
		}
		sums := Amount(0)
		for _, p := range x.posted[e.ID] {
			sums += p.Amount
		}
		if sums != 0 {
			l.rt.Fatalf("I4: the postings of entry %d sum to %d", e.Seq, sums)
		}
	}
}

// checkTree proves that the log grew from where it was at the last step (I11), and that it would not from anything else.
func (l *life) checkTree(x *node) {
	t := x.trees[0]
	root, err := tlog.TreeHash(int64(x.books.Size), t)
	if err != nil {
		l.rt.Fatal(err)
	}
	now, before := Checkpoint{Log: x.books.Log, Size: x.books.Size, Root: root}, l.marks[x]
	l.marks[x] = now
	if before.Size == 0 || before.Size == now.Size {
		return
	}
	proof, err := tlog.ProveTree(int64(now.Size), int64(before.Size), t)
	if err != nil {
		l.rt.Fatal(err)
	}
	if err := now.Grows(before, proof); err != nil {
		l.rt.Fatalf("I11: %d entries are not the beginning of %d: %v", before.Size, now.Size, err)
	}
	before.Root[31] ^= 1
	if now.Grows(before, proof) == nil {
		l.rt.Fatalf("I11: another log of %d entries is the beginning too", before.Size)
	}
}

// checkSeats is I5, and that no seat is lost.
func (l *life) checkSeats() {
	s, seats := l.ana.state(l.offer.ID), l.offer.Body.(*Offer).Seats
	if uint64(s.Issued)+uint64(s.Reserved) > uint64(seats) || uint64(s.Issued)+uint64(s.Reserved)+s.left() != uint64(seats) {
		l.rt.Fatalf("I5: %d issued, %d reserved, %d left, of %d", s.Issued, s.Reserved, s.left(), seats)
	}
}

// checkReceipts is I7, I8 and I10.
func (l *life) checkReceipts() {
	for _, one := range l.paid {
		p, err := l.ana.books.paidFor(one.receipt)
		l.fails("receipt", err)
		rs, _ := load[receiptState](l.ana.books, keyReceipt+one.receipt.key())
		if rs.Refunded > p.receipt.Paid.Amount || rs.Refunded > 0 && rs.Good > 0 {
			l.rt.Fatalf("I7: %d of %s refunded, and %d seats are good", rs.Refunded, p.receipt.Paid, rs.Good)
		}
		if p.receipt.Paid != p.quote.Total() || p.quote.Price != p.order.Price || p.receipt.Order != one.order || p.receipt.Quote != one.quote || p.receipt.Paid.Amount != one.total {
			l.rt.Fatalf("I8: order of %s, quote of %s, paid %s", p.order.Price, p.quote.Price, p.receipt.Paid)
		}
		key := p.receipt.Rail + fmt.Sprintf("%x", p.receipt.Proof)
		if old, twice := l.proofs[key]; twice && old != one.receipt {
			l.rt.Fatalf("I10: one proof backs %s and %s", old.Short(), one.receipt.Short())
		}
		l.proofs[key] = one.receipt
	}
}

// checkMirror is I12: what each payer's books say went to the host, hers say came, and what is on its way is what was begun; and I13: the
// books of all sum to zero, and what passed between them does too.
func (l *life) checkMirror() {
	host := l.ana.person.Public()
	var cards, all Amount
	for _, p := range l.payers {
		var onItsWay, byIOU Amount
		for _, one := range l.begun {
			if one.by == p {
				onItsWay += one.total
				if one.payment.IOU != nil {
					byIOU += one.total
				}
			}
		}
		if got := p.balance(Transit(host)); got != onItsWay {
			l.rt.Fatalf("I12: %d is on its way, the books say %d", onItsWay, got)
		}
		if owes, owed := -p.balance(Payable(host))-byIOU, l.ana.balance(Receivable(p.key.Public())); owes != owed {
			l.rt.Fatalf("I12: the payer owes %d, the host is owed %d", owes, owed)
		}
		cards += p.balance(Asset("card")) + p.balance(Asset("cash")) + p.balance(ExpenseRail) + onItsWay - byIOU
	}
	if came := l.ana.balance(Asset("card")) + l.ana.balance(Asset("cash")) + l.ana.balance(ExpenseRail); came+cards != 0 {
		l.rt.Fatalf("I12: %d went out, %d came", -cards, came)
	}
	for _, x := range l.all() {
		for _, a := range x.accounts() {
			all += a
		}
		if byAccounts, byLines := x.gained(); byAccounts != byLines {
			l.rt.Fatalf("the accounts say that %d were gained, the lines %d", byAccounts, byLines)
		}
	}
	if all != 0 {
		l.rt.Fatalf("I13: the books of all sum to %d", all)
	}
}

// Invariant I14 of checkpoints: before one is told it is on disk, with the entries that it is of. (Of all else that is told, node/market.)
func TestCheckpointIsOnDiskFirst(t *testing.T) {
	o := options(t.TempDir(), 1)
	s := openStore(t, o)
	for i := range 5 {
		s.add(t, noon, railKey(i))
		told := ok(s.Showing(0, noon)).Growth.Checkpoint
		disk := openStore(t, copied(t, o))
		if kept, err := disk.Newest(); err != nil || !bytes.Equal(kept, told) {
			t.Errorf("told %q, on disk is %q, %v", told, kept, err)
		}
		if err := disk.CheckSeen(told); err != nil {
			t.Error(err)
		}
	}
}
