package node

import (
	"errors"
	"fmt"
	"os"
	"time"

	"salon/relay"
	"salon/room"
)

// Health is nil while this node can do its work; else it says what stands in the way.
func (n *Node) Health() error {
	if n.ctx.Err() != nil {
		return errors.New("the node is ending")
	}
	if len(n.host.Network().ListenAddresses()) == 0 {
		return errors.New("the node listens on no address: nobody can reach it")
	}
	f, err := os.CreateTemp(n.home.Dir, "health-*")
	if err != nil {
		return fmt.Errorf("the home folder cannot be written to: %w", err)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// A RoomMeasure is what a room costs and gives at this node, for its operator. It tells nothing of who is in it.
type RoomMeasure struct {
	ID        room.ID
	Hosted    bool   // by this node
	Carried   bool   // by this node, for others
	Listeners uint32 // in the whole room
	Children  int    // nodes that hear it from us
	Traffic   Traffic
	Heard     HearStats     // what this node's own listener heard
	Audience  *AudienceView // how the others heard the last minute, in a room of ours; nil if nobody told
	Relays    int           // that carry a room of ours
	Served    CarriedSum    // of a room that we carry, what those whom we feed have signed for
}

// Measure returns a measure for each room that this node is in.
func (n *Node) Measure() []RoomMeasure {
	var all []RoomMeasure
	for _, r := range n.Rooms() {
		r.mu.Lock()
		m := RoomMeasure{ID: r.id, Hosted: r.host != nil, Carried: r.carried, Listeners: r.listeners}
		if r.feeds != nil {
			r.media.drive(func(p *relay.Place, _ time.Time) { m.Children = p.Feeds() })
		}
		m.Audience = r.audienceView()
		m.Served, _ = addUp(r.tally.records.sorted())
		r.mu.Unlock()
		if t, err := r.Tree(); err == nil {
			m.Relays = len(t.Nodes) - 1 + int(t.More)
		}
		m.Traffic = r.Traffic()
		m.Heard = r.Stats()
		all = append(all, m)
	}
	return all
}
