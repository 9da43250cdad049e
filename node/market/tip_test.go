package market_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/ledger/doc"
	"salon/node/market"
)

// gift is a tip of 2.50 EUR in the hall.
func (p *party) gift(payee *party, rail string) market.Gift {
	return market.Gift{Device: payee.device(), Payee: payee.person, Room: hall, Money: eur(250), Rail: rail, Note: "Encore!", Name: p.name}
}

// seen is the next thing that a node shows in a room.
func (p *party) seen(ctx context.Context) ledger.Tip {
	p.town.t.Helper()
	select {
	case s := <-p.shown:
		tip, err := s.Open(time.Now())
		if err != nil {
			p.town.t.Errorf("what is shown: %v", err)
		}
		return tip
	case <-ctx.Done():
		p.town.t.Fatal("nothing is shown")
	}
	return ledger.Tip{}
}

// mirror holds that two nodes, who deal with nobody else, say the same of what was between them (invariants I12 and I13): what one
// owes the other is owed, what one gave the other has, and nothing is on its way.
func (w *town) mirror(giver, payee *party, given ledger.Amount) {
	w.t.Helper()
	if a, b := giver.balance(ledger.ExpenseTips), -payee.balance(ledger.IncomeTips); a != given || b != given {
		w.t.Errorf("%d given, by the books of one %d, of the other %d", given, a, b)
	}
	if a := giver.balance(ledger.Transit(payee.person)); a != 0 {
		w.t.Errorf("%d is on its way", a)
	}
	if owes, owed := giver.debts(payee); owes != owed {
		w.t.Errorf("owes %d, is owed %d", owes, owed)
	}
	all := ledger.Amount(0)
	for _, p := range []*party{giver, payee} {
		balances, err := p.store.Balances()
		if err != nil {
			w.t.Fatal(err)
		}
		own := ledger.Amount(0)
		for _, b := range balances {
			own += b.Money.Amount
		}
		if all += own; own != 0 {
			w.t.Errorf("the books of %s sum to %d", p.name, own)
		}
	}
	if all != 0 {
		w.t.Errorf("the books of both sum to %d", all)
	}
}

func TestTip(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		t.Run(rail, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			ana, bo := w.settle(1), w.settle(2)
			got, err := bo.Tip(ctx, bo.gift(ana, rail))
			if err != nil || got.Receipt.IsZero() || got.Fee.Amount != 0 {
				t.Fatalf("%+v, %v", got, err)
			}
			tip := ana.seen(ctx)
			if tip.From != bo.person || tip.Name != bo.name || tip.To != ana.person || tip.Money != eur(250) || tip.Note != "Encore!" || tip.Room != hall || tip.Order != got.Order {
				t.Errorf("shown: %+v", tip)
			}
			if a := ana.balance(ledger.IncomeTips); a != -250 {
				t.Errorf("of 250 the creator has %d", -a)
			}
			if rail == "bank" && (ana.balance(ledger.Asset("bank")) != 250 || w.bank.Moved() != 1) {
				t.Error("the money is not in the books")
			}
			w.mirror(bo, ana, 250)
			// Outside of rooms nothing is shown, and the note is there, until it is erased.
			alone := bo.gift(ana, rail)
			alone.Room = ledger.Room{}
			if _, err := bo.Tip(ctx, alone); err != nil || len(ana.shown) != 0 {
				t.Errorf("%v, %d shown", err, len(ana.shown))
			}
			for _, p := range []*party{ana, bo} {
				ids := p.notes()
				if len(ids) != 2 {
					t.Fatalf("%s has %d notes", p.name, len(ids))
				}
				if text, err := p.store.Note(ids[1]); err != nil || text != "Encore!" {
					t.Errorf("%q, %v", text, err)
				}
				if err := p.store.EraseNote(ids[1]); err != nil {
					t.Error(err)
				}
				p.crash()
				if text, err := p.store.Note(ids[1]); err != nil || text != "" {
					t.Errorf("erased: %q, %v", text, err)
				}
			}
			w.mirror(bo, ana, 500)
		})
	}
}

// Neither what the rail takes on top nor what it keeps is hidden in the tip: each is a line of its own, and nobody pays a fee that
// they have not agreed to.
func TestTipWithFee(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	w.bank.Charge(7, 3)
	g := bo.gift(ana, "bank")
	g.MaxFee = 6
	if _, err := bo.Tip(ctx, g); !errors.Is(err, ledger.ErrMismatch) {
		t.Errorf("at most 6, and 7 are asked: %v", err)
	}
	if w.bank.Moved() != 0 || len(bo.kinds()) != 0 {
		t.Error("it was paid all the same")
	}
	g.MaxFee = 7
	if got, err := bo.Tip(ctx, g); err != nil || got.Fee != eur(7) {
		t.Fatalf("%+v, %v", got, err)
	}
	if tip := ana.seen(ctx); tip.Money != eur(250) {
		t.Errorf("shown: %+v", tip)
	}
	for account, want := range map[ledger.Account]ledger.Amount{ledger.IncomeTips: -250, ledger.IncomeFees: -7, ledger.ExpenseRail: 3, ledger.Asset("bank"): 254} {
		if a := ana.balance(account); a != want {
			t.Errorf("%s is %d, want %d", account, a, want)
		}
	}
	if a := bo.balance(ledger.ExpenseTips); a != 257 || bo.balance(ledger.Asset("bank")) != -257 {
		t.Errorf("the giver has spent %d", a)
	}
}

// What is given for a charity is no income of who takes it: they hold it, and owe it on.
func TestTipForCharity(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, aid := w.settle(1), w.settle(2), w.settle(5)
	charity := aid.person
	place, err := aid.Address("lnd", "node", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := place.Encode()
	if err != nil {
		t.Fatal(err)
	}
	g := bo.gift(ana, ledger.IOURail)
	g.Charity = charity
	// Without a word of the charity's own on where it is paid, it is a pledge.
	for _, ana.places = range []map[ledger.Key][]byte{nil, {charity: raw}} {
		pledge := ana.places == nil
		got, err := bo.Tip(ctx, g)
		if err != nil || got.Pledge != pledge {
			t.Errorf("%+v, %v, want a pledge: %v", got, err, pledge)
		}
		if tip := ana.seen(ctx); tip.Charity != charity || tip.To != ana.person || tip.Money != eur(250) || tip.Pledge != pledge {
			t.Errorf("shown: %+v", tip)
		}
	}
	for account, want := range map[ledger.Account]ledger.Amount{ledger.IncomeTips: 0, ledger.Charity(charity): -500} {
		if a := ana.balance(account); a != want {
			t.Errorf("%s is %d, want %d", account, a, want)
		}
	}
	if owes, owed := bo.debts(ana); owes != 500 || owed != 500 || bo.balance(ledger.ExpenseCharity) != 500 {
		t.Errorf("owes %d, is owed %d", owes, owed)
	}
}

// notes are those that a node's orders name.
func (p *party) notes() (ids []ledger.ID) {
	p.town.t.Helper()
	err := p.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		switch b := e.Body.(type) {
		case *ledger.Pay:
			ids = append(ids, b.Note)
		case *ledger.Reserve:
			ids = append(ids, b.Note)
		}
		return true
	})
	if err != nil {
		p.town.t.Fatal(err)
	}
	return ids
}

// A stream breaks at each message of a tip in turn, and both nodes crash: the tip comes through once, or nothing was paid.
func TestTipCrashAtEveryStep(t *testing.T) {
	for _, rail := range []string{ledger.IOURail, "bank"} {
		for _, after := range []bool{false, true} {
			for at := 1; at <= 5; at++ {
				t.Run(fmt.Sprintf("%s, message %d, delivered %v", rail, at, after), func(t *testing.T) {
					tipCrashAt(t, rail, at, after)
				})
			}
		}
	}
}

func tipCrashAt(t *testing.T, rail string, at int, after bool) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	w.breakAt(&cut{at: at, after: after})
	_, err := bo.Tip(ctx, bo.gift(ana, rail))
	if done := bo.kinds()[ledger.KindGot] == 1; (err == nil) != done {
		t.Errorf("%v, and a receipt: %v", err, done)
	}
	if n := w.messages(); n < at {
		t.Fatalf("a tip takes %d messages", n)
	}
	w.breakAt(nil)
	ana.crash()
	bo.crash()
	if err := bo.Resume(ctx); err != nil {
		t.Fatalf("going on: %v", err)
	}
	if n := bo.kinds(); n[ledger.KindPay] != n[ledger.KindGot] {
		t.Errorf("%v", n)
	}
	if bo.kinds()[ledger.KindGot] == 0 {
		w.mirror(bo, ana, 0)
		if _, err := bo.Tip(ctx, bo.gift(ana, rail)); err != nil {
			t.Fatalf("again: %v", err)
		}
	}
	if err := bo.Resume(ctx); err != nil {
		t.Errorf("with nothing to do: %v", err)
	}
	if n := ana.kinds()[ledger.KindSale]; n != 1 || bo.kinds()[ledger.KindGot] != 1 {
		t.Errorf("%d came, %d receipts", n, bo.kinds()[ledger.KindGot])
	}
	if n := w.bank.Moved(); rail == "bank" && n != 1 {
		t.Errorf("money moved %d times", n)
	}
	if tip := ana.seen(ctx); tip.Money != eur(250) || tip.Note != "Encore!" {
		t.Errorf("shown: %+v", tip)
	}
	w.mirror(bo, ana, 250)
}

// What is refused costs nothing, and is in no ledger.
func TestTipRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		gift func(*market.Gift)
		err  error
	}{
		{"less than nothing", func(g *market.Gift) { g.Money = eur(-250) }, ledger.ErrAmount},
		{"nothing", func(g *market.Gift) { g.Money = eur(0) }, ledger.ErrAmount},
		{"more than there is", func(g *market.Gift) { g.Money = eur(ledger.MaxAmount + 1) }, ledger.ErrAmount},
		{"no currency", func(g *market.Gift) { g.Money.Cur = "XXX" }, ledger.ErrCurrency},
		{"a note of a megabyte", func(g *market.Gift) { g.Note = strings.Repeat("a", 1<<20) }, doc.ErrTextLong},
		{"a note of 65 letters", func(g *market.Gift) { g.Note = strings.Repeat("ö", 65) }, doc.ErrTextLong},
		{"a note that turns the page around", func(g *market.Gift) { g.Note = "a\u202eb" }, doc.ErrText},
		{"a note in another form than NFC", func(g *market.Gift) { g.Note = "o\u0308" }, doc.ErrText},
		{"no such rail", func(g *market.Gift) { g.Rail = "shells" }, market.ErrRail},
		{"no credit", func(g *market.Gift) { g.Money = eur(100_001) }, ledger.ErrCredit},
		{"to somebody else, by the wrong device", func(g *market.Gift) { g.Payee = seed(77).Public() }, ledger.ErrMismatch},
		{"to oneself", func(g *market.Gift) { g.Payee = seed(2).Public() }, ledger.ErrField},
		{"of no name", func(g *market.Gift) { g.Name = "" }, doc.ErrText},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newTown(t)
			ana, bo := w.settle(1), w.settle(2)
			g := bo.gift(ana, ledger.IOURail)
			c.gift(&g)
			if got, err := bo.Tip(within(t), g); !errors.Is(err, c.err) {
				t.Errorf("%+v, %v, want %v", got, err, c.err)
			}
			if a, b := bo.kinds(), ana.kinds(); len(a) != 0 || len(b) != 0 || len(ana.shown) != 0 {
				t.Errorf("the ledgers have %v and %v", a, b)
			}
			w.mirror(bo, ana, 0)
		})
	}
}

// Attack: tip after tip, of a cent each. What is beyond a hand's pace is refused and costs nothing, and others are served.
func TestFloodOfTips(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo, cy := w.settle(1), w.settle(2), w.settle(3)
	cent := bo.gift(ana, ledger.IOURail)
	cent.Money = eur(1)
	given := ledger.Amount(0)
	for range 30 {
		switch _, err := bo.Tip(ctx, cent); {
		case err == nil:
			given++
		case errors.Is(err, io.ErrClosedPipe): // the seller has not yet let go of the streams before
		case !errors.Is(err, market.ErrBusy):
			t.Fatal(err)
		}
	}
	if given < 10 || given > 15 {
		t.Errorf("%d of 30 at once", given)
	}
	if _, err := cy.Tip(ctx, cy.gift(ana, ledger.IOURail)); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if a := bo.balance(ledger.ExpenseTips); a != given {
		t.Errorf("%d given, %d in the books", given, a)
	}
}

// Who owes as much as the payee lets has no more to give by IOU, by however many tips.
func TestTipsOnCredit(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	ana.credit = 600
	for i, want := range []error{nil, nil, ledger.ErrCredit} {
		if _, err := bo.Tip(ctx, bo.gift(ana, ledger.IOURail)); !errors.Is(err, want) {
			t.Errorf("tip %d: %v, want %v", i, err, want)
		}
	}
	w.mirror(bo, ana, 500)
}

// A tip to somebody whom only the host can reach goes through the host, who can read it and change nothing.
func TestTipThroughTheHost(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, cy, bo := w.settle(1), w.settle(3), w.settle(2)
	bo.through = ana
	if _, err := bo.Tip(ctx, bo.gift(cy, ledger.IOURail)); err != nil {
		t.Fatal(err)
	}
	if tip := cy.seen(ctx); tip.To != cy.person || tip.From != bo.person || tip.Money != eur(250) {
		t.Errorf("shown: %+v", tip)
	}
	if n := ana.kinds(); len(n) != 0 || len(ana.shown) != 0 {
		t.Errorf("the host has %v", n)
	}
	w.mirror(bo, cy, 250)
	cy.stop()
	if _, err := bo.Tip(ctx, bo.gift(cy, ledger.IOURail)); err == nil {
		t.Error("a tip to nobody")
	}
	w.mirror(bo, cy, 250)
}
