package node

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"salon/ledger/doc"
	"salon/relay"
	"salon/room"
	"salon/room/seal"
)

const (
	accusedMost  = 64  // relays that are remembered
	accusersMost = 256 // of one relay; more are not counted
	accusedFor   = relay.OutMost

	evidenceRate, evidenceBurst = 20, 100 // pieces that are looked at: a second, and at once

)

// Evidence shows that somebody broke what the source sent, not who did: a listener may break a frame of an honest relay, keep the
// auth, and accuse it. So one person's word, from however many devices, is told to the host and changes nothing. By two the relay is
// out, for a few minutes, and by more for longer: see relay.OutFor. Who conspire can put out an honest relay; they must all be in the
// room, their names are known, and each is heard once: what a person says of a relay adds nothing to what they said within the hour
// before. Meanwhile those it fed go on with their second parents, which is less than a liar costs that stays.

// An accused is a relay that somebody left because it passed on what the source did not send. Room.mu guards it.
type accused struct {
	device doc.PublicKey
	name   string
	by     map[doc.PublicKey]time.Time // people, and when each was heard
	words  []heardWord                 // of the latest of them, relay.MaxWords at most
	what   string                      // relay.Altered or relay.Forged, the last
	last   time.Time
}

// A heardWord is somebody's word, and when it was heard.
type heardWord struct {
	word relay.Evidence
	at   time.Time
}

// heard notes that somebody spoke, in the place of who spoke first if there are many.
func (a *accused) heard(who doc.PublicKey, now time.Time) {
	if len(a.by) >= accusersMost {
		delete(a.by, slices.MinFunc(slices.Collect(maps.Keys(a.by)), func(x, y doc.PublicKey) int {
			return cmp.Or(a.by[x].Compare(a.by[y]), slices.Compare(x[:], y[:]))
		}))
	}
	a.by[who] = now
}

// An AccusedView is a relay that listeners left because of what it passed on, by their signed word and evidence that was
// checked: the sound is not what its source sent. Who broke it, evidence cannot show.
type AccusedView struct {
	Device doc.PublicKey `json:"device"`
	Name   string        `json:"name"`
	People int           `json:"people"` // who left it for that; at most 256 are counted
	What   string        `json:"what"`   // altered or forged
	Last   int64         `json:"last"`   // unix ms
	Out    bool          `json:"out"`    // it carries the room no more
	Text   string        `json:"text"`
}

func (a *accused) view(out bool) AccusedView {
	v := AccusedView{Device: a.device, Name: a.name, People: len(a.by), What: a.what, Last: a.last.UnixMilli(), Out: out}
	who, did := "listeners", "altered sound"
	if v.People == 1 {
		who = "listener"
	}
	if v.What == relay.Forged {
		did = "passed on sound that nobody signed"
	}
	v.Text = fmt.Sprintf("%d %s left it: it %s.", v.People, who, did)
	if v.Out {
		v.Text += " It carries this room no more."
	}
	return v
}

// Accuse takes somebody's evidence that a relay altered sound. r.mu is held, as it is when any child is heard.
func (o *placeOut) Accuse(_ relay.Peer, e relay.Evidence) {
	r, now := (*Room)(o), time.Now()
	if r.host == nil || !r.host.evidence.take(now, evidenceRate, evidenceBurst) {
		o.n.counts.Add("evidence_flood")
		return
	}
	key, twins := r.sources(), r.twinKeys(r.rivalKeys())
	r.wg.Go(func() { // signatures are checked while the room goes on
		proof, err := e.Open(r.id, key, now)
		if err == nil && proof.Frame != nil {
			if kid, ok := sealedUnder(proof.Frame.Sealed); ok && kid != proof.Auth.KID {
				if _, known := key(kid); known {
					err = relay.ErrEvidence // two led the room at once, and numbered their frames alike
				}
			}
		}
		if err == nil && proof.What == relay.Forged && proof.IsSignedBy(twins, r.id) {
			err = relay.ErrEvidence // likewise
		}
		if err != nil {
			o.n.counts.Add("evidence_refused")
			o.n.o.Log.Debug("evidence", "err", err)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.weigh(peer.ID(e.Against), proof, now)
	})
}

// sources says whose signature what was sealed under a KID bears now; of a KID that two devices came to nobody can say. r.mu is held,
// but not when it is asked.
func (r *Room) sources() func(kid uint64) (ed25519.PublicKey, bool) {
	program, seats := r.state.Program, slices.Clone(r.state.Seats)
	soFar := r.signersSoFar()
	return func(kid uint64) (ed25519.PublicKey, bool) {
		_, slot, incarnation := seal.SplitKID(kid)
		if _, one := soFar(kid); incarnation == 0 || !one {
			return nil, false
		}
		if slot == relay.Program {
			return program.Device[:], incarnation == program.Incarnation
		}
		i := slices.IndexFunc(seats, func(s room.Seat) bool { return s.Slot == slot && s.Incarnation == incarnation })
		if i < 0 {
			return nil, false
		}
		return seats[i].Device[:], true
	}
}

// weigh counts somebody's word against a relay. r.mu is held.
func (r *Room) weigh(id peer.ID, proof relay.Proof, now time.Time) {
	device, err := deviceOf(id)
	if err != nil || r.host == nil || r.phase.Over() || !r.inRoom(proof.By, now) || device == proof.By.Device {
		r.n.counts.Add("evidence_refused")
		return
	}
	if a := r.host.accused[id]; (a == nil || now.Sub(a.last) > accusedFor) && !r.askedToCarry(device) && !r.isVolunteer(device) {
		r.n.counts.Add("evidence_refused") // it is no relay here
		return
	}
	r.n.counts.Add("carrier_accused")
	a := r.accusedAt(id, device, now)
	a.what, a.last = proof.What, now
	if r.believe(id, a, proof, now, now) {
		r.n.o.Log.Warn("somebody left a relay for what it passed on", "room", r.id.String(), "relay", id.String(), "by", proof.By.Person.String(), "what", proof.What, "people", len(a.by))
	}
	r.changed()
}

// believe adds the word of somebody in the room, said at a time, to what others said of a relay, which is out if that is enough. It
// reports whether that is news: who said so within the hour before, with whatever device, adds nothing, nor does a device in the name of
// another person. r.mu is held.
func (r *Room) believe(id peer.ID, a *accused, proof relay.Proof, at, now time.Time) bool {
	maps.DeleteFunc(a.by, func(_ doc.PublicKey, at time.Time) bool { return now.Sub(at) > accusedFor })
	a.words = slices.DeleteFunc(a.words, func(s heardWord) bool { return now.Sub(s.at) > relay.OutMost })
	_, known := a.by[proof.By.Person]
	if known || slices.ContainsFunc(a.words, func(s heardWord) bool { return s.word.Author().Device == proof.By.Device }) {
		return false
	}
	a.heard(proof.By.Person, at)
	if a.words = append(a.words, heardWord{proof.Evidence, at}); len(a.words) > relay.MaxWords {
		a.words = a.words[1:]
	}
	if relay.OutFor(len(a.words)) > 0 {
		r.putOut(id, a, now)
	}
	return true
}

// putOut has a relay carry our room no more, for as long as what is said of it holds. r.mu is held.
func (r *Room) putOut(id peer.ID, a *accused, now time.Time) {
	out, at := relay.PutOut{Peer: []byte(id)}, time.Time{}
	for _, s := range a.words {
		out.Words = append(out.Words, s.word)
		if s.at.After(at) {
			at = s.at
		}
	}
	out, err := out.Vouched(r.n.id(), r.id)
	if err != nil {
		r.n.o.Log.Error("relay not put out", "room", r.id.String(), "relay", id.String(), "err", err)
		return
	}
	if r.noteOut(out, at, now) {
		r.n.counts.Add("carrier_put_out")
		r.n.o.Log.Warn("relay put out", "room", r.id.String(), "relay", id.String(), "people", len(a.by), "for", relay.OutFor(len(out.Words)).String())
	}
}

// letGo parts with a relay below us that was put out, if it is there. r.mu is held.
func (r *Room) letGo(id peer.ID) {
	if r.feeds == nil {
		return
	}
	c := r.feeds.children[id]
	if c == nil || c.carry == 0 {
		return
	}
	bye := relay.Bye{Code: "not_asked"} // a listener's node comes back as that
	if !c.volunteer {
		bye.Text = "Listeners left this relay because of what it passed on. It carries this room no more."
	}
	r.sendAway(c, bye)
}

// isPutOut reports whether a relay carries this room no more. r.mu is held.
func (r *Room) isPutOut(id peer.ID, now time.Time) bool {
	o, is := r.outs[id]
	return is && !now.After(o.until())
}

// carriesNoMore reports whether a device is such a relay's. r.mu is held.
func (r *Room) carriesNoMore(device doc.PublicKey, now time.Time) bool {
	id, err := peerOf(device)
	return err == nil && r.isPutOut(id, now)
}

// inRoom reports whether somebody is in the room, or was a moment ago: who has left a relay is named by none until the next
// one names them. A device that is here under one name is not under another. r.mu is held.
func (r *Room) inRoom(who doc.Author, now time.Time) bool {
	if r.n.people.Blocks(who.Person) || r.state.IsRemoved(who.Person) {
		return false
	}
	if r.host.door.wasInside(who.Person, now) || who == r.n.author() {
		return true
	}
	for _, c := range r.feeds.children {
		if c.author.Device == who.Device && (!c.warm || c.author != who) {
			return c.author == who
		}
	}
	if g := r.feeds.below.guests[who.Device]; g != nil {
		return g.author() == who
	}
	return r.askedToCarry(who.Device)
}

// accusedAt is what is said of a relay so far. r.mu is held.
func (r *Room) accusedAt(id peer.ID, device doc.PublicKey, now time.Time) *accused {
	a := r.host.accused[id]
	if a == nil || now.Sub(a.last) > accusedFor {
		r.forgetAccused(now)
		a = &accused{device: device, name: r.relayName(device), by: make(map[doc.PublicKey]time.Time)}
		r.host.accused[id] = a
	}
	return a
}

// forgetAccused makes room for one more. r.mu is held.
func (r *Room) forgetAccused(now time.Time) {
	list := r.host.accused
	maps.DeleteFunc(list, func(_ peer.ID, a *accused) bool { return now.Sub(a.last) > accusedFor })
	if len(list) < accusedMost {
		return
	}
	var oldest peer.ID
	for id, a := range list {
		if oldest == "" || a.last.Before(list[oldest].last) {
			oldest = id
		}
	}
	delete(list, oldest)
}

// relayName is what a relay of ours calls itself. r.mu is held.
func (r *Room) relayName(device doc.PublicKey) string {
	for _, c := range r.feeds.children {
		if c.author.Device == device {
			return c.name
		}
		for _, b := range c.tally.branches.List {
			if b.Device == device {
				return b.Name
			}
		}
	}
	return "Relay " + device.Short()
}

// accusedViews are the relays that listeners left for what they passed on, the latest first. r.mu is held.
func (r *Room) accusedViews(now time.Time) (list []AccusedView) {
	for id, a := range r.host.accused {
		if now.Sub(a.last) <= accusedFor {
			list = append(list, a.view(r.isPutOut(id, now)))
		}
	}
	slices.SortFunc(list, func(a, b AccusedView) int {
		if a.Last != b.Last {
			return int(b.Last - a.Last)
		}
		return slices.Compare(a.Device[:], b.Device[:])
	})
	return list
}
