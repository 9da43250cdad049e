package node

import (
	"testing"
	"time"

	"salon/room"
)

// seeReactions watches a room, and returns what waits until so many of an emoji were seen there since.
func seeReactions(t *testing.T, r *Room) (seen func(emoji string, want uint32)) {
	t.Helper()
	heard := make(chan map[string]uint32, 64)
	t.Cleanup(r.n.Watch(func(c Change) {
		if c.Kind == ReactionsHeard && c.Room == r.id {
			heard <- c.Reactions
		}
	}))
	sum := make(map[string]uint32)
	return func(emoji string, want uint32) {
		t.Helper()
		late := time.After(20 * time.Second)
		for sum[emoji] < want {
			select {
			case m := <-heard:
				for e, n := range m {
					sum[e] += n
				}
			case <-late:
				t.Fatalf("%s saw %v, want %d of %s", r.n.displayName(), sum, want, emoji)
			}
		}
		if sum[emoji] != want {
			t.Errorf("%s saw %v, want %d of %s", r.n.displayName(), sum, want, emoji)
		}
	}
}

func TestReactionsAreSummed(t *testing.T) {
	g := gather(t, Start{}, "Bo", "Cy")
	bo, cy := g.guests["Bo"], g.guests["Cy"]
	seen := seeReactions(t, cy)
	clap, heart := room.Emoji[1], room.Emoji[0]
	for range reactBurst {
		g.do(bo, Action{Kind: "react", Emoji: clap})
	}
	g.refused(bo, Action{Kind: "react", Emoji: clap}, "busy")
	g.refused(bo, Action{Kind: "react", Emoji: "x"}, "bad_emoji")
	g.do(g.host, Action{Kind: "react", Emoji: heart})
	g.do(cy, Action{Kind: "react", Emoji: heart})
	seen(clap, reactBurst)
	seen(heart, 2)
}

// Reactions below a relay reach everybody, no more of them than people may send.
func TestReactionsBelowRelay(t *testing.T) {
	g := plant(t, 1, 8)
	bo, cy := g.join("Bo"), g.join("Cy")
	clap := room.Emoji[0]
	seen := seeReactions(t, cy)
	g.do(bo, Action{Kind: "react", Emoji: clap})
	g.do(bo, Action{Kind: "react", Emoji: clap})
	g.do(cy, Action{Kind: "react", Emoji: clap})
	seen(clap, 3)
}

// Whoever is on stage reacts as anybody, be it somebody below a relay or who feeds others, and though nobody listens there.
func TestReactionsOfTheStageBelow(t *testing.T) {
	beside(t)
	onStage := func(g *grove, r *Room) {
		g.do(r, Action{Kind: "raise_hand"})
		g.all("the hand", func(v RoomView) bool { return len(v.Hands) == 1 })
		g.do(g.host, about("grant", r))
		g.all("nobody to listen", func(v RoomView) bool { return len(v.Stage) == 2 && v.Listeners == 0 })
	}
	clap := room.Emoji[0]
	t.Run("below a relay", func(t *testing.T) {
		g := plant(t, 1, 8)
		bo := g.join("Bo")
		onStage(g, bo)
		seen := seeReactions(t, g.host)
		g.do(bo, Action{Kind: "react", Emoji: clap})
		seen(clap, 1)
	})
	t.Run("feeds others", func(t *testing.T) {
		g := plant(t, 1)
		soon(g.host.n)
		g.tone(g.host, 440)
		bo := g.volunteers("Bo")
		onStage(g, bo)
		seen := seeReactions(t, g.host)
		g.do(bo, Action{Kind: "react", Emoji: clap})
		seen(clap, 1)
	})
}

// Who reacts between two parents is seen when the next one is there; who finds none in time is not.
func TestReactionBetweenParents(t *testing.T) {
	beside(t)
	g := plant(t, 8)
	bo := g.join("Bo")
	seen := seeReactions(t, g.host)
	lines := func(to *controlConn) (from *controlConn) {
		bo.mu.Lock()
		defer bo.mu.Unlock()
		from, bo.guest.ctl = bo.guest.ctl, to
		return from
	}
	late, soonEnough := room.Emoji[0], room.Emoji[1]

	line, cut := lines(nil), time.Now()
	g.do(bo, Action{Kind: "react", Emoji: late})
	awaitCount(t, bo.n, "reaction_late", 1)
	if held := time.Since(cut); held < reactHeld*reactEvery {
		t.Errorf("given up after %s", held)
	}
	g.do(bo, Action{Kind: "react", Emoji: soonEnough})
	lines(line)
	seen(soonEnough, 1)
	seen(late, 0)
}
