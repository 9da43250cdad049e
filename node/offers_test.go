package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/room"
)

// A relay that says that it is open is asked by a host whose audience grows, and feeds who finds no place beside the host.
func TestOfferIsTakenUpWhenTheAudienceGrows(t *testing.T) {
	ana := startNode(t, "Ana", func(o *Options) { o.MaxChildren = 2 })
	at := ana.Status().Addrs[0]
	open := startNode(t, "", func(o *Options) { o.Peers, o.Relay = []string{at}, &Relay{Open: true} })
	startNode(t, "", func(o *Options) {
		o.Peers, o.Relay = []string{at}, &Relay{Hosts: []string{doc.NewPrivateKey().Public().String()}}
	})
	g := &gathering{t: t, guests: make(map[string]*Room)}
	var err error
	if g.host, err = ana.StartRoom(Start{Title: "Growing", Language: "en"}); err != nil {
		t.Fatal(err)
	}
	awaitOffers(t, ana, 2)
	if open.Room(g.host.id) != nil {
		t.Error("it was asked though nobody listens")
	}
	g.join("Bo")
	g.join("Cy")
	awaitChange(t, open, "the relay to carry the room", func() bool { r := open.Room(g.host.id); return r != nil && r.Phase() == Live })
	awaitChange(t, ana, "a place at the relay", func() bool {
		g.host.mu.Lock()
		defer g.host.mu.Unlock()
		return len(g.host.openRelays(8)) == 1
	})
	for _, name := range []string{"Dan", "Eve"} {
		if depth := g.join(name).Stats().Depth; depth != 2 {
			t.Errorf("%s is at depth %d", name, depth)
		}
	}
	g.all("four listeners", func(v RoomView) bool { return v.Listeners == 4 })
	if n := ana.Counts()["carrier_refused"]; n != 0 {
		t.Errorf("%d relays refused: the host asked one that said that it would not", n)
	}
	// Whoever comes by the link finds the relay there.
	link, err := room.ParseLink(g.host.View().Link)
	if err != nil {
		t.Fatal(err)
	}
	v := newVisiting(peer.AddrInfo{ID: ana.host.ID()})
	v.know(link.Addrs)
	if len(v.others) != 1 || v.others[0].ID != open.host.ID() || len(v.host.Addrs) == 0 {
		t.Errorf("the link leads to %v and %v", v.host.Addrs, v.others)
	}
}

// awaitOffers waits until a node has heard of n relays.
func awaitOffers(t *testing.T, node *Node, n int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		node.offers.mu.Lock()
		have := len(node.offers.from)
		node.offers.mu.Unlock()
		if have == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited 20 s for %d offers, have %d; counts %v", n, have, node.Counts())
		}
	}
}

func TestOffersAreBounded(t *testing.T) {
	f, now := newOffers(), time.Now()
	offer := func(version uint64, free uint32, open bool) *room.Offer {
		return &room.Offer{Open: open, Places: 100, Free: free, Rooms: 1, Version: version, Time: now.UnixMilli(), Expires: now.Add(25 * time.Second).UnixMilli()}
	}
	for i := range 2 * offersMost {
		id := peer.ID(fmt.Sprint("relay", i))
		if err := f.keep(id, offer(1, uint32(i%100), true), now); (err == nil) != (i < offersMost) || err != nil && !errors.Is(err, errCrowded) {
			t.Fatalf("relay %d: %v", i, err)
		}
	}
	if err := f.judge("relay7", offer(1, 1, true), now); !errors.Is(err, errOld) {
		t.Errorf("the same again: %v", err)
	}
	for v := uint64(2); v < 10; v++ {
		if err := f.keep("relay7", offer(v, 1, true), now); (err == nil) != (v < 4) || err != nil && !errors.Is(err, errFlood) {
			t.Errorf("version %d at once: %v", v, err)
		}
	}
	list := f.For(doc.PublicKey{}, func(peer.ID) bool { return false }, now)
	if len(list) == 0 || f.from[list[0].ID].Free != 99 {
		t.Errorf("%d relays, first %v", len(list), list[0])
	}
	if list := f.For(doc.PublicKey{}, func(peer.ID) bool { return true }, now.Add(time.Minute)); len(list) != 0 {
		t.Errorf("%d relays that expired", len(list))
	}
	if err := f.keep("relay-late", offer(1, 1, false), now.Add(26*time.Second)); err != nil {
		t.Errorf("when others expired: %v", err)
	}
	for near, want := range map[bool]int{true: 1, false: 0} {
		if list := f.For(doc.PublicKey{5}, func(peer.ID) bool { return near }, now.Add(26*time.Second)); len(list) != want {
			t.Errorf("near %v: %d relays that are not for this host", near, len(list))
		}
	}
}

// A relay carries the room of a host on its own network unasked, and of nobody who only says that they are.
func TestNearHostsAreCarried(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	n := startNode(t, "", func(o *Options) { o.Relay = &Relay{} })
	hosted, err := ana.StartRoom(Start{Title: "Near", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if no := n.mayCarry(hosted.charter, ana.host.ID()); no == nil || no.Code != "not_listed" {
		t.Errorf("a stranger's room: %v", no)
	}
	n.sawNear(ana.host.ID())
	if no := n.mayCarry(hosted.charter, ana.host.ID()); no == nil {
		t.Error("a room of somebody who shouted a name and is not connected")
	}
	if err := connect(t.Context(), n.host, peer.AddrInfo{ID: ana.host.ID(), Addrs: ana.host.Addrs()}); err != nil {
		t.Fatal(err)
	}
	if no := n.mayCarry(hosted.charter, ana.host.ID()); no != nil {
		t.Errorf("a near host's room: %v", no)
	}
	if _, err := n.SetPerson(Mark{PersonView: PersonView{ana.Person(), "Ana"}, Blocked: true}); err != nil {
		t.Fatal(err)
	}
	if no := n.mayCarry(hosted.charter, ana.host.ID()); no == nil || no.Code != "blocked" {
		t.Errorf("a blocked host's room: %v", no)
	}
}
