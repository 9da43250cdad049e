package sim

import "salon/room/mix"

// playing is what a peer's person hears of what came out of its verifier: the buffer of a listener's node, and what that left out.
// The zero playing plays nothing yet.
type playing struct {
	pacer     *mix.Pacer
	next      uint64 // number that is to be played next; 0 before the first
	played    uint64
	concealed uint64

	fedByDead bool   // the last killing took its parent
	before    uint64 // of concealed, at that time
	came      uint64 // the highest number that came, verified or not
	cameAt    ms
	pause     ms // the longest, since then, in which nothing came
}

// opusFrame is a packet that a buffer takes for one of 20 ms.
var opusFrame = []byte{0xfc, 0}

// take puts a frame into the buffer, as node/audience.go does.
func (p *peer) take(number uint64) {
	if !p.w.o.Play {
		return
	}
	if p.pacer == nil {
		p.pacer = mix.NewPacer(mix.Audience())
	}
	p.pacer.Push(number, opusFrame, p.w.time())
}

// arrived notes when what is new came.
func (p *peer) arrived(number uint64) {
	if number <= p.came {
		return
	}
	if p.fedByDead && p.w.now < p.w.end() {
		p.pause = max(p.pause, p.w.now-p.cameAt)
	}
	p.came, p.cameAt = number, p.w.now
}

// play plays what is due. What is missing before it was concealed: by nothing, for as long as nothing at all came.
func (p *peer) play() {
	if p.pacer == nil {
		return
	}
	for {
		number, _, ok := p.pacer.Next(p.w.time())
		if !ok {
			return
		}
		if p.playing.next != 0 && number > p.playing.next {
			p.concealed += number - p.playing.next
		}
		p.playing.next = number + 1
		p.played++
	}
}

// orphaned notes whom the dead fed, before they are gone.
func (w *world) orphaned(dead []*peer) {
	gone := make(map[*peer]bool, len(dead))
	for _, p := range dead {
		gone[p] = true
	}
	for _, p := range w.alive {
		q := w.find(p.place.Parent())
		p.fedByDead, p.before, p.pause = q != nil && gone[q], p.concealed, 0
	}
}
