package node

import (
	"time"

	"salon/relay"
)

// TalkUplink is what a node reckons a listener of talk to need of its uplink, in kbit/s, all headers included.
const TalkUplink = talkCost

// A Traffic is what a room carried at this node, for whoever measures it.
type Traffic struct {
	Frames  relay.Stats       // since the room began here
	Places  map[string]uint64 // what became of this node's place in the tree, and of those who asked for one below it
	Packets relay.LinkStats   // the sum of the links that there are now
}

// Traffic counts what the room has carried.
func (r *Room) Traffic() Traffic {
	var t Traffic
	r.media.do(func(tree *relay.Tree, _ time.Time) {
		t.Frames = tree.Stats()
		t.Places = placeCounts(r.media.place.Stats())
		for _, l := range r.media.links {
			s := l.Stats()
			t.Packets.Sent += s.Sent
			t.Packets.Received += s.Received
			t.Packets.Dropped += s.Dropped
			t.Packets.Malformed += s.Malformed
			t.Packets.Duplicate += s.Duplicate
		}
	})
	return t
}

// placeCounts gives the counts of a place their names.
func placeCounts(s relay.PlaceStats) map[string]uint64 {
	return map[string]uint64{
		"joined": s.Joined, "resumed": s.Resumed, "moved": s.Moved, "stalled": s.Stalls, "loop": s.Loops, "banned": s.Bans, "excused": s.Excused,
		"admitted": s.Admitted, "redirected": s.Redirects, "told_to_wait": s.Waits, "refused": s.Refused,
	}
}
