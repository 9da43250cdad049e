package node

import "salon/room"

// A consent is what this person has agreed to in somebody else's room. Events and snapshots are the host's word alone: a
// host that says we raised a hand, or opened our microphone, must not thereby hear us. Room.mu guards it.
type consent struct {
	asked bool // raised a hand, or opened the microphone, for the place we have now or wait for
	muted bool // muted since, by whomever: only we open the microphone again
	had   bool // a hand or a seat when last looked
}

// follow takes notice of what the host says of us.
func (c *consent) follow(hand bool, seat *room.Seat) {
	has := hand || seat != nil
	if c.had && !has {
		c.asked, c.muted = false, false // a place that is gone was asked for once
	}
	c.had = has
	if seat != nil && seat.Muted {
		c.muted = true
	}
}

// raised notes that we ask to speak; lowered that it came to nothing, or that we take it back.
func (c *consent) raised() { c.asked = true }

func (c *consent) lowered() { c.asked = false }

// shut notes that we closed our microphone.
func (c *consent) shut() { c.muted = true }

// opened notes that we opened our microphone.
func (c *consent) opened() { c.asked, c.muted = true, false }

// closed reports whether nothing of the microphone may leave, whatever the seat says.
func (c *consent) closed() bool { return !c.asked || c.muted }
