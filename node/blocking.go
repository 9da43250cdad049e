package node

import (
	"time"

	"salon/ledger/doc"
	"salon/room"
)

// What a person's own list means in their rooms: who is not heard is decided in voice.go, who does not get in at the door
// in admission.go; here is what happens when the list changes.

// errHostBlocked keeps a person from walking into a room that they said they want nothing of.
var errHostBlocked = &UserError{
	Code: "host_blocked", Text: "You have blocked the host of this room. Unblock them first to join it.",
}

// People lists whom this person mutes or blocks, by name.
func (n *Node) People() []Mark { return n.people.List() }

// SetPerson keeps m in the list, forgetting who is neither blocked nor muted, and carries it out at once: who is blocked
// goes from the rooms that we host, and may come back when they are unblocked; theirs are carried no more.
func (n *Node) SetPerson(m Mark) (Mark, error) {
	m, err := n.people.Set(m)
	if err != nil {
		return Mark{}, err
	}
	n.learnContacts()
	// Whoever comes in from now on has met the new list at the door: only who was inside is still to be seen to.
	for _, r := range n.Rooms() {
		r.heed(m.Person)
	}
	n.leaveBlocked()
	n.watch.tell(Change{Kind: PeopleChanged})
	n.watch.tell(Change{Kind: RoomsChanged})
	return m, nil
}

// heed takes up what the list says of somebody now. Of two changes at once, the later to come here finds the last word.
func (r *Room) heed(p doc.PublicKey) {
	r.voice.heed()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n.roomChanged(r)
	if r.host == nil || r.phase.Over() {
		return
	}
	if !r.turn() { // from here on nothing else is decided before we have
		return
	}
	c := room.Command{Room: r.id, Kind: room.Remove, To: p}
	switch blocked := r.n.people.Blocks(p); {
	case blocked && r.holds(p) && !r.state.IsRemoved(p):
		r.host.door.barred[p] = true // before it is written, and with it
	case !blocked && r.host.door.barred[p]:
		c.Kind = room.Readmit
	default:
		return
	}
	now := time.Now()
	c.Time = now.UnixMilli()
	// Refused is what is so already: whom the host removed by hand stays removed when the block ends.
	if err := r.decide(r.n.author(), c, now); err != nil && c.Kind == room.Remove {
		delete(r.host.door.barred, p)
	}
}

// holds reports whether somebody is in the room, or has a place in it that waits for them. r.mu is held.
func (r *Room) holds(p doc.PublicKey) bool {
	_, hand := r.state.HandOf(p)
	return hand || r.state.RoleOf(p) != room.Listener || r.state.IsInvited(p) || r.devices(p) > 0
}
