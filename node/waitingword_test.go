package node

import (
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
)

// Attack: a co-host who led while the host was away says that a relay is put out, by keys that they made up. Where the room is led next
// each key counts when its person is in the room, once, and none for longer than those who were there take to come back.
func TestAccusersAreInTheRoom(t *testing.T) {
	boNode := startNode(t, "Bo", nil)
	r := gather(t, Start{CoHosts: []PersonView{{boNode.Person(), "Bo"}}}).host
	id, err := peerOf(device(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	words, by := wordsAgainst(t, r, id, relay.MaxWords)
	now := time.Now()
	out := vouched(t, r, boNode, id, words)
	outFor := func() time.Duration {
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.isPutOut(id, now) {
			return 0
		}
		return r.outs[id].until().Sub(now).Round(time.Minute)
	}
	comeIn := func(n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.host.door.broke(by[n].Author().Person, now)
		r.settleOuts(now)
	}
	r.takeOut(out, now)
	if got := outFor(); got != 0 {
		t.Fatalf("four keys that were made up put it out for %s", got)
	}
	for n, want := range []time.Duration{0, 5 * time.Minute, 20 * time.Minute} {
		comeIn(n)
		if got := outFor(); got != want {
			t.Errorf("with %d of them in the room it is out for %s, want %s", n+1, got, want)
		}
		r.takeOut(out, now)
		if got := outFor(); got != want {
			t.Errorf("when it is told once more it is out for %s, want %s", got, want)
		}
	}
	r.mu.Lock()
	if told := r.outs[id].told; len(told.Words) != 3 {
		t.Errorf("%d words are told", len(told.Words))
	} else if _, who, err := told.Open(r.id, r.signersSoFar(), now); err != nil || who != r.n.author() {
		t.Errorf("%v vouches for them: %v", who, err)
	}
	r.settleOuts(now.Add(waitingFor + time.Second))
	if n := len(r.host.waitingOuts); n != 0 {
		t.Errorf("%d are waited for without end", n)
	}
	r.mu.Unlock()
	now = now.Add(waitingFor + time.Second)
	if comeIn(3); outFor() > 20*time.Minute {
		t.Error("who came a long time after has put it out")
	}
}

// What waits is bounded, and the latest is kept.
func TestWaitingWordsAreBounded(t *testing.T) {
	var l waitingWords
	now := time.Now()
	word := func(by int, against string) relay.Proof {
		return relay.Proof{By: doc.Author{Person: key(by, 1), Device: key(by, 2)}, Evidence: relay.Evidence{Against: []byte(against)}}
	}
	for i := range 2 * waitingMost {
		l.add([]relay.Proof{word(i, "a"), word(i, "b"), word(i, "a")}, now)
	}
	if last := l[len(l)-1]; len(l) != waitingMost || last.By.Person != key(2*waitingMost-1, 1) || string(last.Evidence.Against) != "a" {
		t.Errorf("%d wait, the last is of %v", len(l), last.By)
	}
}

// A device that is in the room under one name speaks under no other, and who holds several keys for one relay is one.
func TestADeviceSpeaksForOnePerson(t *testing.T) {
	g := plant(t, 2, 8, 8)
	r, at, other := g.host, g.relays[0].host.ID(), g.relays[1].author()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	listener := doc.Author{Person: key(1, 1), Device: key(1, 2)}
	if !r.feeds.below.add(relay.Guest{Person: listener.Person, Device: listener.Device}, r.feeds.children[at]) {
		t.Fatal("there is no place")
	}
	own := doc.NewPrivateKey() // of a relay that is asked, and below another: nobody names it
	far := own.Public()
	farID, err := peerOf(far)
	if err != nil {
		t.Fatal(err)
	}
	r.host.asked[farID] = &asked{willing: true}
	for _, c := range []struct {
		name string
		who  doc.Author
		want bool
	}{
		{"a listener", listener, true},
		{"a listener's device under another name", doc.Author{Person: key(2, 1), Device: listener.Device}, false},
		{"a listener on a device that is not here", doc.Author{Person: listener.Person, Device: key(2, 2)}, false},
		{"a relay", other, true},
		{"a relay under another name", doc.Author{Person: key(2, 1), Device: other.Device}, false},
		{"the host", r.n.author(), true},
		{"the host's device under another name", doc.Author{Person: key(2, 1), Device: r.n.author().Device}, false},
		{"a relay below another", doc.Author{Person: key(3, 1), Device: far}, true},
	} {
		if got := r.inRoom(c.who, now); got != c.want {
			t.Errorf("%s is in the room: %v", c.name, got)
		}
	}
	for range relay.MaxWords {
		person := doc.NewPrivateKey()
		cert, err := doc.SignCert(person, doc.Cert{Person: person.Public(), Device: far, NotBefore: now.Unix() - 60, NotAfter: now.Unix() + 60})
		if err != nil {
			t.Fatal(err)
		}
		who, err := doc.NewIdentity(own, cert)
		if err != nil {
			t.Fatal(err)
		}
		word, err := relay.Evidence{Against: []byte(at)}.Sign(who, r.id, now)
		if err != nil {
			t.Fatal(err)
		}
		r.weigh(at, relay.Proof{What: relay.Forged, By: who.Author(), Evidence: word}, now)
	}
	if v := r.accusedViews(now); len(v) != 1 || v[0].People != 1 || v[0].Out {
		t.Errorf("of one that speaks under four names is told %+v", v)
	}
}
