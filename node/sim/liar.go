package sim

import (
	"errors"
	"slices"
	"time"

	"salon/relay"
)

// A Lie is what a bad relay does to the sound that it passes on.
type Lie string

// Lies are all of them.
var Lies = []Lie{"flip", "forge", "replay", "reorder", "truncate", "delay", "splice", "strip", "jump"}

// ErrLie means that there is no such lie.
var ErrLie = errors.New("sim: no such lie")

// Doc says in words what a lie is.
func (l Lie) Doc() string {
	return map[Lie]string{
		"flip":     "one bit of a frame",
		"forge":    "frames of its own, with auths that it signed itself",
		"replay":   "old sound under new numbers",
		"reorder":  "packets held back and sent in another order",
		"truncate": "frames without their end",
		"delay":    "everything a second late",
		"splice":   "frames and auths of another room",
		"strip":    "frames without their auths",
		"jump":     "frames with numbers far ahead",
	}[l]
}

// A liar alters what a peer sends to its children, from a moment on.
type liar struct {
	p     *peer
	lie   Lie
	from  ms
	share float64 // of the packets that it alters
	held  []*relay.Packet
	old   []relay.Frame
	own   *relay.Signer
}

func (p *peer) lies(lie Lie, from ms, share float64) {
	kid := p.w.src.sender.KID()
	p.lie = &liar{p: p, lie: lie, from: from, share: share, own: relay.NewSigner(p.w.src.state.Charter.Room, relay.Program, kid, p.w.liarKey)}
}

// send alters a packet that holds sound, and reports whether it dealt with it.
func (l *liar) send(q *peer, pkt *relay.Packet) bool {
	p, w := l.p, l.p.w
	if w.now < l.from || len(pkt.Frames)+len(pkt.Auths) == 0 || p.place.Parent() == q.id {
		return false
	}
	for i := range pkt.Frames {
		if len(l.old) < 200 {
			l.old = append(l.old, *cloneFrame(&pkt.Frames[i]))
		}
	}
	if !w.chance(l.share) {
		return false
	}
	bad := &relay.Packet{Resends: pkt.Resends, Beacons: pkt.Beacons}
	for i := range pkt.Frames {
		bad.Frames = append(bad.Frames, *cloneFrame(&pkt.Frames[i]))
	}
	for i := range pkt.Auths {
		bad.Auths = append(bad.Auths, *pkt.Auths[i].Clone())
	}
	var delay ms
	switch l.lie {
	case "flip":
		for i := range bad.Frames {
			s := bad.Frames[i].Sealed
			s[w.rng.IntN(len(s))] ^= 1 << w.rng.IntN(8)
		}
	case "forge":
		bad.Auths = nil
		for i := range bad.Frames {
			f := &bad.Frames[i]
			for j := range f.Sealed {
				f.Sealed[j] = byte(w.rng.Uint32())
			}
			if a, ok := l.own.Add(*f, w.time()); ok {
				bad.Auths = append(bad.Auths, *a)
			}
		}
	case "replay":
		for i := range bad.Frames {
			bad.Frames[i].Sealed = slices.Clone(l.old[w.rng.IntN(len(l.old))].Sealed)
		}
	case "reorder":
		l.held = append(l.held, bad)
		if len(l.held) < 4 {
			return true
		}
		w.rng.Shuffle(len(l.held), func(i, j int) { l.held[i], l.held[j] = l.held[j], l.held[i] })
		for _, pkt := range l.held {
			w.fly(p, q, pkt, 0)
		}
		l.held = nil
		return true
	case "truncate":
		for i := range bad.Frames {
			s := bad.Frames[i].Sealed
			bad.Frames[i].Sealed = s[:1+w.rng.IntN(len(s))/2]
		}
	case "delay":
		delay = ms(time.Second / time.Millisecond)
	case "splice":
		for i := range bad.Frames {
			f, a := w.other.frame(w.time())
			bad.Frames[i].Sealed = f.Sealed
			if a != nil {
				bad.Auths = append(bad.Auths[:0], *a)
			}
		}
	case "strip":
		bad.Auths = nil
	case "jump":
		for i := range bad.Frames {
			bad.Frames[i].Number += 1 << 20
		}
	}
	if !bad.Empty() {
		w.fly(p, q, bad, delay)
	}
	return true
}

func cloneFrame(f *relay.Frame) *relay.Frame {
	c := *f
	c.Sealed = slices.Clone(f.Sealed)
	return &c
}
