package node

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
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
	awaitCount(t, g.host.n, "join_refused_not_asked", 1) // it looks for another place
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

// Two devices of one person who led at once may have come to one KID. What the other one signed is no evidence against an honest relay
// that passed it on, nor is what differs under a KID of which nobody can say whose it is.
func TestWhatATwinSignedIsNoEvidence(t *testing.T) {
	g := plant(t, 2, 8, 8)
	r, id := g.host, g.relays[0].host.ID()
	twin := doc.NewPrivateKey()
	twinID, err := peerOf(twin.Public())
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.heir.others = append(r.heir.others, peer.AddrInfo{ID: twinID})
	r.mu.Unlock()
	say := func(signer doc.PrivateKey) relay.PutOut {
		words, by := wordsAbout(t, r, id, 2, signer)
		r.mu.Lock()
		defer r.mu.Unlock()
		for i, e := range words {
			r.host.door.broke(by[i].Author().Person, time.Now())
			(*placeOut)(r).Accuse("", e)
		}
		return vouched(t, r, r.n, id, words)
	}
	out := say(twin)
	awaitCount(t, r.n, "evidence_refused", 2)
	r.takeOut(out, time.Now())
	if r.hasOut(id)() {
		t.Error("a relay that passed on what another device of the host's signed is out")
	}
	r.mu.Lock()
	other := r.state.Clone()
	other.Program.Device = twin.Public()
	r.noteSigners(other)
	r.mu.Unlock()
	say(doc.NewPrivateKey())
	awaitCount(t, r.n, "evidence_refused", 4)
	r.mu.Lock()
	r.signers = nil
	r.noteSigners(r.state)
	r.mu.Unlock()
	say(doc.NewPrivateKey())
	awaitChange(t, r.n, "a relay that passed on what nobody signed to be out", r.hasOut(id))
}

// Whoever leads may have a twin in a device that led in their place, or of which nobody knows whose it is; not in one that is another
// person's, nor in their own.
func TestWhoMayBeATwin(t *testing.T) {
	r := gather(t, Start{}).host
	r.mu.Lock()
	defer r.mu.Unlock()
	bo, before, cy, unknown := device(t, 2), device(t, 3), device(t, 4), device(t, 5)
	own := r.state
	defer func() { r.state = own }()
	r.state = own.Clone()
	r.state.Seats = append(r.state.Seats, room.Seat{Person: person(t, 2), Device: bo})
	r.state.Past = []room.Ending{{Device: before}, {Term: room.Term{Order: 1}, Device: cy}}
	var rivals []ed25519.PublicKey
	for _, d := range []doc.PublicKey{r.n.author().Device, bo, before, cy, unknown} {
		rivals = append(rivals, d[:])
	}
	if got := r.twinKeys(rivals); len(got) != 2 || !bytes.Equal(got[0], before[:]) || !bytes.Equal(got[1], unknown[:]) {
		t.Errorf("%d twins: %x", len(got), got)
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

// A plot is how people say of a relay that it deceived them. It returns who speaks now, by number: those of k, and what it is told of
// is whether the relay is out, since when it has been back, and how many have spoken so far.
type plot func(k int, out bool, quiet time.Duration, spoken int) []int

// TestConspiratorsCostLittle: a day of a room in which people conspire against an honest relay, in the ways that cost it most. Two put
// it out for some minutes of an hour at most; before, it was the whole hour. One that deceives all whom it feeds is out for an hour
// each time.
func TestConspiratorsCostLittle(t *testing.T) {
	beside(t)
	everybody := func(k int) (all []int) {
		for i := range k {
			all = append(all, i)
		}
		return all
	}
	atOnce := func(k int, _ bool, _ time.Duration, _ int) []int { return everybody(k) }
	oneByOne := func(k int, out bool, _ time.Duration, spoken int) []int { // as soon as it is back
		if out && spoken >= 2 || spoken >= k {
			return nil
		}
		return []int{spoken}
	}
	patient := func(k int, _ bool, quiet time.Duration, _ int) []int { // when what they said is forgotten
		if quiet > 0 && quiet <= accusedFor {
			return nil
		}
		return everybody(k)
	}
	const step, day = 10 * time.Second, 24 * time.Hour
	for _, c := range []struct {
		name   string
		plot   plot
		people int
		most   time.Duration // of the day
		least  time.Duration
	}{
		{"one", atOnce, 1, 0, 0},
		{"two, without a pause", atOnce, 2, 125 * time.Minute, 110 * time.Minute},
		{"two, who wait until it is forgotten", patient, 2, 125 * time.Minute, 110 * time.Minute},
		{"three, one after the other", oneByOne, 3, 26 * time.Minute, 25 * time.Minute},
		{"four, one after the other", oneByOne, 4, 86 * time.Minute, 85 * time.Minute},
		{"all whom a liar feeds", atOnce, 8, day, day - 5*time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := plant(t, 8, 8, 8)
			r, id := g.host, g.relays[0].host.ID()
			r.mu.Lock()
			defer r.mu.Unlock()
			asked := r.host.asked[id]
			for i := range c.people {
				if !r.feeds.below.add(relay.Guest{Person: key(100+i, 1), Device: key(100+i, 2)}, r.feeds.children[g.relays[1].host.ID()]) {
					t.Fatal("there is no place")
				}
			}
			start := time.Now().Add(-day) // what comes after it is not to count
			var wasOut time.Duration
			var last time.Time // that anybody spoke
			spoken := make(map[int]bool)
			for now := start; now.Sub(start) < day; now = now.Add(step) {
				if !r.isPutOut(id, now) {
					r.host.asked[id] = asked // it is asked again
				}
				quiet := time.Duration(0)
				if !last.IsZero() {
					quiet = now.Sub(last)
				}
				for _, i := range c.plot(c.people, r.isPutOut(id, now), quiet, len(spoken)) {
					r.weigh(id, relay.Proof{What: relay.Altered, By: doc.Author{Person: key(100+i, 1), Device: key(100+i, 2)}}, now)
					spoken[i], last = true, now
				}
				if r.isPutOut(id, now) {
					wasOut += step
				}
			}
			t.Logf("out for %s of a day", wasOut)
			if wasOut > c.most+step || wasOut < c.least {
				t.Errorf("out for %s of a day, want %s to %s", wasOut, c.least, c.most)
			}
		})
	}
}
