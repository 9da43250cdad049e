package node

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"salon/relay"
)

// A stalled link takes everything and lets nothing through; that the stream under it lives, both sides see.
type stalled struct{ relay.Link }

func (stalled) Send(*relay.Packet) {}

// stall stalls the link to a child as it is now.
func (r *Room) stall(n *Node) {
	p := relay.Peer(n.host.ID())
	r.media.mu.Lock()
	defer r.media.mu.Unlock()
	if l := r.media.links[p]; l != nil {
		if _, already := l.(stalled); !already {
			r.media.links[p] = stalled{l}
		}
	}
}

// words keeps what the page says of a room's sound, each text once in a row.
type words struct {
	mu   sync.Mutex // guards the field below
	said []string
}

func listenToWords(n *Node, r *Room) (w *words, stop func()) {
	w = &words{}
	changed := make(chan struct{}, 1)
	unwatch := n.Watch(func(Change) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			q := r.View().Quality
			w.mu.Lock()
			if text := q.State + ": " + q.Text; len(w.said) == 0 || w.said[len(w.said)-1] != text {
				w.said = append(w.said, text)
			}
			w.mu.Unlock()
			select {
			case <-changed:
			case <-done:
				return
			}
		}
	}()
	return w, func() { unwatch(); close(done); <-ended }
}

func (w *words) all() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.said, "\n")
}

// hosting is a room of Ana in which she speaks, and Bo listens to it.
func listening(t *testing.T) (ana, bo *Node, hosted, joined *Room, ear *ear) {
	t.Helper()
	ana, bo = startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Silence", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	if err := hosted.Publish(context.Background(), newTone(t, 440)); err != nil {
		t.Fatal(err)
	}
	joined, err = bo.Join(context.Background(), hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	ear = newEar(t)
	joined.Play(ear)
	ear.hears(t, "Bo to hear Ana", true, 25)
	return ana, bo, hosted, joined, ear
}

// testStalledStreamIsReplaced: sound that stops while the host answers flows again by a new stream on the same connection.
func testStalledStreamIsReplaced(t *testing.T) {
	_, bo, hosted, joined, ear := listening(t)
	w, stop := listenToWords(bo, joined)
	hosted.stall(bo)
	awaitChange(t, bo, "the trouble to be told", func() bool { return joined.View().Quality.State == "silent" })
	for len(ear.levels) > 0 {
		<-ear.levels
	}
	ear.hears(t, "Bo to hear Ana again", true, 50)
	awaitChange(t, bo, "the end of it to be told", func() bool { return joined.View().Quality.State == "good" })
	stop()
	if c := bo.Counts(); c["path_new_stream"] == 0 || c["path_new_connection"] != 0 || joined.Phase() != Live {
		t.Errorf("counts %v, phase %s", c, joined.Phase())
	}
	if said := w.all(); !strings.Contains(said, "silent: No sound has arrived from the host for 1 s. Opening a new path (try 1).") {
		t.Errorf("the page said\n%s", said)
	}
}

// testStalledStageIsReplaced: on stage, where silence proves nothing, somebody who was heard is missed all the same.
func testStalledStageIsReplaced(t *testing.T) {
	ctx := context.Background()
	_, bo, hosted, joined, ear := listening(t)
	if err := joined.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
		t.Fatal(err)
	}
	if err := hosted.Do(ctx, Action{Kind: "grant", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the seat", joined.seated)
	awaitChange(t, bo, "Ana to be heard on stage", func() bool {
		joined.voice.mu.Lock()
		defer joined.voice.mu.Unlock()
		return joined.voice.stage.hopes()
	})
	ear.hears(t, "Bo to hear Ana on stage", true, 25)
	hosted.stall(bo)
	ear.hears(t, "the silence", false, 25)
	ear.hears(t, "Bo to hear Ana again", true, 50)
	if c := bo.Counts(); c["path_new_stream"] == 0 || c["path_new_connection"] != 0 {
		t.Errorf("counts %v", c)
	}
}

// testStalledConnectionIsReplaced: where no new stream helps, a new connection does.
func testStalledConnectionIsReplaced(t *testing.T) {
	_, bo, hosted, joined, ear := listening(t)
	w, stop := listenToWords(bo, joined)
	done := make(chan struct{})
	go func() { // whatever stream Bo opens on this connection
		defer close(done)
		for tick := time.NewTicker(5 * time.Millisecond); bo.Counts()["path_new_connection"] == 0; <-tick.C {
			hosted.stall(bo)
		}
	}()
	awaitChange(t, bo, "the connection to be given up", func() bool { return joined.Phase() == Reconnecting })
	<-done
	if q := joined.View().Quality; joined.Phase() == Reconnecting && !strings.Contains(q.Text, "Connecting again (try 1)") {
		t.Errorf("the page says %+v", q)
	}
	awaitChange(t, bo, "the way back", func() bool { return joined.Phase() == Live })
	for len(ear.levels) > 0 {
		<-ear.levels
	}
	ear.hears(t, "Bo to hear Ana again", true, 50)
	awaitChange(t, bo, "the end of it to be told", func() bool { return joined.View().Quality.State == "good" })
	stop()
	if c := bo.Counts(); c["path_new_stream"] == 0 {
		t.Errorf("counts %v", c)
	}
	if said := w.all(); !strings.Contains(said, "Opening a new path (try 1)") {
		t.Errorf("the page said\n%s", said)
	}
}

// TestSilentHostIsNotRunOver: a host whose program stalls is said to, is not asked again and again, and is heard as soon as
// it goes on.
func TestSilentHostIsNotRunOver(t *testing.T) {
	if testing.Short() {
		t.Skip("takes many seconds")
	}
	_, bo, hosted, joined, ear := listening(t)
	w, stop := listenToWords(bo, joined)
	hosted.voice.mu.Lock()
	sender := hosted.voice.stage.program.sender
	hosted.voice.stage.program.sender = nil
	hosted.voice.mu.Unlock()
	awaitChange(t, bo, "a second connection in vain", func() bool { return bo.Counts()["path_new_connection"] == 2 })
	awaitChange(t, bo, "the page to say that the host answers", func() bool {
		return strings.Contains(joined.View().Quality.Text, "though the host answers. Connecting anew in")
	})
	hosted.voice.mu.Lock()
	hosted.voice.stage.program.sender = sender
	hosted.voice.mu.Unlock()
	for len(ear.levels) > 0 {
		<-ear.levels
	}
	ear.hears(t, "Bo to hear Ana again", true, 50)
	awaitChange(t, bo, "the end of it to be told", func() bool { return joined.View().Quality.State == "good" })
	stop()
	t.Logf("the page said\n%s", w.all())
	if c := bo.Counts(); c["path_new_connection"] != 2 {
		t.Errorf("counts %v", c)
	}
}
