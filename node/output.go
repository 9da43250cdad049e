package node

import (
	"salon/relay"
)

// An output is a player or recorder that hears what this person should hear.
type output struct {
	link relay.Link
	next uint64 // number of the next frame it gets
}

// outputs numbers what it hands out so that a listener hears one stream, whatever it is made of: the program before a
// person goes on stage, the mix of the others afterwards, the program again.
type outputs struct {
	list []*output
	pkt  relay.Packet
}

func (o *outputs) add(l relay.Link) { o.list = append(o.list, &output{link: l}) }

// send gives the next frame to all, after skipping lost numbers so that the player knows that something is missing.
func (o *outputs) send(opus []byte, lost uint64) {
	if len(o.pkt.Frames) == 0 {
		o.pkt.Frames = make([]relay.Frame, 1)
	}
	for _, out := range o.list {
		out.next += lost
		o.pkt.Frames[0] = relay.Frame{Slot: relay.Program, Number: out.next, Sealed: opus}
		out.next++
		out.link.Send(&o.pkt)
	}
}

// remove takes l out and reports whether it was there.
func (o *outputs) remove(l relay.Link) bool {
	for i, out := range o.list {
		if out.link == l {
			o.list = append(o.list[:i], o.list[i+1:]...)
			return true
		}
	}
	return false
}
