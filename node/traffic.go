package node

import (
	"time"

	"salon/relay"
)

// TalkUplink is what a node reckons a listener of talk to need of its uplink, in kbit/s, all headers included.
const TalkUplink = talkCost

// A Traffic is what a room carried at this node, for whoever measures it.
type Traffic struct {
	Frames  relay.Stats     // since the room began here
	Packets relay.LinkStats // the sum of the links that there are now
}

// Traffic counts what the room has carried.
func (r *Room) Traffic() Traffic {
	var t Traffic
	r.media.do(func(tree *relay.Tree, _ time.Time) {
		t.Frames = tree.Stats()
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
