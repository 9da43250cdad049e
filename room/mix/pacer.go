package mix

import "time"

// paceSlew is how much the delay of a Pacer may change per frame: a player behind it takes that for drift.
const paceSlew = time.Millisecond

// A Pacer lets packets through in order, each when it is due, without decoding them: for a player that decodes by
// itself, as a browser does, and only needs the waiting done for it. It follows the clock of the stream; what is lost
// is left out, and shows as a gap in the numbers.
type Pacer struct {
	buf  *Buffer
	wait time.Duration // follows the buffer's target
}

// NewPacer returns an empty pacer.
func NewPacer(o Options) *Pacer {
	b := NewBuffer(o)
	return &Pacer{buf: b, wait: b.Target()}
}

// Push takes a copy of a packet that came at the given time.
func (p *Pacer) Push(number uint64, packet []byte, at time.Time) { p.buf.Push(number, packet, at) }

// Next returns the first packet that is due, valid until the next call; false if there is none. It is to be called
// until it says so, at least every 20 ms.
func (p *Pacer) Next(now time.Time) (number uint64, packet []byte, ok bool) {
	b := p.buf
	number, ok = b.oldest(b.next)
	if !ok {
		// A stream that has not been heard of for a while starts anew: its numbers may stand elsewhere in time.
		if b.playing && b.delay(b.next, now) > p.wait+dryFrames*FrameDuration {
			b.playing = false
		}
		return 0, nil, false
	}
	if b.delay(number, now) < p.wait {
		return 0, nil, false
	}
	if !b.playing {
		b.playing, p.wait = true, b.target()
		b.next = number
	}
	p.wait += min(max(b.target()-p.wait, -paceSlew), paceSlew)
	for b.delay(number, now) > b.opts.Max+catchUp && b.count > 1 {
		b.remove(number)
		b.counts.Dropped++
		number, _ = b.oldest(number + 1)
	}
	b.counts.Concealed += number - b.next
	b.next = number
	packet = b.take()
	b.counts.Played++
	return number, packet, true
}

// Counts returns what has happened so far; Concealed are those that were left out.
func (p *Pacer) Counts() Counts { return p.buf.counts }

// Delay is how long after the fastest packets one is let through.
func (p *Pacer) Delay() time.Duration { return p.wait }
