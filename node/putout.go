package node

import (
	"crypto/ed25519"
	"maps"
	"slices"
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
// can tell from the truth; see accused.

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
	at   time.Time // when the last of those spoke whose words they are
}

// until is when it may carry the room again.
func (o putOut) until() time.Time { return o.at.Add(relay.OutFor(len(o.told.Words))) }

// noteOut takes notice that a relay carries the room no more, by words of which the last was said at a time, tells everybody and parts
// with it. It reports whether that is news: of a relay that is known, the words of more people are. r.mu is held.
func (r *Room) noteOut(m relay.PutOut, at, now time.Time) bool {
	id := peer.ID(m.Peer)
	if r.outs == nil {
		r.outs = make(map[peer.ID]putOut)
	}
	maps.DeleteFunc(r.outs, func(_ peer.ID, o putOut) bool { return now.Sub(o.at) > accusedFor })
	out := putOut{m, at}
	if was, known := r.outs[id]; known && !was.yieldsTo(m) || !known && !r.remembersOut(now) || now.After(out.until()) {
		return false
	}
	r.outs[id] = out
	if r.host != nil {
		if device, err := deviceOf(id); err == nil {
			delete(r.host.volunteers, device)
		}
		delete(r.host.asked, id)
		r.heir.carriers = without(r.heir.carriers, id)
		r.host.keeper.marked = time.Time{} // the home is to know of it
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
	r.media.drive(func(p *relay.Place, now time.Time) { p.Shun(relay.Peer(id), out.until().Sub(now), now) })
	return true
}

// remembersOut reports whether one more relay can be out: those that may carry the room again make room for it, so that two who accuse
// one relay after the other shield none for longer than they are believed. r.mu is held.
func (r *Room) remembersOut(now time.Time) bool {
	if len(r.outs) >= outsMost {
		maps.DeleteFunc(r.outs, func(_ peer.ID, o putOut) bool { return now.After(o.until()) })
	}
	return len(r.outs) < outsMost
}

// yieldsTo reports whether there is more in other news of the same relay.
func (o putOut) yieldsTo(m relay.PutOut) bool { return len(m.Words) > len(o.told.Words) }

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
		if !now.After(o.until()) {
			ctl.Send(o.told)
		}
	}
}

// takeOut takes the news that a relay carries the room no more, if those say so whom it names and they are in the room. r.mu is not
// held.
func (r *Room) takeOut(m relay.PutOut, now time.Time) {
	id := peer.ID(m.Peer)
	r.mu.Lock()
	was, known := r.outs[id]
	may := (known && was.yieldsTo(m) || !known && r.remembersOut(now)) && r.state != nil && !r.phase.Over() && r.heir.outs.take(now, outRate, outBurst)
	key := r.signersSoFar()
	var twins []ed25519.PublicKey
	if may {
		twins = r.twinKeys(r.rivalKeys())
	}
	r.mu.Unlock()
	if !may {
		return
	}
	words, voucher, err := m.Open(r.id, key, now)
	device, bad := deviceOf(id)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.state.Leads(voucher.Person) {
		err = relay.ErrEvidence // who does not lead the room knows no better than we do who is in it
	}
	var at time.Time
	for _, w := range words {
		if w.By.Device == device || r.state.IsRemoved(w.By.Person) || w.What == relay.Forged && w.IsSignedBy(twins, r.id) {
			err = relay.ErrEvidence
		}
		if w.At.After(at) {
			at = w.At
		}
	}
	if err != nil || bad != nil {
		r.n.counts.Add("out_refused")
		r.n.o.Log.Debug("relay put out", "relay", id.String(), "err", err)
		return
	}
	r.n.counts.Add("out_heard")
	switch {
	case r.host == nil:
		r.noteOut(m, at, now)
	case voucher.Person == r.charter.Host:
		r.accusedOf(id, device, words, now)
		r.noteOut(m, at, now)
	default:
		r.host.waitingOuts.add(words, now)
		r.settleOuts(now)
	}
	r.changed()
}

// accusedOf is what is said of a relay where the room is led, with words that were checked. r.mu is held.
func (r *Room) accusedOf(id peer.ID, device doc.PublicKey, words []relay.Proof, now time.Time) {
	a := r.accusedAt(id, device, now)
	a.last, a.words = now, nil
	for _, w := range words {
		a.what = w.What
		a.heard(w.By.Person, w.At)
		a.words = append(a.words, heardWord{w.Evidence, w.At})
	}
}

// A keptOut is a relay that carries the room no more as the home keeps it.
type keptOut struct {
	At   int64           `json:"at"`   // when that became known, unix ms
	Told []byte          `json:"told"` // the news as it goes to others, with the words of who found it out
	By   []doc.PublicKey `json:"by,omitempty"`
	What string          `json:"what,omitempty"`
	Name string          `json:"name,omitempty"`
}

// keptAccusers is how many of those who left a relay are kept.
const keptAccusers = 16

// keptOuts are what is to be kept of r.outs, in one order. r.mu is held.
func (r *Room) keptOuts(now time.Time) (list []keptOut) {
	for _, id := range slices.Sorted(maps.Keys(r.outs)) {
		o := r.outs[id]
		told, err := relay.EncodeControl(o.told)
		if err != nil || now.Sub(o.at) > accusedFor {
			continue
		}
		k := keptOut{At: o.at.UnixMilli(), Told: told}
		if a := r.host.accused[id]; a != nil {
			k.By, k.What, k.Name = sorted(maps.Keys(a.by)), a.what, a.name
			k.By = k.By[:min(len(k.By), keptAccusers)]
		}
		list = append(list, k)
	}
	return list
}

// reopenOuts takes up again which relays carry the room no more. Whose words it was were checked before they were kept. Nothing of
// the room runs yet.
func (r *Room) reopenOuts(list []keptOut, now time.Time) {
	for _, k := range list[:min(len(list), outsMost)] {
		m, err := relay.DecodeControl(k.Told)
		told, is := m.(relay.PutOut)
		id, at := peer.ID(told.Peer), time.UnixMilli(k.At)
		device, bad := deviceOf(id)
		if age := now.Sub(at); err != nil || !is || bad != nil || age > accusedFor || age < -doc.Skew {
			continue
		}
		if r.outs == nil {
			r.outs = make(map[peer.ID]putOut)
		}
		r.outs[id] = putOut{told, at}
		if r.host == nil {
			continue
		}
		a := &accused{device: device, name: k.Name, by: make(map[doc.PublicKey]time.Time), what: k.What, last: at}
		for _, w := range told.Words {
			a.words = append(a.words, heardWord{w, at})
		}
		for _, p := range k.By {
			a.by[p] = at
		}
		r.host.accused[id] = a
	}
}

// shunOuts keeps us away from the relays that were put out before this node was started again, for what is left of their time.
func (r *Room) shunOuts() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, o := range r.outs {
		r.media.drive(func(p *relay.Place, now time.Time) {
			if left := o.until().Sub(now); left > 0 {
				p.Shun(relay.Peer(id), left, now)
			}
		})
	}
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
