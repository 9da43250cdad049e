package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
)

// A long list of people comes page by page: everybody once, in order, found by any part of the name.
func TestPeopleComeInPages(t *testing.T) {
	g := gather(t, Start{})
	r, now := g.host, time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	const crowd = 2*relay.MaxFaces + 50
	add := func(i, device int, name string) {
		p := doc.PublicKey{byte(i), byte(i >> 8), 1}
		id := peer.ID(fmt.Sprint(i, ".", device))
		r.host.children[id] = &child{id: id, author: doc.Author{Person: p, Device: doc.PublicKey{byte(i), byte(i >> 8), byte(2 + device)}}, name: name,
			ctl: newControlConn(closedStream(t), nil), heard: now}
	}
	for i := range crowd {
		add(i, 0, fmt.Sprintf("guest %03d", i%200)) // names are no keys
	}
	add(0, 1, "guest 000") // a second device is not a second person
	seen := make(map[doc.PublicKey]bool)
	var order []string
	after, pages := "", 0
	for ; pages < 10; pages++ {
		m := r.people(relay.Who{ID: 7, After: after}, now)
		if m.ID != 7 || len(m.List) > relay.MaxFaces {
			t.Fatalf("page %d: answer to %d of %d people", pages, m.ID, len(m.List))
		}
		for _, f := range m.List {
			if seen[f.Person] {
				t.Errorf("%s twice", f.Name)
			}
			seen[f.Person] = true
			order = append(order, rosterKey(f))
		}
		if after = m.Next; after == "" {
			break
		}
	}
	if len(seen) != crowd+1 || pages != 2 || !slices.IsSorted(order) { // and the host
		t.Errorf("%d people on %d pages, sorted %v", len(seen), pages+1, slices.IsSorted(order))
	}
	if m := r.people(relay.Who{Search: "T 199"}, now); len(m.List) != 1 || m.Next != "" {
		t.Errorf("found %+v", m)
	}
	if m := r.people(relay.Who{Search: "nobody"}, now); len(m.List) != 0 || m.Next != "" {
		t.Errorf("found %+v", m)
	}
	clear(r.host.children)
	if m := r.people(relay.Who{}, now.Add(rosterLasts+1)); len(m.List) != 1 {
		t.Errorf("a second later there are still %d", len(m.List))
	}
}

// closedStream is for a connection that is never used.
func closedStream(t *testing.T) byteStream {
	t.Helper()
	x, y := newPipe()
	y.Close()
	return x
}

func TestNamesAreBounded(t *testing.T) {
	var n names
	for i := range maxNames + 10 {
		n.learn(doc.PublicKey{byte(i), byte(i >> 8)}, "x")
	}
	last := doc.PublicKey{1, 2, 3}
	n.learn(last, "Ana")
	if len(n.of) != maxNames || n.view(last).Name != "Ana" {
		t.Errorf("%d names, the last %q", len(n.of), n.view(last).Name)
	}
}

// Whoever asks for too much, or too often, is told to wait.
func TestQuestionsForPeopleAreBounded(t *testing.T) {
	g := gather(t, Start{}, "Bo")
	bo := g.guests["Bo"]
	long := func(id uint64) (any, error) { return relay.Who{ID: id, Search: strings.Repeat("x", maxSearch+1)}, nil }
	if m, err := bo.exchange(t.Context(), long); err != nil || m.(relay.Answer).Code != "busy" {
		t.Errorf("a long question: %+v, %v", m, err)
	}
	refused := 0
	for range 3 * whoBurst {
		if _, _, err := bo.People(t.Context(), "", ""); err != nil && Explain(err).Code == "busy" {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused == 0 || refused > 2*whoBurst {
		t.Errorf("of %d questions at once %d were refused", 3*whoBurst, refused)
	}
}
