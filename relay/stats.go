package relay

import "maps"

// Stats counts what a Tree did since it was made.
type Stats struct {
	Published uint64 // frames of our own
	Received  uint64 // frames that came in and were new
	Forwarded uint64 // frames sent, one for each peer, those of Published included and those of Resent not
	Auths     uint64 // auths that came in and were new
	Asked     uint64 // requests for a frame, each one
	AskedAuth uint64 // requests for auths, each one
	Recovered uint64 // frames that arrived after being asked for
	Lost      uint64 // frames given up
	Unsigned  uint64 // frames given up on getting an auth for
	Resent    uint64 // frames and auths sent again because a peer asked
	Jumps     uint64 // streams that skipped more than the ring holds, or started over lower after a silence

	// Drops counts what was dropped, by reason:
	//
	//	unknown_peer    from a peer that is neither parent nor child: packets
	//	malformed       a slot, length or range that cannot be: frames, auths, requests
	//	not_allowed     in a slot that the peer may not send in: frames, auths, beacons
	//	flood           more than a peer may send in a slot that it may send in: frames, auths
	//	duplicate       here already: frames, auths
	//	conflict        another auth for the same frame is here: auths
	//	too_old         older than the ring: frames, auths
	//	leap            further ahead than the ring is long, while the stream goes on: frames, auths
	//	not_subscribed  a peer asked for a slot it does not hear: requests
	//	resend_limited  a peer asked for more than its share: frames
	//	on_its_way      a peer asked for what had left for it a moment before: frames
	//	not_here        a peer asked for what we do not have: frames
	//	expired         the ring moved on before it was sent: frames, auths
	//	beacon_ahead    a beacon further ahead than the ring is long: beacons
	Drops map[string]uint64
}

type reason uint8

const (
	unknownPeer reason = iota
	malformed
	notAllowed
	flood
	duplicate
	conflict
	tooOld
	leap
	notSubscribed
	resendLimited
	onItsWay
	notHere
	expired
	beaconAhead
	reasons
)

var reasonNames = [reasons]string{"unknown_peer", "malformed", "not_allowed", "flood", "duplicate", "conflict",
	"too_old", "leap", "not_subscribed", "resend_limited", "on_its_way", "not_here", "expired", "beacon_ahead"}

// counters are Stats without the map, which would cost an allocation and a hash on the hot path.
type counters struct {
	Stats
	drops [reasons]uint64
}

func (t *Tree) drop(why reason) { t.stats.drops[why]++ }

// Stats returns the counts. The map is the caller's own, and names every reason, also those at 0.
func (t *Tree) Stats() Stats {
	s := t.stats.Stats
	s.Drops = make(map[string]uint64, reasons)
	maps.Insert(s.Drops, func(yield func(string, uint64) bool) {
		for r, name := range reasonNames {
			if !yield(name, t.stats.drops[r]) {
				return
			}
		}
	})
	return s
}
