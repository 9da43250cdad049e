package node

import (
	"strings"
	"testing"
	"time"

	"salon/ledger"
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
	if _, err := ana.OfferSubscription("Friends", threeEuro, month); err != nil {
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
	if _, err := bo.Subscribe(t.Context(), link, "Friends", 1, threeEuro, ledger.IOURail); err != nil {
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
