package market_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lightning"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
)

// receivesAt gives a party a rail at an lnd, of which it only receives.
func receivesAt(t *testing.T, p *party, at *lndtest.Node) {
	p.rails = func() map[string]market.Rail {
		r, err := lnd.New(lnd.Config{REST: at.URL(), Cert: at.Cert(), Macaroon: lndtest.InvoiceOnly}, lnd.Options{Key: p.id.Device()})
		if err != nil {
			t.Fatal(err)
		}
		return map[string]market.Rail{lnd.Name: r}
	}
	p.crash()
}

// byWallet gives a party no rail but the eye: its person has a wallet.
func byWallet(p *party) {
	p.rails = func() map[string]market.Rail {
		return map[string]market.Rail{lnd.Name: {Hand: lightning.Hand{}, Cur: ledger.Bitcoin}}
	}
	p.crash()
}

// asked orders by hand, and returns what is to be paid.
func (p *party) asked(ctx context.Context, seller *party, sum ledger.Money) market.Unfinished {
	p.town.t.Helper()
	w := market.Want{Seller: seller.device(), Host: seller.person, Room: hall, Count: 1, Price: sum, Rail: lnd.Name, ByHand: true}
	b, err := p.Buy(ctx, w)
	if !errors.Is(err, market.ErrPending) || b.Order.IsZero() {
		p.town.t.Fatalf("%+v, %v", b, err)
	}
	list, err := p.Unfinished()
	if err != nil {
		p.town.t.Fatal(err)
	}
	for _, u := range list {
		if u.Order == b.Order && u.ByHand && u.Request != "" {
			return u
		}
	}
	p.town.t.Fatalf("nothing is shown to be paid: %+v", list)
	return market.Unfinished{}
}

// until waits for news in a ledger until what is asked is so.
func (p *party) until(ctx context.Context, what string, so func() bool) {
	p.town.t.Helper()
	for {
		news := p.store.News()
		if so() {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			p.town.t.Fatal(what)
		}
	}
}

// Somebody without a Lightning node pays the invoice by a wallet elsewhere: the ticket comes by itself, also if their node was killed
// before they paid, or between payment and ticket, and a rail that is set up meanwhile pays nothing.
func TestPaidByHand(t *testing.T) {
	sum, most := ledger.Money{Amount: 2_500_000, Cur: ledger.Bitcoin}, ledger.Money{Amount: 25_000_000, Cur: ledger.Bitcoin}
	for _, crash := range []string{"", "before", "after", "host"} {
		t.Run(crash, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			net := &lndtest.Network{}
			alice, phone, other := net.New(t), net.New(t), net.New(t)
			ana, bo := w.settle(1), w.settle(2)
			receivesAt(t, ana, alice)
			byWallet(bo)
			ana.evening(50, sum)
			ana.run()
			if crash == "" {
				bo.run()
			}
			u := bo.asked(ctx, ana, sum)
			if crash == "before" {
				bo.crash()
			}
			pays := lnd.Config{REST: other.URL(), Cert: other.Cert(), Macaroon: lndtest.Admin, Pays: true, MaxPayment: most, MaxDay: most}
			own, err := lnd.New(pays, lnd.Options{Key: bo.id.Device(), Spent: &lndtest.File{}})
			if err != nil {
				t.Fatal(err)
			}
			own.Hand = lightning.Hand{}
			bo.SetRail(lnd.Name, own)
			short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			err = bo.Resume(short)
			if cancel(); err == nil || net.Moved() != 0 {
				t.Fatalf("a node pays what its person is to pay: %v", err)
			}
			phone.Pays(ctx, t, u.Request)
			switch crash {
			case "":
			case "host":
				ana.crash()
				ana.run()
				bo.run()
			default:
				bo.crash()
				bo.run()
			}
			bo.until(ctx, "no ticket comes", func() bool { return len(bo.tickets()) == 1 })
			if list, err := bo.Unfinished(); err != nil || len(list) != 0 || net.Moved() != 1 {
				t.Errorf("%+v, %v, money moved %d times", list, err, net.Moved())
			}
			if a, b := bo.has(ledger.Asset(lnd.Name)), ana.has(ledger.Asset(lnd.Name)); a != -sum.Amount || b != sum.Amount {
				t.Errorf("%d and %d", a, b)
			}
		})
	}
}

// What the payee says is over is over, and can be ordered anew; what is pending is not, nor what has expired while the quote holds.
func TestNotPaidByHand(t *testing.T) {
	sum := ledger.Money{Amount: 2_500_000, Cur: ledger.Bitcoin}
	w, ctx := newTown(t), within(t)
	net := &lndtest.Network{}
	alice := net.New(t)
	ana, bo := w.settle(1), w.settle(2)
	said := &stating{}
	ana.rails = func() map[string]market.Rail {
		r, err := lnd.New(lnd.Config{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly}, lnd.Options{Key: ana.id.Device()})
		if err != nil {
			t.Fatal(err)
		}
		said.Payee = r.Payee
		return map[string]market.Rail{lnd.Name: {Payee: said, Cur: ledger.Bitcoin}}
	}
	ana.crash()
	byWallet(bo)
	ana.evening(50, sum)
	bo.asked(ctx, ana, sum)
	for _, state := range []market.State{market.Pending, market.Expired} { // each leaves a stream at the seller for a while, of four
		said.state.Store(int32(state))
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond) // a seller waits for money
		err := bo.Resume(short)
		if cancel(); err == nil || bo.kinds()[ledger.KindVoid] != 0 {
			t.Errorf("%s: %v", state, err)
		}
	}
	said.state.Store(int32(market.Failed))
	if err := bo.Resume(ctx); !errors.Is(err, market.ErrFailed) || bo.kinds()[ledger.KindVoid] != 1 {
		t.Errorf("failed: %v", err)
	}
	if list, err := bo.Unfinished(); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	bo.asked(ctx, ana, sum)
}

// A stating payee says what a test wants.
type stating struct {
	market.Payee
	state atomic.Int32
}

func (s *stating) Lookup(_ context.Context, ref ledger.ID) (market.Event, error) {
	return market.Event{Ref: ref, State: market.State(s.state.Load())}, nil
}

// A tip with a nonce is given once, however often that is asked: while it is on its way, when it has come, and after a crash.
func TestTipIsGivenOnce(t *testing.T) {
	w, ctx := newTown(t), within(t)
	ana, bo := w.settle(1), w.settle(2)
	gift := market.Gift{Device: ana.device(), Payee: ana.person, Money: eur(500), Rail: "bank", Name: "Bo", Nonce: [16]byte{7}}
	w.bank.Hold(true)
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	var first market.Given
	var err error
	ended := make(chan struct{})
	go func() {
		first, err = bo.Tip(short, gift)
		close(ended)
	}()
	bo.until(ctx, "the tip is not begun", bo.begun)
	cancel()
	if <-ended; err == nil {
		t.Fatal("it has come")
	}
	for range 2 {
		if g, err := bo.Tip(ctx, gift); !errors.Is(err, market.ErrPending) || g.Order != first.Order {
			t.Errorf("%+v, %v; first %+v", g, err, first)
		}
		bo.crash()
	}
	w.bank.Release()
	if err := bo.Resume(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if g, err := bo.Tip(ctx, gift); err != nil || g.Order != first.Order || g.Receipt.IsZero() {
			t.Errorf("%+v, %v; first %+v", g, err, first)
		}
		bo.crash()
	}
	if w.bank.Moved() != 1 {
		t.Errorf("money moved %d times", w.bank.Moved())
	}
	w.bank.Hold(false)
	gift.Nonce[0]++
	if g, err := bo.Tip(ctx, gift); err != nil || g.Order == first.Order {
		t.Errorf("another: %+v, %v", g, err)
	}
}

// What a person pays by hand is written in a file that cannot be read any more. The market says which it was, and a rail that is set up
// meanwhile pays nothing of what is under way: the person may have.
func TestHandsThatCannotBeRead(t *testing.T) {
	sum, most := sat(2500), sat(25000)
	for _, how := range []string{"not JSON", "not to be opened"} {
		t.Run(how, func(t *testing.T) {
			w, ctx := newTown(t), within(t)
			net := &lndtest.Network{}
			alice, phone, other := net.New(t), net.New(t), net.New(t)
			ana, bo := w.settle(1), w.settle(2)
			receivesAt(t, ana, alice)
			byWallet(bo)
			ana.evening(50, sum)
			u := bo.asked(ctx, ana, sum)
			if how == "not JSON" {
				bo.hands = []byte("{")
			} else {
				bo.hands, bo.handsLost = nil, true
			}
			bo.crash()
			bo.handsLost = false
			if how == "not JSON" && !slices.Equal(bo.damaged, []market.Kept{market.KeptHands}) {
				t.Errorf("said to be damaged: %v", bo.damaged)
			}
			pays := lnd.Config{REST: other.URL(), Cert: other.Cert(), Macaroon: lndtest.Admin, Pays: true, MaxPayment: most, MaxDay: most}
			own, err := lnd.New(pays, lnd.Options{Key: bo.id.Device(), Spent: &lndtest.File{}})
			if err != nil {
				t.Fatal(err)
			}
			own.Hand = lightning.Hand{}
			for range 2 {
				bo.SetRail(lnd.Name, own)
				short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				err = bo.Resume(short)
				if cancel(); err == nil || net.Moved() != 0 {
					t.Fatalf("a rail pays what its person may have paid: %v", err)
				}
				bo.crash() // it is on disk again
			}
			phone.Pays(ctx, t, u.Request)
			if err := bo.Resume(ctx); err != nil || len(bo.tickets()) != 1 || net.Moved() != 1 {
				t.Errorf("%v, %d tickets, money moved %d times", err, len(bo.tickets()), net.Moved())
			}
		})
	}
}
