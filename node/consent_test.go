package node

import (
	"context"
	"testing"
	"time"

	"salon/ledger/doc"
	"salon/room"
)

func TestConsent(t *testing.T) {
	open, muted := &room.Seat{}, &room.Seat{Muted: true}
	type step struct {
		name   string
		do     func(c *consent)
		closed bool
	}
	follow := func(hand bool, seat *room.Seat) func(*consent) { return func(c *consent) { c.follow(hand, seat) } }
	for name, steps := range map[string][]step{
		"a seat that was asked for": {
			{"raise", (*consent).raised, false}, {"hand", follow(true, nil), false}, {"seat", follow(false, open), false},
			{"muted by the host", follow(false, muted), true}, {"unmuted by the host", follow(false, open), true},
			{"unmuted by us", (*consent).opened, false}, {"back in the audience", follow(false, nil), true},
			{"a seat nobody asked for", follow(false, open), true},
		},
		"a hand and a seat that the host made up": {
			{"hand", follow(true, nil), true}, {"seat", follow(false, open), true}, {"opened by us", (*consent).opened, false},
		},
		"a hand that was refused": {
			{"raise", (*consent).raised, false}, {"refused", (*consent).lowered, true}, {"seat", follow(false, open), true},
		},
		"events that come before the answer": {
			{"raise", (*consent).raised, false}, {"of somebody else", follow(false, nil), false}, {"hand", follow(true, nil), false},
			{"seat", follow(false, open), false},
		},
		"a hand that was taken back while the grant was on its way": {
			{"raise", (*consent).raised, false}, {"hand", follow(true, nil), false}, {"lower", (*consent).lowered, true},
			{"seat", follow(false, open), true}, {"opened by us", (*consent).opened, false},
		},
		"a mute that the host does not tell of": {
			{"raise", (*consent).raised, false}, {"seat", follow(false, open), false}, {"mute", (*consent).shut, true},
			{"another event", follow(false, open), true}, {"opened by us", (*consent).opened, false},
		},
		"a hand that was lowered": {
			{"raise", (*consent).raised, false}, {"hand", follow(true, nil), false}, {"lowered", follow(false, nil), true},
			{"a seat later", follow(false, open), true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := consent{}
			for _, s := range steps {
				s.do(&c)
				if c.closed() != s.closed {
					t.Fatalf("%s: closed is %v: %+v", s.name, c.closed(), c)
				}
			}
		})
	}
}

// TestHostCannotOpenAMicrophone: a host that says we raised a hand, sit on stage and are not muted hears nothing of us.
func TestHostCannotOpenAMicrophone(t *testing.T) {
	ctx := context.Background()
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Trap", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	ear := newEar(t)
	hosted.Play(ear)
	joined, err := bo.Join(ctx, hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	invent := func(by doc.Author, c room.Command) {
		t.Helper()
		hosted.mu.Lock()
		defer hosted.mu.Unlock()
		c.Room, c.Time = hosted.id, time.Now().UnixMilli()
		if err := hosted.decide(by, c, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	invent(bo.author(), room.Command{Kind: room.RaiseHand, Name: "Bo"})
	if err := hosted.Do(ctx, Action{Kind: "grant", Person: bo.Person()}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the seat", joined.seated)
	// What a page does that finds itself on stage.
	if err := joined.Publish(ctx, newTone(t, 600)); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the microphone", func() bool { return joined.View().Me.Publishing })
	if !joined.View().Me.Muted {
		t.Error("the page does not say that the microphone is closed")
	}
	ear.silent(t, "a seat that nobody asked for", 50)
	if err := joined.Do(ctx, Action{Kind: "unmute"}); err != nil {
		t.Fatal(err)
	}
	ear.hears(t, "Bo, who opened the microphone", true, 25)

	if err := joined.Do(ctx, Action{Kind: "mute"}); err != nil {
		t.Fatal(err)
	}
	ear.hears(t, "nothing of the muted Bo", false, 10)
	invent(bo.author(), room.Command{Kind: room.Unmute})
	awaitChange(t, bo, "the host's unmuting", func() bool {
		joined.mu.Lock()
		defer joined.mu.Unlock()
		return !joined.mySeat().Muted
	})
	ear.silent(t, "a microphone that the host opened", 50)
	if !joined.View().Me.Muted {
		t.Error("the page says that the microphone is open")
	}
}

// TestStateIsNotTurnedBack: a snapshot older than what we know is refused.
func TestStateIsNotTurnedBack(t *testing.T) {
	ctx := context.Background()
	ana, bo := startNode(t, "Ana", nil), startNode(t, "Bo", nil)
	hosted, err := ana.StartRoom(Start{Title: "Clock", Language: "en"})
	if err != nil {
		t.Fatal(err)
	}
	joined, err := bo.Join(ctx, hosted.View().Link)
	if err != nil || joined.Phase() != Live {
		t.Fatalf("join: %v", err)
	}
	hosted.mu.Lock()
	old := hosted.state.Clone()
	hosted.mu.Unlock()
	if err := joined.Do(ctx, Action{Kind: "raise_hand"}); err != nil {
		t.Fatal(err)
	}
	awaitChange(t, bo, "the hand", func() bool { return joined.View().Me.Hand })
	hosted.mu.Lock()
	hosted.state = old
	for _, c := range hosted.host.children {
		c.ctl.Close()
	}
	hosted.mu.Unlock()
	awaitChange(t, bo, "the end", func() bool { return joined.Phase() == Failed })
}
