package relay

import (
	"fmt"
	"slices"
	"time"

	"salon/ledger/doc"
)

// A PutOut tells everybody that a relay carries the room no more for what it passed on, by the words of several people. Each
// checks these, whoever brings it: so nobody who leads the room, or is on the way, puts a relay out on their own.
type PutOut struct {
	Peer  []byte     `cbor:"1,keyasint"`
	Words []Evidence `cbor:"2,keyasint"` // at most MaxWords, each against Peer and of another person
}

// kindPutOut is apart from those of control.go and tally.go, so that both can grow.
const kindPutOut byte = 0x61

// MaxWords is how many words a PutOut has at most.
const MaxWords = 4

// Open checks a PutOut, whose words may be as old as within, and returns who says so: at least as many as people. key is as in
// Evidence.Open.
func (o PutOut) Open(room [16]byte, key Keys, people int, within time.Duration, now time.Time) (by []doc.Author, err error) {
	if len(o.Peer) == 0 || len(o.Words) < people || len(o.Words) > MaxWords {
		return nil, fmt.Errorf("%w: %d words", ErrEvidence, len(o.Words))
	}
	for _, e := range o.Words {
		if Peer(e.Against) != Peer(o.Peer) {
			return nil, fmt.Errorf("%w: against another", ErrEvidence)
		}
		p, err := e.open(room, key, within, now)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(by, func(a doc.Author) bool { return a.Person == p.By.Person }) {
			return nil, fmt.Errorf("%w: two words of one person", ErrEvidence)
		}
		by = append(by, p.By)
	}
	return by, nil
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
