package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// tailOf is a room whose co-host led it in an earlier term, and takes the tail of that: events, one or more to a message. tell returns
// how many of them are taken.
func tailOf(t *testing.T) (r *Room, tell func(events ...room.Event) (taken int)) {
	t.Helper()
	bo, err := newDevice(doc.NewPrivateKey())
	if err != nil {
		t.Fatal(err)
	}
	by := bo.Author()
	r = gather(t, Start{CoHosts: []PersonView{{by.Person, "Bo"}}}).host
	c := &child{author: by, ctl: newControlConn(closedStream(t), nil)}
	r.mu.Lock()
	shared := r.state.Seq
	r.mu.Unlock()
	return r, func(events ...room.Event) (taken int) {
		t.Helper()
		m := relay.Tail{Shared: shared}
		for _, ev := range events {
			ev.Room, ev.Term, ev.Seq = r.id, room.Term{Reign: 1, Epoch: 1, Order: 1}, shared+ev.Seq
			if ev.Ref != 0 {
				ev.Ref += shared
			}
			if ev.By.IsZero() {
				ev.By, ev.Device = by.Person, by.Device
			}
			raw, err := room.SignEvent(bo, ev)
			if err != nil {
				t.Fatal(err)
			}
			m.Events = append(m.Events, raw)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.retell(c, m, time.Now())
	}
}

// A tail comes in parts: a line of one is erased in another, and no line of ours that has its number. However much one person said, all
// of it stands, and once.
func TestTailInParts(t *testing.T) {
	r, tell := tailOf(t)
	ana := r.n.author()
	r.mu.Lock()
	for i := range 4 {
		if err := r.decide(ana, room.Command{Room: r.id, Kind: room.Say, Name: "Ana", Text: fmt.Sprint("ours ", i), Time: time.Now().UnixMilli()}, time.Now()); err != nil {
			t.Error(err)
		}
	}
	r.mu.Unlock()
	at := time.Now().Add(-time.Minute).UnixMilli()
	dan := doc.Author{Person: key(1, 1), Device: key(1, 2)}
	line := func(seq uint64, text string) room.Event {
		return room.Event{Kind: room.Say, Seq: seq, Time: at + int64(seq), By: dan.Person, Device: dan.Device, Name: "Dan", Text: text}
	}
	var long []room.Event
	want := []string{"ours 0", "ours 1", "ours 2", "ours 3", "", "so"}
	for i := range uint64(20) {
		text := fmt.Sprint("and ", i/2) // somebody may say the same twice
		long, want = append(long, line(10+i, text)), append(want, text)
	}
	for range 2 {
		tell(line(1, "not so"), line(2, "so"))
		tell(room.Event{Kind: room.Erase, Seq: 3, Time: at, Ref: 1}, room.Event{Kind: room.Erase, Seq: 4, Time: at, Ref: 3})
		for part := range slices.Chunk(long, 6) {
			tell(part...)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var got []string
	for _, l := range r.state.Chat {
		got = append(got, l.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the chat is\n%q, want\n%q", got, want)
	}
}

// Who was put out where the room is led now is not let in by what a co-host did before that, and tells of late.
func TestTailLetsNobodyInWhoWasPutOutSince(t *testing.T) {
	r, tell := tailOf(t)
	now := time.Now()
	at := func(kind room.Kind, who doc.PublicKey, seq uint64, when time.Duration) room.Event {
		return room.Event{Kind: kind, To: who, Seq: seq, Time: now.Add(when).UnixMilli()}
	}
	since, before, unknown, both, late := key(1, 1), key(2, 1), key(3, 1), key(4, 1), key(5, 1)
	r.mu.Lock()
	for _, p := range []doc.PublicKey{since, before, unknown} {
		if err := r.decide(r.n.author(), room.Command{Room: r.id, Kind: room.Remove, To: p, Time: now.UnixMilli()}, now); err != nil {
			t.Error(err)
		}
		if p == unknown {
			r.heir.events = r.heir.events[:len(r.heir.events)-1] // as if it were long ago
		}
	}
	r.mu.Unlock()
	tell(
		at(room.Readmit, since, 1, -time.Minute), at(room.Readmit, before, 2, time.Minute), at(room.Readmit, unknown, 3, time.Minute),
		at(room.Remove, both, 4, -2*time.Minute), at(room.Readmit, both, 5, -time.Minute), at(room.Remove, late, 6, -2*time.Minute),
	)
	tell(at(room.Readmit, late, 7, -time.Minute))
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range []struct {
		name string
		who  doc.PublicKey
		out  bool
	}{
		{"put out since", since, true},
		{"put out before", before, false},
		{"put out nobody knows when", unknown, true},
		{"put out and let in by the tail", both, false},
		{"put out and let in by two parts of it", late, false},
	} {
		if got := r.state.IsRemoved(c.who); got != c.out {
			t.Errorf("%s: out is %v", c.name, got)
		}
	}
}

// A tail goes a part at a time, and the next when the one before is taken: what was on its way when a connection broke goes once more.
func TestTailGoesWhenThePartBeforeIsTaken(t *testing.T) {
	g := gather(t, Start{}, "Bo")
	r := g.guests["Bo"]
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.heir
	up, dead := r.guest.up, newControlConn(closedStream(t), nil)
	taken := func(u *uplink, n uint32) {
		r.mu.Unlock()
		defer r.mu.Lock()
		r.tailTaken(u, relay.Taken{Events: n})
	}
	for i := range 2*relay.MaxTail + 1 {
		h.tail = append(h.tail, []byte(fmt.Sprint("event ", i)))
		h.events = append(h.events, logged{room.Told{}, h.tail[i]})
	}
	h.telling = dead
	if taken(up, 1); len(h.tail) != 2*relay.MaxTail+1 {
		t.Error("somebody took what they were not told")
	}
	// Who does not lead takes nothing; the host does not know Bo as one who led, but hears of each part.
	r.tellTail()
	if first := h.telling; first != r.guest.ctl {
		t.Fatal("where the connection broke nothing goes by the next")
	}
	r.mu.Unlock()
	awaitChange(t, r.n, "all of it to be taken", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(h.tail) == 0 && h.telling == nil
	})
	r.mu.Lock()
	if n := g.host.n.Counts()["tail_refused"]; n != 3 {
		t.Errorf("it went in %d parts", n)
	}
	if slices.ContainsFunc(h.events, func(l logged) bool { return strings.HasPrefix(string(l.raw), "event ") }) {
		t.Error("what was taken is to be told again")
	}

	// Of a part that is too much at once the rest goes a second later.
	h.tail, h.telling = [][]byte{[]byte("one"), []byte("two"), []byte("three")}, r.guest.ctl
	if taken(up, 1); len(h.tail) != 2 || h.telling != nil {
		t.Errorf("%d are left, and told at once: %v", len(h.tail), h.telling != nil)
	}
	r.tallyUp(time.Now())
	if h.telling != r.guest.ctl {
		t.Error("the rest is not told")
	}
}

// Who leads says how much it took: what is beyond its measure comes again.
func TestTailIsTakenInMeasure(t *testing.T) {
	r, tell := tailOf(t)
	at := time.Now().UnixMilli()
	who := doc.Author{Person: key(1, 1), Device: key(1, 2)}
	lines := make([]room.Event, room.MaxLines)
	for i := range lines {
		lines[i] = room.Event{Kind: room.Say, Seq: 1 + uint64(i), Time: at, By: who.Person, Device: who.Device, Name: "Dan", Text: fmt.Sprint("line ", i)}
	}
	r.mu.Lock()
	r.host.tails = allowance{left: 2, at: time.Now()}
	r.mu.Unlock()
	taken := tell(lines...) // meanwhile a few more are allowed
	if said, _ := r.Chat(0); taken < 2 || taken == len(lines) || len(said) != taken {
		t.Errorf("%d are taken, %d said", taken, len(said))
	}
}

// What is kept of a tail is bounded: the latest, and before all others those that put people out. Of what the host did itself, and of
// the reign before, nothing is kept.
func TestKeptTailIsBounded(t *testing.T) {
	r := gather(t, Start{}).host
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.state.Clone()
	s.Term = room.Term{Reign: 2, Epoch: 3, Order: 1}
	r.heir.events = nil
	const size = 1 << 10
	add := func(n byte, kind room.Kind, term room.Term) {
		raw := make([]byte, size)
		raw[0] = n
		r.heir.events = append(r.heir.events, logged{room.Told{Event: room.Event{Kind: kind, Term: term}}, raw})
	}
	add(1, room.Remove, room.Term{Reign: 1, Epoch: 1, Order: 1})
	add(2, room.Remove, room.Term{Reign: 2})
	add(3, room.Remove, room.Term{Reign: 2, Epoch: 1, Order: 2})
	for range 2 * tailKept / size {
		add(4, room.Say, s.Term)
	}
	add(5, room.Say, s.Term)
	last := logged{room.Told{Event: room.Event{Kind: room.Say, Term: s.Term}}, []byte{6}}
	raw := r.keptTail(s, last)
	total := 0
	for _, b := range raw {
		total += len(b)
		if b[0] < 3 {
			t.Errorf("event %d is kept", b[0])
		}
	}
	if n := len(raw); total > tailKept || total < tailKept-2*size || raw[0][0] != 3 || raw[n-2][0] != 5 || raw[n-1][0] != 6 {
		t.Errorf("%d events of %d bytes, from %d to %d", n, total, raw[0][0], raw[n-1][0])
	}
	s.Term.Epoch = 0
	if raw := r.keptTail(s, last); raw != nil {
		t.Errorf("%d events are kept where the host leads", len(raw))
	}
}
