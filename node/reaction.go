package node

import (
	"slices"
	"time"

	"salon/relay"
	"salon/room"
)

// reactEvery is how often reactions are passed on, up as well as down: a page draws no more often.
const reactEvery = 250 * time.Millisecond

// reactHeld is for how many times reactEvery they are kept while there is no way to the host: later they would be about something
// else.
const reactHeld = 12

// A person's reactions, from all devices: a second, and at once. More are left out and counted.
const reactRate, reactBurst = 4, 20

// reacting is what has been reacted and not been passed on yet. Room.mu guards it.
type reacting struct {
	sum       [relay.MaxReactions]uint32 // ours, and at the host everybody's
	allowance allowance                  // our own
	due       bool                       // a flush is on its way
	held      int                        // flushes that found no way to the host, since the last that did
}

// react sends a reaction of ours.
func (r *Room) react(emoji string) error {
	kind := slices.Index(room.Emoji, emoji)
	if kind < 0 {
		return &UserError{Code: "bad_emoji", Text: "There is no such reaction."}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.phase.Over():
		return errOver
	case r.state == nil || r.host == nil && r.guest.ctl == nil && r.phase != Live: // between two parents it waits for the next
		return errNotConnected
	case !r.reacting.allowance.take(time.Now(), reactRate, reactBurst):
		return &UserError{Code: "busy", Text: "Too many reactions at once. Wait a moment."}
	}
	r.reacting.sum[kind]++
	r.passReactions()
	return nil
}

// takeReactions adds the reactions of a child, as far as one person may react, or as many as it says are below it and may be on
// stage. r.mu is held.
func (r *Room) takeReactions(c *child, counts []uint32, now time.Time) {
	if c.carry > 0 {
		for kind, n := range counts[:min(len(counts), len(room.Emoji))] {
			r.reacting.sum[kind] = min(r.reacting.sum[kind]+min(n, reactBurst*(c.listeners+room.MaxSeats)), mostBelow)
		}
		r.passReactions()
		return
	}
	for kind, n := range counts {
		if kind >= len(room.Emoji) {
			break
		}
		for range min(n, reactBurst) {
			if !c.conduct.reactions.take(now, reactRate, reactBurst) {
				r.n.counts.Add("reaction_flood")
				return
			}
			r.reacting.sum[kind]++
		}
	}
	r.passReactions()
}

// passReactions sees to it that what is summed up goes on within reactEvery. r.mu is held.
func (r *Room) passReactions() {
	if r.reacting.due {
		return
	}
	r.reacting.due = true
	time.AfterFunc(reactEvery, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.reacting.due = false
		if r.phase.Over() {
			return
		}
		lost := r.host == nil && r.guest.ctl == nil
		if lost && r.reacting.held < reactHeld {
			r.reacting.held++
			r.passReactions()
			return
		}
		m := relay.Reactions{Counts: slices.Clone(r.reacting.sum[:len(room.Emoji)])}
		r.reacting.sum, r.reacting.held = [relay.MaxReactions]uint32{}, 0
		switch {
		case lost:
			r.n.counts.Add("reaction_late")
		case r.host == nil:
			r.guest.ctl.Send(m)
		default:
			r.broadcast(m)
			r.showReactions(m.Counts)
		}
	})
}

// showReactions tells the page what was reacted everywhere.
func (r *Room) showReactions(counts []uint32) {
	shown := make(map[string]uint32)
	for kind, n := range counts {
		if kind < len(room.Emoji) && n > 0 {
			shown[room.Emoji[kind]] = n
		}
	}
	if len(shown) > 0 {
		r.n.watch.tell(Change{Kind: ReactionsHeard, Room: r.id, Reactions: shown})
	}
}
