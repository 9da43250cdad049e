package rtc

// Why a packet or frame went no further; keys of Stats.Dropped.
const (
	dropLate      = "late"           // came after its place had been given up
	dropDuplicate = "duplicate"      // came before
	dropMalformed = "malformed_opus" // is no Opus packet
	dropLong      = "long_frame"     // an Opus frame of 40 or 60 ms, which cannot be cut without decoding; we ask for 20
	dropBroken    = "broken_frame"   // part of 20 ms whose rest was lost
	dropUnsealed  = "unsealed"       // SRTP takes no more packets by this key
)

const (
	// reorderWindow is how many later packets a missing one is waited for: 40 ms, the shortest buffer on a stage.
	// On loopback hardly anything is reordered; but the signer downstream needs frames in order.
	reorderWindow = 2
	// maxDisorder is how far a sequence number may stray before it means that the sender started anew.
	maxDisorder = 1000
	// maxGap is the longest time, in samples, that is taken for DTX; longer ones are pauses. (Opus says something at
	// least every 400 ms of DTX.)
	maxGap = 500 * samplesPerMS
)

// A timeline turns one sender's RTP into frames of 20 ms with numbers that count its time, in order, from 0:
//
//   - a lost packet leaves a gap in the numbers;
//   - time passed without a packet lost is DTX, and is filled with empty packets;
//   - over half a second of it is a pause, and is cut out, as is a timestamp that goes backwards: the count just goes on;
//   - shorter packets are put together, longer ones taken apart.
//
// It reads no clock. Its two callbacks must not keep what they are given.
type timeline struct {
	emit func(number uint64, payload []byte)
	drop func(name string)

	started bool
	next    uint16 // sequence number awaited
	held    []heldPacket
	spare   [][]byte // buffers of packets no longer held

	timed   bool
	ts      uint32 // timestamp awaited
	pos     uint64 // samples since the first packet, pauses left out; where the awaited packet begins
	missing int    // packets lost since the last that was placed
	length  int    // samples of the last packet
	toc     byte   // of the last packet

	opus    opusPacket
	half    [][]byte // parts of an unfinished frame, in partial
	halfTOC byte
	partial []byte
	out     []byte
}

type heldPacket struct {
	seq     uint16
	ts      uint32
	payload []byte
}

func newTimeline(emit func(uint64, []byte), drop func(string)) *timeline {
	return &timeline{
		emit: emit, drop: drop,
		held:    make([]heldPacket, 0, reorderWindow+1),
		half:    make([][]byte, 0, maxParts),
		partial: make([]byte, 0, 4096), // never grows, so that half may point into it
	}
}

// push takes a packet as it arrived.
func (t *timeline) push(seq uint16, ts uint32, payload []byte) {
	ahead := int(int16(seq - t.next))
	switch {
	case !t.started:
		t.started, t.next = true, seq
	case ahead > maxDisorder || ahead <= -maxDisorder:
		t.giveUp()
		t.breakOff()
		t.align()
		t.next, t.timed = seq, false
	case ahead < 0:
		t.drop(dropLate)
		return
	case ahead > 0:
		t.hold(seq, ts, payload)
		return
	}
	t.next++
	t.take(ts, payload)
	t.release()
}

// hold keeps a packet that came before its turn.
func (t *timeline) hold(seq uint16, ts uint32, payload []byte) {
	at := len(t.held)
	for i, h := range t.held {
		if h.seq == seq {
			t.drop(dropDuplicate)
			return
		}
		if int16(seq-h.seq) < 0 {
			at = i
			break
		}
	}
	var b []byte
	if n := len(t.spare); n > 0 {
		b, t.spare = t.spare[n-1], t.spare[:n-1]
	}
	t.held = append(t.held, heldPacket{})
	copy(t.held[at+1:], t.held[at:])
	t.held[at] = heldPacket{seq, ts, append(b[:0], payload...)}
	if len(t.held) > reorderWindow {
		t.skip()
		t.release()
	}
}

// skip gives up what is missing before the first held packet.
func (t *timeline) skip() {
	t.missing += int(t.held[0].seq - t.next)
	t.next = t.held[0].seq
}

// release takes the held packets whose turn has come.
func (t *timeline) release() {
	for len(t.held) > 0 && t.held[0].seq == t.next {
		h := t.held[0]
		copy(t.held, t.held[1:])
		t.held = t.held[:len(t.held)-1]
		t.next++
		t.take(h.ts, h.payload)
		t.spare = append(t.spare, h.payload)
	}
}

// giveUp takes all held packets, whatever is missing between them.
func (t *timeline) giveUp() {
	for len(t.held) > 0 {
		t.skip()
		t.release()
	}
}

// take places the next packet in time.
func (t *timeline) take(ts uint32, payload []byte) {
	if len(payload) == 0 {
		return // only padding
	}
	o := &t.opus
	if !o.parse(payload) {
		t.missing++
		t.drop(dropMalformed)
		return
	}
	if t.timed {
		t.pass(int(int32(ts - t.ts)))
	}
	t.timed = true
	t.ts = ts + uint32(o.samples())
	t.length, t.toc, t.missing = o.samples(), o.toc, 0
	if o.each > frameSamples {
		t.breakOff()
		t.align()
		t.pos += uint64(o.samples())
		t.drop(dropLong)
		return
	}
	if o.n == 1 && o.each == frameSamples || o.samples() == frameSamples && t.pos%frameSamples == 0 {
		t.breakOff()
		t.align()
		t.put(o.packet)
		return
	}
	for _, p := range o.parts[:o.n] {
		t.add(p)
	}
}

// pass accounts for the samples between where the last packet ended and where the next begins.
func (t *timeline) pass(gap int) {
	lost := t.missing * t.length
	if gap-lost > maxGap || gap <= -t.length {
		gap = lost // the rest was a pause, or another clock
		t.breakOff()
		t.align()
	}
	// Some senders stamp packets by a clock that is a little off. What is under half a part is no gap.
	part := min(t.opus.each, frameSamples)
	gap = (gap + part/2) / part * part
	if gap <= 0 {
		return
	}
	t.breakOff()
	// Which of the missing time was lost and which was never sent cannot be known: we say that what was lost came last.
	for silent := gap - lost; silent >= frameSamples && t.pos%frameSamples == 0; silent -= frameSamples {
		gap -= frameSamples
		t.put([]byte{opusGap(t.toc)})
	}
	t.pos += uint64(gap)
}

// add puts one short part into the frame where it belongs.
func (t *timeline) add(part []byte) {
	o := &t.opus
	left := frameSamples - int(t.pos%frameSamples)
	switch {
	case len(t.half) > 0 && t.halfTOC != o.toc, left%o.each != 0:
		t.breakOff() // the sender changed its ways in the middle of a frame
		t.align()
	case len(t.half) == 0 && left != frameSamples:
		t.pos += uint64(o.each) // the frame's beginning was lost
		t.drop(dropBroken)
		return
	}
	if len(t.partial)+len(part) > cap(t.partial) {
		t.breakOff()
		t.align()
		return
	}
	t.halfTOC = o.toc
	begin := len(t.partial)
	t.partial = append(t.partial, part...)
	t.half = append(t.half, t.partial[begin:])
	if next := t.pos + uint64(o.each); next%frameSamples != 0 {
		t.pos = next
		return
	}
	t.out = appendOpus(t.out[:0], o.toc, t.half)
	t.half, t.partial = t.half[:0], t.partial[:0]
	t.pos -= t.pos % frameSamples
	t.put(t.out)
}

// put emits the frame at pos, which is a frame's beginning.
func (t *timeline) put(packet []byte) {
	if len(packet) > maxPayload {
		t.drop(dropMalformed)
	} else {
		t.emit(t.pos/frameSamples, packet)
	}
	t.pos += frameSamples
}

// breakOff gives up an unfinished frame.
func (t *timeline) breakOff() {
	if len(t.half) > 0 {
		t.half, t.partial = t.half[:0], t.partial[:0]
		t.drop(dropBroken)
	}
}

// align moves on to the beginning of a frame.
func (t *timeline) align() {
	if r := t.pos % frameSamples; r != 0 {
		t.pos += frameSamples - r
	}
}
