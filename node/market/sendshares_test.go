package market_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market"
	"salon/node/market/lightning"
	"salon/node/market/lnaddress"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
)

// sharing is carol, who has a share, and a wallet somewhere; and ana, the host, who owes it and has a Lightning node that pays.
type sharing struct {
	*town
	ana, carol *party
	net        *lndtest.Network
	alice      *lndtest.Node // pays the shares
	wallet     *wallet
	spent      lndtest.File
	most       ledger.Money // in one payment
	down       bool         // the wallet is not asked at all
}

// deaf is a payer that cannot be reached at times.
type deaf struct {
	market.Payer
	down *bool
}

func (d *deaf) Pay(ctx context.Context, b market.Bill) (market.Event, error) {
	if *d.down {
		return market.Event{}, errors.New("not reached")
	}
	return d.Payer.Pay(ctx, b)
}

func (d *deaf) Check(b market.Bill) error { return d.Payer.(market.Verifier).Check(b) }

func (d *deaf) Verify(b market.Bill, proof []byte) error {
	return d.Payer.(market.Verifier).Verify(b, proof)
}

// owing has a host owe 500 sat of two tickets.
func owing(t *testing.T) *sharing {
	s := &sharing{town: newTown(t), net: &lndtest.Network{}, most: sat(100_000)}
	s.ana, s.carol = s.settle(1), s.settle(3)
	buyer := s.settle(2)
	s.alice, s.wallet = s.net.New(t), openWallet(t, s.net.New(t))
	s.ana.invoice = func(ctx context.Context, address string, sum ledger.Money) (string, error) {
		return lnaddress.Invoice(ctx, address, sum, s.wallet.Client())
	}
	s.ana.rails = func() map[string]market.Rail {
		c := lnd.Config{REST: s.alice.URL(), Cert: s.alice.Cert(), Macaroon: lndtest.Admin, Pays: true, MaxPayment: s.most, MaxDay: s.most}
		r, err := lnd.New(c, lnd.Options{Key: s.ana.id.Device(), Spent: &s.spent})
		if err != nil {
			t.Fatal(err)
		}
		return map[string]market.Rail{lnaddress.Name: {Payer: &deaf{lightning.Plain(r), &s.down}, Cur: ledger.Bitcoin}}
	}
	s.ana.crash()
	s.ana.evening(50, sat(2500), func(o *ledger.Offer) { o.Split = []ledger.Share{coHost(s.carol, 1000)} })
	for range 2 {
		want := buyer.wants(s.ana, ledger.IOURail)
		want.Price = sat(2500)
		s.ana.credit = sat(100_000).Amount
		if _, err := buyer.Buy(within(t), want); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// names has carol sign where she is paid, and the host hear of it.
func (s *sharing) names(address string) {
	s.t.Helper()
	if err := s.carol.Receives(lnaddress.Name, address, time.Now()); err != nil {
		s.t.Fatal(err)
	}
	s.carol.payers = []ledger.Key{s.ana.device()}
	if err := s.carol.Earn(within(s.t)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sharing) address() string { return "ana@" + strings.TrimPrefix(s.wallet.URL, "https://") }

func (s *sharing) pays() market.PaidOut {
	s.t.Helper()
	done, err := s.ana.PayOut(within(s.t), market.Payout{Rail: market.ByLightning, Least: func(ledger.Currency) ledger.Amount { return 1 }})
	if err != nil || len(done) > 1 {
		s.t.Fatalf("%+v, %v", done, err)
	}
	if len(done) == 0 {
		return market.PaidOut{}
	}
	return done[0]
}

// due is what the books of the host say of what it owed.
func (s *sharing) due() (d ledger.Due) {
	s.t.Helper()
	if err := s.ana.store.View(func(b *ledger.Books) error { d = b.Due(ledger.Bitcoin, s.carol.person); return nil }); err != nil {
		s.t.Fatal(err)
	}
	return d
}

// A share goes to the lightning address that its owner has signed, though they are away and the host's node was restarted since; it is
// paid once, its fee and proof are in the books, and it arrives in them once its owner has confirmed it.
func TestSharesByLightning(t *testing.T) {
	s := owing(t)
	if d := s.pays(); !errors.Is(d.Fails, market.ErrNoPlace) || d.Paid.Amount != 0 || s.net.Moved() != 0 {
		t.Fatalf("to nowhere: %+v", d)
	}
	s.names(s.address())
	s.ana.crash()
	delete(s.nodes, s.carol.device()) // she is away
	if d := s.pays(); d.Fails != nil || d.Paid != sat(500) || d.Told {
		t.Fatalf("%+v", d)
	}
	for range 2 {
		if d := s.pays(); d.Paid.Amount != 0 || d.Fails != nil {
			t.Errorf("paid again: %+v", d)
		}
		if err := s.ana.ResumeShares(within(t)); err != nil {
			t.Error(err)
		}
		s.ana.crash()
	}
	going, err := s.ana.Going()
	if err != nil || len(going) != 1 || !going[0].Sent || !going[0].Rail || going[0].Money != sat(500) {
		t.Fatalf("%+v, %v", going, err)
	}
	if err := s.ana.NotSent(going[0].ID, true); err == nil {
		t.Error("a person says that it was not sent, and it was")
	}
	if got := s.wallet.node.Received(); got != 500_000 || s.net.Moved() != 1 || s.due() != (ledger.Due{Owed: 500_000, Going: 500_000}) {
		t.Errorf("%d msat came, in %d payments; %+v", got, s.net.Moved(), s.due())
	}
	s.nodes[s.carol.device()] = s.carol
	if err := s.carol.Earn(within(t)); err != nil {
		t.Fatal(err)
	}
	if claims := s.carol.Claims(); len(claims) != 1 || claims[0].Money != sat(500) {
		t.Fatalf("%+v", claims)
	}
	if err := s.carol.Received(s.carol.Claims()[0]); err != nil {
		t.Fatal(err)
	}
	if err := s.carol.Earn(within(t)); err != nil {
		t.Fatal(err)
	}
	if s.due() != (ledger.Due{Owed: 500_000, Cleared: 500_000}) || s.ana.kinds()[ledger.KindSent] != 1 {
		t.Errorf("%+v, %v", s.due(), s.ana.kinds())
	}
}

// hanging is owing, where the share is on its way and hangs in the network.
func hanging(t *testing.T) *sharing {
	t.Helper()
	s := owing(t)
	s.names(s.address())
	s.net.Hold(true)
	short, cancel := context.WithTimeout(within(t), 200*time.Millisecond)
	done, err := s.ana.PayOut(short, market.Payout{Rail: market.ByLightning, Least: func(ledger.Currency) ledger.Amount { return 1 }})
	cancel()
	if err != nil || len(done) != 1 || !errors.Is(done[0].Fails, market.ErrPending) || done[0].Paid != sat(500) {
		t.Fatalf("%+v, %v", done, err)
	}
	return s
}

// What hangs in the network is neither failed nor sent again, by the next payout, a crash or a person's word. It fails, and is owed again,
// or it arrives.
func TestShareThatIsHeld(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		s := hanging(t)
		s.ana.crash()
		if d := s.pays(); d.Paid.Amount != 0 {
			t.Errorf("paid again: %+v", d)
		}
		going, err := s.ana.Going()
		if err != nil || len(going) != 1 || going[0].Sent {
			t.Fatalf("%+v, %v", going, err)
		}
		if err := s.ana.NotSent(going[0].ID, true); !errors.Is(err, market.ErrWalletSends) {
			t.Errorf("a person says that it was not sent: %v", err)
		}
		if s.due().Going != 500_000 {
			t.Errorf("%+v", s.due())
		}
		s.net.Hold(false)
		if arrives {
			s.net.Release()
		} else {
			s.net.Fail()
		}
		_ = s.ana.ResumeShares(within(t)) // it may have to be asked twice
		if err := s.ana.ResumeShares(within(t)); err != nil {
			t.Error(err)
		}
		want := ledger.Due{Owed: 500_000, Going: 500_000}
		if !arrives {
			want.Going = 0
		}
		if s.due() != want {
			t.Errorf("arrives %t: %+v", arrives, s.due())
		}
		if !arrives {
			if d := s.pays(); d.Paid != sat(500) || d.Fails != nil {
				t.Errorf("by another invoice: %+v", d)
			}
		}
		if got := s.wallet.node.Received(); got != 500_000 {
			t.Errorf("%d msat came", got)
		}
	}
}

// The node dies between the entry and the payment: it is sent when the node is back, once.
func TestShareWhoseHostDies(t *testing.T) {
	s := owing(t)
	s.names(s.address())
	s.down = true
	if d := s.pays(); !errors.Is(d.Fails, market.ErrPending) || s.due().Going != 500_000 {
		t.Fatalf("%+v, %+v", d, s.due())
	}
	s.ana.crash()
	if err := s.ana.ResumeShares(within(t)); !errors.Is(err, market.ErrPending) {
		t.Errorf("%v", err)
	}
	s.down = false
	for range 2 {
		if err := s.ana.ResumeShares(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if s.wallet.node.Received() != 500_000 || s.net.Moved() != 1 {
		t.Errorf("%d msat came, in %d payments", s.wallet.node.Received(), s.net.Moved())
	}
}

// forgetful is a payer whose wallet refuses the first payment, as one does that is asked too often, and remembers nothing of it.
type forgetful struct {
	*deaf
	calls        atomic.Int32
	begun        chan struct{} // closed when the first is asked for
	beside, over chan struct{} // closed when another is asked for meanwhile; when the first has ended in the books
	once         sync.Once
}

func (f *forgetful) Pay(ctx context.Context, b market.Bill) (market.Event, error) {
	if f.calls.Add(1) == 1 {
		close(f.begun)
		select {
		case <-f.beside:
		case <-time.After(200 * time.Millisecond):
		}
		return market.Event{Ref: b.Ref, State: market.Failed}, nil
	}
	f.once.Do(func() { close(f.beside) })
	<-f.over
	return f.deaf.Pay(ctx, b)
}

// A wallet refuses a share while the node goes on with all that is on its way. What is owed again is not sent beside that: nobody is paid
// twice.
func TestShareThatFailsWhileResumed(t *testing.T) {
	s := owing(t)
	s.names(s.address())
	f := &forgetful{begun: make(chan struct{}), beside: make(chan struct{}), over: make(chan struct{})}
	rails := s.ana.rails
	s.ana.rails = func() map[string]market.Rail {
		f.deaf = rails()[lnaddress.Name].Payer.(*deaf)
		return map[string]market.Rail{lnaddress.Name: {Payer: f, Cur: ledger.Bitcoin}}
	}
	s.ana.crash()
	ctx, resumed := within(t), make(chan error, 1)
	go func() {
		<-f.begun
		resumed <- s.ana.ResumeShares(ctx)
	}()
	if d := s.pays(); !errors.Is(d.Fails, market.ErrFailed) || d.Paid.Amount != 0 {
		t.Errorf("%+v", d)
	}
	close(f.over)
	if err := <-resumed; err != nil {
		t.Error(err)
	}
	if s.net.Moved() != 0 || s.due() != (ledger.Due{Owed: 500_000}) {
		t.Errorf("%d payments, %+v", s.net.Moved(), s.due())
	}
	if d := s.pays(); d.Fails != nil || d.Paid != sat(500) {
		t.Errorf("%+v", d)
	}
	if got := s.wallet.node.Received(); got != 500_000 || s.net.Moved() != 1 {
		t.Errorf("%d msat came, in %d payments", got, s.net.Moved())
	}
}

// A wallet gives an invoice again that was paid before. The share is owed again, and not for ever on its way: the next invoice brings it.
func TestShareByAnInvoiceThatWasPaid(t *testing.T) {
	s := owing(t)
	s.names(s.address())
	ask, kept := s.ana.invoice, ""
	s.ana.invoice = func(ctx context.Context, address string, sum ledger.Money) (_ string, err error) {
		if kept == "" {
			kept, err = ask(ctx, address, sum)
		}
		return kept, err
	}
	s.ana.crash()
	if d := s.pays(); d.Fails != nil || d.Paid != sat(500) {
		t.Fatalf("%+v", d)
	}
	buyer := s.settle(4)
	for range 2 {
		want := buyer.wants(s.ana, ledger.IOURail)
		want.Price = sat(2500)
		if _, err := buyer.Buy(within(t), want); err != nil {
			t.Fatal(err)
		}
	}
	if d := s.pays(); !errors.Is(d.Fails, market.ErrFailed) || d.Paid.Amount != 0 || s.due() != (ledger.Due{Owed: 1_000_000, Going: 500_000}) {
		t.Errorf("%+v, %+v", d, s.due())
	}
	kept = ""
	if d := s.pays(); d.Fails != nil || d.Paid != sat(500) {
		t.Errorf("by another invoice: %+v", d)
	}
	if got := s.wallet.node.Received(); got != 1_000_000 || s.net.Moved() != 2 {
		t.Errorf("%d msat came, in %d payments", got, s.net.Moved())
	}
}

// Attack: a word on where somebody is paid that they have not signed; a wallet that asks for more, or for something else. And what is
// beyond the host's limits is not begun.
func TestSharesThatAreNotSent(t *testing.T) {
	s := owing(t)
	s.names("nobody")
	if d := s.pays(); !errors.Is(d.Fails, market.ErrNoInvoice) {
		t.Errorf("no address: %+v", d)
	}
	s.names(s.address())
	s.wallet.more = 1000
	if d := s.pays(); !errors.Is(d.Fails, market.ErrNoInvoice) {
		t.Errorf("for more: %+v", d)
	}
	s.wallet.more, s.wallet.about = 0, "for Eve"
	if d := s.pays(); !errors.Is(d.Fails, market.ErrNoInvoice) {
		t.Errorf("for somebody else: %+v", d)
	}
	s.wallet.about, s.most = "", sat(499)
	s.ana.crash()
	if d := s.pays(); !errors.Is(d.Fails, market.ErrSpending) {
		t.Errorf("beyond the limit: %+v", d)
	}
	if s.net.Moved() != 0 || s.due() != (ledger.Due{Owed: 500_000}) || s.ana.kinds()[ledger.KindPaid] != 0 {
		t.Errorf("money moved %d times, %+v, %v", s.net.Moved(), s.due(), s.ana.kinds())
	}
}

// A wallet is taken away while a share is on its way: nobody takes a person's word on whether it was sent, for the wallet is asked once it is set
// up again. Only that it never will be is the person's to say.
func TestShareWhoseWalletIsAway(t *testing.T) {
	for _, back := range []bool{true, false} {
		s := hanging(t)
		rails := s.ana.rails
		s.ana.rails = func() map[string]market.Rail { return nil }
		s.ana.crash()
		if err := s.ana.ResumeShares(within(t)); !errors.Is(err, market.ErrRail) {
			t.Errorf("without the wallet: %v", err)
		}
		going, err := s.ana.Going()
		if err != nil || len(going) != 1 || !going[0].Away {
			t.Fatalf("%+v, %v", going, err)
		}
		if err := s.ana.NotSent(going[0].ID, false); !errors.Is(err, market.ErrWalletAway) || s.due().Going != 500_000 {
			t.Errorf("a person says that it was not sent: %v, %+v", err, s.due())
		}
		s.net.Hold(false)
		s.net.Release()
		if !back {
			if err := s.ana.NotSent(going[0].ID, true); err != nil || s.due() != (ledger.Due{Owed: 500_000}) {
				t.Errorf("a person says that the wallet is gone: %v, %+v", err, s.due())
			}
			continue
		}
		s.ana.rails = rails
		s.ana.crash()
		_ = s.ana.ResumeShares(within(t)) // it may have to be asked twice
		if err := s.ana.ResumeShares(within(t)); err != nil {
			t.Error(err)
		}
		if going, err = s.ana.Going(); err != nil || len(going) != 1 || !going[0].Sent || going[0].Away || s.net.Moved() != 1 {
			t.Errorf("set up again: %+v, %v, moved %d times", going, err, s.net.Moved())
		}
		if err := s.ana.NotSent(going[0].ID, true); !errors.Is(err, market.ErrWalletSends) {
			t.Errorf("what it has sent was not sent, somebody says: %v", err)
		}
	}
}
