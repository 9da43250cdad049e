package relay

// A Link carries packets between this node and one peer, in both directions, over whatever lies beneath. It may lose,
// delay and reorder packets, but never alters one and never delivers one twice: package linktest holds every kind to it.
// Send and Receive may be called at the same time, Send from several goroutines.
type Link interface {
	// Send queues p and returns at once; it keeps nothing of p. A full queue drops its oldest packet: stale sound is
	// worth less than fresh sound. After Close it does nothing.
	Send(p *Packet)
	// Receive blocks for the next packet and puts it into p, whose old contents are gone and whose new ones are valid
	// until the next call. A packet that does not parse is counted and skipped. It returns io.EOF after Close.
	Receive(p *Packet) error
	// Stats may be called at any time.
	Stats() LinkStats
	// Close ends the link and unblocks Receive. It may be called more than once.
	Close() error
}

// LinkStats counts a link's packets since it began, and says how it does.
type LinkStats struct {
	Sent      uint64 // given to the transport
	Received  uint64 // delivered by Receive
	Dropped   uint64 // left the queue unsent, because fresher ones came
	Malformed uint64 // arrived and did not parse
	Duplicate uint64 // arrived a second time

	UDP  bool    // packets leave as datagrams just now; else by a stream
	Loss float64 // share of the datagrams we sent of late that did not arrive, 0 to 1
}
