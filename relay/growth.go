package relay

import "time"

const (
	growthFirst = 2                // children that anybody can feed: a call with two friends takes as much
	growthMost  = 64               // beyond, a relay is what is wanted
	growthEvery = 15 * time.Second // that all places were taken and nothing was lost, before there is one more
	growthRest  = time.Minute      // without growth after something was lost
	growthPause = 5 * time.Minute  // without any children when even one was too many
	growthLag   = 5 * time.Second  // until a loss that was measured is about fewer children
	growthCalm  = 0.01             // share of what is sent that may be lost while there is growth
	growthLoss  = 0.03             // from which on there are too many
)

// A Growth finds out how many children a node can feed whose uplink nobody knows, by feeding them: no traffic is sent for it.
// It begins with few. Always:
//
//   - There is one more place only after all were taken for a while, and what was sent arrived.
//   - When too much of it does not arrive, there are half as many, and then no more for a while.
//   - Where even one is too many there are none for a longer while.
//
// The zero Growth is of a node that has fed nobody yet. Its caller serialises the calls.
type Growth struct {
	began  bool
	places int
	calm   time.Time // since when all places are taken and what is sent arrives; zero while it is not so
	cut    time.Time // when there were too many last; zero if there never were
}

// Look takes that fed children are fed now and that this share of what is sent to them is lost, 0 to 1, and returns how many
// children there may be. Call it once a second or so.
func (g *Growth) Look(fed int, loss float64, now time.Time) int {
	if !g.began {
		g.began, g.places = true, growthFirst
	}
	switch {
	case g.places == 0:
		if fed == 0 && now.Sub(g.cut) >= growthPause {
			g.places = 1
		}
	case fed > 0 && loss > growthLoss:
		g.calm = time.Time{}
		if g.cut.IsZero() || now.Sub(g.cut) >= growthLag {
			g.places, g.cut = min(g.places, fed)/2, now
		}
	case fed < g.places || loss > growthCalm || !g.cut.IsZero() && now.Sub(g.cut) < growthRest:
		g.calm = time.Time{}
	case g.calm.IsZero():
		g.calm = now
	case now.Sub(g.calm) >= growthEvery && g.places < growthMost:
		g.places++
		g.calm = now
	}
	return g.places
}
