package node

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
)

// Media streams that nobody joins for do not keep out those of people who do.
func TestStrangersDoNotBlockJoining(t *testing.T) {
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Crowded", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	var first *streamLink
	for i := range 2 * parkedMax {
		x, _ := newPipe()
		l := newStreamLink(x, nil)
		if i == 0 {
			first = l
		}
		hosted.takeMedia(peer.ID(fmt.Sprint("stranger", i)), mediaStream{l, time.Now()})
	}
	hosted.mu.Lock()
	n := len(hosted.host.parked)
	hosted.mu.Unlock()
	if n != parkedMax {
		t.Errorf("%d media streams wait for their join, want %d", n, parkedMax)
	}
	<-first.done // the oldest had to go
	joined, err := bo.Join(context.Background(), hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v, %+v", err, joined.View())
	}
	if s := joined.Stats(); s.Depth != 1 {
		t.Errorf("depth %d", s.Depth)
	}
	ear := newEar(t)
	joined.Play(ear)
	if err := hosted.Publish(t.Context(), newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	ear.hears(t, "the host in spite of strangers", true, 25)
}

// Whoever waits with a co-host for it to lead may have tried more than once, and each attempt goes on when it does, in any order: none
// takes the place of a later one.
func TestTheLatestAttemptCounts(t *testing.T) {
	g := gather(t, Start{}, "Bo")
	bo := g.guests["Bo"]
	id := bo.n.host.ID()
	bo.mu.Lock()
	join := bo.guest.up.join
	bo.mu.Unlock()
	g.host.mu.Lock()
	c := g.host.feeds.children[id]
	early := min(c.joined.UnixNano(), c.stream.UnixNano()) - 1
	g.host.mu.Unlock()
	stream := func() *streamLink {
		x, _ := newPipe()
		return newStreamLink(x, nil)
	}
	link := func() relay.Link {
		g.host.media.mu.Lock()
		defer g.host.media.mu.Unlock()
		return g.host.media.links[relay.Peer(id)]
	}
	before, old := link(), stream()
	g.host.takeMedia(id, mediaStream{old, time.Unix(0, early)})
	<-old.done
	ctl := newControlConn(closedStream(t), nil)
	_, no := g.host.admit(t.Context(), g.host.n.host.Network().ConnsToPeer(id)[0], ctl, join, time.Unix(0, early))
	if no, ok := no.(relay.Refuse); !ok || no.Code != "again" {
		t.Errorf("an older join: %v", no)
	}
	g.host.mu.Lock()
	if g.host.feeds.children[id] != c || link() != before {
		t.Error("an older attempt took the place of a later one")
	}
	g.host.mu.Unlock()
	g.host.takeMedia("stranger", mediaStream{before, time.Unix(0, early+1)})
	g.host.takeMedia("stranger", mediaStream{stream(), time.Unix(0, early)})
	g.host.mu.Lock()
	if g.host.feeds.parked["stranger"].link != before {
		t.Error("an older one is parked in the place of a later one")
	}
	delete(g.host.feeds.parked, "stranger")
	g.host.mu.Unlock()
	newer := stream()
	g.host.takeMedia(id, mediaStream{newer, time.Now()})
	if link() != newer {
		t.Error("a newer one does not")
	}
}

// A speaker who leaves gives up the seat, also while the same person listens on another device.
func TestSeatGoesWithItsDevice(t *testing.T) {
	ctx := context.Background()
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Two devices", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(ctx, hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	if err := joined.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
		t.Fatal(err)
	}
	if err := hosted.Do(ctx, Action{Kind: "grant", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	hosted.mu.Lock() // the phone, as far as the room knows
	phone := &child{id: "phone", author: doc.Author{Person: bo.Person(), Device: doc.PublicKey{1}}, heard: time.Now()}
	a, _ := newPipe()
	phone.ctl = newControlConn(a, nil)
	hosted.host.children[phone.id] = phone
	hosted.mu.Unlock()
	if err := joined.Do(ctx, Action{Kind: "leave"}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, ana, "the seat to be free", func() bool {
		hosted.mu.Lock()
		defer hosted.mu.Unlock()
		return hosted.state.RoleOf(bo.Person()) == room.Listener
	})
}

// One listener who claims to lose everything does not decide for many; one of a few does.
func TestWorstLoss(t *testing.T) {
	ana := startNode(t, "Ana", nil)
	hosted, err := ana.StartRoom(Start{Title: "Losses", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	hosted.mu.Lock()
	defer hosted.mu.Unlock()
	if got := hosted.worstLoss(); got != 0 {
		t.Errorf("nobody loses %v", got)
	}
	for i := range 20 {
		loss := 0.02
		if i == 0 {
			loss = 1
		}
		id := peer.ID(fmt.Sprint("listener", i))
		hosted.host.children[id] = &child{id: id, author: doc.Author{Person: doc.PublicKey{byte(i), 1}}, loss: loss}
		want := 1.0
		if i >= 9 {
			want = 0.02
		}
		if got := hosted.worstLoss(); got != want {
			t.Errorf("%d listeners: %v, want %v", i+1, got, want)
		}
	}
	clear(hosted.host.children)
}

// What is said in a room is no news to those who are not in it.
func TestAnnouncesOnlyWhatIsNew(t *testing.T) {
	g := gather(t, Start{}, "Bo")
	awaitChange(t, g.host.n, "the listener to be announced", func() bool {
		l, ok := g.host.n.dir.Get(g.host.ID(), time.Now())
		return ok && l.ann.Listeners == 1
	})
	g.host.mu.Lock()
	defer g.host.mu.Unlock()
	for what, c := range map[string]struct {
		change func()
		want   bool
	}{
		"nothing":           {func() {}, false},
		"a line":            {func() { g.host.state.Chat = append(g.host.state.Chat, room.Line{Seq: 1}) }, false},
		"a hand":            {func() { g.host.state.Hands = append(g.host.state.Hands, room.Hand{}) }, false},
		"a listener":        {func() { g.host.listeners++ }, true},
		"the lock":          {func() { g.host.state.Locked = !g.host.state.Locked }, true},
		"one more of many":  {func() { g.host.listeners = 1215; g.host.host.notice = g.host.notice(); g.host.listeners++ }, false},
		"many more of many": {func() { g.host.listeners = 1215; g.host.host.notice = g.host.notice(); g.host.listeners += 200 }, true},
	} {
		g.host.listeners = 1
		g.host.host.notice = g.host.notice()
		if c.change(); (g.host.notice() != g.host.host.notice) != c.want {
			t.Errorf("%s is announced: %v", what, !c.want)
		}
	}
}
