package node

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// word is a record as records keep it.
func word(device, since int, until int64, frames uint64) record {
	return record{
		Service: relay.Service{Since: int64(since), Until: until, Frames: frames, Bytes: 100 * frames},
		author:  doc.Author{Person: key(device, 1), Device: key(device, 2)},
	}
}

// A relay keeps the last of each period, of so many periods of a device, and so many in all; those it carried most for stay.
func TestRecordsAreBounded(t *testing.T) {
	l := &records{by: make(map[recordKey]record)}
	for _, c := range []struct {
		name string
		r    record
		want string
	}{
		{"the first", word(1, 10, 20, 50), ""},
		{"more of it", word(1, 10, 30, 90), ""},
		{"less of it", word(1, 10, 40, 80), "service_shrunk"},
		{"earlier", word(1, 10, 25, 90), "service_shrunk"},
		{"a second period", word(1, 50, 60, 10), ""},
		{"a third", word(1, 70, 80, 20), ""},
		{"a fourth", word(1, 90, 100, 30), ""},
		{"a fifth, of less than each", word(1, 110, 120, 9), "service_too_many"},
		{"a fifth, of more than the second", word(1, 110, 120, 11), ""},
	} {
		if got := l.take(c.r); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if _, there := l.by[word(1, 50, 0, 0).key()]; len(l.by) != 4 || there {
		t.Errorf("%d periods are kept, the smallest: %v", len(l.by), there)
	}
	for i := 2; len(l.by) < recordsMost; i++ {
		l.take(word(i, 10, 20, 100))
	}
	if why := l.take(word(9999, 10, 20, 5)); why != "service_too_many" {
		t.Errorf("one of little in a full list: %q", why)
	}
	if why := l.take(word(9999, 10, 20, 500)); why != "" || len(l.by) != recordsMost {
		t.Errorf("one of much in a full list: %q, and there are %d", why, len(l.by))
	}
	list := l.sorted()
	for i := range list[1:] {
		if a, b := list[i], list[i+1]; a.author.Device == b.author.Device && a.Since >= b.Since {
			t.Fatalf("%d and %d are out of order", i, i+1)
		}
	}
}

// One claim made twice counts once.
func TestRecordsAddUp(t *testing.T) {
	other := word(2, 10, 20, 7)
	other.author.Person = key(1, 1) // the same person on another device
	sum, doubled := addUp([]record{word(1, 50, 60, 5), word(1, 10, 30, 90), word(1, 20, 40, 100), other, word(3, 5, 15, 1)})
	want := CarriedSum{People: 2, Devices: 3, Frames: 113, Bytes: 11300, Since: 5, Until: 60}
	if sum != want || doubled != 1 {
		t.Errorf("%+v and %d twice, want %+v", sum, doubled, want)
	}
	if sum, doubled := addUp(nil); sum != (CarriedSum{}) || doubled != 0 {
		t.Errorf("nothing adds up to %+v", sum)
	}
}

// Of what a child sends as records a relay keeps those it signed itself, about this room and relay.
func TestServedIsChecked(t *testing.T) {
	g := plant(t, 1, 3)
	bo, cy := g.join("Bo"), g.join("Cy")
	at := g.relays[0].Room(g.host.id)
	now := time.Now()
	good := relay.Service{Room: at.id, Relay: at.n.author().Device, Since: now.UnixMilli() - 1000, Until: now.UnixMilli(), Frames: 50, Bytes: 5000}
	at.mu.Lock()
	defer at.mu.Unlock()
	c := at.feeds.children[bo.n.host.ID()]
	sign := func(n *Node, change func(*relay.Service)) []byte {
		s := good
		change(&s)
		raw, err := relay.SignService(n.id(), s)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, x := range []struct {
		name, count string
		raw         []byte
	}{
		{"one of its own", "", sign(bo.n, func(*relay.Service) {})},
		{"somebody else's", "service_foreign", sign(cy.n, func(*relay.Service) {})},
		{"of another room", "service_foreign", sign(bo.n, func(s *relay.Service) { s.Room[0]++ })},
		{"about another relay", "service_foreign", sign(bo.n, func(s *relay.Service) { s.Relay = cy.n.author().Device })},
		{"of less than before", "service_shrunk", sign(bo.n, func(s *relay.Service) { s.Frames-- })},
		{"that is none", "service_malformed", []byte("none")},
	} {
		c.tally.served = allowance{}
		before := at.n.counts.Snapshot()
		if !at.hearTally(c, relay.Served{Payload: x.raw}, c.openServed(relay.Served{Payload: x.raw}, now)) {
			t.Fatal("a record is no message")
		}
		for name, n := range at.n.counts.Snapshot() {
			if strings.HasPrefix(name, "service_") && (n != before[name]) != (name == x.count) {
				t.Errorf("%s is counted as %s", x.name, name)
			}
		}
	}
	if len(at.tally.records.by) != 1 {
		t.Errorf("%d records are kept", len(at.tally.records.by))
	}
	c.tally.served = allowance{}
	for range servedBurst {
		c.openServed(relay.Served{}, now)
	}
	if s := c.openServed(relay.Served{Payload: sign(bo.n, func(*relay.Service) {})}, now); !errors.Is(s.err, errTooOften) {
		t.Errorf("one too many: %v", s.err)
	}
}

// What relays carried is signed by those below them when they leave, outlasts the relay, and is shown to the host, which
// checks it; nothing that a relay invents counts.
func TestServiceRecords(t *testing.T) {
	g := plant(t, 1, 2, 2) // no place is left over: both carry somebody
	g.tone(g.host, 440)
	bo, cy, dan := g.join("Bo"), g.join("Cy"), g.join("Dan")
	for _, r := range []*Room{bo, cy, dan} {
		g.listen(r).hears(t, "Ana to be heard", true, 50)
	}
	// How many signed for each relay. On a busy machine somebody may have moved, and signed for two.
	carried := func(by ...*Room) (of map[*Node]int, words int) {
		of = make(map[*Node]int)
		for _, r := range by {
			r.mu.Lock()
			for _, n := range g.relays {
				if a := r.tally.accounts[n.host.ID()]; a != nil && a.signed.frames > 0 {
					of[n]++
					words++
				}
			}
			r.mu.Unlock()
		}
		return of, words
	}
	awaitChange(t, g.host.n, "the tree", func() bool { v, err := g.host.Tree(); return err == nil && len(v.Nodes) == 3 })
	v, err := g.host.Records(t.Context())
	if err != nil || len(v.Relays) != 2 || v.Relays[0].Silent || v.Relays[1].Silent {
		t.Fatalf("of relays that are there: %+v, %v", v, err)
	}
	if _, words := carried(bo, cy, dan, g.relays[0].Room(g.host.id), g.relays[1].Room(g.host.id)); words == 0 && v.Relays[0].Frames+v.Relays[1].Frames != 0 {
		t.Fatalf("before anybody signed: %+v", v)
	}
	for _, r := range []*Room{bo, cy, dan} {
		g.do(r, Action{Kind: "leave"})
	}
	lower := g.relays[0] // the one that the other feeds: it signs for what it had
	if at := lower.Room(g.host.id); at.Stats().Depth == 1 {
		lower = g.relays[1]
	}
	at := lower.Room(g.host.id)
	at.mu.Lock()
	at.acknowledge(at.guest.parent, at.guest.ctl, time.Now())
	at.mu.Unlock()
	of, words := carried(bo, cy, dan, g.relays[0].Room(g.host.id), g.relays[1].Room(g.host.id))
	awaitChange(t, g.host.n, "everybody's word", func() bool {
		v, err = g.host.Records(t.Context())
		return err == nil && len(v.Relays) == 2 && v.Relays[0].Devices+v.Relays[1].Devices == words
	})
	for _, x := range v.Relays {
		n := g.relays[0]
		if x.Device != n.author().Device {
			n = g.relays[1]
		}
		people := of[n]
		if x.People != people || x.Frames < 50 || x.Bytes < 20*x.Frames || x.Refused != 0 || x.Silent || x.Until < x.Since || x.Since == 0 {
			t.Errorf("%s, which carried for %d: %+v", x.Name, people, x)
		}
		// Its operator sees the same, from the file.
		all, err := n.Services()
		if err != nil || len(all) != 1 || all[0].Records != nil || all[0].CarriedSum != x.CarriedSum {
			t.Errorf("its operator sees %+v, %v", all, err)
		}
		s, err := n.Service(g.host.id)
		if err != nil || s.CarriedSum != x.CarriedSum || s.Title != "Grove" || s.Host.Name != "Ana" || len(s.Records) != people {
			t.Errorf("its operator sees %+v, %v", s, err)
		}
		if again := n.openRecords(g.host.id); len(again.by) != people {
			t.Errorf("after a restart %d of %d are there", len(again.by), people)
		}
	}
	// The lower relay invents a listener, and alters what one signed.
	at.mu.Lock()
	list := at.tally.records.sorted()
	bad := list[0]
	bad.raw = append([]byte{}, bad.raw...)
	bad.raw[len(bad.raw)-1] ^= 1
	bad.Since++
	invented := list[0]
	invented.Since += 2
	var e error
	invented.raw, e = relay.SignService(at.n.id(), relay.Service{Room: at.id, Relay: at.n.author().Device, Since: 1, Until: time.Now().UnixMilli(), Frames: 1 << 30})
	at.tally.records.by[bad.key()], at.tally.records.by[invented.key()] = bad, invented
	at.mu.Unlock()
	if e != nil {
		t.Fatal(e)
	}
	again, err := g.host.Records(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range again.Relays {
		want := 0
		if x.Device == lower.author().Device {
			want = 2
		}
		if x.Refused != want || x.CarriedSum != v.Relays[i].CarriedSum {
			t.Errorf("after it lied %s shows %+v, before %+v", x.Name, x, v.Relays[i])
		}
	}
	if _, err := g.relays[0].Service(room.ID{1}); Explain(err).Code != "no_records" {
		t.Errorf("a room that was never carried: %v", err)
	}
	if _, err := g.host.n.Services(); Explain(err).Code != "no_relay" {
		t.Errorf("a node that is no relay: %v", err)
	}
}

// When the host ends the room, everybody signs before they go.
func TestServiceSignedAtTheEnd(t *testing.T) {
	g := plant(t, 1, 3)
	g.tone(g.host, 440)
	bo := g.join("Bo")
	g.listen(bo).hears(t, "Ana to be heard", true, 50)
	g.do(g.host, Action{Kind: "end"})
	r := g.relays[0].Room(g.host.id)
	awaitChange(t, bo.n, "the end", func() bool { return bo.Phase() == Ended })
	g.relays[0].leave(r)
	s, err := g.relays[0].Service(g.host.id)
	if err != nil || s.People != 1 || s.Frames < 50 {
		t.Errorf("the relay has %+v, %v", s, err)
	}
}

// Whoever moves signs for the relay that they leave.
func TestServiceSignedWhenMoving(t *testing.T) {
	g := plant(t, 1, 8, 8)
	g.tone(g.host, 440)
	bo := g.join("Bo")
	g.listen(bo).hears(t, "Ana to be heard", true, 50)
	left := g.fedBy(bo)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	left.Drain(ctx)
	if ctx.Err() != nil {
		t.Fatal("somebody did not go")
	}
	s, err := left.Service(g.host.id)
	if err != nil || s.Frames < 50 {
		t.Errorf("the relay that was left has %+v, %v", s, err)
	}
	if now := g.fedBy(bo); now == left || bo.Phase() != Live {
		t.Errorf("Bo is fed by the same, or not at all: %s", bo.Phase())
	}
}

// A damaged file of records is set aside, and old ones make room for new.
func TestRecordFiles(t *testing.T) {
	n := startNode(t, "Bo", nil)
	id := room.ID{1}
	if err := n.writeRecords(id, recordFile{Version: recordsVersion}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.recordsPath(id), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l := n.openRecords(id); len(l.by) != 0 || n.counts.Snapshot()["service_damaged"] != 1 || len(n.recordFiles()) != 0 {
		t.Errorf("%d records of a damaged file; files %v", len(l.by), n.recordFiles())
	}
	began := time.Now().Add(-time.Hour)
	for i := range recordFilesMost {
		id := room.ID{2, byte(i)}
		if err := n.writeRecords(id, recordFile{Version: recordsVersion}); err != nil {
			t.Fatal(err)
		}
		at := began.Add(time.Duration(i) * time.Second)
		if err := os.Chtimes(n.recordsPath(id), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.writeRecords(room.ID{3}, recordFile{Version: recordsVersion}); err != nil {
		t.Fatal(err)
	}
	list := n.recordFiles()
	if len(list) != recordFilesMost || list[0] != (room.ID{3}) || list[len(list)-1] != (room.ID{2, 1}) {
		t.Errorf("%d files are left, from %v to %v", len(list), list[0], list[len(list)-1])
	}
}
