package node

import (
	"crypto/ed25519"
	"maps"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/seal"
)

// A relay that carries the room no more is known to everybody in it, with the words of those who found it out: whoever it feeds leaves
// it, whoever feeds it lets it go, and whoever leads the room next does not ask it. The words go with the news, and each node checks
// them: a relay on the way makes none up, nor does a co-host who leads. What two people say who conspire, or one with two keys, nobody
// can tell from the truth; see putOutBy.

const (
	outsMost = 16 // relays of a room that are remembered

	// Those that come from others are looked at so often, a second and at once: each is a few signatures.
	outRate, outBurst = 1, 2 * outsMost

	// signersMost is how many sources are remembered: evidence may be about one that has begun anew since.
	signersMost = 512
)

// A putOut is a relay that carries the room no more.
type putOut struct {
	told relay.PutOut
	at   time.Time
}

// noteOut takes notice that a relay carries the room no more, tells everybody and parts with it. r.mu is held.
func (r *Room) noteOut(m relay.PutOut, now time.Time) {
	id := peer.ID(m.Peer)
	if r.outs == nil {
		r.outs = make(map[peer.ID]putOut)
	}
	maps.DeleteFunc(r.outs, func(_ peer.ID, o putOut) bool { return now.Sub(o.at) > accusedFor })
	if _, known := r.outs[id]; known || len(r.outs) >= outsMost {
		return
	}
	r.outs[id] = putOut{m, now}
	if r.host != nil {
		if device, err := deviceOf(id); err == nil {
			delete(r.host.volunteers, device)
		}
		delete(r.host.asked, id)
		r.heir.carriers = without(r.heir.carriers, id)
		r.tellSuccessors()
	}
	if r.feeds != nil && (r.host != nil || r.carries != nil) {
		for _, c := range r.feeds.children { // also those whom another feeds: it may be the one
			if len(m.Words) > 0 && c.id != id {
				c.ctl.Send(m)
			}
		}
	}
	r.letGo(id)
	r.media.drive(func(p *relay.Place, now time.Time) { p.Shun(relay.Peer(id), accusedFor, now) })
}

// without is a list of peers but for one.
func without(list [][]byte, id peer.ID) (rest [][]byte) {
	for _, b := range list {
		if string(b) != string(id) {
			rest = append(rest, b)
		}
	}
	return rest
}

// tellOuts tells somebody who came, or leads now, of the relays that carry the room no more. r.mu is held.
func (r *Room) tellOuts(ctl *controlConn, now time.Time) {
	for _, o := range r.outs {
		if now.Sub(o.at) <= accusedFor && len(o.told.Words) > 0 {
			ctl.Send(o.told)
		}
	}
}

// takeOut takes the news that a relay carries the room no more, if those say so whom it names. r.mu is not held.
func (r *Room) takeOut(m relay.PutOut, now time.Time) {
	id := peer.ID(m.Peer)
	r.mu.Lock()
	_, known := r.outs[id]
	may := !known && len(r.outs) < outsMost && r.state != nil && !r.phase.Over() && r.heir.outs.take(now, outRate, outBurst)
	key := r.signersSoFar()
	r.mu.Unlock()
	if !may {
		return
	}
	by, err := m.Open(r.id, key, putOutBy, accusedFor, now)
	device, bad := deviceOf(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range by {
		if a.Device == device || r.state.IsRemoved(a.Person) {
			err = relay.ErrEvidence
		}
	}
	if err != nil || bad != nil {
		r.n.counts.Add("out_refused")
		r.n.o.Log.Debug("relay put out", "relay", id.String(), "err", err)
		return
	}
	r.n.counts.Add("out_heard")
	if r.host != nil && r.host.accused[id] == nil {
		r.forgetAccused(now)
		a := &accused{device: device, name: r.relayName(device), by: make(map[doc.PublicKey]bool), what: relay.Altered, last: now, out: true}
		for _, who := range by {
			a.by[who.Person] = true
		}
		r.host.accused[id] = a
	}
	r.noteOut(m, now)
	r.changed()
}

// noteSigners remembers whose signature each source of a state bears. r.mu is held.
func (r *Room) noteSigners(s *room.State) {
	if len(r.signers) >= signersMost {
		r.signers = nil
	}
	if r.signers == nil {
		r.signers = make(map[uint64]doc.PublicKey)
	}
	note := func(slot uint8, incarnation uint32, device doc.PublicKey) {
		if incarnation == 0 {
			return
		}
		kid := seal.NewKID(0, slot, incarnation)
		if was, known := r.signers[kid]; known && was != device {
			device = doc.PublicKey{} // two led at once: whose it is cannot be said
		}
		r.signers[kid] = device
	}
	note(relay.Program, s.Program.Incarnation, s.Program.Device)
	for _, seat := range s.Seats {
		note(seat.Slot, seat.Incarnation, seat.Device)
	}
}

// signersSoFar says whose signature what was sealed under a KID bears, of all sources that there were while we were in the room.
// r.mu is held, but not when it is asked.
func (r *Room) signersSoFar() relay.Keys {
	all := maps.Clone(r.signers)
	return func(kid uint64) (ed25519.PublicKey, bool) {
		_, slot, incarnation := seal.SplitKID(kid)
		device, known := all[seal.NewKID(0, slot, incarnation)]
		return device[:], known && !device.IsZero()
	}
}
