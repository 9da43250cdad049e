package relay

import (
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// A PutOut tells everybody that a relay carries the room no more for what it passed on, by the words of several people. Each
// checks these, whoever brings it: so nobody who leads the room, or is on the way, puts a relay out on their own. But keys cost
// nothing, and only who leads the room knows who is in it: they vouch for those whose words these are.
type PutOut struct {
	Peer  []byte     `cbor:"1,keyasint"`
	Words []Evidence `cbor:"2,keyasint"` // at most MaxWords, each against Peer and of another person
	Vouch []byte     `cbor:"3,keyasint"` // of who leads the room; see Vouched
}

// A vouch is what they sign.
type vouch struct {
	Room  [16]byte `cbor:"1,keyasint"`
	Peer  []byte   `cbor:"2,keyasint"`
	Words [16]byte `cbor:"3,keyasint"` // SHA-256 of the CBOR of the PutOut's, truncated
}

const (
	kindVouch = "putout"
	maxVouch  = maxWord
)

// Vouched is a PutOut with the word of who leads a room that those who speak are in it.
func (o PutOut) Vouched(id *doc.Identity, room [16]byte) (PutOut, error) {
	v, err := o.vouch(room)
	if err != nil {
		return o, err
	}
	o.Vouch, err = id.Sign(kindVouch, v)
	return o, err
}

func (o PutOut) vouch(room [16]byte) (vouch, error) {
	words, err := doc.Marshal(o.Words)
	return vouch{room, o.Peer, digestPacket(words)}, err
}

// kindPutOut is apart from those of control.go and tally.go, so that both can grow.
const kindPutOut byte = 0x61

// MaxWords is how many words a PutOut has at most.
const MaxWords = 4

// OutMost is the longest that a relay is out.
const OutMost = time.Hour

// OutFor is for how long a relay is out by the words of so many people, 0 if it is not.
//
// Two are few enough that a relay which deceives those whom it feeds is out within a second; but two may conspire, and nobody can
// tell. So two are believed for a few minutes, and only as many as a PutOut holds for as long as it may last. A relay that deceives
// all whom it feeds has all of their words at once; those who conspire must be as many, and each is heard once: see accused in node.
func OutFor(people int) time.Duration {
	switch {
	case people < 2:
		return 0
	case people == 2:
		return 5 * time.Minute
	case people < MaxWords:
		return 20 * time.Minute
	}
	return OutMost
}

// Open checks a PutOut, whose words may be as old as OutMost, and returns them, two at least, and who vouches for those who said
// them. Whether they lead the room is for the caller to find out. key is as in Evidence.Open.
func (o PutOut) Open(room [16]byte, key Keys, now time.Time) (words []Proof, by doc.Author, err error) {
	if len(o.Peer) == 0 || OutFor(len(o.Words)) == 0 || len(o.Words) > MaxWords || len(o.Vouch) > maxVouch {
		return nil, by, fmt.Errorf("%w: %d words, and %d bytes that vouch for them", ErrEvidence, len(o.Words), len(o.Vouch))
	}
	want, err := o.vouch(room)
	if err != nil {
		return nil, by, err
	}
	var v vouch
	if by, err = doc.Open(kindVouch, o.Vouch, now, &v); err != nil {
		return nil, by, err
	}
	if v.Room != want.Room || Peer(v.Peer) != Peer(want.Peer) || v.Words != want.Words {
		return nil, by, fmt.Errorf("%w: vouched for others", ErrEvidence)
	}
	for _, e := range o.Words {
		if Peer(e.Against) != Peer(o.Peer) {
			return nil, by, fmt.Errorf("%w: against another", ErrEvidence)
		}
		p, err := e.open(room, key, OutMost, now)
		if err != nil {
			return nil, by, err
		}
		if p.At.After(now) {
			p.At = now
		}
		if slices.ContainsFunc(words, func(q Proof) bool { return q.By.Person == p.By.Person || q.By.Device == p.By.Device }) {
			return nil, by, fmt.Errorf("%w: two words of one person", ErrEvidence)
		}
		words = append(words, p)
	}
	return words, by, nil
}

// Author is who says so, by their own account: Open checks it.
func (e Evidence) Author() doc.Author {
	var w word
	by, _ := doc.Peek(e.Word, &w)
	return by
}

// Shun leaves a peer, and keeps it away for as long.
func (p *Place) Shun(id Peer, as time.Duration, now time.Time) {
	if id == p.source || id == p.opt.Self {
		return
	}
	p.ban(id, now)
	b := p.bans[id]
	b.until = latest(b.until, now.Add(as))
	p.bans[id] = b
	if u := p.upper(id); u != nil {
		p.drop(u, "out", now)
	}
}
