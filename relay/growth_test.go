package relay

import (
	"testing"
	"time"
)

// grown is a Growth that is looked at once a second.
type grown struct {
	Growth
	now time.Time
}

// look goes on for so long while fed children are fed, at most as many as may be, and returns how many may be then.
func (g *grown) look(d time.Duration, fed int, loss float64) (places int) {
	places = g.places
	for range d / time.Second {
		g.now = g.now.Add(time.Second)
		places = g.Look(min(fed, max(places, 0)), loss, g.now)
	}
	return places
}

func TestGrowth(t *testing.T) {
	const all = 1000
	for _, c := range []struct {
		name  string
		steps func(g *grown) int
		want  int
	}{
		{"begins with few", func(g *grown) int { return g.look(time.Second, 0, 0) }, growthFirst},
		{"unused, they stay few", func(g *grown) int { return g.look(time.Hour, growthFirst-1, 0) }, growthFirst},
		{"used, there is one more after a while", func(g *grown) int { return g.look(growthEvery+3*time.Second, all, 0) }, growthFirst + 1},
		{"not at once", func(g *grown) int { return g.look(growthEvery-time.Second, all, 0) }, growthFirst},
		{"what is lost a little keeps them as they are", func(g *grown) int { return g.look(time.Hour, all, (growthCalm+growthLoss)/2) }, growthFirst},
		{"a loss begins the wait anew", func(g *grown) int {
			g.look(growthEvery-2*time.Second, all, 0)
			g.look(time.Second, all, (growthCalm+growthLoss)/2)
			return g.look(growthEvery-time.Second, all, 0)
		}, growthFirst},
		{"they are bounded", func(g *grown) int { return g.look(24*time.Hour, all, 0) }, growthMost},
		{"halved when too much is lost", func(g *grown) int {
			g.look(24*time.Hour, all, 0)
			return g.look(time.Second, all, 2*growthLoss)
		}, growthMost / 2},
		{"of those that are used", func(g *grown) int {
			g.look(24*time.Hour, all, 0)
			return g.look(time.Second, 10, 2*growthLoss)
		}, 5},
		{"once for the same loss", func(g *grown) int {
			g.look(24*time.Hour, all, 0)
			return g.look(growthLag, all, 2*growthLoss)
		}, growthMost / 2},
		{"and again while it goes on", func(g *grown) int {
			g.look(24*time.Hour, all, 0)
			return g.look(growthLag+time.Second, all, 2*growthLoss)
		}, growthMost / 4},
		{"no growth for a while after", func(g *grown) int {
			g.look(24*time.Hour, all, 0)
			g.look(time.Second, all, 2*growthLoss)
			return g.look(growthRest+growthEvery-2*time.Second, all, 0)
		}, growthMost / 2},
		{"then again", func(g *grown) int {
			g.look(24*time.Hour, all, 0)
			g.look(time.Second, all, 2*growthLoss)
			return g.look(growthRest+growthEvery+time.Second, all, 0)
		}, growthMost/2 + 1},
		{"none where one is too many", func(g *grown) int { return g.look(time.Minute, all, 1) }, 0},
		{"and one after a longer while", func(g *grown) int {
			g.look(time.Minute, all, 1)
			return g.look(growthPause, 0, 0)
		}, 1},
		{"a loss to nobody is none", func(g *grown) int { return g.look(time.Hour, 0, 1) }, growthFirst},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.steps(&grown{now: start}); got != c.want {
				t.Errorf("%d places, want %d", got, c.want)
			}
		})
	}
}
