//go:build lnd

package integration

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"salon/ledger"
	"salon/node"
	"salon/node/client"
	"salon/node/market/lnd/lndlab"
)

// A shopper is a node that stays, on a home and a port of its own, so that it comes back where it was.
type shopper struct {
	*process
	args []string
}

func newShopper(t *testing.T) *shopper {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(c.LocalAddr().String(), ":")
	c.Close()
	return &shopper{process: &process{t: t, home: t.TempDir()},
		args: []string{"up", "--no-open", "--web", "127.0.0.1:0", "--no-mdns", "--listen", "/ip4/127.0.0.1/udp/" + port + "/quic-v1"}}
}

func (s *shopper) start() {
	s.t.Helper()
	s.process = start(s.t, s.home, s.args...)
	s.line("Stop with Ctrl-C.")
}

// run runs one command of the shell on the home.
func (s *shopper) run(args ...string) string {
	s.t.Helper()
	p := start(s.t, s.home, args...)
	p.wantExit(0, time.Minute)
	return p.out()
}

// settles waits until a node's ledger says so. Nothing tells of a change, so it is asked.
func (s *shopper) settles(ctx context.Context, what string, f func(v node.LedgerView) bool) node.LedgerView {
	s.t.Helper()
	for {
		v, err := s.api().Ledger(ctx)
		if err == nil && f(v) {
			return v
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("waited for: %s: %+v, %v", what, v, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// on is what a ledger has on an account, in msat.
func on(t *testing.T, v node.LedgerView, account string) (a ledger.Amount) {
	t.Helper()
	for _, b := range v.Balances {
		if b.Account == account {
			text, negative := strings.CutPrefix(b.Money, "-")
			m, err := ledger.ParseMoney(text)
			if err != nil {
				t.Fatal(err)
			}
			if a = m.Amount; negative {
				a = -a
			}
		}
	}
	return a
}

// TestLightning is the story of a host and a buyer who pays by Lightning, each with a node of their own: real processes, real lnd.
// The host is killed when the money is there and the receipt is not.
func TestLightning(t *testing.T) {
	salon(t)
	lab := lndlab.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	host, buyer := newShopper(t), newShopper(t)
	host.run("ledger", "rail", "add", "lnd", "--rest", lab.Bob.REST, "--macaroon", lab.Bob.Macaroon("invoice"), "--cert", lab.Bob.Cert())
	buyer.run("ledger", "rail", "add", "lnd", "--rest", lab.Alice.REST, "--macaroon", lab.Alice.Macaroon("admin"), "--cert", lab.Alice.Cert(), "--pay")
	host.start()
	buyer.start()
	before := lab.Bob.Balance(ctx)

	room, err := host.api().Start(ctx, client.Start{Title: "Evening", Mode: "talk", Language: "en", Access: "ticket", Price: "2500 sat", Seats: 50})
	if err != nil {
		t.Fatal(err)
	}
	if offers, err := buyer.api().OnSale(ctx, room.Link); err != nil || len(offers) != 1 || !slices.Equal(offers[0].Rails, []string{"lnd"}) {
		t.Fatalf("on sale: %+v, %v", offers, err)
	}

	var bought node.BoughtView
	began := time.Now()
	if out := buyer.run("ticket", "buy", room.Link, "--rail", "lnd", "--count", "5", "--yes", "--json"); json.Unmarshal([]byte(out), &bought) != nil || len(bought.Tickets) != 5 {
		t.Fatalf("bought %s", out)
	}
	t.Logf("5 tickets by Lightning, process start included: %v", time.Since(began).Round(time.Millisecond))
	paid := ledger.Amount(12_500_000)
	var took []time.Duration
	for range 11 {
		began := time.Now()
		if _, err := buyer.api().BuyTickets(ctx, room.Link, 1, "2500 sat", "lnd"); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began).Round(time.Millisecond))
		paid += 2_500_000
	}
	slices.Sort(took)
	t.Logf("order to ticket: median %v, worst of 11 %v (aim 600ms)", took[5], took[10])

	// Killed between payment and receipt: as soon as the buyer's ledger says that it pays, the host stands still, and it never
	// goes on. If it was faster, the buyer has the ticket, and tries again.
	for tries := 1; ; tries++ {
		was, settled := buyer.settles(ctx, "anything", func(node.LedgerView) bool { return true }), lab.Bob.Settled(ctx)
		done := make(chan error, 1)
		go func() {
			_, err := buyer.api().BuyTickets(ctx, room.Link, 1, "2500 sat", "lnd")
			done <- err
		}()
		buyer.settles(ctx, "the payment is begun", func(v node.LedgerView) bool { return v.Height > was.Height })
		host.signal(syscall.SIGSTOP)
		for lab.Bob.Settled(ctx) == settled {
			if ctx.Err() != nil {
				t.Fatal("the money does not arrive")
			}
		}
		paid += 2_500_000
		host.signal(syscall.SIGKILL)
		host.wait(patience)
		if err := <-done; err != nil {
			t.Logf("killed at try %d; the buyer is told: %v", tries, err)
			break
		}
		if tries == 10 {
			t.Fatal("the host is always faster than it can be killed")
		}
		host.start()
	}
	without := len(owned(ctx, t, buyer))
	began = time.Now()
	host.start()
	for len(owned(ctx, t, buyer)) == without {
		select {
		case <-ctx.Done():
			t.Fatal("the receipt does not arrive")
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Logf("the host was killed between payment and receipt; from its start to the ticket: %v", time.Since(began).Round(time.Millisecond))

	// The books of both say the same, and so do the two lnds.
	mine := buyer.settles(ctx, "nothing is on its way", func(v node.LedgerView) bool {
		return !slices.ContainsFunc(v.Balances, func(b node.BalanceView) bool { return b.Class == "sent" })
	})
	theirs, err := host.api().Ledger(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if in, out := on(t, theirs, "asset:lnd"), on(t, mine, "asset:lnd"); in != paid || out != -paid {
		t.Errorf("paid %d msat: the host has %d, the buyer %d", paid, in, out)
	}
	if in := lab.Bob.Balance(ctx) - before; in != int64(paid/1000) {
		t.Errorf("the channel moved %d sat, the books %d msat", in, paid)
	}
	for _, s := range []*shopper{host, buyer} {
		if v, err := s.api().VerifyLedger(ctx); err != nil || !v.Good {
			t.Errorf("%+v, %v", v, err)
		}
	}
	// Tip, subscription, refund and transfer go here, as they come into the shell.
}

// owned are the tickets of a node.
func owned(ctx context.Context, t *testing.T, s *shopper) []node.TicketView {
	t.Helper()
	list, err := s.api().Tickets(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return list
}
