package node

import (
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
)

// A relay that deceives two people is left by both, reported, and carries the room no more; everybody hears on.
func TestRelayThatTwoAccuseIsOut(t *testing.T) {
	g := plant(t, 2, 8, 8)
	g.tone(g.host, 440)
	ears, fed := make(map[*Room]*ear), make(map[*Node][]*Room)
	for _, name := range []string{"Bo", "Cy", "Dan"} {
		r := g.join(name)
		ears[r] = g.listen(r)
		ears[r].hears(t, name+" to hear Ana", true, 50)
		fed[g.fedBy(r)] = append(fed[g.fedBy(r)], r)
	}
	bad := g.relays[0]
	if len(fed[bad]) < 2 {
		bad = g.relays[1]
	}
	if len(fed[bad]) < 2 {
		t.Fatal("no relay feeds two of three")
	}
	tamper(bad.Room(g.host.id), fed[bad][0])
	awaitChange(t, g.host.n, "the host to be told", func() bool { return len(g.host.View().Accused) == 1 })
	v, err := g.host.Tree()
	if err != nil || len(v.Accused) != 1 {
		t.Fatalf("the tree %+v, %v", v, err)
	}
	one := v.Accused[0]
	if one.Device != bad.author().Device || one.People != 1 || one.Out || one.What != relay.Altered || one.Text != "1 listener left it: it altered sound." || one.Name == "" {
		t.Errorf("of one who left it is told %+v", one)
	}
	if fed[bad][0].View().Accused != nil {
		t.Error("a listener is told")
	}
	tamper(bad.Room(g.host.id), fed[bad][1])
	awaitChange(t, g.host.n, "the relay to be out", func() bool { l := g.host.View().Accused; return len(l) == 1 && l[0].Out && l[0].People == 2 })
	if text := g.host.View().Accused[0].Text; text != "2 listeners left it: it altered sound. It carries this room no more." {
		t.Errorf("the host is told %q", text)
	}
	awaitChange(t, bad, "the relay to have gone", func() bool { r := bad.Room(g.host.id); return r == nil || r.Phase().Over() })
	for r, e := range ears {
		awaitChange(t, r.n, "somebody else to feed everybody", func() bool { return r.Phase() == Live && g.fedBy(r) != nil && g.fedBy(r) != bad })
		e.hears(t, "Ana to be heard again", true, 50)
	}
	for _, p := range g.host.recruits(time.Now()) {
		if p.ID == bad.host.ID() {
			t.Error("it is asked again")
		}
	}
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	if g.host.askedToCarry(bad.author().Device) {
		t.Error("it may come back")
	}
	later := g.host.host.accused[bad.host.ID()].last.Add(accusedFor + time.Second)
	if g.host.isPutOut(bad.host.ID(), later) || len(g.host.accusedViews(later)) != 0 {
		t.Error("it is never forgotten")
	}
}

// A relay that is put out while another feeds it is let go there, and is not let in again.
func TestRelayPutOutBelowAnother(t *testing.T) {
	g := plant(t, 1, 4, 4)
	upper, lower := g.relays[0], g.relays[1]
	g.host.mu.Lock()
	if g.host.feeds.children[upper.host.ID()] == nil {
		upper, lower = lower, upper
	}
	g.host.mu.Unlock()
	at := upper.Room(g.host.id)
	feeds := func() bool {
		at.mu.Lock()
		defer at.mu.Unlock()
		return at.feeds.children[lower.host.ID()] != nil
	}
	if !feeds() {
		t.Fatal("no relay is below another")
	}
	accuse(t, g.host, lower.host.ID())
	awaitChange(t, upper, "it to be let go", func() bool { return !feeds() })
	awaitCount(t, g.host.n, "join_refused_not_asked") // it looks for another place
	if feeds() || at.Phase() != Live {
		t.Error("it came back, or the other went with it")
	}
}

// One person alone, with however many devices, puts nobody out, nor does anybody who is not in the room.
func TestWhoseWordCounts(t *testing.T) {
	g := plant(t, 2, 8, 8)
	r, at := g.host, g.relays[0].host.ID()
	bo := g.join("Bo")
	g.do(r, about("remove", bo))
	r.mu.Lock()
	defer r.mu.Unlock()
	via := r.feeds.children[at]
	author := func(person, device int) doc.Author { return doc.Author{Person: key(person, 1), Device: key(device, 2)} }
	for _, who := range []doc.Author{author(1, 1), author(1, 2), author(3, 3)} {
		if !r.feeds.below.add(relay.Guest{Person: who.Person, Device: who.Device}, via) {
			t.Fatal("there is no place")
		}
	}
	stranger, err := peerOf(bo.n.author().Device)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, x := range []struct {
		name    string
		against peer.ID
		by      doc.Author
		people  int
		out     bool
	}{
		{"somebody who is not in the room", at, author(9, 9), 0, false},
		{"somebody who was removed", at, bo.n.author(), 0, false},
		{"the relay itself", at, via.author, 0, false},
		{"a listener about another", stranger, author(1, 1), 0, false},
		{"a listener about nobody", "x", author(1, 1), 0, false},
		{"a listener", at, author(1, 1), 1, false},
		{"the same again", at, author(1, 1), 1, false},
		{"the same with another device", at, author(1, 2), 1, false},
		{"the other relay", at, g.relays[1].author(), 2, true},
		{"a second listener", at, author(3, 3), 3, true},
	} {
		r.weigh(x.against, relay.Proof{What: relay.Forged, By: x.by}, now)
		people, out := 0, false
		if list := r.accusedViews(now); len(list) == 1 {
			people, out = list[0].People, list[0].Out
		} else if len(list) > 1 {
			t.Fatalf("after %s %d relays are accused", x.name, len(list))
		}
		if people != x.people || out != x.out {
			t.Errorf("after %s: by %d people, out: %v; want %d, %v", x.name, people, out, x.people, x.out)
		}
	}
	if text := r.accusedViews(now)[0].Text; !strings.Contains(text, "nobody signed") {
		t.Errorf("the host is told %q", text)
	}
}

// However many are accused by however many, what is remembered is bounded.
func TestAccusedAreBounded(t *testing.T) {
	r := gather(t, Start{}).host
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	bad := func(i int) peer.ID {
		id, err := peerOf(doc.PrivateKeyFromSeed([32]byte{byte(i), byte(i >> 8), 1}).Public())
		if err != nil {
			t.Fatal(err)
		}
		r.host.asked[id] = &asked{willing: true}
		return id
	}
	say := func(against peer.ID, by int) {
		who := doc.Author{Person: key(by, 1), Device: key(by, 2)}
		r.host.door.broke(who.Person, now)
		r.weigh(against, relay.Proof{What: relay.Altered, By: who}, now)
	}
	for i := range 2 * accusersMost {
		say(bad(0), i)
	}
	if v := r.accusedViews(now); len(v) != 1 || v[0].People != accusersMost {
		t.Errorf("of one relay there is %+v", v)
	}
	for i := range 2 * accusedMost {
		now = now.Add(time.Second)
		say(bad(i+1), 1)
	}
	v := r.accusedViews(now)
	if last, err := deviceOf(bad(2 * accusedMost)); err != nil || len(v) != accusedMost || v[0].Device != last {
		t.Errorf("%d relays are remembered, %v", len(v), err)
	}
}
