package market_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
)

var byHost = market.Takeback{Why: ledger.ReasonHost}

// buys n tickets at 5 EUR each, and returns what it brought.
func (p *party) buys(ctx context.Context, seller *party, rail string, n uint32) market.Bought {
	p.town.t.Helper()
	want := p.wants(seller, rail)
	want.Count, want.Price = n, eur(ledger.Amount(500*n))
	got, err := p.Buy(ctx, want)
	if err != nil || len(got.Tickets) != int(n) {
		p.town.t.Fatalf("%s buys: %+v, %v", p.name, got, err)
	}
	return got
}

// books holds the invariants over the books of all: I5 to I7 are in every append and are seen again when the log is replayed; I12, that
// two sides mirror each other by IOU; I13, that all balances sum to zero; and that nothing is on its way.
func (w *town) books(host *party, buyers ...*party) {
	w.t.Helper()
	var sum ledger.Amount
	for _, p := range append([]*party{host}, buyers...) {
		if n, err := p.store.Verify(); err != nil {
			w.t.Errorf("%s: entry %d: %v", p.name, n, err)
		}
		all, err := p.store.Balances()
		if err != nil {
			w.t.Fatal(err)
		}
		for _, b := range all {
			sum += b.Money.Amount
		}
	}
	if sum != 0 {
		w.t.Errorf("all books sum to %d", sum)
	}
	var owes, owed ledger.Amount
	for _, b := range buyers {
		x, y := b.debts(host)
		owes, owed = owes+x, owed+y
		if a := b.balance(ledger.Transit(host.person)); a != 0 {
			w.t.Errorf("%s: %d is on its way", b.name, a)
		}
	}
	if owes != owed {
		w.t.Errorf("they owe %d, the host is owed %d", owes, owed)
	}
	list, err := host.Seats(hall)
	if err != nil {
		w.t.Fatal(err)
	}
	taken := map[uint32]bool{}
	for _, s := range list {
		if !s.Void && taken[s.Serial] {
			w.t.Errorf("seat %d is taken twice", s.Serial)
		}
		taken[s.Serial] = taken[s.Serial] || !s.Void
	}
}

// A refund by the host: the seat is void, the money is back in the books of both, and asking again changes nothing.
func TestRefundByHost(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		t.Run(rail, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, bo := w.settle(1), w.settle(2)
			offer := ana.evening(5, eur(500))
			got := bo.buys(ctx, ana, rail, 3)
			for range 2 {
				backs, err := ana.Refund(ctx, got.Tickets[:1], byHost)
				if err != nil || len(backs) != 1 || backs[0].Money != eur(500) || backs[0].Seats != 1 || backs[0].Receipt != got.Receipt {
					t.Fatalf("one of three: %+v, %v", backs, err)
				}
			}
			if err := bo.News(ctx); err != nil {
				t.Fatal(err)
			}
			if held := bo.mine(); held[got.Tickets[0]] != "void" || held[got.Tickets[1]] != "good" {
				t.Errorf("after one: %v", held)
			}
			w.books(ana, bo)
			if _, err := ana.Refund(ctx, got.Tickets, byHost); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := bo.News(ctx); err != nil {
					t.Fatal(err)
				}
			}
			w.books(ana, bo)
			if n := bo.kinds()[ledger.KindRefunded]; n != 2 {
				t.Errorf("%d refunds are booked", n)
			}
			if held := bo.mine(); len(held) != 0 {
				t.Errorf("after all: %v", held)
			}
			if s := ana.seats(offer); s != (ledger.Seats{Left: 5}) {
				t.Errorf("%+v", s)
			}
			if back := w.bank.Refunds(); rail == "bank" && !slices.Equal(back, []ledger.Money{eur(500), eur(1000)}) {
				t.Errorf("the bank sent back %v", back)
			}
			if ana.balance(ledger.Asset("bank")) != 0 || bo.balance(ledger.Asset("bank")) != 0 || bo.balance(ledger.ExpenseTickets) != 0 {
				t.Error("the money is not where it was")
			}
		})
	}
}

// mine is how the tickets of a node stand, as far as it knows.
func (p *party) mine() map[ledger.ID]string {
	p.town.t.Helper()
	list, err := p.Tickets(time.Now())
	if err != nil {
		p.town.t.Fatal(err)
	}
	found := map[ledger.ID]string{}
	for _, h := range list {
		if found[h.ID] = "good"; h.Void {
			found[h.ID] = "void"
		}
	}
	return found
}

// The host dies after any step of a refund: the seat is void, or the money was sent. Going on moves what is missing, once.
func TestRefundGoesOnAfterCrash(t *testing.T) {
	for _, c := range []struct {
		name string
		lose bool // the bank's answer: it has sent the money
	}{{"before the money was sent", false}, {"after it was sent", true}} {
		t.Run(c.name, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, bo := w.settle(1), w.settle(2)
			ana.evening(5, eur(500))
			got := bo.buys(ctx, ana, "bank", 3)
			w.bank.Down(!c.lose)
			w.bank.Lose(c.lose)
			if _, err := ana.Refund(ctx, got.Tickets[:1], byHost); err == nil {
				t.Fatal("the bank did not answer, and it was refunded")
			}
			if n := ana.kinds(); n[ledger.KindRevoke] != 1 || n[ledger.KindRefund] != 0 {
				t.Errorf("%v", n)
			}
			ana.crash()
			// The host asks for more meanwhile, which is another refund.
			if _, err := ana.Refund(ctx, got.Tickets[1:], byHost); err == nil {
				t.Fatal("the bank does not answer, and it was refunded")
			}
			w.bank.Down(false)
			w.bank.Lose(false)
			for range 2 {
				if err := ana.PayBack(ctx); err != nil {
					t.Fatal(err)
				}
				ana.crash()
			}
			if n := ana.kinds(); n[ledger.KindRevoke] != 1 || n[ledger.KindRefund] != 1 {
				t.Errorf("what was asked for while the first was open was begun: %v", n)
			}
			if _, err := ana.Refund(ctx, got.Tickets, byHost); err != nil {
				t.Fatal(err)
			}
			if err := bo.News(ctx); err != nil {
				t.Fatal(err)
			}
			w.books(ana, bo)
			if back := w.bank.Refunds(); !slices.Equal(back, []ledger.Money{eur(500), eur(1000)}) {
				t.Errorf("the bank sent back %v", back)
			}
		})
	}
}

// What cannot be refunded is refused before anything is begun, and the reason is named.
func TestRefundsThatAreRefused(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.evening(5, eur(500))
	got := bo.buys(ctx, ana, "bank", 1)
	before := ana.kinds()
	if _, err := ana.Refund(ctx, []ledger.ID{{9}}, byHost); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("a ticket of nobody: %v", err)
	}
	// Bo refunds what ana sold: his ledger has the ticket, and not to give back.
	if _, err := bo.Refund(ctx, got.Tickets, byHost); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("by the buyer: %v", err)
	}
	ana.poor = true
	ana.crash()
	if _, err := ana.Refund(ctx, got.Tickets, byHost); !errors.Is(err, market.ErrNoWayBack) {
		t.Errorf("without the bank: %v", err)
	}
	if n := ana.kinds(); n[ledger.KindRevoke] != before[ledger.KindRevoke] {
		t.Errorf("it was begun: %v", n)
	}
	backs, err := ana.Refund(ctx, got.Tickets, market.Takeback{Why: ledger.ReasonHost, ByHand: true})
	if err != nil || len(backs) != 1 || backs[0].Money != eur(500) {
		t.Errorf("by hand: %+v, %v", backs, err)
	}
	if n := len(w.bank.Refunds()); n != 0 {
		t.Errorf("the bank sent %d back", n)
	}
	if err := bo.News(ctx); err != nil {
		t.Fatal(err)
	}
	w.books(ana, bo)
}

// Attack: a seller says that more came back than was paid, that somebody else's money did, or what it has not signed. The buyer's books
// take none of it.
func TestRefundsThatAreLies(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy, eve := w.settle(1), w.settle(2), w.settle(3), w.settle(9)
	ana.evening(5, eur(500))
	got := bo.buys(ctx, ana, ledger.IOURail, 1)
	cys := cy.buys(ctx, ana, ledger.IOURail, 1)
	if _, err := ana.Refund(ctx, cys.Tickets, byHost); err != nil {
		t.Fatal(err)
	}
	refundOf := func(p *party, m ledger.Money, receipt ledger.ID) []byte {
		return w.forge(p, &ledger.Refund{Receipt: receipt, Money: m, Rail: ledger.IOURail, Reason: ledger.ReasonHost})
	}
	before := bo.balance(ledger.Payable(ana.person))
	for name, raw := range map[string][]byte{
		"more than was paid":    refundOf(ana, eur(501), got.Receipt),
		"somebody else's money": refundOf(ana, eur(500), cys.Receipt),
		"signed by another":     refundOf(eve, eur(500), got.Receipt),
		"not a refund":          w.forge(ana, &ledger.Cancel{Offer: got.Receipt, Reason: ledger.ReasonHost}),
	} {
		w.answers(ana, raw)
		if err := bo.News(ctx); err == nil {
			t.Errorf("%s: taken", name)
		}
		if now := bo.balance(ledger.Payable(ana.person)); now != before {
			t.Errorf("%s: owes %d after %d", name, -now, -before)
		}
	}
	w.answers(ana, refundOf(ana, eur(500), got.Receipt)) // what is true is taken: the test tells lies apart from noise
	if err := bo.News(ctx); err != nil || bo.balance(ledger.Payable(ana.person)) != 0 {
		t.Errorf("the truth: %v", err)
	}
}

// forge signs an entry as a device would, which is in no log of its.
func (w *town) forge(p *party, body ledger.Body) []byte {
	w.t.Helper()
	inner, err := doc.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	entry, err := doc.Marshal(struct {
		Kind ledger.Kind `cbor:"1,keyasint"`
		Log  ledger.ID   `cbor:"2,keyasint,omitzero"`
		Seq  uint64      `cbor:"3,keyasint"`
		Prev ledger.ID   `cbor:"4,keyasint,omitzero"`
		Time int64       `cbor:"5,keyasint"`
		Body []byte      `cbor:"6,keyasint"`
	}{body.Kind(), ledger.ID{1}, 9, ledger.ID{2}, time.Now().UnixMilli(), inner})
	if err != nil {
		w.t.Fatal(err)
	}
	raw, err := doc.Marshal(struct {
		_    struct{} `cbor:",toarray"`
		Body []byte
		Sig  [64]byte
	}{Body: entry, Sig: p.id.Device().Sign("salon/ledger-entry/1", entry)})
	if err != nil {
		w.t.Fatal(err)
	}
	if e, err := ledger.ParseEntry(raw); err != nil || e.Verify(p.device()) != nil {
		w.t.Fatalf("not an entry: %v", err)
	}
	return raw
}

// answers has a device, as whatever speaks for it, answer every question with these refunds.
func (w *town) answers(as *party, refunds ...[]byte) {
	w.t.Helper()
	w.replies(as, 11, []any{refunds, []ledger.ID{}, int64(0), int64(0)})
}

// replies has a device answer with one message wherever that is an answer; of kind 0, as it does.
func (w *town) replies(as *party, kind byte, body any) {
	w.t.Helper()
	raw, err := doc.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if kind == 0 {
		delete(w.liars, as.device())
		return
	}
	w.liars[as.device()] = append([]byte{kind}, raw...)
}
