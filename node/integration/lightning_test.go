//go:build lnd

package integration

import (
	"context"
	"encoding/json"
	"maps"
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

// TestLightning is the story of a host, a buyer who pays by Lightning, and a friend of the buyer's, each with a node of their own:
// real processes, real lnd. Tickets are bought, one is refunded and one is given away; there is a tip and a subscription; the host is
// killed when the money is there and the receipt is not. In the end all books say the same.
func TestLightning(t *testing.T) {
	salon(t)
	lab := lndlab.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	host, buyer, friend := newShopper(t), newShopper(t), newShopper(t)
	door := lndlab.NewDoor(t, lab.Bob)
	host.run("ledger", "rail", "add", "lnd", "--rest", door.REST, "--macaroon", lab.Bob.Macaroon("admin"), "--cert", door.Cert(), "--pay")
	buyer.run("ledger", "rail", "add", "lnd", "--rest", lab.Alice.REST, "--macaroon", lab.Alice.Macaroon("admin"), "--cert", lab.Alice.Cert(), "--pay")
	host.start()
	buyer.start()
	friend.args = append(friend.args, "--peer", host.addr())
	friend.start()
	before := lab.Bob.Balance(ctx)
	var moved ledger.Amount // from the buyer to the host, in msat

	room, err := host.api().Start(ctx, client.Start{Title: "Evening", Mode: "talk", Language: "en", Access: "ticket", Price: "2500 sat", Seats: 50})
	if err != nil {
		t.Fatal(err)
	}
	if offers, err := buyer.api().OnSale(ctx, room.Link); err != nil || len(offers) != 1 || !slices.Equal(offers[0].Rails, []string{"lnd"}) {
		t.Fatalf("on sale: %+v, %v", offers, err)
	}

	// Five tickets, and then one after the other.
	var bought node.BoughtView
	began := time.Now()
	buyer.prints(&bought, "ticket", "buy", room.Link, "--rail", "lnd", "--count", "5", "--yes", "--json")
	if len(bought.Tickets) != 5 {
		t.Fatalf("bought %+v", bought)
	}
	t.Logf("5 tickets by Lightning, process start included: %v", time.Since(began).Round(time.Millisecond))
	moved += 12_500_000
	var took []time.Duration
	for range 11 {
		began := time.Now()
		if _, err := buyer.api().BuyTickets(ctx, room.Link, 1, "2500 sat", "lnd", false); err != nil {
			t.Fatal(err)
		}
		took = append(took, time.Since(began).Round(time.Millisecond))
		moved += 2_500_000
	}
	slices.Sort(took)
	t.Logf("order to ticket: median %v, worst of 11 %v (aim 600ms)", took[5], took[10])

	// A tip, and a subscription.
	var tipped node.TippedView
	buyer.prints(&tipped, "tip", room.Link, "1000 sat", "--rail", "lnd", "--note", "Encore!", "--yes", "--json")
	if tipped.Owed || tipped.Receipt == "" {
		t.Errorf("tipped %+v", tipped)
	}
	moved += 1_000_000
	host.run("subscription", "offer", "Friends", "--price", "3000 sat")
	var subscribed node.SubscriptionView
	buyer.prints(&subscribed, "subscribe", room.Link, "--rail", "lnd", "--yes", "--json")
	if subscribed.Through == 0 || subscribed.Ended {
		t.Errorf("subscribed %+v", subscribed)
	}
	moved += 3_000_000

	// One of the five goes back, and so does its money.
	var refunded node.RefundView
	host.prints(&refunded, "ticket", "refund", "Evening", bought.Tickets[0], "--json")
	if len(refunded.Backs) != 1 || refunded.Backs[0].Money != "2500 sat" {
		t.Errorf("refunded %+v", refunded)
	}
	moved -= 2_500_000
	if in := lab.Bob.Balance(ctx) - before; in != int64(moved/1000) {
		t.Errorf("the channel moved %d sat, %d msat were paid and not sent back", in, moved)
	}
	buyer.run("ticket", "list", "--news")

	// One is given away, and is no longer the buyer's.
	who, err := friend.api().Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var given node.GivenView
	buyer.prints(&given, "ticket", "transfer", bought.Tickets[1], who.Person.String(), "--json")
	friend.run("ticket", "accept", given.Text)
	if out := friend.run("ticket", "check", given.Text); !strings.Contains(out, "yours") || len(owned(ctx, t, friend)) != 1 {
		t.Errorf("the friend has %+v: %s", owned(ctx, t, friend), out)
	}
	if out := host.run("ticket", "check", given.Text); !strings.Contains(out, "It is good") {
		t.Errorf("to the host it is: %s", out)
	}

	// The host is killed between payment and receipt. Until then nothing that its lnd says of the payment gets to it.
	without, settled := len(owned(ctx, t, buyer)), lab.Bob.Settled(ctx)
	door.Shut()
	told := make(chan error, 1)
	go func() {
		_, err := buyer.api().BuyTickets(ctx, room.Link, 1, "2500 sat", "lnd", false)
		told <- err
	}()
	for lab.Bob.Settled(ctx) == settled {
		select {
		case err := <-told:
			t.Fatalf("the money does not arrive: %v", err)
		case <-ctx.Done():
			t.Fatal("the money does not arrive")
		case <-time.After(5 * time.Millisecond):
		}
	}
	moved += 2_500_000
	host.signal(syscall.SIGKILL)
	host.wait(patience)
	if err := <-told; err == nil {
		t.Fatal("the buyer has a ticket that nobody issued")
	} else {
		t.Logf("killed between payment and receipt; the buyer is told: %v", err)
	}
	if n := len(owned(ctx, t, buyer)); n != without {
		t.Errorf("the buyer has %d tickets, and had %d", n, without)
	}
	door.Open()
	began = time.Now()
	host.start()
	ready := time.Since(began)
	for len(owned(ctx, t, buyer)) == without {
		select {
		case <-ctx.Done():
			t.Fatal("the receipt does not arrive")
		case <-time.After(20 * time.Millisecond):
		}
	}
	t.Logf("the host is ready %v after its start, the ticket is there after %v", ready.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))

	// The books of all say the same, entry by entry, and so do the two lnds.
	buyer.settles(ctx, "nothing is on its way", func(v node.LedgerView) bool {
		return !slices.ContainsFunc(v.Balances, func(b node.BalanceView) bool { return b.Class == "sent" })
	})
	theirs, mine := host.dealings(1), buyer.dealings(-1)
	if !slices.Equal(theirs, mine) || len(mine) != 2*(1+11+1+1+1)+2 {
		t.Errorf("%d entries of the host's and %d of the buyer's that say\n%+v\n%+v", len(theirs), len(mine), theirs, mine)
	}
	if got := friend.dealings(-1); !slices.Equal(got, []dealing{{Kind: "handed", Count: 1}}) {
		t.Errorf("the friend's books: %+v", got)
	}
	sum := ledger.Amount(0)
	for _, d := range theirs {
		sum += d.Moved
	}
	if in := lab.Bob.Balance(ctx) - before; sum != moved || in != int64(moved/1000) {
		t.Errorf("%d msat were paid; the books say %d, and the channel %d sat", moved, sum, in)
	}
	for _, s := range []*shopper{host, buyer, friend} {
		if v, err := s.api().VerifyLedger(ctx); err != nil || !v.Good {
			t.Errorf("%+v, %v", v, err)
		}
	}
}

// A dealing is what one side's books say of something that two sides have booked, in the buyer's words.
type dealing struct {
	Kind, Purpose, Rail, Sum string
	Count                    uint32
	Gross, Moved             ledger.Amount // the host's, in msat: income, and what came by Lightning
}

// inBuyersWords are the kinds of entries that both sides have.
var inBuyersWords = map[string]string{"reserve": "pay", "sale": "got", "refund": "refunded", "move": "handed"}

// dealings are those of a node's books, as 'salon ledger list' prints them; sign is 1 for the host's, -1 for the other side's. What
// a sale moves in the host's books when the money comes, the buyer's have moved when it was sent: it counts for the got.
func (s *shopper) dealings(sign ledger.Amount) (list []dealing) {
	s.t.Helper()
	var entries []node.EntryView
	s.prints(&entries, "ledger", "list", "--last", "0", "--json")
	sent := ledger.Amount(0)
	for _, e := range entries {
		d := dealing{Kind: e.Kind, Purpose: e.Purpose, Rail: e.Rail, Sum: e.Sum, Count: e.Count, Gross: sign * msat(s.t, e.Gross)}
		if kind, both := inBuyersWords[e.Kind]; both {
			d.Kind = kind
		} else if sign > 0 || !slices.Contains(slices.Collect(maps.Values(inBuyersWords)), e.Kind) {
			continue // nobody else's: of an offer, of seats that are void
		}
		for _, p := range e.Postings {
			if p.Account == "asset:lnd" {
				d.Moved += sign * msat(s.t, p.Money)
			}
		}
		if d.Kind == "pay" {
			sent, d.Moved = d.Moved, 0
		} else {
			d.Moved, sent = d.Moved+sent, 0
		}
		list = append(list, d)
	}
	return list
}

// msat reads money such as "-2500 sat"; "" is none.
func msat(t *testing.T, text string) ledger.Amount {
	t.Helper()
	digits, negative := strings.CutPrefix(text, "-")
	if digits == "" {
		return 0
	}
	m, err := ledger.ParseMoney(digits)
	if err != nil {
		t.Fatal(err)
	}
	if negative {
		return -m.Amount
	}
	return m.Amount
}

// prints runs a command that prints JSON, and reads that.
func (s *shopper) prints(what any, args ...string) {
	s.t.Helper()
	if out := s.run(args...); json.Unmarshal([]byte(out), what) != nil {
		s.t.Fatalf("%s prints %s", strings.Join(args, " "), out)
	}
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
