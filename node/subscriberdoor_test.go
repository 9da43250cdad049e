package node

import (
	"strings"
	"testing"
	"time"

	"salon/ledger"
	"salon/node/market/lnd"
	"salon/node/market/lnd/lndtest"
	"salon/relay"
	"salon/room"
)

var threeEuro = ledger.Money{Amount: 300, Cur: "EUR"}

const month = 30 * 24 * time.Hour

// forSubscribers opens a room of Ana's for those who subscribe to her.
func forSubscribers(t *testing.T, change func(*Options)) *gathering {
	t.Helper()
	ana := startNode(t, "Ana", change)
	if _, err := ana.StartRoom(Start{Title: "Nobody", Access: room.BySubscription}); err == nil || Explain(err).Code != "bad_sale" {
		t.Errorf("a room that nobody can come into: %v", err)
	}
	if err := ana.SetCredit(ledger.Key{}, ledger.Money{Amount: 2000, Cur: "EUR"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ana.OfferSubscription(TierWish{Name: "Friends", Price: threeEuro, Period: month}); err != nil {
		t.Fatal(err)
	}
	hosted, err := ana.StartRoom(Start{Title: "Friends", Language: "en", Access: room.BySubscription})
	if err != nil {
		t.Fatal(err)
	}
	return &gathering{t: t, host: hosted, guests: make(map[string]*Room)}
}

// Who subscribes hears, from the moment on at which it is paid; who does not is told so; and who has not renewed is put out once the
// days of grace are over.
func TestRoomForSubscribers(t *testing.T) {
	g := forSubscribers(t, nil)
	link := g.host.View().Link
	bo, dan := startNode(t, "Bo", nil), startNode(t, "Dan", nil)
	if v := g.tries(bo, link).View(); v.Phase != Failed || !strings.Contains(v.Reason, "subscribers") || v.Refused != "subscribers_only" {
		t.Errorf("without a subscription: %s, %q, %q", v.Phase, v.Reason, v.Refused)
	}
	tiers, err := bo.Tiers(t.Context(), link)
	if err != nil || len(tiers) != 1 || tiers[0].Name != "Friends" {
		t.Fatalf("%+v, %v", tiers, err)
	}
	if p, err := bo.Preview(t.Context(), link); err != nil || p.Invited || p.Access != "subscribers" {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := bo.Subscribe(t.Context(), SubscribeWish{To: link, Tier: "Friends", Periods: 1, Price: threeEuro, Rail: ledger.IOURail}); err != nil {
		t.Fatal(err)
	}
	if p, err := bo.Preview(t.Context(), link); err != nil || !p.Invited {
		t.Errorf("%+v, %v", p, err)
	}
	at := g.tries(bo, link)
	if at.Phase() != Live {
		t.Fatalf("a subscriber: %s, %s", at.Phase(), at.View().Reason)
	}
	awaitChange(t, bo, "the key", at.hasKey)
	if r := g.tries(dan, link); r.Phase() != Failed {
		t.Errorf("Dan is %s", r.Phase())
	}
	g.do(g.host, Action{Kind: "admit", Person: dan.Person()})
	friend := g.tries(dan, link)
	if friend.Phase() != Live {
		t.Errorf("a guest of the host: %s, %s", friend.Phase(), friend.View().Reason)
	}
	g.host.renewSubscribers(time.Now().Add(month + ledger.Grace - time.Hour))
	g.host.mu.Lock()
	_, in := g.host.host.keyholder.members[bo.author().Device]
	g.host.mu.Unlock()
	if !in {
		t.Error("put out in the days of grace")
	}
	g.host.renewSubscribers(time.Now().Add(month + ledger.Grace + time.Hour))
	awaitChange(t, bo, "to be put out", func() bool { return at.Phase().Over() })
	if v := at.View(); v.Refused != "subscribers_only" {
		t.Errorf("put out: %s, %q", v.Phase, v.Refused)
	}
	if friend.Phase() != Live {
		t.Errorf("the guest is %s", friend.Phase())
	}
}

// A subscriber who disputes the payment with the bank is out of the room until that is decided, and comes in again once the host has won.
func TestDisputedSubscriberIsPutOut(t *testing.T) {
	net := &lndtest.Network{}
	alice, bob := net.New(t), net.New(t)
	homes := [2]string{t.TempDir(), t.TempDir()}
	for i, c := range []lnd.Config{{REST: alice.URL(), Cert: alice.Cert(), Macaroon: lndtest.InvoiceOnly},
		{REST: bob.URL(), Cert: bob.Cert(), Macaroon: lndtest.Admin, Pays: true, MaxPayment: sat(9000), MaxDay: sat(9000)}} {
		if err := AddLnd(t.Context(), homes[i], c); err != nil {
			t.Fatal(err)
		}
	}
	ana := startNode(t, "Ana", func(o *Options) { o.Home = homes[0] })
	bo := startNode(t, "Bo", func(o *Options) { o.Home = homes[1] })
	if _, err := ana.OfferSubscription(TierWish{Name: "Friends", Price: sat(300), Period: month}); err != nil {
		t.Fatal(err)
	}
	hosted, err := ana.StartRoom(Start{Title: "Friends", Access: room.BySubscription})
	if err != nil {
		t.Fatal(err)
	}
	g := &gathering{t: t, host: hosted, guests: make(map[string]*Room)}
	link := hosted.View().Link
	if _, err := bo.Subscribe(t.Context(), SubscribeWish{To: link, Tier: "Friends", Periods: 1, Price: sat(300), Rail: "lnd"}); err != nil {
		t.Fatal(err)
	}
	var receipt ledger.ID
	if err := ana.shop.store.Entries(0, func(_ uint64, e ledger.Entry) bool {
		if sale, ok := e.Body.(*ledger.Sale); ok {
			receipt = sale.Receipt
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	decided := func(state ledger.DisputeState) {
		t.Helper()
		if _, err := ana.shop.store.Append(time.Now(), func(b *ledger.Books) ([]ledger.Draft, error) {
			return b.Contest(ledger.Contest{Receipt: receipt, Ref: "du_1", State: state, Money: sat(300)})
		}); err != nil {
			t.Fatal(err)
		}
	}
	at := g.tries(bo, link)
	awaitChange(t, bo, "the key", at.hasKey)
	decided(ledger.DisputeOpened)
	awaitChange(t, bo, "to be put out", func() bool { return at.Phase().Over() })
	if v := at.View(); v.Refused != "subscribers_only" {
		t.Errorf("put out: %s, %q", v.Phase, v.Refused)
	}
	if v, err := ana.Subscriptions(); err != nil || len(v.Subscribers) != 1 || !v.Subscribers[0].Disputed || v.Offers[0].Open != 0 {
		t.Errorf("the host sees %+v, %v", v, err)
	}
	if v := g.tries(bo, link).View(); v.Phase != Failed || v.Refused != "subscribers_only" {
		t.Errorf("comes again while it is disputed: %s, %q", v.Phase, v.Refused)
	}
	decided(ledger.DisputeWon)
	if v := g.tries(bo, link).View(); v.Phase != Live {
		t.Errorf("comes again when it is won: %s, %q", v.Phase, v.Refused)
	}
}

// Attack: below a relay, which cannot look into the host's books, who does not subscribe is let in; and hears nothing, for the key comes
// from the host.
func TestRoomForSubscribersBelowRelay(t *testing.T) {
	helper, err := New(Options{Home: t.TempDir(), NoMDNS: true, Listen: []string{anywhere}, Relay: &Relay{Open: true}, MaxChildren: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { helper.Close() })
	g := forSubscribers(t, func(o *Options) { o.MaxChildren, o.Relays = 1, []string{helper.Status().Addrs[0]} })
	awaitChange(t, helper, "the relay", func() bool { r := helper.Room(g.host.id); return r != nil && r.Phase() == Live })
	relayed := helper.Room(g.host.id)
	x := newIntruder(t, relayed)
	x.claim = x.claimOf(room.Claim{})
	if m := x.join(); !isAccept(m) {
		t.Fatalf("%+v", m)
	}
	x.awaitBox("a word instead of a key", func(b relay.Box) bool { return b.Code == errSubscribersOnly.Code && len(b.Sealed) == 0 })
}

// Nobody keeps the key of such a room while its host is away: a keeper cannot look into the host's books.
func TestARoomForSubscribersHasNoKeepers(t *testing.T) {
	g := forSubscribers(t, nil)
	kim := startNode(t, "Kim", nil)
	g.do(g.host, Action{Kind: "admit", Person: kim.Person()})
	inside := g.tries(kim, g.host.View().Link)
	if err := g.host.Do(t.Context(), about("keeper", inside)); Explain(err).Code != "not_allowed" {
		t.Errorf("a keeper is named: %v", err)
	}
}
