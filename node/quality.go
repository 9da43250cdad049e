package node

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"salon/relay"
)

// An AudienceView says how the audience of a room of ours heard the last minute, summed up by the relays on the way here.
// A relay that lies can spoil it, and only for as many as it is counted for.
type AudienceView struct {
	Listeners uint32  `json:"listeners"`
	Told      uint32  `json:"told"`     // of them, those who have said how they hear; the rest is about these
	Of        float64 `json:"of"`       // so many of them, 0 to 1,
	Heard     float64 `json:"heard"`    // heard this share of the last minute, or more
	DelayMS   int     `json:"delay_ms"` // half of them are no further behind; 0 if nobody knows
	Poor      uint32  `json:"poor"`     // of them, those who heard less than 98 %
	Text      string  `json:"text"`
}

// audienceView is nil while nobody has said how they hear. r.mu is held.
func (r *Room) audienceView() *AudienceView {
	if r.host == nil || r.state == nil {
		return nil
	}
	h := r.heardBelow().Bound(r.listeners)
	if h.Listeners() == 0 {
		return nil
	}
	v := AudienceView{Listeners: r.listeners, Told: uint32(h.Listeners()), DelayMS: int(h.Behind(0.5).Milliseconds()), Poor: uint32(h.Poor())}
	v.Heard, v.Of = h.Typical()
	v.Text = v.words()
	return &v
}

// words is "98 % of 1,240 listeners heard 99.8 % of the last minute, 320 ms behind."
func (v AudienceView) words() string {
	who := "listeners"
	if v.Listeners == 1 {
		who = "listener"
	}
	text := fmt.Sprintf("%.0f %% of %s %s", math.Floor(v.Of*100), thousands(v.Listeners), who)
	if v.Told < v.Listeners-v.Listeners/10 { // who came just now has nothing to tell, and that is no news
		text = fmt.Sprintf("%.0f %% of %s of %s %s", math.Floor(v.Of*100), thousands(v.Told), thousands(v.Listeners), who)
	}
	share := "all"
	if v.Heard < 1 {
		share = strconv.FormatFloat(math.Round(v.Heard*1000)/10, 'f', -1, 64) + " %"
	}
	text += " heard " + share + " of the last minute"
	if v.DelayMS > 0 {
		text += fmt.Sprintf(", %d ms behind", v.DelayMS)
	}
	return text + "."
}

// thousands writes 1240 as 1,240.
func thousands(n uint32) string {
	s := strconv.FormatUint(uint64(n), 10)
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// heardBelow sums up how everybody heard who hears the room from us. Nobody speaks for more than they are counted for, and
// who is on stage does not hear the program. r.mu is held.
func (r *Room) heardBelow() (h relay.Hearing) {
	for _, c := range r.feeds.children {
		switch {
		case c.warm: // it is heard by another
		case c.carry > 0:
			h = h.Add(c.tally.hearing.Bound(c.listeners))
		case !r.state.OnStage(c.author.Person):
			h = h.Add(c.tally.hearing.Bound(1))
		}
	}
	if r.hearsToo() && r.mySeat() == nil {
		h = h.Add(r.tally.minute.sum().hearing())
	}
	if n := r.voice.guestCount(); n > 0 && r.host == nil {
		h = h.Add(r.tally.minute.sum().hearing().Times(uint32(n)))
	}
	return h
}

// tellHeard tells our parent how we heard the last minute, or all below us. r.mu is held.
func (r *Room) tellHeard(ctl *controlConn, now time.Time) {
	t, every := &r.tally, heardEvery
	if r.carries != nil {
		every = heardSumEvery
	}
	if now.Sub(t.heardTold) < every {
		return
	}
	var h relay.Hearing
	switch {
	case r.carries != nil:
		h = r.heardBelow()
	case r.mySeat() != nil:
		return // the parent knows
	default:
		h = t.minute.sum().hearing()
	}
	if t.heardTold.IsZero() && h == (relay.Hearing{}) {
		return
	}
	t.heardTold = now
	ctl.Send(h.Message())
}
